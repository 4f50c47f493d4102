"""Morphology families: beats that look alike, so that one decision can cover all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.config import DEFAULT, REVIEW, PictureConfig, ReviewConfig
from pipeline.labels import AAMI_CLASSES
from pipeline.review.beats_in_force import ReviewedBeats
from pipeline.signal.beat_windows import beat_offsets, gather
from pipeline.types import Beats, FloatArray, IntArray, read_only

NO_FAMILY: Final = -1
LOOK_ALIKE: Final = 0.8  # correlation of the medians of two families: families themselves gather beats from 0.90 on
_OPPOSITE: Final = 2.0  # the distance of two opposite shapes
_QRS_S: Final = 0.12  # on either side of R, seconds
_CELL_COMPONENTS: Final = 4  # cells of the density count span this many principal components


@dataclass(frozen=True, eq=False)
class Families:
    """Families of the beats of one analysis, the largest first; decisions do not change them.

    Attributes
    ----------
    sample : (n,) int64
        R peaks of the beats, increasing.
    family : (n,) int64
        Number of the family, `NO_FAMILY` for beats that resemble too few others.
    distance : (n,) float32
        Distance to the family's mean, from 0 (alike) to 2 (opposite).
    size : (k,) int64
        Beats per family.
    median : (k, n_points, n_leads) float32
        The family's median beat over the window of the beat picture, in units of each lead's usual QRS height.
    offset_s : (n_points,) float32
        Time from R, seconds.
    """

    sample: IntArray
    family: IntArray
    distance: FloatArray
    size: IntArray
    median: FloatArray
    offset_s: FloatArray

    def of(self, sample: IntArray) -> IntArray:
        """Return the family of each of the beats (m,); `NO_FAMILY` for those added by hand."""
        if self.sample.size == 0:
            return np.full(sample.size, NO_FAMILY, np.int64)
        at = np.searchsorted(self.sample, sample).clip(0, self.sample.size - 1)
        return np.where(self.sample[at] == sample, self.family[at], NO_FAMILY)

    def distance_of(self, sample: IntArray) -> FloatArray:
        """Return how far each of the beats (m,) is from its family's mean; 2, the largest there is, outside of all."""
        if self.sample.size == 0:
            return np.full(sample.size, _OPPOSITE, np.float32)
        at = np.searchsorted(self.sample, sample).clip(0, self.sample.size - 1)
        known = (self.sample[at] == sample) & (self.family[at] != NO_FAMILY)
        return np.where(known, self.distance[at], _OPPOSITE).astype(np.float32)

    def apart(self, sample: IntArray, number: int) -> FloatArray:
        """Return how far the families of beats (m,) are from a family, by their medians: 0 alike, 2 opposite."""
        family = self.of(sample)
        far = np.append(1.0 - self._correlation(number), _OPPOSITE).astype(np.float32)
        return np.asarray(far[family])  # `NO_FAMILY` is the last one

    def _correlation(self, number: int) -> FloatArray:
        """Return the correlation (k,) of the median QRS of each family with that of one."""
        inside = (self.offset_s >= -_QRS_S) & (self.offset_s <= _QRS_S)
        shape = self.median[:, inside].reshape(self.size.size, -1)
        shape = shape - shape.mean(axis=1, keepdims=True)
        length = np.linalg.norm(shape, axis=1)
        return np.asarray(shape @ shape[number] / np.maximum(length * length[number], 1e-9), np.float32)

    def alike(self, number: int) -> IntArray:
        """Return the other families whose median QRS correlates with this one's by `LOOK_ALIKE`, the closest first."""
        r = self._correlation(number).copy()
        r[number] = -1.0
        order = np.argsort(-r, kind="stable")
        return np.asarray(order[r[order] >= LOOK_ALIKE], np.int64)

    def members(self, number: int) -> IntArray:
        """Return the samples of the beats of a family, the most typical first."""
        at = np.flatnonzero(self.family == number)
        return self.sample[at[np.argsort(self.distance[at], kind="stable")]]


def find_families(beats: Beats, config: ReviewConfig = REVIEW, picture: PictureConfig = DEFAULT.picture) -> Families:
    """Group the beats of a recording by the shape of their QRS in all leads used.

    Each beat is a window around R, with its mean removed and scaled to unit length, so that the distance between two of
    them is sqrt(2 - 2 r), where r is their correlation. Principal components shorten it. Leaders are taken where beats
    are densest; each gathers the beats within `family_radius`, and the mean of these gathers again; families whose
    means are closer than `family_merge` are merged; finally each beat joins the nearest family within the radius. The
    same beats always give the same families. Beats with a reason not to be classified belong to none.

    Parameters
    ----------
    beats : Beats
        The beats of a recording.
    config : ReviewConfig, optional
        Window (s), radius and number of families.
    picture : PictureConfig, optional
        Window of the median beats.

    References
    ----------
    Leader clustering: Hartigan JA. Clustering Algorithms. Wiley 1975, chapter 3. Deviation: leaders are taken in order
    of density rather than of time, so that the first beats of a recording have no special role.
    """
    usable = np.flatnonzero([not reason for reason in beats.reason])
    features = _features(beats, beats.r_peak[usable], config)
    means = _merged(*_leaders(features, config), config)
    nearest, distance = _assigned(features, means, config)
    numbers, size = _by_size(nearest, config)
    family, far = np.full(len(beats), NO_FAMILY, np.int64), np.zeros(len(beats), np.float32)
    family[usable], far[usable] = numbers, distance
    return Families(
        sample=beats.sample,
        family=read_only(family),
        distance=read_only(far),
        size=read_only(size),
        median=read_only(_medians(beats, family, size.size, config, picture)),
        offset_s=read_only((beat_offsets(beats.fs, picture) / beats.fs).astype(np.float32)),
    )


