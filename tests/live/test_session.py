"""Live recordings from start to end: gaps in their places, provisional classes once and in time, alarms."""

from __future__ import annotations

import json
import math
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from pipeline._util.typed_json import from_json, to_json
from pipeline.analysis import BeatClassifier, analyse, load_classifier
from pipeline.config import RECORDING_NETWORK, Limits, data_root
from pipeline.datasets import demo_path
from pipeline.errors import IntakeError, ModelError
from pipeline.intake import read_path
from pipeline.live.agreement import Agreement, compare
from pipeline.live.alarms import Alarm, alarms_of, lasting, rate_now
from pipeline.live.latest import STRETCH_S, Latest, Window
from pipeline.live.lookout import GLANCE_S, Lookout
from pipeline.live.provisional import SETTLED_S, Follower, LiveBeat, look_at
from pipeline.live.replay import ReplaySource
from pipeline.live.session import LiveSession, SessionPlan, new_name
from pipeline.live.sources import Chunk, StreamFacts, nothing
from pipeline.live.state import LiveState
from pipeline.synthesis.non_ecg import draw_fibrillation
from pipeline.types import FloatArray, Recording
from tests.helpers.made_ecg import made_ecg

FS = 250.0
STOPPED = "Classification stopped ({}); nothing is watched any more, the signal is still recorded."


@cache
def network() -> BeatClassifier:
    return load_classifier(RECORDING_NETWORK)


@dataclass
class Scripted:
    """A source that gives chunks at once, with stamps of its own; None in the list is a moment without samples."""

    facts: StreamFacts
    chunks: list[Chunk | None]
    fails: str = ""
    closed: int = 0
    _left: Iterator[Chunk | None] = field(init=False)

    def open(self) -> StreamFacts:
        if self.fails:
            raise IntakeError(self.fails)
        self._left = iter(self.chunks)
        return self.facts

    def read(self) -> Chunk | None:
        try:
            chunk = next(self._left)
        except StopIteration:
            return None
        if chunk is None:
            time.sleep(0.02)
            return nothing(len(self.facts.leads))
        return chunk

    def now_s(self) -> float:
        return 0.0

    def close(self) -> None:
        self.closed += 1


def run(
    source: object, folder: Path, duration_s: float | None = None, load: object = network, **more: object
) -> tuple[LiveSession, LiveState, list[LiveState]]:
    seen: list[LiveState] = []
    session = LiveSession(
        source,  # type: ignore[arg-type]
        SessionPlan(folder, "live-1", duration_s),
        load,  # type: ignore[arg-type]
        lambda state, _: seen.append(state),
        **more,  # type: ignore[arg-type]
    )
    return session, session.run(), seen


def chunks_of(p_signal: FloatArray, *, size: int = 125, late_s: float = 0.0, after: int = 0) -> list[Chunk | None]:
    return [
        Chunk(p_signal[i : i + size], i / FS + (late_s if i >= after else 0.0)) for i in range(0, len(p_signal), size)
    ]


def test_a_lost_stream_goes_on_with_its_gap_kept(tmp_path: Path) -> None:
    lead, _ = made_ecg(FS, 40.0)
    source = Scripted(StreamFacts("s", FS, ("II",)), chunks_of(lead, late_s=7.5, after=5000))
    _, state, _ = run(source, tmp_path)
    read = read_path(Path(state.header))
    assert (state.phase, state.n_missing, read.n_samples) == ("finished", round(7.5 * FS), len(lead) + round(7.5 * FS))
    assert np.isnan(read.p_signal[5000 : 5000 + state.n_missing]).all()
    whole = np.concatenate([read.p_signal[:5000], read.p_signal[5000 + state.n_missing :]])
    assert np.abs(whole - lead).max() <= 0.00051
    assert source.closed == 1


def test_a_stream_without_samples_is_said_to_be_lost_and_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.live.session.LOST_S", 0.05)
    lead, _ = made_ecg(FS, 12.0)
    both = chunks_of(lead)
    source = Scripted(StreamFacts("s", FS, ("II",)), [*both[:4], *[None] * 6, *both[4:]])
    _, state, seen = run(source, tmp_path)
    phases = [one.phase for one in seen]
    lost = [one for one in seen if one.phase == "lost"]
    assert all((one.rate_bpm, one.rhythm, one.quality, one.alarms) == (None, "", "", ()) for one in lost)
    assert phases[0] == "opening"
    assert phases.index("recording") < phases.index("lost") < len(phases) - 1 - phases[::-1].index("recording")
    assert state.phase == "finished"
    assert state.n_missing == 0


