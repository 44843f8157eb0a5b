"""Hidden positives: what of them mining finds again, and filters that are fitted on that."""
