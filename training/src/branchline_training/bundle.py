"""Writes and reads bundles: the manifest, its ONNX files and golden vectors on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import nn

from . import __version__
from .onnx_export import export_module, run_module
from .progress import Track
from .specs import ModalitySpec, from_manifest, to_manifest

SCHEMA_VERSION = 1
Array = npt.NDArray[Any]


class BundleError(Exception):
    """A bundle cannot be written or read; the message names the file or field."""


def branch_id(modalities: Sequence[str]) -> str:
    """Sorted modality names joined by ``+``."""
    return "+".join(sorted(modalities))


@dataclass(frozen=True, kw_only=True)
class Encoder:
    """One modality's network: decoded signal ``(n, …)`` to the tensors named in ``outputs``."""

    module: nn.Module
    outputs: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Branch:
    """One subset's head, with what the manifest says of it.

    ``inputs`` are named ``<modality>.<encoder output>``; the outputs are always ``score (n)``,
    ``map (n, h, w)``, ``modality_score (n, m)`` and ``modality_weight (n, m)``.
    """

    modalities: tuple[str, ...]
    head: nn.Module
    inputs: tuple[str, ...]
    frame: str
    calibration: Mapping[str, Any]
    thresholds: Mapping[str, float]


HEAD_OUTPUTS = ("score", "map", "modality_score", "modality_weight")


@dataclass(frozen=True, kw_only=True)
class BundleParts:
    """Everything a bundle is made of, before it is written."""

    name: str
    version: int
    licence: str
    seed: int
    config: Mapping[str, Any]
    data: Mapping[str, Any]
    specs: Mapping[str, ModalitySpec]
    encoders: Mapping[str, Encoder]
    branches: Sequence[Branch]
    golden: Mapping[str, Array] = field(repr=False)


def refuse_used(out: Path) -> None:
    """Raises :class:`BundleError` where ``out`` already holds something."""
    if out.exists() and any(out.iterdir()):
        raise BundleError(f"{out} is not empty: a version is written once; take the next number")


def write_bundle(out: Path, parts: BundleParts, track: Track) -> None:
    """Exports every graph to ``out`` with golden vectors and the manifest.

    What the golden inputs should give is torch's own answer, so that whoever compares an ONNX
    runtime with it compares the runtime with the model that was trained.
    Raises :class:`BundleError` where ``out`` already holds something.
    """
    refuse_used(out)
    for folder in ("encoders", "heads", "golden"):
        (out / folder).mkdir(parents=True, exist_ok=True)

    encoders = [
        _write_encoder(out, modality, encoder, parts.golden[modality])
        for modality, encoder in track(sorted(parts.encoders.items()), "exporting encoders")
    ]
    embedded = _encode_golden(parts)
    branches = [
        _write_branch(out, branch, embedded)
        for branch in track(parts.branches, "exporting branches")
    ]
    manifest: dict[str, Any] = {
        "schemaVersion": SCHEMA_VERSION,
        "name": parts.name,
        "version": parts.version,
        "createdAt": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "licence": parts.licence,
        "trainer": {"version": __version__, "seed": parts.seed, "config": dict(parts.config)},
        "data": dict(parts.data),
        "modalities": [to_manifest(spec) for _, spec in sorted(parts.specs.items())],
        "encoders": encoders,
        "branches": branches,
        "golden": {
            "inputs": [
                {"modality": name, **write_array(out, f"golden/{name}.npy", parts.golden[name])}
                for name in sorted(parts.specs)
            ],
            "expected": [_write_expected(out, branch, embedded) for branch in parts.branches],
        },
        "evaluation": None,
    }
    write_manifest(out, manifest)


def write_manifest(bundle: Path, manifest: Mapping[str, Any]) -> None:
    """Writes ``manifest.json``, stable in order and ending in a newline."""
    text = json.dumps(manifest, indent=2, ensure_ascii=False, allow_nan=False)
    (bundle / "manifest.json").write_text(text + "\n", encoding="utf-8")


