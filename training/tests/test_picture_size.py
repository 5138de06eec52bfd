from __future__ import annotations

import pytest

from branchline_training.dataset import DatasetError
from branchline_training.picture_size import fit_size, fit_specs
from branchline_training.specs import AudioSpec, ImageSpec


@pytest.mark.parametrize(
    ("size", "fitted"),
    [
        ((256, 256), (256, 256)),
        ((2048, 2048), (256, 256)),
        ((640, 480), (256, 192)),
        ((1920, 1080), (256, 144)),
        ((480, 640), (192, 256)),
        ((64, 64), (256, 256)),
    ],
)
def test_pictures_fit_the_grid_in_their_aspect(
    size: tuple[int, int], fitted: tuple[int, int]
) -> None:
    assert fit_size(*size, 256) == fitted


def test_a_ribbon_that_fits_no_grid_is_refused_by_name() -> None:
    ribbon = ImageSpec(name="belt", width=3000, height=50, channels=3)
    with pytest.raises(DatasetError, match="belt: pictures of 3000 x 50"):
        fit_specs({"belt": ribbon}, 256)


def test_sound_is_kept_as_it_is() -> None:
    sound = AudioSpec(name="tap", sample_rate=16_000, seconds=0.5)
    assert fit_specs({"tap": sound}, 256) == {"tap": sound}
