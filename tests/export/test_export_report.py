"""The report can be measured with a ruler, read in any language, validated as FHIR, and taken back through wfdb."""

from __future__ import annotations

import csv
import ctypes
import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pypdfium2
import pypdfium2.raw as pdfium
import pytest
import wfdb
from fhir.resources.R4B.bundle import Bundle

from pipeline.export.ecg_paper import LANE_MAX_MM, lane_for
from pipeline.export.fhir import MAX_FINDINGS, to_fhir
from pipeline.export.pdf_page import ReportSheet
from pipeline.export.printable_text import MISSING, printable
from pipeline.export.report_content import StudyFacts, report_content
from pipeline.export.report_pdf import pdf_bytes
from pipeline.export.report_sections import NOT_SIGNED
from pipeline.export.reviewed import reviewed_to_json, write_reviewed_atr, write_reviewed_csv
from pipeline.export.strip_choice import MAX_PER_KIND, MAX_STRIPS, STRIP_S, findings_with_strips, strips, usual_rhythm
from pipeline.labels import AAMI_CLASSES
from pipeline.measurements import Measurements, Statement
from pipeline.review.beats_in_force import reviewed_beats
from pipeline.review.decisions import Decision
from pipeline.types import Analysis, Quality, QualitySegment, Recording
from pipeline.wording import RESEARCH_USE

FS = 250.0
CREATED = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
MM = 25.4 / 72  # of a PDF point
SIGNED = StudyFacts("signed", "Zoë Łukasiewicz", "д-р Ιωάννα", datetime(2026, 11, 22, 7, tzinfo=UTC), 1, 4)


def made(seconds=60.0, *, decisions=(), study=None, rr_s=0.8, height_mv=1.0, calibrated=True, letters="NNNNNNNVNN"):
    """A recording of triangular beats of 40 ms every `rr_s`, classes as in `letters` again and again."""
    n = int(seconds * FS)
    sample = np.arange(int(FS), n - int(FS), round(rr_s * FS), dtype=np.int64)
    signal = np.zeros((n, 1), np.float32)
    for offset in range(-5, 6):
        signal[sample + offset, 0] = height_mv * (1 - abs(offset) / 5)
    index = np.array([AAMI_CLASSES.index(letters[i % len(letters)]) for i in range(sample.size)])
    p = np.full((sample.size, 5), 0.02, np.float32)
    p[np.arange(sample.size), index] = 0.92
    status = ("unclassified",) + ("classified",) * (sample.size - 1)
    analysis = Analysis(
        record="made", digest="ab" * 32, fs=FS, duration_s=n / FS, leads=("MLII",), model="vgg16",
        model_version="0123456789ab", version="0.1.0",
        quality=Quality((QualitySegment(0.0, n / FS, "good", ""),), 1.0), sample=sample, p=p,
        has_p=np.ones(sample.size, bool), confidence=p.max(axis=1), status=status,
        reason=("noise hides the waves",) + ("",) * (sample.size - 1), notices=(), threshold=0.5,
    )  # fmt: skip
    recording = Recording("made", FS, signal, ("MLII",), "ab" * 32, (calibrated,))
    beats = reviewed_beats(analysis, decisions)
    return report_content(recording, analysis, beats, created=CREATED, study=study)


def paths(page):
    """Each path of a page as points (k, 2) in mm from the lower left corner."""
    found = []
    for item in page.get_objects(max_depth=1):
        if item.type != pdfium.FPDF_PAGEOBJ_PATH:
            continue
        points = []
        for i in range(pdfium.FPDFPath_CountSegments(item.raw)):
            x, y = ctypes.c_float(), ctypes.c_float()
            pdfium.FPDFPathSegment_GetPoint(pdfium.FPDFPath_GetPathSegment(item.raw, i), x, y)
            points.append((x.value * MM, y.value * MM))
        found.append(np.array(points))
    return found


def text_of(pdf):
    return [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf)]


@pytest.fixture(scope="module")
def strip_paths():
    """The paths of the second page of a report of beats every 0.8 s, 1 mV high."""
    pdf = pdf_bytes(made(letters="NNNNNNNVVVVNNNN"))
    return paths(pypdfium2.PdfDocument(pdf)[1])


def test_the_page_is_a4():
    width, height = pypdfium2.PdfDocument(pdf_bytes(made()))[0].get_size()
    assert (width * MM, height * MM) == (pytest.approx(210, abs=0.05), pytest.approx(297, abs=0.05))


