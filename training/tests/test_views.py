from __future__ import annotations

import torch

from branchline_training.views import PictureView, TrunkView, teacher_features

TAPS = (torch.rand(2, 24, 16, 16), torch.rand(2, 40, 8, 8), torch.rand(2, 112, 4, 4))


def test_the_picture_view_is_the_cells_around_each_place() -> None:
    picture = torch.rand(2, 3, 64, 64)
    view = PictureView(sound=False)(picture, TAPS)
    cells = torch.nn.functional.avg_pool2d(picture, 8)  # (2, 3, 8, 8)
    assert view.shape == (2, 75, 8, 8)
    around = cells[1, :, 1:6, 2:7].permute(1, 2, 0).reshape(-1)  # of place (3, 4)
    assert torch.equal(view[1, :, 3, 4], around)
    corner = view[1, :3, 0, 0]
    assert torch.equal(corner, cells[1, :, 0, 0])  # the border is repeated


def test_the_picture_view_of_sound_is_a_column_of_bands_at_one_time() -> None:
    picture = torch.rand(2, 1, 128, 240).expand(2, 3, 128, 240)
    view = PictureView(sound=True)(picture, TAPS)
    means = picture[:, 0].reshape(2, 128, 30, 8).mean(dim=3)  # (2, bands, gw)
    assert view.shape == (2, 48, 16, 30)
    assert torch.allclose(view[0, :, 5, 7], means[0, 20:68, 7])  # 40 - 20 … 40 + 28


def test_the_trunk_view_has_the_teachers_features_and_the_finest_tap() -> None:
    view = TrunkView()(torch.rand(2, 3, 64, 64), TAPS)
    assert view.shape == (2, 200, 8, 8)
    assert torch.equal(view[:, :152], teacher_features(TAPS))
    assert torch.equal(view[0, 176:, 0, 0], TAPS[0][0, :, :2, :2].amax(dim=(1, 2)))
