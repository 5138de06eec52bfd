"""All methods that ours is held against, as rows of scores on the same test parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..evaluate import EncodedPart, judge
from ..metrics import auroc
from ..progress import Track
from ..runtime import BundleRuntime
from ..student import StudentConfig
from ..subsets import Subset
from .calibrate import four_norm, scores_of, sum_of_squares
from .imputation import imputation_methods
from .missing_rates import BoolArray, FloatArray, Method, Parts
from .retrained import Learnt, Workshop

BASELINES = ("fusion", "imputation", "ablation")
ALONE = StudentConfig(alignment=False, subsets=False)
STUDENTS: Mapping[str, StudentConfig] = {
    "student": StudentConfig(),
    "student without alignment": StudentConfig(alignment=False),
    "student without uncertainty": StudentConfig(uncertainty=False),
    "student without distillation": StudentConfig(distillation=False),
    "student trained on each modality alone": ALONE,
}


def ours(runtime: BundleRuntime, encoded: Sequence[EncodedPart]) -> Method:
    """The bundle as it is served, by onnxruntime."""
    scores: dict[Subset, FloatArray] = {}
    for entry in runtime.manifest["branches"]:
        subset = tuple(entry["modalities"])
        scores[subset] = np.array(
            [
                judge(runtime, item, subset).score
                if set(subset) <= set(item.present)
                else float("nan")
                for item in encoded
            ]
        )
    return Method("ours", "the bundle, the branch of exactly what is present", scores)


def baselines(
    workshop: Workshop, defective: BoolArray, kinds: Sequence[str], track: Track
) -> Iterable[Method]:
    """``kinds``: of :data:`BASELINES`. Labels serve one baseline only, whose
    description says so: the best single modality, which they flatter."""
    base = workshop.fixed(("trunk", "picture"))
    if "fusion" in kinds:
        for calibrated in (True, False):
            yield Method(
                "late fusion" + ("" if calibrated else ", uncalibrated"),
                "independent detectors on the same views, sum of max(z, 0)²"
                + (", calibrated for each subset" if calibrated else ", one scale for all subsets"),
                scores_of(base.good, base.test, sum_of_squares, calibrated=calibrated),
            )
        yield best_single(base, defective)
    if "imputation" in kinds:
        yield from imputation_methods(workshop, track)
    if "ablation" in kinds:
        trunk_only = workshop.fixed(("trunk",))
        yield _method("without the picture view", "the trunk's view alone", trunk_only)
        for name, config in STUDENTS.items():
            taught = workshop.teach(config, track)
            with_it = taught.assemble(("trunk", "picture", "student"))
            yield _method(f"with {name}", "ours with the student's view beside the others", with_it)
            alone = taught.assemble(("student",))
            yield _method(f"only {name}", "the student's view and no other", alone)


def best_single(base: Learnt, defective: BoolArray) -> Method:
    """Of the modalities present always the one that is best on the test labels, calibrated."""
    single = {
        m: scores[(m,)]
        for m, scores in (
            (m, scores_of({m: base.good[m]}, {m: base.test[m]}, four_norm, calibrated=True))
            for m in base.test
        )
    }
    truth = defective

    def merit(m: str) -> float:
        known = ~np.isnan(single[m])
        return auroc(single[m][known], truth[known]) or 0.5

    ranked = sorted(single, key=merit, reverse=True)
    subsets = scores_of(base.good, base.test, four_norm, calibrated=True)
    return Method(
        "best single modality",
        f"one sensor at a time, the best present of {' > '.join(ranked)} "
        "(an order taken from the test labels, which flatters it)",
        {
            subset: np.where(
                np.isnan(scores), np.nan, single[next(m for m in ranked if m in subset)]
            )
            for subset, scores in subsets.items()
        },
    )


def _method(name: str, about: str, learnt: Learnt) -> Method:
    return Method(name, about, scores_of(learnt.good, learnt.test, four_norm, calibrated=True))


def single_figures(methods: Sequence[Method], parts: Parts) -> list[dict[str, Any]]:
    """Image AUROC of each method on each single modality, and on all of them."""
    rows: list[dict[str, Any]] = []
    for method in methods:
        largest = max(method.scores, key=len)
        shown = [subset for subset in method.scores if len(subset) == 1 or subset == largest]
        figures: dict[str, float | None] = {}
        for subset in shown:
            known = ~np.isnan(method.scores[subset])
            figures["+".join(subset)] = auroc(method.scores[subset][known], parts.defective[known])
        rows.append({"method": method.name, "imageAuroc": figures})
    return rows
