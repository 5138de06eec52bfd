from __future__ import annotations

import numpy as np
import pytest

from branchline_training.specs import AudioSpec, ImageSpec, ModalitySpec, RangeSpec
from branchline_training.subsets import all_subsets, draw_present, frame_of, in_frame

FULL = ("acoustic", "depth", "grey", "rgb")
SPECS: dict[str, ModalitySpec] = {
    "rgb": ImageSpec(name="rgb", width=64, height=64, channels=3, registered_with=("depth",)),
    "grey": ImageSpec(name="grey", width=64, height=64, channels=1),
    "depth": RangeSpec(
        name="depth", width=64, height=64, unit="mm", encoding="uint16", registered_with=("rgb",)
    ),
    "acoustic": AudioSpec(name="acoustic", sample_rate=16_000, seconds=1.0),
}


def test_every_non_empty_subset_stands_once() -> None:
    subsets = all_subsets(["d", "b", "a", "c"])
    assert len(subsets) == len(set(subsets)) == 15
    assert subsets[0] == ("a",)
    assert subsets[-1] == ("a", "b", "c", "d")


@pytest.mark.parametrize(
    ("subset", "frame", "together"),
    [
        (FULL, "rgb", ("depth", "rgb")),
        (("acoustic", "depth", "grey"), "grey", ("grey",)),
        (("grey", "rgb"), "rgb", ("rgb",)),
        (("acoustic", "depth"), "depth", ("depth",)),
        (("acoustic",), "acoustic", ("acoustic",)),
    ],
)
def test_the_map_lies_in_the_frame_one_can_look_at(
    subset: tuple[str, ...], frame: str, together: tuple[str, ...]
) -> None:
    assert frame_of(subset, SPECS) == frame
    assert in_frame(subset, SPECS) == together


def test_one_loses_exactly_one_modality_at_the_rate() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_present(FULL, 0.4, "one", rng) for _ in range(2000)]
    assert {len(subset) for subset in drawn} == {3, 4}
    assert np.mean([len(subset) == 3 for subset in drawn]) == pytest.approx(0.4, abs=0.05)


def test_sample_keeps_every_proper_subset_equally_often() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_present(FULL, 1 - 1e-9, "sample", rng) for _ in range(7000)]
    counts = [drawn.count(subset) for subset in all_subsets(FULL)[:-1]]
    assert len(set(drawn)) == 14
    assert min(counts) > 0.75 * 500
    assert max(counts) < 1.25 * 500


def test_bern_loses_each_modality_at_the_rate_and_keeps_one() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_present(FULL, 0.4, "bern", rng) for _ in range(4000)]
    assert min(len(subset) for subset in drawn) == 1
    assert np.mean(["rgb" in subset for subset in drawn]) == pytest.approx(0.6, abs=0.04)


def test_a_single_modality_is_never_lost() -> None:
    assert draw_present(("rgb",), 0.9, "bern", np.random.default_rng(0)) == ("rgb",)
