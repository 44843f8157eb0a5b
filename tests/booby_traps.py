"""Files as a stranger might send them: each would leave a mark if anything of it were run."""

import io
import json
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import torch

MODULE = """
from dataclasses import dataclass
from pathlib import Path

Path({mark!r}).write_text("imported")

@dataclass(frozen=True)
class Sprung:
    name: str = "trap"

    def __post_init__(self):
        Path({mark!r}).write_text("built")

    def __call__(self, *arguments):
        return 0

    def retrieve(self, dataset, block, depth):
        raise AssertionError

    score = keep = retrieve
"""


class Pickled:
    """What runs as soon as a pickle of it is read."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return os.system, (f"touch {self.mark}",)


def trap_module(folder: Path, mark: Path, name: str = "sprung_trap") -> str:
    """Write a module that leaves the mark when it is imported."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.py").write_text(MODULE.format(mark=str(mark)))
    return name


def trapped_torch(path: Path, mark: Path) -> None:
    """Write what torch saves, with an object in it that runs."""
    torch.save({"weights": Pickled(mark)}, path)


def trapped_array(path: Path, mark: Path) -> None:
    """Write an array of objects, for which NumPy would unpickle."""
    with path.open("wb") as file:
        np.save(file, np.array([Pickled(mark)], dtype=object), allow_pickle=True)


def trapped_archive(path: Path, mark: Path, *names: str, **plain: object) -> None:
    """Write an archive of arrays, some of which are of objects."""
    with path.open("wb") as file:
        objects = {name: np.array([Pickled(mark)], dtype=object) for name in names}
        np.savez(file, allow_pickle=True, **objects, **plain)


def pickled_weights(model: Path, folder: Path, mark: Path) -> Path:
    """Copy a model with a pickle in place of its weights."""
    shutil.copytree(model, folder)
    for file in folder.rglob("model.safetensors"):
        file.unlink()
        trapped_torch(file.with_name("pytorch_model.bin"), mark)
    return folder


def foreign_module(model: Path, folder: Path, kind: str) -> Path:
    """Copy a model that names another class for one of its parts."""
    shutil.copytree(model, folder)
    parts = json.loads((folder / "modules.json").read_text())
    parts[-1]["type"] = kind
    (folder / "modules.json").write_text(json.dumps(parts))
    return folder


def own_code(model: Path, folder: Path, mark: Path) -> Path:
    """Copy a model that says that its configuration and weights need code which lies beside them."""
    shutil.copytree(model, folder)
    trap_module(folder, mark, "modeling_trap")
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "trap", "auto_map": dict.fromkeys(("AutoConfig", "AutoModel"), "modeling_trap.Sprung")}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def bomb(path: Path, name: str, n_bytes: int) -> None:
    """Write an archive of one array of zeros that takes a thousandth of its size on disk."""
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f8", "fortran_order": False, "shape": (n_bytes // 8,)})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(f"{name}.npy", "w") as file:
        file.write(head.getvalue())
        for _ in range(n_bytes // 2**20):
            file.write(bytes(2**20))
