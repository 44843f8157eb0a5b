"""Training a two-tower model with mined negatives."""
