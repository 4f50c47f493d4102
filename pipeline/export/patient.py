"""Who was recorded and when, in JSON and FHIR; nothing at all where it is not kept."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from pipeline.identity import Identity


def patient_rows(identity: Identity | None) -> dict[str, Any]:
    """Return "patient", with what is known of it, and "start" as ISO 8601, of a time of day alone where that is all."""
    if identity is None:
        return {}
    known = {
        "id": identity.patient_id,
        "name": identity.name,
        "sex": identity.sex,
        "birth_year": identity.birth_year,
        "indication": identity.indication,
    }
    patient = {name: value for name, value in known.items() if value}
    start = identity.start
    return {
        **({"patient": patient} if patient else {}),
        **({} if start is None else {"start": (start if identity.date_known else start.timetz()).isoformat()}),
    }


def fhir_patient(identity: Identity | None) -> dict[str, Any] | None:
    """Return the body of a Patient; None where nothing is known of one.

    References
    ----------
    HL7 FHIR R4 (4.0.1): Patient.
    """
    if identity is None or not (set(patient_rows(identity)) - {"start"}):
        return None
    gender = {"F": "female", "M": "male", None: ""}[identity.sex]
    body = {
        "identifier": [{"value": identity.patient_id}] if identity.patient_id else None,
        "name": [{"text": identity.name}] if identity.name else None,
        "gender": gender,
        "birthDate": f"{identity.birth_year:04d}" if identity.birth_year else None,
    }
    return {name: value for name, value in body.items() if value}


def fhir_period(identity: Identity | None, duration_s: float) -> dict[str, Any]:
    """Return "effectivePeriod", when the recording was made; nothing where its date is not known.

    FHIR asks for a time zone. Where the file states none, the clock is taken for that of this machine (`TZ`).

    Parameters
    ----------
    identity : Identity or None
        What is known.
    duration_s : float
        Length of the recording, seconds.
    """
    if identity is None or identity.start is None or not identity.date_known:
        return {}
    start = identity.start
    return {"effectivePeriod": {"start": _instant(start), "end": _instant(start + timedelta(seconds=duration_s))}}


def _instant(moment: datetime) -> str:
    zoned = moment.astimezone() if moment.tzinfo is None else moment
    return zoned.isoformat(timespec="seconds")
