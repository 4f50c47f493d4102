"""One live recording from start to end: samples to disk and memory in one thread, classes of beats in another."""

from __future__ import annotations

import re
import secrets
import statistics
import threading
import time
from array import array
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from pipeline.analysis import BeatClassifier
from pipeline.config import DEFAULT, Limits
from pipeline.errors import EcgError, LimitError
from pipeline.live.alarms import alarms_of, lasting, quality_now, rate_now, rhythm_now
from pipeline.live.latest import Latest, Window
from pipeline.live.lookout import GLANCE_S, Lookout
from pipeline.live.provisional import Follower, LiveBeat, Look, look_at
from pipeline.live.recorder import Recorder
from pipeline.live.sources import Chunk, Source, StreamFacts
from pipeline.live.state import LiveState, Phase
from pipeline.live.timeline import Timeline
from pipeline.types import LEAD_NAME, FloatArray

LEAST_S: Final = 0.1  # of wall time between two looks or glances: a replay may be many times as fast as a device
CLASSES_THREAD: Final = "live-classes"
TOLD_S: Final = 1.0  # between two states of a recording that is no longer watched
LOST_S: Final = 2.0  # without a sample for so long, the stream is said to be lost
SHOWN_S: Final = 20.0  # of beats in a state
LAGS: Final = 500  # of the last chunks, of which the median is told
Load = Callable[[], BeatClassifier]
Watch = Callable[[LiveState, tuple[LiveBeat, ...]], None]


@dataclass(frozen=True)
class SessionPlan:
    """Where and how long to record.

    Attributes
    ----------
    folder : Path
        Where the record is written.
    name : str
        Of the record.
    duration_s : float or None
        Seconds of signal after which it ends; None until it is stopped.
    """

    folder: Path
    name: str
    duration_s: float | None = None


def new_name(folder: Path) -> str:
    """Return a name for a record that no file in the folder has; it does not tell when the record was made."""
    while True:
        name = f"live-{secrets.token_hex(4)}"
        if not any(folder.glob(f"{name}.*")):
            return name


