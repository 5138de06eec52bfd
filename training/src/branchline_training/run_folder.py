"""What a training run leaves beside its bundle: config, losses, environment, finished stages.

A run that was cut off goes on where it stood: each stage is saved when it is done, and taken up
again by a run with the same config on the same data.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch

from . import __version__

T = TypeVar("T")


class RunFolder:
    """A folder of one run; ``None`` records nothing."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._key = ""

    def begin(self, config: Any, data_fingerprint: str) -> None:
        """Writes config.json and environment.json; stages of another run are not taken up."""
        if self.folder is None:
            return
        assert is_dataclass(config)
        chosen = json.dumps(asdict(config), default=str, indent=2)  # type: ignore[arg-type]
        run = f"{chosen}\n{data_fingerprint}\n{__version__}"
        self._key = hashlib.sha256(run.encode()).hexdigest()[:12]
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "config.json").write_text(chosen + "\n")
        environment = json.dumps(_environment() | {"data": data_fingerprint}, indent=2)
        (self.folder / "environment.json").write_text(environment + "\n")

    def stage(self, name: str, compute: Callable[[], T]) -> T:
        """The stage as an earlier run of this config left it, or else computed and saved."""
        if self.folder is None:
            return compute()
        path = self.folder / f"{name}.{self._key}.pt"
        if path.exists():
            # Our own file of this very run, written whole (see below): it holds modules.
            return torch.load(path, map_location="cpu", weights_only=False)  # type: ignore[no-any-return]
        result = compute()
        unfinished = path.with_suffix(".part")
        torch.save(result, unfinished)
        os.replace(unfinished, path)  # a run killed while it writes leaves no half stage
        return result

    def losses(self, losses: Sequence[Mapping[str, float]]) -> None:
        """Writes losses.csv, a row a step; a term that a step does not have is left empty."""
        if self.folder is None:
            return
        with (self.folder / "losses.csv").open("w", newline="", encoding="utf-8") as file:
            rows = csv.DictWriter(file, sorted({name for step in losses for name in step}))
            rows.writeheader()
            rows.writerows(losses)

    def finish(self) -> None:
        """Removes the saved stages: the bundle is written."""
        if self.folder is not None:
            for path in self.folder.glob("*.pt"):
                path.unlink()


unrecorded = RunFolder(None)


def _environment() -> dict[str, Any]:
    return {
        "branchline-training": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "platform": platform.platform(),
        "threads": torch.get_num_threads(),
        "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }
