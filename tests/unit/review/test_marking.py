import pytest

from hardneg.review.marking import marked, query_terms


@pytest.mark.parametrize(
    ("query", "text", "words"),
    [
        ("sorting a list", "It sorts a List, sorted.", ["sorts", "List", "sorted"]),
        ("parse http reply", "def parseHTTPReply(x):", ["parseHTTPReply"]),
        ("is it in the", "it is in the box", []),
        ("<b>bold</b>", "a <b>bold</b> & brave", ["b", "bold", "b"]),
        ("", "anything", []),
    ],
)
def test_words_are_marked_whatever_their_ending_and_case(query, text, words):
    pieces = marked(text, query_terms(query))
    assert [piece.text for piece in pieces if piece.marked] == words
    assert "".join(piece.text for piece in pieces) == text
