"""Code search: datasets from repositories, and duplicates of code."""
