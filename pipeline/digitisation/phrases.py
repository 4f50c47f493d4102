"""Reads short lines of print wherever they stand: "25 mm/s", "10mm/mV", "10/5 mm/mV", "Lead I"."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.types import FloatArray

GLYPHS: Final = Path(__file__).with_name("glyphs.npz")  # drawn by `pipeline.digitisation.glyphs`
UNITS: Final = MappingProxyType({"mm/s": "mm/s", "mm/sec": "mm/s", "mm/mV": "mm/mV"})  # as printed: as reported
NUMBERS: Final = MappingProxyType(
    {"mm/s": ("25", "50", "12.5", "100"), "mm/mV": ("5", "10", "20", "2.5", "10/5", "20/10")}
)
SINGLE_LEADS: Final = ("Lead I", "Lead II", "Lead III")
_SIZE_PX: Final = (48, 16)  # width and height at which words are compared
_HEIGHT_MM: Final = (0.8, 6.0)  # of a whole word
_PART_MM: Final = (0.25, 6.0)  # of a part of it: a full stop, a letter
_LENGTH_MM: Final = 25.0
_PARTS_MAX: Final = 8  # letters of one word; letters that touch are one part
_PAGE_PARTS_MAX: Final = 700  # a page has fewer; noise would cost time
_SPACE: Final = 1.1  # of the height: a wider gap ends a phrase
_LETTER_GAP: Final = 0.24  # of the height: a narrower gap does not end a word
_BESIDE: Final = 0.6  # of the height: letters of a line may reach so far above and below another
_INK: Final = 0.35
LETTERS: Final = (*"m/secV.0125", "mm", "m/", "mm/", "/m", "/s", "mV", "m/s", "m/m")  # letters often touch
_LETTER_MIN: Final = 0.5  # least similarity of each letter
_LETTER_WIDER: Final = 1.7
_WIDER: Final = 1.25  # a word may be wider or narrower than its template by this factor
_ALIKE_MIN: Final = 0.75
_CLEARER: Final = 0.04  # margin by which the best text must beat the next one

Box = tuple[int, int, int, int]  # left, top, right, bottom


@dataclass(frozen=True)
class Word:
    """A word read on the sheet: its centre `x`, `y` in pixels, and its similarity to the template, 0..1."""

    text: str
    x: float
    y: float
    alike: float


@dataclass(frozen=True, eq=False)
class _Templates:
    """Normalised pictures (n, width * height) of words, their texts (n,) and widths over heights (n,)."""

    pictures: FloatArray
    texts: tuple[str, ...]
    aspect: NDArray[np.float64]


@dataclass(frozen=True)
class _Run:
    """Letters in a line: their box, their numbers from left to right, and whether a gap is before and after them."""

    box: Box
    parts: tuple[int, ...]
    begins: bool
    ends: bool


@dataclass(frozen=True, eq=False)
class _Print:
    """Ink (h, w), the runs of letters in it, and how alike each letter is to each of `LETTERS` (n_letters, n)."""

    strength: FloatArray
    runs: list[_Run]
    letters: FloatArray


def read_phrases(strength: FloatArray, px_per_mm: float) -> tuple[Word, ...]:
    """Read speeds, gains and single leads that are printed in a line.

    Parameters
    ----------
    strength : (h, w) float32
        Ink, 0..1, without the traces.
    px_per_mm : float
        Resolution, pixels per millimetre.

    Returns
    -------
    tuple of Word
        "25 mm/s", "10/5 mm/mV", "Lead II" and the like.
    """
    parts = _parts(strength, px_per_mm)
    if not len(parts):
        return ()
    boxes = [(int(left), int(top), int(right), int(bottom)) for left, top, right, bottom in parts]
    page = _Print(strength, _runs(parts, px_per_mm), _whole(strength, boxes, LETTERS, _LETTER_WIDER))
    found = []
    for run, text, alike in _read(page, page.runs, (*UNITS, *SINGLE_LEADS)):
        if text in UNITS and run.ends:
            number = _number_before(page, run.box, NUMBERS[UNITS[text]])
            if number is not None:
                found.append(_word(f"{number[0]} {UNITS[text]}", run.box, min(alike, number[1])))
        elif text in SINGLE_LEADS and run.begins and run.ends:
            found.append(_word(text, run.box, alike))
    return tuple({(word.text, word.x, word.y): word for word in found}.values())


def _word(text: str, box: Box, alike: float) -> Word:
    return Word(text, (box[0] + box[2]) / 2, (box[1] + box[3]) / 2, round(alike, 3))


def _number_before(page: _Print, unit: Box, numbers: tuple[str, ...]) -> tuple[str, float] | None:
    """Return the number that stands before a unit, and its similarity; None if none can be told."""
    height = unit[3] - unit[1]
    before = [
        run
        for run in page.runs
        if run.begins
        and -0.1 * height <= unit[0] - run.box[2] <= _SPACE * height
        and unit[1] - 0.4 * height <= run.box[1]
        and run.box[3] <= unit[3] + 0.2 * height
        and run.box[3] - run.box[1] >= 0.5 * height
    ]
    best = max(_read(page, before, numbers), key=lambda item: item[2], default=None)
    return None if best is None else (best[1], best[2])


def _read(page: _Print, runs: list[_Run], known: tuple[str, ...]) -> list[tuple[_Run, str, float]]:
    """Return (run, text, similarity) of the runs that show one of the known words, and none of the others."""
    if not runs:
        return []
    each = np.maximum(_whole(page.strength, [run.box for run in runs], known, _WIDER), _spelt(page, runs, known))
    order = np.argsort(-each, axis=1)
    first = np.take_along_axis(each, order[:, :1], axis=1)[:, 0]
    second = np.take_along_axis(each, order[:, 1:2], axis=1)[:, 0]
    sure = (first >= _ALIKE_MIN) & (first - second >= _CLEARER)
    return [(runs[i], known[order[i, 0]], float(first[i])) for i in np.flatnonzero(sure)]


def _whole(strength: FloatArray, boxes: list[Box], known: tuple[str, ...], wider: float) -> FloatArray:
    """Return how alike each box is to each known word (n_boxes, n_known), 0 where its proportions differ."""
    templates = _templates(known)
    aspect = np.array([(right - left) / (bottom - top) for left, top, right, bottom in boxes])
    fits = np.abs(np.log(aspect[:, None] / templates.aspect[None, :])) <= np.log(wider)
    alike = np.zeros((len(boxes), len(templates.texts)), np.float32)
    index = np.flatnonzero(fits.any(axis=1))
    if index.size:
        places = [boxes[i] for i in index]
        crops = np.stack([_normalised(strength[top:bottom, left:right]) for left, top, right, bottom in places])
        alike[index] = np.where(fits[index], crops @ templates.pictures.T, 0)
    texts = np.array(templates.texts)
    return np.stack([alike[:, texts == text].max(axis=1) for text in known], axis=1)


def _spelt(page: _Print, runs: list[_Run], known: tuple[str, ...]) -> FloatArray:
    """Return the same letter by letter: the mean over a word's letters, 0 if one of them is another."""
    found = np.zeros((len(runs), len(known)), np.float32)
    for i, run in enumerate(runs):
        for k, text in enumerate(known):
            for columns, lengths in _spellings(text).get(len(run.parts), ()):
                alike = page.letters[list(run.parts), columns]
                if alike.min() >= _LETTER_MIN:
                    found[i, k] = max(found[i, k], float(np.average(alike, weights=lengths)))
    return found


