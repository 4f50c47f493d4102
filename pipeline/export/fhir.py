"""The result as a FHIR R4 Bundle: a DiagnosticReport, its Observations, the model as Device."""

from __future__ import annotations

import uuid
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from pipeline._util.files import write_bytes
from pipeline.export.analysis_files import dump_json
from pipeline.export.fhir_measurements import STATEMENT_SYSTEM, measured_observations
from pipeline.export.moved_marks import BY_READER, moved_observations
from pipeline.export.patient import fhir_patient, fhir_period
from pipeline.export.report_content import LETTER_NAMES, ReportContent, utc_text
from pipeline.export.report_sections import NOT_SIGNED, reviewed_words
from pipeline.review.conclusion import STATEMENT
from pipeline.review.finding_kinds import FINDING_KINDS
from pipeline.review.triage import Finding
from pipeline.rhythm_names import RhythmTime
from pipeline.wording import RESEARCH_USE

MAX_FINDINGS: Final = 200
HOLTER_S: Final = 3600.0  # a recording of an hour or more is an ambulatory study

_LOINC: Final = "http://loinc.org"
_SNOMED: Final = "http://snomed.info/sct"
_UCUM: Final = "http://unitsofmeasure.org"
_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/observation-category"
_SECTION: Final = "http://terminology.hl7.org/CodeSystem/v2-0074"
_BEAT_CLASS: Final = "urn:heartvision:beat-class"
_RHYTHM: Final = "urn:heartvision:rhythm"
_FINDING_KIND: Final = "urn:heartvision:finding"
_NAMESPACE: Final = uuid.UUID("6f3c2f0e-7a55-5d0c-9b0c-0d3c6f2a4e11")


def write_fhir(content: ReportContent, path: Path) -> Path:
    """Write `to_fhir` as JSON. Raises DataError if it cannot be written."""
    return write_bytes(path, dump_json(to_fhir(content)))


def to_fhir(content: ReportContent) -> dict[str, Any]:
    """Return a Bundle of type collection; the same content gives the same bundle.

    There is a Patient, the subject of all the rest, only where one is kept, see `pipeline.identity`. Tests validate
    against R4B, which left these resources as they are in R4; ADR 0015.

    References
    ----------
    HL7 FHIR R4 (4.0.1): DiagnosticReport, Observation, Device. LOINC 11524-6 EKG study, 18754-2 Holter study.
    """
    device = _resource(content, "Device", "device", _device(content))
    about, patients = _about(content)
    observations = [
        _resource(content, "Observation", name, {**_observed(content, device), **about, **body})
        for name, body in _observations(content)
    ]
    readers = (("reader", content.study.reader), ("second-reader", content.study.second_reader))
    people = [_resource(content, "Practitioner", role, {"name": [{"text": who}]}) for role, who in readers if who]
    report = _resource(content, "DiagnosticReport", "report", {**about, **_report(content, observations, people)})
    entries = [report, *observations, device, *people, *patients]
    return {
        "resourceType": "Bundle",
        "id": _id(content, "bundle"),
        "type": "collection",
        "timestamp": utc_text(content.created),
        "entry": [{"fullUrl": _url(resource), "resource": resource} for resource in entries],
    }


