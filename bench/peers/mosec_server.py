"""mosec: one worker process a core that decodes and runs, the layout its documentation shows."""

import os

from judging import Judge
from mosec import Server, Worker


class Inspection(Worker):
    def __init__(self) -> None:
        self._judge = Judge()

    def deserialize(self, data: bytes) -> bytes:
        return data

    def forward(self, data: bytes) -> dict[str, float]:
        return {"score": self._judge.score(data)}


if __name__ == "__main__":
    server = Server()
    server.append_worker(Inspection, num=int(os.environ["PEER_WORKERS"]))
    server.run()
