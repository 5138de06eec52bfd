"""Small files of every format, good and broken, for make_decoding_fixtures.py."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any, Literal

import numpy as np
import pyvips
from numpy.typing import NDArray

Files = dict[str, bytes]
Array = NDArray[Any]


def all_files(width: int, height: int) -> Files:
    """Every fixture by file name. Seeded: two runs give the same bytes."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[0:height, 0:width]
    waves = np.stack([x * 9, y * 11, 120 + 100 * np.sin(x * y / 40)], axis=2)
    colour = np.clip(waves + rng.normal(0, 12, waves.shape), 0, 255).astype(np.uint8)
    raw = (20000 + 900 * x + 500 * y + rng.integers(0, 200, x.shape)).astype(np.uint16)
    raw[3:6, 4:9] = 0
    raw[0, 0], raw[-1, -1] = 65535, 1
    celsius = (20 + x * 0.731 - y * 0.313 + rng.normal(0, 0.2, x.shape)).astype(np.float32)
    celsius[2, 2], celsius[3, 3], celsius[4, 4] = np.nan, np.inf, -np.inf
    points = np.stack([x * 0.5 - 6, y * 0.5 - 5, celsius * 40], axis=2).astype(np.float32)
    points[8:11, 8:12] = 0  # no point
    points[12, 12] = (0, 0, 5)  # on the optical axis, and a point
    return (
        _png(colour, raw)
        | _jpeg(colour)
        | _tiff(colour, raw, celsius, points)
        | _npy(colour, raw, celsius, points)
        | _wav(rng)
        | _foreign(colour)
    )


def _image(array: Array, interpretation: str) -> Any:
    return pyvips.Image.new_from_array(array).copy(interpretation=interpretation)


def _turned(image: Any, orientation: int) -> Any:
    """Stored so that the orientation tag turns it back upright (for 5…8: sides swapped)."""
    inverse = {6: 8, 8: 6}.get(orientation, orientation)
    stored = image.copy()
    stored.set_type(pyvips.GValue.gint_type, "orientation", inverse)
    stored = stored.autorot().copy()
    stored.set_type(pyvips.GValue.gint_type, "orientation", orientation)
    return stored


def _chunk(name: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(name + content))
    return struct.pack(">I", len(content)) + name + content + check


def _png(colour: Array, raw: Array) -> Files:
    rgb, grey = _image(colour, "srgb"), _image(colour[:, :, 1], "b-w")
    alpha = _image(colour[:, :, 2], "b-w")
    depth = _image(raw, "grey16")
    whole = rgb.pngsave_buffer()
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 0xFF
    bomb = struct.pack(">IIBBBBB", 20000, 20000, 8, 0, 0, 0, 0)
    end = _chunk(b"IDAT", zlib.compress(bytes(20001))) + _chunk(b"IEND", b"")
    return {
        "rgb.png": whole,
        "rgb-interlaced.png": rgb.pngsave_buffer(interlace=True),
        "rgb-palette.png": rgb.pngsave_buffer(palette=True, Q=60, dither=0),
        "rgba.png": rgb.bandjoin(alpha).pngsave_buffer(),
        "grey8.png": grey.pngsave_buffer(),
        "grey8-alpha.png": grey.bandjoin(alpha).copy(interpretation="b-w").pngsave_buffer(),
        "grey8-1bit.png": (grey > 128).pngsave_buffer(bitdepth=1),
        "turned-6.png": _turned(rgb, 6).pngsave_buffer(),
        "depth16.png": depth.pngsave_buffer(),
        "depth16-interlaced.png": depth.pngsave_buffer(interlace=True),
        "depth16-alpha.png": depth.bandjoin(depth).copy(interpretation="grey16").pngsave_buffer(),
        "colour16.png": _image(np.repeat(raw[:, :, None], 3, 2), "rgb16").pngsave_buffer(),
        "damaged.png": bytes(damaged),
        "noise.png": whole[:8] + bytes(range(200)),
        "bomb.png": whole[:8] + _chunk(b"IHDR", bomb) + end,
    }


def _jpeg(colour: Array) -> Files:
    rgb, grey = _image(colour, "srgb"), _image(colour[:, :, 1], "b-w")
    whole = rgb.jpegsave_buffer(Q=80, subsample_mode="on")
    frame = whole.index(b"\xff\xc0") + 5  # SOF0, length, precision; then height and width
    return {
        "rgb-420.jpg": whole,
        "rgb-444.jpg": rgb.jpegsave_buffer(Q=95, subsample_mode="off"),
        "rgb-progressive.jpg": rgb.jpegsave_buffer(Q=60, interlace=True),
        "rgb-profile.jpg": rgb.jpegsave_buffer(Q=90, profile="p3"),
        "grey8.jpg": grey.jpegsave_buffer(Q=85),
        "turned-6.jpg": _turned(rgb, 6).jpegsave_buffer(Q=90),
        "turned-5.jpg": _turned(rgb, 5).jpegsave_buffer(Q=90),
        "turned-3.jpg": _turned(rgb, 3).jpegsave_buffer(Q=90),
        "cmyk.jpg": rgb.bandjoin(255).copy(interpretation="cmyk").jpegsave_buffer(),
        "bomb.jpg": whole[:frame] + struct.pack(">HH", 20000, 20000) + whole[frame + 4 :],
    }


