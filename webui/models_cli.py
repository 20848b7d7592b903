"""The command line's `models`: list, adopt, download, merge, convert, bake and extract VAEs, train, by the same orders as the page's."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer

from webui.errors import EaselError, InvalidRequest
from webui.logs import log_to_console
from webui.remote import RemoteWorkshop
from webui.settings import Settings, load_settings
from webui.tokens import TokenStore
from webui.training.recipe import Train
from webui.workshop.plan import readable_size
from webui.workshop.recipes import BakeVae, Convert, Download, ExtractVae, Merge

_POLL_SECONDS = 0.2
_SETTINGS = {name: field.description for name, field in Settings.model_fields.items()}

DataDir = Annotated[Path | None, typer.Option(help=_SETTINGS["data_dir"])]
ModelsDir = Annotated[list[Path] | None, typer.Option(help=_SETTINGS["models_dirs"])]

models_cli = typer.Typer(no_args_is_help=True, help="Add, list, merge and convert models.")


def _help(recipe: type, name: str) -> str:
    return recipe.model_fields[name].description


def _option(recipe: type, name: str) -> Any:
    return typer.Option(help=_help(recipe, name))


def _argument(recipe: type, name: str) -> Any:
    return typer.Argument(help=_help(recipe, name))


class Bench(Protocol):
    """Where orders are done: in this process, or by the Easel that runs already."""

    def models(self) -> list[dict[str, Any]]:
        """All models: kind, family, bytes, name, problem."""
        ...

    def look(self, path: str) -> dict[str, Any]:
        """What a folder holds."""
        ...

    def adopt(self, path: str) -> dict[str, Any]:
        """Use a folder in place."""
        ...

    def look_up(self, fields: dict[str, Any]) -> dict[str, Any]:
        """What a download would fetch."""
        ...

    def set_token(self, host: str, token: str | None) -> None:
        """Keep or forget a token."""
        ...

    def do(self, fields: dict[str, Any], on_view: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Order something and wait until it has ended; Ctrl+C cancels it. Returns its last view."""
        ...


