"""Samplers, schedules and marks of emphasis of other programs in AUTOMATIC1111's words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

SAMPLERS: Mapping[str, str] = MappingProxyType(
    {
        "euler": "Euler",
        "euler_ancestral": "Euler a",
        "heun": "Heun",
        "heunpp2": "HeunPP2",
        "dpm_2": "DPM2",
        "dpm_2_ancestral": "DPM2 a",
        "lms": "LMS",
        "dpm_fast": "DPM fast",
        "dpm_adaptive": "DPM adaptive",
        "dpmpp_2s_ancestral": "DPM++ 2S a",
        "dpmpp_sde": "DPM++ SDE",
        "dpmpp_2m": "DPM++ 2M",
        "dpmpp_2m_sde": "DPM++ 2M SDE",
        "dpmpp_2m_sde_heun": "DPM++ 2M SDE Heun",
        "dpmpp_3m_sde": "DPM++ 3M SDE",
        "ddpm": "DDPM",
        "lcm": "LCM",
        "tcd": "TCD",
        "ipndm": "IPNDM",
        "ipndm_v": "IPNDM_V",
        "deis": "DEIS",
        "ddim": "DDIM",
        "uni_pc": "UniPC",
        "plms": "PLMS",
        # InvokeAI's and NovelAI's own names
        "euler_a": "Euler a",
        "dpmpp_2s": "DPM++ 2S a",
        "kdpm_2": "DPM2",
        "kdpm_2_a": "DPM2 a",
        "unipc": "UniPC",
        "pndm": "PLMS",
        "restart": "Restart",
    }
)
"""Names of ComfyUI, InvokeAI, Fooocus and NovelAI, without what tells where noise is drawn."""

SCHEDULES: Mapping[str, str] = MappingProxyType(
    {
        "normal": "Normal",
        "karras": "Karras",
        "exponential": "Exponential",
        "polyexponential": "Polyexponential",
        "sgm_uniform": "SGM Uniform",
        "simple": "Simple",
        "ddim_uniform": "DDIM",
        "beta": "Beta",
        "kl_optimal": "KL Optimal",
        "turbo": "Turbo",
        "align_your_steps": "Align Your Steps",
        "native": "Automatic",
    }
)


def sampler_words(name: str, schedule: str | None = None) -> dict[str, str]:
    """The pairs "Sampler" and "Schedule type" for a sampler's name there; names unknown to us stay as they are."""
    plain = name.strip().lower().removeprefix("k_").removesuffix("_gpu").removesuffix("_cfg_pp")
    for ending, label in (("_karras", "Karras"), ("_k", "Karras")):
        if plain.endswith(ending) and plain not in SAMPLERS:
            plain, schedule = plain.removesuffix(ending), label
    pairs = {"Sampler": SAMPLERS.get(plain, name)}
    if schedule:
        pairs["Schedule type"] = SCHEDULES.get(schedule.strip().lower(), schedule)
    return pairs


def literal_squares(text: str) -> str:
    """Square brackets mean nothing in ComfyUI, Fooocus and InvokeAI; here they do, so they are marked as plain ones."""
    return re.sub(r"(?<!\\)([\[\]])", r"\\\1", text)


_COMPEL_GROUP = re.compile(r"\(([^()]*)\)(\d+(?:\.\d+)?|\.\d+|[+]{1,9}|-{1,9})")
_COMPEL_WORD = re.compile(r"(?<![\w'(])([\w']+)([+]{1,9}|-{1,9})(?=[\s,.;:)]|$)")


def from_compel(text: str) -> str:
    """InvokeAI's `(words)1.2`, `word++` and `(words)--` as `(words:1.2)`. Brackets in brackets are taken from the inside out."""

    def weigh(match: re.Match[str]) -> str:
        mark = match[2]
        weight = float(mark) if mark[0] not in "+-" else (1.1 if mark[0] == "+" else 0.9) ** len(mark)
        return f"({match[1]}:{weight:.4g})"

    return _COMPEL_GROUP.sub(weigh, _COMPEL_WORD.sub(weigh, literal_squares(text)))


_NOVELAI_NUMBER = re.compile(r"-?(?:\d{1,3}\.\d{1,4}|\d{1,3}|\.\d{1,4})$")


def from_novelai(text: str) -> str:
    """NovelAI's `{words}` (1.05 times), `[words]` (1 / 1.05) and `1.5::words::` as round brackets with numbers."""
    escaped = re.sub(r"(?<!\\)([()])", r"\\\1", text)
    result: list[str] = []
    opened: list[str] = []
    for mark in escaped:
        if mark in "{[":
            opened.append(mark)
            result.append("(")
        elif mark in "}]" and opened and opened[-1] == {"}": "{", "]": "["}[mark]:
            opened.pop()
            result.append(":1.05)" if mark == "}" else ":0.9524)")
        elif mark == "]":
            result.append("\\]")
        else:
            result.append(mark)
    # Those left open reach to the end.
    result.extend(":1.05)" if mark == "{" else ":0.9524)" for mark in reversed(opened))
    return _novelai_numbers("".join(result))


def _novelai_numbers(text: str) -> str:
    parts = text.split("::")
    result = ""
    while len(parts) > 2:
        number = _NOVELAI_NUMBER.search(parts[0][-8:])
        if number is None:
            result += parts.pop(0) + "::"
        else:
            result += f"{parts[0][: -len(number[0])]}({parts[1]}:{number[0]})"
            del parts[:2]
    return result + "::".join(parts)
