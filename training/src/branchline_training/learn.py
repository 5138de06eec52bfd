"""One modality from its described good parts: views, detectors, standard of evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from .backbone import load_backbone
from .calibration import rectify, review_limit, standard_of
from .describe import Array, Description
from .encoder import Channel, EvidenceEncoder, fuse_channels
from .progress import Track
from .selection import Assessment, build_detector, choose_detector, choose_views
from .student import Branch
from .views import PictureView, StudentView, TrunkView, View

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


@dataclass(frozen=True)
class Viewed:
    """What one view shows and the best detector on it; ``assessed``: all that were tried."""

    view: View
    best: Assessment
    assessed: Sequence[Assessment]


@torch.no_grad()
def learn_modality(
    description: Description, branch: Branch | None, config: TrainConfig, track: Track
) -> LearnedModality:
    """Assesses detectors on each view without labels, fits those chosen, standardises.

    ``branch``: the student's branch of this modality, None to go without.
    """
    viewed = look(description, fixed_views(description), config, track)
    if branch is not None:
        viewed |= look(description, {"student": StudentView(branch)}, config, track)
    chosen = choose_views({n: v.best for n, v in viewed.items()}, student=config.student)
    return assemble(description, viewed, chosen, config)


def fixed_views(description: Description) -> dict[str, View]:
    """The views that need no training."""
    return {"trunk": TrunkView(), "picture": PictureView(sound=description.sound)}


@torch.no_grad()
def look(
    description: Description, views: Mapping[str, View], config: TrainConfig, track: Track
) -> dict[str, Viewed]:
    """Assesses the detectors on each of ``views``."""
    viewed: dict[str, Viewed] = {}
    for name, view in views.items():
        best, tried = choose_detector(
            description.good.view(view),
            description.damaged.view(view),
            candidates=config.candidates if name == "trunk" else ("gaussian",),
            pictures=not description.sound,
            seed=config.seed,
            ridge=view.ridge,
            own=view.own,
            folds=partial(_folds, track, f"{description.spec.name}: {name}"),
        )
        viewed[name] = Viewed(view, best, tried)
    return viewed


@torch.no_grad()
def assemble(
    description: Description,
    viewed: Mapping[str, Viewed],
    chosen: Sequence[str],
    config: TrainConfig,
) -> LearnedModality:
    """The encoder of the ``chosen`` views, each with its best detector fitted on all parts."""
    channels = [
        Channel(
            viewed[name].view,
            build_detector(
                viewed[name].best.name,
                description.good.view(viewed[name].view),
                seed=config.seed,
                ridge=viewed[name].view.ridge,
            ),
            viewed[name].best.place_mean,
            viewed[name].best.standard,
        )
        for name in chosen
    ]
    encoder = EvidenceEncoder(description.frontend, load_backbone(config.backbone), channels)
    distance = fuse_channels([viewed[name].best.z[0] for name in chosen])
    z = _calibrate(encoder, distance, description.present, config.target_false_call_rate)
    return LearnedModality(
        encoder=encoder.eval(),
        chosen=[f"{name}.{viewed[name].best.name}" for name in chosen],
        assessed={f"{name}.{a.name}": a for name, v in viewed.items() for a in v.assessed},
        present=description.present,
        z=z,
        golden=description.golden,
    )


def _calibrate(
    encoder: EvidenceEncoder, distance: Tensor, present: npt.NDArray[np.bool_], rate: float
) -> Tensor:
    """Standardises out-of-fold ``distance (k, gh, gw)``; z of all parts, NaN where absent."""
    standard = standard_of(distance.amax(dim=(1, 2)).double().numpy())
    known = (distance - standard.mean) / standard.sigma
    z = torch.full((len(present), *known.shape[1:]), float("nan"))
    z[torch.from_numpy(present)] = known
    own = rectify(known.amax(dim=(1, 2))).square()
    encoder.calibrate(standard, review_limit(own.double().numpy(), rate))
    return z


def _folds(track: Track, label: str, folds: Sequence[Tensor], detector: str) -> Iterable[Tensor]:
    return track(folds, f"{label}, {detector}")
