"""`mine_hard_negatives` of sentence-transformers 6: its signature, its columns, hardneg's mining."""

import logging
import os
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl

from hardneg.compat.components import Bounds, FirstRanks, Rescored
from hardneg.compat.rows import laid_out, queries_of
from hardneg.compat.wish import ArgumentError, Asked, column_names, texts_of, understood
from hardneg.data.dataset import Dataset
from hardneg.errors import MissingExtraError
from hardneg.filters import Filter
from hardneg.negatives import Selection
from hardneg.pipeline.mined import Mined
from hardneg.pipeline.mining import mine
from hardneg.sources import gather
from hardneg.sources.dense import Dense

if TYPE_CHECKING:
    import datasets
    from sentence_transformers import CrossEncoder, SentenceTransformer

_log = logging.getLogger(__name__)


def mine_hard_negatives(
    dataset: "datasets.Dataset",
    model: "SentenceTransformer",
    anchor_column_name: str | None = None,
    positive_column_name: str | None = None,
    corpus: list[str] | None = None,
    cross_encoder: "CrossEncoder | None" = None,
    range_min: int = 0,
    range_max: int | None = None,
    max_score: float | None = None,
    min_score: float | None = None,
    absolute_margin: float | None = None,
    relative_margin: float | None = None,
    num_negatives: int = 3,
    sampling_strategy: Literal["random", "top"] = "top",
    query_prompt_name: str | None = None,
    query_prompt: str | None = None,
    corpus_prompt_name: str | None = None,
    corpus_prompt: str | None = None,
    include_positives: bool = False,
    output_format: Literal["triplet", "n-tuple", "labeled-pair", "labeled-list"] = "triplet",
    output_scores: bool = False,
    batch_size: int = 32,
    faiss_batch_size: int = 16384,
    use_faiss: bool = False,
    use_multi_process: list[str] | bool = False,
    verbose: bool = True,
    cache_folder: str | None = None,
    as_triplets: bool | None = None,
    margin: float | None = None,
    *,
    filters: Sequence[Filter | str | Mapping[str, Any]] = (),
    out: Path | str | None = None,
) -> "datasets.Dataset":
    """Add hard negatives to pairs, called as sentence-transformers 6 is.

    The rows are those that the peer gives, except where the page Drop-in names a difference: what answers a query is
    never its negative, under whatever spelling; `range_min` skips the first candidates of the search, not the first
    that are left; a model that compares by dot product is searched by it; the cache knows the model's weights.

    Args:
        dataset: Pairs of an anchor and a positive; rows of one anchor are its positives.
        model: A loaded `SentenceTransformer`, or its name.
        anchor_column_name: Column of the anchors; the first if not given.
        positive_column_name: Column of the positives; the second if not given.
        corpus: Further texts among which negatives are looked for.
        cross_encoder: Scores candidates and positives anew, where a bound is set.
        range_min: Candidates to skip, from the nearest on.
        range_max: Candidates to look at.
        max_score: Highest score of a negative.
        min_score: Lowest score of a negative.
        absolute_margin: How far a negative must score below the query's weakest positive.
        relative_margin: The same, as a share of the size of the positive's score.
        num_negatives: Negatives for each anchor.
        sampling_strategy: "top", or "random" among what is left; Python's `random.seed` decides which.
        query_prompt_name: Name of a prompt of the model for anchors.
        query_prompt: Text before each anchor.
        corpus_prompt_name: Name of a prompt of the model for documents.
        corpus_prompt: Text before each document.
        include_positives: Whether to give the ranking as it is, positives included.
        output_format: "triplet", "n-tuple", "labeled-pair" or "labeled-list".
        output_scores: Whether to add scores.
        batch_size: Pairs that the cross-encoder looks at together; encoding is cut by tokens.
        faiss_batch_size: Without effect: the search is exact, in blocks of bounded memory.
        use_faiss: Without effect, as above.
        use_multi_process: Without effect; encoding uses this process.
        verbose: Whether to print what became of the candidates.
        cache_folder: Where vectors are kept, by the model's weights; hardneg's cache if not given.
        as_triplets: Older spelling of `output_format`.
        margin: Older spelling of `absolute_margin`.
        filters: What else may refuse a negative, as in `hardneg.mine`: "near_duplicate", for instance.
        out: Folder for the run, which `hardneg audit`, `train` and `report` take.

    Returns:
        A `datasets.Dataset` with the columns of the output format.

    Raises:
        ArgumentError: An argument cannot be used; it is a ValueError.
        MissingExtraError: `datasets` is not installed; it is an InputError.
    """
    try:
        from datasets import Dataset as Table
    except ImportError as error:
        raise MissingExtraError("datasets", extra="hub", purpose="mine_hard_negatives") from error
    if len(dataset) == 0:
        raise ArgumentError("the dataset is empty; give pairs")
    if faiss_batch_size <= 0:
        raise ArgumentError(f"faiss_batch_size is {faiss_batch_size}; it must be above 0")
    if use_multi_process:
        _log.warning("use_multi_process has no effect: hardneg encodes in this process, or on a cluster with an engine")
    anchor, positive = column_names(dataset.column_names, anchor_column_name, positive_column_name)
    mining = understood(
        Asked(
            range_min=range_min,
            range_max=range_max,
            max_score=max_score,
            min_score=min_score,
            absolute_margin=absolute_margin,
            relative_margin=relative_margin,
            num_negatives=num_negatives,
            sampling_strategy=sampling_strategy,
            include_positives=include_positives,
            output_format=output_format,
            output_scores=output_scores,
        ),
        as_triplets=as_triplets,
        margin=margin,
    )
    anchors, answers = texts_of(dataset[anchor], anchor), texts_of(dataset[positive], positive)
    mining = mining.settled(anchors, rescored=cross_encoder is not None)
    pairs = _as_dataset(anchors, answers, corpus)
    dense = Dense(
        model=model,
        precision="fp32",
        query_prompt=_prompt(model, query_prompt, query_prompt_name),
        document_prompt=_prompt(model, corpus_prompt, corpus_prompt_name),
        device=None if isinstance(model, str | Path) else str(model.device),
    )
    rescored = cross_encoder is not None and mining.is_bounded
    source = Rescored(dense, cross_encoder, batch_size) if rescored else dense
    with _cached_in(cache_folder):
        rows, mined = _rows(pairs, source, mining, filters, out)
        listed, scores = _positives(pairs, anchors, answers, source)
    queries = queries_of(pairs, rows, listed, scores)
    width = mining.num_negatives
    columns = laid_out(
        queries, mining.output_format, anchor=anchor, positive=positive, scored=mining.output_scores, width=width
    )
    if verbose:
        sys.stdout.write(_summary(mined, rows, pairs, width))
    return Table.from_dict(columns)


