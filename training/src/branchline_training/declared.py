"""Reads modalities.json: what a folder's owner says of its modalities, each key checked."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from branchline_training.dataset_error import DatasetError


def read_declared(path: Path, present: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The entries by modality; empty where there is no file.

    ``present``: the modality folders there are. DatasetError names the key at fault.
    """
    if not path.is_file():
        return {}
    try:
        declared = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DatasetError(f"{path} is not JSON: {error}") from error
    if not isinstance(declared, dict):
        raise DatasetError(f'{path} must be an object: {{"<modality>": {{…}}}}')
    for name, entry in declared.items():
        _check_known(path, name, present)
        if not isinstance(entry, dict):
            raise DatasetError(f"{path}: {name} must be an object")
        for key, value in entry.items():
            _check_key(path, name, key, value)
        for other in entry.get("registeredWith", []):
            _check_known(path, other, present)
    return declared


def _check_known(path: Path, name: str, present: Sequence[str]) -> None:
    if name not in present:
        raise DatasetError(
            f'{path} speaks of "{name}", but train/good has no such folder; '
            f"it has: {', '.join(present)}"
        )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_invalid_mark(value: object) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool))


def _is_names(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _is_positive(value: object) -> bool:
    return _is_number(value) and value > 0  # type: ignore[operator]  # a number by then


RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "kind": (lambda value: value in ("image", "range", "audio"), '"image", "range" or "audio"'),
    "unit": (lambda value: isinstance(value, str) and value != "", 'a unit such as "mm"'),
    "scale": (lambda value: _is_number(value) and value != 0, "a number other than 0"),
    "offset": (_is_number, "a number"),
    "invalid": (_is_invalid_mark, "a whole number, or null where every raw value is one"),
    "seconds": (_is_positive, "a number of seconds above 0"),
    "registeredWith": (_is_names, "a list of modality names"),
}


def _check_key(path: Path, name: str, key: str, value: object) -> None:
    if key not in RULES:
        raise DatasetError(f'{path}: {name} has the unknown key "{key}"; known: {", ".join(RULES)}')
    fits, right = RULES[key]
    if not fits(value):
        raise DatasetError(f"{path}: {name}.{key} is {value!r}; it must be {right}")
