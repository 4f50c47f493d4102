"""Who was recorded and when: asked once per import, left out without an answer, shown and edited where it is kept."""

from __future__ import annotations

import json
from datetime import datetime

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from app.common import patient
from app.common.session import Session
from app.study import diary
from pipeline.cases.study_review import StudyReview, take_decisions
from pipeline.datasets import demo_path
from pipeline.identity import Identity
from pipeline.review.decisions import Decision
from pipeline.store.identities import load_identity, save_identity
from pipeline.store.reviews import audit, decide
from pipeline.store.studies import get_study
from tests.helpers.pages import settled
from tests.helpers.review_study import analysed
from tests.helpers.studies import ANNA, BERT, MAIN, opened, reading_as, said, study

pytestmark = pytest.mark.usefixtures("own_store")
ANY = "application/octet-stream"
START = "23:58:30 02/05/2005"
COMMENTS = b"# Name: Quirin Zwiebelfisch\n# Patient ID: 4711-X\n# Sex: M\n"
WHO = Identity("4711-X", "Quirin Zwiebelfisch", "M", None, "", datetime(2005, 5, 2, 23, 58, 30))
PERSONAL = ("Quirin", "Zwiebelfisch", "4711")


def files(name: str = "case7", comments: bytes = COMMENTS, start: str = START) -> list[tuple[str, bytes, str]]:
    """The demo recording under another name, with what its header states."""
    source = demo_path()
    first, *lines = source.read_text("ascii").replace(source.stem, name).splitlines()
    header = "\n".join([f"{' '.join(first.split()[:4])} {start}", *lines]).encode() + b"\n" + comments
    return [(f"{name}.hea", header, ANY), (f"{name}.dat", source.with_suffix(".dat").read_bytes(), ANY)]


@pytest.fixture
def page() -> AppTest:
    found = AppTest.from_file(MAIN, default_timeout=300).run()
    found.file_uploader[0].set_value(files())
    return settled(found.run())


def session(page: AppTest) -> Session:
    found: Session = page.session_state["heartvision"]
    return found


def digest(page: AppTest) -> str:
    recording = session(page).recording
    assert recording is not None
    return recording.digest


def times(page: AppTest) -> pd.Series:
    """The times in the table of beats."""
    return next(frame.value["time"] for frame in page.dataframe if "rr_ms" in frame.value)


def written(page: AppTest) -> str:
    return "\n".join(str(e.value) for e in (*page.markdown, *page.caption, *page.subheader)).replace("\\", "")


def test_an_import_asks_and_keeps_nobody_until_it_is_answered(page: AppTest) -> None:
    assert not page.exception
    assert "**This file names a patient.** Keep the patient and the recording's time with it" in written(page)
    assert "Stated: patient number, name, sex, time of the recording." in written(page)
    assert not any(word in written(page) for word in PERSONAL)
    assert not load_identity(digest(page))
    assert times(page)[0] == "0:00.3"
    assert times(page).is_monotonic_increasing
    page.button(key="patient-drop").click().run()
    assert not page.exception
    assert "Keep the patient" not in written(page)
    assert not load_identity(digest(page))
    assert not any(word in written(page) for word in PERSONAL)


def test_what_is_kept_is_shown_and_times_are_of_the_clock(page: AppTest) -> None:
    page.button(key="patient-keep").click().run()
    assert not page.exception
    assert load_identity(digest(page)) == WHO
    assert "Quirin Zwiebelfisch · no. 4711-X · male · recorded Mon 2005-05-02 23:58:30" in written(page)
    assert times(page)[0] == pd.Timestamp("2005-05-02 23:58:30.300")
    assert times(page).is_monotonic_increasing
    assert times(page).iloc[-1].day == 3
    assert ", at Tue 00:0" in written(page) or ", at 23:5" in written(page)
    assert not any(word in json.dumps(dict(page.query_params)) for word in (*PERSONAL, "2005"))


def test_a_recording_whose_patient_is_kept_is_not_asked_about_again(page: AppTest) -> None:
    page.button(key="patient-keep").click().run()
    again = AppTest.from_file(MAIN, default_timeout=300).run()
    again.file_uploader[0].set_value(files())
    settled(again.run())
    assert "names a patient" not in written(again)
    assert "Quirin Zwiebelfisch" in written(again)


@pytest.mark.parametrize(
    ("comments", "start", "asks"),
    [
        (b"# Sex: M\n", "", ""),
        (b"", "", ""),
        (b"", START, "**This file says when the recording was made.** Keep the recording's time with it"),
        (COMMENTS, "", "**This file names a patient.** Keep the patient with it"),
    ],
)
def test_the_question_says_what_is_stated(comments: bytes, start: str, asks: str) -> None:
    page = opened("worklist")
    page.file_uploader[0].set_value(files("other", comments, start)).run()
    page.button(key="worklist-add").click().run()
    assert not page.exception
    assert (asks in written(page)) if asks else "Keep" not in written(page)


def test_a_time_that_is_typed_is_gone_to(page: AppTest) -> None:
    page.text_input(key="go-to").set_value("0:02:30").run()
    assert session(page).viewport.start_s < 150 < session(page).viewport.stop_s
    page.text_input(key="go-to").set_value("7:00:00").run()
    assert "The recording has no such time; it ends at 5:00." in written(page)
    assert session(page).viewport.start_s < 150 < session(page).viewport.stop_s
    page.button(key="patient-keep").click().run()
    page.text_input(key="go-to").set_value("00:00:30").run()
    assert session(page).viewport.start_s < 120 < session(page).viewport.stop_s
    page.text_input(key="go-to").set_value("Tue 00:01:30").run()
    assert session(page).viewport.start_s < 180 < session(page).viewport.stop_s


