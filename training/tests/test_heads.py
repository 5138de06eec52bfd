from __future__ import annotations

import pytest
import torch

from branchline_training.calibration import Limit, rectify
from branchline_training.heads import FusionHead, fuse_modalities


def test_evidence_at_the_threshold_scores_one_half_on_part_map_and_modality() -> None:
    z = torch.tensor([[1.5, 3.0]])  # (n, m)
    evidence = rectify(z)
    fused = float(fuse_modalities(evidence))
    head = FusionHead(
        limit=Limit(fused, 2.0),
        map_limit=Limit(fused, 0.5),
        own_limits=[Limit(float(e) ** 2, 1.0) for e in evidence[0]],
    )
    maps = [torch.full((1, 8, 8), float(value)) for value in z[0]]
    score, score_map, modality_score, weight = head(z[:, 0], z[:, 1], *maps)
    assert float(score) == pytest.approx(0.5)
    assert torch.allclose(score_map, torch.tensor(0.5))
    assert score_map.shape == (1, 64, 64)
    assert torch.allclose(modality_score, torch.tensor(0.5))
    assert torch.allclose(weight, evidence**4 / (evidence**4).sum())
