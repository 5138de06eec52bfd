"""What a modality is: how the service and the trainer turn its files into arrays.

These mirror ``modalities[]`` of the bundle manifest, field by field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

RangeEncoding = Literal["uint16", "float32"]


@dataclass(frozen=True, kw_only=True)
class ImageSpec:
    """8-bit pictures, decoded to ``uint8 (height, width, channels)``."""

    name: str
    width: int
    height: int
    channels: int
    registered_with: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RangeSpec:
    """Physical values, decoded to ``float32 (height, width, 1)`` in ``unit``, NaN where invalid.

    Integer files: ``value = raw * scale + offset``; raw equal to ``invalid`` becomes NaN.
    Float files carry the unit itself.
    """

    name: str
    width: int
    height: int
    unit: str
    encoding: RangeEncoding
    scale: float = 1.0
    offset: float = 0.0
    invalid: int | None = 0
    registered_with: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AudioSpec:
    """Sound, decoded to ``float32 (sample_rate * seconds,)`` in -1…1, channels averaged."""

    name: str
    sample_rate: int
    seconds: float
    registered_with: tuple[str, ...] = ()

    @property
    def samples(self) -> int:
        """Length of one sample."""
        return round(self.sample_rate * self.seconds)


ModalitySpec = ImageSpec | RangeSpec | AudioSpec


def sample_shape(spec: ModalitySpec) -> tuple[int, ...]:
    """Shape of one decoded sample, without the batch axis."""
    match spec:
        case ImageSpec():
            return (spec.height, spec.width, spec.channels)
        case RangeSpec():
            return (spec.height, spec.width, 1)
        case AudioSpec():
            return (spec.samples,)


def to_manifest(spec: ModalitySpec) -> dict[str, Any]:
    """One entry of ``modalities[]`` in the manifest."""
    common = {"name": spec.name, "registeredWith": list(spec.registered_with)}
    match spec:
        case ImageSpec():
            return common | {
                "kind": "image",
                "width": spec.width,
                "height": spec.height,
                "channels": spec.channels,
                "bits": 8,
            }
        case RangeSpec():
            return common | {
                "kind": "range",
                "width": spec.width,
                "height": spec.height,
                "unit": spec.unit,
                "encoding": spec.encoding,
                "scale": spec.scale,
                "offset": spec.offset,
                "invalid": spec.invalid,
            }
        case AudioSpec():
            return common | {
                "kind": "audio",
                "sampleRate": spec.sample_rate,
                "seconds": spec.seconds,
            }


def from_manifest(entry: Mapping[str, Any]) -> ModalitySpec:
    """The inverse of :func:`to_manifest`; KeyError where a field is missing."""
    others = tuple(entry["registeredWith"])
    match entry["kind"]:
        case "image":
            return ImageSpec(
                name=entry["name"],
                width=entry["width"],
                height=entry["height"],
                channels=entry["channels"],
                registered_with=others,
            )
        case "range":
            return RangeSpec(
                name=entry["name"],
                width=entry["width"],
                height=entry["height"],
                unit=entry["unit"],
                encoding=entry["encoding"],
                scale=entry["scale"],
                offset=entry["offset"],
                invalid=entry["invalid"],
                registered_with=others,
            )
        case "audio":
            return AudioSpec(
                name=entry["name"],
                sample_rate=entry["sampleRate"],
                seconds=entry["seconds"],
                registered_with=others,
            )
        case kind:
            raise ValueError(f'modality "{entry["name"]}" has unknown kind "{kind}"')
