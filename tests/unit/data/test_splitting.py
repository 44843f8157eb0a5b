import pytest

from hardneg.data.reading import read_dataset
from hardneg.data.splitting import held_out
from hardneg.errors import DatasetError


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "x.csv"
    rows = "".join(f"query {i},answer {i}\nquery {i},other {i}\n" for i in range(200))
    path.write_text("query,positive\n" + rows)
    return read_dataset(path)


def test_about_the_share_is_held_out_by_query(pairs):
    divided = held_out(pairs, test_share=0.25, seed=0)
    train, test = set(divided.queries_of("train")), set(divided.queries_of("test"))
    assert not train & test
    assert len(train | test) == 200
    assert 35 <= len(test) <= 65
    assert divided.qrels["split"].to_list() == held_out(pairs, test_share=0.25, seed=0).qrels["split"].to_list()


def test_queries_of_equal_text_stay_together(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("query,positive\n" + "".join(f"same {i},a\nSAME  {i},b\n" for i in range(50)))
    divided = held_out(read_dataset(path), test_share=0.5, seed=1)
    splits = {}
    for query, _, _, split in divided.qrels.iter_rows():
        splits.setdefault(int(divided.query_text_group[query]), set()).add(split)
    assert len(splits) == 50
    assert all(len(found) == 1 for found in splits.values())


def test_a_dataset_with_splits_is_left_alone(tiny):
    with pytest.raises(DatasetError, match="already has the splits train, test"):
        held_out(tiny, test_share=0.3, seed=0)


@pytest.mark.parametrize(("share", "message"), [(0.0, "between 0 and 1"), (0.0001, "too few queries")])
def test_a_share_that_leaves_nothing_is_refused(pairs, share, message):
    with pytest.raises(DatasetError, match=message):
        held_out(pairs, test_share=share, seed=0)
