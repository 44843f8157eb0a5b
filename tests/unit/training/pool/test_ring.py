import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from hardneg.training.pool.queue import Ring


def added(ring, documents, marks):
    """Adds documents whose text group is their half, so that 2k and 2k + 1 have one text."""
    document = np.array(documents, np.int32)
    ring.add(document, document // 2, torch.tensor(marks, dtype=torch.float32).unsqueeze(1))


def held(ring):
    queued = ring.queued()
    if queued is None:
        return set()
    rows = zip(queued.document.tolist(), queued.newest.tolist(), queued.vectors[:, 0].tolist(), strict=True)
    return set(rows)


batches = st.lists(
    st.lists(st.integers(0, 11), min_size=1, max_size=6, unique_by=lambda document: document // 2), max_size=8
)


@given(st.integers(1, 9), batches)
def test_a_ring_holds_what_a_list_cut_to_its_size_does_and_knows_the_newest_of_equal_texts(size, batches):
    ring, listed = Ring(size, device=torch.device("cpu")), []
    for batch in batches:
        marks = [len(listed) + at for at in range(len(batch))]
        added(ring, batch, marks)
        listed += zip(batch, marks, strict=True)
        latest = listed[-size:]
        newest = {document // 2: mark for document, mark in latest}
        assert held(ring) == {(document, newest[document // 2] == mark, mark) for document, mark in latest}
        assert len(ring) == len(latest)


@given(st.integers(1, 9), batches)
def test_a_ring_goes_on_from_its_copy_as_if_nothing_had_happened(size, batches):
    ring = Ring(size, device=torch.device("cpu"))
    for batch in batches:
        added(ring, batch, [0] * len(batch))
    other, state = Ring(size, device=torch.device("cpu")), ring.state_dict()
    added(ring, [2, 4], [1, 2])  # does not reach into the copy
    other.load_state_dict(state)
    added(other, [2, 4], [1, 2])
    assert held(other) == held(ring)
    other.clear()
    assert held(other) == set()
    assert len(other) == 0
