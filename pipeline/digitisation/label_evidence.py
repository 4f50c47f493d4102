"""How well a layout explains what is seen: the lead names on the page, and the arithmetic of its limb leads."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.digitisation.layouts import INVERTED_AVR, PageLayout
from pipeline.digitisation.phrases import Word
from pipeline.digitisation.trace import Trace
from pipeline.digitisation.words import LEAD_NAMES

Matrix = NDArray[np.float64]

NEAR_MM: Final = 3.5  # greatest distance of a rule, or of a label's first letter, from where a column begins
_LABEL_MM: Final = 14.0  # on most pages labels stand this close to the beginning of their column
_FAR: Final = 0.5  # weight of a name that stands further from it
_WEIGHT: Final = MappingProxyType({"I": 0.05, "II": 0.4, "III": 0.6})  # any stroke looks like an I
_BY_CHANCE: Final = 0.005  # how often one of the names is read at one of the places where none is printed
_MISREAD: Final = 0.02  # how often a printed name is read as one of the others
_READ: Final = np.linspace(0.05, 0.98, 24)  # shares of the printed names that could have been read
_STRIP: Final = 0.3  # weight of a missing name of a strip: many pages print none
_STRIP_NAMES: Final = ("II", "V1", "V5")  # the usual leads of strips
_ANY_NAME: Final = 0.1  # how probable each other name is where a page may show any lead
_NAMES_OF_COLUMN: Final = 2  # read at least, for their place to say where the column begins
_CUT: Final = 1.06  # columns that are so much wider than an even share: the right end of the page is missing
_SAID_ONCE: Final = 2.0  # log odds for one lead where the page says "Lead I" and names no other
# each limb lead as a sum of I and II (Einthoven, Goldberger)
_LIMB: Final = MappingProxyType(
    {
        "I": (1.0, 0.0), "II": (0.0, 1.0), "III": (-1.0, 1.0), "aVR": (-0.5, -0.5), INVERTED_AVR: (0.5, 0.5),
        "aVL": (1.0, -0.5), "aVF": (-0.5, 1.0),
    }
)  # fmt: skip
_MISFIT_MIN: Final = 0.004  # share of a trace's power that digitising leaves unexplained at best
_HEIGHTS: Final = (0.3, 1, 3, 10, 90, 97, 99, 99.7)  # percentiles of a row that tell the size of its waves
_ALIKE: Final = 0.25  # share of the tallest wave by which rows of one lead may differ
_SURELY_AVR: Final = 0.7  # correlation
_COLUMN_ODDS: Final = 1.5  # most that one column's arithmetic adds to, or takes from, the log odds


@dataclass(frozen=True)
class LabelFit:
    """How well a layout explains the lead names of a page.

    Attributes
    ----------
    score : float
        Log likelihood.
    right, wrong : float
        Sum of the weights of names that stand where the layout has them, and of all others.
    names : tuple of (int, str)
        Box and name of each name that stands in its place.
    share : float
        Share of the layout's names that were read in their places, by weight.
    """

    score: float
    right: float
    wrong: float
    names: tuple[tuple[int, str], ...]
    share: float


@dataclass(frozen=True)
class _Placed:
    """A lead name in a row and column of a layout; `near` where its column begins."""

    text: str
    row: int
    column: int
    near: bool
    weight: float


def fit_labels(
    layout: PageLayout, lanes: Matrix, span: tuple[int, int], words: tuple[Word, ...], px_per_mm: int
) -> LabelFit:
    """Compare a layout with what was read.

    Every name in its place is read with an unknown probability, that which suits the layout best; every other name is
    there by chance.

    Parameters
    ----------
    layout : PageLayout
        The layout.
    lanes : (n,) float64
        Rows of the lanes, pixels.
    span : tuple[int, int]
        First and last column of the traces, pixels.
    words : tuple of Word
        Words read on the page.
    px_per_mm : int
        Resolution of the sheet, pixels per millimetre.
    """
    placed = [
        found
        for word in words
        if word.text in LEAD_NAMES and (found := _placed(word, layout, lanes, span, px_per_mm)) is not None
    ]
    seen, right, misread, astray = _explained(layout, placed)
    missed = sum(_missed(layout, row, lead) for i, (row, _, _, lead) in enumerate(layout.boxes()) if i not in seen)
    read = sum(weight for _, weight, _ in seen.values())
    free = sum(weight for _, weight, usual in seen.values() if not usual)
    score = float((read * np.log(_READ) + missed * np.log(1 - _READ)).max()) + free * np.log(_ANY_NAME)
    score += (
        misread * float(np.log(_MISREAD))
        + astray * float(np.log(_BY_CHANCE))
        + _SAID_ONCE * (layout.in_turn and said_lead(words) is not None)
    )
    names = tuple((box, text) for box, (text, _, _) in sorted(seen.items()))
    return LabelFit(score, right, misread + astray, names, read / max(read + missed, 1e-9))


def _placed(word: Word, layout: PageLayout, lanes: Matrix, span: tuple[int, int], px_per_mm: int) -> _Placed | None:
    row = row_of(word, lanes)
    if row is None:
        return None
    width = (span[1] - span[0]) / len(layout.columns)
    column = int(np.clip((word.x + NEAR_MM * px_per_mm - span[0]) // width, 0, len(layout.columns) - 1))
    near = (word.x - span[0] - column * width) / px_per_mm < _LABEL_MM
    weight = word.alike**2 * _WEIGHT.get(word.text, 1.0) * (1.0 if near else _FAR)
    return _Placed(word.text, row, column, near, weight)


def _explained(
    layout: PageLayout, placed: list[_Placed]
) -> tuple[dict[int, tuple[str, float, bool]], float, float, float]:
    """Return, by box, the name, its weight and whether it is the layout's own; sums of right, misread, astray weights.

    A misread name stands where the layout has another one, a name astray where it has none.
    """
    below = len(layout.columns[0])
    index = {(row, column): i for i, (row, column, _, _) in enumerate(layout.boxes())}
    one = most_common([each for each in placed if each.near]) if layout.in_turn else None
    seen: dict[int, tuple[str, float, bool]] = {}
    right = misread = astray = 0.0
    for each in sorted(placed, key=lambda item: -item.weight):
        box = index.get((each.row, each.column if each.row < below else 0))
        usual = box is not None and _same_lead(each.text, layout.boxes()[box][3], layout)
        any_name = each.near and each.column == 0 and (each.row >= below or (layout.free and not layout.in_turn))
        fits = box is not None and ((usual and each.row < below) or any_name or (each.near and each.text == one))
        if fits and box is not None and box not in seen:
            common = each.row >= below and each.text in _STRIP_NAMES
            seen[box] = (each.text, each.weight, usual or layout.in_turn or common)
            right += each.weight
        elif each.text != "I" and not (fits and box is not None and seen[box][0] == each.text):
            misread += each.weight * each.near
            astray += each.weight / _FAR * (not each.near)
    return seen, right, misread, astray


def most_common(placed: list[_Placed]) -> str | None:
    """Return the name with the greatest sum of weights, None without names."""
    total: Counter[str] = Counter()
    for each in placed:
        total[each.text] += each.weight  # type: ignore[assignment]
    return total.most_common(1)[0][0] if total else None


def _same_lead(text: str, lead: str, layout: PageLayout) -> bool:
    """Tell whether a name is that of a lead; Cabrera's -aVR is read as aVR where its dash is too faint."""
    return text == lead or (layout.cabrera and lead == INVERTED_AVR and text == "aVR")


