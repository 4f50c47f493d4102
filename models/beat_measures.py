"""Measures of beats in their order, for networks over beats: rows taken apart, beats compared with others.

Each formula takes numpy arrays or tensors and returns the same kind: `models.operations` has the differences.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from models.operations import indicator, mean_near, ops_of, reshaped, shifted

POINTS: Final = 100  # per beat, 8 ms apart; R is at 38
N_LEADS: Final = 2
BEFORE_QRS, QRS, AFTER_QRS = slice(8, 30), slice(30, 50), slice(50, 95)
STEEP: Final = slice(24, 64)  # where the width of the QRS is measured
P_WAVE, P_POINTS = slice(6, 30), 8  # 0.26 to 0.06 s before R, in means of 24 ms
NEAR, FAR = 8, 24  # beats on each side
EARLY: Final = -0.3  # in the first column of the intervals: 10 % early


@dataclass(frozen=True, eq=False)
class BeatMeasures:
    """Rows of beats taken apart, and what is known of them before any weights.

    Attributes
    ----------
    wave, usual : (batch, n, ...) array or tensor
        The beat, and the recording's usual beat; see `parts`.
    rhythm : (batch, n, ...) array or tensor
        The RR intervals; see `parts`.
    likeness, surroundings : (batch, n, ...) array or tensor
        As the functions of these names return them.
    """

    wave: Any
    usual: Any
    rhythm: Any
    likeness: Any
    surroundings: Any


def measure_beats(rows: Any) -> BeatMeasures:
    """Take apart and measure rows (batch, n, row) of beats in their order."""
    wave, usual, rhythm = parts(rows)
    return BeatMeasures(wave, usual, rhythm, likeness(wave, usual), surroundings(wave, rhythm))


def parts(rows: Any) -> tuple[Any, Any, Any]:
    """Split rows into the beat and the usual beat, (batch, n, POINTS, LEADS), and the RR intervals."""
    size = POINTS * N_LEADS
    wave, usual = (reshaped(rows[..., at : at + size], POINTS, N_LEADS) for at in (0, size))
    return wave, usual, rows[..., 2 * size :]


def likeness(wave: Any, usual: Any) -> Any:
    """Compare each lead with the usual beat: correlation, height, difference (before, in, after the QRS), and width.

    Returns (batch, n, 22): nine measures of each lead in turn, both widths, and both widths minus those of the usual
    beat.
    """
    ops = ops_of(wave)
    found = []
    for part in (BEFORE_QRS, QRS, AFTER_QRS):
        one, other = (x[..., part, :] - ops.mean(x[..., part, :], axis=-2, keepdims=True) for x in (wave, usual))
        power, usual_power = (ops.sum(ops.square(x), axis=-2) for x in (one, other))
        found.append(ops.sum(one * other, axis=-2) / ops.sqrt(power * usual_power + 1e-3))
        found.append(0.5 * ops.log((power + 0.02) / (usual_power + 0.02)))
        found.append(0.5 * ops.log(ops.sum(ops.square(one - other), axis=-2) + 0.05))
    width = _width(wave)
    return ops.concatenate([*found, width, width - _width(usual)], axis=-1)


def surroundings(wave: Any, rhythm: Any) -> Any:
    """Measure what nearby beats have in common before their QRS, and how regular they are: (batch, n, 39).

    P waves that repeat remain in the mean of `NEAR` or `FAR` beats on each side; the waves of fibrillating atria do
    not.
    """
    ops = ops_of(wave)
    p = _before_qrs(wave)
    power, found = ops.mean(ops.square(p), axis=-2), [ops.max(p, axis=-2), ops.min(p, axis=-2)]
    for reach in (NEAR, FAR):
        usual = _pairs(mean_near(_flat_pairs(p), reach))
        usual_power, mean_power = ops.mean(ops.square(usual), axis=-2), mean_near(power, reach)
        found += [_level(usual_power), _level(mean_power), usual_power / (mean_power + 1e-3)]
        found += [ops.max(usual, axis=-2), ops.min(usual, axis=-2)]
        if reach == NEAR:
            alike = ops.mean(p * usual, axis=-2) / ops.sqrt(power * usual_power + 1e-5)
            found += [alike, _level(ops.mean(ops.square(p - usual), axis=-2))]
    return joined([*found, *_order(rhythm)])


def joined(values: list[Any]) -> Any:
    """Concatenate along the last axis."""
    return ops_of(values[0]).concatenate(values, axis=-1)


def _width(wave: Any) -> Any:
    """Return the width of the steep part, (batch, n, LEADS): standard deviation in time of squared slope, in 80 ms."""
    ops = ops_of(wave)
    steep = wave[..., STEEP, :]
    weight = ops.square(steep[..., 1:, :] - steep[..., :-1, :])
    time = ops.reshape(ops.arange(STEEP.stop - STEEP.start - 1, dtype="float32") / 10, (-1, 1))
    total = ops.sum(weight, axis=-2) + 1e-2
    mean = ops.sum(weight * time, axis=-2) / total
    return ops.sqrt(ops.maximum(ops.sum(weight * time * time, axis=-2) / total - ops.square(mean), 0.0) + 1e-4)


def _before_qrs(wave: Any) -> Any:
    """Return what stands above the line between both ends of the P wave's window, (batch, n, P_POINTS, LEADS)."""
    ops, step = ops_of(wave), (P_WAVE.stop - P_WAVE.start) // P_POINTS
    means = reshaped(wave[..., P_WAVE, :], P_POINTS, step, N_LEADS)
    points = ops.mean(means, axis=-2)
    along = ops.reshape(ops.arange(P_POINTS, dtype="float32") / (P_POINTS - 1), (-1, 1))
    return points - points[..., :1, :] - (points[..., -1:, :] - points[..., :1, :]) * along


def _order(rhythm: Any) -> list[Any]:
    """Return how much intervals vary nearby, how far this one is from their mean, how many are short, how they jump."""
    ops = ops_of(rhythm)
    overall, local, found = rhythm[..., 0:1], rhythm[..., 2:3], []
    for reach in (NEAR, FAR):
        mean = mean_near(local, reach)
        std = ops.sqrt(ops.maximum(mean_near(ops.square(local), reach) - ops.square(mean), 1e-4))
        found += [std, ops.clip((local - mean) / (std + 0.05), -5.0, 5.0)]
    jump, local_jump = (ops.abs(x - shifted(x, 1)) for x in (overall, local))
    early = indicator(overall < EARLY)
    found += [mean_near(jump, reach) for reach in (2, 4, 16)]
    return [*found, *(mean_near(early, reach) for reach in (2, NEAR, FAR)), mean_near(local_jump, NEAR)]


def _level(power: Any) -> Any:
    return 0.3 * ops_of(power).log(power + 1e-3)


def _pairs(flat: Any) -> Any:
    return reshaped(flat, P_POINTS, N_LEADS)


def _flat_pairs(points: Any) -> Any:
    return reshaped(points, P_POINTS * N_LEADS)
