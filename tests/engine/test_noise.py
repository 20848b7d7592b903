from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torchsde._brownian import brownian_interval

from webui.engine.noise import SOURCES, PictureNoise, PictureSeeds, pasted, slerp
from webui.engine.philox import PhiloxGenerator, philox

CPU = torch.device("cpu")
SHAPE = (4, 6, 5)
SIGMAS = (10.0, 3.0, 1.0, 0.1, 0.0)


def noise(*pictures: PictureSeeds, **options: Any) -> PictureNoise:
    return PictureNoise(pictures, SHAPE, CPU, SIGMAS, **options)


def randn(seed: int, *shapes: tuple[int, ...]) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator) for shape in shapes]


# sources


def words(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.uint64)


@pytest.mark.parametrize(
    ("counter", "key", "result"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_gives_its_authors_vectors(counter: tuple[int, ...], key: tuple[int, ...], result: tuple[int, ...]) -> None:
    assert philox(words(*counter).reshape(4, 1), words(*key))[:, 0].tolist() == list(result)


def test_philox_numbers_are_those_of_a_card() -> None:
    """The first row that torch.randn((3, 4)) gives on CUDA with seed 0."""
    first = PhiloxGenerator(0).randn((3, 4))[0].tolist()
    assert first == pytest.approx([-0.92466259, -0.42534415, -2.6438457, 0.14518388], abs=1e-7)


def test_philox_numbers_are_normal_and_differ_from_call_to_call() -> None:
    generator = PhiloxGenerator(2**40 + 3)
    one, other = generator.randn((200, 100)), generator.randn((200, 100))
    for numbers in (one, other):
        assert numbers.dtype == torch.float32
        assert abs(float(numbers.mean())) < 0.02
        assert float(numbers.std()) == pytest.approx(1, abs=0.02)
    assert abs(float((one * other).mean())) < 0.02
    assert not torch.equal(one, PhiloxGenerator(3).randn((200, 100)))


def test_a_card_is_imitated_where_there_is_none() -> None:
    assert torch.equal(noise(PictureSeeds(3), source="GPU").first(), noise(PictureSeeds(3), source="NV").first())
    assert not torch.equal(noise(PictureSeeds(3), source="CPU").first(), noise(PictureSeeds(3), source="NV").first())


# order


@pytest.mark.parametrize("source", SOURCES)
def test_a_picture_does_not_depend_on_its_neighbours(source: str) -> None:
    both, alone = noise(PictureSeeds(1), PictureSeeds(2), source=source), noise(PictureSeeds(2), source=source)
    for draw in ("first", "draw", "draw"):
        assert torch.equal(getattr(both, draw)()[1:], getattr(alone, draw)())
    for sigma, following in ((10.0, 3.0), (10.0, 5.0), (3.0, 1.0)):
        assert torch.equal(both.between(sigma, following)[1:], alone.between(sigma, following))


def test_the_first_noise_and_then_the_rest_from_one_generator() -> None:
    own = noise(PictureSeeds(7))
    drawn = [own.first(), own.draw(), own.draw()]
    assert all(torch.equal(mine[0], theirs) for mine, theirs in zip(drawn, randn(7, SHAPE, SHAPE, SHAPE), strict=True))


def test_a_delta_changes_the_noise_on_the_way_only() -> None:
    own = noise(PictureSeeds(7, delta=31337))
    assert torch.equal(own.first()[0], randn(7, SHAPE)[0])
    assert torch.equal(own.draw()[0], randn(7 + 31337, SHAPE)[0])


# Brownian motion


def test_brownian_noise_is_unit_and_fits_together() -> None:
    own = PictureNoise([PictureSeeds(seed) for seed in range(4)], (4, 32, 32), CPU, SIGMAS)
    whole, upper, lower = own.between(10.0, 1.0), own.between(10.0, 3.0), own.between(3.0, 1.0)
    assert float(whole.std()) == pytest.approx(1, abs=0.05)
    assert torch.allclose(whole * math.sqrt(9), upper * math.sqrt(7) + lower * math.sqrt(2), atol=1e-5)
    assert abs(float((upper * lower).mean())) < 0.05


def test_brownian_noise_follows_its_source_and_leaves_torchsde_as_it_was() -> None:
    usual = brownian_interval._randn
    one, other = (noise(PictureSeeds(7), source=source).between(10.0, 1.0) for source in ("CPU", "NV"))
    assert not torch.allclose(one, other)
    assert brownian_interval._randn is usual


# variations


def test_a_variation_lies_between_two_seeds() -> None:
    one, other = randn(1, SHAPE)[0], randn(2, SHAPE)[0]
    for strength in (0.3, 1.0):
        first = noise(PictureSeeds(1, variation_seed=2, strength=strength)).first()[0]
        assert torch.equal(first, slerp(one, other, strength))
    assert torch.allclose(slerp(one, other, 1.0), other, atol=1e-5)
    assert torch.allclose(slerp(one, other, 0.0), one, atol=1e-5)


def test_slerp_takes_the_angle_over_the_height() -> None:
    """Two columns of height 2 by hand: 90 degrees apart, and 60."""
    low = torch.tensor([[[1.0, 1.0], [0.0, 0.0]]])
    high = torch.tensor([[[0.0, 0.5], [1.0, math.sqrt(3) / 2]]])
    half = slerp(low, high, 0.5)
    assert half[0, :, 0].tolist() == pytest.approx([math.cos(math.pi / 4), math.sin(math.pi / 4)])
    assert half[0, :, 1].tolist() == pytest.approx([math.cos(math.pi / 6), math.sin(math.pi / 6)])


def test_slerp_of_the_same_is_linear_and_the_other_way_round() -> None:
    low = randn(1, SHAPE)[0]
    assert torch.allclose(slerp(low, low * 3, 0.25), low * 0.25 + low * 3 * 0.75)


def test_the_noise_on_the_way_is_the_seeds_own() -> None:
    own = noise(PictureSeeds(1, variation_seed=2, strength=0.5))
    own.first()
    assert torch.equal(own.draw()[0], randn(1, SHAPE, SHAPE)[1])


# resized seeds


@pytest.mark.parametrize("small", [(4, 3, 3), (4, 8, 9), (4, 3, 9), (4, 5, 8)])
def test_a_resized_seed_keeps_its_middle(small: tuple[int, int, int]) -> None:
    own = noise(PictureSeeds(7), first_shape=small)
    first = own.first()[0]
    drawn = randn(7, small)[0]
    row, column = SHAPE[1] // 2, SHAPE[2] // 2
    offsets = [(length - part) // 2 for length, part in zip(SHAPE[1:], small[1:], strict=True)]
    assert torch.equal(first[:, row, column], drawn[:, row - offsets[0], column - offsets[1]])
    assert torch.equal(own.draw()[0], randn(7, SHAPE, SHAPE)[1])


def test_outside_of_the_smaller_noise_is_the_seeds_own_noise() -> None:
    small, onto = torch.zeros(4, 2, 2), torch.ones(4, 6, 5)
    result = pasted(small, onto)
    assert float(result.sum()) == 4 * (30 - 4)
    assert torch.equal(result[:, 2:4, 1:3], small)
    assert float(onto.min()) == 1