def test_grid_lines_are_one_millimetre_apart(strip_paths):
    lines = [points for points in strip_paths if len(points) == 2]
    upright = [points for points in lines if abs(points[0, 0] - points[1, 0]) < 0.01 and np.ptp(points[:, 1]) > 20]
    lowest = min(points[:, 1].min() for points in upright)
    x = np.unique([round(points[0, 0], 2) for points in upright if abs(points[:, 1].min() - lowest) < 0.02])
    assert x.size == 186
    assert np.diff(x) == pytest.approx(1.0, abs=0.02)
    assert x[-1] - x[0] == pytest.approx(185.0, abs=0.02)


def test_the_calibration_pulse_is_ten_millimetres_high_and_five_wide(strip_paths):
    pulses = [p for p in strip_paths if len(p) == 6 and np.ptp(p[:, 0]) == pytest.approx(8, abs=0.02)]
    assert pulses
    for pulse in pulses:
        assert np.ptp(pulse[:, 1]) == pytest.approx(10.0, abs=0.02)
        assert pulse[3, 0] - pulse[1, 0] == pytest.approx(5.0, abs=0.02)


def test_beats_are_25_millimetres_per_second_apart_and_10_millimetres_per_millivolt_high():
    pdf = pdf_bytes(made(letters="NNNNNNNVVVVNNNN"))
    page = pypdfium2.PdfDocument(pdf)[1]
    traces = [points for points in paths(page) if len(points) > 500]
    assert traces
    for trace in traces:
        assert np.ptp(trace[:, 1]) == pytest.approx(10.0, abs=0.02)
        peaks = trace[trace[:, 1] > trace[:, 1].max() - 0.05, 0]
        assert np.diff(peaks) == pytest.approx(0.8 * 25, abs=0.02)


def test_a_very_tall_lead_is_drawn_smaller_and_says_so():
    text = " ".join(text_of(pdf_bytes(made(height_mv=8.0))))
    assert "5 mm/mV" in text
    assert "10 mm/mV" not in text
    lane = lane_for(np.array([-2.0, 0, 0, 0, 30.0], np.float32))
    assert lane.height <= LANE_MAX_MM
    assert 32 * lane.gain <= LANE_MAX_MM


@pytest.mark.parametrize("value", [[np.nan, np.nan], [0.0, 0.0], [-1e9, 0, 1e9], [], [0.0, -3.0, 0.0]])
def test_any_values_fit_their_lane(value):
    value = np.array(value, np.float32)
    lane = lane_for(value)
    y = lane.y_of(100.0, value[np.isfinite(value)])
    assert lane.height <= LANE_MAX_MM
    assert ((y <= 100.01) & (y >= 100 - lane.height - 0.01)).all()


def test_a_lead_without_a_scale_says_so_and_has_no_pulse():
    pdf = pdf_bytes(made(calibrated=False))
    assert "not calibrated" in " ".join(text_of(pdf))
    page = pypdfium2.PdfDocument(pdf)[1]
    assert not [p for p in paths(page) if len(p) == 6 and np.ptp(p[:, 0]) == pytest.approx(8, abs=0.02)]


def test_the_same_content_makes_the_same_bytes():
    assert pdf_bytes(made()) == pdf_bytes(made())


def test_every_page_has_the_notice_its_number_and_its_origin():
    pages = text_of(pdf_bytes(made()))
    for number, text in enumerate(pages, 1):
        assert RESEARCH_USE in text
        assert f"Page {number} of {len(pages)}" in text
        assert "vgg16 0123456789ab" in text
        assert "2026-11-22T08:00:00Z" in text


def test_names_in_any_alphabet_are_shown_and_unknown_glyphs_are_boxes():
    study = replace(SIGNED, reader="Zoë Иван Ιωάννα", second_reader="山田\x07\u202e太郎 김민수 許བ")
    text = text_of(pdf_bytes(made(study=study)))[0]
    assert "Zoë Иван Ιωάννα; second reader: 山田 太郎 김민수 許□" in text


@pytest.mark.parametrize("name", ["प्रिया शर्मा", "สมชาย ใจดี", "தமிழ்", "አበበ ቢቂላ", "محمد عبد", "דוד"])
def test_scripts_that_must_be_shaped_are_shown_letter_by_letter_in_the_text(name):
    text = text_of(pdf_bytes(made(study=replace(SIGNED, reader=name))))[0]
    assert set(name) <= set(text)
    assert MISSING not in text


