"""The student: one light branch a modality, trained together on whatever subset is present.

A branch embeds the trunk's stride-4 features on the stride-8 grid. In training the embeddings of
those present are fused by how sure each is of itself, and decoded to the teacher's features of all
modalities; decoders and fusion are left behind afterwards. A modality that is absent has no entry
in the mappings here: nothing stands in for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from .alignment import Alignment
from .distillation import ABSENT_WEIGHT, Decoder, distillation_loss
from .subsets import Subset, all_subsets

DIMENSIONS = 64
NORM_GROUPS = 8
BATCH = 8
LEARNING_RATE = 2e-3
CPU = torch.device("cpu")
GRADIENT_LIMIT = 1.0


METHOD_PARTS = ("alignment", "distillation", "uncertainty", "subsets")


@dataclass(frozen=True, kw_only=True)
class StudentConfig:
    """Which parts of the method are used, and for how long it trains."""

    alignment: bool = True  # contrastive loss between modalities
    distillation: bool = True  # prediction of the teacher's features
    uncertainty: bool = True  # weighs both that loss and, in training, the fused embeddings
    subsets: bool = True  # a random subset a step; otherwise each modality only by itself
    steps: int = 120


@dataclass(frozen=True)
class Lesson:
    """One modality's good parts: what the student sees and what it should predict.

    ``seen (k, 24, h, w)`` stride-4 features, ``target (k, c, gh, gw)`` the teacher's, standardised;
    ``rows (parts)`` tells where a part stands in them, -1 for parts that lack the modality.
    """

    seen: Tensor
    target: Tensor
    rows: Tensor


class Branch(nn.Module):
    """Stride-4 features (n, 24, h, w) to an embedding and its log-variance on the stride-8 grid."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(channels + 2, DIMENSIONS, 3, stride=2, padding=1)
        self.blocks = nn.Sequential(_Residual(), _Residual())
        self.head = nn.Conv2d(DIMENSIONS, DIMENSIONS + 1, 1)

    def forward(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Returns embedding (n, 64, h/2, w/2) and log-variance (n, h/2, w/2)."""
        y = self.head(self.blocks(self.stem(torch.cat((seen, _coordinates(seen)), dim=1))))
        return y[:, :-1], y[:, -1]


class _Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.GroupNorm(NORM_GROUPS, DIMENSIONS),
            nn.GELU(),
            nn.Conv2d(DIMENSIONS, DIMENSIONS, 3, padding=1),
            nn.GroupNorm(NORM_GROUPS, DIMENSIONS),
            nn.GELU(),
            nn.Conv2d(DIMENSIONS, DIMENSIONS, 3, padding=1),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return x + y


def _coordinates(like: Tensor) -> Tensor:
    """(n, 2, h, w): row and column of each place, -1…1."""
    n, _, h, w = like.shape
    rows = torch.linspace(-1, 1, h, device=like.device)[:, None].expand(h, w)
    columns = torch.linspace(-1, 1, w, device=like.device)[None, :].expand(h, w)
    return torch.stack((rows, columns)).expand(n, 2, h, w)


def fuse_embeddings(embedded: Mapping[str, tuple[Tensor, Tensor]], *, weigh: bool) -> Tensor:
    """Mean of the present embeddings (n, d, gh, gw), weighted by softmax of -log-variance."""
    embeddings = torch.stack([e for e, _ in embedded.values()])  # (m, n, d, gh, gw)
    if not weigh:
        return embeddings.mean(dim=0)
    weights = torch.softmax(torch.stack([-s for _, s in embedded.values()]), dim=0)
    return (weights[:, :, None] * embeddings).sum(dim=0)


class Student(nn.Module):
    """All branches, with the decoders that only training needs."""

    def __init__(self, lessons: Mapping[str, Lesson], frames: Sequence[Sequence[str]]) -> None:
        super().__init__()
        self.frames = frames
        self.branches = nn.ModuleDict({m: Branch(x.seen.shape[1]) for m, x in lessons.items()})
        self.decoders = nn.ModuleDict(
            {m: Decoder(DIMENSIONS, x.target.shape[1]) for m, x in lessons.items()}
        )
        self.alignment = Alignment()

    def branch(self, modality: str) -> Branch:
        """What is exported of one modality."""
        branch = self.branches[modality]
        assert isinstance(branch, Branch)
        return branch

    def embed(self, modality: str, seen: Tensor) -> tuple[Tensor, Tensor]:
        """One branch."""
        answer: tuple[Tensor, Tensor] = self.branches[modality](seen)
        return answer

    def loss(
        self,
        present: Mapping[str, Tensor],
        targets: Mapping[str, Tensor],
        config: StudentConfig,
        generator: torch.Generator,
    ) -> dict[str, Tensor]:
        """The terms of one step. ``present``: stride-4 features of the modalities in this step's
        subset; ``targets``: the teacher's features of every modality these parts carry."""
        embedded = {m: self.embed(m, seen) for m, seen in present.items()}
        terms: dict[str, Tensor] = {}
        if config.alignment:
            terms["alignment"] = self.alignment(
                {m: e for m, (e, _) in embedded.items()}, self.frames, generator
            )
        for frame in self.frames if config.distillation else ():
            inside = {m: embedded[m] for m in frame if m in embedded}
            if not inside:
                continue
            fused = fuse_embeddings(inside, weigh=config.uncertainty)
            known = set(targets) if config.subsets else set(inside)
            for m in sorted(set(frame) & known):
                weight = 1.0 if m in inside else ABSENT_WEIGHT
                predicted, log_variance = self.decoders[m](fused)
                terms[f"distillation.{m}"] = weight * distillation_loss(
                    predicted, log_variance, targets[m], weigh=config.uncertainty
                )
        return terms


def teach(
    lessons: Mapping[str, Lesson],
    frames: Sequence[Sequence[str]],
    config: StudentConfig,
    *,
    seed: int,
    steps: Iterable[int],
    device: torch.device = CPU,
) -> tuple[Student, list[dict[str, float]]]:
    """Trains a student on good parts; also returns the terms of the loss, one entry a step.

    ``frames``: which modalities share their pixels; ``steps``: range(config.steps), with progress.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    generator = torch.Generator().manual_seed(seed)
    student = Student(lessons, frames).to(device).train()
    optimizer = torch.optim.AdamW(student.parameters(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=LEARNING_RATE, total_steps=config.steps
    )
    scaler = torch.amp.GradScaler(device.type, enabled=device.type == "cuda")
    losses: list[dict[str, float]] = []
    subsets = _taught(lessons)
    if not config.subsets:
        subsets = [subset for subset in subsets if len(subset) == 1]
    for _ in steps:
        subset = subsets[rng.integers(len(subsets))]
        parts = _draw_parts(lessons, subset, rng)
        present = {m: _take(lessons[m].seen, lessons[m], parts, device) for m in subset}
        targets = {
            m: _take(lesson.target, lesson, parts, device)
            for m, lesson in lessons.items()
            if bool((lesson.rows[parts] >= 0).all())
        }
        with torch.autocast(device.type, enabled=device.type == "cuda"):
            terms = student.loss(present, targets, config, generator)
            total = torch.stack(list(terms.values())).sum()
        optimizer.zero_grad()
        scaler.scale(total).backward()  # type: ignore[no-untyped-call]
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(student.parameters(), GRADIENT_LIMIT)
        scaler.step(optimizer)
        scaler.update()
        schedule.step()
        losses.append({name: term.item() for name, term in {**terms, "total": total}.items()})
    return student.cpu().eval().requires_grad_(False), losses


def _taught(lessons: Mapping[str, Lesson]) -> list[Subset]:
    """The subsets that some part carries whole."""
    return [
        subset
        for subset in all_subsets(list(lessons))
        if bool(torch.stack([lessons[m].rows >= 0 for m in subset]).all(dim=0).any())
    ]


def _draw_parts(lessons: Mapping[str, Lesson], subset: Subset, rng: np.random.Generator) -> Tensor:
    """Up to BATCH random parts that carry all of ``subset``, (k)."""
    carry = torch.stack([lessons[m].rows >= 0 for m in subset]).all(dim=0)
    known = carry.nonzero()[:, 0].numpy()
    return torch.from_numpy(rng.choice(known, size=min(BATCH, len(known)), replace=False))


def _take(values: Tensor, lesson: Lesson, parts: Tensor, device: torch.device) -> Tensor:
    return values[lesson.rows[parts]].to(device)
