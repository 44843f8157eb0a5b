"""From a cross-encoder's output to its score."""

from typing import Literal

import numpy as np
from jaxtyping import Float32

Activation = Literal["sigmoid", "identity"]


def activate(output: Float32[np.ndarray, " pairs"], activation: Activation) -> Float32[np.ndarray, " pairs"]:
    """Turn outputs into scores, one by one: vectorised exponentials may round by a value's place in the array.

    >>> activate(np.array([0.0, 2.0], dtype=np.float32), "sigmoid")
    array([0.5      , 0.8807971], dtype=float32)
    """
    if activation == "identity":
        return output
    from scipy.special import expit

    return expit(output.astype(np.float64)).astype(np.float32)
