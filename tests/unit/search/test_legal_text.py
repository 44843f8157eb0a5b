"""Section numbers and defined terms."""

import pytest

from hardneg.search.legal_text import defined_terms, rule_of, section_path


@pytest.mark.parametrize(
    ("number", "path"),
    [
        ("9.5.1.(c)", ["9", "9.5", "9.5.1", "9.5.1(c)"]),
        ("145)", ["145"]),
        ("Part 3 .96.", ["Part 3", "Part 3.96"]),
        ("APP4.A4.3.7", ["APP4", "APP4.A4", "APP4.A4.3", "APP4.A4.3.7"]),
        ("2.4.Guidance.(xvi).(B)", ["2", "2.4", "2.4.Guidance", "2.4.Guidance(xvi)", "2.4.Guidance(xvi)(B)"]),
        ("  ", [""]),
    ],
)
def test_a_path_goes_from_the_widest_to_the_section(number, path):
    assert section_path(number) == path


def test_a_rule_has_no_brackets():
    assert rule_of(section_path("9.5.1.(c).(i)")) == "9.5.1"
    assert rule_of(section_path("145)")) == "145"
    assert rule_of(section_path("(a)")) == "(a)"


def test_terms_are_capitalised_words_in_a_row():
    text = (
        "Subject to Rule 3, where an Authorised Person or Credit Rating Agencies apply the Conduct of Business Rulebook"
    )
    assert defined_terms(text) == ["authorised person", "conduct of business rulebook", "credit rating agencie"]
    assert defined_terms("The Regulator. May it be.") == []
