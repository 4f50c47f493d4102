"""Draws ECG pages from real recordings, with ground truth, to train, test and benchmark the digitiser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.digitisation.layouts import INVERTED_AVR, LAYOUTS, ONE_LEAD, PageLayout
from pipeline.digitisation.paper import mapped
from pipeline.digitisation.phrases import GLYPHS
from pipeline.types import FloatArray, PictureArray, read_only

Colour = tuple[int, int, int]
Matrix = NDArray[np.float64]

PULSE_S: Final = 0.2
_SPACE: Final = 0.5  # between words, of their height
_APART_MM: Final = 6.0  # between phrases
_SHIFT: Final = 4  # fractional bits in OpenCV's drawing
_ROW_MM: Final[Mapping[int, float]] = MappingProxyType({3: 38.0, 4: 34.0, 5: 30.0, 6: 27.0, 7: 25.0, 12: 17.0})
# background, 1 mm lines, 5 mm lines; None: not drawn
PAPERS: Final[Mapping[str, tuple[Colour, Colour | None, Colour | None]]] = MappingProxyType(
    {
        "pink": ((253, 236, 236), (244, 178, 178), (228, 110, 115)),
        "red": ((255, 255, 255), (250, 175, 170), (210, 60, 60)),
        "green": ((240, 248, 238), (180, 214, 178), (110, 170, 115)),
        "orange": ((254, 246, 232), (246, 204, 150), (232, 150, 80)),
        "grey": ((252, 252, 252), (208, 208, 208), (160, 160, 160)),
        "blue": ((248, 250, 255), (190, 205, 240), (130, 150, 215)),
        "coarse": ((255, 253, 250), None, (235, 170, 160)),
        "faint": ((252, 250, 250), (246, 240, 240), (240, 228, 228)),
        "screen": ((8, 8, 8), (32, 34, 32), (66, 70, 66)),
        "white": ((255, 255, 255), None, None),
    }
)


@dataclass(frozen=True)
class PageStyle:
    """How a page is drawn.

    `speed` in mm/s, `gain` in mm/mV, `seconds` the time that all columns show together; `face` a typeface of glyphs.npz
    or "" for no labels; `pulse` where the calibration pulse stands; `separators` at the joints of the columns.
    `chest_gain` is that of V1 to V6, 0 for the same. A page of `ONE_LEAD` shows `lead` in `rows` rows of `seconds`;
    `labels` says whether leads are named beside the traces, `says` what is printed below them beside speed and gain.
    """

    layout: str = "3x4+1"
    speed: float = 25.0
    gain: float = 10.0
    seconds: float = 10.0
    px_per_mm: float = 8.0
    paper: str = "pink"
    ink: Colour = (20, 20, 25)
    line_px: int = 2
    face: str = "times"
    label_mm: float = 3.0
    pulse: str = "left"  # left, right or none
    separators: bool = False
    text: bool = True
    row_mm: float = 0.0  # 0: what the layout needs
    margin_mm: float = 12.0
    chest_gain: float = 0.0
    rows: int = 3
    lead: str = "II"
    labels: bool = True
    says: str = ""


@dataclass(frozen=True, eq=False)
class PageTruth:
    """What was drawn.

    Attributes
    ----------
    style : PageStyle
        How it was drawn.
    fs : float
        Sampling frequency of the signals, Hz.
    signals : Mapping[str, tuple[float, FloatArray]]
        Lead to its start, in seconds, and its values (n,), in mV at `fs`, without NaN. A page of one lead has one.
    to_px : (3, 3) float64
        Maps page millimetres (x, y, 1) to pixels.
    size_mm : tuple[float, float]
        Width and height of the paper.
    """

    style: PageStyle
    fs: float
    signals: Mapping[str, tuple[float, FloatArray]]
    to_px: Matrix
    size_mm: tuple[float, float]

    @property
    def corners(self) -> Matrix:
        """Corners (4, 2) of the paper, in pixels, clockwise from top left."""
        width, height = self.size_mm
        return mapped(self.to_px, np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64))


@dataclass(frozen=True, eq=False)
class GeneratedPage:
    """A drawn page (h, w, 3) uint8 RGB and its ground truth."""

    picture: PictureArray
    truth: PageTruth


def draw_page(leads: Mapping[str, FloatArray], fs: float, style: PageStyle) -> GeneratedPage:
    """Draw a page of simultaneous leads.

    Parameters
    ----------
    leads : mapping of str to (n,) float32
        Lead names and values in mV at `fs`, at least `style.seconds` long; all of the layout. The lead of a page of
        one lead is `style.rows` times as long.
    fs : float
        Sampling frequency of the leads, Hz.
    style : PageStyle
        How to draw it.
    """
    layout = layout_of_style(style)
    row_mm = style.row_mm or _ROW_MM.get(layout.rows, 27.0)
    span_mm = style.seconds * style.speed
    lead_in = 10.0 if style.pulse == "left" else 3.0
    trail = 10.0 if style.pulse == "right" else 3.0
    size = (2 * style.margin_mm + lead_in + span_mm + trail, 2 * style.margin_mm + row_mm * layout.rows)
    canvas = _Canvas(style, size)
    canvas.grid()
    x0 = style.margin_mm + lead_in
    signals: dict[str, tuple[float, FloatArray]] = {}
    column_s = style.seconds / len(layout.columns)
    for row, column, spanned, lead in layout.boxes():
        y = style.margin_mm + (row + 0.55) * row_mm
        gain = style.chest_gain or style.gain if lead.startswith("V") else style.gain
        start, stop = round(column * column_s * fs), round((column + spanned) * column_s * fs)
        first = round(row * style.seconds * fs) if layout.in_turn else 0
        values = _lead(leads, lead)[first + start : first + stop]
        canvas.trace(x0 + np.arange(start, stop) / fs * style.speed, np.asarray(y - values * gain, np.float64))
        if style.face and style.labels and not (spanned > 1 and lead in signals and lead != "II"):
            canvas.word(lead, x0 + column * column_s * style.speed + 1.5, y - 0.38 * min(row_mm, 24.0), style.label_mm)
        if style.separators and column and spanned == 1:
            canvas.separator(x0 + column * column_s * style.speed, y)
        if lead not in signals or spanned > 1:
            signals[lead] = (start / fs, read_only(np.asarray(values, np.float32)))
        if column == 0:
            canvas.pulse(x0 - lead_in + 1.0 if style.pulse == "left" else x0 + span_mm + 1.5, y, gain)
    if layout.in_turn:
        signals = {style.lead: (0.0, read_only(np.asarray(leads[style.lead][: first + stop], np.float32)))}
    if style.text:
        gains = f"{style.gain:g}/{style.chest_gain:g}" if style.chest_gain else f"{style.gain:g}"
        texts = (f"{style.speed:g} mm/s", f"{gains} mm/mV", "0.05-40 Hz", style.says)
        x_mm = style.margin_mm
        for text in texts:
            x_mm = canvas.text(text, x_mm, size[1] - 7.0, 3.0) + _APART_MM
    to_px = np.array([[style.px_per_mm, 0, -0.5], [0, style.px_per_mm, -0.5], [0, 0, 1]], np.float64)
    return GeneratedPage(read_only(canvas.picture), PageTruth(style, fs, MappingProxyType(signals), to_px, size))


def row_height_mm(layout: str) -> float:
    """Return the distance of the rows of a layout, a name of `LAYOUTS`."""
    return _ROW_MM.get(LAYOUTS[layout].rows, 27.0)


def layout_of_style(style: PageStyle) -> PageLayout:
    """Return the layout of a style, with the name of its lead in each row of a page of one lead."""
    if style.layout == ONE_LEAD:
        return PageLayout(ONE_LEAD, ((style.lead,) * style.rows,))
    return LAYOUTS[style.layout]


def _lead(leads: Mapping[str, FloatArray], lead: str) -> FloatArray:
    """Return the values of a lead; Cabrera's -aVR is aVR upside down."""
    return -leads["aVR"] if lead == INVERTED_AVR and lead not in leads else leads[lead]


