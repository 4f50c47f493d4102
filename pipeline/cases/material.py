"""What a study is based on and no decision changes, and the answers of other networks for the same recording."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from models import registry
from pipeline.config import DEFAULT
from pipeline.errors import ModelError
from pipeline.principal import Who
from pipeline.review.morphology import Families, find_families
from pipeline.review.signal_evidence import SignalEvidence, evidence_of
from pipeline.store.prepared import load_prepared
from pipeline.store.recordings import open_recording
from pipeline.store.results import load_analysis
from pipeline.store.studies import Study, stored_analysis
from pipeline.types import Analysis, Recording
from pipeline.worker import Job

if TYPE_CHECKING:
    from pipeline.analysis import Prepared  # imports SciPy, which a stored recording does not need


@dataclass(frozen=True, eq=False)
class ReviewMaterial:
    """What a study is based on, and no decision changes.

    Attributes
    ----------
    recording : Recording
        The recording under review.
    analysis : Analysis
        The model's answer.
    prepared : Prepared
        The recording with its beats, as the network got them.
    families : Families
        The morphology families.
    ground : SignalEvidence
        What the signal shows between beats.
    others : mapping of str to Analysis
        Other networks' answers for the same recording, by network.
    """

    recording: Recording
    analysis: Analysis
    prepared: Prepared
    families: Families
    evidence: SignalEvidence
    others: Mapping[str, Analysis]


def material_of(study: Study, *, reader: Who = "") -> ReviewMaterial:
    """Everything about a study that decisions do not change.

    Raises
    ------
    DataError
        If the recording is not on this machine any more.
    StoreError
        If the stored analysis is damaged.
    """
    recording = replace(open_recording(study.digest, reader=reader), name=study.record)
    analysis = stored_analysis(study.id, reader=reader)
    prepared = _prepared(recording, analysis)
    return ReviewMaterial(
        recording,
        analysis,
        prepared,
        find_families(prepared.beats),
        evidence_of(recording, analysis),
        others_of(study),
    )


def _prepared(recording: Recording, analysis: Analysis) -> Prepared:
    """Load what the analysis was made from, or make it again at its own beats if the store has something else."""
    for leads in (None, analysis.leads):
        found = load_prepared(recording, DEFAULT, leads)
        if found is not None and np.array_equal(found.beats.sample, analysis.sample):
            return found
    from pipeline.analysis import prepare

    again = prepare(recording, leads=analysis.leads, samples=analysis.sample)
    return replace(again, beats=replace(again.beats, sample=analysis.sample, offset=analysis.offset))


def networks_beside(study: Study) -> tuple[str, ...]:
    """Name the networks that could read the recording as well."""
    return tuple(name for name in registry.available() if name != study.model)


def job_beside(material: ReviewMaterial, network: str) -> Job:
    """Return the analysis of the same recording, from the same leads, by another network."""
    analysis, recording = material.analysis, material.recording
    chosen = load_prepared(recording, DEFAULT, None)
    leads = None if chosen is not None and chosen.leads == analysis.leads else analysis.leads
    return Job(recording.digest, network, registry.manifest(network).identity, leads, recording.n_samples)


def others_of(study: Study) -> dict[str, Analysis]:
    """Load the analyses of the same recording by the other networks; a damaged network is passed over."""
    found: dict[str, Analysis] = {}
    for name in networks_beside(study):
        with suppress(ModelError):
            identity = registry.manifest(name).identity
            for leads in (study.leads, None):
                if (analysis := load_analysis(study.digest, identity, DEFAULT, leads)) is not None:
                    found[name] = analysis
    return found
