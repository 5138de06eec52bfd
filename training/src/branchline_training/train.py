"""From a folder of good parts to a bundle: features, detectors, calibration, branches, export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from . import calibration
from .backbone import EfficientNetLite0, load_backbone
from .bundle import (
    Branch,
    BundleError,
    BundleParts,
    Encoder,
    branch_id,
    refuse_used,
    write_bundle,
)
from .calibration import TooFewParts, fuse, rectify, review_threshold, standard_of
from .dataset import Part, count_present, fingerprint, read_specs, scan_train
from .decode import decode
from .encoder import OUTPUTS, EvidenceEncoder
from .evidence import Features
from .frontend import make_frontend
from .heads import FusionHead, head_inputs
from .modality_specs import NAME
from .picture_size import fit_specs
from .progress import Track
from .pseudo_defects import add_pseudo_defects
from .selection import DETECTORS, Assessment, build_detector, choose_detector
from .specs import AudioSpec, ModalitySpec
from .subsets import Subset, all_subsets, frame_of, in_frame

Array = npt.NDArray[np.generic]

FEATURE_BATCH = 8


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What may be chosen; the defaults are good for most parts."""

    seed: int = 1
    size: int = 256  # longest side of a picture, pixels
    target_false_call_rate: float = 0.02
    detector: str = "auto"  # or a key of DETECTORS
    licence: str = "not stated"
    backbone: Path | None = None

    @property
    def candidates(self) -> tuple[str, ...]:
        """The detectors compared for each modality."""
        return tuple(DETECTORS) if self.detector == "auto" else (self.detector,)


@dataclass(frozen=True)
class LearnedModality:
    """One modality after training, with its standardised out-of-fold evidence.

    ``present (parts)`` says which parts carry it; ``z (parts, gh, gw)`` is NaN for the others.
    """

    encoder: EvidenceEncoder
    detector: str
    assessed: Sequence[Assessment]
    present: npt.NDArray[np.bool_]
    z: Tensor
    golden: Array


def train(
    data: Path, modalities: Sequence[str] | None, out: Path, config: TrainConfig, track: Track
) -> list[str]:
    """Trains on ``data/train/good`` and writes the bundle ``out`` (…/NAME/VERSION).

    Never opens ``data/test``. Returns findings worth telling. Raises DatasetError, DecodeError,
    BundleError and TooFewParts with a sentence that names the culprit.
    """
    name, version = bundle_name(out)
    refuse_used(out)  # before the minutes that training takes, not after
    torch.manual_seed(config.seed)
    specs = fit_specs(read_specs(data, modalities), config.size)
    parts = scan_train(data, list(specs))
    trunk = load_backbone(config.backbone)
    with torch.no_grad():
        learned = {
            m: learn_modality(spec, parts, trunk, config, track) for m, spec in specs.items()
        }
        branches, findings = make_branches(learned, specs, config)
    write_bundle(
        out,
        BundleParts(
            name=name,
            version=version,
            licence=config.licence,
            seed=config.seed,
            config=describe(config, learned),
            data={
                "name": data.resolve().name,
                "counts": {"parts": len(parts), **count_present(parts)},
                "fingerprint": fingerprint(parts),
                "findings": findings,
            },
            specs=specs,
            encoders={m: Encoder(module=x.encoder, outputs=OUTPUTS) for m, x in learned.items()},
            branches=branches,
            golden={m: x.golden for m, x in learned.items()},
        ),
        track,
    )
    return findings


def bundle_name(out: Path) -> tuple[str, int]:
    """``…/demo-part/3`` is version 3 of demo-part. BundleError where the path does not say so."""
    name, version = out.resolve().parent.name, out.name
    if not NAME.fullmatch(name) or not version.isdecimal() or int(version) < 1:
        raise BundleError(
            f"{out} does not end in NAME/VERSION, like models/bracket/1: a name of lower-case "
            'letters, digits, "_" or "-", and a positive whole number'
        )
    return name, int(version)


