"""Reads a folder of parts: which files belong to one part, what it is, and where its flaw lies.

    train/good/<modality>/ID.ext
    test/<good | kind of flaw>/<modality>/ID.ext
    test/<kind>/gt/ID.png, test/<kind>/gt/<modality>/ID.png      masks, optional
    modalities.json                                              optional, see modality_specs.py

Files of one part carry the same ID (the name without its extension, compared as text).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from branchline_training.dataset_error import DatasetError
from branchline_training.decode_error import DecodeError
from branchline_training.modality_specs import read_specs
from branchline_training.pairing import MASKS, check_overlap, check_pairing, files_by_id
from branchline_training.picture import open_picture

__all__ = [
    "DatasetError",
    "Part",
    "count_present",
    "fingerprint",
    "load_mask",
    "read_specs",
    "scan_test",
    "scan_train",
]

GOOD = "good"
MASK_ASPECT_TOLERANCE = 0.02


@dataclass(frozen=True)
class Part:
    """One part and what each sensor left of it; a modality that is absent has no key in ``files``.

    ``mask`` marks the flaw in the frame that the cameras share, ``modality_masks`` where a single
    one can see it. Both may be missing, for flaws that no camera can see too.
    """

    id: str
    label: str
    files: Mapping[str, Path]
    mask: Path | None = None
    modality_masks: Mapping[str, Path] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """``label/id``, unique within a split."""
        return f"{self.label}/{self.id}"

    @property
    def is_good(self) -> bool:
        """Whether it may be learned from."""
        return self.label == GOOD


def scan_train(root: Path, modalities: Sequence[str]) -> list[Part]:
    """The good parts to learn from, by ID. Opens nothing outside ``train/good``.

    Raises DatasetError where the layout or the pairing is wrong.
    """
    folder = root / "train" / GOOD
    for modality in modalities:
        if not (folder / modality).is_dir():
            raise DatasetError(
                f'{folder} has no folder "{modality}"; '
                f"the layout is train/good/{modality}/ID.png, .tif, .npy or .wav"
            )
    parts = _scan_label(folder, modalities)
    check_overlap({m: {p.key for p in parts if m in p.files} for m in modalities}, folder)
    return parts


def scan_test(root: Path, modalities: Sequence[str]) -> list[Part]:
    """The labelled parts to judge, by label, then ID. Opens nothing outside ``test``.

    Raises DatasetError where the layout or the pairing is wrong.
    """
    folder = root / "test"
    if not folder.is_dir():
        raise DatasetError(
            f'{root} has no folder "test"; the layout is test/good/<modality>/ID.png '
            "and test/<kind of flaw>/<modality>/ID.png"
        )
    labels = sorted(d for d in folder.iterdir() if d.is_dir() and not d.name.startswith("."))
    parts = [part for label in labels for part in _scan_label(label, modalities)]
    check_overlap({m: {p.key for p in parts if m in p.files} for m in modalities}, folder)
    return parts


def count_present(parts: Iterable[Part]) -> dict[str, int]:
    """How many parts carry each modality, by its name: what to report where some are missing."""
    return dict(sorted(Counter(modality for part in parts for modality in part.files).items()))


def load_mask(path: Path, height: int, width: int) -> NDArray[np.bool_]:
    """A mask, bool (height, width): true where any channel is not 0, resampled by nearest pixel.

    Raises DatasetError where it cannot be read or has another aspect than the frame.
    """
    try:
        picture = open_picture(path.read_bytes())
        marked = (picture.read() != 0).any(axis=2)  # (h, w)
    except DecodeError as error:
        raise DatasetError(f"mask {path}: {error}") from error
    h, w = marked.shape
    if abs(w * height - h * width) > MASK_ASPECT_TOLERANCE * h * width:
        raise DatasetError(
            f"mask {path} is {w} x {h} pixels; its frame is {width} x {height}, "
            "the mask must have that aspect"
        )
    rows = np.floor((np.arange(height) + 0.5) * h / height).astype(np.intp)
    columns = np.floor((np.arange(width) + 0.5) * w / width).astype(np.intp)
    near: NDArray[np.bool_] = marked[rows[:, None], columns]
    return near


def fingerprint(parts: Iterable[Part]) -> str:
    """``sha256:…`` over the names and contents of all files of the parts, masks included.

    The same for a copy of the folder elsewhere, whatever order its files come in.
    """
    entries = sorted(
        (f"{part.key}/{place}/{path.name}", path)
        for part in parts
        for place, path in _places(part).items()
    )
    whole = hashlib.sha256()
    for name, path in entries:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        whole.update(f"{name}\0{content}\n".encode())
    return f"sha256:{whole.hexdigest()}"


def _places(part: Part) -> dict[str, Path]:
    """Every file of the part, by its folder within the label's."""
    masks = {f"{MASKS}/{modality}": path for modality, path in part.modality_masks.items()}
    shared = {} if part.mask is None else {MASKS: part.mask}
    return {**part.files, **masks, **shared}


def _scan_label(folder: Path, modalities: Sequence[str]) -> list[Part]:
    """The parts of one label folder, by ID."""
    found = {modality: files_by_id(folder / modality) for modality in modalities}
    check_pairing({modality: set(files) for modality, files in found.items()}, folder)
    ids = sorted(set().union(*found.values()))
    shared = _masks(folder, MASKS)
    own = {modality: _masks(folder, f"{MASKS}/{modality}") for modality in modalities}
    return [
        Part(
            id=part_id,
            label=folder.name,
            files={m: files[part_id] for m, files in found.items() if part_id in files},
            mask=shared.get(part_id),
            modality_masks={m: masks[part_id] for m, masks in own.items() if part_id in masks},
        )
        for part_id in ids
    ]


def _masks(folder: Path, place: str) -> dict[str, Path]:
    """Masks by ID; a mask without a part would silently mark nothing, so it is an error."""
    masks = files_by_id(folder / place, {".png"}, folders_allowed=True)
    if not masks:
        return masks
    siblings = [d for d in folder.iterdir() if d.is_dir() and d.name != MASKS]
    known = {path.stem for sibling in siblings for path in sibling.iterdir()}
    orphan = min(set(masks) - known, default=None)
    if orphan is not None:
        raise DatasetError(
            f"mask {masks[orphan]} belongs to no part: no file in {folder} has the ID "
            f'"{orphan}"; a mask carries the ID of its part'
        )
    return masks
