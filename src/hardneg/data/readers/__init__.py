"""Layouts in which datasets are published, a module for each family."""
