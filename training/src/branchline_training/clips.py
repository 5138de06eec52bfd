"""Cuts long recordings into clips of equal length, in the plain folder layout of dataset.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from branchline_training.dataset_error import DatasetError
from branchline_training.decode_error import DecodeError
from branchline_training.pcm16 import write_wav
from branchline_training.wav import Wav, first_samples, read_wav


@dataclass(frozen=True, kw_only=True)
class ClipCounts:
    """How many clips were written, and from which recordings the good ones came."""

    train: int
    test: dict[str, int]  # label → clips
    train_files: tuple[str, ...]
    test_good_files: tuple[str, ...]


def cut_clips(
    source: Path,
    out: Path,
    *,
    modality: str = "acoustic",
    good: str,
    seconds: float,
    test_fraction: float,
    seed: int,
) -> ClipCounts:
    """Cut every WAV of ``source`` into clips of ``seconds`` that do not overlap; PCM 16, mono.

    ``good`` is a glob for the recordings of good parts. Of those, ``test_fraction`` (at least one)
    go to ``test/good`` whole: clips of one recording resemble each other, so a split by clip would
    test on what was learned. All others go to ``test/<label>``, the label being what stands before
    the first "_" of the name. Clips are named ``<recording>-<nnn>``; what is left over at the end
    of a recording is dropped. Raises DatasetError before anything is written.
    """
    _check_arguments(out, seconds, test_fraction)
    files = sorted(p for p in source.glob("*") if p.suffix.lower() == ".wav" and p.is_file())
    good_files = [path for path in files if fnmatchcase(path.name, good)]
    if len(good_files) < 2:
        raise DatasetError(
            f'{len(good_files)} of {len(files)} WAV files in {source} match "{good}"; '
            "two or more recordings of good parts are needed, to train on one and test on another"
        )
    for path in files:
        _check_length(path, _read(path), seconds)
    held_out = _held_out(good_files, test_fraction, seed)
    train_clips, test_clips = 0, dict[str, int]()
    for path in files:
        if path in good_files and path not in held_out:
            train_clips += _write_clips(path, seconds, out / "train" / "good" / modality)
            continue
        label = "good" if path in good_files else _label(path, good)
        written = _write_clips(path, seconds, out / "test" / label / modality)
        test_clips[label] = test_clips.get(label, 0) + written
    return ClipCounts(
        train=train_clips,
        test=test_clips,
        train_files=tuple(path.name for path in good_files if path not in held_out),
        test_good_files=tuple(path.name for path in held_out),
    )


def _check_arguments(out: Path, seconds: float, test_fraction: float) -> None:
    if out.exists() and any(out.iterdir()):
        raise DatasetError(f"{out} is not empty; give a new folder")
    if seconds <= 0:
        raise DatasetError(f"clips of {seconds} s cannot be cut; give a length above 0")
    if not 0 < test_fraction < 1:
        raise DatasetError(f"a test fraction of {test_fraction} leaves a side empty; try 0.25")


def _read(path: Path) -> Wav:
    content = path.read_bytes()
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise DatasetError(f"{path} is named .wav but is no WAV file")
    try:
        return read_wav(content)
    except DecodeError as error:
        raise DatasetError(f"{path}: {error}") from error


def _check_length(path: Path, wav: Wav, seconds: float) -> None:
    if wav.length < round(wav.sample_rate * seconds):
        raise DatasetError(
            f"{path} lasts {wav.length / wav.sample_rate:.2f} s, too short for one clip of "
            f"{seconds} s; take it away or cut shorter clips"
        )


def _held_out(good_files: Sequence[Path], test_fraction: float, seed: int) -> list[Path]:
    """The good recordings to test on: at least one, and at least one stays to train on."""
    count = min(max(round(test_fraction * len(good_files)), 1), len(good_files) - 1)
    drawn = np.random.default_rng(seed).permutation(len(good_files))[:count]
    return [good_files[i] for i in sorted(drawn)]


def _label(path: Path, good: str) -> str:
    label = path.stem.split("_")[0]
    if label in ("", "good"):
        raise DatasetError(
            f'{path} does not match "{good}", yet its name says "{label}"; '
            "name it <what is wrong>_<anything>.wav"
        )
    return label


def _write_clips(path: Path, seconds: float, folder: Path) -> int:
    """All whole clips of one recording; returns how many."""
    wav = _read(path)
    samples = round(wav.sample_rate * seconds)
    try:
        sound = first_samples(wav, wav.length)  # (recording,)
    except DecodeError as error:
        raise DatasetError(f"{path}: {error}") from error
    count = len(sound) // samples
    for number, clip in enumerate(sound[: count * samples].reshape(count, samples)):
        write_wav(folder / f"{path.stem}-{number:03d}.wav", _pcm16(clip), wav.sample_rate)
    return count


def _pcm16(sound: NDArray[np.float32]) -> NDArray[np.int16]:
    """-1…1 → 16 bits; exact for a source of one channel that was PCM 16 itself."""
    steps: NDArray[np.int16] = np.clip(np.rint(sound * 32768.0), -32768, 32767).astype(np.int16)
    return steps
