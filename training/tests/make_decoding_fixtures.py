"""Writes test/fixtures/decoding: small files of every format and what decode.py makes of them.

Run by hand, from training/, after a deliberate change of docs/decoding.md:

    python tests/make_decoding_fixtures.py

Both test suites read the result: pytest against decode.py, Jest against src/modality.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from branchline_training.decode import DecodeError, decode
from branchline_training.specs import AudioSpec, ImageSpec, ModalitySpec, RangeSpec, to_manifest
from decoding_files import Files, all_files, npy

TARGET = Path(__file__).parents[2] / "test" / "fixtures" / "decoding"

W, H = 21, 17  # odd, so that chroma subsampling and tiles have ragged edges
RGB = ImageSpec(name="rgb", width=W, height=H, channels=3)
GREY = ImageSpec(name="grey", width=W, height=H, channels=1)
DEPTH = RangeSpec(
    name="depth", width=W, height=H, unit="mm", encoding="uint16", scale=0.01, offset=-3.5
)
THERMAL = RangeSpec(
    name="thermal", width=W, height=H, unit="degC", encoding="float32", invalid=None
)
SOUND = AudioSpec(name="acoustic", sample_rate=8000, seconds=0.01)


@dataclass
class Cases:
    """Collects the entries of cases.json."""

    files: Files
    entries: list[dict[str, Any]] = field(default_factory=list)
    arrays: dict[bytes, str] = field(default_factory=dict)  # content of an expected file → its path

    def decodes(self, name: str, file: str, spec: ModalitySpec, **calibration: float) -> None:
        """Keeps what decode.py makes of the file."""
        array = decode(self.files[file], spec, **calibration)
        content = npy(array)
        path = self.arrays.setdefault(content, f"expected/{len(self.arrays):02}.npy")
        (TARGET / path).write_bytes(content)
        self._add(name, file, spec, calibration, expected=path)

    def fails(
        self, reason: str, name: str, file: str, spec: ModalitySpec, keep_bytes: int | None = None
    ) -> None:
        """States the reason; decode.py must already agree."""
        try:
            decode(self.files[file][:keep_bytes], spec)
        except DecodeError as error:
            if error.reason != reason:
                raise AssertionError(f"{name}: {error.reason} ({error}), not {reason}") from error
        else:
            raise AssertionError(f"{name}: decoded, should be {reason}")
        cut = {} if keep_bytes is None else {"keepBytes": keep_bytes}
        self._add(name, file, spec, {}, reason=reason, **cut)

    def _add(
        self, name: str, file: str, spec: ModalitySpec, calibration: dict[str, float], **more: Any
    ) -> None:
        entry = {"name": name, "file": file, "spec": to_manifest(spec)}
        self.entries.append(entry | ({"calibration": calibration} if calibration else {}) | more)


def sized(spec: Any, width: int, height: int) -> Any:
    """The same modality at another size."""
    return type(spec)(**{**spec.__dict__, "width": width, "height": height})


def images(cases: Cases) -> None:
    colour = [name for name in cases.files if name.startswith("rgb")]
    for name in colour:
        cases.decodes(f"{name} as stored", name, RGB)
    for name in [name for name in cases.files if name.startswith("grey8")]:
        cases.decodes(f"{name} as stored", name, GREY)
    for name in ("turned-6.jpg", "turned-5.jpg", "turned-3.jpg", "turned-8.tif", "turned-6.png"):
        cases.decodes(f"{name} upright", name, RGB)
    for width, height in ((11, 9), (5, 4), (42, 34), (22, 18), (20, 16)):
        cases.decodes(f"rgb resized to {width} x {height}", "rgb.png", sized(RGB, width, height))
    cases.decodes("rgba resized without its alpha", "rgba.png", sized(RGB, 11, 9))
    cases.decodes("grey resized", "grey8.png", sized(GREY, 11, 9))
    cases.decodes("jpeg resized, never shrunk on load", "rgb-420.jpg", sized(RGB, 5, 4))
    cases.decodes("turned jpeg resized", "turned-6.jpg", sized(RGB, 16, 13))


def ranges(cases: Cases) -> None:
    for name in [name for name in cases.files if name.startswith("depth16")]:
        cases.decodes(f"{name} with the bundle's scale", name, DEPTH)
    cases.decodes("the capture's own scale and offset", "depth16.png", DEPTH, scale=0.1, offset=7)
    cases.decodes("the capture's own scale alone", "depth16.png", DEPTH, scale=0.25)
    no_invalid = RangeSpec(**{**DEPTH.__dict__, "invalid": None})
    cases.decodes("every integer is a measurement", "depth16.png", no_invalid)
    for name in [name for name in cases.files if name.startswith("float")]:
        cases.decodes(f"{name} carries the unit itself", name, THERMAL)
    for name in [name for name in cases.files if name.startswith("xyz")]:
        cases.decodes(f"{name} gives z", name, THERMAL)
    cases.decodes("float with gain and offset", "float.tif", THERMAL, scale=0.5, offset=-1.25)
    cases.decodes("float that overflows is invalid", "float.tif", THERMAL, scale=1e38)
    for width, height in ((11, 9), (5, 4), (42, 34), (22, 18)):
        small = sized(DEPTH, width, height)
        cases.decodes(f"depth at {width} x {height} by nearest", "depth16.png", small)
    cases.decodes("xyz by nearest", "xyz.tif", sized(THERMAL, 11, 9))
    cases.decodes("turned depth, upright", "turned-depth16.tif", DEPTH)


def sounds(cases: Cases) -> None:
    for name in [name for name in cases.files if name.startswith("sound")]:
        cases.decodes(f"{name}, the first T samples", name, SOUND)


def broken(cases: Cases) -> None:
    cuts: dict[str, tuple[ModalitySpec, tuple[float, ...]]] = {
        "rgb.png": (RGB, (8, 20, 33, 60, 0.5, 0.9)),
        "rgb-420.jpg": (RGB, (3, 20, 100, 0.5, 0.9)),
        "rgb.tif": (RGB, (4, 8, 200, 0.5, 0.9)),
        "depth16.png": (DEPTH, (40, 0.5)),
        "float.tif": (THERMAL, (8, 0.5)),
        "rgb.npy": (RGB, (8, 40, 0.5)),
        "sound16.wav": (SOUND, (12, 30, 44, 0.5)),
    }
    for file, (spec, lengths) in cuts.items():
        for length in lengths:
            keep = length if isinstance(length, int) else int(length * len(cases.files[file]))
            cases.fails("corrupt", f"{file} cut after {keep} bytes", file, spec, keep)
    cases.fails("corrupt", "png with a damaged stream", "damaged.png", RGB)
    cases.fails("corrupt", "png that is a signature and noise", "noise.png", RGB)
    cases.fails("unsupported_format", "png cut in its signature", "rgb.png", RGB, 4)
    cases.fails("empty", "no bytes, picture", "rgb.png", RGB, 0)
    cases.fails("empty", "no bytes, range", "rgb.png", DEPTH, 0)
    cases.fails("empty", "no bytes, sound", "rgb.png", SOUND, 0)
    for file in ("text.png", "picture.gif", "picture.webp", "picture.svg"):
        cases.fails("unsupported_format", f"{file} is none of ours", file, RGB)
    cases.fails("too_large", "png bomb of 20000 x 20000", "bomb.png", RGB)
    cases.fails("too_large", "jpeg that claims 20000 x 20000", "bomb.jpg", RGB)
    cases.fails("too_large", "npy that claims 20000 x 20000", "bomb.npy", RGB)
    for file in ("lying-size.npy", "huge-header.npy", "no-shape.npy", "zero-size.npy"):
        cases.fails("corrupt", f"{file} contradicts itself", file, RGB)
    for file in ("lying-data.wav", "lying-fmt.wav", "no-data.wav", "lying-block.wav", "nan.wav"):
        cases.fails("corrupt", f"{file} contradicts itself", file, SOUND)


def refused(cases: Cases) -> None:
    for file in ("depth16.png", "colour16.png", "float.tif", "depth16.npy", "float.npy"):
        cases.fails("wrong_bit_depth", f"{file} as a picture", file, GREY)
    for file in ("grey8.png", "rgb-420.jpg", "grey8.npy", "rgb.tif"):
        cases.fails("wrong_bit_depth", f"{file} as a range map", file, DEPTH)
    for file in ("int16.tif", "uint32.tif", "half.tif", "double.tif", "object.npy", "int16.npy"):
        cases.fails("wrong_bit_depth", f"{file}: its type is none of ours", file, DEPTH)
    for file in ("record.npy", "lab.tif"):
        cases.fails("wrong_bit_depth", f"{file}: its type is none of ours", file, DEPTH)
    cases.fails("unsupported_format", "npy in Fortran order", "fortran.npy", RGB)
    cases.fails("wrong_channels", "npy with one axis", "vector.npy", RGB)
    cases.fails("wrong_channels", "grey for a colour modality", "grey8.png", RGB)
    cases.fails("wrong_channels", "colour for a grey modality", "rgb.png", GREY)
    cases.fails("wrong_channels", "cmyk", "cmyk.jpg", RGB)
    cases.fails("wrong_channels", "three channels of 16 bits as range", "colour16.png", DEPTH)
    cases.fails("wrong_aspect", "a square modality, picture", "rgb.png", sized(RGB, 17, 17))
    cases.fails("wrong_aspect", "a square modality, range", "depth16.png", sized(DEPTH, 17, 17))
    cases.fails("wrong_aspect", "turned by 90 degrees", "rgb.png", sized(RGB, H, W))
    cases.fails("unsupported_format", "sound for a picture", "sound16.wav", RGB)
    cases.fails("unsupported_format", "a picture for sound", "rgb.png", SOUND)
    cases.fails("unsupported_format", "mu-law", "mulaw.wav", SOUND)
    cases.fails("unsupported_format", "extensible of a foreign kind", "foreign.wav", SOUND)
    cases.fails("wrong_bit_depth", "8-bit sound", "pcm8.wav", SOUND)
    cases.fails("wrong_bit_depth", "float 64 sound", "double.wav", SOUND)
    other_rate = AudioSpec(name="acoustic", sample_rate=16000, seconds=0.01)
    cases.fails("wrong_sample_rate", "8 kHz for 16 kHz", "sound16.wav", other_rate)
    longer = AudioSpec(name="acoustic", sample_rate=8000, seconds=0.02)
    cases.fails("too_short", "fewer than T samples", "sound16.wav", longer)


def main() -> None:
    shutil.rmtree(TARGET, ignore_errors=True)
    (TARGET / "expected").mkdir(parents=True)
    cases = Cases(all_files(W, H))
    for section in (images, ranges, sounds, broken, refused):
        section(cases)
    unused = set(cases.files) - {entry["file"] for entry in cases.entries}
    if unused:
        raise AssertionError(f"files that no case uses: {sorted(unused)}")
    for name, content in cases.files.items():
        (TARGET / name).write_bytes(content)
    lines = ",\n".join(json.dumps(entry) for entry in cases.entries)
    (TARGET / "cases.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
