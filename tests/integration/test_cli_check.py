"""`hardneg data check` on data that give answers away, and on data that cannot be read."""

import json

import polars as pl
import pytest

from hardneg.cli import main
from hardneg.data.dataset import Dataset
from word_list import WORDS


def text(number, length=8):
    return " ".join(WORDS[(number * 7 + at * (number % 5 + 1) + number // 16) % 16] for at in range(length))


def written(place, queries, documents, labels):
    """Write a dataset of texts; labels are (query, document, split)."""
    data = Dataset.from_tables(
        pl.DataFrame({"id": list(queries), "text": list(queries.values())}),
        documents
        if isinstance(documents, pl.DataFrame)
        else pl.DataFrame({"id": list(documents), "text": list(documents.values())}),
        pl.DataFrame(labels, schema=["query_id", "doc_id", "split"], orient="row").with_columns(relevance=pl.lit(1)),
    )
    return data.write(place)


@pytest.fixture
def findings(capsys):
    """Check a dataset; returns its findings by code."""

    def check(place):
        capsys.readouterr()
        main(["data", "check", str(place), "--json"])
        found = json.loads(capsys.readouterr().out)["findings"]
        assert main(["data", "check", str(place)]) in (0, 1)
        shown = capsys.readouterr().out
        assert all(f"{each['code']} {each['severity']}" in shown for each in found)
        return {each["code"]: each for each in found}

    return check


def test_a_query_that_stands_in_its_own_answer_is_found_through_markup_and_case(tmp_path, findings):
    code = {
        "d4": "怎样重新设置我的密码。打开设置。",
        "d0": 'def area(r):\n    """Return the area of\n    a circle."""\n    return 3.14 * r * r',
        "d1": "// Sort the list\n// in reverse order.\nlist.sort(reverse=True)",
        "d2": "x = open(path)  # a file",
        "d3": "unrelated",
    }
    queries = {
        "q0": "return the area of a circle",
        "q1": "Sort the list in reverse order",
        "q2": "open a file",
        "q3": "a list in reverse",
        "q4": "怎样重新设置我的密码",
    }
    labels = [("q0", "d0", "train"), ("q1", "d1", "train"), ("q2", "d2", "train"), ("q3", "d3", "train")]
    labels += [("q4", "d4", "train")]
    found = findings(written(tmp_path / "set", queries, code, labels))["HN024"]
    assert (found["count"], found["severity"]) == (3, "warning")
    assert found["examples"][1] == "q0 in d0: return the area of a circle"
    assert "docstring" in found["remedy"]


def test_short_queries_and_other_answers_are_no_copies(tmp_path, findings):
    queries = {"q0": "amber birch", "q1": "cedar delta ember flint", "q2": "北京大学"}
    documents = {
        "d0": "amber birch and more",
        "d3": "北京大学是中国的一所大学",
        "d1": "cedar delta ember flintstone",
        "d2": "cedar delta ember flint too",
    }
    found = findings(
        written(
            tmp_path / "set", queries, documents, [("q0", "d0", "train"), ("q1", "d1", "train"), ("q2", "d3", "train")]
        )
    )
    assert "HN024" not in found


def test_few_copies_among_many_are_good_to_know(tmp_path, findings):
    queries = {f"q{i}": f"{text(i)} {i}" for i in range(60)}
    documents = {f"d{i}": f"the answer to number {i}" for i in range(60)} | {"d0": f"so {queries['q0']} it is"}
    found = findings(written(tmp_path / "set", queries, documents, [(f"q{i}", f"d{i}", "train") for i in range(60)]))
    assert (found["HN024"]["count"], found["HN024"]["severity"]) == (1, "info")


def test_test_queries_and_answers_that_nearly_repeat_training_ones_are_found(tmp_path, findings):
    answer = " ".join(WORDS * 4)
    queries = {"a": "how do I reset my password", "b": "How do I reset my passwords?", "c": "where is the harbour"}
    queries |= {"d": "who keeps the light at sea", "e": "how do i reset my password"}
    documents = {"1": answer, "2": answer.replace("haven", "harbour", 1), "3": "in the north", "4": "the keeper does"}
    labels = [("a", "1", "train"), ("d", "4", "train"), ("b", "3", "test"), ("c", "2", "dev"), ("e", "3", "test")]
    found = findings(written(tmp_path / "set", queries, documents, labels))["HN025"]
    assert found["count"] == 2
    assert "1 of 3 queries of dev and test and 1 of 2 answers of dev and test" in found["detail"]
    assert found["examples"] == ["b ~ a: How do I reset my passwords?", f"2 ~ 1: {documents['2'][:60]}…"]
    assert "hardneg data split DATASET -o OUT --again" in found["remedy"]


def test_dealing_anew_as_the_finding_says_mends_it(tmp_path, findings):
    queries = {f"q{i}": f"{text(i // 2)} {i // 2}" + "?" * (i % 2) for i in range(200)}
    labels = [(f"q{i}", f"d{i}", "test" if i % 2 else "train") for i in range(200)]
    place = written(tmp_path / "set", queries, {f"d{i}": f"the answer is number {i}" for i in range(200)}, labels)
    assert findings(place)["HN025"]["count"] == 100
    assert main(["data", "split", str(place), "-o", str(tmp_path / "dealt"), "--again"]) == 0
    assert "HN025" not in findings(tmp_path / "dealt")


def test_dealing_by_document_as_the_finding_says_keeps_nearly_equal_answers_together(tmp_path, findings):
    queries = {f"q{i}": f"{text(i)} {i}" for i in range(200)}
    documents = {f"d{i}": f"{' '.join(WORDS)} {text(i // 2)} number {i // 2}" + "!" * (i % 2) for i in range(200)}
    labels = [(f"q{i}", f"d{i}", "test" if i % 2 else "train") for i in range(200)]
    remedy = findings(written(tmp_path / "set", queries, documents, labels))["HN025"]["remedy"]
    options = remedy.partition("OUT ")[2].partition("`")[0].split()
    assert options == ["--again", "--by", "document"]
    assert main(["data", "split", str(tmp_path / "set"), "-o", str(tmp_path / "dealt"), *options]) == 0
    assert "HN025" not in findings(tmp_path / "dealt")


def test_a_query_in_the_corpus_is_found_by_text_below_a_title_and_by_id(tmp_path, findings):
    argument = "Cars in the city centre should be banned"
    documents = pl.DataFrame(
        {
            "id": ["t1", "t2", "t3", "t4", "7", "8"],
            "title": ["", "On the law", "On cars", "", "", ""],
            "text": [
                f"{argument.upper()}",
                "A ban would ruin shops.",
                argument,
                "Uniforms help.",
                "Seven",
                "8th of May",
            ],
        }
    )
    queries = {"q": argument, "t2": "a ban would ruin shops.", "t4": "do uniforms help", "8": "when was peace"}
    labels = [("q", "t2", "train"), ("t2", "t1", "train"), ("t4", "7", "train"), ("8", "8", "train")]
    found = findings(written(tmp_path / "set", queries, documents, labels))["HN044"]
    assert found["count"] == 2
    assert found["examples"] == ["q = t1", "q = t3", "t2 = t2"]
    assert "--exclude identical" in found["remedy"]


def test_a_query_that_is_labelled_its_own_answer_is_not_counted_as_stray(tmp_path, findings):
    place = written(
        tmp_path / "set",
        {"q": "the same text as its answer"},
        {"d": "The same text as its answer"},
        [("q", "d", "train")],
    )
    assert "HN044" not in findings(place)
    assert findings(place)["HN024"]["count"] == 1


def test_positives_that_outnumber_the_depth_are_found(tmp_path, findings):
    documents = {f"d{i}": f"{text(i)} {i}" for i in range(130)}
    labels = [("q0", f"d{i}", "train") for i in range(101)] + [("q1", f"d{i}", "train") for i in range(100)]
    place = written(tmp_path / "set", {"q0": "all of them", "q1": "most of them"}, documents, labels)
    found = findings(place)["HN027"]
    assert (found["count"], found["examples"]) == (1, ["q0: 101"])
    assert "besides the positives" in found["remedy"]


@pytest.fixture
def broken(tmp_path):
    """A folder of which nothing is left: two kinds of bad records, and labels of two fields."""
    folder = tmp_path / "set"
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text('{"_id": "d", "text": "a"}\n{"_id": "broken"\n')
    (folder / "queries.jsonl").write_text('{"_id": "q", "text": "b"}\n')
    (folder / "qrels" / "train.tsv").write_text("q\td\nq\tdd\n")
    return folder


def test_what_cannot_be_read_is_listed_by_kind_before_the_reason(broken, capsys):
    assert main(["data", "check", str(broken)]) == 2
    shown = capsys.readouterr()
    assert shown.out.count("HN010 error") == 2
    assert "broken line 1 times" in shown.out
    assert "wrong number of fields 2 times" in shown.out
    assert "corpus.jsonl:2: broken JSON" in shown.out
    assert "train.tsv:1: 2 fields where three are needed" in shown.out
    assert "HN028 error" in shown.out
    assert "no usable label in it" in shown.err
    assert main(["mine", str(broken), "-o", str(broken / "run"), "--skip-invalid"]) == 2
    assert capsys.readouterr().err == shown.err, "mine gives the same reason in the same words"


def test_what_cannot_be_read_is_told_as_json_too(broken, capsys):
    assert main(["data", "check", str(broken), "--json"]) == 2
    told = json.loads(capsys.readouterr().out)
    assert told["skipped"] == {"broken line": 1, "wrong number of fields": 2}
    assert [each["code"] for each in told["findings"]] == ["HN010", "HN010", "HN028"]
    assert "no usable label in it" in told["findings"][2]["detail"]


def test_all_that_does_not_fit_together_is_said_at_once():
    one = pl.DataFrame({"id": ["a", "a"], "text": ["x", "y"]})
    labels = pl.DataFrame({"query_id": ["b"], "doc_id": ["c"], "relevance": [1], "split": ["train"]})
    from hardneg.errors import DatasetError

    with pytest.raises(DatasetError, match=r"queries of dataset repeat the id 'a'.*documents of dataset repeat the id"):
        Dataset.from_tables(one, one, labels)
    with pytest.raises(DatasetError, match=r"name the query 'b', which does not exist; .*name the document 'c'"):
        Dataset.from_tables(one[:1], one[:1], labels)
