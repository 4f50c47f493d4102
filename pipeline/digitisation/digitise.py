"""Reads the picture of an ECG page step by step; what cannot be known is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.digitisation.corrections import Corrections
from pipeline.digitisation.grid import NO_GRID, Grid, measure_grid
from pipeline.digitisation.ink import Ink, Mask, find_ink, find_lanes, inverted, is_dark_screen
from pipeline.digitisation.label_evidence import fit_labels, joints_by_names, said_lead, shows_avr
from pipeline.digitisation.layout_choice import (
    LayoutChoice,
    LeadBox,
    boxes_in_turn,
    choose_layout,
    evenly_spaced,
    lead_boxes,
    strip_lead,
    time_span,
)
from pipeline.digitisation.layouts import (
    CABRERA_LEADS,
    INVERTED_AVR,
    ONE_LEAD,
    TWELVE_LEADS,
    PageLayout,
    layout_of,
)
from pipeline.digitisation.paper import PaperSheet, by_hand, flatten, outline, squared
from pipeline.digitisation.phrases import Word
from pipeline.digitisation.questions import SURE, Need, names_asked, open_questions
from pipeline.digitisation.speed_and_gain import (
    MeasuredValue,
    Pulse,
    find_pulses,
    gain_of,
    gain_pair,
    gains_seen,
    speed_of,
)
from pipeline.digitisation.trace import Trace, follow, rules
from pipeline.digitisation.words import LEAD_NAMES, read_margins, read_words
from pipeline.errors import IntakeError
from pipeline.types import PictureArray, read_only

Matrix = NDArray[np.float64]

_TRACES_MIN: Final = 3
_NAMES_MIN: Final = 3  # with this many different lead names, a page is surely the right way up
_CLEARER: Final = 0.5  # how much more evidence another way up needs
_SPAN_MIN: Final = 0.35  # share of the sheet's width; shorter lanes are text
_CLEAR_MIN: Final = 0.4
_INK_MAX: Final = 0.15
_NO_TRACES: Final = (
    f"This is not a 12-lead page: {{found}} traces were found on its grid, at least {_TRACES_MIN} are needed; "
    "if a part of the page is missing, show all of it."
)
_DARK: Final = (
    "This is a dark screen, and no millimetre grid was found on it after it was inverted: give a picture with its "
    "grid, or the pixels per millimetre by hand."
)


@dataclass(frozen=True, eq=False)
class Digitised:
    """Every step of reading a page, with what must still be asked.

    Attributes
    ----------
    picture : (h, w, 3) uint8
        The original, turned upright by `quarter_turns`; a dark screen inverted.
    quarter_turns : int
        Anticlockwise.
    grid : Grid
        The millimetre grid.
    sheet : PaperSheet
        The flat paper.
    ink : Ink
        The ink on it.
    lanes : (n,) float64
        Rows of the traces' baselines, pixels of the sheet.
    traces : tuple of Trace
        One per lane.
    words : tuple of Word
        What could be read.
    pulses : tuple of Pulse
        Calibration pulses.
    speed, gain : MeasuredValue
        mm/s and mm/mV; None where unknown.
    chest_gain : MeasuredValue
        mm/mV of V1 to V6, where it differs; None where it does not.
    dark_screen : bool
        Whether the picture was inverted.
    layout : LayoutChoice
        The layout of the leads.
    span : tuple[int, int]
        First and last column of the traces.
    boxes : tuple of LeadBox
        Where each lead is.
    needs : tuple of Need
        What must still be stated.
    corrections : Corrections
        What the user stated.
    """

    picture: PictureArray
    quarter_turns: int
    grid: Grid
    sheet: PaperSheet
    ink: Ink
    lanes: Matrix
    traces: tuple[Trace, ...]
    words: tuple[Word, ...]
    pulses: tuple[Pulse, ...]
    speed: MeasuredValue | None
    gain: MeasuredValue | None
    layout: LayoutChoice
    span: tuple[int, int]
    boxes: tuple[LeadBox, ...]
    needs: tuple[Need, ...]
    corrections: Corrections = field(default_factory=Corrections)
    chest_gain: MeasuredValue | None = None
    dark_screen: bool = False

    @property
    def evidence(self) -> float:
        """How strong the evidence is for this way up."""
        return 2.0 * bool(self.pulses) + self.layout.confidence + 0.2 * len(self._names)

    @property
    def says_which_way_is_up(self) -> bool:
        """Whether pulses or lead names leave no doubt about which way is up."""
        return bool(self.pulses) or (len(self._names) >= _NAMES_MIN and self.layout.confidence >= SURE)

    @property
    def _names(self) -> set[str]:
        """The different lead names that were read; any stroke looks like an I."""
        return {word.text for word in self.words if word.text in LEAD_NAMES} - {"I"}


def digitise(picture: PictureArray, corrections: Corrections | None = None) -> Digitised:
    """Read an ECG page; a dark screen is inverted first.

    Parameters
    ----------
    picture : (h, w, 3) uint8
        RGB: a scan, an export, a photo.
    corrections : Corrections, optional
        What the user stated; it overrides what is found.

    Returns
    -------
    Digitised
        Its `needs` are what must still be stated before it can become a recording.

    Raises
    ------
    IntakeError
        If it is not a page: no grid, or fewer than three traces.
    """
    given = corrections or Corrections()
    if not is_dark_screen(picture):
        return _turned_upright(picture, given)
    try:
        found = _turned_upright(inverted(picture), given)
    except IntakeError as error:
        raise IntakeError(
            _DARK if str(error) == NO_GRID else f"This is a dark screen, read inverted. {error}"
        ) from None
    return replace(found, dark_screen=True)


def _turned_upright(picture: PictureArray, given: Corrections) -> Digitised:
    """Read a page in the way up for which the evidence is strongest."""
    if given.quarter_turns is not None:
        return _read(np.rot90(picture, given.quarter_turns).copy(), given.quarter_turns % 4, given)
    ready = _inked(picture, given)
    if given.corners or given.lanes:
        return _read(picture, 0, given, ready)
    turns = (0, 2) if _is_upright(ready[2]) else (1, 3, 0, 2)
    best: Digitised | None = None
    refusal: IntakeError | None = None
    for turn in turns:
        try:
            found = _read(np.rot90(picture, turn).copy(), turn, given) if turn else _read(picture, 0, given, ready)
        except IntakeError as error:
            refusal = refusal or error
            continue
        if best is None or found.evidence > best.evidence + _CLEARER:
            best = found
        if best.says_which_way_is_up:
            break
    if best is None:
        raise refusal or IntakeError(_NO_TRACES.format(found="no"))
    return best


def _flat_paper(picture: PictureArray, given: Corrections) -> tuple[Grid, PaperSheet]:
    """Return the grid and the flat sheet; if perspective hides the grid, the paper's outline is straightened first."""
    if given.corners is not None:
        return _flat_between(picture, np.array(given.corners, np.float64), given)
    try:
        grid = by_hand(given.px_per_mm) if given.px_per_mm else measure_grid(picture)
    except IntakeError:
        ring = outline(picture)
        if ring is None:
            raise
        return _flat_between(picture, ring, given)
    return grid, flatten(picture, grid, whole=given.px_per_mm is not None)


