"""The page, put together: builds the Blocks, ties events to the studio, and mounts both on the web app."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import gradio as gr
from fastapi import FastAPI
from fastapi.responses import FileResponse
from gradio.components import Component
from gradio.themes import Base
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from webui.catalog.checkpoints import Checkpoint
from webui.errors import EaselError, NotFound
from webui.generation.request import HIRES_FIELDS, REQUEST_TYPES, GenerationRequest, PictureFromPicture, parameters_of, parse_request
from webui.languages.catalogues import COOKIE, NAMES, chosen, script_of
from webui.studio.field_presets import NEVER_KEPT, fit
from webui.studio.journal import HIGHEST_PRIORITY
from webui.studio.studio import Studio
from webui.ui.fields import SEEDS, Fields, element_id, shown, source_of, unchecked
from webui.ui.gradio_routes import close_unused
from webui.ui.link import answered, asker, link
from webui.ui.pieces import STATIC_FOLDER, Assets, piece
from webui.ui.tabs import add_on_tabs, canvas_pages, extensions, history, models, settings, system, train, txt2img, upscale
from webui.ui.words_first import WordsFirst

MAX_UPLOAD = "50mb"
WORDS = "/easel-words.js"
"""A script that runs before all others: it has the page's words in the language that is asked for."""

STYLES = (
    "easel",
    "gradio",
    "plain",
    "canvas",
    "models",
    "extensions",
    "control",
    "batch",
    "regions",
    "film",
    "finishing",
    "train",
    "upscale",
    "history",
    "lineage",
    "history-import",
    "history-analysis",
    "people",
    "add-ons",
)
ANY_PICTURE = "0" * 64
"""Where only the time is asked for: it doesn't depend on what is in a picture."""


def build(studio: Studio) -> gr.Blocks:
    """The page over one studio."""
    assets = Assets()
    usable = next((view for view in studio.checkpoints() if view.usable), None)
    fields = Fields({**usable.defaults, **studio.choices.usual_of(usable)} if usable else {})
    with gr.Blocks(title="Easel", analytics_enabled=False) as page:
        with gr.Row(elem_id="ez-bar"):
            piece(assets, "brand.js", elem_id="ez-brand")
            checkpoint = fields.add("checkpoint", _checkpoint_picker(studio))
            piece(assets, "quick.js", elem_id="ez-quick-settings")
            piece(assets, "queue.js", elem_id="ez-queue")
        with gr.Tabs(elem_id="ez-pages"):
            # Both pages are in the document from the start, so that scripts and restored values find them.
            with gr.Tab("txt2img", id="txt2img", elem_id="ez-page-txt2img", render_children=True) as draw:
                upscalers = txt2img.Upscalers(studio.choices.upscalers(latent=True), studio.choices.upscalers(latent=False))
                sampling = _sampling(studio)
                generate = txt2img.build(fields, assets, studio.choices.vae_names(), _drawing_checkpoints(studio), upscalers, sampling)
            with gr.Tab("img2img", id="img2img", elem_id="ez-page-img2img", render_children=True) as redraw:
                canvas_pages.build(assets, "img2img")
            with gr.Tab("Inpaint", id="inpaint", elem_id="ez-page-inpaint", render_children=True) as paint:
                canvas_pages.build(assets, "inpaint")
            with gr.Tab("Upscale", id="upscale", elem_id="ez-page-upscale", render_children=True) as enlarge:
                upscale.build(assets)
            with gr.Tab("History", id="history", elem_id="ez-page-history", render_children=True) as past:
                history.build(assets)
            with gr.Tab("Models", id="models", elem_id="ez-page-models", render_children=True) as files:
                models.build(assets)
            with gr.Tab("Extensions", id="extensions", elem_id="ez-page-extensions", render_children=True) as additions:
                extensions.build(assets)
            with gr.Tab("Train", id="train", elem_id="ez-page-train", render_children=True) as lessons:
                train.build(assets)
            added = add_on_tabs.build(assets, studio.add_ons)
            with gr.Tab("Settings", id="settings", elem_id="ez-page-settings", render_children=True) as choices:
                settings.build(assets)
            with gr.Tab("System", id="system", elem_id="ez-page-system", render_children=True) as state:
                system.build(assets)
        piece(assets, "overlay.js", elem_id="ez-overlay")
        receipt = link(assets, table=fields.table(), checkpoints=_checkpoint_rows(studio), examples=_example_rows(studio))
        _remember(page, fields, receipt, assets)
        drawing = {"txt2img": draw, "img2img": redraw, "inpaint": paint}
        rest = {
            "upscale": enlarge,
            "history": past,
            "models": files,
            "extensions": additions,
            "train": lessons,
            "settings": choices,
            "system": state,
        }
        _follow_tabs({**drawing, **rest, **added}, assets)
        _answer(studio, fields, checkpoint, receipt)
        generate.click(None, None, None, js=assets.call("order.js", 'order("generate")'), api_visibility="private")
        checkpoint.input(None, checkpoint, None, js=assets.call("checkpoint.js", "picked(values[0])"), api_visibility="private")
    page.queue(api_open=False)
    return page


