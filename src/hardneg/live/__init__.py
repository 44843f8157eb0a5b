"""A long command seen from outside: what it is doing, in a file of its run, and as lines of a log."""
