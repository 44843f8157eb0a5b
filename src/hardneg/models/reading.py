"""How a model reads the texts of a dataset: what it puts before them, where it cuts them, in which numbers."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Int32
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerBase

from hardneg.data.dataset import Dataset
from hardneg.data.findings import Finding
from hardneg.data.query_form import query_texts_in
from hardneg.models.towers import Kind, input_module, prompt_of, token_limit

N_LOOKED_AT = 1_000  # of the queries, and of the documents; a share of a tenth is then known to 2 points
_NO_LIMIT = 1_000_000  # tokens; tokenizers that know no limit say 10 ** 30
_MANY = 0.05
_UNIT: dict[Kind, str] = {"query": "queries", "document": "documents"}


@dataclass(frozen=True)
class Cut:
    """How many texts are longer than a model reads."""

    limit: int | None  # tokens, prompt and special ones included; None reads texts whole
    share: float  # of those looked at, in [0, 1]
    looked_at: int


@dataclass(frozen=True)
class Reading:
    """How a model reads the texts of a dataset."""

    query: Cut
    document: Cut
    prompts: Mapping[str, str]
    precision: str
    truncate_dim: int | None = None
    trust_remote_code: bool = False
    max_tokens: int | None = None  # where the user has texts cut; None leaves that to the model

    def as_dict(self) -> dict[str, Any]:
        """Give everything as plain values, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> "Reading":
        """Read what `as_dict` gave."""
        return cls(**{**kept, "query": Cut(**kept["query"]), "document": Cut(**kept["document"])})

    def means(self) -> str:
        """Say in one line with which prompts and in which numbers the model encodes."""
        prompts = " and ".join(f"{_shown(self.prompts[kind])} before {_UNIT[kind]}" for kind in ("query", "document"))
        line = f"{prompts}; encodes in {self.precision}"
        line += " (precision fp32 gives the scores of sentence-transformers)" if self.precision == "bf16" else ""
        if self.truncate_dim is not None:
            line += f"; vectors are cut to {self.truncate_dim} dimensions and, under cosine, brought back to length 1"
        return line

    def cuts(self) -> str:
        """Say in one line which share of the texts is cut, and where."""
        limits = {self.query.limit, self.document.limit}
        if limits == {None}:
            return "texts of any length are read whole"
        if len(limits) == 1:
            shares = " and ".join(f"{cut.share:.1%} of the {_UNIT[kind]}" for kind, cut in self._both())
            return f"texts are cut after {self.query.limit:,} tokens: {shares} are longer"
        return "; ".join(
            f"{_UNIT[kind]} are read whole"
            if cut.limit is None
            else f"{_UNIT[kind]} are cut after {cut.limit:,} tokens: {cut.share:.1%} are longer"
            for kind, cut in self._both()
        )

    def finding(self, name: str) -> Finding | None:
        """Give HN038 if the model's own limit cuts many texts; a limit that the user set is no news to them."""
        most = max(self.query.share, self.document.share)
        if self.max_tokens is not None or most < _MANY:
            return None
        return Finding(
            code="HN038",
            severity="warning",
            title="texts are cut at the model's limit",
            detail=f"{name}: {self.cuts()} (of {self.query.looked_at:,} queries and {self.document.looked_at:,} "
            "documents looked at); what stands after the cut is never seen, nor found",
            remedy="cut long documents into passages, take a model that reads longer texts, or set max_tokens higher "
            "where the model has positions for it",
            count=round(self.query.share * self.query.looked_at + self.document.share * self.document.looked_at),
        )

    def _both(self) -> tuple[tuple[Kind, Cut], tuple[Kind, Cut]]:
        return ("query", self.query), ("document", self.document)


def reading_of(
    model: SentenceTransformer,
    dataset: Dataset,
    *,
    queries: Int32[np.ndarray, " queries"] | None = None,
    prompts: Mapping[Kind, str | None] | None = None,
    precision: str,
    query_form: str | None = None,
    max_tokens: int | None = None,
) -> Reading:
    """Look at how a model reads a dataset; a sample of its texts is tokenised, the same one each time."""
    kinds: tuple[Kind, ...] = ("query", "document")
    used = {kind: prompt_of(model, kind) for kind in kinds} if prompts is None else prompts
    asked = query_texts_in(dataset, query_form)
    asked = asked if queries is None else asked.gather(queries)
    return Reading(
        query=_cut(model, asked, "query", used["query"]),
        document=_cut(model, dataset.document_texts, "document", used["document"]),
        prompts={kind: used[kind] or "" for kind in kinds},
        precision=precision,
        truncate_dim=model.truncate_dim,
        trust_remote_code=bool(model.trust_remote_code),
        max_tokens=max_tokens,
    )


def _cut(model: SentenceTransformer, texts: pl.Series, kind: Kind, prompt: str | None) -> Cut:
    limit = token_limit(model, kind)
    tokenizer = getattr(input_module(model, kind), "tokenizer", None)
    if limit is None or limit > _NO_LIMIT or len(texts) == 0:
        return Cut(None, 0.0, 0)
    chosen = np.random.default_rng(0).permutation(len(texts))[:N_LOOKED_AT]
    looked_at = [(prompt or "") + text for text in texts.gather(np.sort(chosen)).fill_null("")]
    lengths = _lengths(tokenizer, looked_at)
    return Cut(limit, float(np.mean([length > limit for length in lengths])), len(looked_at))


def _lengths(tokenizer: object, texts: list[str]) -> list[int]:
    """Count the tokens of each text, special ones included, nothing cut off."""
    if isinstance(tokenizer, PreTrainedTokenizerBase):
        return [len(ids) for ids in tokenizer(texts, truncation=False, padding=False, verbose=False)["input_ids"]]
    if isinstance(tokenizer, Tokenizer):
        whole = Tokenizer.from_str(tokenizer.to_str())
        whole.no_truncation()
        return [len(each.ids) for each in whole.encode_batch(texts, add_special_tokens=False)]
    return [len(text.split()) for text in texts]  # word embeddings, whose tokens are words


def _shown(prompt: str) -> str:
    return repr(prompt) if prompt else "nothing"
