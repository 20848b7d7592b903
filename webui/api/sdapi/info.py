"""`info` of an answer: what was drawn, as AUTOMATIC1111 says it. Every key is there, of the type that clients insist on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from webui import __version__
from webui.api.sdapi.faces import restorer_of
from webui.generation.adapters import VAE_NONE
from webui.generation.infotext import ALWAYS, read_infotext
from webui.generation.request import Inpaint, PictureFromPicture, ResolvedTxt2Img, ResolvedUpscale
from webui.studio.studio import JobView, Studio


def info_of(studio: Studio, views: Sequence[JobView], styles: Sequence[str], notes: Sequence[str]) -> dict[str, Any]:
    """Of one or several jobs that came of one body. notes: what wasn't done, in words."""
    request = studio.resolved_of(views[0]["id"])
    assert not isinstance(request, ResolvedUpscale), "nothing was drawn for this one"
    images = [(image, studio.resolved_of(view["id"])) for view in views for image in view["images"]]
    seeds = [int(image["seed"]) for image, _ in images] or list(request.image_seeds)
    variations = [_variation(made, image["index"]) for image, made in images] or list(request.image_variation_seeds)
    infotexts = [str(image["infotext"]) for image, _ in images]
    width, height = request.seed_resize or (-1, -1)
    return {
        "prompt": request.prompt,
        "all_prompts": [image["prompt"] for image, _ in images] or [request.prompt],
        "negative_prompt": request.negative_prompt,
        "all_negative_prompts": [image["negative_prompt"] for image, _ in images] or [request.negative_prompt],
        "seed": seeds[0],
        "all_seeds": seeds,
        "subseed": variations[0],
        "all_subseeds": variations,
        "subseed_strength": request.variation_strength,
        "width": request.width,
        "height": request.height,
        "sampler_name": request.sampler,
        "cfg_scale": request.cfg_scale,
        "steps": request.steps,
        "batch_size": request.batch_size if len(views) == 1 else len(views),
        "restore_faces": restorer_of(request) is not None,
        "face_restoration_model": restorer_of(request),
        "sd_model_name": request.checkpoint,
        "sd_model_hash": request.checkpoint_hash,
        "sd_vae_name": None if request.vae == VAE_NONE else request.vae,
        "sd_vae_hash": request.vae_hash or None,
        "seed_resize_from_w": width,
        "seed_resize_from_h": height,
        "denoising_strength": _strength(request),
        "extra_generation_params": _further(infotexts[0]) if infotexts else {},
        "index_of_first_image": 0,
        "infotexts": infotexts,
        "styles": list(styles),
        "job_timestamp": timestamp(str(views[0]["created_at"])),
        "clip_skip": request.clip_skip,
        "is_using_inpainting_conditioning": isinstance(request, Inpaint),
        "version": f"easel-{__version__}",
        "notes": [*notes, *(note for view in views for note in view["notes"])],
    }


_OF_EACH = ("all_prompts", "all_negative_prompts", "all_seeds", "all_subseeds", "infotexts")


def with_grids(info: dict[str, Any], grids: Sequence[Mapping[str, Any]], *, cells: bool) -> dict[str, Any]:
    """The same where grids come first, each told with what the first picture has. cells: whether its pictures are sent, too."""
    lists = {name: [*info[name][:1] * len(grids), *(info[name] if cells else ())] for name in _OF_EACH}
    return info | lists | {"index_of_first_image": len(grids)}


def _variation(request: Any, index: int) -> int:
    return request.image_variation_seeds[index]


def _strength(request: Any) -> float | None:
    """Only where something is drawn on a picture, be it one of a first pass."""
    if isinstance(request, PictureFromPicture) or (isinstance(request, ResolvedTxt2Img) and request.hires):
        return request.denoising_strength
    return None


def _further(infotext: str) -> dict[str, Any]:
    """What the parameters tell beside those that each has."""
    return {key: value for key, value in read_infotext(infotext).parameters.items() if key not in (*ALWAYS, "Version")}


def timestamp(moment: str) -> str:
    """A moment as AUTOMATIC1111 writes it: YYYYmmddHHMMSS, by the clock of this machine."""
    return datetime.fromisoformat(moment).astimezone().strftime("%Y%m%d%H%M%S")
