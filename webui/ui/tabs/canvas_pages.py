"""The pages with a canvas, img2img and Inpaint: the canvas, and what they ask beside what every picture needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import gradio as gr

from webui.generation.loopback import DenoisingCurve
from webui.generation.request import TILED_DRAWINGS
from webui.pictures.outpainting import SIDE_FIELDS
from webui.ui.fields import PARAMETERS, Fields, unchecked, words
from webui.ui.pieces import Assets, piece

IMG2IMG, INPAINT, EITHER = "ez-only-img2img", "ez-only-inpaint", "ez-only-source"
"""Classes of what is shown on these pages alone."""

RESIZE_MODES = {"Stretch": "Just resize", "Crop": "Crop and resize", "Fill": "Resize and fill", "Latent": "Just resize (latent upscale)"}
AREAS = {"Only masked": "Only masked", "Whole picture": "Whole picture"}
MASK_MODES = {"What is masked": "Inpaint masked", "All else": "Inpaint not masked"}
CURVES = {name: name for name in get_args(DenoisingCurve)}
SOFT_ROWS = (
    ("soft_schedule_bias", "soft_preservation"),
    ("soft_contrast_boost", "soft_mask_influence"),
    ("soft_difference_threshold", "soft_difference_contrast"),
)
TILED = {name: name for name in TILED_DRAWINGS}
MASKED_CONTENT = {"Original": "original", "Fill": "fill", "Noise": "latent noise", "Nothing": "latent nothing"}


def build(assets: Assets, page: str) -> gr.HTML:
    """Lay out one of the pages inside the current tab; the column that asks comes there by itself."""
    with gr.Row(elem_classes="ez-main g-paint"):
        extension = _side_bounds() if page == "inpaint" else None
        return piece(assets, "canvas-page.js", elem_id=f"ez-canvas-{page}", page=page, extension=extension)


def ask(fields: Fields, assets: Assets) -> None:
    """What stands below the words on these pages."""
    with gr.Column(elem_classes=INPAINT):
        _segments(fields, "inpaint_area", AREAS)
    with gr.Column(elem_classes=EITHER):
        fields.add("source_denoising_strength", _slider(fields, "source_denoising_strength"))
    with gr.Column(elem_classes=INPAINT):
        _segments(fields, "masked_content", MASKED_CONTENT)
        with gr.Row():
            fields.add("mask_blur", _slider(fields, "mask_blur"))
            fields.add("masked_padding", _slider(fields, "masked_padding"))
    with gr.Column(elem_classes=IMG2IMG):
        _segments(fields, "resize_mode", RESIZE_MODES)
    with gr.Column(elem_classes=EITHER):
        piece(assets, "size-by.js", elem_id="ez-size-by")


def details(fields: Fields) -> None:
    """What most people never touch on these pages."""
    with gr.Accordion("Start and mask", open=False, elem_id="ez-acc-source", elem_classes=["ez-acc-g", EITHER]):
        with gr.Column(elem_classes=INPAINT):
            _segments(fields, "mask_mode", MASK_MODES)
            fields.add("mask_weight", _slider(fields, "mask_weight"))
        with gr.Row():
            fields.add("noise_multiplier", _slider(fields, "noise_multiplier"))
            fields.add("extra_noise", _slider(fields, "extra_noise"))
        for name in ("exact_steps", "color_correction"):
            fields.add(name, gr.Checkbox(fields.start(name), **words(name)))


def extending(fields: Fields, assets: Assets) -> None:
    """How a picture is continued beyond its sides; by how much says the canvas."""
    with gr.Accordion("Extend", open=False, elem_id="ez-acc-extend", elem_classes=["ez-acc-g", INPAINT]):
        piece(assets, "extend.js", elem_id="ez-extend", **_side_bounds())
        with gr.Row():
            for name in ("extend_overlap", "extend_rounds"):
                fields.add(name, _slider(fields, name))


def _side_bounds() -> dict[str, float | None]:
    side = PARAMETERS[SIDE_FIELDS[0]]
    return {"step": side.step, "most": side.maximum}


def soft_inpainting(fields: Fields) -> None:
    """How softly a mask is used."""
    with gr.Accordion("Soft inpainting", open=False, elem_id="ez-acc-soft", elem_classes=["ez-acc-g", INPAINT]):
        fields.add("soft_inpainting", gr.Checkbox(fields.start("soft_inpainting"), **words("soft_inpainting")))
        with gr.Column(elem_id="ez-soft", elem_classes="ez-switched"):
            for row in SOFT_ROWS:
                with gr.Row():
                    for name in row:
                        fields.add(name, _slider(fields, name))


def loopback(fields: Fields) -> None:
    """Rounds of which each goes on from the one before."""
    with gr.Accordion("Loopback", open=False, elem_id="ez-acc-loopback", elem_classes=["ez-acc-g", EITHER]):
        with gr.Row():
            fields.add("loops", _slider(fields, "loops"))
            fields.add("final_denoising_strength", _slider(fields, "final_denoising_strength"))
        _segments(fields, "denoising_curve", CURVES)


def tiles(fields: Fields, upscalers: Sequence[str]) -> None:
    """How a picture is drawn that is larger than the model is good at. upscalers: what can enlarge it first."""
    with gr.Accordion("Draw in tiles", open=False, elem_id="ez-acc-tiles", elem_classes=["ez-acc-g", IMG2IMG]):
        _segments(fields, "tiled_drawing", TILED)
        with gr.Column(elem_id="ez-tiles", elem_classes="ez-switched"):
            with gr.Row():
                fields.add("tiled_scale", _slider(fields, "tiled_scale"))
                upscaler = gr.Dropdown(list(upscalers), value=fields.start("tiled_upscaler"), filterable=False, **words("tiled_upscaler"))
                fields.add("tiled_upscaler", unchecked(upscaler))
            with gr.Row():
                for name in ("drawn_tile", "drawn_overlap"):
                    fields.add(name, _slider(fields, name))


def _segments(fields: Fields, name: str, choices: dict[str, str]) -> None:
    fields.add(name, unchecked(gr.Radio(list(choices.items()), value=fields.start(name), elem_classes="ez-seg-g", **words(name))))


def _slider(fields: Fields, name: str) -> gr.Slider:
    info = PARAMETERS[name]
    return unchecked(gr.Slider(info.minimum or 0, info.maximum or 1, fields.start(name), step=info.step, buttons=[], **words(name)))
