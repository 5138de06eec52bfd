from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from branchline_training.alignment import Alignment
from branchline_training.distillation import ABSENT_WEIGHT, distillation_loss
from branchline_training.student import (
    Branch,
    Lesson,
    Student,
    StudentConfig,
    fuse_embeddings,
    teach,
)

PARTS, SIDE = 12, 8
FRAMES = [("depth", "rgb"), ("sound",)]


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def lesson(seed: int, carried: int = PARTS) -> Lesson:
    """The first ``carried`` parts have it; the value of a part's features is its own."""
    rows = torch.full((PARTS,), -1)
    rows[:carried] = torch.arange(carried)
    return Lesson(
        noise(carried, 24, 2 * SIDE, 2 * SIDE, seed=seed), noise(carried, 5, SIDE, SIDE), rows
    )


@pytest.fixture
def lessons() -> dict[str, Lesson]:
    return {"depth": lesson(1), "rgb": lesson(2, carried=9), "sound": lesson(3)}


def test_alignment_is_the_symmetric_cross_entropy_of_scaled_cosines() -> None:
    alignment = Alignment()
    a, b = noise(4, 3, seed=1), noise(4, 3, seed=2)
    cosine = nn.functional.cosine_similarity(a[:, None], b[None], dim=2) / 0.07
    by_hand = -(cosine.log_softmax(1).diag() + cosine.log_softmax(0).diag()).mean() / 2
    assert alignment._contrast(a, b).item() == pytest.approx(by_hand.item(), rel=1e-4)


def test_alignment_compares_places_where_pixels_are_shared_and_parts_where_not() -> None:
    """A map rolled by one place has the same mean: only the comparison by place minds."""
    alignment, generator = Alignment(), torch.Generator().manual_seed(0)
    a = noise(4, 16, SIDE, SIDE)
    pair = {"depth": a, "rgb": torch.roll(a, 1, dims=3)}
    by_place = alignment(pair, [("depth", "rgb")], generator)
    by_part = alignment(pair, [("depth",), ("rgb",)], generator)
    same_place = alignment({"depth": a, "rgb": a}, [("depth", "rgb")], generator)
    assert same_place < 0.1 < by_place
    assert by_part < 0.1


def test_distillation_weighs_an_error_by_how_sure_the_prediction_is() -> None:
    predicted, target = torch.zeros(1, 5, 2, 2), torch.full((1, 5, 2, 2), 2.0)

    def loss(s: float) -> float:
        return distillation_loss(predicted, torch.full((1, 2, 2), s), target, weigh=True).item()

    assert loss(0.5) == pytest.approx(4 * math.exp(-0.5) + 0.5)
    assert min(loss(math.log(4) + d) for d in (-0.1, 0.0, 0.1)) == loss(math.log(4))
    plain = distillation_loss(predicted, torch.full((1, 2, 2), 9.0), target, weigh=False)
    assert plain.item() == pytest.approx(4.0)


def test_the_surer_embedding_counts_more() -> None:
    sure, unsure = torch.ones(1, 3, 2, 2), torch.zeros(1, 3, 2, 2)
    embedded = {
        "rgb": (sure, torch.full((1, 2, 2), -1.0)),
        "depth": (unsure, torch.full((1, 2, 2), 1.0)),
    }
    expected = math.e / (math.e + 1 / math.e)
    assert fuse_embeddings(embedded, weigh=True).mean().item() == pytest.approx(expected)
    assert fuse_embeddings(embedded, weigh=False).mean().item() == pytest.approx(0.5)


def test_an_absent_modality_is_never_fed_and_gets_no_gradient(lessons: dict[str, Lesson]) -> None:
    student = Student(lessons, FRAMES)
    terms = student.loss(
        {"depth": lessons["depth"].seen[:4]},
        {m: x.target[:4] for m, x in lessons.items()},
        StudentConfig(),
        torch.Generator().manual_seed(0),
    )
    assert set(terms) == {"alignment", "distillation.depth", "distillation.rgb"}
    torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]
    assert any(p.grad is not None for p in student.branch("depth").parameters())
    for absent in ("rgb", "sound"):
        assert all(p.grad is None for p in student.branch(absent).parameters())


