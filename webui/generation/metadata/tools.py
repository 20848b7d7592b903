"""Which program made a picture, and what it says: one reader for each, tried in order.

A reader gets the texts of a file by their keys (PNG's own keys; "UserComment", "MakerNote", "Make" and "Model" of EXIF;
"comment") and answers with infotext, or with None where the texts aren't its program's. Formats as those programs write them,
2022 to 2025; values are taken over as text, and `map_fields` decides what they are worth here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from webui.generation.infotext import MAX_INFOTEXT_CHARACTERS, PNG_TEXT_KEY, Infotext, read_infotext
from webui.generation.metadata.comfy import read_graph
from webui.generation.metadata.words import from_compel, from_novelai, literal_squares, sampler_words

Texts = Mapping[str, str]
USER_COMMENT, MAKER_NOTE, IMAGE_HISTORY, MAKE, MODEL, COMMENT = "UserComment", "MakerNote", "ImageHistory", "Make", "Model", "comment"
OWN_TEXT_KEY = "easel"


@dataclass(frozen=True)
class Told:
    """What a picture says of how it was made. tool: which program said it. record: Easel's own, exact."""

    tool: str
    infotext: Infotext
    record: Mapping[str, Any] | None = None


def read_texts(texts: Texts) -> Told | None:
    """What the texts of a picture say; None where no program is known by them. Never raises."""
    short = {key: text for key, text in texts.items() if len(text) <= MAX_INFOTEXT_CHARACTERS}
    for reader in READERS:
        told = reader(short)
        if told is not None:
            return told
    return None


def read_text(text: str) -> Told:
    """What pasted text says: infotext, or the JSON of one of the programs, or else a prompt."""
    told = read_texts(dict.fromkeys((OWN_TEXT_KEY, PNG_TEXT_KEY, "prompt", "invokeai_metadata", "sd-metadata", "Comment", "Dream"), text))
    return told or Told("text", read_infotext(text))


def _object(text: str | None) -> dict[str, Any] | None:
    """A JSON object, or None for anything else."""
    if not text or not text.lstrip().startswith("{"):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _pairs(given: Mapping[str, Any]) -> dict[str, str]:
    """Parameters as text, those without a value left out."""
    return {key: _shown(value) for key, value in given.items() if value is not None and value != "" and not isinstance(value, dict | list)}


