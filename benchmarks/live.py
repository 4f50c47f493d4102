"""How a live recording keeps its promises: `python -m benchmarks.live [PART ...] [--every N] [--write]`.

`agreement`: DS2 replayed, look after look, provisional classes against those of the finished recording. With
`--every N`, one piece of four seconds in N is followed, else all of them (three hours).
`loopback`: a stream of Lab Streaming Layer from another process of this machine, for a minute; `screen`: the same time
in Chromium; `hour`: an hour at 500 Hz and three leads, ten times as fast. `--write` saves the parts that ran in
docs/experiments/live.json, beside those that did not, and in docs/live.md.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import signal as sps

from benchmarks.results import LiveAgreement, LiveBenchmark, LiveHour, LiveTimes
from pipeline._util.files import write_bytes, write_json
from pipeline._util.provenance import current_commit
from pipeline._util.typed_json import read_as, rounded, to_json
from pipeline.analysis import Analysis, BeatClassifier, analyse, load_classifier
from pipeline.config import RECORDING_NETWORK, ROOT, data_root
from pipeline.datasets import demo_path
from pipeline.datasets.splits import DS2
from pipeline.intake import read_path
from pipeline.live.agreement import Agreement, compare
from pipeline.live.latest import Latest
from pipeline.live.lookout import GLANCE_S, Lookout
from pipeline.live.lsl import LslSource
from pipeline.live.provisional import SAME_BEAT_S, SETTLED_S, Follower, LiveBeat, letters_of
from pipeline.live.replay import ReplaySource
from pipeline.live.session import CLASSES_THREAD, LiveSession, SessionPlan
from pipeline.live.sources import Chunk
from pipeline.live.state import LiveState
from pipeline.signal.nearest import NO_BEAT, nearest
from pipeline.types import Recording

PAGE: Final = ROOT / "docs" / "live.md"
RESULT: Final = ROOT / "docs" / "experiments" / "live.json"
MARKS: Final = ("<!-- live:start -->", "<!-- live:end -->")
PIECE_S: Final = 4.0  # of signal that is followed look after look
LOOPBACK_S: Final = 60.0
SCREEN_S: Final = 40.0
HOUR_S, HOUR_HZ, HOUR_SPEED = 3600.0, 500.0, 10.0
_SAME_MS: Final = 1000 * SAME_BEAT_S
SENDER: Final = """
import sys, time
from pathlib import Path
import numpy as np
from pipeline.intake import read_path
from pipeline.live.lsl import library
pylsl = library(network=False)
recording = read_path(Path(sys.argv[1]))
info = pylsl.StreamInfo("hv-benchmark", "ECG", len(recording.leads), recording.fs, "float32", "hv-benchmark")
channels = info.desc().append_child("channels")
for lead in recording.leads:
    channel = channels.append_child("channel")
    channel.append_child_value("label", lead)
    channel.append_child_value("unit", "mV")
outlet = pylsl.StreamOutlet(info)
print("ready", flush=True)
outlet.wait_for_consumers(60.0)
began, sent = pylsl.local_clock(), 0
while sent < recording.n_samples:
    due = min(int((pylsl.local_clock() - began) * recording.fs), recording.n_samples)
    if due > sent:
        outlet.push_chunk(recording.p_signal[sent:due].tolist(), began + (due - 1) / recording.fs)
        sent = due
    time.sleep(0.01)
