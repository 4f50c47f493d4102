"""The sweeping strip: the newest seconds of a live signal, sent to the browser, which draws them to scale."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from app.common.theme import Palette
from pipeline.live.provisional import LiveBeat
from pipeline.types import FloatArray

_HERE = Path(__file__).parent
SPEED_MM_S, GAIN_MM_MV = 25.0, 10.0
POINTS_HZ = 250.0  # a millimetre of paper has ten points
SENT_S = 16.0  # of signal: more than a wide screen shows
ROWS_MM = (50.0, 40.0, 30.0)  # of each lead, of one, two or three
LETTERS_MM = 10.0  # above them, for the letters of beats
TENTHS = 10  # of a millimetre are sent as whole numbers


@dataclass(frozen=True, eq=False)
class StripContent:
    """What is shown.

    Attributes
    ----------
    p_signal : (n_samples, n_leads) float32
        mV, NaN where missing.
    first : int
        Place of the first sample in the recording.
    fs : float
        Sampling frequency, Hz.
    leads : tuple of str
        Names.
    beats : tuple of LiveBeat
        With their provisional classes.
    written_s : float
        When the last sample was written to disk, seconds since 1970.
    over : bool
        Whether nothing more will come.
    lost : bool
        Whether nothing comes at the moment: then it is drawn faintly.
    """

    p_signal: FloatArray
    first: int
    fs: float
    leads: tuple[str, ...]
    beats: tuple[LiveBeat, ...]
    written_s: float
    over: bool
    lost: bool = False


def draw(content: StripContent, colours: Palette, key: str) -> None:
    """Show the strip; drawn again with newer content, it goes on where it was."""
    component = st.components.v2.component(
        "heartvision_live_strip",
        html='<div class="live"></div>',
        css=(_HERE / "strip.css").read_text("utf-8"),
        js=(_HERE / "strip.js").read_text("utf-8"),
    )
    component(key=key, data=sent(content, colours))


def sent(content: StripContent, colours: Palette) -> dict[str, Any]:
    """What the browser is sent: heights in tenths of a millimetre around each lead's middle, None where missing."""
    step = max(1, round(content.fs / POINTS_HZ))
    first = -(-content.first // step)  # points lie at the same samples, whatever was sent before
    p_signal = content.p_signal[first * step - content.first :]
    p_signal = p_signal[: len(p_signal) // step * step]
    points = p_signal.reshape(-1, step, len(content.leads)).mean(axis=1)
    return {
        "start": first * step / content.fs,
        "step": step / content.fs,
        "leads": [{"name": name, "y": _heights(points[:, i])} for i, name in enumerate(content.leads)],
        "beats": [{"at": round(beat.time_s, 3), "letter": beat.letter} for beat in content.beats],
        "speed": SPEED_MM_S,
        "gain": GAIN_MM_MV,
        "row": ROWS_MM[len(content.leads) - 1],
        "above": LETTERS_MM,
        "tenths": TENTHS,
        "written": content.written_s,
        "over": content.over,
        "lost": content.lost,
        "colours": {
            "paper": colours.paper,
            "fine": colours.grid_fine,
            "bold": colours.grid_bold,
            "trace": colours.trace,
            "text": colours.text,
            "muted": colours.muted,
            "classes": dict(colours.classes),
        },
    }


def _heights(lead_mv: FloatArray) -> list[int | None]:
    known = np.isfinite(lead_mv)
    middle = float(np.median(lead_mv[known])) if known.any() else 0.0
    tenths = np.round(np.where(known, lead_mv - middle, 0) * GAIN_MM_MV * TENTHS).astype(int)
    return [value if there else None for value, there in zip(tenths.tolist(), known.tolist(), strict=True)]
