"""Guidance: how several guesses become one that goes away from the negative prompt and towards the prompt."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch

from webui.engine.conditioning import Pull, stretch_to
from webui.engine.context import DenoiseContext
from webui.engine.families.base import Conditioning, Family
from webui.engine.memory.measures import with_attributes
from webui.engine.regions import OwnPictures, Weight
from webui.engine.samplers import Denoise, NoisePath
from webui.engine.tiling import padded_layers
from webui.generation.request import ResolvedDrawn

Question = tuple[int, torch.Tensor]
"""Whom to ask (a row of DenoiseContext.asked), and the noisy latents that are shown."""

Ask = Callable[[Sequence[Question], float, int], list[torch.Tensor]]
"""From questions, the noise level and the number of the call to guesses of x0, in their order."""


def asking(family: Family, context: DenoiseContext) -> Ask:
    """Asks the denoiser for the negative prompt, where there is one, and for parts of prompts.

    All of one length are asked in one batch, which is faster on a GPU and on a CPU. What they ask for changes from call to call
    where the prompt has a schedule; calls are counted from 0, as AUTOMATIC1111 does, so an entry lasts one call longer than its steps.
    """
    negative = [] if context.negative is None else [context.negative]
    timelines = [*negative, *(pull.conditioning for pull in context.positive)]
    prompts = [*(None for _ in negative), *(pull.place for pull in context.positive)]

    @functools.lru_cache(maxsize=8)
    def batches(entries: tuple[int, ...], rows: tuple[int, ...]) -> list[tuple[list[int], Conditioning]]:
        """Which questions are asked together, and what for. entries: of each of `timelines`. rows: whom each asks."""
        asked = [timeline.entries[entry] for timeline, entry in zip(timelines, entries, strict=True)]
        longest = {prompt: max(one.length for one, own in zip(asked, prompts, strict=True) if own == prompt) for prompt in prompts}
        asked = [stretch_to(one, longest[prompt]) for one, prompt in zip(asked, prompts, strict=True)]
        lengths = [asked[row].length for row in rows]
        by_length = sorted(range(len(rows)), key=lengths.__getitem__)
        return [
            (together, Conditioning.stacked([asked[rows[number]].expanded(len(context.images)) for number in together]))
            for together in (list(group) for _, group in itertools.groupby(by_length, key=lengths.__getitem__))
        ]

    def ask(questions: Sequence[Question], sigma: float, call: int) -> list[torch.Tensor]:
        answers: list[torch.Tensor] = [torch.empty(0)] * len(questions)
        for together, conditioning in batches(tuple(timeline.index_at(call) for timeline in timelines), tuple(row for row, _ in questions)):
            context.level, context.asked = sigma, tuple(questions[number][0] for number in together)
            guesses = family.denoise(torch.cat([questions[number][1] for number in together]), sigma, conditioning)
            for number, guess in zip(together, guesses.chunk(len(together)), strict=True):
                answers[number] = guess
        return answers

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


def changes_of(request: ResolvedDrawn, path: NoisePath) -> list[Change]:
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


def guides_at(request: ResolvedDrawn, sigmas: Sequence[float]) -> Callable[[float], bool]:
    """Whether a noise level lies in the steps that guidance is wanted for. Kynkäänniemi et al. 2024 (arXiv:2404.07724)."""
    steps = len(sigmas) - 1
    above = sigmas[int(request.guidance_to * steps)] if request.guidance_to < 1 else 0.0
    most = sigmas[int(request.guidance_from * steps)] if request.guidance_from > 0 else float("inf")
    return lambda sigma: above < sigma <= most * (1 + 1e-6)


def stands_alone(pulls: Sequence[Pull]) -> bool:
    """Whether what they ask for is a guess by itself, without the negative prompt: one whole pull everywhere."""
    return all(pull.weight == 1 for pull in pulls) and len({pull.place for pull in pulls}) == len(pulls)


def shares_at(context: DenoiseContext, sigma: float) -> dict[int, Weight]:
    """Place -> its share at a noise level, of those that have one. See Pull.place."""
    if context.layout is None:
        return {0: 1.0}
    shares = context.layout.shares(context.step_at(sigma), context.steps)
    return {place: share for place, share in enumerate(shares) if share is not None}


def are_apart(context: DenoiseContext, sigma: float, shares: Mapping[int, Weight]) -> bool:
    """Whether several prompts have a say at a noise level and don't see yet what the others draw."""
    return len(shares) > 1 and context.step_at(sigma) < context.request.regions_apart * context.steps


