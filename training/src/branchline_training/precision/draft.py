"""The files of a bundle in another precision, written beside their fp32 original."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..bundle import BundleError, read_specs, sha256_of, write_array
from ..calibration import MIN_PARTS, TooFewParts
from ..dataset import Part
from ..decode import decode
from ..progress import Track
from ..runtime import BundleRuntime
from .encoders import Converted, convert_encoder

Manifest = dict[str, Any]


def copy_listed(bundle: Path, manifest: Manifest, draft: Path) -> None:
    """Every file that the manifest lists, and no other."""
    listed = [entry["file"] for entry in manifest["encoders"]]
    listed += [branch["head"]["file"] for branch in manifest["branches"]]
    listed += [entry["file"] for entry in manifest["golden"]["inputs"]]
    listed += [entry["map"]["file"] for entry in manifest["golden"]["expected"]]
    for file in listed:
        (draft / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(bundle / file, draft / file)


def convert_encoders(
    draft: Path, manifest: Manifest, parts: Sequence[Part], precision: str, track: Track
) -> dict[str, Converted]:
    """Rewrites each encoder in ``draft`` and its manifest entry; ``parts`` are good parts.

    BundleError where no encoder can be converted, TooFewParts below 8 parts of a modality.
    """
    specs = read_specs(manifest)
    converted: dict[str, Converted] = {}
    for entry in track(manifest["encoders"], f"converting to {precision}"):
        modality, file = entry["modality"], draft / entry["file"]
        owners = [part.files[modality] for part in parts if modality in part.files]
        if len(owners) < MIN_PARTS:
            raise TooFewParts(
                f"only {len(owners)} of every second good part carry {modality}; {MIN_PARTS} at "
                "least are needed to set ranges and standards"
            )
        signals = [decode(path, specs[modality]) for path in owners]
        found = converted[modality] = convert_encoder(file, modality, signals, precision)
        if found.model is not None:
            file.write_bytes(found.model.SerializeToString(deterministic=True))
        entry |= {
            "sha256": sha256_of(file),
            "bytes": file.stat().st_size,
            "precision": found.precision,
        }
    if all(found.model is None for found in converted.values()):
        worst = max(found.correlation for found in converted.values())
        raise BundleError(
            f"no encoder keeps its evidence maps in {precision}: the best reaches a correlation of "
            f"{worst:.3f} with fp32; serve the fp32 bundle"
        )
    return converted


def answer_golden(draft: Path, manifest: Manifest) -> float:
    """Writes the draft's own golden answers (decision 0007).

    Returns how far they lie from those of the same graphs run operator by operator: what another
    processor or provider, whose kernels round elsewhere, may differ by.
    """
    inputs = {
        entry["modality"]: np.load(draft / entry["file"], allow_pickle=False)
        for entry in manifest["golden"]["inputs"]
    }
    subsets = {branch["id"]: branch["modalities"] for branch in manifest["branches"]}
    fused = BundleRuntime(draft, manifest)
    plain = BundleRuntime(draft, manifest, optimised=False)
    apart = 0.0
    for expected in manifest["golden"]["expected"]:
        signals = {modality: inputs[modality] for modality in subsets[expected["branch"]]}
        answer, other = fused.run(signals), plain.run(signals)
        apart = max(apart, float(np.abs(answer.score - other.score).max()))
        apart = max(apart, float(np.abs(answer.map - other.map).max()))
        expected["score"] = [float(value) for value in answer.score]
        expected["map"] = write_array(draft, expected["map"]["file"], answer.map)
    return apart


def sizes(draft: Path, before: Path, manifest: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """Bytes of each encoder, fp32 and now."""
    return {
        entry["modality"]: {
            "fp32": (before / entry["file"]).stat().st_size,
            "now": (draft / entry["file"]).stat().st_size,
        }
        for entry in manifest["encoders"]
    }
