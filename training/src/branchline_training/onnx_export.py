"""Turns one torch module into one self-contained ONNX file with a dynamic batch axis."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import nn

OPSET = 18
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Graph:
    """Names, types and shapes as the manifest lists them; "N" is the batch axis."""

    inputs: list[dict[str, Any]]
    outputs: list[dict[str, Any]]


def run_module(module: nn.Module, inputs: Sequence[Array]) -> list[Array]:
    """Runs ``module`` in eval mode without gradients; arrays in, arrays out."""
    module.eval()
    with torch.no_grad():
        answer = module(*(torch.from_numpy(np.ascontiguousarray(array)) for array in inputs))
    tensors = answer if isinstance(answer, tuple) else (answer,)
    return [tensor.numpy() for tensor in tensors]


def export_module(
    module: nn.Module, file: Path, *, inputs: Mapping[str, Array], outputs: Sequence[str]
) -> Graph:
    """Writes ``module`` to ``file``; ``inputs`` are samples with a batch of at least 2.

    A batch of 1 would be baked in as a constant by the tracer.
    """
    samples = {name: torch.from_numpy(np.ascontiguousarray(a)) for name, a in inputs.items()}
    if any(len(sample) < 2 for sample in samples.values()):
        raise ValueError(f"{file.name}: trace with a batch of 2 or more")
    module.eval()
    batch = torch.export.Dim("N", min=1)
    shapes = tuple({0: batch} for _ in samples)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            _Positional(module),
            tuple(samples.values()),
            input_names=list(samples),
            output_names=list(outputs),
            dynamic_shapes=(shapes,),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
            optimize=True,
        )
    assert program is not None
    model = program.model_proto
    _strip_traces(model)
    onnx.checker.check_model(model, full_check=True)
    file.write_bytes(model.SerializeToString(deterministic=True))
    answers = run_module(module, list(inputs.values()))
    return Graph(
        inputs=[_tensor(name, array) for name, array in inputs.items()],
        outputs=[_tensor(name, array) for name, array in zip(outputs, answers, strict=True)],
    )


class _Positional(nn.Module):
    """Gives every module the same signature, which is what ``dynamic_shapes`` must mirror."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *inputs: torch.Tensor) -> Any:
        return self.module(*inputs)


def _strip_traces(model: onnx.ModelProto) -> None:
    """Removes stack traces: they hold paths of the machine, and change the file's hash."""
    del model.metadata_props[:]
    model.doc_string = ""
    graphs = [model.graph]
    for graph in graphs:
        graph.doc_string = ""
        del graph.metadata_props[:]
        for item in (*graph.node, *graph.value_info, *graph.input, *graph.output):
            item.doc_string = ""
            del item.metadata_props[:]
    for function in model.functions:
        for node in function.node:
            node.doc_string = ""
            del node.metadata_props[:]


def _tensor(name: str, array: Array) -> dict[str, Any]:
    return {"name": name, "dtype": str(array.dtype), "shape": ["N", *array.shape[1:]]}
