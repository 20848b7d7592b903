"""Outputs of other programs, made up: folders as they keep them, with files as they write them, some of them broken."""

from __future__ import annotations

import io
import json
import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from PIL import ExifTags, Image, PngImagePlugin

FIRST = 1_650_000_000
"""Seconds since 1970: when the first file was made. Each later one is a minute younger."""

_THINGS = ("red apple", "castle", "fox", "robot", "harbour at night", "portrait of a queen", "mountain lake", "teapot", "owl", "狐")
_LOOKS = ("oil painting", "soft light", "watercolour", "35mm photo", "highly detailed", "ink drawing", "golden hour", "pastel")
_SAMPLERS = (("Euler a", "euler_ancestral"), ("DPM++ 2M", "dpmpp_2m"), ("DDIM", "ddim"), ("UniPC", "uni_pc"))


@dataclass(frozen=True)
class Recipe:
    """What a made-up file says."""

    prompt: str
    steps: int
    cfg: float
    seed: int
    sampler: tuple[str, str]


@dataclass
class Outputs:
    """What was written. paths are relative, with "/". prompts: of whole files, by path. broken: names of what is no whole picture."""

    prompts: dict[str, str] = field(default_factory=dict)
    tools: dict[str, str] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    foreign: set[str] = field(default_factory=set)


def _picture(rng: random.Random) -> Image.Image:
    small = Image.frombytes("RGB", (4, 4), rng.randbytes(48))
    return small.resize((64, 64), Image.Resampling.BICUBIC)


def _png(picture: Image.Image, **texts: str) -> bytes:
    info = PngImagePlugin.PngInfo()
    for key, text in texts.items():
        info.add_itxt(key, text)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", pnginfo=info, compress_level=1)
    return buffer.getvalue()


def _with_comment(picture: Image.Image, form: str, text: str) -> bytes:
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = b"UNICODE\0" + text.encode("utf-16-be")
    buffer = io.BytesIO()
    picture.save(buffer, form, exif=exif, quality=80)
    return buffer.getvalue()


def infotext(recipe: Recipe, version: str, more: str = "") -> str:
    return (
        f"{recipe.prompt}\nNegative prompt: blurry\nSteps: {recipe.steps}, Sampler: {recipe.sampler[0]}, CFG scale: {recipe.cfg:g}, "
        f"Seed: {recipe.seed}, Size: 64x64, Model hash: 6ce0161689, Model: dreamlike{more}, Version: {version}"
    )


def _automatic1111(number: int, recipe: Recipe, picture: Image.Image) -> tuple[str, bytes]:
    folder = f"stable-diffusion-webui/outputs/txt2img-images/2023-04-{number % 28 + 1:02}"
    if number % 3 == 0:
        return f"{folder}/{number:05}-{recipe.seed}.jpg", _with_comment(picture, "JPEG", infotext(recipe, "v1.9.4"))
    return f"{folder}/{number:05}-{recipe.seed}.png", _png(picture, parameters=infotext(recipe, "v1.9.4"))


def _forge(number: int, recipe: Recipe, picture: Image.Image) -> tuple[str, bytes]:
    text = infotext(recipe, "f2.0.1v1.10.1-previous-500-g1234567", ", Schedule type: Karras")
    return f"forge/outputs/txt2img-images/{number:05}-{recipe.seed}.png", _png(picture, parameters=text)


def _comfyui(number: int, recipe: Recipe, picture: Image.Image) -> tuple[str, bytes]:
    numbers = {"steps": recipe.steps, "cfg": recipe.cfg, "seed": recipe.seed, "denoise": 1}
    names = {"sampler_name": recipe.sampler[1], "scheduler": "normal"}
    links = {"model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0]}
    graph = {
        "3": {"class_type": "KSampler", "inputs": {**numbers, **names, **links}},
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd/dreamlike.safetensors"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64, "height": 64, "batch_size": 1}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": recipe.prompt, "clip": ["4", 1]}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry", "clip": ["4", 1]}},
    }
    return f"ComfyUI/output/ComfyUI_{number:05}_.png", _png(picture, prompt=json.dumps(graph), workflow='{"nodes": []}')


