"""From a page that was read, with no question open, to a recording."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.digitisation.corrections import Corrections
from pipeline.digitisation.digitise import Digitised, digitise
from pipeline.digitisation.layout_choice import LeadBox
from pipeline.digitisation.layouts import ONE_LEAD
from pipeline.digitisation.questions import PAGE_TOLERANCE
from pipeline.errors import IntakeError
from pipeline.intake import read_picture, read_picture_file
from pipeline.signal.gaps import runs
from pipeline.types import FloatArray, Recording, read_only

Matrix = NDArray[np.float64]

FS: Final = 500.0
_JOINT_MM: Final = 0.25  # on each side of a joint: belongs to neither lead
_HIDDEN_MM: Final = 1.5  # a printed line across a trace hides up to this much; such gaps are bridged by straight lines
_PAGE_S: Final = (10.0, 5.0)  # what pages usually show; a slightly shorter frame is filled up with NaN
_PAGE_EXCESS: Final = 0.006  # an excess up to this share is the thickness of the line


def read_page(path: Path, given: Corrections, *, page: int = 0) -> tuple[Digitised, str]:
    """Read a page on disk as far as possible; return it with the name of its recording.

    Parameters
    ----------
    path : Path
        The file.
    given : Corrections
        What the user states by hand.
    page : int, optional
        Which page of a PDF document, from 0.

    Raises
    ------
    IntakeError
        If the file cannot be read, or is not a page.
    """
    picture = read_picture(read_picture_file(path), path.name, page=page)
    return digitise(picture.pixels, given), picture.name


def to_recording(found: Digitised, *, name: str, digest: str | None = None) -> Recording:
    """Turn the page into a recording: every lead at its place in time, NaN where nothing was seen.

    0 mV is each trace's own baseline, because a page does not show it. A strip stands for the lead that it repeats.

    Parameters
    ----------
    found : Digitised
        A page without open questions.
    name : str
        Name of the recording.
    digest : str, optional
        SHA-256 of the file; that of the signal if None.

    Returns
    -------
    Recording
        `p_signal` (n, n_leads) float32 mV at 500 Hz.

    Raises
    ------
    IntakeError
        If a question is open, no lead lies on the sheet, or two boxes (or two strips) have the same lead name.
    """
    if found.needs or found.speed is None or found.gain is None:
        raise IntakeError("Questions about the page are open: " + " ".join(need.question for need in found.needs))
    if not found.boxes:
        raise IntakeError(f"The layout {found.layout.name!r} does not fit {len(found.lanes)} rows; choose another.")
    px_per_s = found.sheet.px_per_mm * found.speed.value
    if found.layout.name == ONE_LEAD:
        return _recording(found, {found.boxes[0].lead: _in_turn(found, px_per_s)}, name, digest)
    _require_own_names(found.boxes)
    seconds = (found.span[1] - found.span[0]) / px_per_s
    seconds = next((s for s in _PAGE_S if -_PAGE_EXCESS * s <= s - seconds <= PAGE_TOLERANCE * s), seconds)
    signals: dict[str, FloatArray] = {}
    for box in found.boxes:
        if box.strip or box.lead not in signals:
            signals[box.lead] = _values(found, box, found.span, round(seconds * FS), px_per_s)
    return _recording(found, signals, name, digest)


def _in_turn(found: Digitised, px_per_s: float) -> FloatArray:
    """Return the one lead of a page (n,) in mV: its rows, each after the one above."""
    rows = []
    for box in found.boxes:
        seconds = (box.stop - box.start) / px_per_s
        if abs(seconds - round(seconds)) <= _PAGE_EXCESS * seconds:
            seconds = round(seconds)
        rows.append(_values(found, box, (box.start, box.stop), round(seconds * FS), px_per_s))
    return np.concatenate(rows)


def _recording(found: Digitised, signals: dict[str, FloatArray], name: str, digest: str | None) -> Recording:
    if not any(np.isfinite(values).any() for values in signals.values()):
        raise IntakeError("No trace was seen inside the lead boxes; move them.")
    p_signal = np.stack(list(signals.values()), axis=1)
    return Recording(
        name=name,
        fs=FS,
        p_signal=read_only(p_signal),
        leads=tuple(signals),
        digest=digest or hashlib.sha256(p_signal.tobytes() + repr(found.corrections).encode()).hexdigest(),
        calibrated=(True,) * len(signals),
        notices=(_how(found),),
    )


def _how(found: Digitised) -> str:
    """Say how a page was read."""
    assert found.speed is not None
    assert found.gain is not None
    chest = "" if found.chest_gain is None else f", V1 to V6 {found.chest_gain.value:g} mm/mV"
    rows = f" over {len(found.boxes)} rows" if found.layout.name == ONE_LEAD else ""
    return (
        f"Read from a picture of a {'dark screen, inverted' if found.dark_screen else 'page'}: "
        f"{found.speed.value:g} mm/s ({found.speed.source}), "
        f"{found.gain.value:g} mm/mV ({found.gain.source}){chest}, layout {found.layout.name}{rows}."
    )


def _require_own_names(boxes: tuple[LeadBox, ...]) -> None:
    seen = Counter((box.lead, box.strip) for box in boxes)
    if twice := [lead for (lead, _), count in seen.items() if count > 1]:
        raise IntakeError(f"More than one box is called {twice[0]}; give each lead a name of its own.")


def _values(found: Digitised, box: LeadBox, span: tuple[int, int], count: int, px_per_s: float) -> FloatArray:
    """Return one lead (count,) in mV, NaN outside its box and where its trace was not seen; `span` begins at 0 s."""
    fine = found.sheet.px_per_mm
    chest = found.chest_gain if box.lead.startswith("V") else None
    gain = chest or found.gain
    assert gain is not None
    row = found.traces[box.row].row
    margin = round(_JOINT_MM * fine)
    start = box.start + (margin if box.start > span[0] else 0)
    stop = box.stop - (margin if box.stop < span[1] else 0)
    column = span[0] + np.arange(count) / FS * px_per_s
    inside = (column >= start) & (column <= min(stop, row.size) - 1)
    mv = np.full(row.size, np.nan)
    part = _bridged(row[start:stop], round(_HIDDEN_MM * fine))
    level = _baseline(part)
    mv[start:stop] = (level - part) / fine / gain.value
    values = np.full(count, np.nan, np.float32)
    left = np.floor(column[inside]).astype(int)
    share = column[inside] - left
    right = np.minimum(left + 1, row.size - 1)
    values[inside] = np.where(share < 1e-9, mv[left], mv[left] * (1 - share) + mv[right] * share)
    return values


def _bridged(row: Matrix, most: int) -> Matrix:
    """Bridge gaps of at most `most` pixels in a trace (n,) by straight lines; its ends stay as they are."""
    filled, known = row.copy(), np.flatnonzero(np.isfinite(row))
    for start, stop in runs(~np.isfinite(row)):
        if start > 0 and stop < row.size and stop - start <= most:
            filled[start:stop] = np.interp(np.arange(start, stop), known, row[known])
    return filled


def _baseline(row: Matrix) -> float:
    known = row[np.isfinite(row)]
    return float(np.median(known)) if known.size else 0.0
