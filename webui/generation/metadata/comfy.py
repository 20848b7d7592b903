"""ComfyUI's graph: from the sampler backwards to prompts, checkpoint, LoRAs and size.

The graph is the API form: node id -> {"class_type": ..., "inputs": {name: value, or [node id, output number]}}.
Nodes are known by what their inputs are called, so that nodes of add-ons that are like the built-in ones are read, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from webui.generation.infotext import Infotext
from webui.generation.metadata.words import literal_squares, sampler_words

MOST_NODES = 5000

_TEXT_INPUTS = ("text", "text_g", "text_l", "t5xxl", "clip_l", "prompt", "string", "value", "text1", "text2", "text_a", "text_b")
_MODEL_INPUTS = ("ckpt_name", "unet_name", "model_name")


class Graph:
    """The nodes of a graph, as far as they have the shape of nodes."""

    def __init__(self, nodes: Mapping[str, Any]) -> None:
        self._nodes = {
            str(name): node
            for name, node in list(nodes.items())[:MOST_NODES]
            if isinstance(node, dict) and isinstance(node.get("inputs"), dict) and isinstance(node.get("class_type"), str)
        }

    def kind(self, name: str) -> str:
        """The class of a node."""
        return self._nodes[name]["class_type"]

    def inputs(self, name: str) -> dict[str, Any]:
        """What a node is given: values, and links."""
        return self._nodes[name]["inputs"]

    def __iter__(self) -> Iterator[str]:
        return iter(self._nodes)

    def linked(self, value: Any) -> str | None:
        """The node that a link comes from; None for what is no link to a node there is."""
        if isinstance(value, list) and len(value) == 2 and str(value[0]) in self._nodes:
            return str(value[0])
        return None

    def value(self, name: str, key: str) -> Any:
        """A plain value of a node, its own or that of the one that is linked there (a primitive)."""
        value = self.inputs(name).get(key)
        source = self.linked(value)
        if source is None:
            return None if isinstance(value, list | dict) else value
        plain = [one for one in self.inputs(source).values() if isinstance(one, str | int | float)]
        return plain[0] if plain else None

    def behind(self, start: Any) -> Iterator[str]:
        """The nodes that a link leads back to, nearest first, each once."""
        waiting, seen = [self.linked(start)], set()
        while waiting:
            name = waiting.pop(0)
            if name is None or name in seen:
                continue
            seen.add(name)
            yield name
            waiting.extend(self.linked(value) for value in self.inputs(name).values())


def read_graph(nodes: Mapping[str, Any]) -> Infotext | None:
    """The first sampling of a graph; None where it samples nothing."""
    graph = Graph(nodes)
    samplers = [name for name in graph if _is_sampler(graph, name)]
    if not samplers:
        return None
    known = frozenset(samplers)
    # The first one starts from nothing; later ones (hires) from what another sampler made.
    first = next((name for name in samplers if not _comes_from_a_sampler(graph, name, known)), samplers[0])
    return _read_sampler(graph, first)


def _is_sampler(graph: Graph, name: str) -> bool:
    inputs = graph.inputs(name)
    return (
        ("steps" in inputs and "cfg" in inputs and "sampler_name" in inputs)
        or {"guider", "sigmas"} <= inputs.keys()
        or ({"sigmas", "sampler", "cfg"} <= inputs.keys())
    )


def _comes_from_a_sampler(graph: Graph, name: str, samplers: frozenset[str]) -> bool:
    latent = graph.inputs(name).get("latent_image")
    return any(other in samplers for other in graph.behind(latent))


def _read_sampler(graph: Graph, name: str) -> Infotext:
    # SamplerCustomAdvanced spreads over several nodes what KSampler holds itself.
    own = [name, *(graph.linked(graph.inputs(name).get(key)) for key in ("guider", "sampler", "sigmas", "noise"))]
    around = [node for node in own if node is not None]

    def told(*keys: str) -> Any:
        return next((value for node in around for key in keys if (value := graph.value(node, key)) is not None), None)

    def link(*keys: str) -> Any:
        return next((graph.inputs(node)[key] for node in around for key in keys if graph.linked(graph.inputs(node).get(key))), None)

    parameters = {"Steps": told("steps")}
    if told("sampler_name"):
        parameters |= sampler_words(str(told("sampler_name")), str(told("scheduler") or "") or None)
    parameters |= {"CFG scale": told("cfg") if told("cfg") is not None else 1, "Seed": told("seed", "noise_seed")}
    model, positive, negative = link("model"), link("positive", "conditioning"), link("negative")
    parameters |= _size(graph, link("latent_image")) | _guidance(graph, positive)
    denoise = told("denoise")
    if denoise is not None and denoise != 1 and not _starts_empty(graph, link("latent_image")):
        parameters["Denoising strength"] = denoise
    tags = ""
    for node in graph.behind(model):
        tag = _lora_tag(graph, node)
        tags = tag + tags
        file = next((graph.value(node, key) for key in _MODEL_INPUTS if isinstance(graph.value(node, key), str)), None)
        if file:
            parameters.setdefault("Model", _stem(file))
    for node in graph.behind(positive):
        skip = graph.value(node, "stop_at_clip_layer")
        if isinstance(skip, int) and skip < 0:
            parameters.setdefault("Clip skip", -skip)
        vae = graph.value(node, "vae_name")
        if isinstance(vae, str):
            parameters.setdefault("VAE", _stem(vae))
    parameters["RNG"] = "CPU"
    return Infotext(
        _prompt(graph, positive, "positive") + tags,
        _prompt(graph, negative, "negative"),
        {key: str(value) for key, value in parameters.items() if value is not None},
    )


def _stem(file: str) -> str:
    name = file.replace("\\", "/").rpartition("/")[2]
    return name.rpartition(".")[0] if name.lower().endswith((".safetensors", ".ckpt", ".pt", ".gguf", ".sft", ".bin")) else name


def _lora_tag(graph: Graph, node: str) -> str:
    name = graph.value(node, "lora_name")
    if not isinstance(name, str) or name == "None":
        return ""
    unet = graph.value(node, "strength_model")
    clip = graph.value(node, "strength_clip")
    unet = 1 if unet is None else unet
    return f"<lora:{_stem(name)}:{unet}>" if clip is None or clip == unet else f"<lora:{_stem(name)}:{clip}:{unet}>"


def _size(graph: Graph, latent: Any) -> dict[str, Any]:
    for node in graph.behind(latent):
        width, height = graph.value(node, "width"), graph.value(node, "height")
        if isinstance(width, int) and isinstance(height, int):
            return {"Size": f"{width}x{height}"}
    return {}


def _starts_empty(graph: Graph, latent: Any) -> bool:
    return any(graph.kind(node).startswith("Empty") for node in graph.behind(latent))


def _guidance(graph: Graph, positive: Any) -> dict[str, Any]:
    for node in graph.behind(positive):
        if "guidance" in graph.inputs(node):
            return {"Distilled CFG Scale": graph.value(node, "guidance")}
    return {}


_BETWEEN = {"ConditioningCombine": " AND ", "ConditioningConcat": " BREAK "}
_NO_WORDS = frozenset({"clip", "vae", "model", "image", "control_net", "latent", "samples", "mask", "clip_vision_output"})


def _prompt(graph: Graph, link: Any, side: str) -> str:
    """The words behind a link. Combined conditioning becomes AND, concatenated BREAK, zeroed nothing.

    side: "positive" or "negative": which way to go on at nodes that carry both.
    """
    start = graph.linked(link)
    texts: dict[str, str] = {}
    # Depth first without recursion: what a node is linked to is read before it.
    waiting = [(start, False)] if start else []
    seen: set[str] = set()
    while waiting:
        node, ready = waiting.pop()
        sources = _sources(graph, node, side)
        if ready:
            texts[node] = _node_text(graph, node, side, [texts[source] for source in sources if texts.get(source)])
        elif node not in seen:
            seen.add(node)
            waiting += [(node, True), *((source, False) for source in sources)]
    return literal_squares(texts[start]) if start else ""


def _sources(graph: Graph, node: str, side: str) -> list[str]:
    if graph.kind(node) == "ConditioningZeroOut":
        return []
    other = {"positive": "negative", "negative": "positive"}[side]
    inputs = {key: value for key, value in graph.inputs(node).items() if key not in _NO_WORDS and key != other}
    links = [graph.linked(inputs[key]) for key in sorted(inputs, key="conditioning_from".__eq__)]
    return [link for link in links if link is not None]


def _node_text(graph: Graph, node: str, side: str, below: list[str]) -> str:
    kind = graph.kind(node)
    if kind in _BETWEEN:
        return _BETWEEN[kind].join(below)
    own = [value for key in (*_TEXT_INPUTS, side) if isinstance(value := graph.inputs(node).get(key), str) and value.strip()]
    # Nodes for several text encoders are given the same words several times.
    return ", ".join(dict.fromkeys([*own, *below]))
