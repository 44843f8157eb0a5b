"""One model of a few kilobytes of each kind that can be trained, with random weights, built in code."""

from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, StaticEmbedding, Transformer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import LlamaConfig, LlamaModel, PreTrainedTokenizerFast

from tiny_model import build_tiny_model


def build_static_model(folder: Path, texts: list[str]) -> Path:
    """Save a model that averages one vector a word."""
    static = StaticEmbedding(_tokenizer(texts), embedding_dim=32)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.nn.init.normal_(static.embedding.weight, std=0.1)
    SentenceTransformer(modules=[static], device="cpu").save_pretrained(str(folder), create_model_card=False)
    return folder


def build_decoder_model(folder: Path, texts: list[str], *, dtype: torch.dtype = torch.float32) -> Path:
    """Save a Llama with 2 layers whose vector is that of the last token, padded on the left."""
    torch.set_num_threads(1)
    tokenizer = _tokenizer(texts)
    end = tokenizer.token_to_id("<end>")
    tokenizer.post_processor = processors.TemplateProcessing(single="$A <end>", special_tokens=[("<end>", end)])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", pad_token="<pad>", padding_side="left", model_max_length=64
    )
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        llama = LlamaModel(config).to(dtype)
    plain = folder.with_name(f"{folder.name}-plain")
    llama.save_pretrained(plain)
    fast.save_pretrained(plain)
    transformer = Transformer(str(plain), max_seq_length=64)
    pooling = Pooling(transformer.get_embedding_dimension(), pooling_mode="lasttoken")
    modules = [transformer, pooling, Normalize()]
    SentenceTransformer(modules=modules, device="cpu").save_pretrained(str(folder), create_model_card=False)
    return folder


def _tokenizer(texts: list[str]) -> Tokenizer:
    words = sorted({word for text in texts for word in text.lower().split()})
    vocabulary = {word: at for at, word in enumerate(["<pad>", "<unk>", "<end>", *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tokenizer


def _build_encoder(folder: Path, texts: list[str]) -> Path:
    return build_tiny_model(folder, texts)


BUILDERS = {"static": build_static_model, "encoder": _build_encoder, "decoder": build_decoder_model}
