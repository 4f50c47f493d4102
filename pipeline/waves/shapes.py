"""The shape of the usual beat in each lead: Q, R, S and R' as runs above and below the PR level, ST levels, P and T."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.types import FloatArray
from pipeline.waves.usual_beat import FS_HZ, WINDOW_S, UsualBeat

# The smallest wave of a QRS complex: CSE's recommendation (20 uV and 6 ms) with the noise of a median of few beats.
WAVE_MV: Final = 0.03
WAVE_S: Final = 0.008
EDGE_S: Final = 0.008  # an extreme this near to the end of the QRS is the ST segment's
OVER_EDGE_MV: Final = 0.05  # by which a last wave stands out from the level at which the QRS ends
NOTCH_MV: Final = 0.05  # depth of a notch between two peaks of one wave
ST_AT_S: Final[Mapping[str, float]] = {"J": 0.0, "J60": 0.06, "J80": 0.08}
T_AFTER_S: Final = 0.08  # after the QRS, from where T is looked for if its onset is unknown


@dataclass(frozen=True)
class Deflection:
    """One wave of a QRS complex: times in seconds from the onset of the QRS, and its extreme, mV."""

    start_s: float
    peak_s: float
    stop_s: float
    mv: float

    @property
    def ms(self) -> float:
        """Duration, milliseconds."""
        return 1000 * (self.stop_s - self.start_s)


@dataclass(frozen=True)
class LeadShape:
    """What one lead shows of the usual beat.

    Attributes
    ----------
    q, r, s, r2 : Deflection or None
        The first negative wave before R, R, the negative one after it, and R'. A complex without R is a Q alone (QS).
    notched : bool
        Whether R has two peaks.
    st_mv : mapping of str to float
        Level at "J", "J60", "J80" against the end of the PR segment.
    p_mv, t_mv, t_min_mv : float or None
        Extreme of the P wave; of the T wave; the lowest level inside the T wave.
    p_area, qrs_area, t_area : float or None
        Net areas, mV ms.
    """

    q: Deflection | None = None
    r: Deflection | None = None
    s: Deflection | None = None
    r2: Deflection | None = None
    notched: bool = False
    st_mv: Mapping[str, float] = field(default_factory=dict)
    p_mv: float | None = None
    t_mv: float | None = None
    t_min_mv: float | None = None
    p_area: float | None = None
    qrs_area: float | None = None
    t_area: float | None = None

    @property
    def is_qs(self) -> bool:
        """Whether the complex has no positive wave."""
        return self.q is not None and self.r is None

    @property
    def r_mv(self) -> float:
        """The highest positive wave, 0 if there is none."""
        return max((wave.mv for wave in (self.r, self.r2) if wave is not None), default=0.0)

    @property
    def depth_mv(self) -> float:
        """How deep the deepest negative wave is, as a positive number, 0 if there is none."""
        return -min((wave.mv for wave in (self.q, self.s) if wave is not None), default=0.0)

    @property
    def s_mv(self) -> float:
        """How deep S (or QS) is, as a positive number, 0 if there is none."""
        deep = self.q if self.is_qs else self.s
        return 0.0 if deep is None else -deep.mv

    @property
    def swing_mv(self) -> float:
        """Peak to peak."""
        return self.r_mv + self.depth_mv

    @property
    def last_is_positive(self) -> bool:
        """Whether the QRS ends with a positive wave."""
        return self.r2 is not None or (self.r is not None and self.s is None)

    @property
    def r_peak_ms(self) -> float:
        """Milliseconds from the onset of the QRS to the peak of R, or of R' where that is higher; 0 without R."""
        waves = [wave for wave in (self.r, self.r2) if wave is not None]
        return 1000 * max(waves, key=lambda wave: wave.mv).peak_s if waves else 0.0


def lead_shapes(beat: UsualBeat, curve_mv: FloatArray, leads: Sequence[str]) -> dict[str, LeadShape]:
    """Return the shape of each lead; none without onset and end of the QRS.

    Parameters
    ----------
    beat : UsualBeat
        Its marks over all leads.
    curve_mv : (n_samples, n_leads) float32
        Its curve, or leads derived from it.
    leads : sequence of str
        Names of the columns.
    """
    on_s, off_s = beat.mark("qrs_on"), beat.mark("qrs_off")
    if not (np.isfinite(on_s) and np.isfinite(off_s)) or off_s - on_s < 2 * WAVE_S:
        return {}
    return {lead: _shape(beat, curve_mv[:, i], lead, on_s, off_s) for i, lead in enumerate(leads)}


