import gzip
import json

import pytest


def jsonl(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


@pytest.fixture
def beir(tmp_path):
    """A BEIR folder of three documents, two queries and two splits; tests spoil parts of it."""
    folder = tmp_path / "set"
    (folder / "qrels").mkdir(parents=True)
    jsonl(
        folder / "corpus.jsonl",
        [
            {"_id": "d0", "title": "Files", "text": "open a file"},
            {"_id": "d1", "title": "", "text": "sort a list"},
            {"_id": "d2", "title": "", "text": "join strings"},
        ],
    )
    jsonl(folder / "queries.jsonl", [{"_id": "q0", "text": "how to open"}, {"_id": "q1", "text": "how to sort"}])
    (folder / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\nq0\td0\t1\nq0\td2\t0\n")
    (folder / "qrels" / "test.tsv").write_text("q1\td1\t2\n")
    return folder


@pytest.fixture
def packed(beir):
    """The same folder with its corpus gzipped."""
    plain = beir / "corpus.jsonl"
    (beir / "corpus.jsonl.gz").write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    return beir