def test_final_classes_are_those_of_the_file_and_provisional_ones_agree(tmp_path: Path) -> None:
    demo = read_path(demo_path())
    session, state, seen = run(ReplaySource(demo, speed=60.0), tmp_path, 60.0)
    read = read_path(Path(state.header))
    assert np.array_equal(read.p_signal, demo.p_signal[: read.n_samples])
    first = Recording.from_array(demo.p_signal[: read.n_samples], fs=demo.fs, leads=demo.leads)
    final = analyse(read, network())
    assert np.array_equal(final.p, analyse(first, network()).p)
    agreed = compare(final, session.beats_s, session.letters.decode())
    assert agreed.beats >= final.sample.size - 2
    assert agreed.contrary <= 0.03 * agreed.beats
    assert sum(state.counts.values()) == len(session.letters) == agreed.beats + agreed.extra - agreed.missed
    assert all(one.rate_bpm is None or 40 < one.rate_bpm < 200 for one in seen)
    assert state.lag_ms is not None


def test_each_beat_is_given_once_and_within_a_second_of_the_next(tmp_path: Path) -> None:
    lead, r_peak_s = made_ecg(FS, 24.0, rr_s=0.9)
    follower, given = Follower(), list[tuple[float, LiveBeat]]()
    for stop_s in np.arange(8.0, 24.01, 0.5):
        look = look_at(Window(lead[: round(stop_s * FS)].copy(), 0), network(), fs=FS, leads=("II",))
        given += [(stop_s, beat) for beat in follower.new_beats(look)]
    times = [beat.time_s for _, beat in given]
    assert np.all(np.diff(times) > 0.8)
    later = [(stop_s, beat) for stop_s, beat in given if stop_s > 11]
    assert len(later) > 12
    for stop_s, beat in later:
        following = r_peak_s[r_peak_s > beat.time_s + 0.1][0]
        assert SETTLED_S - 0.05 <= stop_s - following <= SETTLED_S + 0.55


def test_earlier_signal_is_read_and_gives_no_beat_again() -> None:
    lead, r_peak_s = made_ecg(FS, 100.0, rr_s=0.9)
    latest = Latest(1, FS)
    latest.append(lead)
    window = latest.window()
    look = look_at(window, network(), fs=FS, leads=("II",))
    alone = look_at(Window(lead[window.first :].copy(), window.first), network(), fs=FS, leads=("II",))
    assert window.n_earlier == 2 * round(STRETCH_S * FS)
    assert (look.start_s, look.stop_s) == (alone.start_s, alone.stop_s) == (40.0, 100.0)
    assert look.analysis is not None
    assert look.analysis.sample.size > look.time_s.size + 30
    assert look.time_s == pytest.approx(alone.time_s, abs=0.02)
    assert [np.abs(r_peak_s - at).min() < 0.05 for at in look.time_s] == [True] * len(look.letters)
    given = Follower().new_beats(look)
    assert [beat.time_s for beat in given] == look.time_s[:-1][look.time_s[1:] <= 100.0 - SETTLED_S].tolist()


def test_a_class_is_given_when_the_next_beat_has_settled_and_glances_are_enough_for_that() -> None:
    lead, r_peak_s = made_ecg(FS, 40.0, rr_s=0.9)
    latest, follower, at_s = Latest(1, FS), Follower(), 20.0
    lookout, looks, late_s = Lookout(latest, network(), ("II",), at_s), 0, list[float]()
    while at_s < 39.0:
        latest.append(lead[latest.n_frames : math.ceil(at_s * FS)])
        look = lookout.look()
        if look is not None:
            looks += 1
            new = [beat.time_s for beat in follower.new_beats(look) if beat.time_s > 20]
            late_s += [at_s - r_peak_s[r_peak_s > beat_s + 0.1][0] for beat_s in new]
        assert at_s < lookout.next_s <= at_s + GLANCE_S + 1 / FS
        at_s = lookout.next_s
    assert len(late_s) > 15
    steady = np.sort(late_s)[2:-2]  # the first look gives many at once, and where a look came just before, one waits
    assert steady[0] > SETTLED_S - 0.05
    assert steady[round(0.8 * steady.size)] < SETTLED_S + 0.05
    assert steady[-1] < SETTLED_S + GLANCE_S + 0.05
    assert looks < 1.5 * (39 - 20) / 0.9


def test_what_is_due_less_than_a_sample_later_is_not_waited_for_again() -> None:
    lead, _ = made_ecg(FS, 20.0, rr_s=0.9)
    latest = Latest(1, FS)
    latest.append(lead)
    lookout, end_s = Lookout(latest, network(), ("II",)), latest.n_frames / FS
    lookout.look(at_once=True)
    for late, looks in ((1e-12, True), (0.4 / FS, True), (0.6 / FS, False)):
        lookout._due_s = lookout._look_s = end_s + late
        assert (lookout.look() is not None) == looks
        assert lookout.next_s > end_s


