"""Judges a labelled folder with a bundle, as the service would, and reports how well it does.

Only this file and the ``evaluate`` command open the test split.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.stats import binomtest

from .bundle import branch_id, read_specs
from .dataset import DatasetError, Part, load_mask, scan_test
from .decode import decode
from .metrics import auroc, confidence_interval, pixel_figures
from .progress import Track
from .runtime import Answer, BundleRuntime, FloatArray
from .specs import AudioSpec, ModalitySpec
from .subsets import Subset, frame_of

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class EncodedPart:
    """One test part after its encoders: what every head that applies to it takes."""

    part: Part
    outputs: Mapping[str, FloatArray]  # "<modality>.<output>" -> (1, …)

    @property
    def present(self) -> Subset:
        """The modalities it has, sorted."""
        return tuple(sorted(self.part.files))


@dataclass(frozen=True)
class Judgement:
    """What one branch said of one part."""

    part: Part
    branch: str
    score: float
    map: FloatArray  # (h, w)


def encode_parts(runtime: BundleRuntime, data: Path, track: Track) -> list[EncodedPart]:
    """Runs every test part through the encoders of the modalities it has, once each.

    The data may lack modalities of the bundle. Raises DatasetError where it has none of them.
    """
    specs = read_specs(runtime.manifest)
    present = [modality for modality in specs if any((data / "test").glob(f"*/{modality}"))]
    if not present:
        raise DatasetError(
            f"{data}/test holds none of this bundle's modalities ({', '.join(specs)}); "
            "the layout is test/<good or defect>/<modality>/ID.png"
        )
    encoded: list[EncodedPart] = []
    for part in track(scan_test(data, present), "judging parts"):
        outputs: dict[str, FloatArray] = {}
        for modality, path in part.files.items():
            outputs |= runtime.encode(modality, decode(path, specs[modality])[None])
        encoded.append(EncodedPart(part, outputs))
    return encoded


def judge(runtime: BundleRuntime, item: EncodedPart, subset: Subset) -> Judgement:
    """The verdict of the branch of exactly ``subset``."""
    answer: Answer = runtime.head(subset, item.outputs)
    return Judgement(item.part, branch_id(subset), float(answer.score[0]), answer.map[0])


def read_captures(path: Path) -> dict[str, Subset]:
    """Which modalities each capture carries: ``{"captures": [{label, id, modalities}]}``.

    Returns them by ``label/id``. Raises DatasetError where the file is something else.
    """
    try:
        captures = json.loads(path.read_text(encoding="utf-8"))["captures"]
        return {f"{c['label']}/{c['id']}": tuple(sorted(c["modalities"])) for c in captures}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(
            f'{path} is no list of captures ({error}); it must read {{"captures": '
            '[{"label": "good", "id": "000", "modalities": ["rgb"]}]}'
        ) from error


def evaluate_captures(
    runtime: BundleRuntime, encoded: Sequence[EncodedPart], captures: Mapping[str, Subset]
) -> dict[str, Any]:
    """Scores exactly these captures with exactly these modalities."""
    by_key = {item.part.key: item for item in encoded}
    unknown = sorted(set(captures) - set(by_key))
    if unknown:
        raise DatasetError(f'the captures name "{unknown[0]}", which the test split does not have')
    for key, subset in captures.items():
        lacking = sorted(set(subset) - set(by_key[key].present))
        if lacking:
            raise DatasetError(f'capture "{key}" has no file for {lacking[0]}')
    judged = [judge(runtime, by_key[key], subset) for key, subset in captures.items()]
    return {
        "imageAuroc": image_auroc(judged),
        "scores": [
            {"label": j.part.label, "id": j.part.id, "branch": j.branch, "score": j.score}
            for j in judged
        ],
    }


def evaluate_branches(
    runtime: BundleRuntime, encoded: Sequence[EncodedPart], *, seed: int, track: Track
) -> list[dict[str, Any]]:
    """Image AUROC with interval, pixel AUROC, AUPRO and false calls, branch by branch."""
    specs = read_specs(runtime.manifest)
    rows: list[dict[str, Any]] = []
    for entry in track(runtime.manifest["branches"], "figures by branch"):
        subset = tuple(entry["modalities"])
        judged = [
            judge(runtime, item, subset) for item in encoded if set(subset) <= set(item.present)
        ]
        pixel, aupro = _pixel_figures(judged, subset, specs)
        interval = confidence_interval(*_scores(judged), seed=seed)
        good = [j.score for j in judged if j.part.is_good]
        review = entry["thresholds"]["review"]
        rows.append(
            {
                "branch": entry["id"],
                "n": {"good": len(good), "defective": len(judged) - len(good)},
                "imageAuroc": image_auroc(judged),
                "interval95": interval,
                "pixelAuroc": pixel,
                "aupro": aupro,
                **_false_calls([s >= review for s in good]),
                "byDefect": _by_defect(judged),
            }
        )
    return rows


def image_auroc(judged: Sequence[Judgement]) -> float | None:
    """AUROC of the scores; None where all parts are of one class."""
    return auroc(*_scores(judged))


def into_manifest(manifest: dict[str, Any], report: Mapping[str, Any]) -> None:
    """Writes the figures where the service and the readers of the manifest look for them."""
    rows = {row["branch"]: row for row in report["branches"]}
    for entry in manifest["branches"]:
        row = rows[entry["id"]]
        entry["metrics"] = {key: row[key] for key in ("imageAuroc", "pixelAuroc", "aupro")} | {
            "on": report["on"]
        }
    manifest["evaluation"] = _rounded(dict(report))


def _rounded(value: Any) -> Any:
    """Figures to four decimals: more says nothing, and the manifest is read by people too."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return value


