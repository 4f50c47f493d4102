"""A live signal in a real browser: drawn to scale while it comes, stopped, and opened in Analyse."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import expect

from tests.helpers.stories import NARROW, WIDE, NewPage, Shot, assert_fits

pytestmark = pytest.mark.browser
ON_SCREEN_S = 5.0  # `benchmarks.live` measures how fast; a story, whether at all
# How long ago the newest sample that is drawn was written to disk, seconds.
AGE = "r => Date.now() / 1000 - (Number(r.dataset.written) - (Number(r.dataset.latest) - Number(r.dataset.shown)))"
SIZE = "s => [s.viewBox.baseVal.width, s.getBoundingClientRect().width, s.getBoundingClientRect().height]"
MM_PX = 96 / 25.4


@pytest.mark.parametrize(("size", "scheme"), [(WIDE, "light"), (NARROW, "dark")])
def test_a_signal_sweeps_over_squares_of_a_millimetre(
    new_page: NewPage, shot: Shot, size: tuple[int, int], scheme: str
) -> None:
    page = new_page(size, scheme)
    page.goto(page.url.split("?")[0].rstrip("/") + "/live")
    page.get_by_role("button", name="Start").click()
    strip = page.locator(".live svg")
    expect(strip).to_be_visible()
    wide_mm, wide_px, high_px = strip.evaluate(SIZE)
    assert wide_px == pytest.approx(wide_mm * MM_PX, rel=0.002)
    assert high_px == pytest.approx((50 + 10 + 5) * MM_PX, rel=0.002)  # one lead, its letters, its scale
    before = float(page.locator(".live").get_attribute("data-shown") or 0)
    ages = []
    for _ in range(10):
        time.sleep(0.3)
        ages.append(page.locator(".live").evaluate(AGE))
    assert float(page.locator(".live").get_attribute("data-shown") or 0) > before + 1
    assert sorted(ages)[len(ages) // 2] <= ON_SCREEN_S
    if size == WIDE:  # ten seconds are needed before the first beat is classified
        expect(page.locator(".live g.beat").first).to_be_attached()
    shot(page, f"live-{scheme}")
    assert_fits(page)
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Open in Analyse").first.click()
    expect(page).to_have_url(re.compile("recording=[0-9a-f]{64}"))
