from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from branchline_training.metrics import auroc, confidence_interval, pixel_figures


def test_auroc_counts_every_pair_and_halves_ties() -> None:
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 6, 40).astype(float)
    defective = rng.random(40) < 0.4
    pairs = [(b > g) + 0.5 * (b == g) for b in scores[defective] for g in scores[~defective]]
    assert auroc(scores, defective) == pytest.approx(np.mean(pairs))


def test_auroc_needs_both_classes() -> None:
    assert auroc(np.array([0.1, 0.2]), np.array([True, True])) is None


def test_pixel_figures_equal_a_sweep_over_every_threshold() -> None:
    rng = np.random.default_rng(1)
    masks = [np.zeros((12, 12), dtype=bool) for _ in range(3)]
    masks[0][2:4, 2:4] = True
    masks[0][8:12, 6:11] = True
    masks[1][5:7, 0:9] = True
    maps = [np.round(rng.random((12, 12)) + 0.4 * mask, 1) for mask in masks]
    pixel, aupro = pixel_figures(maps, masks)

    values, truth = np.concatenate(maps).ravel(), np.concatenate(masks).ravel()
    assert pixel == pytest.approx(auroc(values, truth))
    curve = [(0.0, 0.0)]
    for threshold in sorted(set(values), reverse=True):
        false = np.mean([v >= threshold for v in values[~truth]])
        overlaps = []
        for score_map, mask in zip(maps, masks, strict=True):
            labels, count = ndimage.label(mask, structure=np.ones((3, 3)))
            overlaps += [(score_map[labels == i] >= threshold).mean() for i in range(1, count + 1)]
        curve.append((float(false), float(np.mean(overlaps))))
    fpr, pro = np.array(curve).T
    fine = np.union1d(np.linspace(0, 0.3, 100_001), fpr[fpr <= 0.3])
    # np.interp takes the last of equal x, which is the upper end of a vertical step.
    assert aupro == pytest.approx(np.trapezoid(np.interp(fine, fpr, pro), fine) / 0.3, abs=1e-4)


def test_interval_holds_the_figure_and_narrows_with_more_parts() -> None:
    rng = np.random.default_rng(2)

    def width(parts: int) -> float:
        defective = np.arange(2 * parts) >= parts
        scores = rng.normal(size=2 * parts) + 1.5 * defective
        interval = confidence_interval(scores, defective, seed=1, resamples=300)
        figure = auroc(scores, defective)
        assert interval is not None
        assert figure is not None
        assert interval[0] < figure < interval[1]
        return interval[1] - interval[0]

    assert width(200) < width(20)


@pytest.mark.parametrize(("good", "defective"), [(6, 300), (300, 6)])
def test_a_few_parts_of_either_class_make_the_interval_wide(good: int, defective: int) -> None:
    rng = np.random.default_rng(3)
    labels = np.arange(good + defective) >= good
    interval = confidence_interval(rng.normal(size=good + defective) + labels, labels, seed=1)
    assert interval is not None
    assert interval[1] - interval[0] > 0.15
