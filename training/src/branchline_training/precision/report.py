"""What an export to another precision prints: sizes, and each branch against fp32."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def comparison_table(said: Mapping[str, Any]) -> str:
    """Two Markdown tables of what :func:`export_precision` returned."""
    lines = [
        "| encoder | precision | blocks in fp32 | map correlation | MB |",
        "|---|---|---|---|---|",
    ]
    for modality, row in said["encoders"].items():
        kept = "–" if row["blocksKeptInFp32"] is None else row["blocksKeptInFp32"]
        size = " → ".join(f"{row['bytes'][key] / 1e6:.1f}" for key in ("fp32", "now"))
        lines.append(
            f"| {modality} | {row['precision']} | {kept} | {row['mapCorrelation']:.3f} | {size} |"
        )
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
        cells[0] = f"{row['mapCorrelation']:.3f}"
        cells[1], cells[2] = f"{moved['mean']:+.4f}", f"{moved['largest']:.4f}"
        cells[3] = f"{above['fp32']:.1%} → {above['now']:.1%}"
    if "imageAuroc" in row:
        cells[4] = f"{row['imageAuroc']['fp32']:.3f} → {row['imageAuroc']['now']:.3f}"
    return f"| {branch} | " + " | ".join(cells) + " |"
