from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest

from branchline_training.bundle import BundleError, read_manifest, sha256_of, write_manifest
from branchline_training.cli import main
from branchline_training.precision import (
    Bounds,
    PrecisionRefused,
    comparison_table,
    export_precision,
)
from branchline_training.precision.compare import Row, auroc_losses
from branchline_training.precision.export import refuse_loss
from branchline_training.precision.trunk import to_fp16, trunk_nodes
from branchline_training.progress import silent
from branchline_training.runtime import BundleRuntime
from branchline_training.verify import verify

# Of 6 good and 12 defective parts one pair is 1.4 points, and maps of 64 pixels a side are all but
# flat on good parts: they correlate less than real ones.
LOOSE = Bounds(auroc_loss=0.05, map_correlation=0.9)


@pytest.fixture(scope="module")
def small_fp16(
    small_bundle: Path, small_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    out = tmp_path_factory.mktemp("fp16") / "small" / "2"
    export_precision(small_bundle, out, "fp16", data=small_data, bounds=LOOSE, track=silent)
    return out


def test_an_fp16_bundle_passes_verify_and_says_what_it_is(small_fp16: Path) -> None:
    checks = verify(small_fp16, silent)
    assert [check.name for check in checks if not check.passed] == []
    manifest = read_manifest(small_fp16)
    assert (manifest["name"], manifest["version"]) == ("small", 2)
    said = manifest["trainer"]["config"]["precision"]
    assert said["from"]["version"] == 1
    assert said["bounds"] == {"auroc_loss": 0.05, "map_correlation": 0.9}
    for entry in manifest["encoders"]:
        file = small_fp16 / entry["file"]
        assert entry["precision"] == "fp16"
        assert (entry["sha256"], entry["bytes"]) == (sha256_of(file), file.stat().st_size)


@pytest.mark.parametrize(("off", "passes"), [(0.019, True), (0.021, False)])
def test_verify_allows_what_other_kernels_round_differently(
    small_fp16: Path, tmp_path: Path, off: float, passes: bool
) -> None:
    bundle = Path(shutil.copytree(small_fp16, tmp_path / "small" / "2"))
    manifest = read_manifest(bundle)
    entry = manifest["golden"]["expected"][0]["map"]
    np.save(bundle / entry["file"], np.load(bundle / entry["file"]) + np.float32(off))
    entry["sha256"] = sha256_of(bundle / entry["file"])
    write_manifest(bundle, manifest)
    assert all(check.passed for check in verify(bundle, silent)) is passes


def test_the_graph_contract_stays(small_bundle: Path, small_fp16: Path) -> None:
    for entry in read_manifest(small_fp16)["encoders"]:
        old, new = (onnx.load(b / entry["file"]).graph for b in (small_bundle, small_fp16))
        assert [str(t) for t in old.input] == [str(t) for t in new.input]
        assert [str(t) for t in old.output] == [str(t) for t in new.output]


def test_the_trunk_alone_is_in_half_precision(small_bundle: Path) -> None:
    file = small_bundle / "encoders/rgb.onnx"
    before, after = onnx.load(file).graph, to_fp16(file).graph
    # each convolution but the projections has its ReLU6, six blocks a residual sum
    assert len(trunk_nodes(before)) == 33 + 22 + 6
    kinds = {tensor.name: tensor.data_type for tensor in after.initializer}
    trunk = [name for name in kinds if "module.trunk." in name]
    assert len(trunk) == 66  # a weight and a bias each
    assert {kinds[name] for name in trunk} == {onnx.TensorProto.FLOAT16}
    for tensor in before.initializer:  # whitening has been fp16 before
        if "module.trunk." not in tensor.name and tensor.name in kinds:
            assert kinds[tensor.name] == tensor.data_type
    assert [n.op_type for n in before.node if n.op_type != "Cast"] == [
        n.op_type for n in after.node if n.op_type != "Cast"
    ]
    casts = [sum(n.op_type == "Cast" for n in graph.node) for graph in (before, after)]
    assert casts[1] - casts[0] == 4  # the picture and three taps


def test_golden_answers_are_the_new_graphs(small_bundle: Path, small_fp16: Path) -> None:
    manifest = read_manifest(small_fp16)
    runtime = BundleRuntime(small_fp16)
    for expected in manifest["golden"]["expected"]:
        names = expected["branch"].split("+")
        answer = runtime.run({m: np.load(small_fp16 / f"golden/{m}.npy") for m in names})
        assert expected["score"] == pytest.approx(answer.score, abs=1e-6)
        known = small_fp16 / expected["map"]["file"]
        assert expected["map"]["sha256"] == sha256_of(known)
        assert np.allclose(np.load(known), answer.map, atol=1e-6)
    old = read_manifest(small_bundle)["golden"]["expected"]
    assert old[0]["map"]["sha256"] != manifest["golden"]["expected"][0]["map"]["sha256"]


def test_figures_are_those_of_the_new_graphs(small_fp16: Path) -> None:
    manifest = read_manifest(small_fp16)
    rows = manifest["trainer"]["config"]["precision"]["branches"]
    assert set(rows) == {branch["id"] for branch in manifest["branches"]}
    for branch in manifest["branches"]:
        row = rows[branch["id"]]
        assert branch["metrics"]["imageAuroc"] == pytest.approx(row["imageAuroc"]["now"], abs=1e-4)
        assert row["goodParts"] == 16
        assert 0.9 < row["mapCorrelation"] <= 1
        assert row["scoreDifference"]["largest"] < 0.02
    assert manifest["evaluation"]["on"] == "small, test split"


def test_without_labels_it_has_no_figures(
    small_bundle: Path, small_data: Path, tmp_path: Path
) -> None:
    shutil.copytree(small_data / "train", tmp_path / "good" / "train")
    out = tmp_path / "small" / "3"
    data = tmp_path / "good"
    said = export_precision(small_bundle, out, "fp16", data=data, bounds=LOOSE, track=silent)
    assert {"imageAuroc" in row for row in said["branches"].values()} == {False}
    manifest = read_manifest(out)
    assert manifest["evaluation"] is None
    assert [branch["metrics"] for branch in manifest["branches"]] == [None] * 7


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"imageAuroc": {"fp32": 0.9, "now": 0.894}}, "branch a loses 0.60 points of AUROC; 0.50"),
        ({"mapCorrelation": 0.98}, r"branch a correlate 0\.9800 .* 0\.99 is the least"),
        ({"mapCorrelation": float("nan")}, "branch a correlate nan"),
    ],
)
def test_a_broken_bound_is_refused_by_branch(row: Row, message: str) -> None:
    kept = {"imageAuroc": {"fp32": 0.9, "now": 0.896}, "mapCorrelation": 0.995}
    refuse_loss({"b": kept}, Bounds())
    with pytest.raises(PrecisionRefused, match=message):
        refuse_loss({"b": kept, "a": row}, Bounds())


