"""Functions, methods and classes of source trees, as a dataset for code search."""
