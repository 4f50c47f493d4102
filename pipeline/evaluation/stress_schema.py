"""What stress.json holds: scores under noise, lost leads and other sampling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from pipeline._util.provenance import Provenance
from pipeline.evaluation.schema import Estimates, ModelIdentity


@dataclass(frozen=True)
class ShareRight:
    """The share of all beats that some are, and the share of these that is right."""

    share: float
    accuracy: float | None


@dataclass(frozen=True, kw_only=True)
class StressedCondition:
    """The scores under one condition of the stress test.

    Attributes
    ----------
    name, title : str
        Key of the condition, and its name for readers.
    noise : str
        The added noise; "" for none.
    snr_db, fs : float, optional
        Signal-to-noise ratio in dB, and another sampling frequency in Hz.
    records, beats : int
        Records, and sampled beats.
    overall : mapping of str to Estimate
        Every measure.
    without_232 : mapping of str to Estimate, optional
        The same without record 232.
    unclassified : float
        Share of beats that the app gives no class.
    classified, gated : ShareRight, optional
        Beats that get a class, and those that the quality gate stops.
    """

    name: str
    title: str
    noise: str
    snr_db: float | None
    fs: float | None
    records: int
    beats: int
    overall: Estimates
    without_232: Estimates | None
    unclassified: float
    classified: ShareRight | None = None
    gated: ShareRight | None = None


@dataclass(frozen=True)
class StressTest:
    """A stress.json: the same sampled beats under every condition.

    Attributes
    ----------
    model : ModelIdentity
        The network.
    provenance : Provenance
        How it was made.
    records : tuple of str
        The records.
    caps : mapping of str to int
        At most so many beats of each class are sampled from a record.
    beats : int
        How many were sampled.
    conditions : tuple of StressedCondition
        The scores under each condition.
    """

    SCHEMA: ClassVar[str] = "heartvision.stress/1"

    model: ModelIdentity
    provenance: Provenance
    records: tuple[str, ...]
    caps: Mapping[str, int]
    beats: int
    conditions: tuple[StressedCondition, ...]
