"""Writes pictures so that the same pixels always give the same bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyvips
from numpy.typing import NDArray


def write_png(path: Path, pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> None:
    """Pixels (h, w) or (h, w, 3), 8 or 16 bits; makes the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    interpretation = "srgb" if pixels.ndim == 3 else "grey16" if pixels.itemsize == 2 else "b-w"
    picture = pyvips.Image.new_from_array(pixels, interpretation=interpretation)
    path.write_bytes(picture.pngsave_buffer(compression=9, filter="all", keep="none"))
