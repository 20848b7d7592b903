"""Where model files come from: an address, a Hugging Face repository, civitai. Asked only when somebody wants to know."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote, unquote

import httpx

from webui.catalog.detect import UNKNOWN, Kind, ModelKind, identify
from webui.catalog.header import SNIFFED, format_of, header_in, readable, safetensors_length
from webui.catalog.roots import MODEL_SUFFIXES
from webui.errors import InvalidRequest
from webui.guarded_network import is_nobodys_own_name
from webui.studio.naming import safe_name
from webui.workshop.fetching import DownloadFailed, Fetcher, Hiccup, checked_url, is_loopback, leads_here
from webui.workshop.model_sources import Resolved
from webui.workshop.recipes import Download
from webui.workshop.repository_folder import INDEX, RemoteFile, files_needed, whole_size

_REPOSITORY = re.compile(r"[a-z0-9][\w.-]{0,95}/[a-z0-9][\w.-]{0,95}", re.IGNORECASE | re.ASCII)
_OF_THE_WEB = re.compile(r"https?:", re.IGNORECASE)
_PEEK = 1 << 16
_HEADER_WORTH = 32_000_000
"""Headers longer than this are not fetched beforehand."""
_NAME_BYTES = 180
_SHOWN_FILES = 200

FOLDER_OF: Mapping[str, str] = {
    "checkpoint": "checkpoints",
    "denoiser": "diffusion_models",
    "vae": "vae",
    "text_encoder": "text_encoders",
    "lora": "loras",
    "embedding": "embeddings",
    "controlnet": "controlnet",
    "t2i_adapter": "t2i_adapter",
    "ip_adapter": "ip_adapter",
    "image_encoder": "clip_vision",
    "upscaler": "upscalers",
    "face_restorer": "face_restorers",
    "cut_out": "cut_out",
    "hypernetwork": "hypernetworks",
}
"""Kind -> folder below Easel's models folder."""

_CIVITAI_KINDS: Mapping[str, Kind] = {
    "checkpoint": "checkpoint",
    "textualinversion": "embedding",
    "hypernetwork": "hypernetwork",
    "lora": "lora",
    "locon": "lora",
    "dora": "lora",
    "controlnet": "controlnet",
    "upscaler": "upscaler",
    "vae": "vae",
}


@dataclass(frozen=True)
class Hosts:
    """Where the two sources that have an interface of their own are."""

    hugging_face: str = "https://huggingface.co"
    civitai: str = "https://civitai.com"

    @property
    def names(self) -> frozenset[str]:
        """The names of both."""
        return frozenset(httpx.URL(url).host for url in (self.hugging_face, self.civitai))


@dataclass(frozen=True)
class Listed:
    """One of several files that could be meant."""

    name: str
    size: int | None


