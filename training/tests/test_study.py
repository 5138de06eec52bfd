"""Baselines on the small set; what they are worth is told by the command, not by these tests."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from branchline_training.cli import main
from branchline_training.dataset import scan_test
from branchline_training.progress import silent
from branchline_training.runtime import BundleRuntime
from branchline_training.study import imputation
from branchline_training.study.calibrate import four_norm, scores_of, sum_of_squares
from branchline_training.study.imputation import imputation_methods
from branchline_training.study.methods import baselines
from branchline_training.study.missing_rates import Method
from branchline_training.study.retrained import Workshop, open_workshop
from branchline_training.subsets import all_subsets
from small_set import MODALITIES

SUBSETS = set(all_subsets(MODALITIES))


@pytest.fixture(scope="module")
def workshop(small_bundle: Path, small_data: Path) -> Workshop:
    parts = scan_test(small_data, MODALITIES)
    return open_workshop(BundleRuntime(small_bundle).manifest, small_data, parts, silent)


@pytest.fixture(scope="module")
def methods(workshop: Workshop) -> list[Method]:
    defective = np.array([not part.is_good for part in workshop.test_parts])
    return list(baselines(workshop, defective, ("fusion", "imputation"), silent))


def test_every_method_scores_every_part_in_every_state(
    methods: list[Method], workshop: Workshop
) -> None:
    assert len(methods) == 3 + 8
    for method in methods:
        assert set(method.scores) == SUBSETS
        for scores in method.scores.values():
            assert scores.shape == (len(workshop.test_parts),)
            assert np.isfinite(scores).all()


def test_no_label_but_the_best_single_modalitys_order_touches_a_score(
    methods: list[Method], workshop: Workshop
) -> None:
    shuffled = np.array([part.is_good for part in workshop.test_parts])
    for one, other in zip(
        methods, baselines(workshop, shuffled, ("fusion", "imputation"), silent), strict=True
    ):
        if one.name != "best single modality":
            assert all(np.array_equal(one.scores[s], other.scores[s]) for s in SUBSETS)


def test_what_is_complete_is_not_imputed(methods: list[Method]) -> None:
    whole = tuple(sorted(MODALITIES))
    imputed = [method for method in methods if "imputation" in method.name]
    assert all(np.allclose(m.scores[whole], imputed[0].scores[whole]) for m in imputed)
    alone = [method.scores["rgb",] for method in imputed if "raw" not in method.name]
    assert not any(np.allclose(alone[0], scores) for scores in alone[1:])


def test_recalibration_keeps_the_order_within_a_subset(methods: list[Method]) -> None:
    by = {method.name: method for method in methods}
    for subset in SUBSETS:
        pair = [by[f"mean imputation{raw}"].scores[subset] for raw in ("", ", raw")]
        assert spearmanr(*pair).statistic == pytest.approx(1.0)


def test_a_good_part_never_is_its_own_neighbour(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Features that good parts are judged with out of fold never hold their own."""
    fill = imputation._fill

    def watched(learned, shown, *rest):  # type: ignore[no-untyped-def]
        known, asked = learned["trunk"]["rgb"], shown["trunk"]["rgb"]
        for part in asked:
            assert not (known == part).flatten(1).all(dim=1).any()
        return fill(learned, shown, *rest)

    monkeypatch.setattr(imputation, "_fill", watched)
    imputation_methods(workshop, silent)


def test_filling_late_fusion_with_a_constant_and_recalibrating_is_leaving_it_out() -> None:
    """Why constants are filled into a joint model: here they could do neither good nor harm."""
    generator = torch.Generator().manual_seed(0)
    good, test = (torch.randn(50, 2, generator=generator) for _ in range(2))
    evidence = ({"a": good[:, 0], "b": good[:, 1]}, {"a": test[:, 0], "b": test[:, 1]})
    filled = tuple({"a": x["a"], "b": torch.full((50,), 5.0)} for x in evidence)
    for fuse in (sum_of_squares, four_norm):
        left_out = scores_of(*evidence, fuse, calibrated=True)["a",]
        constant = scores_of(filled[0], filled[1], fuse, calibrated=True)["a", "b"]
        assert spearmanr(left_out, constant).statistic == pytest.approx(1.0, abs=1e-3)


def test_the_command_prints_and_saves_all_of_it(
    small_bundle: Path, small_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report_file = tmp_path / "report.json"
    arguments = ["evaluate", str(small_bundle), str(small_data), "--baselines", "fusion"]
    arguments += ["--protocol", "all", "--rates", "0,0.4", "--seeds", "2", "--quiet"]
    arguments += ["--json", str(report_file), "--plot", str(tmp_path / "auroc.svg")]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    report = json.loads(report_file.read_text())
    assert {row["protocol"] for row in report["missing"]} == {"one", "sample", "bern"}
    assert list(report["methods"])[:2] == ["ours", "late fusion"]
    assert report["missing"][0]["ceiling"] == 1.0
    for words in ("What each sensor sees", "How far behind ours", "*ceiling*", "| late fusion |"):
        assert words in said
    for protocol in ("one", "sample", "bern"):
        assert (tmp_path / f"auroc-{protocol}.svg").is_file()


def test_an_unknown_baseline_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["evaluate", "bundle", "data", "--baselines", "magic"])
    assert '"magic" is no kind of baseline' in capsys.readouterr().err
