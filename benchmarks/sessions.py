"""Twenty people on one server, half analysing, half reviewing: `python -m benchmarks.sessions [--write]`.

A real server of its own, with light clients (`benchmarks.light_client`) instead of browsers, so that the machine's
time is the server's. Those who analyse open one recording of 30 minutes after the other, each new to the server, wait
for the worker, look at beats and switch pages. Those who review confirm, relabel and go on, each in a study of their
own, and switch pages as well. Recordings carry the number of the session in their name: whoever sees another's, or not
their own, is counted. Decisions are compared with the database.

`--minutes` is how long, `--pace` how many times as fast as people they act. `--write` writes
docs/experiments/sessions.json and the table of docs/scaling.md.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import re
import sqlite3
import tempfile
import textwrap
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.decision import annotated, app, cpu_s
from benchmarks.light_client import Tab
from benchmarks.scale_results import MemoryPoint, ServedSessions, Sessions, Waits
from pipeline._util.files import write_json
from pipeline._util.provenance import Provenance, current_commit, now
from pipeline._util.typed_json import read_as, to_json
from pipeline.analysis import prepare
from pipeline.config import RECORDING_NETWORK, ROOT, data_root
from pipeline.intake import read_path
from pipeline.store.listing import study_of_analysis
from pipeline.store.prepared import save_prepared
from pipeline.store.recordings import save_recording
from pipeline.types import Recording

REPORT: Final = ROOT / "docs" / "experiments" / "sessions.json"
PAGE: Final = ROOT / "docs" / "scaling.md"
MARKS: Final = ("<!-- sessions:start -->", "<!-- sessions:end -->")
THINK_S: Final = 5.0  # between two clicks of a person, on average
AIM_S: Final = 1.5  # of page switches, 95 %
EVERY_S: Final = 5.0  # between two looks at the memory
ANALYSED_S: Final = 240.0  # after which an analysis counts as lost
TURNS: Final = 4  # beats that are looked at between two pages
ROUNDS: Final = 2  # of pages, until the next recording is opened
LOOKED_AT: Final = ("Dataset", "Evaluation", "Worklist", "About", "Analyse")
SHOWN, SWITCHED, ALONE = "analysis there", "page switched", "page switched by one session, alone"
ALONE_ROUNDS: Final = 5  # of pages
OWN: Final = re.compile(r"person\d{2}x\d+")
POINTS: Final = 30


@dataclass
class Diary:
    """What all sessions did; each adds to it under the lock."""

    waits: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    decisions: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    analysed: int = 0
    lost_jobs: int = 0
    checked: int = 0
    wrong: int = 0
    errors: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def clicks(self) -> int:
        """What all sessions pressed."""
        with self.lock:
            return sum(len(times) for kind, times in self.waits.items() if kind not in (SHOWN, ALONE))

    @contextmanager
    def waiting(self, kind: str) -> Iterator[None]:
        """Note how long an action takes."""
        start = time.perf_counter()
        yield
        with self.lock:
            self.waits[kind].append(time.perf_counter() - start)

    def check(self, tab: Tab, name: str) -> None:
        """Note whether a page that shows a recording shows this one and no other."""
        with self.lock:
            self.checked += 1
            self.wrong += set(OWN.findall(tab.text)) != {name}
            if tab.failed:
                self.errors.add(tab.failed)


@dataclass(frozen=True)
class Person:
    """One session: its number, where the server is, how fast it acts, until when, and clicks of all that are enough."""

    number: int
    address: str
    pace: float
    until: float
    enough: float
    diary: Diary

    def thinks(self, chance: random.Random) -> None:
        """Wait as long as a person would."""
        time.sleep(chance.uniform(0.5, 1.5) * THINK_S / self.pace)

    @property
    def is_over(self) -> bool:
        """Whether the time is up, or all that was to be done is."""
        return time.monotonic() > self.until or self.diary.clicks >= self.enough

    def analyse(self) -> None:
        """Open one recording after the other."""
        chance, turn = random.Random(self.number), 0
        while not self.is_over:
            name = f"person{self.number:02d}x{turn}"
            recording = save_recording(new_recording(name, self.number + 7 * turn))
            tab = Tab(self.address, reader=f"Reader {self.number}")
            with self.diary.waiting("recording opened"):
                tab.open(query=f"recording={recording.digest}&network={RECORDING_NETWORK}")
            with self.diary.waiting(SHOWN):
                there = tab.wait(lambda tab: tab.can_press("review-this"), ANALYSED_S)
            with self.diary.lock:
                self.diary.analysed += there
                self.diary.lost_jobs += not there
            self.diary.check(tab, name)
            for _ in range(ROUNDS if there else 0):
                self._look(tab, name, chance)
            tab.close()
            turn += 1

    def _look(self, tab: Tab, name: str, chance: random.Random) -> None:
        for _ in range(TURNS):
            self.thinks(chance)
            if self.is_over:
                return
            if not tab.can_press("turn-After"):  # at the end of the recording
                break
            with self.diary.waiting("strip turned"):
                tab.press("turn-After")
            self.diary.check(tab, name)
        for title in LOOKED_AT:
            self.thinks(chance)
            if self.is_over:
                return
            with self.diary.waiting(SWITCHED):
                tab.switch(title)
        self.diary.check(tab, name)

    def review(self, study: tuple[int, str, str]) -> None:
        """Decide about findings of a study (number, token, name of the recording), and look at other pages."""
        (number, token, name), chance = study, random.Random(self.number)
        tab = Tab(self.address, reader=f"Reader {self.number}")
        with self.diary.waiting("study opened"):
            tab.open("review", f"study={token}")
        while not self.is_over:
            for key in ("review-next-button", "review-confirm-", "review-next-button", "review-V-"):
                self.thinks(chance)
                if self.is_over or not tab.can_press(key):
                    continue
                with self.diary.waiting("decision" if key.endswith("-") else "next finding"):
                    tab.press(key)
                self.diary.check(tab, name)
                with self.diary.lock:
                    self.diary.decisions[number] += key.endswith("-")
            for title in ("Worklist", "Review"):
                self.thinks(chance)
                with self.diary.waiting(SWITCHED):
                    tab.switch(title)
            self.diary.check(tab, name)
        tab.close()


def new_recording(name: str, number: int) -> Recording:
    """Return a half hour of MIT-BIH under a name and a digest of its own: the server has not seen it."""
    paths = sorted((data_root() / "mitdb").glob("*.hea"))
    found = read_path(paths[number % len(paths)])
    return replace(found, name=name, digest=hashlib.sha256(name.encode()).hexdigest())


def studies(numbers: Sequence[int]) -> list[tuple[int, str, str]]:
    """Make a study for each session that reviews, with the annotations as the model's answers: number, token, name."""
    made = []
    for number in numbers:
        name = f"person{number:02d}x0"
        recording = save_recording(new_recording(name, number))
        assert recording.reference is not None
        prepared = save_prepared(prepare(recording, samples=recording.reference.sample))
        study = study_of_analysis(annotated(recording.reference, prepared), recording)
        made.append((study.id, study.token, name))
    return made