@dataclass(frozen=True)
class Offer:
    """A file as its source tells of it, before it is fetched. url is empty while one of `choices` is still to be picked.

    name: safe, with its ending. kind: "" where nobody tells. page: what people can read about it. gated: its makers want to be asked.
    files: of a folder that is fetched whole, and `url` what their paths are joined to.
    """

    url: str = ""
    name: str = ""
    size: int | None = None
    sha256: str = ""
    licence: str = ""
    licence_url: str = ""
    page: str = ""
    kind: str = ""
    family: str = ""
    gated: bool = False
    words: tuple[str, ...] = ()
    choices: tuple[Listed, ...] = ()
    files: tuple[RemoteFile, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> str:
        """The folder below the models folder where it goes; "" while its kind isn't known."""
        return FOLDER_OF.get(self.kind, "")

    def as_dict(self) -> dict[str, Any]:
        """As page, API and command line get it."""
        return {
            "name": readable(self.name),
            "size": self.size,
            "sha256": self.sha256,
            "licence": self.licence,
            "licence_url": self.licence_url,
            "page": self.page,
            "kind": self.kind,
            "family": self.family,
            "gated": self.gated,
            "folder": self.folder,
            "trigger_words": list(self.words),
            "choices": [vars(choice) for choice in self.choices],
            "files": len(self.files) or 1,
        }


Resolve = Callable[[str], Resolved | None]
"""What an add-on makes of an address; None where none knows it."""


def check_source(recipe: Download, hosts: Hosts, resolve: Resolve) -> None:
    """Raise InvalidRequest for an address that would not be asked, before it is written down: it may hold a secret."""
    text = recipe.source.strip()
    if _REPOSITORY.fullmatch(text):
        return
    try:
        _named_by_somebody(text, hosts)
    except InvalidRequest:
        # One that begins as those of the web is none of an add-on's own making.
        if _OF_THE_WEB.match(text) or resolve(text) is None:
            raise


def _named_by_somebody(text: str, hosts: Hosts) -> httpx.URL:
    """An address that leads to another machine, or to a host that the settings name. Raises InvalidRequest."""
    url = checked_url(text)
    if url.netloc in (httpx.URL(hosts.hugging_face).netloc, httpx.URL(hosts.civitai).netloc):
        return url
    if is_loopback(url.host) or not is_nobodys_own_name(url.host):
        raise leads_here(url.host)
    return url


def look_up(recipe: Download, fetcher: Fetcher, hosts: Hosts, resolve: Resolve) -> Offer:
    """What there is to be fetched, from its source and the file's own beginning; the weights stay where they are.

    resolve: asked for addresses that lead neither to Hugging Face nor to civitai.

    Raises InvalidRequest, DownloadFailed, CheckpointUnusable where it is no model file.
    """
    offer = _ask_source(recipe, fetcher, hosts, resolve)
    if not offer.url:
        return offer
    if offer.files:
        return _as_folder(offer, recipe)
    offer = _peek(offer, fetcher)
    return replace(
        offer,
        name=_named(recipe.name or PurePosixPath(offer.name).stem, PurePosixPath(offer.name).suffix),
        sha256=recipe.sha256 or offer.sha256,
        kind=recipe.folder or offer.kind,
    )


def _as_folder(offer: Offer, recipe: Download) -> Offer:
    if recipe.sha256:
        raise InvalidRequest("A folder has no checksum of its own; each of its files has one.", field="sha256", hint="Leave it empty.")
    return replace(offer, name=safe_name(recipe.name or offer.name, _NAME_BYTES) or "model", kind=recipe.folder or offer.kind)


def _named(stem: str, suffix: str) -> str:
    return f"{safe_name(stem, _NAME_BYTES) or 'model'}{suffix.lower()}"


def _ask_source(recipe: Download, fetcher: Fetcher, hosts: Hosts, resolve: Resolve) -> Offer:
    text = recipe.source.strip()
    if _REPOSITORY.fullmatch(text):
        return _hugging_face(text, recipe.revision, recipe.file, fetcher, httpx.URL(hosts.hugging_face))
    if not _OF_THE_WEB.match(text) and (resolved := resolve(text)):
        return _of_add_on(resolved, recipe, hosts)
    url = _named_by_somebody(text, hosts)
    hub, civitai = httpx.URL(hosts.hugging_face), httpx.URL(hosts.civitai)
    if url.netloc == hub.netloc and (found := _HUB_PATH.fullmatch(url.path)):
        revision = recipe.revision or found["revision"] or ""
        return _hugging_face(found["repository"], revision, recipe.file or found["file"] or "", fetcher, hub)
    if url.netloc == civitai.netloc and (version := _civitai_version(url, fetcher, civitai)):
        return _civitai(version, recipe.file, fetcher, civitai)
    if url.netloc not in (hub.netloc, civitai.netloc) and (resolved := resolve(text)):
        return _of_add_on(resolved, recipe, hosts)
    return Offer(url=str(url), name=_last_part(url), page=str(url.copy_with(query=None, fragment=None)))


def _of_add_on(resolved: Resolved, recipe: Download, hosts: Hosts) -> Offer:
    """What an add-on says where a file is, which is asked as any other address is."""
    by_name = {file.name: file for file in resolved.files}
    if not recipe.file and len(by_name) > 1:
        return Offer(page=resolved.source, choices=tuple(Listed(name, None) for name in list(by_name)[:_SHOWN_FILES]))
    file = by_name.get(recipe.file or resolved.files[0].name)
    if file is None:
        names = ", ".join(list(by_name)[:20])
        raise InvalidRequest(
            f"{resolved.source} has no {recipe.file[:80]!r} there.", field="file", allowed=names, hint="Choose one of these."
        )
    url = _named_by_somebody(file.url, hosts)
    facts = {"add_on": resolved.extension}
    return Offer(url=str(url), name=file.name or _last_part(url), sha256=file.sha256, kind=file.kind, page=resolved.source, facts=facts)


def _last_part(url: httpx.URL) -> str:
    return unquote(url.path.rpartition("/")[2])


# Hugging Face (https://huggingface.co/docs/hub/api)

_HUB_PATH = re.compile(
    r"/(?P<repository>[a-zA-Z0-9][\w.-]*/[a-zA-Z0-9][\w.-]*)(?:/(?:tree|blob|resolve)/(?P<revision>[^/]+)(?:/(?P<file>.+))?)?/?",
)


def _hugging_face(repository: str, revision: str, file: str, fetcher: Fetcher, hub: httpx.URL) -> Offer:
    told = fetcher.json(hub.join(f"/api/models/{repository}/revision/{_quoted(revision or 'main')}?blobs=true"))
    listed = [entry for entry in told.get("siblings") or () if isinstance(entry, dict) and isinstance(entry.get("rfilename"), str)]
    models = [entry for entry in listed if PurePosixPath(entry["rfilename"]).suffix.lower() in MODEL_SUFFIXES]
    card = _table(told.get("cardData"))
    offer = Offer(
        page=str(hub.join(f"/{repository}")),
        licence=_text(card.get("license_name") if card.get("license") == "other" else card.get("license"))
        or _licence_tag(told.get("tags")),
        licence_url=_web_address(card.get("license_link")) or str(hub.join(f"/{repository}")),
        gated=bool(told.get("gated")),
        facts={"repository": repository, "revision": _text(told.get("sha")) or revision or "main"},
    )
    address = str(hub.join(f"/{repository}/resolve/{_quoted(offer.facts['revision'])}/"))
    # A folder as diffusers has it: each file is to be had alone, and all that is needed of it together.
    is_folder = any(entry["rfilename"] == INDEX for entry in listed)
    if is_folder and file in ("", INDEX):
        remote = [RemoteFile(entry["rfilename"], _size_of(entry), _digest(_table(entry.get("lfs")).get("sha256"))) for entry in listed]
        index = fetcher.json(httpx.URL(address).join(INDEX))
        if file:
            needed = files_needed(remote, index, repository)
            name = repository.rpartition("/")[2]
            return replace(offer, url=address, name=name, size=whole_size(needed), kind="checkpoint", files=needed)
        with suppress(InvalidRequest):  # without safetensors there are single files at most
            return replace(offer, choices=(Listed(INDEX, whole_size(files_needed(remote, index, repository))), *_listed(models)))
    chosen = _chosen(models, file, repository)
    if chosen is None:
        return replace(offer, choices=_listed(models))
    name = chosen["rfilename"]
    return replace(
        offer,
        url=f"{address}{_quoted(name, '/')}",
        name=_hub_file_name(repository, name),
        size=_size_of(chosen),
        sha256=_digest(_table(chosen.get("lfs")).get("sha256")),
    )


def _listed(models: Sequence[dict[str, Any]]) -> tuple[Listed, ...]:
    return tuple(Listed(readable(entry["rfilename"])[:300], _size_of(entry)) for entry in models[:_SHOWN_FILES])


def _chosen(models: Sequence[dict[str, Any]], file: str, repository: str) -> dict[str, Any] | None:
    """The file that is meant, None while several could be. Raises InvalidRequest."""
    if file:
        found = next((entry for entry in models if entry["rfilename"] == file), None)
        if found is None:
            names = ", ".join(entry["rfilename"] for entry in models[:10])
            raise InvalidRequest(
                f"{repository} has no model file called {file[:100]!r}.",
                field="file",
                allowed=names or "none there",
                hint="Name one of these.",
            )
        return found
    if not models:
        raise InvalidRequest(f"{repository} holds no model files.", field="source", hint="Take another repository.")
    # Safe formats first: the same weights often lie there as a pickle, too.
    safe = [entry for entry in models if entry["rfilename"].endswith((".safetensors", ".gguf"))] or models
    return safe[0] if len(safe) == 1 else None


def _hub_file_name(repository: str, name: str) -> str:
    """Many are called the same in all repositories; then the repository's name says more."""
    path = PurePosixPath(name)
    generic = path.stem.split(".")[0] in ("model", "diffusion_pytorch_model", "pytorch_lora_weights", "pytorch_model", "adapter_model")
    return f"{repository.rpartition('/')[2]}{'-' + path.parent.name if path.parent.name else ''}{path.suffix}" if generic else path.name


def _licence_tag(tags: Any) -> str:
    found = [tag for tag in tags if isinstance(tag, str) and tag.startswith("license:")] if isinstance(tags, list) else []
    return _text(found[0].removeprefix("license:")) if found else ""


def _size_of(entry: Mapping[str, Any]) -> int | None:
    size = entry.get("size")
    return size if type(size) is int and size >= 0 else None


# civitai (https://developer.civitai.com/docs/api/public-rest)

_PAGE = re.compile(r"/models/(\d+)(?:/.*)?")
_FILE = re.compile(r"/api/download/models/(\d+)")


def _civitai_version(url: httpx.URL, fetcher: Fetcher, civitai: httpx.URL) -> str:
    """The id of the version that an address means; "" where it means none."""
    if found := _FILE.fullmatch(url.path):
        return found[1]
    if not (found := _PAGE.fullmatch(url.path)):
        return ""
    asked = url.params.get("modelVersionId", "")
    if asked.isdecimal():
        return asked
    versions = fetcher.json(civitai.join(f"/api/v1/models/{found[1]}")).get("modelVersions")
    newest = versions[0].get("id") if isinstance(versions, list) and versions and isinstance(versions[0], dict) else None
    if type(newest) is not int:
        raise DownloadFailed(f"{url.host} has no version of this model.", hint="Open its page and check the address.")
    return str(newest)


def _civitai(version: str, file: str, fetcher: Fetcher, civitai: httpx.URL) -> Offer:
    told = fetcher.json(civitai.join(f"/api/v1/model-versions/{version}"))
    files = [entry for entry in told.get("files") or () if isinstance(entry, dict) and isinstance(entry.get("name"), str)]
    chosen = (
        next((entry for entry in files if entry["name"] == file), None)
        if file
        else next((entry for entry in files if entry.get("primary") is True), files[0] if files else None)
    )
    if chosen is None:
        names = ", ".join(entry["name"] for entry in files[:10])
        raise InvalidRequest(f"This version has no file called {file[:100]!r}.", field="file", allowed=names, hint="Name one of these.")
    model = _table(told.get("model"))
    number = told.get("modelId")
    page = str(civitai.join(f"/models/{number}?modelVersionId={version}"))
    about = fetcher.json(civitai.join(f"/api/v1/models/{number}")) if type(number) is int else {}
    kind = "vae" if chosen.get("type") == "VAE" else _CIVITAI_KINDS.get(_text(model.get("type")).lower().replace(" ", ""), "")
    words = told.get("trainedWords")
    return Offer(
        url=str(checked_url(_text(chosen.get("downloadUrl")) or str(civitai.join(f"/api/download/models/{version}")))),
        name=chosen["name"],
        size=None,  # told in rounded kilobytes
        sha256=_digest(_table(chosen.get("hashes")).get("SHA256")),
        licence=_civitai_licence(about),
        licence_url=page,
        page=page,
        kind=kind,
        words=tuple(_text(word) for word in words if isinstance(word, str))[:40] if isinstance(words, list) else (),
        facts={"base_model": _text(told.get("baseModel"))},
    )


def _civitai_licence(about: Mapping[str, Any]) -> str:
    """What its maker allows, in words."""
    commercial = about.get("allowCommercialUse")
    uses = [str(use) for use in commercial] if isinstance(commercial, list) else [commercial] if isinstance(commercial, str) else []
    said = [
        _either(about.get("allowNoCredit"), "no credit needed", "credit needed"),
        ("commercial use: " + (", ".join(uses) or "none")) if commercial is not None else "",
        _either(about.get("allowDerivatives"), "changes allowed", "no changes"),
    ]
    return _text("; ".join(part for part in said if part))


def _either(value: Any, yes: str, no: str) -> str:
    return (yes if value else no) if isinstance(value, bool) else ""


# the file itself


def _peek(offer: Offer, fetcher: Fetcher) -> Offer:
    """Name, size, checksum and kind as far as the server and the file's beginning tell. Raises as `look_up` does."""
    try:
        beginning, offer = _beginning(offer, fetcher, _PEEK)
        wanted = safetensors_length(beginning)
        if len(beginning) < wanted <= _HEADER_WORTH:
            beginning, offer = _beginning(offer, fetcher, wanted)
    except Hiccup as hiccup:
        raise DownloadFailed(f"{hiccup}.", hint="Check the network, then try again.") from None
    form = format_of(beginning[:SNIFFED], offer.name or "The file")
    header = header_in(beginning)
    kind: ModelKind = identify(header) if header else UNKNOWN
    suffix = PurePosixPath(offer.name).suffix.lower()
    if suffix not in MODEL_SUFFIXES:
        suffix = {"safetensors": ".safetensors", "gguf": ".gguf", "pickle": ".pt"}[form]
        offer = replace(offer, name=f"{offer.name}{suffix}")
    told = offer.kind or ("" if kind.kind == "unknown" else kind.kind)
    if not told:
        told = "denoiser" if form == "gguf" else "checkpoint" if suffix == ".ckpt" else ""
    return replace(offer, kind=told, family=kind.family)


def _beginning(offer: Offer, fetcher: Fetcher, length: int) -> tuple[bytes, Offer]:
    with fetcher.open(checked_url(offer.url), {"range": f"bytes=0-{length - 1}"}) as answer:
        data = bytearray()
        for block in answer.blocks():
            data += block
            if len(data) >= length:
                break
        said = _said_name(answer.response.headers.get("content-disposition", ""))
        told = replace(
            offer,
            name=said or offer.name,
            size=answer.size if answer.size is not None else offer.size,
            sha256=offer.sha256 or answer.sha256,
        )
    # A file by that name is told by what its source calls it; only a bare address has no better name than the server's.
    return bytes(data[:length]), replace(told, name=offer.name) if offer.facts else told


def _said_name(disposition: str) -> str:
    """The file name in a Content-Disposition header (RFC 6266)."""
    if found := re.search(r"filename\*\s*=\s*(?:utf-8|iso-8859-1)''([^;\s]+)", disposition, re.IGNORECASE):
        return unquote(found[1])
    found = re.search(r'filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))', disposition, re.IGNORECASE)
    return (found[1] or found[2] or "") if found else ""


def _quoted(text: str, safe: str = "") -> str:
    return quote(text, safe=safe)


def _digest(value: Any) -> str:
    text = value.lower() if isinstance(value, str) else ""
    return text if re.fullmatch(r"[0-9a-f]{64}", text) else ""


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return " ".join(readable(value).split())[:200] if isinstance(value, str) else ""


def _web_address(value: Any) -> str:
    return value if isinstance(value, str) and value.startswith("https://") and len(value) < 500 else ""
