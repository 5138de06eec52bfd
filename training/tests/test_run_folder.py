from __future__ import annotations

import csv
import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from branchline_training import train as training
from branchline_training.bundle import content_hash, read_manifest
from branchline_training.progress import silent
from branchline_training.run_folder import RunFolder
from branchline_training.student import StudentConfig
from branchline_training.train import TrainConfig, train

SHORT = TrainConfig(size=64, student="on", student_config=StudentConfig(steps=8))


class CutOffError(Exception):
    """As if the machine had gone down."""


def test_a_run_that_was_cut_off_goes_on_where_it_stood(
    small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight, resumed = tmp_path / "straight" / "1", tmp_path / "resumed" / "1"
    train(small_data, ["depth", "rgb"], straight, SHORT, silent)
    run = RunFolder(tmp_path / "run")

    def cut_off(*_: object) -> None:
        raise CutOffError

    with monkeypatch.context() as patch:
        patch.setattr(training, "make_branches", cut_off)
        with pytest.raises(CutOffError):
            train(small_data, ["depth", "rgb"], resumed, SHORT, silent, run)
    with monkeypatch.context() as patch:
        patch.setattr(training, "teach", cut_off)
        patch.setattr(training, "learn_modality", cut_off)
        train(small_data, ["depth", "rgb"], resumed, SHORT, silent, run)
    assert content_hash(read_manifest(resumed)) == content_hash(read_manifest(straight))
    assert not list((tmp_path / "run").glob("*.pt"))  # the bundle is written: nothing to resume


def test_stages_of_another_config_are_not_taken_up(small_data: Path, tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    for answer, config in (("first", SHORT), ("second", replace(SHORT, seed=9))):
        run.begin(config, "sha256:0")
        assert run.stage("student", partial(str, answer)) == answer
        assert run.stage("student", lambda: "computed again") == answer


def test_a_run_leaves_its_config_environment_and_losses(small_data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(small_data, ["depth", "rgb"], tmp_path / "m" / "1", SHORT, silent, RunFolder(run))
    assert json.loads((run / "config.json").read_text())["student_config"]["steps"] == 8
    assert json.loads((run / "environment.json").read_text())["torch"]
    with (run / "losses.csv").open() as file:
        losses = list(csv.DictReader(file))
    assert len(losses) == 8
    assert set(losses[0]) == {"alignment", "distillation.depth", "distillation.rgb", "total"}
