"""The stages in order: mining by blocks, training, evaluation, and the run folder that holds their results."""
