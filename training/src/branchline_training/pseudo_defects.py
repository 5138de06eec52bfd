"""Defects made up from good pictures, to compare detectors without a single label.

After CutPaste (Li et al., CVPR 2021) and DRAEM (Zavrtanik et al., ICCV 2021): a blob of another
good part's picture, from elsewhere, is blended in. They are drawn on the front end's picture, so
they are the same for every kind of sensor, and share nothing with the test generator's defects.
They are small and faint on purpose: bolder ones (a fifth of the picture, nearly opaque) were all
found on the synthetic part, AUROC 0.98 to 0.99 whichever the detector, and so told nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

RADIUS_SHARE = (1 / 40, 1 / 10)  # of the shorter side
OPACITY = (0.1, 0.5)
EDGE_WOBBLE = 0.5


def add_pseudo_defects(pictures: Tensor, seed: int) -> Tensor:
    """(n, 3, h, w) good pictures to as many with one blended blob each; the input is kept."""
    generator = torch.Generator().manual_seed(seed)
    n, _, h, w = pictures.shape
    damaged = pictures.clone()
    for i in range(n):
        blob = _soft_blob(h, w, generator)
        donor = pictures[int(torch.randint(n, (1,), generator=generator))]
        shift = (
            int(torch.randint(h, (1,), generator=generator)),
            int(torch.randint(w, (1,), generator=generator)),
        )
        opacity = blob * _uniform(*OPACITY, generator)
        damaged[i] = torch.lerp(pictures[i], torch.roll(donor, shift, dims=(1, 2)), opacity)
    return damaged


def _soft_blob(h: int, w: int, generator: torch.Generator) -> Tensor:
    """A round patch with a wobbly, soft edge, 0…1, (h, w)."""
    side = min(h, w)
    radius = side * _uniform(*RADIUS_SHARE, generator)
    centre_y = _uniform(radius, h - radius, generator)
    centre_x = _uniform(radius, w - radius, generator)
    rows = torch.arange(h, dtype=torch.float32)[:, None] - centre_y
    columns = torch.arange(w, dtype=torch.float32)[None, :] - centre_x
    distance = torch.sqrt(rows.square() + columns.square()) / radius
    noise = torch.randn(1, 1, 8, 8, generator=generator)
    wobble = F.interpolate(noise, size=(h, w), mode="bicubic", align_corners=False)[0, 0]
    inside = (distance + EDGE_WOBBLE * wobble < 1.0).to(torch.float32)
    return F.avg_pool2d(inside[None, None], 5, stride=1, padding=2)[0, 0]


def _uniform(low: float, high: float, generator: torch.Generator) -> float:
    return low + (high - low) * float(torch.rand(1, generator=generator))
