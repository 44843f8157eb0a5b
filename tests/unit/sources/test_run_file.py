import gzip
import hashlib

import numpy as np
import pytest

from hardneg.errors import DatasetError
from hardneg.evaluation.retrieval import evaluate
from hardneg.pipeline.mining import mine
from hardneg.sources import RunFile, identity

BLOCK = np.arange(4, dtype=np.int32)
GOOD = "q0 Q0 d3 1 0.5 x\nq0 Q0 d1 2 0.9 x\nq0\tQ0\td0\t3\t0.5\tx\n\nq2 Q0 d4 1 -1e-3 x\n"


def rows(table):
    return table.select("query", "document", "rank").rows()


def test_ranks_by_score_then_position_and_ignores_the_ranks_of_the_file(tiny, tmp_path):
    path = tmp_path / "run.trec"
    path.write_text(GOOD)
    assert rows(RunFile(path).retrieve(tiny, BLOCK, 10)) == [(0, 1, 1), (0, 0, 2), (0, 3, 3), (2, 4, 1)]
    assert rows(RunFile(path).retrieve(tiny, BLOCK[:2], 2)) == [(0, 1, 1), (0, 0, 2)]


@pytest.mark.parametrize(
    "line",
    [
        "{q} Q0 {d} {rank} {score:.6f} Anserini",  # Anserini and Pyserini
        "{q}\tQ0\t{d}\t{rank}\t{score:.4E}\tlucene-bm25",  # tabs, Java's scientific notation
        "{q} Q0 {d} {rank} {score!r} STANDARD",
        "{q} 0 {d} {rank0} {score:g} DPH",  # Terrier, with ranks from 0
        "{q} q0 {d} {rank} +{score:.3e} tantivy\r",
    ],
)
def test_reads_what_engines_write(tiny, tmp_path, line):
    scores = {"d3": 13.25, "d1": 0.0625, "d0": 4.5e-05}
    lines = [
        line.format(q="q0", d=d, rank=rank, rank0=rank - 1, score=score)
        for rank, (d, score) in enumerate(scores.items(), start=1)
    ]
    (tmp_path / "run.txt").write_bytes("\n".join([*lines, ""]).encode())
    found = RunFile(tmp_path / "run.txt").retrieve(tiny, BLOCK, 10)
    assert rows(found) == [(0, 3, 1), (0, 1, 2), (0, 0, 3)]
    np.testing.assert_allclose(found["score"], list(scores.values()), rtol=1e-4)


def test_reads_what_tantivy_found(tiny, tmp_path):
    import tantivy

    schema = tantivy.SchemaBuilder().add_text_field("id", stored=True).add_text_field("text").build()
    index = tantivy.Index(schema)
    writer = index.writer(15_000_000, 1)
    for doc_id, text in zip(tiny.documents["id"], tiny.document_texts, strict=True):
        writer.add_document(tantivy.Document(id=doc_id, text=text))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    searcher, lines = index.searcher(), []
    for query_id, text in zip(tiny.queries["id"], tiny.query_texts, strict=True):
        hits = searcher.search(index.parse_query(text, ["text"]), 5).hits
        lines += [
            f"{query_id} Q0 {searcher.doc(at)['id'][0]} {rank} {score} tantivy"
            for rank, (score, at) in enumerate(hits, start=1)
        ]
    (tmp_path / "run.txt").write_text("\n".join(lines))
    best = RunFile(tmp_path / "run.txt").retrieve(tiny, BLOCK, 1)
    assert set(tiny.query_texts.gather(best["query"])[0].split()) & set(
        tiny.document_texts[best["document"][0]].split()
    )
    assert best["query"].to_list() == sorted({int(line[1]) for line in lines})


def test_reads_gzip(tiny, tmp_path):
    path = tmp_path / "run.trec.gz"
    path.write_bytes(gzip.compress(GOOD.encode()))
    assert RunFile(str(path)).retrieve(tiny, BLOCK, 10).height == 4


@pytest.mark.parametrize("spoil", [lambda packed: packed[:-12], lambda packed: packed[:12] + bytes(9) + packed[21:]])
def test_a_damaged_gzip_file_is_named(tiny, tmp_path, spoil):
    path = tmp_path / "run.trec.gz"
    path.write_bytes(spoil(gzip.compress(GOOD.encode())))
    with pytest.raises(DatasetError, match=r"run\.trec\.gz:\d+: damaged gzip file"):
        RunFile(path).retrieve(tiny, BLOCK, 10)


