from __future__ import annotations

import numpy as np
import pytest
import torch

from branchline_training.calibration import (
    HALF_WAY,
    LEAST_IN_BIN,
    MIN_PARTS,
    TooFewParts,
    fuse,
    grade,
    rectify,
    review_limit,
    score_histogram,
    standard_of,
)


@pytest.mark.parametrize(("parts", "rate"), [(12, 0.02), (60, 0.02), (60, 0.1), (200, 0.01)])
def test_new_good_parts_exceed_the_threshold_at_the_promised_rate(parts: int, rate: float) -> None:
    rng = np.random.default_rng(parts)
    trials = 4000
    exceeded = [
        rng.normal(0.3, 0.5) > review_limit(rng.normal(0.3, 0.5, parts), rate).threshold
        for _ in range(trials)
    ]
    spread = np.sqrt(rate * (1 - rate) / trials)
    assert np.mean(exceeded) == pytest.approx(rate, abs=4 * spread)


def test_the_bound_is_the_one_tabled_for_one_new_value() -> None:
    """Of a normal sample of 10, 95 %: mean + 1.923 s (t of 1.833 times the root of 1.1)."""
    values = np.linspace(-1, 1, 10)
    values = 3.0 + values / values.std(ddof=1)
    limit = review_limit(values, 0.05)
    assert limit.threshold == pytest.approx(3.0 + 1.923, abs=1e-3)
    assert limit.spread == pytest.approx(1.0)


def test_the_same_evidence_from_fewer_parts_gives_a_higher_threshold() -> None:
    few = np.linspace(1, 3, 10)
    assert review_limit(few, 0.02).threshold > review_limit(np.repeat(few, 10), 0.02).threshold


def test_equal_good_parts_still_give_a_spread_to_divide_by() -> None:
    assert review_limit(np.ones(MIN_PARTS), 0.02).spread > 0


def test_too_few_parts_are_refused_by_number() -> None:
    with pytest.raises(TooFewParts, match=f"only {MIN_PARTS - 1} good parts"):
        review_limit(np.ones(MIN_PARTS - 1), 0.02)


def test_parts_without_the_modality_do_not_count() -> None:
    standard = standard_of(np.array([1.0, np.nan, 3.0, np.nan, 5.0]))
    assert (standard.mean, standard.sigma) == pytest.approx((3.0, 2.0))


def test_a_grade_is_half_at_the_threshold_and_never_saturates() -> None:
    evidence = torch.tensor([0.0, 0.5, 2.0, 1e3, 1e5])
    score = grade(evidence, torch.tensor(2.0), torch.tensor(0.5))
    assert score[2] == 0.5
    assert torch.all(score.diff() > 0)
    assert score[0] > 0
    assert score[-1] < 1


def test_a_grade_counts_deviations_whatever_the_branch() -> None:
    narrow = grade(torch.tensor(3.0), torch.tensor(2.0), torch.tensor(0.25))
    wide = grade(torch.tensor(14.0), torch.tensor(10.0), torch.tensor(1.0))
    assert float(narrow) == float(wide) == 0.5 + 0.5 * HALF_WAY / (2 * HALF_WAY)


def test_fusing_one_modality_changes_nothing() -> None:
    z = torch.tensor([[-3.0], [0.0], [4.0]])
    assert torch.allclose(fuse(rectify(z), dim=1), rectify(z)[:, 0])


def test_more_evidence_in_any_modality_raises_the_fused_evidence() -> None:
    base = fuse(rectify(torch.tensor([[1.0, -1.0, 2.0]])), dim=1)
    for i in range(3):
        z = torch.tensor([[1.0, -1.0, 2.0]])
        z[0, i] += 0.5
        assert fuse(rectify(z), dim=1) > base


def test_a_histogram_has_fifths_whose_edges_lie_between_two_scores() -> None:
    scores = np.random.default_rng(3).permutation(np.linspace(0.2, 0.398, 100))
    histogram = score_histogram(scores)
    assert histogram["counts"] == [20] * 5
    assert histogram["upTo"] == pytest.approx([0.239, 0.279, 0.319, 0.359, 1.0])


@pytest.mark.parametrize(("parts", "bins"), [(8, 1), (9, 1), (10, 2), (23, 4), (50, 5), (180, 5)])
def test_a_histogram_of_few_parts_has_few_bins_and_counts_them_all(parts: int, bins: int) -> None:
    histogram = score_histogram(np.linspace(0.1, 0.4, parts))
    assert len(histogram["upTo"]) == len(histogram["counts"]) == bins
    assert sum(histogram["counts"]) == parts
    assert min(histogram["counts"]) >= min(parts, LEAST_IN_BIN)


def test_a_histogram_never_splits_equal_scores() -> None:
    histogram = score_histogram(np.array([0.3] * 24 + [0.4] * 16))
    assert histogram == {"upTo": [pytest.approx(0.35), 1.0], "counts": [24, 16]}
