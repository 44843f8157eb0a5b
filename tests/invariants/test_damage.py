"""A damaged file is named and made anew alone, or the command stops with one message; never is a result another one."""

import logging

import numpy as np
import pytest

from flipping import files_of, flip
from hardneg.errors import RunError
from hardneg.pipeline.mining import mine
from hardneg.runs.parts import part_files, read_parts
from hardneg.sources import BM25
from toy import toy_dataset


def mined_into(folder):
    return mine(
        toy_dataset(),
        sources=[BM25()],
        block_size=8,
        depth=10,
        filters=["positive_margin(score='bm25', ratio=0.95)"],
        out=folder,
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "mined"
    mined_into(folder)
    return files_of(folder)


def written(files, folder):
    """The files of a run, their checksums too."""
    mined_into(folder)
    assert files_of(folder) == files
    return folder


@pytest.mark.parametrize("table", ["candidates", "negatives"])
def test_a_damaged_part_is_named_and_mined_anew_alone(tmp_path, whole, table, caplog):
    folder = written(whole, tmp_path / "mined")
    first, second, third = part_files(folder / table)
    kept = [path.stat().st_mtime_ns for path in (first, third)]
    flip(second, 4711)
    with pytest.raises(RunError, match=f"{second.name} is damaged"):
        read_parts(folder / table, toy_dataset())
    with caplog.at_level(logging.WARNING):
        mined_into(folder)
    assert str(second) in caplog.text
    assert files_of(folder) == whole
    assert [path.stat().st_mtime_ns for path in (first, third)] == kept


def test_a_part_that_was_cut_before_there_were_checksums_is_mined_anew(tmp_path, whole):
    folder = written(whole, tmp_path / "mined")
    for place in (folder, folder / "candidates", folder / "negatives"):
        (place / ".checksums").unlink(missing_ok=True)
    part = part_files(folder / "negatives")[1]
    part.write_bytes(part.read_bytes()[:100])
    mined_into(folder)
    assert files_of(folder) == whole


def refusal(folder):
    """What mining into a folder is refused with; empty if it is not."""
    try:
        mined_into(folder)
    except RunError as error:
        return str(error)
    return ""


def test_any_flipped_bit_of_a_mined_folder_is_mended_or_told(tmp_path, whole):
    folder, rng = written(whole, tmp_path / "mined"), np.random.default_rng(0)
    for name in sorted(whole):
        path = folder / name
        for _ in range(4):
            flip(path, int(rng.integers(8 * path.stat().st_size)))
            if told := refusal(folder):
                assert str(path) in told
                path.write_bytes(whole[name])
                mined_into(folder)
            assert files_of(folder) == whole, name