def _tiff(colour: Array, raw: Array, celsius: Array, points: Array) -> Files:
    rgb, grey = _image(colour, "srgb"), _image(colour[:, :, 1], "b-w")
    depth, thermal = _image(raw, "grey16"), _image(celsius, "b-w")
    xyz = _image(points, "scrgb")
    return {
        "rgb.tif": rgb.tiffsave_buffer(),
        "rgb-lzw.tif": rgb.tiffsave_buffer(compression="lzw", predictor="horizontal"),
        "rgb-deflate-tiled.tif": rgb.tiffsave_buffer(
            compression="deflate", tile=True, tile_width=16, tile_height=16
        ),
        "rgb-big.tif": rgb.tiffsave_buffer(bigtiff=True),
        "rgb-big-endian.tif": tiff(colour, ">"),
        "rgb-minisblack.tif": tiff(colour, "<", photometric=1),
        "grey8.tif": grey.tiffsave_buffer(compression="packbits"),
        "turned-8.tif": _turned(rgb, 8).tiffsave_buffer(),
        "depth16.tif": depth.tiffsave_buffer(),
        "depth16-lzw.tif": depth.tiffsave_buffer(compression="lzw", predictor="horizontal"),
        "depth16-deflate.tif": depth.tiffsave_buffer(compression="deflate"),
        "depth16-big-endian.tif": tiff(raw[:, :, None], ">"),
        "turned-depth16.tif": _turned(depth, 6).tiffsave_buffer(),
        "float.tif": thermal.tiffsave_buffer(),
        "float-lzw.tif": thermal.tiffsave_buffer(compression="lzw", predictor="float"),
        "float-deflate.tif": thermal.tiffsave_buffer(compression="deflate"),
        "xyz.tif": xyz.tiffsave_buffer(),
        "xyz-deflate.tif": xyz.tiffsave_buffer(compression="deflate"),
        "xyz-minisblack.tif": tiff(points, "<", photometric=1),
        "int16.tif": depth.cast("short").tiffsave_buffer(),
        "uint32.tif": depth.cast("uint").tiffsave_buffer(),
        "double.tif": tiff(celsius[:, :, None].astype(np.float64), "<"),
        "half.tif": tiff(celsius[:, :, None].astype(np.float16), "<"),
        "lab.tif": rgb.colourspace("labs").tiffsave_buffer(),
    }


def tiff(pixels: Array, order: Literal["<", ">"], photometric: int | None = None) -> bytes:
    """A plain one-strip TIFF (h, w, c), for what libvips does not write: byte order, photometric.

    Tags: TIFF 6.0, section 8; SampleFormat 3 is IEEE float.
    """
    height, width, channels = pixels.shape
    content = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    if photometric is None:
        photometric = 2 if channels == 3 else 1
    bits, form = pixels.dtype.itemsize * 8, 3 if pixels.dtype.kind == "f" else 1
    entries: list[tuple[int, str, list[int]]] = [
        (256, "I", [width]),
        (257, "I", [height]),
        (258, "H", [bits] * channels),
        (259, "H", [1]),
        (262, "H", [photometric]),
        (273, "I", [8]),
        (277, "H", [channels]),
        (278, "I", [height]),
        (279, "I", [len(content)]),
        (339, "H", [form] * channels),
    ]
    if photometric == 1 and channels > 1:
        entries.insert(-1, (338, "H", [0] * (channels - 1)))
    at = 8 + len(content)
    spill_at = at + 2 + 12 * len(entries) + 4
    directory, spill = struct.pack(order + "H", len(entries)), b""
    for tag, kind, values in entries:
        packed = struct.pack(f"{order}{len(values)}{kind}", *values)
        if len(packed) > 4:
            spill += packed
            packed = struct.pack(order + "I", spill_at + len(spill) - len(packed))
        head = struct.pack(order + "HHI", tag, 3 if kind == "H" else 4, len(values))
        directory += head + packed.ljust(4, b"\0")
    magic = b"II*\0" if order == "<" else b"MM\0*"
    return magic + struct.pack(order + "I", at) + content + directory + bytes(4) + spill


def npy(array: Array, version: tuple[int, int] = (1, 0)) -> bytes:
    """The file that numpy writes."""
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, version=version)
    return stream.getvalue()


