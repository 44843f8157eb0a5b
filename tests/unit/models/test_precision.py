import pytest
import torch

from hardneg.models.loading import choose_precision


@pytest.mark.parametrize("precision", ["bf16", "fp32"])
def test_what_the_user_asks_for_is_taken(precision):
    assert choose_precision(precision, torch.device("cpu")) == precision


@pytest.mark.parametrize(
    ("avx512", "amx", "expected"), [(False, False, "fp32"), (True, False, "bf16"), (False, True, "bf16")]
)
def test_a_processor_gets_bfloat16_only_with_instructions_for_it(monkeypatch, avx512, amx, expected):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    assert choose_precision("auto", torch.device("cpu")) == expected


def test_other_devices_stay_with_float32():
    assert choose_precision("auto", torch.device("meta")) == "fp32"
