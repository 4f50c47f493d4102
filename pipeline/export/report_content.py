"""The content of a report as plain data: the recording, the beats in force, the findings, who is responsible for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from types import MappingProxyType
from typing import Final

from pipeline.identity import DeviceReading, Identity
from pipeline.labels import AAMI_CLASSES
from pipeline.measurements import Measurements, Statement
from pipeline.review.beats_in_force import REJECTED, UNCLASSIFIED, ReviewedBeats
from pipeline.review.conclusion import Fact, Undecided, decided_facts, proposed_text, single_facts, undecided
from pipeline.review.holter import Holter, holter, urgent_findings
from pipeline.review.hrv import Spectrum, Variability, spectrum, variability
from pipeline.review.states import FhirStatus, Signing, StudyState, fhir_status
from pipeline.review.summary import LETTERS, Summary, summarise
from pipeline.review.triage import Finding, triage
from pipeline.rhythm_names import RhythmTime, rhythm_times
from pipeline.store.page_sources import PageSource
from pipeline.twelve_leads.derived_leads import standard_name
from pipeline.twelve_leads.layouts import is_sheet
from pipeline.twelve_leads.remeasured import Remeasured
from pipeline.types import Analysis, FloatArray, Recording, read_only
from pipeline.wording import axis_texts, clock_text, looked_at

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
    conclusion : str
        What was signed; "" before that.
    chosen : tuple of str
        Keys of the facts that the conclusion was made from.
    reason : str
        Why it was signed although something urgent was undecided; "" where nothing was.
    earlier : tuple of Signing
        Signatures before this one, whose reports this one amends.
    report : str
        SHA-256 of the report that was signed, in what is made from a signed study later; "" in that report itself.
    """

    state: StudyState = "new"
    reader: str = ""
    second_reader: str = ""
    signed_at: datetime | None = None
    signatures: int = 0
    version: int = 0  # of the audit trail
    conclusion: str = ""
    chosen: tuple[str, ...] = ()
    reason: str = ""
    earlier: tuple[Signing, ...] = ()
    report: str = ""

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
    page : PageSource or None
        The page of paper that the recording was read from.
    remeasured : Remeasured or None
        What follows from marks of median beats that a reader moved, where any was.
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
    page: PageSource | None = None
    remeasured: Remeasured | None = None

    @property
    def measured(self) -> Measurements | None:
        """What is measured and stated: by the marks that a reader moved, else by the model's."""
        again = None if self.remeasured is None else self.remeasured.measured
        return self.analysis.measured if again is None else again

    @property
    def start(self) -> datetime | None:
        """Clock time of the first sample, where it is kept."""
        return None if self.identity is None else self.identity.start

    def when(self, seconds: float) -> str:
        """Write a time: by the clock where the recording has a start, else from its start, h:mm:ss."""
        return clock_text(seconds, self.start, hours=True)

    def axis(self, seconds: Sequence[float]) -> list[str]:
        """Write times that stand in a row: the day only where it begins, and no seconds where none count."""
        return [self.when(at) for at in seconds] if self.start is None else axis_texts(seconds, self.start)

    @property
    def looked_at(self) -> str:
        """What was looked at and what was not, in one sentence."""
        measured = self.measured
        leads = 0 if measured is None else min(self.recorded, len(measured.leads))
        return looked_at(self.leads, self.recorded, rhythm=bool(self.beats.rhythm), measured=leads)

    @property
    def times(self) -> tuple[RhythmTime, ...]:
        """How long each rhythm in force lasts, the most urgent first; none in an analysis of an earlier version."""
        return rhythm_times(self.beats.rhythm)

    @property
    def urgent(self) -> tuple[Finding, ...]:
        """The urgent findings, most important first."""
        return urgent_findings(self.findings)

    @property
    def verdicts(self) -> Mapping[str, str]:
        """What was decided about statements, "confirmed" or "rejected", by code."""
        return {} if self.beats.ruling is None else self.beats.ruling.verdicts

    @property
    def urgent_statements(self) -> tuple[Statement, ...]:
        """The urgent statements that were not rejected, and that no episode of a rhythm stands for."""
        measured = self.measured
        found = () if measured is None else measured.urgent
        return tuple(one for one in found if self.verdicts.get(one.code) != "rejected")

    @cached_property
    def holter(self) -> Holter:
        """The tables over time and by kind of finding."""
        return holter(self.beats, self.findings, start=self.start)

    @cached_property
    def spectrum(self) -> Spectrum:
        """Heart rate variability by frequency."""
        return spectrum(self.beats)

    @cached_property
    def facts(self) -> tuple[Fact, ...]:
        """What readers have confirmed."""
        statements = () if self.measured is None else self.measured.statements
        return decided_facts(self.findings, self.beats, statements, self.verdicts, when=self.when)

    @cached_property
    def singles(self) -> tuple[Fact, ...]:
        """The confirmed events one by one, of which the conclusion may tell."""
        return single_facts(self.findings, self.beats, when=self.when)

    @cached_property
    def undecided(self) -> Undecided:
        """What nobody has decided about."""
        return undecided(self.findings, self.measured, self.verdicts)

    @property
    def concluded(self) -> tuple[Fact, ...]:
        """The facts that the conclusion was made from; none before a signature."""
        return tuple(fact for fact in (*self.facts, *self.singles) if fact.key in self.study.chosen)

    @property
    def conclusion(self) -> str:
        """What was signed; "" before that."""
        return self.study.conclusion if self.study.state == "signed" else ""

    @property
    def draft(self) -> str:
        """The conclusion that the confirmed findings propose."""
        return proposed_text(self.facts, self.listed)

    @property
    def listed(self) -> tuple[Finding | Statement, ...]:
        """What could be confirmed: the findings, and what the measurements say."""
        return (*self.findings, *(() if self.measured is None else self.measured.statements))

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
    page: PageSource | None = None,
    remeasured: Remeasured | None = None,
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
    page : PageSource, optional
        The page of paper that the recording was read from.
    remeasured : Remeasured, optional
        What follows from marks of median beats that a reader moved.

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
        leads=tuple(standard_name(lead) or lead for lead in analysis.leads),
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
        page=page,
        remeasured=remeasured,
    )


def utc_text(moment: datetime) -> str:
    """Write a moment as RFC 3339 in UTC, to the second: 2026-11-22T08:00:00Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