def run(sessions: int, minutes: float, pace: float, folder: Path, *, hours: float = np.inf) -> ServedSessions:
    """Serve so many sessions for so long, after one session that switches pages alone.

    Parameters
    ----------
    sessions : int
        How many; the first half analyses.
    minutes : float
        How long by the clock.
    pace : float
        How many times as fast as people.
    folder : Path
        Where the server keeps its files; of this run alone.
    hours : float, optional
        Of use after which it ends sooner.
    """
    os.environ |= {"HEARTVISION_CACHE": str(folder / "cache"), "HEARTVISION_HOME": str(folder / "home")}
    analysing = sessions // 2
    made = studies(range(analysing, sessions))
    with app(ROOT, os.environ) as (address, server):
        diary = Diary()
        _alone(address, diary)
        start, enough = time.monotonic(), hours * 3600 / THINK_S * sessions
        people = [Person(number, address, pace, start + 60 * minutes, enough, diary) for number in range(sessions)]
        work = [(person.analyse, ()) for person in people[:analysing]]
        work += [(person.review, (study,)) for person, study in zip(people[analysing:], made, strict=True)]
        threads = [threading.Thread(target=_guarded, args=(diary, *each), daemon=True) for each in work]
        used, seen = cpu_s(server), []
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            seen.append((time.monotonic() - start, *memory_of(server), os.getloadavg()[0]))
            threads[0].join(EVERY_S) if threads[0].is_alive() else time.sleep(EVERY_S)
        took = time.monotonic() - start
        used = cpu_s(server) - used
    saved = decided(next((folder / "home").glob("*.sqlite")))
    return _report(diary, np.array(seen), saved, sessions=sessions, took=took, pace=pace, used=used)


