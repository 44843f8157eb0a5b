"""Law: datasets from statutes and contracts, section by section."""

from hardneg.domains.legal.sections import by_section

__all__ = ["by_section"]
