"""Teacher to student: predicts the teacher's features of all modalities from those present.

The teacher is the frozen trunk looking at every modality. Each prediction says how sure it is, and
an unsure one costs less: the heteroscedastic loss of Kendall & Gal (NeurIPS 2017, eq. 5).
"""

from __future__ import annotations

from torch import Tensor, nn

HIDDEN = 192
ABSENT_WEIGHT = 0.5  # of the features of a modality that the student did not see


class Decoder(nn.Module):
    """An embedding (n, d, gh, gw) to the teacher's features (n, c, gh, gw) of one modality.

    Used in training only. Also gives the log-variance of its error, (n, gh, gw).
    """

    def __init__(self, dimensions: int, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(dimensions, HIDDEN, 1),
            nn.GELU(),
            nn.Conv2d(HIDDEN, HIDDEN, 1),
            nn.GELU(),
            nn.Conv2d(HIDDEN, channels + 1, 1),
        )

    def forward(self, embedding: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        y = self.layers(embedding)
        return y[:, :-1], y[:, -1]


def distillation_loss(
    predicted: Tensor, log_variance: Tensor, target: Tensor, *, weigh: bool
) -> Tensor:
    """mean(exp(-s) d + s) with d the mean squared error at each place; mean(d) without weights.

    ``predicted`` and ``target`` (n, c, gh, gw), the target standardised; ``log_variance``
    (n, gh, gw).
    """
    squared = (predicted - target).square().mean(dim=1)  # (n, gh, gw)
    if not weigh:
        return squared.mean()
    return ((-log_variance).exp() * squared + log_variance).mean()
