"""A decision from the key to a page at rest, in a real browser: `python -m benchmarks.decision [--beside CHECKOUT]`.

One half hour of the MIT-BIH database, and all 48 in a row as a day, with the annotations as the model's answers. Keys
are pressed on the Review page; the time ends with the last change of the page before it stays as it is for half a
second. `--beside` names another checkout of this repository that has this benchmark: both are measured in turns, and
the ratio is steadier than seconds on a machine that others use as well. What is measured lies in `--folder`: a second
run with the same folder does not read the recordings again.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, sync_playwright

from pipeline.analysis import Prepared, prepare
from pipeline.config import ROOT, data_root
from pipeline.intake import read_path
from pipeline.labels import AAMI_CLASSES, aami_class
from pipeline.store.listing import study_of_analysis
from pipeline.store.prepared import save_prepared
from pipeline.store.recordings import save_recording
from pipeline.types import Analysis, Annotations, Episode, Recording, Status

CHROMIUM, CHROMIUM_ARGS = "/usr/bin/chromium", ["--no-sandbox", "--disable-gpu"]
RECORD = "200"  # bigeminy, couplets and runs in half an hour
STUDIES = {"half an hour": 1, "a day": 2}
GROUP = "group:bigeminy"  # large enough for all the keys
KEYS = ("c", "v", "n", "x")
EPISODES = 61  # ends of made episodes, sinus rhythm and fibrillation in turn
WARM_UP, PRESSED, ROUNDS = 4, 8, 3  # keys before those that count, keys of a round, and rounds
SIZE = {"width": 1440, "height": 900}
TICKS = os.sysconf("SC_CLK_TCK")
READER = "Benchmark"
# When the key was pressed, whether the script has run since, and when the page last changed. It listens before the page
# does, which keeps its keys to itself.
WATCH = """
  window.pressed = 0;
  window.ran = true;
  window.state = () => document.querySelector("[data-testid=stApp]")?.dataset.testScriptState;
  addEventListener("keydown", () => { window.pressed = performance.now(); window.ran = false; }, true);
  new MutationObserver(() => { window.changed = performance.now(); window.ran ||= window.state() === "running"; })
    .observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
"""
AT_REST = """() => window.ran && window.state() === "notRunning" && !document.querySelector("[data-stale=true]")
  && performance.now() - window.changed > 500"""


@dataclass(frozen=True)
class Server:
    """A running app: its address, the number of its process, and its database."""

    address: str
    process: int
    database: Path


@dataclass
class Measured:
    """Per decision: seconds until the page rests, processor seconds of the server, kilobytes sent to the browser."""

    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    sent_kb: list[float] = field(default_factory=list)


def fill() -> None:
    """Make both studies in the folders that the environment names."""
    for recording in (read_path(data_root() / "mitdb" / f"{RECORD}.hea"), _day()):
        kept = save_recording(recording)
        assert recording.reference is not None
        prepared = save_prepared(prepare(kept, samples=recording.reference.sample))
        study_of_analysis(annotated(recording.reference, prepared), kept)


def _day() -> Recording:
    """All records of the MIT-BIH database in a row, with their annotations."""
    records = [read_path(path) for path in sorted((data_root() / "mitdb").glob("*.hea"))]
    starts = np.cumsum([0, *(record.n_samples for record in records[:-1])])
    beats = [record.reference for record in records if record.reference is not None]
    sample = np.concatenate([each.sample + start for each, start in zip(beats, starts, strict=True)])
    symbol = tuple(symbol for each in beats for symbol in each.symbol)
    return replace(
        records[0], name="day", p_signal=np.concatenate([record.p_signal for record in records]), leads=("MLII", "V1"),
        digest=hashlib.sha256(b"the day of benchmarks/decision.py").hexdigest(), notices=(),
        reference=Annotations(sample, symbol),
    )  # fmt: skip


def annotated(reference: Annotations, prepared: Prepared) -> Analysis:
    """The annotations as the model's answer."""
    recording, n = prepared.recording, reference.sample.size
    p = np.full((n, 5), 0.02, np.float32)
    p[np.arange(n), [AAMI_CLASSES.index(aami_class(symbol) or "Q") for symbol in reference.symbol]] = 0.92
    return Analysis(
        record=recording.name, digest=recording.digest, fs=recording.fs, duration_s=recording.duration_s,
        leads=prepared.leads, model="rhythm", model_version="reference", version="0", quality=prepared.quality,
        sample=reference.sample, p=p, has_p=np.ones(n, np.bool_), confidence=p.max(axis=1),
        status=tuple[Status, ...]("classified" for _ in range(n)), reason=("",) * n, notices=(), threshold=0.5,
        rhythm=tuple(
            Episode(start, stop, "AFIB" if number % 2 else "N")
            for number, (start, stop) in enumerate(pairwise(np.linspace(0.0, recording.duration_s, EPISODES)))
        ),
    )  # fmt: skip


@contextmanager
def served(checkout: Path, folder: Path) -> Iterator[Server]:
    """The app of a checkout, with both studies."""
    kept = {"HEARTVISION_CACHE": str(folder / "cache"), "HEARTVISION_HOME": str(folder / "home")}
    environment = os.environ | kept
    if not (folder / "filled").exists():
        subprocess.run(
            [sys.executable, "-m", "benchmarks.decision", "--fill"], cwd=checkout, env=environment, check=True
        )
        (folder / "filled").touch()
    environment["HEARTVISION_HOME"] = str(folder / "run")  # each run begins with studies that nobody has reviewed
    shutil.rmtree(folder / "run", ignore_errors=True)
    shutil.copytree(folder / "home", folder / "run")
    with app(checkout, environment) as (address, process):
        yield Server(address, process, next((folder / "run").glob("*.sqlite")))


