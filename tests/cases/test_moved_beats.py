"""A mark moved on a beat of the strip is a decision like one on the median beat: stored, audited, undone, exported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from fhir.resources.R4B.bundle import Bundle

from pipeline.cases.study_review import StudyReview, in_force, review_of, take_step
from pipeline.errors import ReviewError
from pipeline.export.fhir import to_fhir
from pipeline.export.report_pdf import pdf_bytes
from pipeline.export.reviewed import reviewed_to_json, write_summary_csv
from pipeline.review.decisions import Decision
from pipeline.review.moved_marks import beat_stretch, is_beat, mark_subject
from pipeline.store import reviews
from pipeline.twelve_leads.median_beat import MarkedStretch, marked_stretch, stretch_of
from pipeline.twelve_leads.remeasured import beat_marks
from tests.cases.test_moved_marks import FS, begun, content_of, move

ROW = 4


def t_off(review: StudyReview, row: int, seconds: float = 10.0) -> tuple[int, float]:
    """The R peak of a beat, and where its T ends."""
    recording, analysis = review.material.recording, review.material.analysis
    at_s = float(analysis.time_s[row])
    found = marked_stretch(recording, analysis, *stretch_of(recording, at_s))
    own = found.position.tolist().index(row)
    return int(analysis.sample[row]), beat_marks(found.waves, own)["t_off"]


def move_beat(review: StudyReview, sample: int, at_s: float) -> StudyReview:
    step = Decision("mark_move", beat_stretch(sample), subject=mark_subject("t_off", at_s))
    return take_step(review, step, reader="Ada")


@pytest.fixture
def longer(store: object) -> StudyReview:
    """Ten seconds in which a reader has put the end of one T 60 ms later."""
    review = begun(10.0)
    sample, at_s = t_off(review, ROW)
    return move_beat(review, sample, at_s + 0.06)


def test_it_is_in_the_store_in_the_audit_trail_and_undone_and_put_back(longer: StudyReview) -> None:
    number = longer.study.id
    again = review_of(longer.material, reviews.standing(number))
    assert again.state.remeasured == longer.state.remeasured
    assert longer.beats.ruling is not None
    ((stretch, own),) = longer.beats.ruling.marks.items()
    assert is_beat(stretch)
    words = f"T off at {1000 * own['t_off']:.0f} ms"
    undone = take_step(again, "undo", reader="Ada")
    assert undone.state.remeasured is None
    redone = take_step(undone, "redo", reader="Ada")
    assert redone.state.remeasured == longer.state.remeasured
    back = take_step(redone, Decision("mark_reset", stretch), reader="Ada")
    assert back.state.measured == longer.material.analysis.measured
    assert [entry.sentence() for entry in reviews.audit(number)][1:] == [
        f"moved marks of a beat (as found, then {words})",
        f"undid moving marks of a beat ({words}, then as found)",
        f"redid moving marks of a beat (as found, then {words})",
        f"put back marks of a beat ({words}, then as found)",
    ]


def test_the_range_of_the_intervals_follows_and_the_model_stays_beside_it(longer: StudyReview) -> None:
    model, now = longer.material.analysis.measured, longer.state.measured
    assert model is not None
    assert now is not None
    assert now.intervals["QT"].high > model.intervals["QT"].high + 10
    told = reviewed_to_json(content_of(longer))
    assert told["intervals"]["QT"]["high"] == model.intervals["QT"].high
    assert told["review"]["measurements"]["intervals"]["QT"]["high"] == now.intervals["QT"].high
    (beat,) = told["review"]["moved_marks"]
    assert beat["sample"] == longer.material.analysis.sample[ROW]
    assert beat["intervals_ms"]["QT"] - beat["before_ms"]["QT"] == pytest.approx(60, abs=0.2)
    json.dumps(told)


def test_report_fhir_and_table_say_which_mark_of_which_beat_the_reader_moved(
    longer: StudyReview, tmp_path: Path
) -> None:
    content = content_of(longer)
    with pypdfium2.PdfDocument(pdf_bytes(content)) as document:
        pages = [" ".join(page.get_textpage().get_text_range().split()) for page in document]
    assert "Moved by the reader: T off at" in pages[0]
    assert "beat at 0:00:03.8" in pages[0]
    assert "Moved by the reader: T off at" in pages[-1]
    bundle = to_fhir(content)
    Bundle.model_validate(json.loads(json.dumps(bundle)))
    said = [one["resource"] for one in bundle["entry"] if one["resource"]["resourceType"] == "Observation"]
    (moved,) = (one for one in said if one["code"].get("text", "").startswith("Intervals of a single beat"))
    assert "beat at 0:00:03.8" in moved["note"][0]["text"]
    assert "beat at 0:00:03.8" in write_summary_csv(content, tmp_path / "summary.csv").read_text("utf-8")
    both = move(longer, "qrs_off", 0.09, 10.0)
    with pypdfium2.PdfDocument(pdf_bytes(content_of(both))) as document:
        last = " ".join(document[len(document) - 1].get_textpage().get_text_range().split())
    assert "Moved by the reader: marks of 1 median beat and 1 single beat." in last


def test_in_a_long_recording_only_what_the_mark_changes_is_marked_again(
    store: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    review, asked = begun(95.0), list[float]()
    places = [t_off(review, row) for row in (4, 5, 50)]  # two in the first half minute, one in the second

    def counted(*stretch: Any) -> MarkedStretch:
        asked.append(stretch[2])
        return marked_stretch(*stretch)

    monkeypatch.setattr("pipeline.twelve_leads.remeasured.marked_stretch", counted)
    for sample, at_s in places:
        review = move_beat(review, sample, at_s + 0.06)
    assert asked == [0.0, 0.0, 30.0]
    review = move(review, "t_off", 0.4, 30.0)  # of the median beat of the first: its beats follow
    assert asked[3:] == [0.0]
    assert review.state.measured == review.material.analysis.measured
    again = in_force(review.material, review.standing.decisions)
    assert review.state.remeasured == again.remeasured
    assert again.remeasured is not None
    assert [beat.sample for beat in again.remeasured.beats] == [None, *(sample for sample, _ in places)]


def test_marks_of_a_beat_that_are_not_moved_are_not_put_back(store: object) -> None:
    with pytest.raises(ReviewError, match="No mark of the beat"):
        take_step(begun(10.0), Decision("mark_reset", beat_stretch(round(2 * FS))), reader="Ada")