def test_without_beats_there_is_a_look_every_second() -> None:
    lead, _ = made_ecg(FS, 20.0)
    latest = Latest(1, FS)
    latest.append(lead)
    lookout, looks = Lookout(latest, network(), ("II",)), 0
    for _ in range(40):
        looks += lookout.look() is not None
        latest.append(np.zeros((round((lookout.next_s - latest.n_frames / FS) * FS) + 1, 1), np.float32))
    still_s = latest.n_frames / FS - 20.0
    assert still_s - 2 <= looks <= still_s + 3


def test_an_alarm_holds_since_it_was_first_said() -> None:
    before = (Alarm("AF", "Atrial fibrillation", 12.0),)
    now = (Alarm("ASYS", "Asystole", 90.0), Alarm("AF", "Atrial fibrillation", 40.0))
    assert [one.since_s for one in lasting(now, before)] == [90.0, 12.0]
    assert lasting((), before) == ()


def at_the_end(p_signal: FloatArray) -> list[str]:
    look = look_at(Window(p_signal, 0), network(), fs=FS, leads=("II",))
    return [alarm.kind for alarm in alarms_of(look)]


def test_a_normal_rhythm_is_no_alarm() -> None:
    assert at_the_end(made_ecg(FS, 30.0)[0]) == []


def test_asystole_is_an_alarm_after_four_seconds_and_not_before() -> None:
    lead, r_peak_s = made_ecg(FS, 30.0)
    still = made_ecg(FS, 12.0, rr_s=100.0, seed=3)[0][round(2 * FS) :]
    last = round((r_peak_s[-1] + 0.6) * FS)
    both = np.concatenate([lead[:last], still])
    assert at_the_end(both[: last + round(2.0 * FS)].copy()) == []
    assert at_the_end(both[: last + round(6.0 * FS)].copy()) == ["ASYS"]


def test_in_an_asystole_and_after_a_gap_there_is_no_rate() -> None:
    lead, r_peak_s = made_ecg(FS, 30.0)
    last = round((r_peak_s[-1] + 0.6) * FS)
    still = made_ecg(FS, 12.0, rr_s=100.0, seed=3)[0][round(2 * FS) : round(8 * FS)]
    gap = np.concatenate([lead[:last], np.full((round(5 * FS), 1), np.nan), lead[: round(4 * FS)]])
    for signal, known in ((lead[:last].copy(), True), (np.concatenate([lead[:last], still]), False), (gap, False)):
        analysis = look_at(Window(signal.astype(np.float32), 0), network(), fs=FS, leads=("II",)).analysis
        assert analysis is not None
        assert (rate_now(analysis) is not None) is known


def test_ventricular_fibrillation_is_an_alarm() -> None:
    lead, _ = made_ecg(FS, 30.0)
    both = np.concatenate([lead, draw_fibrillation(round(12 * FS), FS, np.random.default_rng(77))[:, None]])
    assert at_the_end(both.astype(np.float32)) == ["VF/VT"]


@pytest.mark.data
@pytest.mark.parametrize(("record", "kinds"), [("203", ["AF"]), ("101", [])])
def test_atrial_fibrillation_is_an_alarm(record: str, kinds: list[str]) -> None:
    read = read_path(data_root() / "mitdb" / f"{record}.hea")
    first, stop = round(180 * read.fs), round(240 * read.fs)
    look = look_at(Window(read.p_signal[first:stop].copy(), first), network(), fs=read.fs, leads=read.leads)
    assert [alarm.kind for alarm in alarms_of(look)] == kinds
    assert all(180 <= alarm.since_s < 240 for alarm in alarms_of(look))


def test_a_network_that_cannot_be_loaded_stops_no_recording(tmp_path: Path) -> None:
    def load() -> BeatClassifier:
        raise ModelError("There is no such network.")

    lead, _ = made_ecg(FS, 12.0)
    session, state, seen = run(Scripted(StreamFacts("s", FS, ("II",)), chunks_of(lead)), tmp_path, load=load)
    assert any(one.unwatched == f"{STOPPED.format('ModelError')} There is no such network." for one in seen)
    assert (state.phase, state.n_frames, len(session.letters)) == ("finished", len(lead), 0)