def _shape(beat: UsualBeat, curve: FloatArray, lead: str, on_s: float, off_s: float) -> LeadShape:
    qrs = _between(curve, on_s, off_s)
    q, r, s, r2 = _named(_deflections(qrs))
    p = _between(curve, beat.mark("p_on"), beat.mark("p_off"))
    t_on, t_off = _mark(beat, "t_on", lead), _mark(beat, "t_off", lead)
    t = _between(curve, t_on if np.isfinite(t_on) and t_on > off_s else off_s + T_AFTER_S, t_off)
    return LeadShape(
        q=q,
        r=r,
        s=s,
        r2=r2,
        notched=r is not None and _is_notched(qrs[round(r.start_s * FS_HZ) : round(r.stop_s * FS_HZ) + 1]),
        st_mv={name: _level(curve, off_s + after_s) for name, after_s in ST_AT_S.items()},
        p_mv=_extreme(p),
        t_mv=_extreme(t),
        t_min_mv=float(t.min()) if t.size else None,
        p_area=_area(p - _line(p)) if p.size else None,
        qrs_area=_area(qrs),
        t_area=_area(t) if t.size else None,
    )


def _mark(beat: UsualBeat, name: str, lead: str) -> float:
    """Return a mark in its own lead, or over all leads where it has none there."""
    own = beat.mark(name, lead) if lead in beat.leads else np.nan  # type: ignore[arg-type]
    return own if np.isfinite(own) else beat.mark(name)  # type: ignore[arg-type]


def _deflections(qrs: NDArray[np.floating]) -> list[Deflection]:
    """Return the runs above and below the level, in order, without those that are the ST segment's."""
    sign = np.where(qrs > WAVE_MV, 1, np.where(qrs < -WAVE_MV, -1, 0))
    used = np.flatnonzero(sign)
    if not used.size:
        return []
    cuts = np.flatnonzero(np.diff(sign[used])) + 1
    found = [_deflection(qrs, int(part[0]), int(part[-1])) for part in np.split(used, cuts)]
    last = found[-1]
    at_end = used[-1] == qrs.size - 1
    near = (qrs.size - 1) / FS_HZ - last.peak_s < EDGE_S
    if len(found) > 1 and at_end and (near or abs(last.mv) - abs(float(qrs[-1])) < OVER_EDGE_MV):
        found = found[:-1]
    return _joined([wave for wave in found if wave.stop_s - wave.start_s >= WAVE_S])


def _joined(waves: list[Deflection]) -> list[Deflection]:
    """Return the waves, neighbours of one direction, between which one was too short to count, as one."""
    found: list[Deflection] = []
    for wave in waves:
        if found and found[-1].mv * wave.mv > 0:
            peak = max(found[-1], wave, key=lambda one: abs(one.mv))
            found[-1] = Deflection(found[-1].start_s, peak.peak_s, wave.stop_s, peak.mv)
        else:
            found.append(wave)
    return found


def _deflection(qrs: NDArray[np.floating], first: int, last: int) -> Deflection:
    part = qrs[first : last + 1]
    peak = first + int(np.argmax(np.abs(part)))
    return Deflection(first / FS_HZ, peak / FS_HZ, last / FS_HZ, round(float(qrs[peak]), 4))


def _named(waves: list[Deflection]) -> tuple[Deflection | None, ...]:
    """Return Q, R, S and R'."""
    up = [i for i, wave in enumerate(waves) if wave.mv > 0]
    if not up:
        return (min(waves, key=lambda wave: wave.mv, default=None), None, None, None)
    first = up[0]
    q = waves[first - 1] if first else None
    s = waves[first + 1] if first + 1 < len(waves) else None
    return q, waves[first], s, waves[up[1]] if len(up) > 1 else None


def _is_notched(part: NDArray[np.floating]) -> bool:
    inner = np.flatnonzero((part[1:-1] > part[:-2]) & (part[1:-1] >= part[2:])) + 1
    return any(
        min(float(part[a]), float(part[b])) - float(part[a : b + 1].min()) >= NOTCH_MV for a, b in pairwise(inner)
    )


def _between(curve: FloatArray, start_s: float, stop_s: float) -> NDArray[np.float64]:
    if not (np.isfinite(start_s) and np.isfinite(stop_s)):
        return np.zeros(0)
    first, last = round((start_s + WINDOW_S[0]) * FS_HZ), round((stop_s + WINDOW_S[0]) * FS_HZ)
    return np.asarray(curve[max(0, first) : max(0, last) + 1], np.float64)


def _level(curve: FloatArray, at_s: float) -> float:
    place = np.clip((at_s + WINDOW_S[0]) * FS_HZ, 0, len(curve) - 1)
    return round(float(np.interp(place, np.arange(len(curve)), curve)), 4)


def _line(part: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the straight line between the ends of a wave: atrial repolarisation and wander tilt its level."""
    return np.linspace(float(part[0]), float(part[-1]), part.size)


def _extreme(part: NDArray[np.float64]) -> float | None:
    return round(float(part[np.argmax(np.abs(part))]), 4) if part.size else None


def _area(part: NDArray[np.float64]) -> float:
    return round(float(part.sum()) * 1000 / FS_HZ, 3)