def test_what_a_branch_is_fed_in_training_is_always_its_own_sensors_features(
    lessons: dict[str, Lesson], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Zeros, a mean, a neighbour's or another sensor's features would all be caught here."""
    fed: list[tuple[Branch, Tensor]] = []
    forward = Branch.forward

    def recorded(self: Branch, seen: Tensor) -> tuple[Tensor, Tensor]:
        fed.append((self, seen.detach().clone()))
        return forward(self, seen)

    monkeypatch.setattr(Branch, "forward", recorded)
    student, losses = teach(lessons, FRAMES, StudentConfig(steps=30), seed=1, steps=range(30))
    assert len(losses) == 30
    owners = {id(student.branch(m)): lessons[m].seen for m in lessons}
    for branch, seen in fed:
        known = owners[id(branch)]
        for part in seen:
            assert (known == part).flatten(1).all(dim=1).any()
    assert 30 < len(fed) < 90  # not everything at every step: subsets


def test_all_rows_of_one_step_are_the_same_parts(
    lessons: dict[str, Lesson], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[dict[str, Any]] = []
    loss = Student.loss

    def recorded(self: Student, present: Any, targets: Any, *rest: Any) -> dict[str, Tensor]:
        steps.append({m: x.clone() for m, x in present.items()})
        return loss(self, present, targets, *rest)

    monkeypatch.setattr(Student, "loss", recorded)
    teach(lessons, FRAMES, StudentConfig(steps=20), seed=1, steps=range(20))
    for present in (step for step in steps if len(step) > 1):
        parts = [
            [int((lessons[m].seen == x).flatten(1).all(dim=1).nonzero()[0]) for x in batch]
            for m, batch in present.items()
        ]
        assert all(drawn == parts[0] for drawn in parts)


def test_training_lowers_every_loss_and_repeats_itself(lessons: dict[str, Lesson]) -> None:
    config = StudentConfig(steps=60)
    student, losses = teach(lessons, FRAMES, config, seed=1, steps=range(60))

    def mean(name: str, part: slice) -> float:
        values = [step[name] for step in losses[part] if name in step]
        return sum(values) / len(values)

    for name in ("alignment", "distillation.depth", "distillation.sound"):
        assert mean(name, slice(40, 60)) < mean(name, slice(0, 20))
    again, _ = teach(lessons, FRAMES, config, seed=1, steps=range(60))
    assert torch.equal(student.branch("rgb").stem.weight, again.branch("rgb").stem.weight)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (StudentConfig(alignment=False), {"distillation.depth", "distillation.rgb"}),
        (StudentConfig(distillation=False), {"alignment"}),
        (
            StudentConfig(alignment=False, subsets=False),
            {"distillation.depth", "distillation.rgb"},
        ),
    ],
)
def test_each_part_of_the_method_can_be_left_out(
    lessons: dict[str, Lesson], config: StudentConfig, expected: set[str]
) -> None:
    both = {m: lessons[m].seen[:4] for m in ("depth", "rgb")}
    targets = {m: lessons[m].target[:4] for m in both}
    terms = Student(lessons, FRAMES).loss(both, targets, config, torch.Generator())
    assert set(terms) == expected


def test_alone_a_branch_learns_nothing_of_the_others(lessons: dict[str, Lesson]) -> None:
    config = StudentConfig(alignment=False, subsets=False, steps=12)
    _, losses = teach(lessons, FRAMES, config, seed=1, steps=range(12))
    assert all(len(step) == 2 for step in losses)  # its own distillation, and the total


def test_a_weight_of_absent_targets_is_what_the_docs_say(lessons: dict[str, Lesson]) -> None:
    student = Student({m: lessons[m] for m in ("depth", "rgb")}, [("depth", "rgb")])
    targets = {m: lessons[m].target[:4] for m in ("depth", "rgb")}
    seen = {"depth": lessons["depth"].seen[:4]}
    term = student.loss(seen, targets, StudentConfig(), torch.Generator())["distillation.rgb"]
    with torch.no_grad():
        embedding, _ = student.embed("depth", seen["depth"])
        predicted, s = student.decoders["rgb"](embedding)
        full = distillation_loss(predicted, s, targets["rgb"], weigh=True)
    assert term.item() == pytest.approx(ABSENT_WEIGHT * full.item(), rel=1e-4)
