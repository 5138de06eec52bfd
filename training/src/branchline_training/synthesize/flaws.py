"""What goes wrong with a part, and which sensor can see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from branchline_training.synthesize.workpiece import (
    FORGETTABLE,
    NOMINAL,
    Coordinates,
    Field,
    clear_surface,
    covered,
    outlines,
)

# Severities, drawn evenly within these ranges for each part. They are set so that no sensor and
# no set of sensors saturates: alone each reaches 0.60 to 0.85 image AUROC, all four 0.95 to 0.985.
STAIN_DARKENING = (0.05, 0.15)
STAIN_RADIUS_MM = (3.0, 6.0)
DENT_DEPTH_MM = (0.2, 0.5)
DENT_RADIUS_MM = (4.5, 7.0)
VOID_DEGC = (0.5, 1.0)
VOID_RADIUS_MM = (3.5, 6.0)
CRACK_LENGTH_MM = (10.0, 20.0)
CRACK_DARKENING = (0.04, 0.15)
CRACK_DEGC = (0.3, 0.8)
VOID_DETUNING = (0.016, 0.036)
CRACK_DETUNING = (0.006, 0.018)
MISSING_DETUNING = (-0.024, -0.012)  # more metal, stiffer: it rings higher
EXTRA_DAMPING = (0.3, 0.8)
RATTLE = (0.03, 0.11)


@dataclass(frozen=True, kw_only=True)
class SoundFlaw:
    """How the ring of the part changes: all 0 for a good one."""

    detuning: float = 0.0  # relative fall of the modes that the flaw touches
    damping: float = 0.0  # relative growth of their decay rate
    splitting: float = 0.0  # relative distance of the twin beside each of them
    rattle: float = 0.0  # strength of micro-impacts after the tap, 1 = the tap itself


@dataclass(frozen=True, kw_only=True)
class Flaw:
    """The traces of one flaw, float32 (size, size); ``masks``: which camera sees it, and where."""

    forgotten: str | None = None
    height_mm: Field | None = None  # added to the surface
    tint: NDArray[np.float32] | None = None  # (size, size, 3), multiplies the albedo
    heat_degc: Field | None = None  # added to the surface temperature
    sound: SoundFlaw = SoundFlaw()
    masks: dict[str, NDArray[np.bool_]] = field(default_factory=dict)


NO_FLAW = Flaw()


def stain(at: Coordinates, rng: np.random.Generator) -> Flaw:
    """Oil or coolant left on the surface: only colour sees it."""
    radius = rng.uniform(*STAIN_RADIUS_MM)
    shape = _blot(at, _spot(rng, radius), radius, rng)
    colour = np.array([0.75, 0.95, 1.35], np.float32)  # brown: blue suffers most
    tint = 1 - shape[..., None] * np.float32(rng.uniform(*STAIN_DARKENING)) * colour
    return Flaw(tint=tint.astype(np.float32), masks={"rgb": shape > 0.4})


def dent(at: Coordinates, rng: np.random.Generator) -> Flaw:
    """A blow: depth sees it, and its shading is a little visible."""
    radius = rng.uniform(*DENT_RADIUS_MM)
    centre = _spot(rng, radius)
    squared = ((at.u - centre[0]) ** 2 + (at.v - centre[1]) ** 2) / np.float32(radius**2)
    bowl = np.exp(-2 * squared)
    rim = 0.25 * np.exp(-8 * (np.sqrt(squared) - 1.1) ** 2)
    height = np.float32(rng.uniform(*DENT_DEPTH_MM)) * (rim - bowl)
    seen = squared < 1.0
    return Flaw(height_mm=height.astype(np.float32), masks={"depth": seen, "rgb": seen})


def void(at: Coordinates, rng: np.random.Generator) -> Flaw:
    """A cavity under an intact skin: heat dams up over it, and the part rings lower."""
    radius = rng.uniform(*VOID_RADIUS_MM)
    shape = gaussian_filter(_blot(at, _spot(rng, radius), radius, rng), 1.2 / at.mm_per_pixel)
    sign = rng.choice((-1.0, 1.0), p=(0.3, 0.7))
    return Flaw(
        heat_degc=np.float32(sign * rng.uniform(*VOID_DEGC)) * shape,
        sound=SoundFlaw(detuning=rng.uniform(*VOID_DETUNING), damping=rng.uniform(*EXTRA_DAMPING)),
        masks={"thermal": shape > 0.35},
    )


def crack(at: Coordinates, rng: np.random.Generator) -> Flaw:
    """A hair line: a faint dark trace, a step in the heat flow, modes that split and die sooner."""
    distance = _crack_distance(at, rng)
    line = covered(distance - np.float32(0.18), 0.5)
    halo = np.exp(-np.maximum(distance, 0) / 1.6)
    tint = 1 - np.float32(rng.uniform(*CRACK_DARKENING)) * line[..., None]
    return Flaw(
        tint=np.broadcast_to(tint, (*line.shape, 3)),
        heat_degc=np.float32(rng.uniform(*CRACK_DEGC)) * halo.astype(np.float32),
        sound=SoundFlaw(
            detuning=0.5 * rng.uniform(*CRACK_DETUNING),
            splitting=rng.uniform(*CRACK_DETUNING),
            damping=rng.uniform(*EXTRA_DAMPING),
        ),
        masks={"rgb": distance < 1.0, "thermal": distance < 2.0},
    )


def missing_feature(at: Coordinates, rng: np.random.Generator) -> Flaw:
    """A cut that was forgotten: to be seen, and more metal rings higher and warms otherwise."""
    name = str(rng.choice(FORGETTABLE))
    footprint = outlines(at.u, at.v, NOMINAL)[name.replace("bolt", "counterbore")] < 0.3
    return Flaw(
        forgotten=name,
        sound=SoundFlaw(detuning=rng.uniform(*MISSING_DETUNING)),
        masks={"rgb": footprint, "depth": footprint},
    )


def loose_insert(_at: Coordinates, rng: np.random.Generator) -> Flaw:
    """A bushing that was not pressed home: it buzzes, and nothing shows."""
    return Flaw(sound=SoundFlaw(rattle=rng.uniform(*RATTLE)))


FLAWS: dict[str, Callable[[Coordinates, np.random.Generator], Flaw]] = {
    "stain": stain,
    "dent": dent,
    "void": void,
    "crack": crack,
    "missing_feature": missing_feature,
    "loose_insert": loose_insert,
}


def _spot(rng: np.random.Generator, margin_mm: float) -> tuple[float, float]:
    """A place on the clear surface, mm in the part's frame."""
    while True:
        u, v = rng.uniform(-44, 44), rng.uniform(-36, 36)
        if clear_surface(u, v, margin_mm):
            return u, v


