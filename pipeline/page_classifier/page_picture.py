"""The network's picture of a page: each lead's beats superimposed in its place, the rhythm below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d

from pipeline.digitisation.layouts import TWELVE_LEADS
from pipeline.page_classifier.page_beats import PageBeats
from pipeline.page_classifier.printed_page import PAGE_PX, lead_box
from pipeline.types import FloatArray, PictureArray

TILE_PX: Final = 48
SIZE_PX: Final = 4 * TILE_PX  # four columns of leads; three rows and the rhythm
DRAWING: Final = "page-2"  # raised whenever the drawing code changes what a picture looks like
_RHYTHM_PX: Final = 28  # share of the last row, in pixels; bars for the RR intervals stand below it
_SMALL_MV: Final = 0.25  # heights are asinh(mV / this): an ST segment of 0.1 mV and an R of 2 mV both show
_SPAN: Final = 5.8  # range of asinh over a panel's height
_RR_SPAN_S: Final = 1.6
_SHIFT: Final = 4  # fractional bits of OpenCV's coordinates


@dataclass(frozen=True)
class Variation:
    """How much random drawings of a page vary.

    Attributes
    ----------
    gain_log_sd : float
        Standard deviation of the log of the gain.
    warp : float
        The time axis is stretched by up to this share.
    shift_px : float
        Beats are moved by up to so many pixels.
    wander_mv, noise_mv : float
        Standard deviations of the baseline's tilt and of the noise, mV.
    beats_share : float
        Share of the beats that are drawn.
    """

    gain_log_sd: float = 0.15
    warp: float = 0.06
    shift_px: float = 1.5
    wander_mv: float = 0.04
    noise_mv: float = 0.015
    beats_share: float = 0.6


def draw_page_picture(
    page: PageBeats, *, rng: np.random.Generator | None = None, variation: Variation | None = None
) -> PictureArray:
    """Draw a page for the network.

    Red ink is missing where the median beat of a lead runs, green where its single beats run, blue at the lead's zero
    line.

    Parameters
    ----------
    page : PageBeats
        The beats of a page.
    rng : Generator, optional
        With it, beats are chosen at random, stretched, moved, scaled and made noisy.
    variation : Variation, optional
        How much, if there is an `rng`.

    Returns
    -------
    (192, 192, 3) uint8
        RGB, on white.
    """
    ink = np.zeros((SIZE_PX, SIZE_PX, 3), np.uint8)
    change = _Change(rng, variation or Variation())
    for lead in range(len(TWELVE_LEADS)):
        column, row = divmod(lead, 3)
        panel = ink[row * TILE_PX : (row + 1) * TILE_PX, column * TILE_PX : (column + 1) * TILE_PX]
        _draw_beats(panel, change.beats(page.beats[lead]))
    bottom = ink[3 * TILE_PX :]
    _draw_line(bottom[:_RHYTHM_PX], change.trace(page.rhythm), 0)
    _draw_bars(bottom[_RHYTHM_PX:], page)
    return 255 - ink


def heat_on_page(heat: FloatArray) -> FloatArray:
    """Map a heatmap (192, 192) of the network's picture to the page (556, 949), float32 0..1.

    A lead's beats were superimposed, so its heat is spread over the whole of its place, not over one of its beats.
    """
    over = np.zeros((PAGE_PX[1], PAGE_PX[0]), np.float32)
    for lead in range(len(TWELVE_LEADS) + 1):
        left, top, right, bottom = lead_box(lead)
        over[top:bottom, left:right] = _tile(heat, lead).mean()
    strongest = float(over.max())
    return over / strongest if strongest > 0 else over


def lead_heat(heat: FloatArray) -> FloatArray:
    """Return the mean heat (13,) of each lead's tile and of the rhythm strip, as shares of their sum, or all 0."""
    means = np.array([_tile(heat, lead).mean() for lead in range(len(TWELVE_LEADS) + 1)], np.float32)
    total = float(means.sum())
    return means / total if total > 0 else means


def _tile(heat: FloatArray, lead: int) -> FloatArray:
    if lead == len(TWELVE_LEADS):
        return heat[3 * TILE_PX :]
    column, row = divmod(lead, 3)
    return heat[row * TILE_PX : (row + 1) * TILE_PX, column * TILE_PX : (column + 1) * TILE_PX]


class _Change:
    """The same random gain, stretch and shift for all leads of a page; no change without a generator."""

    def __init__(self, rng: np.random.Generator | None, variation: Variation) -> None:
        self._rng, self._variation = rng, variation
        if rng is not None:
            self._gain = float(np.exp(rng.normal(0, variation.gain_log_sd)))
            self._stretch = 1 + float(rng.uniform(-variation.warp, variation.warp))
            self._shift = float(rng.uniform(-variation.shift_px, variation.shift_px))

    def beats(self, beats: FloatArray) -> FloatArray:
        """Return the median beat, then the single beats (1 + n, 70)."""
        if self._rng is not None:
            kept = max(1, round(self._variation.beats_share * len(beats)))
            beats = beats[self._rng.permutation(len(beats))[:kept]]
        lines = np.vstack([np.median(beats, axis=0), beats])
        return np.stack([self._moved(line) for line in lines]) if self._rng is not None else lines

    def trace(self, trace: FloatArray) -> FloatArray:
        """Return the trace with the random gain."""
        return trace if self._rng is None else self._gain * trace

    def _moved(self, line: FloatArray) -> FloatArray:
        assert self._rng is not None
        n = line.size
        at = (np.arange(n) - n / 2) * self._stretch + n / 2 + self._shift
        tilt = self._rng.normal(0, self._variation.wander_mv) * np.linspace(-1, 1, n)
        noise = gaussian_filter1d(self._rng.normal(0, 1, n), 1.0) * self._variation.noise_mv
        return np.asarray(self._gain * np.interp(at, np.arange(n), line) + tilt + noise, np.float32)


def _draw_beats(panel: PictureArray, lines: FloatArray) -> None:
    panel[panel.shape[0] // 2, :, 2] = 255
    for line in lines[1:]:
        _draw_line(panel, line, 1)
    _draw_line(panel, lines[0], 0)


def _draw_line(panel: PictureArray, line_mv: FloatArray, channel: int) -> None:
    height, width = panel.shape[:2]
    x = np.linspace(0, width - 1, line_mv.size)
    y = np.clip(height / 2 - np.arcsinh(line_mv / _SMALL_MV) * height / _SPAN, 0, height - 1)
    points = np.round(np.stack([x, y], axis=1) * 2**_SHIFT).astype(np.int32)
    plane = np.ascontiguousarray(panel[..., channel])
    cv2.polylines(plane, [points], False, 255, 1, cv2.LINE_AA, _SHIFT)
    panel[..., channel] = plane


def _draw_bars(panel: PictureArray, page: PageBeats) -> None:
    height, width = panel.shape[:2]
    edges = np.round(page.r_px * (width - 1) / (page.rhythm.size - 1)).astype(int)
    for left, right, rr in zip(edges, edges[1:], page.rr_s, strict=False):
        tall = round(min(float(rr) / _RR_SPAN_S, 1.0) * height)
        panel[height - tall :, left : max(right - 1, left + 1), 0] = 255
