"""How unlike the good parts each place of one modality looks: the per-modality evidence.

Two detectors on what a view shows (:mod:`branchline_training.views`), chosen without labels
(:mod:`branchline_training.selection`):

- :class:`PositionGaussian`, a Gaussian per place (PaDiM: Defard et al., ICPR 2021), for parts that
  lie in the same pose;
- :class:`NearestNeighbour`, the distance to a coreset of good patches (PatchCore: Roth et al.,
  CVPR 2022), for parts that do not.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .frontend import gaussian_kernel

SMOOTHING_SIGMA = 0.6  # grid cells; 1.0 cost 0.8 points on the synthetic part
SHRINKAGE = 0.01  # of each covariance towards the mean one
RIDGE = 1e-3  # of the mean variance, on the diagonal


class Projection(nn.Module):
    """Standardises features per channel and turns them into fewer, by a random orthonormal map."""

    mean: Tensor
    matrix: Tensor

    def __init__(self, features: Tensor, dimensions: int, seed: int) -> None:
        super().__init__()
        channels = features.shape[1]
        sigma, mean = torch.std_mean(features, dim=(0, 2, 3))
        generator = torch.Generator().manual_seed(seed)
        kept = min(dimensions, channels)
        basis = torch.linalg.qr(torch.randn(channels, kept, generator=generator)).Q
        self.register_buffer("mean", mean)
        self.register_buffer("matrix", basis / sigma.clamp_min(1e-6)[:, None])  # (c, d)

    def forward(self, features: Tensor) -> Tensor:
        """(n, c, h, w) to (n, h, w, d), d at most c."""
        return torch.matmul(features.permute(0, 2, 3, 1) - self.mean, self.matrix)


class PositionGaussian(nn.Module):
    """Mahalanobis distance to the Gaussian of each place; (n, c, gh, gw) to (n, gh, gw).

    Each place has a mean of its own; 2 x 2 places share a covariance, which makes the table four
    times smaller for 0.3 points of AUROC. Eq. 1 and 2 of Defard et al.
    """

    BLOCK = 2
    DIMENSIONS = 64
    mean: Tensor
    whitening: Tensor

    def __init__(self, features: Tensor, seed: int) -> None:
        super().__init__()
        self.projection = Projection(features, self.DIMENSIONS, seed)
        z = self.projection(features)  # (n, h, w, d)
        parts, dimensions = z.shape[0], z.shape[3]
        mean = z.mean(dim=0)
        residual = self._blocks(z - mean)  # (h/b, w/b, n*b*b, d)
        covariance = residual.mT @ residual / (residual.shape[2] * (parts - 1) / parts)
        covariance = torch.lerp(covariance, covariance.mean(dim=(0, 1)), SHRINKAGE)
        variance = covariance.diagonal(dim1=2, dim2=3).mean()
        covariance = covariance + RIDGE * variance * torch.eye(dimensions)
        # Sigma = L L^T, so |L^-1 r|^2 = r^T Sigma^-1 r.
        whitening = torch.linalg.inv(torch.linalg.cholesky(covariance))
        self.register_buffer("mean", mean)
        # Half precision halves the largest table of a bundle; its rounding, 5e-4 of a value, is
        # below what float32 inversion of these covariances keeps.
        self.register_buffer("whitening", whitening.mT.contiguous().half())

    def forward(self, features: Tensor) -> Tensor:
        """See the class."""
        n, _, h, w = features.shape
        b = self.BLOCK
        residual = self._blocks(self.projection(features) - self.mean)
        white = torch.matmul(residual, self.whitening.float())
        distance = torch.sqrt(white.square().sum(dim=3) + 1e-6)  # (h/b, w/b, n*b*b)
        grid = distance.reshape(h // b, w // b, n, b, b).permute(2, 0, 3, 1, 4)
        return grid.reshape(n, h, w)

    def _blocks(self, z: Tensor) -> Tensor:
        """(n, h, w, d) to (h/b, w/b, n*b*b, d)."""
        n, h, w, d = z.shape
        b = self.BLOCK
        tiles = z.reshape(n, h // b, b, w // b, b, d).permute(1, 3, 0, 2, 4, 5)
        return tiles.reshape(h // b, w // b, n * b * b, d)


class NearestNeighbour(nn.Module):
    """Distance to the nearest good patch of a coreset; (n, c, gh, gw) to (n, gh, gw).

    Patches are 3 x 3 means of standardised features. The coreset is the greedy k-centre of Roth et
    al., algorithm 1, on a random share of the patches.
    """

    BANK = 1024
    CANDIDATES = 16384
    DIMENSIONS = 128
    # Of the squared distance: one standard deviation in one dimension. For a patch that stands in
    # the bank itself the subtraction below leaves no digits, and a root without a floor would
    # make that noise visible.
    FLOOR = 1.0
    bank: Tensor

    def __init__(self, features: Tensor, seed: int) -> None:
        super().__init__()
        self.projection = Projection(features, self.DIMENSIONS, seed)
        patches = self._patches(features).flatten(0, 2)
        generator = torch.Generator().manual_seed(seed)
        chosen = torch.randperm(len(patches), generator=generator)[: self.CANDIDATES]
        bank = k_centre(patches[chosen], self.BANK)
        self.register_buffer("bank", bank.T.contiguous())  # (d, bank)

    def forward(self, features: Tensor) -> Tensor:
        """See the class."""
        x = self._patches(features)  # (n, h, w, d)
        # |x - m|^2 = |x|^2 + |m|^2 - 2 x.m, as one product and one minimum.
        cross = self.bank.square().sum(dim=0) - 2.0 * torch.matmul(x, self.bank)
        squared = x.square().sum(dim=3) + cross.amin(dim=3)
        return torch.sqrt(squared.clamp_min(0.0) + self.FLOOR)

    def _patches(self, features: Tensor) -> Tensor:
        """(n, c, h, w) to (n, h, w, d)."""
        patches: Tensor = self.projection(F.avg_pool2d(features, 3, 1, 1, count_include_pad=False))
        return patches


def k_centre(points: Tensor, size: int) -> Tensor:
    """Greedy k-centre: ``size`` rows of ``points`` (p, d) of which no other row lies far."""
    norms = points.square().sum(dim=1)

    def squared_to(i: int) -> Tensor:
        return norms + norms[i] - 2.0 * (points @ points[i])

    chosen = [0]
    nearest = squared_to(0)
    for _ in range(min(size, len(points)) - 1):
        chosen.append(int(nearest.argmax()))
        nearest = torch.minimum(nearest, squared_to(chosen[-1]))
    return points[chosen]


class Smoothing(nn.Module):
    """Gaussian smoothing of a map (n, h, w), the border reflected."""

    def __init__(self, sigma: float = SMOOTHING_SIGMA) -> None:
        super().__init__()
        self.register_buffer("kernel", gaussian_kernel(sigma))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        kernel: Tensor = self.kernel  # type: ignore[assignment]
        half = kernel.shape[0] // 2
        y = F.pad(x[:, None], (half, half, half, half), mode="reflect")
        y = F.conv2d(F.conv2d(y, kernel.view(1, 1, -1, 1)), kernel.view(1, 1, 1, -1))
        return y[:, 0]
