"""Run the cells of the tutorial and keep what they show: `python docs/notebook.py`."""

import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient

PAGE = Path(__file__).with_name("tutorial.ipynb")


def main() -> None:
    """Execute the notebook."""
    page = nbformat.read(PAGE, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(page, timeout=900, resources={"metadata": {"path": folder}}).execute()
    for cell in page.cells:
        cell.metadata.pop("execution", None)  # when it ran
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]  # progress
    page.metadata.language_info = {"name": "python"}
    nbformat.write(page, PAGE)


if __name__ == "__main__":
    main()
