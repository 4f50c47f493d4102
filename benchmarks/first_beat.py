"""From the click on the demo to its first beat and heatmap, in Chromium: `python -m benchmarks.first_beat [RUNS]`.

Each run starts a server with empty folders, opens the page and clicks as soon as it can be clicked. Times are from the
click on. The processor time is that of the server and its worker from their start until the heatmap is there: on a
machine that others use as well it tells more than the clock. The aims, on two quiet cores: 5 s and 8 s.
"""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, sync_playwright

from pipeline.config import ROOT

CHROMIUM: Final = "/usr/bin/chromium"
ARGS: Final = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
WAIT_S: Final = 120.0
BEAT: Final = "[data-testid=stHeading]:has-text('Beat ')"
STRIP: Final = "[class*=st-key-strip] .js-plotly-plot"
HEATMAP: Final = "text=Where it looked for"


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, int]]:
    """The address and process of a new server with empty folders in `folder`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folders = {name: str(folder / name.lower()) for name in ("HEARTVISION_CACHE", "HEARTVISION_HOME")}
    command = [sys.executable, "-m", "streamlit", "run", "app/main.py", f"--server.port={port}"]
    with (folder / "log.txt").open("w") as log:
        server = subprocess.Popen(
            [*command, "--server.headless=true"], cwd=ROOT, env=os.environ | folders, stdout=log, stderr=log
        )
    try:
        _wait_for(f"http://127.0.0.1:{port}/_stcore/health")
        yield f"http://127.0.0.1:{port}", server.pid
    finally:
        server.terminate()
        server.wait(timeout=20)


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.05)
    raise SystemExit("The server did not start.")


def processor_s(process: int) -> float:
    """Processor seconds that a process and its children have used so far; 0 where there is no /proc."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            after_name = stat.read_text().rpartition(")")[2].split()
            if process in (int(stat.parent.name), int(after_name[1])):
                ticks += int(after_name[11]) + int(after_name[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def one_run(browser: Browser) -> dict[str, float]:
    """Seconds until the page can be clicked, and from the click to the first beat and the first heatmap."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, served(Path(folder)) as (address, server):
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        opened = time.perf_counter()
        page.goto(address)
        button = page.get_by_role("button", name="Open the demo recording")
        button.wait_for(timeout=WAIT_S * 1000)
        clicked = time.perf_counter()
        button.click()
        page.locator(BEAT).first.wait_for(timeout=WAIT_S * 1000)
        page.locator(STRIP).first.wait_for(timeout=WAIT_S * 1000)
        beat = time.perf_counter()
        page.locator(HEATMAP).first.wait_for(timeout=WAIT_S * 1000)
        heatmap, cpu = time.perf_counter(), processor_s(server)
        page.close()
    return {"page": clicked - opened, "first beat": beat - clicked, "heatmap": heatmap - clicked, "server CPU": cpu}


def main(runs: int) -> None:
    """Print a line for each run, then the medians."""
    names = ("page", "first beat", "heatmap", "server CPU")
    print("".join(f"{name:>12}" for name in names) + "   seconds", flush=True)
    found = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGS))
        for _ in range(runs):
            found.append(one_run(browser))
            print("".join(f"{found[-1][name]:12.2f}" for name in names), flush=True)
        browser.close()
    medians = "".join(f"{statistics.median(run[name] for run in found):12.2f}" for name in names)
    print(f"{medians}   median (aims: first beat 5, heatmap 8)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
