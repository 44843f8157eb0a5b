"""A trained model as an ONNX file in a folder that serves it, compared with the vectors that its training recorded."""

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from hardneg.arguments import check_places
from hardneg.checksums import SUMS
from hardneg.errors import InputError, ModelError, RecipeError
from hardneg.files import check_folder, from_json, replacing_folder, write_json
from hardneg.models.options import check_installed
from hardneg.runs import layout
from hardneg.runs.state import read_state
from hardneg.verbs.hub.staging import model_in

_WEIGHTS = ("*.safetensors", "*.bin", "*.index.json", "onnx", "openvino")
_FILE = Path("onnx") / "model.onnx"  # where sentence-transformers looks for it
_RECORD = "onnx.json"


@dataclass(frozen=True)
class ExportedModel:
    """A model that was exported."""

    folder: str
    file: str
    precision: str
    n_bytes: int
    compared_with: str  # "recorded": the vectors that training wrote down; "model": those of the model as it is now
    off: float  # of a number of its vectors, at most
    tolerance: float


def export_model(run: Path | str, out: Path | str, *, precision: Literal["fp32", "int8"] = "fp32") -> ExportedModel:
    """Write the model of a run as ONNX, and make sure that it gives the vectors of the run.

    The folder holds tokenizer, configuration and pooling as sentence-transformers saves them, and in the place of the
    transformer's weights `onnx/model.onnx`, whose inputs and output are named as theirs are.

    Args:
        run: A run, a training, a fit, or the folder of a model.
        out: Folder to write.
        precision: "fp32", or "int8" for weights of one byte.

    Returns:
        Where it is, and how far its vectors are from those that the run recorded in `vectors.json`; from those of the
        model where nothing was recorded.

    Raises:
        ModelError: The model cannot be exported, or its vectors differ by more than is let pass; nothing is written.
        MissingExtraError: onnx and onnxruntime are not installed.
    """
    check_places("export", run=run, out=out)
    check_installed("exporting a model")
    if precision not in ("fp32", "int8"):
        raise RecipeError(f"export: precision is {precision!r}; a model is exported in fp32 or int8")
    place = model_in(Path(run))
    if place is None:
        raise InputError(f"export: {run} holds no model; name a run that trained one, or the folder of a model")
    check_folder(Path(out))
    return _export(place, Path(out), precision)


def _export(place: Path, out: Path, precision: Literal["fp32", "int8"]) -> ExportedModel:
    from hardneg.models.backends.choosing import TOLERANCE, with_backend
    from hardneg.models.backends.exporting import TEXTS, transformer_of
    from hardneg.models.sentence_transformer import load_model

    kept = read_state(place.parent / layout.VECTORS, keys=("texts", "vectors", "trusts"))
    model = load_model(place, device="cpu", trust_remote_code=bool(kept and kept["trusts"])).float()
    texts = list(kept["texts"] if kept else TEXTS)
    recorded = np.array(kept["vectors"]) if kept else model.encode_document(texts, show_progress_bar=False)
    model, _ = with_backend(model, "onnx", precision)
    content = transformer_of(model).model.content
    vectors = model.encode_document(texts, show_progress_bar=False)
    lengths = np.linalg.norm(recorded, axis=1, keepdims=True)
    off = float(np.abs((vectors - recorded) / lengths).max()) if vectors.shape == recorded.shape else float("inf")
    tolerance = TOLERANCE[precision]
    if not off <= tolerance:
        raise ModelError(
            f"export: the vectors of {place} as ONNX are off by {off:.2g} from those that its training recorded, where "
            f"{tolerance:g} is let pass; nothing was written: look with `hardneg verify` whether the model is as it was"
        )
    with replacing_folder(out) as temporary:
        part = _transformer_folder(place)
        shutil.copytree(place, temporary, dirs_exist_ok=True, ignore=_but_weights(place / part))
        file = Path(part) / _FILE
        (temporary / file).parent.mkdir(exist_ok=True)
        (temporary / file).write_bytes(content)
        how = "recorded" if kept else "model"
        made = ExportedModel(str(out), file.as_posix(), precision, len(content), how, off, tolerance)
        write_json(temporary / _RECORD, {name: value for name, value in asdict(made).items() if name != "folder"})
    return made


def _transformer_folder(place: Path) -> str:
    """Say in which folder of a model its transformer is; mostly in that of the model itself."""
    modules = from_json((place / "modules.json").read_bytes())
    return str(modules[0]["path"])


def _but_weights(part: Path) -> Callable[[str, list[str]], set[str]]:
    """Leave out the weights of the transformer, which lie in its folder, and the checksums of what was there."""

    def ignored(folder: str, names: list[str]) -> set[str]:
        left_out = (*_WEIGHTS, SUMS) if Path(folder) == part else (SUMS,)
        return {name for name in names if any(Path(name).match(each) for each in left_out)}

    return ignored
