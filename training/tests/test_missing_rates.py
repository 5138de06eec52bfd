from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from branchline_training.dataset_error import DatasetError
from branchline_training.study.missing_rates import (
    Method,
    Parts,
    ceiling,
    draw_states,
    missing_table,
    read_visible,
)
from branchline_training.study.report import plot_missing
from branchline_training.subsets import all_subsets

BOTH = ("a", "b")
SUBSETS = all_subsets(BOTH)
LABELS = ["good"] * 40 + ["seen_by_a"] * 40
PARTS = Parts(LABELS, [BOTH] * len(LABELS))
TRUTH = PARTS.defective.astype(float)
NOISE = np.random.default_rng(0).normal(size=len(LABELS))


def method(name: str, **by_subset: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Method:
    return Method(name, "", {s: by_subset["_".join(s)] for s in SUBSETS})


SHARP = method("sharp", a=TRUTH, b=NOISE, a_b=TRUTH)
BLUNT = method("blunt", a=TRUTH + 2 * NOISE, b=NOISE, a_b=TRUTH + 2 * NOISE)


def test_a_state_is_the_same_for_all_methods_and_counts_only_what_all_serve() -> None:
    states = draw_states(PARTS, 0.5, "one", 3, set(SUBSETS))
    assert states == draw_states(PARTS, 0.5, "one", 3, set(SUBSETS))
    lacking = sum(len(subset) == 1 for drawn in states for subset in drawn)
    assert 0.35 < lacking / (3 * len(LABELS)) < 0.65
    served = draw_states(PARTS, 0.5, "one", 3, {("a",), BOTH})
    assert {subset for drawn in served for subset in drawn} == {(), ("a",), BOTH}


def test_rows_hold_each_method_against_the_first_on_the_same_resamples() -> None:
    rows = missing_table([SHARP, BLUNT], PARTS, protocol="one", rates=[0, 0.4], seeds=5, seed=1)
    by = {(row["method"], row["rate"]): row for row in rows}
    assert by["sharp", 0]["imageAuroc"] == 1.0
    assert by["sharp", 0]["interval95"] == (1.0, 1.0)
    assert by["sharp", 0]["behind"] == 0.0
    assert by["blunt", 0]["behind"] == pytest.approx(1 - by["blunt", 0]["imageAuroc"])
    low, high = by["blunt", 0]["behind95"]
    assert 0 < low < by["blunt", 0]["behind"] < high
    assert by["sharp", 0.4]["imageAuroc"] < 1.0


def test_a_rate_at_which_no_branch_serves_what_is_left_has_no_row() -> None:
    only_both = Method("only both", "", {BOTH: TRUTH})
    rows = missing_table([only_both, SHARP], PARTS, protocol="one", rates=[0, 1.0], seeds=2, seed=1)
    assert {row["rate"] for row in rows} == {0}


def test_resamples_without_a_judged_part_leave_the_interval_finite() -> None:
    bare = Parts(["good", "good", "bad", "bad"], [BOTH, ("a",), BOTH, ("a",)])
    only_both = Method("only both", "", {BOTH: np.array([0.1, np.nan, 0.9, np.nan])})
    (row,) = missing_table([only_both], bare, protocol="one", rates=[0], seeds=1, seed=1)
    assert row["interval95"] == (1.0, 1.0)
    assert row["behind95"] == (0.0, 0.0)


def test_a_method_against_itself_is_not_behind() -> None:
    rows = missing_table([SHARP, SHARP], PARTS, protocol="bern", rates=[0.4], seeds=5, seed=1)
    assert rows[1]["behind95"] == (0.0, 0.0)


def test_the_figure_is_the_mean_over_draws() -> None:
    (row,) = missing_table([BLUNT], PARTS, protocol="one", rates=[0.4], seeds=7, seed=1)
    figures = []
    for drawn in draw_states(PARTS, 0.4, "one", 7, set(SUBSETS)):
        scores = np.array([BLUNT.scores[s][i] for i, s in enumerate(drawn)])
        bad, good = scores[PARTS.defective], scores[~PARTS.defective]
        figures.append(float((bad[:, None] > good[None]).mean()))
    assert row["imageAuroc"] == pytest.approx(np.mean(figures))
    assert row["sd"] == pytest.approx(np.std(figures))


def test_the_ceiling_is_one_for_what_can_be_seen_and_a_half_for_the_rest() -> None:
    parts = Parts(["good", "seen_by_a", "seen_by_b"], [BOTH] * 3)
    visible = {"seen_by_a": ["a"], "seen_by_b": ["b"]}
    assert ceiling(visible, parts, [[BOTH, BOTH, BOTH]]) == 1.0
    assert ceiling(visible, parts, [[BOTH, ("a",), ("a",)]]) == 0.75
    assert ceiling(visible, parts, [[BOTH, ("a",), ("a",)], [BOTH, ("b",), ("a",)]]) == 0.625
    assert ceiling(visible, parts, [[("a",), (), ()]]) == 0.5


def test_without_defective_parts_there_is_no_table() -> None:
    good = Parts(["good"] * 3, [BOTH] * 3)
    assert missing_table([SHARP], good, protocol="one", rates=[0.4], seeds=2, seed=1) == []


def test_visible_json_is_read_or_refused_by_name(tmp_path: Path) -> None:
    assert read_visible(tmp_path) is None
    file = tmp_path / "test" / "visible.json"
    file.parent.mkdir()
    file.write_text('{"dent": ["depth"]}')
    assert read_visible(tmp_path) == {"dent": ["depth"]}
    for wrong in ("[1]", "{", '{"dent": 3}'):
        file.write_text(wrong)
        with pytest.raises(DatasetError, match=r"visible\.json is not"):
            read_visible(tmp_path)


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_a_plot_names_every_method_and_is_the_same_twice(tmp_path: Path, suffix: str) -> None:
    rows = missing_table([SHARP, BLUNT], PARTS, protocol="one", rates=[0, 0.4], seeds=3, seed=1)
    files = [tmp_path / f"{i}.{suffix}" for i in (1, 2)]
    for file in files:
        plot_missing(rows, file, "title")
    one, two = (file.read_bytes() for file in files)
    assert one == two
    assert len(one) > 5000
    if suffix == "svg":
        assert b"<!-- blunt -->" in one
