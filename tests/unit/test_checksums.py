"""Checksums tell a changed byte, a cut file and a damaged line of their own from what was written."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardneg.checksums import SUMS, checked, damage_in, digest_of, is_damaged, note_grown, sums_of
from hardneg.errors import DamagedError
from hardneg.files import replacing, replacing_folder


def flip(path, bit):
    """Change one bit of a file, and its time, as a disk that forgets would not."""
    content = bytearray(path.read_bytes())
    content[bit // 8 % len(content)] ^= 1 << bit % 8
    path.write_bytes(content)
    os.utime(path, ns=(0, bit))


def written(folder, name="table", content=b"0123456789" * 20):
    with replacing(folder / name) as temporary:
        temporary.write_bytes(content)
    return folder / name


def test_what_was_written_is_not_damaged(tmp_path):
    path = written(tmp_path)
    assert not is_damaged(path)
    assert checked(path) == path
    assert sums_of(tmp_path).lines["table"][0].digest == digest_of(path.read_bytes())


@settings(max_examples=50)
@given(bit=st.integers(0, 1599))
def test_any_flipped_bit_is_noticed(tmp_path_factory, bit):
    path = written(tmp_path_factory.mktemp("sums"))
    assert not is_damaged(path)
    flip(path, bit)
    with pytest.raises(DamagedError, match="table is damaged"):
        checked(path)
    flip(path, bit)
    assert not is_damaged(path)


@settings(max_examples=30)
@given(bit=st.integers(0, 2_000))
def test_a_damaged_line_of_the_checksums_accuses_no_file(tmp_path_factory, bit):
    folder = tmp_path_factory.mktemp("sums")
    paths = [written(folder, name) for name in ("one", "two")]
    flip(folder / SUMS, bit)
    assert not any(map(is_damaged, paths))
    assert sums_of(folder).n_damaged <= 1
    assert sorted(sums_of(folder).lines) == ["one", "two"]


def test_a_cut_file_is_damaged_and_one_without_a_line_is_not(tmp_path):
    path = written(tmp_path)
    path.write_bytes(path.read_bytes()[:50])
    assert is_damaged(path)
    (tmp_path / "older").write_text("as it is")
    assert not is_damaged(tmp_path / "older")
    assert not is_damaged(tmp_path / "missing")


def test_a_writer_that_died_before_its_file_appeared_accuses_the_old_one_of_nothing(tmp_path):
    path = written(tmp_path)

    def killed(*_):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(path), "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            written(tmp_path, content=b"newer")
    assert len(sums_of(tmp_path).lines["table"]) == 2
    assert not is_damaged(path)
    assert not is_damaged(written(tmp_path, content=b"newer"))


def test_a_line_that_was_cut_stays_alone(tmp_path):
    written(tmp_path, "one")
    with (tmp_path / SUMS).open("a") as file:
        file.write("4711 12 who")
    assert not is_damaged(written(tmp_path, "two"))
    assert sorted(sums_of(tmp_path).lines) == ["one", "two"]
    assert sums_of(tmp_path).n_damaged == 1


def test_lines_that_are_added_later_do_not_count_and_those_before_do(tmp_path):
    path = written(tmp_path, "loss.jsonl", b"first\n")
    with path.open("a") as file:
        file.write("second\n")
    assert not is_damaged(path)
    note_grown(path)
    path.write_text("first\nsecund\n")
    assert is_damaged(path)
    path.write_text("first\n")
    assert is_damaged(path)


def test_a_folder_is_written_down_as_a_whole(tmp_path):
    with replacing_folder(tmp_path / "model") as temporary:
        (temporary / "inner").mkdir()
        (temporary / "weights").write_bytes(b"123")
        (temporary / "inner" / "config").write_bytes(b"{}")
        (temporary / "README.md").write_bytes(b"a card")
    assert list(damage_in(tmp_path / "model")) == []
    (tmp_path / "model" / "README.md").write_bytes(b"a better card")
    (tmp_path / "model" / "inner" / "config").write_bytes(b"[]")
    (tmp_path / "model" / "weights").unlink()
    names = {path.relative_to(tmp_path / "model").as_posix() for path in damage_in(tmp_path / "model")}
    assert names == {"inner/config", "weights"}