def _alone(address: str, diary: Diary) -> None:
    """Open every page once, as a server with many sessions has done, and switch pages before anybody else is there."""
    tab = Tab(address, reader="First")
    recording = save_recording(new_recording("warm", 0))
    tab.open(query=f"recording={recording.digest}&network={RECORDING_NETWORK}")
    tab.wait(lambda tab: tab.can_press("review-this"), ANALYSED_S)
    for title in (*LOOKED_AT, "Review"):
        tab.switch(title)
    for title in LOOKED_AT * ALONE_ROUNDS:
        with diary.waiting(ALONE):
            tab.switch(title)
    tab.close()


def _guarded(diary: Diary, work: object, arguments: tuple[object, ...]) -> None:
    try:
        work(*arguments)  # type: ignore[operator]
    except Exception as error:  # noqa: BLE001 - whatever ends a session is part of the result
        with diary.lock:
            diary.errors.add(f"{type(error).__name__}: {str(error)[:200]}")


def decided(database: Path) -> dict[int, int]:
    """Return how many decisions are saved for each study."""
    with closing(sqlite3.connect(database)) as connection:
        query = "SELECT study_id, count(*) FROM audit WHERE event = 'decide' GROUP BY study_id"
        return {int(study): int(count) for study, count in connection.execute(query)}


def memory_of(server: int) -> tuple[float, float]:
    """Return the resident memory of a process, and of all that it started, MB."""
    children: dict[int, list[int]] = defaultdict(list)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        children[int(fields[1])].append(int(stat.parent.name))
    below, left = [], [server]
    while left:
        found = children[left.pop()]
        below += found
        left += found
    return resident_mb(server), sum(resident_mb(child) for child in below)


