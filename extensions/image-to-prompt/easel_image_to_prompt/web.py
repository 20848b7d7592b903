"""The page "Image to prompt". The model works in a process of its own: there is no torch where the page lives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from webui.errors import GenerationFailed, InvalidRequest, NotFound
from webui.extensions import Button, Choice, Choices, Image, Markdown, Number, Row, Tab, Text, hookimpl
from webui.extensions.easel import Easel

FOLDER = Path(__file__).resolve().parents[3] / "models" / "captioners"
"""Where models lie."""

WHERE = (
    "Put a model into models/captioners: a folder as transformers saves it, with config.json, safetensors, tokenizer and preprocessor "
    "(BLIP, GIT and the like)."
)
NONE = "(none yet)"
"""Stands where a model is chosen as long as there is none."""
PROGRAM = Path(__file__).with_name("describing.py")
"""Started, never imported: it needs torch."""
PATIENCE = 300
"""Seconds for one picture: a large model on an old machine."""


def models(folder: Path | None = None) -> dict[str, Path]:
    """The models that there are, by name."""
    root = folder or FOLDER
    found = sorted(path.parent for path in root.glob("*/config.json")) if root.is_dir() else []
    return {path.name: path for path in found if any(path.glob("*.safetensors"))}


def find_model(name: str, folder: Path | None = None) -> Path:
    """A model by its name, or the only one. Raises NotFound where there is none, InvalidRequest for another name."""
    known = models(folder)
    if not known:
        raise NotFound("There is no model that describes pictures.", hint=WHERE)
    chosen = name.strip() or next(iter(known))
    if chosen not in known:
        raise InvalidRequest(f"There is no model {chosen[:60]!r}.", field="model", allowed=", ".join(known), hint=WHERE)
    return known[chosen]


def words_for(folder: Path, picture: Path, tokens: int) -> str:
    """What a picture shows, by a model. Raises GenerationFailed in words."""
    quiet = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}
    command = [sys.executable, "-P", str(PROGRAM), str(folder), str(picture), str(tokens)]
    try:
        ran = subprocess.run(command, env=os.environ | quiet, capture_output=True, text=True, timeout=PATIENCE, check=False)
        told = json.loads(ran.stdout.strip().rpartition("\n")[2])
    except (OSError, ValueError, subprocess.SubprocessError):
        raise GenerationFailed(
            f"{folder.name} ended without a word.", hint="It may need more memory than there is, or be damaged."
        ) from None
    if "error" in told:
        raise GenerationFailed(f"{folder.name} can't be used: {told['error']}", hint=WHERE)
    return str(told["words"])


def describe(values: Mapping[str, Any], easel: Easel) -> Iterator[dict[str, Any]]:
    """The words for the picture that was put in, or for one of history."""
    chosen = str(values.get("picture") or values.get("number") or "").strip()
    if not chosen:
        raise InvalidRequest("There is no picture.", field="picture", hint="Put one in, or write the number of one in history.")
    name = str(values.get("model") or "")
    model = find_model("" if name == NONE else name)
    yield {"told": f"{model.name} looks at it; the first time takes a while."}
    with tempfile.TemporaryDirectory(prefix="easel-look-") as folder:
        file = Path(folder) / "picture.png"
        easel.picture(chosen).convert("RGB").save(file)
        words = words_for(model, file, int(values.get("tokens") or 40))
    yield {"words": words, "told": "Done."}


def look(values: Mapping[str, Any]) -> dict[str, Any]:
    """The models that there are now, and what to do where there is none."""
    known, chosen = list(models()), str(values.get("model") or "")
    picked = chosen if chosen in known else next(iter(known), NONE)
    return {"model": Choices(known or [NONE], picked), "told": "" if known else f"There is no model yet. {WHERE}"}


@hookimpl
def tab() -> Tab:
    """The page."""
    return Tab(
        "Image to prompt",
        [
            Markdown(text="", name="told"),
            Image(name="picture", label="Picture"),
            Row(
                [
                    Text(name="number", label="Or one of history", placeholder="its number"),
                    Choice(name="model", label="Model", choices=(NONE,), changing=True),
                    Number(name="tokens", label="At most", default=40, minimum=5, maximum=200, step=1, unit="tokens"),
                ]
            ),
            Button(label="Describe", on_click=describe, name="describe", primary=True),
            Text(name="words", label="Prompt", lines=4),
        ],
        key="image-to-prompt",
        on_open=look,
    )
