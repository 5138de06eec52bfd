"""Writes a bundle's counterpart in int8 or fp16, unless it answers too differently."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..bundle import (
    BundleError,
    content_hash,
    read_manifest,
    read_specs,
    refuse_used,
    write_manifest,
)
from ..dataset import fingerprint, scan_train
from ..evaluate import into_manifest
from ..progress import Track
from ..runtime import BundleRuntime
from ..train import bundle_name
from .compare import Row, auroc_losses, compare_good, compare_labelled
from .draft import Manifest, answer_golden, convert_encoders, copy_listed, sizes
from .encoders import Converted

PRECISIONS = ("int8", "fp16")
SERVE_FP32 = "Nothing was written: serve the fp32 bundle"
CARRIED_OVER = "carried over from fp32 on good parts, each judged in both precisions"


class PrecisionRefused(BundleError):
    """The bundle would lose more than was allowed; nothing was written."""


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What may be lost against fp32."""

    auroc_loss: float = 0.005  # of any branch, where there are labels
    map_correlation: float = 0.95  # of any branch, on good parts


def export_precision(
    bundle: Path,
    data: Path,
    out: Path,
    precision: str,
    *,
    labelled: Path | None = None,
    bounds: Bounds,
    track: Track,
) -> dict[str, Any]:
    """Writes ``out`` (…/NAME/VERSION): ``bundle`` with its trunks in ``precision``.

    Of the good parts ``data/train/good`` every second one is learned from (ranges, standards), the
    others are compared on. ``labelled/test``, where given, is judged by both bundles. Returns what
    the manifest says of it. Raises :class:`PrecisionRefused` where a bound is broken, BundleError
    where an input is of no use, TooFewParts where there are too few good parts.
    """
    name, version = bundle_name(out)
    refuse_used(out)
    manifest = read_manifest(bundle)
    if any(entry["precision"] != "fp32" for entry in manifest["encoders"]):
        raise BundleError(f"{bundle} is not fp32 throughout: export from the bundle it was made of")
    origin = {key: manifest[key] for key in ("name", "version")} | {
        "content": content_hash(manifest)
    }
    specs = read_specs(manifest)
    parts = scan_train(data, list(specs))
    with tempfile.TemporaryDirectory() as scratch:
        draft = Path(scratch) / name / str(version)
        copy_listed(bundle, manifest, draft)
        encoders = convert_encoders(draft, manifest, parts[0::2], precision, track)
        _rename(manifest, name, version)
        other_kernels = answer_golden(draft, manifest)
        before, after = BundleRuntime(bundle), BundleRuntime(draft, manifest)
        rows = compare_good(before, after, parts[1::2], specs, track)
        if labelled is not None:
            report, aurocs = compare_labelled(before, after, labelled, track)
            into_manifest(manifest, report)
            rows = {b: rows.get(b, {}) | aurocs.get(b, {}) for b in (*rows, *aurocs)}
        refuse_loss(rows, bounds)
        said = {
            "asked": precision,
            "from": origin,
            "data": {"name": data.resolve().name, "fingerprint": fingerprint(parts)},
            "encoders": _encoders(encoders, sizes(draft, bundle, manifest)),
            "branches": rows,
            "bounds": asdict(bounds),
            "otherKernels": round(other_kernels, 4),
        }
        manifest["trainer"]["config"]["precision"] = said
        write_manifest(draft, manifest)
        shutil.copytree(draft, out, dirs_exist_ok=True)
    return said


def refuse_loss(rows: Mapping[str, Row], bounds: Bounds) -> None:
    """Raises :class:`PrecisionRefused` where the comparison breaks a bound."""
    losses = auroc_losses(rows)
    worst = max(losses, key=lambda branch: losses[branch], default="")
    if losses and losses[worst] > bounds.auroc_loss:
        raise PrecisionRefused(
            f"branch {worst} loses {100 * losses[worst]:.2f} points of AUROC; "
            f"{100 * bounds.auroc_loss:.2f} are allowed. {SERVE_FP32}"
        )
    maps = {b: row["mapCorrelation"] for b, row in rows.items() if "mapCorrelation" in row}
    worst = min(maps, key=lambda branch: maps[branch], default="")
    if maps and maps[worst] < bounds.map_correlation:
        raise PrecisionRefused(
            f"the maps of branch {worst} correlate {maps[worst]:.3f} with those of fp32 on good "
            f"parts; {bounds.map_correlation} is the least allowed. {SERVE_FP32}"
        )


def _rename(manifest: Manifest, name: str, version: int) -> None:
    """A bundle of its own: figures of the fp32 graphs are not its figures."""
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    manifest |= {"name": name, "version": version, "createdAt": now, "evaluation": None}
    for branch in manifest["branches"]:
        branch["metrics"] = None
        branch["calibration"]["standards"] = CARRIED_OVER


def _encoders(
    encoders: Mapping[str, Converted], bytes_of: Mapping[str, dict[str, int]]
) -> dict[str, Any]:
    return {m: found.report() | {"bytes": bytes_of[m]} for m, found in encoders.items()}
