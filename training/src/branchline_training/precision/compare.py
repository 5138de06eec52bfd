"""Holds a bundle in another precision against the fp32 bundle it was made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..dataset import Part
from ..decode import decode
from ..evaluate import encode_parts, evaluate_branches
from ..progress import Track
from ..runtime import Answer, BundleRuntime, FloatArray
from ..specs import ModalitySpec
from .encoders import mean_correlation

Row = dict[str, Any]


def compare_good(
    before: BundleRuntime,
    after: BundleRuntime,
    parts: Sequence[Part],
    specs: Mapping[str, ModalitySpec],
    track: Track,
) -> dict[str, Row]:
    """By branch: correlation of maps and difference of scores on good ``parts``.

    A branch that no part carries in full is left out.
    """
    answers: dict[str, list[tuple[Answer, Answer]]] = {}
    for part in track(parts, "comparing good parts"):
        both: list[dict[str, FloatArray]] = [{}, {}]
        for modality, path in part.files.items():
            signal = decode(path, specs[modality])[None]
            for outputs, runtime in zip(both, (before, after), strict=True):
                outputs.update(runtime.encode(modality, signal))
        for branch in after.manifest["branches"]:
            subset = tuple(branch["modalities"])
            if set(subset) <= set(part.files):
                pair = (before.head(subset, both[0]), after.head(subset, both[1]))
                answers.setdefault(branch["id"], []).append(pair)
    review = {b["id"]: b["thresholds"]["review"] for b in after.manifest["branches"]}
    return {branch: _row(pairs, review[branch]) for branch, pairs in answers.items()}


def _row(pairs: Sequence[tuple[Answer, Answer]], review: float) -> Row:
    scores = np.array([[a.score[0], b.score[0]] for a, b in pairs])  # (n, 2)
    moved = scores[:, 1] - scores[:, 0]
    correlation = mean_correlation(
        np.concatenate([a.map for a, _ in pairs]), np.concatenate([b.map for _, b in pairs])
    )
    above_before, above_after = (scores >= review).mean(axis=0)
    return {
        "goodParts": len(pairs),
        "mapCorrelation": round(correlation, 4),
        "scoreDifference": {
            "mean": round(float(moved.mean()), 4),
            "largest": round(float(np.abs(moved).max()), 4),
        },
        "aboveReview": {
            "fp32": round(float(above_before), 4),
            "now": round(float(above_after), 4),
        },
    }


def compare_labelled(
    before: BundleRuntime, after: BundleRuntime, data: Path, track: Track
) -> tuple[dict[str, Any], dict[str, Row]]:
    """The new bundle's evaluation of ``data/test``, and by branch the AUROC of both."""
    old, new = (
        evaluate_branches(runtime, encode_parts(runtime, data, track), seed=1, track=track)
        for runtime in (before, after)
    )
    report = {"on": f"{data.resolve().name}, test split", "branches": new}
    return report, {
        b["branch"]: {
            "imageAuroc": {"fp32": round(a["imageAuroc"], 4), "now": round(b["imageAuroc"], 4)}
        }
        for a, b in zip(old, new, strict=True)
        if a["imageAuroc"] is not None
    }


def auroc_losses(rows: Mapping[str, Row]) -> dict[str, float]:
    """By branch, how much AUROC (0…1) was lost; negative where it rose."""
    figures = {branch: row["imageAuroc"] for branch, row in rows.items() if "imageAuroc" in row}
    return {branch: round(f["fp32"] - f["now"], 4) for branch, f in figures.items()}
