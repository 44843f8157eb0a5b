"""Findings about the candidates, as the commands print and keep them."""

import json

import polars as pl
import pytest

from hardneg.cli import main
from hardneg.data.dataset import Dataset
from tiny_model import build_tiny_model

ARGUMENTS = {
    "t1": "Cars in the city centre should be banned because they poison the air.",
    "t2": "A ban on cars in the city centre would ruin small shops that depend on drivers.",
    "t3": "School uniforms make pupils equal and lower bullying.",
    "t4": "School uniforms suppress the character of pupils and cost parents money.",
    "t5": "Voting should be a duty, since low turnout weakens parliament.",
    "t6": "A duty to vote forces people without interest to choose at random.",
}


def written(folder, queries, documents, labels):
    table = pl.DataFrame(labels, schema=["query_id", "doc_id"], orient="row")
    qrels = pl.concat([table.with_columns(relevance=1, split=pl.lit(split)) for split in ("train", "test")])
    data = Dataset.from_tables(
        pl.DataFrame({"id": list(queries), "text": list(queries.values())}),
        pl.DataFrame({"id": list(documents), "text": list(documents.values())}),
        qrels,
    )
    return data.write(folder)


@pytest.fixture
def arguments(tmp_path):
    """Three arguments that ask for their counter-argument, and stand in the corpus themselves."""
    asked = {each: ARGUMENTS[each] for each in ("t1", "t3", "t5")}
    return written(tmp_path / "arguments", asked, ARGUMENTS, [("t1", "t2"), ("t3", "t4"), ("t5", "t6")])


def codes(findings):
    return {each["code"]: each for each in findings}


def test_a_source_that_finds_nothing_for_many_queries_is_said_and_kept(tmp_path, hardneg, capsys):
    queries = {"q0": "how to reset the router", "q1": "quand ouvre le musée", "q2": "wo ist der Bahnhof"}
    documents = {"d0": "reset the router with a pin", "d1": "the museum opens at ten", "d2": "the station is near"}
    data = written(tmp_path / "data", queries, documents, [("q0", "d0"), ("q1", "d1"), ("q2", "d2")])
    command = ["mine", data, "-o", tmp_path / "run", "--source", "bm25", "--source", "random", "--source", "judged"]
    found = hardneg(*command, "--filter", "near_duplicate")
    assert [(each["code"], each["count"]) for each in found["findings"]] == [("HN043", 2)]
    assert found["sources"]["bm25"]["queries_without"] == 2
    assert found["sources"]["random"]["queries_without"] == 0
    assert main(["mine", *map(str, command[1:]), "--filter", "near_duplicate"]) == 0
    said = capsys.readouterr().err
    assert "warning HN043: source bm25 finds nothing for many queries: bm25 has no document at all for 2 of 3" in said
    kept = json.loads((tmp_path / "run" / "mining.json").read_text())["findings"]
    assert kept[0] == found["findings"][0] | {"examples": []}
    assert "HN043" in codes(hardneg("status", tmp_path / "run")["findings"]["findings"])
    assert main(["report", str(tmp_path / "run")]) == 0
    assert "HN043" in (tmp_path / "run" / "report.html").read_text()


def test_texts_without_spaces_are_found_and_nothing_is_said(tmp_path, hardneg):
    queries = {"q0": "怎么重置路由器", "q1": "发票怎么开"}
    documents = {"d0": "按住背面的小孔就可以重置路由器", "d1": "可以在发票页面申请开发票", "d2": "新路由器的价格"}
    data = written(tmp_path / "data", queries, documents, [("q0", "d0"), ("q1", "d1")])
    found = hardneg("mine", data, "-o", tmp_path / "run", "--source", "bm25", "--filter", "near_duplicate")
    assert found["findings"] == []
    assert found["sources"]["bm25"]["dropped"] == {"known_positives": 2}


def test_queries_in_the_corpus_are_said_by_check_and_by_mine_and_are_no_negatives(arguments, tmp_path, hardneg):
    checked = codes(hardneg("data", "check", arguments)["findings"])["HN044"]
    assert (checked["count"], checked["examples"]) == (3, ["t1 = t1", "t3 = t3", "t5 = t5"])
    found = hardneg("mine", arguments, "-o", tmp_path / "run", "--source", "bm25", "--filter", "near_duplicate")
    assert codes(found["findings"])["HN044"]["count"] == 3
    assert found["dropped"]["query_itself"] == 3
    negatives = pl.read_parquet(tmp_path / "run" / "negatives" / "*.parquet")
    assert negatives.filter(pl.col("query_id") == pl.col("doc_id")).is_empty()
    assert negatives.height > 0


