"""What is measured of beats in their order, for the members of `rhythm` and for its trees: rows taken apart."""

from __future__ import annotations

from typing import Any, Final

from models.runtime import keras

POINTS: Final = 100  # of a beat, R at 38, 8 ms apart
LEADS: Final = 2
BEFORE_QRS, QRS, AFTER_QRS = slice(8, 30), slice(30, 50), slice(50, 95)
STEEP: Final = slice(24, 64)  # where the width of the QRS is measured


def parts(rows: Any) -> tuple[Any, Any, Any]:
    """The beat and the usual beat, (batch, n, POINTS, LEADS), and the RR intervals."""
    size = POINTS * LEADS
    reshape = keras().layers.Reshape((-1, POINTS, LEADS), dtype="float32")
    wave, usual = (reshape(rows[..., at : at + size]) for at in (0, size))
    return wave, usual, rows[..., 2 * size :]


def likeness(wave: Any, usual: Any) -> Any:
    """How like the usual beat each lead is: correlation, height and difference before, in and after QRS, and width.

    (batch, n, 22): nine measures of each lead in turn, both widths, and both widths less those of the usual beat.
    """
    ops = keras().ops
    found = []
    for part in (BEFORE_QRS, QRS, AFTER_QRS):
        one, other = (x[..., part, :] - ops.mean(x[..., part, :], axis=-2, keepdims=True) for x in (wave, usual))
        power, usual_power = (ops.sum(ops.square(x), axis=-2) for x in (one, other))
        found.append(ops.sum(one * other, axis=-2) / ops.sqrt(power * usual_power + 1e-3))
        found.append(0.5 * ops.log((power + 0.02) / (usual_power + 0.02)))
        found.append(0.5 * ops.log(ops.sum(ops.square(one - other), axis=-2) + 0.05))
    width = _width(wave)
    return ops.concatenate([*found, width, width - _width(usual)], axis=-1)


def shifted(x: Any, by: int) -> Any:
    """Each beat gets what was `by` beats before it; 0 where there is none."""
    padded = keras().ops.pad(x, ((0, 0), (max(by, 0), max(-by, 0)), (0, 0)))
    return padded[:, :-by] if by > 0 else padded[:, -by:]


def joined(values: list[Any]) -> Any:
    """Side by side, along the last axis."""
    return keras().ops.concatenate(values, axis=-1)


def _width(wave: Any) -> Any:
    """How far the steep parts lie apart, (batch, n, LEADS): the spread in time of the squared slope, in 80 ms."""
    ops = keras().ops
    steep = wave[..., STEEP, :]
    weight = ops.square(steep[..., 1:, :] - steep[..., :-1, :])
    time = ops.reshape(ops.arange(STEEP.stop - STEEP.start - 1, dtype="float32") / 10, (-1, 1))
    total = ops.sum(weight, axis=-2) + 1e-2
    mean = ops.sum(weight * time, axis=-2) / total
    return ops.sqrt(ops.maximum(ops.sum(weight * time * time, axis=-2) / total - ops.square(mean), 0.0) + 1e-4)
