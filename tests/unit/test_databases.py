"""What SQLite gives of a damaged file."""

from hardneg.databases import look_up


class Damaged:
    """A connection to a file in which a key is damaged: SQLite finds its row and gives the key as it is now."""

    def execute(self, _select, keys):
        return [(b"damaged", "yes"), *((key, "no") for key in keys[1:])]


def test_a_row_that_was_not_asked_for_is_not_given():
    assert list(look_up(Damaged(), "SELECT pair, answer FROM verdicts", [b"a", b"b"])) == [(b"b", "no")]