@cache
def _spellings(text: str) -> dict[int, list[tuple[list[int], list[int]]]]:
    """Return, by how many pieces a word falls into, the pieces' numbers in `LETTERS` and their lengths."""
    if not text:
        return {0: [([], [])]}
    found: dict[int, list[tuple[list[int], list[int]]]] = {}
    for number, piece in enumerate(LETTERS):
        if text.startswith(piece):
            for count, rest in _spellings(text[len(piece) :]).items():
                more = [([number, *numbers], [len(piece), *lengths]) for numbers, lengths in rest]
                found.setdefault(count + 1, []).extend(more)
    return found


def _parts(strength: FloatArray, px_per_mm: float) -> NDArray[np.int64]:
    """Return boxes (n, 4), left, top, right, bottom, of what could be letters, from left to right."""
    _, _, stats, _ = cv2.connectedComponentsWithStats((strength > _INK).astype(np.uint8), connectivity=8)
    x, y, width, height, _ = stats[1:].T.astype(np.int64)
    fits = (height <= _PART_MM[1] * px_per_mm) & (width <= _LENGTH_MM * px_per_mm)
    fits &= np.maximum(height, width) >= _PART_MM[0] * px_per_mm
    boxes = np.column_stack([x, y, x + width, y + height])[fits]
    if len(boxes) > _PAGE_PARTS_MAX:
        boxes = boxes[np.argsort(boxes[:, 1] - boxes[:, 3])[:_PAGE_PARTS_MAX]]
    return np.asarray(boxes[np.argsort(boxes[:, 0], kind="stable")])


