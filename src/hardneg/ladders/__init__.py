"""A ladder of training strategies on one dataset: planned, climbed rung by rung, and compared."""
