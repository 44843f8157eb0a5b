"""Ray Data: mined negatives as a distributed dataset, and a distributed dataset mined.

`hardneg.engines.Ray` is who does the work; this is how data get there and back.
"""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from hardneg.arguments import check_places
from hardneg.data.reading import read_dataset
from hardneg.engines import Engine, Ray
from hardneg.engines.ray import bring_token
from hardneg.errors import RunError
from hardneg.files import check_folder
from hardneg.pipeline.how import How
from hardneg.pipeline.mining import mine
from hardneg.runs.parts import part_files

if TYPE_CHECKING:
    import ray.data

_DATA = "data"


def read_negatives(run: Path | str) -> "ray.data.Dataset":
    """Read what was mined as a dataset of Ray, part by part, by the machines that will use it.

    Args:
        run: Folder that was mined into, or `negatives` or `candidates` in it.

    Returns:
        One row a negative: `query_id`, `doc_id`, `rank`, `source` and what else was mined.

    Raises:
        RunError: Nothing was mined there.
    """
    import ray.data

    check_places("read_negatives", optional=False, run=run)
    folder = Path(run)
    files = part_files(folder / "negatives") or part_files(folder)
    if not files:
        raise RunError(f"{run} holds no part-*.parquet; mine first, or name the folder of a finished run")
    return ray.data.read_parquet([str(file.absolute()) for file in files])


def mine_dataset(
    data: "ray.data.Dataset", *, out: Path | str, engine: Engine | None = None, **how: Unpack[How]
) -> "ray.data.Dataset":
    """Mine negatives for the pairs of a dataset of Ray.

    Its rows are written to Parquet by the machines that have them, and read as any file of pairs is: columns `query`
    and `positive`, and what else `read_dataset` knows.

    Args:
        data: The pairs.
        out: Folder to mine into, which all machines see; the pairs lie in `data` of it. Called again with the same
            folder, it goes on where it was stopped, with the pairs that are there.
        engine: Who mines; None takes the workers of the cluster that this process is part of.
        **how: How to mine, as for `hardneg.mine`: `sources`, `filters`, `depth`, …

    Returns:
        What was mined, as `read_negatives` reads it.

    Raises:
        DatasetError: The rows are no pairs.
        RunError: The cluster cannot do it.
    """
    check_places("mine_dataset", optional=False, out=out)
    folder = Path(out)
    check_folder(folder)
    bring_token()
    _write(data, folder / _DATA)
    mine(read_dataset(folder / _DATA), out=folder, engine=engine or Ray(address="auto"), **how)
    return read_negatives(folder)


def _write(data: "ray.data.Dataset", folder: Path) -> None:
    """Write the rows, unless they are there; the mark of Spark says that all of them are."""
    if (folder / "_SUCCESS").exists():
        return
    shutil.rmtree(folder, ignore_errors=True)  # parts of a call that was stopped
    data.write_parquet(str(folder.absolute()))
    (folder / "_SUCCESS").touch()