def _scores(judged: Iterable[Judgement]) -> tuple[npt.NDArray[np.float64], BoolArray]:
    pairs = [(j.score, not j.part.is_good) for j in judged]
    return np.array([s for s, _ in pairs]), np.array([d for _, d in pairs], dtype=bool)


def _false_calls(called: Sequence[bool]) -> dict[str, Any]:
    """Rate, and its exact 95 % interval (Clopper & Pearson, Biometrika 1934)."""
    if not called:
        return {"falseCallRate": None, "falseCall95": None}
    interval = binomtest(sum(called), len(called)).proportion_ci(0.95, method="exact")
    return {
        "falseCallRate": sum(called) / len(called),
        "falseCall95": (float(interval.low), float(interval.high)),
    }


def _by_defect(judged: Sequence[Judgement]) -> dict[str, float | None]:
    """AUROC of each kind of defect alone against the good parts: what these sensors can see."""
    kinds = sorted({j.part.label for j in judged if not j.part.is_good})
    return {
        kind: image_auroc([j for j in judged if j.part.is_good or j.part.label == kind])
        for kind in kinds
    }


def _pixel_figures(
    judged: Sequence[Judgement], subset: Subset, specs: Mapping[str, ModalitySpec]
) -> tuple[float | None, float | None]:
    """Pixel AUROC and AUPRO over good parts and the defective ones that have a mask."""
    frame = specs[frame_of(subset, specs)]
    if isinstance(frame, AudioSpec):
        return None, None
    maps: list[FloatArray] = []
    masks: list[BoolArray] = []
    for j in judged:
        mask = _mask(j.part, subset, frame.height, frame.width, specs)
        if mask is not None:
            zoom = (frame.height / j.map.shape[0], frame.width / j.map.shape[1])
            maps.append(ndimage.zoom(j.map, zoom, order=1, grid_mode=True, mode="nearest"))
            masks.append(mask)
    return pixel_figures(maps, masks) if masks else (None, None)


def _mask(
    part: Part, subset: Subset, height: int, width: int, specs: Mapping[str, ModalitySpec]
) -> BoolArray | None:
    """Where the subset's sensors can see the flaw; None where nobody has said.

    Masks of single modalities come first; the part's one mask holds for the data's main frame.
    """
    if part.is_good:
        return np.zeros((height, width), dtype=bool)
    frame = frame_of(subset, specs)
    same_frame = {frame, *specs[frame].registered_with}
    own = [
        load_mask(path, height, width)
        for modality, path in part.modality_masks.items()
        if modality in subset and modality in same_frame
    ]
    if part.modality_masks:
        mask = np.any(own, axis=0) if own else None
    elif part.mask is not None and frame_of(tuple(sorted(specs)), specs) in same_frame:
        mask = load_mask(part.mask, height, width)
    else:
        mask = None
    return mask if mask is not None and mask.any() else None
