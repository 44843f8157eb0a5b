import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.filters import KnownPositives


def test_a_positive_is_refused_by_id_and_by_text_and_for_a_query_of_the_same_text():
    dataset = Dataset.from_tables(
        pl.DataFrame({"id": ["q0", "q1", "q2"], "text": ["open a file", "Open  a FILE", "sort"]}),
        pl.DataFrame({"id": ["d0", "d1", "d2"], "text": ["use open", "Use\tOPEN", "sorted"]}),
        pl.DataFrame(
            {
                "query_id": ["q0", "q2"],
                "doc_id": ["d0", "d2"],
                "relevance": [1, 1],
                "split": ["train", "test"],
            }
        ),
    )
    pairs = [(0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (2, 2)]
    rows = pl.DataFrame(pairs, schema={"query": pl.Int32, "document": pl.Int32}, orient="row")
    assert KnownPositives().keep(rows, dataset).tolist() == [False, False, False, False, True, True, False]
