from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from branchline_training.bundle import BundleError, content_hash, read_manifest
from branchline_training.calibration import TooFewParts
from branchline_training.progress import silent
from branchline_training.runtime import BundleRuntime
from branchline_training.train import TrainConfig, bundle_name, learn, make_branch, train
from small_set import MODALITIES, SMALL

opened: list[str] = []
watching = False


def _note_opened(event: str, arguments: tuple[Any, ...]) -> None:
    if watching and event in ("open", "os.listdir", "os.scandir"):
        opened.append(str(arguments[0]))


sys.addaudithook(_note_opened)


@pytest.fixture
def watched() -> Iterator[list[str]]:
    """Every path opened or listed while the test runs."""
    global watching  # noqa: PLW0603
    opened.clear()
    watching = True
    yield opened
    watching = False


def test_training_never_opens_the_test_split(
    small_data: Path, tmp_path: Path, watched: list[str]
) -> None:
    train(small_data, ["depth"], tmp_path / "blind" / "1", SMALL, silent)
    assert any(f"{small_data / 'train'}" in path for path in watched)
    assert not [path for path in watched if path.startswith(str(small_data / "test"))]


def test_two_runs_make_the_same_graphs(small_data: Path, tmp_path: Path) -> None:
    for version in ("1", "2"):
        train(small_data, ["depth"], tmp_path / "twin" / version, SMALL, silent)
    one, two = (read_manifest(tmp_path / "twin" / version) for version in ("1", "2"))
    assert content_hash(one) == content_hash(two)


def test_every_subset_has_a_branch_calibrated_on_all_good_parts(small_bundle: Path) -> None:
    manifest = read_manifest(small_bundle)
    assert len(manifest["branches"]) == 7
    assert {branch["calibration"]["n"] for branch in manifest["branches"]} == {16}
    assert manifest["data"]["counts"]["parts"] == 16


def test_the_histogram_counts_what_the_head_says_of_parts_judged_out_of_fold(
    small_data: Path,
) -> None:
    learned = learn(small_data, ["rgb", "depth"], SMALL, silent)
    branch = make_branch(("depth", "rgb"), learned, SMALL)
    out_of_fold = {}
    for modality, one in learned.modalities.items():
        out_of_fold[f"{modality}.evidence"] = one.z.amax(dim=(1, 2))
        out_of_fold[f"{modality}.evidence_map"] = one.z
    score, *_ = branch.head(*(out_of_fold[name] for name in branch.inputs))
    histogram = branch.calibration["scoreHistogram"]
    counts, _ = np.histogram(score.numpy(), [0, *histogram["upTo"]])
    assert counts.tolist() == histogram["counts"]
    assert len(counts) == 3
    assert sum(counts) == 16


def test_a_head_takes_nothing_of_an_absent_modality(small_bundle: Path) -> None:
    """The graph itself has no place where a stand-in could be fed."""
    for branch in read_manifest(small_bundle)["branches"]:
        head = onnx.load(small_bundle / branch["head"]["file"])
        fed = {tensor.name.split(".")[0] for tensor in head.graph.input}
        assert fed == set(branch["modalities"])


def test_good_training_parts_lie_below_the_review_threshold(small_bundle: Path) -> None:
    runtime = BundleRuntime(small_bundle)
    golden = {
        entry["modality"]: np.load(small_bundle / entry["file"])
        for entry in runtime.manifest["golden"]["inputs"]
    }
    answer = runtime.run({m: golden[m] for m in MODALITIES})
    assert answer.score[0] < 0.5
    assert answer.score[1] < 0.5
    assert answer.score[2] > 0.5  # the one that was shifted
    assert np.allclose(answer.modality_weight.sum(axis=1), 1)
    assert answer.map.min() >= 0
    assert answer.map.max() < 1


def test_graphs_hold_no_path_of_the_machine(small_bundle: Path) -> None:
    for file in small_bundle.rglob("*.onnx"):
        content = file.read_bytes()
        assert b"site-packages" not in content
        assert str(Path(__file__).parents[2]).encode() not in content


def test_parts_may_lack_a_modality(small_data: Path, tmp_path: Path) -> None:
    data = tmp_path / "holes"
    shutil.copytree(small_data / "train", data / "train")
    for file in sorted((data / "train/good/depth").iterdir())[:4]:
        file.unlink()
    out = tmp_path / "holes-model" / "1"
    assert train(data, ["rgb", "depth"], out, SMALL, silent) == []
    calibrated = {b["id"]: b["calibration"]["n"] for b in read_manifest(out)["branches"]}
    assert calibrated == {"depth": 12, "rgb": 16, "depth+rgb": 12}


def test_a_subset_too_few_parts_carry_together_is_left_out_and_said(
    small_data: Path, tmp_path: Path
) -> None:
    data = tmp_path / "apart"
    shutil.copytree(small_data / "train", data / "train")
    for modality, lost in (("rgb", slice(0, 6)), ("depth", slice(9, 16))):
        for file in sorted((data / f"train/good/{modality}").iterdir())[lost]:
            file.unlink()
    findings = train(data, ["rgb", "depth"], tmp_path / "apart-model" / "1", SMALL, silent)
    assert findings == [
        "branch depth+rgb is left out: only 3 good parts carry these modalities together; "
        "8 at least are needed"
    ]


def test_too_few_parts_of_a_modality_are_refused(small_data: Path, tmp_path: Path) -> None:
    data = tmp_path / "few"
    shutil.copytree(small_data / "train", data / "train")
    for file in sorted((data / "train/good/rgb").iterdir())[5:]:
        file.unlink()
    with pytest.raises(TooFewParts, match="only 5 good parts carry rgb"):
        train(data, ["rgb"], tmp_path / "few-model" / "1", TrainConfig(size=64), silent)


def test_a_version_is_written_once(small_data: Path, small_bundle: Path) -> None:
    with pytest.raises(BundleError, match="is not empty"):
        train(small_data, ["depth"], small_bundle, SMALL, silent)


def test_a_used_version_is_refused_before_anything_is_learned(small_bundle: Path) -> None:
    with pytest.raises(BundleError, match="is not empty"):
        train(Path("nowhere"), ["depth"], small_bundle, SMALL, silent)


@pytest.mark.parametrize("out", ["bracket", "models/Bracket/1", "models/bracket/one", "b/0"])
def test_the_path_must_say_name_and_version(out: str) -> None:
    with pytest.raises(BundleError, match="NAME/VERSION"):
        bundle_name(Path(out))
