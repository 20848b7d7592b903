"""The workshop: takes orders for long work that makes no picture, does them in the background, and tells everybody how far it is.

Downloads run in a thread of this process; what computes with weights runs in a child of its own, so that neither page nor pictures wait.
Training is the third kind: it has the device while no picture is drawn.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from webui.catalog.detect import Kind
from webui.catalog.header import readable, sniff
from webui.catalog.models import DRAWS, ModelFile, model_id
from webui.durable import PART_SUFFIX, write_durably
from webui.errors import Conflict, EaselError, InvalidRequest, NotFound
from webui.studio.ids import time_of
from webui.studio.journal import CANCELLED, DONE, FAILED, RUNNING, WAITING, parse_id
from webui.studio.naming import safe_name
from webui.studio.studio import Studio
from webui.tokens import TokenStore
from webui.training.job import TrainingJob
from webui.training.pictures import pictures_for
from webui.training.recipe import Train
from webui.training.run_folder import FOLDER as TRAINING_FOLDER
from webui.training.run_folder import RunFolder
from webui.workshop.child import Job, check
from webui.workshop.download import Fetched, Told, Transfer, aim, require_free
from webui.workshop.fetching import Fetcher
from webui.workshop.folder_download import FolderTransfer
from webui.workshop.model_sources import ModelSources
from webui.workshop.order_book import Order, OrderBook
from webui.workshop.packed import WRITTEN
from webui.workshop.plan import remove
from webui.workshop.process import Cancelled, ChildProcess, WorkFailed, parts_of
from webui.workshop.progress import Gauge
from webui.workshop.provenance import in_words
from webui.workshop.recipes import ONE_FILE, AnyRecipe, BakeVae, Convert, Download, ExtractVae, Merge, parse_recipe
from webui.workshop.repository_folder import INDEX
from webui.workshop.sources import FOLDER_OF, Hosts, Offer, check_source, look_up
from webui.workshop.training import DRAWING, TrainingProcess, check_checkpoint, default_name, run_view, sample_file
from webui.workshop.training import in_words as training_in_words
from webui.workshop.weights import Weights, open_weights

log = logging.getLogger(__name__)

OrderView = dict[str, Any]

DOWNLOADS = frozenset(("download",))
WEIGHT_WORK = frozenset(("merge", "convert", "bake_vae", "extract_vae"))
TRAINING = frozenset(("train",))

WAITS = "Waits while pictures are drawn"
"""What a training run does then, for people."""

_NAME_BYTES = 180
_TELL_SECONDS = 0.25
_PATIENCE_SECONDS = 5.0


@dataclass
class _Running:
    """What a lane is doing. unwanted: somebody cancelled it; else it is only stopped because Easel ends."""

    gauge: Gauge
    stop: threading.Event
    cancel: Callable[[], None]
    unwanted: bool = False


class _Lane(threading.Thread):
    """Does one order of some kinds after the other."""

    def __init__(self, name: str, kinds: frozenset[str], next_order: Callable[[frozenset[str]], bool], closing: threading.Event) -> None:
        super().__init__(name=f"workshop {name}", daemon=True)
        self._kinds = kinds
        self._next_order = next_order
        self._closing = closing
        self._news = threading.Event()

    def wake(self) -> None:
        """There may be something to do."""
        self._news.set()

    def run(self) -> None:
        """Until Easel ends."""
        while not self._closing.is_set():
            self._news.clear()
            if not self._next_order(self._kinds):
                self._news.wait()


class Workshop:
    """Long work over one studio. May be called from any thread."""

    def __init__(self, studio: Studio, hosts: Hosts | None = None, *, read_seconds: float = 30.0) -> None:
        """hosts: where Hugging Face and civitai are. read_seconds: longest silence of a server in the middle of a download."""
        settings = studio.preferences.current
        self.tokens = TokenStore(settings.data_dir)
        self._studio = studio
        self._hosts = hosts or Hosts(settings.hugging_face_url, settings.civitai_url)
        self._read_seconds = read_seconds
        self.sources = ModelSources(studio.extensions, lambda: studio.add_ons.model_sources(), tuple(FOLDER_OF))
        self._book = OrderBook(studio.database)
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._running: dict[int, _Running] = {}
        self._lanes = [
            _Lane("downloads", DOWNLOADS, self._do_next, self._closing),
            _Lane("weights", WEIGHT_WORK, self._do_next, self._closing),
            _Lane("training", TRAINING, self._do_next, self._closing),
        ]

    def start(self) -> None:
        """Take up what was left when Easel ended, and begin to work."""
        for order in self._book.recover():
            if order.kind in WEIGHT_WORK and "part" in order.state:
                self._clear(order)
        for lane in self._lanes:
            lane.start()

    def close(self) -> None:
        """Stop; what runs goes on, or is begun anew, at the next start."""
        self._closing.set()
        with self._lock:
            running = list(self._running.values())
        for entry in running:
            entry.cancel()
        for lane in self._lanes:
            lane.wake()
            if lane.is_alive():
                lane.join(_PATIENCE_SECONDS)

    # orders

    def submit(self, fields: Any) -> OrderView:
        """Take an order: it is written down when this returns.

        Raises InvalidRequest, Conflict (the name is taken), CheckpointUnusable for models that can't be read.
        """
        recipe = parse_recipe(fields)
        match recipe:
            case Download():
                check_source(recipe, self._hosts, self.sources.resolve)
            case Train():
                self._check_training(recipe)
            case _:
                self._check(recipe)
        order = self._book.add(recipe)
        self._tell(order)
        self._wake()
        return self.view(order)

    def orders(self) -> list[OrderView]:
        """All orders, newest first."""
        return [self.view(order) for order in self._book.all()]

    def order(self, order_id: str) -> OrderView:
        """One order. Raises NotFound."""
        return self.view(self._book.get(parse_id(order_id)))

    def cancel(self, order_id: str) -> OrderView:
        """End an order. What a download has fetched, and a run has learned, stays, to be resumed. Raises Conflict when it has ended."""
        identifier = parse_id(order_id)
        order = self._book.get(identifier)
        with self._lock:
            running = self._running.get(identifier)
            if running is not None:
                running.unwanted = True
        if running is not None:
            running.cancel()
        elif order.status == WAITING:
            order = self._book.end(identifier, CANCELLED)
            self._tell(order)
        elif order.status != RUNNING:
            raise Conflict(f"This order is {order.status} already.", field="id", hint="Only waiting and running ones can be cancelled.")
        return self.order(order_id)

    def resume(self, order_id: str) -> OrderView:
        """Take a cancelled or failed order up again; a download goes on where it stopped. Raises Conflict."""
        order = self._book.resume(parse_id(order_id))
        self._tell(order)
        self._wake()
        return self.view(order)

    def remove(self, order_id: str) -> None:
        """Forget an ended order, with what an unfinished download has fetched, or a run's own folder. Raises Conflict before its end."""
        order = self._book.remove(parse_id(order_id))
        self._clear(order)
        self._studio.events.publish("order_removed", order=str(order.id))

    def view(self, order: Order) -> OrderView:
        """An order as page and API get it."""
        with self._lock:
            running = self._running.get(order.id)
        progress = running.gauge.progress.as_dict() if running else None
        target = order.state.get("target")
        return {
            "id": str(order.id),
            "kind": order.kind,
            "status": order.status,
            "name": readable(_name_of(order, Path(target))) if isinstance(target, str) else _title(order),
            "asked": _plain(order.asked),
            "progress": progress,
            "fetched": _length(order.state.get("part")) if order.kind in DOWNLOADS and order.status not in (DONE, RUNNING) else 0,
            "total": order.state.get("size"),
            "notes": list(order.notes),
            "result": dict(order.result) if order.result else None,
            "error": dict(order.error) if order.error else None,
            "created_at": time_of(order.id).isoformat(),
            "ended_at": None if order.ended is None else time_of(order.ended).isoformat(),
        }

    def _fetcher(self) -> Fetcher:
        return Fetcher(self.tokens.of, read_seconds=self._read_seconds, chosen=self._hosts.names)

    def look_up(self, fields: Mapping[str, Any]) -> Offer:
        """What a download would fetch, asked of its source now. Raises InvalidRequest, DownloadFailed, CheckpointUnusable."""
        recipe = parse_recipe({**fields, "kind": "download"})
        assert isinstance(recipe, Download)
        fetcher = self._fetcher()
        try:
            return look_up(recipe, fetcher, self._hosts, self.sources.resolve)
        finally:
            fetcher.close()

    @property
    def models_folder(self) -> Path:
        """Easel's own models folder, where everything goes that is made or fetched here."""
        return self._studio.catalog.roots[0]

    # doing them

    def _wake(self) -> None:
        for lane in self._lanes:
            lane.wake()

    def _tell(self, order: Order) -> None:
        self._studio.events.publish("order", order=self.view(order))

    def _do_next(self, kinds: frozenset[str]) -> bool:
        """Do the oldest waiting order. Returns whether there was one."""
        waiting = self._book.next_waiting(kinds)
        if waiting is not None:
            self._do_one(waiting.id)
        return waiting is not None

    def do(self, order_id: str) -> None:
        """Do one waiting order now, in this thread; for whoever hasn't called `start`."""
        self._do_one(parse_id(order_id))

    def _do_one(self, identifier: int) -> None:
        order = self._book.begin(identifier)
        if order is None:
            return
        stop = threading.Event()
        entry = _Running(Gauge(), stop, stop.set)
        with self._lock:
            self._running[order.id] = entry
        self._tell(order)
        ended: dict[str, Any]
        try:
            result, notes = self._do(order, entry)
            ended = {"status": DONE, "result": result, "notes": notes}
        except Cancelled:
            ended = {"status": CANCELLED}
        except EaselError as problem:
            ended = {"status": FAILED, "error": problem.as_dict()}
        except Exception as error:  # whatever an order does, the lane must be there for the next one
            log.exception("Order %d failed", order.id)
            problem = WorkFailed(f"Easel failed: {type(error).__name__}.", hint="The log says more; resume it to try again.")
            ended = {"status": FAILED, "error": problem.as_dict()}
        self._end(order, entry, ended)

    def _end(self, order: Order, entry: _Running, ended: dict[str, Any]) -> None:
        with self._lock:
            del self._running[order.id]
        if ended["status"] == CANCELLED and not entry.unwanted:
            self._book.put_back(order.id)
            return
        if ended["status"] == DONE:
            self._studio.catalog.refresh()
        self._tell(self._book.end(order.id, **ended))

    def _do(self, order: Order, entry: _Running) -> tuple[dict[str, Any], tuple[str, ...]]:
        recipe = order.recipe
        match recipe:
            case Download():
                return self._download(order, recipe, entry)
            case Train():
                return self._train(order, recipe, entry)
            case _:
                return self._work(order, recipe, entry)

    def _teller(self, order: Order, entry: _Running) -> Callable[[Callable[[], None]], None]:
        """Moves the gauge, and tells pages a few times a second."""
        told = 0.0

        def move(change: Callable[[], None]) -> None:
            nonlocal told
            stage = entry.gauge.progress.stage
            change()
            progress = entry.gauge.progress
            if progress.stage != stage or time.monotonic() - told > _TELL_SECONDS:
                told = time.monotonic()
                self._studio.events.publish("order_progress", order=str(order.id), progress=progress.as_dict())

        return move

    def _download(self, order: Order, recipe: Download, entry: _Running) -> tuple[dict[str, Any], tuple[str, ...]]:
        move, gauge = self._teller(order, entry), entry.gauge
        told = Told(
            stage=lambda words, total, place: move(lambda: gauge.begin(words, total, place)),
            place=lambda done: move(lambda: gauge.reach(done)),
            keep=lambda state: self._book.note_state(order.id, state),
        )
        fetcher = self._fetcher()
        try:
            told.stage("Asking the source", 0, 0)
            offer = look_up(recipe, fetcher, self._hosts, self.sources.resolve)
            aimed = self._aimed(order, offer)
            begun = order.state if order.state.get("url") == aimed.url else {}
            told.keep({**begun, **aimed.as_state()})
            self._tell(self._book.get(order.id))
            limit = self._studio.preferences.current.download_limit_gb * 1000**3
            transfer = (
                FolderTransfer(fetcher, aimed, offer.files, told, entry.stop, limit, begun)
                if offer.files
                else Transfer(fetcher, aimed, told, entry.stop, limit)
            )
            target = transfer.run()
        finally:
            fetcher.close()
        return self._result(target), self._write_notes(target, _source_words(offer), offer.words)

    def _aimed(self, order: Order, offer: Offer) -> Fetched:
        """Where the file goes: what was begun goes on if the source still offers the same."""
        before = Fetched.stored(order.state)
        aimed = aim(offer, self.models_folder, order.id)
        same = before.sha256 == aimed.sha256 if before.sha256 and aimed.sha256 else before.url == aimed.url
        if not before.part or not same or before.target != aimed.target:
            if before.part:
                remove(Path(before.part))
            return aimed
        return replace(aimed, validator=before.validator, size=aimed.size if aimed.size is not None else before.size)

    def _work(self, order: Order, recipe: AnyRecipe, entry: _Running) -> tuple[dict[str, Any], tuple[str, ...]]:
        sources = self._sources(recipe)
        target = self._target(recipe, sources)
        part = target.with_name(f"{target.name}.{order.id}{PART_SUFFIX}")
        self._book.note_state(order.id, {"target": str(target), "part": str(part)})
        self._tell(self._book.get(order.id))
        job = Job(
            recipe.model_dump(mode="json"),
            [{"role": role, "name": model.name, "path": str(model.path), "sha256": self._digest(model)} for role, model in sources.items()],
            str(part),
            str(target),
        )
        child = ChildProcess(job)
        with self._lock:
            entry.cancel = child.cancel
        if entry.stop.is_set() or self._closing.is_set():
            raise Cancelled
        move, gauge = self._teller(order, entry), entry.gauge

        def told(line: Mapping[str, Any]) -> None:
            move(lambda: gauge.begin(line["stage"], line["total"]) if "stage" in line else gauge.reach(line["done"]))

        notes = child.run(told)
        said = self._write_notes(target, in_words(recipe, {role: model.name for role, model in sources.items()}), ())
        return self._result(target), (*notes, *said)

    def _train(self, order: Order, recipe: Train, entry: _Running) -> tuple[dict[str, Any], tuple[str, ...]]:
        checkpoint = self._studio.catalog.find(recipe.model)
        target = Path(order.state["target"]) if "target" in order.state else self._lora_target(recipe)
        self._book.note_state(order.id, {"target": str(target)})
        self._tell(self._book.get(order.id))
        settings = self._studio.preferences.current
        folder = self.run_folder(order.id)
        job = TrainingJob(
            recipe,
            checkpoint.path.absolute(),
            checkpoint.name,
            checkpoint.kind.family,
            folder.path,
            target,
            checkpoint_sha256=self._digest(self._studio.catalog.models.get(checkpoint.id)),
            drawing={name: value for name, value in checkpoint.defaults.items() if name in DRAWING},
            roots=tuple(root.absolute() for root in self._studio.catalog.roots),
            cache=(settings.data_dir / "cache").absolute(),
            threads=settings.threads,
        )
        process = TrainingProcess(job, self._studio.models.clear_devices)
        with self._lock:
            entry.cancel = process.stop
        if entry.stop.is_set() or self._closing.is_set():
            raise Cancelled
        self._studio.models.clear_devices()
        with self._studio.turn.hosting(process):
            notes = process.run(self._trainer_heard(order, entry))
        words = training_in_words(recipe, run_view(folder)["pictures"])
        said = self._write_notes(target, words, (recipe.trigger,) if recipe.trigger else ())
        self._show_as_preview(folder, target)
        return self._result(target), (*notes, *said)

    def _trainer_heard(self, order: Order, entry: _Running) -> Callable[[Mapping[str, Any]], None]:
        """What is made of the lines that a run's process says."""
        move, gauge = self._teller(order, entry), entry.gauge
        before = gauge.progress

        def heard(line: Mapping[str, Any]) -> None:
            nonlocal before
            match line:
                case {"stage": words, "total": total}:
                    move(lambda: gauge.begin(words, total, line.get("place", 0)))
                case {"paused": True}:
                    before = gauge.progress
                    move(lambda: gauge.begin(WAITS, before.total, before.done))
                case {"paused": False}:
                    move(lambda: gauge.begin(before.stage, before.total, before.done))
                case {"done": done}:
                    move(lambda: gauge.reach(done))
                case {"sample": name}:
                    self._studio.events.publish("training_sample", order=str(order.id), name=name)

        return heard

    def _show_as_preview(self, folder: RunFolder, target: Path) -> None:
        """The last preview as the LoRA's picture, where it has none."""
        samples = folder.samples()
        if samples:
            data = (folder.samples_folder / samples[-1].name).read_bytes()
            with contextlib.suppress(FileExistsError):
                write_durably(target.with_name(f"{target.stem}.preview.png"), data, replace=False)

    def run_folder(self, identifier: int) -> RunFolder:
        """Where a run keeps its state."""
        return RunFolder(self._studio.preferences.current.data_dir / TRAINING_FOLDER / str(identifier))

    def run(self, order_id: str) -> dict[str, Any]:
        """What is known of a training run beside its order. Raises NotFound."""
        return {"order": self.view(self._training(order_id)), **run_view(self.run_folder(parse_id(order_id)))}

    def sample(self, order_id: str, name: str) -> Path:
        """The file of a run's preview. Raises NotFound."""
        self._training(order_id)
        return sample_file(self.run_folder(parse_id(order_id)), name)

    def _training(self, order_id: str) -> Order:
        order = self._book.get(parse_id(order_id))
        if order.kind not in TRAINING:
            raise NotFound("This order is no training.", field="id", hint="Ask for the order itself.")
        return order

    def _digest(self, model: ModelFile) -> str:
        hashes = self._studio.catalog.models.hashes(model)
        return hashes.sha256 if hashes else ""

    def _result(self, target: Path) -> dict[str, Any]:
        size = target.stat().st_size if target.is_file() else sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
        return {
            "model": model_id(target),
            "file": readable(target.relative_to(self.models_folder).as_posix()),
            "bytes": size,
        }

    def _write_notes(self, target: Path, words: str, trigger_words: Sequence[str]) -> tuple[str, ...]:
        """Say beside the model where it comes from, in the form that AUTOMATIC1111 reads, too; what is there already stays."""
        stem = target.name if target.is_dir() else target.stem
        told = {"description": "", "notes": words, "activation text": ", ".join(trigger_words)}
        try:
            write_durably(target.with_name(f"{stem}.json"), json.dumps(told, ensure_ascii=False, indent=1).encode(), replace=False)
        except FileExistsError:
            return ()
        except OSError as error:
            return (f"Its notes could not be written: {error.strerror or error}.",)
        return ()

    def _clear(self, order: Order) -> None:
        if order.kind in TRAINING:
            self.run_folder(order.id).remove()
            return
        part = order.state.get("part")
        if isinstance(part, str):
            for left in parts_of(Path(part)):
                remove(left)

    # what goes in

    def _sources(self, recipe: AnyRecipe) -> dict[str, ModelFile]:
        """Role -> model. Raises InvalidRequest for names that nobody knows."""
        named: dict[str, tuple[str, frozenset[Kind]]]
        match recipe:
            case Merge():
                named = {"first": (recipe.first, DRAWS), "second": (recipe.second, DRAWS), "third": (recipe.third, DRAWS)}
            case Convert():
                named = {"model": (recipe.model, frozenset())}
            case BakeVae():
                named = {"model": (recipe.model, DRAWS), "vae": (recipe.vae, frozenset(("vae",)))}
            case ExtractVae():
                named = {"model": (recipe.model, DRAWS)}
            case _:
                named = {}
        return {role: self._model(role, name, kinds) for role, (name, kinds) in named.items() if name}

    def _model(self, role: str, name: str, kinds: frozenset[Kind]) -> ModelFile:
        models = self._studio.catalog.models
        found = models.find(name, kinds) or (models.find(name) if kinds == frozenset(("vae",)) else None)
        if found is None and models.refresh():
            found = models.find(name, kinds)
        if found is None:
            known = [model.name for model in models.all() if not kinds or model.role in kinds]
            raise InvalidRequest(
                f"There is no such model: {name[:80]!r}.",
                field=role,
                allowed=", ".join(known[:20]) or "none found",
                hint="Pick one of these.",
            )
        return models.describe_now(found)

    def _target(self, recipe: AnyRecipe, sources: Mapping[str, ModelFile]) -> Path:
        """Where the result goes. Raises Conflict when a name that was asked for is taken; one that is made up gets a number."""
        first = next(iter(sources.values()))
        kind = "vae" if isinstance(recipe, ExtractVae) else first.role
        folder = self.models_folder / FOLDER_OF.get(kind, "checkpoints")
        suffix = "" if first.is_folder and _keeps_form(recipe) else ".gguf" if _packs(recipe) else ".safetensors"
        wanted = getattr(recipe, "name", "")
        stem = safe_name(wanted or _usual_name(recipe, sources), _NAME_BYTES) or "model"
        target = folder / f"{stem}{suffix}"
        if wanted:
            require_free(target)
        return _numbered(target, suffix)

    def _check_training(self, recipe: Train) -> None:
        """Refuse at once what could not be trained. Raises InvalidRequest, CheckpointUnusable, Conflict."""
        try:
            checkpoint = self._studio.catalog.find(recipe.model)
        except EaselError as error:
            error.field = "model"
            raise
        check_checkpoint(checkpoint)
        pictures_for(recipe)
        self._lora_target(recipe)

    def _lora_target(self, recipe: Train) -> Path:
        """Where the LoRA goes. Raises Conflict when a name that was asked for is taken; one that is made up gets a number."""
        stem = safe_name(recipe.name or default_name(recipe.folder), _NAME_BYTES) or "lora"
        target = self.models_folder / FOLDER_OF["lora"] / f"{stem}.safetensors"
        if recipe.name:
            require_free(target)
        return _numbered(target)

    def _check(self, recipe: AnyRecipe) -> None:
        """Refuse at once what could not be done. Old pickles are opened in the child only, which says the same later."""
        sources = self._sources(recipe)
        self._target(recipe, sources)
        opened: dict[str, Weights] = {}
        for role, model in sources.items():
            if not model.is_folder and sniff(model.path) == "pickle":
                return
            opened[role] = open_weights(model.path, model.name)
        check(recipe, opened)


