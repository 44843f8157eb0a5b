"""A dataset whose queries come from its documents: titles, headings and crops, split by where they come from."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from hardneg.data.corpus import SHARES_ANSWERS
from hardneg.data.dataset import Dataset
from hardneg.data.readers.ids import content_ids
from hardneg.data.resemblance import LIKE_DOCUMENTS
from hardneg.data.splitting import Dealing, Dealt, split_dataset
from hardneg.data.ties import joined, near_groups
from hardneg.domains.documents.checking import checked
from hardneg.domains.documents.crops import CROPPED, LEAST_TEXT, crops
from hardneg.domains.documents.writer import LLMWriter
from hardneg.errors import DatasetError
from hardneg.files import write_json
from hardneg.sources import BM25, Source

KINDS = ("title", "heading", "crop")
EVALUATION = "evaluation"  # folder of what is measured on, beside what is trained on

_LEAST_TITLE = 2  # words; one word asks nothing
_LEAST_BODY = 5
_SPLIT = "train"  # until it is dealt


def questions_from(
    documents: pl.DataFrame,
    *,
    kinds: Sequence[str] = KINDS,
    name: str = "documents",
    writer: LLMWriter | None = None,
    check: Source | None = None,
    keep_top: int = 10,
    seed: int = 0,
    test_share: float = 0.2,
    dev_share: float = 0.1,
) -> Dealt:
    """Build training pairs from documents that nobody has asked anything about.

    - "title": the title of a document asks, its text without the title answers;
    - "heading": the heading of a section asks, the section answers;
    - "crop": a span of a text asks, another span of it, a document of its own, answers;
    - with a `writer`, what a language model wrote for a text asks, and the text answers. It is kept if `check` finds
      the text among its `keep_top` best, and if no other query is nearly equal to it.

    What comes from one source (a document, or a file of sections), or from one nearly equal to it, goes to one split.
    A text and its crop are no negatives of any query that comes from it, and neither are answers of queries of equal
    text. A title that its text repeats word for word asks nothing. Crops are for training alone, unless nothing else is
    there to be measured.

    Args:
        documents: What `read_documents` gives: columns `id`, `source`, `title`, `kind` and `text`.
        kinds: Which pairs to build.
        name: What to call the dataset.
        writer: A language model that writes queries; None asks none.
        check: Who looks for the text that a written query is about; None takes BM25.
        keep_top: How well it must be found, at least 1.
        seed: Of crops and splits.
        test_share: Share of the queries for testing, in [0, 1).
        dev_share: Share of them for development, in [0, 1).

    Returns:
        The dataset as it was dealt, and in its notes what of the written was left out. Queries have the metadata
        `kind`, `source` and `from` (the document that they were made from), documents `source` and `from`.

    Raises:
        DatasetError: A kind is unknown, or no document gives a pair of these kinds.
        RunError: The server of the writer does not answer; what came before is kept.
        ModelError: It refuses the key or the model.
    """
    unknown = [each for each in kinds if each not in KINDS]
    if unknown or not (kinds or writer):
        raise DatasetError(
            f"kinds: {unknown[0] if unknown else 'none'!r} is not known; name some of: {', '.join(KINDS)}"
        )
    texts = usable_texts(documents)
    asked, answers = _pairs(texts, kinds, writer, seed)
    if asked.is_empty():
        raise DatasetError(
            f"no pair of kind {' or '.join(kinds)} can be made of {documents.height:,} documents: titles and headings "
            f"need {_LEAST_TITLE} words, a text {_LEAST_BODY}, and {LEAST_TEXT} to be cropped"
        )
    source = _tied_sources(texts)
    queries = asked.select("id", "text", "kind", "from", pl.col("from").alias(SHARES_ANSWERS))
    queries = queries.join(source, on="from", maintain_order="left")
    pairs = asked.with_columns(crop=pl.col("kind") == "crop").join(answers, on=["from", "crop"], suffix="_of_answer")
    labels = pairs.select(query_id="id", doc_id="id_of_answer", relevance=pl.lit(1, pl.Int32), split=pl.lit(_SPLIT))
    data = Dataset.from_tables(
        queries,
        answers.select("id", "text", "from").join(source, on="from", maintain_order="left"),
        labels,
        name=name,
    )
    data, note = checked(data, check or BM25(), keep_top) if writer else (data, None)
    how = Dealing(by="group", column="source", test_share=test_share, dev_share=dev_share, seed=seed, split=_SPLIT)
    is_held_out = test_share or dev_share
    dealt = _trained_on_crops(split_dataset(data, how)) if is_held_out else _undealt(data, how)
    return replace(dealt, notes=(*dealt.notes, note)) if note else dealt


def usable_texts(documents: pl.DataFrame) -> pl.DataFrame:
    """Bring texts onto one line, and leave out those of a few words."""
    texts = documents.with_columns(pl.col("text").str.replace_all(r"\s+", " ").str.strip_chars())
    return texts.filter(pl.col("text").str.split(" ").list.len() >= _LEAST_BODY)


def write_questions(dealt: Dealt, out: Path) -> Path:
    """Write the dataset, and beside it what is measured on alone, if anything, in a folder that later changes leave."""
    data = dealt.dataset
    kept = data.with_labels(data.qrels.filter(pl.col("split") != "train"))
    if kept.qrels.is_empty():
        dealt.write(out)
        return out
    asked = kept.qrels["query"].unique().sort()
    held_out = Dataset.from_tables(
        kept.queries[asked],
        kept.documents,
        kept.with_ids(kept.qrels),
        name=f"{data.name}, {EVALUATION}",
    )
    held_out.write(out / EVALUATION)
    write_json(out / EVALUATION / "frozen.json", {"fingerprint": held_out.fingerprint, "queries": held_out.n_queries})
    dealt.write(out)
    return out


def _pairs(
    texts: pl.DataFrame, kinds: Sequence[str], writer: LLMWriter | None, seed: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Make queries and documents: columns `id`, `text` and `from`, and `kind` of queries, `crop` of documents."""
    titled = texts.filter(
        pl.col("kind").is_in([kind for kind in kinds if kind != "crop"])
        & (pl.col("title").str.split(" ").list.len() >= _LEAST_TITLE)
        & ~pl.col("text").str.to_lowercase().str.contains(pl.col("title").str.to_lowercase(), literal=True)
    )
    asked = [titled.select(text="title", kind="kind", **{"from": "id"})]
    if writer is not None:
        written = writer.write(texts["text"])
        origin = texts["id"].gather(written["row"]).alias("from")
        asked.append(written.select("text", "kind", origin))
    whole = pl.concat(asked)
    answers = [texts.select("text", crop=pl.lit(False), **{"from": "id"})]
    if "crop" in kinds:
        first, second = crops(texts["text"], seed=seed)
        cropped = texts.select(pl.col("id").alias("from"), first.alias("first"), second.alias("second")).drop_nulls()
        asked.append(cropped.select(text="first", kind=pl.lit("crop"), **{"from": "from"}))
        answers.append(cropped.select(text="second", crop=pl.lit(True), **{"from": "from"}))
    queries, made = pl.concat(asked), pl.concat(answers)
    if whole.is_empty():  # nobody asks for the whole texts
        made = made.filter(pl.col("crop"))
    queries = queries.with_columns(
        id=content_ids(queries.select(pl.concat_str("from", "kind", separator=" ")).to_series(), prefix="q")
    )
    made = made.with_columns(id=pl.when(pl.col("crop")).then(pl.col("from") + CROPPED).otherwise(pl.col("from")))
    return queries, made


