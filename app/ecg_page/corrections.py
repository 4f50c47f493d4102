"""Corrections of a 12-lead page by hand: questions, corners, grid, speed, gain, layout, rows, columns and names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd
import streamlit as st

from app.common.text import plain
from app.ecg_page import marks as page_marks
from pipeline.digitisation.corrections import Corrections
from pipeline.digitisation.digitise import Digitised
from pipeline.digitisation.layouts import ONE_LEAD, layout_names
from pipeline.digitisation.paper import squared
from pipeline.digitisation.questions import Need
from pipeline.digitisation.speed_and_gain import GAIN_PAIRS, GAINS, SPEEDS
from pipeline.digitisation.words import LEAD_NAMES
from pipeline.errors import IntakeError
from pipeline.types import PictureArray

CORNERS = ("top left", "top right", "bottom right", "bottom left")
_RULER_MM: Final = 50
_ENDS, _SIDES = ("Left mark", "Right mark"), ("Beginning of the traces", "End of the traces")
_GAINS: Final = {
    **{f"{gain:g} mm/mV": (gain, None) for gain in GAINS},
    **{f"{limb:g} mm/mV, chest leads {chest:g} mm/mV": (limb, chest) for limb, chest in GAIN_PAIRS},
}
TURNS = ("none", "90° to the left", "180°", "90° to the right")


def ask(need: Need, found: Digitised, key: str) -> object:
    """A question's input, empty until it is answered."""
    hint = f" Likely: {need.likely:g}." if isinstance(need.likely, float) else ""
    hint = f" Likely: {need.likely}." if isinstance(need.likely, str) else hint
    label = need.question + hint
    if need.about == "speed":
        return st.radio(label, SPEEDS, index=None, format_func=lambda v: f"{v:g} mm/s", horizontal=True)
    if need.about == "gain":
        return st.radio(label, list(_GAINS), index=None, horizontal=True)
    if need.about == "layout":
        names = layout_names(len(found.lanes))
        return st.selectbox(label, names, index=None, format_func=_layout, key=f"page-layout-{key}")
    if need.about == "strip":
        return st.selectbox(label, LEAD_NAMES, index=None, key=f"page-strip-{key}-{need.box}")
    return st.number_input(label, 1.0, 100.0, value=None, placeholder="pixels per millimetre")


def use(key: str, given: Corrections, found: Digitised, answers: Sequence[tuple[Need, object]]) -> None:
    """Takes the answers that were given and reads the page again."""
    turned = replace(given, quarter_turns=found.quarter_turns)
    for need, answer in answers:
        if answer is not None:
            turned = answered(turned, need, answer)
    _store(key, turned)


def answered(given: Corrections, need: Need, answer: object) -> Corrections:
    """What is given with the answer to a question."""
    if need.about == "grid":
        return replace(given, px_per_mm=(float(str(answer)),) * 2)
    if need.about == "strip" and need.box is not None:
        return replace(given, names=(*given.names, (need.box, str(answer))))
    if need.about == "layout":
        return replace(given, layout=str(answer))
    if need.about == "speed":
        return replace(given, speed=float(str(answer)))
    gain, chest_gain = _GAINS[str(answer)]
    return replace(given, gain=gain, chest_gain=chest_gain)


def _layout(name: str) -> str:
    return f"{name} over all rows, each going on where the one above ends" if name == ONE_LEAD else name


def corners(key: str, picture: PictureArray, given: Corrections, found: Digitised | None = None) -> None:
    """The corners to move over the photo; read again when the user says so."""
    ring = zip(CORNERS, _corners(picture, given, found), strict=True)
    moved = page_marks.draw(
        picture,
        tuple(page_marks.Mark(f"{name} corner".capitalize(), *corner) for name, corner in ring),
        f"corners-{key}",
        label="The page with the four corners of its paper",
        button="Read the page with these corners",
        hint="Drag the rings to the corners of the paper; arrow keys move a chosen one, with Shift further.",
    )
    if moved is not None:
        _store(key, _on_new_paper(given, found, corners=moved))


