"""Says in a new file what it was made of: for Easel, and as AUTOMATIC1111 does, so that other programs read it, too."""

from __future__ import annotations

import json
from collections.abc import Mapping

from webui.workshop.recipes import ONE_FILE, AnyRecipe, BakeVae, Convert, ExtractVae, Merge
from webui.workshop.weights import WHOLE, Weights

RECIPE_KEY = "easel_recipe"

_STALE = ("hash", "thumbnail", "sd_merge", "easel_recipe", "comfy.gguf", "general.quantization_version", "general.file_type")
"""Words in the names of metadata that are true of the parent alone."""

_METHODS = {"weighted sum": "Weighted sum", "add difference": "Add difference"}


def metadata_for(recipe: AnyRecipe, sources: Mapping[str, Weights], digests: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """File name -> metadata: what the first source says, and what was done. digests: SHA-256 by role, "" for folders."""
    first = next(iter(sources.values()))
    parents = [{"role": role, "name": weights.name, "sha256": digests[role]} for role, weights in sources.items()]
    own = {RECIPE_KEY: json.dumps({**recipe.model_dump(mode="json"), "parents": parents}, ensure_ascii=False)}
    if isinstance(recipe, Merge):
        own |= _as_automatic1111(recipe, sources, digests)
    return {WHOLE: own} | {file: {**_kept(metadata), **own} for file, metadata in first.metadata.items()}


def _kept(metadata: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in metadata.items() if key != "format" and not any(word in key for word in _STALE)}


def _as_automatic1111(recipe: Merge, sources: Mapping[str, Weights], digests: Mapping[str, str]) -> dict[str, str]:
    """The keys of its Checkpoint Merger (modules/extras.py: sd_merge_recipe, sd_merge_models)."""

    def digest(role: str) -> str | None:
        return digests.get(role) or None

    said = {
        "type": "webui",
        "primary_model_hash": digest("first"),
        "secondary_model_hash": digest("second"),
        "tertiary_model_hash": digest("third"),
        "interp_method": _METHODS[recipe.method],
        "multiplier": recipe.share,
        "save_as_half": recipe.precision == "fp16",
        "custom_name": recipe.name,
        "config_source": 0,
        "bake_in_vae": None,
        "discard_weights": "",
        "is_inpainting": sources["first"].kind.variant == "inpaint",
        "is_instruct_pix2pix": sources["first"].kind.variant == "edit",
    }
    models = {
        digests[role]: {"name": weights.name, "legacy_hash": None, "sd_merge_recipe": _recipe_of(weights)}
        for role, weights in sources.items()
        if digests[role]
    }
    return {"sd_merge_recipe": json.dumps(said), "sd_merge_models": json.dumps(models)}


def _recipe_of(weights: Weights) -> object:
    """A parent's own recipe, if it was merged itself."""
    for metadata in weights.metadata.values():
        try:
            return json.loads(metadata.get("sd_merge_recipe", "null"))
        except (ValueError, RecursionError):
            return None
    return None


def in_words(recipe: AnyRecipe, names: Mapping[str, str]) -> str:
    """What was done, in a sentence. names: of the models by role."""
    match recipe:
        case Merge(method="weighted sum"):
            how = f"Merged: {1 - recipe.share:g} x {names['first']} + {recipe.share:g} x {names['second']}"
        case Merge():
            how = f"Merged: {names['first']} + {recipe.share:g} x ({names['second']} - {names['third']})"
        case Convert():
            how = f"{names['model']} as {recipe.precision}" if recipe.precision != "as it is" else f"{names['model']}, written anew"
            how += ", as a single file" if recipe.form == ONE_FILE else ""
        case BakeVae():
            how = f"{names['model']} with the VAE {names['vae']}"
        case ExtractVae():
            how = f"The VAE of {names['model']}"
        case _:
            return ""
    blocks = f", other shares in {len(recipe.blocks)} blocks" if isinstance(recipe, Merge) and recipe.blocks else ""
    return f"{how}{blocks}."
