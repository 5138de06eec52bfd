"""Holds a bundle in another precision against the fp32 bundle it was made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..bundle import read_specs
from ..dataset import Part
from ..decode import decode
from ..evaluate import EncodedPart, encode_parts, evaluate_branches, image_auroc, judge
from ..progress import Track
from ..runtime import Answer, BundleRuntime, FloatArray

Row = dict[str, Any]


def compare_good(
    before: BundleRuntime, after: BundleRuntime, parts: Sequence[Part], track: Track
) -> dict[str, Row]:
    """By branch: correlation of maps and difference of scores on good ``parts``.

    Good parts are the hardest: on their maps is nothing but noise to correlate. A branch that no
    part carries in full is left out.
    """
    specs = read_specs(before.manifest)
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
    above_before, above_after = (scores >= review).sum(axis=0)
    return {
        "goodParts": len(pairs),
        "mapCorrelation": round(_mean_correlation(pairs), 5),
        "scoreDifference": {
            "mean": round(float(moved.mean()), 5),
            "largest": round(float(np.abs(moved).max()), 5),
        },
        "aboveReview": {"fp32": int(above_before), "now": int(above_after)},
    }


def _mean_correlation(pairs: Sequence[tuple[Answer, Answer]]) -> float:
    """Pearson correlation of each map with its counterpart, averaged over the parts."""
    return float(np.mean([np.corrcoef(a.map.ravel(), b.map.ravel())[0, 1] for a, b in pairs]))


def compare_labelled(
    before: BundleRuntime, after: BundleRuntime, data: Path, track: Track
) -> tuple[dict[str, Any], dict[str, Row]]:
    """The new bundle's evaluation of ``data/test``, and by branch the AUROC of both."""
    new = evaluate_branches(after, encode_parts(after, data, track), seed=1, track=track)
    old = _image_aurocs(before, encode_parts(before, data, track))
    report = {"on": f"{data.resolve().name}, test split", "branches": new}
    return report, {
        row["branch"]: {
            "imageAuroc": {
                "fp32": round(old[row["branch"]], 5),
                "now": round(row["imageAuroc"], 5),
            }
        }
        for row in new
        if row["branch"] in old
    }


def _image_aurocs(runtime: BundleRuntime, encoded: Sequence[EncodedPart]) -> dict[str, float]:
    """By branch; those that no good or no defective part carries in full are left out."""
    found: dict[str, float] = {}
    for branch in runtime.manifest["branches"]:
        subset = tuple(branch["modalities"])
        judged = [
            judge(runtime, part, subset) for part in encoded if set(subset) <= set(part.present)
        ]
        figure = image_auroc(judged)
        if figure is not None:
            found[branch["id"]] = figure
    return found


def auroc_losses(rows: Mapping[str, Row]) -> dict[str, float]:
    """By branch, how much AUROC (0…1) was lost; negative where it rose."""
    figures = {branch: row["imageAuroc"] for branch, row in rows.items() if "imageAuroc" in row}
    return {branch: round(f["fp32"] - f["now"], 5) for branch, f in figures.items()}