def test_the_file_is_hashed_once_for_all_blocks(tiny, tmp_path, monkeypatch):
    path = tmp_path / "run.trec"
    path.write_text(GOOD)
    hashed = []
    digest = hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", lambda *given: hashed.append(given) or digest(*given))
    for query in BLOCK:
        RunFile(path).retrieve(tiny, np.array([query], dtype=np.int32), 10)
    assert len(hashed) == 1


def test_a_changed_file_is_read_anew(tiny, tmp_path):
    path = tmp_path / "run.trec"
    path.write_text(GOOD)
    before = identity(RunFile(path))
    RunFile(path).retrieve(tiny, BLOCK, 10)
    path.write_text("q1 Q0 d2 1 1 x\n")
    assert rows(RunFile(path).retrieve(tiny, BLOCK, 10)) == [(1, 2, 1)]
    assert identity(RunFile(path)) != before


def test_an_empty_run_has_no_candidates(tiny, tmp_path):
    path = tmp_path / "run.trec"
    path.write_text("")
    assert RunFile(path).retrieve(tiny, BLOCK, 10).is_empty()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("q0 Q0 d1 1 0.5", "5 fields where a run has 6: .*; the name of the run may be missing"),
        ("q0 0 d1 1", "4 fields where a run has 6: .*; this looks like qrels"),
        ("q0 d1 1", "3 fields where a run has 6: .*; this looks like a run of MS MARCO"),
        ("q0,d1", "1 fields where a run has 6"),
        ("q9 Q0 d1 1 0.5 x", "query 'q9' is not in the dataset"),
        ("q0 Q0 d9 1 0.5 x", "document 'd9' is not in the dataset"),
        ("q0 Q0 d1 1 high x", "'high' in field 5 is not a finite score"),
        ("q0 Q0 d1 1 nan x", "'nan' in field 5 is not a finite score"),
        ("q0 Q0 d3 7 0.1 x", "document 'd3' is repeated"),
    ],
)
def test_a_broken_line_is_named(tiny, tmp_path, line, message):
    path = tmp_path / "run.trec"
    path.write_text(f"q0 Q0 d3 1 0.5 x\n{line}\n")
    with pytest.raises(DatasetError, match=message) as error:
        RunFile(path).retrieve(tiny, BLOCK, 10)
    assert str(error.value).startswith(f"{path}:2: ")


def test_a_file_that_cannot_be_read_is_named(tiny, tmp_path):
    with pytest.raises(DatasetError, match=r"missing\.trec: the run file cannot be read"):
        RunFile(tmp_path / "missing.trec").retrieve(tiny, BLOCK, 1)
    path = tmp_path / "latin.trec"
    path.write_bytes(b"q0 Q0 d\xe9 1 0.5 x\n")
    with pytest.raises(DatasetError, match=r"latin\.trec:1: not UTF-8: byte 0xe9 at byte offset 7"):
        RunFile(path).retrieve(tiny, BLOCK, 1)


def test_a_run_of_another_dataset_is_refused_with_how_much_of_it_is(tiny, tmp_path):
    path = tmp_path / "run.trec"
    path.write_text(GOOD + "q9 Q0 d1 1 0.5 x\nq9 Q0 d9 2 0.4 x\nq1 Q0 d8 1 0.5 x\nq1 Q0 d8 2 0.4 x\n")
    with pytest.raises(DatasetError) as refusal:
        RunFile(path).retrieve(tiny, BLOCK, 10)
    assert str(refusal.value).startswith(
        f"{path}:6: query 'q9' is not in the dataset: 4 of 8 lines name 1 queries and 2"
    )


@pytest.mark.parametrize("content", ["", GOOD])
def test_a_run_without_a_query_of_the_split_is_refused(tiny, tmp_path, content):
    path = tmp_path / "run.trec"
    path.write_text(content)
    n_others = 2 if content else 0
    message = f"none of the 1 queries of split 'test', but {n_others} other queries of tiny"
    with pytest.raises(DatasetError, match=message):
        mine(tiny, split="test", sources=[RunFile(path)], filters=[])
    with pytest.raises(DatasetError, match=message):
        evaluate(tiny, RunFile(path), split="test")
    if content:
        assert mine(tiny, sources=[RunFile(path)], filters=[]).negatives.height > 0
        assert evaluate(tiny, RunFile(path), split="train").run.height == 4
