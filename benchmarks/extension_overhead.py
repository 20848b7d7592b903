"""What ten add-ons on every hook cost: a 20-step picture of the shipped checkpoint with and without them, in turns.

    .venv/bin/python benchmarks/extension_overhead.py [--rounds 5] [--add-ons 10]

Both are drawn by turns in one process, so that whatever else the machine does hits both alike; the middle of the rounds counts. What the
web process does for a job is measured on jobs of painted pictures, likewise with and without, and counts as if it were of the same picture.
The cost of a call is measured apart. Processor time, where it says so: other programs on the machine don't count then.
"""

from __future__ import annotations

import argparse
import inspect
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)  # else the queue.py here would stand in for the one of Python

from webui.extensions import hookimpl, hookspecs  # noqa: E402
from webui.extensions.hookspecs import HOOKS, Side  # noqa: E402
from webui.extensions.registry import ExtensionRegistry  # noqa: E402

CALLS = 20_000


def on_every_hook(side: Side) -> object:
    """An add-on that has every hook of that process, and does nothing in any."""

    @contextmanager
    def nothing_around() -> Iterator[None]:
        yield

    methods = {}
    for name, hook in HOOKS.items():
        if side in hook.sides:
            arguments = ", ".join(("self", *inspect.signature(getattr(hookspecs, name)).parameters))
            scope: dict[str, Any] = {"nothing_around": nothing_around}
            exec(f"def {name}({arguments}): {'return nothing_around()' if hook.way == 'enter' else '...'}", scope)
            methods[name] = hookimpl(scope[name])
    return type(f"OnEveryHook{side}", (), methods)()


def registry_of(count: int, side: Side) -> ExtensionRegistry:
    registry = ExtensionRegistry()
    for number in range(count):
        registry.register(on_every_hook(side), f"nothing-{number}", side)
    return registry


def seconds_of_a_call(registry: ExtensionRegistry) -> float:
    started = time.perf_counter()
    for _ in range(CALLS):
        registry.denoise_step(None)
    return (time.perf_counter() - started) / CALLS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--add-ons", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=60)
    arguments = parser.parse_args()
    from webui.engine.control import JobControl
    from webui.engine.device import open_device, use_threads
    from webui.engine.engine import Engine
    from webui.engine.hooks import EngineHooks, NoHooks
    from webui.generation.events import Done, WorkerEvent
    from webui.generation.job import JobSpec
    from webui.generation.request import ResolvedTxt2Img

    use_threads(1)
    device = open_device("cpu", "float32")
    checkpoint = ROOT / "models" / "checkpoints" / "easel-emoji"
    fields: dict[str, Any] = {"prompt": "red apple on a blue background", "steps": 20, "width": 128, "height": 128, "seed": 7}
    fields |= {"cfg_scale": 5.0, "sampler": "DPM++ 2M", "schedule_type": "Karras"}
    request = ResolvedTxt2Img(**fields, checkpoint="easel-emoji", checkpoint_hash="0" * 10, rng="CPU")
    hooks: EngineHooks = registry_of(arguments.add_ons, "worker")
    engines = {"without": Engine(device, NoHooks()), "with": Engine(device, hooks)}

    in_hooks: list[float] = []

    def hear(event: WorkerEvent) -> None:
        if isinstance(event, Done) and event.add_ons:
            in_hooks.append(sum(event.add_ons.values()))

    def draw(name: str) -> float:
        started = time.process_time()
        engines[name].run(JobSpec("1", request, str(checkpoint), (0,)), JobControl(), hear)
        return time.process_time() - started

    for name in engines:
        draw(name)
    measured: dict[str, list[float]] = {name: [] for name in engines}
    for number in range(arguments.rounds):
        for name in sorted(engines, reverse=bool(number % 2)):
            measured[name].append(draw(name))
    plain, more = statistics.median(measured["without"]), statistics.median(measured["with"])
    spent = statistics.median(in_hooks)
    web, web_spent = of_the_web_process(arguments.add_ons, arguments.jobs)
    call = seconds_of_a_call(registry_of(arguments.add_ons, "worker"))
    print(f"a 20-step picture of 128 x 128 by one core, processor time, median of {arguments.rounds}:")
    print(f"  {plain * 1000:.1f} ms without add-ons, {more * 1000:.1f} ms with {arguments.add_ons}; of the fastest:", end=" ")
    print(f"{min(measured['with']) / min(measured['without']) - 1:+.2%}")
    print(f"spent in their hooks: {spent * 1000:.3f} ms in the worker, {web_spent * 1000:.3f} ms in the web process")
    print(f"a job in the web process takes {web * 1000:+.3f} ms more with them, all that is done for them included")
    whole = (spent + max(web, 0.0)) / plain
    print(f"together {(spent + web_spent) / plain:.3%} of the picture by their own clocks, {whole:.3%} with all of that")
    print(f"one call of a hook that {arguments.add_ons} add-ons have: {call * 1e6:.2f} us, {call / arguments.add_ons * 1e6:.2f} us each")


def of_the_web_process(count: int, jobs: int) -> tuple[float, float]:
    """How much more processor time a job takes with so many add-ons, of painted pictures; and what was spent in their hooks."""
    from webui.catalog.checkpoints import CheckpointCatalog
    from webui.executors.fake import FakeExecutor
    from webui.generation.request import parse_request
    from webui.settings import load_settings
    from webui.studio.studio import Studio

    registries = {"without": ExtensionRegistry(), "with": registry_of(count, "web")}
    with ExitStack() as stack:
        studios = {}
        for name, registry in registries.items():
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="easel-bench-")))
            catalog = CheckpointCatalog([ROOT / "models"], folder / "cache")
            studios[name] = Studio(load_settings(data_dir=folder / "data"), FakeExecutor(step_seconds=0), catalog, registry)
            stack.callback(studios[name].close)
            studios[name].start()

        def made(name: str, seed: int) -> float:
            started = time.process_time()
            asked = parse_request({"prompt": "a", "width": 64, "height": 64, "steps": 1, "seed": seed})
            studios[name].follow(studios[name].submit(asked)["id"], lambda event: None)
            return time.process_time() - started

        for name in studios:
            made(name, 0)
        registries["with"].took()
        measured: dict[str, list[float]] = {name: [] for name in studios}
        for number in range(1, jobs + 1):
            for name in sorted(studios, reverse=bool(number % 2)):
                measured[name].append(made(name, number))
        spent = sum(registries["with"].took().values()) / jobs
    return statistics.median(measured["with"]) - statistics.median(measured["without"]), spent


if __name__ == "__main__":
    main()
