"""Figures of merit: image AUROC, pixel AUROC and AUPRO, all exact (every threshold)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.stats import rankdata

FloatArray = npt.NDArray[np.floating]
BoolArray = npt.NDArray[np.bool_]

AUPRO_FALSE_POSITIVE_LIMIT = 0.3  # Bergmann et al., "MVTec AD", IJCV 2021
EIGHT_NEIGHBOURS = np.ones((3, 3), dtype=int)


def auroc(scores: FloatArray, defective: BoolArray) -> float | None:
    """Probability that a defective part scores above a good one; a tie counts half.

    ``scores (n)`` and ``defective (n)``. None where one of the two classes is absent.
    Mann & Whitney (1947): U / (n_defective * n_good).
    """
    positives = int(defective.sum())
    negatives = len(defective) - positives
    if positives == 0 or negatives == 0:
        return None
    rank_sum = float(rankdata(scores)[defective].sum())
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


def pixel_figures(
    maps: Sequence[FloatArray], masks: Sequence[BoolArray]
) -> tuple[float | None, float | None]:
    """Pixel AUROC and AUPRO of maps ``(h, w)`` against masks ``(h, w)``.

    AUPRO is the mean, over connected defect regions, of the overlap against the false-positive
    rate, up to a rate of 0.3 and divided by it (Bergmann et al., eq. 2). Every region weighs the
    same, so one sweep over all pixels with weights 1 / (regions * region size) is exact.
    """
    weights = _region_weights(masks)
    values = np.concatenate([m.ravel() for m in maps])
    truth = np.concatenate([m.ravel() for m in masks])
    weight = np.concatenate([w.ravel() for w in weights])
    if not truth.any() or truth.all():
        return None, None
    order = np.argsort(-values, kind="stable")
    values, truth, weight = values[order], truth[order], weight[order]
    last_of_tie = np.append(np.flatnonzero(np.diff(values)), len(values) - 1)
    false = np.cumsum(~truth)[last_of_tie] / (~truth).sum()
    hits = np.cumsum(truth)[last_of_tie] / truth.sum()
    overlap = np.cumsum(weight)[last_of_tie]
    false, hits, overlap = (np.concatenate(([0.0], curve)) for curve in (false, hits, overlap))
    limit = AUPRO_FALSE_POSITIVE_LIMIT
    inside = false < limit
    x = np.append(false[inside], limit)
    y = np.append(overlap[inside], np.interp(limit, false, overlap))
    return float(np.trapezoid(hits, false)), float(np.trapezoid(y, x) / limit)


def _region_weights(masks: Sequence[BoolArray]) -> list[FloatArray]:
    labelled = [ndimage.label(mask, structure=EIGHT_NEIGHBOURS) for mask in masks]
    regions = sum(count for _, count in labelled)
    weights: list[FloatArray] = []
    for labels, count in labelled:
        sizes = np.bincount(labels.ravel(), minlength=count + 1).astype(float)
        share = np.zeros(count + 1)
        share[1:] = 1.0 / (sizes[1:] * regions)
        weights.append(share[labels])
    return weights


def confidence_interval(
    scores: FloatArray, defective: BoolArray, *, seed: int, resamples: int = 1000
) -> tuple[float, float] | None:
    """95 % bootstrap interval of the AUROC, good and defective parts resampled each by itself."""
    good, bad = np.flatnonzero(~defective), np.flatnonzero(defective)
    if len(good) == 0 or len(bad) == 0:
        return None
    rng = np.random.default_rng(seed)
    figures = np.empty(resamples)
    for i in range(resamples):
        chosen = np.concatenate((rng.choice(good, len(good)), rng.choice(bad, len(bad))))
        figure = auroc(scores[chosen], defective[chosen])
        assert figure is not None
        figures[i] = figure
    low, high = np.quantile(figures, (0.025, 0.975))
    return float(low), float(high)
