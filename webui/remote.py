"""Asks an Easel that is already running to make pictures; used by the command line."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from webui.errors import EaselError, GenerationFailed
from webui.studio.journal import ENDED

_POLL_SECONDS = 0.3
_TIMEOUT_SECONDS = 30


def _call(url: str, body: dict[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        told = json.load(error).get("error", {})
        raise EaselError(
            told.get("message", str(error)), hint=told.get("hint", ""), field=told.get("field"), allowed=told.get("allowed")
        ) from None
    except OSError as error:
        raise EaselError(f"The Easel at {url} doesn't answer ({error}).", hint="End it, and try again.") from None


def generate_remotely(url: str, fields: dict[str, Any], on_event: Callable[[dict[str, Any]], None]) -> list[tuple[str, bytes]]:
    """Submit to the Easel at `url`, wait, and fetch the pictures: (seed, PNG bytes) each."""
    job = _call(f"{url}/api/v1/jobs", fields)
    while job["status"] not in ENDED:
        time.sleep(_POLL_SECONDS)
        job = _call(f"{url}/api/v1/jobs/{job['id']}")
        if job["progress"]:
            on_event({"type": "progress", **job["progress"]})
    if job["error"]:
        raise GenerationFailed(job["error"]["message"], hint=job["error"]["hint"])
    made = []
    for image in job["images"]:
        with urllib.request.urlopen(f"{url}{image['url']}", timeout=_TIMEOUT_SECONDS) as answer:
            made.append((image["seed"], answer.read()))
    return made