def test_a_query_whose_text_is_a_labelled_answer_is_no_such_finding(tmp_path, hardneg):
    asked = {"q0": "ban the cars", "q1": "open the shops"}
    documents = {"d0": "Ban the cars", "d1": "shops open", "d2": "trams"}
    data = written(tmp_path / "data", asked, documents, [("q0", "d0"), ("q1", "d1")])
    assert "HN044" not in codes(hardneg("data", "check", data)["findings"])


def test_evaluate_says_what_it_leaves_out_and_how_to_keep_it(arguments, tmp_path, capsys):
    command = ["evaluate", str(arguments), "--bm25", "english", "--quiet"]
    assert main([*command, "-o", str(tmp_path / "e")]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "own id is left out of the rankings of 3 of 3 queries; --exclude none keeps it." in shown
    assert json.loads((tmp_path / "e" / "metrics.json").read_text())["metrics"]["nDCG@10"]["value"] == 1.0
    assert main([*command, "--exclude", "none"]) == 0
    assert "Nothing is left out; 3 of 3 queries" in " ".join(capsys.readouterr().out.split())


RECIPE = """
dataset = "arguments"
model = "tiny"
sources = [{{ use = "bm25" }}]
filters = [{{ use = "near_duplicate" }}]
[select]
per_query = 1
[train]
batch_size = 3
epochs = 1
precision = "fp32"
negatives_per_row = 1
[evaluate]
rows = ["bm25"]
depth = 10
{exclude}
"""


@pytest.mark.parametrize(
    ("exclude", "line", "ndcg"),
    [
        ("", "own id is left out of the rankings of 3 of 3 queries; --exclude none keeps it.", 1.0),
        ('exclude = "identical"', "own id is left out of the rankings of 3 of 3 queries.", 1.0),
        ('exclude = "none"', "Nothing is left out; 3 of 3 queries", 0.63093),
    ],
)
def test_run_leaves_out_what_evaluate_does_and_says_so(arguments, tmp_path, capsys, exclude, line, ndcg):
    build_tiny_model(tmp_path, list(ARGUMENTS.values()))
    (tmp_path / "small.toml").write_text(RECIPE.format(exclude=exclude))
    assert main(["run", str(tmp_path / "small.toml"), "-o", str(tmp_path / "run"), "--quiet"]) == 0
    assert line in " ".join(capsys.readouterr().out.split())
    measured = json.loads((tmp_path / "run" / "evaluation" / "bm25" / "metrics.json").read_text())
    assert measured["metrics"]["nDCG@10"]["value"] == pytest.approx(ndcg, abs=1e-4)


def test_runs_that_left_out_different_things_are_not_compared(arguments, tmp_path, capsys):
    for exclude in ("none", "identical"):
        command = ["evaluate", str(arguments), "--bm25", "english", "--quiet", "--exclude", exclude]
        assert main([*command, "-o", str(tmp_path / exclude)]) == 0
    assert main(["compare", str(tmp_path / "none"), str(tmp_path / "identical")]) == 2
    assert "measure both alike" in capsys.readouterr().err


def test_a_long_document_without_spaces_is_long(tmp_path, hardneg):
    data = written(tmp_path / "data", {"q0": "路由器"}, {"d0": "重置路由器" * 1_050}, [("q0", "d0")])
    checked = hardneg("data", "check", data)
    assert checked["document_lengths"]["median"] == 5_250
    assert "100% of the documents have more than 256 words" in codes(checked["findings"])["HN021"]["detail"]


def test_an_index_that_lacks_documents_and_has_other_vectors_is_said(arguments, tmp_path, hardneg, capsys):
    import lancedb
    import numpy as np
    from sentence_transformers import SentenceTransformer

    model = build_tiny_model(tmp_path, list(ARGUMENTS.values()))
    vectors = SentenceTransformer(str(model), device="cpu").encode(list(ARGUMENTS.values()), normalize_embeddings=True)
    noise = np.random.default_rng(0).normal(scale=0.05, size=vectors.shape)
    drifted = (vectors + noise) / np.linalg.norm(vectors + noise, axis=1, keepdims=True)
    rows = [{"id": id_, "vector": each} for id_, each in zip(ARGUMENTS, drifted.astype(np.float32), strict=True)]
    lancedb.connect(str(tmp_path / "lance")).create_table("docs", rows[:-1])
    source = f"lancedb(table='docs', path='{tmp_path / 'lance'}', of={{'use': 'dense', 'model': '{model}'}})"
    command = ["mine", arguments, "-o", tmp_path / "run", "--source", source, "--filter", "near_duplicate"]
    capsys.readouterr()  # what the model said when it was saved and loaded
    found = codes(hardneg(*command, "--depth", "3")["findings"])
    assert "has no record of 1 of 6 documents" in found["HN046"]["detail"]
    assert "not quite the model's" in found["HN047"]["title"]
