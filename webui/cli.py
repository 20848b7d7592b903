"""The command line: `serve` (the page and the API), `generate` (one request, no server), `doctor` (what is wrong), `models`."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from webui.durable import write_durably
from webui.errors import EaselError, GenerationFailed, InvalidRequest
from webui.extensions_cli import extensions_cli
from webui.generation.request import Txt2Img, parameters_of, parse_request
from webui.history_cli import history_cli
from webui.logs import log_to_console
from webui.models_cli import models_cli
from webui.people_cli import people_cli
from webui.settings import Settings, load_settings
from webui.tokens import TokenStore

if TYPE_CHECKING:
    from webui.doctor.examination import Examined

_HELP = {name: field.description for name, field in Settings.model_fields.items()}
_WORDS = parameters_of(Txt2Img)

Host = Annotated[str | None, typer.Option(help=_HELP["host"])]
Port = Annotated[int | None, typer.Option(help=_HELP["port"])]
DataDir = Annotated[Path | None, typer.Option(help=_HELP["data_dir"])]
ModelsDir = Annotated[list[Path] | None, typer.Option(help=_HELP["models_dirs"])]
StylesFile = Annotated[list[str] | None, typer.Option(help=_HELP["styles_files"])]
ExecutorName = Annotated[str | None, typer.Option(help=_HELP["executor"])]
LogLevel = Annotated[str | None, typer.Option(help=_HELP["log_level"])]
Threads = Annotated[int | None, typer.Option(help=_HELP["threads"])]
SafeMode = Annotated[bool, typer.Option("--safe-mode", help=_HELP["safe_mode"])]

cli = typer.Typer(add_completion=False, no_args_is_help=False, pretty_exceptions_enable=False, help=__doc__)
cli.add_typer(models_cli, name="models")
cli.add_typer(history_cli, name="history")
cli.add_typer(people_cli, name="people")
cli.add_typer(extensions_cli, name="extension")


def _settings(**given: Any) -> Settings:
    settings = load_settings(**given)
    log_to_console(settings.log_level, TokenStore(settings.data_dir).secrets)
    return settings


@cli.command()
def serve(
    host: Host = None,
    port: Port = None,
    data_dir: DataDir = None,
    models_dir: ModelsDir = None,
    styles_file: StylesFile = None,
    executor: ExecutorName = None,
    log_level: LogLevel = None,
    threads: Threads = None,
    safe_mode: SafeMode = False,
    listen: Annotated[bool, typer.Option("--listen", help="Listen on all networks of this machine (--host 0.0.0.0).")] = False,
    listen_without_password: Annotated[bool, typer.Option("--listen-without-password", help=_HELP["listen_without_password"])] = False,
    allowed_host: Annotated[list[str] | None, typer.Option(help=_HELP["allowed_hosts"])] = None,
    cors_allow_origin: Annotated[list[str] | None, typer.Option(help=_HELP["cors_allow_origins"])] = None,
) -> None:
    """Start the page and the API, and print their address."""
    settings = _settings(
        host=host or ("0.0.0.0" if listen or listen_without_password else None),
        listen_without_password=listen_without_password or None,
        allowed_hosts=tuple(allowed_host) if allowed_host else None,
        cors_allow_origins=tuple(cors_allow_origin) if cors_allow_origin else None,
        port=port,
        data_dir=data_dir,
        models_dirs=tuple(models_dir) if models_dir else None,
        styles_files=tuple(styles_file) if styles_file else None,
        executor=executor,
        log_level=log_level,
        threads=threads,
        safe_mode=safe_mode or None,
    )
    from webui import app

    app.serve(settings)


@cli.command()
def generate(
    prompt: Annotated[str, typer.Argument(help=_WORDS["prompt"].help)],
    out: Annotated[Path, typer.Option(help="Where the picture goes; with several pictures a number is added.")] = Path("picture.png"),
    negative: Annotated[str, typer.Option(help=_WORDS["negative_prompt"].help)] = "",
    style: Annotated[list[str] | None, typer.Option(help="Name of a style whose words are added; may be given several times.")] = None,
    steps: Annotated[int | None, typer.Option(help=_WORDS["steps"].help)] = None,
    seed: Annotated[int | None, typer.Option(help=_WORDS["seed"].help)] = None,
    size: Annotated[str | None, typer.Option(help="Width x height in pixels, for example 512x768.")] = None,
    cfg: Annotated[float | None, typer.Option(help=_WORDS["cfg_scale"].help)] = None,
    sampler: Annotated[str | None, typer.Option(help=_WORDS["sampler"].help)] = None,
    schedule: Annotated[str | None, typer.Option(help=_WORDS["schedule_type"].help)] = None,
    pictures: Annotated[int | None, typer.Option(help=_WORDS["batch_count"].help)] = None,
    checkpoint: Annotated[str, typer.Option(help=_WORDS["checkpoint"].help)] = "",
    data_dir: DataDir = None,
    models_dir: ModelsDir = None,
    styles_file: StylesFile = None,
    executor: ExecutorName = None,
    log_level: LogLevel = None,
    threads: Threads = None,
) -> None:
    """Make pictures the same way as the page does, into the same history, without a server.

    When an Easel is already running on the data folder, it is asked to make them.
    """
    given = {
        "steps": steps,
        "seed": seed,
        "cfg_scale": cfg,
        "sampler": sampler,
        "schedule_type": schedule,
        "batch_count": pictures,
        **_parse_size(size),
    }
    asked = {"prompt": prompt, "negative_prompt": negative, "styles": style or [], "checkpoint": checkpoint}
    fields = asked | {name: value for name, value in given.items() if value is not None}
    parse_request(fields)  # a wrong value is told before anything is loaded
    _check_target(out)
    settings = _settings(
        data_dir=data_dir,
        models_dirs=tuple(models_dir) if models_dir else None,
        styles_files=tuple(styles_file) if styles_file else None,
        executor=executor,
        log_level=log_level or "warning",
        threads=threads,
    )
    from webui.app import open_studio
    from webui.studio.instance import AlreadyRunning
    from webui.studio.studio import Studio

    def make(studio: Studio) -> list[tuple[str, bytes]]:
        request = studio.complete(fields)
        studio.start()
        job = studio.submit(request)
        try:
            ended = studio.follow(job["id"], _show_progress, patient=False)
        except KeyboardInterrupt:
            # Nobody waits for it any more; without this it would be made at the next start.
            studio.interrupt(job["id"])
            studio.follow(job["id"], _show_progress)
            raise
        finally:
            _clear_progress()
        if ended["error"]:
            raise GenerationFailed(ended["error"]["message"], hint=ended["error"]["hint"])
        return [(image["seed"], studio.picture_path(image["id"]).read_bytes()) for image in ended["images"]]

    try:
        with open_studio(settings) as (studio, _):
            made = make(studio)
            _write_out(made, out)
    except AlreadyRunning as running:
        if running.url is None:
            raise
        from webui.remote import generate_remotely

        _write_out(generate_remotely(running.url, fields, _show_progress, running.key), out)
        _clear_progress()


@cli.command()
def mcp(
    http: Annotated[int | None, typer.Option(min=1, max=65535, help="Serve at this port of this machine, at /mcp, instead.")] = None,
) -> None:
    """Serve assistants by the Model Context Protocol, over the running Easel that EASEL_URL and EASEL_TOKEN name."""
    try:
        from webui.mcp.server import run
    except ModuleNotFoundError as missing:
        command = f"{sys.executable} -m pip install -r requirements-mcp.txt"
        raise EaselError(f"The package {missing.name} is not installed.", hint=f"Run: {command}") from None
    run(http)


@cli.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as one JSON object.")] = False,
    report: Annotated[Path | None, typer.Option(help="Also write a report to attach to an issue: it names nobody.")] = None,
    host: Host = None,
    port: Port = None,
    data_dir: DataDir = None,
    models_dir: ModelsDir = None,
    executor: ExecutorName = None,
    log_level: LogLevel = None,
    safe_mode: SafeMode = False,
) -> None:
    """Say what is wrong and what to do, also while an Easel runs; changes nothing. Exit code 1 when something is bad."""
    from webui.app import EXTENSION_ROOTS
    from webui.doctor.examination import examine, summary
    from webui.doctor.findings import worst
    from webui.doctor.premises import from_outside
    from webui.doctor.report import verdict, write_report

    log_to_console(log_level or "error")
    given = {
        "host": host,
        "port": port,
        "data_dir": data_dir,
        "models_dirs": tuple(models_dir) if models_dir else None,
        "executor": executor,
        "safe_mode": safe_mode or None,
    }
    premises = from_outside(given, EXTENSION_ROOTS)
    examined = examine(premises, doing=lambda check: _show_words(check.doing))
    _clear_progress()
    if as_json:
        print(json.dumps(summary(premises, examined), indent=1))
    else:
        _print_findings(examined)
        print(f"\n{verdict(examined)}")
    if report is not None:
        write_durably(report.resolve(), write_report(premises, examined).encode())
        print(f"The report is in {report}.", file=sys.stderr)
    raise typer.Exit(1 if worst(entry.finding.state for entry in examined) == "bad" else 0)


def _print_findings(examined: list[Examined]) -> None:
    from webui.doctor.report import finding_lines

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that lacks a sign of somebody's file name shows ? for it
    colours = {"ok": typer.colors.GREEN, "warn": typer.colors.YELLOW, "bad": typer.colors.RED}
    for state, line in finding_lines(examined):
        mark, rest = line[:7], line[7:]
        typer.secho(mark, fg=colours.get(state), nl=False)
        print(rest)


def _show_words(words: str) -> None:
    if words and sys.stderr.isatty():
        print(f"\r\x1b[K{words}", end="", file=sys.stderr, flush=True)


def _parse_size(size: str | None) -> dict[str, int]:
    if size is None:
        return {}
    parts = size.lower().split("x")
    if len(parts) != 2 or not all(part.strip().isdecimal() for part in parts):
        raise InvalidRequest(
            f"--size can't be {size[:40]!r}.", field="size", allowed="WIDTHxHEIGHT in pixels", hint="Write it like 512x768."
        )
    return {"width": int(parts[0]), "height": int(parts[1])}


def _check_target(out: Path) -> None:
    if out.suffix.lower() != ".png":
        raise InvalidRequest(f"--out {out} must end in .png.", field="out", allowed=".png", hint="Write it like apple.png.")
    if not out.resolve().parent.is_dir():
        raise InvalidRequest(f"The folder of --out {out} doesn't exist.", field="out", hint="Make it first, or choose another one.")


def _show_progress(event: dict[str, Any]) -> None:
    if event["type"] == "progress" and sys.stderr.isatty():
        text = event["stage"] or f"picture {event['image'] + 1} of {event['images']}, step {event['step']} of {event['steps']}"
        print(f"\r\x1b[K{event['fraction']:4.0%}  {text}", end="", file=sys.stderr, flush=True)
    elif event["type"] == "note":
        print(event["text"], file=sys.stderr)


def _clear_progress() -> None:
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _write_out(made: list[tuple[str, bytes]], out: Path) -> None:
    for number, (seed, data) in enumerate(made):
        target = out if len(made) == 1 else out.with_stem(f"{out.stem}-{number + 1}")
        write_durably(target, data)
        print(f"{target}   seed {seed}")


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line; an error is one or two sentences on stderr and exit code 1."""
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in ("--help", "-h")):
        arguments = ["serve", *arguments]
    try:
        cli(arguments, prog_name="launch.py")
    except EaselError as error:
        print(f"Easel: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0)


if __name__ == "__main__":
    main()
