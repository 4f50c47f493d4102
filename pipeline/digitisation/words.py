"""Reads the few words found on ECG pages (lead names, speed and gain) by comparison with drawn ones."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from types import MappingProxyType
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.digitisation.ink import Ink, Mask, below_background
from pipeline.digitisation.layouts import INVERTED_AVR, TWELVE_LEADS
from pipeline.digitisation.phrases import GLYPHS, Word, read_phrases
from pipeline.digitisation.trace import Trace
from pipeline.types import FloatArray, PictureArray

LEAD_NAMES: Final = (*TWELVE_LEADS, INVERTED_AVR)
CUT_OFF: Final = MappingProxyType({"VR": "aVR", "VL": "aVL", "VF": "aVF"})  # a line often runs through the first letter
_WORDS_MAX: Final = 250  # a page has fewer; noise would cost time
_HEIGHT_PX: Final = 20
_HEIGHT_MM: Final = (1.2, 6.0)
_WIDTH_MM: Final = (0.25, 20.0)
_JOIN_MM: Final = 0.9  # letters of one word are closer together
_WIDER: Final = 1.35  # a word may be wider or narrower than its template by this factor
_ALIKE_MIN: Final = 0.62
_CLEARER: Final = 0.02  # margin by which the best word must beat the next one
_INK: Final = 0.35
_MARGIN_MIN: Final = 0.03  # share of the picture outside the grid from which on it is searched
_MARGIN_PX_PER_MM: Final = 8.0
_MARGIN_INK: Final = 0.6  # darkness of print


def read_words(ink: Ink, aside: Mask, traces: tuple[Trace, ...], px_per_mm: int) -> tuple[Word, ...]:
    """Read lead names, speeds ("25 mm/s"), gains ("10 mm/mV") and single leads ("Lead I").

    Parameters
    ----------
    ink : Ink
        The ink of the sheet.
    aside : (h, w) bool
        Ink that belongs to no trace.
    traces : tuple of Trace
        One per lane.
    px_per_mm : int
        Resolution of the sheet, pixels per millimetre.
    """
    free = (aside | _far_from_traces(ink.mask, traces, px_per_mm)) & (ink.strength > 0)
    strength = np.where(free, ink.strength, 0).astype(np.float32)
    found = []
    for x, y, width, height in _groups((strength > _INK).astype(np.uint8), px_per_mm):
        word = _read(strength[y : y + height, x : x + width])
        if word is not None:
            found.append(Word(CUT_OFF.get(word[0], word[0]), x + width / 2, y + height / 2, round(word[1], 3)))
    lines = np.where(free | _letters(ink.mask, px_per_mm), ink.strength, 0).astype(np.float32)
    return (*found, *read_phrases(lines, px_per_mm))


def _letters(mask: Mask, px_per_mm: int) -> Mask:
    """Return the ink (h, w) as small as a letter, also where a path took it for the beginning of its trace."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    sides = np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT])
    small = sides <= _HEIGHT_MM[1] * px_per_mm
    small[0] = False
    return np.asarray(small[labels])


