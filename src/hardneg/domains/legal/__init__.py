"""Law: datasets from statutes and contracts, section by section."""
