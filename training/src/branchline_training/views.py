"""What a detector looks at: three views of one modality, all on the trunk's stride-8 grid.

- :class:`TrunkView`: the frozen trunk's features. They see texture and small structure.
- :class:`PictureView`: the front end's picture itself, averaged, with its surroundings. It sees
  what a trunk trained on photographs blurs: a shallow dent, a tone a little off.
- :class:`StudentView`: the student's aligned embedding (:mod:`branchline_training.student`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .student import Branch

STRIDE = 8
CHANNELS = 3  # of a front end's picture
NEIGHBOURS = 5  # cells a side; 3 cost 1 to 2 points of AUROC on the synthetic part, seed 1
SOUND_BANDS = 48  # rows of a log-mel picture seen at once; 16 and 32 cost 7 and 4 points
Taps = tuple[Tensor, Tensor, Tensor]  # strides 4, 8 and 16
# How much a Gaussian on a view is regularised, in shares of each place's own variance. Held-out
# likelihood of good parts prefers 1e-4 to 1e-2 on pictures and 1e-2 to 1e-3 on the trunk; on sound
# it prefers 1e-4 too, which cost 0.3 points at 40 % missing on two development draws: 1e-2 there.
RIDGE, PICTURE_RIDGE = 1e-2, 1e-4
# A view's ``own``: the channels that show the place itself and not what lies around it.


class TrunkView(nn.Module):
    """(n, 200, gh, gw): stride 8 (40 channels), stride 16 brought up (112), and mean and maximum
    of stride 4 (24 each)."""

    ridge = RIDGE
    own = slice(None)

    def forward(self, picture: Tensor, taps: Taps) -> Tensor:  # noqa: ARG002
        """See the class."""
        stride4, _, _ = taps
        return torch.cat(
            (teacher_features(taps), F.avg_pool2d(stride4, 2), F.max_pool2d(stride4, 2)), 1
        )


def teacher_features(taps: Taps) -> Tensor:
    """Strides 8 and 16 side by side, (n, 152, gh, gw): what the student learns to predict."""
    _, stride8, stride16 = taps
    coarse = F.interpolate(stride16, size=stride8.shape[2:], mode="bilinear", align_corners=False)
    return torch.cat((stride8, coarse), dim=1)


class PictureView(nn.Module):
    """A picture (n, 3, h, w) to the 5 x 5 cells around each place, (n, 75, gh, gw).

    Of sound, a log-mel picture in three equal channels, a column of 48 bands at the place's time:
    (n, 48, gh, gw).
    """

    def __init__(self, *, sound: bool) -> None:
        super().__init__()
        self.sound = sound
        self.ridge = RIDGE if sound else PICTURE_RIDGE
        # The middle cell of 5 x 5: its surroundings hold the edge of a mask at places beside it.
        middle = NEIGHBOURS**2 // 2
        self.own = slice(None) if sound else slice(middle * CHANNELS, (middle + 1) * CHANNELS)

    def forward(self, picture: Tensor, taps: Taps) -> Tensor:  # noqa: ARG002
        """See the class."""
        if self.sound:
            return _around(F.avg_pool2d(picture[:, :1], (1, STRIDE)), SOUND_BANDS, 1, step=STRIDE)
        return _around(F.avg_pool2d(picture, STRIDE), NEIGHBOURS, NEIGHBOURS, step=1)


def _around(cells: Tensor, rows: int, columns: int, step: int) -> Tensor:
    """(n, c, h, w) to the ``rows x columns`` cells around every ``step``-th row's each cell.

    The border is repeated. One output channel a cell and input channel.
    """
    above = (rows - step) // 2
    side = columns // 2
    padded = F.pad(cells, (side, side, above, rows - step - above), mode="replicate")
    height, width = cells.shape[2] // step, cells.shape[3]
    last = (height - 1) * step + 1
    shifted = [
        padded[:, :, row : row + last : step, column : column + width]
        for row in range(rows)
        for column in range(columns)
    ]
    return torch.cat(shifted, dim=1)


class StudentView(nn.Module):
    """The embedding of the student's branch, (n, 64, gh, gw)."""

    ridge = RIDGE
    own = slice(None)

    def __init__(self, branch: Branch) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, picture: Tensor, taps: Taps) -> Tensor:  # noqa: ARG002
        """See the class."""
        embedding: Tensor = self.branch(taps[0])[0]
        return embedding


View = TrunkView | PictureView | StudentView
