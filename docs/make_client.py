"""Makes webui/client/models.py and operations.py from the API's own description: run it when a route changes.

.venv/bin/python docs/make_client.py
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = ROOT / "docs" / "client_templates"
MADE = {"models/__init__.py": "models.py", "client.py": "operations.py"}
"""What the generator writes, and what it is called in webui/client."""

STREAMS = "text/event-stream"


def describe() -> dict[str, Any]:
    """What /api/v1/openapi.json answers, of an Easel that nobody serves."""
    from webui.app import build_web, open_studio
    from webui.settings import load_settings

    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(data_dir=Path(folder), executor="fake", safe_mode=True)
        with open_studio(settings) as (studio, _):
            return build_web(studio).openapi()


def prepared(description: dict[str, Any]) -> dict[str, Any]:
    """The same without streams, which webui/client/easel.py follows itself, and with a schema for each file that is answered."""
    paths: dict[str, Any] = {}
    for path, operations in description["paths"].items():
        if not path.startswith("/api/v1/"):
            continue
        for method, operation in operations.items():
            kinds = [kind for answer in operation["responses"].values() for kind in answer.get("content", {})]
            if STREAMS in kinds:
                continue
            for answer in operation["responses"].values():
                for content in answer.get("content", {}).values():
                    if not content.get("schema"):
                        content["schema"] = {"type": "string", "format": "binary"}
            for content in operation.get("requestBody", {}).get("content", {}).values():
                if definitions := content.get("schema", {}).pop("$defs", None):
                    content["schema"] = _written_out(content["schema"], definitions)
            # The last tag is the closest: those of the queue are a part of the jobs'.
            paths.setdefault(path, {})[method] = {**operation, "tags": operation["tags"][-1:]}
    return {**description, "paths": paths}


def _written_out(schema: Any, definitions: dict[str, Any]) -> Any:
    """A schema with what it refers to in its own `$defs` in the place of the reference."""
    if isinstance(schema, list):
        return [_written_out(one, definitions) for one in schema]
    if not isinstance(schema, dict):
        return schema
    reference = str(schema.get("$ref", ""))
    if reference.startswith("#/$defs/"):
        return _written_out(definitions[reference.removeprefix("#/$defs/")], definitions)
    return {key: _written_out(value, definitions) for key, value in schema.items()}


def make(description: dict[str, Any]) -> dict[str, str]:
    """The text of each file of webui/client that is made, by its name. Raises RuntimeError with what the generator can't read."""
    from openapi_python_client import generate
    from openapi_python_client.config import Config, ConfigFile, MetaType

    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder) / "openapi.json", Path(folder) / "made"
        source.write_text(json.dumps(prepared(description)))
        config = Config.from_sources(
            ConfigFile.load_from_path(TEMPLATES / "config.yaml"),
            MetaType.NONE,
            document_source=source,
            file_encoding="utf-8",
            overwrite=False,
            output_path=made,
        )
        config.post_hooks = []
        if errors := generate(config=config, custom_template_path=TEMPLATES):
            raise RuntimeError("\n".join(f"{error.header} {error.detail}" for error in errors))
        return {name: tidy((made / written).read_text("utf-8")) for written, name in MADE.items()}


def tidy(text: str) -> str:
    """The text as ruff would have it."""
    for arguments in (("check", "--fix", "--quiet", "--select", "I,F401,UP,RUF036"), ("format", "--quiet")):
        command = [sys.executable, "-m", "ruff", *arguments, "--stdin-filename", str(ROOT / "webui" / "client" / "made.py"), "-"]
        text = subprocess.run(command, input=text, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    return text


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    for name, text in make(describe()).items():
        (ROOT / "webui" / "client" / name).write_text(text, "utf-8")
        print(f"webui/client/{name}: {text.count(chr(10)):,} lines")
