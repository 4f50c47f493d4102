"""One study on the desk: the beats in force, what needs eyes, and what follows from every decision. No st.*."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from app.common.ecg_chart import Marks
from app.common.theme import UNCLASSIFIED_MARK
from models import registry
from pipeline.config import DEFAULT
from pipeline.errors import ModelError
from pipeline.review import beats_in_force as in_force
from pipeline.review.beats_in_force import ReviewedBeats, reviewed_beats
from pipeline.review.hrv import Variability, variability
from pipeline.review.morphology import Families, find_families
from pipeline.review.rhythm_events import Event, events
from pipeline.review.signal_evidence import SignalEvidence, evidence_of
from pipeline.review.summary import Summary, summarise
from pipeline.review.triage import BeatFilter, Finding, disagreements, findings_passing, triage
from pipeline.signal.nearest import NO_BEAT, nearest
from pipeline.store.prepared import load_prepared
from pipeline.store.recordings import open_recording
from pipeline.store.results import load_analysis
from pipeline.store.reviews import Standing
from pipeline.store.studies import Study, stored_analysis
from pipeline.types import Analysis, Recording
from pipeline.wording import clock, percent
from pipeline.worker import Job

if TYPE_CHECKING:
    from pipeline.analysis import Prepared  # imports SciPy, which a prepared recording does without

LETTER = MappingProxyType({in_force.UNCLASSIFIED: UNCLASSIFIED_MARK})
HUMAN_WORDS = MappingProxyType(
    {"confirmed": "confirmed", "overridden": "changed", "rejected": "artefact", "added": "added by hand"}
)


@dataclass(frozen=True, eq=False)
class ReviewMaterial:
    """What a study stands on and no decision changes; `others` are other networks' analyses of the same recording."""

    recording: Recording
    analysis: Analysis
    prepared: Prepared
    families: Families
    ground: SignalEvidence
    others: Mapping[str, Analysis]


@dataclass(frozen=True)
class Wanted:
    """Which findings are listed; `other` names a network whose disagreement is asked for."""

    kinds: frozenset[str] = frozenset()
    classes: frozenset[str] = frozenset()
    confidence: tuple[float, float] = (0.0, 1.0)
    span_s: tuple[float, float] | None = None
    reviewed: bool | None = None
    other: str = ""

    @property
    def narrowed(self) -> int:
        """How many of the filters, apart from reviewed or not, are in use."""
        return sum((bool(self.kinds), bool(self.classes), self.confidence != (0.0, 1.0), self.span_s is not None,
                    bool(self.other)))  # fmt: skip


