"""Runs the front end and the frozen trunk over good parts once, and keeps what they give."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from .backbone import EfficientNetLite0
from .frontend import make_frontend
from .progress import Track
from .pseudo_defects import add_pseudo_defects
from .specs import AudioSpec, ModalitySpec
from .student import Lesson
from .views import Taps, teacher_features

Array = npt.NDArray[np.generic]
BATCH = 8


@dataclass(frozen=True)
class Pictures:
    """Front end pictures (k, 3, h, w) and the trunk's taps of them."""

    picture: Tensor
    taps: Taps

    def view(self, view: nn.Module) -> Tensor:
        """What a view shows of all of them, (k, c, gh, gw)."""
        return self.apply(view)

    def apply(self, judge: Callable[[Tensor, tuple[Tensor, ...]], Tensor]) -> Tensor:
        """Any function of picture and taps, batch by batch."""
        return torch.cat(
            [
                judge(self.picture[i : i + BATCH], tuple(tap[i : i + BATCH] for tap in self.taps))
                for i in range(0, len(self.picture), BATCH)
            ]
        )


@dataclass(frozen=True)
class Description:
    """One modality's good parts: ``k`` of the ``parts`` carry it, as ``present (parts)`` says."""

    spec: ModalitySpec
    frontend: nn.Module
    good: Pictures
    damaged: Pictures  # the same with pseudo-defects
    present: npt.NDArray[np.bool_]
    golden: Array  # three decoded signals

    @property
    def sound(self) -> bool:
        """Whether the picture is a spectrogram."""
        return isinstance(self.spec, AudioSpec)

    def lesson(self) -> Lesson:
        """What the student learns this modality from."""
        target = teacher_features(self.good.taps)
        sigma, mean = torch.std_mean(target, dim=(0, 2, 3), keepdim=True)
        rows = torch.full((len(self.present),), -1)
        rows[torch.from_numpy(self.present)] = torch.arange(int(self.present.sum()))
        return Lesson(self.good.taps[0], (target - mean) / sigma.clamp_min(1e-6), rows)


@torch.no_grad()
def describe(
    spec: ModalitySpec,
    signals: Sequence[Array],
    present: npt.NDArray[np.bool_],
    trunk: EfficientNetLite0,
    *,
    seed: int,
    track: Track,
) -> Description:
    """Fits the front end to decoded good ``signals`` and describes them."""
    frontend = make_frontend(spec, signals)
    good: list[Pictures] = []
    damaged: list[Pictures] = []
    for start in track(range(0, len(signals), BATCH), f"{spec.name}: features"):
        picture = frontend(torch.from_numpy(np.stack(signals[start : start + BATCH])))
        good.append(_look(picture, trunk))
        damaged.append(_look(add_pseudo_defects(picture, seed + start), trunk))
    return Description(
        spec, frontend, _join(good), _join(damaged), present, golden_signals(signals)
    )


def golden_signals(signals: Sequence[Array]) -> Array:
    """Three inputs to compare runtimes on: two good parts, and one shifted until it is not."""
    shifted = np.roll(signals[0], signals[0].shape[0] // 3, axis=0)
    return np.stack((signals[0], signals[-1], shifted))


@torch.no_grad()
def describe_others(
    description: Description, signals: Sequence[Array], trunk: EfficientNetLite0
) -> Pictures:
    """Other parts' decoded signals through the same front end and trunk."""
    batches = (signals[start : start + BATCH] for start in range(0, len(signals), BATCH))
    return _join(
        [_look(description.frontend(torch.from_numpy(np.stack(b))), trunk) for b in batches]
    )


def _look(picture: Tensor, trunk: EfficientNetLite0) -> Pictures:
    device = next(trunk.parameters()).device
    stride4, stride8, stride16 = (tap.cpu() for tap in trunk(picture.to(device)))
    return Pictures(picture, (stride4, stride8, stride16))


def _join(batches: Sequence[Pictures]) -> Pictures:
    picture = torch.cat([batch.picture for batch in batches])
    stride4, stride8, stride16 = (
        torch.cat(taps) for taps in zip(*(batch.taps for batch in batches), strict=True)
    )
    return Pictures(picture, (stride4, stride8, stride16))
