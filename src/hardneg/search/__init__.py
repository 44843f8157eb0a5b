"""Search: the best documents by vectors (exact) and by words (BM25). Knows nothing of labels."""