def _as_dataset(anchors: list[str], answers: list[str], corpus: list[str] | None) -> Dataset:
    """Make queries, documents and labels of pairs; equal texts are one."""
    queries, documents = (_numbered(texts) for texts in (anchors, [*texts_of(corpus or [], "corpus"), *answers]))
    asked, there = (dict(zip(table["text"], table["id"], strict=True)) for table in (queries, documents))
    rows = {"query_id": [asked[text] for text in anchors], "doc_id": [there[text] for text in answers]}
    qrels = pl.DataFrame(rows).unique(maintain_order=True).with_columns(relevance=1, split=pl.lit("train"))
    return Dataset.from_tables(queries, documents, qrels, name="pairs")


def _numbered(texts: list[str]) -> pl.DataFrame:
    """List texts, each once, with numbers as ids."""
    table = pl.DataFrame({"text": list(dict.fromkeys(texts))}, schema={"text": pl.String})
    return table.select(pl.int_range(pl.len()).cast(pl.String).alias("id"), "text")


def _prompt(model: Any, text: str | None, name: str | None) -> str | None:  # noqa: ANN401 - the library's own type
    if text is not None or name is None:
        return text
    prompts = getattr(model, "prompts", {})
    if name not in prompts:
        raise ArgumentError(f"the model has no prompt {name!r}; it has: {', '.join(prompts) or 'none'}")
    return str(prompts[name])


