"""What an add-on says of itself: its pyproject.toml, read and checked, each fault in words."""

from __future__ import annotations

import re
import sys
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from webui.errors import Conflict, InvalidRequest

Side = Literal["web", "worker"]

API = (1, 0)
"""The add-on API of this Easel: another major can't be loaded, a later minor neither."""

MANIFEST = "pyproject.toml"
_MOST_BYTES = 256 * 1024
_MOST_TEXT = 2000
_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)
_SIDES: tuple[Side, ...] = ("web", "worker")
_KEYS = ("api", "web", "worker", "permissions", "before", "after", "title", "icon", "built_in")

PERMISSIONS: dict[str, tuple[str, str]] = {
    "network": ("Use the network", "It may send and fetch anything that you could."),
    "files": ("Read and write files", "Outside its own folder, too."),
    "programs": ("Start other programs", "With your rights."),
    "routes": ("Answer addresses of its own", "Below /api/ext, behind Easel's door."),
    "javascript": ("Run its own scripts in the page", "They see what you see there. Unstable: an update of Easel may break them."),
    "gradio": ("Draw its own part of the page with Gradio", "Unstable: an update of Easel may break it."),
}
"""What an add-on may ask for: a heading and a sentence for whoever is asked. What it asks is told, not enforced: it is Python."""

WORKER_PERMISSION = ("Change how pictures are drawn", "Part of it runs in the engine, with every picture.")

CORE_NAMES = frozenset(
    {
        "easel",
        "webui",
        "core",
        "api",
        "v1",
        "sdapi",
        "ext",
        "static",
        "launch",
        "extensions",
        "extension",
        "models",
        "training",
        "tests",
        "docs",
        "data",
        "outputs",
        "benchmarks",
        "txt2img",
        "img2img",
        "inpaint",
        "upscale",
        "history",
        "train",
        "settings",
        "system",
        "queue",
        "jobs",
        "gradio",
        "fastapi",
        "torch",
        "diffusers",
        "transformers",
        "numpy",
        "pillow",
        "pip",
        "python",
    }
)
"""Names that no add-on may have: they are Easel's own, or those of what it stands on."""

_DIGIT_SHAPES = str.maketrans({"0": "o", "1": "l", "3": "e", "4": "a", "5": "s", "7": "t", "i": "l", "-": "", "_": "", ".": ""})


class ManifestInvalid(InvalidRequest):
    """A manifest that is missing or can't be used; field: the key at fault."""

    code = "bad_manifest"


@dataclass(frozen=True)
class Manifest:
    """An add-on's pyproject.toml: `[project]` (name is its id) and `[tool.easel]`.

    modules: of which process which module. root: the folder that goes on sys.path, `folder` or its src. requires: packages it needs.
    """

    id: str
    version: str
    folder: Path
    modules: Mapping[Side, str] = field(default_factory=dict)
    permissions: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    title: str = ""
    description: str = ""
    icon: str = ""
    requires: tuple[str, ...] = ()
    licence: str = ""
    homepage: str = ""
    built_in: bool = False

    @property
    def root(self) -> Path:
        """What its modules are imported from."""
        source = self.folder / "src"
        names = [module.partition(".")[0] for module in self.modules.values()]
        return source if names and all(_there(source, name) for name in names) else self.folder

    @property
    def name(self) -> str:
        """What people read."""
        return self.title or self.id

    @property
    def top_modules(self) -> tuple[str, ...]:
        """The top-level modules that it is imported by."""
        return tuple(dict.fromkeys(module.partition(".")[0] for module in self.modules.values()))

    def asks(self) -> list[tuple[str, str]]:
        """What it asks for, in words: (heading, sentence)."""
        engine = [WORKER_PERMISSION] if "worker" in self.modules else []
        return [*engine, *(PERMISSIONS[name] for name in self.permissions)]


def read_manifest(folder: Path, *, strict: bool = False) -> Manifest:
    """Read and check an add-on folder's manifest. Raises ManifestInvalid, or InvalidRequest `bad_id`, in words.

    strict: what is to be installed must also say its version, which API it is made for, and have the modules that it names.
    """
    data = _parsed(folder / MANIFEST)
    project, tool = data.get("project"), data.get("tool")
    easel = tool.get("easel") if isinstance(tool, dict) else None
    if not isinstance(project, dict):
        raise _wrong("project", "It has no [project] table", "Give it [project] with name and version.")
    if not isinstance(easel, dict):
        raise _wrong("tool.easel", "It has no [tool.easel] table, so it is no add-on for Easel", 'Give it [tool.easel] with api = "1".')
    strange = next((key for key in easel if key not in _KEYS), None)
    if strange is not None:
        raise _wrong(f"tool.easel.{strange[:60]}", f"[tool.easel] has no key {strange[:60]!r}", f"Known keys: {', '.join(_KEYS)}.")
    built_in = easel.get("built_in", False) is True
    identifier = checked_id(_text(project, "project", "name", needed=True))
    _check_api(easel.get("api", None if strict else f"{API[0]}"))
    _check_python(_text(project, "project", "requires-python"))
    modules = _modules(easel)
    manifest = Manifest(
        identifier,
        _version(_text(project, "project", "version", needed=strict) or "0"),
        folder,
        modules,
        permissions=_permissions(easel),
        before=_ids(easel, "before"),
        after=_ids(easel, "after"),
        title=_line(_text(easel, "tool.easel", "title"))[:80],
        description=_line(_text(project, "project", "description"))[:400],
        icon=_text(easel, "tool.easel", "icon")[:30],
        requires=_requirements(project),
        licence=_licence(project),
        homepage=_homepage(project),
        built_in=built_in,
    )
    for side, module in modules.items():
        if strict and not _there(manifest.root, module):
            file = module.replace(".", "/") + ".py"
            raise _wrong(f"tool.easel.{side}", f"Its {side} module {module} isn't there", f"Add {file}, or name another module.")
    return manifest