def ruler(key: str, picture: PictureArray, given: Corrections, found: Digitised | None = None) -> None:
    """Two marks to place on the grid, a stated number of millimetres apart; read again when the user says so."""
    try:
        shown = squared(picture, np.array(given.corners, np.float64))[0] if given.corners else picture
    except IntakeError as error:
        st.info(plain(str(error)), icon=":material/info:")
        return
    scale = given.px_per_mm or (found.grid.px_per_mm if found is not None else None)
    height, width = shown.shape[:2]
    apart = _RULER_MM * scale[0] if scale else width / 4
    ends = ((width - apart) / 2, (width + apart) / 2)
    mm = st.number_input("Millimetres between the two marks", 5, 200, _RULER_MM, 5, key=f"page-ruler-mm-{key}")
    st.caption("The small boxes of ECG paper are 1 mm wide, the large ones 5 mm: ten large boxes are 50 mm.")
    moved = page_marks.draw(
        shown,
        tuple(page_marks.Mark(name, x, height / 2) for name, x in zip(_ENDS, ends, strict=True)),
        f"ruler-{key}",
        label="The page with a ruler on its grid",
        button="Read the page with this grid",
        hint="Drag the two marks onto lines of the grid; arrow keys move a chosen one, with Shift further.",
    )
    if moved is not None:
        spacing = float(np.hypot(*np.subtract(moved[1], moved[0]))) / mm
        _store(key, _on_new_paper(given, found, px_per_mm=(spacing, spacing)))


def boxes(key: str, given: Corrections, found: Digitised) -> None:
    """Rows and columns of the leads to move over the flat paper; read again when the user says so."""
    joints = sorted({box.start for box in found.boxes if not box.strip} - {found.span[0]})
    columns = [(_SIDES[0], found.span[0]), *((f"Joint {i + 1} of the columns", x) for i, x in enumerate(joints))]
    columns.append((_SIDES[1], found.span[1]))
    height, width = found.sheet.picture.shape[:2]
    marks = [page_marks.Mark(name, float(x), 0.035 * height, "x") for name, x in columns]
    marks += [page_marks.Mark(f"Row {i + 1}", 0.015 * width, float(y), "y") for i, y in enumerate(found.lanes)]
    moved = page_marks.draw(
        found.sheet.picture,
        tuple(marks),
        f"boxes-{key}",
        label="The flat paper with the rows and columns of its leads",
        button="Read the leads in these boxes",
        hint="Drag the upright lines to where columns of leads begin and end, the level ones to the traces' baselines; "
        "arrow keys move a chosen one. Rows are added and removed in the table below.",
    )
    if moved is not None:
        first, *inner, last = sorted(round(x) for x, _ in moved[: len(columns)])
        lanes = tuple(sorted(y for _, y in moved[len(columns) :]))
        turned = replace(given, quarter_turns=found.quarter_turns, layout=found.layout.name or given.layout)
        _store(key, replace(turned, lanes=lanes, span=(first, last), joints=tuple(inner) if joints else None))


def _on_new_paper(given: Corrections, found: Digitised | None, **stated: Any) -> Corrections:
    """What was given, for paper that is read again: rows and columns of the old one mean nothing there."""
    turns = found.quarter_turns if found is not None else given.quarter_turns
    return replace(given, quarter_turns=turns, lanes=None, span=None, joints=None, **stated)


def _corners(picture: PictureArray, given: Corrections, found: Digitised | None) -> page_marks.Points:
    """Those given, those found, or the picture's own."""
    if given.corners is not None:
        return given.corners
    if found is not None:
        return tuple((float(x), float(y)) for x, y in np.round(found.sheet.corners, 1))
    height, width = picture.shape[:2]
    return (0.0, 0.0), (width - 1.0, 0.0), (width - 1.0, height - 1.0), (0.0, height - 1.0)


