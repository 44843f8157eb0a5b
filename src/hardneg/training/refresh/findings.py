"""What the refreshes of a run show that its owner should know."""

from collections.abc import Sequence

from hardneg.data.findings import Finding
from hardneg.training.refresh.store import Refreshed


def failed_refreshes(records: Sequence[Refreshed]) -> Finding | None:
    """HN036: a refresh failed, and training went on with older negatives."""
    failed = [record for record in records if record.problem is not None]
    if not failed:
        return None
    return Finding(
        code="HN036",
        severity="warning",
        title="a refresh failed",
        detail=(
            f"{len(failed)} of {len(records)} refreshes gave no new negatives, and training went on with the ones that "
            "it had. Usually the second process ran out of memory, on the machine or on its accelerator"
        ),
        remedy='read the messages; give the second process more room, or set mode = "sync" in train.refresh',
        count=len(failed),
        examples=tuple(f"step {record.step}: {record.problem}" for record in failed[:5]),
    )