class _Canvas:
    """A page to draw on; positions in millimetres from the top left corner."""

    def __init__(self, style: PageStyle, size_mm: tuple[float, float]) -> None:
        self._style = style
        self._size_mm = size_mm
        background, self._fine, self._bold = PAPERS[style.paper]
        width, height = (round(side * style.px_per_mm) for side in size_mm)
        self.picture: PictureArray = np.empty((height, width, 3), np.uint8)
        self.picture[:] = background

    def grid(self) -> None:
        """Draw 1 mm lines, then 5 mm lines over them."""
        width, height = self._size_mm
        thick = 1 if self._style.px_per_mm < 9 else 2
        for colour, step, line in ((self._fine, 1, 1), (self._bold, 5, thick)):
            if colour is None:
                continue
            for x in range(0, int(width) + 1, step):
                self._lines(np.array([[x, 0], [x, height]], np.float64), colour, line)
            for y in range(0, int(height) + 1, step):
                self._lines(np.array([[0, y], [width, y]], np.float64), colour, line)

    def trace(self, x_mm: Matrix, y_mm: Matrix) -> None:
        """Draw a curve."""
        self._lines(np.column_stack([x_mm, y_mm]), self._style.ink, self._style.line_px)

    def pulse(self, x_mm: float, y_mm: float, gain: float) -> None:
        """Draw a calibration pulse of 1 mV and 0.2 s that starts at `x_mm`."""
        style = self._style
        if style.pulse == "none":
            return
        width = PULSE_S * style.speed
        if style.pulse == "left":
            x_mm = x_mm + max(0.0, 5.0 - width) if width <= 5 else x_mm - 2.0
        x = x_mm + np.array([0, 1, 1, 1 + width, 1 + width, 2 + width])
        y = y_mm - gain * np.array([0, 0, 1, 1, 0, 0])
        self._lines(np.column_stack([x, y]), style.ink, style.line_px)

    def separator(self, x_mm: float, y_mm: float) -> None:
        """Draw the mark between two columns of leads."""
        for top, bottom in ((-4.5, -1.5), (1.5, 4.5)):
            points = np.array([[x_mm, y_mm + top], [x_mm, y_mm + bottom]])
            self._lines(points, self._style.ink, self._style.line_px)

    def word(self, word: str, x_mm: float, y_mm: float, height_mm: float) -> None:
        """Draw a word with its top left corner at (x, y); `height_mm` is the height of the tallest words."""
        if not self._style.face:
            return
        with np.load(GLYPHS) as glyphs:
            mask, tall = glyphs[f"{self._style.face}/{word}"], glyphs[f"{self._style.face}/V1"].shape[0]
        scale = height_mm * self._style.px_per_mm / tall
        size = (max(1, round(mask.shape[1] * scale)), max(1, round(mask.shape[0] * scale)))
        small = cv2.resize(mask, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        x, y = round(x_mm * self._style.px_per_mm), round(y_mm * self._style.px_per_mm)
        place = self.picture[y : y + small.shape[0], x : x + small.shape[1]]
        cover = small[: place.shape[0], : place.shape[1], None]
        place[:] = np.round(place * (1 - cover) + np.array(self._style.ink) * cover).astype(np.uint8)

    def text(self, text: str, x_mm: float, y_mm: float, height_mm: float) -> float:
        """Draw a phrase with its top left corner at (x, y), word by word if there is no picture of it; give its end."""
        if not self._style.face or not text:
            return x_mm
        whole = text.replace("/", "|")
        with np.load(GLYPHS) as glyphs:
            words = [whole] if f"{self._style.face}/{whole}" in glyphs else whole.split(" ")
            tall = glyphs[f"{self._style.face}/V1"].shape[0]
            wide = [glyphs[f"{self._style.face}/{word}"].shape[1] * height_mm / tall for word in words]
        for word, width in zip(words, wide, strict=True):
            self.word(word, x_mm, y_mm, height_mm)
            x_mm += width + _SPACE * height_mm
        return x_mm

    def _lines(self, points_mm: Matrix, colour: Colour, thickness: int) -> None:
        px = points_mm * self._style.px_per_mm - 0.5
        fixed = np.round(px * (1 << _SHIFT)).astype(np.int32).reshape(-1, 1, 2)
        cv2.polylines(self.picture, [fixed], False, colour, thickness, cv2.LINE_AA, _SHIFT)