def paper_form(key: str, picture: PictureArray, given: Corrections, found: Digitised | None = None) -> None:
    """Corners, turn and grid spacing by hand."""
    corners = _corners(picture, given, found)
    scale = given.px_per_mm or (found.grid.px_per_mm if found is not None else (None, None))
    with st.expander("Correct the paper and its grid"), st.form(f"page-paper-{key}"):
        shown = found.quarter_turns if found else given.quarter_turns or 0
        turn = st.selectbox("Turn the picture", range(4), index=shown, format_func=_turn)
        by_hand = st.checkbox("Use these corners (pixels of the picture as shown)", value=given.corners is not None)
        table = st.data_editor(
            pd.DataFrame({"corner": CORNERS, "x": [c[0] for c in corners], "y": [c[1] for c in corners]}),
            hide_index=True,
            disabled=["corner"],
            key=f"page-corners-{key}",
        )
        stated = st.checkbox("Use this grid (pixels per millimetre)", value=given.px_per_mm is not None)
        across = st.number_input("Across", 1.0, 100.0, value=scale[0], format="%.3f")
        down = st.number_input("Down", 1.0, 100.0, value=scale[1], format="%.3f")
        if st.form_submit_button("Read the page again"):
            points = tuple((float(x), float(y)) for x, y in zip(table["x"], table["y"], strict=True))
            spacing = (float(across), float(down)) if stated and across and down else None
            _store(
                key,
                replace(
                    given,
                    quarter_turns=turn,
                    corners=points if by_hand and turn == shown else None,  # those of another turn mean nothing
                    px_per_mm=spacing,
                    lanes=None,
                    span=None,
                    joints=None,
                ),
            )


def _turn(quarter: int) -> str:
    return TURNS[quarter]


def leads_form(key: str, given: Corrections, found: Digitised) -> None:
    """Speed, gain, layout, rows, first and last column, and names by hand."""
    with st.expander("Correct speed, gain, layout and lead boxes"), st.form(f"page-leads-{key}"):
        speed = st.selectbox("Speed (mm/s)", SPEEDS, index=_index(SPEEDS, found.speed and found.speed.value))
        gain = st.selectbox("Gain", list(_GAINS), index=_index(tuple(_GAINS.values()), _gains(found)))
        names = layout_names()
        layout = st.selectbox("Layout", names, index=_index(names, found.layout.name))
        rows = st.data_editor(
            pd.DataFrame({"baseline": np.round(found.lanes, 1)}),
            num_rows="dynamic",
            key=f"page-rows-{key}",
        )
        width = found.sheet.picture.shape[1]
        span = st.slider("First and last column of the traces (pixels of the flat paper)", 0, width, found.span)
        boxes = st.data_editor(
            pd.DataFrame({"box": range(1, len(found.boxes) + 1), "lead": [box.lead for box in found.boxes]}),
            hide_index=True,
            disabled=["box"],
            column_config={"lead": st.column_config.SelectboxColumn(options=list(LEAD_NAMES), required=True)},
            key=f"page-names-{key}",
        )
        if st.form_submit_button("Read the leads again"):
            lanes = tuple(sorted(float(row) for row in rows["baseline"].dropna()))
            one = layout == ONE_LEAD
            named = enumerate(boxes["lead"])
            changed = tuple((0 if one else i, str(lead)) for i, lead in named if lead != found.boxes[i].lead)
            same = np.allclose(lanes, np.round(found.lanes, 1)) if len(lanes) == len(found.lanes) else False
            _store(
                key,
                replace(
                    given,
                    quarter_turns=found.quarter_turns,
                    speed=speed,
                    gain=_GAINS[gain][0] if gain else None,
                    chest_gain=_GAINS[gain][1] if gain else None,
                    layout=layout,
                    lanes=given.lanes if same else lanes,
                    span=span if span != found.span else given.span,
                    joints=given.joints if span == found.span and layout == found.layout.name else None,
                    names=(*given.names, *changed) if layout == found.layout.name else (),
                ),
            )


def _gains(found: Digitised) -> tuple[float | None, float | None]:
    limb, chest = (None if gain is None else gain.value for gain in (found.gain, found.chest_gain))
    return limb, chest


def _index(options: tuple[object, ...], value: object) -> int | None:
    return options.index(value) if value in options else None


def _store(key: str, given: Corrections) -> None:
    st.session_state[f"page-given-{key}"] = given
    st.rerun()
