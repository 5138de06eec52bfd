"""Runs a bundle through onnxruntime as the service does: encoders, then the subset's head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from .bundle import HEAD_OUTPUTS, BundleError, branch_id, read_manifest

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Answer:
    """What a branch says of ``n`` captures of ``m`` modalities."""

    score: FloatArray  # (n,)
    map: FloatArray  # (n, h, w)
    modality_score: FloatArray  # (n, m)
    modality_weight: FloatArray  # (n, m)


class BundleRuntime:
    """The branches of one bundle, loaded when first needed."""

    def __init__(
        self, bundle: Path, manifest: Mapping[str, Any] | None = None, *, threads: int = 0
    ) -> None:
        self.bundle = bundle
        self.manifest = manifest or read_manifest(bundle)
        self._threads = threads
        self._encoders = {entry["modality"]: entry for entry in self.manifest["encoders"]}
        self._branches = {entry["id"]: entry for entry in self.manifest["branches"]}
        self._sessions: dict[str, ort.InferenceSession] = {}

    def encode(self, modality: str, signal: npt.NDArray[Any]) -> dict[str, FloatArray]:
        """One modality's signal ``(n, …)`` to its encoder's outputs, by head-input name."""
        session = self.session(self._encoders[modality]["file"])
        names = [output.name for output in session.get_outputs()]
        answers = session.run(names, {modality: signal})
        return {f"{modality}.{name}": a for name, a in zip(names, answers, strict=True)}

    def head(self, modalities: tuple[str, ...], embedded: Mapping[str, FloatArray]) -> Answer:
        """The encoders' outputs of exactly ``modalities`` to the branch's answer."""
        name = branch_id(modalities)
        if name not in self._branches:
            raise BundleError(f'the bundle has no branch "{name}"')
        session = self.session(self._branches[name]["head"]["file"])
        feeds = {tensor.name: embedded[tensor.name] for tensor in session.get_inputs()}
        return Answer(*session.run(HEAD_OUTPUTS, feeds))

    def run(self, signals: Mapping[str, npt.NDArray[Any]]) -> Answer:
        """Decoded signals of one subset to its branch's answer; nothing stands in for the rest."""
        embedded: dict[str, FloatArray] = {}
        for modality, signal in signals.items():
            embedded |= self.encode(modality, signal)
        return self.head(tuple(signals), embedded)

    def session(self, file: str) -> ort.InferenceSession:
        """The session of one ONNX file of the bundle."""
        if file not in self._sessions:
            options = ort.SessionOptions()
            options.intra_op_num_threads = self._threads
            options.log_severity_level = 3
            self._sessions[file] = ort.InferenceSession(
                self.bundle / file, options, providers=["CPUExecutionProvider"]
            )
        return self._sessions[file]
