"""A model's transformer as an ONNX file, which gives what the model gives, or is an error."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from torch import nn

from hardneg.errors import MissingExtraError, ModelError
from hardneg.models.options import is_installed
from hardneg.models.towers import input_modules

TEXTS = ("how to read a file line by line", "Sort a list of numbers in place.", "lease of a flat, rent and notice")
OUTPUT = "last_hidden_state"  # as sentence-transformers and optimum call it
_OPSET = 17
_BITS, _BLOCK, _BY_BYTES = 8, 32, 4  # the last: products of bytes, ONNX Runtime's number for it


def transformer_of(model: SentenceTransformer) -> Any:  # noqa: ANN401 - a module of the library
    """Find the one module whose transformer can be exported."""
    towers = list(input_modules(model))
    if len(towers) > 1 or not isinstance(getattr(towers[0], "model", None), nn.Module):
        raise ModelError("only a model with one transformer for queries and documents has other backends than torch")
    if getattr(towers[0], "module_output_name", None) != "token_embeddings":
        raise ModelError("only a model whose transformer gives a vector for each token has other backends than torch")
    return towers[0]


def export_transformer(model: SentenceTransformer, path: Path) -> None:
    """Write a model's transformer, in float32 and for texts of any length, to an ONNX file."""
    if not is_installed("onnx"):
        raise MissingExtraError("onnx", extra="onnx", purpose="writing an ONNX file")
    tower = transformer_of(model)
    # Of another shape than the texts that it is compared by, so that a shape that got stuck in the graph shows there.
    features = tower.preprocess([" ".join(TEXTS), TEXTS[0]])
    names = [name for name in ("input_ids", "attention_mask", "token_type_ids") if name in features]
    axes = {name: {0: "texts", 1: "tokens"} for name in (*names, OUTPUT)}
    try:
        with torch.inference_mode(), _quiet():
            torch.onnx.export(
                _Plain(tower.model, names).eval(),
                tuple(features[name].cpu() for name in names),
                str(path),
                input_names=names,
                output_names=[OUTPUT],
                dynamic_axes=axes,
                opset_version=_OPSET,
                dynamo=False,  # the other way needs a further package, and writes the same graph
            )
    except (RuntimeError, ValueError, TypeError, torch.onnx.errors.OnnxExporterError) as error:
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(f"the model cannot be written as ONNX: {first_line}") from error


def quantize(path: Path, to: Path) -> None:
    """Write weights as one byte a number, with a scale for each 32 of a column; activations are rounded as they come.

    With a scale for each column, and one for all activations, products would be twice as fast and rankings worse.
    """
    import onnx
    from onnxruntime.quantization.matmul_nbits_quantizer import DefaultWeightOnlyQuantConfig, MatMulNBitsQuantizer

    settings = DefaultWeightOnlyQuantConfig(block_size=_BLOCK, is_symmetric=True, accuracy_level=_BY_BYTES, bits=_BITS)
    with _quiet():
        quantizer = MatMulNBitsQuantizer(onnx.load(path), algo_config=settings)
        quantizer.process()
        quantizer.model.save_model_to_file(str(to))


class _Plain(nn.Module):
    """A transformer that takes tensors by place, and gives one."""

    def __init__(self, model: nn.Module, names: list[str]) -> None:
        super().__init__()
        self._model = model
        self._names = names

    def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
        given = dict(zip(self._names, tensors, strict=True))
        return self._model(**given, return_dict=True)[OUTPUT]


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave out what the exporter and the quantizer tell their developers."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
