import pytest

from hardneg.domains.code.source import METADATA, code_source
from hardneg.errors import DatasetError


@pytest.fixture
def tree(tmp_path):
    """40 files with two documented functions each, and some that must not count."""
    root = tmp_path / "tree"
    (root / "pkg").mkdir(parents=True)
    for i in range(40):
        (root / "pkg" / f"m{i:02}.py").write_text(
            f'def first_{i}():\n    """Do the first thing {i}."""\n    return {i}\n\n\n'
            f'def second_{i}(x):\n    """Do the second thing {i}.\n\n    At length."""\n    return x + {i}\n'
        )
    (root / "trivial.py").write_text('def f():\n    """Too short."""\n\n\ndef g():\n    pass\n')
    (root / "broken.py").write_text("def f(:\n")
    for folder in ("__pycache__", ".hidden", "site-packages"):
        (root / folder).mkdir()
        (root / folder / "no.py").write_text('def no():\n    """Must never be seen."""\n')
    return root


def split_of_each_path(dataset):
    paths = dataset.documents["path"]
    return {(paths[document], split) for _, document, _, split in dataset.qrels.iter_rows()}


def test_documented_functions_become_queries_and_documents(tree):
    dataset = code_source([tree], name="tree")
    assert (dataset.n_queries, dataset.n_documents, dataset.qrels.height) == (80, 80, 80)
    assert dataset.documents.columns == ["id", "text", *METADATA]
    second = dataset.documents.row(1, named=True)
    assert second["text"] == "def second_0(x):\n    return x + 0"
    assert [second[name] for name in ("path", "language", "kind", "name", "symbol", "owner", "line")] == [
        "pkg/m00.py",
        "python",
        "function",
        "second_0",
        "second_0",
        None,
        6,
    ]
    assert dataset.query_texts[1] == "Do the second thing 0."
    assert dataset.skipped == {"file that does not parse": 1}


def test_no_file_is_in_two_splits_and_the_shares_are_kept(tree):
    dataset = code_source([tree], test_share=0.25, dev_share=0.1, seed=3)
    pairs = split_of_each_path(dataset)
    assert len({path for path, _ in pairs}) == len(pairs) == 40
    assert {split: len(dataset.queries_of(split)) for split in sorted(dataset.splits)} == {
        "dev": 8,
        "test": 20,
        "train": 52,
    }


def test_the_seed_decides_the_split_and_nothing_else(tree):
    first, again, other = (code_source([tree], seed=seed) for seed in (1, 1, 2))
    assert first.fingerprint == again.fingerprint
    assert split_of_each_path(first) != split_of_each_path(other)
    assert first.documents.equals(other.documents)


def test_equal_docstrings_and_equal_functions_are_merged_and_stay_in_one_split(tree):
    for i in range(20):
        (tree / "pkg" / f"same{i}.py").write_text(
            f'def copy():\n    """Copy it number {i}."""\n    return 1\n\n\n'
            f'def other_{i}():\n    """Ask the same  QUESTION."""\n'
        )
    dataset = code_source([tree], seed=1)
    (question,) = [i for i, text in enumerate(dataset.query_texts) if text.startswith("Ask")]
    assert len(dataset.positives.of(question)) == 20
    (copy,) = [i for i, name in enumerate(dataset.documents["name"]) if name == "copy"]
    labels = dataset.qrels.filter(dataset.qrels["document"] == copy)
    assert labels.height == 20
    assert labels["split"].unique().to_list() == ["test"]


def test_undocumented_functions_can_be_kept_as_documents(tree):
    dataset = code_source([tree], undocumented=True)
    assert dataset.n_documents == 81
    assert dataset.qrels.height == 80


def test_the_number_of_documents_can_be_capped(tree):
    assert code_source([tree], max_documents=11).n_documents == 12


def test_several_paths_keep_their_folder_in_the_path(tree, tmp_path):
    (tmp_path / "single.py").write_text('def alone():\n    """Stand all alone."""\n')
    dataset = code_source([tree, tmp_path / "single.py"])
    assert dataset.n_documents == 81
    assert {path.split("/")[0] for path in dataset.documents["path"]} == {"tree", "single.py"}


def test_an_installed_package_is_found_without_importing_it(tree, monkeypatch):
    (tree / "pkg" / "__init__.py").write_text("raise RuntimeError('imported')\n")
    monkeypatch.syspath_prepend(tree)
    dataset = code_source(["pkg"])
    assert "m00.py" in dataset.documents["path"].to_list()


@pytest.mark.parametrize("path", ["no_such_package", "no/such/folder", "sys"])
def test_a_path_that_is_nothing_is_named(path):
    with pytest.raises(DatasetError, match=f"{path}: neither a folder, a file of"):
        code_source([path])


def test_a_tree_without_documented_functions_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="no documented function, method, class of python"):
        code_source([tmp_path])


@pytest.mark.parametrize(("test_share", "dev_share"), [(-0.1, 0.1), (0.8, 0.3)])
def test_shares_out_of_range_are_refused(tree, test_share, dev_share):
    with pytest.raises(DatasetError, match="must lie in"):
        code_source([tree], test_share=test_share, dev_share=dev_share)


def test_clones_are_labelled_as_answers_and_stay_in_one_split(tree):
    for i in range(6):
        (tree / "pkg" / f"clone{i}.py").write_text(
            f'def copy_{i}(v{i}):\n    """Make the copy number {i}."""\n    return load(v{i}, 7)\n'
        )
    dataset = code_source([tree], seed=1)
    clones = [i for i, text in enumerate(dataset.document_texts) if "load" in text]
    labels = dataset.qrels.filter(dataset.qrels["document"].is_in(clones))
    assert labels.height == len(clones) ** 2 == 36
    assert labels["split"].n_unique() == 1
    assert code_source([tree], seed=1, labels_clones=False).qrels.height == dataset.qrels.height - 30


def test_languages_and_kinds_are_chosen_and_minified_files_counted(tree):
    (tree / "one.go").write_text("package p\n\n// Add adds the numbers.\nfunc Add(a int) int { return b(a) }\n")
    (tree / "two.js").write_text("// Adds all the numbers.\nfunction add(a) { return b(a); }\n" + "x;" * 800)
    (tree / "three.py").write_text('class Pile:\n    """A pile of things."""\n    x = 1\n')
    dataset = code_source([tree], languages=["go", "javascript", "python"])
    assert set(dataset.documents["language"]) == {"go", "python"}
    assert dataset.skipped == {"file that does not parse": 1, "minified file": 1}
    assert code_source([tree], languages=["go"]).documents["name"].to_list() == ["Add"]
    assert code_source([tree], kinds=["class"]).documents["symbol"].to_list() == ["Pile"]
    with pytest.raises(DatasetError, match="language 'cobol' is unknown; name some of: python, javascript"):
        code_source([tree], languages=["cobol"])
