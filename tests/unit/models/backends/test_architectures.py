"""Transformers of several families as ONNX files: texts of any number and length, those of decoders too."""

import numpy as np
import pytest
import torch
import transformers
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from tokenizers import Tokenizer, models, pre_tokenizers

from hardneg.models.backends.exporting import TEXTS
from hardneg.models.sentence_transformer import forget_encoders, load_encoder

WORDS = " ".join(TEXTS).split()
SIZE = {
    **{"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64},
    **{"max_position_embeddings": 80, "pad_token_id": 0, "vocab_size": len(set(WORDS)) + 2},
}
SPECIAL = dict.fromkeys(("bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id"), 1)
FAMILIES = {
    "MPNet": SIZE,
    "ModernBert": SIZE | SPECIAL | {"global_attn_every_n_layers": 2, "local_attention": 8},
    "DebertaV2": SIZE | {"relative_attention": True},
    "Qwen3": SIZE | {"num_key_value_heads": 1, "head_dim": 16},
}


def build(family, folder):
    """Save a model of a few kilobytes with random weights."""
    vocabulary = {word: number for number, word in enumerate(["[PAD]", "[UNK]", *dict.fromkeys(WORDS)])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = getattr(transformers, f"{family}Config")(**FAMILIES[family])
        getattr(transformers, f"{family}Model")(config).save_pretrained(folder / "bare")
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", model_max_length=64
    ).save_pretrained(folder / "bare")
    parts = [Transformer(str(folder / "bare"), max_seq_length=64), Pooling(32, pooling_mode="mean"), Normalize()]
    SentenceTransformer(modules=parts, device="cpu").save_pretrained(str(folder / "model"), create_model_card=False)
    return folder / "model"


@pytest.mark.parametrize("family", FAMILIES)
def test_texts_of_any_number_and_length_have_the_vectors_of_torch(family, tmp_path, monkeypatch):
    monkeypatch.setenv("HARDNEG_CACHE", str(tmp_path / "cache"))
    place = build(family, tmp_path)
    texts = [" ".join(WORDS[:n]) for n in (1, 3, 17, 9)] * 3
    expected = load_encoder(place, precision="fp32", device="cpu").encode_documents(texts)
    found = load_encoder(place, precision="fp32", backend="onnx").encode_documents(texts)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    forget_encoders()
