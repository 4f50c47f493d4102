"""From a recording to the leads that are read: artefacts masked, leads chosen and filtered, and their quality."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from pipeline.config import SignalConfig
from pipeline.errors import SignalError
from pipeline.signal.artefacts import Masked, find_artefacts
from pipeline.signal.conditioning import Conditioned, analysable_leads, condition
from pipeline.signal.leads import READABLE_SHARE, choose_leads
from pipeline.signal.noise import NoiseVerdicts, judge_noise, noise_alone
from pipeline.signal.quality import artefact_notices, assess
from pipeline.types import IntArray, Quality, Recording, read_only
from pipeline.wording import share

MUCH_NOISE, LITTLE_NOISE = 0.5, 0.1  # probabilities of a wrong class in each lead alone


@dataclass(frozen=True, eq=False)
class ReadLeads:
    """The leads that are read.

    Attributes
    ----------
    masked : Masked
        The recording, and what was masked in any lead.
    leads : tuple of str
        Names of the one or two leads.
    conditioned : Conditioned
        The same, filtered, at the working rate.
    notices : tuple of str
        What a reader should know of masks and of the choice, one sentence each.
    """

    masked: Masked
    leads: tuple[str, ...]
    conditioned: Conditioned
    notices: tuple[str, ...]

    def judged(self, r_peak: IntArray, steep: IntArray, config: SignalConfig) -> tuple[Quality, NoiseVerdicts]:
        """Judge these leads.

        Parameters
        ----------
        r_peak, steep : (n,) int64
            The beats, and those that the second detector found, as indices into `conditioned.signal`.
        config : SignalConfig
            Thresholds.

        Returns
        -------
        quality : Quality
            What can be read where.
        noise : NoiseVerdicts
            How far noise hides the ECG.
        """
        noise = judge_noise(self.conditioned, r_peak, steep, doubtful=config.noisy_from)
        return assess(self.masked, self.leads, self.conditioned, noise, config), noise


def read_leads(recording: Recording, config: SignalConfig, requested: tuple[str, ...] | None = None) -> ReadLeads:
    """Mask artefacts, choose the leads, and filter them.

    Parameters
    ----------
    recording : Recording
        The recording.
    config : SignalConfig
        Settings of the path from millivolts to beats.
    requested : tuple of str, optional
        One or two lead names; chosen automatically if None.

    Raises
    ------
    SignalError
        If a requested lead is not there, or none was recorded long enough without a gap.
    """
    masked = find_artefacts(recording, config)
    leads, notices = _chosen(masked, requested, config)
    masks = artefact_notices(masked.artefacts, leads, recording.fs)
    try:
        conditioned = condition(masked, leads, config)
    except SignalError:
        if not masked.artefacts:
            raise
        condition(recording, leads, config)  # refuses what was not recorded; what is masked is an answer
        conditioned = condition(_filled(masked.whole()), leads, config)
    if not requested and _first_is_much_worse(conditioned, config):
        worse = f"Lead {leads[0]} is hidden by noise: lead {leads[1]} was read first."
        leads, conditioned, notices = leads[::-1], _turned(conditioned), (*notices, worse)
    return ReadLeads(masked, leads, conditioned, (*notices, *masks))


def _first_is_much_worse(conditioned: Conditioned, config: SignalConfig) -> bool:
    if conditioned.signal.shape[1] < 2 or noise_alone(conditioned, 0, config) < MUCH_NOISE:
        return False
    return noise_alone(conditioned, 1, config) < LITTLE_NOISE


def _turned(conditioned: Conditioned) -> Conditioned:
    """Return the two leads in the other order."""
    signal = read_only(np.asfortranarray(conditioned.signal[:, ::-1]))
    return replace(conditioned, signal=signal, missing=conditioned.missing[::-1])


def _filled(masked: Recording) -> Recording:
    """Return a recording of which too little is left to be read, with the median of each lead where it was masked."""
    with np.errstate(invalid="ignore"):
        middle = [np.nanmedian(lead) if np.isfinite(lead).any() else 0.0 for lead in masked.p_signal.T]
    filled = np.where(np.isfinite(masked.p_signal), masked.p_signal, np.array(middle, np.float32))
    return replace(masked, p_signal=read_only(filled))


def _chosen(
    masked: Masked, requested: tuple[str, ...] | None, config: SignalConfig
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if requested:
        return choose_leads(masked.leads, requested), ()
    shares = [float(np.isfinite(masked.lead(lead)).mean()) for lead in masked.leads]
    readable = dict(zip(masked.leads, shares, strict=True))
    analysable = analysable_leads(masked, config)
    usual, chosen = choose_leads(analysable), choose_leads(analysable, None, readable)
    if usual[0] == chosen[0] or readable[usual[0]] >= READABLE_SHARE * readable[chosen[0]]:
        return chosen, ()
    return chosen, (
        f"Lead {usual[0]} holds a signal in {share(readable[usual[0]])} of the recording: lead {chosen[0]} was read "
        "instead.",
    )
