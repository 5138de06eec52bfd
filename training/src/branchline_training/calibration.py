"""Turns evidence into one scale for every branch, from good parts only.

Each modality's evidence is standardised by its mean and deviation on good parts; a branch fuses
what is present and gets a threshold of its own, so that a branch of one and a branch of four call
the same share of good parts defective.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import norm
from scipy.stats import t as student_t
from torch import Tensor
from torch.nn import functional as F

FloatArray = npt.NDArray[np.floating]

MIN_PARTS = 8
REVIEW, REJECT = 0.5, 0.7
# Norms: views of one modality see much the same, so their evidence adds up (2). Of several
# modalities the one that sees the flaw should decide, and the others' noise should not (4).
CHANNEL_POWER, MODALITY_POWER = 2, 4
# Deviations above the threshold at which a score is half way from 0.5 to 1. With 4, a part is
# rejected (0.7) 2.7 deviations beyond where review begins.
HALF_WAY = 4.0
# Of the histogram of good scores, which the service holds later ones against. Fifths: with tenths,
# as is usual for its index, chance alone passes the usual limit of 0.25 below 144 good parts.
MOST_BINS, LEAST_IN_BIN = 5, 5
METHOD = "cross-fitted good parts, Student-t prediction bound on fused evidence"


class TooFewParts(Exception):
    """There are not enough good parts to promise a false-call rate."""


@dataclass(frozen=True)
class Limit:
    """Where review begins, and the standard deviation of good parts, both of fused evidence."""

    threshold: float
    spread: float


@dataclass(frozen=True)
class Standard:
    """Mean and standard deviation of one modality's evidence on good parts."""

    mean: float
    sigma: float


def standard_of(evidence: FloatArray) -> Standard:
    """The standard of evidence ``(n)`` measured out of fold. NaN marks a part without it."""
    known = evidence[~np.isnan(evidence)]
    return Standard(float(known.mean()), max(float(known.std(ddof=1)), 1e-6))


def rectify(z: Tensor) -> Tensor:
    """Softplus: a part more ordinary than usual neither helps nor hurts, and ranking survives."""
    return F.softplus(z)


def fuse(rectified: Tensor, dim: int, power: int = CHANNEL_POWER) -> Tensor:
    """The ``power``-norm over what is present; what is absent is not in the sum."""
    return ((rectified**power).sum(dim=dim) + 1e-12) ** (1.0 / power)


def review_limit(fused: FloatArray, target_false_call_rate: float) -> Limit:
    """The fused evidence above which a new good part falls at ``target_false_call_rate``.

    ``fused (n)`` are out-of-fold values of good parts. The bound for one *new* value of a normal
    sample is mean + t(n - 1) * s * sqrt(1 + 1/n) (Hahn & Meeker, "Statistical Intervals", 1991,
    ch. 4): with few parts it rises, as it should. Raises :class:`TooFewParts` below 8 parts.
    """
    n = len(fused)
    if n < MIN_PARTS:
        raise TooFewParts(
            f"only {n} good parts carry these modalities together; {MIN_PARTS} at least are needed"
        )
    spread = max(float(fused.std(ddof=1)), 1e-6)
    quantile = float(student_t.ppf(1.0 - target_false_call_rate, n - 1))
    return Limit(float(fused.mean()) + quantile * spread * float(np.sqrt(1.0 + 1.0 / n)), spread)


def prediction_factor(parts: int, rate: float) -> float:
    """How many times further from the mean the bound lies than for infinitely many parts."""
    bound = float(student_t.ppf(1.0 - rate, parts - 1)) * np.sqrt(1.0 + 1.0 / parts)
    return float(bound / norm.ppf(1.0 - rate))


def grade(fused: Tensor, threshold: Tensor, spread: Tensor) -> Tensor:
    """How many deviations of good parts ``fused`` lies above the threshold, brought to 0…1.

    0.5 at the threshold, strictly rising, never saturated (softsign). Branches calibrated on
    equally many parts share the bound's quantile, so that the same grade means the same number of
    deviations from the mean good part, whatever is present.
    """
    excess = (fused - threshold) / spread
    return 0.5 + 0.5 * excess / (HALF_WAY + excess.abs())


def score_histogram(scores: FloatArray) -> dict[str, list[float]]:
    """Scores ``(n)`` of good parts in bins of about equally many, as the manifest keeps them.

    ``counts`` of the scores below each ``upTo`` and not below the one before; the last is 1. Edges
    lie half way between two scores, so that a bin never splits equal ones. At most ``MOST_BINS``,
    and fewer where a bin would hold less than ``LEAST_IN_BIN`` parts.
    """
    ordered = np.sort(scores.astype(np.float64))
    n = len(ordered)
    bins = max(1, min(MOST_BINS, n // LEAST_IN_BIN))
    cuts = [round(n * k / bins) for k in range(1, bins)]
    edges = [(ordered[i - 1] + ordered[i]) / 2 for i in cuts if ordered[i - 1] < ordered[i]]
    counts, _ = np.histogram(ordered, bins=[-np.inf, *edges, np.inf])
    return {"upTo": [*map(float, edges), 1.0], "counts": [int(count) for count in counts]}
