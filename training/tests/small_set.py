"""What the shared small data set and bundle of conftest.py are made with."""

from __future__ import annotations

from branchline_training.train import TrainConfig

SMALL = TrainConfig(size=64)
MODALITIES = ("rgb", "depth", "acoustic")