def checked_id(identifier: str) -> str:
    """The id itself. Raises InvalidRequest with code bad_id for one that can't be an add-on's."""
    how = "small letters a to z, digits and single hyphens, at most 60 of them, a letter first"
    shown = identifier[:80]
    if not identifier.isascii():
        other = "".join(sign for sign in unicodedata.normalize("NFKD", identifier) if sign.isascii())
        raise InvalidRequest(
            f"An add-on can't be called {shown!a}: it has letters that look like others.",
            field="project.name",
            allowed=how,
            hint=f"Call it {other!r}." if _ID.fullmatch(other) else "Give it a plain name.",
            code="bad_id",
        )
    if not _ID.fullmatch(identifier) or len(identifier) > 60:
        plain = re.sub(r"[^a-z0-9]+", "-", identifier.lower()).strip("-")[:60]
        hint = f'Write name = "{plain}".' if _ID.fullmatch(plain) else "Give it a plain name."
        raise InvalidRequest(f"An add-on can't be called {shown!r}.", field="project.name", allowed=how, hint=hint, code="bad_id")
    if identifier in CORE_NAMES:
        raise InvalidRequest(
            f"{identifier} is a name of Easel's own.", field="project.name", allowed=how, hint="Give it another name.", code="bad_id"
        )
    return identifier


def check_free(manifest: Manifest, others: Iterable[Manifest]) -> None:
    """Raises Conflict id_taken or module_taken, or InvalidRequest bad_id, where it would be taken for another add-on, or for Easel."""
    for name in manifest.top_modules:
        if name in sys.stdlib_module_names or name == "webui":
            raise InvalidRequest(
                f"Its module {name} would stand in for Python's or Easel's own.",
                field="tool.easel",
                hint="Give the module another name.",
                code="bad_id",
            )
    for other in others:
        if other.id == manifest.id:
            raise Conflict(
                f"There is an add-on {manifest.id} already{', which comes with Easel' if other.built_in else ''}.",
                field="project.name",
                hint="Remove that one first, or update it.",
                code="id_taken",
            )
        if shape_of(other.id) == shape_of(manifest.id):
            raise InvalidRequest(
                f"{manifest.id} looks like {other.id}, which is there already.",
                field="project.name",
                hint="Ask its author whether it is what you want; it needs another name.",
                code="bad_id",
            )
        taken = set(other.top_modules) & set(manifest.top_modules)
        if taken:
            raise Conflict(
                f"Its module {min(taken)} is also that of the add-on {other.id}.",
                field="tool.easel",
                hint="One of the two needs another module name.",
                code="id_taken",
            )


def shape_of(identifier: str) -> str:
    """What an id looks like at a glance: two of the same shape would be taken for each other."""
    return identifier.translate(_DIGIT_SHAPES).replace("rn", "m").replace("vv", "w").replace("cl", "d")


def in_order(manifests: Iterable[Manifest]) -> list[Manifest]:
    """Sorted by name, and as their `before` and `after` ask; where those go in a circle, by name."""
    left = sorted(manifests, key=lambda manifest: manifest.id)
    there = {manifest.id for manifest in left}
    waits: dict[str, set[str]] = {manifest.id: {other for other in manifest.after if other in there} for manifest in left}
    for manifest in left:
        for other in manifest.before:
            if other in there:
                waits[other].add(manifest.id)
    ordered: list[Manifest] = []
    while left:
        done = {manifest.id for manifest in ordered}
        following = next((manifest for manifest in left if waits[manifest.id] - {manifest.id} <= done), left[0])
        left.remove(following)
        ordered.append(following)
    return ordered


def requirements_of(words: Iterable[str]) -> tuple[str, ...]:
    """Requirements, each checked and in one plain form. Raises ManifestInvalid."""
    found = []
    for text in words:
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            raise _wrong("project.dependencies", f"{text[:80]!r} is no requirement", 'Write them like "shapely>=2".') from None
        if requirement.url is not None:
            raise _wrong(
                "project.dependencies",
                f"It wants {requirement.name} from an address of its own",
                "Packages come from the package index alone: name and version.",
            )
        if requirement.marker is None or requirement.marker.evaluate():
            requirement.marker = None
            found.append(str(requirement))
    return tuple(found)


