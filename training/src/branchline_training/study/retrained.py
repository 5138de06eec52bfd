"""Trains once more in memory, on the training split only, what the methods are compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..backbone import DEFAULT_BACKBONE, load_backbone
from ..bundle import BundleError, read_specs
from ..dataset import Part, scan_train
from ..decode import decode
from ..describe import Description, Pictures, describe_others
from ..learn import LearnedModality, Viewed, assemble, fixed_views, look
from ..progress import Track
from ..specs import AudioSpec, ImageSpec, ModalitySpec
from ..student import StudentConfig
from ..train import TrainConfig, describe_all, teach_student
from ..views import StudentView
from .calibrate import Evidence


@dataclass(frozen=True)
class Workshop:
    """Described training and test parts, and what needs no student."""

    config: TrainConfig
    specs: Mapping[str, ModalitySpec]
    train_parts: Sequence[Part]
    descriptions: Mapping[str, Description]
    test_parts: Sequence[Part]
    test: Mapping[str, Pictures]  # of the parts that carry the modality, in order
    viewed: Mapping[str, Mapping[str, Viewed]]  # modality -> fixed views

    def fixed(self, chosen: Sequence[str]) -> Learnt:
        """Encoders of the ``chosen`` fixed views."""
        return self.assemble(self.viewed, chosen)

    def teach(self, student: StudentConfig, track: Track) -> Taught:
        """A student trained so, with the view of each of its branches assessed."""
        config = replace(self.config, student="on", student_config=student)
        taught = teach_student(self.descriptions, self.specs, config, track)
        assert taught is not None
        viewed = {
            m: {
                **self.viewed[m],
                **look(d, {"student": StudentView(taught.branch(m))}, self.config, track),
            }
            for m, d in self.descriptions.items()
        }
        return Taught(self, viewed)

    def assemble(self, viewed: Mapping[str, Mapping[str, Viewed]], chosen: Sequence[str]) -> Learnt:
        """Encoders of the ``chosen`` views, and what they say of the test parts."""
        learned = {
            m: assemble(description, viewed[m], usable(viewed[m], chosen), self.config)
            for m, description in self.descriptions.items()
        }
        return Learnt(learned, {m: self.judge(m, x) for m, x in learned.items()})

    @torch.no_grad()
    def blank(self, modality: str) -> Pictures:
        """A signal of zeros, described."""
        zeros = blank_signal(self.specs[modality])
        return describe_others(self.descriptions[modality], list(zeros), load_backbone())

    @torch.no_grad()
    def judge(self, modality: str, learned: LearnedModality) -> Tensor:
        """Evidence maps of the test parts (tests, gh, gw), NaN for those without it."""
        maps = self.test[modality].apply(learned.encoder.judge)
        carried = torch.tensor([modality in part.files for part in self.test_parts])
        z = torch.full((len(carried), *maps.shape[1:]), float("nan"))
        z[carried] = maps
        return z


@dataclass(frozen=True)
class Taught:
    """A student's views beside the fixed ones."""

    workshop: Workshop
    viewed: Mapping[str, Mapping[str, Viewed]]

    def assemble(self, chosen: Sequence[str]) -> Learnt:
        """Encoders of the ``chosen`` views."""
        return self.workshop.assemble(self.viewed, chosen)


@dataclass(frozen=True)
class Learnt:
    """One variant: its modalities and the evidence maps of the test parts."""

    modalities: Mapping[str, LearnedModality]
    maps: Mapping[str, Tensor]

    @property
    def good(self) -> Evidence:
        """Of the good training parts, out of fold."""
        return {m: x.z.amax(dim=(1, 2)) for m, x in self.modalities.items()}

    @property
    def test(self) -> Evidence:
        """Of the test parts."""
        return {m: x.amax(dim=(1, 2)) for m, x in self.maps.items()}


def usable(viewed: Mapping[str, Viewed], chosen: Sequence[str]) -> list[str]:
    """``chosen`` without a picture view that training would not take: see selection."""
    return [name for name in chosen if name != "picture" or viewed[name].best.posed]


def blank_signal(spec: ModalitySpec) -> npt.NDArray[np.generic]:
    """What a broken sensor's buffer would hold: zeros, (1, …) as the encoder takes it."""
    match spec:
        case ImageSpec():
            return np.zeros((1, spec.height, spec.width, spec.channels), dtype=np.uint8)
        case AudioSpec():
            return np.zeros((1, spec.samples), dtype=np.float32)
        case _:
            return np.zeros((1, spec.height, spec.width, 1), dtype=np.float32)


def open_workshop(
    manifest: Mapping[str, Any], data: Path, test_parts: Sequence[Part], track: Track
) -> Workshop:
    """Describes the training parts as the bundle's own training did, and the test parts."""
    chosen = manifest["trainer"]["config"]
    if chosen["backbone"] != DEFAULT_BACKBONE:
        raise BundleError(
            f"this bundle was trained with the weights {chosen['backbone']}, which it does not "
            "carry: baselines can be trained only for the default ones"
        )
    config = TrainConfig(
        seed=manifest["trainer"]["seed"],
        size=chosen["size"],
        target_false_call_rate=chosen["target_false_call_rate"],
        detector=chosen["detector"],
        student_config=StudentConfig(**chosen["student_config"]),
    )
    specs = {
        m: spec
        for m, spec in read_specs(manifest).items()
        if any(m in part.files for part in test_parts)
    }
    train_parts = scan_train(data, list(specs))
    descriptions = describe_all(specs, train_parts, config, track)
    trunk = load_backbone()
    test: dict[str, Pictures] = {}
    for m, description in descriptions.items():
        files = [part.files[m] for part in test_parts if m in part.files]
        signals = [decode(file, specs[m]) for file in track(files, f"{m}: test parts")]
        test[m] = describe_others(description, signals, trunk)
    viewed: dict[str, Mapping[str, Viewed]] = {}
    for m, d in descriptions.items():
        # What the bundle's own training found the better detector is not asked for again.
        trunk_detector = chosen["detectors"][m]["chosen"][0].split(".")[1]
        viewed[m] = look(d, fixed_views(d), replace(config, detector=trunk_detector), track)
    return Workshop(config, specs, train_parts, descriptions, test_parts, test, viewed)
