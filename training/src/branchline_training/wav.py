"""Reads WAV files: RIFF chunks, PCM 16/24/32 and float 32, also WAVE_FORMAT_EXTENSIBLE."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from branchline_training.decode_error import DecodeError

PCM = 1
IEEE_FLOAT = 3
EXTENSIBLE = 0xFFFE
# The twelve bytes every KSDATAFORMAT_SUBTYPE ends with, after the format tag (mmreg.h).
SUBTYPE_TAIL = bytes.fromhex("000000001000800000aa00389b71")


@dataclass(frozen=True, kw_only=True)
class Wav:
    """A WAV file whose chunks were checked; ``frames`` is the raw data chunk."""

    format_tag: int
    channels: int
    sample_rate: int
    bits: int
    frames: bytes

    @property
    def length(self) -> int:
        """Samples per channel."""
        return len(self.frames) // (self.channels * self.bits // 8)


def read_wav(content: bytes) -> Wav:
    """Walk the RIFF chunks. DecodeError: corrupt, unsupported_format, wrong_bit_depth."""
    chunks: dict[bytes, bytes] = {}
    at = 12
    while at + 8 <= len(content) and not {b"fmt ", b"data"} <= chunks.keys():
        name, size = struct.unpack_from("<4sI", content, at)
        if at + 8 + size > len(content):
            raise DecodeError(
                "corrupt",
                f"chunk {name!r} claims {size} bytes, {len(content) - at - 8} are there: "
                "the file is cut off or its header is wrong",
            )
        chunks.setdefault(name, content[at + 8 : at + 8 + size])
        at += 8 + size + size % 2
    if b"fmt " not in chunks or b"data" not in chunks:
        raise DecodeError("corrupt", "the WAV file ends before its 'fmt ' and 'data' chunks")
    return _described(chunks[b"fmt "], chunks[b"data"])


def _described(fmt: bytes, frames: bytes) -> Wav:
    if len(fmt) < 16:
        raise DecodeError("corrupt", f"the 'fmt ' chunk has {len(fmt)} bytes, not 16 or more")
    tag, channels, rate, _, block, bits = struct.unpack_from("<HHIIHH", fmt)
    if tag == EXTENSIBLE:
        if len(fmt) < 40:
            raise DecodeError("corrupt", "the extensible 'fmt ' chunk is shorter than 40 bytes")
        tag = struct.unpack_from("<H", fmt, 24)[0] if fmt[26:40] == SUBTYPE_TAIL else 0
    if tag not in (PCM, IEEE_FLOAT):
        raise DecodeError(
            "unsupported_format", f"WAV encoding {tag} is not supported; save it as PCM or float"
        )
    if bits not in ((16, 24, 32) if tag == PCM else (32,)):
        kind = "PCM" if tag == PCM else "float"
        raise DecodeError(
            "wrong_bit_depth", f"{bits}-bit {kind}; PCM 16, 24, 32 or float 32 is right"
        )
    if channels == 0 or rate == 0 or block != channels * bits // 8 or len(frames) % block:
        raise DecodeError("corrupt", "the 'fmt ' chunk contradicts itself or the data chunk")
    return Wav(format_tag=tag, channels=channels, sample_rate=rate, bits=bits, frames=frames)


def first_samples(wav: Wav, count: int) -> NDArray[np.float32]:
    """The first ``count`` samples, channels averaged: float32 (count,) in -1…1."""
    bytes_each = wav.bits // 8
    raw = np.frombuffer(wav.frames[: count * wav.channels * bytes_each], np.uint8)
    samples = _as_numbers(wav, raw.reshape(-1, bytes_each)).reshape(count, wav.channels)
    # Added channel by channel, in float64: the service adds in the same order.
    total = np.zeros(count, np.float64)
    for channel in range(wav.channels):
        total += samples[:, channel]
    total /= wav.channels
    if wav.format_tag == PCM:
        total /= 2 ** (wav.bits - 1)
    return total.astype(np.float32)


def _as_numbers(wav: Wav, raw: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(samples, bytes) → (samples,), integers not yet scaled."""
    if wav.format_tag == IEEE_FLOAT:
        values = raw.reshape(-1).view("<f4").astype(np.float64)
        if not np.isfinite(values).all():
            raise DecodeError("corrupt", "the sound holds samples that are not numbers")
        return values
    if wav.bits == 24:
        # Put the three bytes on top of a 32-bit integer, then shift the sign down.
        wide = np.zeros((len(raw), 4), np.uint8)
        wide[:, 1:] = raw
        return (wide.reshape(-1).view("<i4") >> 8).astype(np.float64)
    return raw.reshape(-1).view(f"<i{wav.bits // 8}").astype(np.float64)
