"""The nouns of a measured ECG: marks of waves, intervals, axes, ST levels, statements and diagnostic classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

WaveMark = Literal["p_on", "p_peak", "p_off", "qrs_on", "qrs_peak", "qrs_off", "t_on", "t_peak", "t_off"]
WAVE_MARKS: Final[tuple[WaveMark, ...]] = get_args(WaveMark)
Superclass = Literal["NORM", "MI", "STTC", "CD", "HYP"]
SUPERCLASSES: Final[tuple[Superclass, ...]] = get_args(Superclass)


@dataclass(frozen=True, eq=False)
class Waves:
    """Marks of the waves of each beat, in each lead and over all leads.

    Attributes
    ----------
    leads : tuple of str
        Names of the leads that were marked.
    beat_s : (n,) float64
        Time of the R peak of each marked beat, seconds from sample 0 of the recording.
    time_s : (n, n_leads, 9) float64
        Time of each mark in the order of `WAVE_MARKS`, seconds from sample 0; NaN where there is no such wave, or
        where its place is uncertain.
    overall_s : (n, 9) float64
        The same over all leads: the earliest certain onset and the latest certain end, without outliers.
    """

    leads: tuple[str, ...]
    beat_s: NDArray[np.float64]
    time_s: NDArray[np.float64]
    overall_s: NDArray[np.float64]

    def __len__(self) -> int:
        """Return the number of marked beats."""
        return int(self.beat_s.size)

    def marks(self, name: WaveMark, lead: str | None = None) -> NDArray[np.float64]:
        """Return the times (n,) of one mark, seconds, in one lead or over all leads."""
        table = self.overall_s if lead is None else self.time_s[:, self.leads.index(lead)]
        return table[:, WAVE_MARKS.index(name)]


@dataclass(frozen=True)
class Spread:
    """One quantity over the beats of a recording: its median, its range without outliers, and how many beats gave it.

    Attributes
    ----------
    median, low, high : float
        In the unit of the quantity; `low` and `high` are the 5th and the 95th percentile.
    beats : int
        Beats that it was measured on.
    """

    median: float
    low: float
    high: float
    beats: int


@dataclass(frozen=True)
class LeadMeasurements:
    """What one lead shows of the usual beat.

    Attributes
    ----------
    intervals_ms : mapping of str to Spread
        "P", "PR", "QRS", "QT" where this lead gives them, milliseconds.
    st_mv : mapping of str to float
        ST level at "J", "J60" and "J80" against the end of the PR segment, mV.
    amplitudes_mv : mapping of str to float
        "P", "Q", "R", "S", "R'", "T", mV against the same level; negative downwards; a wave that is not there is left
        out.
    q_ms : float or None
        Duration of the Q wave, milliseconds; None where there is none.
    """

    intervals_ms: Mapping[str, Spread] = field(default_factory=dict)
    st_mv: Mapping[str, float] = field(default_factory=dict)
    amplitudes_mv: Mapping[str, float] = field(default_factory=dict)
    q_ms: float | None = None


@dataclass(frozen=True)
class Statement:
    """A sentence about an ECG that measurements support.

    Attributes
    ----------
    code : str
        Short code, such as "LBBB", "STE-ANT", "LQT".
    group : str
        "rhythm", "conduction", "infarction", "ST-T", "hypertrophy", "axis",
        "nonspecific", "technical", "normal".
    text : str
        The sentence.
    evidence : str
        The numbers behind it, and the source of the criterion.
    urgent : bool
        Whether someone must look at once.
    """

    code: str
    group: str
    text: str
    evidence: str
    urgent: bool = False


WITH_EPISODES: Final = frozenset({"VT", "VF", "ASYS", "3AVB"})  # codes of urgent rhythms


@dataclass(frozen=True)
class Measurements:
    """What was measured in a recording.

    Attributes
    ----------
    intervals : mapping of str to Spread
        Over all leads: "RR", "P", "PR", "QRS", "QT", milliseconds; what could not be measured is left out.
    qtc_ms : mapping of str to float
        "Bazett", "Fridericia", "Framingham", "Hodges", milliseconds; empty where rate or rhythm forbids it.
    qtc_used : str
        The formula that statements use; "" where there is no QTc.
    why_no_qtc : str
        One sentence, "" where there is a QTc.
    axis_deg : mapping of str to float
        "P", "QRS", "T": electrical axis in the frontal plane, degrees, -180 < axis <= 180; needs leads I and aVF (or
        two limb leads that give them).
    leads : mapping of str to LeadMeasurements
        Per lead.
    hours : tuple of mapping of str to float or None
        The medians of `intervals` and the QTc in use, hour by hour, None where an hour gave none; empty under 2 hours.
    diagnosis : mapping of str to float
        Calibrated probabilities of `SUPERCLASSES`; empty without the eight independent leads.
    statements : tuple of Statement
        Urgent ones first.
    looked_for : tuple of str
        What the statements looked for, so that silence has a meaning.
    not_measured : tuple of str
        Leads of twelve that no statement could read; empty where fewer than three leads were measured.
    """

    intervals: Mapping[str, Spread] = field(default_factory=dict)
    qtc_ms: Mapping[str, float] = field(default_factory=dict)
    qtc_used: str = ""
    why_no_qtc: str = ""
    axis_deg: Mapping[str, float] = field(default_factory=dict)
    leads: Mapping[str, LeadMeasurements] = field(default_factory=dict)
    hours: tuple[Mapping[str, float | None], ...] = ()
    diagnosis: Mapping[str, float] = field(default_factory=dict)
    statements: tuple[Statement, ...] = ()
    looked_for: tuple[str, ...] = ()
    not_measured: tuple[str, ...] = ()

    @property
    def urgent(self) -> tuple[Statement, ...]:
        """The urgent statements that no episode of a rhythm stands for."""
        return tuple(one for one in self.statements if one.urgent and one.code not in WITH_EPISODES)
