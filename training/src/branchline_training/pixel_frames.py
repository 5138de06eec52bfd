"""Which modalities share one pixel frame, as modalities.json says under ``registeredWith``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from branchline_training.dataset_error import DatasetError
from branchline_training.decode import ASPECT_TOLERANCE
from branchline_training.specs import AudioSpec, ModalitySpec


def join_frames(
    specs: Mapping[str, ModalitySpec], declared: Mapping[str, Any]
) -> dict[str, ModalitySpec]:
    """The specs with ``registered_with`` set: sharing a frame goes both ways and along chains.

    ``declared``: the entries of modalities.json. DatasetError where a frame cannot be shared.
    """
    frames: list[set[str]] = []
    for name, entry in declared.items():
        frame = {name, *entry.get("registeredWith", [])}
        touching = [other for other in frames if other & frame]
        frames = [other for other in frames if not other & frame]
        frames.append(frame.union(*touching))
    joined: dict[str, ModalitySpec] = {}
    for name, spec in specs.items():
        frame = next((f for f in frames if name in f), {name})
        others = tuple(other for other in sorted(frame) if other in specs and other != name)
        for other in others:
            _check_frame(spec, specs[other])
        joined[name] = replace(spec, registered_with=others)
    return joined


def _check_frame(one: ModalitySpec, other: ModalitySpec) -> None:
    if isinstance(one, AudioSpec) or isinstance(other, AudioSpec):
        sound = one.name if isinstance(one, AudioSpec) else other.name
        raise DatasetError(f"modalities.json: {sound} is sound and shares no pixel frame")
    skew = abs(one.width * other.height - one.height * other.width)
    if skew > ASPECT_TOLERANCE * one.height * other.width:
        raise DatasetError(
            f"modalities.json registers {one.name} ({one.width} x {one.height}) with {other.name} "
            f"({other.width} x {other.height}); one pixel frame has one aspect"
        )
