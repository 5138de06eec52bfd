from __future__ import annotations

import pytest
import torch
from scipy.spatial.distance import mahalanobis

from branchline_training.evidence import (
    NearestNeighbour,
    PositionGaussian,
    Smoothing,
    k_centre,
)
from branchline_training.pseudo_defects import add_pseudo_defects
from branchline_training.selection import (
    DETECTORS,
    MAX_DRIFT,
    Assessment,
    _separation,
    build_detector,
    choose_detector,
    choose_views,
    place_share,
)
from branchline_training.views import RIDGE

PARTS, CHANNELS, SIDE = 24, 200, 8


@pytest.fixture
def features() -> torch.Tensor:
    return torch.randn(PARTS, CHANNELS, SIDE, SIDE, generator=torch.Generator().manual_seed(0))


def test_position_gaussian_is_the_mahalanobis_distance_of_its_block(
    features: torch.Tensor,
) -> None:
    ridge = 0.03
    detector = PositionGaussian(features, seed=0, ridge=ridge)
    new = torch.randn(1, CHANNELS, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    z = detector.projection(features).double()  # (n, h, w, d)
    residual = (z - z.mean(dim=0)).reshape(PARTS, 4, 2, 4, 2, -1).permute(1, 3, 0, 2, 4, 5)
    blocks = residual.reshape(4, 4, PARTS * 4, -1)
    covariance = blocks.mT @ blocks / (PARTS * 4) * PARTS / (PARTS - 1)
    own = covariance.diagonal(dim1=2, dim2=3).mean(dim=2)[..., None, None]
    inverse = torch.linalg.inv(covariance + ridge * own * torch.eye(z.shape[3]))
    distance = detector(new)[0]
    for y, x in ((0, 0), (3, 6), (7, 7)):
        truth = mahalanobis(
            detector.projection(new)[0, y, x], z.mean(dim=0)[y, x], inverse[y // 2, x // 2]
        )
        assert float(distance[y, x]) == pytest.approx(truth, rel=1e-3)


def test_a_quiet_place_stays_sharp_beside_a_loud_one() -> None:
    """What is many deviations where nothing ever moves must not drown in the noise of an edge."""
    generator = torch.Generator().manual_seed(0)
    good = torch.randn(40, 8, SIDE, SIDE, generator=generator)
    quiet = (..., slice(0, SIDE // 2))
    good[quiet] *= 0.01
    new = torch.full((1, 8, SIDE, SIDE), 10.0)  # ten deviations of the loud side
    new[quiet] *= 0.01  # and of the quiet one
    distance = PositionGaussian(good, seed=0, ridge=1e-2)(new)[0]
    assert float(distance[1, 1]) == pytest.approx(float(distance[1, -2]), rel=0.5)
    assert float(distance[1, 1]) > 10


def test_a_place_that_never_varied_answers_with_a_finite_distance() -> None:
    good = torch.randn(40, 8, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    good[..., : SIDE // 2] = 1.0
    distance = PositionGaussian(good, seed=0, ridge=1e-4)(good + 0.01)
    assert torch.isfinite(distance).all()
    assert float(distance[..., : SIDE // 2].max()) < 100


def test_nearest_neighbour_is_the_smallest_distance_to_the_bank(features: torch.Tensor) -> None:
    detector = NearestNeighbour(features, seed=0)
    new = torch.randn(2, CHANNELS, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    patches = detector._patches(new).reshape(-1, detector.DIMENSIONS)
    nearest = torch.cdist(patches, detector.bank.T).amin(dim=1).reshape(2, SIDE, SIDE)
    truth = torch.sqrt(nearest.square() + detector.FLOOR)
    assert torch.allclose(detector(new), truth, atol=1e-3)


def test_k_centre_covers_better_than_chance() -> None:
    points = torch.randn(500, 8, generator=torch.Generator().manual_seed(0))
    covered = torch.cdist(points, k_centre(points, 40)).amin(dim=1).amax()
    by_chance = torch.cdist(points, points[:40]).amin(dim=1).amax()
    assert covered < 0.9 * by_chance


@pytest.mark.parametrize("name", DETECTORS)
def test_an_answer_does_not_depend_on_its_neighbours(features: torch.Tensor, name: str) -> None:
    detector = build_detector(name, features, seed=0, ridge=RIDGE)
    new = torch.randn(5, CHANNELS, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(detector(new)[3], detector(new[3:4])[0], atol=1e-4)


def test_smoothing_keeps_a_flat_map_flat() -> None:
    flat = torch.full((1, 12, 10), 3.0)
    assert torch.allclose(Smoothing()(flat), flat, atol=1e-5)


def test_pseudo_defects_leave_the_good_pictures_alone_and_touch_each_copy() -> None:
    good = torch.rand(6, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 255
    before = good.clone()
    damaged = add_pseudo_defects(good, seed=1)
    assert torch.equal(good, before)
    touched = (damaged - good).abs().amax(dim=1).gt(1).float().mean(dim=(1, 2))
    assert touched.min() > 0
    assert touched.max() < 0.5
    assert torch.equal(damaged, add_pseudo_defects(good, seed=1))


def choose(good: torch.Tensor, damaged: torch.Tensor) -> tuple[Assessment, list[Assessment]]:
    return choose_detector(
        good,
        damaged,
        candidates=("gaussian", "neighbour"),
        pictures=True,
        seed=0,
        ridge=RIDGE,
        folds=lambda folds, _: folds,
    )


def test_a_part_that_never_lies_alike_is_given_to_the_nearest_neighbour() -> None:
    """Every part is the same picture, rolled somewhere else: no place means anything."""
    generator = torch.Generator().manual_seed(0)
    motif = 4 * torch.randn(CHANNELS, SIDE, SIDE, generator=generator)
    poses = torch.randint(SIDE, (40, 2), generator=generator).tolist()
    parts = torch.stack([torch.roll(motif, pose, dims=(1, 2)) for pose in poses])
    good = parts + 0.3 * torch.randn(parts.shape, generator=generator)
    damaged = good.clone()
    damaged[:, :, 3:5, 3:5] += torch.randn(CHANNELS, 1, 1, generator=generator)
    choice, (gaussian, _) = choose(good, damaged)
    assert choice.name == "neighbour"
    assert choice.pseudo_auroc > gaussian.pseudo_auroc + 0.1


def test_a_detector_that_does_not_hold_in_the_next_session_is_not_taken() -> None:
    """Each session has its own picture at every place; its patches are those of all sessions."""
    generator = torch.Generator().manual_seed(0)
    patches = torch.randn(6, CHANNELS, generator=generator)
    layouts = torch.randint(6, (5, SIDE, SIDE), generator=generator)
    good = torch.stack([patches[layouts[i // 8]].permute(2, 0, 1) for i in range(40)])
    good = good + 0.5 * torch.randn(good.shape, generator=generator)
    damaged = good.clone()
    damaged[:, :, 3:5, 3:5] += 3.0
    choice, (gaussian, neighbour) = choose(good, damaged)
    assert gaussian.drift > MAX_DRIFT > neighbour.drift
    assert choice.name == "neighbour"


def assessment(
    name: str, good: torch.Tensor, damaged: torch.Tensor, drift: float, *, posed: bool = True
) -> Assessment:
    return Assessment(
        name, _separation(good, damaged), drift, good, damaged, torch.ones(4, 4), posed=posed
    )


def test_a_view_joins_if_it_adds_to_the_others_and_holds() -> None:
    generator = torch.Generator().manual_seed(0)
    good = torch.randn(3, 60, 4, 4, generator=generator)
    damaged = torch.randn(3, 60, 4, 4, generator=generator)
    damaged[0, :30] += 4  # each view sees the half that the other does not
    damaged[1, 30:] += 4
    trunk = assessment("gaussian", good[0], damaged[0], 1.0)
    picture = assessment("gaussian", good[1], damaged[1], 1.0)
    blind = assessment("gaussian", good[2], damaged[2], 1.0)
    assert choose_views({"trunk": trunk, "picture": picture}) == ["trunk", "picture"]
    assert choose_views({"trunk": trunk, "student": blind}) == ["trunk"]
    assert choose_views({"trunk": trunk, "student": blind}, student="on") == ["trunk", "student"]
    drifting = assessment("gaussian", good[1], damaged[1], MAX_DRIFT + 0.1)
    assert choose_views({"trunk": trunk, "picture": drifting}) == ["trunk"]
    lying_anyhow = assessment("gaussian", good[1], damaged[1], 1.0, posed=False)
    assert choose_views({"trunk": trunk, "picture": lying_anyhow}) == ["trunk"]


def test_parts_in_one_pose_share_what_each_place_shows_and_rolled_ones_do_not() -> None:
    generator = torch.Generator().manual_seed(0)
    motif = 4 * torch.randn(CHANNELS, SIDE, SIDE, generator=generator)
    noise = 0.3 * torch.randn(40, CHANNELS, SIDE, SIDE, generator=generator)
    poses = torch.randint(SIDE, (40, 2), generator=generator).tolist()
    rolled = torch.stack([torch.roll(motif, pose, dims=(1, 2)) for pose in poses])
    posed, anyhow = motif + noise, rolled + noise
    assert place_share(posed) > 0.95
    assert place_share(anyhow) < 0.2
    # A mask that hides half of every picture poses nobody.
    for parts in (posed, anyhow):
        parts[:, :, : SIDE // 2] = 5.0
    assert place_share(posed) > 0.95
    assert place_share(anyhow) < 0.2
    assert place_share(torch.ones(40, CHANNELS, SIDE, SIDE)) == 1.0
    for parts, expected in ((posed, True), (anyhow, False)):
        _, (assessed, *_) = choose(parts, parts + 1)
        assert assessed.posed is expected
