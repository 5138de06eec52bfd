"""What every Python peer does with one picture: decode it, run the single graph, give the score."""

import io
import os

import numpy as np
import onnxruntime
from PIL import Image


PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class Judge:
    """One session of one thread: as many of them as cores is the fastest on a CPU."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        provider = PROVIDERS[os.environ["PEER_PROVIDER"]]
        self._session = onnxruntime.InferenceSession(
            os.environ["PEER_GRAPH"], options, providers=[provider]
        )
        if provider not in self._session.get_providers():
            raise RuntimeError(f"{provider} does not start")
        self._input = self._session.get_inputs()[0].name

    def score(self, picture: bytes) -> float:
        pixels = np.asarray(Image.open(io.BytesIO(picture)))  # (H, W, C)
        (scores,) = self._session.run(["score"], {self._input: pixels[np.newaxis]})
        return float(scores[0])