def _flat_between(picture: PictureArray, corners: Matrix, given: Corrections) -> tuple[Grid, PaperSheet]:
    square, to_square = squared(picture, corners)
    grid = by_hand(given.px_per_mm) if given.px_per_mm else measure_grid(square)
    sheet = flatten(square, grid, whole=given.px_per_mm is not None)
    back = np.linalg.inv(to_square) @ sheet.to_px
    moved = replace(sheet, to_px=back)
    shape = np.array(sheet.picture.shape[1::-1], np.float64)
    ring = np.array([[0, 0], [shape[0], 0], shape, [0, shape[1]]]) - 0.5
    return grid, replace(moved, corners=read_only(moved.on_original(ring)))


def _inked(picture: PictureArray, given: Corrections) -> tuple[Grid, PaperSheet, Ink]:
    grid, sheet = _flat_paper(picture, given)
    return grid, sheet, find_ink(sheet)


def _is_upright(ink: Ink) -> bool:
    """Tell whether the ink runs in rows rather than in columns; True if that cannot be known."""
    unevenness = []
    for axis in (1, 0):
        sums = ink.mask.sum(axis=axis).astype(np.float64)
        step = max(1, sums.size // 150)
        coarse = sums[: sums.size // step * step].reshape(-1, step).sum(axis=1)
        unevenness.append(float(coarse.std() / max(coarse.mean(), 1e-9)))
    return unevenness[0] >= 0.8 * unevenness[1]


def _read(
    picture: PictureArray, turns: int, given: Corrections, ready: tuple[Grid, PaperSheet, Ink] | None = None
) -> Digitised:
    grid, sheet, ink = ready or _inked(picture, given)
    covered = float(ink.mask[sheet.paper].mean()) if sheet.paper.any() else 1.0
    if covered > _INK_MAX:
        raise IntakeError(
            f"This is not a 12-lead page: {covered:.0%} of it is dark, on a page at most {_INK_MAX:.0%} are; crop it."
        )
    fine = sheet.px_per_mm
    lanes = np.array(given.lanes, np.float64) if given.lanes else find_lanes(ink, fine)[0]
    if not lanes.size:
        raise IntakeError(_NO_TRACES.format(found="no"))
    traces, aside = follow(ink, lanes, fine)
    if given.lanes is None:
        lanes, traces, aside = _real_traces(
            ink, lanes, traces, aside, fine, 1 if given.layout == ONE_LEAD else _TRACES_MIN
        )
    words = read_words(ink, aside, traces, fine)
    if given.corners is None:
        words = (*words, *read_margins(picture, sheet.corners, float(np.mean(grid.px_per_mm))))
    pulses = find_pulses(ink, lanes, fine)
    speed = MeasuredValue(given.speed, 1.0, "stated") if given.speed else speed_of(pulses, words, fine)
    span = given.span or time_span(traces, pulses, fine)
    rule = rules(ink, lanes, fine)
    if given.layout:
        stated = layout_of(given.layout, len(lanes))
        names = fit_labels(stated, lanes, span, words, fine).names if stated else ()
        layout = LayoutChoice(given.layout, 1.0, "stated", names=names)
    else:
        layout = choose_layout(lanes, span, words, rule, traces, fine)
    boxes, doubtful = _boxes(layout, span, rule, lanes, traces, pulses, words, fine, given)
    gain, chest_gain, unsure = _gains(pulses, words, boxes, fine, given)
    needs = (
        *open_questions(grid, speed, gain, unsure, layout, (span[1] - span[0]) / fine, len(lanes)),
        *names_asked(boxes, doubtful, layout),
    )
    return Digitised(
        picture, turns % 4, grid, sheet, ink, read_only(lanes), traces, words, pulses, speed, gain, layout, span, boxes,
        needs, given, chest_gain,
    )  # fmt: skip


def _real_traces(
    ink: Ink, lanes: Matrix, traces: tuple[Trace, ...], aside: Mask, px_per_mm: int, least: int
) -> tuple[Matrix, tuple[Trace, ...], Mask]:
    """Select the lanes that hold traces and not text; refuse if there are too few for a page."""
    width = ink.mask.shape[1]
    real = np.array([t.stop - t.start > _SPAN_MIN * width and t.clear > _CLEAR_MIN for t in traces])
    if real.sum() < least:
        raise IntakeError(_NO_TRACES.format(found=int(real.sum())))
    real[real] = evenly_spaced(lanes[real], np.array([trace.clear for trace in traces])[real])
    return (lanes, traces, aside) if real.all() else (lanes[real], *follow(ink, lanes[real], px_per_mm))


def _boxes(
    layout: LayoutChoice,
    span: tuple[int, int],
    rule: Mask,
    lanes: Matrix,
    traces: tuple[Trace, ...],
    pulses: tuple[Pulse, ...],
    words: tuple[Word, ...],
    px_per_mm: int,
    given: Corrections,
) -> tuple[tuple[LeadBox, ...], tuple[int, ...]]:
    """Lay out the leads with their names, and list the boxes whose name is doubtful."""
    known = layout_of(layout.name, len(traces))
    if known is None:
        return (), ()
    read, stated = dict(layout.names), _open_names(known, given.leads) | dict(given.names)
    if known.in_turn:
        names = sorted(read.values(), key=list(read.values()).count)
        lead = stated.get(0) or (names[-1] if names else said_lead(words))
        return boxes_in_turn(traces, pulses, span, lead or "", px_per_mm), () if lead else (0,)
    joints = given.joints or joints_by_names(known, lanes, span, words, px_per_mm)
    boxes = lead_boxes(known, span, rule, px_per_mm, stated, joints)
    if known.cabrera:
        boxes = _with_avr_as_shown(boxes, traces, stated)
    if known.free and not given.layout:
        boxes = tuple(replace(box, lead=stated.get(i, read.get(i, box.lead))) for i, box in enumerate(boxes))
        other = tuple(box.lead for box in boxes) != known.columns[0]
        return boxes, tuple(i for i in range(len(boxes)) if other and i not in read and i not in stated)
    return _named_strips(boxes, traces, read, stated)


def _with_avr_as_shown(
    boxes: tuple[LeadBox, ...], traces: tuple[Trace, ...], stated: Mapping[int, str]
) -> tuple[LeadBox, ...]:
    """Return the boxes in Cabrera's order, with -aVR called aVR where its trace is not upside down."""
    three = [box for lead in CABRERA_LEADS[:3] for box in boxes if box.lead == lead and not box.strip]
    if len(three) < 3 or len({(box.start, box.stop) for box in three}) > 1:
        return boxes
    avl, lead_i, third = (traces[box.row].row[box.start : box.stop] for box in three)
    if not shows_avr(avl, lead_i, third):
        return boxes
    return tuple(
        replace(box, lead="aVR") if box.lead == INVERTED_AVR and i not in stated else box for i, box in enumerate(boxes)
    )


def _open_names(layout: PageLayout, leads: tuple[str, ...]) -> dict[int, str]:
    """Return the stated leads by the boxes that the layout leaves open; refuse if there are not as many."""
    if not leads:
        return {}
    boxes = layout.boxes()
    strips = range(len(boxes) - len(layout.strips), len(boxes))
    unnamed = [0] if layout.in_turn else list(range(len(boxes)) if layout.free else strips)
    if len(unnamed) != len(leads) or set(leads) - set(LEAD_NAMES):
        raise IntakeError(
            f"The layout {layout.name} leaves {len(unnamed)} leads open, and {', '.join(leads)} were stated; state "
            f"{len(unnamed)} of {', '.join(LEAD_NAMES)}."
        )
    return dict(zip(unnamed, leads, strict=True))


def _named_strips(
    boxes: tuple[LeadBox, ...], traces: tuple[Trace, ...], read: dict[int, str], stated: dict[int, str]
) -> tuple[tuple[LeadBox, ...], tuple[int, ...]]:
    """Name each strip by the lead that it repeats or by its label, and list the doubtful ones."""
    doubtful = []
    named = []
    for i, box in enumerate(boxes):
        if not box.strip or i in stated or len({other.lead for other in boxes if not other.strip}) < len(TWELVE_LEADS):
            named.append(box)
            continue
        lead = strip_lead(box, boxes, traces) or read.get(i)
        if lead is None:
            doubtful.append(i)
        named.append(replace(box, lead=lead or box.lead))
    return tuple(named), tuple(doubtful)


def _gains(
    pulses: tuple[Pulse, ...], words: tuple[Word, ...], boxes: tuple[LeadBox, ...], px_per_mm: int, given: Corrections
) -> tuple[MeasuredValue | None, MeasuredValue | None, str]:
    """Return the gain, that of the chest leads where it differs, and why the gain is not known."""
    if given.gain:
        chest = MeasuredValue(given.chest_gain, 1.0, "stated") if given.chest_gain else None
        return MeasuredValue(given.gain, 1.0, "stated"), chest, ""
    limb = {box.row for box in boxes if not box.lead.startswith("V")}
    pair = gain_pair(pulses, words, tuple(sorted({box.row for box in boxes} - limb)), px_per_mm)
    if pair is not None:
        return *pair, ""
    seen = sorted(gains_seen(pulses, px_per_mm))
    unsure = f"The page shows pulses of {' and '.join(f'{gain:g}' for gain in seen)} mm: two gains."
    return gain_of(pulses, words, px_per_mm), None, unsure if len(seen) > 1 else ""
