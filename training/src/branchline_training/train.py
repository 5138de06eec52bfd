"""From a folder of good parts to a bundle: describe, teach, detect, calibrate, export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from . import calibration
from .backbone import DEFAULT_BACKBONE, load_backbone
from .bundle import (
    Branch,
    BundleError,
    BundleParts,
    Encoder,
    branch_id,
    refuse_used,
    write_bundle,
)
from .calibration import Limit, TooFewParts, grade, rectify, review_limit, score_histogram
from .dataset import DatasetError, Part, count_present, fingerprint, read_specs, scan_train
from .decode import decode
from .describe import Description, describe
from .encoder import OUTPUTS
from .examination import examine_training
from .heads import FusionHead, fuse_modalities, head_inputs
from .learn import LearnedModality, learn_modality
from .modality_specs import NAME
from .picture_size import fit_specs
from .progress import Track
from .run_folder import RunFolder, unrecorded
from .selection import DETECTORS
from .specs import ModalitySpec
from .student import Branch as StudentBranch
from .student import Student, StudentConfig, teach
from .subsets import Subset, all_subsets, frame_of, frames_of, in_frame


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What may be chosen; the defaults are good for most parts."""

    seed: int = 1
    size: int = 256  # longest side of a picture, pixels
    target_false_call_rate: float = 0.02
    detector: str = "auto"  # or a key of DETECTORS
    student: str = "auto"  # "auto": where it adds something; "on": always; "off": not trained
    student_config: StudentConfig = field(default_factory=StudentConfig)
    device: str = "auto"  # of trunk and student: "auto", "cpu" or "cuda"
    licence: str = "not stated"
    backbone: Path | None = None

    @property
    def candidates(self) -> tuple[str, ...]:
        """The detectors compared for each modality."""
        return tuple(DETECTORS) if self.detector == "auto" else (self.detector,)


@dataclass(frozen=True)
class Learned:
    """Everything that good parts taught, before a head is made."""

    specs: Mapping[str, ModalitySpec]
    parts: Sequence[Part]
    modalities: Mapping[str, LearnedModality]


def train(
    data: Path,
    modalities: Sequence[str] | None,
    out: Path,
    config: TrainConfig,
    track: Track,
    run: RunFolder = unrecorded,
) -> list[str]:
    """Trains on ``data/train/good`` and writes the bundle ``out`` (…/NAME/VERSION).

    Never opens ``data/test``. Returns findings worth telling. Raises DatasetError, DecodeError,
    BundleError and TooFewParts with a sentence that names the culprit.
    """
    name, version = bundle_name(out)
    refuse_used(out)  # before the minutes that training takes, not after
    examined, _ = examine_training(
        data, _specs(data, modalities, config), config.target_false_call_rate, track
    )
    for finding in examined:
        if finding.severity == "error" and finding.check != "calibration":
            raise DatasetError(finding.sentence)
    learned = learn(data, modalities, config, track, run)
    branches, left_out = make_branches(learned, config)
    findings = [finding.sentence for finding in examined if finding.check != "calibration"]
    findings += left_out
    write_bundle(
        out,
        BundleParts(
            name=name,
            version=version,
            licence=config.licence,
            seed=config.seed,
            config=describe_run(config, learned.modalities),
            data={
                "name": data.resolve().name,
                "counts": {"parts": len(learned.parts), **count_present(learned.parts)},
                "fingerprint": fingerprint(learned.parts),
                "findings": findings,
            },
            specs=learned.specs,
            encoders={
                m: Encoder(module=x.encoder, outputs=OUTPUTS) for m, x in learned.modalities.items()
            },
            branches=branches,
            golden={m: x.golden for m, x in learned.modalities.items()},
        ),
        track,
    )
    run.finish()
    return findings


def learn(
    data: Path,
    modalities: Sequence[str] | None,
    config: TrainConfig,
    track: Track,
    run: RunFolder = unrecorded,
) -> Learned:
    """All of training but heads and export: trunk features, student, detectors, standards."""
    torch.manual_seed(config.seed)
    specs = _specs(data, modalities, config)
    parts = scan_train(data, list(specs))
    run.begin(config, fingerprint(parts))
    descriptions = describe_all(specs, parts, config, track)
    student = teach_student(descriptions, specs, config, track, run)
    learned = {
        m: run.stage(m, partial(learn_modality, x, _branch_of(student, x), config, track))
        for m, x in descriptions.items()
    }
    return Learned(specs, parts, learned)


def _specs(
    data: Path, modalities: Sequence[str] | None, config: TrainConfig
) -> dict[str, ModalitySpec]:
    return fit_specs(read_specs(data, modalities), config.size)


