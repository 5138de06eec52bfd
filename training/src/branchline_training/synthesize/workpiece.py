"""The imaginary part: a machined bracket with boss, bolt holes, slot, rib, insert and label.

Everything is drawn from signed distances (negative inside, mm) in the part's own frame, so that
a pose or a tolerance changes every sensor's picture alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]

FIELD_OF_VIEW_MM = 110.0

PLATE_MM, RIB_MM, BOSS_MM, COUNTERBORE_MM, SLOT_MM, INSERT_MM = 8.0, 11.0, 16.0, 6.0, 4.0, 9.5
BOSS_CENTRE = (-7.0, -2.0)
INSERT_CENTRE = (34.0, -2.0)
BOLT_CENTRES = ((-34.0, -26.0), (34.0, -26.0), (-34.0, 26.0), (34.0, 26.0))
LABEL_CENTRE = (-4.0, 27.5)
LABEL_HALF = (17.0, 4.6)

# What a machine may forget; each is one cut or one piece of stock.
FORGETTABLE = ("bolt0", "bolt1", "bolt2", "bolt3", "slot", "rib")


@dataclass(frozen=True, kw_only=True)
class Coordinates:
    """Where each pixel lies in the part's frame, mm: ``u`` right, ``v`` down, (size, size)."""

    u: Field
    v: Field
    mm_per_pixel: float


@dataclass(frozen=True, kw_only=True)
class Tolerances:
    """What machining leaves open, drawn once a part (mm)."""

    plate: float
    boss: float
    bore: float
    slot_shift: float
    label_shift: tuple[float, float]


NOMINAL = Tolerances(plate=0, boss=0, bore=0, slot_shift=0, label_shift=(0, 0))


@dataclass(frozen=True, kw_only=True)
class Workpiece:
    """One part in its pose: height (size, size) in mm, and how much each surface covers a pixel."""

    at: Coordinates
    height_mm: Field
    cover: Mapping[str, Field]


def posed(size: int, rng: np.random.Generator) -> Coordinates:
    """A part laid into its nest: a few pixels and up to two degrees off."""
    mm = FIELD_OF_VIEW_MM / size
    axis = ((np.arange(size, dtype=np.float32) + 0.5) - size / 2) * np.float32(mm)
    x, y = np.meshgrid(axis, axis)
    shift_x, shift_y = rng.uniform(-0.8, 0.8, 2)
    angle = np.deg2rad(np.clip(rng.normal(0.0, 0.7), -2.0, 2.0))
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    x, y = x - np.float32(shift_x), y - np.float32(shift_y)
    return Coordinates(u=cos * x + sin * y, v=-sin * x + cos * y, mm_per_pixel=mm)


def draw_tolerances(rng: np.random.Generator) -> Tolerances:
    """Within what an inspector would still sign."""
    plate, boss, bore, slot = rng.normal(0.0, 1.0, 4) * (0.10, 0.08, 0.05, 0.10)
    label_u, label_v = rng.normal(0.0, 0.35, 2)
    return Tolerances(
        plate=plate, boss=boss, bore=bore, slot_shift=slot, label_shift=(label_u, label_v)
    )


def circle(u: Field, v: Field, centre: tuple[float, float], radius: float) -> Field:
    """Signed distance to a circle."""
    away: Field = np.hypot(u - centre[0], v - centre[1]) - np.float32(radius)
    return away


def box(
    u: Field, v: Field, centre: tuple[float, float], half: tuple[float, float], corner: float
) -> Field:
    """Signed distance to a rectangle with rounded corners."""
    x = np.abs(u - centre[0]) - np.float32(half[0] - corner)
    y = np.abs(v - centre[1]) - np.float32(half[1] - corner)
    outside = np.hypot(np.maximum(x, 0), np.maximum(y, 0))
    away: Field = outside + np.minimum(np.maximum(x, y), 0) - np.float32(corner)
    return away


def covered(distance_mm: Field, edge_mm: float = 0.55) -> Field:
    """How much of a pixel lies inside, 0…1: a smooth step as wide as a broken edge."""
    t: Field = np.clip(0.5 - distance_mm / np.float32(2 * edge_mm), 0, 1)
    return t * t * (3 - 2 * t)


