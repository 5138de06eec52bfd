"""LitServe: a LitAPI that decodes and runs, as many workers as cores."""

import os
from typing import Annotated

import litserve
from fastapi import Body
from judging import Judge


class Inspection(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self._judge = Judge()

    def decode_request(
        self, request: Annotated[bytes, Body(media_type="application/octet-stream")]
    ) -> bytes:
        return request

    def predict(self, picture: bytes) -> float:
        return self._judge.score(picture)

    def encode_response(self, score: float) -> dict[str, float]:
        return {"score": score}


if __name__ == "__main__":
    server = litserve.LitServer(
        Inspection(api_path="/inference"),
        accelerator="cpu",
        workers_per_device=int(os.environ["PEER_WORKERS"]),
    )
    server.run(
        host="127.0.0.1",
        port=int(os.environ["PEER_PORT"]),
        generate_client_file=False,
        log_level="warning",
    )
