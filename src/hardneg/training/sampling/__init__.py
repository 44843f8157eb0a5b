"""What a batch holds: positives and the negatives served with them."""
