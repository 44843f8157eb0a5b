import signal
from collections import Counter

from jaxtyping import install_import_hook

with install_import_hook("hardneg", "beartype.beartype"):
    import hardneg  # noqa: F401 - every module of the package is type checked, shapes included, in tests

import polars as pl
import pytest
from hypothesis import settings

from hardneg.data.dataset import Dataset

# A shell that starts the tests in the background has them ignore Ctrl-C, which some of them press, and `nohup` the end
# of the terminal.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# How long an example takes says more of the machine than of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


FIRST = ("test_ray.py", "test_trust.py", "test_tutorial.py", "test_cli_models.py")
FIRST += ("test_processes.py", "test_cli_watch.py")


def pytest_collection_modifyitems(items):
    """Have the tests of a cluster come first, and then those that take a minute each.

    A process takes tests from the end of another's, so that those at the beginning stay in one: two clusters on one
    machine wait for each other. Of long tests none is left for the end, when the other processes have nothing to do.
    """
    items.sort(key=lambda item: FIRST.index(item.path.name) if item.path.name in FIRST else len(FIRST))


def pytest_terminal_summary(terminalreporter):
    """Count what was not tested, by its reason, where everybody who looks at the result sees it."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(str(each.longrepr[2] if isinstance(each.longrepr, tuple) else each.longrepr) for each in skipped)
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count} skipped: {reason.removeprefix('Skipped: ')}")
    if not reasons:
        terminalreporter.write_line("none skipped")


@pytest.fixture(autouse=True)
def _cache_in_tmp(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def miners(monkeypatch):
    """The second processes of training, in the order in which they were started."""
    from hardneg.processes import Worker

    started = []

    class Noted(Worker):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            started.append(self)

    monkeypatch.setattr("hardneg.training.refresh.worker.Worker", Noted)
    return started


@pytest.fixture
def tiny() -> Dataset:
    """4 queries, 8 documents; d5 repeats d0 in other case, d7 is judged not relevant to q0."""
    queries = pl.DataFrame(
        {
            "id": ["q0", "q1", "q2", "q3"],
            "text": ["open a file", "sort a list", "join two strings", "copy a folder"],
        }
    )
    documents = pl.DataFrame(
        {
            "id": [f"d{i}" for i in range(8)],
            "text": [
                "use open to read a file",
                "sorted returns a sorted list",
                "str.join joins strings",
                "shutil.copytree copies a folder",
                "list.sort sorts in place",
                "Use OPEN to  read a file",
                "os.remove deletes a file",
                "os.listdir lists a folder",
            ],
        }
    )
    qrels = pl.DataFrame(
        {
            "query_id": ["q0", "q0", "q1", "q1", "q2", "q3"],
            "doc_id": ["d0", "d7", "d1", "d4", "d2", "d3"],
            "relevance": [1, 0, 1, 1, 1, 1],
            "split": ["train", "train", "train", "train", "train", "test"],
        }
    )
    return Dataset.from_tables(queries, documents, qrels, name="tiny")