def _blot(
    at: Coordinates, centre: tuple[float, float], radius: float, rng: np.random.Generator
) -> Field:
    """A roundish patch with a wavy outline, 0…1, soft at its edge."""
    du, dv = at.u - np.float32(centre[0]), at.v - np.float32(centre[1])
    bearing = np.arctan2(dv, du)
    outline = np.full_like(du, radius)
    for order in (2, 3, 5):
        wave = np.cos(order * bearing + np.float32(rng.uniform(0, 2 * np.pi)))
        outline += np.float32(radius * rng.uniform(0.03, 0.14)) * wave
    return covered(np.hypot(du, dv) - outline, 1.2)


def _crack_distance(at: Coordinates, rng: np.random.Generator) -> Field:
    """Distance (mm) to a jagged line that starts on the clear surface and ends at the edge."""
    length, steps = rng.uniform(*CRACK_LENGTH_MM), 9
    start = np.array(_spot(rng, 2.0))
    heading = rng.uniform(0, 2 * np.pi)
    turns = heading + np.cumsum(rng.normal(0, 0.35, steps))
    hops = np.stack([np.cos(turns), np.sin(turns)], axis=1) * (length / steps)
    knots = np.vstack([start, start + np.cumsum(hops, axis=0)])
    nearest = np.full_like(at.u, np.inf)
    for (u0, v0), (u1, v1) in pairwise(knots):
        du, dv = u1 - u0, v1 - v0
        along = np.clip(((at.u - u0) * du + (at.v - v0) * dv) / (du * du + dv * dv), 0, 1)
        nearest = np.minimum(nearest, np.hypot(at.u - u0 - along * du, at.v - v0 - along * dv))
    within: Field = np.maximum(nearest, outlines(at.u, at.v, NOMINAL)["plate"])
    return within.astype(np.float32)