def _invokeai(number: int, recipe: Recipe, picture: Image.Image) -> tuple[str, bytes]:
    told = {
        "generation_mode": "txt2img",
        "positive_prompt": recipe.prompt,
        "negative_prompt": "blurry",
        "width": 64,
        "height": 64,
        "seed": recipe.seed,
        "rand_device": "cpu",
        "cfg_scale": recipe.cfg,
        "steps": recipe.steps,
        "scheduler": recipe.sampler[1].replace("_ancestral", "_a").replace("uni_pc", "unipc"),
        "model": {"name": "dreamlike", "base": "sd-1", "type": "main"},
        "app_version": "5.4.0",
    }
    return f"invokeai/outputs/images/{recipe.seed:08x}-{number}.png", _png(picture, invokeai_metadata=json.dumps(told))


def _sdnext(number: int, recipe: Recipe, picture: Image.Image) -> tuple[str, bytes]:
    text = infotext(recipe, "3f1d3e7", ", Parser: Full parser, App: SD.Next, Operations: txt2img")
    return f"automatic/outputs/text/{number:05}-2024.webp", _with_comment(picture, "WEBP", text)


def _fooocus(number: int, recipe: Recipe, picture: Image.Image) -> tuple[str, bytes]:
    told = {
        "prompt": recipe.prompt,
        "negative_prompt": "blurry",
        "base_model": "dreamlike",
        "steps": recipe.steps,
        "guidance_scale": recipe.cfg,
        "seed": str(recipe.seed),
        "sampler": recipe.sampler[1],
        "scheduler": "karras",
        "resolution": "(64, 64)",
        "styles": "[]",
        "version": "Fooocus v2.5.5",
    }
    return f"Fooocus/outputs/2024-05-01/2024-05-01_{number:06}.png", _png(picture, parameters=json.dumps(told), fooocus_scheme="fooocus")


TOOLS: dict[str, Callable[[int, Recipe, Image.Image], tuple[str, bytes]]] = {
    "AUTOMATIC1111": _automatic1111,
    "Forge": _forge,
    "ComfyUI": _comfyui,
    "InvokeAI": _invokeai,
    "SD.Next": _sdnext,
    "Fooocus": _fooocus,
}


def _cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data) // 4, len(data) // 2)]


def _replaced(data: bytes, rng: random.Random) -> bytes:
    return rng.choice((b"", b"<html>Please log in</html>", rng.randbytes(900)))


def _damaged(data: bytes, rng: random.Random) -> bytes:
    at = len(data) // 2
    return data[:at] + bytes(64) + data[at + 64 :] if data[:4] == b"\x89PNG" else _cut(data, rng)


def write_outputs(root: Path, count: int, *, broken: float = 0.05, seed: int = 1) -> Outputs:
    """So many files of all six programs in turn below `root`. broken: the share of those that are broken in some way, or tell nothing."""
    rng = random.Random(seed)
    written = Outputs()
    wrong = set(rng.sample(range(count), round(count * broken)))
    for number in range(count):
        recipe = Recipe(
            prompt=", ".join([rng.choice(_THINGS), *rng.sample(_LOOKS, 3)]),
            steps=rng.choice((12, 20, 28, 35)),
            cfg=rng.choice((4.5, 7, 8)),
            seed=rng.randrange(2**31),
            sampler=rng.choice(_SAMPLERS),
        )
        tool = list(TOOLS)[number % len(TOOLS)]
        picture = _picture(rng)
        path, data = TOOLS[tool](number, recipe, picture)
        if number in wrong:
            way = rng.choice((_cut, _replaced, _damaged, None))
            data = _png(picture) if way is None else way(data, rng)
            path = path if way else str(Path(path).with_suffix(".png"))
            (written.broken if way else written.foreign).add(path)
        else:
            written.prompts[path], written.tools[path] = recipe.prompt, tool
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        os.utime(target, (FIRST + 60 * number,) * 2)
    return written


if __name__ == "__main__":
    import sys

    found = write_outputs(Path(sys.argv[1]), int(sys.argv[2]))
    print(f"{len(found.prompts)} pictures, {len(found.broken)} broken, {len(found.foreign)} that tell nothing")
