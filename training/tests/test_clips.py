"""Cutting recordings: whole files on one side, equal clips, the same samples as the source."""

from __future__ import annotations

import struct
import wave
from pathlib import Path

import numpy as np
import pytest

from branchline_training.clips import ClipCounts, cut_clips
from branchline_training.dataset import read_specs, scan_test, scan_train
from branchline_training.dataset_error import DatasetError
from branchline_training.pcm16 import write_wav

RATE = 800


def record(folder: Path, name: str, seconds: float = 3.5, seed: int = 0) -> np.ndarray:
    samples = np.random.default_rng(seed).integers(-32768, 32767, round(RATE * seconds), np.int16)
    write_wav(folder / name, samples, RATE)
    return samples


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "recordings"
    for i in range(4):
        record(folder, f"healthy_M1_{i}.wav", seed=i)
    record(folder, "propeller_M1_0.wav", seed=8)
    record(folder, "bearing_x.wav", seed=9)
    return folder


def cut(source: Path, out: Path, **changes: object) -> ClipCounts:
    arguments = {"good": "healthy_*", "seconds": 1.0, "test_fraction": 0.25, "seed": 0} | changes
    return cut_clips(source, out, **arguments)  # type: ignore[arg-type]


def read(path: Path) -> np.ndarray:
    with wave.open(str(path)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


def recordings_of(clips: list[Path]) -> set[str]:
    return {path.stem.rsplit("-", 1)[0] for path in clips}


def test_splits_by_file_never_by_clip(source: Path, tmp_path: Path) -> None:
    counts = cut(source, tmp_path / "out")
    train = sorted((tmp_path / "out/train/good/acoustic").iterdir())
    test = sorted((tmp_path / "out/test/good/acoustic").iterdir())
    assert (counts.train, counts.test) == (9, {"bearing": 3, "good": 3, "propeller": 3})
    assert (len(train), len(test)) == (9, 3)
    assert not recordings_of(train) & recordings_of(test)
    assert {Path(name).stem for name in counts.train_files} == recordings_of(train)
    assert {Path(name).stem for name in counts.test_good_files} == recordings_of(test)


def test_makes_a_data_set_that_can_be_read(source: Path, tmp_path: Path) -> None:
    cut(source, tmp_path / "out", modality="motor", seconds=0.5)
    specs = read_specs(tmp_path / "out", None)
    assert list(specs) == ["motor"]
    assert len(scan_train(tmp_path / "out", ["motor"])) == 21
    assert {p.label for p in scan_test(tmp_path / "out", ["motor"])} == {
        "bearing",
        "good",
        "propeller",
    }


def test_clips_are_the_source_in_order_and_the_rest_is_dropped(
    source: Path, tmp_path: Path
) -> None:
    original = read(source / "bearing_x.wav")
    cut(source, tmp_path / "out")
    folder = tmp_path / "out/test/bearing/acoustic"
    names = [f"bearing_x-{n:03d}.wav" for n in range(3)]
    assert sorted(path.name for path in folder.iterdir()) == names
    joined = np.concatenate([read(folder / name) for name in names])
    assert np.array_equal(joined, original[: 3 * RATE])


def test_float_recordings_become_pcm_16(source: Path, tmp_path: Path) -> None:
    sound = np.linspace(-1, 1, RATE, dtype="<f4").tobytes()
    fmt = struct.pack("<HHIIHH", 3, 1, RATE, RATE * 4, 4, 32)
    body = b"WAVEfmt " + struct.pack("<I", 16) + fmt + b"data" + struct.pack("<I", len(sound))
    (source / "float_0.wav").write_bytes(
        b"RIFF" + struct.pack("<I", len(body) + len(sound)) + body + sound
    )
    cut(source, tmp_path / "out")
    clip = read(tmp_path / "out/test/float/acoustic/float_0-000.wav")
    assert (clip[0], clip[-1]) == (-32768, 32767)
    assert abs(int(clip[RATE // 4]) + 16384) < 100


def test_the_seed_decides_which_good_files_are_held_out(source: Path, tmp_path: Path) -> None:
    held = {cut(source, tmp_path / str(seed), seed=seed).test_good_files for seed in range(12)}
    again = cut(source, tmp_path / "again", seed=0).test_good_files
    assert again == cut(source, tmp_path / "once more", seed=0).test_good_files
    assert len(held) > 1


@pytest.mark.parametrize("fraction", [0.01, 0.99])
def test_each_side_keeps_at_least_one_good_file(
    source: Path, tmp_path: Path, fraction: float
) -> None:
    counts = cut(source, tmp_path / "out", test_fraction=fraction)
    assert counts.train_files
    assert counts.test_good_files


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"good": "nothing_*"}, r'0 of 6 WAV files .* match "nothing_\*"'),
        ({"good": "bearing_*"}, "two or more recordings"),
        ({"seconds": 4.0}, r"bearing_x\.wav lasts 3\.50 s, too short"),
        ({"seconds": 0.0}, "above 0"),
        ({"test_fraction": 1.0}, "leaves a side empty"),
    ],
)
def test_refuses_before_writing_anything(
    source: Path, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(DatasetError, match=message):
        cut(source, tmp_path / "out", **changes)
    assert not (tmp_path / "out").exists()


def test_refuses_a_used_folder(source: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="not empty"):
        cut(source, source)


def test_names_the_file_that_is_no_wav(source: Path, tmp_path: Path) -> None:
    (source / "zz_broken.wav").write_bytes(b"ID3 not a wav")
    with pytest.raises(DatasetError, match=r"zz_broken\.wav is named \.wav but is no WAV"):
        cut(source, tmp_path / "out")


def test_a_recording_named_good_that_is_not_is_refused(source: Path, tmp_path: Path) -> None:
    record(source, "good_enough.wav")
    with pytest.raises(DatasetError, match=r"good_enough\.wav does not match"):
        cut(source, tmp_path / "out")