def learn_modality(
    spec: ModalitySpec,
    parts: Sequence[Part],
    trunk: EfficientNetLite0,
    config: TrainConfig,
    track: Track,
) -> LearnedModality:
    """Features, the better detector and the standard of evidence of one modality."""
    owners = [part for part in parts if spec.name in part.files]
    if len(owners) < calibration.MIN_PARTS:
        raise TooFewParts(
            f"only {len(owners)} good parts carry {spec.name}; "
            f"{calibration.MIN_PARTS} at least are needed"
        )
    signals = [
        decode(part.files[spec.name], spec) for part in track(owners, f"{spec.name}: reading")
    ]
    features = Features(make_frontend(spec, signals), trunk)
    good, damaged = _describe(features, signals, config.seed, track, spec.name)
    choice, assessed = choose_detector(
        good,
        damaged,
        candidates=config.candidates,
        pictures=not isinstance(spec, AudioSpec),
        seed=config.seed,
        folds=lambda folds, name: track(folds, f"{spec.name}: {name}"),
    )
    detector = build_detector(choice.name, good, config.seed)
    encoder = EvidenceEncoder(features, detector, choice.place_mean)

    standard = standard_of(choice.distance.amax(dim=(1, 2)).double().numpy())
    present = np.array([spec.name in part.files for part in parts])
    known = (choice.distance - standard.mean) / standard.sigma
    z = torch.full((len(parts), *known.shape[1:]), float("nan"))
    z[torch.from_numpy(present)] = known
    own = fuse(rectify(known.amax(dim=(1, 2)))[:, None], dim=1)
    encoder.calibrate(
        standard, review_threshold(own.double().numpy(), config.target_false_call_rate)
    )
    return LearnedModality(
        encoder.eval(), choice.name, assessed, present, z, golden_signals(signals)
    )


def make_branches(
    learned: Mapping[str, LearnedModality], specs: Mapping[str, ModalitySpec], config: TrainConfig
) -> tuple[list[Branch], list[str]]:
    """A calibrated head for every subset that enough good parts carry; and what was left out."""
    branches: list[Branch] = []
    findings: list[str] = []
    for subset in all_subsets(list(specs)):
        try:
            branches.append(make_branch(subset, learned, specs, config))
        except TooFewParts as error:
            findings.append(f"branch {branch_id(subset)} is left out: {error}")
    return branches, findings


def make_branch(
    subset: Subset,
    learned: Mapping[str, LearnedModality],
    specs: Mapping[str, ModalitySpec],
    config: TrainConfig,
) -> Branch:
    """The head of one subset, calibrated on the good parts that carry all of it."""
    together = torch.from_numpy(np.all([learned[m].present for m in subset], axis=0))
    z = {m: learned[m].z[together] for m in subset}  # (n, gh, gw) each
    evidence = rectify(torch.stack([z[m].amax(dim=(1, 2)) for m in subset], dim=1))  # (n, m)
    maps = rectify(torch.stack([z[m] for m in in_frame(subset, specs)], dim=1))
    rate = config.target_false_call_rate
    head = FusionHead(
        count=len(subset),
        threshold=review_threshold(fuse(evidence, dim=1).double().numpy(), rate),
        map_threshold=review_threshold(fuse(maps, dim=1).amax(dim=(1, 2)).double().numpy(), rate),
        own_thresholds=[float(learned[m].encoder.threshold) for m in subset],
    )
    return Branch(
        modalities=subset,
        head=head.eval(),
        inputs=head_inputs(subset, specs),
        frame=frame_of(subset, specs),
        calibration={
            "n": int(together.sum()),
            "method": calibration.METHOD,
            "targetFalseCallRate": rate,
        },
        thresholds={"review": calibration.REVIEW, "reject": calibration.REJECT},
    )


def golden_signals(signals: Sequence[Array]) -> Array:
    """Three inputs to compare runtimes on: two good parts, and one shifted until it is not."""
    shifted = np.roll(signals[0], signals[0].shape[0] // 3, axis=0)
    return np.stack((signals[0], signals[-1], shifted))


def describe(config: TrainConfig, learned: Mapping[str, LearnedModality]) -> dict[str, object]:
    """What the manifest says of the run: the choices made by hand, and those made by the data."""
    chosen = asdict(replace(config, backbone=None)) | {
        "backbone": "efficientnet-lite0" if config.backbone is None else config.backbone.name
    }
    return chosen | {
        "detectors": {
            m: {
                "chosen": x.detector,
                "pseudoDefectAuroc": {a.name: round(a.pseudo_auroc, 4) for a in x.assessed},
                "drift": {a.name: round(a.drift, 4) for a in x.assessed},
            }
            for m, x in learned.items()
        }
    }


def _describe(
    features: Features, signals: Sequence[Array], seed: int, track: Track, name: str
) -> tuple[Tensor, Tensor]:
    """Features (parts, c, gh, gw) of the good parts, and of the same with pseudo-defects."""
    good: list[Tensor] = []
    damaged: list[Tensor] = []
    starts = range(0, len(signals), FEATURE_BATCH)
    for start in track(starts, f"{name}: features"):
        batch = np.stack(signals[start : start + FEATURE_BATCH])
        pictures = features.frontend(torch.from_numpy(batch))
        good.append(features.describe(pictures))
        damaged.append(features.describe(add_pseudo_defects(pictures, seed + start)))
    return torch.cat(good), torch.cat(damaged)
