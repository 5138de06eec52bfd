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
# A place whose variance is less than this share of the mean place's counts as varying that much: a
# background that never changed in the good parts must not cry out at its first grey level.
LEAST_VARIANCE = 1e-4


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
    times smaller for 0.3 points of AUROC. Eq. 1 and 2 of Defard et al., with the regularisation
    in proportion to each place's own variance: Sigma + ridge * tr(Sigma) / d * I. One amount for
    all places (their eq. 1) drowns what is quiet: on a bare surface a dent of 0.3 mm is many
    deviations, next to an edge that moves with the pose it is none.
    """

    BLOCK = 2
    DIMENSIONS = 64
    mean: Tensor
    gain: Tensor
    whitening: Tensor

    def __init__(self, features: Tensor, seed: int, ridge: float) -> None:
        super().__init__()
        self.projection = Projection(features, self.DIMENSIONS, seed)
        z = self.projection(features)  # (n, h, w, d)
        parts, dimensions = z.shape[0], z.shape[3]
        mean = z.mean(dim=0)
        residual = self._blocks(z - mean)  # (h/b, w/b, n*b*b, d)
        covariance = residual.mT @ residual / (residual.shape[2] * (parts - 1) / parts)
        own = covariance.diagonal(dim1=2, dim2=3).mean(dim=2)[..., None, None]  # (h/b, w/b, 1, 1)
        variance = own.clamp_min(LEAST_VARIANCE * float(own.mean()) + 1e-12)
        unit = covariance / variance + (1 - own / variance + ridge) * torch.eye(dimensions)
        # Sigma = L L^T, so |L^-1 r|^2 = r^T Sigma^-1 r.
        whitening = torch.linalg.inv(torch.linalg.cholesky(unit))
        self.register_buffer("mean", mean)
        self.register_buffer("gain", variance.rsqrt())
        # Half precision halves the largest table of a bundle. Of unit variance its entries are at
        # most ridge^-1/2, and their rounding, 5e-4 of a value, is below what float32 inversion of
        # these covariances keeps.
        self.register_buffer("whitening", whitening.mT.contiguous().half())

    def forward(self, features: Tensor) -> Tensor:
        """See the class."""
        n, _, h, w = features.shape
        b = self.BLOCK
        residual = self._blocks(self.projection(features) - self.mean) * self.gain
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
