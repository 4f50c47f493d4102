"""A 12-lead page in a real browser: from the upload through corrections by hand to analysed beats."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from pipeline.config import ROOT
from tests.helpers.stories import NARROW, SEEN, SLOW_MS, NewPage, Shot, assert_fits, settle, upload

pytestmark = pytest.mark.browser

SAMPLE = ROOT / "data" / "demo" / "page_ludb_10.jpg"


def open_page(page: Page) -> None:
    page.goto(page.url.rstrip("/") + "/page")
    upload(page, "A scan, an export or a photo", [SAMPLE])
    expect(page.get_by_role("button", name="Accept and open in Analyse")).to_be_enabled()
    settle(page)


def test_a_page_is_corrected_by_hand_and_its_beats_are_analysed(page: Page, shot: Shot) -> None:
    open_page(page)
    page.get_by_role("tab", name="Move the corners").click()
    again = page.get_by_role("button", name="Read the page with these corners")
    expect(again).to_be_disabled()
    ring = page.get_by_role("slider", name="Top left corner")
    before = ring.get_attribute("aria-valuetext")
    box = ring.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 - 8, box["y"] + box["height"] / 2 - 4, steps=3)
    page.mouse.up()
    assert ring.get_attribute("aria-valuetext") != before
    ring.press("Shift+ArrowLeft")
    shot(page, "page-corners")
    again.click()
    settle(page)
    expect(page.get_by_role("button", name="Accept and open in Analyse")).to_be_enabled()
    page.get_by_text("Correct the paper and its grid").click()
    expect(page.get_by_role("checkbox", name="Use these corners")).to_be_checked()
    page.get_by_role("tab", name="Measure the grid").click()
    page.get_by_role("slider", name="Right mark").press("Shift+ArrowRight")
    page.get_by_role("slider", name="Right mark").press("Shift+ArrowLeft")
    page.get_by_role("button", name="Read the page with this grid").click()
    settle(page)
    expect(page.get_by_text("stated by hand").first).to_be_visible()
    page.get_by_role("tab", name="Move the lead boxes").click()
    page.get_by_role("slider", name="Joint 1 of the columns").press("ArrowRight")
    page.get_by_role("slider", name="Row 2").press("ArrowUp")
    shot(page, "page-boxes")
    page.get_by_role("button", name="Read the leads in these boxes").click()
    settle(page)
    expect(page.get_by_text("stated", exact=True).first).to_be_visible()
    expect(page.get_by_role("button", name="Accept and open in Analyse")).to_be_enabled()
    page.get_by_role("button", name="Accept and open in Analyse").click()
    expect(page.get_by_text(SEEN)).to_be_visible(timeout=SLOW_MS)
    shot(page, "page-analysed")


def test_the_page_view_fits_a_phone_in_the_dark(new_page: NewPage, shot: Shot) -> None:
    page = new_page(NARROW, "dark")
    open_page(page)
    assert_fits(page)
    shot(page, "page-dark")
