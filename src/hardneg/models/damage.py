"""Why a model cannot be loaded, in one line with the way out."""

import difflib
import struct
import zipfile
from pathlib import Path

from hardneg.files import from_json

_POINTER = b"version https://git-lfs"
_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".onnx")


def why_not_loaded(name: str, place: str, error: BaseException) -> str:
    """Explain why a model could not be loaded."""
    text = " ".join(str(error).split())
    first_line = str(error).strip().partition("\n")[0] or type(error).__name__
    if "trust_remote_code" in text or "custom code" in text:
        return (
            f"model {name!r} brings code of its own, which is only run if you say so: read it, then say "
            "trust_remote_code = true"
        )
    folder = Path(place)
    if not folder.is_dir():
        return (
            f"model {name!r} cannot be loaded: no folder {name}{_nearest(folder)}; for a Hub name: the Hub does not "
            f"have it, or cannot be reached, as `hardneg doctor` shows, and the model was not downloaded before "
            f"({first_line})"
        )
    reason = _damaged(folder) or _without_base(folder) or _incomplete(folder)
    return f"model {name!r} cannot be loaded: {reason or first_line}"


def _nearest(folder: Path) -> str:
    """Name the folder beside the missing one that is called most like it."""
    beside = [each.name for each in folder.parent.iterdir() if each.is_dir()] if folder.parent.is_dir() else []
    close = difflib.get_close_matches(folder.name, beside, n=1)
    return f" (there is {folder.parent / close[0]})" if close else ""


def _damaged(folder: Path) -> str | None:
    """Name the first file of a model that is not what its name says."""
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        if path.suffix in (*_WEIGHTS, ".json") and _starts(path, len(_POINTER)) == _POINTER:
            return f"{path} is a Git LFS pointer, not the file itself: run `git lfs pull`, or download the model anew"
        if path.suffix == ".safetensors" and not _is_whole(path):
            size = path.stat().st_size
            return f"{path} is damaged or cut ({size:,} bytes are not what it says it holds): download or save it anew"
        if path.suffix == ".json" and not _is_json(path):
            return f"{path} is not JSON: it is damaged or cut; download or save it anew"
        if path.suffix in (".bin", ".pt", ".pth") and not _is_archive(path):
            return f"{path} holds no weights: it is damaged or cut; download or save it anew"
    return None


def _incomplete(folder: Path) -> str | None:
    """Name the first part that a model says it has, and that is not in its folder."""
    path = folder / "modules.json"
    listed = from_json(path.read_bytes()) if path.exists() else [{"path": ""}]
    if not isinstance(listed, list) or not listed or not all(isinstance(each, dict) for each in listed):
        return f"{path} lists no modules: it is damaged; download or save the model anew"
    for each in listed:
        place = folder / str(each.get("path", ""))
        if not str(each.get("type")).endswith("Normalize") and not any(place.glob("*.json")):
            return f"{place}, one of its modules, lacks its configuration; download or save the model anew"
    weights = [path for path in folder.rglob("*") if path.suffix in _WEIGHTS]
    return None if weights else f"{folder} holds no weights (model.safetensors); download or save the model anew"


def _without_base(folder: Path) -> str | None:
    for path in sorted(folder.rglob("adapter_config.json")):
        adapter = from_json(path.read_text(encoding="utf-8"))
        base = adapter.get("base_model_name_or_path") if isinstance(adapter, dict) else None
        if base and not Path(base).is_dir():
            return (
                f"its adapters belong to the base {base}, and the base {base} is not there: bring it back, or name "
                f"its new place as base_model_name_or_path in {path}"
            )
    return None


def _is_whole(path: Path) -> bool:
    """Say whether a safetensors file holds all bytes that its header names."""
    with path.open("rb") as file:
        start = file.read(8)
        if len(start) < 8:
            return False
        length = struct.unpack("<Q", start)[0]
        size = path.stat().st_size
        if length > size:
            return False
        try:
            header = from_json(file.read(length))
            ends = [each["data_offsets"][1] for name, each in header.items() if name != "__metadata__"]
        except (ValueError, AttributeError, KeyError, TypeError, IndexError):
            return False
    return size == 8 + length + max(ends, default=0)


def _starts(path: Path, n_bytes: int) -> bytes:
    with path.open("rb") as file:
        return file.read(n_bytes)


def _is_json(path: Path) -> bool:
    try:
        from_json(path.read_bytes())
    except ValueError:
        return False
    return True


def _is_archive(path: Path) -> bool:
    """Say whether a file begins as what torch saves does: a whole zip archive, or an old pickle."""
    return zipfile.is_zipfile(path) or _starts(path, 2) in (b"\x80\x02", b"\x80\x04")
