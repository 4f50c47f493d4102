"""The strips of a report on screen: nothing tall is lost where a trace is thinned."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from app.common.theme import LIGHT
from app.study.report_strips import strip_drawn
from pipeline.export.strip_choice import STRIP_S, Strip
from tests.export.test_export_report import made

MM_MV = 10.0
POINTS_PER_S = 8 * 25.0  # eight a millimetre


@pytest.mark.parametrize("fs", [250, 500, 1000, 2000])
@pytest.mark.parametrize("at", range(1000, 1012))
def test_a_pacing_spike_of_two_milliseconds_keeps_its_height(fs: int, at: int) -> None:
    signal = np.zeros((20 * fs, 1), np.float32)
    signal[at : at + max(1, fs * 2 // 1000)] = 2.0
    signal[at + fs : at + fs + max(1, fs * 2 // 1000)] = -1.0
    content = made(20.0)
    analysis = replace(content.analysis, fs=float(fs))
    content = replace(content, analysis=analysis, signal_mv=signal)
    drawn = strip_drawn(content, Strip("Usual", "", 0.0, (), reviewed=False), LIGHT)
    (trace,) = re.findall(r'class="trace" d="M([^"]*)"', drawn.svg)
    y = np.array(trace.split(), float)[1::2]
    assert np.ptp(y) == pytest.approx(3.0 * MM_MV, abs=0.05)
    assert y.size <= 1.5 * POINTS_PER_S * STRIP_S