def _undealt(data: Dataset, how: Dealing) -> Dealt:
    """Leave all queries to training."""
    sizes = data.queries["source"].value_counts()["count"].to_numpy()
    largest = round(float(sizes.max() / sizes.sum()), 4)
    return Dealt(data, how, {_SPLIT: data.n_queries}, len(sizes), largest, 0, ("nothing is held out",))


def _trained_on_crops(dealt: Dealt) -> Dealt:
    """Where titles ask too, leave crops to training: what is measured is whether whole texts are found."""
    data = dealt.dataset
    if (data.queries["kind"] == "crop").all():
        return dealt
    trained = np.unique(data.qrels.filter(pl.col("split") == _SPLIT)["query"].to_numpy())
    is_trained = pl.Series(np.isin(np.arange(data.n_queries), trained))
    sources = data.queries.filter(is_trained)["source"].implode()
    queries = data.queries.filter(is_trained | (pl.col("kind") != "crop"))
    documents = data.documents.filter(~pl.col("id").str.ends_with(CROPPED) | pl.col("source").is_in(sources))
    labels = data.with_ids(data.qrels)
    labels = labels.join(queries.select(query_id="id"), on="query_id", how="semi", maintain_order="left")
    kept = Dataset.from_tables(queries, documents, labels, name=data.name)
    return replace(dealt, dataset=kept, queries={name: len(kept.queries_of(name)) for name in kept.splits})


def _tied_sources(texts: pl.DataFrame) -> pl.DataFrame:
    """Name the source of each text by the first of those that are tied to it by nearly equal texts."""
    group = texts["text"].rank("dense").cast(pl.Int32).to_numpy() - 1
    near = near_groups(texts["text"], group, LIKE_DOCUMENTS)
    number = texts["source"].rank("dense").cast(pl.Int32).to_numpy() - 1
    tied = joined([near], [(np.arange(len(near)), number)])
    named = texts.select(pl.col("id").alias("from"), "source", tied=pl.Series(tied))
    return named.select("from", source=pl.col("source").first().over("tied"))
