"""The Live page: its sources, a recording under way, how it ends, and what was recorded before."""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.common import cache
from app.common.theme import DARK, LIGHT
from app.live import strip
from app.live.strip import StripContent, sent
from pipeline.intake import read_path
from pipeline.live.alarms import Alarm
from pipeline.live.process import LiveManager, live_root
from pipeline.live.provisional import LiveBeat
from pipeline.live.recorder import Recorder
from pipeline.live.sources import StreamFacts
from pipeline.live.state import LiveState
from tests.helpers.studies import opened, said

pytestmark = pytest.mark.usefixtures("own_store")


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveManager]:
    """The one manager of the test's session, which is ended with it."""
    made = LiveManager()
    monkeypatch.setattr(cache, "live_manager", lambda: made)
    yield made
    made.stop()


class Said:
    """Stands in for a recording process: says a state, and that it is finished once it is stopped."""

    def __init__(self, state: LiveState) -> None:
        self.now = state

    def state(self) -> LiveState:
        return self.now

    def stop(self) -> LiveState:
        return self.now


def showing(manager: LiveManager, **facts: object) -> AppTest:
    manager.process = Said(LiveState("recording", stream="s", fs=250.0, leads=("II",), **facts))  # type: ignore
    return opened("live")


def test_the_page_offers_three_sources_and_says_what_it_is_not(manager: LiveManager) -> None:
    page = opened("live")
    assert not page.exception
    assert "this is no monitor" in said(page)
    assert page.button(key="live-start").label == "Start"
    for kind, words in (("lsl", "on this machine only"), ("brainflow", "brainflow")):
        page.session_state["live-kind"] = kind
        assert words in said(page.run())
        assert not page.exception


def test_a_replay_is_recorded_shown_stopped_and_opened_in_analyse(manager: LiveManager) -> None:
    page = opened("live")
    page.selectbox(key="live-speed").set_value(10.0)
    page = page.button(key="live-start").click().run()
    deadline = time.monotonic() + 60
    while "Rhythm Sinus" not in said(page).replace("*", ""):
        assert time.monotonic() < deadline, said(page)
        time.sleep(0.3)
        page.run()
        assert not page.exception
    assert "Recording. No alarm." in said(page)
    assert page.metric[0].label == "Rate"
    (shown,) = [proto.proto for proto in page.get("bidi_component")]
    content = json.loads(shown.json)
    assert [lead["name"] for lead in content["leads"]] == ["MLII"]
    page = page.button(key="live-stop").click().run()
    assert not page.exception
    assert manager.process is None
    (header,) = live_root().glob("*.hea")
    assert f"recorded as {header.stem}" in said(page)
    page = page.button(key=f"live-open-{header.stem}").click().run()
    assert not page.exception
    assert page.session_state["heartvision"].recording.digest == read_path(header).digest


def test_a_recording_from_before_can_be_deleted(manager: LiveManager) -> None:
    live_root().mkdir(parents=True)
    for ending in (".hea", ".dat"):
        (live_root() / f"live-20260101-000000-000{ending}").write_text("x")
    page = opened("live")
    assert "live-20260101-000000-000" in said(page)
    page = page.button(key="live-delete-live-20260101-000000-000").click().run()
    assert list(live_root().iterdir()) == []
    assert "Recorded before" not in said(page)


def test_alarms_are_said_with_what_they_are_not(manager: LiveManager) -> None:
    found = (Alarm("VF/VT", "Ventricular fibrillation", 61.0), Alarm("AF", "Atrial fibrillation", 3.0))
    page = showing(manager, alarms=found)
    assert not page.exception
    assert "Ventricular fibrillation since 1:01.0 · Atrial fibrillation since 0:03.0" in page.error[0].value
    assert "research, not monitoring" in page.error[0].value
    page = showing(manager, alarms=found[1:])
    assert not page.error
    assert "Atrial fibrillation" in page.warning[0].value


