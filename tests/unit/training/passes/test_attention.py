import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from hardneg.training.passes.attention import fast_attention

CPU = torch.device("cpu")
TOKENS = 40


def _inputs(dtype, n_tokens=TOKENS):
    torch.manual_seed(0)
    return [torch.randn(3, 2, n_tokens, 8).to(dtype).requires_grad_() for _ in range(3)]


def _masks(dtype):
    allowed = torch.ones(3, 1, TOKENS, TOKENS, dtype=torch.bool)
    allowed[1, :, :, 30:] = False
    return {"none": None, "bool": allowed, "float": torch.zeros(allowed.shape, dtype=dtype).masked_fill(~allowed, -9e4)}


def _vectors_and_gradients(inputs, mask, *, fast, **settings):
    for each in inputs:
        each.grad = None
    with fast_attention(CPU if fast else torch.device("meta")):
        found = scaled_dot_product_attention(*inputs, attn_mask=mask, **settings)
    (found.float() * torch.linspace(-1, 1, found.numel()).view_as(found)).sum().backward()
    return [found.detach(), *(each.grad.clone() for each in inputs)]


@pytest.mark.parametrize("mask", ["none", "bool", "float"])
@pytest.mark.parametrize("scale", [None, 0.1])
def test_vectors_and_gradients_are_those_of_the_fused_kernel(mask, scale):
    inputs = _inputs(torch.float32)
    masks = _masks(torch.float32)
    fused, fast = (_vectors_and_gradients(inputs, masks[mask], fast=fast, scale=scale) for fast in (False, True))
    for one, other in zip(fast, fused, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("mask", ["none", "bool", "float"])
def test_bfloat16_is_as_near_to_the_exact_gradient_as_the_fused_kernel(mask):
    inputs = _inputs(torch.bfloat16)
    exact = [each.detach().float().requires_grad_() for each in inputs]
    of_exact = _vectors_and_gradients(exact, _masks(torch.float32)[mask], fast=False)
    fused, fast = (_vectors_and_gradients(inputs, _masks(torch.bfloat16)[mask], fast=fast) for fast in (False, True))
    for true, one, other in zip(of_exact, fast, fused, strict=True):
        assert one.dtype == torch.bfloat16
        assert (one.float() - true).norm() <= 2 * (other.float() - true).norm()


def test_autocast_computes_in_bfloat16():
    inputs = _inputs(torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16), fast_attention(CPU):
        assert scaled_dot_product_attention(*inputs).dtype == torch.bfloat16


def test_row_that_may_look_at_nothing_gives_numbers():
    inputs = _inputs(torch.bfloat16)
    nothing = torch.zeros(3, 1, TOKENS, TOKENS, dtype=torch.bool)
    assert all(torch.isfinite(each).all() for each in _vectors_and_gradients(inputs, nothing, fast=True))


@pytest.mark.parametrize(("n_tokens", "settings"), [(1_000, {}), (TOKENS, {"is_causal": True})])
def test_what_plain_attention_is_not_for_goes_to_the_fused_kernel(n_tokens, settings):
    inputs = _inputs(torch.float32, n_tokens)
    fused, fast = (_vectors_and_gradients(inputs, None, fast=fast, **settings) for fast in (False, True))
    for one, other in zip(fast, fused, strict=True):
        assert torch.equal(one, other)


def test_dropout_draws_from_the_random_numbers_of_the_processor():
    inputs = _inputs(torch.float32)

    def dropped(seed):
        torch.manual_seed(seed)
        return _vectors_and_gradients(inputs, None, fast=True, dropout_p=0.5)[0]

    assert torch.equal(dropped(1), dropped(1))
    assert not torch.equal(dropped(1), dropped(2))


def test_after_the_block_attention_is_torchs_own():
    inputs = _inputs(torch.float32)
    before = scaled_dot_product_attention(*inputs)
    with fast_attention(CPU):
        scaled_dot_product_attention(*inputs)
    assert torch.equal(scaled_dot_product_attention(*inputs), before)
