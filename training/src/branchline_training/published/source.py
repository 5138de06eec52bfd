"""One part of a published data set, and the errors that a tree of another layout gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..dataset_error import DatasetError

FloatImage = npt.NDArray[np.float32]  # (h, w, 1), NaN where nothing was measured
Convert = Callable[[Path], FloatImage]


@dataclass(frozen=True, kw_only=True)
class SourcePart:
    """``files`` are taken as they are; ``ranges`` are converted to a float range map first.

    ``split``: "train" or "test"; ``label``: "good" or a kind of defect.
    """

    split: str
    label: str
    id: str
    files: Mapping[str, Path] = field(default_factory=dict)
    ranges: Mapping[str, tuple[Path, Convert]] = field(default_factory=dict)
    mask: Path | None = None
    modality_masks: Mapping[str, Path] = field(default_factory=dict)


def folders(folder: Path) -> list[Path]:
    """Sub-folders by name. DatasetError where there is no such folder."""
    if not folder.is_dir():
        raise DatasetError(f"{folder.parent} has no folder {folder.name}")
    return sorted(d for d in folder.iterdir() if d.is_dir() and not d.name.startswith("."))


def pictures(folder: Path, extensions: tuple[str, ...] = (".png", ".jpg", ".JPG")) -> list[Path]:
    """Files of these extensions, by name. DatasetError where there is none."""
    found = sorted(f for f in folder.iterdir() if f.suffix in extensions) if folder.is_dir() else []
    if not found:
        raise DatasetError(f"{folder} holds no {' or '.join(extensions)} file")
    return found


def beside(file: Path) -> Path:
    """The file, or DatasetError where it is missing."""
    if not file.is_file():
        raise DatasetError(f"{file} is missing; the set is not complete")
    return file
