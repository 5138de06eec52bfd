"""One modality from its described good parts: views, detectors, standard of evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from .backbone import load_backbone
from .calibration import fuse, rectify, review_threshold, standard_of
from .describe import Array, Description
from .encoder import Channel, EvidenceEncoder, fuse_channels
from .progress import Track
from .selection import Assessment, build_detector, choose_detector, choose_views
from .student import Branch
from .views import PictureView, StudentView, TrunkView

if TYPE_CHECKING:
    from .train import TrainConfig


@dataclass(frozen=True)
class LearnedModality:
    """One modality after training, with its standardised out-of-fold evidence.

    ``chosen``: "view.detector" of each channel; ``assessed``: all that were tried, by that name.
    ``present (parts)`` says which parts carry it; ``z (parts, gh, gw)`` is NaN for the others.
    """

    encoder: EvidenceEncoder
    chosen: Sequence[str]
    assessed: Mapping[str, Assessment]
    present: npt.NDArray[np.bool_]
    z: Tensor
    golden: Array


@torch.no_grad()
def learn_modality(
    description: Description, branch: Branch | None, config: TrainConfig, track: Track
) -> LearnedModality:
    """Assesses detectors on each view without labels, fits those chosen, standardises.

    ``branch``: the student's branch of this modality, None to go without.
    """
    views: dict[str, nn.Module] = {
        "trunk": TrunkView(),
        "picture": PictureView(sound=description.sound),
    }
    if branch is not None:
        views["student"] = StudentView(branch)
    best: dict[str, Assessment] = {}
    assessed: dict[str, Assessment] = {}
    for name, view in views.items():
        best[name], tried = choose_detector(
            description.good.view(view),
            description.damaged.view(view),
            candidates=config.candidates if name == "trunk" else ("gaussian",),
            pictures=not description.sound,
            seed=config.seed,
            folds=partial(_folds, track, f"{description.spec.name}: {name}"),
        )
        assessed |= {f"{name}.{a.name}": a for a in tried}
    chosen = choose_views(best, student=config.student)
    channels = [
        Channel(
            views[name],
            build_detector(best[name].name, description.good.view(views[name]), config.seed),
            best[name].place_mean,
            best[name].standard,
        )
        for name in chosen
    ]
    trunk = load_backbone(config.backbone)
    encoder = EvidenceEncoder(description.frontend, trunk, channels)
    distance = fuse_channels([best[name].z[0] for name in chosen])
    z = _calibrate(encoder, distance, description.present, config.target_false_call_rate)
    names = [f"{name}.{best[name].name}" for name in chosen]
    return LearnedModality(
        encoder.eval(), names, assessed, description.present, z, description.golden
    )


def _calibrate(
    encoder: EvidenceEncoder, distance: Tensor, present: npt.NDArray[np.bool_], rate: float
) -> Tensor:
    """Standardises out-of-fold ``distance (k, gh, gw)``; z of all parts, NaN where absent."""
    standard = standard_of(distance.amax(dim=(1, 2)).double().numpy())
    known = (distance - standard.mean) / standard.sigma
    z = torch.full((len(present), *known.shape[1:]), float("nan"))
    z[torch.from_numpy(present)] = known
    own = fuse(rectify(known.amax(dim=(1, 2)))[:, None], dim=1)
    encoder.calibrate(standard, review_threshold(own.double().numpy(), rate))
    return z


def _folds(track: Track, label: str, folds: Sequence[Tensor], detector: str) -> Iterable[Tensor]:
    return track(folds, f"{label}, {detector}")
