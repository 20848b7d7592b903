"""The txt2img page: what to draw at the left, the picture at the right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from webui.generation.attention import ATTENTION_LABELS
from webui.generation.prompt.emphasis import EMPHASIS_MODES
from webui.generation.request import NO_REFINER, NOISE_SOURCES, REFINED_PASSES, SAME_CHECKPOINT, SAME_SAMPLER, SAME_SCHEDULE, TILINGS
from webui.generation.weight_storage import WEIGHT_STORAGES
from webui.ui.fields import PARAMETERS, Fields, unchecked, words
from webui.ui.pieces import Assets, piece
from webui.ui.tabs import canvas_pages


@dataclass(frozen=True)
class Upscalers:
    """What enlarges, by name. of_pixels: all but those on latents, which a hires pass alone has."""

    all: Sequence[str]
    of_pixels: Sequence[str]


@dataclass(frozen=True)
class Sampling:
    """What samplers and schedules there are, by label."""

    samplers: Sequence[str]
    schedules: Sequence[str]


def build(
    fields: Fields, assets: Assets, vaes: Sequence[str], checkpoints: Sequence[str], upscalers: Upscalers, sampling: Sampling
) -> gr.Button:
    """Lay out the page inside the current tab. vaes: what the VAE can be. checkpoints: those that draw. Returns the Generate button."""
    with gr.Row(elem_classes="ez-main"):
        with gr.Column(elem_classes="ez-ask"):
            with gr.Column(elem_classes="ez-scroll"):
                _words(fields, assets)
                canvas_pages.ask(fields, assets)
                _size(fields, assets)
                _sampling(fields, sampling)
                _seed_and_count(fields, assets)
                _hires(fields, checkpoints, upscalers.all, sampling)
                _refiner(fields, checkpoints)
                canvas_pages.extending(fields, assets)
                canvas_pages.details(fields)
                canvas_pages.soft_inpainting(fields)
                canvas_pages.loopback(fields)
                canvas_pages.tiles(fields, upscalers.of_pixels)
                _sampling_details(fields, vaes)
                _prompt_details(fields)
                _variation(fields)
                _guidance(fields)
                _regions(fields, assets)
                _control(fields, assets)
                _finishing(fields, assets)
                _panels(fields, assets)
            with gr.Column(elem_classes="ez-foot"):
                piece(assets, "standing.js", elem_id="ez-standing")
                with gr.Row(elem_classes="ez-go"):
                    generate = gr.Button("Generate", variant="primary", elem_id="ez-generate")
                    piece(assets, "ways.js", elem_id="ez-ways")
                    piece(assets, "field-presets.js", elem_id="ez-field-presets")
                piece(assets, "live.js", elem_id="ez-plan")
        with gr.Column(elem_classes="ez-stage"):
            piece(assets, "stage.js", elem_id="ez-stage")
    return generate


def _words(fields: Fields, assets: Assets) -> None:
    fields.add(
        "prompt",
        gr.Textbox(placeholder="A red apple on a blue background", lines=3, max_lines=12, elem_classes="ez-prompt", **words("prompt")),
    )
    # The inspector shows them as chips.
    fields.add("styles", gr.Textbox("", visible="hidden", **words("styles")))
    piece(assets, "inspector.js", elem_id="ez-inspector")
    fields.add("negative_prompt", gr.Textbox(placeholder="What to leave out", lines=1, max_lines=6, **words("negative_prompt")))


def _number(fields: Fields, name: str, **options: Any) -> gr.Number:
    info = PARAMETERS[name]
    return unchecked(gr.Number(fields.start(name), step=info.step or 1, **words(name), **options))


def _slider(fields: Fields, name: str) -> gr.Slider:
    info = PARAMETERS[name]
    return unchecked(gr.Slider(info.minimum or 0, info.maximum or 1, fields.start(name), step=info.step, buttons=[], **words(name)))


def _size(fields: Fields, assets: Assets) -> None:
    piece(assets, "aspect.js", elem_id="ez-aspect")
    with gr.Row(elem_classes="ez-size"):
        width = fields.add("width", _number(fields, "width", elem_classes="ez-width"))
        swap = gr.Button("Swap width and height", elem_id="ez-swap", elem_classes="ez-icon-g", min_width=0)
        height = fields.add("height", _number(fields, "height", elem_classes="ez-height"))
    swap.click(None, [width, height], [width, height], js="(width, height) => [height, width]", api_visibility="private")


def _sampling(fields: Fields, sampling: Sampling) -> None:
    with gr.Row():
        fields.add("steps", _slider(fields, "steps"))
        fields.add("cfg_scale", _slider(fields, "cfg_scale"))
    with gr.Row():
        for name, labels in (("sampler", sampling.samplers), ("schedule_type", sampling.schedules)):
            fields.add(name, _choice(fields, name, labels))


def _choice(fields: Fields, name: str, labels: Sequence[str]) -> gr.Dropdown:
    return unchecked(gr.Dropdown(list(labels), value=fields.start(name), filterable=False, **words(name)))


def _seed_and_count(fields: Fields, assets: Assets) -> None:
    with gr.Row():
        with gr.Row(elem_classes="ez-joined"):
            # Text, because a number field of a browser loses digits beyond 2**53.
            seed = fields.add("seed", gr.Textbox(value="", placeholder="Random", max_lines=1, **words("seed")))
            random = gr.Button("Random seed", elem_id="ez-seed-random", elem_classes="ez-icon-g", min_width=0)
            reuse = gr.Button("Reuse the last seed", elem_id="ez-seed-reuse", elem_classes="ez-icon-g", min_width=0)
        with gr.Row(elem_classes="ez-joined"):
            fewer = gr.Button("Fewer pictures", elem_id="ez-fewer", elem_classes="ez-icon-g", min_width=0)
            count = fields.add("batch_count", _number(fields, "batch_count"))
            more = gr.Button("More pictures", elem_id="ez-more", elem_classes="ez-icon-g", min_width=0)
    random.click(None, None, seed, js="() => ''", api_visibility="private")
    last_seed = f'async (seed) => (await import("{assets.url("jobs.js")}")).lastSeed() ?? seed'
    reuse.click(None, seed, seed, js=last_seed, api_visibility="private")
    bounds = PARAMETERS["batch_count"]
    for button, step in ((fewer, -1), (more, 1)):
        clamped = f"(count) => Math.min({bounds.maximum}, Math.max({bounds.minimum}, Number(count) + {step}))"
        button.click(None, count, count, js=clamped, api_visibility="private")


def hires_checkpoints(checkpoints: Sequence[str]) -> list[str]:
    """What the hires checkpoint can be."""
    return [SAME_CHECKPOINT, *checkpoints]


def _hires(fields: Fields, checkpoints: Sequence[str], upscalers: Sequence[str], sampling: Sampling) -> None:
    with gr.Accordion("Hires fix", open=False, elem_id="ez-acc-hires", elem_classes="ez-acc-g"):
        fields.add("hires", gr.Checkbox(fields.start("hires"), **words("hires")))
        _pairs(fields, ("hires_scale", "denoising_strength"))
        with gr.Row():
            fields.add("hires_upscaler", _choice(fields, "hires_upscaler", upscalers))
            fields.add("hires_steps", _slider(fields, "hires_steps"))
        with gr.Row():
            for name in ("hires_width", "hires_height"):
                fields.add(name, _number(fields, name))
        with gr.Row():
            fields.add("hires_checkpoint", _choice(fields, "hires_checkpoint", hires_checkpoints(checkpoints)))
            fields.add("hires_cfg_scale", _slider(fields, "hires_cfg_scale"))
        with gr.Row():
            fields.add("hires_sampler", _choice(fields, "hires_sampler", hires_samplers(sampling.samplers)))
            fields.add("hires_schedule_type", _choice(fields, "hires_schedule_type", hires_schedules(sampling.schedules)))
        for name in ("hires_prompt", "hires_negative_prompt"):
            fields.add(name, gr.Textbox(fields.start(name), placeholder="The same", lines=1, max_lines=6, **words(name)))


def hires_samplers(labels: Sequence[str]) -> list[str]:
    """What the hires sampler can be."""
    return [SAME_SAMPLER, *labels]


def hires_schedules(labels: Sequence[str]) -> list[str]:
    """What the hires schedule can be."""
    return [SAME_SCHEDULE, *labels]


def refiners(checkpoints: Sequence[str]) -> list[str]:
    """What the refiner can be."""
    return [NO_REFINER, *checkpoints]


def _refiner(fields: Fields, checkpoints: Sequence[str]) -> None:
    with gr.Accordion("Refiner", open=False, elem_id="ez-acc-refiner", elem_classes="ez-acc-g"):
        with gr.Row():
            fields.add("refiner", _choice(fields, "refiner", refiners(checkpoints)))
            fields.add("refiner_switch_at", _slider(fields, "refiner_switch_at"))
        with gr.Row():
            fields.add("refiner_by_steps", gr.Checkbox(fields.start("refiner_by_steps"), **words("refiner_by_steps")))
            fields.add("hires_refiner", _choice(fields, "hires_refiner", REFINED_PASSES))


def _sampling_details(fields: Fields, vaes: Sequence[str]) -> None:
    with gr.Accordion("Sampling details", open=False, elem_id="ez-acc-sampling", elem_classes="ez-acc-g"):
        with gr.Row():
            fields.add("batch_size", _slider(fields, "batch_size"))
            fields.add("clip_skip", _slider(fields, "clip_skip"))
        with gr.Row():
            fields.add("vae", _choice(fields, "vae", vaes))
            fields.add("attention", _choice(fields, "attention", ATTENTION_LABELS))
        with gr.Row():
            fields.add("weight_storage", _choice(fields, "weight_storage", WEIGHT_STORAGES))
            fields.add("distilled_cfg_scale", _slider(fields, "distilled_cfg_scale"))
        _pairs(fields, ("eta", "eta_ddim"), ("sigma_churn", "sigma_noise"), ("sigma_tmin", "sigma_tmax"))
        _pairs(fields, ("sigma_min", "sigma_max"), ("rho",), ("beta_alpha", "beta_beta"))
        fields.add("discard_next_to_last", gr.Checkbox(fields.start("discard_next_to_last"), **words("discard_next_to_last")))
        with gr.Row():
            fields.add("rng", _choice(fields, "rng", NOISE_SOURCES))
            fields.add("seed_delta", _number(fields, "seed_delta"))
            fields.add("tiling", _choice(fields, "tiling", TILINGS))


def _pairs(fields: Fields, *rows: Sequence[str]) -> None:
    """Sliders side by side."""
    for row in rows:
        with gr.Row():
            for name in row:
                fields.add(name, _slider(fields, name))


def _variation(fields: Fields) -> None:
    with gr.Accordion("Variation", open=False, elem_id="ez-acc-variation", elem_classes="ez-acc-g"):
        with gr.Row():
            fields.add("variation_seed", gr.Textbox(value="", placeholder="Random", max_lines=1, **words("variation_seed")))
            fields.add("variation_strength", _slider(fields, "variation_strength"))
        fields.add("seed_resize_from", gr.Textbox(value="", placeholder="512x512", max_lines=1, **words("seed_resize_from")))


def _guidance(fields: Fields) -> None:
    with gr.Accordion("Guidance", open=False, elem_id="ez-acc-guidance", elem_classes="ez-acc-g"):
        _pairs(fields, ("cfg_rescale", "pag_scale"), ("guidance_from", "guidance_to"), ("mimic_scale", "threshold_percentile"))
        _pairs(fields, ("freeu_b1", "freeu_b2"), ("freeu_s1", "freeu_s2"))


def _prompt_details(fields: Fields) -> None:
    with gr.Accordion("Prompt details", open=False, elem_id="ez-acc-prompt", elem_classes="ez-acc-g"):
        with gr.Row():
            fields.add("emphasis", _choice(fields, "emphasis", EMPHASIS_MODES))
            fields.add("comma_backtrack", _slider(fields, "comma_backtrack"))
        for name in ("pad_conds", "old_prompt_editing"):
            fields.add(name, gr.Checkbox(fields.start(name), **words(name)))


def _regions(fields: Fields, assets: Assets) -> None:
    with gr.Accordion("Regions", open=False, elem_id="ez-acc-regions", elem_classes="ez-acc-g"):
        piece(assets, "regions.js", elem_id="ez-regions")
        fields.add("regions_apart", _slider(fields, "regions_apart"))
        # What the piece says, for the request; nobody reads it.
        fields.add("regions", gr.Textbox(value="[]", visible="hidden", **words("regions")))


def _control(fields: Fields, assets: Assets) -> None:
    with gr.Accordion("Control", open=False, elem_id="ez-acc-control", elem_classes="ez-acc-g"):
        piece(assets, "control.js", elem_id="ez-control")
        # What the piece says, for the request; nobody reads it.
        fields.add("controls", gr.Textbox(value="[]", visible="hidden", **words("controls")))


def _finishing(fields: Fields, assets: Assets) -> None:
    with gr.Accordion("Finishing", open=False, elem_id="ez-acc-finishing", elem_classes="ez-acc-g"):
        piece(assets, "finishing.js", elem_id="ez-finishing")
        # What the piece says, for the request; nobody reads it.
        fields.add("finishing", gr.Textbox(fields.start("finishing"), visible="hidden", **words("finishing")))


def _panels(fields: Fields, assets: Assets) -> None:
    piece(assets, "panels.js", elem_id="ez-panels")
    # What the pieces say, for the request; nobody reads it.
    fields.add("extensions", gr.Textbox(value="{}", visible="hidden", **words("extensions")))
