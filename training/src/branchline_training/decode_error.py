"""Why a file was not decoded: the same words the service answers with."""

from __future__ import annotations

from typing import Literal

Reason = Literal[
    "empty",
    "unsupported_format",
    "corrupt",
    "too_large",
    "wrong_bit_depth",
    "wrong_channels",
    "wrong_aspect",
    "wrong_sample_rate",
    "too_short",
]


class DecodeError(ValueError):
    """A file that does not become a tensor; ``reason`` is one word of docs/decoding.md."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason: Reason = reason