"""
# How long ago the newest sample on screen was written to disk.
AGE: Final = """({ dataset: { written, latest, shown } }) =>
  Date.now() / 1000 - (Number(written) - (Number(latest) - Number(shown)))"""


def main() -> None:
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], help="default: all")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="agreement: one piece in N")
    parser.add_argument("--write", action="store_true", help="into docs/experiments/live.json and docs/live.md")
    options = parser.parse_args()
    parts = options.parts or list(PARTS)
    commit, measured = current_commit(), {part: PARTS[part](options) for part in parts}
    found = read_as(LiveBenchmark, RESULT, again="run it again") if RESULT.is_file() else LiveBenchmark()
    commits = {**found.commits, **dict.fromkeys(parts, commit)}
    found = replace(found, commits=commits, **measured)
    tables = _tables(found)
    print(tables)
    if options.write:
        write_json(RESULT, to_json(found))
        head, rest = PAGE.read_text(encoding="utf-8").split(MARKS[0])
        write_bytes(PAGE, f"{head}{MARKS[0]}\n\n{tables}\n\n{MARKS[1]}{rest.split(MARKS[1])[1]}".encode())


def agreement(options: argparse.Namespace) -> LiveAgreement:
    """Replay DS2 without waiting."""
    classifier, both, worst = load_classifier(RECORDING_NETWORK), Agreement(0, 0, 0, 0, 0), (1.0, "")
    for record in DS2:
        recording = read_path(data_root() / "mitdb" / f"{record}.hea")
        found = _replayed(recording, analyse(recording, classifier), classifier, options.every)
        print(f"{record} {found.fraction:.4f} {found}", flush=True)
        both, worst = both + found, min(worst, (found.fraction, record))
    return LiveAgreement(
        records=len(DS2), one_piece_in=options.every, piece_s=PIECE_S, beats=both.beats, same=both.same,
        contrary=both.contrary, missed=both.missed, extra=both.extra, fraction=rounded(both.fraction),
        worst_record=worst[1], worst_fraction=rounded(worst[0]),
    )  # fmt: skip


def _replayed(recording: Recording, final: Analysis, classifier: BeatClassifier, every: int) -> Agreement:
    """Follow one piece in `every` of a recording as it is followed live, without waiting; all of it if 1."""
    if every == 1:
        replay = Replay(recording, classifier)
        return _compared(final, replay.given_until(recording.duration_s))
    replay, total = Replay(recording, classifier), Agreement(0, 0, 0, 0, 0)
    for start_s in np.arange(every // 2 * PIECE_S, recording.duration_s - PIECE_S, every * PIECE_S):
        replay.begin(float(start_s))
        given = replay.given_until(float(start_s) + PIECE_S)
        total += _of_a_piece(given, replay.seen_s, final, float(start_s) - SETTLED_S)
    return total


def _of_a_piece(given: list[LiveBeat], seen_s: NDArray[np.float64], final: Analysis, from_s: float) -> Agreement:
    """Compare beats that were given; count what was not seen of the final ones whose next R peak is in the piece."""
    due = final.time_s[:-1][(final.time_s[1:] > from_s) & (final.time_s[1:] <= from_s + PIECE_S)]
    found = of_each(given, final)
    missed = int((nearest(_ms(seen_s), _ms(due), within=_SAME_MS) == NO_BEAT).sum())
    return found + Agreement(missed, 0, 0, missed, 0)


def of_each(given: list[LiveBeat], final: Analysis) -> Agreement:
    """Compare beats that were given, each with the final one at its place, if there is one."""
    letters = letters_of(final)
    place = nearest(_ms(final.time_s), _ms(np.array([beat.time_s for beat in given])), within=_SAME_MS)
    found = [(letters[i], beat.letter) for i, beat in zip(place.tolist(), given, strict=True) if i != NO_BEAT]
    same = sum(a == b for a, b in found)
    contrary = sum(a != b and "?" not in (a, b) for a, b in found)
    return Agreement(len(found), same, contrary, 0, len(given) - len(found))


@dataclass
class Replay:
    """A recording that is looked at when a live one would be, if a look took no time.

    Attributes
    ----------
    recording : Recording
        What is replayed.
    classifier : BeatClassifier
        The network.
    follower : Follower
        Gives each beat once.
    seen_s : (n,) float64
        R peaks that the last look saw, seconds.
    """

    recording: Recording
    classifier: BeatClassifier
    follower: Follower = field(default_factory=Follower)
    seen_s: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    _lookout: Lookout = field(init=False)

    def __post_init__(self) -> None:
        latest = Latest(len(self.recording.leads), self.recording.fs)
        self._lookout = Lookout(latest, self.classifier, self.recording.leads, GLANCE_S)

    def begin(self, start_s: float) -> None:
        """Go on to a moment, seconds; what would have been given before is not given."""
        self._lookout.next_s = start_s
        self._look(list[LiveBeat](), at_once=True)

    def given_until(self, stop_s: float) -> list[LiveBeat]:
        """Return what is given until a moment, seconds."""
        given = list[LiveBeat]()
        while self._lookout.next_s <= stop_s:
            self._look(given)
        return given

    def _look(self, given: list[LiveBeat], *, at_once: bool = False) -> None:
        latest = self._lookout.latest
        latest.append(self.recording.p_signal[latest.n_frames : math.ceil(self._lookout.next_s * latest.fs)])
        look = self._lookout.look(at_once=at_once)
        if look is not None:
            self.seen_s = look.time_s
            given += self.follower.new_beats(look)


def _compared(final: Analysis, given: list[LiveBeat]) -> Agreement:
    return compare(final, [beat.time_s for beat in given], "".join(beat.letter for beat in given))


def _ms(time_s: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.round(1000 * time_s).astype(np.int64)


@dataclass
class Delays:
    """When each provisional class was given, less the R peak of the beat after it; seconds."""

    source: LslSource
    began_s: float | None = None
    given: list[tuple[float, float]] = field(default_factory=list)
    looks_ms: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    _cpu_s: float | None = None

    def watch(self, state: LiveState, new: tuple[LiveBeat, ...]) -> None:
        """Note the beats that are new."""
        now_s = self.source.now_s()
        self.given += [(now_s, beat.time_s) for beat in new]
        if state.look_ms is None or threading.current_thread().name != CLASSES_THREAD:
            return
        cpu_s = time.thread_time()
        if self._cpu_s is not None:  # before the first look the network is loaded
            self.looks_ms.append(state.look_ms)
            self.cpu_ms.append(1000 * (cpu_s - self._cpu_s))
        self._cpu_s = cpu_s

    def after_the_next(self) -> list[float]:
        """Return the delay of each beat from eleven seconds on: before, there is too little signal for any."""
        assert self.began_s is not None
        pairs = zip(self.given, self.given[1:], strict=False)
        return [at - self.began_s - following for (at, time_s), (_, following) in pairs if time_s > 11]


class _Stamped(LslSource):
    """A stream whose first stamp is kept."""

    first_s: float | None = None

    def read(self) -> Chunk | None:
        chunk = super().read()
        if chunk is not None and len(chunk.p_signal) and self.first_s is None:
            self.first_s = chunk.start_s
        return chunk


def loopback(options: argparse.Namespace) -> dict[str, LiveTimes]:
    """Record a stream that another process sends: until it is on disk, and until a class is given."""
    source = _Stamped("hv-benchmark")
    delays, classifier = Delays(source), load_classifier(RECORDING_NETWORK)
    lags: list[float] = []
    command = [sys.executable, "-c", SENDER, str(demo_path())]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as sender:
        assert sender.stdout is not None
        sender.stdout.readline()
        with tempfile.TemporaryDirectory() as folder:
            plan = SessionPlan(Path(folder), "live-loopback", LOOPBACK_S)
            session = LiveSession(source, plan, lambda: classifier, delays.watch)
            state = session.run()
            lags = list(session.lags_ms)
        sender.kill()
    if state.phase != "finished" or state.n_missing:
        raise SystemExit(f"It was not recorded whole: {state}")
    delays.began_s = source.first_s
    after = [1000 * delay for delay in delays.after_the_next()]
    left_ms = 1000 * (1 - SETTLED_S)
    return {
        "on disk": _times(lags, 100.0),
        "provisional class after the next R peak": _times(after, 1000.0),
        "of that, a look, by the clock": _times(delays.looks_ms, left_ms),
        "a look and the glances before it, of one processor": _times(delays.cpu_ms, left_ms),
    }


def screen(options: argparse.Namespace) -> LiveTimes:
    """Start a replay in the application, and ask Chromium how old the newest sample on screen is."""
    from playwright.sync_api import sync_playwright

    from benchmarks.pages import ARGS, CHROMIUM, running_app

    ages: list[float] = []
    with running_app() as address, sync_playwright() as playwright:
        page = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGS)).new_page()
        page.goto(f"{address}/live")
        page.get_by_role("button", name="Start").click()
        strip = page.locator(".live")
        page.locator(".live svg").wait_for(timeout=60_000)
        until = time.monotonic() + SCREEN_S
        while time.monotonic() < until:
            ages.append(1000 * float(strip.evaluate(AGE)))
            time.sleep(0.1)
        page.get_by_role("button", name="Stop").click()
        page.get_by_role("button", name="Open in Analyse").first.wait_for()
    return _times(ages, 1000.0)


def hour(options: argparse.Namespace) -> LiveHour:
    """Replay an hour in six minutes: no sample lost, no memory gained."""
    recording, classifier = _hour_of_ecg(), load_classifier(RECORDING_NETWORK)
    memory: list[tuple[float, float]] = []

    def watch(state: LiveState, new: tuple[LiveBeat, ...]) -> None:
        memory.append((state.recorded_s, _resident_mb()))

    with tempfile.TemporaryDirectory() as folder:
        plan, cpu_s = SessionPlan(Path(folder), "live-hour"), time.process_time()
        session = LiveSession(ReplaySource(recording, HOUR_SPEED), plan, lambda: classifier, watch)
        began = datetime.now()
        state = session.run()
        wall_s, cpu_s = (datetime.now() - began).total_seconds(), time.process_time() - cpu_s
        read = read_path(Path(state.header))
        same = np.array_equal(read.p_signal, recording.p_signal)
        agreed = compare(analyse(read, classifier), session.beats_s, session.letters.decode("ascii"))
    steady = [mb for at, mb in memory if at > 0.1 * HOUR_S]
    return LiveHour(
        seconds=state.recorded_s, fs=HOUR_HZ, leads=len(recording.leads), speed=HOUR_SPEED,
        wall_s=rounded(wall_s), cpu_s=rounded(cpu_s), frames=state.n_frames,
        lost=recording.n_samples - state.n_frames + state.n_missing, every_value_the_same=same,
        memory_after_six_minutes_mb=rounded(steady[0]), memory_at_the_end_mb=rounded(steady[-1]),
        memory_most_mb=rounded(max(steady)), provisional_beats=len(session.letters),
        fraction_the_same=rounded(agreed.fraction),
    )  # fmt: skip


def _hour_of_ecg() -> Recording:
    """An hour of three leads at 500 Hz, in whole microvolts: MIT-BIH 100 twice, and the sum of its leads."""
    record = read_path(data_root() / "mitdb" / "100.hea")
    two = sps.resample_poly(np.nan_to_num(record.p_signal), 25, 18, axis=0)
    two = np.tile(two, (2, 1))
    three = np.column_stack([two, two.sum(axis=1)])[: round(HOUR_S * HOUR_HZ)]
    whole = (np.round(three * 1000) / 1000).astype(np.float32)
    return Recording.from_array(whole, fs=HOUR_HZ, leads=("II", "V5", "V1"), name="hour")


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def _times(values_ms: list[float], aim_ms: float) -> LiveTimes:
    low, middle, most = np.percentile(values_ms, [50, 95, 100])
    return LiveTimes(len(values_ms), rounded(float(low)), rounded(float(middle)), rounded(float(most)), aim_ms)


PARTS: Final[dict[str, Callable[[argparse.Namespace], Any]]] = {
    "agreement": agreement,
    "loopback": loopback,
    "screen": screen,
    "hour": hour,
}


def _tables(found: LiveBenchmark) -> str:
    lines = []
    if found.agreement is not None:
        one, sampled = found.agreement, found.agreement.one_piece_in > 1
        unsure = one.beats - one.missed - one.same - one.contrary
        how = f"{one.piece_s:g} s in every {one.one_piece_in * one.piece_s:g} s" if sampled else "from start to end"
        lines += [
            f"DS2 replayed, {how}: {one.records} records, {one.beats} beats.",
            "",
            "| provisional class | beats |",
            "|---|---|",
            f"| the same as the final one | {one.same} ({100 * one.fraction:.1f} %) |",
            f"| another class | {one.contrary} |",
            f"| a class, and the final one none, or the other way round | {unsure} |",
            f"| no provisional beat | {one.missed} |",
            f"| a provisional beat that is none | {one.extra} |",
            "",
            f"The lowest share is that of record {one.worst_record}, {100 * one.worst_fraction:.1f} %.",
            "",
        ]
    rows = dict(found.loopback or {}) | ({"on screen after it is on disk": found.screen} if found.screen else {})
    if rows:
        lines += ["| ms | n | median | 95 % | most | aim |", "|---|---|---|---|---|---|"]
        for name, each in rows.items():
            cells = (each.n, f"{each.median_ms:.0f}", f"{each.p95_ms:.0f}", f"{each.most_ms:.0f}", f"{each.aim_ms:.0f}")
            lines.append(f"| {name} | {' | '.join(map(str, cells))} |")
        lines.append("")
    if found.hour is not None:
        one = found.hour
        same = "every value on disk is the one that was played" if one.every_value_the_same else "VALUES DIFFER"
        sentence = (
            f"An hour at {one.fs:g} Hz and {one.leads} leads, {one.speed:g} times as fast: {one.lost} samples lost, "
            f"{same}; resident memory {one.memory_after_six_minutes_mb:.0f} MB after six minutes of signal and "
            f"{one.memory_at_the_end_mb:.0f} MB at the end, at most {one.memory_most_mb:.0f} MB."
        )
        lines += textwrap.wrap(sentence, 100)
    return "\n".join(lines).strip()


if __name__ == "__main__":
    main()
