"""What the doctor says: one plain sentence each, and how much it matters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """``check``: which examination found it; ``figures``: the numbers behind the sentence."""

    severity: Severity
    check: str
    sentence: str
    modality: str | None = None
    figures: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As reports and manifests carry it."""
        return asdict(self)


def exit_code(findings: Sequence[Finding]) -> int:
    """1 where training cannot work, 2 where its figures may mislead, else 0."""
    severities = {finding.severity for finding in findings}
    return 1 if "error" in severities else 2 if "warning" in severities else 0
