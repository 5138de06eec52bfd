"""One ONNX file a branch, for runtimes that want a single graph: encoders and head merged."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
from onnx import compose

from .bundle import BundleError
from .progress import Track


def export_single_files(
    bundle: Path, manifest: Mapping[str, Any], out: Path, track: Track
) -> list[Path]:
    """Writes ``out/<branch id>.onnx`` for every branch; the composed and the merged agree."""
    out.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    for entry in track(manifest["branches"], "merging branches"):
        file = out / f"{entry['id']}.onnx"
        file.write_bytes(merge_branch(bundle, manifest, entry["id"]).SerializeToString())
        files.append(file)
    return files


def merge_branch(bundle: Path, manifest: Mapping[str, Any], branch: str) -> onnx.ModelProto:
    """A branch as one graph: inputs named by modality, outputs those of the head."""
    entry = next((b for b in manifest["branches"] if b["id"] == branch), None)
    if entry is None:
        known = ", ".join(b["id"] for b in manifest["branches"])
        raise BundleError(f'the bundle has no branch "{branch}"; it has {known}')
    head = onnx.load(bundle / entry["head"]["file"])
    needed = {tensor.name for tensor in head.graph.input}
    merged: onnx.ModelProto | None = None
    links: list[tuple[str, str]] = []
    for modality in entry["modalities"]:
        encoder = _prefixed(bundle / "encoders" / f"{modality}.onnx", modality)
        outputs = {o.name for o in encoder.graph.output} & needed
        links += [(name, f"head/{name}") for name in sorted(outputs)]
        merged = encoder if merged is None else compose.merge_models(merged, encoder, io_map=[])
    assert merged is not None
    whole = compose.merge_models(
        merged,
        compose.add_prefix(head, "head/"),
        io_map=links,
        outputs=[f"head/{o.name}" for o in head.graph.output],
    )
    for output in whole.graph.output:
        _rename_output(whole.graph, output.name, output.name.removeprefix("head/"))
    whole.graph.name = branch
    _list_opsets_once(whole)
    onnx.checker.check_model(whole, full_check=True)
    return whole


def _prefixed(file: Path, modality: str) -> onnx.ModelProto:
    """An encoder whose names start with its modality, except its input, which *is* the modality."""
    model = onnx.load(file)
    renamed = compose.add_prefix(model, f"{modality}.")
    for node in renamed.graph.node:
        for i, name in enumerate(node.input):
            if name == f"{modality}.{modality}":
                node.input[i] = modality
    renamed.graph.input[0].name = modality
    return renamed


def _list_opsets_once(model: onnx.ModelProto) -> None:
    """Merging repeats the operator sets of each graph; some importers refuse a domain twice."""
    versions = {opset.domain: opset.version for opset in model.opset_import}
    del model.opset_import[:]
    model.opset_import.extend(onnx.helper.make_opsetid(d, v) for d, v in sorted(versions.items()))


def _rename_output(graph: onnx.GraphProto, old: str, new: str) -> None:
    for node in graph.node:
        for names in (node.input, node.output):
            for i, name in enumerate(names):
                if name == old:
                    names[i] = new
    for output in graph.output:
        if output.name == old:
            output.name = new
