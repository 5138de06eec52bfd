"""Carries an encoder's standard of evidence over to its quantised graph.

The thresholds of a bundle come from evidence of good parts that the detectors had not learned
from. A bundle keeps no folds, so that evidence cannot be had again; what can be had is how
quantisation moves the evidence of one and the same part. ``z`` is therefore scaled and shifted
until its mean and deviation on good parts are what the fp32 encoder says of the very same parts:
the out-of-fold thresholds of the heads then hold on, whether or not these parts were trained on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

Z = "evidence_map"  # the encoder's standardised evidence; all its outputs follow from it
FloatArray = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Transfer:
    """``z`` of the fp32 encoder is about ``gain`` · z of the quantised one + ``offset``."""

    gain: float
    offset: float


def transfer(before: FloatArray, after: FloatArray) -> Transfer:
    """From the evidence (n) of the same good parts by the fp32 and by the quantised encoder."""
    gain = float(before.std(ddof=1) / max(float(after.std(ddof=1)), 1e-6))
    return Transfer(gain, float(before.mean() - gain * after.mean()))


def apply_transfer(model: onnx.ModelProto, moved: Transfer) -> None:
    """Inserts z · gain + offset before everything that reads ``z``."""
    graph = model.graph
    maker = next(i for i, node in enumerate(graph.node) if Z in node.output)
    raw, scaled = f"{Z}.raw", f"{Z}.scaled"
    for i, name in enumerate(graph.node[maker].output):
        graph.node[maker].output[i] = raw if name == Z else name
    constants = {f"{Z}.gain": moved.gain, f"{Z}.offset": moved.offset}
    for name, value in constants.items():
        graph.initializer.append(numpy_helper.from_array(np.array(value, np.float32), name))
    graph.node.insert(maker + 1, helper.make_node("Mul", [raw, f"{Z}.gain"], [scaled], name="gain"))
    graph.node.insert(
        maker + 2, helper.make_node("Add", [scaled, f"{Z}.offset"], [Z], name="offset")
    )
    onnx.checker.check_model(model, full_check=True)
