"""The worker process: jobs in over stdin, events out over stdout. Started as `python -m webui.engine.worker`.

Frames are those of webui.generation.wire.
    In:  {"type": "run", "job": JobSpec}, {"type": "interrupt", "job_id": ...}, {"type": "skip", "job_id": ...},
         {"type": "preload", "checkpoint_path": ...}, {"type": "unload", "checkpoint_path": ... or None for all}: both in their turn,
         after the jobs before them,
         {"type": "models", "roots": [...]}: where models are looked for from now on
    Out: {"job_id": ..., "event": WorkerEvent}; the first event is Hello, with an empty job id, as InMemory has.
The end of stdin means that the web process is gone: the worker ends at once, whatever it is doing.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from webui.engine.control import JobControl
from webui.errors import EaselError, GenerationFailed
from webui.generation.events import PROTOCOL_VERSION, Begun, Failed, Hello, WorkerEvent, event_to_wire
from webui.generation.job import JobSpec
from webui.generation.samplers import SAMPLER_LABELS
from webui.generation.source import source_hash
from webui.generation.wire import BrokenStream, read_frame, write_frame
from webui.logs import about_job, log_to_web_process

if TYPE_CHECKING:
    from webui.engine.engine import Engine
    from webui.engine.hooks import EngineHooks

log = logging.getLogger(__name__)


REST_AFTER = 2.0
"""Seconds without a job after which memory is given back; sooner, the next picture would have to fetch it anew."""

PATIENT_THREADS = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "1000"}
"""Threads that wait for each other soon sleep instead of spinning: spinning makes steps several times slower as soon as
another program wants one of the cores (benchmarks/busy_machine.py). GNU's OpenMP reads the second."""


