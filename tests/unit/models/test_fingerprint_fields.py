"""Whatever is changed in a model's folder: either the vectors stay, or the fingerprint goes."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Router

from hardneg.models.fingerprint import fingerprint
from hardneg.models.sentence_transformer import as_encoder, load_model
from model_kinds import build_decoder_model, build_static_model
from tiny_model import build_tiny_model

TEXTS = ["open a file", "Sort a List", "join two strings and copy a folder " * 20]
# Another value for what has few that mean something; all else is changed by its type.
OTHERS = {
    "hidden_act": ["relu"],
    "pooling_mode": ["cls", "max"],
    "similarity_fn_name": ["dot"],
    "num_attention_heads": [4],
    "layer_norm_eps": [1e-2],
    "default_prompt_name": ["query", "document"],
    "padding_side": ["left"],
    "truncation_side": ["left"],
    "truncate_dim": [8],
    "max_seq_length": [5],
    "model_max_length": [5],
}
ADDED = {
    "config_sentence_transformers.json": {"truncate_dim": 8},
    "sentence_bert_config.json": {"max_seq_length": 5, "do_lower_case": True, "query_length": 5, "document_length": 5},
    "tokenizer.json": {"normalizer": None, "truncation": dict(max_length=2, strategy="LongestFirst", stride=0)},
    "tokenizer_config.json": {"padding_side": "left", "truncation_side": "left"},
}


def _router(folder: Path) -> Path:
    """A model whose queries go through a static tower and whose documents through a transformer."""
    root = folder.parent
    static = SentenceTransformer(str(build_static_model(root / "static", TEXTS)), device="cpu")
    tower = SentenceTransformer(str(build_tiny_model(root / "document", TEXTS)), device="cpu")
    routed = Router.for_query_document(query_modules=list(static), document_modules=list(tower)[:2])
    model = SentenceTransformer(modules=[routed, Normalize()], device="cpu")
    model.prompts = {"query": "find: ", "document": ""}
    model.save_pretrained(str(folder), create_model_card=False)
    return folder


# Fields that are known to move vectors: a test that does not find them has looked at nothing. Where a model normalises
# them itself, its similarity moves at most their last bits, and on some processors none.
_OF_TRANSFORMERS = {"hidden_act", "num_attention_heads", "pooling_mode", "truncate_dim"}
KNOWN = {
    "plain": {*_OF_TRANSFORMERS, "layer_norm_eps", "max_seq_length", "query_length", "tokenizer.json"},
    "decoder": {*_OF_TRANSFORMERS, "similarity_fn_name"} - {"num_attention_heads"},
    "static": {"similarity_fn_name", "tokenizer.json"},
    "router": {
        *_OF_TRANSFORMERS,
        "layer_norm_eps",
        "document_length",
        "router_config.json",
        "query_0_StaticEmbedding/tokenizer.json",
    },
}
BUILDERS = {
    "plain": lambda folder: build_tiny_model(folder, TEXTS),
    "decoder": lambda folder: build_decoder_model(folder, TEXTS),
    "static": lambda folder: build_static_model(folder, TEXTS),
    "router": _router,
}


def _fields(value: object, at: tuple = ()) -> Iterator[tuple]:
    if isinstance(value, dict):
        for key, each in value.items():
            if key not in ("vocab", "added_tokens_decoder", "__version__"):
                yield from _fields(each, (*at, key))
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for number, each in enumerate(value):
            yield from _fields(each, (*at, number))
    else:
        yield at


def _others(key: object, value: object) -> list[object]:
    if key in OTHERS:
        return OTHERS[key]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int | float):
        return [value * 2 + 1, value / 2 if isinstance(value, float) else value // 2]
    if isinstance(value, str):
        return [f"{value}x", ""]
    return [True, 1]


def _changed(folder: Path) -> Iterator[tuple[str, Path, str]]:
    """Each file of a model with one field changed: what was changed, the file, its new text."""
    for path in sorted(folder.rglob("*.json")):
        whole = json.loads(path.read_text())
        for at in _fields(whole):
            for value in _others(at[-1], _at(whole, at)) if at else ():
                copy = json.loads(path.read_text())
                _at(copy, at[:-1])[at[-1]] = value
                yield f"{path.relative_to(folder)} {at} {value!r}", path, json.dumps(copy)
        for key, value in ADDED.get(path.name, {}).items():
            yield f"{path.relative_to(folder)} {key} added", path, json.dumps({**whole, key: value})
        if path.name == "modules.json":
            yield "modules.json without the last", path, json.dumps(whole[:-1])
        if path.name == "router_config.json":
            towers = whole["structure"]
            both = whole | {"structure": {"query": towers["document"], "document": towers["document"]}}
            yield "router_config.json with one tower for both", path, json.dumps(both)


def _at(value: object, at: tuple) -> object:
    for key in at:
        value = value[key]
    return value


def _seen(folder: Path) -> tuple[str, list[np.ndarray]] | None:
    try:
        encoder = as_encoder(load_model(folder, device="cpu"), precision="fp32")
        return encoder.fingerprint, [encoder.encode_queries(TEXTS), encoder.encode_documents(TEXTS)]
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        return None


def _equal(a: list[np.ndarray], b: list[np.ndarray]) -> bool:
    return all(x.shape == y.shape and np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", BUILDERS)
def test_changing_any_field_of_any_file_keeps_the_vectors_or_changes_the_fingerprint(kind, tmp_path):
    folder = BUILDERS[kind](tmp_path / "made")
    before = _seen(folder)
    moved, n_usable = [], 0
    for what, path, text in _changed(folder):
        old = path.read_text()
        path.write_text(text)
        after = _seen(folder)
        path.write_text(old)
        if after is None:
            continue
        n_usable += 1
        same = _equal(before[1], after[1])
        moved += [] if same else [what]
        assert same or before[0] != after[0], what
    assert n_usable > 10
    assert {field for field in KNOWN[kind] if not any(field in what for what in moved)} == set()


@pytest.mark.parametrize("kind", BUILDERS)
def test_a_copy_elsewhere_and_a_model_saved_again_keep_the_fingerprint(kind, tmp_path):
    folder = BUILDERS[kind](tmp_path / "made")
    before = fingerprint(load_model(folder, device="cpu"))
    shutil.copytree(folder, tmp_path / "copy")
    model = load_model(tmp_path / "copy", device="cpu")
    assert fingerprint(model) == before
    model.encode(TEXTS, show_progress_bar=False)
    assert fingerprint(model) == before
    model.save_pretrained(str(tmp_path / "again"), create_model_card=False)
    assert fingerprint(load_model(tmp_path / "again", device="cpu")) == before