def outlines(u: Field, v: Field, tolerances: Tolerances) -> dict[str, Field]:
    """Signed distance to every feature, by name, in the order in which they are machined."""
    t = tolerances
    shapes = {
        "plate": box(u, v, (0, 0), (45 + t.plate, 37 + t.plate), 11),
        "rib": box(u, v, (-30, -2), (9, 2.6), 2.5),
        "boss": circle(u, v, BOSS_CENTRE, 17 + t.boss),
    }
    for i, centre in enumerate(BOLT_CENTRES):
        shapes[f"counterbore{i}"] = circle(u, v, centre, 7)
        shapes[f"bolt{i}"] = circle(u, v, centre, 4)
    label = (LABEL_CENTRE[0] + t.label_shift[0], LABEL_CENTRE[1] + t.label_shift[1])
    return shapes | {
        "slot": box(u, v, (19.5 + t.slot_shift, -2), (3.2, 13), 3.2),
        "bore": circle(u, v, BOSS_CENTRE, 8.5 + t.bore),
        "insert": circle(u, v, INSERT_CENTRE, 5.6),
        "thread": circle(u, v, INSERT_CENTRE, 2.4),
        "label": box(u, v, label, LABEL_HALF, 0.8),
        "ink": _ink(u - np.float32(label[0]), v - np.float32(label[1])),
    }


def machine(at: Coordinates, tolerances: Tolerances, forgotten: str | None) -> Workpiece:
    """Cut the part; ``forgotten`` names the one of FORGETTABLE that was left out."""
    shapes = outlines(at.u, at.v, tolerances)
    cover = {name: covered(distance) for name, distance in shapes.items()}
    if forgotten is not None:
        cover[forgotten] = np.zeros_like(at.u)
        if forgotten.startswith("bolt"):
            cover[forgotten.replace("bolt", "counterbore")] = np.zeros_like(at.u)
    height = cover["plate"] * np.float32(PLATE_MM)
    levels = {"rib": RIB_MM, "boss": BOSS_MM, "slot": SLOT_MM, "insert": INSERT_MM}
    levels |= {name: COUNTERBORE_MM for name in cover if name.startswith("counterbore")}
    levels |= {name: 0.0 for name in cover if name.startswith("bolt")} | {
        "bore": 0.0,
        "thread": 3.0,
    }
    for name, share in cover.items():
        if name in levels:
            height = height + share * (np.float32(levels[name]) - height)
    return Workpiece(at=at, height_mm=height, cover=cover)


def clear_surface(u: float, v: float, margin_mm: float) -> bool:
    """Whether a flaw of that radius fits on the bare plate or on the rim of the boss there."""
    shapes = outlines(np.float32(u), np.float32(v), NOMINAL)  # type: ignore[arg-type]  # one point
    if shapes["plate"] > -(margin_mm + 1.5):
        return False
    features = [name for name in shapes if name not in ("plate", "ink")]
    return all(shapes[name] > 0.6 * margin_mm for name in features)


def _ink(x: Field, y: Field) -> Field:
    """Signed distance to what the label says: a square code and two lines of characters."""
    module = 0.95
    bits = np.random.default_rng(20).random((8, 8)) < 0.5  # the same code on every part
    bits[:, 0] = bits[-1, :] = True
    column = np.floor((x + 16) / module).astype(np.int64)
    row = np.floor((y + 3.8) / module).astype(np.int64)
    in_code = (column >= 0) & (column < 8) & (row >= 0) & (row < 8)
    dark = in_code & bits[np.clip(row, 0, 7), np.clip(column, 0, 7)]
    strokes = np.random.default_rng(21).random((2, 40)) < 0.62
    stroke = np.clip(np.floor((x + 6) / 0.55).astype(np.int64), 0, 39)
    for line, middle in enumerate((-1.9, 1.8)):
        inside = (np.abs(y - middle) < 1.25) & (x > -6) & (x < 15.5)
        dark = dark | (inside & strokes[line, stroke])
    return np.where(dark, np.float32(-1), np.float32(1))