def _numbered(target: Path, suffix: str = ".safetensors") -> Path:
    """The same path, with the first number that makes it one that nobody has."""
    stem, number = target.name.removesuffix(suffix), 1
    while target.exists():
        number += 1
        target = target.with_name(f"{stem} ({number}){suffix}")
    return target


def _keeps_form(recipe: AnyRecipe) -> bool:
    """Whether what is made of a folder is a folder again."""
    return not (isinstance(recipe, ExtractVae) or (isinstance(recipe, Convert) and recipe.form == ONE_FILE))


def _packs(recipe: AnyRecipe) -> bool:
    """Whether a GGUF file is made."""
    return isinstance(recipe, Convert) and recipe.precision in WRITTEN


def _usual_name(recipe: AnyRecipe, sources: Mapping[str, ModelFile]) -> str:
    first = next(iter(sources.values())).name
    match recipe:
        case Merge():
            return f"{first}-{sources['second'].name}-{recipe.share:g}"
        case Convert():
            same = "pruned" if _keeps_form(recipe) else "single"
            return f"{first}-{same if recipe.precision == 'as it is' else recipe.precision}"
        case BakeVae():
            return f"{first}-{sources['vae'].name}"
        case _:
            return f"{first}-vae"


def _source_words(offer: Offer) -> str:
    revision = offer.facts.get("revision")
    base = offer.facts.get("base_model")
    parts = (
        f"Downloaded from {offer.page}" + (f", revision {revision}" if revision else ""),
        f"Licence: {offer.licence}" if offer.licence else "",
        f"Base model: {base}" if base else "",
    )
    return " ".join(f"{part}." for part in parts if part)


def _name_of(order: Order, target: Path) -> str:
    """What is made, as people call it: a LoRA that is trained by the name that it has in prompts."""
    return target.stem if order.kind in TRAINING else target.name


def _title(order: Order) -> str:
    asked = _plain(order.asked)
    if order.kind in TRAINING:
        return str(asked["name"] or default_name(asked["folder"]))
    file = asked.get("file") if asked.get("file") != INDEX else ""
    return str(asked.get("name") or file or asked.get("source") or asked.get("model") or asked.get("first") or order.kind)


def _plain(text: str) -> dict[str, Any]:
    data = json.loads(text)
    data.pop("version", None)
    return data


def _length(part: Any) -> int:
    """Bytes of a file or folder that may be there."""
    path = Path(part) if isinstance(part, str) else None
    if path is not None and path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size if path is not None and path.is_file() else 0
