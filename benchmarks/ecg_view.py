"""How long an ECG of twelve leads takes to draw: `python -m benchmarks.ecg_view` (Chromium for the last column).

For each layout, 10 s at 1 000 Hz: laying it out, writing the SVG, its size, and until the browser has painted it. Then
one window after another of a day of twelve leads that lies on the disk, and the page in A4.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
from playwright.sync_api import Page, sync_playwright

from app.common.ecg_svg import OnSheet, sheet_svg
from app.common.theme import LIGHT
from benchmarks.pages import ARGS, CHROMIUM
from pipeline.cases.strip_content import BeatMarks
from pipeline.config import ROOT
from pipeline.twelve_leads.derived_leads import TWELVE_LEADS
from pipeline.twelve_leads.layouts import SHEET_LAYOUTS
from pipeline.twelve_leads.sheet import ecg_sheet
from pipeline.types import Recording

REPEATS: Final = 15
DAY_S: Final = 86_400.0
DAY_HZ: Final = 250.0
PAINTED: Final = """async ([source, data]) => {
  const { default: draw } = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
  document.body.innerHTML = '<div style="width:1280px"><div class="sheet"></div></div>';
  const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  await frame();
  const start = performance.now();
  draw({ data, parentElement: document.body, setTriggerValue: () => {} });
  await frame();
  return performance.now() - start;
}"""


def recording(fs: float = 1000.0, seconds: float = 10.0) -> Recording:
    """Twelve leads with beats and noise."""
    time_s = np.arange(round(fs * seconds)) / fs
    beat = np.clip(1 - np.abs((time_s % 0.8) - 0.4) / 0.03, 0, None)
    noise = np.random.default_rng(1).normal(0, 0.02, (time_s.size, 12))
    return Recording.from_array(beat[:, None] * np.linspace(0.5, 1.5, 12) + noise, fs=fs, leads=TWELVE_LEADS)


def milliseconds(work: Callable[[], object]) -> float:
    """Median of warm repeats, processor time: other work on the machine does not count."""
    work()
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        times.append(1000 * (time.process_time() - start))
    return statistics.median(times)


def layouts(page: Page) -> None:
    """One row per layout."""
    made, also = recording(), OnSheet(BeatMarks(np.zeros(0, np.int64), np.zeros(0), (), ()))
    source = (ROOT / "app" / "common" / "ecg_sheet.js").read_text("utf-8")
    print(f"{'layout':10}{'lay out':>10}{'write SVG':>11}{'size':>9}{'paint':>9}")
    for layout in SHEET_LAYOUTS.values():
        laid = milliseconds(lambda one=layout: ecg_sheet(made, one))
        sheet = ecg_sheet(made, layout)
        written = milliseconds(lambda one=sheet: sheet_svg(one, also, LIGHT))
        svg = sheet_svg(sheet, also, LIGHT)
        data = {"svg": svg, "width": sheet.width_mm, "height": sheet.height_mm, "speed": 25, "gain": 10, "label": ""}
        painted = statistics.median(
            page.evaluate(PAINTED, [source, data | {"key": str(number)}]) for number in range(REPEATS)
        )
        print(f"{layout.name:10}{laid:7.1f} ms{written:8.1f} ms{len(svg) / 1000:6.0f} kB{painted:6.1f} ms")


def day(folder: Path) -> None:
    """Windows of a day on the disk, lead by lead as the store keeps them."""
    shape = (round(DAY_S * DAY_HZ), 12)
    signal = np.lib.format.open_memmap(folder / "day.npy", "w+", np.float32, shape, fortran_order=True)
    made = replace(recording(), fs=DAY_HZ, p_signal=signal)
    starts = iter(np.random.default_rng(2).uniform(0, DAY_S - 10, REPEATS + 1))
    turned = milliseconds(lambda: ecg_sheet(made, SHEET_LAYOUTS["12x1"], start_s=float(next(starts))))
    print(f"{'a window of a day, 12x1':31}{turned:7.1f} ms")


def printed() -> None:
    """The page in A4."""
    from pipeline.export.ecg_page_pdf import ecg_page_bytes, page_sheet
    from tests.export.test_export_report import made

    ecg = recording()
    analysis = replace(made(10.0).analysis, duration_s=10.0)
    spent = milliseconds(lambda: ecg_page_bytes(page_sheet(ecg), ecg, analysis, datetime.now(UTC)))
    print(f"{'a page in A4, 3x4':31}{spent:7.1f} ms")


def main() -> None:
    """Print all tables."""
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        layouts(browser.new_page(viewport={"width": 1440, "height": 900}))
        browser.close()
        day(Path(folder))
        printed()


if __name__ == "__main__":
    main()
