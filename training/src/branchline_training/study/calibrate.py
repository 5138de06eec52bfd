"""Brings the evidence of a method to one scale over subsets, from good training parts alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..calibration import grade, rectify, review_limit
from ..heads import fuse_modalities
from ..subsets import Subset, all_subsets

FloatArray = npt.NDArray[np.floating]
Evidence = Mapping[str, Tensor]  # modality -> (n) standardised evidence, NaN where it is absent
Fuse = Callable[[Tensor], Tensor]  # (n, m) to (n)


def sum_of_squares(z: Tensor) -> Tensor:
    """Sum over modalities of max(z, 0)^2: late fusion as it is commonly done."""
    return z.clamp_min(0).square().sum(dim=1)


def four_norm(z: Tensor) -> Tensor:
    """Our heads' fusion."""
    return fuse_modalities(rectify(z))


def scores_of(
    good: Evidence, test: Evidence, fuse: Fuse, *, calibrated: bool, rate: float = 0.02
) -> dict[Subset, FloatArray]:
    """Scores of test parts by subset. ``good``: the same evidence of good parts, out of fold.

    ``calibrated``: on each subset's own good parts; otherwise the fused evidence as it is.
    """
    return {
        subset: finish(
            fuse(torch.stack([good[m] for m in subset], dim=1)).double().numpy(),
            fuse(torch.stack([test[m] for m in subset], dim=1)).double().numpy(),
            calibrated=calibrated,
            rate=rate,
        )
        for subset in all_subsets(list(test))
    }


def finish(
    good: FloatArray, test: FloatArray, *, calibrated: bool, rate: float = 0.02
) -> FloatArray:
    """Test scores of one subset: deviations of good parts above the threshold, brought to 0…1."""
    if not calibrated:
        return test
    limit = review_limit(good[~np.isnan(good)], rate)
    threshold, spread = (
        torch.tensor(x, dtype=torch.double) for x in (limit.threshold, limit.spread)
    )
    graded: FloatArray = grade(torch.from_numpy(test).double(), threshold, spread).numpy()
    return graded