def test_arabic_letters_are_joined():
    sheet = ReportSheet(
        title="", heading="", state="", origin="", created=datetime(2026, 1, 1, tzinfo=UTC), settled=True
    )
    lam, alef = "\N{ARABIC LETTER LAM}", "\N{ARABIC LETTER ALEF}"
    assert sheet.width_of(lam + alef, 10) < 0.9 * (sheet.width_of(lam, 10) + sheet.width_of(alef, 10))
    sheet.output()  # closes the fonts


def test_every_letter_over_a_strip_reads_as_it_was_decided():
    lines = [line.split() for page in text_of(pdf_bytes(made())) for line in page.splitlines()]
    over_beats = [line for line in lines if line.count("800") > 4]
    assert len(over_beats) > 1
    assert {"800", "N", "V"} <= {word for line in over_beats for word in line} <= {"800", "N", "V", "?"}


def test_only_the_glyphs_that_are_used_travel_with_the_report():
    plain, chinese = (pdf_bytes(made(study=replace(SIGNED, reader=name))) for name in ("Zoë", "王小明"))
    assert len(chinese) - len(plain) < 20_000


def test_texts_are_composed_and_lose_what_cannot_be_seen():
    known = {ord(c) for c in "aé x□"}
    assert printable("e\u0301\u200d a\nx\x00漢", known) == "é a x □"


def test_the_state_stands_on_the_report():
    assert "Not signed" in text_of(pdf_bytes(made()))[0]
    assert "Signed 2026-11-22T07:00:00Z, final, version 4" in text_of(pdf_bytes(made(study=SIGNED)))[0]


def test_shares_say_of_how_many_classified_beats_they_are():
    content = made()
    counts = content.summary.counts
    whole = sum(counts[letter] for letter in AAMI_CLASSES)
    first = text_of(pdf_bytes(content))[0]
    assert f"{counts['V']} of {whole} classified" in first
    assert f"{content.summary.rate.mean:.0f}/min" in first


@pytest.mark.parametrize(
    ("state", "signatures", "status"),
    [("new", 0, "preliminary"), ("in_review", 0, "preliminary"), ("signed", 1, "final"), ("signed", 2, "amended"),
     ("reopened", 1, "preliminary")],
)  # fmt: skip
def test_only_a_signature_makes_a_result_final(state, signatures, status):
    assert StudyFacts(state, signatures=signatures).fhir_status == status


def test_a_kind_of_finding_does_not_fill_the_report():
    content = made(1200.0, letters="NNNNVVNNNVNVNVNNNNNVVVVN")
    kinds = [finding.kind for finding, _ in findings_with_strips(content)]
    assert len(kinds) <= MAX_STRIPS
    assert max(kinds.count(kind) for kind in kinds) <= MAX_PER_KIND
    shown = strips(content)
    starts = sorted(strip.start_s for strip in shown)
    assert min(later - earlier for earlier, later in pairwise(starts)) >= STRIP_S / 2  # none twice
    headings = [heading for strip in shown for heading in (strip.heading, *strip.also)]
    assert len(headings) == len(kinds) + 4  # usual rhythm, lowest and highest rate, longest interval
    assert [strip.number for strip in shown] == list(range(1, len(shown) + 1))


def test_the_usual_rhythm_is_a_stretch_of_normal_beats():
    content = made(60.0, letters="N" * 30 + "VNVN")
    start = usual_rhythm(content)
    beats = content.beats
    shown = beats.aami[(beats.time_s >= start) & (beats.time_s < start + STRIP_S)]
    assert set(shown) == {"N"}
    assert shown.size >= 8


def test_a_recording_shorter_than_a_strip_makes_a_report():
    assert len(text_of(pdf_bytes(made(12.0, rr_s=1.0)))) >= 2


def test_gaps_and_a_beatless_review_make_a_report():
    content = made()
    signal = content.signal_mv.copy()
    signal[1000:4000] = np.nan
    assert text_of(pdf_bytes(replace(content, signal_mv=signal)))
    everything = Decision("delete", tuple(content.beats.sample.tolist()))
    assert "No finding was listed" in text_of(pdf_bytes(made(decisions=[everything])))[0]


def reviewed():
    first = made().beats.sample.tolist()
    return made(
        study=SIGNED,
        decisions=[
            Decision("override", (first[7],), "S", "=HYPERLINK(1)"), Decision("reject", (first[3],)),
            Decision("confirm", (first[4],)), Decision("delete", (first[5],)), Decision("add", (first[5] + 60,), "V"),
        ],
    )  # fmt: skip


