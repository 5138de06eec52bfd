"""What the good training parts alone show: files, calibration size, dead sensors, registration."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..calibration import MIN_PARTS, prediction_factor
from ..dataset import Part, scan_train
from ..dataset_error import DatasetError
from ..decode import decode
from ..decode_error import DecodeError
from ..progress import Track
from ..specs import AudioSpec, ModalitySpec
from ..subsets import all_subsets
from .findings import Finding
from .registration import check_registration

Array = npt.NDArray[np.generic]
MOST_TOLD = 3  # files named of many that share a fault
QUIET_CORRELATION = 0.02  # between two parts' signals; noise alone shows less
LEAST_VALID = 0.2  # share of measured pixels


@dataclass(frozen=True)
class Signals:
    """Decoded parts of one split; ``by_modality[m][id]`` for those that could be read."""

    parts: Sequence[Part]
    by_modality: Mapping[str, Mapping[str, Array]]


def examine_training(
    data: Path, specs: Mapping[str, ModalitySpec], rate: float, track: Track
) -> tuple[list[Finding], Signals]:
    """Opens ``data/train/good`` only. ``rate``: the promised false-call rate."""
    try:
        parts = scan_train(data, list(specs))
    except DatasetError as error:
        return [Finding(severity="error", check="pairing", sentence=str(error))], Signals([], {})
    signals, findings = read_signals(parts, specs, track)
    findings += check_same_bytes(parts, "train/good")
    findings += check_calibration(parts, list(specs), rate)
    for m, spec in specs.items():
        findings += check_silence(m, spec, list(signals.by_modality[m].values()))
    findings += check_registration(specs, signals.by_modality)
    return findings, signals


def read_signals(
    parts: Sequence[Part], specs: Mapping[str, ModalitySpec], track: Track
) -> tuple[Signals, list[Finding]]:
    """Decodes every file; those that cannot be are findings, not the end."""
    findings: list[Finding] = []
    by_modality: dict[str, dict[str, Array]] = {}
    for m, spec in specs.items():
        known: dict[str, Array] = {}
        broken: list[str] = []
        owners = [part for part in parts if m in part.files]
        for part in track(owners, f"{m}: reading"):
            try:
                known[part.key] = decode(part.files[m], spec)
            except DecodeError as error:
                broken.append(f"{part.files[m]}: {error}")
        by_modality[m] = known
        if broken:
            findings.append(
                Finding(
                    severity="error",
                    check="decoding",
                    modality=m,
                    sentence=f"{len(broken)} of {len(owners)} files of {m} cannot be read: "
                    + "; ".join(broken[:MOST_TOLD]),
                    figures={"broken": len(broken), "files": len(owners)},
                )
            )
    return Signals(parts, by_modality), findings


def check_same_bytes(parts: Sequence[Part], where: str) -> list[Finding]:
    """Two parts whose file of one modality is byte for byte the same."""
    findings: list[Finding] = []
    for m in sorted({m for part in parts for m in part.files}):
        seen: dict[bytes, str] = {}
        twins: list[str] = []
        for part in parts:
            if m in part.files:
                first = seen.setdefault(part.files[m].read_bytes(), part.key)
                if first != part.key:
                    twins.append(f"{first} and {part.key}")
        if twins:
            findings.append(
                Finding(
                    severity="warning",
                    check="duplicates",
                    modality=m,
                    sentence=f"{len(twins)} files of {m} in {where} are copies of another part's: "
                    f"{', '.join(twins[:MOST_TOLD])}; a frozen sensor, or parts counted twice",
                    figures={"copies": len(twins)},
                )
            )
    return findings


def check_calibration(parts: Sequence[Part], names: list[str], rate: float) -> list[Finding]:
    """Whether enough good parts carry each subset for the promised false-call rate."""
    findings: list[Finding] = []
    for subset in all_subsets(names):
        n = sum(set(subset) <= set(part.files) for part in parts)
        if n < MIN_PARTS:
            severity, sentence = (
                "warning",
                (
                    f"only {n} good parts carry {'+'.join(subset)}; a branch needs {MIN_PARTS} and "
                    "this one will be left out"
                ),
            )
        elif n < 1 / rate:
            severity, sentence = (
                "note",
                (
                    f"{n} good parts carry {'+'.join(subset)}: fewer than the {1 / rate:.0f} among "
                    f"which a false-call rate of {rate:.1%} shows once; the threshold is set "
                    f"{prediction_factor(n, rate):.2f} times as far from the mean as with many "
                    "parts, and finds less"
                ),
            )
        else:
            continue
        if n < MIN_PARTS and len(subset) == 1:
            severity = "error"
        findings.append(
            Finding(
                severity=severity,  # type: ignore[arg-type]
                check="calibration",
                sentence=sentence,
                figures={"subset": list(subset), "n": n},
            )
        )
    return findings


def check_silence(m: str, spec: ModalitySpec, signals: Sequence[Array]) -> list[Finding]:
    """A sensor whose signal is constant, mostly invalid, or noise that no two parts share."""

    def warn(sentence: str, figures: dict[str, float]) -> list[Finding]:
        return [
            Finding(
                severity="warning", check="silence", modality=m, sentence=sentence, figures=figures
            )
        ]

    if len(signals) < 2:
        return []
    flat = sum(float(np.nanmax(s) if np.isfinite(s).any() else 0) == _low(s) for s in signals)
    if flat:
        return warn(
            f"{flat} of {len(signals)} signals of {m} are constant: the sensor said nothing",
            {"constant": flat},
        )
    valid = float(np.mean([np.isfinite(s).mean() for s in signals]))
    if valid < LEAST_VALID:
        return warn(
            f"only {valid:.0%} of the pixels of {m} were measured; check its range and "
            '"invalid" in modalities.json',
            {"valid": valid},
        )
    if isinstance(spec, AudioSpec):
        return []  # two recordings of one tap need not correlate sample by sample
    likeness = _mean_correlation(signals)
    if likeness < QUIET_CORRELATION:
        return warn(
            f"pictures of {m} have nothing in common with each other (correlation "
            f"{likeness:.3f}): noise, or parts that lie differently each time",
            {"correlation": likeness},
        )
    return []


def _low(signal: Array) -> float:
    return float(np.nanmin(signal) if np.isfinite(signal).any() else 0)


def _centred(signal: Array) -> npt.NDArray[np.float64]:
    values = np.asarray(signal, dtype=np.float64).ravel()
    centred: npt.NDArray[np.float64] = np.nan_to_num(values - np.nanmean(values))
    return centred


def _mean_correlation(signals: Sequence[Array]) -> float:
    """Mean correlation of a part's picture with the next one's."""
    pairs = itertools.islice(itertools.pairwise(signals), 20)
    figures = []
    for one, other in pairs:
        a, b = (_centred(signal) for signal in (one, other))
        norms = float(np.linalg.norm(a)) * float(np.linalg.norm(b))
        figures.append(float(a @ b) / max(norms, 1e-12))
    return float(np.mean(figures))