def mount(app: FastAPI, studio: Studio) -> FastAPI:
    """Serve the page at "/" of `app`, whose own routes must be there already."""
    assets = Assets()
    page = build(studio)
    app.mount(assets.prefix, _Immutable(directory=STATIC_FOLDER))
    app.add_api_route(
        "/favicon.ico", lambda: FileResponse(STATIC_FOLDER / "favicon.svg", media_type="image/svg+xml"), include_in_schema=False
    )

    def words(request: Request) -> Response:
        return _words(studio, request)

    app.add_route(WORDS, words)
    app.add_middleware(WordsFirst, address=WORDS)
    return mount_page(app, page, _head(assets) + add_on_tabs.names_for_scripts(studio.add_ons))


def mount_page(app: FastAPI, page: gr.Blocks, head: str = "") -> FastAPI:
    """Mount a page at "/" with Easel's styles, so that no file of this machine can be read through it."""
    # Only launch() sets this, and without it Gradio lets any client read any file of the machine through a file input.
    page.has_launched = True
    mounted = gr.mount_gradio_app(
        app,
        page,
        path="/",
        theme=Base(font=["sans-serif"], font_mono=["monospace"]),
        css_paths=[STATIC_FOLDER / f"{name}.css" for name in STYLES],
        head=head,
        max_file_size=MAX_UPLOAD,
        run_history=False,
        footer_links=[],
        show_error=False,
    )
    close_unused(next(route for route in reversed(app.router.routes) if isinstance(route, Mount)))
    return mounted


