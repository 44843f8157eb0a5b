"""The tutorial notebook, executed as Jupyter does."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "docs" / "tutorial.ipynb"


@pytest.mark.filterwarnings("ignore")  # of Jupyter about itself
def test_every_cell_runs_and_shows_what_the_page_shows(tmp_path, monkeypatch):
    monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path / "cache"))
    page = nbformat.read(NOTEBOOK, as_version=4)
    shown = [kinds(cell) for cell in page.cells]
    assert sum("text/html" in each for each in shown) >= 6
    NotebookClient(page, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert [kinds(cell) for cell in page.cells] == shown


def kinds(cell):
    """The kinds of output of a cell, those of progress left out."""
    outputs = [output for output in cell.get("outputs", []) if output.output_type == "execute_result"]
    return {kind for output in outputs for kind in output.data}
