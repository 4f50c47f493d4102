"""Marks moved on the median beat are decisions: stored, audited, undone, and followed by statements and all exports."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pypdfium2
import pytest
from fhir.resources.R4B.bundle import Bundle

from pipeline.analysis import analyse, load_classifier, with_measurements
from pipeline.cases.material import material_of
from pipeline.cases.study_review import StudyReview, in_force, review_of, take_step
from pipeline.config import RECORDING_NETWORK
from pipeline.errors import ReviewError
from pipeline.export.fhir import to_fhir
from pipeline.export.report_content import ReportContent
from pipeline.export.report_pdf import pdf_bytes, summary_bytes
from pipeline.export.reviewed import reviewed_to_json, write_summary_csv
from pipeline.export.signing import reviewed_content, study_facts
from pipeline.labels import AAMI_CLASSES
from pipeline.measurements import WaveMark
from pipeline.review.decisions import Decision
from pipeline.review.moved_marks import mark_subject
from pipeline.store import reviews
from pipeline.store.listing import study_of_analysis
from pipeline.store.recordings import save_recording
from pipeline.twelve_leads.median_beat import MarkedStretch, marked_stretch
from pipeline.types import Episode, Recording
from tests.helpers.twelve_lead_ecg import LEADS, made_ecg

CREATED = datetime(2026, 11, 22, 8, tzinfo=UTC)
FS = 500.0


def begun(seconds: float) -> StudyReview:
    recording = save_recording(Recording.from_array(made_ecg(seconds), fs=FS, leads=LEADS, name="twelve"))
    study = study_of_analysis(
        with_measurements(recording, analyse(recording, load_classifier(RECORDING_NETWORK))), recording
    )
    return review_of(material_of(study), reviews.standing(study.id))


def found_marks(review: StudyReview, stop_s: float) -> dict[WaveMark, float]:
    found = marked_stretch(review.material.recording, review.material.analysis, 0.0, stop_s)
    assert found.beat is not None
    return dict(found.beat.marks_s)


def move(review: StudyReview, name: WaveMark, at_s: float, stop_s: float) -> StudyReview:
    decision = Decision("mark_move", (0, round(stop_s * FS)), subject=mark_subject(name, at_s))
    return take_step(review, decision, reader="Ada")


def content_of(review: StudyReview) -> ReportContent:
    return reviewed_content(review, study_facts(review, reviews.audit(review.study.id)), created=CREATED)


@pytest.fixture
def wide(store: object) -> StudyReview:
    """Ten seconds whose QRS a reader has made 160 ms wide."""
    review = begun(10.0)
    return move(review, "qrs_off", found_marks(review, 10.0)["qrs_on"] + 0.16, 10.0)


def test_intervals_and_statements_follow_and_the_models_stay_beside_them(wide: StudyReview) -> None:
    model, now = wide.material.analysis.measured, wide.state.measured
    assert model is not None
    assert now is not None
    assert model.intervals["QRS"].median < 110
    assert now.intervals["QRS"].median == pytest.approx(160, abs=4)
    assert now.intervals["PR"].median == pytest.approx(model.intervals["PR"].median, abs=1)
    codes = {one.code for one in now.statements} - {one.code for one in model.statements}
    assert codes  # a QRS of 160 ms says something
    assert wide.beats.ruling is not None
    assert wide.beats.ruling.statements == now.statements
    told = reviewed_to_json(content_of(wide))
    assert told["intervals"]["QRS"]["median"] == model.intervals["QRS"].median
    assert told["review"]["measurements"]["intervals"]["QRS"]["median"] == now.intervals["QRS"].median
    (beat,) = told["review"]["moved_marks"]
    assert (beat["start_s"], beat["stop_s"]) == (0.0, 10.0)
    assert beat["intervals_ms"]["QRS"] == pytest.approx(160, abs=0.2)
    assert beat["before_ms"]["QRS"] < 110
    json.dumps(told)


def test_it_is_in_the_store_in_the_audit_trail_and_undone_and_redone(wide: StudyReview) -> None:
    number = wide.study.id
    again = review_of(wide.material, reviews.standing(number))
    assert again.state.measured == wide.state.measured
    at_ms = next(iter(wide.beats.ruling.marks[(0, 5000)].values())) * 1000  # type: ignore[union-attr]
    words = f"QRS off at {at_ms:.0f} ms"
    undone = take_step(again, "undo", reader="Ada")
    assert undone.state.measured == wide.material.analysis.measured
    assert undone.beats.ruling is not None
    assert not undone.beats.ruling.marks
    redone = take_step(undone, "redo", reader="Ada")
    assert redone.state.measured == wide.state.measured
    back = take_step(redone, Decision("mark_reset", (0, 5000)), reader="Ada")
    assert back.state.measured == wide.material.analysis.measured
    assert [entry.sentence() for entry in reviews.audit(number)][1:] == [
        f"moved marks of the median beat (as found, then {words})",
        f"undid moving marks of the median beat ({words}, then as found)",
        f"redid moving marks of the median beat (as found, then {words})",
        f"put back marks of the median beat ({words}, then as found)",
    ]


def test_a_statement_that_a_moved_mark_makes_can_be_confirmed(wide: StudyReview) -> None:
    assert wide.state.measured is not None
    model = wide.material.analysis.measured
    assert model is not None
    new = next(one.code for one in wide.state.measured.statements if one.code not in {x.code for x in model.statements})
    confirmed = take_step(wide, Decision("statement_confirm", (0, 5000), subject=new), reader="Ada")
    assert content_of(confirmed).verdicts == {new: "confirmed"}
    unmoved = begun(12.0)
    with pytest.raises(ReviewError, match="No statement"):
        take_step(unmoved, Decision("statement_confirm", (0, 5000), subject=new), reader="Ada")


def test_a_statement_that_no_marks_make_is_refused_with_any_mark_moved(wide: StudyReview) -> None:
    model = wide.material.analysis.measured
    assert model is not None
    with pytest.raises(ReviewError, match="No statement 'BOGUS'"):
        take_step(wide, Decision("statement_confirm", (0, 5000), subject="BOGUS"), reader="Ada")
    assert wide.state.measured is not None
    new = next(one.code for one in wide.state.measured.statements if one.code not in {x.code for x in model.statements})
    confirmed = take_step(wide, Decision("statement_confirm", (0, 5000), subject=new), reader="Ada")
    replayed = review_of(wide.material, reviews.standing(wide.study.id))
    assert replayed.beats.ruling == confirmed.beats.ruling
    narrow = take_step(confirmed, Decision("mark_reset", (0, 5000)), reader="Ada")
    with pytest.raises(ReviewError, match="No statement"):
        take_step(narrow, Decision("statement_reject", (0, 5000), subject=new), reader="Ada")


def test_a_run_that_is_undone_stays_so_when_a_mark_is_moved(store: object) -> None:
    review = begun(10.0)
    fs, beats = review.beats.fs, review.beats.sample
    ends = float(beats[2] / fs), float(beats[6] / fs)
    rhythm = (Episode(0.0, ends[0], "N"), Episode(*ends, "VT"), Episode(ends[1], 10.0, "N"))
    letters = np.where((np.arange(beats.size) >= 2) & (np.arange(beats.size) < 6), "V", "N")
    p = np.stack([np.where(letters == one, 0.96, 0.01) for one in AAMI_CLASSES], axis=1).astype(np.float32)
    analysis = replace(review.material.analysis, rhythm=rhythm, p=p, status=("classified",) * beats.size)
    material = replace(review.material, analysis=analysis)
    undone = Decision("override", tuple(beats[2:6].tolist()), "N")
    moved = Decision("mark_move", (0, 5000), subject=mark_subject("qrs_off", 0.16))
    assert "VT" in {one.rhythm for one in in_force(material, ()).beats.rhythm}
    state = in_force(material, (undone, moved))
    assert state.measured != analysis.measured
    assert {one.rhythm for one in state.beats.rhythm} == {"N"}
    assert state.beats.ruling is not None
    assert state.beats.ruling.episodes == state.beats.rhythm


def test_only_the_stretch_whose_marks_change_is_marked_again(store: object, monkeypatch: pytest.MonkeyPatch) -> None:
    review, asked = begun(95.0), list[float]()

    def counted(*stretch: Any) -> MarkedStretch:
        asked.append(stretch[2])
        return marked_stretch(*stretch)

    monkeypatch.setattr("pipeline.twelve_leads.remeasured.marked_stretch", counted)
    for start_s in (30.0, 0.0, 65.0):
        own = (round(start_s * FS), round((start_s + 30) * FS))
        review = take_step(review, Decision("mark_move", own, subject=mark_subject("qrs_off", 0.09)), reader="Ada")
    assert asked == [30.0, 0.0, 65.0]
    review = take_step(review, "undo", reader="Ada")
    assert asked == [30.0, 0.0, 65.0]
    review = take_step(review, "redo", reader="Ada")
    assert asked == [30.0, 0.0, 65.0, 65.0]
    review = take_step(review, Decision("confirm", (int(review.beats.sample[0]),)), reader="Ada")
    assert len(asked) == 4
    own = (0, round(30 * FS))
    review = take_step(review, Decision("mark_move", own, subject=mark_subject("qrs_on", -0.05)), reader="Ada")
    assert asked[4:] == [0.0]
    again = in_force(review.material, review.standing.decisions)
    assert review.state.remeasured == again.remeasured
    assert [beat.start_s for beat in again.remeasured.beats] == [0.0, 30.0, 65.0]  # type: ignore[union-attr]


def test_report_fhir_and_table_follow_and_say_who_moved_it(wide: StudyReview, tmp_path: Path) -> None:
    content = content_of(wide)
    with pypdfium2.PdfDocument(pdf_bytes(content)) as document:
        pages = [" ".join(page.get_textpage().get_text_range().split()) for page in document]
    assert "Moved by the reader: QRS off at" in pages[0]
    assert "QRS 160" in pages[0]
    assert "Moved by the reader: QRS off at" in pages[-1]  # the page with all leads
    bundle = to_fhir(content)
    Bundle.model_validate(json.loads(json.dumps(bundle)))
    observations = [one["resource"] for one in bundle["entry"] if one["resource"]["resourceType"] == "Observation"]
    qrs = next(one for one in observations if one["code"].get("text") == "QRS duration")
    assert qrs["valueQuantity"]["value"] == pytest.approx(160, abs=4)
    assert qrs["note"] == [{"text": "Moved by the reader: marks."}]
    (moved,) = (one for one in observations if one["code"].get("text", "").startswith("Intervals of a median beat"))
    assert moved["note"][0]["text"].startswith("Moved by the reader: QRS off at")
    table = write_summary_csv(content, tmp_path / "summary.csv").read_text("utf-8")
    assert "Moved by the reader: QRS off at" in table


def test_half_a_minute_of_a_long_recording_changes_no_statement_but_is_reported(store: object) -> None:
    review = begun(90.0)
    moved = move(review, "qrs_off", found_marks(review, 30.0)["qrs_on"] + 0.16, 30.0)
    assert moved.state.measured == review.material.analysis.measured
    told = reviewed_to_json(content_of(moved))["review"]
    assert "measurements" not in told
    (beat,) = told["moved_marks"]
    assert (beat["start_s"], beat["stop_s"]) == (0.0, 30.0)
    assert beat["intervals_ms"]["QRS"] == pytest.approx(160, abs=0.2)


def moved_beats(content: ReportContent, count: int) -> ReportContent:
    """The content as if the marks of so many half minutes had been moved."""
    found = content.remeasured
    assert found is not None
    beats = tuple(replace(found.beats[0], start_s=30.0 * i, stop_s=30.0 * (i + 1)) for i in range(count))
    return replace(content, remeasured=replace(found, beats=beats))


@pytest.mark.parametrize("measured", [True, False])
@pytest.mark.parametrize("pages", [True, False])
def test_many_moved_marks_leave_room_on_the_first_page(wide: StudyReview, measured: bool, pages: bool) -> None:
    content = content_of(wide)
    if not measured:
        assert content.remeasured is not None
        unmeasured = replace(content.remeasured, measured=None)
        content = replace(content, analysis=replace(content.analysis, measured=None), remeasured=unmeasured)
    few, many = (page_words(moved_beats(content, count), pages=pages) for count in (1, 400))
    assert few[0].count("Moved by the reader: QRS off at") == 1
    assert "more in the workbench" not in few[0]
    told = many[0].count("Moved by the reader: QRS off at")
    assert told >= 1
    assert f"and {400 - told} more in the workbench." in many[0]
    assert "Not signed: this result is preliminary." in many[0]
    assert "Beats" in many[0].split("more in the workbench.")[1]  # the tiles still have their place
    assert len(many) <= len(few) + 1
    assert not pages or "Moved by the reader: marks of 400 median beats." in many[-1]


def page_words(content: ReportContent, *, pages: bool) -> list[str]:
    with pypdfium2.PdfDocument(pdf_bytes(content) if pages else summary_bytes(content)) as document:
        return [" ".join(page.get_textpage().get_text_range().split()) for page in document]


@pytest.mark.parametrize("subject", ["", "qrs_off", "qrs_peak 10.0", "qrs_off 9000.0", "qrs_off nan"])
def test_what_names_no_mark_is_no_decision(subject: str) -> None:
    with pytest.raises(ReviewError):
        Decision("mark_move", (0, 5000), subject=subject)


def test_marks_that_are_not_moved_are_not_put_back(store: object) -> None:
    with pytest.raises(ReviewError, match="No mark of the beat from 0\\.00 s"):
        take_step(begun(10.0), Decision("mark_reset", (0, 5000)), reader="Ada")
