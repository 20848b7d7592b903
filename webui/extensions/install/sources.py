"""Where add-ons come from: what somebody typed becomes one of four kinds of source, or is refused by name."""

from __future__ import annotations

import ipaddress
import os
import re
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx

from webui.errors import InvalidRequest
from webui.guarded_network import BlockedAddress, GuardedBackend, guarded_client, is_nobodys_own, is_nobodys_own_name, judged

Kind = Literal["git", "zip", "folder", "pypi"]

LOOPBACK_FOR_TESTS = "EASEL_TEST_ONLY_ALLOW_HTTP_FROM_THIS_MACHINE"
"""Environment variable that tests set, so that they can fetch from a git server on 127.0.0.1 without a certificate."""

_SECONDS = 30.0
"""Longest silence of a server."""
_PYPI = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?(==[0-9A-Za-z.!+]{1,40})?")
_REF = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+-]{0,200}")
_PAGE_OF_REF = re.compile(r"(?P<repo>https://[^/]+/[^/]+/[^/]+)/tree/(?P<ref>.+)")
_ALLOWED = "an https address of a git repository or a zip, a folder or a zip on this machine, or the name of a package"

BUILT_IN_FOR: dict[str, str] = {
    "sd-dynamic-prompts": "Dynamic prompts, an add-on that comes with Easel",
    "stable-diffusion-webui-wildcards": "Dynamic prompts, an add-on that comes with Easel",
    "adetailer": "Detailer, an add-on that comes with Easel",
    "ddetailer": "Detailer, an add-on that comes with Easel",
    "sd-webui-controlnet": "Control, in the column of txt2img, img2img and Inpaint",
    "sd-webui-regional-prompter": "Regions, in the column of txt2img, img2img and Inpaint",
    "stable-diffusion-webui-two-shot": "Regions, in the column of txt2img, img2img and Inpaint",
    "ultimate-upscale-for-automatic1111": "Tiled redrawing, on the Upscale page and under High-res fix",
    "multidiffusion-upscaler-for-automatic1111": "Tiled drawing and the tiled VAE, which Easel chooses by itself where memory is short",
    "a1111-sd-webui-tagcomplete": "completion of prompts, which offers words while you type",
    "stable-diffusion-webui-images-browser": "the History page",
    "sd-webui-infinite-image-browsing": "the History page",
    "sd-webui-agent-scheduler": "the queue, which keeps jobs over a restart",
    "sd-webui-supermerger": "Merge, on the Models page",
    "model-mixer": "Merge, on the Models page",
    "sd-webui-model-converter": "Convert, on the Models page",
    "sd-civitai-browser": "Add models, on the Models page",
    "sd-civitai-browser-plus": "Add models, on the Models page",
    "stable-diffusion-webui-civitai-helper": "Add models, and the words of each model, on the Models page",
    "sd_dreambooth_extension": "the Train page",
    "stable-diffusion-webui-wd14-tagger": "Image to prompt, an add-on that comes with Easel",
    "clip-interrogator-ext": "Image to prompt, an add-on that comes with Easel",
    "stable-diffusion-webui-rembg": "Cut out, a step of Finishing",
    "sd-webui-aspect-ratio-helper": "the shapes beside width and height",
    "canvas-zoom": "the canvas of Inpaint, which zooms with the wheel",
    "sd-webui-freeu": "FreeU, under Steering",
    "sd-dynamic-thresholding": "Dynamic thresholding, under Steering",
    "sd-webui-refiner": "Refiner, in the column of txt2img and img2img",
    "sd-webui-cutoff": "Regions and the AND of prompts",
    "sd-webui-prompt-all-in-one": "the styles, the completion and the explanation of prompts",
    "stable-diffusion-webui-prompt-travel": "prompt editing such as [a:b:0.5], and the X/Y/Z grid",
    "sd-webui-stablesr": "the Upscale page, with any upscaler that spandrel reads",
    "sd-webui-lora-block-weight": "LoRA weights by block, as in <lora:name:1:lbw=…>",
    "a1111-sd-webui-lycoris": "LoRA: LyCORIS files are read as LoRAs",
}
"""Repositories of add-ons for AUTOMATIC1111 -> what does their job here."""


@dataclass(frozen=True)
class Source:
    """One source. address: URL, whole path or package name. ref: branch, tag or commit; "" is what the repository calls its head."""

    kind: Kind
    address: str
    ref: str = ""

    def __str__(self) -> str:
        return f"{self.address.removeprefix('https://')}{f' @ {self.ref}' if self.ref else ''}"

    def as_dict(self) -> dict[str, Any]:
        """For the lock file."""
        return {"kind": self.kind, "address": self.address, "ref": self.ref}


