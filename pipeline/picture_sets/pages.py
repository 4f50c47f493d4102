"""12-lead recordings as printed pages, in any layout that the digitiser knows."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from scipy import signal as sps

from pipeline.digitisation.layouts import INVERTED_AVR, LAYOUTS
from pipeline.errors import SignalError
from pipeline.signal.gaps import runs
from pipeline.synthesis.ecg_pages import PageStyle, draw_page, row_height_mm
from pipeline.types import FloatArray, IntArray, PictureArray, Recording

BAND_HZ: Final = (0.05, 40.0)  # what the page says that it shows: ST segments need the low edge (AHA/ACC/HRS 2007)
PADDING_S: Final = 10.0  # the filter's low edge is slow: this much of the mirrored signal stands before and after
GAINS_MM_MV: Final = (10.0, 5.0)  # printed by the recorder; half gain where the waves of two rows would meet
ROWS_FITTING: Final = 1.3  # rows that a lead may take, peak to peak: waves reach into free parts of the next row
BRIDGED_S: Final = 0.04


def page_leads(recording: Recording, layout: str) -> dict[str, FloatArray]:
    """Return the filtered leads of a layout, in mV at the recording's rate.

    Parameters
    ----------
    recording : Recording
        Its leads are found by name, in upper or lower case.
    layout : str
        A name of `LAYOUTS`.

    Raises
    ------
    SignalError
        If a lead of the layout is missing, has gaps, or is not in mV.
    """
    own = {name.upper(): i for i, name in enumerate(recording.leads)}
    needed = list(dict.fromkeys(lead for *_, lead in LAYOUTS[layout].boxes()))
    stored = {lead: lead.removeprefix("-").upper() for lead in needed}  # Cabrera's -aVR is aVR upside down
    if missing := [lead for lead in needed if stored[lead] not in own]:
        raise SignalError(f"The recording has no lead {missing[0]}, which a page of layout {layout} shows.")
    columns = {lead: own[stored[lead]] for lead in needed}
    if bare := [lead for lead, i in columns.items() if not recording.calibrated[i]]:
        raise SignalError(f"Lead {bare[0]} has no gain, so that it cannot be drawn to scale.")
    sign = {INVERTED_AVR: -1}
    return {
        lead: _filtered(sign.get(lead, 1) * recording.p_signal[:, i], recording.fs, lead) for lead, i in columns.items()
    }


def draw_pages(
    leads: dict[str, FloatArray], fs: float, start: IntArray, style: PageStyle, gain: float, width_px: int = 0
) -> list[PictureArray]:
    """Draw pages of one recording.

    Parameters
    ----------
    leads : dict of str to (n,) float32
        What `page_leads` returned.
    fs : float
        Their sampling frequency, Hz.
    start : (k,) int64
        First sample of each page.
    style : PageStyle
        How they are drawn, but for gain and size.
    gain : float
        mm/mV.
    width_px : int, optional
        Width of a page; 0 is 8 pixels per mm.

    Returns
    -------
    list of (h, w, 3) uint8
        RGB.
    """
    span = round(style.seconds * fs)
    style = replace(style, gain=gain)
    if width_px:
        narrow = draw_page({lead: values[:span] for lead, values in leads.items()}, fs, replace(style, px_per_mm=1.0))
        style = replace(style, px_per_mm=width_px / narrow.truth.size_mm[0])
        style = replace(style, line_px=max(1, round(style.px_per_mm / 4)))
    return [draw_page({lead: v[a : a + span] for lead, v in leads.items()}, fs, style).picture for a in start]


def gain_for(leads: dict[str, FloatArray], start: IntArray, span: int, layout: str) -> float:
    """Return the gain, mm/mV, at which the leads of all pages of a recording fit.

    Parameters
    ----------
    leads : dict of str to (n,) float32
        Leads, mV.
    start : (k,) int64
        First sample of each page.
    span : int
        Samples of a page.
    layout : str
        A name of `LAYOUTS`.
    """
    highest = max((float(np.ptp(values[a : a + span])) for values in leads.values() for a in start), default=0.0)
    room = ROWS_FITTING * row_height_mm(layout)
    return next((gain for gain in GAINS_MM_MV if highest * gain <= room), GAINS_MM_MV[-1])


def _filtered(lead: FloatArray, fs: float, name: str) -> FloatArray:
    """Return a lead between `BAND_HZ`, with zero phase."""
    known = np.isfinite(lead)
    if longest := max((b - a for a, b in runs(~known)), default=0):
        if longest > BRIDGED_S * fs or not known.any():
            raise SignalError(f"Lead {name} has gaps, so that it cannot be drawn as a page.")
        lead = np.interp(np.arange(lead.size), np.flatnonzero(known), lead[known]).astype(np.float32)
    edges = [BAND_HZ[0], min(BAND_HZ[1], 0.45 * fs)]
    filters = sps.butter(2, edges, "bandpass", fs=fs, output="sos")
    centred = np.asarray(lead, np.float64) - np.median(lead)
    padding = min(round(PADDING_S * fs), centred.size - 1)
    return np.asarray(sps.sosfiltfilt(filters, centred, padtype="even", padlen=padding), np.float32)
