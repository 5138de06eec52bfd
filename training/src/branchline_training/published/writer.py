"""Writes one category of a published data set in the plain layout of dataset.py."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..dataset_error import DatasetError
from ..progress import Track
from . import eyecandies, mulsen_ad, mvtec_3d_ad, mvtec_ad, visa
from .source import SourcePart


@dataclass(frozen=True)
class Layout:
    """How to know a category of this set, list its parts, and what its modalities are."""

    is_category: Callable[[Path], bool]
    parts: Callable[[Path], Iterator[SourcePart]]
    modalities: Mapping[str, Mapping[str, object]]


LAYOUTS: Mapping[str, Layout] = {
    "mvtec-3d-ad": Layout(mvtec_3d_ad.is_category, mvtec_3d_ad.parts, mvtec_3d_ad.MODALITIES),
    "eyecandies": Layout(eyecandies.is_category, eyecandies.parts, eyecandies.MODALITIES),
    "mulsen-ad": Layout(mulsen_ad.is_category, mulsen_ad.parts, mulsen_ad.MODALITIES),
    "mvtec-ad": Layout(mvtec_ad.is_category, mvtec_ad.parts, mvtec_ad.MODALITIES),
    "visa": Layout(visa.is_category, visa.parts, visa.MODALITIES),
}


def import_category(source: Path, out: Path, layout: str, track: Track) -> tuple[str, int]:
    """Writes the category folder ``source`` to ``out``; returns the layout's name and the parts.

    ``layout``: a key of :data:`LAYOUTS`, or "auto". Files are hard-linked where the file system
    can, else copied. Raises DatasetError where the tree is of no such layout or not complete.
    """
    name = _recognise(source, layout)
    if out.exists() and any(out.iterdir()):
        raise DatasetError(f"{out} is not empty; give a new folder")
    parts = list(LAYOUTS[name].parts(source))
    if not parts:
        raise DatasetError(f"{source} holds no part")
    for part in track(parts, "importing"):
        _write(out / part.split / part.label, part)
    declared = json.dumps(LAYOUTS[name].modalities, indent=2)
    (out / "modalities.json").write_text(declared + "\n", encoding="utf-8")
    return name, len(parts)


def _recognise(source: Path, layout: str) -> str:
    if not source.is_dir():
        raise DatasetError(f"{source} is no folder")
    wanted = LAYOUTS if layout == "auto" else {layout: LAYOUTS[layout]}
    for name, known in wanted.items():
        if known.is_category(source):
            return name
    inside = [
        d.name
        for d in sorted(source.iterdir())
        if d.is_dir() and any(known.is_category(d) for known in wanted.values())
    ]
    if inside:
        raise DatasetError(
            f"{source} holds several categories; import one: {', '.join(inside)} "
            f"(like {source / inside[0]})"
        )
    raise DatasetError(
        f"{source} is no category of {' or '.join(wanted)}; docs/benchmarks.md shows their layouts"
    )


def _write(folder: Path, part: SourcePart) -> None:
    for modality, file in part.files.items():
        _place(file, folder / modality / f"{part.id}{file.suffix.lower()}")
    for modality, (file, convert) in part.ranges.items():
        target = folder / modality / f"{part.id}.npy"
        target.parent.mkdir(parents=True, exist_ok=True)
        np.save(target, convert(file)[:, :, 0], allow_pickle=False)
    if part.mask is not None:
        _place(part.mask, folder / "gt" / f"{part.id}.png")
    for modality, mask in part.modality_masks.items():
        _place(mask, folder / "gt" / modality / f"{part.id}.png")


def _place(file: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(file, target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(file, target)
