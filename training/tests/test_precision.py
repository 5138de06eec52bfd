from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from branchline_training.bundle import BundleError, read_manifest, sha256_of, write_manifest
from branchline_training.calibration import TooFewParts
from branchline_training.cli import main
from branchline_training.dataset import scan_train
from branchline_training.decode import decode
from branchline_training.precision import Bounds, PrecisionRefused, export_precision
from branchline_training.precision.compare import Row, auroc_losses
from branchline_training.precision.export import refuse_loss
from branchline_training.precision.standard import Transfer, apply_transfer, transfer
from branchline_training.precision.trunk import to_fp16, to_int8, trunk_nodes
from branchline_training.progress import silent
from branchline_training.runtime import BundleRuntime
from branchline_training.specs import from_manifest
from branchline_training.verify import verify
from small_set import MODALITIES

# 64 pixels a side and eight parts a half: maps of 8 x 8 cells correlate less than real ones.
LOOSE = Bounds(auroc_loss=0.2, map_correlation=0.8)


@pytest.fixture(scope="module")
def small_int8(
    small_bundle: Path, small_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    out = tmp_path_factory.mktemp("int8") / "small" / "2"
    export_precision(
        small_bundle, small_data, out, "int8", labelled=small_data, bounds=LOOSE, track=silent
    )
    return out


def test_an_int8_bundle_passes_verify_and_says_what_it_is(small_int8: Path) -> None:
    checks = verify(small_int8, silent)
    assert [check.name for check in checks if not check.passed] == []
    manifest = read_manifest(small_int8)
    assert (manifest["name"], manifest["version"]) == ("small", 2)
    said = manifest["trainer"]["config"]["precision"]
    assert said["from"]["version"] == 1
    for entry in manifest["encoders"]:
        assert entry["precision"] == said["encoders"][entry["modality"]]["precision"]
        assert entry["sha256"] == sha256_of(small_int8 / entry["file"])
        assert entry["bytes"] == (small_int8 / entry["file"]).stat().st_size
    assert "int8" in {entry["precision"] for entry in manifest["encoders"]}


def test_the_graph_contract_stays(small_bundle: Path, small_int8: Path) -> None:
    for entry in read_manifest(small_int8)["encoders"]:
        old, new = (onnx.load(b / entry["file"]).graph for b in (small_bundle, small_int8))
        assert [str(t) for t in old.input] == [str(t) for t in new.input]
        assert [(t.name, t.type.tensor_type.elem_type) for t in old.output] == [
            (t.name, t.type.tensor_type.elem_type) for t in new.output
        ]


def test_only_the_trunk_is_quantised(small_int8: Path) -> None:
    for entry in read_manifest(small_int8)["encoders"]:
        if entry["precision"] == "fp32":
            continue
        graph = onnx.load(small_int8 / entry["file"]).graph
        eight = {t.name for t in graph.initializer if t.data_type == onnx.TensorProto.INT8}
        weights = {name for name in eight if name.endswith("weight_quantized")}
        assert weights
        assert all(name.startswith("module.trunk.blocks.") for name in weights)
        assert not [name for name in weights if name.startswith("module.trunk.blocks.0.")]
        whitening = [t for t in graph.initializer if t.name.endswith("whitening")]
        assert {t.data_type for t in whitening} == {onnx.TensorProto.FLOAT16}  # as it was


def test_figures_are_those_of_the_new_graphs(small_bundle: Path, small_int8: Path) -> None:
    manifest = read_manifest(small_int8)
    rows = manifest["trainer"]["config"]["precision"]["branches"]
    assert set(rows) == {branch["id"] for branch in manifest["branches"]}
    for branch in manifest["branches"]:
        now = rows[branch["id"]]["imageAuroc"]["now"]
        assert branch["metrics"]["imageAuroc"] == pytest.approx(now, abs=1e-4)
        assert rows[branch["id"]]["goodParts"] == 8  # the half that set nothing
    assert manifest["evaluation"]["on"] == "small, test split"
    golden = [
        read_manifest(b)["golden"]["expected"][0]["score"] for b in (small_bundle, small_int8)
    ]
    assert golden[0] != golden[1]


def test_standards_of_good_parts_are_those_of_fp32(
    small_bundle: Path, small_int8: Path, small_data: Path
) -> None:
    """On the parts that set them: mean and deviation agree, so the heads' thresholds hold on."""
    learned = scan_train(small_data, MODALITIES)[0::2]
    runtimes = [BundleRuntime(b) for b in (small_bundle, small_int8)]
    for entry in runtimes[0].manifest["modalities"]:
        name = entry["name"]
        signals = [decode(part.files[name], from_manifest(entry)) for part in learned]
        before, after = (
            np.array([r.encode(name, s[None])[f"{name}.evidence"][0] for s in signals])
            for r in runtimes
        )
        assert after.mean() == pytest.approx(before.mean(), abs=1e-3)
        assert after.std() == pytest.approx(before.std(), abs=1e-3)


def test_fp16_answers_almost_as_fp32(small_bundle: Path, small_data: Path, tmp_path: Path) -> None:
    out = tmp_path / "small" / "3"
    arguments = ["export", str(small_bundle), str(small_data), "--precision", "fp16", "--quiet"]
    assert main([*arguments, "--out", str(out)]) == 0
    assert main(["verify", str(out), "--quiet"]) == 0
    manifest = read_manifest(out)
    assert {entry["precision"] for entry in manifest["encoders"]} == {"fp16"}
    assert manifest["evaluation"] is None
    assert {branch["metrics"] for branch in manifest["branches"]} == {None}
    for row in manifest["trainer"]["config"]["precision"]["branches"].values():
        assert row["mapCorrelation"] > 0.99
        assert abs(row["scoreDifference"]["mean"]) < 0.01


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"imageAuroc": {"fp32": 0.9, "now": 0.894}}, "branch a loses 0.60 points of AUROC; 0.50"),
        ({"mapCorrelation": 0.94}, r"branch a correlate 0\.940 .* 0\.95 is the least"),
    ],
)
def test_a_broken_bound_is_refused_by_branch(row: dict[str, object], message: str) -> None:
    kept = {"imageAuroc": {"fp32": 0.9, "now": 0.896}, "mapCorrelation": 0.96}
    refuse_loss({"b": kept}, Bounds())
    with pytest.raises(PrecisionRefused, match=message):
        refuse_loss({"b": kept, "a": row}, Bounds())


