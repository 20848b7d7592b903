"""Many who only listen: how long pictures take with 1,000 open event streams, and with none, in turns within one run.

    python -m benchmarks.idle_listeners [--listeners 1000] [--rounds 8] [--steps 40] [--side 512] [--of all|others]

A real Easel in a process of its own draws with the shipped checkpoint. The listeners are sockets of this process that read what
comes and do nothing with it. "all": they hear of every step, as pages of the one who draws do; "others": they belong to somebody
else, as pages of other people do, and hear next to nothing. Each round draws the same picture once with and once without them,
the other way round every second time; medians of the server's own seconds for a job, and their quotient, are printed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx

PASSWORD = "a word that is long enough"


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """An Easel with its data in that folder: its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "webui.cli", "serve", "--port", str(port), "--data-dir", str(folder), "--log-level", "error"]
    process = subprocess.Popen(command)
    url = f"http://127.0.0.1:{port}"
    try:
        while True:
            try:
                httpx.get(f"{url}/api/v1/health")
                break
            except httpx.TransportError:
                time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait()


@asynccontextmanager
async def listening(url: str, number: int, token: str) -> AsyncIterator[list[int]]:
    """So many open streams of events: how many bytes came over each."""
    address = httpx.URL(url)
    came = [0] * number
    head = f"GET /api/v1/events HTTP/1.1\r\nHost: {address.host}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    writers: list[asyncio.StreamWriter] = []

    async def read(index: int, reader: asyncio.StreamReader) -> None:
        while part := await reader.read(65536):
            came[index] += len(part)

    tasks = []
    for index in range(number):
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(head)
        status = await reader.readuntil(b"\r\n\r\n")
        assert b" 200 " in status, status
        writers.append(writer)
        tasks.append(asyncio.create_task(read(index, reader)))
    try:
        yield came
    finally:
        for writer in writers:
            writer.close()
        for task in tasks:
            task.cancel()


async def seconds(client: httpx.AsyncClient, request: dict[str, object]) -> float:
    """How long the server worked on one picture, from the moment it was asked for."""
    started = time.perf_counter()
    answer = await client.post("/sdapi/v1/txt2img", json=request)
    answer.raise_for_status()
    return time.perf_counter() - started


async def measure(url: str, arguments: argparse.Namespace) -> None:
    tokens = await people(url)
    listener = tokens["draws"] if arguments.of == "all" else tokens["others"]
    request = {"prompt": "red apple", "seed": 5, "steps": arguments.steps, "width": arguments.side, "height": arguments.side}
    request |= {"send_images": False, "override_settings": {"sd_model_checkpoint": "easel-emoji"}}
    headers = {"authorization": f"Bearer {tokens['draws']}"}
    times: dict[bool, list[float]] = {False: [], True: []}
    heard = 0.0
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=600) as client:
        await seconds(client, request)  # loads the model
        for turn in range(arguments.rounds):
            for crowded in (turn % 2 == 0, turn % 2 == 1):
                if crowded:
                    async with listening(url, arguments.listeners, listener) as came:
                        await asyncio.sleep(0.5)
                        times[True].append(await seconds(client, request))
                        heard = statistics.median(came)
                else:
                    await asyncio.sleep(0.5)
                    times[False].append(await seconds(client, request))
    alone, among = (statistics.median(times[crowded]) for crowded in (False, True))
    spread = max(times[False]) / min(times[False])
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors; each listener heard {heard:,.0f} bytes in the last round")
    print(
        f"{arguments.side}x{arguments.side}, {arguments.steps} steps, {arguments.rounds} rounds: "
        f"alone {alone:.3f} s (slowest by fastest {spread:.2f}), with {arguments.listeners:,} listeners {among:.3f} s, "
        f"quotient {among / alone:.3f}; of the fastest {min(times[True]) / min(times[False]):.3f}"
    )


async def people(url: str) -> dict[str, str]:
    """One who draws, and one who only listens: their tokens."""
    tokens = {}
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        for name in ("draws", "others"):
            client.cookies.clear()
            # The first account is made by the household; after that one is asked who one is.
            how: dict[str, Any] = {"auth": ("draws", PASSWORD)} if tokens else {}
            answer = await client.post("/api/v1/people", json={"name": name, "password": PASSWORD}, **how)
            answer.raise_for_status()
            client.cookies.clear()
            made = await client.post("/api/v1/me/tokens", json={"name": "benchmark", "scopes": ["read", "generate"]}, auth=(name, PASSWORD))
            tokens[name] = made.raise_for_status().json()["token"]
    return tokens


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--listeners", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--of", choices=("all", "others"), default="all")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as url:
        asyncio.run(measure(url, arguments))


if __name__ == "__main__":
    main()
