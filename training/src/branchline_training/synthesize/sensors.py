"""What the three cameras see of a workpiece: colour, distance and heat, in one pixel frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, zoom

from branchline_training.synthesize.flaws import Flaw
from branchline_training.synthesize.workpiece import BOSS_CENTRE, Field, Workpiece

DEPTH_SCALE_MM = 0.01  # one step of the 16-bit depth picture
WORKING_DISTANCE_MM = 300.0
DEPTH_NOISE_MM = 0.06
THERMAL_SCALE_DEGC = 0.02
THERMAL_OFFSET_DEGC = -40.0
THERMAL_NOISE_DEGC = 0.06
RGB_NOISE_LEVELS = 0.9

ALUMINIUM = np.array([0.52, 0.53, 0.55], np.float32)
BRASS = np.array([0.60, 0.45, 0.20], np.float32)
PAPER = np.array([0.78, 0.78, 0.74], np.float32)
FIXTURE = np.array([0.045, 0.05, 0.06], np.float32)


def colour(piece: Workpiece, flaw: Flaw, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The colour camera, uint8 (size, size, 3): ring light from upper left, some gloss, noise."""
    albedo = _albedo(piece, rng)
    if flaw.tint is not None:
        albedo = albedo * flaw.tint
    height = gaussian_filter(piece.height_mm, 0.4 / piece.at.mm_per_pixel)
    slope_v, slope_u = np.gradient(height, np.float32(piece.at.mm_per_pixel))
    normal = np.stack([-slope_u, -slope_v, np.ones_like(height)])  # (3, size, size)
    normal /= np.linalg.norm(normal, axis=0)
    light = np.array([-0.42, -0.52, 0.78]) + rng.normal(0, 0.012, 3)
    light = (light / np.linalg.norm(light)).astype(np.float32)
    half = light + np.array([0, 0, 1], np.float32)
    half /= np.linalg.norm(half)
    lambert = np.maximum(np.tensordot(light, normal, 1), 0)
    gloss = np.maximum(np.tensordot(half, normal, 1), 0) ** 40
    lit = 1 - np.float32(0.6) * _cast_shadow(piece.height_mm, piece.at.mm_per_pixel)
    openness = _openness(piece.height_mm, piece.at.mm_per_pixel)
    shade = np.float32(0.38) * openness + np.float32(0.78) * lambert * lit
    shade = shade * _lighting(height.shape[0], rng)
    radiance = (
        albedo * shade[..., None]
        + (np.float32(0.10) * gloss * lit)[..., None]
        * (piece.cover["plate"] * (1 - piece.cover["label"]))[..., None]
    )
    hue = (1 + rng.normal(0, 0.010, 3)).astype(np.float32)
    levels: NDArray[np.float32] = 255 * np.clip(radiance * hue, 0, 1) ** np.float32(1 / 2.2)
    levels = gaussian_filter(levels, (0.5, 0.5, 0))
    levels += rng.normal(0, RGB_NOISE_LEVELS, levels.shape).astype(np.float32)
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def distance(piece: Workpiece, rng: np.random.Generator) -> NDArray[np.uint16]:
    """The depth camera, uint16 (size, size) in DEPTH_SCALE_MM; 0 where it got no echo."""
    at = piece.at
    tilt_u, tilt_v = np.deg2rad(rng.normal(0, 0.12, 2)).astype(np.float32)
    height = gaussian_filter(piece.height_mm, 0.3 / at.mm_per_pixel)
    height = height + tilt_u * at.u + tilt_v * at.v
    warp = _smooth_noise(height.shape[0], 6, rng) * np.float32(0.03)
    noise = rng.normal(0, DEPTH_NOISE_MM, height.shape).astype(np.float32)
    away = np.float32(WORKING_DISTANCE_MM + rng.normal(0, 0.25)) - height + warp + noise
    slope_v, slope_u = np.gradient(piece.height_mm, np.float32(at.mm_per_pixel))
    steep = np.hypot(slope_u, slope_v)
    lost = rng.random(height.shape) < np.clip(0.0006 + 0.05 * (steep - 2.5), 0.0006, 0.4)
    lost |= _cast_shadow(piece.height_mm, at.mm_per_pixel, (1, 0), 3.2) > 0.5
    raw = np.rint(away / np.float32(DEPTH_SCALE_MM))
    return np.where(lost, 0, raw).astype(np.uint16)


