import builtins

import pytest

from hardneg.data.reading import read_dataset
from hardneg.errors import DatasetError, MissingExtraError

datasets = pytest.importorskip("datasets")

PAIRS = {"anchor": ["q1", "q2"], "positive": ["p1", "p2"], "negative": ["n1", "p1"]}


@pytest.fixture(autouse=True)
def _offline(monkeypatch, tmp_path):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf_cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()


def test_a_saved_dataset_of_splits_is_read_as_pairs(tmp_path):
    train, test = (
        datasets.Dataset.from_dict(PAIRS),
        datasets.Dataset.from_dict({"anchor": ["q3"], "positive": ["p1"]}),
    )
    datasets.DatasetDict({"train": train, "test": test}).save_to_disk(tmp_path / "saved")
    dataset = read_dataset(tmp_path / "saved")
    assert dataset.name == "saved"
    assert dataset.query_texts.to_list() == ["q1", "q2", "q3"]
    assert [row[2:] for row in dataset.qrels.iter_rows()] == [
        (1, "train"),
        (0, "train"),
        (1, "train"),
        (0, "train"),
        (1, "test"),
    ]


def test_a_saved_dataset_without_splits_is_for_training(tmp_path):
    datasets.Dataset.from_dict(PAIRS).save_to_disk(tmp_path / "saved")
    assert read_dataset(tmp_path / "saved").splits == ["train"]


def test_a_repository_of_pairs_is_loaded_by_name(tmp_path):
    (tmp_path / "pairs").mkdir()
    datasets.Dataset.from_dict(PAIRS).to_parquet(tmp_path / "pairs" / "train.parquet")
    dataset = read_dataset(f"hf:{tmp_path / 'pairs'}")
    assert dataset.name == "pairs"
    assert dataset.n_queries == 2


def test_a_row_without_positive_is_named_by_its_number(tmp_path):
    datasets.Dataset.from_dict({"anchor": ["q1", "q2"], "positive": ["p1", ""]}).save_to_disk(tmp_path / "saved")
    with pytest.raises(DatasetError, match=r"saved: a query without positives \(row 2\)"):
        read_dataset(tmp_path / "saved")


def test_a_repository_with_corpus_and_queries_is_read_as_such(tmp_path):
    folder = tmp_path / "mteb"
    parts = {
        "corpus": {"_id": ["d0", "d1"], "title": ["T", ""], "text": ["a", "b"]},
        "queries": {"_id": ["q0", "q1"], "text": ["x", "y"]},
        "default": {"query-id": ["q0", "q1"], "corpus-id": ["d0", "d1"], "score": [1, 0]},
    }
    for name, columns in parts.items():
        (folder / name).mkdir(parents=True)
        datasets.Dataset.from_dict(columns).to_parquet(folder / name / "test.parquet")
    configs = "".join(
        f"- config_name: {name}\n  data_files:\n  - split: test\n    path: {name}/test.parquet\n" for name in parts
    )
    (folder / "README.md").write_text(f"---\nconfigs:\n{configs}---\n")
    dataset = read_dataset(f"hf:{folder}")
    assert dataset.document_texts.to_list() == ["T a", "b"]
    assert dataset.qrels.rows() == [(0, 0, 1, "test"), (1, 1, 0, "test")]


def test_a_dataset_that_cannot_be_loaded_is_named(tmp_path):
    with pytest.raises(DatasetError, match=r"hf:.*nowhere: cannot be loaded: .*; check the name and the network"):
        read_dataset(f"hf:{tmp_path}/nowhere")


def test_the_missing_extra_is_named(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "datasets":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"pip install 'hardneg\[hub\]'"):
        read_dataset("hf:some/name")


def test_the_names_of_classes_count_and_not_their_numbers():
    rows = {"query": ["q", "q"], "document": ["a", "b"], "label": [0, 1]}
    data = datasets.Dataset.from_dict(
        rows,
        features=datasets.Features(
            {
                "query": datasets.Value("string"),
                "document": datasets.Value("string"),
                "label": datasets.ClassLabel(names=["answer", "other"]),
            }
        ),
    )
    with pytest.raises(DatasetError, match="'label' 'answer' is no whole number"):
        read_dataset(data)
    read = read_dataset(data, mapping={"relevance": {"answer": 1, "other": 0}})
    assert read.qrels["relevance"].to_list() == [1, 0]
    assert read.document_texts.to_list() == ["a", "b"]


def test_a_dataset_in_memory_keeps_the_split_that_it_was_loaded_as():
    data = datasets.Dataset.from_dict({"query": ["q"], "positive": ["a"]}, split="test")
    assert read_dataset(data).splits == ["test"]
