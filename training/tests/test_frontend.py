from __future__ import annotations

import numpy as np
import torch
from scipy.signal import stft

from branchline_training.frontend import (
    BandFrontend,
    GradientFrontend,
    ImageFrontend,
    LogMelFrontend,
    make_frontend,
)
from branchline_training.specs import RangeSpec


def test_grey_fills_all_three_channels() -> None:
    x = torch.arange(2 * 16 * 16, dtype=torch.uint8).reshape(2, 16, 16, 1)
    y = ImageFrontend()(x)
    assert y.shape == (2, 3, 16, 16)
    assert torch.equal(y[:, 0], y[:, 2])


def test_a_plane_has_the_same_slope_everywhere_inside() -> None:
    rows, columns = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    plane = (0.5 * rows + 2.0 * columns)[None, None]
    dx, dy, _ = GradientFrontend().channels(plane, torch.ones_like(plane))[0]
    assert torch.allclose(dx[:, 1:-1], torch.tensor(4.0))
    assert torch.allclose(dy[1:-1], torch.tensor(1.0))


def test_invalid_pixels_make_no_slope_and_no_nan() -> None:
    rng = np.random.default_rng(0)
    good = [rng.normal(50, 1, (32, 32, 1)).astype(np.float32) for _ in range(3)]
    for spec_unit in ("mm", "degC"):
        spec = RangeSpec(name="r", width=32, height=32, unit=spec_unit, encoding="float32")
        frontend = make_frontend(spec, good)
        holed = good[0].copy()
        holed[10:14, 10:14] = np.nan
        assert torch.isfinite(frontend(torch.from_numpy(holed[None]))).all()
        nothing = np.full_like(good[0], np.nan)
        assert torch.isfinite(frontend(torch.from_numpy(nothing[None]))).all()
    value = torch.from_numpy(np.nan_to_num(holed))[None].permute(0, 3, 1, 2)
    valid = torch.from_numpy(~np.isnan(holed)).float()[None].permute(0, 3, 1, 2)
    dx = GradientFrontend().channels(value, valid)[0, 0]
    assert torch.all(dx[10:14, 9:15] == 0)


def test_temperature_loses_its_offset_and_its_slow_trend() -> None:
    rows = torch.linspace(0, 1, 128)[:, None].expand(128, 128)[None, None]
    spot = torch.zeros(1, 1, 128, 128)
    spot[..., 60:68, 60:68] = 1.0
    bands = BandFrontend()
    valid = torch.ones_like(spot)
    trend = bands.channels(20 + rows, valid)[..., 40:88, 40:88].abs().amax()
    assert trend < 0.1 * bands.channels(spot, valid).abs().amax()


def test_log_mel_equals_a_fourier_transform_by_the_book() -> None:
    sound = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    frontend = LogMelFrontend(16_000, 16_000)
    window = frontend.WINDOW
    _, _, spectrum = stft(
        sound,
        window="hann",
        nperseg=window,
        noverlap=window - frontend.hop,
        boundary=None,
        padded=False,
    )
    # scipy divides by the window's sum.
    power = np.abs(spectrum[:, : frontend.frames] * window / 2) ** 2
    truth = np.log(frontend.mel.numpy() @ power + frontend.FLOOR)  # type: ignore[operator]
    assert np.allclose(frontend.log_mel(torch.from_numpy(sound[None]))[0], truth, atol=1e-3)
