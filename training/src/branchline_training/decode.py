"""Turns a sensor's file into the array its encoder takes; docs/decoding.md is the law."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyvips
from numpy.typing import NDArray

from branchline_training.decode_error import DecodeError, Reason
from branchline_training.picture import Format, Picture, Pixels, open_picture, sniff
from branchline_training.specs import AudioSpec, ImageSpec, ModalitySpec, RangeSpec, sample_shape
from branchline_training.wav import IEEE_FLOAT, first_samples, read_wav

__all__ = ["DecodeError", "Probe", "Reason", "decode", "probe"]

ASPECT_TOLERANCE = 0.02


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What a file says of itself, to infer a modality's spec from training files."""

    format: Format
    kind: Literal["image", "range", "audio"]
    dtype: str
    channels: int
    width: int | None = None
    height: int | None = None
    sample_rate: int | None = None
    seconds: float | None = None


def decode(
    source: Path | bytes,
    spec: ModalitySpec,
    *,
    scale: float | None = None,
    offset: float | None = None,
) -> NDArray[Any]:
    """One sample without the batch axis: uint8 (h, w, c), float32 (h, w, 1) or float32 (t,).

    ``scale`` and ``offset`` are the capture's own, for range maps: value = raw * scale + offset.
    Raises DecodeError; its ``reason`` is one of docs/decoding.md.
    """
    content = source if isinstance(source, bytes) else source.read_bytes()
    match spec:
        case AudioSpec():
            return _decode_audio(content, spec)
        case ImageSpec():
            return _decode_image(open_picture(content), spec)
        case RangeSpec():
            return _decode_range(open_picture(content), spec, scale, offset)


def probe(path: Path) -> Probe:
    """Format, kind and size from the header. DecodeError where it is none of the accepted."""
    content = path.read_bytes()
    if sniff(content) == "wav":
        wav = read_wav(content)
        return Probe(
            format="wav",
            kind="audio",
            dtype="float32" if wav.format_tag == IEEE_FLOAT else f"int{wav.bits}",
            channels=wav.channels,
            sample_rate=wav.sample_rate,
            seconds=wav.length / wav.sample_rate,
        )
    picture = open_picture(content)
    return Probe(
        format=picture.format,
        kind="image" if picture.dtype == "uint8" else "range",
        dtype=picture.dtype,
        channels=picture.channels,
        width=picture.width,
        height=picture.height,
    )


def _decode_image(picture: Picture, spec: ImageSpec) -> NDArray[np.uint8]:
    if picture.dtype != "uint8":
        raise DecodeError(
            "wrong_bit_depth", f"{picture.dtype} pixels; {spec.name} takes 8 bits a sample"
        )
    if picture.channels != spec.channels:
        raise DecodeError(
            "wrong_channels", f"{picture.channels} channels; {spec.name} takes {spec.channels}"
        )
    _check_aspect(picture, spec)
    pixels = np.array(picture.read(), dtype=np.uint8, order="C")
    if (picture.height, picture.width) == (spec.height, spec.width):
        return pixels
    # 1 / (w / W), not W / w: the very number that sharp hands to libvips.
    resized = pyvips.Image.new_from_array(pixels).resize(
        1 / (picture.width / spec.width), vscale=1 / (picture.height / spec.height), kernel="linear"
    )
    return np.array(resized.numpy(), dtype=np.uint8).reshape(sample_shape(spec))


def _decode_range(
    picture: Picture, spec: RangeSpec, scale: float | None, offset: float | None
) -> NDArray[np.float32]:
    if picture.dtype == "uint8":
        raise DecodeError("wrong_bit_depth", f"8 bits a pixel; {spec.name} takes 16 or float 32")
    if picture.channels != 1 and (picture.dtype, picture.channels) != ("float32", 3):
        raise DecodeError(
            "wrong_channels",
            f"{picture.channels} channels of {picture.dtype}; {spec.name} takes one channel, "
            "or three of float 32 (x, y, z)",
        )
    _check_aspect(picture, spec)
    near = _nearest(picture.read(), spec)
    raw = near[:, :, -1:].astype(np.float64)  # (H, W, 1): the only channel, or z
    if picture.dtype == "uint16":
        valid = np.ones(raw.shape, np.bool_) if spec.invalid is None else raw != spec.invalid
        gain, shift = spec.scale, spec.offset
    else:
        valid = (near != 0).any(axis=2, keepdims=True) | (picture.channels == 1)
        gain, shift = 1.0, 0.0
    gain = gain if scale is None else scale
    shift = shift if offset is None else offset
    with np.errstate(over="ignore", invalid="ignore"):
        value = (raw * gain + shift).astype(np.float32)
    return np.where(valid & np.isfinite(value), value, np.float32(np.nan))


def _nearest(pixels: Pixels, spec: RangeSpec) -> Pixels:
    """Output (i, j) takes input (floor((i + 0.5) * h / H), floor((j + 0.5) * w / W))."""
    height, width, _ = pixels.shape
    rows = np.floor((np.arange(spec.height) + 0.5) * height / spec.height).astype(np.intp)
    columns = np.floor((np.arange(spec.width) + 0.5) * width / spec.width).astype(np.intp)
    near: Pixels = pixels[rows[:, np.newaxis], columns]
    return near


def _check_aspect(picture: Picture, spec: ImageSpec | RangeSpec) -> None:
    skew = abs(picture.width * spec.height - picture.height * spec.width)
    if skew > ASPECT_TOLERANCE * picture.height * spec.width:
        raise DecodeError(
            "wrong_aspect",
            f"{picture.width} x {picture.height} pixels; {spec.name} takes "
            f"{spec.width} x {spec.height} or the same aspect",
        )


def _decode_audio(content: bytes, spec: AudioSpec) -> NDArray[np.float32]:
    form = sniff(content)
    if form != "wav":
        raise DecodeError("unsupported_format", f"a {form.upper()} file where a WAV belongs")
    wav = read_wav(content)
    if wav.sample_rate != spec.sample_rate:
        raise DecodeError(
            "wrong_sample_rate", f"{wav.sample_rate} Hz; {spec.name} takes {spec.sample_rate} Hz"
        )
    if wav.length < spec.samples:
        raise DecodeError("too_short", f"{wav.length} samples; {spec.name} takes {spec.samples}")
    return first_samples(wav, spec.samples)
