"""The exported half of one modality: raw signal to evidence, as heads and heat maps use it."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .calibration import Standard, rectify, squash
from .evidence import Features, Smoothing

OUTPUTS = ("evidence", "evidence_map", "map")
MIN_MAP_SIDE = 64


class EvidenceEncoder(nn.Module):
    """Raw signal (n, …) to three outputs.

    ``evidence (n)``: the largest standardised distance; ``evidence_map (n, gh, gw)``: the same for
    each place; ``map (n, h, w)``: that map on the 0…1 scale, 0.5 at this modality's own threshold.
    """

    place_mean: Tensor
    standard: Tensor
    threshold: Tensor

    def __init__(self, features: Features, detector: nn.Module, place_mean: Tensor) -> None:
        super().__init__()
        self.features = features
        self.detector = detector
        self.smoothing = Smoothing()
        self.register_buffer("place_mean", place_mean)  # (gh, gw)
        self.register_buffer("standard", torch.tensor([0.0, 1.0]))
        self.register_buffer("threshold", torch.tensor(1.0))

    def calibrate(self, standard: Standard, map_threshold: float) -> None:
        """Sets what out-of-fold good parts taught."""
        self.standard = torch.tensor([standard.mean, standard.sigma])
        self.threshold = torch.tensor(map_threshold)

    def forward(self, signal: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See the class."""
        distance = self.detector(self.features(signal)) / self.place_mean  # (n, gh, gw)
        z = (self.smoothing(distance) - self.standard[0]) / self.standard[1]
        return z.amax(dim=(1, 2)), z, squash(enlarge(rectify(z)), self.threshold)


def enlarge(grid: Tensor) -> Tensor:
    """(n, gh, gw) brought up bilinearly by the least integer that makes both sides 64 or more."""
    factor = math.ceil(MIN_MAP_SIDE / min(grid.shape[1:]))
    size = (grid.shape[1] * factor, grid.shape[2] * factor)
    return F.interpolate(grid[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]
