"""A recording as an HL7 annotated ECG (ANSI/HL7 V3 ECG R1-2004): one rhythm series without gaps."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from xml.etree.ElementTree import Element, SubElement, register_namespace, tostring

import numpy as np

from pipeline.errors import DataError
from pipeline.export.recordings.steps import in_steps
from pipeline.identity import Identity
from pipeline.signal.lead_names import KNOWN_LEADS, plain_name
from pipeline.types import Recording

_HL7: Final = "urn:hl7-org:v3"
_XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
_MDC: Final = "2.16.840.1.113883.6.24"  # the nomenclature of leads
_ACT: Final = "2.16.840.1.113883.5.4"  # HL7's own codes
_GENDER: Final = "2.16.840.1.113883.5.1"
_CPT: Final = "2.16.840.1.113883.6.12"
_STANDARD: Final = frozenset(name.upper() for name in KNOWN_LEADS[:12])
_SAMPLES_MAX: Final = 5_000_000  # of all leads: the text is held in memory whole


def aecg_bytes(recording: Recording) -> tuple[tuple[bytes], list[str]]:
    """Encode a recording as aECG; return what the format cannot hold as sentences, too.

    Raises
    ------
    DataError
        If a sample was not recorded, a lead is not calibrated, or there are too many samples for a text.
    """
    _require_whole(recording)
    steps = in_steps(recording)
    known = recording.identity or Identity()
    if not known.date_known:
        known = replace(known, start=None)  # a time of day alone is no time of the standard
    root = Element(f"{{{_HL7}}}AnnotatedECG", {"type": "Observation"})
    _child(root, "id", root=_id(recording, "document"))
    _child(root, "code", code="93000", codeSystem=_CPT, codeSystemName="CPT-4")
    _times(root, known, recording.duration_s)
    _subject(root, known, recording)
    series = _child(_child(root, "component"), "series")
    _child(series, "id", root=_id(recording, "series"))
    _child(series, "code", code="RHYTHM", codeSystem=_ACT)
    _times(series, known, recording.duration_s)
    sequences = _child(_child(series, "component"), "sequenceSet")
    _time_axis(sequences, known, recording.fs)
    notices = []
    for column, (lead, step) in enumerate(zip(recording.leads, steps.step, strict=True)):
        if _standard(lead) is None:
            notices.append(lead)
        _lead(sequences, lead, step, steps.values[:, column])
    register_namespace("", _HL7)
    register_namespace("xsi", _XSI)
    payload: bytes = tostring(root, encoding="UTF-8", xml_declaration=True)
    unnamed = [f"aECG has no code for {', '.join(notices)}; the name itself stands in its place."] if notices else []
    return (payload,), unnamed


def _require_whole(recording: Recording) -> None:
    if not all(recording.calibrated):
        raise DataError("A lead is not calibrated; an aECG must state microvolts. Write WFDB, EDF or CSV.")
    if not np.isfinite(recording.p_signal).all():
        raise DataError("An aECG has no value for samples that were not recorded; write WFDB, EDF, DICOM or CSV.")
    if recording.p_signal.size > _SAMPLES_MAX:
        raise DataError(
            f"The recording has {recording.p_signal.size:,} samples, an aECG of HeartVision at most {_SAMPLES_MAX:,}; "
            "write WFDB, EDF or DICOM."
        )


def _child(parent: Element, name: str, **attributes: str) -> Element:
    return SubElement(parent, f"{{{_HL7}}}{name}", attributes)


def _times(parent: Element, known: Identity, seconds: float) -> None:
    """State when it was recorded, or that this is not known."""
    if known.start is None:
        _child(parent, "effectiveTime", nullFlavor="NI")
        return
    time = _child(parent, "effectiveTime")
    _child(time, "low", value=_stamp(known.start))
    _child(time, "high", value=_stamp(known.start + timedelta(seconds=seconds)))


def _stamp(time: datetime) -> str:
    return time.strftime("%Y%m%d%H%M%S.") + f"{time.microsecond // 1000:03d}"


def _subject(root: Element, known: Identity, recording: Recording) -> None:
    """Name the patient as the subject of a trial, as the standard has it; empty without identity."""
    event = _child(_child(root, "componentOf"), "timepointEvent")
    assignment = _child(_child(event, "componentOf"), "subjectAssignment")
    subject = _child(_child(assignment, "subject"), "trialSubject")
    if known.patient_id:
        _child(subject, "id", root=_id(recording, "subject"), extension=known.patient_id)
    else:
        _child(subject, "id", nullFlavor="NI")
    if known.name or known.sex or known.birth_year:
        person = _child(subject, "subjectDemographicPerson")
        if known.name:
            _child(person, "name").text = known.name
        if known.sex:
            _child(person, "administrativeGenderCode", code=known.sex, codeSystem=_GENDER)
        if known.birth_year:
            _child(person, "birthTime", value=f"{known.birth_year:04d}")
    _child(_child(_child(assignment, "componentOf"), "clinicalTrial"), "id", nullFlavor="NI")


def _time_axis(sequences: Element, known: Identity, fs: float) -> None:
    sequence = _child(_child(sequences, "component"), "sequence")
    absolute = known.start is not None
    _child(sequence, "code", code="TIME_ABSOLUTE" if absolute else "TIME_RELATIVE", codeSystem=_ACT)
    value = _child(sequence, "value")
    value.set(f"{{{_XSI}}}type", "GLIST_TS" if absolute else "GLIST_PQ")
    if known.start is not None:
        _child(value, "head", value=_stamp(known.start))
    else:
        _child(value, "head", value="0", unit="s")
    _child(value, "increment", value=np.format_float_positional(1 / fs, trim="-"), unit="s")


def _lead(sequences: Element, lead: str, step_mv: float, values: np.ndarray[tuple[int], np.dtype[np.int16]]) -> None:
    sequence = _child(_child(sequences, "component"), "sequence")
    _child(sequence, "code", code=f"MDC_ECG_LEAD_{_standard(lead) or lead.replace(' ', '_')}", codeSystem=_MDC)
    value = _child(sequence, "value")
    value.set(f"{{{_XSI}}}type", "SLIST_PQ")
    _child(value, "origin", value="0", unit="uV")
    _child(value, "scale", value=f"{step_mv * 1000:.10g}", unit="uV")
    _child(value, "digits").text = " ".join(map(str, values.tolist()))


def _standard(lead: str) -> str | None:
    """Return a lead in capitals, as codes are written; None if it is none of the twelve."""
    name = plain_name(lead).strip().upper()
    return name if name in _STANDARD else None


def _id(recording: Recording, what: str) -> str:
    """Return an identifier that is the same for the same recording."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"heartvision {recording.digest} {what}"))