def test_reviewed_annotations_come_back_through_wfdb_exactly(tmp_path):
    content = reviewed()
    write_reviewed_atr(content, tmp_path / "made.hv")
    found = wfdb.rdann(str(tmp_path / "made"), "hv")
    notes = [text.rstrip("\0") for text in found.aux_note]
    assert found.sample.tolist() == content.beats.sample.tolist()
    assert found.symbol[:8] == ["Q", "N", "N", "|", "N", "V", "N", "S"]
    assert notes[:8] == ["unclassified", "", "", "rejected, model N", "confirmed", "added", "", "overridden, model V"]
    assert found.fs == FS


def test_a_beat_that_stays_unclassified_says_so_after_it_was_confirmed(tmp_path):
    first = int(made().beats.sample[0])
    write_reviewed_atr(made(decisions=[Decision("confirm", (first,))]), tmp_path / "made.hv")
    found = wfdb.rdann(str(tmp_path / "made"), "hv")
    assert (found.symbol[0], found.aux_note[0].rstrip("\0")) == ("Q", "unclassified, confirmed")


def test_the_reviewed_table_keeps_the_models_answer_and_runs_nothing(tmp_path):
    text = write_reviewed_csv(reviewed(), tmp_path / "made.csv").read_text("utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert (rows[7]["class"], rows[7]["model_class"], rows[7]["human"]) == ("S", "V", "overridden")
    assert rows[7]["comment"] == "'=HYPERLINK(1)"
    assert (rows[3]["class"], rows[3]["rr_s"], rows[4]["rr_s"]) == ("X", "", "")
    assert (rows[5]["class"], rows[5]["model_class"], rows[5]["p_N"]) == ("V", "", "")


def test_the_reviewed_json_is_the_contract_and_what_people_made_of_it():
    content = reviewed()
    found = reviewed_to_json(content)
    assert list(found)[-1] == "review"
    assert found["beats"][7]["class"] == "V"
    assert found["review"]["beats"][7]["class"] == "S"
    assert (found["review"]["state"], found["review"]["status"]) == ("signed", "final")
    assert json.loads(json.dumps(found, allow_nan=False)) == json.loads(json.dumps(found))


def test_the_bundle_is_valid_fhir_and_its_references_lead_somewhere():
    raw = to_fhir(reviewed())
    bundle = Bundle.model_validate(raw)
    urls = {entry["fullUrl"] for entry in raw["entry"]}
    resources = [entry["resource"] for entry in raw["entry"]]
    report = resources[0]
    assert bundle.type == "collection"
    assert len(urls) == len(resources)
    assert {reference["reference"] for reference in (*report["result"], *report["resultsInterpreter"])} <= urls
    assert all(r["device"]["reference"] in urls for r in resources if r["resourceType"] == "Observation")
    assert (report["status"], report["issued"]) == ("final", "2026-11-22T07:00:00Z")


def test_both_readers_interpret_the_report():
    people = {
        entry["fullUrl"]: entry["resource"]["name"][0]["text"]
        for entry in to_fhir(reviewed())["entry"] if entry["resource"]["resourceType"] == "Practitioner"
    }  # fmt: skip
    report = to_fhir(reviewed())["entry"][0]["resource"]
    assert [people[who["reference"]] for who in report["resultsInterpreter"]] == [SIGNED.reader, SIGNED.second_reader]


def test_bundles_of_other_leads_of_the_same_recording_share_no_id():
    content = made()
    other = replace(content, analysis=replace(content.analysis, leads=("V1",)))
    ids = [{entry["resource"]["id"] for entry in to_fhir(each)["entry"]} for each in (content, other)]
    assert ids[0].isdisjoint(ids[1])


def test_a_bundle_with_more_findings_than_it_lists_says_so():
    content = made()
    many = tuple(replace(content.findings[0], id=f"v_run:{i}") for i in range(MAX_FINDINGS + 3))
    raw = to_fhir(replace(content, findings=many))
    listed = [each for each in raw["entry"] if "finding" in str(each["resource"].get("code"))]
    assert len(listed) == MAX_FINDINGS
    assert (
        f"The {MAX_FINDINGS} most important of {MAX_FINDINGS + 3} findings are in this bundle."
        in raw["entry"][0]["resource"]["conclusion"]
    )
    assert "most important" not in to_fhir(content)["entry"][0]["resource"]["conclusion"]


def test_the_bundle_of_the_model_alone_is_preliminary_and_names_nobody():
    raw = to_fhir(made())
    Bundle.model_validate(raw)
    resources = [entry["resource"] for entry in raw["entry"]]
    assert {r["status"] for r in resources if "status" in r} == {"preliminary"}
    assert not [r for r in resources if r["resourceType"] in ("Practitioner", "Patient")]
    device = next(r for r in resources if r["resourceType"] == "Device")
    assert {v["value"] for v in device["version"]} == {"0.1.0", "0123456789ab"}


# The elements of R4 (4.0.1) that are not those of every resource, without the `[x]` variants that are not used here.
R4_ELEMENTS = {
    "Bundle": "type timestamp total link entry signature identifier",
    "DiagnosticReport": "identifier basedOn status category code subject encounter effectiveDateTime effectivePeriod "
    "issued performer resultsInterpreter specimen result imagingStudy media conclusion conclusionCode presentedForm",
    "Observation": "identifier basedOn partOf status category code subject focus encounter effectiveDateTime "
    "effectivePeriod issued performer valueQuantity valueString valueInteger dataAbsentReason interpretation note "
    "bodySite method specimen device referenceRange hasMember derivedFrom component",
    "Device": "identifier definition udiCarrier status statusReason distinctIdentifier manufacturer manufactureDate "
    "expirationDate lotNumber serialNumber deviceName modelNumber partNumber type specialization version property "
    "patient owner contact location url note safety parent",
    "Practitioner": "identifier active name telecom address gender birthDate photo qualification communication",
}
R4_PARTS = {
    ("Observation", "component"): "code valueQuantity valueString valueInteger dataAbsentReason interpretation",
    ("Device", "deviceName"): "name type",
    ("Device", "version"): "type component value",
}
R4_DEVICE_NAMES = {"udi-label-name", "user-friendly-name", "patient-reported-name", "manufacturer-name", "model-name",
                   "other"}  # fmt: skip
R5_ONLY = {"DiagnosticReport": "note", "Observation": "bodyStructure", "Device": "name"}


def unknown_to_r4(resource):
    """Names of elements that R4 does not have."""
    kind = resource["resourceType"]
    found = set(resource) - set(R4_ELEMENTS[kind].split()) - {"resourceType", "id", "meta"}
    for (owner, part), names in R4_PARTS.items():
        if owner == kind:
            found |= {name for each in resource.get(part, []) for name in set(each) - set(names.split())}
    return found


def test_the_bundle_has_no_element_that_r4_does_not_have():
    raw = to_fhir(reviewed())
    resources = [raw, *(entry["resource"] for entry in raw["entry"])]
    assert {resource["resourceType"] for resource in resources} == set(R4_ELEMENTS)
    for resource in resources:
        assert unknown_to_r4(resource) == set()
    device = next(r for r in resources if r["resourceType"] == "Device")
    assert {name["type"] for name in device["deviceName"]} <= R4_DEVICE_NAMES


@pytest.mark.parametrize("kind", R5_ONLY)
def test_what_only_r5_has_is_refused_by_both_checks(kind):
    raw = to_fhir(reviewed())
    resource = next(entry["resource"] for entry in raw["entry"] if entry["resource"]["resourceType"] == kind)
    resource[R5_ONLY[kind]] = [{"text": "new"}]
    assert unknown_to_r4(resource) == {R5_ONLY[kind]}
    with pytest.raises(ValueError, match=R5_ONLY[kind]):
        Bundle.model_validate(raw)


def test_a_time_without_zone_is_refused():
    content = made()
    recording = Recording("made", FS, content.signal_mv, ("MLII",), "ab" * 32, (True,))
    with pytest.raises(ValueError, match="time zone"):
        report_content(recording, content.analysis, content.beats, created=datetime(2026, 11, 22))


def test_a_whole_day_makes_a_short_report():
    content = made(24 * 3600.0, letters="N" * 40 + "VNNNNVVNNNNVVVVNNNNSNNNNF")
    assert 2 <= len(text_of(pdf_bytes(content))) < 20


def test_an_urgent_statement_comes_first_on_paper_and_in_the_conclusion():
    urgent = Statement("STE-ANT", "infarction", "ST elevation, anterior.", "ST at J V2 0.40 mV (source)", urgent=True)
    rhythm = Statement("VT", "rhythm", "Ventricular tachycardia.", "10 s (source)", urgent=True)
    content = made(letters="N")
    content = replace(content, analysis=replace(content.analysis, measured=Measurements(statements=(urgent, rhythm))))
    text = text_of(pdf_bytes(content))[0]
    assert text.index("ST elevation, anterior.") < text.index("Intervals and statements")
    conclusion = to_fhir(content)["entry"][0]["resource"]["conclusion"]
    assert conclusion.startswith(NOT_SIGNED)
    assert "Urgent and not reviewed: ST elevation, anterior." in conclusion
    assert "Ventricular tachycardia" not in conclusion  # its episode is a finding
