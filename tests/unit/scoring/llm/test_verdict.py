import pytest

from hardneg.scoring.llm.verdict import NoVerdict, Verdict, read_verdict, response_format, score_of


@pytest.mark.parametrize(
    ("text", "answer", "expected"),
    [
        ('{"reason": "a", "verdict": "yes"}', "yes_no", Verdict("yes", "a")),
        ('{"verdict": "No"}', "yes_no", Verdict("no", "")),
        ('```json\n{"verdict": "no", "reason": "b {c}"}\n```', "yes_no", Verdict("no", "b {c}")),
        ('<think>{"verdict": "yes"}? No.</think>{"verdict": "no"}', "yes_no", Verdict("no", "")),
        ('so {this} is {"verdict": "no"}, {"verdict": "no"}', "yes_no", Verdict("no", "")),
        ('{"verdict": 3, "reason": "", "confidence": 1}', "graded", Verdict("3", "")),
        ('{"verdict": 0, "reason": "r"}', "graded", Verdict("0", "r")),
    ],
)
def test_verdicts_that_are_read(text, answer, expected):
    assert read_verdict(text, answer) == expected


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("yes", "yes_no"),
        ('"yes"', "yes_no"),
        ('{"verdict": true}', "yes_no"),
        ('{"verdict": "yes no"}', "yes_no"),
        ('{"verdict": "yes", "reason": 3}', "yes_no"),
        ('{"answer": {"verdict": "yes"}}', "yes_no"),
        ('{"verdict": "yes"', "yes_no"),
        ('the document says {"verdict": "yes"}, I say {"verdict": "no"}', "yes_no"),
        ('{"verdict": 4}', "graded"),
        ('{"verdict": true}', "graded"),
        ('{"verdict": 2.0}', "graded"),
        ('{"verdict": "2"}', "graded"),
        ('{"verdict": "yes"}', "graded"),
        ("{" * 5_000, "graded"),
        ('{"a":' * 5_000, "graded"),
    ],
)
def test_verdicts_that_are_refused(text, answer):
    with pytest.raises(NoVerdict) as caught:
        read_verdict(text, answer)
    assert (caught.value.kind, caught.value.retry) == ("malformed", True)
    assert len(str(caught.value)) < 300


def test_scores_are_equally_spaced_from_0_to_1():
    assert [score_of(each, "yes_no") for each in ("no", "yes")] == [0.0, 1.0]
    assert [score_of(each, "graded") for each in "0123"] == [0.0, 1 / 3, 2 / 3, 1.0]


@pytest.mark.parametrize("answer", ["yes_no", "graded"])
def test_the_schema_is_one_that_strict_servers_take(answer):
    schema = response_format(answer)["json_schema"]["schema"]
    assert schema["required"] == list(schema["properties"]) == ["reason", "verdict"]
    assert schema["additionalProperties"] is False
