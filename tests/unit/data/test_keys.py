"""Keys without end are noticed wherever in a file they stand, and half of a character wherever a stretch ends."""

import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardneg.data import lines
from hardneg.data.keys import check_keys
from hardneg.errors import DatasetError

TEXT = "a text of some length, as there are many in a file of texts " * 4


def checked(content):
    check_keys(io.BytesIO(content), len(content), path=Path("data.jsonl"))


@pytest.mark.parametrize("at", [0, 9_000, 18_000])
def test_ever_new_keys_are_refused_wherever_they_stand(at):
    rows = [json.dumps({"text": TEXT}) for _ in range(18_000)]
    rows[at:at] = [json.dumps({f"key {i}": 1, "text": TEXT}) for i in range(11_000)]
    with pytest.raises(DatasetError, match="10,001 columns"):
        checked("\n".join(rows).encode())


def test_rare_keys_are_no_matter():
    rows = [json.dumps({"text": TEXT, f"key {i % 200}": {"inner": i}}) for i in range(20_000)]
    checked("\n".join(rows).encode())
    checked(b"")
    checked(b"no JSON\n" * 100)


@given(st.text(st.characters(codec="utf-8"), max_size=40), st.integers(0, 30), st.integers(1, 24))
def test_whole_characters_are_no_halves(tmp_path_factory, text, before, chunk):
    path = tmp_path_factory.mktemp("whole") / "data.jsonl"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "_CHUNK", chunk)
        path.write_text(" " * before + json.dumps(text))
        assert not lines.may_have_half_characters(path)
        path.write_text(" " * before + json.dumps(text + "\ud800" + "x"))
        assert lines.may_have_half_characters(path)