def test_whatever_ends_the_classes_is_said_to_the_end_and_nothing_old_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks, stopped = [look_at], threading.Event()

    def once(*given: object, **more: object) -> object:
        if not looks:
            stopped.set()
            raise ZeroDivisionError
        return looks.pop()(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr("pipeline.live.session.warm_up", lambda *_: None)
    monkeypatch.setattr("pipeline.live.lookout.look_at", once)
    monkeypatch.setattr("pipeline.live.session.TOLD_S", 0.05)
    lead, _ = made_ecg(FS, 24.0)

    def chunks() -> Iterator[Chunk | None]:
        yield Chunk(lead[:4000], 0.0)
        at = 4000
        while not stopped.is_set():
            yield None
            if not looks and at < 5500:  # after the first look, what comes leads to another
                yield Chunk(lead[at : at + 5], at / FS)
                at += 5
        yield from [None] * 50  # a second in which it is said again and again
        yield Chunk(lead[at:], at / FS)

    source = Scripted(StreamFacts("s", FS, ("II",)), chunks())  # type: ignore[arg-type]
    session, state, seen = run(source, tmp_path)
    assert any(one.rhythm and one.beats and one.rate_bpm for one in seen)
    after = [one for one in seen if one.unwatched]
    assert len(after) > 3
    assert seen[-len(after) :] == after
    for one in after:
        assert one.unwatched == STOPPED.format("ZeroDivisionError")
        assert (one.alarms, one.rate_bpm, one.rhythm, one.quality, one.beats) == ((), None, "", "", ())
    assert (state.phase, state.n_frames) == ("finished", len(lead))
    assert session.letters


def test_a_file_that_is_deleted_while_it_is_recorded_is_said(tmp_path: Path) -> None:
    lead, _ = made_ecg(FS, 12.0)

    class Deleting(Scripted):
        def read(self) -> Chunk | None:
            chunk = super().read()
            if chunk is None:
                (tmp_path / "live-1.dat").unlink()
            return chunk

    _, state, _ = run(Deleting(StreamFacts("s", FS, ("II",)), chunks_of(lead)), tmp_path)
    assert (state.phase, state.n_frames, state.header) == ("failed", 0, "")
    assert "was deleted while it was recorded" in state.sentence
    assert list(tmp_path.iterdir()) == []


def test_names_are_new_and_tell_no_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = ["0a", "0a", "0b"]
    monkeypatch.setattr("secrets.token_hex", lambda _: drawn.pop(0))
    (tmp_path / f"{new_name(tmp_path)}.dat").touch()
    assert new_name(tmp_path) == "live-0b"
    monkeypatch.undo()
    assert re.fullmatch(r"live-[0-9a-f]{8}", new_name(tmp_path / "missing"))


def test_a_source_that_does_not_open_is_said(tmp_path: Path) -> None:
    source = Scripted(StreamFacts("s", FS, ("II",)), [], fails="No stream was found.")
    _, state, _ = run(source, tmp_path)
    assert (state.phase, state.sentence, list(tmp_path.iterdir()), source.closed) == (
        "failed", "No stream was found.", [], 1,
    )  # fmt: skip


@pytest.mark.parametrize(("fs", "leads", "words"), [(8.0, 1, "8 Hz"), (500.0, 40, "40 channels")])
def test_what_could_not_be_opened_again_is_not_recorded(tmp_path: Path, fs: float, leads: int, words: str) -> None:
    facts = StreamFacts("s", fs, tuple(f"ECG{i}" for i in range(leads)))
    _, state, _ = run(Scripted(facts, []), tmp_path)
    assert state.phase == "failed"
    assert words in state.sentence


def test_a_record_that_is_as_large_as_can_be_opened_ends_and_says_so(tmp_path: Path) -> None:
    lead, _ = made_ecg(FS, 30.0)
    source = Scripted(StreamFacts("s", FS, ("II",)), chunks_of(lead))
    _, state, _ = run(source, tmp_path, limits=Limits(upload_bytes=2 * 4000))
    assert (state.phase, state.n_frames) == ("finished", 4000)
    assert "start another" in state.sentence
    assert read_path(Path(state.header)).n_samples == 4000


def test_a_state_survives_its_file(tmp_path: Path) -> None:
    lead, _ = made_ecg(FS, 14.0)
    _, state, _ = run(Scripted(StreamFacts("s", FS, ("II",)), chunks_of(lead)), tmp_path)
    assert from_json(LiveState, json.loads(json.dumps(to_json(state)))) == state


def test_agreement_counts_what_is_missed_and_what_is_extra() -> None:
    lead, _ = made_ecg(FS, 30.0)
    final = analyse(Recording.from_array(lead, fs=FS, leads="II"), network())
    letters = "".join("N" for _ in final.sample)
    every = final.time_s.tolist()
    assert compare(final, every, letters).fraction == pytest.approx(np.mean([x == "N" for x in final.symbol]))
    fewer = compare(final, every[:5] + every[6:], letters[1:])
    assert (fewer.missed, fewer.extra) == (1, 0)
    more = compare(final, sorted([*every, every[4] + 0.4]), "N" + letters)
    assert (more.missed, more.extra) == (0, 1)
    assert compare(final, [], "") == Agreement(0, 0, 0, 0, 0)
