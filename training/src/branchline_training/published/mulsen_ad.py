"""MulSen-AD (Li et al., CVPR 2025): colour and infrared of the same parts, not registered.

    <category>/{RGB, Infrared}/train/0.png
    <category>/{RGB, Infrared}/test/<good | defect>/0.png
    <category>/{RGB, Infrared}/GT/<defect>/0.png            where that sensor shows it

The number pairs the sensors. ``Pointcloud`` holds scans (STL) in a pose of their own, no pictures:
they are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..dataset_error import DatasetError
from .source import SourcePart, folders, pictures

SENSORS = {"rgb": "RGB", "infrared": "Infrared"}
MODALITIES: dict[str, dict[str, object]] = {"rgb": {"kind": "image"}, "infrared": {"kind": "image"}}


def is_category(folder: Path) -> bool:
    """Whether the folder looks like one category."""
    return all((folder / name / "train").is_dir() for name in SENSORS.values())


def parts(category: Path) -> Iterator[SourcePart]:
    """All parts of one category; a part may lack a sensor."""
    yield from _split(category, "train", "good", "train")
    for label in folders(category / SENSORS["rgb"] / "test"):
        yield from _split(category, "test", label.name, f"test/{label.name}")


def _split(category: Path, split: str, label: str, place: str) -> Iterator[SourcePart]:
    found = {m: _by_number(category / name / place) for m, name in SENSORS.items()}
    for number in sorted(set().union(*found.values())):
        masks = {
            m: mask
            for m, name in SENSORS.items()
            if (mask := category / name / "GT" / label / f"{number}.png").is_file()
        }
        yield SourcePart(
            split=split,
            label=label,
            id=f"{number:03d}",
            files={m: files[number] for m, files in found.items() if number in files},
            modality_masks={} if label == "good" else masks,
        )


def _by_number(folder: Path) -> dict[int, Path]:
    try:
        return {int(file.stem): file for file in pictures(folder)}
    except ValueError:
        raise DatasetError(f"{folder}: files of MulSen-AD are numbered, like 0.png") from None
