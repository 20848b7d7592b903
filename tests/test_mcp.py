"""The MCP server, asked by MCP's own client, over a running Easel."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from served import apart, serving

from webui.client import AsyncEasel

mcp = pytest.importorskip("mcp", reason="requirements-mcp.txt is not installed")

ROOT = Path(__file__).resolve().parent.parent


def ask(url: str, what: Callable[[Any], Awaitable[Any]]) -> Any:
    from webui.mcp.server import build

    async def asked() -> Any:
        async with mcp.Client(build(lambda token: AsyncEasel(url, token))) as client:
            return await what(client)

    return apart(lambda: asyncio.run(asked()))


def parts(result: Any) -> tuple[list[Any], list[Any]]:
    """What was said, as JSON where it is that, and the pictures."""
    said, shown = [], []
    for part in result.content:
        if part.type == "image":
            shown.append(Image.open(io.BytesIO(base64.b64decode(part.data))))
        else:
            try:
                said.append(json.loads(part.text))
            except ValueError:
                said.append(part.text)
    return said, shown


def test_every_tool_says_what_it_is(url: str) -> None:
    listed = ask(url, lambda client: client.list_tools()).tools
    names = {"make_picture", "change_picture", "upscale_picture", "search_history", "look_at_picture", "list_models", "queue", "cancel_job"}
    assert {tool.name for tool in listed} == names
    assert all(tool.description for tool in listed)


def test_a_picture_is_made_changed_enlarged_and_found(url: str) -> None:
    async def work(client: Any) -> None:
        made = await client.call_tool("make_picture", {"prompt": "a heron of mcp", "width": 64, "height": 128, "steps": 2, "seed": 7})
        (facts,), (picture,) = parts(made)
        assert (facts["seed"], facts["prompt"], picture.size) == ("7", "a heron of mcp", (64, 128))
        changed = await client.call_tool("change_picture", {"picture": facts["picture"], "prompt": "a stork of mcp"})
        (other,), (picture,) = parts(changed)
        assert (other["prompt"], picture.size) == ("a stork of mcp", (64, 128))
        large = await client.call_tool("upscale_picture", {"picture": other["picture"], "scale": 2})
        assert parts(large)[1][0].size == (128, 256)
        found = await client.call_tool("search_history", {"query": "heron"})
        assert facts["picture"] in json.dumps(parts(found)[0])
        seen = await client.call_tool("look_at_picture", {"picture": facts["picture"]})
        assert parts(seen)[0][0]["file"] == facts["file"]
        models = await client.call_tool("list_models", {})
        assert "small" in json.dumps(parts(models)[0])
        assert not (await client.call_tool("queue", {})).is_error

    ask(url, work)


def test_an_error_says_what_to_do(url: str) -> None:
    async def work(client: Any) -> None:
        wrong = await client.call_tool("make_picture", {"prompt": "x", "steps": 9999})
        assert wrong.is_error
        assert "1 to 150" in wrong.content[0].text
        assert (await client.call_tool("look_at_picture", {"picture": "1"})).is_error

    ask(url, work)


@contextmanager
def over_http(url: str, **environment: str) -> Iterator[str]:
    """The server in a process of its own: its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    code = f"from webui.mcp.server import run; run({port})"
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env={**os.environ, "EASEL_URL": url, **environment}) as process:
        try:
            while process.poll() is None:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.05)
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            process.terminate()


@pytest.mark.slow
def test_it_runs_over_http_for_whoever_shows_a_token(tmp_path: Path) -> None:
    from mcp.client.streamable_http import streamable_http_client

    with serving(tmp_path) as url, httpx.Client(base_url=url, timeout=60) as keeper:
        keeper.post("/api/v1/people", json={"name": "anna", "password": "brown fox over dogs"}).raise_for_status()
        makes, reads = (
            keeper.post("/api/v1/me/tokens", json={"name": str(scopes), "scopes": scopes}).json()["token"]
            for scopes in (["read", "generate"], ["read"])
        )
        # What the one who started the server may do is nobody else's, though the server could.
        with over_http(url, EASEL_TOKEN=makes) as address:

            async def work(token: str | None) -> tuple[Any, Any]:
                headers = {} if token is None else {"authorization": f"Bearer {token}"}
                async with mcp.client.streamable_http.create_mcp_http_client(headers=headers) as http:
                    async with mcp.Client(streamable_http_client(address, http_client=http)) as client:
                        listed = await client.call_tool("list_models", {})
                        made = await client.call_tool("make_picture", {"prompt": "by http", "width": 64, "height": 64, "steps": 1})
                        return listed, made

            listed, made = apart(lambda: asyncio.run(work(makes)))
            assert "small" in json.dumps(parts(listed)[0]) and parts(made)[1][0].size == (64, 64)
            listed, made = apart(lambda: asyncio.run(work(reads)))
            assert not listed.is_error and made.is_error and "may not generate" in made.content[0].text
            for token in (None, makes[:-1], "easel_nobody"):
                listed, made = apart(lambda token=token: asyncio.run(work(token)))
                assert listed.is_error and made.is_error
                assert "log" in listed.content[0].text.lower() or "token" in listed.content[0].text.lower()
            hello = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
            kinds = {"accept": "application/json, text/event-stream", "authorization": f"Bearer {makes}"}
            for evil in ({"host": "evil.example"}, {"origin": "https://evil.example"}, {"origin": "null"}):
                assert httpx.post(address, json=hello, headers=kinds | evil).status_code in (403, 421)


@pytest.mark.slow
def test_with_logins_it_uses_the_token_of_its_environment(tmp_path: Path) -> None:
    with serving(tmp_path) as url, httpx.Client(base_url=url, timeout=60) as keeper:
        keeper.post("/api/v1/people", json={"name": "anna", "password": "brown fox over dogs"}).raise_for_status()
        token = keeper.post("/api/v1/me/tokens", json={"name": "mcp", "scopes": ["read", "generate"]}).json()["token"]

        async def work(secret: str) -> Any:
            environment = {**os.environ, "EASEL_URL": url, "EASEL_TOKEN": secret}
            command = mcp.StdioServerParameters(command=sys.executable, args=["launch.py", "mcp"], cwd=str(ROOT), env=environment)
            async with mcp.Client(command) as client:
                return await client.call_tool("make_picture", {"prompt": "by stdio", "width": 64, "height": 64, "steps": 1})

        assert parts(apart(lambda: asyncio.run(work(token))))[1][0].size == (64, 64)
        assert apart(lambda: asyncio.run(work(""))).is_error
        assert "by stdio" in keeper.get("/api/v1/history").text


def test_it_runs_on_standard_input_and_output(url: str) -> None:
    command = mcp.StdioServerParameters(
        command=sys.executable, args=["-m", "webui.mcp"], cwd=str(ROOT), env={**os.environ, "EASEL_URL": url, "EASEL_TOKEN": "unused"}
    )

    async def work() -> None:
        async with mcp.Client(command) as client:
            models = await client.call_tool("list_models", {"kind": "upscalers"})
            assert "Lanczos" in json.dumps(parts(models)[0])

    apart(lambda: asyncio.run(work()))