@contextmanager
def app(checkout: Path, environment: Mapping[str, str]) -> Iterator[tuple[str, int]]:
    """The app of a checkout on a free port: its address, and the number of its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app/main.py", f"--server.port={port}"]
    server = subprocess.Popen(
        [*command, "--server.headless=true"], cwd=checkout, env=environment, stdout=subprocess.DEVNULL
    )
    try:
        _wait(f"http://127.0.0.1:{port}/_stcore/health")
        yield f"http://127.0.0.1:{port}", server.pid
    finally:
        server.terminate()
        server.wait(timeout=20)


def _wait(url: str) -> None:
    for _ in range(600):
        with suppress(OSError), urllib.request.urlopen(url, timeout=1):
            return
        time.sleep(0.1)
    raise TimeoutError(f"{url} does not answer.")


class ReviewTab:
    """A study on the Review page of a browser."""

    def __init__(self, browser: Browser, server: Server, study: int, at: str = "") -> None:
        self.server, self.study = server, study
        context = browser.new_context(viewport=SIZE)
        context.add_cookies([{"name": "heartvision_reader", "value": READER, "url": server.address}])
        self.page, self.received = context.new_page(), 0
        self.page.set_default_timeout(120_000)
        self.page.on("websocket", lambda socket: socket.on("framereceived", self._count))
        self.page.add_init_script(WATCH)
        self.page.goto(f"{server.address}/review?study={study}{f'&at={at}' if at else ''}")
        self.page.locator("html[data-keys=review]").wait_for(state="attached")
        self.page.wait_for_function(AT_REST)
        self.measured = Measured()

    def _count(self, frame: bytes | str) -> None:
        self.received += len(frame)

    def _decided(self) -> int:
        """How many decisions are saved for the study."""
        with closing(sqlite3.connect(self.server.database)) as connection:
            query = "SELECT count(*) FROM audit WHERE study_id = ? AND event = 'decide'"
            return int(connection.execute(query, (self.study,)).fetchone()[0])

    def press(self, key: str) -> None:
        """Presses a key that is not measured, and waits until the page rests."""
        self.page.keyboard.press(key)
        self.page.wait_for_timeout(200)
        self.page.evaluate("() => { window.ran = true; }")
        self.page.wait_for_function(AT_REST)

    def decide(self, key: str) -> None:
        """Presses a key, and waits until the page rests."""
        cpu, received = cpu_s(self.server.process), self.received
        decided = self._decided()
        self.page.keyboard.press(key)
        self.page.wait_for_function(AT_REST)
        assert self._decided() == decided + 1, f"{key!r} was not carried out once"
        self.measured.wall_s.append(self.page.evaluate("() => (window.changed - window.pressed) / 1000"))
        self.measured.cpu_s.append(cpu_s(self.server.process) - cpu)
        self.measured.sent_kb.append((self.received - received) / 1000)


def cpu_s(process: int) -> float:
    """Processor seconds that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def main(folder: Path, beside: Path | None) -> None:
    """Print the table."""
    checkouts = {"this checkout": ROOT, **({"beside": beside} if beside else {})}
    found: dict[tuple[str, str], Measured] = {}
    with ExitStack() as stack:
        browser = stack.enter_context(sync_playwright()).chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        servers = {}
        for number, (name, checkout) in enumerate(checkouts.items()):
            own = folder / str(number)
            own.mkdir(parents=True, exist_ok=True)
            servers[name] = stack.enter_context(served(checkout, own))
        for title, study in STUDIES.items():
            tabs = {name: ReviewTab(browser, server, study, at=GROUP) for name, server in servers.items()}
            for tab in tabs.values():
                tab.press("o")  # one by one: each key decides about one finding
            for tab in tabs.values():
                for press in range(WARM_UP):
                    tab.decide(KEYS[press % len(KEYS)])
                tab.measured = Measured()
            for _ in range(ROUNDS):
                for tab in tabs.values():
                    for press in range(PRESSED):
                        tab.decide(KEYS[press % len(KEYS)])
            found |= {(title, name): tab.measured for name, tab in tabs.items()}
            for tab in tabs.values():
                tab.page.context.close()
        browser.close()
    _print(found)


def _print(found: Mapping[tuple[str, str], Measured]) -> None:
    load = os.getloadavg()[0]
    print(f"A decision from key to rest; load {load:.1f} on {os.cpu_count()} cores")
    print(f"{'':32}{'median':>9}{'worst':>9}{'CPU':>9}{'sent':>9}")
    for (title, name), each in found.items():
        wall, cpu, sent = each.wall_s, each.cpu_s, each.sent_kb
        print(
            f"{f'{title}, {name}':32}{statistics.median(wall):7.3f} s{max(wall):7.3f} s{statistics.median(cpu):7.3f} s"
            f"{statistics.median(sent):6.0f} kB"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where the studies are kept for another run")
    parser.add_argument("--beside", type=Path, help="another checkout to measure in turns with this one")
    parser.add_argument("--fill", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        fill() if options.fill else main(options.folder or Path(temporary), options.beside)
