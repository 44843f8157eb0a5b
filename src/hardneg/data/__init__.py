"""Datasets: what they are, how they are read, built and checked."""
