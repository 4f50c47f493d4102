"""What was signed is what is printed and exported, and nothing that nobody decided is part of it."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pypdfium2
from fhir.resources.R4B.bundle import Bundle

from pipeline.export.fhir import to_fhir
from pipeline.export.report_content import StudyFacts, report_content
from pipeline.export.report_pdf import pdf_bytes, summary_bytes
from pipeline.export.report_sections import (
    figures,
    further,
    identification,
    kinds_table,
    reviewed_words,
    rows_table,
    urgent_lines,
    variability_table,
)
from pipeline.export.reviewed import reviewed_to_json, write_summary_csv
from pipeline.identity import Identity
from pipeline.measurements import Measurements, Statement
from pipeline.review.beats_in_force import reviewed_beats
from pipeline.review.decisions import Decision
from pipeline.review.states import Signing
from pipeline.types import Recording
from tests.export.test_export_report import CREATED, FS, made, paths, text_of, unknown_to_r4

LETTERS = "NNNNNNVNNNNVVNNN"  # a single V and a couplet
SIGNED_AT = datetime(2026, 11, 22, 7, tzinfo=UTC)
STEMI = Statement("STE-INF", "infarction", "ST elevation, inferior: infarction.", "ST at J III 0.30 mV", urgent=True)


def signed(seconds=60.0, *, singles=True, conclusion=None, measured=None, statement="", **facts):
    """A report that was signed after the couplets, and the single beats too if wanted, were confirmed."""
    beats = made(seconds, letters=LETTERS).beats
    at = np.arange(len(beats)) % len(LETTERS)
    wanted = np.isin(at, (6, 11, 12) if singles else (11, 12))
    samples = tuple(beats.sample[wanted].tolist())
    study = StudyFacts("signed", "Zoë", "", SIGNED_AT, 1, 9, **facts)
    content = made(seconds, letters=LETTERS)
    analysis = replace(content.analysis, measured=measured)
    decisions = [Decision("confirm", samples)]
    if statement:
        decisions.append(Decision(statement, (0, content.beats.n_samples), subject="STE-INF"))
    recording = Recording("made", FS, content.signal_mv, ("MLII",), "ab" * 32, (True,))
    content = report_content(recording, analysis, reviewed_beats(analysis, decisions), created=CREATED, study=study)
    text = content.draft if conclusion is None else conclusion
    keys = tuple(fact.key for fact in content.facts)
    return replace(content, study=replace(study, conclusion=text, chosen=keys))


def resources(content):
    return [entry["resource"] for entry in to_fhir(content)["entry"]]


def flat(text):
    return " ".join(text.split())


def test_the_signed_conclusion_stands_on_the_first_page_in_fhir_json_and_csv(tmp_path):
    content = signed(conclusion="Couplets. No therapy.\nControl in a year.")
    first = flat(text_of(pdf_bytes(content))[0])
    assert first.index("Couplets. No therapy.") < first.index("Control in a year.") < first.index("Urgent")
    assert resources(content)[0]["conclusion"].startswith("Couplets. No therapy.\nControl in a year.\n")
    assert reviewed_to_json(content)["review"]["conclusion"] == "Couplets. No therapy.\nControl in a year."
    table = list(csv.reader(io.StringIO(write_summary_csv(content, tmp_path / "a.csv").read_text("utf-8"))))
    assert ["conclusion", "", "text", "Couplets. No therapy.\nControl in a year."] in table


def test_nothing_is_concluded_before_a_signature():
    content = replace(signed(), study=StudyFacts("in_review", "Zoë", version=9, conclusion="from before"))
    assert content.conclusion == ""
    first = flat(text_of(pdf_bytes(content))[0])
    assert "from before" not in first
    assert "No conclusion yet" in first
    assert "conclusionCode" not in resources(content)[0]
    assert reviewed_to_json(content)["review"]["conclusion"] is None


def test_only_what_was_confirmed_and_chosen_becomes_a_code():
    both, couplets = signed(), signed(singles=False)
    Bundle.model_validate(to_fhir(both))
    codes = [code["coding"] for code in resources(both)[0]["conclusionCode"]]
    assert codes == [
        [{"system": "urn:heartvision:finding", "code": "v_couplet"}],
        [
            {"system": "http://snomed.info/sct", "code": "427172004"},
            {"system": "urn:heartvision:finding", "code": "ectopic_v"},
        ],
    ]
    assert [code["coding"][-1]["code"] for code in resources(couplets)[0]["conclusionCode"]] == ["v_couplet"]
    left_out = replace(both, study=replace(both.study, chosen=("ectopic_v",)))
    assert [code["coding"][-1]["code"] for code in resources(left_out)[0]["conclusionCode"]] == ["ectopic_v"]
    for resource in resources(both):
        assert unknown_to_r4(resource) == set()


def test_a_finding_that_nobody_reviewed_stays_preliminary_in_a_signed_study():
    content = signed(singles=False)
    status = {one["id"]: one["status"] for one in resources(content) if one["resourceType"] == "Observation"}
    noted = {
        (one["note"][0]["text"], status[one["id"]])
        for one in resources(content)
        if one.get("note", [{}])[0].get("text") in ("reviewed", "not reviewed")
    }
    assert noted == {("reviewed", "final"), ("not reviewed", "preliminary")}


def test_a_confirmed_statement_is_coded_and_a_rejected_one_neither_coded_nor_urgent():
    measured = Measurements(statements=(STEMI,))
    confirmed = signed(measured=measured, statement="statement_confirm")
    coding = resources(confirmed)[0]["conclusionCode"][0]["coding"]
    assert coding == [{"system": "urn:heartvision:statement", "code": "STE-INF"}]
    assert "confirmed by a reader" in str(resources(confirmed))
    assert urgent_lines(confirmed)[0].state == "confirmed"
    rejected = signed(measured=measured, statement="statement_reject")
    assert "STE-INF" not in str(resources(rejected)[0].get("conclusionCode"))
    assert urgent_lines(rejected) == ()
    assert STEMI.text not in " ".join(reviewed_words(rejected))


def test_an_urgent_statement_is_never_nothing_urgent():
    content = signed(measured=Measurements(statements=(STEMI,)), reason="Cardiologist called at 08:10")
    first = flat(text_of(pdf_bytes(content))[0])
    assert "Nothing urgent was found" not in first
    assert "Urgent and not reviewed: ST elevation, inferior: infarction." in first
    assert "Signed all the same because: Cardiologist called at 08:10" in first
    assert "Nothing urgent was found" in flat(text_of(pdf_bytes(signed()))[0])


def test_what_was_not_reviewed_is_counted_on_the_first_page():
    content = signed(singles=False)
    left = len(content.undecided.findings)
    assert left
    first = flat(text_of(pdf_bytes(content))[0])
    assert f"{len(content.findings) - left} of {len(content.findings)} findings are reviewed; {left} not" in first
    assert "single beats" not in content.draft


def test_an_amendment_names_the_report_that_it_amends():
    earlier = Signing(1, 7, "Anna", SIGNED_AT, "Normal.", (), "", "ab" * 32)
    content = signed(earlier=(earlier,))
    first = flat(text_of(pdf_bytes(replace(content, study=replace(content.study, signatures=2))))[0])
    assert "Signed report of 2026-11-22T07:00:00Z by Anna, SHA-256 abababababababab is amended by this one." in first
    assert "Signed · amended" in first


def test_a_long_conclusion_is_printed_to_its_end():
    text = "\n".join(f"Line {number} of it." for number in range(120))
    pages = text_of(pdf_bytes(signed(conclusion=text)))
    found = " ".join(map(flat, pages))
    assert all(f"Line {number} of it." in found for number in range(120))
    assert "Conclusion, continued" in found
    summary = text_of(summary_bytes(signed(conclusion=text)))
    assert len(summary) == 1
    assert "This goes on in the whole report." in summary[0]


def test_the_summary_is_one_page_with_the_conclusion_of_the_report():
    for content in (signed(1800.0), signed(24 * 3600.0), signed(12.0)):
        pages = text_of(summary_bytes(content))
        assert len(pages) == 1
        assert flat(content.conclusion) in flat(pages[0])


def test_full_disclosure_is_asked_for_and_has_an_hour_a_page():
    content = signed(2.5 * 3600)
    plain, full = (text_of(pdf_bytes(content, disclosure=wanted)) for wanted in (False, True))
    assert len(full) == len(plain) + 3
    assert not any("Full disclosure" in text for text in plain)
    assert "2:29:00" in full[-1]
    assert "2:30:00" not in full[-1]
    assert "grey: no signal; marks: V S F Q ?" in flat(full[-1])


def test_full_disclosure_leaves_gaps_open():
    content = signed(180.0)
    signal = content.signal_mv.copy()
    signal[round(30 * FS) : round(40 * FS)] = np.nan
    page = pypdfium2.PdfDocument(pdf_bytes(replace(content, signal_mv=signal), disclosure=True))
    traces = [points for points in paths(page[len(page) - 1]) if len(points) > 150]
    assert len(traces) == 4  # the first of three rows in two pieces
    first, second = sorted(traces, key=lambda points: (-points[:, 1].max(), points[0, 0]))[:2]
    gap_mm = second[0, 0] - first[-1, 0]
    assert abs(gap_mm - 10 / 60 * 168) < 1.0


def test_times_are_those_of_the_clock_where_the_recording_has_a_start():
    identity = Identity("17", "Ada", "F", 1961, "syncope", datetime(2026, 11, 23, 22, 30))
    content = replace(signed(3 * 3600.0), identity=identity)
    assert content.when(5 * 3600.0) == "Tue 03:30:00"
    names = dict(identification(content))
    assert names["Patient"] == "Ada  ·  no. 17  ·  female  ·  born 1961  ·  syncope"
    assert names["Start"] == "recorded Mon 2026-11-23 22:30:00"
    assert [row[0] for row in rows_table(content).rows] == [
        "22:30", "23:00", "Tue 00:00", "Tue 01:00", "All",
    ]  # fmt: skip
    assert "from the start of the recording" in dict(identification(signed()))["Start"]


def test_the_sections_say_what_was_made():
    content = signed(1800.0)
    numbers = {figure.name: figure.value for figure in figures(content)}
    counts = content.summary.counts
    assert numbers["Ventricular beats"] == f"{100 * counts['V'] / sum(counts[c] for c in 'NSVFQ'):.1f} %"
    assert numbers["Longest RR interval"] == "0.80 s"
    kinds = {row[0]: row for row in kinds_table(content).rows}
    couplets = len([one for one in content.findings if one.kind == "v_couplet"])
    assert kinds["Ventricular couplet"][1:3] == (str(couplets), str(couplets))
    assert kinds["Ventricular couplet"][4].startswith("75/min at 0:00:")
    total = rows_table(content).rows[-1]
    assert total[1] == f"{len(content.beats):,}".replace(",", " ")
    measures = {row[0]: row[1] for row in variability_table(content).rows}
    assert measures["Mean NN"] == "800 ms"
    assert measures["SDNN"] == "0.0 ms"


def test_a_rejected_statement_is_printed_nowhere_and_a_confirmed_one_says_so():
    measured = Measurements(statements=(STEMI,))
    printed = [
        flat(" ".join(text_of(pdf_bytes(signed(measured=measured, statement=decision)))))
        for decision in ("", "statement_confirm", "statement_reject")
    ]
    assert [STEMI.text.rstrip(".") in text for text in printed] == [True, True, False]
    other = replace(STEMI, code="LQT", text="Long QT interval.", urgent=False)
    content = signed(measured=Measurements(statements=(STEMI, other)))
    assert [one.code for one in further(content).statements] == ["LQT"]
    for verdict, words in (("confirmed", ["confirmed; ST at J III 0.30 mV"]), ("rejected", [])):
        ruling = replace(content.beats.ruling, verdicts={"LQT": verdict})
        ruled = replace(content, beats=replace(content.beats, ruling=ruling))
        assert [one.evidence for one in further(ruled).statements] == words
