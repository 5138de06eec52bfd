"""Chooses views and detectors of one modality without labels, and keeps their evidence.

Each detector learns from four fifths of the good parts and judges the last fifth. Two questions:

- *Does what it learned still hold tomorrow?* Folds contiguous in order of ID leave out a stretch of
  production, shuffled folds leave out parts from everywhere. The ratio of their mean evidence is
  the drift: 1.0 on posed parts; where the pose changes from session to session a Gaussian per
  place showed 2.3 to 3.9. A detector that drifts is taken only if every other drifts more.
- *Does it see defects?* Among the others, the one that best tells good parts from the same parts
  with pseudo-defects blended in (contiguous folds).

A view's evidence joins that of others if it passes both questions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from .calibration import Standard, standard_of
from .encoder import fuse_channels
from .evidence import NearestNeighbour, PositionGaussian, Smoothing
from .metrics import auroc

FOLDS = 5
MAX_DRIFT = 1.25
# Least share of a picture's variance that must lie between its places, not between parts at one
# place, for a Gaussian per place to mean something. Parts in one pose showed 0.93 to 0.98, parts
# that lie in any direction -0.03 to 0.60, and once 0.74 behind a mask.
LEAST_PLACE_SHARE = 0.7
# A place with less than this share of the liveliest place's variance between parts shows nothing.
LEAST_SHOWN = 1e-4
# What a view must add to the pseudo-defect AUROC of those before it. The picture view sees what
# the trunk cannot, and may lose within the noise of 180 parts (pseudo-defects on sound are found by
# no detector). The student sees the trunk's own input and must show that it adds something.
LEAST_GAIN = {"picture": -0.03, "student": 0.005}


@dataclass(frozen=True)
class DetectorKind:
    """A detector, and whether its distances are divided by their mean at each place.

    Dividing pays for the Gaussian on pictures: it evens out places that always vary. For sound
    and for nearest neighbours it was measured to hurt.
    """

    build: Callable[[Tensor, int, float], nn.Module]  # features, seed, ridge
    even_out_places: bool


DETECTORS: Mapping[str, DetectorKind] = {
    "gaussian": DetectorKind(PositionGaussian, even_out_places=True),
    "neighbour": DetectorKind(
        lambda features, seed, _: NearestNeighbour(features, seed), even_out_places=False
    ),
}


@dataclass(frozen=True)
class Assessment:
    """What one detector showed on the good parts."""

    name: str
    pseudo_auroc: float
    drift: float
    distance: Tensor  # (parts, gh, gw), smoothed, evened out, out of contiguous folds
    damaged: Tensor  # the same of the parts with pseudo-defects
    place_mean: Tensor  # (gh, gw)
    posed: bool  # whether each place looks alike from part to part; true for sound

    @property
    def standard(self) -> Standard:
        """Of the largest distance of good parts."""
        return standard_of(self.distance.amax(dim=(1, 2)).double().numpy())

    @property
    def z(self) -> tuple[Tensor, Tensor]:
        """Standardised distances of the good parts and of the damaged ones."""
        mean, sigma = self.standard.mean, self.standard.sigma
        return (self.distance - mean) / sigma, (self.damaged - mean) / sigma


def choose_detector(
    good: Tensor,
    damaged: Tensor,
    *,
    candidates: tuple[str, ...],
    pictures: bool,
    seed: int,
    ridge: float,
    own: slice = slice(None),
    folds: Callable[[Sequence[Tensor], str], Iterable[Tensor]],
) -> tuple[Assessment, list[Assessment]]:
    """The best of ``candidates`` on features ``good`` and ``damaged`` (parts, c, gh, gw), and all.

    ``pictures``: false for sound. ``ridge``, ``own``: see :mod:`branchline_training.views`.
    ``folds`` shows progress over the folds of a named candidate.
    Ties go to the first candidate.
    """
    contiguous = torch.arange(len(good)).chunk(FOLDS)
    assessed = [
        _assess(
            name,
            good,
            damaged,
            folds(contiguous, name),
            pictures=pictures,
            seed=seed,
            ridge=ridge,
            own=own,
        )
        for name in candidates
    ]
    steady = [a for a in assessed if a.drift <= MAX_DRIFT]
    if steady:
        return max(steady, key=lambda a: a.pseudo_auroc), assessed
    return min(assessed, key=lambda a: a.drift), assessed


def choose_views(by_view: Mapping[str, Assessment], student: str = "auto") -> list[str]:
    """Which views' evidence is fused, of the best detector on each; the first is always taken.

    ``student``: "on" takes its view whatever it adds.
    """
    first, *others = by_view
    chosen = [first]
    reached = by_view[first].pseudo_auroc
    for name in others:
        together = _pseudo_auroc([by_view[view] for view in (*chosen, name)])
        gain = together - reached
        if name == "picture" and not by_view[name].posed:
            continue
        wanted = name == "student" and student == "on"
        if wanted or (by_view[name].drift <= MAX_DRIFT and gain >= LEAST_GAIN[name]):
            chosen.append(name)
            reached = together
    return chosen


def _pseudo_auroc(assessed: Sequence[Assessment]) -> float:
    good, damaged = (fuse_channels(maps) for maps in zip(*(a.z for a in assessed), strict=True))
    return _separation(good, damaged)


def _separation(good: Tensor, damaged: Tensor) -> float:
    """AUROC of damaged against good parts by the largest value of their maps (n, gh, gw)."""
    peaks = torch.cat((good.amax(dim=(1, 2)), damaged.amax(dim=(1, 2))))
    figure = auroc(peaks.double().numpy(), np.arange(len(peaks)) >= len(good))
    assert figure is not None
    return figure


def build_detector(name: str, features: Tensor, *, seed: int, ridge: float) -> nn.Module:
    """The named detector, fitted on features (parts, c, gh, gw)."""
    return DETECTORS[name].build(features, seed, ridge)


def _assess(
    name: str,
    good: Tensor,
    damaged: Tensor,
    folds: Iterable[Tensor],
    *,
    pictures: bool,
    seed: int,
    ridge: float,
    own: slice,
) -> Assessment:
    build = partial(build_detector, name, seed=seed, ridge=ridge)
    parts = len(good)
    shuffled = torch.randperm(parts, generator=torch.Generator().manual_seed(seed)).chunk(FOLDS)
    distance, distance_damaged, anywhere = (torch.empty(parts, *good.shape[2:]) for _ in range(3))
    for fold, scattered in zip(folds, shuffled, strict=True):
        detector = build(good[_others(fold, parts)])
        distance[fold] = detector(good[fold])
        distance_damaged[fold] = detector(damaged[fold])
        detector = build(good[_others(scattered, parts)])
        anywhere[scattered] = detector(good[scattered])
    drift = float(_peaks(distance).mean() / _peaks(anywhere).mean())
    even_out = DETECTORS[name].even_out_places and pictures
    place_mean = distance.mean(dim=0) if even_out else torch.ones(distance.shape[1:])
    smooth = Smoothing()
    good_map, damaged_map = smooth(distance / place_mean), smooth(distance_damaged / place_mean)
    pseudo = _separation(good_map, damaged_map)
    posed = not pictures or place_share(good[:, own]) >= LEAST_PLACE_SHARE
    return Assessment(name, pseudo, drift, good_map, damaged_map, place_mean, posed)


def place_share(features: Tensor) -> float:
    """Share of the variance of features (parts, c, h, w) that lies between places, mean over c.

    1 - (variance between parts at one place) / (variance over parts and places): 1 where every
    part looks the same at each place, near 0 where a place says nothing about what is there.
    Places where no part ever shows anything do not count: a mask's black would look posed.
    """
    between_parts = features.var(dim=0)  # (c, h, w)
    shows = between_parts.mean(dim=0)  # (h, w)
    seen = shows > LEAST_SHOWN * shows.max()
    if not seen.any():
        return 1.0
    total = features[:, :, seen].var(dim=(0, 2)).clamp_min(1e-9)
    within = between_parts[:, seen].mean(dim=1)
    return float((1.0 - within / total).mean())


def _others(fold: Tensor, parts: int) -> Tensor:
    """Mask (parts) of what is learned from while ``fold`` is judged."""
    learned = torch.ones(parts, dtype=torch.bool)
    learned[fold] = False
    return learned


def _peaks(distance: Tensor) -> Tensor:
    """The largest smoothed distance of each part, (n)."""
    peaks: Tensor = Smoothing()(distance).amax(dim=(1, 2))
    return peaks
