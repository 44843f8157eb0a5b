import pytest
import torch
from sentence_transformers import SentenceTransformer

from hardneg.training.passes.embedding import TwoTowers, embed
from tiny_model import build_tiny_model
from toy import toy_dataset

TEXTS = toy_dataset().document_texts.to_list()


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = build_tiny_model(tmp_path_factory.mktemp("tiny"), [*TEXTS, "query:"])
    return SentenceTransformer(str(folder), device="cpu").eval()


@pytest.mark.parametrize("chunk_tokens", [1, 64, 200])
def test_chunks_do_not_change_vectors_nor_gradients(model, chunk_tokens):
    def vectors_and_gradient(tokens):
        model.zero_grad()
        vectors = embed(model, TEXTS, kind="document", prompt=None, chunk_tokens=tokens)
        (vectors * torch.arange(vectors.numel()).view_as(vectors)).sum().backward()
        return vectors.detach(), model[0].auto_model.embeddings.word_embeddings.weight.grad.clone()

    whole, chunked = vectors_and_gradient(10**6), vectors_and_gradient(chunk_tokens)
    torch.testing.assert_close(chunked[0], whole[0])
    torch.testing.assert_close(chunked[1], whole[1], rtol=1e-3, atol=1e-2)


def test_vectors_are_those_of_encode(model):
    found = embed(model, TEXTS, kind="query", prompt="query: ", chunk_tokens=64)
    expected = model.encode(TEXTS, prompt="query: ", convert_to_tensor=True)
    torch.testing.assert_close(found.detach(), expected)


def test_each_tower_gets_its_own_prompt(model):
    towers = TwoTowers(model, query_prompt="query: ", document_prompt=None, bf16=False)
    queries, documents = towers(TEXTS[:2], TEXTS[:2])
    assert not torch.allclose(queries, documents, atol=1e-3)
    torch.testing.assert_close(documents.detach(), model.encode(TEXTS[:2], convert_to_tensor=True))


def test_bfloat16_gives_float32_unit_vectors_near_the_exact_ones(model):
    exact, _ = TwoTowers(model, query_prompt=None, document_prompt=None, bf16=False)(TEXTS, TEXTS[:1])
    rounded, _ = TwoTowers(model, query_prompt=None, document_prompt=None, bf16=True)(TEXTS, TEXTS[:1])
    assert rounded.dtype == torch.float32
    torch.testing.assert_close(rounded.norm(dim=1), torch.ones(len(TEXTS)))
    assert (rounded * exact).sum(dim=1).min() > 0.999
