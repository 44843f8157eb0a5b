"""A run on disk: what its files are called, what was done, what it cost, and what is being done now."""
