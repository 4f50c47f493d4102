"""Marks that a reader moved on a median or a single beat: which can be, how a decision names one, words for them."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from pipeline.errors import ReviewError
from pipeline.measurements import WaveMark

# The marks that bound an interval; peaks are no limits of one.
MOVABLE: Final[Mapping[WaveMark, str]] = MappingProxyType(
    {
        **{"p_on": "P on", "p_off": "P off", "qrs_on": "QRS on", "qrs_off": "QRS off"},
        **{"t_on": "T on", "t_off": "T off"},
    }
)
AS_FOUND: Final = "as found"
FARTHEST_S: Final = 2.0  # from the R peak: no wave of a beat lies beyond
_RX_SUBJECT: Final = re.compile(r"([a-z_]+) (-?\d{1,4}\.\d)")


def beat_stretch(sample: int) -> tuple[int, int]:
    """Return the stretch by which a decision about marks names a single beat: the sample of its R peak.

    A stretch of a median beat is never so short.
    """
    return sample, sample + 1


def is_beat(stretch: tuple[int, int]) -> bool:
    """Tell whether a decision about marks is about a single beat, not about the median beat of a stretch."""
    return stretch[1] - stretch[0] == 1


def mark_subject(name: WaveMark, at_s: float) -> str:
    """Return how a decision names a mark and its new place, in seconds from the R peak.

    Examples
    --------
    >>> mark_subject("qrs_off", 0.0481)
    'qrs_off 48.1'
    """
    return f"{name} {1000 * at_s:.1f}"


def moved_mark(subject: str) -> tuple[WaveMark, float]:
    """Return the mark and its new place, seconds from the R peak, that a decision names.

    Raises
    ------
    ReviewError
        If it names no mark that can be moved, or a place that no wave of a beat lies at.
    """
    found = _RX_SUBJECT.fullmatch(subject)
    name = next((one for one in MOVABLE if found is not None and one == found[1]), None)
    if found is None or name is None:
        raise ReviewError(f"A mark {subject!r} is unknown; choose one of {', '.join(MOVABLE)}, with its place in ms.")
    at_s = float(found[2]) / 1000
    if not math.isfinite(at_s) or abs(at_s) > FARTHEST_S:
        raise ReviewError(
            f"A mark at {at_s:g} s from R belongs to another beat; at most {FARTHEST_S:g} s are possible."
        )
    return name, at_s


def mark_words(marks_s: Mapping[WaveMark, float]) -> str:
    """Write where moved marks are, from the R peak.

    Examples
    --------
    >>> mark_words({"qrs_off": 0.0481}), mark_words({})
    ('QRS off at 48 ms', 'as found')
    """
    return ", ".join(f"{MOVABLE[name]} at {1000 * at_s:.0f} ms" for name, at_s in marks_s.items()) or AS_FOUND
