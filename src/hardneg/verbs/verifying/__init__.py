"""What can be checked of a run from its files alone."""