def _missed(layout: PageLayout, row: int, lead: str) -> float:
    if layout.in_turn:
        return 0.0
    return _STRIP if row >= len(layout.columns[0]) else _WEIGHT.get(lead, 1.0)


def said_lead(words: tuple[Word, ...]) -> str | None:
    """Return the only lead that the page's text speaks of ("Lead I"), None if it names none or several."""
    said = {word.text.removeprefix("Lead ") for word in words if word.text.startswith("Lead ")}
    return next(iter(said)) if len(said) == 1 else None


def row_of(word: Word, lanes: Matrix) -> int | None:
    """Return the lane that a word belongs to: the next one below it, or one just above it; None if there is none."""
    apart = float(np.median(np.diff(lanes))) if lanes.size > 1 else 200.0
    distance = lanes - word.y
    near = np.where((distance > -0.3 * apart) & (distance < 0.85 * apart), np.abs(distance), np.inf)
    return int(near.argmin()) if np.isfinite(near.min()) else None


def joints_by_names(
    layout: PageLayout, lanes: Matrix, span: tuple[int, int], words: tuple[Word, ...], px_per_mm: int
) -> tuple[int, ...] | None:
    """Return where columns of leads end and the next begin, if their names say that the page was cut at the right.

    Columns are then wider than an even share of what is left, and the last one is shorter than the others.

    Parameters
    ----------
    layout : PageLayout
        The layout.
    lanes : (n,) float64
        Rows of the lanes, pixels.
    span : tuple[int, int]
        First and last column of the traces, pixels.
    words : tuple of Word
        Words read on the page.
    px_per_mm : int
        Resolution of the sheet, pixels per millimetre.

    Returns
    -------
    tuple of int or None
        None where the names fit even columns, or too few of them were read.
    """
    count = len(layout.columns)
    at: dict[int, list[float]] = {}
    for row, column, spanned, lead in layout.boxes():
        if spanned == 1:
            same = (word.x for word in words if _same_lead(word.text, lead, layout) and row_of(word, lanes) == row)
            at.setdefault(column, []).extend(same)
    read = {column: float(np.median(xs)) for column, xs in at.items() if len(xs) >= _NAMES_OF_COLUMN}
    if layout.in_turn or len(read) < min(3, count) or count < 2:
        return None
    numbers, x = np.array(list(read)), np.array(list(read.values()))
    wide, first = (float(value) for value in np.polyfit(numbers, x, 1))
    even = (span[1] - span[0]) / count
    off_mm = float(np.abs(x - first - wide * numbers).max()) / px_per_mm
    joints = tuple(round(span[0] + wide * i) for i in range(1, count))
    begins = abs(first - span[0]) < _LABEL_MM * px_per_mm
    if not begins or off_mm > NEAR_MM or wide < _CUT * even or joints[-1] >= span[1] - NEAR_MM * px_per_mm:
        return None
    return joints