def _words(studio: Studio, request: Request) -> Response:
    """The script with the page's words, in the language that the setting or the browser says."""
    own = request.cookies.get(COOKIE, "")
    language = chosen(studio.preferences.current.language, request.headers.get("accept-language", ""), own)
    text = script_of(language, own if own in NAMES else "")
    tag = f'"{hashlib.sha256(text.encode()).hexdigest()[:16]}"'
    headers = {"cache-control": "no-cache", "vary": "accept-language, cookie", "etag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(text, media_type="text/javascript; charset=utf-8", headers=headers)


class _Immutable(StaticFiles):
    """Files whose address changes with their content: a browser may keep them for ever."""

    def file_response(self, *arguments: Any, **options: Any) -> Response:
        response = super().file_response(*arguments, **options)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        if str(arguments[0]).endswith(".js"):
            # Some systems know .js as text/plain, which browsers refuse for modules.
            response.headers["Content-Type"] = "text/javascript; charset=utf-8"
        return response


def _head(assets: Assets) -> str:
    # Named ahead, the modules come all at once instead of one import after the other.
    late = ("-worker.js", ".min.js")
    modules = [name for name in assets.names if name.endswith(".js") and not name.endswith(late)]
    return (
        f'<link rel="icon" href="{assets.url("favicon.svg")}" type="image/svg+xml">'
        f'<link rel="stylesheet" href="{assets.url("tokens.css")}">'
        + "".join(f'<link rel="modulepreload" href="{assets.url(name)}">' for name in modules)
        + f'<script type="module" src="{assets.url("page.js")}"></script>'
    )


def _drawing_checkpoints(studio: Studio) -> list[str]:
    return [entry.name for entry in studio.checkpoints() if entry.usable]


def _checkpoint_picker(studio: Studio) -> gr.Dropdown:
    names = _drawing_checkpoints(studio)
    return unchecked(
        gr.Dropdown(
            names,
            value=names[0] if names else None,
            label="Checkpoint",
            show_label=False,
            container=False,
            elem_id=element_id("checkpoint"),
            elem_classes="ez-ckpt",
        )
    )


def _checkpoint_rows(studio: Studio) -> list[dict[str, Any]]:
    return [_checkpoint_row(studio, entry) for entry in studio.checkpoints()]


def _checkpoint_row(studio: Studio, entry: Checkpoint) -> dict[str, Any]:
    """defaults: what its fields become when it is picked, as their components hold them. finishing: so too, where it is as it was."""
    values = {name: shown(name, value) for name, value in {"finishing": (), **studio.choices.usual_of(entry), **entry.defaults}.items()}
    chain = values.pop("finishing")
    return {"name": entry.name, "usable": entry.usable, "family": entry.kind.family, "defaults": values, "finishing": chain}


def _example_rows(studio: Studio) -> list[dict[str, str]]:
    return [{"id": entry.id, "prompt": entry.prompt, "picture": f"/api/v1/examples/{entry.id}"} for entry in studio.choices.examples()]


def _remember(page: gr.Blocks, fields: Fields, receipt: gr.HTML, assets: Assets) -> None:
    """The browser keeps the fields by itself: values go to its storage and back without a word to the server."""
    module = assets.url("fields.js")
    changes = [component.change for component in fields.outputs]  # pyright: ignore[reportAttributeAccessIssue]
    gr.on(changes, None, fields.outputs, None, js=fields.script(module, "seen"), api_visibility="private")
    restored = page.load(None, fields.outputs, fields.outputs, js=fields.script(module, "restored"), api_visibility="private")
    # Only now Gradio has the values: a section that it draws while they are on their way keeps its usual ones.
    restored.then(None, None, None, js=assets.call("fields.js", "arrived()"), api_visibility="private")
    receipt.put(None, None, fields.outputs, js=fields.script(module, "handed"), api_visibility="private")


def _follow_tabs(tabs: dict[str, gr.Tab], assets: Assets) -> None:
    for name, tab in tabs.items():
        tab.select(None, None, None, js=assets.call("pages.js", f'shown("{name}")'), api_visibility="private")


def _answer(studio: Studio, fields: Fields, checkpoint: Component, receipt: gr.HTML) -> None:
    """Tie what the page asks for to the studio. Handlers only hand over: pictures come by the event stream."""
    of_models = ("vae", "hires_checkpoint", "refiner", "hires_upscaler", "tiled_upscaler")
    named = (*of_models, "sampler", "schedule_type", "hires_sampler", "hires_schedule_type")
    lists = [checkpoint, *(fields.components[name] for name in named)]

    def submitting(**how: Any) -> Callable[..., dict[Any, Any]]:
        def submit(values: dict[Component, Any], event: gr.EventData, visit: gr.Request) -> dict[Any, Any]:
            request = fields.read(values, event.source)
            script = getattr(event, "script", None)
            if script:
                return {"receipt": {"run": mine(visit).scripts.submit(str(script["id"]), request, script["values"])["id"]}}
            return {"receipt": {"job": mine(visit).submit(request, film=event.film, **how)["id"], "page": event.page}}

        return submit

    def mine(visit: gr.Request) -> Studio:
        """The studio as whoever looks at the page has it."""
        return studio.of(asker(visit))

    def asked_of(visit: gr.Request, job: str) -> GenerationRequest:
        """What was asked, with the size in numbers, which is how the page has it."""
        asked, made = mine(visit).asked_of(job), mine(visit).resolved_of(job)
        if not isinstance(asked, PictureFromPicture) or not isinstance(made, PictureFromPicture) or not asked.resize_by:
            return asked
        return asked.model_copy(update={"resize_by": 0.0, "width": made.width, "height": made.height})

    def reopen(event: gr.EventData, visit: gr.Request) -> dict[Any, Any]:
        asked = asked_of(visit, str(event.job))
        # The checkpoint that the job has now, not the one which "the one in use" would mean today.
        shown = fields.show(asked.model_copy(update={"checkpoint": mine(visit).job(str(event.job))["checkpoint"]}))
        return {**shown, "receipt": {"source": source_of(asked)}}

    def save(values: dict[Component, Any], event: gr.EventData, visit: gr.Request) -> dict[Any, Any]:
        job = str(event.job)
        return {"receipt": {"job": mine(visit).edit(job, fields.read(values, event.source, over=asked_of(visit, job)))["id"]}}

    def batch(values: dict[Component, Any], event: gr.EventData, visit: gr.Request) -> dict[Any, Any]:
        request = fields.read(values, {"kind": event.page, "init_image": ANY_PICTURE, "mask": ANY_PICTURE})
        asked = request.model_dump(mode="json", exclude={"init_image", "mask", "init_name"})
        try:
            return {"receipt": {"batch": mine(visit).batches.submit({**dict(event.order), "request": asked})["id"]}}
        except EaselError as problem:
            problem.field = (problem.field or "").removeprefix("request.") or None
            raise

    def live(values: dict[Component, Any], event: gr.EventData, visit: gr.Request) -> dict[Any, Any]:
        # Quick, while somebody types: one picture, and of that the first pass alone.
        request = fields.read(values, {}).model_copy(update={"batch_count": 1, "batch_size": 1, "hires": False})
        return {"receipt": {"job": mine(visit).submit(request, live_client=str(event.client))["id"]}}

    def plan(values: dict[Component, Any], event: gr.EventData, visit: gr.Request) -> dict[Any, Any]:
        known = dict(event.source)
        request = fields.read(values, {"mask": ANY_PICTURE, "init_image": ANY_PICTURE, **known})
        told = {"text": mine(visit).estimate(request).text}
        # What it starts from is sent when it is asked for. Where Easel has that already, it is known whether this was made before.
        if known.get("kind") == "txt2img" or known.get("init_image"):
            told |= {"made": mine(visit).duplicates(request, 1)}
        return {"receipt": told}

    def use(event: gr.EventData, visit: gr.Request) -> dict[Any, Any]:
        request = mine(visit).request_of(str(event.image))
        return {**fields.show(request), "receipt": {"source": source_of(request)}}

    def carry(event: gr.EventData, visit: gr.Request) -> dict[Any, Any]:
        shown = fields.show(mine(visit).request_of(str(event.image)))
        return {component: value for component, value in shown.items() if component not in own}

    def asked_fields(values: dict[Component, Any], event: gr.EventData) -> dict[Any, Any]:
        request = fields.read(values, {"kind": event.page, "init_image": ANY_PICTURE, "mask": ANY_PICTURE})
        kept = request.model_dump(mode="json", exclude=set(NEVER_KEPT))
        usual = {name: info.default for name, info in parameters_of(type(request)).items()}
        return {"receipt": {"fields": kept, "differing": [name for name, value in kept.items() if value != _plain(usual.get(name))]}}

    def preset(event: gr.EventData) -> dict[Any, Any]:
        kept = studio.field_presets.get(str(event.page), str(event.name))
        fitting = fit(kept, studio.choices.what_presets_name())
        pictures = {"init_image": ANY_PICTURE, "mask": ANY_PICTURE} if kept.page != "txt2img" else {}
        known = {name: value for name, value in pictures.items() if name in REQUEST_TYPES[kept.page].model_fields}
        request = parse_request({"kind": kept.page, **known, **fitting.fields})
        return {**fields.show(request, only=fitting.fields), "receipt": {"name": kept.name, "missing": list(fitting.missing)}}

    def enlarge(values: dict[Component, Any], event: gr.EventData, visit: gr.Request) -> dict[Any, Any]:
        request = fields.read(values, {})
        job = mine(visit).enlarge(str(event.image), {name: getattr(request, name) for name in HIRES_FIELDS}, film=event.film)
        return {"receipt": {"job": job["id"]}}

    def example(event: gr.EventData, visit: gr.Request) -> dict[Any, Any]:
        found = next((item for item in studio.choices.examples() if item.id == str(event.id)), None)
        if found is None:
            raise NotFound("This example is gone.", hint="Reload the page.")
        job = mine(visit).submit(found.request, film=event.film)
        return {**fields.show(found.request), "receipt": {"job": job["id"]}}

    def catalog() -> dict[Any, Any]:
        names = _drawing_checkpoints(studio)
        upscalers = studio.choices.upscalers(latent=True), studio.choices.upscalers(latent=False)
        sampling = _sampling(studio)
        of_hires = txt2img.hires_samplers(sampling.samplers), txt2img.hires_schedules(sampling.schedules)
        choices = (names, studio.choices.vae_names(), txt2img.hires_checkpoints(names), txt2img.refiners(names), *upscalers)
        choices = (*choices, sampling.samplers, sampling.schedules, *of_hires)
        offered = {component: gr.Dropdown(choices=list(several)) for component, several in zip(lists, choices, strict=True)}
        return {**offered, "receipt": {"checkpoints": _checkpoint_rows(studio)}}

    own = {fields.components[name] for name in (*SEEDS, "batch_count", "batch_size", "vae")}  # stay as they are when a picture is sent on
    # queue=False: the answer comes at once, past Gradio's own queue and its event stream.
    quiet = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    sets = [receipt, *fields.outputs]
    receipt.generate(answered("generate", receipt, submitting()), fields.inputs, receipt, trigger_mode="multiple", **quiet)
    receipt.live(answered("live", receipt, live), fields.inputs, receipt, trigger_mode="always_last", **quiet)
    receipt.soon(answered("soon", receipt, submitting(priority=HIGHEST_PRIORITY)), fields.inputs, receipt, trigger_mode="multiple", **quiet)
    receipt.forever(answered("forever", receipt, submitting(forever=True)), fields.inputs, receipt, trigger_mode="multiple", **quiet)
    receipt.batch(answered("batch", receipt, batch), fields.inputs, receipt, trigger_mode="multiple", **quiet)
    receipt.reopen(answered("reopen", receipt, reopen), None, sets, trigger_mode="multiple", **quiet)
    receipt.save(answered("save", receipt, save), fields.inputs, receipt, trigger_mode="once", **quiet)
    receipt.plan(answered("plan", receipt, plan), fields.inputs, receipt, trigger_mode="always_last", **quiet)
    receipt.use(answered("use", receipt, use), None, sets, trigger_mode="multiple", **quiet)
    receipt.carry(answered("carry", receipt, carry), None, sets, trigger_mode="multiple", **quiet)
    receipt.fields(answered("fields", receipt, asked_fields), fields.inputs, receipt, trigger_mode="multiple", **quiet)
    receipt.preset(answered("preset", receipt, preset), None, sets, trigger_mode="multiple", **quiet)
    receipt.enlarge(answered("enlarge", receipt, enlarge), fields.inputs, receipt, trigger_mode="multiple", **quiet)
    receipt.example(answered("example", receipt, example), None, sets, trigger_mode="multiple", **quiet)
    receipt.catalog(answered("catalog", receipt, catalog), None, [receipt, *lists], trigger_mode="always_last", **quiet)


def _sampling(studio: Studio) -> txt2img.Sampling:
    return txt2img.Sampling([one.label for one in studio.choices.samplers()], studio.choices.schedules())


def _plain(value: Any) -> Any:
    """A default as JSON has it."""
    return list(value) if isinstance(value, tuple) else value