def own_guesses(
    prompt: Sequence[torch.Tensor], pulls: Iterable[Pull], without: Mapping[int, torch.Tensor], scale: float
) -> dict[int, torch.Tensor]:
    """Place -> the guided guess of a picture that its prompt alone would rule. without: place -> the guess for the negative prompt."""
    own = dict(without)
    for guess, pull in zip(prompt, pulls, strict=True):
        own[pull.place] = own[pull.place] + (guess - without[pull.place]) * (pull.weight * scale)
    return own


def mixed(guesses: Iterable[torch.Tensor], weights: Iterable[Weight]) -> torch.Tensor:
    """Their sum, each by its weight."""
    return functools.reduce(torch.add, [guess * weight for guess, weight in zip(guesses, weights, strict=True)])


def guided(family: Family, context: DenoiseContext, calls: Iterator[int] | None = None) -> Denoise:
    """The denoiser with classifier-free guidance: away from the negative prompt, towards each part of the prompt by its weight.

    Without a negative (guidance_scale 1) only the prompt is asked. Written on x0, which is the same: Ho and Salimans 2022
    (arXiv:2207.12598); several parts: Liu et al. 2022 (arXiv:2206.01714), equation 11; regions: see webui.engine.regions.
    calls: numbers them, where others came before.
    """
    request, path = context.request, NoisePath(context.model_sigmas.flow)
    ask, calls = asking(family, context), calls or itertools.count()
    alone, first = stands_alone(context.positive), int(context.negative is not None)
    changes = changes_of(request, path)
    guides = guides_at(request, context.sigmas)
    perturbed = perturbation(family) if request.pag_scale else None
    own_pictures = OwnPictures(path)

    def denoise(x: torch.Tensor, sigma: float) -> torch.Tensor:
        call, wanted = next(calls), guides(sigma)
        shares = shares_at(context, sigma)
        views = own_pictures.seen(x, sigma, shares) if are_apart(context, sigma, shares) else {}
        pulls = {row: pull for row, pull in enumerate(context.positive, first) if pull.place in shares}
        weights = [shares[pull.place] * pull.weight for pull in pulls.values()]
        prompts = [(row, views.get(pull.place, x)) for row, pull in pulls.items()]
        if context.negative is None or (not wanted and alone):
            prompt, scale, without = ask(prompts, sigma, call), 1.0, dict.fromkeys(shares, torch.zeros_like(x))
            result = context.unguided = mixed(prompt, weights)
        else:
            away = [(0, view) for view in views.values() or [x]]
            answers = ask([*away, *prompts], sigma, call)
            prompt, scale = answers[len(away) :], request.guidance_scale if wanted else 1.0
            without = dict(zip(shares, answers, strict=False)) if views else dict.fromkeys(shares, answers[0])
            context.unguided = mixed(without.values(), shares.values()) if views else answers[0]
            pull = [guess - without[pull.place] for guess, pull in zip(prompt, pulls.values(), strict=True)]
            said = Said(x, sigma, context.unguided, mixed(pull, weights))
            result = said.at(scale)
            for change in changes if wanted else ():
                result = change(said, result)
        if views:
            own = own_guesses(prompt, pulls.values(), without, scale)
            own_pictures.note(own, sigma, shares, lambda guess: guess if context.mask is None else context.mask.kept(guess, sigma))
        if perturbed is not None and wanted:
            with perturbed():
                worse = ask(prompts, sigma, call)
                pull = [guess - other for guess, other in zip(prompt, worse, strict=True)]
                result = result + mixed(pull, weights) * request.pag_scale
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


def freeu_of(request: ResolvedDrawn) -> tuple[float, ...]:
    """Its four factors, in the order of FREEU; all 1 is off."""
    return request.freeu_b1, request.freeu_b2, request.freeu_s1, request.freeu_s2


def with_freeu(family: Family, request: ResolvedDrawn) -> AbstractContextManager[None]:
    """Within the block the U-Net's decoder weighs backbone and skips anew. Si et al. 2023 (arXiv:2309.11497), by diffusers' own blocks."""
    unet = patchable(family)
    return nullcontext() if unet is None or set(freeu_of(request)) == {1.0} else _freeu(unet, freeu_of(request))


@contextmanager
def _freeu(unet: Any, factors: Sequence[float]) -> Iterator[None]:
    with ExitStack() as stack:
        for block in unet.up_blocks:
            stack.enter_context(with_attributes(block, **dict(zip(FREEU, factors, strict=True))))
        yield


def left_out(family: Family, request: ResolvedDrawn) -> list[str]:
    """What of a request this checkpoint can't do, for a note."""
    asked = {"Perturbed attention": request.pag_scale != 0, "FreeU": set(freeu_of(request)) != {1.0}}
    left = [name for name, wanted in asked.items() if wanted and patchable(family) is None]
    return [*left, *(["Tiling"] if any(request.tiles) and not padded_layers(family.modules["denoiser"]) else [])]
