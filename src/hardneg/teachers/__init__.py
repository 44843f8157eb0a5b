"""Training a cross-encoder on the dataset's own labels and mined negatives, to judge what was mined."""
