"""Imputation: a joint model of all modalities, fed with something in the place of what is absent.

The joint model is early fusion of the same views as ours: for each group of modalities that share
pixels one Gaussian a place over all their features side by side. It cannot be run without any of
its inputs, so their features are filled in: those of an empty signal, the mean good part's, the
nearest good part's (by the pooled features of what is present), or ridge regression on these.
This is what is measured against; nothing of it is in the product.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ..calibration import fuse, rectify
from ..evidence import PositionGaussian, Projection, Smoothing
from ..progress import Track
from ..selection import FOLDS
from ..subsets import Subset, all_subsets, frames_of
from .calibrate import finish
from .missing_rates import FloatArray, Method
from .retrained import Workshop

FILLINGS = ("zero", "mean", "nearest neighbour", "regression")
VIEWS = ("trunk", "picture")
RIDGE_SHARE = 0.1  # of the mean of the kernel's diagonal
Shown = Mapping[str, Mapping[str, Tensor]]  # view -> modality -> (n, d, gh, gw)


class JointGaussian(PositionGaussian):
    """A Gaussian a place over all modalities' features; keeps all of their dimensions."""

    DIMENSIONS = 512


Joint = list[tuple[Subset, str, JointGaussian, Tensor]]  # group, view, detector, place mean


@dataclass(frozen=True)
class Crossed:
    """The joint model without one fold of the good parts."""

    fold: Tensor  # numbers of the parts left out
    kept: Tensor  # mask of the others
    joint: Joint


@dataclass(frozen=True)
class Shelf:
    """Projected features of complete parts, and of an empty signal, by view and modality."""

    good: Shown
    test: Shown
    empty: Shown  # n = 1
    ridge: Mapping[str, Mapping[str, float]]  # view -> modality, as our own detectors have it


@torch.no_grad()
def imputation_methods(workshop: Workshop, track: Track) -> list[Method]:
    """Each filling raw and recalibrated. Parts must be complete: others get NaN."""
    shelf = _shelve(workshop)
    names = sorted(workshop.specs)
    groups = frames_of(workshop.specs)
    folds = torch.arange(len(workshop.train_parts)).chunk(FOLDS)
    everything = torch.ones(len(workshop.train_parts), dtype=torch.bool)
    joint = _fit(shelf.good, groups, shelf.ridge)
    crossed: list[Crossed] = []
    for fold in folds:
        kept = everything.clone()
        kept[fold] = False
        crossed.append(Crossed(fold, kept, _fit(_rows(shelf.good, kept), groups, shelf.ridge)))
    peaks = {
        subset: _peaks_by_filling(shelf, names, joint, crossed, subset)
        for subset in track(all_subsets(names), "imputation")
    }
    whole = peaks[tuple(names)][FILLINGS[0]][0]
    standard = torch.std_mean(whole, dim=0)
    complete = {
        subset: {filling: tuple(_fuse(x, *standard) for x in pair) for filling, pair in by.items()}
        for subset, by in peaks.items()
    }
    reference = complete[tuple(names)][FILLINGS[0]][0]
    methods: list[Method] = []
    for filling in FILLINGS:
        for calibrated in (True, False):
            scores: dict[Subset, FloatArray] = {}
            for subset, by_filling in complete.items():
                good, test = by_filling[filling]
                own = good if calibrated else reference
                scores[subset] = finish(own, test, calibrated=True)
            kind = "recalibrated for each subset" if calibrated else "as calibrated when complete"
            methods.append(
                Method(
                    f"{filling} imputation" + ("" if calibrated else ", raw"),
                    f"joint model, absent features filled with: {filling}; {kind}",
                    scores,
                )
            )
    return methods


def _shelve(workshop: Workshop) -> Shelf:
    good: dict[str, dict[str, Tensor]] = {view: {} for view in VIEWS}
    test: dict[str, dict[str, Tensor]] = {view: {} for view in VIEWS}
    empty: dict[str, dict[str, Tensor]] = {view: {} for view in VIEWS}
    for m, description in workshop.descriptions.items():
        blank = workshop.blank(m)
        for name in VIEWS:
            view = workshop.viewed[m][name].view
            features = description.good.view(view)
            project = Projection(features, PositionGaussian.DIMENSIONS, workshop.config.seed)
            for shelf, shown in (
                (good, features),
                (test, workshop.test[m].view(view)),
                (empty, blank.view(view)),
            ):
                shelf[name][m] = project(shown).permute(0, 3, 1, 2).contiguous()
    ridge = {
        name: {m: workshop.viewed[m][name].view.ridge for m in workshop.descriptions}
        for name in VIEWS
    }
    return Shelf(good, test, empty, ridge)


