"""What a signature is over: one hash of decisions, the model's answer, network, conclusion and report."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.store.chain import ERASED, masks_of
from pipeline.store.log import decision_of, find_reading, rows_query, stacks_of
from pipeline.store.studies import study_row
from pipeline.store.tables import AuditRow, StudyRow

REPORTS_GONE: Final = (ERASED, "reports")  # event and kind of an entry since which earlier reports are gone
REPORT: Final = "report"  # the entry behind a signature that names its report


@dataclass(frozen=True)
class Seal:
    """What the entry of a signature says.

    Attributes
    ----------
    hash : str
        SHA-256 of what was signed, 64 hexadecimal digits.
    manifest : str
        SHA-256 of the network's weights, calibration and thresholds when it was signed; "" if it was not there.
    """

    hash: str
    manifest: str

    @property
    def text(self) -> str:
        """How the audit trail has it."""
        return f"{self.hash} {self.manifest}".strip()

    @classmethod
    def of(cls, text: str) -> Seal:
        """Return what an entry of the audit trail says."""
        found, _, manifest = text.partition(" ")
        return cls(found, manifest)


def sealed(study: StudyRow, rows: Sequence[AuditRow], signature: AuditRow, report: str, manifest: str) -> Seal:
    """Return the seal of a signature.

    Parameters
    ----------
    study : StudyRow
        The study.
    rows : sequence of AuditRow
        Entries of the main reading, oldest first; those since the signature take no part.
    signature : AuditRow
        The one that signs.
    report : str
        SHA-256 of the signed report, "" without one.
    manifest : str
        SHA-256 of what of the network decides on its answers; "" if it is not known.
    """
    before = [row for row in rows if row.seq < signature.seq]
    earlier = max((row.seq for row in before if row.event == "sign"), default=0)
    beside = {row.event: row.text for row in before if row.seq > earlier and row.event in ("concluded", "urgent_open")}
    decisions = [decision_of(row) for row in stacks_of(before)[0]]
    content = {
        "recording": study.digest,
        "analysis": study.analysis,
        "network": [study.model, study.model_version, manifest],
        "leads": study.leads,
        "decisions": [[one.kind, one.samples, one.aami, one.text, one.subject] for one in decisions if one],
        "conclusion": [signature.text, beside.get("concluded", ""), beside.get("urgent_open", "")],
        "signature": [signature.who, signature.at.isoformat(), signature.seq],
        "report": report,
    }
    return Seal(hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest(), manifest)


def seal_faults(session: Session, study_id: int) -> tuple[str, ...]:
    """Tell which signatures of a study are not over what is there now; none of an earlier version has a seal.

    Parameters
    ----------
    session : Session
        An open session.
    study_id : int
        Which study.
    """
    masked = masks_of(session, study_id).seals
    return tuple(
        f"What was signed in study {study_id} (version {row.seq}) is not what is there now."
        for row, now in seals_now(session, study_id)
        if now not in (row.seal, masked.get(row.seq))
    )


def seals_now(session: Session, study_id: int) -> list[tuple[AuditRow, str]]:
    """Return the sealed signatures of a study, each with the seal over what is there now.

    Parameters
    ----------
    session : Session
        An open session.
    study_id : int
        Which study.
    """
    study = study_row(session, study_id)
    reading = find_reading(session, study_id, "main")
    rows = [] if reading is None else list(session.scalars(rows_query(reading.id)))
    reports = {row.seq - 1: row.text for row in rows if row.event == REPORT}
    return [
        (row, sealed(study, rows, row, reports.get(row.seq, ""), Seal.of(row.seal).manifest).text)
        for row in rows
        if row.seal
    ]


def signed_studies(session: Session) -> list[int]:
    """Return the studies with a sealed signature, whatever became of it."""
    return list(session.scalars(select(AuditRow.study_id).where(AuditRow.seal != "").distinct()))
