from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from branchline_training.bundle import BundleError, read_manifest
from branchline_training.cli import main
from branchline_training.merge import merge_branch
from branchline_training.progress import silent
from branchline_training.runtime import BundleRuntime
from branchline_training.verify import verify


@pytest.fixture
def copy(small_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_bundle, tmp_path / "small" / "1"))


def test_a_fresh_bundle_passes_every_check(small_bundle: Path) -> None:
    checks = verify(small_bundle, silent)
    assert [check.name for check in checks if not check.passed] == []
    assert len(checks) == 4


def test_a_flipped_bit_is_found(copy: Path) -> None:
    file = copy / "heads/depth.onnx"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))
    (check,) = verify(copy, silent)
    assert not check.passed
    assert "heads/depth.onnx" in check.detail


def test_a_missing_file_is_named(copy: Path) -> None:
    (copy / "encoders/rgb.onnx").unlink()
    (check,) = verify(copy, silent)
    assert check.detail == "encoders/rgb.onnx is missing"


def test_a_golden_score_that_no_longer_holds_is_found(copy: Path) -> None:
    manifest = read_manifest(copy)
    manifest["golden"]["expected"][0]["score"][0] += 0.01
    (copy / "manifest.json").write_text(json.dumps(manifest))
    assert [check.passed for check in verify(copy, silent)] == [True, False, False, False]
    assert main(["verify", str(copy), "--quiet"]) == 1


def test_a_folder_without_a_manifest_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"has no manifest\.json"):
        verify(tmp_path, silent)


def test_a_merged_branch_is_one_graph_named_by_modality(small_bundle: Path) -> None:
    runtime = BundleRuntime(small_bundle)
    model = merge_branch(small_bundle, runtime.manifest, "acoustic+rgb")
    assert {tensor.name for tensor in model.graph.input} == {"acoustic", "rgb"}
    assert len({opset.domain for opset in model.opset_import}) == len(model.opset_import)
    golden = {m: np.load(small_bundle / f"golden/{m}.npy") for m in ("acoustic", "rgb")}
    session = ort.InferenceSession(model.SerializeToString())
    (score,) = session.run(["score"], golden)
    assert np.allclose(score, runtime.run(golden).score, atol=1e-5)


def test_an_unknown_branch_is_refused_by_name(small_bundle: Path) -> None:
    with pytest.raises(BundleError, match='no branch "smell"'):
        merge_branch(small_bundle, read_manifest(small_bundle), "smell")