@contextmanager
def _cached_in(folder: str | None) -> Iterator[None]:
    """Keep vectors in a folder while the block lasts."""
    before = os.environ.get("HARDNEG_CACHE")
    if folder is not None:
        os.environ["HARDNEG_CACHE"] = str(folder)
    try:
        yield
    finally:
        if folder is not None:
            os.environ.pop("HARDNEG_CACHE")
            os.environ.update({} if before is None else {"HARDNEG_CACHE": before})


def _rows(
    pairs: Dataset,
    source: Dense | Rescored,
    mining: Asked,
    filters: Sequence[Filter | str | Mapping[str, Any]],
    out: Path | str | None,
) -> tuple[pl.DataFrame, Mined | None]:
    """Mine, or rank with the positives among the rest: `query`, `document` and `score`."""
    bounds = Bounds(source.name, mining.min_score, mining.max_score, mining.absolute_margin, mining.relative_margin)
    chosen = [bounds] if mining.is_bounded else []
    assert mining.range_max is not None
    if mining.include_positives:
        return _ranked(pairs, source, mining, chosen), None
    window = [FirstRanks(source.name, mining.range_min)] if mining.range_min else []
    by_chance = mining.sampling_strategy == "random"
    strategy = "random" if by_chance else "top"
    mined = mine(
        pairs,
        sources=[source],
        filters=[*window, *chosen, *filters],
        select=Selection(per_query=mining.num_negatives, strategy=strategy, score=source.name),  # type: ignore[arg-type]
        depth=mining.range_max,
        seed=random.getrandbits(31) if by_chance else 0,
        out=out,
    )
    return mined.negatives.select("query", "document", "score"), mined


def _ranked(pairs: Dataset, source: Dense | Rescored, mining: Asked, filters: Sequence[Filter]) -> pl.DataFrame:
    """Rank documents for each query, its positives where they stand."""
    block = np.arange(pairs.n_queries, dtype=np.int32)
    assert mining.range_max is not None
    candidates = gather(pairs, [source], block, mining.range_max)
    kept = np.ones(candidates.height, dtype=bool)
    for each in filters:
        kept &= each.keep(candidates, pairs)
    score = pl.col(f"score.{source.name}")
    rows = candidates.filter(pl.Series(kept) & pl.col(f"rank.{source.name}").is_not_null())
    rows = rows.select("query", "document", score=score).sort("query", "score", descending=[False, True])
    place = pl.int_range(pl.len()).over("query")
    inside = place.is_between(mining.range_min, mining.range_min + mining.num_negatives - 1)
    return rows.filter(inside)


def _positives(
    pairs: Dataset, anchors: list[str], answers: list[str], source: Dense | Rescored
) -> tuple[list[list[int]], list[list[float]]]:
    """List each query's positives in the order in which they came, and their scores."""
    of_query = {text: at for at, text in enumerate(pairs.query_texts)}
    of_document = {text: at for at, text in enumerate(pairs.documents["text"])}
    rows = list(dict.fromkeys((of_query[q], of_document[d]) for q, d in zip(anchors, answers, strict=True)))
    query, document = (np.array(column, dtype=np.int32) for column in zip(*rows, strict=True))
    values = np.asarray(source.score(pairs, query, document)).tolist()
    listed: list[list[int]] = [[] for _ in range(pairs.n_queries)]
    scores: list[list[float]] = [[] for _ in range(pairs.n_queries)]
    for (q, d), value in zip(rows, values, strict=True):
        listed[q].append(d)
        scores[q].append(value)
    return listed, scores


def _summary(mined: Mined | None, rows: pl.DataFrame, pairs: Dataset, width: int) -> str:
    """Say in a few lines what became of the candidates."""
    n_short = pairs.n_queries - rows.group_by("query").len().filter(pl.col("len") >= width).height
    lines = [f"{rows.height:,} negatives for {pairs.n_queries:,} queries; {n_short:,} have fewer than {width}"]
    if mined is not None:
        counts = mined.funnel
        refused = ", ".join(f"{count:,} by {name}" for name, count in counts["dropped"].items())
        lines.insert(0, f"{counts['candidates']:,} candidates; refused: {refused or 'none'}")
    return "\n".join(lines) + "\n"