def limb_misfit(layout: PageLayout, span: tuple[int, int], traces: tuple[Trace, ...]) -> tuple[float, ...]:
    """Return, for each column with three limb leads or more, how much of them I and II cannot make up.

    All six limb leads are sums of I and II, so that leads taken for others do not add up.

    Parameters
    ----------
    layout : PageLayout
        With as many rows as there are traces.
    span : tuple[int, int]
        First and last column of the traces, pixels.
    traces : tuple of Trace
        One per row.

    Returns
    -------
    tuple of float
        Shares of the power, at least `_MISFIT_MIN`.
    """
    edges = np.linspace(span[0], span[1], len(layout.columns) + 1).round().astype(int)
    found = []
    for column, leads in enumerate(layout.columns):
        rows = [row for row, lead in enumerate(leads) if lead in _LIMB]
        if len(rows) < 3:
            continue
        part = np.stack([traces[row].row[edges[column] : edges[column + 1]] for row in rows])
        part = part[:, np.isfinite(part).all(axis=0)]
        if part.shape[1] < 100:
            continue
        part = part - np.median(part, axis=1, keepdims=True)
        basis, _ = np.linalg.qr(np.array([_LIMB[leads[row]] for row in rows]))
        left = part - basis @ (basis.T @ part)
        found.append(max(_MISFIT_MIN, float((left**2).sum() / max((part**2).sum(), 1e-9))))
    return tuple(found)


def limb_odds(misfit: tuple[float, ...], usual: tuple[float, ...]) -> float:
    """Return the log odds of one order of the limb leads against the usual one, from the misfits of their columns."""
    both = zip(misfit, usual, strict=False)
    return float(sum(np.clip(0.5 * np.log(other / own), -_COLUMN_ODDS, _COLUMN_ODDS) for own, other in both))


def shows_avr(avl: Matrix, lead_i: Matrix, third: Matrix) -> bool:
    """Tell whether the row between I and II on a page in Cabrera's order is aVR as others print it, not upside down.

    Upside down it is 1.5 I - aVL; some recorders keep its sign.

    Parameters
    ----------
    avl, lead_i, third : (n,) float64
        The first three rows where they show the same moments, NaN where no trace was seen.
    """
    rows = np.stack([avl, lead_i, third])
    rows = rows[:, np.isfinite(rows).all(axis=0)]
    if rows.shape[1] < 100:
        return False
    rows = rows - np.median(rows, axis=1, keepdims=True)
    expected = 1.5 * rows[1] - rows[0]
    power = float(np.square(expected).sum() * np.square(rows[2]).sum())
    return bool(float(expected @ rows[2]) < -_SURELY_AVR * np.sqrt(power))


def rows_alike(span: tuple[int, int], traces: tuple[Trace, ...]) -> bool:
    """Tell whether all rows show waves of the same heights and depths, as one lead does over several rows."""
    found = []
    for trace in traces:
        row = trace.row[span[0] : span[1]]
        row = row[np.isfinite(row)]
        if row.size < 100:
            return False
        found.append(np.percentile(row, _HEIGHTS) - np.median(row))
    heights = np.array(found)
    usual = np.median(heights, axis=0)
    away = np.abs(heights - usual).max(axis=1)
    return bool((away < _ALIKE * np.abs(usual).max()).all())
