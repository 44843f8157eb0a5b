"""Cutting texts by their structure."""

from hypothesis import given
from hypothesis import strategies as st

from hardneg.domains.legal.sections import PREAMBLE, pieces, split_sections

ACT = """An Act to regulate funds.

PART 1 GENERAL
CHAPTER 2 Scope
1. Application
(1) This Act applies to a Fund Manager
12 days after it is published.
1.1 Place
In the market.
§ 12(b) Duty of care.
Article 5
It ends here.
PART 2
What stands below a part belongs to it.
"""


def test_headings_begin_sections_that_know_what_encloses_them():
    assert [(section.number, section.path[-1]) for section in split_sections(ACT)] == [
        (PREAMBLE, PREAMBLE),
        ("1", "Part 1.Chapter 2.1"),
        ("1.1", "Part 1.Chapter 2.1.1"),
        ("12", "Part 1.Chapter 2.12"),
        ("5", "Part 1.Chapter 2.5"),
        ("Part 2", "Part 2"),
    ]


def test_lists_and_numbers_in_a_sentence_begin_no_section():
    (section,) = [section for section in split_sections(ACT) if section.number == "1"]
    assert section.text.endswith("12 days after it is published.")


def test_a_text_without_headings_is_one_section():
    (section,) = split_sections("Just a text.")
    assert (section.number, section.text) == (PREAMBLE, "Just a text.")
    assert split_sections("") == []


def test_no_word_of_a_text_is_lost_but_headings_of_parts():
    words = [word for section in split_sections(ACT) for word in section.text.split()]
    assert words == ACT.replace("PART 1 GENERAL\nCHAPTER 2 Scope\n", "").split()


def test_a_piece_begins_with_the_last_sentence_of_the_one_before():
    text = "One two. Three four. Five six. Seven eight."
    assert pieces(text, max_words=6, overlap=1) == ["One two. Three four. Five six.", "Five six. Seven eight."]
    assert pieces(text, max_words=6, overlap=0) == ["One two. Three four. Five six.", "Seven eight."]


@given(st.lists(st.sampled_from(["a", "b.", "c;", "d\n"]), max_size=40), st.integers(1, 9), st.integers(0, 3))
def test_pieces_are_short_and_have_every_word_in_order(words, max_words, overlap):
    text = " ".join(words)
    found = pieces(text, max_words=max_words, overlap=overlap)
    assert all(len(piece.split()) <= max_words for piece in found)
    left = text.split()
    for piece in found:
        own = piece.split()
        new = next(n for n in range(len(own) + 1) if own[n:] == left[: len(own) - n])
        left = left[len(own) - new :]
    assert not left