@dataclass(frozen=True, eq=False)
class Desk:
    """A reading of a study at one version."""

    material: ReviewMaterial
    standing: Standing
    beats: ReviewedBeats
    _lists: dict[Wanted, tuple[Finding, ...]] = field(default_factory=dict)

    @property
    def stamp(self) -> tuple[object, ...]:
        return stamp(self.standing)

    @property
    def study(self) -> Study:
        return self.standing.study

    @property
    def writable(self) -> bool:
        """Whether decisions are taken: not once the study is signed, or the second reading closed."""
        closed = self.standing.reading == "second" and self.standing.second_done
        return self.standing.state != "signed" and not closed

    @cached_property
    def events(self) -> tuple[Event, ...]:
        return events(self.beats)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        return triage(self.beats, self.material.families, found=self.events)

    @cached_property
    def summary(self) -> Summary:
        return summarise(self.beats)

    @cached_property
    def variability(self) -> Variability:
        return variability(self.beats)

    def listed(self, wanted: Wanted) -> tuple[Finding, ...]:
        """The findings that pass, in order of importance."""
        if wanted not in self._lists:
            self._lists[wanted] = self._passing(wanted)
        return self._lists[wanted]

    def _passing(self, wanted: Wanted) -> tuple[Finding, ...]:
        among = None
        if wanted.other in self.material.others:
            among = tuple(disagreements(self.beats, self.material.others[wanted.other]).tolist())
        form = BeatFilter(wanted.classes, wanted.confidence, wanted.span_s, wanted.reviewed, among)
        passing = findings_passing(self.findings, self.beats, form)
        return tuple(found for found in passing if not wanted.kinds or found.kind in wanted.kinds)

    def finding(self, name: str) -> Finding | None:
        """The finding with this id, whether or not it is listed."""
        return next((found for found in self.findings if found.id == name), None)

    def position(self, sample: int) -> int | None:
        """Where a beat stands in `beats`; None if it is not in force."""
        at = int(np.searchsorted(self.beats.sample, sample))
        return at if at < len(self.beats) and self.beats.sample[at] == sample else None

    def nearest(self, sample: float) -> int | None:
        """The beat in force nearest to a sample; None if there is none."""
        at = int(nearest(self.beats.sample, sample))
        return None if at == NO_BEAT else int(self.beats.sample[at])

    def family_of(self, sample: int) -> int:
        return int(self.material.families.of(np.array([sample], np.int64))[0])

    def family_samples(self, number: int) -> tuple[int, ...]:
        """The beats of a family that are in force, the most typical first."""
        members = self.material.families.members(number)
        return tuple(members[np.isin(members, self.beats.sample)].tolist())

    def between(self, start_s: float, stop_s: float, classes: frozenset[str] = frozenset()) -> tuple[int, ...]:
        """The beats in force between two times, of these classes only if any are named."""
        first, last = np.searchsorted(self.beats.time_s, [start_s, stop_s])
        samples, aami = self.beats.sample[first:last], self.beats.aami[first:last]
        return tuple(samples[np.isin(aami, list(classes))].tolist() if classes else samples.tolist())

    def letter(self, at: int) -> str:
        """The class in force as it is shown."""
        aami = str(self.beats.aami[at])
        return LETTER.get(aami, aami)

    def model_letter(self, at: int) -> str:
        """The model's answer as it is shown; "" for a beat that was added."""
        aami = str(self.beats.model_aami[at])
        return LETTER.get(aami, aami)

    def marks(self, at: NDArray[np.integer]) -> Marks:
        """Beats at these positions, as strips mark them; a mark's `beat` is its sample."""
        return Marks(
            self.beats.sample[at], self.beats.time_s[at], tuple(self.letter(int(i)) for i in at),
            tuple(self.hover(int(i)) for i in at),
        )  # fmt: skip

    def window(self, start_s: float, stop_s: float) -> NDArray[np.intp]:
        """Positions of the beats between two times."""
        first, last = np.searchsorted(self.beats.time_s, [start_s, stop_s])
        return np.arange(first, last)

    def hover(self, at: int) -> str:
        """One line about a beat."""
        said, human = self.model_letter(at), str(self.beats.human[at])
        model = f"model {said}, confidence {percent(float(self.beats.confidence[at]))}" if said else "not the model's"
        model = "model: not classified" if said == UNCLASSIFIED_MARK else model
        decided = f", {HUMAN_WORDS[human]}" if human else ""
        return f"{clock(float(self.beats.time_s[at]))}: {self.letter(at)}{decided}; {model}"


def material_of(study: Study) -> ReviewMaterial:
    """Everything about a study that decisions do not change.

    Raises
    ------
    DataError
        If the recording is not on this machine any more.
    StoreError
        If the stored analysis is damaged.
    """
    recording = replace(open_recording(study.digest), name=study.record)
    analysis = stored_analysis(study.id)
    prepared = _prepared(recording, analysis)
    return ReviewMaterial(
        recording,
        analysis,
        prepared,
        find_families(prepared.beats),
        evidence_of(recording, analysis),
        others_of(study),
    )


def stamp(standing: Standing) -> tuple[object, ...]:
    """What of a reading's standing the desk depends on: the same stamp, the same desk."""
    return standing.version, standing.state, standing.second_reader, standing.second_done


def desk_of(material: ReviewMaterial, standing: Standing) -> Desk:
    """The reading as it stands."""
    return Desk(material, standing, reviewed_beats(material.analysis, standing.decisions, material.ground))


def _prepared(recording: Recording, analysis: Analysis) -> Prepared:
    """What the analysis was made from: as stored, or made again at its own beats where the store has something else."""
    for leads in (None, analysis.leads):
        found = load_prepared(recording, DEFAULT, leads)
        if found is not None and np.array_equal(found.beats.sample, analysis.sample):
            return found
    from pipeline.analysis import prepare_again

    return prepare_again(recording, analysis)


def networks_beside(study: Study) -> tuple[str, ...]:
    """The networks that could read the recording as well."""
    return tuple(name for name in registry.available() if name != study.model)


def job_beside(material: ReviewMaterial, network: str) -> Job:
    """The analysis of the same recording, from the same leads, by another network."""
    analysis, recording = material.analysis, material.recording
    chosen = load_prepared(recording, DEFAULT, None)
    leads = None if chosen is not None and chosen.leads == analysis.leads else analysis.leads
    return Job(recording.digest, network, registry.manifest(network).identity, leads, recording.n_samples)


def others_of(study: Study) -> dict[str, Analysis]:
    """Stored analyses of the same recording by the other networks; a damaged network has no say and no hold."""
    found: dict[str, Analysis] = {}
    for name in networks_beside(study):
        with suppress(ModelError):
            identity = registry.manifest(name).identity
            for leads in (study.leads, None):
                if (analysis := load_analysis(study.digest, identity, DEFAULT, leads)) is not None:
                    found[name] = analysis
    return found
