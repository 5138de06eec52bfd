"""A data set to try everything on: an imaginary bracket under four sensors, good and defective."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from branchline_training.pcm16 import write_wav
from branchline_training.synthesize.flaws import FLAWS, NO_FLAW, Flaw
from branchline_training.synthesize.png import write_png
from branchline_training.synthesize.sensors import (
    DEPTH_SCALE_MM,
    THERMAL_OFFSET_DEGC,
    THERMAL_SCALE_DEGC,
    colour,
    distance,
    heat,
)
from branchline_training.synthesize.sound import SAMPLE_RATE, SECONDS, tap
from branchline_training.synthesize.workpiece import Workpiece, draw_tolerances, machine, posed

Progress = Callable[[int, int], None]

MODALITIES = {
    "rgb": {"kind": "image", "registeredWith": ["depth", "thermal"]},
    "depth": {
        "kind": "range",
        "unit": "mm",
        "scale": DEPTH_SCALE_MM,
        "offset": 0,
        "invalid": 0,
        "registeredWith": ["rgb", "thermal"],
    },
    "thermal": {
        "kind": "range",
        "unit": "degC",
        "scale": THERMAL_SCALE_DEGC,
        "offset": THERMAL_OFFSET_DEGC,
        "invalid": None,
        "registeredWith": ["rgb", "depth"],
    },
    "acoustic": {"kind": "audio", "seconds": SECONDS},
}

# What the generator puts into each sensor's signal, faint traces included.
VISIBLE = {
    "stain": ["rgb"],
    "dent": ["depth", "rgb"],
    "void": ["acoustic", "thermal"],
    "crack": ["acoustic", "rgb", "thermal"],
    "missing_feature": ["acoustic", "depth", "rgb", "thermal"],
    "loose_insert": ["acoustic"],
}

ABOUT = """# A synthetic bracket under four sensors

No camera took these pictures: `branchline-train synthesize` drew them, and whoever runs it may use
them freely (CC0-1.0).

    branchline-train synthesize OUT --seed {seed} --train {train} --test-good {test_good} \\
        --test-per-kind {test_per_kind} --size {size}

| modality | file | what it is |
|---|---|---|
| rgb | 8-bit PNG | colour camera |
| depth | 16-bit PNG | distance, {depth_scale} mm a step, 0 = no echo |
| thermal | 16-bit PNG | degC = raw * {thermal_scale} + ({thermal_offset}), after a heat pulse |
| acoustic | WAV, {rate} Hz, PCM 16 | the tap of a hammer, {seconds} s |

The first three share one pixel frame. Good parts vary in pose, light, tool marks, temperature,
geometry within tolerance, and tap. `test/<kind>/gt/ID.png` marks where any camera can see the flaw,
`test/<kind>/gt/<modality>/ID.png` where that one can. A loose insert cannot be seen at all and has
no mask.

| kind | seen by |
|---|---|
| stain | rgb |
| dent | depth, a little rgb |
| void | thermal, acoustic |
| crack | thermal, acoustic, faintly rgb |
| missing_feature | rgb, depth, thermal, acoustic |
| loose_insert | acoustic |
"""


def synthesize(
    out: Path,
    *,
    seed: int,
    train: int = 180,
    test_good: int = 60,
    test_per_kind: int = 20,
    size: int = 256,
    progress: Progress | None = None,
) -> None:
    """Write the data set in the plain folder layout; the same arguments give the same bytes.

    ``progress(done, total)`` is called after each part. FileExistsError where ``out`` has content.
    """
    if out.exists() and any(out.iterdir()):
        raise FileExistsError(f"{out} is not empty; give a new folder")
    out.mkdir(parents=True, exist_ok=True)
    (out / "modalities.json").write_text(json.dumps(MODALITIES, indent=2) + "\n")
    about = ABOUT.format(
        seed=seed,
        train=train,
        test_good=test_good,
        test_per_kind=test_per_kind,
        size=size,
        depth_scale=DEPTH_SCALE_MM,
        thermal_scale=THERMAL_SCALE_DEGC,
        thermal_offset=THERMAL_OFFSET_DEGC,
        rate=SAMPLE_RATE,
        seconds=SECONDS,
    )
    (out / "README.md").write_text(about)
    (out / "test").mkdir()
    (out / "test" / "visible.json").write_text(json.dumps(VISIBLE, indent=2) + "\n")
    total = train + test_good + test_per_kind * len(FLAWS)
    plan = _plan(train, test_good, test_per_kind)
    for done, (stream, split, label, number) in enumerate(plan, start=1):
        rng = np.random.default_rng(np.random.SeedSequence((seed, stream, number)))
        _write_part(out / split / label, f"{number:04d}", label, size, rng)
        if progress is not None:
            progress(done, total)


def _plan(train: int, test_good: int, test_per_kind: int) -> Iterator[tuple[int, str, str, int]]:
    """Random stream, split, label and number of each part, in the order of writing."""
    yield from ((0, "train", "good", i) for i in range(train))
    yield from ((1, "test", "good", i) for i in range(test_good))
    for stream, kind in enumerate(FLAWS, start=2):
        yield from ((stream, "test", kind, i) for i in range(test_per_kind))


def _write_part(
    folder: Path, part_id: str, label: str, size: int, rng: np.random.Generator
) -> None:
    """Draw one part and write what each sensor saw, and the masks of a defective one."""
    at = posed(size, rng)
    flaw = FLAWS[label](at, rng) if label in FLAWS else NO_FLAW
    piece = machine(at, draw_tolerances(rng), flaw.forgotten)
    if flaw.height_mm is not None:
        piece = Workpiece(at=at, height_mm=piece.height_mm + flaw.height_mm, cover=piece.cover)
    write_png(folder / "rgb" / f"{part_id}.png", colour(piece, flaw, rng))
    write_png(folder / "depth" / f"{part_id}.png", distance(piece, rng))
    write_png(folder / "thermal" / f"{part_id}.png", heat(piece, flaw, rng))
    write_wav(folder / "acoustic" / f"{part_id}.wav", tap(flaw.sound, rng), SAMPLE_RATE)
    _write_masks(folder / "gt", part_id, flaw)


def _write_masks(folder: Path, part_id: str, flaw: Flaw) -> None:
    for modality, mask in flaw.masks.items():
        write_png(folder / modality / f"{part_id}.png", mask.astype(np.uint8) * 255)
    if flaw.masks:
        union = np.logical_or.reduce(list(flaw.masks.values()))
        write_png(folder / f"{part_id}.png", union.astype(np.uint8) * 255)
