"""Mined negatives in the layouts that other trainers read: one table of forms, written block by block."""

from hardneg.exports.forms import FORMS
from hardneg.exports.write import Exported, Wish, table_of, write

__all__ = ["FORMS", "Exported", "Wish", "table_of", "write"]
