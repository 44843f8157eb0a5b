"""The number formats a model can run in; named here so that settings can be read without torch."""

from typing import Literal

Precision = Literal["auto", "bf16", "fp32"]
