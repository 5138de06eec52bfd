"""Chooses the detector of one modality without labels, and keeps its out-of-fold evidence.

Each detector learns from four fifths of the good parts and judges the last fifth, once as it is
and once with pseudo-defects blended in; the one that tells the two apart better is taken. Folds
are contiguous in order of ID: a new part comes later than those learned from, so a detector that
trusts the pose of one session must show that it still holds in the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from .evidence import NearestNeighbour, PositionGaussian, Smoothing
from .metrics import auroc

FOLDS = 5


@dataclass(frozen=True)
class DetectorKind:
    """A detector, and whether its distances are divided by their mean at each place.

    Dividing pays for the Gaussian on pictures: it evens out places that always vary. For sound
    and for nearest neighbours it was measured to hurt.
    """

    build: type[PositionGaussian] | type[NearestNeighbour]
    even_out_places: bool


DETECTORS: Mapping[str, DetectorKind] = {
    "gaussian": DetectorKind(PositionGaussian, even_out_places=True),
    "neighbour": DetectorKind(NearestNeighbour, even_out_places=False),
}


@dataclass(frozen=True)
class Choice:
    """The detector taken, what each reached on pseudo-defects, and its out-of-fold distances."""

    name: str
    pseudo_auroc: dict[str, float]
    distance: Tensor  # (parts, gh, gw), smoothed, evened out, out of fold
    place_mean: Tensor  # (gh, gw)


def choose_detector(
    good: Tensor,
    damaged: Tensor,
    *,
    candidates: tuple[str, ...],
    pictures: bool,
    seed: int,
    folds: Callable[[Sequence[Tensor], str], Iterable[Tensor]],
) -> Choice:
    """Compares ``candidates`` on features ``good`` and ``damaged`` (parts, c, gh, gw).

    ``pictures``: false for sound. ``folds`` shows progress over the folds of a named candidate.
    Ties go to the first candidate.
    """
    parts = torch.arange(len(good)).chunk(FOLDS)
    choices = [
        _assess(name, good, damaged, folds(parts, name), pictures=pictures, seed=seed)
        for name in candidates
    ]
    aurocs = {choice.name: choice.pseudo_auroc[choice.name] for choice in choices}
    best = max(choices, key=lambda choice: aurocs[choice.name])
    return Choice(best.name, aurocs, best.distance, best.place_mean)


def build_detector(name: str, features: Tensor, seed: int) -> nn.Module:
    """The named detector, fitted on features (parts, c, gh, gw)."""
    return DETECTORS[name].build(features, seed)


def _assess(
    name: str, good: Tensor, damaged: Tensor, folds: Iterable[Tensor], *, pictures: bool, seed: int
) -> Choice:
    distance, distance_damaged = torch.empty(0), torch.empty(0)
    for fold in folds:
        learned = torch.ones(len(good), dtype=torch.bool)
        learned[fold] = False
        detector = build_detector(name, good[learned], seed)
        distance = torch.cat((distance, detector(good[fold])))
        distance_damaged = torch.cat((distance_damaged, detector(damaged[fold])))
    even_out = DETECTORS[name].even_out_places and pictures
    place_mean = distance.mean(dim=0) if even_out else torch.ones(distance.shape[1:])
    smoothing = Smoothing()
    smooth, smooth_damaged = (smoothing(d / place_mean) for d in (distance, distance_damaged))
    peaks = torch.cat((smooth, smooth_damaged)).amax(dim=(1, 2)).double().numpy()
    reached = auroc(peaks, np.arange(len(peaks)) >= len(good))
    assert reached is not None
    return Choice(name, {name: reached}, smooth, place_mean)
