"""A small data set and the bundle trained from it, made once for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from branchline_training.progress import silent
from branchline_training.synthesize import synthesize
from branchline_training.train import train
from small_set import MODALITIES, SMALL


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """16 good parts to learn from, 6 good and 12 defective to judge, 64 pixels a side."""
    data = tmp_path_factory.mktemp("data") / "small"
    synthesize(data, seed=3, train=16, test_good=6, test_per_kind=2, size=64)
    return data


@pytest.fixture(scope="session")
def small_bundle(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven branches of three modalities."""
    out = tmp_path_factory.mktemp("models") / "small" / "1"
    train(small_data, MODALITIES, out, SMALL, silent)
    return out
