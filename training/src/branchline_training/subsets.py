"""Subsets of modalities: all of them, their frame, and which are missing under a protocol."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from .specs import AudioSpec, ImageSpec, ModalitySpec, RangeSpec

Protocol = Literal["one", "sample", "bern"]
Subset = tuple[str, ...]


def all_subsets(modalities: Sequence[str]) -> list[Subset]:
    """Every non-empty subset, smallest first, each sorted by name."""
    names = sorted(modalities)
    return [
        subset
        for size in range(1, len(names) + 1)
        for subset in itertools.combinations(names, size)
    ]


def frame_of(subset: Subset, specs: Mapping[str, ModalitySpec]) -> str:
    """The modality in whose frame the branch's map lies.

    A colour picture before a grey one before a range map, and sound only where there is nothing to
    look at; among equals the one that most others share their frame with, then by name.
    """

    def preference(name: str) -> tuple[int, int, str]:
        spec = specs[name]
        match spec:
            case ImageSpec():
                rank = 0 if spec.channels == 3 else 1
            case RangeSpec():
                rank = 2
            case AudioSpec():
                rank = 3
        companions = sum(other in subset for other in spec.registered_with)
        return rank, -companions, name

    return min(subset, key=preference)


def in_frame(subset: Subset, specs: Mapping[str, ModalitySpec]) -> Subset:
    """The modalities of the subset whose maps lie in its frame, the frame itself among them."""
    frame = frame_of(subset, specs)
    return tuple(m for m in subset if m == frame or m in specs[frame].registered_with)


def frames_of(specs: Mapping[str, ModalitySpec]) -> list[Subset]:
    """The modalities in groups that share their pixels; one that shares them with none, alone."""
    return sorted({tuple(sorted((m, *spec.registered_with))) for m, spec in specs.items()})


def draw_present(
    present: Subset, rate: float, protocol: Protocol, rng: np.random.Generator
) -> Subset:
    """The modalities of one capture that arrive when sensors fail at ``rate``.

    ``one``: an incomplete capture (with probability ``rate``) lacks exactly one modality;
    ``sample``: it keeps a uniformly drawn non-empty proper subset;
    ``bern``: each modality is lost with probability ``rate``, one at least is kept.
    """
    if len(present) < 2:
        return present
    if protocol == "bern":
        kept = tuple(m for m in present if rng.random() >= rate)
        return kept or (present[rng.integers(len(present))],)
    if rng.random() >= rate:
        return present
    if protocol == "one":
        lost = present[rng.integers(len(present))]
        return tuple(m for m in present if m != lost)
    proper = all_subsets(present)[:-1]
    return proper[rng.integers(len(proper))]
