"""How long a user waits in a real browser: `python -m benchmarks.pages` (Chromium, one quiet machine).

Starts the app with an empty cache and times the first page, every switch of pages, and opening another beat with its
heatmap, each until what matters can be seen. Prints the median and the worst of all repeats.
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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from pipeline.config import ROOT

# What must be seen on a page before it counts as open.
PAGES = {
    "Picture": "Pictures of single beats",
    "Dataset": "Dataset",
    "Evaluation": "One network in depth",
    "About": "About HeartVision",
}
ROUNDS, BEATS = 4, 10
LOOKED_AT_MS = 2000  # seconds on a page: nobody leaves one sooner
CHROMIUM = "/usr/bin/chromium"
ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]


@contextmanager
def running_app(folder: Path | None = None) -> Iterator[str]:
    """The address of a new app that stores its files in `folder`, or in a temporary one."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app/main.py", f"--server.port={port}"]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:  # the worker may still write
        home = folder or Path(temporary)
        kept = {"HEARTVISION_CACHE": f"{home}/cache", "HEARTVISION_HOME": f"{home}/home"}
        server = subprocess.Popen(
            [*command, "--server.headless=true"], cwd=ROOT, env=os.environ | kept, stdout=subprocess.DEVNULL
        )
        try:
            address = f"http://127.0.0.1:{port}"
            _wait(address)
            yield address
        finally:
            server.terminate()
            server.wait(timeout=20)


def _wait(address: str) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=1).close()
            return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.1)
    raise SystemExit("The app did not answer within a minute.")


def seconds(action: Callable[[], object], seen: Callable[[], object]) -> float:
    """Seconds from the action until what is waited for can be seen."""
    start = time.perf_counter()
    action()
    seen()
    return time.perf_counter() - start


# Asked at every frame of the browser: Playwright itself only looks after 0.1, 0.35, 0.85 and 1.85 s.
IS_OPEN = """([heading, before]) => {
  const shown = element => element.checkVisibility() && element.innerText.startsWith(heading);
  const found = [...document.querySelectorAll("h1, h2, h3")].find(shown);
  return found && found.innerText !== before && !document.querySelector("[data-stale='true']");
}"""
IS_HEATED = """(before) => {
  const found = [...document.querySelectorAll("h1, h2, h3")].find(h => h.innerText.startsWith("Beat "));
  return found && found.innerText !== before && !document.querySelector("[data-stale='true']")
    && document.querySelector("[data-testid='stImageCaption']");
}"""


def next_beat(page: Page) -> float:
    """Open the next abnormal beat, and wait for its own heatmap."""
    before = page.get_by_role("heading", name="Beat ").first.inner_text()
    button = page.get_by_role("button", name="Next abnormal")
    return seconds(button.click, lambda: page.wait_for_function(IS_HEATED, arg=before))


def switch(page: Page, name: str) -> float:
    """Open a page, and wait until its own heading is there and nothing of the last one, which had time to finish."""
    page.wait_for_timeout(LOOKED_AT_MS)
    link = page.get_by_role("link", name=name, exact=True).first
    return seconds(link.click, lambda: page.wait_for_function(IS_OPEN, arg=[PAGES[name], ""]))


def main() -> None:
    """Print the table."""
    expect.set_options(timeout=120_000)
    with running_app() as address, sync_playwright() as playwright:
        page = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS).new_page(
            viewport={"width": 1440, "height": 900}
        )
        demo = page.get_by_role("button", name="Open the demo recording")
        row("first page", [seconds(lambda: page.goto(address), lambda: expect(demo).to_be_visible())])
        heat = page.get_by_text("Where it looked for").first
        row("demo, opened for the first time", [seconds(demo.click, lambda: expect(heat).to_be_visible())])
        row("another beat with heatmap", [next_beat(page) for _ in range(BEATS)])
        times = {name: [] for name in PAGES}  # type: dict[str, list[float]]
        for _ in range(ROUNDS):
            for name in PAGES:
                times[name].append(switch(page, name))
        for name in PAGES:
            row(f"page {name}, first visit", times[name][:1])
            row(f"page {name}, again", times[name][1:])


def row(what: str, times: list[float]) -> None:
    """One line of the table."""
    print(f"{what:36}{statistics.median(times):8.2f} s{max(times):8.2f} s worst of {len(times)}", flush=True)


if __name__ == "__main__":
    main()
