"""MVTec 3D-AD (Bergmann et al., VISAPP 2022): colour and an organised point cloud, registered.

    <category>/train/good/{rgb/000.png, xyz/000.tiff}
    <category>/validation/good/{rgb, xyz}
    <category>/test/<good | defect>/{rgb, xyz, gt}/000.{png, tiff, png}

``xyz`` is a float32 TIFF of three channels in metres; a point that was not measured is (0, 0, 0).
Depth is its z. The validation parts are good and go to training, under IDs of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyvips

from ..dataset_error import DatasetError
from .source import FloatImage, SourcePart, beside, folders, pictures

MODALITIES: dict[str, dict[str, object]] = {
    "rgb": {"kind": "image", "registeredWith": ["depth"]},
    "depth": {"kind": "range", "unit": "m", "registeredWith": ["rgb"]},
}


def is_category(folder: Path) -> bool:
    """Whether the folder looks like one category."""
    return (folder / "train" / "good" / "xyz").is_dir()


def parts(category: Path) -> Iterator[SourcePart]:
    """All parts of one category."""
    for split in ("train", "validation"):
        for file in pictures(category / split / "good" / "rgb"):
            name = file.stem if split == "train" else f"validation_{file.stem}"
            yield _part(file, "train", "good", name)
    for label in folders(category / "test"):
        for file in pictures(label / "rgb"):
            yield _part(file, "test", label.name, file.stem)


def _part(file: Path, split: str, label: str, name: str) -> SourcePart:
    folder = file.parent.parent
    return SourcePart(
        split=split,
        label=label,
        id=name,
        files={"rgb": file},
        ranges={"depth": (beside(folder / "xyz" / f"{file.stem}.tiff"), depth_of)},
        mask=None if label == "good" else beside(folder / "gt" / f"{file.stem}.png"),
    )


def depth_of(file: Path) -> FloatImage:
    """z of an organised point cloud, NaN where the point is (0, 0, 0)."""
    cloud = pyvips.Image.new_from_file(str(file))
    if cloud.bands != 3 or cloud.format != "float":
        raise DatasetError(
            f"{file} is {cloud.bands} channels of {cloud.format}; xyz has three of float"
        )
    xyz = np.ndarray(
        buffer=cloud.write_to_memory(), dtype=np.float32, shape=(cloud.height, cloud.width, 3)
    )
    return np.where((xyz != 0).any(axis=2, keepdims=True), xyz[:, :, 2:], np.float32(np.nan))
