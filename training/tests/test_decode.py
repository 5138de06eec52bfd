"""decode.py against the golden fixtures that the service's tests read too."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from branchline_training.decode import DecodeError, Probe, decode, probe
from branchline_training.specs import from_manifest, sample_shape

FIXTURES = Path(__file__).parents[2] / "test" / "fixtures" / "decoding"
CASES: list[dict[str, Any]] = json.loads((FIXTURES / "cases.json").read_text())
GOOD = [case for case in CASES if "expected" in case]
BAD = [case for case in CASES if "reason" in case]


def decoded(case: dict[str, Any]) -> Any:
    content = (FIXTURES / case["file"]).read_bytes()[: case.get("keepBytes")]
    return decode(content, from_manifest(case["spec"]), **case.get("calibration", {}))


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case["name"])
def test_gives_the_golden_pixels(case: dict[str, Any]) -> None:
    expected = np.load(FIXTURES / case["expected"])
    array = decoded(case)
    assert array.shape == sample_shape(from_manifest(case["spec"]))
    assert array.dtype == expected.dtype
    np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize("case", BAD, ids=lambda case: case["name"])
def test_refuses_with_the_golden_reason(case: dict[str, Any]) -> None:
    with pytest.raises(DecodeError) as refusal:
        decoded(case)
    assert refusal.value.reason == case["reason"]


def test_lossless_formats_of_one_picture_agree() -> None:
    """Guards the golden files themselves: they were made by the code under test."""
    spec = from_manifest(GOOD[0]["spec"])
    truth = np.load(FIXTURES / "rgb.npy")
    for file in (
        "rgb.png",
        "rgb-interlaced.png",
        "rgb-lzw.tif",
        "rgb-deflate-tiled.tif",
        "rgb-big.tif",
        "rgb-big-endian.tif",
        "rgb-minisblack.tif",
        "rgba.png",
        "turned-6.png",
        "turned-8.tif",
    ):
        pixels = decode(FIXTURES / file, spec)
        np.testing.assert_array_equal(pixels, truth)


def test_integers_become_units_and_the_invalid_value_becomes_nan() -> None:
    raw = np.load(FIXTURES / "depth16.npy")
    case = next(case for case in GOOD if case["file"] == "depth16.png")
    value = decode(FIXTURES / "depth16.png", from_manifest(case["spec"]))[:, :, 0]
    assert np.isnan(value[raw == 0]).all()
    np.testing.assert_array_equal(value[raw != 0], np.float32(raw[raw != 0] * 0.01 + -3.5))


def test_is_safe_in_threads() -> None:
    wanted = [np.load(FIXTURES / case["expected"]) for case in GOOD]
    with ThreadPoolExecutor(8) as pool:
        for array, expected in zip(pool.map(decoded, GOOD * 3), wanted * 3, strict=True):
            np.testing.assert_array_equal(array, expected)


def test_probe_tells_kind_and_size() -> None:
    assert probe(FIXTURES / "turned-6.jpg") == Probe(
        format="jpeg", kind="image", dtype="uint8", channels=3, width=21, height=17
    )
    assert probe(FIXTURES / "depth16.png") == Probe(
        format="png", kind="range", dtype="uint16", channels=1, width=21, height=17
    )
    assert probe(FIXTURES / "xyz.tif") == Probe(
        format="tiff", kind="range", dtype="float32", channels=3, width=21, height=17
    )
    assert probe(FIXTURES / "sound24.wav") == Probe(
        format="wav", kind="audio", dtype="int24", channels=2, sample_rate=8000, seconds=90 / 8000
    )
    with pytest.raises(DecodeError, match="not a PNG"):
        probe(FIXTURES / "text.png")