def take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The pipes to the web process, taken away from stdin and stdout.

    stdin becomes the null device: on Windows a library that looks at a handle on which a thread waits would hang.
    stdout becomes stderr: whatever a library prints ends in the log and not between the frames.
    """
    commands, events = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return commands, events


@dataclass(frozen=True)
class Errand:
    """Something to do between jobs: "preload" a checkpoint, "unload" one, or all (None)."""

    what: str
    checkpoint: Path | None


class Inbox:
    """Reads commands in its own thread, so that buttons work and the end of the web process is seen during a step."""

    def __init__(self, commands: BinaryIO, model_roots: Sequence[Path] = ()) -> None:
        self._commands = commands
        self.model_roots = tuple(model_roots)
        """Folders of models, as the web process told them last."""
        self._jobs: queue.SimpleQueue[JobSpec | Errand] = queue.SimpleQueue()
        self._controls: dict[str, JobControl] = {}
        self._lock = threading.Lock()

    def open(self) -> None:
        """Begin reading."""
        threading.Thread(target=self._read, name="inbox", daemon=True).start()

    def next_job(self, rest: Callable[[], None]) -> JobSpec | Errand:
        """Wait for the next job, or for something to do between two. rest: called when none has come for a while."""
        try:
            return self._jobs.get(timeout=REST_AFTER)
        except queue.Empty:
            rest()
            return self._jobs.get()

    def control(self, job_id: str) -> JobControl:
        """The buttons of a job that has arrived."""
        with self._lock:
            return self._controls[job_id]

    def forget(self, job_id: str, control: JobControl) -> None:
        """The job has ended; its buttons do nothing any more. One of the same name may have arrived, whose buttons stay."""
        with self._lock:
            if self._controls.get(job_id) is control:
                del self._controls[job_id]

    def _read(self) -> None:
        try:
            while (message := read_frame(self._commands)) is not None:
                self._take(message)
        except (BrokenStream, OSError, KeyError, ValueError):
            traceback.print_exc()
        finally:
            # Nobody is left to draw for. Nothing is kept here that would need to be put in order first.
            os._exit(0)

    def _take(self, message: dict[str, object]) -> None:
        if message["type"] == "run":
            job = JobSpec.from_wire(message["job"])  # type: ignore[arg-type]
            with self._lock:
                self._controls[job.job_id] = JobControl()
            self._jobs.put(job)
            return
        if message["type"] in ("preload", "unload"):
            path = message.get("checkpoint_path")
            self._jobs.put(Errand(str(message["type"]), None if path is None else Path(str(path))))
            return
        if message["type"] == "models":
            self.model_roots = tuple(Path(str(root)) for root in message["roots"])  # type: ignore[attr-defined]
            return
        with self._lock:
            control = self._controls.get(str(message["job_id"]))
        if control is not None:
            {"interrupt": control.interrupt, "skip": control.skip}[str(message["type"])]()


def prepare_environment() -> None:
    """Say what the libraries have to know before they are imported: no hub, no progress bars, no advice."""
    os.environ |= {
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "DIFFUSERS_VERBOSITY": "error",
        "TRANSFORMERS_VERBOSITY": "error",
        "TOKENIZERS_PARALLELISM": "false",
    }
    for name, value in PATIENT_THREADS.items():
        os.environ.setdefault(name, value)


def load_hooks(
    roots: Sequence[Path], folders: Sequence[Path] = (), site: Path | None = None, notes: Path | None = None
) -> tuple[EngineHooks, tuple[str, ...]]:
    """The worker side of the add-ons below `roots` and in `folders`, and what is wrong with those that could not be loaded.

    site: the folder of their packages. notes: where is left what the web process should know, an add-on that ends this process among it.
    """
    from webui.extensions.loading import use_site
    from webui.extensions.registry import ExtensionRegistry
    from webui.extensions.states import WorkerNotes

    registry = ExtensionRegistry()
    registry.load(roots, "worker")
    use_site(site)
    left = WorkerNotes(notes) if notes is not None else None
    crashed = left.begin() if left else frozenset()
    registry.load_folders(folders, "worker", left.marker if left else None, without=crashed)
    if left is not None:
        loader = registry.loader("worker")
        left.tell(loader.seconds, {name: (fault.message, fault.details) for name, fault in loader.failures().items()})
    return registry, registry.not_loaded()


def open_engine(arguments: argparse.Namespace, hooks: EngineHooks, inbox: Inbox) -> Engine:
    """Import torch, open the device, make the engine. inbox: says where models are looked for."""
    from webui.engine.device import open_device, use_threads
    from webui.engine.engine import Engine
    from webui.engine.loading.checkpoint import open_checkpoint
    from webui.engine.memory.manager import ModelManager
    from webui.engine.memory.meter import keep_freed_memory

    keep_freed_memory()
    use_threads(arguments.threads)
    device = open_device(arguments.device, arguments.dtype)
    models = ModelManager(
        device,
        lambda path: open_checkpoint(path, inbox.model_roots, arguments.cache),
        arguments.cache,
        arguments.cast_gb * 1024**3,
    )
    return Engine(device, hooks, models, arguments.cache / "conditioning" if arguments.cache else None)


def hello_of(engine: Engine, problems: tuple[str, ...] = ()) -> Hello:
    """Who this worker is and what it can do. problems: as in Hello."""
    from webui.engine.engine import library_versions

    device = engine.device
    return Hello(
        protocol=PROTOCOL_VERSION,
        source_hash=source_hash(),
        pid=os.getpid(),
        device=str(device.torch_device),
        device_name=device.name,
        dtype=device.dtype_name,
        attention=device.attention,
        samplers=SAMPLER_LABELS,
        versions={"python": ".".join(map(str, sys.version_info[:3])), **library_versions()},
        problems=problems,
    )


def serve(engine: Engine, inbox: Inbox, events: BinaryIO, problems: tuple[str, ...] = ()) -> None:
    """Say Hello (with these problems), then run jobs until the web process is gone."""
    from webui.engine.loading.modules import import_model_libraries

    def send(job_id: str, event: WorkerEvent) -> None:
        write_frame(events, {"job_id": job_id, "event": event_to_wire(event)})

    send("", hello_of(engine, problems))
    try:
        # While nobody waits for a picture yet; it takes longer than importing torch.
        import_model_libraries()
    except Exception:  # a broken installation is told by each job, which is better than workers that come and go
        log.exception("The model libraries can't be imported")
    # The garbage collector need not look through the libraries again and again; that alone takes tenths of a second.
    gc.freeze()
    while True:
        job = inbox.next_job(engine.rest)
        if isinstance(job, Errand):
            run_errand(engine, job)
            send("", engine.in_memory())
            continue
        control = inbox.control(job.job_id)
        with about_job(job.job_id, *job.request.words):
            try:
                send(job.job_id, Begun())
                engine.run(job, control, lambda event, job_id=job.job_id: send(job_id, event))
            except EaselError as error:
                send(job.job_id, Failed(error.as_dict()))
            except Exception as error:  # whatever a job does, the worker must be there for the next one
                log.exception("Job %s failed", job.job_id)
                send(job.job_id, Failed(unexpected(error).as_dict(), traceback.format_exc()))
            finally:
                inbox.forget(job.job_id, control)
        send("", engine.in_memory())


def run_errand(engine: Engine, errand: Errand) -> None:
    """Do it. What goes wrong is logged only: the job that needs the checkpoint will say it."""
    try:
        if errand.what == "preload" and errand.checkpoint is not None:
            engine.preload(errand.checkpoint)
        else:
            engine.unload(errand.checkpoint)
    except Exception:  # whatever happens, the worker must be there for the next job
        log.exception("%s could not be done", errand)


def unexpected(error: Exception) -> GenerationFailed:
    """An error nobody foresaw, in words; running out of memory while a checkpoint is loaded among them."""
    from webui.engine.memory.exhaustion import NO_ROOM, OutOfMemory, is_out_of_memory

    if is_out_of_memory(error):
        return OutOfMemory("There was not enough memory for this checkpoint.", hint=NO_ROOM)
    text = " ".join(str(error).split())[:300]
    return GenerationFailed(
        f"The engine failed: {type(error).__name__}: {text}.", hint="Try again; if it happens again, report it with the log."
    )


def main(argv: Sequence[str] | None = None, hooks: EngineHooks | None = None) -> None:
    """Entry of the process. hooks: instead of the add-ons' (for tests)."""
    parser = argparse.ArgumentParser(prog="webui.engine.worker")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--log-level", default="info")
    parser.add_argument("--extensions", type=Path, action="append", default=[])
    parser.add_argument("--add-on", type=Path, action="append", default=[])
    parser.add_argument("--add-on-site", type=Path)
    parser.add_argument("--add-on-notes", type=Path)
    parser.add_argument("--models", type=Path, action="append", default=[])
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--cast-gb", type=int, default=0)
    arguments = parser.parse_args(argv)
    # Ctrl+C in the terminal reaches the whole group; ending the worker is the web process's business.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    log_to_web_process(arguments.log_level)
    commands, events = take_pipes()
    inbox = Inbox(commands, arguments.models)
    inbox.open()
    prepare_environment()
    add_ons = (arguments.extensions, arguments.add_on, arguments.add_on_site, arguments.add_on_notes)
    hooks, problems = (hooks, ()) if hooks is not None else load_hooks(*add_ons)
    serve(open_engine(arguments, hooks, inbox), inbox, events, problems)


if __name__ == "__main__":
    main()