def describe_all(
    specs: Mapping[str, ModalitySpec], parts: Sequence[Part], config: TrainConfig, track: Track
) -> dict[str, Description]:
    """Decodes every file and runs the trunk over it. TooFewParts names a modality with too few."""
    trunk = load_backbone(config.backbone).to(pick_device(config.device))
    descriptions: dict[str, Description] = {}
    for name, spec in specs.items():
        owners = [part for part in parts if name in part.files]
        if len(owners) < calibration.MIN_PARTS:
            raise TooFewParts(
                f"only {len(owners)} good parts carry {name}; "
                f"{calibration.MIN_PARTS} at least are needed"
            )
        signals = [decode(part.files[name], spec) for part in track(owners, f"{name}: reading")]
        present = np.array([name in part.files for part in parts])
        descriptions[name] = describe(spec, signals, present, trunk, seed=config.seed, track=track)
    return descriptions


def teach_student(
    descriptions: Mapping[str, Description],
    specs: Mapping[str, ModalitySpec],
    config: TrainConfig,
    track: Track,
    run: RunFolder = unrecorded,
) -> Student | None:
    """The student of all modalities; None where the config wants none."""
    if config.student == "off":
        return None
    lessons = {m: d.lesson() for m, d in descriptions.items()}

    def compute() -> tuple[Student, list[dict[str, float]]]:
        return teach(
            lessons,
            frames_of(specs),
            config.student_config,
            seed=config.seed,
            steps=track(range(config.student_config.steps), "student"),
            device=pick_device(config.device),
        )

    student, losses = run.stage("student", compute)
    run.losses(losses)
    return student


def pick_device(name: str) -> torch.device:
    """``auto`` is CUDA where there is one. BundleError where CUDA is asked for and absent."""
    if name == "cuda" and not torch.cuda.is_available():
        raise BundleError(
            "--device cuda: this PyTorch sees no CUDA device; use --device cpu, or install a CUDA "
            "build of PyTorch and its driver"
        )
    cuda = name == "cuda" or (name == "auto" and torch.cuda.is_available())
    return torch.device("cuda" if cuda else "cpu")


def _branch_of(student: Student | None, description: Description) -> StudentBranch | None:
    return None if student is None else student.branch(description.spec.name)


def bundle_name(out: Path) -> tuple[str, int]:
    """``…/demo-part/3`` is version 3 of demo-part. BundleError where the path does not say so."""
    name, version = out.resolve().parent.name, out.name
    if not NAME.fullmatch(name) or not version.isdecimal() or int(version) < 1:
        raise BundleError(
            f"{out} does not end in NAME/VERSION, like models/bracket/1: a name of lower-case "
            'letters, digits, "_" or "-", and a positive whole number'
        )
    return name, int(version)


def make_branches(learned: Learned, config: TrainConfig) -> tuple[list[Branch], list[str]]:
    """A calibrated head for every subset that enough good parts carry; and what was left out."""
    branches: list[Branch] = []
    findings: list[str] = []
    for subset in all_subsets(list(learned.specs)):
        try:
            branches.append(make_branch(subset, learned, config))
        except TooFewParts as error:
            findings.append(f"branch {branch_id(subset)} is left out: {error}")
    return branches, findings


def make_branch(subset: Subset, learned: Learned, config: TrainConfig) -> Branch:
    """The head of one subset, calibrated on the good parts that carry all of it."""
    specs, modalities = learned.specs, learned.modalities
    together = torch.from_numpy(np.all([modalities[m].present for m in subset], axis=0))
    z = {m: modalities[m].z[together] for m in subset}  # (n, gh, gw) each
    evidence = rectify(torch.stack([z[m].amax(dim=(1, 2)) for m in subset], dim=1))  # (n, m)
    maps = rectify(torch.stack([z[m] for m in in_frame(subset, specs)], dim=1))
    rate = config.target_false_call_rate
    fused = fuse_modalities(evidence)  # (n,)
    head = FusionHead(
        limit=review_limit(fused.double().numpy(), rate),
        map_limit=review_limit(fuse_modalities(maps).amax(dim=(1, 2)).double().numpy(), rate),
        own_limits=[Limit(*modalities[m].encoder.limit.tolist()) for m in subset],
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
            "scoreHistogram": score_histogram(grade(fused, *head.limit).numpy()),
        },
        thresholds={"review": calibration.REVIEW, "reject": calibration.REJECT},
    )


def describe_run(config: TrainConfig, learned: Mapping[str, LearnedModality]) -> dict[str, object]:
    """What the manifest says of the run: the choices made by hand, and those made by the data."""
    chosen = asdict(replace(config, backbone=None)) | {
        "backbone": DEFAULT_BACKBONE if config.backbone is None else config.backbone.name
    }
    return chosen | {
        "detectors": {
            m: {
                "chosen": x.chosen,
                "pseudoDefectAuroc": {k: round(a.pseudo_auroc, 4) for k, a in x.assessed.items()},
                "drift": {k: round(a.drift, 4) for k, a in x.assessed.items()},
            }
            for m, x in learned.items()
        }
    }
