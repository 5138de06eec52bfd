"""Reads NPY files of the three dtypes that sensors write: u1, <u2 and <f4."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from branchline_training.decode_error import DecodeError

DTYPES: dict[str, np.dtype[Any]] = {
    "|u1": np.dtype("u1"),
    "<u2": np.dtype("<u2"),
    "<f4": np.dtype("<f4"),
}
# Real headers have about 100 bytes; a longer one is not a picture.
MAX_HEADER_BYTES = 4096


def read_npy(content: bytes, max_pixels: int) -> NDArray[Any]:
    """The array, (h, w) or (h, w, c). Never unpickles.

    DecodeError: corrupt, wrong_bit_depth, wrong_channels, too_large.
    """
    header, start = _header(content)
    descr = re.search(r"'descr':\s*('[^']*'|\[)", header)
    order = re.search(r"'fortran_order':\s*(True|False)", header)
    dimensions = re.search(r"'shape':\s*\(([\d, ]*)\)", header)
    if descr is None or order is None or dimensions is None:
        raise DecodeError("corrupt", "the NPY header is not one that numpy writes")
    dtype = DTYPES.get(descr[1].strip("'"))
    if dtype is None:
        raise DecodeError(
            "wrong_bit_depth", f"NPY of dtype {descr[1]}; '|u1', '<u2' or '<f4' is right"
        )
    if order[1] == "True":
        raise DecodeError(
            "unsupported_format", "NPY in Fortran order; save np.ascontiguousarray(array)"
        )
    shape = tuple(int(size) for size in dimensions[1].split(",") if size.strip())
    if len(shape) not in (2, 3):
        raise DecodeError("wrong_channels", f"NPY of shape {shape}; (h, w) or (h, w, c) is right")
    if shape[0] * shape[1] > max_pixels:
        raise DecodeError("too_large", f"{shape[1]} x {shape[0]} pixels; {max_pixels} is the limit")
    size = math.prod(shape) * dtype.itemsize
    if size == 0 or size != len(content) - start:
        raise DecodeError(
            "corrupt", f"the NPY header promises {size} bytes, {len(content) - start} are there"
        )
    return np.frombuffer(content, dtype, offset=start).reshape(shape)


def _header(content: bytes) -> tuple[str, int]:
    """The header's text, and where the numbers begin."""
    width = 2 if content[6:7] == b"\x01" else 4
    start = 8 + width
    size = int.from_bytes(content[8:start], "little")
    if content[6:7] not in (b"\x01", b"\x02", b"\x03") or len(content) < start:
        raise DecodeError("corrupt", "the NPY header is cut off or of an unknown version")
    if size > MAX_HEADER_BYTES or start + size > len(content):
        raise DecodeError("corrupt", f"the NPY header claims {size} bytes")
    return content[start : start + size].decode("latin-1"), start + size
