import polars as pl
import pytest
import typer

from hardneg.cli import app as application
from hardneg.cli import main
from hardneg.cli.spelling import as_typed


@pytest.mark.parametrize(
    ("typed", "message", "shown"),
    [
        (["mine", "d"], "or leave such rows out with skip_invalid", "or leave such rows out with --skip-invalid"),
        (["train", "d"], "set skip_invalid=True to go on", "set --skip-invalid to go on"),
        (["train", "d"], "max_tokens is 65, set it lower", "max_tokens is 65, set it lower"),
        (["evaluate", "d"], "max_tokens is 65, set it lower", "--max-tokens is 65, set it lower"),
        (["export", "d"], "give n_negatives = 3 to leave them out", "give --n-negatives 3 to leave them out"),
        (["export", "d"], "export: n_negatives is 0", "export: --n-negatives is 0"),
        (["mine", "d"], "command line: mine.block_size: should be", "command line: mine.block_size: should be"),
        (["mine", "d"], "select: per_query is 0", "select: per_query is 0"),
        (["audit", "d"], "raise the filter's max_queries (now 4)", "raise the filter's max_queries (now 4)"),
        (
            ["data", "interactions", "d"],
            "test_share 2 must be above 0, dev_share 0 at least 0",
            "--test-share 2 must be above 0, --dev-share 0 at least 0",
        ),
        (["teacher", "train"], "teacher: max_pairs must be", "teacher: --max-pairs must be"),
    ],
)
def test_options_are_named_as_they_are_typed(typed, message, shown):
    assert as_typed(message, typer.main.get_command(application.app), typed) == shown


def test_a_row_that_cannot_be_used_names_the_option(tmp_path, capsys):
    (tmp_path / "p.jsonl").write_text('{"query": "a", "positive": "b"}\nnot json\n')
    assert main(["mine", str(tmp_path / "p.jsonl"), "-o", str(tmp_path / "run")]) == 2
    shown = capsys.readouterr().err
    assert "leave such rows out with --skip-invalid" in shown
    assert "skip_invalid" not in shown


def test_exit_codes_stand_in_the_help(capsys):
    assert main(["--help"]) == 0
    assert "Exit codes: 0 done, 1 findings" in capsys.readouterr().out


def test_a_panic_of_polars_is_one_message(tmp_path, capsys, monkeypatch):
    def panicking(*arguments, **options):
        raise pl.exceptions.PanicException("not implemented for dtype Null")

    (tmp_path / "p.jsonl").write_text('{"query": "a", "positive": "b"}\n')
    monkeypatch.setattr(pl.DataFrame, "unique", panicking)
    assert main(["mine", str(tmp_path / "p.jsonl"), "-o", str(tmp_path / "run"), "--source", "random"]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("hardneg: polars gave up on a table: not implemented for dtype Null; ")
    assert shown.count("\n") == 1
