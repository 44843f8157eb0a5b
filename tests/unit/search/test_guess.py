import math

import numpy as np
import pytest

from hardneg.search._kernels.dense import Tile
from hardneg.search.first_pass import SHARE, n_groups, raise_peaks, rank_in_sample, sample


@pytest.mark.parametrize("n_documents", [0, 1, SHARE, 10 * SHARE + 5])
def test_the_sample_has_one_document_of_each_share(n_documents):
    rows = sample(n_documents)
    np.testing.assert_array_equal(rows // SHARE, np.arange(n_documents // SHARE))


@pytest.mark.parametrize("depth", [1, 5, 10, 100, 1_000, 5_000])
def test_few_queries_have_so_many_of_their_best_in_the_sample_that_the_guess_is_too_high(depth):
    rank = rank_in_sample(depth)
    assert 1 <= rank <= depth
    share = 1 / SHARE
    logs = [
        math.lgamma(depth + 1) - math.lgamma(n + 1) - math.lgamma(depth - n + 1)
        + n * math.log(share) + (depth - n) * math.log1p(-share)
        for n in range(rank, depth)
    ]  # fmt: skip
    assert sum(map(math.exp, logs)) < 1 / 50_000


@pytest.mark.parametrize("kind", [np.int16, np.int32])
def test_peaks_are_the_highest_scores_of_each_group_of_any_sign(kind):
    random, shift = np.random.default_rng(0), 16 if kind is np.int16 else 0
    values = (random.standard_normal((300, 64)) - 1).astype(np.float32)
    values = (values.view(np.int32) & np.int32(-65536)).view(np.float32)
    bits = (values.view(np.int32) >> shift).astype(kind)
    peaks = np.full((n_groups(1), 64), np.iinfo(kind).min, kind)
    for start in (0, 130):
        stop = 130 if start == 0 else 300
        raise_peaks(bits[start:stop], Tile(start, 0, 1, shift), peaks)
    wide = peaks.astype(np.int64)
    back = np.where(wide < 0, wide ^ (0x7FFFFFFF >> shift), wide).astype(np.int32) << shift
    for group in range(len(peaks)):
        np.testing.assert_array_equal(back[group].view(np.float32), values[group :: len(peaks)].max(axis=0))
