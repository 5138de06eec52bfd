"""Finds out what each modality of a folder is: from its training files, and from modalities.json.

    {"depth": {"kind": "range", "unit": "mm", "scale": 0.001, "offset": 0, "invalid": 0},
     "rgb": {"registeredWith": ["depth", "thermal"]},
     "acoustic": {"seconds": 1.0}}

Every key may be left out; headers of the training files tell the rest.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from branchline_training.dataset_error import DatasetError
from branchline_training.declared import read_declared
from branchline_training.decode import ASPECT_TOLERANCE, Probe, probe
from branchline_training.decode_error import DecodeError
from branchline_training.pairing import MASKS, files_by_id
from branchline_training.pixel_frames import join_frames
from branchline_training.specs import AudioSpec, ImageSpec, ModalitySpec, RangeSpec

# The manifest's own rule for names, and its limit for sound.
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
RESERVED = frozenset({"fused", "metadata"})
MAX_SECONDS = 60.0
UNKNOWN_UNIT = "raw"


def read_specs(root: Path, modalities: Sequence[str] | None) -> dict[str, ModalitySpec]:
    """The specs by name, in the order asked for; None: every folder of ``train/good``, sorted.

    Reads the header of every training file of these modalities, and nothing of the test split.
    Raises DatasetError where files contradict each other, modalities.json or the layout.
    """
    folder = root / "train" / "good"
    if not folder.is_dir():
        raise DatasetError(
            f'{root} has no folder "train/good"; the layout is train/good/<modality>/ID.png'
        )
    present = sorted(
        d.name
        for d in folder.iterdir()
        if d.is_dir() and not d.name.startswith(".") and d.name != MASKS
    )
    chosen = present if modalities is None else list(modalities)
    _check_names(chosen, present, folder)
    declared = read_declared(root / "modalities.json", present)
    specs = {name: _spec(name, folder / name, declared.get(name, {})) for name in chosen}
    return join_frames(specs, declared)


def _check_names(chosen: list[str], present: list[str], folder: Path) -> None:
    there = ", ".join(present) or "none"
    if not chosen:
        raise DatasetError(f"no modality: {folder} has a folder for each, found {there}")
    for name in chosen:
        if name not in present:
            raise DatasetError(f'{folder} has no folder "{name}"; it has: {there}')
        if not NAME.fullmatch(name):
            raise DatasetError(
                f'{folder / name}: "{name}" cannot name a modality; '
                'take lower-case letters, digits, "_" or "-"'
            )
        if name in RESERVED:
            raise DatasetError(
                f'{folder / name}: "{name}" cannot name a modality; the service gives it '
                "another meaning"
            )
        if chosen.count(name) > 1:
            raise DatasetError(f'modality "{name}" is asked for twice')


def _spec(name: str, folder: Path, declared: Mapping[str, Any]) -> ModalitySpec:
    probes = _probes(folder)
    path, first = next(iter(probes.items()))
    if declared.get("kind", first.kind) != first.kind:
        raise DatasetError(
            f'modalities.json calls {name} "{declared["kind"]}", but {path} holds '
            f"{first.dtype}, which is {first.kind}"
        )
    keys = {"image": set(), "range": {"unit", "scale", "offset", "invalid"}, "audio": {"seconds"}}
    stray = min(set(declared) - keys[first.kind] - {"kind", "registeredWith"}, default=None)
    if stray is not None:
        raise DatasetError(f'modalities.json: "{stray}" of {name} has no meaning for {first.kind}')
    if first.kind == "audio":
        return _audio(name, probes, declared)
    if first.kind == "range":
        return _range(name, probes, declared)
    if first.channels not in (1, 3):
        raise DatasetError(f"{path} has {first.channels} channels; 1 (grey) or 3 (RGB) can be used")
    width, height = _common_size(probes)
    return ImageSpec(name=name, width=width, height=height, channels=first.channels)


def _probes(folder: Path) -> dict[Path, Probe]:
    """Every file's header; all must be of one make."""
    files = files_by_id(folder)
    if not files:
        raise DatasetError(f"{folder} is empty; put the good parts there as ID.png, .tif, …")
    probes: dict[Path, Probe] = {}
    for path in files.values():
        try:
            probes[path] = probe(path)
        except DecodeError as error:
            raise DatasetError(f"{path}: {error}") from error
    first_path, first = next(iter(probes.items()))
    for path, other in probes.items():
        if _make(other) != _make(first):
            raise DatasetError(
                f"{first_path} ({_make(first)}) and {path} ({_make(other)}) do not belong to one "
                "modality; all its files need the same channels, bit depth and sample rate"
            )
    return probes


def _make(header: Probe) -> str:
    """What must agree among the files of a modality, readable."""
    rate = "" if header.sample_rate is None else f", {header.sample_rate} Hz"
    return f"{header.channels} x {header.dtype}{rate}"


def _common_size(probes: Mapping[Path, Probe]) -> tuple[int, int]:
    """The most frequent width and height; the others must have its aspect, as decoding asks."""
    sizes = {path: (header.width or 0, header.height or 0) for path, header in probes.items()}
    counts = Counter(sizes.values())
    width, height = max(counts, key=lambda size: (counts[size], size))
    for path, (w, h) in sizes.items():
        if abs(w * height - h * width) > ASPECT_TOLERANCE * h * width:
            usual = next(p for p, size in sizes.items() if size == (width, height))
            raise DatasetError(
                f"{path} is {w} x {h} pixels, {usual} is {width} x {height}; "
                "all pictures of a modality need the same aspect"
            )
    return width, height


def _range(name: str, probes: Mapping[Path, Probe], declared: Mapping[str, Any]) -> RangeSpec:
    path, header = next(iter(probes.items()))
    width, height = _common_size(probes)
    unit = declared.get("unit", UNKNOWN_UNIT)
    if header.dtype == "float32":
        for key in ("scale", "offset", "invalid"):
            if key in declared:
                raise DatasetError(
                    f'modalities.json gives {name} "{key}", but {path} is float and carries its '
                    "unit itself; leave the key out"
                )
        return RangeSpec(
            name=name, width=width, height=height, unit=unit, encoding="float32", invalid=None
        )
    return RangeSpec(
        name=name,
        width=width,
        height=height,
        unit=unit,
        encoding="uint16",
        scale=float(declared.get("scale", 1)),
        offset=float(declared.get("offset", 0)),
        invalid=declared.get("invalid", 0),
    )


def _audio(name: str, probes: Mapping[Path, Probe], declared: Mapping[str, Any]) -> AudioSpec:
    lengths = {path: header.seconds or 0.0 for path, header in probes.items()}
    shortest = min(lengths, key=lambda path: lengths[path])
    # Floored to 0.01 s; the epsilon undoes what binary fractions do to 0.29 * 100.
    seconds = declared.get("seconds", math.floor(lengths[shortest] * 100 + 1e-6) / 100)
    if seconds > lengths[shortest] + 1e-9:
        raise DatasetError(
            f"{shortest} lasts {lengths[shortest]:.3f} s; modalities.json asks for {seconds} s"
        )
    if not 0 < seconds <= MAX_SECONDS:
        raise DatasetError(
            f"{shortest} lasts {lengths[shortest]:.3f} s; 0.01 to {MAX_SECONDS:.0f} s can be used: "
            f'set "seconds" of {name} in modalities.json, or cut the recordings into clips'
        )
    rate = next(iter(probes.values())).sample_rate
    assert rate is not None
    return AudioSpec(name=name, sample_rate=rate, seconds=seconds)
