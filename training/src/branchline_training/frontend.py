"""From a decoded signal to the three-channel picture the frozen trunk looks at, one class a kind.

Everything here is inside the exported graph, so the service feeds raw signals. What is fitted
(scales, band statistics) is fitted on good training parts only.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch
from scipy.signal.windows import hann
from torch import Tensor, nn
from torch.nn import functional as F

from .specs import AudioSpec, ImageSpec, ModalitySpec, RangeSpec

MID_GREY = 127.0  # the trunk's zero
GREY_PER_SIGMA = 40.0  # three standard deviations fill the trunk's range
TEMPERATURE_UNITS = frozenset({"degC", "C", "K", "degF"})

Array = npt.NDArray[np.generic]


def make_frontend(spec: ModalitySpec, signals: Iterable[Array]) -> nn.Module:
    """The front end of one modality, fitted on the good training ``signals`` (no batch axis)."""
    match spec:
        case ImageSpec():
            return ImageFrontend()
        case RangeSpec():
            bands = spec.unit in TEMPERATURE_UNITS
            frontend: RangeFrontend = BandFrontend() if bands else GradientFrontend()
            frontend.fit(signals)
            return frontend
        case AudioSpec():
            audio = LogMelFrontend(spec.sample_rate, spec.samples)
            audio.fit(signals)
            return audio


class ImageFrontend(nn.Module):
    """uint8 (n, h, w, c) to float (n, 3, h, w); a grey picture fills all three channels."""

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        y = x.to(torch.float32).permute(0, 3, 1, 2)  # (n, c, h, w)
        return y if y.shape[1] == 3 else torch.cat((y, y, y), dim=1)


class RangeFrontend(nn.Module):
    """float (n, h, w, 1) with NaN for invalid, to three channels of a standard spread."""

    reference: Tensor
    sigma: Tensor

    def __init__(self) -> None:
        super().__init__()
        # Taken off before anything is summed: 65,536 distances of some 500 mm leave float32 few
        # digits for the hundredths that matter.
        self.register_buffer("reference", torch.tensor(0.0))
        self.register_buffer("sigma", torch.ones(1, 3, 1, 1))

    def channels(self, value: Tensor, valid: Tensor) -> Tensor:
        """(n, 1, h, w) values, 0 where invalid, and their 0/1 mask to (n, 3, h, w) channels."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """See the class. Invalid pixels take the picture's own mean: they then say nothing."""
        value, valid = self._centred(x)
        spread = self.channels(value, valid) / self.sigma
        return (MID_GREY + GREY_PER_SIGMA * spread).clamp(0.0, 255.0)

    def fit(self, signals: Iterable[Array]) -> None:
        """Sets ``sigma`` to each channel's root mean square over good parts."""
        arrays = [torch.from_numpy(np.asarray(s, dtype=np.float32))[None] for s in signals]
        means = [float(array[~array.isnan()].double().mean()) for array in arrays]
        self.reference = torch.tensor(float(np.nanmean(means)))
        with torch.no_grad():
            squares = [
                self.channels(*self._centred(array)).square().mean(dim=(0, 2, 3), keepdim=True)
                for array in arrays
            ]
        self.sigma = torch.sqrt(torch.stack(squares).mean(dim=0)).clamp_min(1e-6)

    def _centred(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Values about the picture's own mean, 0 where invalid, and the 0/1 mask (n, 1, h, w)."""
        y = x.permute(0, 3, 1, 2)
        valid = (~torch.isnan(y)).to(torch.float32)
        value = torch.where(valid > 0, y - self.reference, torch.zeros_like(y))
        count = valid.sum(dim=(2, 3), keepdim=True).clamp_min(1.0)
        return (value - value.sum(dim=(2, 3), keepdim=True) / count) * valid, valid


class GradientFrontend(RangeFrontend):
    """Depth: slope in x, slope in y, and height above the picture's mean."""

    def channels(self, value: Tensor, valid: Tensor) -> Tensor:
        """Central differences; a slope next to an invalid pixel is 0."""
        dx, dy = (
            (_shift(value, 1, axis) - _shift(value, -1, axis))
            * (_shift(valid, 1, axis) * _shift(valid, -1, axis))
            for axis in (3, 2)
        )
        return torch.cat((dx, dy, value), dim=1)


class BandFrontend(RangeFrontend):
    """Temperature: fine, middle and coarse band, with the slow trend of the scene taken out."""

    SIGMAS_PX = (1.0, 4.0, 16.0, 48.0)

    def channels(self, value: Tensor, valid: Tensor) -> Tensor:
        """Differences of neighbouring Gaussian blurs (a Laplacian pyramid without decimation)."""
        blurred = [_blur(value, sigma) for sigma in self.SIGMAS_PX]
        bands = [a - b for a, b in itertools.pairwise(blurred)]
        return torch.cat(bands, dim=1) * valid


class LogMelFrontend(nn.Module):
    """Sound (n, t) in -1…1 to its log-mel picture (n, 3, bands, frames), standardised per band.

    The short-time Fourier transform is a convolution with a windowed Fourier basis, so that the
    graph needs no operator for it. Mel scale: O'Shaughnessy, 2595 log10(1 + f / 700).
    """

    WINDOW = 512
    BANDS = 128
    FRAMES = 256
    FLOOR = 1e-8  # below the noise of 16-bit sound

    def __init__(self, sample_rate: int, samples: int) -> None:
        super().__init__()
        if samples < 2 * self.WINDOW:
            raise ValueError(f"sound of {samples} samples is too short: {2 * self.WINDOW} at least")
        self.hop = max(1, math.ceil((samples - self.WINDOW) / (self.FRAMES - 1)))
        self.frames = 16 * (((samples - self.WINDOW) // self.hop + 1) // 16)
        self.register_buffer("basis", _fourier_basis(self.WINDOW))
        self.register_buffer("mel", _mel_filters(sample_rate, self.WINDOW, self.BANDS))
        self.register_buffer("mean", torch.zeros(1, self.BANDS, 1))
        self.register_buffer("sigma", torch.ones(1, self.BANDS, 1))

    def log_mel(self, x: Tensor) -> Tensor:
        """(n, t) to (n, bands, frames) of natural-log power."""
        spectrum = F.conv1d(x[:, None, :], self.basis, stride=self.hop)  # type: ignore[arg-type]
        spectrum = spectrum[:, :, : self.frames]
        real, imaginary = spectrum.chunk(2, dim=1)  # (n, bins, frames) each
        power = real.square() + imaginary.square()
        return torch.log(torch.matmul(self.mel, power) + self.FLOOR)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        spread = (self.log_mel(x) - self.mean) / self.sigma
        y = (MID_GREY + GREY_PER_SIGMA * spread).clamp(0.0, 255.0)[:, None]  # (n, 1, b, f)
        return torch.cat((y, y, y), dim=1)

    def fit(self, signals: Iterable[Array]) -> None:
        """Sets mean and standard deviation per band over good parts."""
        with torch.no_grad():
            mels = torch.cat(
                [self.log_mel(torch.from_numpy(np.asarray(s, np.float32))[None]) for s in signals]
            )  # (parts, bands, frames)
        self.mean = mels.mean(dim=(0, 2), keepdim=True)
        self.sigma = mels.std(dim=(0, 2), keepdim=True).clamp_min(1e-3)


def _shift(x: Tensor, by: int, axis: int) -> Tensor:
    """The neighbour ``by`` pixels further along ``axis``, the border repeated."""
    size = x.shape[axis]
    inner = x.narrow(axis, max(by, 0), size - abs(by))
    border = x.narrow(axis, size - 1 if by > 0 else 0, 1)
    return torch.cat((inner, border) if by > 0 else (border, inner), dim=axis)


def _blur(x: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of (n, 1, h, w), the border repeated; wide ones on a coarser grid."""
    if sigma > 4.0 and min(x.shape[2:]) >= 64:
        factor = 4
        small = _blur(F.avg_pool2d(x, factor), sigma / factor)
        return F.interpolate(small, size=x.shape[2:], mode="bilinear", align_corners=False)
    kernel = gaussian_kernel(sigma)
    half = len(kernel) // 2
    y = F.pad(x, (half, half, half, half), mode="replicate")
    return F.conv2d(F.conv2d(y, kernel.view(1, 1, -1, 1)), kernel.view(1, 1, 1, -1))


def gaussian_kernel(sigma: float) -> Tensor:
    """A normalised Gaussian cut at three standard deviations, (2 * ceil(3 sigma) + 1,)."""
    half = math.ceil(3 * sigma)
    x = torch.arange(-half, half + 1, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (x / sigma) ** 2)
    return kernel / kernel.sum()


def _fourier_basis(window: int) -> Tensor:
    """Hann-windowed cosines, then sines: (2 * (window / 2 + 1), 1, window)."""
    time = np.arange(window)
    angles = 2 * np.pi * np.outer(np.arange(window // 2 + 1), time) / window
    taper = hann(window, sym=False)
    basis = np.concatenate((np.cos(angles), -np.sin(angles))) * taper
    return torch.from_numpy(basis.astype(np.float32))[:, None, :]


def _mel_filters(sample_rate: int, window: int, bands: int) -> Tensor:
    """Triangles evenly spaced on the mel scale, (bands, window / 2 + 1), each summing to 1."""

    def to_mel(hertz: float) -> float:
        return 2595.0 * math.log10(1.0 + hertz / 700.0)

    edges_mel = np.linspace(to_mel(50.0), to_mel(sample_rate / 2), bands + 2)
    edges = 700.0 * (10.0 ** (edges_mel / 2595.0) - 1.0)
    bins = np.arange(window // 2 + 1) * sample_rate / window
    # A triangle narrower than a bin would be empty: it is at least one bin wide.
    width = sample_rate / window
    low = np.minimum(edges[:-2], edges[1:-1] - width)[:, None]
    high = np.maximum(edges[2:], edges[1:-1] + width)[:, None]
    centre = edges[1:-1][:, None]
    filters = np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)).clip(0)
    filters /= filters.sum(axis=1, keepdims=True)
    return torch.from_numpy(filters.astype(np.float32))
