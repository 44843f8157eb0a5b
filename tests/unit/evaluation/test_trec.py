import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from hardneg.evaluation.trec import read_qrels, read_run, strictly_falling, write_qrels, write_run

scores = st.lists(st.floats(width=32, min_value=-4, max_value=4), min_size=1, max_size=20)


def frame(**columns):
    return pl.DataFrame(columns, schema_overrides={"rank": pl.Int32, "score": pl.Float32})


@given(st.lists(scores, min_size=1, max_size=4))
def test_scores_fall_strictly_within_each_query_and_never_rise_above_the_given_ones(queries):
    score = np.float32([value for query in queries for value in query])
    rank = np.concatenate([np.arange(1, len(query) + 1, dtype=np.int32) for query in queries])
    falling = strictly_falling(score, rank)
    assert (falling <= score).all()
    assert (np.diff(falling)[rank[1:] > 1] < 0).all()
    assert (falling[rank == 1] == score[rank == 1]).all()


def test_scores_that_fall_are_written_as_they_are(tmp_path):
    run = frame(query_id=["q", "q"], doc_id=["a", "b"], rank=[1, 2], score=[0.25, -0.5])
    write_run(run, tmp_path / "run.trec", tag="bm25")
    assert (tmp_path / "run.trec").read_text() == "q Q0 a 1 0.25 bm25\nq Q0 b 2 -0.5 bm25\n"


def test_a_run_without_scores_is_written_with_minus_the_rank(tmp_path):
    run = frame(query_id=["q", "q"], doc_id=["a", "b"], rank=[1, 2], score=[0.25, None])
    write_run(run, tmp_path / "run.trec", tag="x")
    assert (tmp_path / "run.trec").read_text() == "q Q0 a 1 -1.0 x\nq Q0 b 2 -2.0 x\n"


def test_white_space_in_ids_and_tags_does_not_break_the_format(tmp_path):
    run = frame(query_id=["q 1"], doc_id=['d\t"2"'], rank=[1], score=[1.0])
    write_run(run, tmp_path / "run.trec", tag="my model")
    write_qrels(pl.DataFrame({"query_id": ["q 1"], "doc_id": ['d\t"2"'], "relevance": [2]}), tmp_path / "qrels.trec")
    assert (tmp_path / "run.trec").read_text() == 'q%201 Q0 d%20"2" 1 1.0 my%20model\n'
    assert (tmp_path / "qrels.trec").read_text() == 'q%201 0 d%20"2" 2\n'


def test_ranks_may_have_gaps():
    falling = strictly_falling(np.float32([1, 1, 1, 1]), np.int32([2, 5, 3, 9]))
    assert falling[0] == falling[2] == 1
    assert (falling[[1, 3]] < 1).all()


def test_what_was_written_is_read_back(tmp_path):
    run = frame(query_id=["q", "q"], doc_id=["a", "b"], rank=[1, 2], score=[0.25, -0.5])
    qrels = pl.DataFrame({"query_id": ["q"], "doc_id": ["a"], "relevance": [2]})
    write_run(run, tmp_path / "run.trec", tag="x")
    write_qrels(qrels, tmp_path / "qrels.trec")
    assert read_run(tmp_path / "run.trec").equals(run)
    assert read_qrels(tmp_path / "qrels.trec").equals(qrels)


def test_a_run_that_found_nothing_is_read_back_empty(tmp_path):
    write_run(
        frame(query_id=[], doc_id=[], rank=[], score=[]).cast({"query_id": pl.String, "doc_id": pl.String}),
        tmp_path / "run.trec",
        tag="x",
    )
    assert read_run(tmp_path / "run.trec").columns == ["query_id", "doc_id", "rank", "score"]
