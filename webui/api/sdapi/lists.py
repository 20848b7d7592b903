"""What there is to choose from, and the looks at it again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Depends, Request

from webui import __version__
from webui.api.person import need_admin, person_of
from webui.api.sdapi import answers, scripts
from webui.api.sdapi.bodies import json_of
from webui.api.sdapi.faces import restorers
from webui.api.sdapi.options import OptionBook, title_of
from webui.api.sdapi.problems import A1111Route, bad_field
from webui.catalog.adapters import embedding_sizes
from webui.catalog.checkpoints import Checkpoint
from webui.catalog.header import readable
from webui.catalog.models import ModelFile
from webui.catalog.upscalers import upscaler_models
from webui.generation import samplers
from webui.generation.enlarging import PIXEL_UPSCALER_LABELS, UPSCALERS
from webui.people import Person, Scope
from webui.planning.machine import host_memory
from webui.studio.studio import Studio

_USUAL_SCALE = 4.0
_SCALE = re.compile(r"(?:^|[^0-9])(?:([1-8])x|x([1-8]))(?![0-9])", re.IGNORECASE)
_RHO: Mapping[str, float] = {"Karras": 7.0, "Polyexponential": 1.0}
_NEED_THE_MODEL = frozenset({"Uniform", "SGM Uniform", "Align Your Steps", "Simple", "Normal", "DDIM", "Beta", "Turbo", "KL Optimal"})
_SHAPES: Mapping[str, int] = {"sd1": 768, "sd2": 1024, "sdxl": 2048}
"""Family -> numbers of one token of its embeddings."""

_MODULES = ("vae", "text_encoder")


def build_list_router(studio: Studio, options: OptionBook) -> APIRouter:
    """Lists, options, memory."""
    router = APIRouter(prefix="/sdapi/v1", tags=["lists"], route_class=A1111Route)
    models = studio.catalog.models

    def in_use(person: Person) -> Checkpoint | None:
        return options.checkpoint(options.of(person))

    @router.get("/options")
    def all_options(request: Request) -> dict[str, Any]:
        """Every option, in one flat object."""
        return options.shown(person_of(request))

    @router.post("/options", response_model=None)
    async def set_options(request: Request) -> None:
        """Keep some of them. What isn't known is passed over; a checkpoint that isn't there is 404, and the one in use stays."""
        person = person_of(request)
        person.need(Scope.GENERATE)
        given = await json_of(request)
        if not isinstance(given, dict):
            raise bad_field(None, "Send an object of options")
        await to_thread.run_sync(lambda: set_and_prepare(person, given))

    def set_and_prepare(person: Person, given: dict[str, Any]) -> None:
        if options.change(person, given) and (checkpoint := in_use(person)) is not None:
            studio.models.preload(checkpoint.id)

    @router.get("/sd-models", response_model=list[answers.SdModel])
    def sd_models() -> Any:
        """Checkpoints that can be drawn with."""
        return [_checkpoint(studio, entry) for entry in studio.checkpoints() if entry.usable]

    @router.get("/sd-vae", response_model=list[answers.SdVae])
    def sd_vae() -> Any:
        """VAEs that can be put in place of a checkpoint's own."""
        return [{"model_name": model.path.name, "filename": readable(str(model.path))} for model in _sound(studio, "vae")]

    @router.get("/sd-modules", response_model=list[answers.SdVae])
    def sd_modules() -> Any:
        """The same, and text encoders, as Forge lists them."""
        return [{"model_name": one.path.name, "filename": readable(str(one.path))} for kind in _MODULES for one in _sound(studio, kind)]

    @router.get("/samplers", response_model=list[answers.Sampler])
    def sampler_list() -> Any:
        """Samplers by the names that AUTOMATIC1111 gave them."""
        return [{"name": one.label, "aliases": list(one.aliases), "options": _options_of(one)} for one in studio.choices.samplers()]

    @router.get("/schedulers", response_model=list[answers.Scheduler])
    def schedulers() -> Any:
        """Schedules; `automatic` is what fits the sampler."""
        automatic = samplers.Schedule(samplers.AUTOMATIC, (samplers.AUTOMATIC.lower(),))
        offered = [samplers.Schedule(name, (name,)) for name in studio.extensions.offers.names("schedules")]
        return [
            {
                "name": one.aliases[0],
                "label": one.label,
                "aliases": list(one.aliases[1:]) or None,
                "default_rho": _RHO.get(one.label, -1.0),
                "need_inner_model": one.label in _NEED_THE_MODEL,
            }
            for one in (automatic, *samplers.SCHEDULES, *offered)
        ]

    @router.get("/upscalers", response_model=list[answers.Upscaler])
    def upscalers() -> Any:
        """What enlarges pictures: none, filters, models, what add-ons offer."""
        built_in = [_upscaler(name, None) for name in ("None", *PIXEL_UPSCALER_LABELS)]
        offered = [_upscaler(name, None) for name in studio.extensions.offers.names("upscalers")]
        return [*built_in, *(_upscaler(model.name, model) for model in upscaler_models(models)), *offered]

    @router.get("/latent-upscale-modes", response_model=list[answers.Named])
    def latent_upscale_modes() -> Any:
        """What enlarges latents, for the hires pass."""
        return [{"name": one.label} for one in UPSCALERS if one.latent]

    @router.get("/loras", response_model=list[answers.Lora])
    def loras() -> Any:
        """LoRAs that a prompt can name."""
        return [
            {
                "name": model.name,
                "alias": model.facts.alias or model.name,
                "path": readable(str(model.path)),
                "metadata": dict(models.metadata(model)),
            }
            for model in _sound(studio, "lora")
        ]

    @router.get("/embeddings", response_model=answers.Embeddings)
    def embeddings(request: Request) -> Any:
        """Embeddings that the checkpoint in use can read, and those that it can't."""
        checkpoint = in_use(person_of(request))
        fitting = embedding_sizes(models, checkpoint) if checkpoint else {}
        all_of_them = {model.name: _embedding(model) for model in _sound(studio, "embedding")}
        return {
            "loaded": {name: one for name, one in all_of_them.items() if name in fitting},
            "skipped": {name: one for name, one in all_of_them.items() if name not in fitting},
        }

    @router.get("/prompt-styles", response_model=list[answers.PromptStyle])
    def prompt_styles() -> Any:
        """Styles."""
        known = (one.style for one in studio.styles.all()[0])
        return [{"name": one.name, "prompt": one.prompt, "negative_prompt": one.negative_prompt} for one in known]

    @router.get("/hypernetworks", response_model=list[answers.AtPath])
    def hypernetworks() -> Any:
        """None: Easel draws with no hypernetworks."""
        return []

    @router.get("/face-restorers", response_model=list[answers.FaceRestorer])
    def face_restorers() -> Any:
        """Models that draw faces again: the first of each architecture by the name of that."""
        return [{"name": name, "cmd_dir": readable(str(model.path.parent))} for name, model in restorers(studio).items()]

    @router.get("/realesrgan-models", response_model=list[answers.RealEsrgan])
    def realesrgan_models() -> Any:
        """Upscalers that are models."""
        return [{"name": one.name, "path": readable(str(one.path)), "scale": _scale_of(one.name)} for one in upscaler_models(models)]

    @router.get("/scripts", response_model=answers.ScriptList)
    def script_list() -> Any:
        """Scripts that are really taken."""
        return {tab: scripts.titles(tab, studio) for tab in scripts.TABS}

    @router.get("/script-info", response_model=list[answers.ScriptInfo])
    def script_info() -> Any:
        """Their arguments."""
        return scripts.infos(studio)

    @router.get("/cmd-flags")
    def cmd_flags() -> dict[str, Any]:
        """How Easel was started, in AUTOMATIC1111's words."""
        settings = studio.preferences.current
        return {
            "api": True,
            "nowebui": False,
            "port": settings.port,
            "share": False,
            "listen": settings.host not in ("127.0.0.1", "::1"),
            "ckpt": None,
            "lowvram": False,
            "medvram": False,
            "xformers": False,
            "disable_safe_unpickle": False,
            "api_server_stop": False,
            "enable_insecure_extension_access": False,
        }

    @router.get("/memory", response_model=answers.Memory)
    def memory() -> Any:
        """Main memory, and that of the graphics card."""
        host = host_memory()
        slot = studio.slot()
        device = slot.hello.device if slot and slot.hello else "cpu"
        return {
            "ram": {"free": host.available, "used": host.total - host.available, "total": host.total},
            "cuda": {"error": f"Easel draws on {device}; nothing is known of a graphics card's memory."},
        }

    @router.get("/extensions", response_model=list[answers.Extension])
    def extensions() -> Any:
        """Add-ons that are at work."""
        return [
            {
                "name": name,
                "remote": "",
                "branch": "",
                "commit_hash": "",
                "version": __version__,
                "commit_date": 0,
                "enabled": True,
            }
            for name in studio.extensions.names()
        ]

    @router.post("/unload-checkpoint", response_model=answers.Nothing, dependencies=[Depends(need_admin)])
    def unload_checkpoint() -> Any:
        """Let go of all weights, once what runs has ended; the next picture loads what it needs."""
        studio.models.unload()
        return {}

    @router.post("/reload-checkpoint", response_model=answers.Nothing)
    def reload_checkpoint(request: Request) -> Any:
        """Have the checkpoint in use ready again."""
        person_of(request).need(Scope.GENERATE)
        checkpoint = in_use(person_of(request))
        if checkpoint is not None:
            studio.models.preload(checkpoint.id)
        return {}

    for name in ("checkpoints", "vae", "loras", "lycos", "embeddings"):
        router.add_api_route(f"/refresh-{name}", _looking_again(studio), methods=["POST"], response_model=None, name=f"refresh_{name}")
    for path in ("create/embedding", "create/hypernetwork", "train/embedding", "train/hypernetwork"):
        router.add_api_route(f"/{path}", _not_here(path), methods=["POST"], response_model=answers.Told, name=path.replace("/", "_"))
    return router


