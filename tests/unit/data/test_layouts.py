"""Situations from public reports, rebuilt: what is read, or what the refusal says."""

import json
import re

import polars as pl
import pytest

from hardneg.data.layout import Layout
from hardneg.data.reading import read_dataset
from hardneg.errors import DatasetError

CORPUS = {"1": "The bank opens at eight", "2": "A cup of tea", "3": "Snow fell in May"}
QUERIES = {"1": "when does the bank open", "2": "what to drink", "3": "was there snow"}


def write(folder, files):
    """Write files by name: text as it is, objects as JSON (Lines), tables as Parquet."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, pl.DataFrame):
            content.write_parquet(path)
        elif isinstance(content, bytes):
            path.write_bytes(content)
        elif isinstance(content, str):
            path.write_text(content, encoding="utf-8")
        elif path.suffix == ".jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in content))
        else:
            path.write_text(json.dumps(content))


def beir(qrels):
    return {
        "corpus.jsonl": [{"_id": int(key), "text": text} for key, text in CORPUS.items()],
        "queries.jsonl": [{"_id": int(key), "text": text} for key, text in QUERIES.items()],
        "qrels/train.tsv": qrels,
    }


def own(qrels):
    return {
        "queries.parquet": pl.DataFrame({"id": list(QUERIES), "text": list(QUERIES.values())}),
        "documents.parquet": pl.DataFrame({"id": list(CORPUS), "text": list(CORPUS.values())}),
        "qrels.parquet": pl.DataFrame(qrels),
    }


def labels(dataset):
    query, document = dataset.query_texts.to_list(), dataset.document_texts.to_list()
    return {(query[q], document[d], grade) for q, d, grade, _ in dataset.qrels.iter_rows()}


def pairs_of(*triples):
    """Labels by ids of QUERIES and CORPUS."""
    return {(QUERIES[query], CORPUS[document], grade) for query, document, grade in triples}


BANK, TEA, SNOW = (list(QUERIES.values())[at] for at in range(3))
EIGHT, CUP, MAY = (list(CORPUS.values())[at] for at in range(3))
THREE = pairs_of(("1", "1", 1), ("2", "2", 1), ("3", "3", 1))
PAIRS = {(BANK, EIGHT, 1), (BANK, CUP, 0), (TEA, CUP, 1)}
CSV = f"query,passage,LABEL\n{BANK},{EIGHT},1\n{BANK},{CUP},0\n{TEA},{CUP},1\n"

READ = {
    "a header in another order": (
        beir("corpus-id\tquery-id\tscore\n2\t1\t1\n3\t2\t1\n1\t3\t1\n"),
        {},
        pairs_of(("1", "2", 1), ("2", "3", 1), ("3", "1", 1)),
    ),
    "relevance first, names of MS MARCO": (beir("label\tpid\tqid\n1\t1\t1\n1\t2\t2\n1\t3\t3\n"), {}, THREE),
    "four columns of TREC": (beir("1\t0\t1\t1\n2\t0\t2\t1\n3\t0\t3\t1\n"), {}, THREE),
    "four columns with blanks": (beir("1 Q0 1 1\n2 Q0  2 1\n3 Q0 3 1\n"), {}, THREE),
    "three columns with blanks": (beir("1 1 1\n2 2 1\n3 3 1\n"), {}, THREE),
    "qrels with commas": (beir("query-id,corpus-id,score\n1,1,1\n2,2,1\n3,3,1\n"), {}, THREE),
    "columns that the user names": (
        beir("1\t1\t1\n2\t1\t3\n1\t3\t2\n"),
        {"columns": "score,query-id,corpus-id"},
        pairs_of(("1", "1", 1), ("1", "3", 2), ("3", "2", 1)),
    ),
    "whole numbers written with a point": (beir("1\t1\t1.0\n2\t2\t2.00\n"), {}, pairs_of(("1", "1", 1), ("2", "2", 2))),
    "fractions with a threshold": (
        beir("1\t1\t1.0\n2\t2\t0.75\n3\t3\t0.1\n"),
        {"min_relevance": 0.5},
        pairs_of(("1", "1", 1), ("2", "2", 1), ("3", "3", 0)),
    ),
    "grades with a threshold": (
        beir("1\t1\t3\n2\t2\t2\n3\t3\t1\n"),
        {"min_relevance": 2},
        pairs_of(("1", "1", 3), ("2", "2", 2), ("3", "3", 0)),
    ),
    "letters with a meaning": (
        beir("1\t1\tE\n2\t2\tS\n3\t3\tE\n"),
        {"relevance": {"E": 1, "S": 0}},
        pairs_of(("1", "1", 1), ("2", "2", 0), ("3", "3", 1)),
    ),
    "truth values in Parquet": (
        own({"query_id": ["1", "2"], "doc_id": ["1", "2"], "relevance": [True, False]}),
        {},
        pairs_of(("1", "1", 1), ("2", "2", 0)),
    ),
    "ids as floats of pandas": (
        own({"query_id": ["1", "2"], "doc_id": ["1", "2"], "relevance": [1, 1]})
        | {"queries.parquet": pl.DataFrame({"id": [1.0, 2.0, 3.0], "text": list(QUERIES.values())})},
        {},
        pairs_of(("1", "1", 1), ("2", "2", 1)),
    ),
    "parts that Spark wrote": (
        {
            "part-00000-a.snappy.parquet": pl.DataFrame({"query": [BANK, TEA], "positive": [EIGHT, CUP]}),
            "part-00001-a.snappy.parquet": pl.DataFrame({"query": [SNOW], "positive": [MAY]}),
            "_SUCCESS": "",
            ".part-00000-a.snappy.parquet.crc": "crc",
        },
        {},
        THREE,
    ),
    "parts with columns that the user names": (
        {"part-0.parquet": pl.DataFrame({"Frage": [BANK], "Antwort": [EIGHT]})},
        {"query": "Frage", "positive": "Antwort"},
        pairs_of(("1", "1", 1)),
    ),
    "plain files of MS MARCO": (
        {
            "collection.tsv": "1\tThe bank opens at eight\n2\tA cup of tea\n3\tSnow fell in May\n",
            "queries.train.tsv": "".join(f"{key}\t{text}\n" for key, text in QUERIES.items()),
            "qrels.train.tsv": "1\t0\t1\t1\n2\t0\t2\t1\n3\t0\t3\t1\n",
            "README.md": "x",
        },
        {},
        THREE,
    ),
    "topics and qrels of MIRACL": (
        {
            "docs-0.jsonl": [{"docid": key, "title": "", "text": text} for key, text in CORPUS.items()],
            "topics.x-v1.0-de-dev.tsv": "".join(f"{key}\t{text}\n" for key, text in QUERIES.items()),
            "qrels.x-v1.0-de-dev.tsv": "1\tQ0\t1\t1\n2\tQ0\t2\t1\n3\tQ0\t3\t1\n",
        },
        {},
        THREE,
    ),
    "AutoRAG": (
        {
            "qa.parquet": pl.DataFrame(
                {
                    "qid": ["1", "2"],
                    "query": [BANK, TEA],
                    "retrieval_gt": [[["1"]], [["2", "3"]]],
                    "generation_gt": [["at eight"], ["tea"]],
                }
            ),
            "corpus.parquet": pl.DataFrame(
                {"doc_id": list(CORPUS), "contents": list(CORPUS.values()), "metadata": [{"page": 1}] * 3}
            ),
        },
        {},
        pairs_of(("1", "1", 1), ("2", "2", 1), ("2", "3", 1)),
    ),
    "a label column in CSV": ({"x.csv": CSV}, {}, PAIRS),
    "semicolons, a mark and capitals": ({"x.csv": "\ufeff" + CSV.replace(",", ";")}, {}, PAIRS),
    "sentence pairs with labels": (
        {
            "x.jsonl": [
                {"sentence1": BANK, "sentence2": EIGHT, "label": 1},
                {"sentence1": BANK, "sentence2": CUP, "label": 0},
                {"sentence1": TEA, "sentence2": CUP, "label": 1},
            ]
        },
        {},
        PAIRS,
    ),
    "questions to code": (
        {
            "x.jsonl": [
                {"idx": "a", "doc": BANK, "code": EIGHT, "label": 1},
                {"idx": "b", "doc": BANK, "code": CUP, "label": 0},
                {"idx": "c", "doc": TEA, "code": CUP, "label": 1},
            ]
        },
        {},
        PAIRS,
    ),
    "docstrings and code": (
        {"x.jsonl": [{"repo": "r", "docstring": BANK, "code": EIGHT, "code_tokens": ["x"], "partition": "train"}]},
        {},
        {(BANK, EIGHT, 1)},
    ),
    "lists with lists of labels": (
        {
            "x.jsonl": [
                {"query": BANK, "documents": [EIGHT, CUP], "labels": [1, 0]},
                {"query": TEA, "documents": [CUP], "labels": [1]},
            ]
        },
        {},
        PAIRS,
    ),
    "negatives of the file": (
        {
            "x.jsonl": [
                {"query": BANK, "positive": EIGHT, "negatives": [CUP]},
                {"query": TEA, "positive": CUP, "negatives": []},
            ]
        },
        {},
        PAIRS,
    ),
    "scores of a teacher beside lists": (
        {
            "x.jsonl": [
                {"query": BANK, "pos": [EIGHT], "neg": [CUP], "pos_scores": [0.9], "neg_scores": [0.1]},
                {"query": TEA, "pos": [CUP], "neg": [], "pos_scores": [0.8], "neg_scores": []},
            ]
        },
        {},
        PAIRS,
    ),
    "passages of DPR": (
        {
            "x.json": [
                {
                    "question": BANK,
                    "answers": ["eight"],
                    "positive_ctxs": [{"title": "", "text": EIGHT, "passage_id": "1"}],
                    "negative_ctxs": [],
                    "hard_negative_ctxs": [{"title": "", "text": CUP}],
                },
                {
                    "question": TEA,
                    "answers": [],
                    "positive_ctxs": [{"title": "", "text": CUP}],
                    "negative_ctxs": [],
                    "hard_negative_ctxs": [],
                },
            ]
        },
        {},
        PAIRS,
    ),
    "strange names that the user gives": (
        {"x.csv": f"Frage;Antwort\n{BANK};{EIGHT}\n"},
        {"query": "frage", "positive": "ANTWORT"},
        {(BANK, EIGHT, 1)},
    ),
    "no header": (
        {"x.tsv": f"{BANK}\t{EIGHT}\t{CUP}\n{TEA}\t{CUP}\t{MAY}\n"},
        {"no_header": True},
        {*PAIRS, (TEA, MAY, 0)},
    ),
    "row numbers of pandas without a name": (
        {"x.csv": f",query,positive\n0,{BANK},{EIGHT}\n1,{TEA},{CUP}\n"},
        {},
        {(BANK, EIGHT, 1), (TEA, CUP, 1)},
    ),
    "an ending in capitals": ({"X.CSV": CSV}, {}, PAIRS),
    "an ending of JSON in capitals": ({"X.JSON": [{"query": BANK, "positive": EIGHT}]}, {}, {(BANK, EIGHT, 1)}),
    "a separator of two bytes": (
        {"x.csv": f"query§positive\n{BANK}§{EIGHT}\n"},
        {"separator": "§"},
        {(BANK, EIGHT, 1)},
    ),
    "a strange header of qrels in whose place the user names columns": (
        beir("frage\tdokument\twert\n1\t1\t1\n2\t2\t0\n"),
        {"columns": "query-id,corpus-id,score"},
        pairs_of(("1", "1", 1), ("2", "2", 0)),
    ),
    "qrels by an ending of TREC": (
        {key: text for key, text in beir("").items() if "qrels" not in key} | {"qrels/test.qrels": "1 0 1 1\n"},
        {},
        {(BANK, EIGHT, 1)},
    ),
    "documents of BEIR beside topics of TREC": (
        {
            "corpus.jsonl": [{"_id": key, "text": text} for key, text in CORPUS.items()],
            "topics.tsv": "".join(f"{key}\t{text}\n" for key, text in QUERIES.items()),
            "2019qrels-pass.txt": "1 Q0 1 1\n2 Q0 2 1\n3 Q0 3 1\n",
        },
        {},
        THREE,
    ),
    "NeMo's list in an object on one line, some documents by id alone": (
        {
            "x.json": {"corpus": [], "data": [{"question": BANK, "pos_doc": [{"id": "1"}], "neg_doc": ["2"]}]},
            "corpus.tsv": "".join(f"{key}\t{text}\n" for key, text in CORPUS.items()),
        },
        {"documents": "corpus.tsv"},
        {(BANK, EIGHT, 1), (BANK, CUP, 0)},
    ),
    "documents by id in a column of ids": (
        {
            "x.csv": f"query,doc_id,label\n{BANK},1,1\n{BANK},2,0\n",
            "corpus.csv": "id,text\n" + "".join(f"{key},{text}\n" for key, text in CORPUS.items()),
        },
        {"documents": "corpus.csv"},
        {(BANK, EIGHT, 1), (BANK, CUP, 0)},
    ),
    "documents by id in a column of texts": (
        {
            "x.jsonl": [{"query": BANK, "positive": 1, "negatives": [2]}],
            "corpus.jsonl": [{"_id": key, "text": text} for key, text in CORPUS.items()],
        },
        {"documents": "corpus.jsonl"},
        {(BANK, EIGHT, 1), (BANK, CUP, 0)},
    ),
    "a label beside messages": (
        {
            "x.jsonl": [
                {
                    "messages": [{"role": "user", "content": query}],
                    "positive_messages": [[{"role": "user", "content": document}]],
                    "label": label,
                }
                for query, document, label in ((BANK, EIGHT, 1.0), (BANK, CUP, 0.0), (TEA, CUP, 1.0))
            ]
        },
        {},
        PAIRS,
    ),
    "row numbers are no labels": (
        {"x.csv": f"id,query,positive,Unnamed: 0\n0,{BANK},{EIGHT},0\n1,{TEA},{CUP},1\n"},
        {},
        {(BANK, EIGHT, 1), (TEA, CUP, 1)},
    ),
    "labels in words that the user explains": (
        {"x.csv": f"query,product_title,esci_label,split\n{BANK},{EIGHT},E,train\n{BANK},{CUP},I,train\n"},
        {"positive": "product_title", "label": "esci_label", "relevance": "E=1,S=0,C=0,I=0"},
        {(BANK, EIGHT, 1), (BANK, CUP, 0)},
    ),
    "a column that the user leaves out": (
        {"x.csv": f"query,positive,checked\n{BANK},{EIGHT},yes\n{TEA},{CUP},no\n"},
        {"ignore": "checked"},
        {(BANK, EIGHT, 1), (TEA, CUP, 1)},
    ),
    "truth that the user turns around": (
        own({"query_id": ["1", "2"], "doc_id": ["1", "2"], "relevance": [True, False]}),
        {"relevance": {True: 0, False: 2}},
        pairs_of(("1", "1", 0), ("2", "2", 2)),
    ),
    "whole numbers with a meaning, written with a point": (
        own({"query_id": ["1", "2"], "doc_id": ["1", "2"], "relevance": [1.0, 2.0]}),
        {"relevance": {1.0: 0, 2.0: 1}},
        pairs_of(("1", "1", 0), ("2", "2", 1)),
    ),
    "votes that the user calls grades": (
        {"x.csv": f"question,answer,score\n{BANK},{EIGHT},35\n{TEA},{CUP},0\n"},
        {"min_relevance": 0},
        {(BANK, EIGHT, 35), (TEA, CUP, 1)},
    ),
}

REFUSED = {
    "parts that are no one table": (
        {
            "part-0.parquet": pl.DataFrame({"query": [BANK], "positive": [EIGHT]}),
            "part-1.parquet": pl.DataFrame({"query": [TEA], "answer": [CUP]}),
        },
        {},
        "its Parquet files are no one table, since their columns differ",
    ),
    "a header with unknown names": (
        beir("frage\tdokument\twert\n1\t1\t1\n"),
        {},
        r"train\.tsv:1: .*'wert'.* header .* not understood",
    ),
    "two columns": (beir("1\t1\n2\t2\n"), {}, r"train\.tsv:1: 2 fields where three are needed .* --columns"),
    "a run in the place of qrels": (beir("1 Q0 1 1 9.5 bm25\n"), {}, r"train\.tsv:1: 6 fields: this is a run"),
    "four columns that are not TREC's": (
        beir("1\t1\t1\tx\n2\t2\t1\ty\n"),
        {},
        r"train\.tsv:1: 4 fields, but the second is not TREC's 0",
    ),
    "a fraction": (
        beir("1\t1\t1.0\n2\t2\t0.75\n"),
        {},
        r"train\.tsv:2: relevance 0\.75 is a fraction.*--min-relevance",
    ),
    "letters": (
        beir("query-id\tcorpus-id\tscore\n1\t1\t1\n2\t2\tE\n"),
        {},
        r"train\.tsv:3: relevance 'E'.*--relevance 'E=GRADE'",
    ),
    "a fraction in Parquet": (
        own({"query_id": ["1"], "doc_id": ["1"], "relevance": [0.75]}),
        {},
        r"qrels\.parquet: relevance 0\.75 is a fraction.*row 1",
    ),
    "NaN in Parquet": (
        own({"query_id": ["1"], "doc_id": ["1"], "relevance": [float("nan")]}),
        {},
        r"qrels\.parquet: no relevance.*row 1",
    ),
    "null in Parquet": (
        own({"query_id": ["1", "2"], "doc_id": ["1", "1"], "relevance": [1, None]}),
        {},
        r"qrels\.parquet: no relevance.*row 2",
    ),
    "a word in Parquet": (
        own({"query_id": ["1", "2"], "doc_id": ["1", "1"], "relevance": ["1", "no"]}),
        {},
        r"qrels\.parquet: relevance 'no'.*row 2",
    ),
    "a number beyond grades in Parquet": (
        own({"query_id": ["1"], "doc_id": ["1"], "relevance": [3_000_000_000]}),
        {},
        r"qrels\.parquet: relevance 3000000000 is too large",
    ),
    "a split that is null": (
        own({"query_id": ["1", "2"], "doc_id": ["1", "1"], "relevance": [1, 1], "split": ["train", None]}),
        {},
        r"qrels\.parquet: column 'split' is null in row 2",
    ),
    "a text that is null": (
        own({"query_id": ["1"], "doc_id": ["1"], "relevance": [1]})
        | {"documents.parquet": pl.DataFrame({"id": ["1", "2"], "text": ["x", None]})},
        {},
        r"documents\.parquet: column 'text' is null in row 2",
    ),
    "fractions beside pairs": (
        {"x.csv": f"query,document,score\n{BANK},{EIGHT},0.9\n"},
        {},
        r"x\.csv:2: 'score' 0\.9 is a fraction.*--ignore score",
    ),
    "votes beside pairs": (
        {"x.csv": f"question,answer,score\n{BANK},{EIGHT},35\n{TEA},{CUP},0\n"},
        {},
        r"x\.csv: the column 'score' .* up to 35.*--label score",
    ),
    "a truth with another name": (
        {"x.csv": f"query,positive,valid\n{BANK},{EIGHT},1\n{TEA},{CUP},0\n"},
        {},
        r"x\.csv: the column 'valid' .*--label valid if so, or --ignore valid",
    ),
    "columns for a first line of data, which would be lost": (
        {"x.csv": f"{BANK},{EIGHT},1\n{BANK},{CUP},0\n"},
        {"columns": "query,document,label"},
        r"x\.csv:1: the first line holds .* --no-header beside --columns",
    ),
    "columns in another order than the header's": (
        {"x.csv": f"positive,query\n{EIGHT},{BANK}\n"},
        {"columns": "query,positive"},
        r"x\.csv:1: the header has 'query' as column 2, but --columns names it as column 1",
    ),
    "columns of qrels in another order than the header's": (
        beir("corpus-id\tquery-id\tscore\n1\t2\t1\n"),
        {"columns": "query-id,corpus-id,score"},
        r"train\.tsv:1: the header has 'query-id' as column 2",
    ),
    "a header where the user says there is none": (
        {"x.csv": f"Query,Positive\n{BANK},{EIGHT}\n"},
        {"columns": "query,positive", "no_header": True},
        r"x\.csv:1: the first line is the header that --columns repeats",
    ),
    "qrels by a name that nobody knows": (
        {key: text for key, text in beir("").items() if "qrels" not in key} | {"qrels/test.json": {"1": {"1": 1}}},
        {},
        r"no qrels/\*\.tsv in this folder \(qrels/ has test\.json\)",
    ),
    "topics in three columns": (
        {"docs.jsonl": [{"id": "1", "text": "x"}], "topics.tsv": "1\ta\tb\n", "qrels.txt": "1 0 1 1\n"},
        {},
        r"topics\.tsv:1: 3 fields where a file of queries without header has two",
    ),
    "ids and texts in one column": (
        {"x.csv": f"query,positive\n{BANK},1\n{TEA},9\n", "corpus.csv": f"id,text\n1,{EIGHT}\n"},
        {"documents": "corpus.csv"},
        r"x\.csv:3: '1' is the id of a document in corpus\.csv, but '9' is none",
    ),
    "a document without an id among others": (
        {"x.csv": f"query,positive\n{BANK},{EIGHT}\n", "corpus.csv": f"id,text\n1,{EIGHT}\n,{CUP}\n"},
        {"documents": "corpus.csv"},
        r"corpus\.csv:3: no 'id'",
    ),
    "messages in parts": (
        {
            "x.jsonl": [
                {
                    "messages": [{"role": "user", "content": [{"type": "text", "text": BANK}]}],
                    "positive_messages": [[{"role": "user", "content": EIGHT}]],
                }
            ]
        },
        {},
        r"x\.jsonl: the content of 'messages' holds .*not texts",
    ),
    "no passages for any query": (
        {"x.jsonl": [{"query": BANK, "positive_passages": [], "negative_passages": [{"docid": "2", "text": CUP}]}]},
        {},
        r"x\.jsonl:1: a query without positives",
    ),
    "lists that pandas wrote into CSV": (
        {"x.csv": f"query,positive,negative\n{BANK},\"['{EIGHT}', '{MAY}']\",\"['{CUP}']\"\n"},
        {},
        r"x\.csv:2: column 'positive' holds lists that are written as texts \(\['The bank",
    ),
    "words that are labels by their column": (
        {"x.csv": f"query,positive,esci_label\n{BANK},{EIGHT},E\n{BANK},{CUP},I\n"},
        {},
        r"x\.csv: the column 'esci_label' .*it holds E, I.*--label esci_label if so, or --ignore esci_label",
    ),
    "words that are labels by what they say": (
        {"x.csv": f"Frage,query,positive,passt\na,{BANK},{EIGHT},ja\nb,{BANK},{CUP},nein\n"},
        {},
        r"x\.csv: the column 'passt' .*--label passt if so",
    ),
    "lists of labels with another name": (
        {"x.jsonl": [{"query": BANK, "documents": [EIGHT, CUP], "gold": [1, 0]}]},
        {},
        r"x\.jsonl: the column 'gold' .*--label gold if so",
    ),
    "a split with another name": (
        {"x.csv": f"query,positive,set\n{BANK},{EIGHT},train\n{TEA},{CUP},test\n"},
        {},
        r"x\.csv: the column 'set' .*names splits \(test, train\); say --split-column set if so, or --ignore set",
    ),
    "negatives with another name": (
        {"x.jsonl": [{"question": BANK, "answer": EIGHT, "incorrect_answers": [CUP]}]},
        {},
        r"x\.jsonl: the column 'incorrect_answers' .*--negative incorrect_answers .*--ignore incorrect_answers",
    ),
    "some negatives with a known name, others with another": (
        {"x.jsonl": [{"query": BANK, "pos": [EIGHT], "hard_neg": [CUP], "easy_neg": [MAY]}]},
        {},
        r"x\.jsonl: the column 'easy_neg' .*--negative easy_neg",
    ),
    "passages that were retrieved, beside answers": (
        {"x.json": [{"question": BANK, "answers": ["8"], "ctxs": [{"id": "1", "text": EIGHT, "has_answer": True}]}]},
        {},
        r"x\.json: the column 'ctxs' .*not read.*--ignore ctxs",
    ),
    "labels without a header where negatives stand": (
        {"x.csv": f"{BANK},{EIGHT},1\n{BANK},{CUP},0\n"},
        {"no_header": True},
        r"x\.csv: the column 'negative' .*holds numbers.*--columns query,document,label",
    ),
    "labels beside negatives": (
        {"x.jsonl": [{"query": BANK, "positive": EIGHT, "negative": CUP, "label": 1}]},
        {},
        r"x\.jsonl: the column 'label' labels pairs, but 'negative' holds negatives",
    ),
    "two columns for the answer": (
        {"x.csv": f"question,answer,context\n{BANK},{EIGHT},{CUP}\n"},
        {},
        r"x\.csv: the columns 'answer' and 'context' may each be the positive.*--positive",
    ),
    "two separators": ({"x.csv": "frage;name,antwort;name\na;b,c;d\n"}, {}, r"x\.csv:1: ',' or ';' may separate"),
    "names that nobody knows": (
        {"x.csv": f"Frage;Antwort\n{BANK};{EIGHT}\n"},
        {},
        r"x\.csv: no column for the query .*Frage, Antwort; name it with --query",
    ),
    "typographic quotes": (
        {"x.csv": "query,positive\n“a, b”,c\n"},
        {},
        r"x\.csv:2: 3 fields where the header has 2; typographic quotes",
    ),
    "a comma too many in JSON": (
        {"x.jsonl": '{"query": "a", "positive": "b",}\n'},
        {},
        r"x\.jsonl:1: broken JSON: .* at character \d+",
    ),
    "documents by id without a corpus": (
        {
            "x.jsonl": [
                {"query_id": "1", "query_text": BANK, "positive_document_ids": ["1"], "negative_document_ids": []}
            ]
        },
        {},
        r"x\.jsonl:1: document id '1': .*--documents",
    ),
    "half of a known layout": (
        {"x.jsonl": [{"query_id": "1", "positive_passages": "x", "negative_passages": "y"}]},
        {},
        r"x\.jsonl: no column for the query .*nearest known layout is Tevatron, which also has: query",
    ),
    "a column that is not there": (
        {"x.csv": CSV},
        {"label": "grade"},
        r"x\.csv: no column 'grade'; it has: query, passage, LABEL",
    ),
    "column options for a folder": (
        beir("1\t1\t1\n"),
        {"query": "q"},
        r"folder with files of its own .*--query says nothing",
    ),
    "a folder without documents": (
        {"qrels.train.tsv": "1\t0\t1\t1\n", "queries.tsv": "1\tx\n"},
        {},
        r"no file of documents beside the qrels; it may be called collection\.tsv",
    ),
    "a file with an unknown ending": ({"x.data": "a\tb\n"}, {}, r"x\.data: not a dataset by its name.*--columns"),
}


def place(folder, files, mapping):
    return folder / next(iter(files)) if len(files) == 1 or "documents" in mapping else folder


def beside(folder, mapping):
    return mapping | ({"documents": folder / mapping["documents"]} if "documents" in mapping else {})


@pytest.mark.parametrize("situation", READ)
def test_what_is_meant_is_read(tmp_path, situation):
    files, mapping, meant = READ[situation]
    write(tmp_path, files)
    dataset = read_dataset(place(tmp_path, files, mapping), mapping=beside(tmp_path, mapping))
    assert labels(dataset) == meant
    assert dataset.mapping.fields


@pytest.mark.parametrize("situation", REFUSED)
def test_what_is_unclear_is_refused(tmp_path, situation):
    files, mapping, message = REFUSED[situation]
    write(tmp_path, files)
    with pytest.raises(DatasetError) as refused:
        read_dataset(place(tmp_path, files, mapping), mapping=beside(tmp_path, mapping))
    assert re.search(message, str(refused.value))


def test_a_pool_adds_documents_and_gives_its_ids(tmp_path):
    write(
        tmp_path,
        {
            "x.jsonl": [{"query": BANK, "pos": [EIGHT]}, {"query": TEA, "pos": [CUP]}],
            "pool.jsonl": [{"id": "p1", "text": EIGHT, "page": 3}, {"id": "p2", "text": MAY, "page": 4}],
            "pool.txt": f"{EIGHT}\n\n{MAY}\n",
            "pool.csv": f"text\n{EIGHT}\n{MAY}\n",
        },
    )
    for name in ("pool.jsonl", "pool.txt", "pool.csv"):
        dataset = read_dataset(tmp_path / "x.jsonl", mapping={"documents": tmp_path / name})
        assert sorted(dataset.document_texts) == sorted([EIGHT, MAY, CUP])
        assert labels(dataset) == {(BANK, EIGHT, 1), (TEA, CUP, 1)}
    with_ids = read_dataset(tmp_path / "x.jsonl", mapping=Layout(documents=tmp_path / "pool.jsonl"))
    assert with_ids.documents["id"].to_list()[:2] == ["p1", "p2"]
    assert with_ids.documents["page"].to_list() == [3, 4, None]


def test_labels_that_cannot_be_read_are_left_out_row_by_row(tmp_path):
    bad = f"{TEA},{CUP},x\n{SNOW},{MAY},0.5\n{SNOW},{MAY},\n"
    write(tmp_path, {"x.csv": f"query,passage,label\n{BANK},{EIGHT},1\n{BANK},{CUP},0\n{bad}"})
    dataset = read_dataset(tmp_path / "x.csv", skip_invalid=True)
    assert labels(dataset) == {(BANK, EIGHT, 1), (BANK, CUP, 0)}
    assert dataset.skipped == {"unreadable relevance": 3}
    with pytest.raises(DatasetError, match=r"x\.csv:4: 'label' 'x' .*--ignore label"):
        read_dataset(tmp_path / "x.csv")


def test_files_beside_the_qrels_are_said_to_be_left_out(tmp_path):
    write(tmp_path, beir("1\t1\t1\n") | {"qrels/notes.md": "x"})
    assert read_dataset(tmp_path).mapping.ignored == ("qrels/notes.md (no qrels by its name)",)


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("qrels.dev.small.tsv", "dev"),
        ("msmarco-doctrain-qrels.tsv", "train"),
        ("2019qrels-pass.txt", "2019-pass"),
        ("qrels.tsv", "train"),
    ],
)
def test_the_name_of_a_qrels_file_gives_the_split(tmp_path, name, split):
    write(
        tmp_path, {"msmarco-docs.tsv": f"1\thttp://x\tA\t{EIGHT}\n", "queries.tsv": f"1\t{BANK}\n", name: "1 0 1 1\n"}
    )
    assert read_dataset(tmp_path).splits == [split]


def test_the_mapping_says_what_became_what_and_what_was_left_out(tmp_path):
    write(tmp_path, {"x.csv": f"Topic,Query,Passage,Label,note\na,{BANK},{EIGHT},1,x\nb,{BANK},{CUP},0,y\n"})
    dataset = read_dataset(tmp_path / "x.csv", mapping={"ignore": "note"})
    assert dict(dataset.mapping.fields) == {
        "query": "'Query'",
        "document": "'Passage'",
        "relevance": "'Label' (grades 0, 1; above 0 is relevant)",
        "split": "'train' for all, no column says otherwise",
        "id of queries": "hash of the text",
        "id of documents": "hash of the text",
        "metadata of queries": "'Topic'",
    }
    assert dataset.mapping.ignored == ("note (as told)",)


def test_the_index_of_a_pandas_table_is_read_if_it_has_a_name():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"qid": ["007", "7"], "query": [BANK, TEA], "positive": [EIGHT, CUP]})
    assert read_dataset(table.set_index("qid")).queries["id"].to_list() == ["007", "7"]
    assert read_dataset(table[table.qid == "7"]).queries.columns == ["id", "text"]


def test_a_lazy_table_that_cannot_be_collected_is_refused():
    with pytest.raises(DatasetError, match=r'the table of polars cannot be read: .*"nope"'):
        read_dataset(pl.LazyFrame({"query": ["x"]}).select("nope"))


def test_files_of_questions_beside_a_corpus_are_splits(tmp_path):
    asked = {"train": ("1", BANK), "test": ("2", TEA)}
    write(
        tmp_path,
        {
            f"qa_{split}.parquet": pl.DataFrame({"qid": [key], "query": [text], "retrieval_gt": [[[key]]]})
            for split, (key, text) in asked.items()
        }
        | {"corpus.parquet": pl.DataFrame({"doc_id": list(CORPUS), "contents": list(CORPUS.values())})},
    )
    dataset = read_dataset(tmp_path)
    assert labels(dataset) == {(BANK, EIGHT, 1), (TEA, CUP, 1)}
    assert dict(zip(dataset.query_texts[dataset.qrels["query"]], dataset.qrels["split"], strict=True)) == {
        BANK: "train",
        TEA: "test",
    }


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"querry": "x"}, "a mapping has no 'querry'; did you mean 'query'"),
        ({"query": 3}, "query is 3; give a text"),
        ({"relevance": "E"}, "--relevance 'E': write VALUE=GRADE"),
        ({"columns": "a,a"}, "names a column twice"),
        ({"relevance": {"y": 0.5}}, "--relevance 'y=0.5': write VALUE=GRADE"),
        ({"relevance": {"y": None}}, "--relevance 'y=None': write VALUE=GRADE"),
        ({"min_relevance": "much"}, "min_relevance is 'much'; give a number"),
        ({"min_relevance": float("nan")}, "min_relevance is nan; give a number"),
        ({"no_header": "no"}, "no_header is 'no'; give True or False"),
        ({"documents": 3}, "documents is 3; give a path"),
        ({"query": "a", "positive": "a"}, "the column 'a' is named for two things"),
        ([("query", "x")], "mapping is a list"),
    ],
)
def test_a_mapping_that_cannot_be_meant_is_refused(mapping, message):
    with pytest.raises(DatasetError, match=message):
        read_dataset("x.csv", mapping=mapping)


def test_several_languages_beside_each_other_are_told_apart(tmp_path):
    for language, shift in (("de", 0), ("sw", 1)):
        write(
            tmp_path,
            {
                f"{language}-corpus/corpus-0.parquet": pl.DataFrame(
                    {"_id": list(CORPUS), "text": list(CORPUS.values())}
                ),
                f"{language}-queries/queries-0.parquet": pl.DataFrame(
                    {"_id": list(QUERIES), "text": list(QUERIES.values())}
                ),
                f"{language}-qrels/dev-0.parquet": pl.DataFrame(
                    {"query-id": ["1"], "corpus-id": [str(1 + shift)], "score": [1.0]}
                ),
                f"{language}-top_ranked/dev-0.parquet": pl.DataFrame({"query-id": ["1"], "corpus-ids": [["1", "2"]]}),
            },
        )
    with pytest.raises(DatasetError, match=r"several datasets in one \(2\); name one of them: .*:de, .*:sw"):
        read_dataset(tmp_path)
    dataset = read_dataset(f"hf:{tmp_path}:sw")
    assert labels(dataset) == {(BANK, CUP, 1)}
    assert dataset.splits == ["dev"]
    assert dataset.mapping.ignored == ("sw-top_ranked (candidates to rerank, which are no labels)",)
