"""From a dataset to the best model: what is known before, a race of strategies, the winner trained on all, a test."""
