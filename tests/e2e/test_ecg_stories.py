"""An ECG of eight leads in a real browser: real squares, calipers, marks that are dragged, a comparison, a phone."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from pipeline.datasets import demo_path
from pipeline.intake import read_path
from tests.helpers.stories import NARROW, SLOW_MS, NewPage, Shot, assert_fits, settle, upload

pytestmark = pytest.mark.browser

LEADS = ["I", "II", "V1", "V2", "V3", "V4", "V5", "V6"]
READ = re.compile(r"\d+ ms · \d+/min · \d+\.\d\d mV")
REAL_PX = 96 / 25.4


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A record of eight leads, each the demo's in another size."""
    folder = tmp_path_factory.mktemp("eight")
    demo = read_path(demo_path())
    mixed = np.asarray(demo.p_signal[: int(12 * demo.fs), :1], float) * np.linspace(0.5, 1.2, 8)
    stored = np.round(mixed * 1000).astype("<i2")
    (folder / "eight.dat").write_bytes(stored.tobytes())
    lines = [f"eight 8 {demo.fs:g} {len(stored)}", *(f"eight.dat 16 1000(0)/mV 16 0 0 0 0 {lead}" for lead in LEADS)]
    (folder / "eight.hea").write_text("\n".join(lines) + "\n", encoding="ascii")
    return [folder / "eight.hea", folder / "eight.dat"]


def opened(page: Page, files: list[Path]) -> Locator:
    """The sheet of the record."""
    upload(page, "Your recording", files)
    sheet = page.locator(".sheet svg").first
    expect(sheet).to_be_visible(timeout=SLOW_MS)
    expect(page.locator(".sheet svg")).to_have_count(2, timeout=SLOW_MS)
    settle(page)
    return sheet


def scales(sheet: Locator) -> tuple[float, float]:
    """Pixels for each millimetre across and down."""
    across, down = sheet.evaluate(
        "e => [e.getBoundingClientRect().width / e.viewBox.baseVal.width,"
        " e.getBoundingClientRect().height / e.viewBox.baseVal.height]"
    )
    return across, down


def drag(page: Page, grip: Locator, by: tuple[float, float]) -> None:
    grip.scroll_into_view_if_needed()
    box = grip.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + by[0], y + by[1], steps=4)
    page.mouse.up()


def test_an_ecg_has_real_squares_and_calipers_that_measure(page: Page, files: list[Path], shot: Shot) -> None:
    sheet = opened(page, files)
    across, down = scales(sheet)
    assert across == pytest.approx(down, rel=0.005)
    assert across > REAL_PX
    page.get_by_role("button", name="Calipers").first.click()
    said = page.locator(".sheet output").first
    expect(said).to_have_text(READ)
    lines = page.locator(".sheet").first.locator(".handle.caliper.x")
    before = int(said.inner_text().split()[0])
    drag(page, lines.nth(1).locator(".grip"), (25 * across, 0))
    after = int(said.inner_text().split()[0])
    assert after - before == pytest.approx(1000, abs=25)  # 25 mm at 25 mm/s
    lines.nth(1).focus()
    page.keyboard.press("ArrowRight")
    assert int(said.inner_text().split()[0]) - after in (1, 2, 3)
    shot(page, "ecg")


def test_a_click_on_a_letter_selects_its_beat(page: Page, files: list[Path]) -> None:
    opened(page, files)
    heading = page.get_by_role("heading", name=re.compile(r"Beat \d+ of \d+"))
    page.locator(".sheet .beat").nth(5).click()
    expect(heading).to_have_text(re.compile("Beat 6 of"))
    settle(page)


def test_a_mark_that_is_dragged_moves_the_intervals(page: Page, files: list[Path]) -> None:
    opened(page, files)
    qt = page.get_by_test_id("stMetric").filter(has_text=re.compile("^QTas found|^QT\\d|^QT\n")).last
    mark = page.get_by_role("slider", name="T off")
    drag(page, mark.locator(".grip"), (40, 0))
    expect(page.get_by_text("Moved by you: T off")).to_be_visible()
    expect(qt).to_contain_text(re.compile(r"\+\d+ ms"))
    settle(page)
    page.get_by_role("button", name="Marks as found").click()
    expect(page.get_by_text("Moved by you")).to_have_count(0)
    settle(page)


def test_on_a_phone_the_paper_has_its_real_size_and_scrolls_by_itself(new_page: NewPage, files: list[Path]) -> None:
    page = new_page(NARROW, "dark")
    sheet = opened(page, files)
    assert min(scales(sheet)) >= REAL_PX
    wide, room = page.locator(".sheet .scroll").first.evaluate("e => [e.scrollWidth, e.clientWidth]")
    assert wide > room
    assert_fits(page)


def test_a_mark_that_is_dragged_on_the_strip_moves_the_intervals_of_its_beat_and_is_a_decision_on_review(
    page: Page, files: list[Path], shot: Shot
) -> None:
    sheet = opened(page, files)
    across, _ = scales(sheet)
    mark = sheet.locator('[data-name^="t_off"]').nth(3)
    drag(page, mark.locator(".hair"), (2 * across, 0))  # 2 mm at 25 mm/s
    said = page.locator(".st-key-sheet-beat")
    expect(said).to_contain_text("moved by you: T off")
    expect(said).to_contain_text(re.compile(r"QT \d+ ms \(\+(7\d|8\d)\)"))
    settle(page)
    by = int(re.findall(r"\(\+(\d+)\)", said.inner_text())[0])
    name = mark.get_attribute("data-name")
    mark.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(said).to_contain_text(f"(+{by + 4})")
    settle(page)
    focused = (
        "() => { let e = document.activeElement; while (e?.shadowRoot) e = e.shadowRoot.activeElement; return e; }"
    )
    assert page.evaluate(f"({focused})().dataset.name") == name  # the next key goes on moving it
    shot(page, "ecg-strip")
    page.get_by_role("button", name="Review this recording").click()
    page.get_by_label("Your name").fill("Ada Moreau")
    page.get_by_label("Your name").press("Enter")
    expect(page.get_by_text("Reading as Ada Moreau")).to_be_visible()
    settle(page)
    page.get_by_role("tab", name="All leads").click()
    page.get_by_role("button", name="Take over the mark moved on the Analyse page").click()
    kept = page.locator(".st-key-review-sheet-beat")
    settle(page)
    page.locator(".sheet .beat").nth(3).click()
    expect(kept).to_contain_text("moved by the reader: T off")
    settle(page)
    page.get_by_role("button", name="Undo").first.click()
    expect(kept).not_to_contain_text("moved by the reader")
    expect(kept).to_contain_text("QT")
