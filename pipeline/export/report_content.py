"""The content of a report as plain data: the recording, the beats in force, the findings, who is responsible for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from pipeline.identity import DeviceReading, Identity
from pipeline.labels import AAMI_CLASSES
from pipeline.review.beats_in_force import REJECTED, UNCLASSIFIED, ReviewedBeats
from pipeline.review.hrv import Variability, variability
from pipeline.review.states import FhirStatus, StudyState, fhir_status
from pipeline.review.summary import LETTERS, Summary, summarise
from pipeline.review.triage import Finding, triage
from pipeline.rhythm_names import RhythmTime, rhythm_times
from pipeline.twelve_leads.layouts import is_sheet
from pipeline.types import Analysis, FloatArray, Recording, read_only
from pipeline.wording import looked_at

URGENT: Final = 2  # the last priority of findings that a report lists by themselves
LETTER_NAMES: Final = MappingProxyType(
    dict(
        zip(
            LETTERS,
            ("N class", "supraventricular", "ventricular", "fusion", "paced or other", "unclassified", "rejected"),
            strict=True,
        )
    )
)


@dataclass(frozen=True)
class StudyFacts:
    """Who is responsible for the result; by default nobody, as nobody has reviewed it.

    Attributes
    ----------
    state : StudyState
        The state of the study.
    reader, second_reader : str
        Who signed it or read it last, and who read it a second time; "" if nobody.
    signed_at : datetime, optional
        When it was signed, UTC.
    signatures : int
        How often it has been signed so far.
    version : int
        Version of the audit trail.
    """

    state: StudyState = "new"
    reader: str = ""
    second_reader: str = ""
    signed_at: datetime | None = None
    signatures: int = 0
    version: int = 0  # of the audit trail

    @property
    def fhir_status(self) -> FhirStatus:
        """What FHIR calls the result; see `pipeline.review.states.fhir_status`."""
        return fhir_status(self.state, self.signatures)


@dataclass(frozen=True, eq=False)
class ReportContent:
    """Everything that a report shows; the same content gives the same bytes.

    Attributes
    ----------
    analysis : Analysis
        The model's answer.
    beats : ReviewedBeats
        The beats in force.
    signal_mv : (n_samples, n_leads) float32
        As recorded, NaN where nothing was.
    leads, calibrated : tuple of str
        Per column of `signal_mv`.
    created : datetime
        In UTC.
    findings : tuple of Finding
        Most important first.
    summary : Summary
        Counts and rates of the beats in force.
    variability : Variability
        Heart rate variability.
    study : StudyFacts
        Who is responsible for the result.
    trained_on : str
        What data the model was trained on.
    recorded : int
        How many leads the recording has.
    recording : Recording or None
        The recording with all its leads, if it is drawn as an ECG.
    identity : Identity or None
        Who was recorded and when, where that is kept.
    device : DeviceReading or None
        The recorder's own reading, where its file held one.
    """

    analysis: Analysis
    beats: ReviewedBeats
    signal_mv: FloatArray
    leads: tuple[str, ...]
    calibrated: tuple[bool, ...]
    created: datetime
    findings: tuple[Finding, ...]
    summary: Summary
    variability: Variability
    study: StudyFacts = field(default_factory=StudyFacts)
    trained_on: str = ""
    recorded: int = 0
    recording: Recording | None = None
    identity: Identity | None = None
    device: DeviceReading | None = None

    @property
    def start(self) -> datetime | None:
        """Clock time of the first sample, where it is kept."""
        return None if self.identity is None else self.identity.start

    @property
    def looked_at(self) -> str:
        """What was looked at and what was not, in one sentence."""
        measured = self.analysis.measured
        leads = 0 if measured is None else min(self.recorded, len(measured.leads))
        return looked_at(self.leads, self.recorded, rhythm=bool(self.beats.rhythm), measured=leads)

    @property
    def times(self) -> tuple[RhythmTime, ...]:
        """How long each rhythm in force lasts, the most urgent first; none in an analysis of an earlier version."""
        return rhythm_times(self.beats.rhythm)

    @property
    def urgent(self) -> tuple[Finding, ...]:
        """The findings that are urgent episodes of rhythm, most important first."""
        return tuple(finding for finding in self.findings if finding.stretch and finding.priority <= URGENT)

    def model_counts(self) -> dict[str, int]:
        """Return the model's counts per class and "U": every beat that it found, including deleted ones."""
        found = self.analysis.counts()
        return {**{name: found[name] for name in AAMI_CLASSES}, UNCLASSIFIED: found["unclassified"], REJECTED: 0}


def report_content(
    recording: Recording,
    analysis: Analysis,
    beats: ReviewedBeats,
    *,
    created: datetime,
    findings: Sequence[Finding] | None = None,
    study: StudyFacts | None = None,
    trained_on: str = "",
) -> ReportContent:
    """Gather a report on the leads that were analysed.

    Parameters
    ----------
    recording : Recording
        The recording.
    analysis : Analysis
        The model's answer for it.
    beats : ReviewedBeats
        The beats in force.
    created : datetime
        When; with a time zone.
    findings : sequence of Finding, optional
        What `triage` returned for these beats, if known, with their families.
    study : StudyFacts, optional
        Who is responsible for the result.
    trained_on : str, optional
        What data the model was trained on, in words.

    Raises
    ------
    ValueError
        If `created` has no time zone.
    """
    if created.tzinfo is None:
        raise ValueError(f"created={created!r} has no time zone; give UTC")
    columns = [recording.leads.index(name) for name in analysis.leads]
    return ReportContent(
        analysis=analysis,
        beats=beats,
        signal_mv=read_only(recording.p_signal[:, columns]),
        leads=analysis.leads,
        calibrated=tuple(recording.calibrated[i] for i in columns),
        created=created.astimezone(UTC),
        findings=triage(beats) if findings is None else tuple(findings),
        summary=summarise(beats),
        variability=variability(beats),
        study=study or StudyFacts(),
        trained_on=trained_on,
        recorded=len(recording.leads),
        recording=recording if is_sheet(recording.leads) else None,
        identity=recording.identity,
        device=recording.device,
    )


def utc_text(moment: datetime) -> str:
    """Write a moment as RFC 3339 in UTC, to the second: 2026-11-22T08:00:00Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