def family_class_shares(families: Families, beats: ReviewedBeats) -> FloatArray:
    """Return the share (k, 5) of each AAMI class in force among the classified beats of each family; 0 if none."""
    family, k = families.of(beats.sample), families.size.size
    member = family != NO_FAMILY
    counts = np.array([np.bincount(family[member & (beats.aami == c)], minlength=k) for c in AAMI_CLASSES]).T
    total = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, total, out=np.zeros(counts.shape), where=total > 0)
    return np.asarray(shares, np.float32)


def _features(beats: Beats, r_peak: IntArray, config: ReviewConfig) -> FloatArray:
    """Return principal components (n, k) of the unit-length windows of all leads."""
    step = max(1, round(config.family_step_s * beats.fs))
    offsets = np.arange(-round(config.family_before_s * beats.fs), round(config.family_after_s * beats.fs) + 1, step)
    windows = [gather(lead, r_peak[:, None] + offsets) for lead in np.ascontiguousarray(beats.signal.T)]
    centred = np.concatenate([window - window.mean(axis=1, keepdims=True) for window in windows], axis=1)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    unit = np.divide(centred, length, out=np.zeros_like(centred), where=length > 0)
    _, vectors = np.linalg.eigh(unit.T @ unit)
    return np.asarray(unit @ vectors[:, ::-1][:, : config.family_components], np.float32)


def _leaders(features: FloatArray, config: ReviewConfig) -> tuple[FloatArray, IntArray]:
    """Return means (k, components) of the beats around the densest cells, and how many beats each has gathered."""
    cells = np.floor(features[:, :_CELL_COMPONENTS] / config.family_radius * 2).astype(np.int64)
    key = (cells - cells.min(axis=0, initial=0)) @ (64 ** np.arange(_CELL_COMPONENTS))
    _, cell, crowd = np.unique(key, return_inverse=True, return_counts=True)
    free = np.arange(len(features))
    means: list[FloatArray] = []
    sizes: list[int] = []
    while free.size and len(means) < config.family_count_max:
        densest = np.bincount(cell[free], minlength=crowd.size).argmax()
        mean = features[free[cell[free] == densest]].mean(axis=0)
        mean, inside = _gathered(features[free], mean, config)
        means.append(mean)
        sizes.append(int(inside.sum()))
        free = free[~inside]
    return np.array(means, np.float32).reshape(-1, features.shape[1]), np.array(sizes, np.int64)


def _gathered(features: FloatArray, mean: FloatArray, config: ReviewConfig) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Return mean and mask (never empty) of the beats within the radius of `mean`, after one step towards them."""
    for _ in range(2):
        far = np.linalg.norm(features - mean, axis=1)
        inside = far <= max(config.family_radius, float(far.min()))
        mean = features[inside].mean(axis=0)
    return mean, inside


def _merged(means: FloatArray, sizes: IntArray, config: ReviewConfig) -> FloatArray:
    """Merge the two closest means repeatedly, weighted by their beats."""
    while len(means) > 1:
        far = np.linalg.norm(means[:, None] - means[None], axis=2) + 9 * np.eye(len(means))
        one, other = divmod(int(far.argmin()), len(means))
        if far[one, other] >= config.family_merge:
            break
        weights = sizes[[one, other]] / sizes[[one, other]].sum()
        means[one], sizes[one] = weights @ means[[one, other]], sizes[[one, other]].sum()
        means, sizes = np.delete(means, other, axis=0), np.delete(sizes, other)
    return means


def _assigned(features: FloatArray, means: FloatArray, config: ReviewConfig) -> tuple[IntArray, FloatArray]:
    """Return the nearest mean (n,), `NO_FAMILY` beyond the radius, and the distance to it (n,)."""
    if len(features) == 0:
        return np.zeros(0, np.int64), np.zeros(0, np.float32)
    square = (features**2).sum(axis=1)[:, None] - 2 * features @ means.T + (means**2).sum(axis=1)
    nearest = square.argmin(axis=1)
    distance = np.sqrt(np.maximum(square[np.arange(len(features)), nearest], 0))
    return np.where(distance <= config.family_radius, nearest, NO_FAMILY), distance.astype(np.float32)


def _by_size(nearest: IntArray, config: ReviewConfig) -> tuple[IntArray, IntArray]:
    """Renumber the families by decreasing size (n,), and return their sizes (k,); too small ones are dropped."""
    count = np.bincount(nearest[nearest >= 0])
    order = np.argsort(-count, kind="stable")
    order = order[count[order] >= config.family_beats_min]
    number = np.full(count.size + 1, NO_FAMILY, np.int64)  # the last entry is for `NO_FAMILY` itself
    number[order] = np.arange(order.size)
    return number[nearest], count[order]


def _medians(
    beats: Beats, family: IntArray, n_families: int, config: ReviewConfig, picture: PictureConfig
) -> FloatArray:
    offsets = beat_offsets(beats.fs, picture)
    medians = np.zeros((n_families, offsets.size, beats.signal.shape[1]), np.float32)
    for number in range(n_families):
        r_peak = beats.r_peak[family == number]
        index = r_peak[:: -(-r_peak.size // config.family_median_beats), None] + offsets
        for lead in range(beats.signal.shape[1]):
            medians[number, :, lead] = np.median(gather(beats.signal[:, lead], index), axis=0)
    return medians