class _OwnBench:
    """A workshop in this process, on a data folder that nobody else works on."""

    def __init__(self, studio: Any) -> None:
        from webui.workshop.folders import ModelFolders
        from webui.workshop.workshop import Workshop

        self._studio = studio
        self._workshop = Workshop(studio)
        self._folders = ModelFolders(studio)

    def models(self) -> list[dict[str, Any]]:
        return [
            {"kind": model.role, "family": model.kind.family, "bytes": model.size, "name": model.name, "problem": model.facts.problem}
            for model in self._studio.catalog.models.all()
        ]

    def look(self, path: str) -> dict[str, Any]:
        return self._folders.look(path).as_dict()

    def adopt(self, path: str) -> dict[str, Any]:
        return self._folders.adopt(path).as_dict()

    def look_up(self, fields: dict[str, Any]) -> dict[str, Any]:
        return self._workshop.look_up(fields).as_dict()

    def set_token(self, host: str, token: str | None) -> None:
        self._workshop.tokens.set(host, token)

    def do(self, fields: dict[str, Any], on_view: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        order = self._workshop.submit(fields)
        worker = threading.Thread(target=self._workshop.do, args=(order["id"],), name="order")
        worker.start()
        try:
            while worker.is_alive():
                on_view(self._workshop.order(order["id"]))
                worker.join(_POLL_SECONDS)
        except KeyboardInterrupt:
            self._workshop.cancel(order["id"])
            worker.join()
            raise
        return self._workshop.order(order["id"])


@contextmanager
def _bench(data_dir: Path | None, models_dir: list[Path] | None) -> Iterator[Bench]:
    settings = load_settings(data_dir=data_dir, models_dirs=tuple(models_dir) if models_dir else None)
    log_to_console("warning", TokenStore(settings.data_dir).secrets)
    from webui.app import own_or_running

    with own_or_running(settings, _OwnBench, RemoteWorkshop) as found:
        yield found


@models_cli.command("list")
def list_models(
    kind: Annotated[str, typer.Option(help="Only this kind, such as checkpoint, lora or vae.")] = "",
    data_dir: DataDir = None,
    models_dir: ModelsDir = None,
) -> None:
    """Print all models: kind, family, size, name."""
    with _bench(data_dir, models_dir) as bench:
        for model in bench.models():
            if kind in ("", model["kind"]):
                problem = f"   can't be used: {model['problem']}" if model["problem"] else ""
                print(f"{model['kind']:14} {model['family']:13} {readable_size(model['bytes']):>9}  {model['name']}{problem}")


@models_cli.command()
def adopt(
    path: Annotated[Path, typer.Argument(help="Another program's folder, any folder with models, or an extra_model_paths.yaml.")],
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    data_dir: DataDir = None,
    models_dir: ModelsDir = None,
) -> None:
    """Use the models in a folder where they are. Nothing there is moved, copied or changed."""
    with _bench(data_dir, models_dir) as bench:
        absolute = str(path.expanduser().absolute())
        found = bench.look(absolute)
        print(f"{found['path']} looks like {found['program']}: {found['total']} models, {readable_size(found['bytes'])}")
        for kind, count in found["counts"].items():
            print(f"{count:8}  {kind}{'' if count == 1 else 's'}")
        if yes or _confirmed("Use them from now on?"):
            bench.adopt(absolute)
            print("They are in use.")


@models_cli.command()
def token(
    host: Annotated[str, typer.Argument(help="Whom it is for, such as huggingface.co.")],
    forget: Annotated[bool, typer.Option("--forget", help="Forget the token instead.")] = False,
    data_dir: DataDir = None,
) -> None:
    """Keep a host's token, which is asked for (or read from stdin) and never shown. It is sent to that host alone."""
    entered = None if forget else typer.prompt("Token", hide_input=True) if sys.stdin.isatty() else sys.stdin.readline().strip()
    with _bench(data_dir, None) as bench:
        bench.set_token(host, entered)
        print(f"The token for {host} is {'forgotten' if forget else 'kept'}.")


@models_cli.command()
def download(
    source: Annotated[str, _argument(Download, "source")],
    file: Annotated[str, _option(Download, "file")] = "",
    revision: Annotated[str, _option(Download, "revision")] = "",
    sha256: Annotated[str, _option(Download, "sha256")] = "",
    kind: Annotated[str, _option(Download, "folder")] = "",
    name: Annotated[str, _option(Download, "name")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask; you have read the licence.")] = False,
    data_dir: DataDir = None,
    models_dir: ModelsDir = None,
) -> None:
    """Fetch a model file, after showing what it is and its licence."""
    fields = {"source": source, "file": file, "revision": revision, "sha256": sha256, "folder": kind, "name": name}
    with _bench(data_dir, models_dir) as bench:
        offer = bench.look_up(fields)
        if offer["choices"]:
            names = ", ".join(choice["name"] for choice in offer["choices"])
            raise InvalidRequest("There are several files to choose from.", field="file", allowed=names, hint="Name one with --file.")
        _print_offer(offer)
        if yes or _confirmed("Download it?"):
            _order(bench, {**fields, "kind": "download"})


def _print_offer(offer: dict[str, Any]) -> None:
    size = "unknown" if offer["size"] is None else readable_size(offer["size"])
    print(f"{offer['name']}   {' '.join(part for part in (offer['kind'], offer['family']) if part)}")
    print(f"  Size      {size}" + (f" in {offer['files']} files" if offer["files"] > 1 else ""))
    none = "of each file" if offer["files"] > 1 else "none is given"
    print(f"  Checksum  {'sha256 ' + offer['sha256'] if offer['sha256'] else none}")
    print(f"  Licence   {offer['licence'] or 'not told'}   {offer['licence_url']}")
    print(f"  Goes to   models/{offer['folder']}" if offer["folder"] else "  Goes to   say with --kind what it is")


@models_cli.command()
def merge(
    first: Annotated[str, _argument(Merge, "first")],
    second: Annotated[str, _argument(Merge, "second")],
    third: Annotated[str, _option(Merge, "third")] = "",
    share: Annotated[float, _option(Merge, "share")] = 0.5,
    blocks: Annotated[str, _option(Merge, "blocks")] = "",
    vae: Annotated[str, _option(Merge, "vae")] = "first",
    text_encoder: Annotated[str, _option(Merge, "text_encoder")] = "merge",
    precision: Annotated[str, _option(Merge, "precision")] = "as it is",
    name: Annotated[str, _option(Merge, "name")] = "",
    data_dir: DataDir = None,
    models_dir: ModelsDir = None,
) -> None:
    """Mix two checkpoints (weighted sum), or three (add difference, with --third)."""
    fields = {
        "kind": "merge",
        "first": first,
        "second": second,
        "third": third,
        "method": "add difference" if third else "weighted sum",
        "share": share,
        "blocks": blocks,
        "vae": vae,
        "text_encoder": text_encoder,
        "precision": precision,
        "name": name,
    }
    with _bench(data_dir, models_dir) as bench:
        _order(bench, fields)


@models_cli.command()
def convert(
    model: Annotated[str, _argument(Convert, "model")],
    precision: Annotated[str, _option(Convert, "precision")] = "fp16",
    averages: Annotated[str, _option(Convert, "averages")] = "drop",
    form: Annotated[str, _option(Convert, "form")] = "as it is",
    name: Annotated[str, _option(Convert, "name")] = "",
    data_dir: DataDir = None,
    models_dir: ModelsDir = None,
) -> None:
    """Write a model anew as safetensors, in other numbers, as a single file, with or without EMA weights."""
    with _bench(data_dir, models_dir) as bench:
        _order(bench, {"kind": "convert", "model": model, "precision": precision, "averages": averages, "form": form, "name": name})


@models_cli.command("bake-vae")
def bake_vae(
    model: Annotated[str, _argument(BakeVae, "model")],
    vae: Annotated[str, _argument(BakeVae, "vae")],
    name: Annotated[str, _option(BakeVae, "name")] = "",
    data_dir: DataDir = None,
    models_dir: ModelsDir = None,
) -> None:
    """Put another VAE into a checkpoint."""
    with _bench(data_dir, models_dir) as bench:
        _order(bench, {"kind": "bake_vae", "model": model, "vae": vae, "name": name})


@models_cli.command("extract-vae")
def extract_vae(
    model: Annotated[str, _argument(ExtractVae, "model")],
    name: Annotated[str, _option(ExtractVae, "name")] = "",
    data_dir: DataDir = None,
    models_dir: ModelsDir = None,
) -> None:
    """Write a checkpoint's VAE into a file of its own."""
    with _bench(data_dir, models_dir) as bench:
        _order(bench, {"kind": "extract_vae", "model": model, "name": name})


@models_cli.command()
def train(
    model: Annotated[str, _argument(Train, "model")],
    folder: Annotated[Path, _argument(Train, "folder")],
    name: Annotated[str, _option(Train, "name")] = "",
    trigger: Annotated[str, _option(Train, "trigger")] = "",
    steps: Annotated[int, _option(Train, "steps")] = Train.model_fields["steps"].default,
    rank: Annotated[int, _option(Train, "rank")] = Train.model_fields["rank"].default,
    option: Annotated[
        list[str] | None, typer.Option("--set", help="Any other field, as batch_size=2; docs/training.md has them all.")
    ] = None,
    data_dir: DataDir = None,
    models_dir: ModelsDir = None,
) -> None:
    """Train a LoRA on a folder of pictures."""
    more: dict[str, Any] = {name: value for name, _, value in (part.partition("=") for part in option or ())}
    path = str(folder.expanduser().absolute())
    fields = {"kind": "train", "model": model, "folder": path, "name": name, "trigger": trigger, "steps": steps, "rank": rank}
    with _bench(data_dir, models_dir) as bench:
        _order(bench, fields | more)


def _confirmed(question: str) -> bool:
    return typer.confirm(question)


def _order(bench: Bench, fields: dict[str, Any]) -> None:
    try:
        view = bench.do(fields, _show)
    finally:
        _clear()
    if view["error"]:
        told = view["error"]
        raise EaselError(told["message"], hint=told["hint"], field=told["field"], allowed=told["allowed"])
    for note in view["notes"]:
        print(note, file=sys.stderr)
    if view["result"]:
        print(f"models/{view['result']['file']}   {readable_size(view['result']['bytes'])}")


def _show(view: dict[str, Any]) -> None:
    progress = view["progress"]
    if progress and sys.stderr.isatty():
        share = f"{progress['done'] / progress['total']:4.0%} " if progress["total"] else ""
        left = f", {progress['seconds_left']:.0f} s left" if progress["seconds_left"] is not None else ""
        print(f"\r\x1b[K{share}{progress['stage']}{left}", end="", file=sys.stderr, flush=True)


def _clear() -> None:
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
