import pytest
import torch
from tokenizers import normalizers

from hardneg.models.fingerprint import fingerprint
from hardneg.models.sentence_transformer import as_encoder, load_model


@pytest.fixture
def model(folder):
    return load_model(folder, device="cpu")


def test_the_same_weights_loaded_twice_are_equal(model, folder):
    assert fingerprint(model) == fingerprint(load_model(folder, device="cpu"))


def test_every_parameter_counts_to_the_last_byte(model):
    before = fingerprint(model)
    for value in model.state_dict().values():
        if value.dtype != torch.float32:
            continue
        byte = value.view(-1).view(torch.uint8)[-4:-3]
        byte ^= 1
        assert fingerprint(model) != before
        byte ^= 1
    assert fingerprint(model) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda model: model.prompts.update(query="find: "),
        lambda model: setattr(model, "default_prompt_name", "query"),
        lambda model: setattr(model, "max_seq_length", 9),
        lambda model: setattr(model, "similarity_fn_name", "dot"),
        lambda model: model.to(torch.bfloat16),
        lambda model: setattr(model[1], "pooling_mode", "cls"),
        lambda model: setattr(model.tokenizer.backend_tokenizer, "normalizer", normalizers.NFKC()),
        lambda model: model.tokenizer.add_tokens(["unheard-of"]),
    ],
    ids=["prompts", "default prompt", "max tokens", "similarity", "precision", "pooling", "normalizer", "vocabulary"],
)
def test_whatever_decides_vectors_changes_it(model, change):
    before = fingerprint(model)
    model.prompts.setdefault("query", "")
    change(model)
    assert fingerprint(model) != before


def test_what_a_call_leaves_in_the_tokenizer_does_not_change_it(model):
    before = fingerprint(model)
    model.encode(["be do", "go"], show_progress_bar=False)
    model.tokenizer(["be do go"], padding="max_length", truncation=True, max_length=5)
    assert model.tokenizer.backend_tokenizer.padding is not None
    assert fingerprint(model) == before


def test_an_encoder_adds_prompts_and_precision(folder):
    plain = as_encoder(load_model(folder, device="cpu"), precision="fp32")
    prompted = as_encoder(load_model(folder, device="cpu"), precision="fp32", query_prompt="find: ")
    other = as_encoder(load_model(folder, device="cpu"), precision="fp32", document_prompt="find: ")
    half = as_encoder(load_model(folder, device="cpu"), precision="bf16")
    assert len({each.fingerprint for each in (plain, prompted, other, half)}) == 4
