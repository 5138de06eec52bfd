"""Eyecandies (Bonfiglioli et al., ACCV 2022): rendered colour and depth, registered.

    <category>/{train, val, test_public}/data/000_{image_0 … image_5, depth, mask}.png
    <category>/…/data/000_{info_depth, metadata}.yaml

``image_4`` is lit from all sides by boxes, as published comparisons take it. Depth in metres is
raw / 65535 * (max - min) + min with the part's own range from ``info_depth.yaml`` (the set's
page). ``val`` is good and goes to training; ``test_private`` has no labels and is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..dataset_error import DatasetError
from ..picture import open_picture
from .source import FloatImage, SourcePart, beside, pictures

LIGHT = "_image_4"
KINDS = ("bumps", "colors", "dents", "normals")
MODALITIES: dict[str, dict[str, object]] = {
    "rgb": {"kind": "image", "registeredWith": ["depth"]},
    "depth": {"kind": "range", "unit": "m", "registeredWith": ["rgb"]},
}


def is_category(folder: Path) -> bool:
    """Whether the folder looks like one category."""
    return any((folder / "train" / "data").glob("*_depth.png"))


def parts(category: Path) -> Iterator[SourcePart]:
    """All parts of one category with labels."""
    for source in ("train", "val", "test_public"):
        split = "test" if source == "test_public" else "train"
        for file in pictures(category / source / "data"):
            if not file.stem.endswith(LIGHT):
                continue
            number = file.stem.removesuffix(LIGHT)
            stem = file.with_name(number)
            label = _label(beside(stem.with_name(f"{number}_metadata.yaml")))
            yield SourcePart(
                split=split,
                label=label,
                id=number if source != "val" else f"val_{number}",
                files={"rgb": file},
                ranges={"depth": (beside(stem.with_name(f"{number}_depth.png")), depth_of)},
                mask=None if label == "good" else beside(stem.with_name(f"{number}_mask.png")),
            )


def depth_of(file: Path) -> FloatImage:
    """Metres, from 16 bits and the range beside them."""
    info = beside(file.with_name(file.name.replace("_depth.png", "_info_depth.yaml")))
    low, high = (_value(info, key) for key in ("min", "max"))
    raw = open_picture(file.read_bytes()).read().astype(np.float32)[:, :, :1]
    return (raw / 65535.0 * (high - low) + low).astype(np.float32)


def _label(metadata: Path) -> str:
    """The kind of defect; several at once are "mixed"."""
    if not _value(metadata, "anomalous"):
        return "good"
    kinds = [kind for kind in KINDS if _value(metadata, kind)]
    return kinds[0] if len(kinds) == 1 else "mixed"


def _value(file: Path, key: str) -> float:
    """A number under ``key``; these files are flat or one level deep."""
    found = re.search(rf"^\s*{key}:\s*(\S+)\s*$", file.read_text(encoding="utf-8"), re.MULTILINE)
    try:
        said = found[1] if found else "nothing"
        return float({"true": "1", "false": "0"}.get(said.lower(), said))
    except ValueError:
        raise DatasetError(f'{file} has no number under "{key}"') from None