def _peaks_by_filling(
    shelf: Shelf, names: list[str], joint: Joint, crossed: Sequence[Crossed], subset: Subset
) -> dict[str, tuple[Tensor, Tensor]]:
    """Largest distances (n, groups x views) of good parts, out of fold, and of test parts."""
    answer: dict[str, tuple[Tensor, Tensor]] = {}
    for filling in FILLINGS:
        filled = _fill(shelf.good, shelf.test, shelf.empty, subset, names, filling)
        test = _peaks(joint, filled)
        good = torch.empty(sum(len(c.fold) for c in crossed), test.shape[1])
        for cross in crossed:
            learned, held = _rows(shelf.good, cross.kept), _rows(shelf.good, ~cross.kept)
            filled = _fill(learned, held, shelf.empty, subset, names, filling)
            good[cross.fold] = _peaks(cross.joint, filled)
        answer[filling] = (good, test)
    return answer


def _rows(shown: Shown, kept: Tensor) -> Shown:
    return {view: {m: x[kept] for m, x in by.items()} for view, by in shown.items()}


def _fill(
    learned: Shown, shown: Shown, empty: Shown, subset: Subset, names: list[str], filling: str
) -> Shown:
    """The features of all ``names`` with those outside ``subset`` made up from ``learned``."""
    absent = [m for m in names if m not in subset]
    if not absent:
        return shown
    known, asked = (_pooled(x, subset) for x in (learned, shown))  # (k, d), (n, d)
    kernel, queries = known @ known.T, asked @ known.T
    ridge = RIDGE_SHARE * kernel.diagonal().mean() * torch.eye(len(kernel))
    weights = torch.linalg.solve(kernel + ridge, queries.T).T  # (n, k)
    nearest = torch.cdist(asked, known).argmin(dim=1)

    def made_up(view: str, m: str) -> Tensor:
        of_learned = learned[view][m]
        n = len(asked)
        if filling == "zero":
            return empty[view][m].expand(n, -1, -1, -1)
        mean = of_learned.mean(dim=0)
        if filling == "mean":
            return mean.expand(n, -1, -1, -1)
        if filling == "nearest neighbour":
            return of_learned[nearest]
        return mean + torch.einsum("nk,kdhw->ndhw", weights, of_learned - mean)

    return {
        view: {m: made_up(view, m) if m in absent else x for m, x in by.items()}
        for view, by in shown.items()
    }


def _pooled(shown: Shown, subset: Subset) -> Tensor:
    """Features of what is present, averaged over quarters of the picture, centred, (n, d)."""
    pooled = [F.adaptive_avg_pool2d(by[m], 2).flatten(1) for by in shown.values() for m in subset]
    return torch.cat(pooled, dim=1)


def _fit(
    learned: Shown, groups: Sequence[Subset], ridge: Mapping[str, Mapping[str, float]]
) -> Joint:
    joint: Joint = []
    for group in groups:
        for view in VIEWS:
            side_by_side = torch.cat([learned[view][m] for m in group], dim=1)
            detector = JointGaussian(side_by_side, 0, max(ridge[view][m] for m in group))
            joint.append((group, view, detector, detector(side_by_side).mean(dim=0)))
    return joint


def _peaks(joint: Joint, filled: Shown) -> Tensor:
    """The largest distance of each group and view, (n, groups x views)."""
    smooth = Smoothing()
    peaks = [
        smooth(detector(torch.cat([filled[view][m] for m in group], dim=1)) / place_mean).amax(
            dim=(1, 2)
        )
        for group, view, detector, place_mean in joint
    ]
    return torch.stack(peaks, dim=1)


def _fuse(peaks: Tensor, sigma: Tensor, mean: Tensor) -> FloatArray:
    """Root of the sum of squares of rectified, standardised peaks, (n)."""
    return fuse(rectify((peaks - mean) / sigma), dim=1).double().numpy()
