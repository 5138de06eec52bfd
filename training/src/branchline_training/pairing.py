"""Which files carry which part's ID, and whether two sensors' IDs can mean the same parts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

from branchline_training.dataset_error import DatasetError

MASKS = "gt"
EXTENSIONS = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".npy", ".wav"}
# Two ID sets are called shifted only where so many agree that chance is out.
SHIFT_MINIMUM = 3


def files_by_id(
    folder: Path, extensions: set[str] = EXTENSIONS, *, folders_allowed: bool = False
) -> dict[str, Path]:
    """ID → file, sorted by ID; empty where there is no such folder. Hidden files are passed over.

    Raises DatasetError on an extension not in ``extensions``, a folder, an ID that stands twice.
    """
    if not folder.is_dir():
        return {}
    found: dict[str, Path] = {}
    for path in sorted(p for p in folder.iterdir() if not p.name.startswith(".")):
        if path.is_dir():
            if folders_allowed:
                continue
            raise DatasetError(f"{path} is a folder; the files of {folder.name} lie directly in it")
        if path.suffix.lower() not in extensions:
            known = ", ".join(sorted(extensions))
            raise DatasetError(f"{path} has an unknown extension; {known} can be read")
        if path.stem in found:
            raise DatasetError(
                f'ID "{path.stem}" stands twice in {folder}: {found[path.stem].name} and '
                f"{path.name}; keep one file a part"
            )
        found[path.stem] = path
    return found


def check_pairing(ids: Mapping[str, set[str]], folder: Path) -> None:
    """Refuse IDs that look as if the same parts were numbered in two ways (modality → IDs)."""
    for (one, ours), (other, theirs) in combinations(ids.items(), 2):
        _check_padding(one, ours - theirs, other, theirs - ours, folder)
        _check_shift(one, ours, other, theirs, folder)


def check_overlap(keys: Mapping[str, set[str]], folder: Path) -> None:
    """Refuse a modality without any file, and two modalities that never meet in one part."""
    for modality, ours in keys.items():
        if not ours:
            raise DatasetError(
                f'{folder} holds no file of modality "{modality}"; its files lie in folders '
                f'of that name, or leave "{modality}" out'
            )
    for (one, ours), (other, theirs) in combinations(keys.items(), 2):
        if not ours & theirs:
            raise DatasetError(
                f"no ID in {folder} stands in both {one} ({min(ours)}, …) and {other} "
                f"({min(theirs)}, …); files of one part must carry the same name"
            )


def _check_padding(one: str, ours: set[str], other: str, theirs: set[str], folder: Path) -> None:
    """1.png beside 001.png: the same number, written in two ways."""
    unpadded = {_unpadded(part_id): part_id for part_id in theirs}
    for part_id in sorted(ours):
        twin = unpadded.get(_unpadded(part_id))
        if twin is not None:
            raise DatasetError(
                f'{folder}: {one} has "{part_id}" where {other} has "{twin}"; IDs are compared '
                "as text, so write the number in both with the same digits"
            )


def _check_shift(one: str, ours: set[str], other: str, theirs: set[str], folder: Path) -> None:
    """0…9 beside 1…10: as many files, each one number on; pairing by ID would mix up parts."""
    if ours == theirs or len(ours) != len(theirs) or len(ours) < SHIFT_MINIMUM:
        return
    first, second = _numbered(ours), _numbered(theirs)
    if first is None or second is None or first[0] != second[0]:
        return
    steps = {b - a for a, b in zip(first[1], second[1], strict=True)}
    if len(steps) == 1:
        raise DatasetError(
            f"{folder}: the IDs of {other} are those of {one} shifted by {steps.pop():+d} "
            f"({min(ours)}, … against {min(theirs)}, …); number both from the same part"
        )


def _unpadded(part_id: str) -> str:
    return re.sub(r"\d+", lambda digits: str(int(digits[0])), part_id).casefold()


def _numbered(ids: set[str]) -> tuple[str, list[int]] | None:
    """The text around the last number and all numbers, sorted; None where the texts differ."""
    matches = [re.fullmatch(r"(.*?)(\d+)(\D*)", part_id) for part_id in ids]
    texts = {f"{m[1]}#{m[3]}" for m in matches if m is not None}
    if None in matches or len(texts) != 1:
        return None
    return texts.pop(), sorted(int(m[2]) for m in matches if m is not None)
