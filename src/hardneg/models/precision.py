"""Which number format a machine runs fastest without changing rankings."""

from typing import Literal

import torch

from hardneg.models.formats import Precision


def choose_precision(precision: Precision, device: torch.device) -> Literal["bf16", "fp32"]:
    """Settle `auto`: bfloat16 where the device multiplies it natively, else float32.

    Processors without bfloat16 instructions emulate it, several times slower than float32.
    """
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    if device.type == "cpu":
        native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
        return "bf16" if native else "fp32"
    return "fp32"