def test_nothing_is_written_where_it_is_refused(
    small_bundle: Path, small_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "small" / "4"
    arguments = ["export", str(small_bundle), str(small_data), "--precision", "fp16", "--quiet"]
    bound = ["--min-map-correlation", "1.01", "--out", str(out)]
    assert main([*arguments, *bound]) == 1
    assert "Nothing was written" in capsys.readouterr().err
    assert not out.parent.exists()


def test_too_few_good_parts_are_refused(
    small_bundle: Path, small_data: Path, tmp_path: Path
) -> None:
    data = Path(shutil.copytree(small_data / "train", tmp_path / "few" / "train")).parent
    for file in list(data.glob("train/good/rgb/*"))[:4]:
        file.unlink()
    with pytest.raises(TooFewParts, match="every second good part carry rgb"):
        export_precision(
            small_bundle, data, tmp_path / "m" / "1", "fp16", bounds=LOOSE, track=silent
        )


def test_a_quantised_bundle_is_not_quantised_again(
    small_int8: Path, small_data: Path, tmp_path: Path
) -> None:
    with pytest.raises(BundleError, match="is not fp32 throughout"):
        export_precision(
            small_int8, small_data, tmp_path / "m" / "1", "fp16", bounds=LOOSE, track=silent
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
            bundle, small_data, tmp_path / "m" / "1", "int8", bounds=LOOSE, track=silent
        )


def test_precision_needs_data(small_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["export", str(small_bundle), "--precision", "int8", "--out", "m/a/1", "--quiet"]
    assert main(arguments) == 1
    assert "--precision needs DATA" in capsys.readouterr().err


def test_blocks_that_are_kept_stay_in_fp32(small_bundle: Path) -> None:
    graph = onnx.load(small_bundle / "encoders/rgb.onnx").graph
    convolutions = [
        [node.input[1] for node in trunk_nodes(graph, kept) if node.op_type == "Conv"]
        for kept in (-1, 1)
    ]
    assert [len(names) for names in convolutions] == [33, 30]
    assert convolutions[1][0] == "module.trunk.blocks.1.expand.conv.weight"
    # each convolution but the projections has its ReLU6, six blocks a residual sum
    assert len(trunk_nodes(graph)) == 33 + 22 + 6


def test_fp16_weights_are_half_as_large(small_bundle: Path) -> None:
    file = small_bundle / "encoders/depth.onnx"
    graph = to_fp16(file).graph
    trunk = [t for t in graph.initializer if t.name.startswith("module.trunk.")]
    assert {t.data_type for t in trunk} == {onnx.TensorProto.FLOAT16}


def test_int8_is_the_same_every_time(small_bundle: Path, small_data: Path) -> None:
    signals = list(np.load(small_bundle / "golden/rgb.npy"))
    file = small_bundle / "encoders/rgb.onnx"
    one, two = (
        to_int8(file, "rgb", signals, 1).SerializeToString(deterministic=True) for _ in "12"
    )
    assert one == two


def test_a_transfer_restores_mean_and_deviation(small_bundle: Path) -> None:
    before = np.array([0.0, 1.0, 2.0, 5.0])
    moved = transfer(before, before * 1.25 + 0.5)
    assert moved.gain == pytest.approx(0.8)
    assert moved.offset == pytest.approx(-0.4)
    model = onnx.load(small_bundle / "encoders/rgb.onnx")
    apply_transfer(model, Transfer(2.0, 0.5))
    runtime = BundleRuntime(small_bundle)
    signal = np.load(small_bundle / "golden/rgb.npy")
    plain = runtime.encode("rgb", signal)
    session = ort.InferenceSession(model.SerializeToString())
    evidence, z = session.run(["evidence", "evidence_map"], {"rgb": signal})
    assert np.allclose(z, 2 * plain["rgb.evidence_map"] + 0.5, atol=1e-4)
    assert np.allclose(evidence, 2 * plain["rgb.evidence"] + 0.5, atol=1e-4)


def test_a_gain_in_auroc_is_no_loss() -> None:
    rows: dict[str, Row] = {
        "a": {"imageAuroc": {"fp32": 0.7, "now": 0.72}},
        "b": {"mapCorrelation": 1.0},
    }
    assert auroc_losses(rows) == {"a": -0.02}
