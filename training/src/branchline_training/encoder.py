"""The exported half of one modality: raw signal to evidence, as heads and heat maps use it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .calibration import Limit, Standard, fuse, grade, rectify
from .evidence import Smoothing

OUTPUTS = ("evidence", "evidence_map", "map")
MIN_MAP_SIDE = 64


class Channel(nn.Module):
    """One view with its detector: (picture, taps) to standardised distance (n, gh, gw)."""

    place_mean: Tensor
    standard: Tensor

    def __init__(
        self, view: nn.Module, detector: nn.Module, place_mean: Tensor, standard: Standard
    ) -> None:
        super().__init__()
        self.view = view
        self.detector = detector
        self.smoothing = Smoothing()
        self.register_buffer("place_mean", place_mean)  # (gh, gw)
        self.register_buffer("standard", torch.tensor([standard.mean, standard.sigma]))

    def forward(self, picture: Tensor, taps: tuple[Tensor, ...]) -> Tensor:
        """See the class."""
        distance: Tensor = self.smoothing(self.detector(self.view(picture, taps)) / self.place_mean)
        return (distance - self.standard[0]) / self.standard[1]


class EvidenceEncoder(nn.Module):
    """Raw signal (n, …) to three outputs.

    ``evidence (n)``: the largest standardised evidence; ``evidence_map (n, gh, gw)``: the same for
    each place, all channels fused; ``map (n, h, w)``: that map on the 0…1 scale, 0.5 at this
    modality's own threshold.
    """

    standard: Tensor
    limit: Tensor

    def __init__(self, frontend: nn.Module, trunk: nn.Module, channels: Sequence[Channel]) -> None:
        super().__init__()
        self.frontend = frontend
        self.trunk = trunk
        self.channels = nn.ModuleList(channels)
        self.register_buffer("standard", torch.tensor([0.0, 1.0]))
        self.register_buffer("limit", torch.tensor([1.0, 1.0]))

    def calibrate(self, standard: Standard, limit: Limit) -> None:
        """Sets what out-of-fold good parts taught."""
        self.standard = torch.tensor([standard.mean, standard.sigma])
        self.limit = torch.tensor([limit.threshold, limit.spread])

    def judge(self, picture: Tensor, taps: tuple[Tensor, ...]) -> Tensor:
        """The evidence map (n, gh, gw) of pictures that were described before."""
        distance = fuse_channels([channel(picture, taps) for channel in self.channels])
        return (distance - self.standard[0]) / self.standard[1]

    def forward(self, signal: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """See the class."""
        picture = self.frontend(signal)
        z = self.judge(picture, self.trunk(picture))
        heat = grade(enlarge(rectify(z).square()), self.limit[0], self.limit[1])
        return z.amax(dim=(1, 2)), z, heat


def fuse_channels(channels: Sequence[Tensor]) -> Tensor:
    """Standardised maps (n, gh, gw) of several channels to one, place by place."""
    return fuse(rectify(torch.stack(list(channels), dim=1)), dim=1)


def enlarge(grid: Tensor) -> Tensor:
    """(n, gh, gw) brought up bilinearly by the least integer that makes both sides 64 or more."""
    factor = math.ceil(MIN_MAP_SIDE / min(grid.shape[1:]))
    size = (grid.shape[1] * factor, grid.shape[2] * factor)
    return F.interpolate(grid[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]
