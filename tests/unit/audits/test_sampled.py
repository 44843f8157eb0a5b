import csv
import json
from collections import Counter
from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest

from hardneg.audits.intervals import wilson
from hardneg.audits.sampled import draw, judge, read_sample, write_sample
from hardneg.audits.verdict_files import read_verdict_file
from hardneg.data.dataset import Dataset
from hardneg.errors import DatasetError
from labelled_toy import labelled_toy


def _negatives(n=60):
    pairs = [(q, d) for q in range(6) for d in range(20, 30)][:n]
    return pl.DataFrame(pairs, schema={"query": pl.Int32, "document": pl.Int32}, orient="row")


def test_the_draw_depends_on_ids_and_seed_alone():
    dataset, negatives = labelled_toy(), _negatives()
    sample = draw(negatives, dataset, 12, seed=1)
    assert sample.height == sample.unique().height == 12
    assert draw(negatives.reverse(), dataset, 12, seed=1).equals(sample)
    assert draw(negatives, dataset, 20, seed=1).head(12).equals(sample)
    assert not draw(negatives, dataset, 12, seed=2).equals(sample)
    assert draw(negatives, dataset, 1_000, seed=1).height == 60


def test_every_negative_is_as_likely_to_be_drawn():
    dataset, negatives = labelled_toy(), _negatives(30)
    seen = Counter(pair for seed in range(400) for pair in draw(negatives, dataset, 6, seed=seed).iter_rows())
    assert len(seen) == 30
    assert all(abs(count / 400 - 0.2) < 0.08 for count in seen.values())


@pytest.mark.parametrize("name", ["sample.csv", "sample.jsonl"])
def test_what_is_written_is_read_back_when_filled_in(tmp_path, name):
    toy = labelled_toy()
    texts = [f'line one,\n"quoted" of {i}' for i in range(50)]
    dataset = Dataset(toy.queries, toy.documents.with_columns(text=pl.Series(texts)), toy.qrels)
    sample = draw(_negatives(), dataset, 10, seed=0)
    path = write_sample(sample, dataset, tmp_path / name)
    if name.endswith("csv"):
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
    else:
        rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["query_id"] for row in rows] == [f"q{q}" for q in sample["query"]]
    assert rows[0]["document"] == texts[sample["document"][0]]
    assert texts[int(sample["query"][0])] in rows[0]["positives"]
    for row, answer in zip(rows, ["yes", "No", "1", "0", "TRUE", "n", "no", " ", "no", "no"], strict=True):
        row["answer"] = answer
    with path.open("w", newline="") as file:
        if name.endswith("csv"):
            table = csv.DictWriter(file, list(rows[0]))
            table.writeheader()
            table.writerows(rows)
        else:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    judged = read_sample(path, dataset)
    assert judged.contamination == wilson(3, 9)
    assert judged.unjudged == 1
    assert judged.judge == name


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("query_id,doc_id,answer\nq0,d20,yes\nq0,d21,perhaps\n", ":3: answer 'perhaps' is neither yes nor no"),
        ("query_id,doc_id,answer\nq0,d20,yes\nq0,d20,no\n", ":3: the pair stands on line 2 too"),
        ("query_id,doc_id,answer\nq0,d20,yes\nq77,d20,no\n", ":3: query_id 'q77' is not in toy"),
        ("query_id,doc_id,answer\nq0,d99,no\n", ":2: doc_id 'd99' is not in toy"),
        ("query_id,doc_id\nq0,d20\n", ":2: 'answer' is missing"),
        ("query_id,doc_id,answer\nq0,d20\n", ":2: 2 fields where the header has 3"),
        ('query_id,doc_id,answer\n"q0"x,d20,no\n', ":2: broken CSV"),
        ("query_id,doc_id,answer\nq0,d20,\n", ": no answer is filled in"),
        ("", ": no answer is filled in"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path, text, problem):
    path = tmp_path / "sample.csv"
    path.write_text(text)
    with pytest.raises(DatasetError) as error:
        read_sample(path, labelled_toy())
    assert f"sample.csv{problem}" in str(error.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"query_id": "q0", "doc_id": "d1", "answer": "no"}\n{"query_id": \n', ":2: broken JSON"),
        ('\n{"query_id": "q0", "answer": "no"}\n', ":2: 'doc_id' is missing"),
        ('{"query_id": "q0", "doc_id": "d1", "answer": "maybe"}\n', ":1: answer 'maybe'"),
    ],
)
def test_what_is_wrong_in_json_lines_too(tmp_path, text, problem):
    path = tmp_path / "sample.jsonl"
    path.write_text(text)
    with pytest.raises(DatasetError) as error:
        read_sample(path, labelled_toy())
    assert f"sample.jsonl{problem}" in str(error.value)


def test_files_of_other_kinds_and_bytes_are_refused(tmp_path):
    with pytest.raises(DatasetError, match=r"a \.csv or a \.jsonl"):
        write_sample(_negatives(), labelled_toy(), tmp_path / "sample.txt")
    with pytest.raises(DatasetError, match="cannot be read"):
        read_sample(tmp_path / "absent.csv", labelled_toy())
    (tmp_path / "latin.csv").write_bytes(b"query_id,doc_id,answer\nq0,d20,\xe9\n")
    with pytest.raises(DatasetError, match=r"latin.csv:2: not UTF-8"):
        read_sample(tmp_path / "latin.csv", labelled_toy())


def test_a_scorer_judges_by_its_threshold():
    @dataclass(frozen=True)
    class Number:
        name: str = "number"

        def score(self, dataset, query, document):
            return document.astype(np.float32)

    judged = judge(_negatives(10), labelled_toy(), Number(), threshold=27.0)
    assert judged.contamination == wilson(3, 10)
    assert judged.as_dict()["judge"] == "number"


@pytest.mark.parametrize("separator", [";", "\t", ","])
def test_verdicts_that_a_spreadsheet_saved_are_read(tmp_path, separator):
    dataset = labelled_toy()
    rows = [("Query_ID", "doc id", "note", "Answer"), ("q0", "d20", "a", "yes"), ("q0", "d21", "", "no")]
    rows += [("q1", "d22", "", "")]
    path = tmp_path / "sample.csv"
    path.write_text("\r\n".join(separator.join(row) for row in rows) + "\r\n", encoding="utf-8-sig", newline="")
    found = read_verdict_file(path, dataset).select("query", "document", "answer").rows()
    named = [
        (dataset.queries["id"][query], dataset.documents["id"][document], answer) for query, document, answer in found
    ]
    assert named == [("q0", "d20", True), ("q0", "d21", False), ("q1", "d22", None)]