@dataclass
class LiveSession:
    """A live recording; `run` it once.

    Attributes
    ----------
    source : Source
        Where the signal comes from.
    plan : SessionPlan
        Where it goes.
    load : callable
        Returns the network; called in the thread that classifies, while the first seconds are recorded.
    watch : callable
        Called with the state and the beats that are new, after each look and when the phase changes.
    limits : Limits
        What the intake reads.
    """

    source: Source
    plan: SessionPlan
    load: Load
    watch: Watch
    limits: Limits = DEFAULT.limits
    beats_s: array[float] = field(default_factory=lambda: array("d"), init=False)
    letters: bytearray = field(default_factory=bytearray, init=False)
    _stop: threading.Event = field(default_factory=threading.Event, init=False)
    _telling: threading.Lock = field(default_factory=threading.Lock, init=False)
    _state: LiveState = field(default_factory=lambda: LiveState("opening"), init=False)
    lags_ms: deque[float] = field(default_factory=lambda: deque(maxlen=LAGS), init=False)
    _shown: deque[LiveBeat] = field(default_factory=deque, init=False)
    _counts: Counter[str] = field(default_factory=Counter, init=False)

    def stop(self) -> None:
        """End the recording soon, from any thread or signal handler."""
        self._stop.set()

    def run(self) -> LiveState:
        """Record until the source, the duration, the size that can be read, or `stop` ends it; return the last state.

        Notes
        -----
        Whatever goes wrong, what was recorded is closed as a readable record; the sentence of the state says what.
        """
        self._tell("opening")
        try:
            facts = self.source.open()
            self._run(replace(facts, leads=plain_leads(facts.leads)))
        except EcgError as error:
            self._tell("failed", str(error))
        finally:
            self.source.close()
        return self._state

    def _run(self, facts: StreamFacts) -> None:
        check_rate(facts, self.limits)
        latest = Latest(len(facts.leads), facts.fs)
        with self._telling:
            self._state = replace(self._state, stream=facts.name, fs=facts.fs, leads=facts.leads, wide=facts.wide)
        over = threading.Event()
        reader = threading.Thread(target=self._classify, args=(facts, latest, over), name=CLASSES_THREAD, daemon=True)
        reader.start()
        try:
            sentence = self._record(facts, latest)
        finally:
            over.set()
            reader.join()
        self._tell("finished" if self._state.n_frames else "failed", sentence)

    def _record(self, facts: StreamFacts, latest: Latest) -> str:
        """Write what comes until it ends; return why it ended."""
        recorder: Recorder | None = None
        timeline, heard = Timeline(facts.fs), time.monotonic()
        try:
            while not self._stop.is_set():
                chunk = self.source.read()
                if chunk is None:
                    return "" if recorder else "The stream ended before its first sample."
                for lost, placed in timeline.placed(chunk):
                    recorder = recorder or self._recorder(facts, placed)
                    self._keep(recorder, latest, placed, lost)
                if not len(chunk.p_signal):
                    if time.monotonic() - heard > LOST_S and self._state.phase != "lost":
                        self._lost()
                    continue
                heard = time.monotonic()
                if self._state.phase != "recording":
                    self._tell("recording")
                if recorder is not None and (sentence := self._full(recorder)):
                    return sentence
            return ""
        finally:
            if recorder is not None:
                for lost, placed in timeline.rest():
                    self._keep(recorder, latest, placed, lost)
                try:
                    recorder.close()
                finally:  # nothing, if its file is gone
                    self._count(recorder)

    def _recorder(self, facts: StreamFacts, chunk: Chunk) -> Recorder:
        started = datetime.now() - timedelta(seconds=len(chunk.p_signal) / facts.fs)
        return Recorder(self.plan.folder, self.plan.name, facts, started, self.limits)

    def _keep(self, recorder: Recorder, latest: Latest, chunk: Chunk, lost: int) -> None:
        if lost:
            recorder.skip(lost)
            latest.skip(lost)
        recorder.append(chunk.p_signal)
        self.lags_ms.append(
            1000 * (self.source.now_s() - chunk.start_s - (len(chunk.p_signal) - 1) / recorder.facts.fs)
        )
        latest.append(chunk.p_signal)
        self._count(recorder)

    def _count(self, recorder: Recorder) -> None:
        n_frames, n_missing = recorder.n_frames, recorder.n_missing
        header = str(recorder.header) if n_frames else ""
        with self._telling:
            self._state = replace(self._state, header=header, n_frames=n_frames, n_missing=n_missing)

    def _full(self, recorder: Recorder) -> str:
        wanted_s = self.plan.duration_s
        if wanted_s is not None and recorder.n_frames >= wanted_s * recorder.facts.fs:
            return f"It was recorded for {wanted_s:g} s, as asked."
        if not recorder.frames_left:
            return "The record has reached the size that can be opened again; start another one."
        return ""

    def _classify(self, facts: StreamFacts, latest: Latest, over: threading.Event) -> None:
        """Look at the newest signal as often as beats may come; a last time when the recording is over."""
        try:
            classifier, follower = self.load(), Follower()
            warm_up(classifier, facts)
            lookout, seen = Lookout(latest, classifier, facts.leads), 0
            while True:
                last, began, came = over.is_set(), time.monotonic(), latest.n_frames
                if came != seen:
                    self._look(lookout, follower, last=last)
                seen = came
                if last:
                    return
                over.wait(LEAST_S - (time.monotonic() - began))
                while latest.n_frames < lookout.next_s * facts.fs and not over.is_set():
                    over.wait(min(GLANCE_S, lookout.next_s - latest.n_frames / facts.fs))
        except Exception as error:  # noqa: BLE001 - whatever it is, the recording goes on and nothing old is shown
            self._unwatched(error, over)

    def _unwatched(self, error: Exception, over: threading.Event) -> None:
        """Take away all that a look has said, and say until the recording is over that no other will follow."""
        words = f"Classification stopped ({type(error).__name__}); nothing is watched any more, the signal is still"
        sentence = str(error) if isinstance(error, EcgError) else ""
        with self._telling:
            self._state = replace(
                self._state, unwatched=f"{words} recorded. {sentence}".rstrip(),
                rate_bpm=None, rhythm="", quality="", alarms=(), beats=(),
            )  # fmt: skip
        told = False
        while not told or not over.wait(TOLD_S):
            told = True
            with suppress(Exception), self._telling:  # to tell it may be what fails; it is tried again
                self.watch(self._state, ())

    def _look(self, lookout: Lookout, follower: Follower, *, last: bool) -> None:
        began = time.monotonic()
        look = lookout.look(at_once=last)
        if look is None:
            return
        new = follower.new_beats(look)
        for beat in new:
            self.beats_s.append(beat.time_s)
            self.letters.extend(beat.letter.encode("ascii"))
        self._counts.update(beat.letter for beat in new)
        self._shown.extend(new)
        while self._shown and self._shown[0].time_s < look.stop_s - SHOWN_S:
            self._shown.popleft()
        self._told(look, tuple(new), 1000 * (time.monotonic() - began))

    def _told(self, look: Look, new: tuple[LiveBeat, ...], look_ms: float) -> None:
        with self._telling:
            analysis = None if self._state.phase == "lost" else look.analysis
            self._state = replace(
                self._state,
                read_to_s=look.stop_s,
                rate_bpm=None if analysis is None else rate_now(analysis),
                rhythm="" if analysis is None else rhythm_now(analysis),
                quality="" if analysis is None else quality_now(analysis),
                alarms=() if analysis is None else lasting(alarms_of(look), self._state.alarms),
                beats=tuple(self._shown),
                counts=dict(self._counts),
                lag_ms=statistics.median(self.lags_ms) if self.lags_ms else None,
                look_ms=look_ms,
            )
            self.watch(self._state, new)

    def _lost(self) -> None:
        """Say that nothing comes, and take away what was said of a signal that is not there now."""
        with self._telling:
            self._state = replace(self._state, rate_bpm=None, rhythm="", quality="", alarms=())
        self._tell("lost", "Nothing has come for two seconds; a gap is kept until it goes on.")

    def _tell(self, phase: Phase, sentence: str = "") -> None:
        with self._telling:
            self._state = replace(self._state, phase=phase, sentence=sentence)
            self.watch(self._state, ())


