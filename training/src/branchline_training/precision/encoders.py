"""Brings one encoder to another precision, as much of its trunk as good parts allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort

from .standard import Transfer, Z, apply_transfer, transfer
from .trunk import Array, require_trunk, to_fp16, to_int8

FloatArray = npt.NDArray[np.float32]

RANGE_PARTS = 32  # parts whose activations set the int8 ranges
# Mean correlation with the fp32 evidence map on good parts, where there is nothing but noise to
# correlate. On a draw of the synthetic part 0.92 cost thermal 1.1 points of AUROC; 0.97 cost none.
ENOUGH = 0.97
# Stem and first blocks left in fp32, the fastest first. They look at few channels of small spread,
# and the covariances downstream magnify their errors: the first depthwise convolution alone in
# int8 takes a depth map's correlation from 1.00 to 0.15, the stem a thermal map's to 0.97; no
# later layer that was tried alone took any to less than 0.99. With 8 blocks kept next to nothing
# is gained.
KEPT_BLOCKS = (1, 2, 3, 5)


@dataclass(frozen=True)
class Converted:
    """An encoder after conversion; ``model`` is None where it has to stay in fp32."""

    model: onnx.ModelProto | None
    precision: str
    kept_blocks: int | None  # of int8: how many of the trunk's blocks are still fp32
    correlation: float
    moved: Transfer | None

    def report(self) -> dict[str, Any]:
        """For the manifest."""
        moved = self.moved
        return {
            "precision": self.precision,
            "blocksKeptInFp32": self.kept_blocks,
            "mapCorrelation": round(self.correlation, 4),
            "standard": moved and {"gain": round(moved.gain, 4), "offset": round(moved.offset, 4)},
        }


def convert_encoder(
    file: Path, modality: str, signals: Sequence[Array], precision: str
) -> Converted:
    """The encoder in ``file`` as ``int8`` or ``fp16``, its standard carried over on ``signals``.

    int8 leaves as many blocks in fp32 as it takes to keep the evidence maps of these good parts.
    """
    require_trunk(file)
    before = _evidence(file.read_bytes(), modality, signals)
    spread = np.linspace(0, len(signals) - 1, min(RANGE_PARTS, len(signals))).round().astype(int)
    kept: int | None
    for kept in KEPT_BLOCKS if precision == "int8" else (None,):
        if kept is None:
            model = to_fp16(file)
        else:
            model = to_int8(file, modality, [signals[i] for i in spread], kept)
        after = _evidence(model.SerializeToString(), modality, signals)
        correlation = mean_correlation(before, after)
        if correlation >= ENOUGH:
            moved = transfer(before.max(axis=(1, 2)), after.max(axis=(1, 2)))
            apply_transfer(model, moved)
            return Converted(model, precision, kept, correlation, moved)
    return Converted(None, "fp32", None, correlation, None)


def mean_correlation(before: FloatArray, after: FloatArray) -> float:
    """Pearson correlation of each map (n, h, w) with its counterpart, averaged over n."""
    pairs = zip(before, after, strict=True)
    return float(np.mean([np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in pairs]))


def _evidence(graph: bytes, modality: str, signals: Sequence[Array]) -> FloatArray:
    """The evidence maps (n, gh, gw) of signals run one by one, as a line sends them."""
    session = ort.InferenceSession(graph, providers=["CPUExecutionProvider"])
    maps = [session.run([Z], {modality: signal[None]})[0] for signal in signals]
    return np.concatenate(maps)
