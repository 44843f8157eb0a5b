"""Each loss against the textbook, written as a double loop in float64."""

import math

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from hardneg.losses import InfoNCE
from hardneg.losses.score_matrix import ScoreMatrix


def textbook_info_nce(scores, target, allowed, temperature):
    total = 0.0
    for i in range(len(scores)):
        denominator = 0.0
        for j in range(len(scores[i])):
            if allowed[i][j] or j == target[i]:
                denominator += math.exp((scores[i][j] - scores[i][target[i]]) / temperature)
        total += math.log(denominator)
    return total / len(scores)


@st.composite
def matrices(draw):
    shape = draw(st.tuples(st.integers(1, 6), st.integers(1, 9)))
    scores = draw(hnp.arrays(np.float32, shape, elements=st.floats(-1, 1, width=32)))
    target = draw(hnp.arrays(np.int64, shape[0], elements=st.integers(0, shape[1] - 1)))
    return scores, target, draw(hnp.arrays(bool, shape))


@given(matrices(), st.sampled_from([0.01, 0.05, 1.0]))
def test_info_nce_equals_its_double_loop(arrays, temperature):
    scores, target, allowed = arrays
    found = InfoNCE(temperature=temperature)(ScoreMatrix(*map(torch.from_numpy, arrays)))
    expected = textbook_info_nce(scores.astype(float), target, allowed, temperature)
    assert found.item() == pytest.approx(expected, rel=1e-4, abs=1e-4)
