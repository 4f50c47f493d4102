"""The pictures of Analyse, the workbench and the report in the documents: `python docs/make_images.py [--model NAME]`.

Analyses the demo recording in a folder of its own, starts the application, takes screenshots of the Analyse and the
Review page in Chromium, and draws the first page of the PDF report. All are written to docs/images with 128 colours.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pypdfium2
from PIL import Image  # noqa: TID251 - pictures of our own
from playwright.sync_api import Page, ViewportSize, expect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.pages import ARGS, CHROMIUM, running_app  # noqa: E402
from models import registry  # noqa: E402
from pipeline.analysis import classify, prepare  # noqa: E402
from pipeline.cases.stored_case import default_network  # noqa: E402
from pipeline.config import data_root  # noqa: E402
from pipeline.datasets import demo_path  # noqa: E402
from pipeline.export.report_content import report_content  # noqa: E402
from pipeline.export.report_pdf import write_pdf  # noqa: E402
from pipeline.intake import read_path  # noqa: E402
from pipeline.review.beats_in_force import reviewed_beats  # noqa: E402
from pipeline.review.morphology import Families, find_families  # noqa: E402
from pipeline.review.signal_evidence import evidence_of  # noqa: E402
from pipeline.review.triage import triage  # noqa: E402
from pipeline.store.listing import study_of_analysis  # noqa: E402
from pipeline.store.prepared import save_prepared  # noqa: E402
from pipeline.store.recordings import save_recording  # noqa: E402
from pipeline.types import Analysis, Recording  # noqa: E402
from tests.helpers.stories import settle  # noqa: E402

IMAGES = ROOT / "docs" / "images"
ECG = data_root() / "ludb" / "21.hea"  # an anterior infarction; its picture stays as it is where the record is not
SIZE: ViewportSize = {"width": 1440, "height": 900}
HIGH: ViewportSize = {"width": 1440, "height": 1960}
BEATS = 16  # so many abnormal beats on: one whose signal shows what it is
READER = "Dr. Ada Moreau"
SLOW_MS = 300_000


def main(network: str) -> None:
    """Write the pictures."""
    with tempfile.TemporaryDirectory() as folder, running_app(Path(folder)) as address:
        os.environ |= {"HEARTVISION_CACHE": f"{folder}/cache", "HEARTVISION_HOME": f"{folder}/home"}
        recording = save_recording(read_path(demo_path()))
        prepared = save_prepared(prepare(recording))
        analysis, families = classify(prepared, registry.load(network)), find_families(prepared.beats)
        study = study_of_analysis(analysis, recording)
        save(beat(f"{address}/?recording={recording.digest}&network={network}"), IMAGES / "analyse.png")
        save(workbench(f"{address}/review?study={study.id}"), IMAGES / "review.png")
        if ECG.is_file():
            save(
                ecg(f"{address}/?recording={save_recording(read_path(ECG)).digest}&network={network}"),
                IMAGES / "ecg.png",
            )
        save(report(recording, analysis, families, Path(folder) / "report.pdf"), IMAGES / "report.png")


@contextmanager
def opened(address: str, size: ViewportSize) -> Iterator[Page]:
    """A page of the application in Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        page = browser.new_page(viewport=size)
        page.set_default_timeout(SLOW_MS)
        expect.set_options(timeout=SLOW_MS)
        page.goto(address)
        yield page
        browser.close()


def shot(page: Page) -> Image.Image:
    """What can be seen now."""
    settle(page)
    return Image.open(io.BytesIO(page.screenshot(animations="disabled")))


def beat(address: str) -> Image.Image:
    """The Analyse page with a ventricular beat and its heatmap."""
    with opened(address, HIGH) as page:
        expect(page.get_by_text("Where it looked for").first).to_be_visible()
        for _ in range(BEATS):
            settle(page)
            page.get_by_role("button", name="Next abnormal").click()
        return shot(page)


def ecg(address: str) -> Image.Image:
    """The Analyse page with twelve leads on paper."""
    with opened(address, SIZE) as page:
        expect(page.locator(".sheet svg")).to_have_count(2)
        expect(page.get_by_text("Where it looked for").first).to_be_visible()
        return shot(page)


def workbench(address: str) -> Image.Image:
    """The Review page after a few decisions by keyboard."""
    with opened(address, SIZE) as page:
        page.get_by_label("Your name").fill(READER)
        page.keyboard.press("Enter")
        expect(page.locator("html[data-keys=review]")).to_be_attached()
        for _ in range(2):
            settle(page)
            reviewed = page.get_by_text("findings reviewed")
            before = reviewed.inner_text()  # one key decides about a group: more than one finding
            page.keyboard.press("c")
            expect(reviewed).not_to_have_text(before, use_inner_text=True)
        page.get_by_role("tab", name="Families").click()
        expect(page.locator("[class*=st-key-review-families] .main-svg").first).to_be_visible()
        return shot(page)


def report(recording: Recording, analysis: Analysis, families: Families, path: Path) -> Image.Image:
    """The first page of the report that nobody has reviewed, 100 dots per inch."""
    beats = reviewed_beats(analysis, (), evidence_of(recording, analysis))
    content = report_content(
        recording, analysis, beats, created=datetime.now(UTC), findings=triage(beats, families),
        trained_on=registry.manifest(analysis.model).trained_on,
    )  # fmt: skip
    return pypdfium2.PdfDocument(write_pdf(content, path))[0].render(scale=100 / 72).to_pil()


def save(picture: Image.Image, path: Path) -> None:
    """As a PNG that a README can carry."""
    picture.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)
    sys.stdout.write(f"{path.name}: {picture.width} x {picture.height}, {path.stat().st_size / 1000:.0f} kB\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=None)
    main(parser.parse_args().model or default_network())
