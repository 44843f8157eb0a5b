"""A ladder as users have it: each task in a process of its own, which other tests spare themselves."""

from hardneg.cli import main
from hardneg.ladders.plan import read_record


def test_each_task_is_done_by_a_process_of_its_own_whose_memory_is_told(bench, tmp_path):
    out = tmp_path / "ladder"
    command = ["ladder", bench / "data", "--model", bench / "tiny", "-o", out, "--rung", "bm25", "--seeds", 1, "--yes"]
    assert main([*map(str, command), "--quiet"]) == 0
    records = {path.stem: read_record(out, path.stem) for path in (out / "tasks").glob("*.log")}
    assert records.keys() == {"probe", "climb-bm25", "test-bm25"}
    assert {each.state for each in records.values()} == {"done"}
    assert all(each.peak_gb > 0 for each in records.values())
