"""The tab Median beat of Review: a mark moved there is a decision, and what Analyse moved is taken over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from app.common import median_panel, reader
from app.common.ecg_sheet import Drawn
from app.common.session import Session
from app.common.viewport import Viewport
from app.review import median_tab
from pipeline.analysis import analyse, load_classifier, with_measurements
from pipeline.config import RECORDING_NETWORK
from pipeline.principal import local
from pipeline.review.moved_marks import is_beat
from pipeline.store import reviews
from pipeline.store.listing import study_of_analysis
from pipeline.store.recordings import save_recording
from pipeline.twelve_leads.median_beat import marked_stretch
from pipeline.types import Recording
from tests.app.test_review_page import opened, press, review_session
from tests.helpers.twelve_lead_ecg import LEADS, made_ecg


@pytest.fixture
def number(own_store: None) -> int:
    """Ten seconds of twelve leads."""
    recording = save_recording(Recording.from_array(made_ecg(), fs=500.0, leads=LEADS, name="twelve"))
    analysis = with_measurements(recording, analyse(recording, load_classifier(RECORDING_NETWORK)))
    return study_of_analysis(analysis, recording).id


def at_tab(page: AppTest) -> AppTest:
    page.session_state["review-tabs"] = "Median beat"
    return page.run()


def metrics(page: AppTest) -> dict[str, tuple[str, str]]:
    return {metric.label: (metric.value, metric.delta) for metric in page.metric}


def test_a_mark_moved_on_review_is_kept_with_the_study_and_undone(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "current", lambda: local("Ada Moreau"))
    page = at_tab(opened(number))
    here = review_session(page)
    assert here.review is not None
    material = here.review.material
    found = marked_stretch(material.recording, material.analysis, 0.0, 10.0)
    assert found.beat is not None
    own = median_tab.stretch_samples(here.review, found)
    before_ms = float(metrics(page)["QRS"][0].removesuffix(" ms"))
    median_tab._move(here, here.review, own, "qrs_off", found.beat.marks_s["qrs_off"] + 0.03)
    page.run()
    assert not page.exception
    assert metrics(page)["QRS"] == (f"{before_ms + 30:.0f} ms", "+30 ms")
    said = " ".join(str(one.value).replace("\\", "") for one in page.caption)
    assert "Moved by the reader: QRS off. Kept with the study" in said
    assert [decision.kind for decision in reviews.standing(number).decisions] == ["mark_move"]
    press(page, "review-undo")
    assert reviews.standing(number).decisions == ()
    assert metrics(page)["QRS"] == (f"{before_ms:.0f} ms", "as found")
    press(page, "review-redo")
    page.button(key="review-median-reset").click().run()
    assert [decision.kind for decision in reviews.standing(number).decisions] == ["mark_move", "mark_reset"]
    assert metrics(page)["QRS"] == (f"{before_ms:.0f} ms", "as found")


def test_what_was_moved_on_analyse_is_taken_over_at_once(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "current", lambda: local("Ada Moreau"))
    page = opened(number)
    here = review_session(page)
    assert here.review is not None
    there = Session(Viewport(10.0))
    there.moved_marks[here.review.material.recording.digest, 0.0] = {"p_on": -0.2, "t_off": 0.4}
    page.session_state["heartvision"] = there
    at_tab(page)
    page.button(key="median-take-over").click().run()
    assert not page.exception
    said = [decision.subject for decision in reviews.standing(number).decisions]
    assert said == ["p_on -200.0", "t_off 400.0"]
    assert not there.moved_marks
    assert "median-take-over" not in {button.key for button in page.button}


def test_who_may_not_decide_moves_nothing(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "current", lambda: local(""))
    shown = list[Drawn]()
    monkeypatch.setattr(median_panel.ecg_sheet, "draw", lambda drawn, key, *, label, moved: shown.append(drawn))
    page = at_tab(opened(number, reader=""))
    assert not page.exception
    assert shown[-1].marks == ()  # none to drag
    assert shown[-1].svg.count('class="fixed"') == shown[-1].svg.count(" on<") + shown[-1].svg.count(" off<") == 6
    assert page.button(key="review-median-reset").disabled
    assert not any("drag a mark" in str(one.value) for one in page.caption)


def test_a_mark_moved_on_the_strip_of_review_is_kept_and_the_window_stays(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "current", lambda: local("Ada Moreau"))
    shown = list[Drawn]()
    taken = list[Callable[[str, float], None]]()

    def drawn(one: Drawn, key: str, *, label: str, **does: Any) -> None:
        shown.append(one)
        taken.append(does["moved"])

    monkeypatch.setattr("app.review.tabs.ecg_sheet.draw", drawn)
    page = opened(number)
    here = review_session(page)
    page.session_state["review-tabs"] = "All leads"
    page.run()
    assert not page.exception
    place = here.viewport
    mark = [one for one in shown[-1].marks if one.name.startswith("t_off")][3]
    taken[-1](mark.name, mark.x_mm + 0.06 * shown[-1].speed_mm_s)
    page.run()
    assert not page.exception
    assert here.viewport == place
    (decision,) = reviews.standing(number).decisions
    assert (decision.kind, is_beat(decision.stretches[0])) == ("mark_move", True)
    assert here.sample == decision.samples[0]
    said = "\n".join(one.value.replace("\\", "") for one in page.markdown)
    assert "(+60)" in said
    assert "moved by the reader: T off" in said
    again = next(one for one in shown[-1].marks if one.name == mark.name)
    assert again.moved
    assert again.x_mm == pytest.approx(mark.x_mm + 0.06 * shown[-1].speed_mm_s, abs=0.01)
    page.button(key="review-sheet-beat-reset").click().run()
    assert [one.kind for one in reviews.standing(number).decisions] == ["mark_move", "mark_reset"]
    assert not next(one for one in shown[-1].marks if one.name == mark.name).moved


def test_marks_of_beats_that_were_moved_on_analyse_are_taken_over(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "current", lambda: local("Ada Moreau"))
    page = opened(number)
    here = review_session(page)
    assert here.review is not None
    material = here.review.material
    there, beat = Session(Viewport(10.0)), int(material.analysis.sample[3])
    there.moved_beats |= {(material.recording.digest, beat): {"t_off": 0.4}, ("another", 7): {"t_off": 0.4}}
    there.moved_beats[material.recording.digest, beat + 1] = {"t_off": 0.4}  # no beat of this analysis
    page.session_state["heartvision"] = there
    page.session_state["review-tabs"] = "All leads"
    page.run().button(key="beats-take-over").click().run()
    assert not page.exception
    assert [(one.samples, one.subject) for one in reviews.standing(number).decisions] == [
        ((beat, beat + 1), "t_off 400.0")
    ]
    assert (material.recording.digest, beat) not in there.moved_beats
    assert "beats-take-over" not in {button.key for button in page.button}


def test_who_may_not_decide_sees_marks_on_the_strip_and_drags_none(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "current", lambda: local(""))
    shown = list[Drawn]()
    monkeypatch.setattr("app.review.tabs.ecg_sheet.draw", lambda drawn, key, **_: shown.append(drawn))
    page = opened(number, reader="")
    page.session_state["review-tabs"] = "All leads"
    page.run()
    assert not page.exception
    assert shown[-1].marks == ()
    assert shown[-1].svg.count('class="wave"') > 50