def _looking_again(studio: Studio) -> Any:
    def look_again(request: Request) -> None:
        """Look at the model folders again."""
        person_of(request).need(Scope.GENERATE)
        studio.catalog.refresh()

    return look_again


def _not_here(path: str) -> Any:
    what = path.replace("/", " ")

    def not_here(request: Request) -> Any:
        """Says that Easel trains LoRAs, on its own page and by /api/v1."""
        person_of(request).need(Scope.GENERATE)
        return {"info": f"{what} error: Easel trains LoRAs instead; see its Train page, or kind `train` of /api/v1/workshop/orders"}

    return not_here


def _sound(studio: Studio, kind: str) -> list[ModelFile]:
    return [model for model in studio.catalog.models.select([kind]) if not model.facts.problem]


def _checkpoint(studio: Studio, entry: Checkpoint) -> dict[str, Any]:
    models = studio.catalog.models
    model = models.get(entry.id)
    hashes = models.hashes(model)
    short = models.folder_hash(model.path) if model.is_folder else hashes.short if hashes else None
    bare = model.relative if model.is_folder else str(Path(model.relative).with_suffix(""))
    return {
        "title": title_of(studio, entry),
        "model_name": bare.replace("\\", "/").replace("/", "_"),
        "hash": short,
        "sha256": hashes.sha256 if hashes else None,
        "filename": readable(str(model.path)),
        "config": None,
    }


def _options_of(one: samplers.Sampler) -> dict[str, str]:
    told = {} if one.default_schedule == "Uniform" else {"scheduler": one.default_schedule.lower()}
    return told | ({"discard_next_to_last_sigma": "True"} if one.discards_next_to_last else {})


def _scale_of(name: str) -> float:
    """How many times it enlarges, as its name says; most do so four times."""
    found = _SCALE.search(name)
    return float(found[1] or found[2]) if found else _USUAL_SCALE


def _upscaler(name: str, model: ModelFile | None) -> dict[str, Any]:
    path = None if model is None else readable(str(model.path))
    return {
        "name": name,
        "model_name": None if model is None else model.path.name,
        "model_path": path,
        "model_url": None,
        "scale": _USUAL_SCALE if model is None else _scale_of(name),
    }


def _embedding(model: ModelFile) -> dict[str, Any]:
    told = {"step": None, "sd_checkpoint": None, "sd_checkpoint_name": None}
    return {**told, "shape": _SHAPES.get(model.kind.family, _SHAPES["sd1"]), "vectors": model.kind.vectors}
