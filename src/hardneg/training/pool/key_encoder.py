"""A copy of the model that follows it slowly, so that vectors of different age can be compared."""

import copy
from typing import Any

import torch
from accelerate import Accelerator
from jaxtyping import Float
from torch import Tensor

from hardneg.training.passes.embedding import TwoTowers
from hardneg.training.passes.gather import deal


class KeyEncoder:
    """Embeds documents with `theta_k = m theta_k + (1 - m) theta`, without dropout and without a gradient.

    References:
        MoCo: He et al. (2020), arXiv:1911.05722, equation 2.
    """

    def __init__(self, towers: TwoTowers, *, momentum: float) -> None:
        self.towers = copy.deepcopy(towers).eval().requires_grad_(False)
        self.momentum = momentum

    @torch.no_grad()
    def follow(self, towers: torch.nn.Module) -> None:
        """Move the weights towards those of the trained towers."""
        for own, trained in zip(self.towers.parameters(), towers.parameters(), strict=True):
            own.lerp_(trained, 1 - self.momentum)

    @torch.no_grad()
    def embed(self, documents: list[str], accelerator: Accelerator) -> Float[Tensor, "documents dim"]:
        """Embed documents together with the other processes."""
        dealt = deal(documents, process=accelerator.process_index, n_processes=accelerator.num_processes)
        _, own = self.towers([], [documents[at] for at in dealt.own])
        return dealt.gather(own, accelerator)

    def state_dict(self) -> dict[str, Any]:
        """Give the weights."""
        return self.towers.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take weights over."""
        self.towers.load_state_dict(state)
