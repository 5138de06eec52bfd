"""The synthetic bracket: right formats, masks where a flaw shows, the same bytes every time."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from branchline_training.dataset import load_mask, read_specs, scan_test, scan_train
from branchline_training.decode import decode
from branchline_training.specs import AudioSpec, ImageSpec, RangeSpec
from branchline_training.synthesize import synthesize
from branchline_training.synthesize.flaws import FLAWS, SoundFlaw
from branchline_training.synthesize.sensors import colour
from branchline_training.synthesize.sound import tap
from branchline_training.synthesize.workpiece import draw_tolerances, machine, posed

MODALITIES = ("acoustic", "depth", "rgb", "thermal")
SEEN_BY = {
    "stain": {"rgb"},
    "dent": {"rgb", "depth"},
    "void": {"thermal"},
    "crack": {"rgb", "thermal"},
    "missing_feature": {"rgb", "depth"},
    "loose_insert": set(),
}


@pytest.fixture(scope="module")
def bracket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("synthetic") / "bracket"
    synthesize(out, seed=3, train=3, test_good=1, test_per_kind=1, size=128)
    return out


def digests(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_same_seed_gives_the_same_bytes_and_another_seed_does_not(
    bracket: Path, tmp_path: Path
) -> None:
    for seed, folder in ((3, "again"), (4, "other")):
        synthesize(tmp_path / folder, seed=seed, train=3, test_good=1, test_per_kind=1, size=128)
    first, again, other = map(digests, (bracket, tmp_path / "again", tmp_path / "other"))
    assert first == again
    part = "train/good/rgb/0000.png"
    assert first[part] != other[part]


def test_one_part_does_not_depend_on_how_many_are_made(bracket: Path, tmp_path: Path) -> None:
    synthesize(tmp_path / "few", seed=3, train=1, test_good=0, test_per_kind=1, size=128)
    few, many = digests(tmp_path / "few"), digests(bracket)
    same = [name for name in few if name != "README.md"]
    assert all(few[name] == many[name] for name in same)
    assert "test/void/acoustic/0000.wav" in same


def test_is_read_as_three_registered_cameras_and_a_microphone(bracket: Path) -> None:
    specs = read_specs(bracket, None)
    rgb, depth, thermal, acoustic = (specs[m] for m in ("rgb", "depth", "thermal", "acoustic"))
    assert rgb == ImageSpec(
        name="rgb", width=128, height=128, channels=3, registered_with=("depth", "thermal")
    )
    assert isinstance(depth, RangeSpec)
    assert (depth.unit, depth.encoding, depth.invalid) == ("mm", "uint16", 0)
    assert isinstance(thermal, RangeSpec)
    assert (thermal.unit, thermal.invalid) == ("degC", None)
    assert acoustic == AudioSpec(name="acoustic", sample_rate=16_000, seconds=1.0)


def test_values_are_physical_and_nothing_clips(bracket: Path) -> None:
    specs = read_specs(bracket, None)
    for part in scan_train(bracket, MODALITIES):
        signals = {name: decode(path, specs[name]) for name, path in part.files.items()}
        depth = signals["depth"]
        assert 0.001 < np.isnan(depth).mean() < 0.05
        assert 275 < np.nanmin(depth) < np.nanmax(depth) < 310
        assert 15 < signals["thermal"].min() < signals["thermal"].max() < 50
        assert 0.02 < np.abs(signals["acoustic"]).max() < 0.95
        assert (signals["rgb"] >= 250).mean() < 0.01


def test_every_kind_is_there_with_masks_for_exactly_the_cameras_that_see_it(bracket: Path) -> None:
    parts = {part.label: part for part in scan_test(bracket, MODALITIES)}
    assert set(parts) == {"good", *FLAWS}
    assert parts["good"].mask is None
    for kind, cameras in SEEN_BY.items():
        part = parts[kind]
        assert set(part.files) == set(MODALITIES)
        assert set(part.modality_masks) == cameras
        if not cameras:
            assert part.mask is None
            continue
        masks = [load_mask(path, 128, 128) for path in part.modality_masks.values()]
        assert part.mask is not None
        union = load_mask(part.mask, 128, 128)
        assert np.array_equal(union, np.logical_or.reduce(masks))
        assert 0.0005 < union.mean() < 0.1


@pytest.mark.parametrize("kind", ["stain", "missing_feature"])
def test_a_visible_flaw_changes_the_picture_inside_its_mask_only(kind: str) -> None:
    at = posed(128, np.random.default_rng(1))
    tolerances = draw_tolerances(np.random.default_rng(2))
    flaw = FLAWS[kind](at, np.random.default_rng(5))
    sound_part = machine(at, tolerances, None)
    bad_part = machine(at, tolerances, flaw.forgotten)
    clean = colour(sound_part, FLAWS["loose_insert"](at, np.random.default_rng(5)), _light())
    marked = colour(bad_part, flaw, _light())
    change = np.abs(marked.astype(int) - clean.astype(int)).max(axis=2)
    mask = flaw.masks["rgb"]
    assert change[mask].mean() > 10 * max(change[~mask].mean(), 0.01)


def _light() -> np.random.Generator:
    return np.random.default_rng(9)


def test_a_loose_insert_adds_noise_after_the_tap_and_a_good_part_does_not() -> None:
    late = slice(2400, 8000)  # 50 to 400 ms after the tap, in samples

    def hiss(flaw: SoundFlaw) -> float:
        ring = tap(flaw, np.random.default_rng(7)).astype(np.float64)[late]
        return float(np.square(np.diff(ring, 2)).mean())  # differences keep what is high

    assert hiss(SoundFlaw(rattle=0.1)) > 2 * hiss(SoundFlaw())


def test_pictures_stay_small_enough_to_bundle_a_dozen(tmp_path: Path) -> None:
    synthesize(tmp_path / "full", seed=1, train=1, test_good=0, test_per_kind=0)
    limits = {"rgb": 90_000, "depth": 70_000, "thermal": 70_000, "acoustic": 33_000}
    for modality, limit in limits.items():
        (file,) = (tmp_path / "full" / "train" / "good" / modality).iterdir()
        assert file.stat().st_size <= limit


def test_reports_progress_and_never_writes_into_a_used_folder(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    def one_of_each(out: Path) -> None:
        synthesize(
            out,
            seed=1,
            train=1,
            test_good=1,
            test_per_kind=0,
            size=64,
            progress=lambda *step: seen.append(step),
        )

    one_of_each(tmp_path / "new")
    assert seen == [(1, 2), (2, 2)]
    with pytest.raises(FileExistsError, match="not empty"):
        one_of_each(tmp_path / "new")
