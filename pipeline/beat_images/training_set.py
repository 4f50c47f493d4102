"""Training set of the beat head: beats of patients and of textbooks, and curves and pictures that are not beats."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.beat_images.diagnosed_beats import load_normal
from pipeline.beat_images.record_curves import (
    SEED,
    Rng,
    Windows,
    cut_traces,
    fairly,
    load_supraventricular,
    load_unlabelled,
    load_windows,
    unit,
)
from pipeline.beat_images.traced_set import Sketch, resampled
from pipeline.config import Config
from pipeline.datasets.splits import DS1
from pipeline.synthesis.image_styles import STYLES
from pipeline.synthesis.non_beats import CURVES, PICTURES, non_beat_picture
from pipeline.synthesis.simple_curves import mixed_curve, unlike_beats
from pipeline.synthesis.textbook_beats import textbook_beats
from pipeline.training.training_set import PACED_TRAINING, VALIDATION
from pipeline.types import FloatArray

CLEAN: Final = 0.35  # share of recorded beats that are averaged and smoothed
SHARES: Final = (("textbook", 0.16), ("ludb", 0.22), ("svdb", 0.22))  # of the beats; all others are from MIT-BIH
MIXED: Final = 0.65  # share of the curves that are not beats; the rest are of a named kind
_CURVE_POINTS: Final = 400  # per curve that is drawn
_HELD_OUT_EVERY: Final = 5  # patient of LUDB and svdb is held out


@dataclass(frozen=True, eq=False)
class Shapes:
    """Sources of beats: MIT-BIH, and others if they are available.

    Attributes
    ----------
    labelled : Windows
        Of MIT-BIH.
    ludb, svdb : Windows or None
        Of LUDB, without classes, and of svdb.
    normal : Windows or None
        Beats of class N of LUDB and PTB-XL, for the head for classes alone.
    """

    labelled: Windows
    ludb: Windows | None
    svdb: Windows | None
    normal: Windows | None = None

    def cut(self, count: int, rng: Rng, points: int) -> FloatArray:
        """Cut beats of all patients, and of textbooks, in random order.

        Parameters
        ----------
        count : int
            How many.
        rng : Generator
            Random generator.
        points : int
            Points per trace.

        Returns
        -------
        (count, points) float32
            Traces.
        """
        parts, left = [], count
        for name, share in SHARES:
            part = self._part(name, round(share * count), rng, points)
            if part is not None:
                parts.append(part)
                left -= len(part)
        parts.append(_cut(self.labelled, left, rng, points))
        return np.asarray(rng.permutation(np.concatenate(parts)), np.float32)

    def _part(self, name: str, count: int, rng: Rng, points: int) -> FloatArray | None:
        if name == "textbook":
            return unit(textbook_beats(count, rng, points))
        source = self.ludb if name == "ludb" else self.svdb
        return None if source is None else _cut(source, count, rng, points)

    def parted(self) -> tuple[Shapes, Shapes]:
        """Split off held-out patients: those of `VALIDATION`, every fifth of LUDB and every fifth of svdb."""
        checks = np.isin(self.labelled.record, VALIDATION)
        training, held_out = [self.labelled.at(~checks)], [self.labelled.at(checks)]
        others: list[tuple[Windows | None, Windows | None]] = []
        for source in (self.ludb, self.svdb):
            if source is None:
                others.append((None, None))
                continue
            checks = np.isin(source.record, np.unique(source.record)[::_HELD_OUT_EVERY])
            others.append((source.at(~checks), source.at(checks)))
        return Shapes(training[0], others[0][0], others[1][0]), Shapes(held_out[0], others[0][1], others[1][1])


def load_shapes(root: Path, config: Config) -> Shapes:
    """Load the beats of DS1, of patients with a pacemaker, of LUDB, svdb and PTB-XL.

    Raises
    ------
    DataError
        If the MIT-BIH database is not in `root`.
    """
    labelled = load_windows((*DS1, *PACED_TRAINING), root, config)
    ludb = load_unlabelled(root, config)
    return Shapes(labelled, ludb, load_supraventricular(root, config), load_normal(ludb, root, config))


def _cut(windows: Windows, count: int, rng: Rng, points: int) -> FloatArray:
    index = fairly(windows, np.arange(len(windows.label)), count, rng)
    return cut_traces(windows, index, rng, points, clean=CLEAN)


# Pictures to be drawn ----------------------------------------------------------------------------------------------


def beat_sketches(shapes: Shapes, count: int, part: int) -> list[Sketch]:
    """Return sketches of beats in each style.

    Parameters
    ----------
    shapes : Shapes
        Where beats come from.
    count : int
        How many per style.
    part : int
        Distinguishes sets that serve different purposes.
    """
    sketches = []
    for number, style in enumerate(STYLES):
        rng = np.random.default_rng((SEED, part, number))
        curves = shapes.cut(count, rng, _CURVE_POINTS)
        sketches += [Sketch("beat", (SEED, part, number, i), style, curve) for i, curve in enumerate(curves)]
    return sketches


def curve_sketches(shapes: Shapes, per_kind: int, mixed: int) -> list[Sketch]:
    """Return sketches of curves that are not beats, of every kind and mixed, each in some style.

    Parameters
    ----------
    shapes : Shapes
        Where beats come from, of which some kinds are made.
    per_kind : int
        How many of each kind.
    mixed : int
        How many mixed ones.
    """
    beats = shapes.cut(400, np.random.default_rng((SEED, 20)), _CURVE_POINTS)
    sketches = []
    for kind in (*CURVES, "mixed"):
        rng = np.random.default_rng((SEED, 21, *kind.encode()))
        count = mixed if kind == "mixed" else per_kind
        for i in range(count):
            curve = mixed_curve(rng, _CURVE_POINTS) if kind == "mixed" else CURVES[kind](rng, beats)
            style = list(STYLES)[rng.integers(len(STYLES))]
            sketches.append(Sketch(kind, (SEED, 22, i, *kind.encode()), style, unit(np.asarray(curve)[None])[0]))
    return sketches


def picture_sketches(shapes: Shapes, per_kind: int) -> list[Sketch]:
    """Return sketches that are not curves, of every kind."""
    beats = shapes.cut(400, np.random.default_rng((SEED, 30)), _CURVE_POINTS)
    sketches = []
    for kind in PICTURES:
        rng = np.random.default_rng((SEED, 31, *kind.encode()))
        few = beats[rng.integers(len(beats), size=12)]
        sketches += [
            Sketch(kind, (SEED, 32, i, *kind.encode()), draw=non_beat_picture, given=(kind, few))
            for i in range(per_kind)
        ]
    return sketches


# Curves without a picture ------------------------------------------------------------------------------------------


def non_beat_curves(count: int, beats: FloatArray, rng: Rng, points: int) -> tuple[FloatArray, NDArray[np.str_]]:
    """Draw traces of curves that resemble none of the beats.

    Parameters
    ----------
    count : int
        How many are tried; those that resemble a beat are dropped.
    beats : (k, points) float32
        Beats in 0..1.
    rng : Generator
        Random generator.
    points : int
        Points per trace.

    Returns
    -------
    tuple
        Traces (n, points) float32, and kinds (n,) str.
    """
    kinds, names, drawn = list(CURVES), [], []
    for _ in range(count):
        kind = "mixed" if rng.random() < MIXED else kinds[rng.integers(len(kinds))]
        names.append(kind)
        drawn.append(mixed_curve(rng, points) if kind == "mixed" else resampled(CURVES[kind](rng, beats)))
    curves = unit(np.stack(drawn))
    unlike = unlike_beats(curves, beats)
    return np.asarray(curves[unlike], np.float32), np.array(names)[unlike]
