"""Writes a bundle's counterpart in fp16, unless it answers too differently."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from ..bundle import (
    BundleError,
    content_hash,
    read_manifest,
    refuse_used,
    sha256_of,
    write_array,
    write_manifest,
)
from ..dataset import fingerprint, scan_train
from ..evaluate import into_manifest
from ..progress import Track
from ..runtime import BundleRuntime
from ..train import bundle_name
from .compare import Row, auroc_losses, compare_good, compare_labelled
from .trunk import to_fp16

PRECISIONS = ("fp16",)
SERVE_FP32 = "Nothing was written: serve the fp32 bundle"
Manifest = dict[str, Any]


class PrecisionRefused(BundleError):
    """The bundle would lose more than was allowed; nothing was written."""


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What may be lost against fp32, by any branch."""

    auroc_loss: float = 0.005  # where there are labels
    map_correlation: float = 0.99  # on good parts


def export_precision(
    bundle: Path, out: Path, precision: str, *, data: Path, bounds: Bounds, track: Track
) -> dict[str, Any]:
    """Writes ``out`` (…/NAME/VERSION): ``bundle`` with its trunks in ``precision``.

    Both judge the good parts ``data/train/good``, and ``data/test`` where there is one. Returns
    what the manifest says of it. Raises :class:`PrecisionRefused` where a bound is broken,
    BundleError and DatasetError where an input is of no use.
    """
    name, version = bundle_name(out)
    refuse_used(out)
    manifest = read_manifest(bundle)
    if any(entry["precision"] != "fp32" for entry in manifest["encoders"]):
        raise BundleError(f"{bundle} is not fp32 throughout: export from the bundle it was made of")
    origin = {key: manifest[key] for key in ("name", "version")} | {
        "content": content_hash(manifest)
    }
    parts = scan_train(data, [entry["name"] for entry in manifest["modalities"]])
    with tempfile.TemporaryDirectory() as scratch:
        draft = Path(scratch)
        _copy_listed(bundle, manifest, draft)
        sizes = _convert_encoders(draft, manifest, precision, track)
        _rename(manifest, name, version)
        _answer_golden(draft, manifest)
        before, after = BundleRuntime(bundle), BundleRuntime(draft, manifest)
        rows = compare_good(before, after, parts, track)
        if (data / "test").is_dir():
            report, aurocs = compare_labelled(before, after, data, track)
            into_manifest(manifest, report)
            rows = {b: rows.get(b, {}) | aurocs.get(b, {}) for b in (*rows, *aurocs)}
        refuse_loss(rows, bounds)
        said = {
            "asked": precision,
            "from": origin,
            "data": {"name": data.resolve().name, "fingerprint": fingerprint(parts)},
            "encoderBytes": sizes,
            "branches": rows,
            "bounds": asdict(bounds),
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
    for branch, row in rows.items():
        correlation = row.get("mapCorrelation", 1.0)
        if not correlation >= bounds.map_correlation:  # nor where it is not a number
            raise PrecisionRefused(
                f"the maps of branch {branch} correlate {correlation:.4f} with those of fp32 on "
                f"good parts; {bounds.map_correlation} is the least allowed. {SERVE_FP32}"
            )


def _copy_listed(bundle: Path, manifest: Manifest, draft: Path) -> None:
    """Every file that the manifest lists, and no other."""
    listed = [entry["file"] for entry in manifest["encoders"]]
    listed += [branch["head"]["file"] for branch in manifest["branches"]]
    listed += [entry["file"] for entry in manifest["golden"]["inputs"]]
    listed += [entry["map"]["file"] for entry in manifest["golden"]["expected"]]
    for file in listed:
        (draft / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(bundle / file, draft / file)


def _convert_encoders(
    draft: Path, manifest: Manifest, precision: str, track: Track
) -> dict[str, dict[str, int]]:
    """Rewrites each encoder in ``draft`` and its manifest entry; returns its bytes, both ways."""
    sizes: dict[str, dict[str, int]] = {}
    for entry in track(manifest["encoders"], f"converting to {precision}"):
        file = draft / entry["file"]
        file.write_bytes(to_fp16(file).SerializeToString(deterministic=True))
        now = file.stat().st_size
        sizes[entry["modality"]] = {"fp32": entry["bytes"], "now": now}
        entry |= {"sha256": sha256_of(file), "bytes": now, "precision": precision}
    return sizes


def _rename(manifest: Manifest, name: str, version: int) -> None:
    """A bundle of its own: figures of the fp32 graphs are not its figures."""
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    manifest |= {"name": name, "version": version, "createdAt": now, "evaluation": None}
    for branch in manifest["branches"]:
        branch["metrics"] = None


def _answer_golden(draft: Path, manifest: Manifest) -> None:
    """Writes the draft's own golden answers: those of its graphs on the CPU (decision 0027)."""
    inputs = {
        entry["modality"]: np.load(draft / entry["file"], allow_pickle=False)
        for entry in manifest["golden"]["inputs"]
    }
    subsets = {branch["id"]: branch["modalities"] for branch in manifest["branches"]}
    runtime = BundleRuntime(draft, manifest)
    for expected in manifest["golden"]["expected"]:
        answer = runtime.run({m: inputs[m] for m in subsets[expected["branch"]]})
        expected["score"] = [float(value) for value in answer.score]
        expected["map"] = write_array(draft, expected["map"]["file"], answer.map)