def test_a_recording_of_another_window_is_not_listed_and_cannot_be_deleted(manager: LiveManager) -> None:
    facts = StreamFacts("s", 250.0, ("II",))
    before = Recorder(live_root(), "live-1", facts, datetime.now())
    before.append(np.zeros((100, 1), np.float32))
    assert "Recorded before" not in said(opened("live"))
    header = before.close()
    assert header is not None
    page = opened("live")
    with header.with_suffix(".dat").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # as its recorder holds it
        page = page.button(key="live-delete-live-1").click().run()
    assert "still under way" in page.error[0].value
    assert header.is_file()


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"n_frames": 1000}, "Recording. Nothing is watched until there are ten seconds of signal."),
        ({"n_frames": 5000, "read_to_s": 19.7, "quality": "good"}, "Recording. No alarm."),
        ({"n_frames": 5000, "read_to_s": 8.0, "quality": "good"}, "No alarm until 12 s ago: the classes are behind"),
        (
            {"n_frames": 5000, "read_to_s": 19.7, "quality": "gap: nothing was recorded"},
            "No alarm can be relied on now",
        ),
    ],
)
def test_no_alarm_is_said_only_of_what_was_read(manager: LiveManager, facts: dict[str, object], words: str) -> None:
    page = showing(manager, **facts)
    assert not page.exception
    assert words in page.info[0].value.replace("\\", "")


def test_beats_are_counted_in_the_order_of_their_classes(manager: LiveManager) -> None:
    counted = said(showing(manager, counts={"?": 4, "V": 2, "N": 61})).replace("*", "")
    assert "Beats, provisional 61 N, 2 V, 4 unclassified" in counted


def test_classes_that_have_stopped_are_said_and_no_alarm_is_not(manager: LiveManager) -> None:
    words = "Classification stopped (MemoryError); nothing is watched any more, the signal is still recorded."
    page = showing(manager, unwatched=words)
    assert words in page.error[0].value.replace("\\", "")
    assert "No alarm" not in said(page)
    assert "needs ten seconds" not in said(page)
    lost = LiveState("lost", "Nothing has come for two seconds.", words)
    manager.process = Said(lost)  # type: ignore[assignment]
    assert words in opened("live").warning[0].value.replace("\\", "")


def test_a_lost_signal_is_said_and_so_is_why_nothing_was_recorded(manager: LiveManager) -> None:
    manager.process = Said(LiveState("lost", "Nothing has come for two seconds."))  # type: ignore[assignment]
    assert "Nothing has come" in opened("live").warning[0].value
    manager.process = Said(LiveState("failed", "No stream *was* found."))  # type: ignore[assignment]
    page = opened("live")
    assert manager.process is None
    assert "No stream was found." in page.warning[0].value.replace("\\", "").replace("*", "")


def content(n: int, first: int, fs: float = 500.0, leads: int = 2) -> StripContent:
    at = np.arange(first, first + n)
    ramp = np.repeat((at % 400)[:, None] / 100, leads, axis=1).astype(np.float32)
    beats = (LiveBeat(1.23456, "V", 0.9),)
    return StripContent(ramp, first, fs, tuple("ABC"[:leads]), beats, 5.0, False)


def test_points_lie_at_the_same_samples_whatever_was_sent_before() -> None:
    early, late = sent(content(4000, 0), LIGHT), sent(content(4000, 333), LIGHT)
    step = early["step"]
    assert step == pytest.approx(1 / 250)
    shift = round((late["start"] - early["start"]) / step)
    assert late["start"] == pytest.approx(shift * step)
    both = [each["leads"][0]["y"] for each in (early, late)]
    differences = np.array(both[0][shift:]) - np.array(both[1][: len(both[0]) - shift])
    assert set(np.diff(differences)) <= {-1, 0, 1}


def test_heights_are_tenths_of_a_millimetre_and_what_is_missing_is_none() -> None:
    given = content(1000, 0, fs=250.0, leads=1)
    signal = np.zeros((1000, 1), np.float32)
    signal[100], signal[200] = 1.0, np.nan
    found = sent(StripContent(signal, 0, 250.0, ("II",), given.beats, 5.0, True), DARK)
    heights = found["leads"][0]["y"]
    assert (heights[99], heights[100], heights[200]) == (0, 100, None)  # 1 mV is 10 mm
    assert found["beats"] == [{"at": 1.235, "letter": "V"}]
    assert found["over"]
    assert not found["lost"]


def test_the_strip_of_a_day_is_no_longer_than_that_of_a_minute() -> None:
    assert strip.SENT_S * strip.POINTS_HZ <= 4000
    assert Path(strip.__file__).with_name("strip.js").is_file()
