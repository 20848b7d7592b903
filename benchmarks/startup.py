"""Page ready, beside what `import gradio` alone takes: alternated in one run, medians and the ratio.

    python benchmarks/startup.py [--rounds 5] [--executor local|fake]

Page ready: from starting `python -m webui.cli serve` until GET / has been answered in full.
"""

from __future__ import annotations

import argparse
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GOAL = 1.6


def seconds_of_import() -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import gradio"], check=True, cwd=ROOT)
    return time.perf_counter() - started


def seconds_to_page(executor: str) -> float:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as data_dir:
        command = [sys.executable, "-m", "webui.cli", "serve", "--port", str(port), "--data-dir", data_dir, "--executor", executor]
        started = time.perf_counter()
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as server:
            try:
                while True:
                    try:
                        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as page:
                            page.read()
                        return time.perf_counter() - started
                    except OSError:
                        if server.poll() is not None:
                            raise RuntimeError("Easel ended before its page was there.") from None
                        time.sleep(0.01)
            finally:
                server.terminate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--executor", default="local")
    options = parser.parse_args()
    seconds_of_import()  # the first one reads the files from disk for both
    imports, pages = [], []
    for _ in range(options.rounds):
        imports.append(seconds_of_import())
        pages.append(seconds_to_page(options.executor))
    alone, page = statistics.median(imports), statistics.median(pages)
    print(f"import gradio alone  {alone:5.2f} s   (from {min(imports):.2f} to {max(imports):.2f})")
    print(f"page ready           {page:5.2f} s   (from {min(pages):.2f} to {max(pages):.2f}, executor {options.executor})")
    print(f"ratio                {page / alone:5.2f}     (goal: at most {GOAL})")


if __name__ == "__main__":
    main()
