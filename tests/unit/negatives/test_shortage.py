import polars as pl

from hardneg.negatives.selection import fill


def filled(candidates, dataset, *, need, n_tries=64, score=None, seed=0):
    short = pl.DataFrame({"query": [0, 1], "need": [need, need]}, schema={"query": pl.Int32, "need": pl.Int64})
    chosen = pl.DataFrame({"query": [1], "text": [dataset.text_group[8]]}, schema={"query": pl.Int32, "text": pl.Int32})
    return fill(short, chosen, candidates, dataset, score=score, seed=seed, n_tries=n_tries)


def documents(table, query):
    return table.filter(pl.col("query") == query)["document"].to_list()


def test_answers_dropped_candidates_and_chosen_texts_are_never_drawn(candidates, ten):
    table = filled(candidates, ten, need=100)
    # q0 may not have its positive d0 nor d6, which was dropped; d8 and d9 are one text.
    assert set(documents(table, 0)) in ({1, 2, 3, 4, 5, 7, 8}, {1, 2, 3, 4, 5, 7, 9})
    assert set(documents(table, 1)) == {0, 3, 4, 5, 6, 7}
    assert set(table["source"]) == {"fill"}


def test_a_query_gets_as_many_as_it_needs(candidates, ten):
    table = filled(candidates, ten, need=2)
    assert table["query"].to_list() == [0, 0, 1, 1]


def test_a_query_has_a_stream_of_its_own(candidates, ten):
    both = filled(candidates, ten, need=3)
    alone = fill(
        pl.DataFrame({"query": [1], "need": [3]}, schema={"query": pl.Int32, "need": pl.Int64}),
        pl.DataFrame({"query": [1], "text": [ten.text_group[8]]}, schema={"query": pl.Int32, "text": pl.Int32}),
        candidates.filter(pl.col("query") == 1),
        ten,
        score=None,
        seed=0,
        n_tries=64,
    )
    assert documents(alone, 1) == documents(both, 1)
    assert any(documents(filled(candidates, ten, need=3, seed=seed), 1) != documents(both, 1) for seed in range(9))


def test_all_documents_are_gone_through_when_the_tries_do_not_suffice(candidates, ten):
    table = filled(candidates, ten, need=6, n_tries=1)
    assert len(documents(table, 0)) == len(documents(table, 1)) == 6
    assert table["query"].is_sorted()


def test_the_weakest_positive_is_reported_under_a_named_score(candidates, ten):
    table = filled(candidates, ten, need=1, score="dense")
    assert [round(score, 2) for score in table["positive_score"]] == [0.9, 0.5]
