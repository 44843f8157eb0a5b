import re

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardneg.errors import RecipeError
from hardneg.search.analyzers import ANALYZERS, analyzer, identifier_parts
from hardneg.search.bm25 import BM25Index


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


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Rule 10.2.1(3)(a)", ["rule", "10.2.1(3)(a)", "10.2.1(3)", "10.2.1", "10.2"]),
        ("section 2.3.1.", ["section", "2.3.1", "2.3"]),
        ("§ 12(b)", ["12(b)", "12"]),
        ("§ 12", ["12"]),
        ("An Authorised Person", ["authoris", "person", "authoris person"]),
        ("the Fund Managers", ["fund", "manag", "fund manag"]),
        ("Conduct of Business Rulebook", ["conduct", "busi", "rulebook", "conduct of busi rulebook"]),
        ("Where the Regulator acts", ["where", "regul", "act"]),
        ("paid by 5 May", ["paid", "5", "may"]),
    ],
)
def test_legal_keeps_section_numbers_and_defined_terms(text, terms):
    legal = ANALYZERS["legal"]
    words = pl.Series([text]).str.extract_all(legal.pattern)[0].to_list()
    assert [term for of_word in legal.terms(words) for term in of_word] == terms


@given(st.text(st.sampled_from("ABab §()'.-\n12 ofthe") | st.characters(), max_size=40))
def test_words_are_the_same_in_python_and_rust(text):
    pattern = ANALYZERS["legal"].pattern
    ascii_text = text.encode("ascii", "ignore").decode()
    assert pl.Series([ascii_text]).str.extract_all(pattern)[0].to_list() == re.findall(pattern, ascii_text)


def test_legal_finds_the_rule_by_the_number_that_encloses_a_paragraph():
    documents = [
        "Rule 10.2.1(3) applies to a branch.",
        "Rule 10.2.7 applies to a branch.",
        "Rule 1.2.10 applies to a branch.",
    ]
    found, score = BM25Index.build(pl.Series(documents), ANALYZERS["legal"]).search(["what does Rule 10.2.1 say?"], 3)
    assert found[0, 0] == 0
    assert score[0, 0] > score[0, 1]