def read_manifest(bundle: Path) -> dict[str, Any]:
    """Reads ``manifest.json``. Raises :class:`BundleError` where there is none of our schema."""
    path = bundle / "manifest.json"
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BundleError(f"{bundle} is no bundle: it has no manifest.json") from None
    except json.JSONDecodeError as error:
        raise BundleError(f"{path} is not JSON: {error}") from error
    if manifest.get("schemaVersion") != SCHEMA_VERSION:
        raise BundleError(
            f"{path} has schemaVersion {manifest.get('schemaVersion')}, "
            f"this trainer reads {SCHEMA_VERSION}"
        )
    return manifest


def read_specs(manifest: Mapping[str, Any]) -> dict[str, ModalitySpec]:
    """How each modality of the bundle is decoded."""
    return {entry["name"]: from_manifest(entry) for entry in manifest["modalities"]}


def content_hash(manifest: Mapping[str, Any]) -> str:
    """sha256 over the sha256 of every ONNX file: equal for two runs that learned the same."""
    files = [entry["sha256"] for entry in manifest["encoders"]]
    files += [entry["head"]["sha256"] for entry in manifest["branches"]]
    return hashlib.sha256("\n".join(files).encode()).hexdigest()


def sha256_of(path: Path) -> str:
    """Hexadecimal sha256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_array(out: Path, file: str, array: Array) -> dict[str, str]:
    """Writes ``out/file`` (.npy) and returns its manifest entry."""
    np.save(out / file, array, allow_pickle=False)
    return {"file": file, "sha256": sha256_of(out / file)}


def _write_expected(out: Path, branch: Branch, embedded: Mapping[str, Array]) -> dict[str, Any]:
    name = branch_id(branch.modalities)
    score, score_map, *_ = run_module(branch.head, [embedded[tensor] for tensor in branch.inputs])
    return {
        "branch": name,
        "score": [float(value) for value in score],
        "map": write_array(out, f"golden/{name}.map.npy", score_map),
    }


def _encode_golden(parts: BundleParts) -> dict[str, Array]:
    """Every encoder's outputs for the golden inputs, named as heads take them."""
    tensors: dict[str, Array] = {}
    for modality, encoder in parts.encoders.items():
        arrays = run_module(encoder.module, (parts.golden[modality],))
        for output, array in zip(encoder.outputs, arrays, strict=True):
            tensors[f"{modality}.{output}"] = array
    return tensors


def _write_encoder(out: Path, modality: str, encoder: Encoder, sample: Array) -> dict[str, Any]:
    file = f"encoders/{modality}.onnx"
    graph = export_module(
        encoder.module, out / file, inputs={modality: sample}, outputs=encoder.outputs
    )
    parameters = sum(tensor.numel() for tensor in encoder.module.parameters())
    return {
        "modality": modality,
        "file": file,
        "sha256": sha256_of(out / file),
        "bytes": (out / file).stat().st_size,
        "precision": "fp32",
        "parameters": parameters,
        "inputs": graph.inputs,
        "outputs": graph.outputs,
    }


def _write_branch(out: Path, branch: Branch, embedded: Mapping[str, Array]) -> dict[str, Any]:
    name = branch_id(branch.modalities)
    file = f"heads/{name}.onnx"
    graph = export_module(
        branch.head,
        out / file,
        inputs={tensor: embedded[tensor] for tensor in branch.inputs},
        outputs=HEAD_OUTPUTS,
    )
    return {
        "id": name,
        "modalities": list(branch.modalities),
        "head": {
            "file": file,
            "sha256": sha256_of(out / file),
            "bytes": (out / file).stat().st_size,
            "inputs": graph.inputs,
            "outputs": graph.outputs,
        },
        "frame": branch.frame,
        "calibration": dict(branch.calibration),
        "thresholds": dict(branch.thresholds),
        "metrics": None,
    }
