"""Opens a picture of any accepted format: what its header says first, its pixels when asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyvips
from numpy.typing import NDArray

from branchline_training.decode_error import DecodeError
from branchline_training.npy import read_npy

Format = Literal["png", "jpeg", "tiff", "npy", "wav"]
Pixels = NDArray[Any]

MAX_PIXELS = 64_000_000

# Every file is read once: a cache of operations would only hold memory (and is shared by threads).
pyvips.cache_set_max(0)

_SIGNATURES: tuple[tuple[bytes, Format], ...] = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"II+\x00", "tiff"),
    (b"MM\x00+", "tiff"),
    (b"\x93NUMPY", "npy"),
)
# Named one by one, so that no other loader of libvips ever sees the bytes.
_LOADERS = {
    "png": pyvips.Image.pngload_buffer,
    "jpeg": pyvips.Image.jpegload_buffer,
    "tiff": pyvips.Image.tiffload_buffer,
}
_DTYPES = {"uchar": "uint8", "ushort": "uint16", "float": "float32"}
# The colour spaces whose samples are taken as stored.
_SPACES = {
    "uint8": ("b-w", "srgb"),
    "uint16": ("grey16", "rgb16"),
    "float32": ("b-w", "scrgb"),
}


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture's header: upright, without alpha. ``read`` decodes the pixels (h, w, c)."""

    format: Format
    width: int
    height: int
    channels: int
    dtype: str
    read: Callable[[], Pixels]


def sniff(content: bytes) -> Format:
    """The format by its first bytes. DecodeError: empty, unsupported_format."""
    if not content:
        raise DecodeError("empty", "the file has no bytes")
    for signature, form in _SIGNATURES:
        if content.startswith(signature):
            return form
    if content[:4] == b"RIFF" and content[8:12] == b"WAVE":
        return "wav"
    raise DecodeError("unsupported_format", "not a PNG, JPEG, TIFF, NPY or WAV file")


def open_picture(content: bytes) -> Picture:
    """Reads the header only; ``read()`` raises DecodeError ``corrupt`` for damaged pixels.

    DecodeError: empty, unsupported_format, corrupt, too_large, wrong_bit_depth, wrong_channels.
    """
    form = sniff(content)
    if form == "wav":
        raise DecodeError("unsupported_format", "a WAV file where a picture belongs")
    if form == "npy":
        return _open_npy(content)
    image = _open(content, form)
    if image.width * image.height > MAX_PIXELS:
        raise DecodeError(
            "too_large", f"{image.width} x {image.height} pixels; {MAX_PIXELS} is the limit"
        )
    dtype = _dtype(image, form)
    image = image.autorot()
    # Two or four channels: the last one is alpha.
    channels = image.bands - 1 if image.bands in (2, 4) else image.bands

    def read() -> Pixels:
        try:
            pixels: Pixels = image.numpy()
        except pyvips.Error as error:
            raise DecodeError(
                "corrupt", f"the {form.upper()} file breaks off or is damaged"
            ) from error
        return pixels.reshape(image.height, image.width, image.bands)[:, :, :channels]

    return Picture(
        format=form,
        width=image.width,
        height=image.height,
        channels=channels,
        dtype=dtype,
        read=read,
    )


def _open(content: bytes, form: Literal["png", "jpeg", "tiff"]) -> Any:
    try:
        return _LOADERS[form](content, fail_on="error")
    except pyvips.Error as error:
        # libvips refuses 64 bits a sample this early, and in these words.
        if "samples out of range" in str(error):
            raise _wrong_type("more than 32 bits a sample", form) from error
        raise DecodeError("corrupt", f"the {form.upper()} header cannot be read") from error


def _dtype(image: Any, form: Format) -> str:
    dtype = _DTYPES.get(image.format)
    if dtype is None:
        raise _wrong_type(image.format, form)
    if image.interpretation not in _SPACES[dtype]:
        # libvips widens half floats, and says so only by the colour space.
        if dtype == "float32" and image.interpretation in _SPACES["uint16"]:
            raise _wrong_type("float 16", form)
        raise DecodeError(
            "wrong_channels", f"colours are {image.interpretation}; save it as grey or RGB"
        )
    return dtype


def _wrong_type(found: str, form: Format) -> DecodeError:
    right = "8 or 16 bits unsigned or float 32 is right"
    return DecodeError("wrong_bit_depth", f"{form.upper()} of type {found}; {right}")


def _open_npy(content: bytes) -> Picture:
    array = read_npy(content, MAX_PIXELS)
    pixels = array if array.ndim == 3 else array[:, :, np.newaxis]
    height, width, channels = pixels.shape
    return Picture(
        format="npy",
        width=width,
        height=height,
        channels=channels,
        dtype=pixels.dtype.name,
        read=lambda: pixels,
    )
