"""Pairs that a loss must not push apart."""
