"""Measures what branches cost beside PatchCore on the same trunk: one thread, one interleaved run.

    training/.venv/bin/python training/tools/bench_cost.py models/bracket/1 models/bracket/2

Inputs are synthetic: the time does not depend on them. PatchCore (Roth et al., CVPR 2022): strides
8 and 16 averaged 3 x 3 and put side by side, nearest neighbour in a bank of 10 % of the patches of
180 good parts. Left out: the paper's re-weighting of the score. The bank is random, not a greedy
coreset: a bank of the same size costs the same.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import branchline_training  # noqa: F401 - before onnxruntime, which would report to its maker

# isort: split
import numpy as np
import onnx
import onnxruntime as ort
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from branchline_training.backbone import load_backbone
from branchline_training.bundle import branch_id
from branchline_training.frontend import ImageFrontend
from branchline_training.onnx_export import export_module
from branchline_training.runtime import BundleRuntime
from branchline_training.views import teacher_features

SIDE = 256
PARTS, SHARE = 180, 0.1
BANK = int(PARTS * (SIDE // 8) ** 2 * SHARE)  # 18432
CHANNELS = 152
TRUNK, PATCHCORE = "trunk, fp32", "PatchCore, fp32"


class Trunk(nn.Module):
    """uint8 (n, h, w, 3) to the trunk's taps at strides 8 and 16, side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.frontend = ImageFrontend()
        self.trunk = load_backbone()

    def forward(self, signal: Tensor) -> Tensor:
        """(n, 152, h/8, w/8)."""
        return teacher_features(self.trunk(self.frontend(signal)))


class PatchCore(nn.Module):
    """uint8 (n, h, w, 3) to score (n) and distance map (n, h/8, w/8)."""

    def __init__(self) -> None:
        super().__init__()
        self.features = Trunk()
        generator = torch.Generator().manual_seed(1)
        self.bank = nn.Buffer(torch.randn(CHANNELS, BANK, generator=generator))
        self.squared = nn.Buffer(self.bank.square().sum(dim=0))

    def forward(self, signal: Tensor) -> tuple[Tensor, Tensor]:
        """See the class. |x - m|^2 = |x|^2 + |m|^2 - 2 x.m, as one product and one minimum."""
        x = F.avg_pool2d(self.features(signal), 3, 1, 1).permute(0, 2, 3, 1)  # (n, gh, gw, c)
        nearest = (self.squared - 2.0 * torch.matmul(x, self.bank)).amin(dim=3)
        distance = torch.sqrt((x.square().sum(dim=3) + nearest).clamp_min(0.0))
        return distance.amax(dim=(1, 2)), distance


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundles", type=Path, nargs="+", metavar="BUNDLE")
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        candidates = _peers(Path(scratch))
        for bundle in arguments.bundles:
            candidates |= _branches(bundle)
        times = measure(candidates, arguments.rounds)
    print(table(times))
    print(
        f"\n{PATCHCORE}: {BANK * CHANNELS / 1e6:.2f} million numbers in the bank, beside the trunk"
    )
    for bundle in arguments.bundles:
        print(_sizes(bundle))


def measure(candidates: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each candidate: one run a round, all in turn, so that they share noise."""
    for run in candidates.values():
        run()
        run()
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, run in candidates.items():
            start = time.perf_counter()
            run()
            times[name].append((time.perf_counter() - start) * 1e3)
    return times


def table(times: dict[str, list[float]]) -> str:
    """Medians with quartiles, and how many times as long PatchCore took in the same round."""
    lines = ["| | ms, median (quartiles) | PatchCore takes, times as long |", "|---|---|---|"]
    for name, own in times.items():
        ratios = np.array(times[PATCHCORE]) / np.array(own)
        lines.append(f"| {name} | {_spread(own)} | {_spread(ratios)} |")
    return "\n".join(lines)


def _spread(values: Any) -> str:
    low, median, high = np.quantile(values, (0.25, 0.5, 0.75))
    return f"{median:.1f} ({low:.1f}–{high:.1f})"


def _peers(folder: Path) -> dict[str, Callable[[], Any]]:
    picture = np.random.default_rng(1).integers(0, 256, (2, SIDE, SIDE, 3), dtype=np.uint8)
    peers: dict[str, Callable[[], Any]] = {}
    for name, module, outputs in (
        (TRUNK, Trunk(), ["taps"]),
        (PATCHCORE, PatchCore(), ["score", "map"]),
    ):
        file = folder / f"{len(peers)}.onnx"
        export_module(module, file, inputs={"rgb": picture}, outputs=outputs)
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        session = ort.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        peers[name] = lambda s=session: s.run(None, {"rgb": picture[:1]})  # type: ignore[misc]
    return peers


def _branches(bundle: Path) -> dict[str, Callable[[], Any]]:
    """Single branches, pairs and all together, as encoders and head."""
    runtime = BundleRuntime(bundle, threads=1)
    signals = {
        entry["modality"]: np.load(bundle / entry["file"])[:1]
        for entry in runtime.manifest["golden"]["inputs"]
    }
    names = sorted(signals)
    known = {branch["id"] for branch in runtime.manifest["branches"]}
    sizes = sorted({1, 2, len(names)} & set(range(1, len(names) + 1)))
    return {
        f"{bundle.parent.name}/{bundle.name} {branch_id(subset)}": (
            lambda s={m: signals[m] for m in subset}: runtime.run(s)  # type: ignore[misc]
        )
        for size in sizes
        for subset in itertools.combinations(names, size)
        if branch_id(subset) in known
    }


def _sizes(bundle: Path) -> str:
    """Numbers in the graphs of a bundle, by where they come from, and its megabytes."""
    learned = trunk = 0
    manifest = BundleRuntime(bundle).manifest
    listed = [*manifest["encoders"], *(branch["head"] for branch in manifest["branches"])]
    for entry in listed:
        for tensor in onnx.load(bundle / entry["file"]).graph.initializer:
            count = int(np.prod(tensor.dims))
            if "module.trunk." in tensor.name:
                trunk += count
            else:
                learned += count
    precisions = {entry["modality"]: entry["precision"] for entry in manifest["encoders"]}
    return (
        f"{bundle.parent.name}/{bundle.name}: {learned / 1e6:.2f} million numbers learned or fixed "
        f"beside the trunks, {trunk / 1e6:.2f} million in the {len(precisions)} trunks (frozen), "
        f"{sum(entry['bytes'] for entry in listed) / 1e6:.1f} MB of graphs; {precisions}"
    )


if __name__ == "__main__":
    main()
