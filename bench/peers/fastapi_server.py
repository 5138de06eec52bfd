"""FastAPI + onnxruntime: a blocking `def` route, which FastAPI runs in its thread pool; a process a core."""

from typing import Annotated

from fastapi import Body, FastAPI
from judging import Judge

app = FastAPI()
judge = Judge()


@app.post("/inference")
def inference(
    picture: Annotated[bytes, Body(media_type="application/octet-stream")],
) -> dict[str, float]:
    return {"score": judge.score(picture)}


@app.get("/health")
async def health() -> dict[str, bool]:
    return {"live": True}
