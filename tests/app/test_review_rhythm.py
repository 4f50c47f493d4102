"""Rhythm on the Review page: confirmed, rejected, renamed, moved by hand and by dragging, split, named, and undone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

from app.review import decide
from app.review.session import ReviewSession
from pipeline.measurements import Measurements, Statement
from pipeline.principal import local
from pipeline.review.decisions import Decision
from pipeline.review.triage import EpisodeFinding
from pipeline.store import reviews
from pipeline.store.listing import study_of_analysis
from pipeline.store.recordings import save_recording
from pipeline.store.studies import get_study
from tests.app.test_review_page import opened, press, review_session, texts
from tests.helpers.review_study import recorded
from tests.helpers.rhythms import with_rhythm

pytestmark = pytest.mark.usefixtures("own_store")
URGENT = Statement("STE-ANT", "infarction", "ST elevation, anterior.", "V2 0.4 mV", urgent=True)


@pytest.fixture
def study() -> int:
    """A minute of beats, with fibrillation of the atria from 20 to 40 s, and an urgent statement."""
    analysis = with_rhythm("N" * 75, (20.0, "N"), (40.0, "AFIB"), (60.4, "N"))
    analysis = replace(analysis, measured=Measurements(statements=(URGENT,)))
    return study_of_analysis(analysis, save_recording(recorded(analysis))).id


def rhythm(page: AppTest) -> list[tuple[float, float, str]]:
    review = review_session(page).review
    assert review is not None
    return [(round(one.start_s, 2), round(one.stop_s, 2), one.rhythm) for one in review.beats.rhythm]


def at_fibrillation(study: int) -> tuple[AppTest, ReviewSession]:
    page = opened(study, at="rhythm:5000")
    here = review_session(page)
    assert here.current is not None
    assert here.current.title == "Atrial fibrillation"
    return page, here


def last(study: int) -> Decision:
    return reviews.standing(study).decisions[-1]


def typed(page: AppTest, form: str, field: str, value: str) -> None:
    next(one for one in page.text_input if str(one.key).startswith(f"{form}-{field}-")).set_value(value)


def chosen(page: AppTest, form: str, subject: str) -> None:
    next(one for one in page.selectbox if str(one.key).startswith(f"{form}-subject-")).set_value(subject)


def submitted(page: AppTest, form: str) -> AppTest:
    found = next(one for one in page.button if str(one.key).startswith(f"{form}-submit-") or one.label == form)
    return found.click().run()


def test_an_urgent_statement_comes_first_and_is_confirmed_or_rejected(study: int) -> None:
    assert get_study(study).priority == 1
    page = opened(study)
    assert "**ST elevation" in texts(page)
    press(page, "review-confirm")
    assert last(study) == Decision("statement_confirm", (0, 15100), subject="STE-ANT")
    press(page, "review-undo")
    press(page, "review-reject")
    assert last(study).kind == "statement_reject"
    assert get_study(study).findings == {"afib": 1}
    assert get_study(study).priority == 2


def test_an_episode_is_confirmed_and_the_next_row_comes(study: int) -> None:
    page, _ = at_fibrillation(study)
    press(page, "review-confirm")
    assert last(study) == Decision("rhythm_confirm", (5000, 10000))
    assert reviews.audit(study)[-1].sentence() == "confirmed the rhythm of a stretch (AF)"


def test_an_episode_is_rejected_and_comes_back_with_undo(study: int) -> None:
    page, here = at_fibrillation(study)
    press(page, "review-reject")
    assert rhythm(page) == [(0.0, 60.4, "N")]
    assert "afib" not in get_study(study).findings
    press(page, "review-undo")
    assert rhythm(page) == [(0.0, 20.0, "N"), (20.0, 40.0, "AFIB"), (40.0, 60.4, "N")]
    assert here.current is not None
    assert here.current.kind == "afib"


def test_name_and_ends_are_changed_by_hand(study: int) -> None:
    page, _ = at_fibrillation(study)
    chosen(page, "Change", "AFL")
    typed(page, "Change", "from", "0:00:24")
    submitted(page, "Change")
    assert rhythm(page) == [(0.0, 24.0, "N"), (24.0, 40.0, "AFL"), (40.0, 60.4, "N")]
    assert [decision.kind for decision in reviews.standing(study).decisions] == ["rhythm_resize", "rhythm_name"]


def test_a_time_that_is_none_is_refused_with_what_to_write(study: int) -> None:
    page, _ = at_fibrillation(study)
    typed(page, "Change", "from", "noon")
    submitted(page, "Change")
    assert "h:mm:ss" in page.error[0].value.replace("\\", "")
    assert reviews.standing(study).decisions == ()


def test_a_new_name_is_not_given_to_ends_that_were_refused(study: int) -> None:
    page, _ = at_fibrillation(study)
    chosen(page, "Change", "AFL")
    typed(page, "Change", "from", "0:00:45")
    typed(page, "Change", "to", "0:00:50")
    submitted(page, "Change")
    assert "leave the episode" in page.error[0].value
    assert reviews.standing(study).decisions == ()
    assert rhythm(page) == [(0.0, 20.0, "N"), (20.0, 40.0, "AFIB"), (40.0, 60.4, "N")]


@pytest.mark.parametrize(
    ("drag", "expected"), [((20.05, 25.0), (25.0, 40.0)), ((15.0, 20.05), (15.0, 40.0)), ((30.0, 39.9), (20.0, 30.0))]
)
def test_a_drag_that_takes_hold_of_an_end_moves_it(
    study: int, drag: tuple[float, float], expected: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    page, here = at_fibrillation(study)
    review = here.review
    assert review is not None
    monkeypatch.setattr(decide.reader, "current", lambda: local("Ada Moreau"))
    decide.drag(here, review, *drag)
    assert here.review is not None
    found = [one for one in here.review.beats.rhythm if one.rhythm == "AFIB"]
    assert [(one.start_s, one.stop_s) for one in found] == [expected]
    assert page.run().exception == []


def test_a_drag_elsewhere_selects_beats_and_its_stretch_can_be_named(study: int) -> None:
    page, here = at_fibrillation(study)
    review = here.review
    assert review is not None
    decide.drag(here, review, 45.0, 50.0)
    assert here.scope == "picked"
    assert reviews.standing(study).decisions == ()
    page.run()
    chosen(page, "Name", "VT")
    submitted(page, "Name")
    assert rhythm(page)[3] == (45.0, 50.0, "VT")


def test_an_episode_is_split_at_the_beat_that_is_looked_at(study: int) -> None:
    page, here = at_fibrillation(study)
    here.sample = 7500
    page.run()
    press(page, "split")
    assert rhythm(page) == [(0.0, 20.0, "N"), (20.0, 30.0, "AFIB"), (30.0, 40.0, "AFIB"), (40.0, 60.4, "N")]


def test_both_halves_are_one_row_and_one_key_confirms_both(study: int) -> None:
    page, here = at_fibrillation(study)
    here.sample = 7500
    page.run()
    press(page, "split")
    assert (here.opened, here.finding) == ("group:afib", "rhythm:5000")
    page.button(key="open-group").click().run()
    press(page, "review-confirm")
    assert last(study) == Decision("rhythm_confirm", (5000, 7500, 7500, 10000))


def test_what_the_patient_felt_is_marked_and_removed(study: int) -> None:
    page, here = at_fibrillation(study)
    chosen(page, "Name", "EVENT")
    typed(page, "Name", "text", "palpitations")
    submitted(page, "Name")
    assert last(study).text == "palpitations"
    assert here.current is not None
    assert here.current.kind == "patient_event"
    press(page, "review-reject")
    assert last(study).kind == "event_remove"


@pytest.mark.parametrize("act", ["review-confirm", "review-reject", "split"])
def test_nothing_is_decided_by_who_has_no_name(study: int, act: str) -> None:
    page = opened(study, reader="", at="rhythm:5000")
    assert [one.disabled for one in page.button if str(one.key).startswith(f"{act}-")] == [True]


def test_every_change_is_told_in_the_audit_trail(study: int) -> None:
    version = 0
    said: Callable[[], str] = lambda: reviews.audit(study)[-1].sentence()  # noqa: E731
    for decision, words in (
        (Decision("rhythm_name", (0, 500), subject="ARTEFACT"), "named the rhythm of a stretch (sinus) as Artefact"),
        (Decision("rhythm_resize", (5000, 10000, 6000, 9000)), "moved the ends of the rhythm of a stretch (AF)"),
        (Decision("event_mark", (700, 800), text="faint"), "marked a patient event"),
        (Decision("statement_confirm", (0, 15100), subject="STE-ANT"), "confirmed the statement STE-ANT"),
    ):
        version = reviews.decide(study, decision, reader="Ada", expected_version=version)
        assert said() == words
    reviews.undo(study, reader="Ada", expected_version=version)
    assert said() == "undid confirming the statement STE-ANT"


def test_a_comment_on_a_group_of_rhythms_is_one_on_each_of_them() -> None:
    analysis = with_rhythm("N" * 75, (20.0, "N"), (30.0, "AFIB"), (40.0, "N"), (50.0, "AFIB"), (60.4, "N"))
    number = study_of_analysis(analysis, save_recording(recorded(analysis))).id
    page = opened(number, at="group:afib")
    field = next(area for area in page.text_area if str(area.key).startswith("comment-text-"))
    assert field.label == "Comment on these 2 stretches"
    field.set_value("no P waves")
    next(button for button in page.button if button.label == "Keep the comment").click().run()
    stretches = ((5000, 7500), (10000, 12500))
    assert last(number).stretches == stretches
    review = review_session(page).review
    assert review is not None
    assert review.beats.notes == dict.fromkeys(stretches, "no P waves")
    assert "no P waves :gray[· on all 2]" in texts(page)
    assert reviews.audit(number)[-1].sentence() == "commented on the rhythm of 2 stretches"


def test_undo_shows_the_episode_that_came_back_and_not_the_first_of_its_group() -> None:
    analysis = with_rhythm("N" * 75, (20.0, "N"), (30.0, "AFIB"), (40.0, "N"), (45.0, "AFIB"), (60.4, "N"))
    number = study_of_analysis(analysis, save_recording(recorded(analysis))).id
    page = opened(number, at="rhythm:10000")
    here = review_session(page)
    assert here.current is not None
    before = here.current.stretch
    assert before == (10000, 11250)
    press(page, "split")
    assert before not in [row.stretch for row in here.rows() if isinstance(row, EpisodeFinding)]
    press(page, "review-undo")
    assert here.current is not None
    assert here.current.stretch == before
