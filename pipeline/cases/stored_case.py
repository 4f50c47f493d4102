"""From a recording to its open case: the stored one, or the work that makes it. Without TensorFlow."""

from __future__ import annotations

from dataclasses import replace

from models import registry
from pipeline.cases.case import Case
from pipeline.config import DEFAULT, RECORDING_NETWORK
from pipeline.errors import ModelError
from pipeline.store.prepared import load_prepared
from pipeline.store.results import load_analysis
from pipeline.types import Recording
from pipeline.wording import duration
from pipeline.worker import Job, JobStatus


def default_network() -> str:
    """Name the network to start with.

    Raises
    ------
    ModelError
        If no trained network is there.
    """
    names = registry.available()
    if not names:
        raise ModelError("No trained network was found in models/weights; run `python -m pipeline train --all --ship`.")
    return RECORDING_NETWORK if RECORDING_NETWORK in names else names[0]


def job(recording: Recording, network: str, leads: tuple[str, ...] | None) -> Job:
    """Return the analysis that the worker is asked for.

    Parameters
    ----------
    recording : Recording
        The recording to analyse.
    network : str
        Name of the network.
    leads : tuple of str, optional
        The leads that it reads; its own choice if None.

    Raises
    ------
    ModelError
        If there is no such network.
    """
    return Job(recording.digest, network, registry.manifest(network).identity, leads, recording.n_samples)


def stored_case(recording: Recording, network: str, leads: tuple[str, ...] | None) -> Case | None:
    """Load the case if these bytes and leads were analysed by this network before; None if they were not.

    Parameters
    ----------
    recording : Recording
        The recording to analyse.
    network : str
        Name of the network.
    leads : tuple of str, optional
        The leads that it reads; its own choice if None.

    Raises
    ------
    ModelError
        If there is no such network.
    """
    analysis = load_analysis(recording.digest, registry.manifest(network).identity, DEFAULT, leads)
    prepared = load_prepared(recording, DEFAULT, leads)
    if analysis is None or prepared is None or analysis.sample.size != len(prepared.beats):
        return None
    return Case(recording, prepared, replace(analysis, record=recording.name))


def progress_words(status: JobStatus) -> str:
    """Say what the worker does, and how long the rest will take as soon as that is known."""
    left = status.seconds_left()
    return status.sentence if left is None else f"{status.sentence}, about {duration(left)} left"
