"""A transformer that another runtime than torch works out."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers.modeling_outputs import BaseModelOutput

from hardneg.checksums import digest_of
from hardneg.models.options import Backend

Run = Callable[[dict[str, np.ndarray]], np.ndarray]


class Transformer(nn.Module):
    """Takes the place of a model's transformer; what is around it stays torch's."""

    def __init__(self, content: bytes, backend: Backend, precision: str, config: Any) -> None:  # noqa: ANN401
        super().__init__()
        self.backend = backend
        self.precision = precision
        self.config = config
        self.digest = digest_of(content)  # by which vectors of another file are told apart
        self._content = content
        self._names, self._run = _OPEN[backend](content, precision)

    @property
    def content(self) -> bytes:
        """The file."""
        return self._content

    def forward(self, **features: torch.Tensor) -> BaseModelOutput:
        """Give a vector for each token."""
        given = {name: features[name].numpy() for name in self._names}
        return BaseModelOutput(last_hidden_state=torch.from_numpy(self._run(given)))

    def __reduce__(self) -> tuple[Any, ...]:
        return Transformer, (self._content, self.backend, self.precision, self.config)


def transformer(path: Path, backend: Backend, precision: str, config: Any) -> Transformer:  # noqa: ANN401
    """Open an ONNX file."""
    return Transformer(path.read_bytes(), backend, precision, config)


def _onnx(content: bytes, precision: str) -> tuple[list[str], Run]:  # noqa: ARG001 - the file has it
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3  # errors
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    return names, lambda given: session.run(None, given)[0]


@cache
def _core() -> Any:  # noqa: ANN401
    """Start OpenVINO, once: each start gives signals a stack of their own, and two that end leave one that is gone."""
    import openvino

    return openvino.Core()


def _openvino(content: bytes, precision: str) -> tuple[list[str], Run]:
    core = _core()
    settings = {
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        # It would choose bfloat16 itself where the processor has it.
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
        "PERFORMANCE_HINT": "LATENCY",
    }
    compiled = core.compile_model(core.read_model(content, b""), "CPU", settings)
    names = [each.any_name for each in compiled.inputs]
    return names, lambda given: np.array(compiled(given)[0])


_OPEN: dict[str, Callable[[bytes, str], tuple[list[str], Run]]] = {"onnx": _onnx, "openvino": _openvino}
