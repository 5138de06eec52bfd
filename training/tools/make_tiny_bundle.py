"""Writes the tiny bundle the service's tests run on: real exports of graphs that learn nothing.

    python training/tools/make_tiny_bundle.py test/fixtures/tiny/1

Each encoder measures how far its signal is from mid-scale, so that every capture has its own score
and an answer can be traced to its capture.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from branchline_training.bundle import Branch, BundleParts, Encoder, write_bundle
from branchline_training.calibration import score_histogram
from branchline_training.progress import silent
from branchline_training.specs import AudioSpec, ImageSpec, RangeSpec

MAP_SIZE = 64
GOOD_PARTS = 200
SPECS = {
    "rgb": ImageSpec(name="rgb", width=64, height=64, channels=3, registered_with=("depth",)),
    "depth": RangeSpec(
        name="depth",
        width=64,
        height=64,
        unit="mm",
        encoding="uint16",
        scale=0.01,
        registered_with=("rgb",),
    ),
    "acoustic": AudioSpec(name="acoustic", sample_rate=16_000, seconds=0.25),
}


class PictureEncoder(nn.Module):
    """(n, h, w, c) pictures on the scale 0…``full`` to their brightness map and its mean."""

    def __init__(self, full: float) -> None:
        super().__init__()
        self.full = full

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Returns evidence (n,) and map (n, 64, 64), both in 0…1."""
        y = torch.nan_to_num(x.float()).mean(dim=3) / self.full  # (n, h, w)
        y = y.clamp(0.0, 1.0)
        return y.mean(dim=(1, 2)), y


class SoundEncoder(nn.Module):
    """(n, t) sound to its loudness over time, drawn as a (n, 64, 64) map."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Returns evidence (n,) and map (n, 64, 64), both in 0…1."""
        loudness = F.adaptive_avg_pool1d(x.abs()[:, None, :4000], 50)[:, 0]  # (n, 50)
        column = F.pad(loudness, (0, MAP_SIZE - 50))[:, None, :]  # (n, 1, 64)
        return loudness.mean(dim=1), column.repeat(1, MAP_SIZE, 1)


class MeanHead(nn.Module):
    """The mean of the present modalities' evidence, and the first frame's map."""

    def __init__(self, frame: int, count: int) -> None:
        super().__init__()
        self.frame = frame
        self.count = count

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Takes evidence and map of each modality in turn."""
        evidence = torch.stack(inputs[0::2], dim=1)  # (n, m)
        weight = torch.ones_like(evidence) / self.count
        return evidence.mean(dim=1), inputs[1::2][self.frame] * 1.0, evidence * 1.0, weight


def main(out: Path) -> None:
    """Writes the bundle to ``out``."""
    rng = np.random.default_rng(1)
    golden = {
        "rgb": rng.integers(0, 256, (2, 64, 64, 3), dtype=np.uint8),
        "depth": rng.uniform(0, 50, (2, 64, 64, 1)).astype(np.float32),
        "acoustic": rng.normal(0, 0.2, (2, 4000)).clip(-1, 1).astype(np.float32),
    }
    golden["depth"][:, :4, :4] = np.nan
    good = {name: rng.uniform(0.3, 0.6, GOOD_PARTS) for name in SPECS}
    branches = []
    names = sorted(SPECS)
    for count in range(1, len(names) + 1):
        for subset in itertools.combinations(names, count):
            frame = next((n for n in ("rgb", "depth") if n in subset), "acoustic")
            branches.append(
                Branch(
                    modalities=subset,
                    head=MeanHead(subset.index(frame), count),
                    inputs=tuple(f"{m}.{o}" for m in subset for o in ("evidence", "map")),
                    frame=frame,
                    calibration={
                        "n": GOOD_PARTS,
                        "method": "good parts are of even brightness and loudness, 0.3 to 0.6",
                        "targetFalseCallRate": 0.02,
                        "scoreHistogram": score_histogram(
                            np.mean([good[name] for name in subset], axis=0)
                        ),
                    },
                    thresholds={"review": 0.5, "reject": 0.7},
                )
            )
    outputs = ("evidence", "map")
    parts = BundleParts(
        name="tiny",
        version=1,
        licence="Apache-2.0",
        seed=1,
        config={"method": "mean brightness and loudness, for tests"},
        data={"name": "none", "counts": {}, "fingerprint": "none", "findings": []},
        specs=SPECS,
        encoders={
            "rgb": Encoder(module=PictureEncoder(255.0), outputs=outputs),
            "depth": Encoder(module=PictureEncoder(100.0), outputs=outputs),
            "acoustic": Encoder(module=SoundEncoder(), outputs=outputs),
        },
        branches=branches,
        golden=golden,
    )
    write_bundle(out, parts, silent)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
