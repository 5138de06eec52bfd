"""Checks a bundle as a sceptic would: files, golden vectors, batches, and the merged graphs.

The golden answers are torch's, so each comparison with them holds torch against ONNX. Those of a
bundle in fp16 are its own graphs' (decision 0027).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort

from .bundle import HEAD_OUTPUTS, read_manifest, sha256_of
from .merge import merge_branch
from .progress import Track
from .runtime import Answer, BundleRuntime

TOLERANCE = 1e-4
# Kernels round in other places: maps of golden parts move by 0.004 where nothing is rounded, by
# 0.012 where every sum of products is (decision 0027). The service allows as much.
FP16_TOLERANCE = 0.02
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Check:
    """One thing that was checked; ``worst`` is the largest difference where one was measured."""

    name: str
    passed: bool
    detail: str
    worst: float | None = None


def verify(bundle: Path, track: Track) -> list[Check]:
    """Runs all checks. Raises BundleError where there is no manifest of our schema."""
    manifest = read_manifest(bundle)
    checks = [_integrity(bundle, manifest)]
    if not checks[0].passed:
        return checks  # what follows would run graphs that nobody vouches for
    runtime = BundleRuntime(bundle, manifest)
    golden = {
        entry["modality"]: np.load(bundle / entry["file"], allow_pickle=False)
        for entry in manifest["golden"]["inputs"]
    }
    expected = {entry["branch"]: entry for entry in manifest["golden"]["expected"]}
    batches: dict[str, float] = {"3": 0.0, "1": 0.0}
    merged = 0.0
    for branch in track(manifest["branches"], "verifying branches"):
        signals = {m: golden[m] for m in branch["modalities"]}
        known = expected[branch["id"]]
        truth = (np.array(known["score"]), np.load(bundle / known["map"]["file"]))
        count = len(truth[0])
        whole = _padded(signals, 3)
        batches["3"] = max(batches["3"], _apart(runtime.run(whole), truth, count))
        for i in range(count):
            one = {m: signal[i : i + 1] for m, signal in signals.items()}
            alone = _apart(runtime.run(one), (truth[0][i : i + 1], truth[1][i : i + 1]), 1)
            batches["1"] = max(batches["1"], alone)
        merged = max(merged, _merged_apart(bundle, manifest, branch["id"], signals, truth))
    half = any(entry["precision"] == "fp16" for entry in manifest["encoders"])
    whose = "its own golden answers" if half else "torch"
    tolerance = FP16_TOLERANCE if half else TOLERANCE
    checks += [
        _difference(f"onnxruntime against {whose}, batch {size}", worst, tolerance)
        for size, worst in batches.items()
    ]
    checks.append(_difference(f"merged graphs against {whose}", merged, tolerance))
    return checks


def _integrity(bundle: Path, manifest: Mapping[str, Any]) -> Check:
    """Every listed file is there, is what its sha256 says, and needs no other file."""
    listed = list(manifest["encoders"]) + [branch["head"] for branch in manifest["branches"]]
    arrays = list(manifest["golden"]["inputs"])
    arrays += [entry["map"] for entry in manifest["golden"]["expected"]]
    for entry in (*listed, *arrays):
        path = bundle / entry["file"]
        if not path.is_file():
            return Check("integrity", False, f"{entry['file']} is missing")
        if sha256_of(path) != entry["sha256"]:
            return Check("integrity", False, f"{entry['file']} is not what its sha256 says")
    for entry in listed:
        model = onnx.load(bundle / entry["file"], load_external_data=False)
        if any(t.data_location == onnx.TensorProto.EXTERNAL for t in model.graph.initializer):
            return Check("integrity", False, f"{entry['file']} keeps weights in another file")
    return Check("integrity", True, f"{len(listed)} graphs and {len(arrays)} arrays")


def _merged_apart(
    bundle: Path,
    manifest: Mapping[str, Any],
    branch: str,
    signals: Mapping[str, Array],
    truth: tuple[Array, Array],
) -> float:
    model = merge_branch(bundle, manifest, branch)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return _apart(Answer(*session.run(HEAD_OUTPUTS, dict(signals))), truth, len(truth[0]))


def _padded(signals: Mapping[str, Array], size: int) -> dict[str, Array]:
    """The golden parts repeated until the batch has ``size`` of them."""
    return {m: np.resize(s, (max(size, len(s)), *s.shape[1:])) for m, s in signals.items()}


def _apart(answer: Answer, truth: tuple[Array, Array], count: int) -> float:
    score, score_map = truth
    by_score = np.abs(answer.score[:count] - score).max()
    by_map = np.abs(answer.map[:count] - score_map).max()
    return float(max(by_score, by_map))


def _difference(name: str, worst: float, tolerance: float) -> Check:
    return Check(name, worst <= tolerance, f"largest difference {worst:.1e}", worst)
