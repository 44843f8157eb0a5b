"""What the workers of an engine do together before they take blocks of queries, each alone."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
from jaxtyping import Int32

from hardneg.data.corpus import Preparing
from hardneg.data.dataset import Dataset
from hardneg.engines import current_engine, is_here
from hardneg.files import cache_folder
from hardneg.filters.apply import ALWAYS
from hardneg.filters.protocol import Scoring
from hardneg.negatives.plan import Plan
from hardneg.scoring import Scorer
from hardneg.sources.protocol import Shardable, TextVectors
from hardneg.sources.searched import Searched, searched


@contextmanager
def prepared(plan: Plan, dataset: Dataset, queries: Int32[np.ndarray, " queries"]) -> Iterator[Plan]:
    """Give a plan that blocks of some queries are mined by, after all that they need together is made.

    Where the vectors or the texts of a source are more than a worker of the engine holds, all queries are searched for
    here, in shards.
    """
    limit = getattr(current_engine(), "shard_gb", None)
    if is_here() or not len(queries):
        yield plan
        return
    make_once(plan, dataset)
    sources, place = list(plan.sources), cache_folder() / "searches"
    for at, source in enumerate(plan.sources):
        if isinstance(source, TextVectors):  # encoded by all, before each would ask for all vectors at once
            source.vectors_of_documents(dataset)
            source.vectors_of_queries(dataset, queries)
        if limit is not None and isinstance(source, Shardable):
            sources[at] = searched(source, dataset, queries, plan.depth, limit=int(limit * 1e9), place=place) or source
    yield replace(plan, sources=tuple(sources))
    for each in sources:
        if isinstance(each, Searched):
            shutil.rmtree(each.folder, ignore_errors=True)


def make_once(plan: Plan, dataset: Dataset) -> None:
    """Make what is made of all texts or labels here, for it goes with the dataset: each worker would make all of it."""
    corpus = dataset.corpus
    _ = corpus.document_texts, corpus.text_group, corpus.query_text_group, corpus.n_copies
    _ = dataset.positives, dataset.judged_negatives, dataset.answers, dataset.exclusions, dataset.query_split
    for each in (*plan.sources, *ALWAYS, *plan.filters):
        if isinstance(each, Preparing):
            each.prepare(dataset)


def scorers_of(plan: Plan) -> tuple[Scorer, ...]:
    """List whom the filters of a plan ask."""
    scorers = (each.scorer for each in plan.filters if isinstance(each, Scoring))
    return tuple(each for each in scorers if each is not None)
