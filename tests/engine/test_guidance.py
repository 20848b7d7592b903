from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from webui.engine.conditioning import Pull
from webui.engine.families.base import Conditioning
from webui.engine.families.sd import StableDiffusion
from webui.engine.guidance import IdentityAttention, Said, guided, guides_at, left_out, perturbation, rescaled, thresholded, with_freeu
from webui.engine.samplers import NoisePath
from webui.generation.prompt.schedules import Timeline

from .drawing import Recorder, digests, job

SIZE: dict[str, Any] = {"width": 64, "height": 64, "steps": 2}
FREEU = {"freeu_b1": 1.3, "freeu_b2": 1.4, "freeu_s1": 0.9, "freeu_s2": 0.2}


def said(seed: int = 0) -> Said:
    generator = torch.Generator().manual_seed(seed)
    return Said(torch.randn((2, 4, 8, 8), generator=generator), 2.0, *(torch.randn((2, 4, 8, 8), generator=generator) for _ in range(2)))


# on guesses


@pytest.mark.parametrize("path", [NoisePath(), NoisePath(flow=True)], ids=["sigma space", "flow"])
def test_rescaled_wholly_the_velocity_has_the_prompts_own_spread(path: NoisePath) -> None:
    told = said() if not path.flow else Said(said().x, 0.7, said().without, said().towards)
    middle = told.x if path.flow else told.x / (told.sigma**2 + 1)
    whole = rescaled(told, told.at(7.0), 1.0, path)
    for row in range(2):
        assert float((middle - whole)[row].std()) == pytest.approx(float((middle - told.at(1.0))[row].std()), rel=1e-4)
    assert torch.allclose(rescaled(told, told.at(7.0), 0.0, path), told.at(7.0), atol=1e-5)
    half = rescaled(told, told.at(7.0), 0.5, path)
    assert torch.allclose(half, (whole + told.at(7.0)) / 2, atol=1e-5)


def test_thresholded_a_high_scale_has_the_range_of_a_low_one_around_its_own_mean() -> None:
    told = said()
    result = thresholded(told, told.at(20.0), 5.0, 1.0)
    mean = told.at(20.0).mean((-2, -1), keepdim=True)
    low = told.at(5.0)
    wanted = (low - low.mean((-2, -1), keepdim=True)).abs().amax((-2, -1))
    assert torch.allclose((result - mean).abs().amax((-2, -1)), wanted, rtol=1e-4)
    assert torch.allclose(thresholded(told, told.at(5.0), 5.0, 1.0), told.at(5.0), atol=1e-5)
    clamped = thresholded(told, told.at(20.0), 1.0, 0.9)
    assert not torch.allclose(clamped, thresholded(told, told.at(20.0), 1.0, 1.0))


def test_guidance_in_an_interval_of_the_steps() -> None:
    sigmas = (10.0, 8.0, 6.0, 4.0, 0.0)

    def steps(**fields: float) -> list[int]:
        guides = guides_at(job(**fields).request, sigmas)
        return [step for step in range(4) if guides(sigmas[step])]

    assert steps() == [0, 1, 2, 3]
    assert steps(guidance_from=0.5) == [2, 3]
    assert steps(guidance_to=0.5) == [0, 1]
    assert steps(guidance_from=0.25, guidance_to=0.75) == [1, 2]
    assert steps(guidance_from=0.7, guidance_to=0.3) == []
    assert guides_at(job().request, sigmas)(12.0)  # churned above the first level


class Asked:
    """Guesses the first number of the conditioning and keeps how many rows it was asked for."""

    def __init__(self) -> None:
        self.rows: list[int] = []

    def denoise(self, x: torch.Tensor, sigma: float, conditioning: Conditioning) -> torch.Tensor:
        self.rows.append(x.shape[0])
        return conditioning.tokens[:, 0, :1, None, None] * torch.ones_like(x)


def test_outside_of_the_interval_only_the_prompt_is_asked() -> None:
    positive, negative = (Timeline((9,), (Conditioning(torch.full((1, 2, 3), number)),)) for number in (3.0, 1.0))
    family: Any = Asked()
    context: Any = SimpleNamespace(
        request=job(cfg_scale=2.0, guidance_from=0.5).request,
        images=(0,),
        positive=(Pull(positive),),
        negative=negative,
        sigmas=(4.0, 2.0, 0.0),
        model_sigmas=SimpleNamespace(flow=False),
        layout=None,
        tiles=None,
    )
    denoise = guided(family, context)
    x = torch.zeros(1, 1, 1, 1)
    assert [float(denoise(x, sigma)) for sigma in (4.0, 2.0)] == [3.0, 1 + 2 * (3 - 1)]
    assert family.rows == [1, 2]


# on pictures


@pytest.mark.parametrize(
    "change",
    [
        {"cfg_rescale": 0.7},
        {"mimic_scale": 2.0},
        {"mimic_scale": 4.0, "threshold_percentile": 95.0},
        {"guidance_from": 0.5},
        {"guidance_to": 0.5},
        {"pag_scale": 3.0},
        FREEU,
    ],
    ids=str,
)
def test_each_reaches_the_picture_and_leaves_nothing_behind(recorder: Recorder, change: dict[str, Any]) -> None:
    plain = digests(recorder.run(job(**SIZE)))
    assert digests(recorder.run(job(**SIZE, **change))) != plain
    assert digests(recorder.run(job(**SIZE))) == plain


def test_perturbed_attention_works_without_a_negative(recorder: Recorder) -> None:
    usual = digests(recorder.run(job(**SIZE, cfg_scale=1.0)))
    assert digests(recorder.run(job(**SIZE, cfg_scale=1.0, pag_scale=3.0))) != usual


def test_patches_are_taken_off_exactly_even_when_something_breaks(family: StableDiffusion) -> None:
    unet: Any = family.unet
    attention = unet.mid_block.attentions[0].transformer_blocks[0].attn1
    before = attention.processor
    factors = [dict(vars(block)) for block in unet.up_blocks]
    perturbed = perturbation(family)
    assert perturbed is not None
    with pytest.raises(RuntimeError), perturbed(), with_freeu(family, job(**FREEU).request):
        assert isinstance(attention.processor, IdentityAttention)
        assert unet.up_blocks[0].b1 == 1.3
        raise RuntimeError
    assert attention.processor is before
    for block, own in zip(unet.up_blocks, factors, strict=True):
        assert {name: value for name, value in vars(block).items() if value is not None} == {
            name: value for name, value in own.items() if value is not None
        }


def test_what_a_transformer_cannot_do_is_said() -> None:
    transformer: Any = SimpleNamespace(modules={"denoiser": torch.nn.Linear(1, 1)})
    assert left_out(transformer, job(pag_scale=3.0, **FREEU).request) == ["Perturbed attention", "FreeU"]
    assert left_out(transformer, job().request) == []
    assert perturbation(transformer) is None
