"""Tiny trees in the exact layouts of published sets; their pictures are noise."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import pyvips

from branchline_training.cli import main
from branchline_training.dataset import load_mask, read_specs, scan_test, scan_train
from branchline_training.decode import decode
from branchline_training.progress import silent
from branchline_training.published import import_category
from branchline_training.specs import ImageSpec, RangeSpec
from branchline_training.synthesize.png import write_png

SIDE = 64
RNG = np.random.default_rng(0)


def colour(file: Path) -> None:
    write_png(file.with_suffix(".png"), RNG.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8))
    file.with_suffix(".png").rename(file)


def mask(file: Path, value: int = 255) -> None:
    marked = np.zeros((SIDE, SIDE), np.uint8)
    marked[8:16, 8:16] = value
    write_png(file, marked)


def cloud(file: Path) -> None:
    """x, y and z in metres; the upper left corner was not measured."""
    xyz = RNG.uniform(0.4, 0.6, (SIDE, SIDE, 3)).astype(np.float32)
    xyz[:4, :4] = 0
    file.parent.mkdir(parents=True, exist_ok=True)
    pyvips.Image.new_from_array(xyz).tiffsave(str(file))


def mvtec_3d_ad(root: Path, train: int = 3) -> Path:
    category = root / "bagel"
    places = [("train/good", train), ("validation/good", 2), ("test/good", 2), ("test/hole", 2)]
    for place, count in places:
        for i in range(count):
            colour_place = category / place / "rgb" / f"{i:03d}.png"
            colour_place.parent.mkdir(parents=True, exist_ok=True)
            colour(colour_place)
            cloud(category / place / "xyz" / f"{i:03d}.tiff")
            mask(category / place / "gt" / f"{i:03d}.png", 255 if place == "test/hole" else 0)
    return category


def eyecandies(root: Path) -> Path:
    category = root / "GummyBear"
    for split, number, kind in (
        ("train", "000", None),
        ("train", "001", None),
        ("val", "000", None),
        ("test_public", "00", None),
        ("test_public", "01", "bumps"),
        ("test_public", "02", "both"),
        ("test_private", "00", None),
    ):
        folder = category / split / "data"
        folder.mkdir(parents=True, exist_ok=True)
        for light in range(6):
            colour(folder / f"{number}_image_{light}.png")
        write_png(
            folder / f"{number}_depth.png", np.full((SIDE, SIDE), 13107, np.uint16)
        )  # a fifth of 65535
        (folder / f"{number}_info_depth.yaml").write_text(
            "normalization:\n  max: 2.0\n  min: 1.0\n"
        )
        mask(folder / f"{number}_mask.png")
        if split != "test_private":
            flags = {k: int(kind in (k, "both")) for k in ("bumps", "colors", "dents", "normals")}
            lines = [
                f"anomalous: {int(kind is not None)}",
                *(f"{k}: {v}" for k, v in flags.items()),
            ]
            (folder / f"{number}_metadata.yaml").write_text("\n".join(lines) + "\n")
    return category


def mulsen_ad(root: Path) -> Path:
    category = root / "capsule"
    for sensor in ("RGB", "Infrared"):
        for place, numbers in (("train", (0, 1, 10)), ("test/good", (0,)), ("test/crack", (0, 1))):
            for number in numbers:
                file = category / sensor / place / f"{number}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                colour(file)
    mask(category / "RGB" / "GT" / "crack" / "1.png")
    (category / "Pointcloud" / "train").mkdir(parents=True)
    (category / "Pointcloud" / "train" / "0.stl").write_bytes(b"solid")
    return category


def mvtec_ad(root: Path, train: int = 3) -> Path:
    category = root / "bottle"
    for place, count in (("train/good", train), ("test/good", 2), ("test/broken_large", 2)):
        for i in range(count):
            file = category / place / f"{i:03d}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            colour(file)
    for i in range(2):
        mask(category / "ground_truth" / "broken_large" / f"{i:03d}_mask.png")
    return category


def visa(root: Path) -> Path:
    category = root / "pcb1"
    rows = ["object,split,label,image,mask"]
    for split, label, kind, number in (
        ("train", "normal", "Normal", "0000"),
        ("train", "normal", "Normal", "0001"),
        ("test", "normal", "Normal", "0002"),
        ("test", "anomaly", "Anomaly", "000"),
    ):
        image = category / "Data" / "Images" / kind / f"{number}.JPG"
        image.parent.mkdir(parents=True, exist_ok=True)
        noise = RNG.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
        pyvips.Image.new_from_array(noise).jpegsave(str(image.with_suffix(".jpg")))
        image.with_suffix(".jpg").rename(image)
        where = ""
        if kind == "Anomaly":
            mask(category / "Data" / "Masks" / "Anomaly" / f"{number}.png", value=2)
            where = f"pcb1/Data/Masks/Anomaly/{number}.png"
        rows.append(f"pcb1,{split},{label},pcb1/Data/Images/{kind}/{number}.JPG,{where}")
    (root / "split_csv").mkdir()
    (root / "split_csv" / "1cls.csv").write_text("\n".join(rows) + "\n")
    return category


@pytest.mark.parametrize(
    ("build", "layout", "train", "test", "modalities"),
    [
        (mvtec_3d_ad, "mvtec-3d-ad", 5, {"good": 2, "hole": 2}, ["depth", "rgb"]),
        (eyecandies, "eyecandies", 3, {"good": 1, "bumps": 1, "mixed": 1}, ["depth", "rgb"]),
        (mulsen_ad, "mulsen-ad", 3, {"good": 1, "crack": 2}, ["infrared", "rgb"]),
        (mvtec_ad, "mvtec-ad", 3, {"good": 2, "broken_large": 2}, ["rgb"]),
        (visa, "visa", 2, {"good": 1, "anomaly": 1}, ["rgb"]),
    ],
)
def test_a_published_layout_becomes_ours(
    build: Callable[[Path], Path],
    layout: str,
    train: int,
    test: dict[str, int],
    modalities: list[str],
    tmp_path: Path,
) -> None:
    out = tmp_path / "out"
    assert import_category(build(tmp_path), out, "auto", silent)[0] == layout
    specs = read_specs(out, None)
    assert sorted(specs) == modalities
    parts = scan_train(out, modalities)
    assert len(parts) == train
    labels = [part.label for part in scan_test(out, modalities)]
    assert {label: labels.count(label) for label in labels} == test
    for part in (*parts, *scan_test(out, modalities)):
        assert sorted(part.files) == modalities
        for modality, file in part.files.items():
            assert decode(file, specs[modality]).shape[:2] == (SIDE, SIDE)


def test_depth_of_an_organised_cloud_is_z_and_nan_where_nothing_was_measured(
    tmp_path: Path,
) -> None:
    out = tmp_path / "out"
    category = mvtec_3d_ad(tmp_path)
    import_category(category, out, "mvtec-3d-ad", silent)
    spec = read_specs(out, None)["depth"]
    assert isinstance(spec, RangeSpec)
    assert (spec.unit, spec.registered_with) == ("m", ("rgb",))
    depth = decode(out / "train/good/depth/000.npy", spec)[:, :, 0]
    truth = pyvips.Image.new_from_file(str(category / "train/good/xyz/000.tiff")).numpy()[:, :, 2]
    assert np.isnan(depth[:4, :4]).all()
    assert np.array_equal(depth[8:, 8:], truth[8:, 8:])


def test_depth_of_eyecandies_is_in_metres(tmp_path: Path) -> None:
    out = tmp_path / "out"
    import_category(eyecandies(tmp_path), out, "auto", silent)
    depth = decode(out / "train/good/depth/000.npy", read_specs(out, None)["depth"])
    assert depth == pytest.approx(1.2)


def test_masks_keep_their_place_and_any_value_marks(tmp_path: Path) -> None:
    for build, place in (
        (mvtec_ad, "test/broken_large/gt/001.png"),
        (visa, "test/anomaly/gt/000.png"),
        (mulsen_ad, "test/crack/gt/rgb/001.png"),
    ):
        root = tmp_path / build.__name__
        root.mkdir()
        import_category(build(root), root / "out", "auto", silent)
        assert load_mask(root / "out" / place, SIDE, SIDE).sum() == 64
        assert not list((root / "out/test/good").glob("gt/**/*.png"))


def test_one_modality_trains_and_evaluates_and_says_what_it_cannot_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, bundle = tmp_path / "data", tmp_path / "bottle" / "1"
    source = mvtec_ad(tmp_path / "published", train=10)
    run = ["--run-folder", str(tmp_path / "run"), "--steps", "4", "--quiet"]
    assert main(["import", str(source), str(data), "--quiet"]) == 0
    assert main(["train", str(data), "--out", str(bundle), *run]) == 0
    assert main(["evaluate", str(bundle), str(data), "--quiet"]) == 0
    said = capsys.readouterr().out
    assert said.count("no cross-modal gain can be had") == 3
    assert "| rgb | " in said


def test_two_modalities_with_holes_in_the_depth_train_and_evaluate(tmp_path: Path) -> None:
    data, bundle = tmp_path / "data", tmp_path / "bagel" / "1"
    run = ["--run-folder", str(tmp_path / "run"), "--steps", "4", "--quiet"]
    import_category(mvtec_3d_ad(tmp_path / "published", train=8), data, "auto", silent)
    assert main(["train", str(data), "--out", str(bundle), *run]) == 0
    report = tmp_path / "report.json"
    arguments = ["evaluate", str(bundle), str(data), "--seeds", "2", "--json", str(report)]
    assert main([*arguments, "--quiet"]) == 0
    rows = {row["branch"]: row for row in json.loads(report.read_text())["branches"]}
    assert set(rows) == {"depth", "rgb", "depth+rgb"}
    assert rows["depth"]["pixelAuroc"] is not None


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda c: shutil.rmtree(c / "test"), "bagel has no folder test"),
        (lambda c: (c / "train/good/xyz/001.tiff").unlink(), "001.tiff is missing"),
        (lambda c: (c / "test/hole/gt/001.png").unlink(), "gt/001.png is missing"),
        (lambda _: None, "holds several categories"),
    ],
)
def test_an_incomplete_tree_is_refused_by_name(
    spoil: Callable[[Path], None], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    category = mvtec_3d_ad(tmp_path / "set")
    source = category
    spoil(category)
    if said == "holds several categories":
        source = category.parent
    assert main(["import", str(source), str(tmp_path / "out"), "--quiet"]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_folder_of_no_known_layout_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import", str(tmp_path), str(tmp_path / "out"), "--quiet"]) == 1
    assert "is no category of mvtec-3d-ad or" in capsys.readouterr().err


def test_colour_comes_as_it_is(tmp_path: Path) -> None:
    category = mvtec_ad(tmp_path)
    import_category(category, tmp_path / "out", "auto", silent)
    spec = read_specs(tmp_path / "out", None)["rgb"]
    assert isinstance(spec, ImageSpec)
    taken = (tmp_path / "out/train/good/rgb/000.png").read_bytes()
    assert taken == (category / "train/good/000.png").read_bytes()