def _npy_header(text: str, content: bytes) -> bytes:
    header = text.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + content


def _npy(colour: Array, raw: Array, celsius: Array, points: Array) -> Files:
    shape = "{'descr': '|u1', 'fortran_order': False, 'shape': (%s), }"
    record = np.zeros((2, 2), dtype=[("z", "<f4")])
    return {
        "rgb.npy": npy(colour),
        "rgb-version-2.npy": npy(colour, (2, 0)),
        "grey8.npy": npy(colour[:, :, 1]),
        "grey8-channel.npy": npy(colour[:, :, 1:2]),
        "depth16.npy": npy(raw),
        "float.npy": npy(celsius),
        "xyz.npy": npy(points),
        "int16.npy": npy(raw.astype(np.int16)),
        "object.npy": npy(np.array([[None]], dtype=object)),
        "record.npy": npy(record),
        "vector.npy": npy(raw[0]),
        "fortran.npy": npy(np.asfortranarray(colour)),
        "lying-size.npy": _npy_header(shape % "17, 21, 3", colour.tobytes()[:-1]),
        "zero-size.npy": _npy_header(shape % "17, 0, 3", b""),
        "bomb.npy": _npy_header(shape % "20000, 20000", b""),
        "no-shape.npy": _npy_header("{'descr': '|u1', 'fortran_order': False}", b""),
        "huge-header.npy": b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1) + b"{'descr'",
    }


def wav(
    frames: bytes,
    *,
    tag: int = 1,
    bits: int = 16,
    channels: int = 1,
    rate: int = 8000,
    tail: bytes = b"",
    before: bytes = b"",
    data_size: int | None = None,
) -> bytes:
    """A RIFF/WAVE file; ``tail`` makes it extensible, ``before`` lies between fmt and data."""
    block = channels * bits // 8
    kind = 0xFFFE if tail else tag
    fmt = struct.pack("<HHIIHH", kind, channels, rate, rate * block, block, bits)
    if tail:
        fmt += struct.pack("<HHIH", 22, bits, 0, tag) + tail
    size = len(frames) if data_size is None else data_size
    body = b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt + before
    body += b"data" + struct.pack("<I", size) + frames
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _wav(rng: np.random.Generator) -> Files:
    time = np.arange(90)
    tone = 0.9 * np.sin(time / 3) + rng.normal(0, 0.03, 90)
    both = np.stack([tone, -0.4 * tone + 0.1], axis=1)
    tail = bytes.fromhex("000000001000800000aa00389b71")
    as16 = (tone * 32767).astype("<i2").tobytes()
    as32 = (both * 2147483647).astype("<i4")
    as24 = as32.view(np.uint8).reshape(90, 2, 4)[:, :, 1:].tobytes()
    as_float = both.astype("<f4").tobytes()
    nan = np.full(90, np.nan, "<f4").tobytes()
    odd_list = b"LIST" + struct.pack("<I", 5) + b"INFOx\0"  # odd size: one pad byte
    return {
        "sound16.wav": wav(as16),
        "sound16-list.wav": wav(as16, before=odd_list),
        "sound16-trailing.wav": wav(as16) + b"LIST" + struct.pack("<I", 999),
        "sound24.wav": wav(as24, bits=24, channels=2),
        "sound32.wav": wav(as32.tobytes(), bits=32, channels=2),
        "sound-float.wav": wav(as_float, tag=3, bits=32, channels=2),
        "sound-float-six.wav": wav(as_float * 3, tag=3, bits=32, channels=6),
        "sound-extensible.wav": wav(as24, bits=24, channels=2, tail=tail),
        "sound-extensible-float.wav": wav(as_float, tag=3, bits=32, channels=2, tail=tail),
        "foreign.wav": wav(as16, tail=bytes(14)),
        "mulaw.wav": wav(bytes(90), tag=7, bits=8),
        "pcm8.wav": wav(bytes(90), bits=8),
        "double.wav": wav(bytes(720), tag=3, bits=64),
        "nan.wav": wav(nan, tag=3, bits=32),
        "lying-data.wav": wav(as16, data_size=2**32 - 1),
        "lying-fmt.wav": wav(as16).replace(b"fmt \x10", b"fmt \x04"),
        "lying-block.wav": wav(as16, channels=7),
        "no-data.wav": wav(as16).replace(b"data", b"dato"),
    }


def _foreign(colour: Array) -> Files:
    rgb = _image(colour, "srgb")
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" width="21" height="17"/>'
    return {
        "text.png": b"This is not a picture, whatever its name says.\n",
        "picture.gif": rgb.gifsave_buffer(),
        "picture.webp": rgb.webpsave_buffer(),
        "picture.svg": svg,
    }
