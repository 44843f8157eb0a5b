import json
import subprocess
import sys

import pytest

from hardneg.cli import main
from hardneg.data.reading import read_dataset


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / "tree"
    root.mkdir()
    for i in range(10):
        (root / f"m{i}.py").write_text(f'def f{i}(x):\n    """Add the number {i} to it."""\n    return x + {i}\n')
    return root


def test_python_builds_a_dataset_that_checks_clean(tree, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["data", "python", str(tree), "-o", str(out), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["n_queries"], summary["n_documents"]) == (10, 10)
    assert summary["splits"]["test"]["queries"] == 3
    assert main(["data", "check", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["findings"] == []


def test_pairs_are_read_by_the_columns_named(tmp_path, capsys):
    file = tmp_path / "pairs.csv"
    file.write_text("frage,antwort\n" + "".join(f"q{i},a{i}\n" for i in range(20)))
    out = tmp_path / "out"
    arguments = ["data", "pairs", str(file), "-o", str(out), "--query", "frage", "--positive", "antwort"]
    assert main([*arguments, "--test-share", "0.3"]) == 0
    assert "20 queries, 20 documents" in capsys.readouterr().out
    assert read_dataset(out).splits == ["train", "test"] or read_dataset(out).splits == ["test", "train"]


@pytest.mark.parametrize("command", ["pairs", "python"])
def test_a_folder_that_holds_a_dataset_is_not_overwritten(tree, tmp_path, capsys, command):
    file, out = tmp_path / "pairs.csv", tmp_path / "out"
    file.write_text("query,positive\nq,a\n\n")
    assert main(["data", "pairs", str(file), "-o", str(out), "--quiet"]) == 0
    before = (out / "documents.parquet").read_bytes()
    capsys.readouterr()
    assert main(["data", command, str(file if command == "pairs" else tree), "-o", str(out), "--quiet"]) == 2
    shown = capsys.readouterr()
    assert "out: already holds a dataset; name another folder with -o, or delete this one" in shown.err
    assert shown.err.count("\n") == 1
    assert (out / "documents.parquet").read_bytes() == before


def test_a_folder_of_other_files_can_be_written_to(tmp_path):
    file, out = tmp_path / "pairs.csv", tmp_path / "out"
    file.write_text("query,positive\nq,a\n")
    out.mkdir()
    (out / "notes.txt").touch()
    assert main(["data", "pairs", str(file), "-o", str(out), "--quiet"]) == 0


@pytest.mark.parametrize("command", ["check", "pairs", "python"])
def test_every_command_can_be_quiet(command, capsys):
    assert main(["data", command, "--help"]) == 0
    assert "--quiet" in capsys.readouterr().out


def test_check_exits_with_1_on_errors_and_0_where_they_are_tolerated(tiny, tmp_path, capsys):
    folder = tmp_path / "set"
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text('{"_id": "d", "text": "a"}\n{"_id": "broken"\n')
    (folder / "queries.jsonl").write_text('{"_id": "q", "text": "b"}\n')
    (folder / "qrels" / "train.tsv").write_text("q\td\t1\nq\tnowhere\t1\n")
    assert main(["data", "check", str(folder)]) == 1
    shown = capsys.readouterr()
    assert "HN010 error" in shown.out
    assert "corpus.jsonl:2: broken JSON" in shown.out
    assert "HN011 error" in shown.out
    assert shown.err == ""
    assert main(["data", "check", str(folder), "--skip-invalid", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["skipped"] == {"broken line": 1, "unknown id": 1}
    assert {finding["severity"] for finding in result["findings"]} == {"warning"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "nowhere"], "nowhere: no such file or folder"),
        (["pairs", "nowhere.csv", "-o", "out"], "nowhere.csv: no such file or folder"),
        (["python", "no_such_package", "-o", "out"], "no_such_package: neither a folder"),
        (["python", "json", "-o", "taken"], "taken: is a file"),
    ],
)
def test_bad_input_is_one_message_and_exit_code_2(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").touch()
    assert main(["data", *arguments]) == 2
    shown = capsys.readouterr()
    assert message in shown.err
    assert shown.err.count("\n") == 1
    assert shown.out == ""
    assert not (tmp_path / "out").exists()


def test_the_commands_load_no_heavy_library_before_they_run():
    program = "import sys, hardneg.cli.data; print({'polars', 'numpy', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
