"""Reading a folder of parts: pairing by ID, specs from headers, and every way it can be wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from branchline_training.dataset import (
    DatasetError,
    count_present,
    fingerprint,
    load_mask,
    read_specs,
    scan_test,
    scan_train,
)
from branchline_training.pcm16 import write_wav
from branchline_training.specs import AudioSpec, ImageSpec, RangeSpec
from branchline_training.synthesize.png import write_png

IDS = ("001", "002", "010")


def image(path: Path, height: int = 8, width: int = 12, value: int = 7) -> None:
    write_png(path, np.full((height, width, 3), value, np.uint8))


def range_map(path: Path, height: int = 8, width: int = 12) -> None:
    write_png(path, np.full((height, width), 4000, np.uint16))


def sound(path: Path, seconds: float = 0.5, rate: int = 1000) -> None:
    write_wav(path, np.zeros(round(seconds * rate), np.int16), rate)


def fill(folder: Path, ids: Iterable[str] = IDS) -> None:
    for part_id in ids:
        image(folder / "rgb" / f"{part_id}.png")
        range_map(folder / "depth" / f"{part_id}.png")
        sound(folder / "tap" / f"{part_id}.wav")


def declare(root: Path, **entries: Any) -> None:
    (root / "modalities.json").write_text(json.dumps(entries))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    fill(tmp_path / "train" / "good")
    fill(tmp_path / "test" / "good")
    fill(tmp_path / "test" / "crack")
    image(tmp_path / "test" / "crack" / "gt" / "002.png", value=255)
    image(tmp_path / "test" / "crack" / "gt" / "depth" / "010.png", value=255)
    return tmp_path


ALL = ("rgb", "depth", "tap")


# --- parts ---------------------------------------------------------------------------------


def test_pairs_by_id_and_sorts_as_text(root: Path) -> None:
    fill(root / "train" / "good", ["10", "9"])
    parts = scan_train(root, ALL)
    assert [part.id for part in parts] == ["001", "002", "010", "10", "9"]
    assert all({path.stem for path in part.files.values()} == {part.id} for part in parts)
    assert all(part.is_good for part in parts)


def test_a_missing_modality_is_absent_not_an_error(root: Path) -> None:
    (root / "train/good/depth/002.png").unlink()
    parts = scan_train(root, ALL)
    assert [sorted(part.files) for part in parts][1] == ["rgb", "tap"]
    assert count_present(parts) == {"depth": 2, "rgb": 3, "tap": 3}


def test_training_never_opens_the_test_split(root: Path) -> None:
    before = (read_specs(root, None), scan_train(root, ALL))
    shutil.rmtree(root / "test")
    (root / "test").write_text("no folder at all")
    assert (read_specs(root, None), scan_train(root, ALL)) == before


def test_reads_labels_and_masks_of_the_test_split(root: Path) -> None:
    parts = {part.key: part for part in scan_test(root, ALL)}
    assert list(parts) == [f"{label}/{i}" for label in ("crack", "good") for i in IDS]
    assert not parts["crack/001"].is_good
    assert parts["crack/001"].mask is None
    assert parts["crack/002"].mask == root / "test/crack/gt/002.png"
    assert parts["crack/010"].modality_masks == {"depth": root / "test/crack/gt/depth/010.png"}


def test_hidden_files_are_passed_over(root: Path) -> None:
    (root / "train/good/rgb/.DS_Store").write_text("x")
    (root / "test/.cache").mkdir()
    assert len(scan_train(root, ALL)) == 3
    assert len(scan_test(root, ALL)) == 6


def test_only_the_modalities_asked_for_are_read(root: Path) -> None:
    (root / "train/good/tap/notes.txt").write_text("x")
    assert [sorted(part.files) for part in scan_train(root, ["rgb"])] == [["rgb"]] * 3


# --- wrong pairings ------------------------------------------------------------------------


def rename(root: Path, modality: str, names: dict[str, str]) -> None:
    folder = root / "train" / "good" / modality
    for old, new in names.items():
        (folder / f"{old}.png").rename(folder / f"moving {new}.png")
    for new in names.values():
        (folder / f"moving {new}.png").rename(folder / f"{new}.png")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"001": "1", "002": "2", "010": "10"}, r'rgb has "001" where depth has "1"'),
        ({"001": "1"}, r'rgb has "001" where depth has "1"'),
        ({"001": "a", "002": "b", "010": "c"}, "no ID .* stands in both rgb .* and depth"),
        ({"001": "002", "002": "003", "010": "011"}, r"depth are those of rgb shifted by \+1"),
    ],
)
def test_ids_that_cannot_mean_the_same_parts_are_refused(
    root: Path, names: dict[str, str], message: str
) -> None:
    rename(root, "depth", names)
    with pytest.raises(DatasetError, match=message):
        scan_train(root, ALL)


def test_two_files_of_one_id_are_refused(root: Path) -> None:
    np.save(root / "train/good/rgb/002.npy", np.zeros((8, 12, 3), np.uint8))
    with pytest.raises(DatasetError, match=r'"002" stands twice .* 002\.npy and 002\.png'):
        scan_train(root, ALL)


def test_an_unknown_extension_is_refused_by_name(root: Path) -> None:
    (root / "test/good/rgb/004.bmp").write_bytes(b"BM")
    with pytest.raises(DatasetError, match=r"004\.bmp has an unknown extension; \.jpeg, \.jpg"):
        scan_test(root, ALL)


def test_a_folder_among_the_files_is_refused(root: Path) -> None:
    (root / "train/good/rgb/more").mkdir()
    with pytest.raises(DatasetError, match="more is a folder"):
        scan_train(root, ALL)


def test_a_mask_without_its_part_is_refused(root: Path) -> None:
    image(root / "test/crack/gt/2.png")
    with pytest.raises(DatasetError, match=r'no file in .*crack has the ID "2"'):
        scan_test(root, ALL)


def test_missing_folders_are_named_with_the_right_layout(root: Path) -> None:
    with pytest.raises(DatasetError, match=r'no folder "thermal"; the layout is train/good/th'):
        scan_train(root, ["rgb", "thermal"])
    with pytest.raises(DatasetError, match='holds no file of modality "thermal"'):
        scan_test(root, ["rgb", "thermal"])
    shutil.rmtree(root / "test")
    with pytest.raises(DatasetError, match='no folder "test"'):
        scan_test(root, ALL)


# --- specs ---------------------------------------------------------------------------------


def test_specs_are_inferred_from_headers(root: Path) -> None:
    assert read_specs(root, None) == {
        "depth": RangeSpec(name="depth", width=12, height=8, unit="raw", encoding="uint16"),
        "rgb": ImageSpec(name="rgb", width=12, height=8, channels=3),
        "tap": AudioSpec(name="tap", sample_rate=1000, seconds=0.5),
    }
    assert list(read_specs(root, ["tap", "rgb"])) == ["tap", "rgb"]


def test_what_is_declared_wins(root: Path) -> None:
    declare(
        root,
        depth={"kind": "range", "unit": "mm", "scale": 0.001, "offset": -2, "invalid": None},
        tap={"seconds": 0.25},
    )
    specs = read_specs(root, None)
    assert specs["depth"] == RangeSpec(
        name="depth",
        width=12,
        height=8,
        unit="mm",
        encoding="uint16",
        scale=0.001,
        offset=-2.0,
        invalid=None,
    )
    assert specs["tap"] == AudioSpec(name="tap", sample_rate=1000, seconds=0.25)


def test_float_files_carry_their_unit_themselves(root: Path) -> None:
    for part_id in IDS:
        (root / f"train/good/depth/{part_id}.png").unlink()
        np.save(root / f"train/good/depth/{part_id}.npy", np.ones((8, 12), np.float32))
    spec = read_specs(root, ["depth"])["depth"]
    assert isinstance(spec, RangeSpec)
    assert (spec.encoding, spec.invalid) == ("float32", None)
    declare(root, depth={"scale": 0.001})
    with pytest.raises(DatasetError, match=r'"scale", but .*001\.npy is float'):
        read_specs(root, ["depth"])


def test_sharing_a_frame_goes_both_ways_and_along_chains(root: Path) -> None:
    for part_id in IDS:
        range_map(root / f"train/good/heat/{part_id}.png")
    declare(root, rgb={"registeredWith": ["depth"]}, heat={"registeredWith": ["depth"]})
    specs = read_specs(root, None)
    assert specs["depth"].registered_with == ("heat", "rgb")
    assert specs["rgb"].registered_with == ("depth", "heat")
    assert specs["tap"].registered_with == ()
    assert read_specs(root, ["rgb", "tap"])["rgb"].registered_with == ()


def test_the_most_common_size_is_taken(root: Path) -> None:
    image(root / "train/good/rgb/001.png", height=16, width=24)
    spec = read_specs(root, ["rgb"])["rgb"]
    assert isinstance(spec, ImageSpec)
    assert (spec.width, spec.height) == (12, 8)


def test_sound_takes_the_shortest_file_floored(root: Path) -> None:
    sound(root / "train/good/tap/002.wav", seconds=0.298)
    assert read_specs(root, ["tap"])["tap"] == AudioSpec(name="tap", sample_rate=1000, seconds=0.29)


def test_files_that_disagree_are_both_named(root: Path) -> None:
    write_png(root / "train/good/rgb/010.png", np.zeros((8, 12), np.uint8))
    with pytest.raises(DatasetError, match=r"001\.png \(3 x uint8\) and .*010\.png \(1 x uint8\)"):
        read_specs(root, ["rgb"])
    write_png(root / "train/good/depth/002.png", np.zeros((8, 12), np.uint8))
    with pytest.raises(DatasetError, match=r"001\.png \(1 x uint16\) and .*002\.png \(1 x uint8\)"):
        read_specs(root, ["depth"])
    sound(root / "train/good/tap/002.wav", rate=2000)
    with pytest.raises(DatasetError, match=r"1000 Hz\) and .*002\.wav .*2000 Hz"):
        read_specs(root, ["tap"])


def test_another_aspect_is_refused_naming_both(root: Path) -> None:
    image(root / "train/good/rgb/002.png", height=12, width=12)
    with pytest.raises(DatasetError, match=r"002\.png is 12 x 12 pixels, .*001\.png is 12 x 8"):
        read_specs(root, ["rgb"])


def test_a_broken_training_file_is_named(root: Path) -> None:
    (root / "train/good/rgb/002.png").write_bytes(b"")
    with pytest.raises(DatasetError, match=r"002\.png: the file has no bytes"):
        read_specs(root, ["rgb"])


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"depht": {}}, 'speaks of "depht".* it has: depth, rgb, tap'),
        ({"depth": {"units": "mm"}}, 'unknown key "units"; known: kind, unit'),
        ({"depth": {"scale": 0}}, "depth.scale is 0; it must be a number other than 0"),
        ({"depth": {"scale": True}}, "depth.scale is True"),
        ({"depth": {"invalid": 0.5}}, "depth.invalid is 0.5"),
        ({"depth": {"unit": ""}}, "depth.unit is ''"),
        ({"depth": {"kind": "image"}}, 'calls depth "image", but .* uint16, which is range'),
        ({"rgb": {"scale": 2}}, '"scale" of rgb has no meaning for image'),
        ({"rgb": {"registeredWith": ["tap"]}}, "tap is sound and shares no pixel frame"),
        ({"rgb": {"registeredWith": ["xyz"]}}, 'speaks of "xyz"'),
        ({"tap": {"seconds": 0.6}}, r"lasts 0\.500 s; modalities\.json asks for 0\.6 s"),
        ({"tap": []}, "tap must be an object"),
    ],
)
def test_a_wrong_declaration_is_refused_by_key(
    root: Path, entries: dict[str, Any], message: str
) -> None:
    declare(root, **entries)
    with pytest.raises(DatasetError, match=message):
        read_specs(root, None)


def test_modalities_json_that_is_no_json_is_refused(root: Path) -> None:
    (root / "modalities.json").write_text("{")
    with pytest.raises(DatasetError, match=r"modalities\.json is not JSON"):
        read_specs(root, None)


@pytest.mark.parametrize(
    ("modalities", "message"),
    [
        (["rgb", "rgb"], "asked for twice"),
        (["thermal"], 'no folder "thermal"; it has: depth, rgb, tap'),
        ([], "no modality"),
    ],
)
def test_a_wrong_choice_of_modalities_is_refused(
    root: Path, modalities: list[str], message: str
) -> None:
    with pytest.raises(DatasetError, match=message):
        read_specs(root, modalities)


def test_a_name_the_api_needs_for_itself_is_refused(root: Path) -> None:
    (root / "train/good/rgb").rename(root / "train/good/fused")
    with pytest.raises(DatasetError, match='"fused" cannot name a modality; the service'):
        read_specs(root, ["fused"])


def test_a_name_the_manifest_cannot_hold_is_refused(root: Path) -> None:
    (root / "train/good/rgb").rename(root / "train/good/RGB")
    with pytest.raises(DatasetError, match='"RGB" cannot name a modality; take lower-case'):
        read_specs(root, ["RGB"])


# --- masks and fingerprint -----------------------------------------------------------------


def test_a_mask_is_resampled_by_nearest_pixel(tmp_path: Path) -> None:
    pixels = np.zeros((4, 6), np.uint8)
    pixels[1, 2] = 1  # any value but 0 marks
    write_png(tmp_path / "mask.png", pixels)
    assert np.array_equal(load_mask(tmp_path / "mask.png", 4, 6), pixels > 0)
    expected = np.kron(pixels, np.ones((2, 2))) > 0
    assert np.array_equal(load_mask(tmp_path / "mask.png", 8, 12), expected)


def test_a_mask_of_another_aspect_is_refused(tmp_path: Path) -> None:
    image(tmp_path / "mask.png", height=8, width=8)
    with pytest.raises(DatasetError, match=r"mask\.png is 8 x 8 pixels; its frame is 12 x 8"):
        load_mask(tmp_path / "mask.png", 8, 12)


def test_the_fingerprint_knows_names_and_bytes_but_not_place_or_order(root: Path) -> None:
    parts = scan_test(root, ALL)
    first = fingerprint(parts)
    assert first.startswith("sha256:")
    assert len(first) == len("sha256:") + 64
    assert fingerprint(reversed(parts)) == first
    copy = root.parent / f"{root.name} copy"
    shutil.copytree(root, copy)
    assert fingerprint(scan_test(copy, ALL)) == first
    (copy / "test/good/tap/001.wav").rename(copy / "test/good/tap/003.wav")
    assert fingerprint(scan_test(copy, ALL)) != first
    image(root / "test/good/rgb/001.png", value=8)
    assert fingerprint(scan_test(root, ALL)) != first
