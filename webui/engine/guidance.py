"""Guidance: how several guesses become one that goes away from the negative prompt and towards the prompt."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch

from webui.engine.conditioning import stretch_to
from webui.engine.context import DenoiseContext
from webui.engine.families.base import Conditioning, Family
from webui.engine.memory.measures import with_attributes
from webui.engine.samplers import Denoise, NoisePath
from webui.engine.tiling import padded_layers
from webui.generation.request import ResolvedRequest

Ask = Callable[[torch.Tensor, float, int, bool], list[torch.Tensor]]
"""From noisy latents, their noise level, the number of the call, and whether only the prompt is asked, to guesses of x0."""


def asking(family: Family, context: DenoiseContext) -> Ask:
    """Asks the denoiser for the negative prompt, where there is one, and for each part of the prompt, in this order.

    All of one length are asked in one batch, which is faster on a GPU and on a CPU. What they ask for changes from call to call
    where the prompt has a schedule; calls are counted from 0, as AUTOMATIC1111 does, so an entry lasts one call longer than its steps.
    """
    negative = [] if context.negative is None else [context.negative]
    timelines = [*negative, *(pull.conditioning for pull in context.positive)]

    @functools.lru_cache(maxsize=8)
    def batches(entries: tuple[int, ...], first: int) -> list[tuple[list[int], Conditioning]]:
        """What is asked together, by place in `timelines`, from the first place on."""
        asked = [timeline.entries[entry] for timeline, entry in zip(timelines, entries, strict=True)]
        longest = max(one.length for one in asked[len(negative) :])
        asked[len(negative) :] = [stretch_to(one, longest) for one in asked[len(negative) :]]
        places = sorted(range(first, len(asked)), key=lambda place: asked[place].length)
        return [
            (together, Conditioning.stacked([asked[place].expanded(len(context.images)) for place in together]))
            for together in (list(group) for _, group in itertools.groupby(places, key=lambda place: asked[place].length))
        ]

    def ask(x: torch.Tensor, sigma: float, call: int, only_prompt: bool) -> list[torch.Tensor]:
        first = len(negative) if only_prompt else 0
        answers: dict[int, torch.Tensor] = {}
        for places, conditioning in batches(tuple(timeline.index_at(call) for timeline in timelines), first):
            context.level, context.asked = sigma, tuple(places)
            guesses = family.denoise(torch.cat([x] * len(places)), sigma, conditioning).chunk(len(places))
            answers |= zip(places, guesses, strict=True)
        return [answers[place] for place in range(first, len(timelines))]

    return ask


@dataclass(frozen=True)
class Said:
    """What the denoiser said of x at one call, all shaped as x.

    without: the guess for the negative prompt. towards: what the parts of the prompt add to it, each by its weight, at scale 1.
    """

    x: torch.Tensor
    sigma: float
    without: torch.Tensor
    towards: torch.Tensor

    def at(self, scale: float) -> torch.Tensor:
        """The guess guided by a scale."""
        return self.without + self.towards * scale


Change = Callable[[Said, torch.Tensor], torch.Tensor]
"""From what was said and the guess that was made of it to another guess."""


def changes_of(request: ResolvedRequest, path: NoisePath) -> list[Change]:
    """What a request changes about guided guesses, in this order."""
    changes: list[Change] = []
    if request.mimic_scale:
        changes.append(lambda said, guess: thresholded(said, guess, request.mimic_scale, request.threshold_percentile / 100))
    if request.cfg_rescale:
        changes.append(lambda said, guess: rescaled(said, guess, request.cfg_rescale, path))
    return changes


def rescaled(said: Said, guess: torch.Tensor, share: float, path: NoisePath) -> torch.Tensor:
    """The guess with the spread that the prompt's own has, by a share. Lin et al. 2023 (arXiv:2305.08891), equations 15 and 16.

    Measured on velocities, as the paper does, which for eps and v models is v = (x / (sigma^2 + 1) - x0) * sqrt(sigma^2 + 1) / sigma.
    """
    middle = said.x if path.flow else said.x / (said.sigma**2 + 1)
    own, wanted = (middle - one for one in (guess, said.at(1.0)))
    dims = tuple(range(1, own.ndim))
    factor = wanted.std(dims, keepdim=True) / own.std(dims, keepdim=True)
    return middle - own * (share * factor + (1 - share))


def thresholded(said: Said, guess: torch.Tensor, mimic_scale: float, kept: float) -> torch.Tensor:
    """Dynamic thresholding: each channel of the guess clamped and brought to the range that a lower scale would have.

    Saharia et al. 2022 (arXiv:2205.11487), section 2.3, for latents: https://github.com/mcmonkeyprojects/sd-dynamic-thresholding (MIT),
    from the mean, by the largest deviation. kept: the quantile of the deviations that isn't clamped.
    """
    centre, mimicked = guess.mean((-2, -1), keepdim=True), said.at(mimic_scale)
    deviations = guess - centre
    wanted = (mimicked - mimicked.mean((-2, -1), keepdim=True)).abs().amax((-2, -1), keepdim=True)
    own = torch.quantile(deviations.abs().flatten(-2), kept, dim=-1, keepdim=True)[..., None]
    most = torch.maximum(wanted, own)
    return deviations.clamp(-most, most) / most * wanted + centre


def guides_at(request: ResolvedRequest, sigmas: Sequence[float]) -> Callable[[float], bool]:
    """Whether a noise level lies in the steps that guidance is wanted for. Kynkäänniemi et al. 2024 (arXiv:2404.07724)."""
    steps = len(sigmas) - 1
    above = sigmas[int(request.guidance_to * steps)] if request.guidance_to < 1 else 0.0
    most = sigmas[int(request.guidance_from * steps)] if request.guidance_from > 0 else float("inf")
    return lambda sigma: above < sigma <= most * (1 + 1e-6)


def guided(family: Family, context: DenoiseContext, calls: Iterator[int] | None = None) -> Denoise:
    """The denoiser with classifier-free guidance: away from the negative prompt, towards each part of the prompt by its weight.

    Without a negative (guidance_scale 1) only the prompt is asked. Written on x0, which is the same: Ho and Salimans 2022
    (arXiv:2207.12598); several parts: Liu et al. 2022 (arXiv:2206.01714), equation 11. calls: numbers them, where others came before.
    """
    request = context.request
    ask, calls = asking(family, context), calls or itertools.count()
    weights = [pull.weight for pull in context.positive]
    changes = changes_of(request, NoisePath(context.model_sigmas.flow))
    guides = guides_at(request, context.sigmas)
    perturbed = perturbation(family) if request.pag_scale else None

    def pull(guesses: Sequence[torch.Tensor], away: Sequence[torch.Tensor]) -> torch.Tensor:
        pulls = [(guess - other) * weight for guess, other, weight in zip(guesses, away, weights, strict=True)]
        return functools.reduce(torch.add, pulls)

    def denoise(x: torch.Tensor, sigma: float) -> torch.Tensor:
        call, wanted = next(calls), guides(sigma)
        if context.negative is None or (not wanted and weights == [1.0]):
            prompt = ask(x, sigma, call, True)
            result = context.unguided = prompt[0]
        else:
            context.unguided, *prompt = ask(x, sigma, call, False)
            said = Said(x, sigma, context.unguided, pull(prompt, [context.unguided] * len(prompt)))
            result = said.at(request.guidance_scale if wanted else 1.0)
            for change in changes if wanted else ():
                result = change(said, result)
        if perturbed is not None and wanted:
            with perturbed():
                result = result + pull(prompt, ask(x, sigma, call, True)) * request.pag_scale
        return result

    return denoise


# --- Patches on the U-Net ---


def patchable(family: Family) -> Any | None:
    """The denoiser, where it is a U-Net with attention in its middle; None for transformers, which have no such place."""
    denoiser: Any = family.modules["denoiser"]
    return denoiser if hasattr(denoiser, "up_blocks") and _middle_attention(denoiser) else None


def _middle_attention(unet: Any) -> list[Any]:
    return [block.attn1 for part in getattr(unet.mid_block, "attentions", None) or () for block in part.transformer_blocks]


class IdentityAttention:
    """Every place looks at itself alone: an attention processor whose map is the identity, so that values pass through."""

    def __call__(self, attn: Any, hidden_states: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
        """(rows, tokens, width) -> the same."""
        for layer in (attn.to_v, *attn.to_out):
            hidden_states = layer(hidden_states)
        return hidden_states


def perturbation(family: Family) -> Callable[[], AbstractContextManager[None]] | None:
    """A block in which the U-Net's middle has no self-attention. Ahn et al. 2024 (arXiv:2403.17377), perturbed-attention guidance."""
    unet = patchable(family)
    if unet is None:
        return None

    @contextmanager
    def perturbed() -> Iterator[None]:
        with ExitStack() as stack:
            for attention in _middle_attention(unet):
                stack.callback(setattr, attention, "processor", attention.processor)
                attention.processor = IdentityAttention()
            yield

    return perturbed


