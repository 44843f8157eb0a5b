import pytest

from hardneg.reports.write import read_contents
from hardneg.runs.parts import scan_parts
from run_folder import build_run, nasty_dataset


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A run folder; read only."""
    return build_run(tmp_path_factory.mktemp("made"), nasty_dataset())


@pytest.fixture(scope="session")
def contents(made):
    return read_contents(made)


@pytest.fixture(scope="session")
def candidates(made):
    """Every candidate as a plain dict."""
    return scan_parts(made / "candidates").collect().to_dicts()


@pytest.fixture(scope="session")
def negatives(made):
    return scan_parts(made / "negatives").collect().to_dicts()
