"""MVTec AD (Bergmann et al., CVPR 2019), and VisA brought into its form.

<category>/train/good/000.png
<category>/test/<good | defect>/000.png
<category>/ground_truth/<defect>/000_mask.png
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .source import SourcePart, beside, folders, pictures

MODALITIES: dict[str, dict[str, object]] = {"rgb": {"kind": "image"}}


def is_category(folder: Path) -> bool:
    """Whether the folder looks like one category."""
    flat = folder / "train" / "good"
    return (folder / "ground_truth").is_dir() and flat.is_dir() and not (flat / "rgb").is_dir()


def parts(category: Path) -> Iterator[SourcePart]:
    """All parts of one category."""
    for file in pictures(category / "train" / "good"):
        yield SourcePart(split="train", label="good", id=file.stem, files={"rgb": file})
    for label in folders(category / "test"):
        for file in pictures(label):
            masks = category / "ground_truth" / label.name
            yield SourcePart(
                split="test",
                label=label.name,
                id=file.stem,
                files={"rgb": file},
                mask=None if label.name == "good" else beside(masks / f"{file.stem}_mask.png"),
            )
