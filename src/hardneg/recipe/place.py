"""Places stand in `hardneg.place` now; the names stay here for what imports them."""

from hardneg.place import Place, nearest

__all__ = ["Place", "nearest"]
