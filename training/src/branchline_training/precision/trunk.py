"""Rewrites the trunk inside an encoder's ONNX graph in int8 or fp16; all else stays fp32.

The front end needs range and the detectors invert covariances: neither survives 8 bits. The graph
contract (names, types and shapes of inputs and outputs) does not change.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from ..bundle import BundleError

TRUNK = "module.trunk."  # how the exporter names the trunk's weights
BLOCKS = 11
Array = npt.NDArray[np.generic]


def trunk_nodes(graph: onnx.GraphProto, kept_blocks: int = -1) -> list[onnx.NodeProto]:
    """Convolutions of the trunk with their ReLU6 and residual sums, in the graph's order.

    Without the stem and the first ``kept_blocks`` blocks; -1 leaves out nothing.
    """
    kept = tuple(f"{TRUNK}blocks.{i}." for i in range(kept_blocks))
    if kept_blocks >= 0:
        kept = (f"{TRUNK}stem.", *kept)
    nodes: list[onnx.NodeProto] = []
    inside: set[str] = set()
    for node in graph.node:
        if node.op_type == "Conv":
            weight = node.input[1]
            belongs = weight.startswith(TRUNK) and not weight.startswith(kept)
        else:
            count = {"Clip": 1, "Add": 2}.get(node.op_type, 0)
            belongs = count > 0 and all(name in inside for name in node.input[:count])
        if belongs:
            nodes.append(node)
            inside.update(node.output)
    return nodes


def require_trunk(file: Path) -> None:
    """BundleError where the graph has no trunk that this can rewrite."""
    if not trunk_nodes(onnx.load(file).graph):
        raise BundleError(
            f"{file} has no convolution named {TRUNK}…: only encoders that `train` wrote can be "
            "brought to another precision"
        )


def to_int8(
    file: Path, modality: str, signals: Sequence[Array], kept_blocks: int
) -> onnx.ModelProto:
    """Static quantisation in QDQ form: weights int8 a channel, activations uint8 a tensor.

    Ranges are the extremes seen on ``signals``: percentiles and entropy were no better. uint8
    with int8 weights is what CPUs have instructions for (int8 with int8: no faster than fp32).
    """
    with tempfile.TemporaryDirectory() as scratch:
        prepared, quantised = Path(scratch) / "prepared.onnx", Path(scratch) / "quantised.onnx"
        # Symbolic shape inference gives up on the bilinear upsampling; ONNX's own suffices.
        quant_pre_process(str(file), str(prepared), skip_symbolic_shape=True)
        nodes = trunk_nodes(onnx.load(prepared).graph, kept_blocks)
        logging.disable(logging.WARNING)  # it recommends the preparation that was just done
        try:
            quantize_static(
                str(prepared),
                str(quantised),
                _OneByOne(modality, signals),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                nodes_to_quantize=[node.name for node in nodes],
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
            )
        finally:
            logging.disable(logging.NOTSET)
        model: onnx.ModelProto = onnx.load(quantised)
    del model.metadata_props[:]
    # Shapes that inference named by number mean something else in the next encoder of a merged
    # branch: onnxruntime then takes one's buffers for the other's.
    del model.graph.value_info[:]
    onnx.checker.check_model(model, full_check=True)
    return model


class _OneByOne(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, name: str, signals: Sequence[Array]) -> None:
        self._feeds = iter([{name: signal[None]} for signal in signals])

    def get_next(self) -> dict[str, Array] | None:
        """The next part, None after the last."""
        return next(self._feeds, None)


def to_fp16(file: Path) -> onnx.ModelProto:
    """The whole trunk in half precision, with a cast where the picture enters and each tap leaves.

    Written out here because onnxruntime's float16 converter makes graphs that onnx refuses where
    constants are shared across the border (the bounds of ReLU6 are).
    """
    model: onnx.ModelProto = onnx.load(file)
    graph = model.graph
    nodes = trunk_nodes(graph)
    names = {node.name for node in nodes}
    made = {name for node in nodes for name in node.output}
    constants = {tensor.name: tensor for tensor in graph.initializer}
    taps = {i for n in graph.node if n.name not in names for i in n.input} & made
    halved: dict[str, str] = {}
    rewritten: list[onnx.NodeProto] = []
    for node in graph.node:
        if node.name in names:
            for i, name in enumerate(node.input):
                if name not in made and name not in halved:
                    halved[name] = f"{name}.fp16"
                    if name in constants:
                        half = numpy_helper.to_array(constants[name]).astype(np.float16)
                        graph.initializer.append(numpy_helper.from_array(half, halved[name]))
                    else:
                        rewritten.append(_cast(name, halved[name], TensorProto.FLOAT16))
                node.input[i] = halved.get(name, name)
        else:
            for i, name in enumerate(node.input):
                node.input[i] = f"{name}.fp32" if name in taps else name
        rewritten.append(node)
        rewritten += [
            _cast(name, f"{name}.fp32", TensorProto.FLOAT) for name in node.output if name in taps
        ]
    _replace(graph, rewritten)
    onnx.checker.check_model(model, full_check=True)
    return model


def _cast(source: str, target: str, kind: int) -> onnx.NodeProto:
    return helper.make_node("Cast", [source], [target], name=f"{target}_cast", to=kind)


def _replace(graph: onnx.GraphProto, nodes: Sequence[onnx.NodeProto]) -> None:
    """Puts ``nodes`` in place of the graph's, and drops constants and types that no longer hold."""
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copies)
    used = {name for node in copies for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    del graph.value_info[:]
