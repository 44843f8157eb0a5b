"""The simulation of a search on many machines: against arithmetic, and that nothing is lost."""

import importlib.util
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

_PATH = Path(__file__).parents[2] / "benchmarks" / "simulation" / "simulate.py"
_SPEC = importlib.util.spec_from_file_location("simulate_search", _PATH)
simulation = importlib.util.module_from_spec(_SPEC)
sys.modules[_SPEC.name] = simulation
_SPEC.loader.exec_module(simulation)
Cluster, simulate = simulation.Cluster, simulation.simulate


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 5), st.integers(1, 4), st.integers(1, 4), st.floats(0.5, 50), st.floats(0, 9))
def test_without_trouble_it_takes_what_arithmetic_says(shards, each, rounds, search_s, load_s):
    cluster = Cluster(shards, rounds * each, search_s, load_s=load_s, workers=shards * each)
    assert simulate(cluster).seconds == pytest.approx(load_s + rounds * search_s)
    alone = Cluster(1, rounds, search_s, merge_s=2.0, load_s=load_s)  # one worker merges each block too
    assert simulate(alone).seconds == pytest.approx(load_s + rounds * (search_s + 2.0))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 4), st.integers(1, 12), st.integers(1, 3), st.floats(0, 1), st.floats(2, 60), st.integers(0, 99))
def test_each_block_of_each_shard_is_in_the_result_once(shards, blocks, each, slow_share, fails_every_s, seed):
    trouble = {"slow_share": slow_share, "slow_times": 4.0, "fails_every_s": fails_every_s, "back_s": 1.0}
    costs = {"sent_bytes": 10.0, "network": 100.0, "handed_s": 0.01, "load_s": 0.1, "workers": shards * each}
    cluster = Cluster(shards, blocks, 1.0, seed=seed, **trouble, **costs)
    outcome = simulate(cluster)
    assert (outcome.searched, outcome.merged) == (shards * blocks, blocks)
    assert outcome.seconds >= blocks / each
    assert simulate(cluster) == outcome


def test_a_network_or_a_driver_that_is_too_slow_decides_the_time():
    assert simulate(Cluster(4, 10, 1.0, sent_bytes=100.0, network=10.0)).seconds == pytest.approx(401.0)
    assert simulate(Cluster(4, 10, 1.0, handed_s=5.0)).driver_busy > 0.99