def field(page: AppTest, name: str) -> str:
    """The key of a field of the patient's form."""
    keys = [e.key for kind in ("text_input", "selectbox", "number_input", "date_input") for e in page.get(kind)]
    return next(str(key) for key in keys if key and key.startswith(f"patient-{name}-"))


def test_the_details_are_edited_on_the_study_and_shown_there_and_on_review() -> None:
    number = study("case", "NNVNSNNUFNVVVNNNN")
    page = reading_as(opened("study", study=number), ANNA)
    page.text_input(key=field(page, "name")).set_value("Quirin  Zwiebelfisch ")
    page.text_input(key=field(page, "patient_id")).set_value("4711-X")
    page.selectbox(key=field(page, "sex")).set_value("male")
    page.date_input(key=field(page, "day")).set_value(datetime(2005, 5, 2).date())
    page.text_input(key=field(page, "start")).set_value("23:58:30")
    page.button(key="patient-save").click().run()
    assert not page.exception
    assert load_identity(get_study(number).digest) == WHO
    assert "Quirin Zwiebelfisch · no. 4711-X · male · recorded Mon 2005-05-02 23:58:30" in said(page)
    (entry,) = audit(number)
    assert (entry.who, entry.text) == (ANNA, "patient number, name, sex, time of the recording")
    page = opened("review", study=number)
    assert not page.exception
    assert "Quirin Zwiebelfisch" in said(page)
    assert "23:58:" in said(page)
    assert not any(word in json.dumps(dict(page.query_params)) for word in PERSONAL)


@pytest.mark.parametrize(
    ("start", "says"), [("half past", "The start is written hh:mm:ss"), ("", "A date needs the time")]
)
def test_what_is_no_time_is_said_and_nothing_saved(start: str, says: str) -> None:
    number = study("case", "NNVN")
    page = reading_as(opened("study", study=number), ANNA)
    page.date_input(key=field(page, "day")).set_value(datetime(2005, 5, 2).date())
    page.text_input(key=field(page, "start")).set_value(start)
    page.button(key="patient-save").click().run()
    assert says in said(page)
    assert audit(number) == ()


def test_saving_the_form_unchanged_keeps_parts_that_it_does_not_show() -> None:
    kept = datetime.fromisoformat("2005-05-02T23:58:30.250000+02:00")
    assert patient._start(kept, kept.date(), "23:58:30") == kept
    assert patient._start(datetime(1, 1, 1, 8, 4), None, "8:04") == datetime(1, 1, 1, 8, 4)
    assert patient._start(None, None, "") is None


def test_nobody_edits_without_a_name_nor_what_is_signed() -> None:
    number = study("case", "NNVN")
    page = opened("study", study=number)
    assert page.button(key="patient-save").disabled
    page = reading_as(page, ANNA)
    page.button(key="begin-review").click().run()
    page.button(key=next(b.key for b in page.button if b.key == "sign-study")).click().run()
    assert "reopen it to change the patient's details" in said(page)


def test_what_was_typed_for_one_patient_does_not_stand_in_the_form_of_another() -> None:
    one = study("case", "NNVN")
    page = reading_as(opened("study", study=one), ANNA)
    page.text_input(key=field(page, "name")).set_value("Quirin Zwiebelfisch")
    before = field(page, "name")
    save_identity(get_study(one).digest, Identity(name="Ada"), reader=ANNA)
    page.run()
    assert field(page, "name") != before
    assert page.text_input(key=field(page, "name")).value == "Ada"


def test_a_diary_is_marked_in_one_go_each_entry_a_decision() -> None:
    number = study("case", "NNVNSNNUFNVVVNNNN")
    page = reading_as(opened("study", study=number), ANNA)
    page.file_uploader[0].set_value([("diary.csv", b"time,text\n0:03,dizzy\n0:00:06,stairs\n", "text/csv")]).run()
    page.button(key="diary-mark").click().run()
    assert not page.exception
    assert "2 patient events are marked." in said(page)
    marked = [entry for entry in audit(number) if entry.kind == "event_mark"]
    assert [(entry.who, entry.text) for entry in marked] == [(ANNA, "dizzy"), (ANNA, "stairs")]
    assert [entry.samples[0] / analysed().fs for entry in marked] == pytest.approx([3, 6], abs=0.01)
    page.file_uploader[0].set_value([("diary.csv", b"9:00:00,late", "text/csv")]).run()
    assert "Line 1 of the diary: the recording has no such time" in said(page)


def test_a_diary_that_someone_comes_between_marks_nothing_and_says_who(monkeypatch: pytest.MonkeyPatch) -> None:
    number = study("case", "NNVNSNNUFNVVVNNNN")
    page = reading_as(opened("study", study=number), ANNA)

    def overtaken(review: StudyReview, decisions: tuple[Decision, ...], *, reader: str) -> StudyReview:
        noted = Decision("event_mark", (10, 20), text="seen by another")
        decide(number, noted, reader=BERT, expected_version=review.standing.version)
        return take_decisions(review, decisions, reader=reader)

    monkeypatch.setattr(diary, "take_decisions", overtaken)
    page.file_uploader[0].set_value([("diary.csv", b"0:03,dizzy\n0:06,stairs\n0:09,rest\n", "text/csv")]).run()
    page.button(key="diary-mark").click().run()
    assert f"{BERT} marked a patient event" in said(page)
    assert [entry for entry in audit(number) if entry.who == ANNA and entry.kind == "event_mark"] == []