def warm_up(classifier: BeatClassifier, facts: StreamFacts) -> None:
    """Let a network, and all that analyses, answer once, so that the first look takes no longer than others.

    Parameters
    ----------
    classifier : BeatClassifier
        The network.
    facts : StreamFacts
        Rate and leads of what will come.
    """
    look_at(Window(_pulses(facts), 0), classifier, fs=facts.fs, leads=facts.leads)


def _pulses(facts: StreamFacts) -> FloatArray:
    """Return twelve seconds (n_samples, n_leads) with a pulse of 1 mV each second, in all leads."""
    time_s = np.arange(round(12 * facts.fs)) / facts.fs
    pulse = np.exp(-(((time_s % 1.0 - 0.5) / 0.02) ** 2)).astype(np.float32)
    return np.repeat(pulse[:, None], len(facts.leads), axis=1)


def check_rate(facts: StreamFacts, limits: Limits) -> None:
    """Refuse a stream that could not be read again. Raises LimitError.

    Parameters
    ----------
    facts : StreamFacts
        The stream.
    limits : Limits
        What the intake reads.
    """
    if not limits.fs_min_hz <= facts.fs <= limits.fs_max_hz:
        raise LimitError(
            f"The stream has {facts.fs:g} Hz; {limits.fs_min_hz:g} to {limits.fs_max_hz:g} Hz can be recorded."
        )
    if len(facts.leads) > limits.leads:
        raise LimitError(f"The stream has {len(facts.leads)} channels; at most {limits.leads} can be recorded.")


def plain_leads(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return names that a header can hold, each once; what cannot be kept becomes ECG1, ECG2, ...

    Examples
    --------
    >>> plain_leads(("II", "II", "Ableitung 2", ""))
    ('II', 'II_2', 'Ableitung 2', 'ECG4')
    """
    found: list[str] = []
    for number, name in enumerate(names, 1):
        plain = re.sub(r"\s+", " ", name.strip())
        plain = plain if LEAD_NAME.fullmatch(plain) else f"ECG{number}"
        found.append(plain if plain not in found else f"{plain[:12]}_{number}")
    return tuple(found)
