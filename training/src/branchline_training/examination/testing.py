"""What only the labelled split shows: copies across splits, labels told by the background."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..dataset import scan_test
from ..dataset_error import DatasetError
from ..frontend import make_frontend
from ..metrics import auroc, confidence_interval
from ..progress import Track
from ..specs import AudioSpec, ModalitySpec
from .findings import Finding
from .training import MOST_TOLD, Array, Signals, read_signals

CELL = 8  # pixels
BORDER = 2  # cells: the outer 1/16 of 256 pixels
# Of the 95 % interval's lower end. Border cells of the synthetic part, which tell nothing, reach
# 0.54; those of a set known to leak 0.77 and 1.0.
TELLING = 0.6


def examine_test(
    data: Path,
    specs: Mapping[str, ModalitySpec],
    training: Signals,
    rate: float,
    track: Track,
) -> list[Finding]:
    """Opens ``data/test``. Its labels are used to find leaks, and for nothing else."""
    if not (data / "test").is_dir():
        return [
            Finding(
                severity="note",
                check="counts",
                sentence="there is no test split: the model's accuracy cannot be told",
            )
        ]
    try:
        parts = scan_test(data, list(specs))
    except DatasetError as error:
        return [Finding(severity="error", check="pairing", sentence=f"test split: {error}")]
    signals, findings = read_signals(parts, specs, track)
    findings += check_counts([part.label for part in parts], rate)
    for m, spec in specs.items():
        findings += check_copies(m, training.by_modality[m], signals.by_modality[m])
        if not isinstance(spec, AudioSpec):
            findings += check_background(m, spec, training, signals)
    return findings


def check_counts(labels: Sequence[str], rate: float) -> list[Finding]:
    """Too few good test parts to see the promised false-call rate, and no defective ones."""
    counts = Counter(labels)
    findings: list[Finding] = []
    good = counts.pop("good", 0)
    if good < 1 / rate:
        findings.append(
            Finding(
                severity="note",
                check="counts",
                sentence=f"{good} good test parts cannot show a false-call rate of {rate:.1%}: one "
                f"part is {1 / max(good, 1):.1%}; {3 / rate:.0f} without a call would show that "
                "it is not higher",
                figures={"good": good},
            )
        )
    if not counts:
        findings.append(
            Finding(
                severity="note",
                check="counts",
                sentence="the test split has no defective parts: AUROC cannot be told",
            )
        )
    return findings


def check_copies(m: str, training: Mapping[str, Array], test: Mapping[str, Array]) -> list[Finding]:
    """Test parts whose decoded signal is also a training part's."""
    known = {signal.tobytes(): key for key, signal in training.items()}
    copies = [
        f"test/{key} is train/{known[signal.tobytes()]}"
        for key, signal in test.items()
        if signal.tobytes() in known
    ]
    if not copies:
        return []
    return [
        Finding(
            severity="warning",
            check="duplicates",
            modality=m,
            sentence=f"{len(copies)} test signals of {m} were trained on, too: "
            f"{', '.join(copies[:MOST_TOLD])}; figures on them mean nothing",
            figures={"copies": len(copies)},
        )
    ]


@torch.no_grad()
def check_background(m: str, spec: ModalitySpec, training: Signals, test: Signals) -> list[Finding]:
    """Whether the border of the picture alone, where no part lies, tells good from defective.

    The distance of a picture's outer cells to the nearest training part's is a detector that
    cannot see the part. It has to fail; where it works, the labels can be read from how the
    pictures were taken. A part, or a flaw, that reaches the border is seen too: look before you
    believe it.
    """
    learned, judged = training.by_modality[m], test.by_modality[m]
    labels = {part.key: part.is_good for part in test.parts}
    defective = np.array([not labels[key] for key in judged], dtype=bool)
    if len(learned) < 2 or not defective.any() or defective.all():
        return []
    frontend = make_frontend(spec, list(learned.values()))
    known, asked = (_border(frontend, list(x.values())) for x in (learned, judged))
    sigma, mean = torch.std_mean(known, dim=0)
    scale = sigma + 1e-3
    distance = torch.cdist((asked - mean) / scale, (known - mean) / scale).amin(dim=1)
    scores = distance.double().numpy()
    figure, interval = auroc(scores, defective), confidence_interval(scores, defective, seed=1)
    assert figure is not None
    assert interval is not None
    told = interval[0] > TELLING
    return [
        Finding(
            severity="warning" if told else "note",
            check="background",
            modality=m,
            sentence=f"the border of {m} alone "
            + (
                "tells good from defective parts"
                if told
                else "does not tell good from defective parts"
            )
            + f" (AUROC {figure:.3f}, 95 % {interval[0]:.3f}–{interval[1]:.3f})"
            + (
                ": they were taken in other sessions or light; figures on this split mean "
                "little, unless the background is masked"
                if told
                else ""
            ),
            figures={"auroc": figure, "interval95": list(interval)},
        )
    ]


def _border(frontend: nn.Module, signals: Sequence[Array]) -> Tensor:
    """The outer cells of each front end picture, (n, channels x cells)."""
    rings: list[Tensor] = []
    for signal in signals:
        picture = frontend(torch.from_numpy(np.asarray(signal))[None])
        cells = F.avg_pool2d(picture, CELL)
        ring = torch.ones(cells.shape[2:], dtype=torch.bool)
        ring[BORDER:-BORDER, BORDER:-BORDER] = False
        rings.append(cells[:, :, ring].flatten(1))
    return torch.cat(rings)