FREEU = ("b1", "b2", "s1", "s2")


def freeu_of(request: ResolvedRequest) -> tuple[float, ...]:
    """Its four factors, in the order of FREEU; all 1 is off."""
    return request.freeu_b1, request.freeu_b2, request.freeu_s1, request.freeu_s2


def with_freeu(family: Family, request: ResolvedRequest) -> AbstractContextManager[None]:
    """Within the block the U-Net's decoder weighs backbone and skips anew. Si et al. 2023 (arXiv:2309.11497), by diffusers' own blocks."""
    unet = patchable(family)
    return nullcontext() if unet is None or set(freeu_of(request)) == {1.0} else _freeu(unet, freeu_of(request))


@contextmanager
def _freeu(unet: Any, factors: Sequence[float]) -> Iterator[None]:
    with ExitStack() as stack:
        for block in unet.up_blocks:
            stack.enter_context(with_attributes(block, **dict(zip(FREEU, factors, strict=True))))
        yield


def left_out(family: Family, request: ResolvedRequest) -> list[str]:
    """What of a request this checkpoint can't do, for a note."""
    asked = {"Perturbed attention": request.pag_scale != 0, "FreeU": set(freeu_of(request)) != {1.0}}
    left = [name for name, wanted in asked.items() if wanted and patchable(family) is None]
    return [*left, *(["Tiling"] if any(request.tiles) and not padded_layers(family.modules["denoiser"]) else [])]
