"""`hardneg report`."""

import builtins

import pytest

from run_folder import build_run, nasty_dataset


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return build_run(tmp_path_factory.mktemp("run"), nasty_dataset())


def test_report_writes_one_file_and_says_where(made, tmp_path, hardneg):
    found = hardneg("report", made, "-o", tmp_path / "page.html", "--examples", 4)
    assert found == {"path": str(tmp_path / "page.html"), "bytes": (tmp_path / "page.html").stat().st_size}
    text = (tmp_path / "page.html").read_text()
    assert "4 of 12 queries: the 1 whose" in text
    assert not (made / "report.html").exists()


def test_report_shows_the_texts_of_the_dataset_that_is_named(made, tmp_path, hardneg):
    nasty_dataset().write(tmp_path / "data")
    for name in ("candidates", "negatives"):
        (tmp_path / "mined" / name).mkdir(parents=True)
        for file in (made / name).iterdir():
            (tmp_path / "mined" / name / file.name).write_bytes(file.read_bytes())
    for name in ("mining.json", "funnel.json"):
        (tmp_path / "mined" / name).write_bytes((made / name).read_bytes())
    place = tmp_path / "mined" / "report.html"
    hardneg("report", tmp_path / "mined")
    assert "copy number 0" not in place.read_text()
    hardneg("report", tmp_path / "mined", "--dataset", tmp_path / "data")
    assert "copy number 0" in place.read_text()


@pytest.mark.parametrize("name", ["missing", "empty"])
def test_a_folder_that_is_no_run_is_refused(tmp_path, refusal, name):
    (tmp_path / "empty").mkdir()
    assert str(tmp_path / name) in refusal("report", tmp_path / name)


def test_without_jinja_report_says_what_to_install(made, refusal, monkeypatch):
    def missing(name, *rest):
        if name == "jinja2":
            raise ImportError
        return real(name, *rest)

    real = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", missing)
    assert "pip install 'hardneg[report]'" in refusal("report", made)
