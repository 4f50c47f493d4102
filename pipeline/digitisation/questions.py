"""The questions that a page leaves open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from pipeline.digitisation.grid import Grid
from pipeline.digitisation.layout_choice import LayoutChoice, LeadBox
from pipeline.digitisation.layouts import ONE_LEAD, layout_names
from pipeline.digitisation.speed_and_gain import MeasuredValue

Question = Literal["grid", "speed", "gain", "layout", "strip"]

SURE: Final = 0.6  # below this confidence the user is asked
PAGE_TOLERANCE: Final = 0.04  # a page of "10 s" may be shorter by this share
_WHOLE_MM: Final = 180.0  # shorter traces are probably only part of a page


@dataclass(frozen=True)
class Need:
    """A question to the user, with the likely answer, None if there is none. `box` is the lead box it is about."""

    about: Question
    question: str
    likely: float | str | None = None
    box: int | None = None


def open_questions(
    grid: Grid,
    speed: MeasuredValue | None,
    gain: MeasuredValue | None,
    two_gains: str,
    layout: LayoutChoice,
    mm: float,
    rows: int,
) -> tuple[Need, ...]:
    """List what must be stated before a page can become a recording, but for names of leads.

    Parameters
    ----------
    grid : Grid
        The grid.
    speed, gain : MeasuredValue
        mm/s and mm/mV; None where unknown.
    two_gains : str
        What is known if the page shows two gains.
    layout : LayoutChoice
        The layout.
    mm : float
        Length of the traces, millimetres.
    rows : int
        Rows of traces.
    """
    found = []
    if grid.confidence < SURE:
        found.append(Need("grid", f"Are the lines of the grid ({grid.boxes}) read rightly? State its spacing."))
    if speed is None or speed.confidence < SURE:
        likely = next((s for s in (25.0, 50.0) if abs(mm / s - 10) < 10 * PAGE_TOLERANCE), None)
        found.append(Need("speed", "How fast did the paper run: 25 or 50 mm/s?", likely))
    if gain is None or gain.confidence < SURE:
        asked = "How many millimetres is a millivolt: 5, 10 or 20 mm/mV, or 10/5 (limb/chest leads)?"
        found.append(Need("gain", f"{two_gains} {asked}".strip()))
    if layout.confidence < SURE:
        names = layout_names(rows)
        asked = f"{rows} rows of traces were found, and their lead names could not be read well enough"
        if len(names) > 1:
            asked += f": which layout is it, {', '.join(names[:-1])} or {names[-1]}?"
        else:
            asked += (
                f": is it {ONE_LEAD} over all rows? No other layout has so many; if there are fewer or more rows, "
                "correct the rows' baselines."
            )
        if mm < _WHOLE_MM:
            asked += f" They are {mm:.0f} mm long, on a whole page about 250 mm: if a part is missing, show all of it."
        found.append(Need("layout", asked, layout.name if layout.likely else None))
    return tuple(found)


def names_asked(boxes: tuple[LeadBox, ...], doubtful: tuple[int, ...], layout: LayoutChoice) -> Iterator[Need]:
    """Yield a question for each box whose lead is doubtful, once the layout is sure.

    Parameters
    ----------
    boxes : tuple of LeadBox
        Where each lead is.
    doubtful : tuple of int
        Numbers of the boxes whose name is not known.
    layout : LayoutChoice
        The layout.
    """
    if layout.confidence < SURE:
        return  # the layout comes first
    one = sum(box.strip for box in boxes) == 1
    for i in doubtful:
        if layout.name == ONE_LEAD:
            yield Need("strip", "Which lead do the rows show?", None, i)
        elif not boxes[i].strip:
            yield Need("strip", f"Which lead does row {boxes[i].row + 1} show?", None, i)
        else:
            where = "at the bottom" if one else f"in row {boxes[i].row + 1}"
            yield Need("strip", f"Which lead does the long strip {where} show?", boxes[i].lead, i)