def resident_mb(process: int) -> float:
    """Return the resident memory of a process, MB; 0 if it has ended."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _report(
    diary: Diary, seen: np.ndarray, saved: dict[int, int], *, sessions: int, took: float, pace: float, used: float
) -> ServedSessions:
    waits = {kind: waits_of(times) for kind, times in sorted(diary.waits.items())}
    clicks = diary.clicks
    shown = seen[:: max(1, len(seen) // POINTS)]
    lost = sum(max(0, count - saved.get(study, 0)) for study, count in diary.decisions.items())
    return ServedSessions(
        sessions=sessions, minutes=round(took / 60, 2), pace=pace,
        hours_of_use=round(clicks * THINK_S / sessions / 3600, 2), load=round(float(seen[:, 3].mean()), 1), waits=waits,
        server_cpu_s=round(used, 1), cpu_s_per_action=round(used / max(1, clicks), 3), analysed=diary.analysed,
        lost_jobs=diary.lost_jobs, decisions=sum(diary.decisions.values()), lost_decisions=lost,
        pages_checked=diary.checked, wrong_pages=diary.wrong, errors=tuple(sorted(diary.errors)),
        growth_mb=growth_mb(seen[:, 1]), worker_growth_mb=growth_mb(seen[:, 2]),
        memory=tuple(MemoryPoint(round(at / 60, 2), round(mb, 1)) for at, mb, *_ in shown.tolist()),
    )  # fmt: skip


def waits_of(times: Sequence[float]) -> Waits:
    """Return median, 95th percentile and most of some seconds."""
    middle, high = np.quantile(times, (0.5, 0.95))
    return Waits(len(times), round(float(middle), 3), round(float(high), 3), round(max(times), 3))


def growth_mb(memory: np.ndarray) -> float:
    """Return the mean of the last fifth less that of the second fifth: in the first, caches fill."""
    fifth = max(1, len(memory) // 5)
    return round(float(memory[-fifth:].mean() - memory[fifth : 2 * fifth].mean()), 1)


def page(report: Sessions) -> None:
    """Write the table of the page."""
    before, _, rest = PAGE.read_text("utf-8").partition(MARKS[0])
    PAGE.write_text(f"{before}{MARKS[0]}\n{markdown(report.run)}\n{MARKS[1]}{rest.partition(MARKS[1])[2]}", "utf-8")


def markdown(found: ServedSessions) -> str:
    """Return a run as Markdown."""
    switched = found.waits[SWITCHED]
    ratio = switched.p95_s / found.waits[ALONE].p95_s
    busy = found.server_cpu_s / found.minutes / 60
    held = "holds" if switched.p95_s <= AIM_S else "does not hold"
    return "\n".join([
        f"{found.sessions} sessions for {found.minutes:.1f} minutes, at a mean load of {found.load:g} on",
        f"{os.cpu_count()} cores:",
        "",
        "| action | how often | median, s | 95 %, s | most, s |",
        "|---|---|---|---|---|",
        *(
            f"| {kind} | {each.n:,} | {each.median_s:.2f} | {each.p95_s:.2f} | {each.most_s:.2f} |"
            for kind, each in found.waits.items()
        ),
        "",
        wrapped(
            f"The aim of {AIM_S:g} s for 95 % of the switches of pages {held} at this load. With {found.sessions} "
            f"sessions they take {ratio:.1f} times as long as with one. An action costs the server "
            f"{found.cpu_s_per_action:.2f} processor seconds: all together keep {busy:.0%} of one core busy."
        ),
        "",
        f"- Analyses shown: {found.analysed}; lost: {found.lost_jobs}.",
        f"- Decisions: {found.decisions}; not in the database: {found.lost_decisions}.",
        wrapped(
            f"- Pages with a recording: {found.pages_checked:,}; with another session's, or without one's own: "
            f"{found.wrong_pages}."
        ),
        wrapped(
            f"- Memory of the server: {found.memory[0].memory_mb:,.0f} MB at the start, "
            f"{found.memory[-1].memory_mb:,.0f} MB at the end."
        ),
        *(wrapped(f"- Error: {error}") for error in found.errors),
    ])  # fmt: skip


def wrapped(text: str) -> str:
    """Return a paragraph or an item of a list in lines of a document."""
    return textwrap.fill(text, 100, subsequent_indent="  " * text.startswith("- "))


def main() -> None:
    """Run, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--pace", type=float, default=1.0)
    parser.add_argument("--write", action="store_true", help=f"write {REPORT.relative_to(ROOT)}")
    parser.add_argument("--page", action="store_true", help="renew the page from what was measured before")
    options = parser.parse_args()
    if options.page:
        page(read_as(Sessions, REPORT, again="run it with --write"))
        return
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        found = run(options.sessions, options.minutes, options.pace, Path(folder))
    print(markdown(found))
    if options.write:
        about = Provenance("python -m benchmarks.sessions --write", current_commit(), "mitdb", now())
        report = Sessions(about, found)
        write_json(REPORT, to_json(report))
        page(report)


if __name__ == "__main__":
    main()
