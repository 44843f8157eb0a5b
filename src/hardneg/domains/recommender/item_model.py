"""An untrained model that averages one vector a word, where an item's id is a word: both towers of a recommender."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from hardneg.data.dataset import Dataset
from hardneg.domains.recommender.histories import ID_MARK, TAKEN_MARK
from hardneg.errors import DatasetError
from hardneg.files import replacing_folder

if TYPE_CHECKING:  # importing them would load torch
    import tokenizers

_UNKNOWN = "[UNK]"


def build_item_model(dataset: Dataset, out: Path, *, dimension: int = 64, min_items: int = 2, seed: int = 0) -> Path:
    """Make a model with random vectors for the ids and words of the items that training knows.

    The vocabulary is the ids of the documents with a `popularity` above 0 and the words of their texts. Any other word,
    and the id of any other item, has the vector 0, which adds nothing to a mean: such an item is known by its words
    alone.
    """
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    vocabulary = _vocabulary(dataset, min_items=min_items)
    weights = np.random.default_rng(seed).standard_normal((len(vocabulary), dimension))
    weights[vocabulary[_UNKNOWN]] = 0.0
    static = StaticEmbedding(_tokenizer(vocabulary), embedding_weights=torch.from_numpy(weights.astype(np.float32)))
    model = SentenceTransformer(modules=[static], device="cpu")
    with replacing_folder(out) as temporary:
        model.save_pretrained(str(temporary), create_model_card=False)
    return out


def _vocabulary(dataset: Dataset, *, min_items: int) -> dict[str, int]:
    if "popularity" not in dataset.documents.columns:
        raise DatasetError(
            f"the documents of {dataset.name} have no column 'popularity'; build the dataset with "
            "`hardneg data interactions`"
        )
    texts = dataset.document_texts.filter(dataset.documents["popularity"] > 0)
    words = texts.str.extract_all(r"\S+").list.unique().explode()
    counts = words.value_counts(name="items").rename({words.name: "word"}).sort("word")
    kept = counts.filter(pl.col("word").str.starts_with(ID_MARK) | (pl.col("items") >= min_items))["word"]
    taken = kept.filter(kept.str.starts_with(ID_MARK)).str.replace(ID_MARK, TAKEN_MARK, literal=True)
    return {word: number for number, word in enumerate([_UNKNOWN, *kept, *taken])}


def _tokenizer(vocabulary: dict[str, int]) -> "tokenizers.Tokenizer":
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit

    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token=_UNKNOWN))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    return tokenizer