def _shown(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _stem(file: Any) -> str | None:
    """A model's name from its file's."""
    if not isinstance(file, str) or not file or file == "None":
        return None
    name = file.replace("\\", "/").rpartition("/")[2]
    return re.sub(r"\.(safetensors|ckpt|pt|gguf|sft|bin)$", "", name, flags=re.IGNORECASE)


# --- Easel ---


def _easel(texts: Texts) -> Told | None:
    record = next((found for key in (OWN_TEXT_KEY, IMAGE_HISTORY, MAKER_NOTE) if (found := _object(texts.get(key)))), None)
    if record is None or not isinstance(record.get("request"), dict):
        return None
    told = read_infotext(texts.get(PNG_TEXT_KEY) or texts.get(USER_COMMENT, ""))
    return Told("Easel", told, record)


# --- AUTOMATIC1111 and what writes as it does ---


def _infotext_tool(infotext: Infotext) -> str:
    version = infotext.parameters.get("Version", "")
    app = infotext.parameters.get("App", "")
    if app.startswith("SD.Next") or "Parser" in infotext.parameters or "Operations" in infotext.parameters:
        return "SD.Next"
    if version.startswith("easel"):
        return "Easel"
    if version.startswith("f") or "Diffusion in Low Bits" in infotext.parameters:
        return "Forge"
    if version.startswith("Fooocus"):
        return "Fooocus"
    return "AUTOMATIC1111"


def _infotext(texts: Texts) -> Told | None:
    for key in (USER_COMMENT, PNG_TEXT_KEY, COMMENT):
        text = texts.get(key, "")
        infotext = read_infotext(text)
        if infotext.parameters:
            return Told(_infotext_tool(infotext), infotext)
    return None


# --- ComfyUI ---


def _comfyui(texts: Texts) -> Told | None:
    # PNG has the graph under its name; WebP and JPEG in tags of EXIF that mean something else.
    candidates = [texts.get("prompt")]
    candidates += [
        text.removeprefix(mark) for key in (MODEL, MAKE, USER_COMMENT) for mark in ("prompt:", "Prompt:") if (text := texts.get(key))
    ]
    for text in candidates:
        graph = _object(text)
        if graph is not None and isinstance(graph.get("prompt"), dict):
            graph = graph["prompt"]
        infotext = read_graph(graph) if graph else None
        if infotext is not None:
            return Told("ComfyUI", infotext)
    return None


# --- InvokeAI ---


def _invokeai(texts: Texts) -> Told | None:
    meta = _object(texts.get("invokeai_metadata"))
    if meta is not None and ("positive_prompt" in meta or "generation_mode" in meta or "app_version" in meta):
        return Told("InvokeAI", _invoke_metadata(meta))
    old = _object(texts.get("sd-metadata"))
    if old is not None and isinstance(old.get("image"), dict):
        return Told("InvokeAI", _invoke_image(old, old["image"]))
    dream = texts.get("Dream", "")
    return Told("InvokeAI", _dream(dream)) if _DREAM.match(dream) else None


def _invoke_model(model: Any) -> str | None:
    return _stem(model.get("name") or model.get("model_name")) if isinstance(model, dict) else _stem(model)


def _invoke_metadata(meta: Mapping[str, Any]) -> Infotext:
    tags = ""
    for entry in meta.get("loras") or []:
        if isinstance(entry, dict):
            name = _invoke_model(entry.get("model") or entry.get("lora"))
            tags += f"<lora:{name}:{_shown(entry.get('weight', 1))}>" if name else ""
    size = f"{meta.get('width')}x{meta.get('height')}" if meta.get("width") and meta.get("height") else None
    skip = meta.get("clip_skip")
    parameters = {
        "Steps": meta.get("steps"),
        **(sampler_words(str(meta["scheduler"])) if meta.get("scheduler") else {}),
        "CFG scale": meta.get("cfg_scale"),
        "Distilled CFG Scale": meta.get("guidance"),
        "Seed": meta.get("seed"),
        "Size": size,
        "Model": _invoke_model(meta.get("model")),
        "VAE": _invoke_model(meta.get("vae")),
        # There it is counted from nought.
        "Clip skip": skip + 1 if isinstance(skip, int) and skip > 0 else None,
        "Denoising strength": meta.get("strength") if meta.get("init_image") else None,
        "RNG": "CPU" if meta.get("rand_device", "cpu") == "cpu" else None,
    }
    return Infotext(
        from_compel(_text(meta.get("positive_prompt"))) + tags, from_compel(_text(meta.get("negative_prompt"))), _pairs(parameters)
    )


def _invoke_image(old: Mapping[str, Any], image: Mapping[str, Any]) -> Infotext:
    prompt = image.get("prompt")
    if isinstance(prompt, list):
        prompt = " ".join(_text(part.get("prompt")) for part in prompt if isinstance(part, dict))
    positive, negative = _split_negative(_text(prompt))
    size = f"{image.get('width')}x{image.get('height')}" if image.get("width") and image.get("height") else None
    parameters = {
        "Steps": image.get("steps"),
        **(sampler_words(str(image["sampler"])) if image.get("sampler") else {}),
        "CFG scale": image.get("cfg_scale"),
        "Seed": image.get("seed"),
        "Size": size,
        "Model": _stem(old.get("model_weights")),
        "RNG": "CPU",
    }
    return Infotext(from_compel(positive), from_compel(negative), _pairs(parameters))


_DREAM = re.compile(r'\s*"((?:[^"\\]|\\.)*)"((?:\s+-{1,2}[a-zA-Z_]+\s*[^\s-]\S*)*)')
_DREAM_OPTION = re.compile(r"-{1,2}([a-zA-Z_]+)\s*([^\s-]\S*)")


def _dream(text: str) -> Infotext:
    """A command of InvokeAI's first terminal: `"a cat [bad]" -s 50 -S 123 -W 512 -H 512 -C 7.5 -A k_lms`."""
    match = _DREAM.match(text)
    assert match is not None
    options = dict(_DREAM_OPTION.findall(match[2]))
    positive, negative = _split_negative(match[1])
    parameters = {
        "Steps": options.get("s"),
        **(sampler_words(options["A"]) if "A" in options else {}),
        "CFG scale": options.get("C"),
        "Seed": options.get("S"),
        "Size": f"{options['W']}x{options['H']}" if {"W", "H"} <= options.keys() else None,
        "RNG": "CPU",
    }
    return Infotext(from_compel(positive), from_compel(negative), _pairs(parameters))


def _split_negative(prompt: str) -> tuple[str, str]:
    """In the first versions the negative prompt stood in square brackets."""
    negative = re.findall(r"\[([^\[\]]*)\]", prompt)
    return re.sub(r"\s*\[[^\[\]]*\]", "", prompt).strip(), " ".join(negative)


# --- Fooocus ---


def _fooocus(texts: Texts) -> Told | None:
    for key in (PNG_TEXT_KEY, USER_COMMENT):
        data = _object(texts.get(key))
        if data is not None and "base_model" in data and "prompt" in data:
            return Told("Fooocus", _fooocus_data(data))
    return None


def _fooocus_data(data: Mapping[str, Any]) -> Infotext:
    tags = ""
    for entry in data.get("loras") or []:
        if isinstance(entry, list) and len(entry) >= 2:
            tags += f"<lora:{_stem(entry[0])}:{_shown(entry[1])}>"
    for number in range(1, 6):
        name, mark, weight = _text(data.get(f"lora_combined_{number}")).rpartition(" : ")
        tags += f"<lora:{_stem(name)}:{weight}>" if mark and name != "None" else ""
    size = re.fullmatch(r"\((\d+), (\d+)\)", _text(data.get("resolution")).replace("[", "(").replace("]", ")"))
    parameters = {
        "Steps": data.get("steps"),
        **sampler_words(_text(data.get("sampler")), _text(data.get("scheduler"))),
        "CFG scale": data.get("guidance_scale"),
        "Seed": data.get("seed"),
        "Size": f"{size[1]}x{size[2]}" if size else None,
        "Model": _stem(data.get("base_model")),
        "Clip skip": data.get("clip_skip"),
        "Refiner": _stem(data.get("refiner_model")),
        "Refiner switch at": data.get("refiner_switch") if _stem(data.get("refiner_model")) else None,
        "Fooocus styles": data.get("styles"),
        "Performance": data.get("performance"),
        "Sharpness": data.get("sharpness"),
        "ADM Guidance": data.get("adm_guidance"),
        "VAE": None if _text(data.get("vae")).startswith("Default") else _stem(data.get("vae")),
        "RNG": "CPU",
    }
    return Infotext(
        literal_squares(_text(data.get("prompt"))) + tags, literal_squares(_text(data.get("negative_prompt"))), _pairs(parameters)
    )


# --- NovelAI ---


def _novelai(texts: Texts) -> Told | None:
    data = _object(texts.get("Comment"))
    if data is None or not ("uc" in data or "v4_prompt" in data or texts.get("Software") == "NovelAI"):
        return None
    positive, negative = texts.get("Description") or _text(data.get("prompt")), _text(data.get("uc"))
    for key in ("v4_prompt", "v4_negative_prompt"):
        caption = data.get(key, {}).get("caption") if isinstance(data.get(key), dict) else None
        words = _text(caption.get("base_caption")) if isinstance(caption, dict) else ""
        people = caption.get("char_captions") if isinstance(caption, dict) else None
        words = ", ".join([words, *(_text(one.get("char_caption")) for one in people or [] if isinstance(one, dict))]) if words else ""
        if words and key == "v4_prompt":
            positive = words
        elif words:
            negative = words
    parameters = {
        "Steps": data.get("steps"),
        **(sampler_words(str(data["sampler"]), _text(data.get("noise_schedule"))) if data.get("sampler") else {}),
        "CFG scale": data.get("scale"),
        "Seed": data.get("seed"),
        "Size": f"{data['width']}x{data['height']}" if data.get("width") and data.get("height") else None,
        "Denoising strength": data.get("strength") if data.get("image") else None,
        "Model": texts.get("Source"),
        "CFG Rescale": data.get("cfg_rescale") or None,
        # As AUTOMATIC1111 reads these files.
        "Clip skip": 2,
        "ENSD": 31337,
    }
    return Told("NovelAI", Infotext(from_novelai(positive), from_novelai(negative), _pairs(parameters)))


READERS: tuple[Callable[[Texts], Told | None], ...] = (_easel, _novelai, _fooocus, _invokeai, _comfyui, _infotext)
"""In the order in which they are asked: those with a mark of their own first."""
