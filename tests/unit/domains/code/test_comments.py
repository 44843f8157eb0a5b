import pytest

from hardneg.domains.code.syntax_text import summary_of


@pytest.mark.parametrize(
    ("comment", "summary"),
    [
        ("/** Say it. */", "Say it."),
        ("/*\n * Say it\n * at once.\n *\n * At length.\n */", "Say it at once."),
        ("/// Say it.\n/// Say more.\n///\n/// At length.", "Say it. Say more."),
        ("// -------\n// Say it.\n// -------", "Say it."),
        ("/** @brief Say it. @see x */", "Say it. @see x"),
        ("/** Say {@link A#b it} and <b>{@code c}</b>.\n * @return d */", "Say it and c."),
        ("// eslint-disable-next-line", ""),
        ("/** @param a what */", ""),
    ],
)
def test_the_first_paragraph_is_left_without_marks_and_tags(comment, summary):
    assert summary_of(comment) == summary