def refused(message: str, hint: str, allowed: str = _ALLOWED) -> InvalidRequest:
    """A source that nothing is fetched from."""
    return InvalidRequest(message, field="source", allowed=allowed, hint=hint, code="source_not_allowed")


def loopback_allowed() -> bool:
    """Whether this process was started by tests that fetch from this machine."""
    return os.environ.get(LOOPBACK_FOR_TESTS) == "yes"


def check_address(url: str) -> str:
    """The URL itself. Raises InvalidRequest source_not_allowed for anything but https without a name and password in it."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise refused("This is no address.", "Copy it once more.") from None
    if parts.username is not None or parts.password is not None:
        raise refused("The address has a name or a password in it.", "Leave that out; what needs a password can be downloaded as a zip.")
    for_tests = loopback_allowed() and _is_loopback(host)
    local = parts.scheme == "http" and for_tests
    if parts.scheme != "https" and not local:
        raise refused(f"Nothing is fetched by {parts.scheme[:20] or 'that'}.", "Use the https address, or download a zip.")
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:]+", host) or any(sign in url for sign in " \t\r\n\0\\"):
        raise refused("This is no address.", "Copy it once more.")
    if (_is_loopback(host) or not is_nobodys_own_name(host)) and not for_tests:
        raise leads_here(host)
    return url


def leads_here(host: str) -> InvalidRequest:
    """An address of this machine, or one whose name leads to it."""
    return refused(f"{host} is this machine itself.", "Name the folder or the zip by its path instead.")


def open_line() -> httpx.Client:
    """For fetching from addresses that somebody named: a name that leads to this machine raises BlockedAddress."""
    backend = GuardedBackend(is_nobodys_own, trusted=lambda host: loopback_allowed() and _is_loopback(host))
    return guarded_client(backend, timeout=_SECONDS)


def check_name(url: str) -> str:
    """The URL itself, if its host's name doesn't lead to this machine, either. For lines that are not opened by `open_line`.

    Between this look and theirs the name may change where it leads: then nothing here has a certificate of that name.
    Raises InvalidRequest source_not_allowed.
    """
    parts = urlsplit(check_address(url))
    host = parts.hostname or ""
    if not (loopback_allowed() and _is_loopback(host)) and not urllib.request.getproxies():
        try:
            judged(host, parts.port or 443, is_nobodys_own)
        except BlockedAddress:
            raise leads_here(host) from None
        except (OSError, UnicodeError):
            return url  # whoever opens the line says that nobody knows the name
    return url


def parse_source(text: str, ref: str = "") -> Source:
    """What somebody typed, as a source. Raises InvalidRequest source_not_allowed.

    Git addresses may end in #branch; a page of a branch, .../tree/branch, is understood, too.
    """
    text = text.strip()
    if not text or len(text) > 2000:
        raise refused("Say where the add-on is.", "Paste an address, a path, or the name of a package.")
    if ref and not _REF.fullmatch(ref):
        raise refused("This is no branch, tag or commit.", "Leave it out for the newest.", "letters, digits and . _ / + -")
    if "://" in text:
        return _from_address(text, ref)
    path = Path(text).expanduser() if text.startswith("~") else Path(text)
    if path.is_absolute():
        return _from_disk(path)
    if _PYPI.fullmatch(text):
        return Source("pypi", text)
    raise refused(f"{text[:80]!a} is no source.", "Paste an https address, a whole path, or the name of a package.")


def built_in_for(text: str) -> str | None:
    """What does the job of a known add-on for AUTOMATIC1111; None for all others."""
    last = text.strip().rstrip("/").partition("#")[0].partition("/tree/")[0].rpartition("/")[2]
    return BUILT_IN_FOR.get(last.lower().removesuffix(".git")) if "://" in text else None


def _from_address(text: str, ref: str) -> Source:
    address, _, tail = text.partition("#")
    page = _PAGE_OF_REF.fullmatch(address)
    if page is not None:
        address, tail = page["repo"], page["ref"]
    wanted = ref or tail
    if wanted and not _REF.fullmatch(wanted):
        raise refused("This is no branch, tag or commit.", "Leave it out for the newest.", "letters, digits and . _ / + -")
    address = check_address(address).rstrip("/")
    return Source("zip", address) if urlsplit(address).path.lower().endswith(".zip") else Source("git", address, wanted)


def _from_disk(path: Path) -> Source:
    path = Path(os.path.normpath(path))
    if path.is_dir():
        return Source("folder", str(path))
    if path.is_file() and path.suffix.lower() == ".zip":
        return Source("zip", str(path))
    raise refused(f"{path} is neither a folder nor a zip.", "Name a folder with a pyproject.toml, or a zip of one.")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
