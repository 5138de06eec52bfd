"""What an export to another precision prints: sizes, and each branch against fp32."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def comparison_table(said: Mapping[str, Any]) -> str:
    """Two Markdown tables of what :func:`export_precision` returned."""
    lines = ["| encoder | MB |", "|---|---|"]
    for modality, size in said["encoderBytes"].items():
        lines.append(f"| {modality} | {size['fp32'] / 1e6:.1f} → {size['now'] / 1e6:.1f} |")
    lines += [
        "",
        "| branch | map correlation | score, mean | score, largest | above review | AUROC |",
        "|---|---|---|---|---|---|",
    ]
    lines += [_branch(branch, row) for branch, row in said["branches"].items()]
    return "\n".join(lines)


def _branch(branch: str, row: Mapping[str, Any]) -> str:
    cells = ["–"] * 5
    if "mapCorrelation" in row:
        moved, above = row["scoreDifference"], row["aboveReview"]
        cells[0] = f"{row['mapCorrelation']:.4f}"
        cells[1], cells[2] = f"{moved['mean']:+.4f}", f"{moved['largest']:.4f}"
        cells[3] = f"{above['fp32']} → {above['now']} of {row['goodParts']}"
    if "imageAuroc" in row:
        cells[4] = f"{row['imageAuroc']['fp32']:.4f} → {row['imageAuroc']['now']:.4f}"
    return f"| {branch} | " + " | ".join(cells) + " |"