def heat(piece: Workpiece, flaw: Flaw, rng: np.random.Generator) -> NDArray[np.uint16]:
    """The thermal camera a few seconds after a heat pulse, uint16 (size, size)."""
    at, cover = piece.at, piece.cover
    ambient = rng.normal(24.0, 1.0)
    pulse = rng.normal(1.0, 0.03)
    stored = gaussian_filter(piece.height_mm, 2.2 / at.mm_per_pixel)  # thick stays warm
    body = gaussian_filter(cover["plate"], 0.8 / at.mm_per_pixel)
    rise = body * (5.5 + 0.22 * stored)
    from_boss = np.hypot(at.u - BOSS_CENTRE[0], at.v - BOSS_CENTRE[1])
    rise += body * 0.9 * np.exp(-((from_boss / 30) ** 2))
    rise += body * (0.25 * _smooth_noise(at.u.shape[0], 4, rng))  # the lamp is never quite even
    rise += body * (0.08 * _smooth_noise(at.u.shape[0], 24, rng))
    if flaw.heat_degc is not None:
        rise += body * flaw.heat_degc
    emissivity = 0.84 + 0.10 * cover["label"] - 0.10 * cover["insert"] + 0.01 * cover["ink"]
    apparent = ambient + pulse * rise * emissivity
    apparent = gaussian_filter(apparent, 0.5 / at.mm_per_pixel)
    apparent += rng.normal(0, 0.02, (1, apparent.shape[1]))  # fixed pattern of the columns
    apparent += rng.normal(0, THERMAL_NOISE_DEGC, apparent.shape)
    raw: NDArray[np.uint16] = np.rint((apparent - THERMAL_OFFSET_DEGC) / THERMAL_SCALE_DEGC).astype(
        np.uint16
    )
    return raw


def _albedo(piece: Workpiece, rng: np.random.Generator) -> NDArray[np.float32]:
    """Surface colour before light, float32 (size, size, 3), with the marks of the tools."""
    at, cover = piece.at, piece.cover
    brushed = _lines(at.v + 0.02 * at.u, rng) * (1 + 0.3 * _smooth_noise(at.u.shape[0], 8, rng))
    turned = _lines(np.hypot(at.u - BOSS_CENTRE[0], at.v - BOSS_CENTRE[1]), rng)
    tool = (1 - cover["boss"]) * brushed + cover["boss"] * 1.3 * turned
    metal = ALUMINIUM * (1 + np.float32(0.035) * tool + np.float32(0.08) * cover["boss"])[..., None]
    mottled = FIXTURE * (1 + np.float32(0.12) * _smooth_noise(at.u.shape[0], 20, rng))[..., None]
    surface = _over(mottled, metal, cover["plate"])
    surface = _over(surface, BRASS, cover["insert"])
    surface = _over(surface, PAPER, cover["label"])
    surface = _over(surface, np.float32(0.12) * PAPER, cover["ink"] * cover["label"])
    for name in cover:
        if name.startswith("bolt") or name in ("bore", "thread"):
            surface = _over(surface, FIXTURE, cover[name])
    return surface


def _over(
    below: NDArray[np.float32], above: NDArray[np.float32], cover: Field
) -> NDArray[np.float32]:
    blended: NDArray[np.float32] = below + (above - below) * cover[..., None]
    return blended


def _lines(position_mm: Field, rng: np.random.Generator) -> Field:
    """Grooves of a cutter: random along ``position_mm``, constant across it, unit variance."""
    pitch_mm = 0.35
    grooves = rng.normal(0, 1, 600).astype(np.float32)
    at_pixel: NDArray[np.float64] = np.interp(position_mm / pitch_mm + 300, np.arange(600), grooves)
    return at_pixel.astype(np.float32)


def _smooth_noise(size: int, cells: int, rng: np.random.Generator) -> Field:
    """Low-pass noise (size, size): ``cells`` random values a side, interpolated."""
    coarse = rng.normal(0, 1, (cells, cells)).astype(np.float32)
    smooth: Field = zoom(coarse, size / cells, order=3, grid_mode=True, mode="nearest")
    return smooth


def _lighting(size: int, rng: np.random.Generator) -> Field:
    """Lamp drift: a gain and a gradient across the picture."""
    ramp = np.linspace(-1, 1, size, dtype=np.float32)
    slope_x, slope_y = rng.normal(0, 0.025, 2).astype(np.float32)
    gain = np.float32(rng.normal(1.0, 0.03))
    drift: Field = gain * (1 + slope_x * ramp[None, :] + slope_y * ramp[:, None])
    return drift


def _openness(height_mm: Field, mm_per_pixel: float) -> Field:
    """How much sky a surface sees, about 0.3…1: low where the neighbourhood stands higher."""
    around = gaussian_filter(height_mm, 3.0 / mm_per_pixel)
    openness: Field = np.clip(1 - (around - height_mm) / np.float32(12), 0.3, 1.1)
    return openness


def _cast_shadow(
    height_mm: Field,
    mm_per_pixel: float,
    towards: tuple[float, float] = (0.63, 0.78),
    fall: float = 1.25,
) -> Field:
    """Where a taller neighbour hides the source, 0…1; its ray falls ``fall`` mm per mm."""
    hidden = np.zeros_like(height_mm)
    for step in range(1, 9):
        reach_mm = 1.6 * step
        dx = round(towards[0] * reach_mm / mm_per_pixel)
        dy = round(towards[1] * reach_mm / mm_per_pixel)
        neighbour = np.roll(height_mm, (dy, dx), (0, 1))
        over = neighbour - np.float32(fall * reach_mm) - height_mm
        hidden = np.maximum(hidden, np.clip(over / np.float32(1.2), 0, 1))
    soft: Field = gaussian_filter(hidden, 0.5 / mm_per_pixel)
    return soft