def _runs(parts: NDArray[np.int64], px_per_mm: float) -> list[_Run]:
    """Return all runs of at most `_PARTS_MAX` parts, from left to right, that stand in a line."""
    found: dict[Box, _Run] = {}
    for i in range(len(parts)):
        box = parts[i].copy()
        inside = [i]
        for _ in range(_PARTS_MAX):
            height = float(box[3] - box[1])
            others = _in_line(parts, box)
            others[inside] = False
            after = _first(others & (parts[:, 0] >= box[0]))
            gap = np.inf if after is None else float(parts[after][0] - box[2])
            if _HEIGHT_MM[0] * px_per_mm <= height <= _HEIGHT_MM[1] * px_per_mm:
                away = box[0] - parts[:, 2]
                before = others & (away > -0.5 * height) & (away < _LETTER_GAP * height) & (parts[:, 0] < box[0])
                ends = gap >= _LETTER_GAP * height or (after is not None and _is_comma(parts[after], box))
                place = (int(box[0]), int(box[1]), int(box[2]), int(box[3]))
                found[place] = _Run(place, tuple(inside), not before.any(), ends)
            if after is None or gap > _SPACE * max(height, _HEIGHT_MM[0] * px_per_mm):
                break
            inside.append(after)
            box[:2] = np.minimum(box[:2], parts[after][:2])
            box[2:] = np.maximum(box[2:], parts[after][2:])
            if box[2] - box[0] > _LENGTH_MM * px_per_mm:
                break
    return list(found.values())


def _first(fits: NDArray[np.bool_]) -> int | None:
    index = np.flatnonzero(fits)
    return int(index[0]) if index.size else None


def _in_line(parts: NDArray[np.int64], box: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which parts (n,) stand in the line of a box."""
    height = box[3] - box[1]
    beside = np.minimum(parts[:, 3], box[3] + _BESIDE * height) - np.maximum(parts[:, 1], box[1] - _BESIDE * height)
    own = parts[:, 3] - parts[:, 1]
    return np.asarray((beside >= 0.95 * own) & (own <= 1.9 * max(height, 1)))


def _is_comma(part: NDArray[np.int64], box: NDArray[np.int64]) -> bool:
    """Tell whether a part is a full stop or comma at the foot of a box."""
    height = box[3] - box[1]
    return bool(part[1] > box[1] + 0.5 * height and part[2] - part[0] < 0.35 * height)


@cache
def _templates(known: tuple[str, ...]) -> _Templates:
    """Return words in every typeface that is not held out for tests."""
    pictures, texts, aspects = [], [], []
    with np.load(GLYPHS) as glyphs:
        for name in glyphs.files:
            face, printed = name.split("/", 1)
            text = printed.replace("|", "/")
            if text in known and not face.startswith("held"):
                drawn = glyphs[name].astype(np.float32) / 255
                pictures.append(_normalised(drawn))
                texts.append(text)
                aspects.append(drawn.shape[1] / drawn.shape[0])
    return _Templates(np.stack(pictures), tuple(texts), np.array(aspects))


def _normalised(picture: FloatArray) -> FloatArray:
    """Return a crop as a vector with mean 0 and length 1, at `_SIZE_PX`, slightly blurred."""
    small = cv2.resize(picture, _SIZE_PX, interpolation=cv2.INTER_AREA)
    vector = cv2.GaussianBlur(small, (0, 0), 0.8).ravel()
    vector = vector - vector.mean()
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), np.float32)
