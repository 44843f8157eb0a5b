import pytest

from hardneg.errors import RecipeError
from hardneg.search.analyzers import ANALYZERS, analyzer, identifier_parts


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("parseHTTPReply2", ["parse", "HTTP", "Reply", "2"]),
        ("parse_http_reply", ["parse", "http", "reply"]),
        ("__init__", ["init"]),
        ("HTTP", ["HTTP"]),
        ("naïveGrößenTest", ["naïve", "Größen", "Test"]),
        ("utf8Decoder", ["utf", "8", "Decoder"]),
        ("___", ["___"]),
        ("word", ["word"]),
    ],
)
def test_identifiers_are_cut_where_case_digits_or_underscores_change(word, parts):
    assert identifier_parts(word) == parts


def test_english_drops_stop_words_and_stems():
    assert ANALYZERS["english"].terms(["The", "running", "dogs"]) == [[], ["run"], ["dog"]]


def test_code_gives_the_parts_and_the_whole_identifier():
    assert ANALYZERS["code"].terms(["getFiles", "x", "the"]) == [["get", "file", "getfiles"], ["x"], []]


def test_operators_are_terms_only_where_asked_for():
    import polars as pl

    text = pl.Series(["a += b"])
    assert text.str.extract_all(ANALYZERS["code"].pattern).to_list() == [["a", "b"]]
    assert text.str.extract_all(ANALYZERS["code_with_operators"].pattern).to_list() == [["a", "+=", "b"]]
    assert ANALYZERS["code_with_operators"].terms(["+="]) == [["+="]]


def test_plain_keeps_words_of_any_script():
    assert ANALYZERS["plain"].terms(["Straße", "ДОМ"]) == [["straße"], ["дом"]]


def test_snowball_languages_are_found_by_name():
    assert analyzer("german").terms(["Häuser"]) == analyzer("german").terms(["Hause"]) == [["haus"]]


def test_an_unknown_analyzer_names_the_nearest():
    with pytest.raises(RecipeError, match="did you mean 'english'"):
        analyzer("englisch")
