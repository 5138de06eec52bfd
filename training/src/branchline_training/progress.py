"""How long work shows that it is alive; tests pass :func:`silent`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

T = TypeVar("T")


class Track(Protocol):
    """Takes items one by one under a label."""

    def __call__(self, items: Sequence[T], label: str) -> Iterable[T]:
        """The items, in order."""


def silent(items: Sequence[T], label: str) -> Iterable[T]:  # noqa: ARG001
    """Shows nothing."""
    return items


def bars(items: Sequence[T], label: str) -> Iterable[T]:
    """A bar on standard error with count and time left."""
    columns = (
        TextColumn("{task.description:<28}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield from progress.track(items, description=label)
