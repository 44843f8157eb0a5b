"""Components stand in `hardneg.components` now, below all that has some; the names stay here for what imports them."""

from hardneg.components import Room, Rooms, as_table, as_value, build, check_keys, pick, settable_fields, typed

__all__ = ["Room", "Rooms", "as_table", "as_value", "build", "check_keys", "pick", "settable_fields", "typed"]
