"""A recording without a single beat goes through everything: case, review, store, every export."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pypdfium2
import pytest
import wfdb
from fhir.resources.R4B.bundle import Bundle

from pipeline.analysis import prepare
from pipeline.cases.case import Case, lane_marks, marks, quality_text, rate_trend
from pipeline.cases.material import ReviewMaterial
from pipeline.cases.study_review import FindingFilter, StudyReview, review_of, take_step
from pipeline.export import to_json, write_atr, write_csv, write_rhythm_csv
from pipeline.export.fhir import to_fhir
from pipeline.export.report_content import ReportContent, report_content
from pipeline.export.report_pdf import pdf_bytes
from pipeline.export.reviewed import reviewed_to_json, write_reviewed_atr, write_reviewed_csv
from pipeline.review.agreement import compare_readings
from pipeline.review.beats_in_force import reviewed_beats
from pipeline.review.decisions import Decision
from pipeline.review.hrv import variability
from pipeline.review.morphology import find_families
from pipeline.review.signal_evidence import evidence_of
from pipeline.review.summary import poincare, summarise, tachogram
from pipeline.review.triage import disagreements
from pipeline.store.listing import study_of_analysis
from pipeline.store.reviews import audit, standing
from pipeline.store.studies import stored_analysis, worklist
from pipeline.types import Analysis, Recording, RhythmCode
from tests.helpers.rhythms import beatless, read

CODES: tuple[RhythmCode, ...] = ("VFL", "ASYS", "NOISE")
NAMES = {"VFL": "Ventricular fibrillation", "ASYS": "Asystole or pause", "NOISE": "Unreadable"}
KINDS = {"VFL": "vfl", "ASYS": "asystole", "NOISE": "unreadable"}
NOTHING = np.zeros(0, np.int64)
CREATED = datetime(2026, 11, 22, 8, tzinfo=UTC)


@pytest.fixture(params=CODES)
def code(request: pytest.FixtureRequest) -> RhythmCode:
    found: RhythmCode = request.param
    return found


@pytest.fixture
def recording(code: RhythmCode) -> Recording:
    return beatless(code)


@pytest.fixture
def analysis(recording: Recording, code: RhythmCode) -> Analysis:
    return read(recording, code)


@pytest.fixture
def case(recording: Recording, analysis: Analysis) -> Case:
    return Case(recording, prepare(recording, leads=analysis.leads, samples=NOTHING), analysis)


@pytest.fixture
def content(recording: Recording, analysis: Analysis) -> ReportContent:
    beats = reviewed_beats(analysis, (), evidence_of(recording, analysis))
    return report_content(recording, analysis, beats, created=CREATED)


def test_the_case_has_no_beats_and_says_what_was_looked_at(case: Case) -> None:
    assert (case.letters, case.abnormal.size, len(case.table), len(case.beats)) == ((), 0, 0, 0)
    assert case.next_abnormal(-1, 1) is None
    assert (marks(case, 0.0, 10.0).beat.size, lane_marks(case).beat.size, rate_trend(case)[1].size) == (0, 0, 0)
    assert case.looked_at == "Rhythm from lead MLII; ST, intervals and the other lead were not read."
    assert quality_text(case.analysis.quality)
    urgent = [episode.rhythm for episode in case.analysis.rhythm if episode.rhythm != "NOISE"]
    assert [episode.rhythm for episode in case.urgent] == urgent


def test_nothing_is_measured_and_nothing_fails(case: Case) -> None:
    beats = case.beats
    summary = summarise(beats)
    assert sum(summary.counts.values()) == 0
    assert (summary.burden, summary.rate.mean, summary.rate.highest, summary.longest_rr) == (None, None, None, None)
    assert variability(beats).rmssd.value is None
    assert tachogram(beats).x.size == poincare(beats).x.size == 0
    assert find_families(case.prepared.beats).size.size == 0
    assert disagreements(beats, case.analysis).size == 0
    assert compare_readings(beats, beats).everything.n == 0


def test_every_export_tells_the_rhythm(content: ReportContent, code: RhythmCode, tmp_path: Path) -> None:
    analysis = content.analysis
    found = to_json(analysis)
    assert (found["beats"], [row["rhythm"] for row in found["rhythm"]]) == ([], [code])
    assert found["summary"]["median_hr_bpm"] is None
    for writer, given in ((write_atr, analysis), (write_reviewed_atr, content)):
        writer(given, tmp_path / "r.hv")  # type: ignore[operator]
        told = wfdb.rdann(str(tmp_path / "r"), "hv")
        assert (told.symbol, told.aux_note) == (["+"], [f"({code}"])
    for table in (write_csv(analysis, tmp_path / "r.csv"), write_reviewed_csv(content, tmp_path / "s.csv")):
        assert len(list(csv.reader(io.StringIO(table.read_text("utf-8"))))) == 1  # the header
    rows = list(csv.DictReader(io.StringIO(write_rhythm_csv(analysis, tmp_path / "t.csv").read_text("utf-8"))))
    assert [(row["rhythm"], row["name"]) for row in rows] == [(code, NAMES[code])]
    reviewed = reviewed_to_json(content)["review"]
    assert ([row["kind"] for row in reviewed["findings"]], reviewed["stretches"]) == ([KINDS[code]], [])
    json.dumps(reviewed, allow_nan=False)


def test_the_report_names_the_rhythm_and_draws_it(content: ReportContent, code: RhythmCode) -> None:
    pages = pypdfium2.PdfDocument(pdf_bytes(content))
    text = " ".join(page.get_textpage().get_text_range() for page in pages)
    assert content.looked_at in text
    assert NAMES[code] in text
    assert "40 s" in text
    assert "100 %" in text
    assert ("Nothing urgent was found." in text) == (code == "NOISE")


def test_the_bundle_has_the_rhythm_and_is_valid(content: ReportContent, code: RhythmCode) -> None:
    bundle = to_fhir(content)
    Bundle.model_validate(bundle)
    told = [entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == "Observation"]
    rhythm = next(one for one in told if one["code"].get("coding", [{}])[-1].get("code") == code)
    assert rhythm["valueQuantity"] == {"value": 40.0, "unit": "s", "system": "http://unitsofmeasure.org", "code": "s"}
    assert rhythm["status"] == "preliminary"
    finding = next(one for one in told if one["code"].get("coding", [{}])[-1].get("code") == KINDS[code])
    concepts = [one["code"] for one in finding["code"]["coding"] if one["system"] == "http://snomed.info/sct"]
    assert concepts == (["164896001"] if code == "VFL" else [])


@pytest.fixture
def review(recording: Recording, analysis: Analysis, case: Case, store: object) -> StudyReview:
    """The study in a database of its own."""
    study = study_of_analysis(analysis, recording)
    material = ReviewMaterial(
        recording, stored_analysis(study.id), case.prepared, find_families(case.prepared.beats),
        evidence_of(recording, analysis), {},
    )  # fmt: skip
    return review_of(material, standing(study.id))


def test_the_study_is_listed_seen_undone_and_kept(review: StudyReview, code: RhythmCode) -> None:
    row = worklist().studies[0]
    assert (dict(row.findings), row.priority) == ({KINDS[code]: 1}, 4 if code == "NOISE" else 1)
    (finding,) = review.listed(FindingFilter())
    assert review.nearest(100.0) is None
    assert finding.stretch is not None
    after = take_step(review, Decision("seen", finding.stretch, text="shown to the ward"), reader="Ada")
    assert [found.reviewed for found in after.findings] == [True]
    assert review_of(review.material, standing(review.study.id)).findings == after.findings
    assert audit(review.study.id)[-1].sentence() == "looked at the rhythm of a stretch"
    undone = take_step(after, "undo", reader="Ada")
    assert [found.reviewed for found in undone.findings] == [False]
    assert audit(review.study.id)[-1].sentence() == "undid looking at the rhythm of a stretch"


def test_the_trend_draws_no_line_across_a_stretch_without_beats() -> None:
    time_s = np.concatenate([np.arange(2000) * 0.8, 1700 + np.arange(2000) * 0.8])
    rr_s = np.diff(time_s, prepend=np.nan).astype(np.float32)
    rr_s[2000] = np.nan
    stand_in = SimpleNamespace(beats=SimpleNamespace(rr_s=rr_s), time_s=time_s)
    at, rate, _ = rate_trend(stand_in)
    assert at.size < 1500
    assert at[np.isnan(rate)].tolist() == pytest.approx([1599.2])
    assert np.nanmin(rate) == pytest.approx(75, abs=0.1)
