from __future__ import annotations

from pathlib import Path

import pytest

from branchline_training.bundle import read_manifest
from branchline_training.cli import main

COMMANDS = ["synthesize", "clips", "train", "evaluate", "verify", "export"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    assert f"branchline-train {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "nowhere", "--out", "m/a/1"], 'nowhere has no folder "train/good"'),
        (["evaluate", "nowhere", "nowhere"], "nowhere is no bundle"),
        (["verify", "nowhere"], "nowhere is no bundle"),
        (["clips", "nowhere", "out", "--good", "*"], "nowhere"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*arguments, "--quiet"]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_synthesize_draws_what_was_asked_for(tmp_path: Path) -> None:
    out = tmp_path / "bracket"
    counts = ["--train", "2", "--test-good", "1", "--test-per-kind", "1", "--size", "64"]
    assert main(["synthesize", str(out), *counts, "--quiet"]) == 0
    assert len(list((out / "train/good/rgb").iterdir())) == 2
    assert len(list((out / "test").glob("*/"))) == 7


def test_export_writes_one_file_a_branch(small_bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "single"
    assert main(["export", str(small_bundle), str(out), "--single-file", "--quiet"]) == 0
    ids = {branch["id"] for branch in read_manifest(small_bundle)["branches"]}
    assert {file.stem for file in out.iterdir()} == ids