def read_margins(picture: PictureArray, corners: NDArray[np.float64], px_per_mm: float) -> tuple[Word, ...]:
    """Read speed, gain and single lead where they are printed beside the grid, above or below it.

    Parameters
    ----------
    picture : (h, w, 3) uint8
        The whole page, RGB.
    corners : (4, 2) float64
        Corners of the part with the grid, pixels.
    px_per_mm : float
        Resolution of the picture, pixels per millimetre.

    Returns
    -------
    tuple of Word
        In pixels of the picture.
    """
    beside = np.ones(picture.shape[:2], np.uint8)
    cv2.fillConvexPoly(beside, np.round(corners).astype(np.int32), 0)
    if beside.mean() < _MARGIN_MIN:
        return ()
    scale = min(1.0, _MARGIN_PX_PER_MM / px_per_mm)
    grey = cv2.resize(picture.max(axis=2), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    beside = cv2.resize(beside, (grey.shape[1], grey.shape[0]), interpolation=cv2.INTER_NEAREST)
    dark = below_background(np.asarray(grey, np.uint8), max(4, round(px_per_mm * scale))) * beside
    strength = np.clip(dark / _MARGIN_INK, 0, 1).astype(np.float32)
    found = read_phrases(strength, px_per_mm * scale)
    return tuple(replace(word, x=word.x / scale, y=word.y / scale) for word in found)


def _far_from_traces(mask: Mask, traces: tuple[Trace, ...], px_per_mm: int) -> Mask:
    """Return the ink (h, w) that is not connected with any trace within that trace's columns."""
    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    touched = np.zeros(int(labels.max()) + 1, np.bool_)
    for trace in traces:
        columns = trace.start + np.flatnonzero(np.isfinite(trace.row[trace.start : trace.stop]))
        rows = np.clip(np.round(trace.row[columns]).astype(int), 0, len(mask) - 1)
        touched[labels[rows, columns]] = True
    touched[0] = True
    return np.asarray(~touched[labels])


def _groups(free: NDArray[np.uint8], px_per_mm: int) -> list[tuple[int, int, int, int]]:
    """Return the boxes (x, y, width, height) of what could be words."""
    join = max(1, round(_JOIN_MM * px_per_mm))
    joined = cv2.morphologyEx(free, cv2.MORPH_CLOSE, np.ones((1, 2 * join + 1), np.uint8))
    joined = cv2.morphologyEx(joined, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    _, _, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    boxes = []
    for x, y, width, height, _ in stats[1:].tolist():
        tall = _HEIGHT_MM[0] * px_per_mm <= height <= _HEIGHT_MM[1] * px_per_mm
        if tall and _WIDTH_MM[0] * px_per_mm <= width <= _WIDTH_MM[1] * px_per_mm:
            boxes.append((x, y, width, height))
    return sorted(boxes, key=lambda box: -box[3])[:_WORDS_MAX]


@cache
def _templates() -> tuple[tuple[str, FloatArray], ...]:
    """Return every known word in every typeface that is not held out for tests, `_HEIGHT_PX` tall."""
    found = []
    with np.load(GLYPHS) as glyphs:
        for name in glyphs.files:
            face, word = name.split("/", 1)
            if (word in LEAD_NAMES or word in CUT_OFF) and not face.startswith("held"):
                found.append((word, _scaled(glyphs[name].astype(np.float32) / 255)))
    return tuple(found)


def _scaled(picture: FloatArray) -> FloatArray:
    width = max(2, round(picture.shape[1] * _HEIGHT_PX / picture.shape[0]))
    return np.asarray(cv2.resize(picture, (width, _HEIGHT_PX), interpolation=cv2.INTER_AREA), np.float32)


def _read(picture: FloatArray) -> tuple[str, float] | None:
    """Return the word that a crop shows and its similarity; None if it resembles no word, or two."""
    crop = _scaled(picture)
    best: dict[str, float] = {}
    for word, drawn in _templates():
        ratio = drawn.shape[1] / crop.shape[1]
        if 1 / _WIDER <= ratio <= _WIDER:
            size = (crop.shape[1], _HEIGHT_PX)
            best[word] = max(best.get(word, 0.0), _alike(crop, cv2.resize(drawn, size, interpolation=cv2.INTER_AREA)))
    ranked = sorted(best.items(), key=lambda item: -item[1])
    if not ranked or ranked[0][1] < _ALIKE_MIN:
        return None
    if len(ranked) > 1 and ranked[0][1] - ranked[1][1] < _CLEARER:
        return None
    return ranked[0]


def _alike(one: FloatArray, other: FloatArray) -> float:
    """Return the correlation of two pictures, both slightly blurred."""
    a, b = (cv2.GaussianBlur(np.pad(part, 2), (0, 0), 0.8) for part in (one, other))
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum() + 1e-9))
