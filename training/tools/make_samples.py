"""Picks the captures that the demo plays from a synthesized data set, and spoils some of them.

    python training/tools/make_samples.py DATA models/demo-part/3/samples

Every kind of flaw stands once, good parts twice, with all, some or one of their sensors; one
picture is cut short and one is blank, as from a camera that died.
"""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyvips

ALL = ("rgb", "depth", "thermal", "acoustic")
EXTENSION = {"rgb": "png", "depth": "png", "thermal": "png", "acoustic": "wav"}


@dataclass(frozen=True)
class Sample:
    """One capture: the n-th test part of a label, what it carries, and what was done to it."""

    label: str
    number: int
    modalities: tuple[str, ...]
    note: str
    truncated: str | None = None
    blank: str | None = None


SAMPLES = (
    Sample("good", 0, ALL, "all four sensors"),
    Sample("good", 1, ("rgb", "acoustic"), "no depth, no thermal"),
    Sample("stain", 0, ALL, "all four sensors"),
    Sample("stain", 1, ("rgb",), "colour camera alone"),
    Sample("dent", 0, ("rgb", "depth"), "no thermal, no sound"),
    Sample("void", 0, ("thermal", "acoustic"), "dark station: no camera, no depth"),
    Sample("void", 1, ("thermal",), "thermal camera alone"),
    Sample("crack", 0, ("rgb", "thermal", "acoustic"), "no depth"),
    Sample("missing_feature", 0, ("depth",), "depth sensor alone"),
    Sample("loose_insert", 0, ("acoustic",), "microphone alone"),
    Sample("crack", 1, ("rgb", "thermal"), "the colour picture is cut short", truncated="rgb"),
    Sample("dent", 1, ("rgb", "depth", "acoustic"), "the lens is covered", blank="rgb"),
)


def main(data: Path, out: Path) -> None:
    """Writes the captures and ``samples.json``."""
    captures = []
    for sample in SAMPLES:
        source = data / "test" / sample.label
        part = sorted(file.stem for file in (source / sample.modalities[0]).iterdir())[
            sample.number
        ]
        capture = f"{sample.label.replace('_', '-')}-{sample.number + 1}"
        (out / capture).mkdir(parents=True)
        files = {}
        for modality in sample.modalities:
            name = f"{modality}.{EXTENSION[modality]}"
            target = out / capture / name
            shutil.copyfile(source / modality / f"{part}.{EXTENSION[modality]}", target)
            if modality == sample.truncated:
                content = target.read_bytes()
                target.write_bytes(content[: len(content) // 3])
            if modality == sample.blank:
                dark = np.full((256, 256, 3), 4, dtype=np.uint8)
                pyvips.Image.new_from_array(dark).write_to_file(str(target))
            files[modality] = f"{capture}/{name}"
        captures.append({"id": capture, "label": sample.label, "note": sample.note, "files": files})
    text = json.dumps({"captures": captures}, indent=2)
    (out / "samples.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
