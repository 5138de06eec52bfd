"""Image AUROC of several methods while sensors fail, on the same draws and the same resamples."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..dataset_error import DatasetError
from ..subsets import Protocol, Subset, draw_present

FloatArray = npt.NDArray[np.floating]
BoolArray = npt.NDArray[np.bool_]
RESAMPLES = 1000


@dataclass(frozen=True)
class Method:
    """What one method says of every part in every state of its sensors.

    ``scores``: subset of modalities -> (parts), NaN where a part lacks one of them. All subsets
    must be on one scale, because parts in different states are ranked together.
    """

    name: str
    about: str
    scores: Mapping[Subset, FloatArray]


@dataclass(frozen=True)
class Parts:
    """The test parts: their label, and what each carries before sensors fail."""

    labels: Sequence[str]
    present: Sequence[Subset]

    @property
    def defective(self) -> BoolArray:
        """(parts)."""
        return np.array([label != "good" for label in self.labels], dtype=bool)


def read_visible(data: Path) -> dict[str, list[str]] | None:
    """Which modalities show which kind of defect, as ``test/visible.json`` says; None without it.

    Only who drew the data can know that: see ``branchline-train synthesize``.
    """
    path = data / "test" / "visible.json"
    if not path.is_file():
        return None
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return {str(kind): [str(m) for m in modalities] for kind, modalities in said.items()}
    except (ValueError, AttributeError, TypeError) as error:
        raise DatasetError(
            f'{path} is not {{"kind of defect": ["modality", …]}}: {error}'
        ) from error


def draw_states(
    parts: Parts, rate: float, protocol: Protocol, seeds: int, served: Collection[Subset]
) -> list[list[Subset]]:
    """What is left of each part in each of ``seeds`` draws; one plan for all methods.

    A state that is not ``served`` is left as an empty subset: that part is not judged in that draw.
    """
    states: list[list[Subset]] = []
    for seed in range(seeds):
        rng = np.random.default_rng([seed, round(rate * 1000)])
        drawn = [draw_present(present, rate, protocol, rng) for present in parts.present]
        states.append([subset if subset in served else () for subset in drawn])
    return states


def missing_table(
    methods: Sequence[Method],
    parts: Parts,
    *,
    protocol: Protocol,
    rates: Sequence[float],
    seeds: int,
    seed: int,
    visible: Mapping[str, Collection[str]] | None = None,
) -> list[dict[str, Any]]:
    """A row for each method and rate; the first method is the one the others are held against.

    ``imageAuroc``: mean over draws; ``sd``: over draws; ``interval95``: bootstrap over parts, good
    and defective each resampled by themselves, of the mean over all draws; ``behind``: first
    method minus this one on the same resamples, with ``behind95``; ``ceiling`` (only with
    ``visible``): see :func:`ceiling`. Left out are rates at which no good part can be compared with
    a defective one: a class is absent, or no branch was trained for what is left.
    """
    defective = parts.defective
    if not methods or not defective.any() or defective.all():
        return []
    served = set.intersection(*(set(method.scores) for method in methods))
    bad, good = _resamples(defective, seed)
    rows: list[dict[str, Any]] = []
    for rate in rates:
        states = draw_states(parts, rate, protocol, seeds, served)
        top = None if visible is None else ceiling(visible, parts, states)
        reference: FloatArray | None = None
        for method in methods:
            wins, pairs, figures = _wins(method, states, defective)
            if not pairs.any():
                continue
            compared = np.einsum("rb,bg,rg->r", bad, pairs, good)
            won = np.einsum("rb,bg,rg->r", bad, wins, good)
            # A resample may hold none of the few parts that were judged: it says nothing.
            resampled = np.divide(won, compared, out=np.full_like(won, np.nan), where=compared > 0)
            figure = float(wins.sum() / pairs.sum())
            if reference is None:
                reference, first = resampled, figure
            rows.append(
                {
                    "protocol": protocol,
                    "rate": rate,
                    "method": method.name,
                    "imageAuroc": figure,
                    "sd": float(np.std(figures)),
                    "interval95": _interval(resampled),
                    "behind": first - figure,
                    "behind95": _interval(reference - resampled),
                    "ceiling": top,
                    "seeds": seeds,
                }
            )
    return rows


def ceiling(
    visible: Mapping[str, Collection[str]], parts: Parts, states: Sequence[Sequence[Subset]]
) -> float:
    """Expected AUROC of a detector that ranks what a present sensor can see above all good parts,
    and everything else at random: 1 for a visible defect, 1/2 for another, averaged."""
    worth = [
        1.0 if set(visible.get(label, ())) & set(subset) else 0.5
        for drawn in states
        for label, subset in zip(parts.labels, drawn, strict=True)
        if label != "good"
    ]
    return float(np.mean(worth))


def _wins(
    method: Method, states: Sequence[Sequence[Subset]], defective: BoolArray
) -> tuple[FloatArray, FloatArray, list[float]]:
    """(bad, good) matrices summed over draws: wins of the defective part, and comparisons made;
    and the AUROC of each draw."""
    wins = np.zeros((int(defective.sum()), int((~defective).sum())))
    pairs = np.zeros_like(wins)
    figures: list[float] = []
    for drawn in states:
        scores = np.array(
            [method.scores[subset][i] if subset else np.nan for i, subset in enumerate(drawn)]
        )
        b, g = scores[defective][:, None], scores[~defective][None, :]
        known = ~(np.isnan(b) | np.isnan(g))
        won = np.where(known, (b > g) + 0.5 * (b == g), 0.0)
        wins += won
        pairs += known
        if known.any():
            figures.append(float(won.sum() / known.sum()))
    return wins, pairs, figures


def _resamples(defective: BoolArray, seed: int) -> tuple[FloatArray, FloatArray]:
    """How often each defective and each good part stands in each resample, (RESAMPLES, n)."""
    rng = np.random.default_rng(seed)
    counts = []
    for n in (int(defective.sum()), int((~defective).sum())):
        counts.append(rng.multinomial(n, np.full(n, 1 / n), size=RESAMPLES).astype(float))
    return counts[0], counts[1]


def _interval(values: FloatArray) -> tuple[float, float]:
    low, high = np.nanquantile(values, (0.025, 0.975))
    return float(low), float(high)
