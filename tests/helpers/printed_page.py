"""A printed 12-lead page of made-up leads."""

from __future__ import annotations

import numpy as np

from pipeline.digitisation.layouts import TWELVE_LEADS
from pipeline.synthesis.ecg_pages import GeneratedPage, PageStyle, draw_page


def drawn(**style: object) -> GeneratedPage:
    """A page of twelve made-up leads: the same beats, with a different height and polarity in each lead."""
    time_s = np.arange(10 * 500) / 500
    phase = (time_s % 0.8) - 0.3
    beat = np.exp(-((phase / 0.018) ** 2)) - 0.25 * np.exp(-(((phase - 0.04) / 0.018) ** 2))
    beat += 0.2 * np.exp(-(((phase - 0.25) / 0.05) ** 2)) + 0.1 * np.exp(-(((phase + 0.16) / 0.03) ** 2))
    heights = (0.7, 1.1, 0.5, -0.9, 0.4, 0.8, -0.7, -1.0, 0.6, 1.2, 1.0, 0.8)
    drift = {lead: 0.03 * np.sin(time_s * (1 + i / 5)) for i, lead in enumerate(TWELVE_LEADS)}
    leads = {
        lead: (height * beat + drift[lead]).astype(np.float32)
        for lead, height in zip(TWELVE_LEADS, heights, strict=True)
    }
    return draw_page(leads, 500, PageStyle(**{"px_per_mm": 5.0, **style}))  # type: ignore[arg-type]