def _about(content: ReportContent) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return what report and observations say of who was recorded and when, and the Patient that they refer to."""
    period = fhir_period(content.identity, content.analysis.duration_s)
    body = fhir_patient(content.identity)
    if body is None:
        return period, []
    patient = _resource(content, "Patient", "patient", body)
    return {"subject": {"reference": _url(patient)}, **period}, [patient]


def _report(content: ReportContent, observations: list[dict[str, Any]], people: list[dict[str, Any]]) -> dict[str, Any]:
    code = "18754-2" if content.analysis.duration_s >= HOLTER_S else "11524-6"
    body = {
        "status": content.study.fhir_status,
        "category": [{"coding": [{"system": _SECTION, "code": "EC"}]}],
        "code": {"coding": [{"system": _LOINC, "code": code}], "text": "ECG, beat by beat"},
        "identifier": [{"system": "urn:heartvision:recording-sha256", "value": content.analysis.digest}],
        "issued": utc_text(content.study.signed_at or content.created),
        "result": [{"reference": _url(observation)} for observation in observations],
        "conclusion": _conclusion(content),
    }
    if codes := _conclusion_codes(content):
        body["conclusionCode"] = codes
    readers = [{"reference": _url(person)} for person in people]
    return {**body, "resultsInterpreter": readers} if readers else body


def _conclusion(content: ReportContent) -> str:
    """Return what was signed, or that nothing was; then what was not reviewed, and what was looked at."""
    signed = content.study.state == "signed"
    text = content.conclusion or ("No conclusion was written." if signed else NOT_SIGNED)
    total = len(content.findings)
    cut = f"The {MAX_FINDINGS} most important of {total} findings are in this bundle." if total > MAX_FINDINGS else ""
    looked_at = content.looked_at if content.beats.rhythm else ""
    parts = (text, *reviewed_words(content), cut, looked_at, RESEARCH_USE)
    return "\n".join(part for part in parts if part)


def _conclusion_codes(content: ReportContent) -> list[dict[str, Any]]:
    """Return what was confirmed and concluded as codes: SNOMED CT where a concept says exactly that, and our own."""
    codes = []
    for fact in content.concluded:
        if fact.key.startswith(STATEMENT):
            coding = [{"system": STATEMENT_SYSTEM, "code": fact.key.removeprefix(STATEMENT)}]
        elif fact.key in FINDING_KINDS:
            coding = _coding(_FINDING_KIND, fact.key, fact.concept)
        else:
            continue  # a share is a quantity and has its own Observation
        codes.append({"coding": coding, "text": fact.name})
    return codes


def _device(content: ReportContent) -> dict[str, Any]:
    analysis = content.analysis
    versions = (("software", analysis.version), ("weights", analysis.model_version))
    return {
        "deviceName": [{"name": f"HeartVision {analysis.model}", "type": "model-name"}],
        "version": [{"type": {"text": name}, "value": value} for name, value in versions],
        "note": [{"text": RESEARCH_USE}],
    }


def _observed(content: ReportContent, device: dict[str, Any]) -> dict[str, Any]:
    """Return what all observations have in common."""
    return {
        "status": content.study.fhir_status,
        "category": [{"coding": [{"system": _CATEGORY, "code": "procedure"}]}],
        "issued": utc_text(content.created),
        "device": {"reference": _url(device)},
    }


def _observations(content: ReportContent) -> list[tuple[str, dict[str, Any]]]:
    found = [("counts", _counts("Beats by class, after review", content.summary.counts))]
    found.append(("model-counts", {**_counts("Beats by class, model alone", content.model_counts()), **_PRELIMINARY}))
    if content.summary.rate.mean is not None:
        found.append(("rate", _rate(content)))
    for letter, share in (content.summary.burden or {}).items():
        code = {"coding": [{"system": _BEAT_CLASS, "code": letter}], "text": f"Share of {LETTER_NAMES[letter]} beats"}
        found.append((f"burden-{letter}", {"code": code, "valueQuantity": _quantity(share, "%")}))
    found += [(f"rhythm-{time.rhythm}", _rhythm(time, decided=_is_decided(content, time))) for time in content.times]
    again = content.remeasured is not None and content.remeasured.measured is not None
    found += measured_observations(content.measured, content.verdicts, f"{BY_READER}: marks." if again else "")
    found += moved_observations(content)
    return found + [(f"finding-{finding.id}", _finding(finding)) for finding in content.findings[:MAX_FINDINGS]]


_PRELIMINARY: Final = MappingProxyType({"status": "preliminary"})  # nobody has confirmed the model's own answer


def _counts(text: str, counts: dict[str, int]) -> dict[str, Any]:
    components = [
        {
            "code": {"coding": [{"system": _BEAT_CLASS, "code": letter}], "text": LETTER_NAMES[letter]},
            "valueInteger": count,
        }
        for letter, count in counts.items()
    ]
    return {"code": {"text": text}, "component": components}


def _rate(content: ReportContent) -> dict[str, Any]:
    rate = content.summary.rate
    moments = (("Lowest heart rate", rate.lowest), ("Highest heart rate", rate.highest))
    components = [
        {"code": {"text": text}, "valueQuantity": _quantity(moment.value, "/min")}
        for text, moment in moments
        if moment is not None
    ]
    code = {"coding": [{"system": _LOINC, "code": "8867-4"}], "text": "Mean heart rate"}
    body = {"code": code, "valueQuantity": _quantity(rate.mean or 0.0, "/min")}
    return {**body, "component": components} if components else body


def _is_decided(content: ReportContent, time: RhythmTime) -> bool:
    """Tell whether a reader has decided about every episode of a rhythm."""
    pieces = () if content.beats.ruling is None else content.beats.ruling.pieces
    return all(piece.ruled for piece in pieces if piece.episode.rhythm == time.rhythm)


def _rhythm(time: RhythmTime, *, decided: bool) -> dict[str, Any]:
    """Return how long a rhythm lasts; its share, number and longest episode are components."""
    longest = time.longest
    moments = (("Start of the longest episode", longest.start_s), ("End of the longest episode", longest.stop_s))
    return {
        **({} if decided else _PRELIMINARY),  # until then it is the model's own
        "code": {
            "coding": _coding(_RHYTHM, time.rhythm, time.called.snomed),
            "text": time.called.name,
        },
        "valueQuantity": _quantity(time.seconds, "s"),
        "component": [
            {"code": {"text": "Share of the recording"}, "valueQuantity": _quantity(100 * time.share, "%")},
            {"code": {"text": "Episodes"}, "valueInteger": time.count},
            *({"code": {"text": text}, "valueQuantity": _quantity(at, "s")} for text, at in moments),
        ],
    }


def _coding(system: str, code: str, concept: str) -> list[dict[str, str]]:
    own = {"system": system, "code": code}
    return [{"system": _SNOMED, "code": concept}, own] if concept else [own]


def _finding(finding: Finding) -> dict[str, Any]:
    coding = _coding(_FINDING_KIND, finding.kind, finding.concept)
    times = (("Start in the recording", finding.start_s), ("End in the recording", finding.stop_s))
    beats = [{"code": {"text": "Beats"}, "valueInteger": len(finding.samples)}] if finding.samples else []
    return {
        **({} if finding.reviewed else _PRELIMINARY),
        "code": {"coding": coding, "text": finding.title},
        "valueString": finding.detail or finding.title,
        "component": [*({"code": {"text": text}, "valueQuantity": _quantity(at, "s")} for text, at in times), *beats],
        "note": [{"text": "reviewed" if finding.reviewed else "not reviewed"}],
    }


def _quantity(value: float, unit: str) -> dict[str, Any]:
    return {"value": round(float(value), 3), "unit": unit, "system": _UCUM, "code": unit}


def _resource(content: ReportContent, kind: str, name: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": kind, "id": _id(content, name), **body}


def _id(content: ReportContent, name: str) -> str:
    """Return an id, the same for the same name in the same version of a study (recording, leads, model)."""
    analysis, version = content.analysis, content.study.version
    parts = (analysis.digest, *analysis.leads, analysis.model_version, version, name)
    return str(uuid.uuid5(_NAMESPACE, " ".join(map(str, parts))))


def _url(resource: dict[str, Any]) -> str:
    return f"urn:uuid:{resource['id']}"