def _parsed(path: Path) -> dict[str, Any]:
    try:
        raw = path.read_bytes()
    except OSError:
        raise _wrong("", f"It has no {MANIFEST}, so it is no add-on for Easel", f"An add-on has a {MANIFEST} with [tool.easel].") from None
    if len(raw) > _MOST_BYTES:
        raise _wrong("", f"Its {MANIFEST} is {len(raw):,} bytes long", f"At most {_MOST_BYTES:,}.")
    try:
        return tomllib.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise _wrong("", f"Its {MANIFEST} can't be read: {' '.join(str(error).split())[:200]}", "Mend it.") from None


def _wrong(field: str, message: str, hint: str) -> ManifestInvalid:
    return ManifestInvalid(f"{message}.", field=field or MANIFEST, hint=hint)


def _text(table: Mapping[str, Any], where: str, key: str, *, needed: bool = False) -> str:
    value = table.get(key, "")
    if not isinstance(value, str):
        raise _wrong(f"{where}.{key}", f"{where}.{key} is no text", f'Write {key} = "…".')
    if needed and not value:
        raise _wrong(f"{where}.{key}", f"[{where}] has no {key}", f'Write {key} = "…".')
    return value[:_MOST_TEXT]


def _line(text: str) -> str:
    return " ".join("".join(sign for sign in text if sign.isprintable() or sign.isspace()).split())


def _texts(table: Mapping[str, Any], where: str, key: str) -> list[str]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise _wrong(f"{where}.{key}", f"{where}.{key} is no list of texts", f'Write {key} = ["…"].')
    return value


def _check_api(value: Any) -> None:
    field = "tool.easel.api"
    if not isinstance(value, str) or not re.fullmatch(r"\d{1,3}(\.\d{1,3})?", value):
        raise _wrong(field, "[tool.easel] doesn't say which API it is made for", 'Write api = "1".')
    major, _, minor = value.partition(".")
    if int(major) != API[0] or int(minor or 0) > API[1]:
        later = (int(major), int(minor or 0)) > API
        hint = "Update Easel." if later else "Ask its author for a newer one."
        raise _wrong(field, f"It needs add-on API {value}, and this Easel has {API[0]}.{API[1]}", hint)


def _check_python(wanted: str) -> None:
    if not wanted:
        return
    here = ".".join(map(str, sys.version_info[:3]))
    try:
        fits = SpecifierSet(wanted).contains(here, prereleases=True)
    except InvalidSpecifier:
        raise _wrong("project.requires-python", f"{wanted[:80]!r} is no range of Python versions", 'Write it like ">=3.11".') from None
    if not fits:
        raise _wrong("project.requires-python", f"It needs Python {wanted}, and this is {here}", "Ask its author for one that fits.")


def _version(text: str) -> str:
    try:
        return str(Version(text))
    except InvalidVersion:
        raise _wrong("project.version", f"{text[:60]!r} is no version", "Write it like 1.2.0.") from None


def _modules(easel: Mapping[str, Any]) -> dict[Side, str]:
    modules: dict[Side, str] = {}
    for side in _SIDES:
        if side in easel:
            module = easel[side]
            if not isinstance(module, str) or not _MODULE.fullmatch(module):
                raise _wrong(f"tool.easel.{side}", f"tool.easel.{side} is no module's name", f'Write {side} = "my_add_on.{side}".')
            modules[side] = module
    return modules


def _permissions(easel: Mapping[str, Any]) -> tuple[str, ...]:
    asked = _texts(easel, "tool.easel", "permissions")
    strange = next((name for name in asked if name not in PERMISSIONS), None)
    if strange is not None:
        raise _wrong("tool.easel.permissions", f"There is no permission {strange[:60]!r}", f"Known ones: {', '.join(PERMISSIONS)}.")
    return tuple(name for name in PERMISSIONS if name in asked)


def _ids(easel: Mapping[str, Any], key: str) -> tuple[str, ...]:
    return tuple(_texts(easel, "tool.easel", key))


def _requirements(project: Mapping[str, Any]) -> tuple[str, ...]:
    return requirements_of(_texts(project, "project", "dependencies"))


def _licence(project: Mapping[str, Any]) -> str:
    told = project.get("license", "")
    return _line(str(told.get("text", "")) if isinstance(told, dict) else str(told))[:80]


def _homepage(project: Mapping[str, Any]) -> str:
    urls = project.get("urls")
    found = [str(url) for url in urls.values()] if isinstance(urls, dict) else []
    return next((url[:300] for url in found if url.startswith("https://")), "")


def _there(root: Path, module: str) -> bool:
    path = root.joinpath(*module.split("."))
    return path.with_name(f"{path.name}.py").is_file() or (path / "__init__.py").is_file()