def test_nothing_is_written_where_it_is_refused(
    small_bundle: Path, small_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "small" / "4"
    arguments = ["export", str(small_bundle), str(out), "--precision", "fp16", "--quiet"]
    assert main([*arguments, "--data", str(small_data), "--max-auroc-loss", "-1"]) == 1
    assert "-100.00 are allowed. Nothing was written" in capsys.readouterr().err
    assert not out.parent.exists()


def test_the_command_prints_each_branch(
    small_fp16: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[object, ...]] = []

    def export(*arguments: object, bounds: Bounds, **_: object) -> object:
        asked.append((*arguments, bounds.auroc_loss))
        return read_manifest(small_fp16)["trainer"]["config"]["precision"]

    monkeypatch.setattr("branchline_training.cli.export_precision", export)
    arguments = ["export", "m/a/1", "m/a/2", "--precision", "fp16", "--data", "d"]
    assert main([*arguments, "--max-auroc-loss", "0.02"]) == 0
    assert asked == [(Path("m/a/1"), Path("m/a/2"), "fp16", 0.02)]
    printed = capsys.readouterr().out
    assert "| acoustic+depth+rgb | " in printed
    assert "next: branchline-train verify m/a/2" in printed


def test_an_fp16_bundle_is_not_converted_again(
    small_fp16: Path, small_data: Path, tmp_path: Path
) -> None:
    with pytest.raises(BundleError, match="is not fp32 throughout"):
        export_precision(
            small_fp16, tmp_path / "m" / "1", "fp16", data=small_data, bounds=LOOSE, track=silent
        )


def test_a_foreign_encoder_is_refused_by_name(
    small_bundle: Path, small_data: Path, tmp_path: Path
) -> None:
    bundle = Path(shutil.copytree(small_bundle, tmp_path / "foreign" / "1"))
    file = bundle / "encoders" / "acoustic.onnx"
    file.write_bytes(file.read_bytes().replace(b"module.trunk.", b"module.torso."))
    write_manifest(bundle, read_manifest(bundle))
    with pytest.raises(BundleError, match=r"acoustic\.onnx has no convolution named"):
        export_precision(
            bundle, tmp_path / "m" / "1", "fp16", data=small_data, bounds=LOOSE, track=silent
        )


def test_precision_needs_data(small_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(small_bundle), "m/a/1", "--precision", "fp16", "--quiet"]) == 1
    assert "--precision needs --data" in capsys.readouterr().err


def test_the_conversion_is_the_same_every_time(small_bundle: Path) -> None:
    file = small_bundle / "encoders/depth.onnx"
    one, two = (to_fp16(file).SerializeToString(deterministic=True) for _ in "12")
    assert one == two


def test_a_gain_in_auroc_is_no_loss_and_what_was_not_measured_is_a_dash() -> None:
    rows: dict[str, Row] = {"a": {"imageAuroc": {"fp32": 0.7, "now": 0.72}}}
    assert auroc_losses({**rows, "b": {"mapCorrelation": 1.0}}) == {"a": -0.02}
    table = comparison_table({"encoderBytes": {}, "branches": rows})
    assert table.endswith("| a | – | – | – | – | 0.7000 → 0.7200 |")
