"""Paths that README or documentation showed before modules moved still work, and say where the module is."""

import importlib
import subprocess
import sys

import pytest

import hardneg
from hardneg.moved import MOVED

pytestmark = pytest.mark.filterwarnings("ignore:hardneg")

OLD = [
    ("hardneg.live.record", "hardneg.runs.record", "recording"),
    ("hardneg.pipeline.asking", "hardneg.costs.bills", "mining_bills"),
    ("hardneg.pipeline.found", "hardneg.runs.found", "with_found"),
    ("hardneg.pipeline.reporting", "hardneg.reports.write", "write_report"),
    ("hardneg.audit.planted", "hardneg.audits.planted", "audit_planted"),
    ("hardneg.audit.frontier", "hardneg.audits.frontier", "frontier"),
    ("hardneg.audit.sweep", "hardneg.audits.sweep", "sweep"),
    ("hardneg.forecast", "hardneg.costs", "forecast"),
    ("hardneg.negatives.mining", "hardneg.negatives.plan", "Plan"),
    ("hardneg.report.page", "hardneg.reports.page", "sections"),
    ("hardneg.report.standalone", "hardneg.drawing.figure", "standalone"),
    ("hardneg.report.write", "hardneg.reports.write", "write_report"),
    ("hardneg.reports.standalone", "hardneg.drawing.figure", "standalone"),
    ("hardneg.review.verdicts", "hardneg.audits.verdicts", "read_judged"),
    ("hardneg.teaching.settings", "hardneg.teachers.settings", "TeacherSettings"),
    ("hardneg.teaching.training", "hardneg.teachers.training", "train_teacher"),
    ("hardneg.scoring.llm_judge", "hardneg.scoring.llm.judge", "LLMJudge"),
]


@pytest.fixture
def forgotten():
    """Old paths as if nothing had imported them yet."""

    def forget() -> None:
        for name in [name for name in sys.modules if any(f"{name}.".startswith(f"{old}.") for old in MOVED)]:
            del sys.modules[name]
            if name.count(".") == 1:  # what the import system bound hides the verb of the same name
                vars(hardneg).pop(name.rpartition(".")[2], None)

    forget()
    yield
    forget()


@pytest.mark.parametrize(("old", "new", "name"), OLD)
def test_a_documented_path_that_moved_still_works_and_says_where_it_is(forgotten, old, new, name):
    with pytest.warns(DeprecationWarning, match=f"{old} is now {new}"):
        module = importlib.import_module(old)
    assert getattr(module, name) is getattr(importlib.import_module(new), name)


@pytest.mark.parametrize("new", sorted(set(MOVED.values())))
def test_every_new_path_is_there(new):
    importlib.import_module(new)


def test_a_path_that_never_was_is_not_found(forgotten):
    with pytest.raises(ModuleNotFoundError, match=r"hardneg\.audit\.nothing"):
        importlib.import_module("hardneg.audit.nothing")


def test_the_warning_names_the_line_that_imports():
    program = "from hardneg.audit.sweep import sweep"
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert 'File "<string>", line 1' in done.stderr
    assert "hardneg.audit is now hardneg.audits" in done.stderr


def test_a_documented_class_of_another_name_still_works_and_says_its_new_one():
    with pytest.warns(DeprecationWarning, match=r"hardneg\.costs\.Calibration is now hardneg\.costs\.Trials"):
        from hardneg.costs import Calibration
    from hardneg.costs import Trials

    assert Calibration is Trials
