"""VisA (Zou et al., ECCV 2022): one colour picture a part; the split is a table of its own.

    split_csv/1cls.csv            object,split,label,image,mask
    <category>/Data/Images/{Normal, Anomaly}/000.JPG
    <category>/Data/Masks/Anomaly/000.png       0 is good, 1 and up number the kinds of defect

Paths in the table are relative to the set's folder.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from ..dataset_error import DatasetError
from .source import SourcePart, beside

MODALITIES: dict[str, dict[str, object]] = {"rgb": {"kind": "image"}}


def is_category(folder: Path) -> bool:
    """Whether the folder looks like one category."""
    return (folder / "Data" / "Images" / "Normal").is_dir()


def parts(category: Path) -> Iterator[SourcePart]:
    """All parts of one category, split as ``split_csv/1cls.csv`` says (the published protocol)."""
    table = category.parent / "split_csv" / "1cls.csv"
    if not table.is_file():
        raise DatasetError(f"{table} is missing: it says which parts of VisA are for testing")
    with table.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["object"] == category.name]
    for row in rows:
        image = beside(category.parent / row["image"])
        good = row["label"] == "normal"
        yield SourcePart(
            split=row["split"],
            label="good" if good else "anomaly",
            id=image.stem,
            files={"rgb": image},
            mask=None if good else beside(category.parent / row["mask"]),
        )
