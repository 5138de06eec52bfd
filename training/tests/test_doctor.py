from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from branchline_training.bundle import read_manifest
from branchline_training.calibration import prediction_factor
from branchline_training.cli import main
from branchline_training.picture import open_picture
from branchline_training.progress import silent
from branchline_training.synthesize import synthesize
from branchline_training.synthesize.png import write_png
from branchline_training.train import TrainConfig, train


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 good parts to learn from, 12 good and 12 defective ones, 128 pixels a side."""
    data = tmp_path_factory.mktemp("doctor") / "healthy"
    synthesize(data, seed=5, train=60, test_good=12, test_per_kind=2, size=128)
    return data


@pytest.fixture
def patient(healthy: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(healthy, tmp_path / "patient"))


def ask(data: Path, *options: str) -> tuple[int, list[dict[str, str]]]:
    report = data.parent / "findings.json"
    code = main(["doctor", str(data), "--json", str(report), "--quiet", *options])
    return code, json.loads(report.read_text())["findings"]


def told(findings: list[dict[str, str]], check: str) -> list[dict[str, str]]:
    return [f for f in findings if f["check"] == check and f["severity"] != "note"]


def files(data: Path, place: str) -> list[Path]:
    return sorted((data / place).iterdir())


def pixels(file: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return open_picture(file.read_bytes()).read()


def test_a_healthy_set_gets_notes_only(healthy: Path) -> None:
    code, findings = ask(healthy)
    assert code == 0
    assert {finding["severity"] for finding in findings} <= {"note"}


def test_labels_readable_from_the_background_are_found(patient: Path) -> None:
    """Defective parts were taken under another lamp, as far as the edge of the picture tells."""
    for file in patient.glob("test/*/rgb/*.png"):
        if file.parent.parent.name != "good":
            picture = pixels(file).copy()
            picture[:4] += 8
            write_png(file, picture)
    code, findings = ask(patient)
    assert code == 2
    (leak,) = told(findings, "background")
    assert leak["modality"] == "rgb"
    assert "the border of rgb alone tells good from defective parts" in leak["sentence"]


def test_pictures_paired_with_other_parts_are_not_registered(patient: Path) -> None:
    """Each depth picture gets the next part's name: pairing by ID cannot see that."""
    depths = files(patient, "train/good/depth")
    content = [file.read_bytes() for file in depths]
    for file, other in zip(depths, [*content[7:], *content[:7]], strict=True):
        file.write_bytes(other)
    code, findings = ask(patient)
    assert code == 2
    assert {f["sentence"].split(" are ")[0] for f in told(findings, "registration")} == {
        "depth and rgb",
        "depth and thermal",
    }


def test_a_test_part_that_was_trained_on_is_found(patient: Path) -> None:
    shutil.copy(files(patient, "train/good/rgb")[3], files(patient, "test/good/rgb")[0])
    code, findings = ask(patient)
    assert code == 2
    (copy,) = told(findings, "duplicates")
    assert "test/good/0000 is train/good/0003" in copy["sentence"]


def test_a_frozen_sensor_and_a_dead_one_are_found(patient: Path) -> None:
    rgb, *others = files(patient, "train/good/rgb")
    for file in others:
        shutil.copy(rgb, file)
    for file in files(patient, "train/good/thermal"):
        write_png(file, np.full((128, 128), 4000, np.uint16))
    code, findings = ask(patient)
    assert code == 2
    assert any(f["modality"] == "rgb" for f in told(findings, "duplicates"))
    (dead,) = told(findings, "silence")
    assert "60 of 60 signals of thermal are constant" in dead["sentence"]


def test_files_that_cannot_be_read_are_told_together(patient: Path) -> None:
    for file in files(patient, "train/good/rgb")[:5]:
        file.write_bytes(file.read_bytes()[:200])
    code, findings = ask(patient)
    assert code == 1
    (broken,) = told(findings, "decoding")
    assert broken["sentence"].startswith("5 of 60 files of rgb cannot be read")
    assert "0000.png" in broken["sentence"]


def test_too_few_parts_are_told_with_what_it_costs(patient: Path) -> None:
    for file in files(patient, "train/good/acoustic")[20:]:
        file.unlink()
    _, findings = ask(patient, "--modalities", "acoustic,rgb")
    notes = [f["sentence"] for f in findings if f["check"] == "calibration"]
    assert any(s.startswith("20 good parts carry acoustic+rgb: fewer than the 50") for s in notes)
    for file in files(patient, "train/good/acoustic")[5:]:
        file.unlink()
    code, findings = ask(patient, "--modalities", "acoustic,rgb")
    assert code == 1
    assert "only 5 good parts carry acoustic;" in told(findings, "calibration")[0]["sentence"]


def test_the_bound_widens_as_parts_get_fewer() -> None:
    assert prediction_factor(100_000, 0.02) == pytest.approx(1.0, abs=1e-3)
    assert prediction_factor(8, 0.02) > 1.2 > prediction_factor(30, 0.02) > 1.0
    assert norm.ppf(0.98) * prediction_factor(2, 0.02) > 15


def test_findings_go_into_the_manifest_of_a_bundle(patient: Path, tmp_path: Path) -> None:
    shutil.copy(files(patient, "train/good/rgb")[0], files(patient, "train/good/rgb")[1])
    bundle = tmp_path / "m" / "1"
    config = TrainConfig(size=64, student="off")
    told_by_train = train(patient, ["rgb"], bundle, config, silent)
    assert any("copies of another part's" in sentence for sentence in told_by_train)
    assert read_manifest(bundle)["data"]["findings"] == told_by_train
    ask(patient, "--modalities", "rgb", "--write", str(bundle))
    findings = read_manifest(bundle)["data"]["findings"]
    assert any(sentence.startswith("note: the border of rgb alone") for sentence in findings)
