"""The size at which pictures are looked at: what the trunk can take, in the aspect they have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from .dataset_error import DatasetError
from .decode import ASPECT_TOLERANCE
from .specs import AudioSpec, ModalitySpec

STEP = 16  # stride 8, and covariances shared by 2 x 2 places
MIN_SIDE = 64


def fit_specs(specs: Mapping[str, ModalitySpec], longest: int) -> dict[str, ModalitySpec]:
    """The specs with each picture's size fitted to ``longest`` pixels; sound is kept as it is."""
    fitted: dict[str, ModalitySpec] = {}
    for name, spec in specs.items():
        if isinstance(spec, AudioSpec):
            fitted[name] = spec
            continue
        width, height = fit_size(spec.width, spec.height, longest)
        if abs(width * spec.height - height * spec.width) > ASPECT_TOLERANCE * height * spec.width:
            raise DatasetError(
                f"{name}: pictures of {spec.width} x {spec.height} pixels fit no grid of {STEP} "
                f"up to {longest} within 2 % of their aspect; crop them, or take a larger --size"
            )
        fitted[name] = replace(spec, width=width, height=height)
    return fitted


def fit_size(width: int, height: int, longest: int) -> tuple[int, int]:
    """Multiples of 16 nearest in aspect to ``width`` x ``height``, the longer near ``longest``.

    Half a per cent of aspect is worth less than a larger picture.
    """
    limit = STEP * max(longest // STEP, MIN_SIDE // STEP)
    aspect = width / height

    def misfit(size: tuple[int, int]) -> tuple[float, int]:
        w, h = size
        return max(abs(w / h / aspect - 1.0), 0.005), -max(w, h)

    sides = range(limit, max(MIN_SIDE, limit // 2) - 1, -STEP)
    wide = ((w, STEP * max(1, round(w / aspect / STEP))) for w in sides)
    tall = ((STEP * max(1, round(h * aspect / STEP)), h) for h in sides)
    return min(wide if aspect >= 1 else tall, key=misfit)
