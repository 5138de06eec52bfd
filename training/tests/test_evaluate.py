from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from branchline_training.bundle import read_manifest
from branchline_training.cli import main


def test_the_report_covers_every_branch_and_rate(
    small_bundle: Path, small_data: Path, tmp_path: Path
) -> None:
    bundle = Path(shutil.copytree(small_bundle, tmp_path / "small" / "1"))
    report_file, tables = tmp_path / "report.json", tmp_path / "report.md"
    arguments = ["evaluate", str(bundle), str(small_data), "--rates", "0,0.4", "--seeds", "3"]
    outputs = ["--json", str(report_file), "--markdown", str(tables), "--write", "--quiet"]
    assert main(arguments + outputs) == 0

    report = json.loads(report_file.read_text())
    rows = {row["branch"]: row for row in report["branches"]}
    assert len(rows) == 7
    full = rows["acoustic+depth+rgb"]
    assert full["n"] == {"good": 6, "defective": 12}
    assert full["interval95"][0] <= full["imageAuroc"] <= full["interval95"][1]
    assert set(full["byDefect"]) == {
        "crack",
        "dent",
        "loose_insert",
        "missing_feature",
        "stain",
        "void",
    }
    assert rows["acoustic"]["pixelAuroc"] is None  # sound has no pixels
    assert rows["rgb"]["pixelAuroc"] > 0.5
    assert [row["rate"] for row in report["missing"]] == [0, 0.4]
    assert report["missing"][0]["imageAuroc"] == pytest.approx(full["imageAuroc"])
    assert "| acoustic+depth+rgb | " in tables.read_text()

    manifest = read_manifest(bundle)
    metrics = {branch["id"]: branch["metrics"] for branch in manifest["branches"]}
    assert metrics["rgb"]["imageAuroc"] == rows["rgb"]["imageAuroc"]
    assert metrics["rgb"]["on"] == "small, test split"
    evaluation = manifest["evaluation"]
    assert set(evaluation) == set(report)
    assert evaluation["missing"][1]["imageAuroc"] == round(report["missing"][1]["imageAuroc"], 4)


def test_a_plan_of_captures_is_judged_to_the_letter(
    small_bundle: Path, small_data: Path, tmp_path: Path
) -> None:
    ids = sorted(file.stem for file in (small_data / "test/good/rgb").iterdir())
    plan = tmp_path / "plan.json"
    captures = [
        {"label": "good", "id": ids[0], "modalities": ["rgb"]},
        {"label": "good", "id": ids[1], "modalities": ["rgb", "acoustic"]},
    ]
    plan.write_text(json.dumps({"captures": captures}))
    out = tmp_path / "out.json"
    arguments = ["evaluate", str(small_bundle), str(small_data), "--captures", str(plan)]
    assert main([*arguments, "--json", str(out), "--quiet"]) == 0
    report = json.loads(out.read_text())
    assert [row["branch"] for row in report["scores"]] == ["rgb", "acoustic+rgb"]
    assert report["imageAuroc"] is None  # good parts alone rank nothing


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        ('{"captures": [{"label": "good", "id": "x", "modalities": ["rgb"]}]}', '"good/x"'),
        ('{"capture": []}', "is no list of captures"),
        ("nonsense", "is no list of captures"),
    ],
)
def test_a_wrong_plan_is_refused_by_name(
    small_bundle: Path,
    small_data: Path,
    tmp_path: Path,
    plan: str,
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "plan.json"
    file.write_text(plan)
    arguments = ["evaluate", str(small_bundle), str(small_data), "--captures", str(file)]
    assert main([*arguments, "--quiet"]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_data_may_lack_a_modality_of_the_bundle(
    small_bundle: Path, small_data: Path, tmp_path: Path
) -> None:
    data = Path(shutil.copytree(small_data, tmp_path / "deaf"))
    for folder in data.glob("test/*/acoustic"):
        shutil.rmtree(folder)
    report_file = tmp_path / "report.json"
    arguments = ["evaluate", str(small_bundle), str(data), "--seeds", "2", "--quiet"]
    assert main([*arguments, "--json", str(report_file)]) == 0
    rows = {row["branch"]: row for row in json.loads(report_file.read_text())["branches"]}
    assert rows["depth+rgb"]["imageAuroc"] is not None
    assert rows["acoustic+rgb"]["imageAuroc"] is None
    assert rows["acoustic+rgb"]["n"] == {"good": 0, "defective": 0}


def test_data_with_none_of_the_modalities_is_refused(
    small_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "test/good/smell").mkdir(parents=True)
    assert main(["evaluate", str(small_bundle), str(tmp_path), "--quiet"]) == 1
    assert "none of this bundle's modalities" in capsys.readouterr().err
