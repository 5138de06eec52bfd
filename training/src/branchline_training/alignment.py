"""Pulls the embeddings of one place (or one part) together across modalities: contrastive loss.

Symmetric InfoNCE with a learned temperature, as in CLIP (Radford et al., ICML 2021, fig. 3), on
tokens: the same place of the same part where two modalities share their pixels, the same part
where they do not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

TOKENS = 256  # places compared at once
MAX_SCALE = 100.0  # of the cosine, as in CLIP: keeps training stable


class Alignment(nn.Module):
    """The loss between all pairs of present modalities; holds the temperature."""

    def __init__(self) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def forward(
        self,
        embeddings: Mapping[str, Tensor],
        frames: Sequence[Sequence[str]],
        generator: torch.Generator,
    ) -> Tensor:
        """Mean loss over the pairs in ``embeddings`` (n, d, gh, gw each); 0 without a pair.

        ``frames``: which modalities share their pixels.
        """
        pairs = list(combinations(sorted(embeddings), 2))
        losses: list[Tensor] = []
        for one, other in pairs:
            a, b = embeddings[one], embeddings[other]
            if any(one in frame and other in frame for frame in frames):
                losses.append(self._contrast(*_same_places(a, b, generator)))
            elif len(a) > 1:
                losses.append(self._contrast(a.mean(dim=(2, 3)), b.mean(dim=(2, 3))))
        return torch.stack(losses).mean() if losses else self.log_scale * 0.0

    def _contrast(self, a: Tensor, b: Tensor) -> Tensor:
        """Tokens (t, d) of two modalities; token i of one belongs to token i of the other.

        L = (H(softmax(s A B^T), i) + H(softmax(s B A^T), i)) / 2 with unit rows and scale s.
        """
        scale = self.log_scale.exp().clamp(max=MAX_SCALE)
        logits = scale * F.normalize(a, dim=1) @ F.normalize(b, dim=1).T  # (t, t)
        truth = torch.arange(len(a), device=a.device)
        return (F.cross_entropy(logits, truth) + F.cross_entropy(logits.T, truth)) / 2


def _same_places(a: Tensor, b: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """(n, d, gh, gw) twice to (TOKENS, d) twice: the same random places of both."""
    places = a.shape[0] * a.shape[2] * a.shape[3]
    chosen = torch.randperm(places, generator=generator)[:TOKENS].to(a.device)

    def tokens(x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1).reshape(places, -1)[chosen]

    return tokens(a), tokens(b)
