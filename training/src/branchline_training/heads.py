"""The head of one subset: fuses the evidence that is present and puts it on the common scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from .calibration import MODALITY_POWER, fuse, rectify, squash
from .encoder import enlarge
from .specs import ModalitySpec
from .subsets import Subset, in_frame


class FusionHead(nn.Module):
    """Evidence of ``m`` modalities, and the maps of those in the frame, to a branch's answer.

    Inputs, in the order of :func:`head_inputs`: m times evidence (n), then the frame's evidence
    maps (n, gh, gw). Outputs: score (n), map (n, h, w), modality_score (n, m) and
    modality_weight (n, m), each modality's share of the fused evidence, which adds up to 1.
    """

    threshold: Tensor
    map_threshold: Tensor
    own_thresholds: Tensor

    def __init__(
        self,
        *,
        count: int,
        threshold: float,
        map_threshold: float,
        own_thresholds: Sequence[float],
    ) -> None:
        super().__init__()
        self.count = count
        self.register_buffer("threshold", torch.tensor(threshold))
        self.register_buffer("map_threshold", torch.tensor(map_threshold))
        self.register_buffer("own_thresholds", torch.tensor(list(own_thresholds)))

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """See the class."""
        evidence = rectify(torch.stack(inputs[: self.count], dim=1))  # (n, m)
        maps = rectify(torch.stack(inputs[self.count :], dim=1))  # (n, f, gh, gw)
        fused = fuse_modalities(evidence)  # (n)
        share = (evidence / fused[:, None]) ** MODALITY_POWER
        return (
            squash(fused, self.threshold),
            squash(enlarge(fuse_modalities(maps)), self.map_threshold),
            squash(evidence, self.own_thresholds),
            share / share.sum(dim=1, keepdim=True),
        )


def fuse_modalities(rectified: Tensor) -> Tensor:
    """(n, m, …) rectified evidence of the modalities present to (n, …)."""
    return fuse(rectified, dim=1, power=MODALITY_POWER)


def head_inputs(subset: Subset, specs: Mapping[str, ModalitySpec]) -> tuple[str, ...]:
    """Names of a head's inputs, ``<modality>.<encoder output>``."""
    evidence = [f"{m}.evidence" for m in subset]
    return (*evidence, *(f"{m}.evidence_map" for m in in_frame(subset, specs)))
