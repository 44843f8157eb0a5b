import polars as pl
import pytest

from hardneg.negatives.export import FORMS, export
from hardneg.negatives.own import without_answers

# d5 repeats d0, the answer to q0, in other case; d4 answers q1; q3 is of another split.
ROWS = [(0, 0), (0, 5), (0, 1), (1, 4), (1, 2), (2, 6), (3, 3)]


def table(rows):
    return pl.DataFrame(rows, schema={"query": pl.Int32, "document": pl.Int32}, orient="row")


def test_answers_by_id_by_text_and_of_any_split_are_left_out_and_counted(tiny):
    left, n = without_answers(table(ROWS).with_columns(source=pl.lit("bm25")), tiny)
    assert left.rows() == [(0, 1, "bm25"), (1, 2, "bm25"), (2, 6, "bm25")]
    assert n == 4
    assert without_answers(table([]), tiny)[1] == 0


@pytest.mark.parametrize("form", FORMS)
def test_no_form_of_export_hands_an_answer_out_as_a_negative(tiny, form):
    written = export(tiny, table(ROWS), split="train", form=form)
    assert written.equals(export(tiny, table([(0, 1), (1, 2), (2, 6)]), split="train", form=form))
