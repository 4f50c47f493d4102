"""What a clinician does, in a real browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.helpers.drawn import beat_picture
from tests.helpers.stories import NARROW, SEEN, SLOW_MS, WIDE, NewPage, Shot, assert_fits, open_demo, settle, upload

pytestmark = pytest.mark.browser

LOOKED = re.compile("Where it looked for [NSVFQ]")


def beat_heading(page: Page) -> Locator:
    return page.get_by_role("heading", name=re.compile(r"Beat \d+ of \d+"))


def go(page: Page, title: str) -> None:
    if page.viewport_size == {"width": NARROW[0], "height": NARROW[1]}:
        page.get_by_test_id("stExpandSidebarButton").click()
    page.get_by_role("link", name=title).click()
    expect(page).to_have_url(re.compile(title.lower()) if title != "Analyse" else re.compile(r"/(\?.*)?$"))


def test_demo_is_opened_and_the_next_abnormal_beat_shows_its_heatmap(page: Page, shot: Shot) -> None:
    open_demo(page)
    first = beat_heading(page).inner_text()
    page.get_by_role("button", name="Next abnormal").click()
    expect(beat_heading(page)).not_to_have_text(first)
    expect(page.get_by_text(LOOKED)).to_be_visible()
    expect(page.locator(".stMarkdownBadge", has_text="Abnormal")).to_be_visible()
    expect(page.locator(".js-plotly-plot")).to_have_count(4)
    shot(page, "demo")


def test_a_click_on_the_strip_selects_that_beat(page: Page) -> None:
    open_demo(page)
    heading = beat_heading(page)
    before = heading.inner_text()
    strip = page.locator("[class*=st-key-strip]")
    letter = strip.locator("g.textpoint text").nth(4)
    letter.click(force=True)
    expect(heading).not_to_have_text(before)
    settle(page)  # a picture that the next click replaces before the browser has it is gone: a 404
    chosen = heading.inner_text()
    page.get_by_role("button", name="Previous beat").click()
    expect(heading).not_to_have_text(chosen)
    settle(page)
    letter.click(force=True)
    expect(heading).to_have_text(chosen)
    settle(page)


def test_a_click_on_the_trend_jumps_there(page: Page) -> None:
    open_demo(page)
    heading = beat_heading(page)
    before = heading.inner_text()
    box = page.locator("[class*=st-key-trend] .nsewdrag").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + box["height"] * 0.5)
    page.mouse.click(box["x"] + box["width"] * 0.8, box["y"] + box["height"] * 0.5)
    expect(heading).not_to_have_text(before)
    expect(heading).to_have_text(re.compile(r"at [34]:"))


def test_keys_lead_from_beat_to_beat(page: Page) -> None:
    open_demo(page)
    heading = beat_heading(page)
    before = heading.inner_text()
    page.keyboard.press("ArrowRight")
    expect(heading).not_to_have_text(before)
    settle(page)
    page.keyboard.press("ArrowLeft")
    expect(heading).to_have_text(before)
    settle(page)


def test_own_record_is_uploaded_and_analysed(page: Page, record: list[Path]) -> None:
    upload(page, "Your recording", record)
    expect(page.get_by_role("heading", name="case7")).to_be_visible(timeout=SLOW_MS)
    expect(page.get_by_text(re.compile("The annotation file (agrees|differs)"))).to_be_visible(timeout=SLOW_MS)


def test_a_refresh_and_a_second_tab_open_the_same_recording(new_page: NewPage, record: list[Path]) -> None:
    first, second = new_page(), new_page()
    upload(first, "Your recording", record)
    expect(first.get_by_role("heading", name="case7")).to_be_visible(timeout=SLOW_MS)
    expect(first).to_have_url(re.compile(r"\?recording=[0-9a-f]{64}"))
    assert "case7" not in first.url
    first.reload()
    expect(first.get_by_role("heading", name="case7")).to_be_visible(timeout=SLOW_MS)
    expect(beat_heading(first)).to_be_visible(timeout=SLOW_MS)
    second.goto(first.url)
    expect(beat_heading(second)).to_be_visible(timeout=SLOW_MS)


def test_half_a_record_asks_for_the_other_half_and_goes_on_when_it_comes(page: Page, record: list[Path]) -> None:
    upload(page, "Your recording", record[:1])
    expect(page.get_by_text("Add the signal file (.dat)")).to_be_visible()
    upload(page, "Your recording", record[1:])
    expect(page.get_by_role("heading", name="case7")).to_be_visible(timeout=SLOW_MS)


def test_a_bad_file_is_refused_in_one_sentence_and_the_open_analysis_stays(page: Page, tmp_path: Path) -> None:
    open_demo(page)
    chosen = beat_heading(page).inner_text()
    beacon = tmp_path / "![x](http:~~example.org~x.png).csv"
    beacon.write_bytes(b"\x89PNG\r\n\x1a\n not a table")
    page.get_by_role("button", name="Open another").click()
    upload(page, "Your recording", [beacon])
    expect(page.get_by_test_id("stAlert").filter(has_text="is a PNG picture")).to_have_count(1)
    expect(page.get_by_test_id("stAlert").locator("img")).to_have_count(0)
    expect(beat_heading(page)).to_have_text(chosen)
    expect(page.get_by_label("Sampling frequency (Hz)")).to_have_count(0)
    expect(page.get_by_text("Your recording")).to_have_count(0)  # nothing lies over what was said
    settle(page)
    page.get_by_role("button", name="Next beat").click()
    expect(beat_heading(page)).not_to_have_text(chosen)


def test_a_picture_of_a_beat_is_read_and_explained(page: Page, tmp_path: Path, shot: Shot) -> None:
    go(page, "Picture")
    upload(page, "One or more pictures", [beat_picture(tmp_path / "beat.png")])
    expect(page.get_by_text("Where the network looked (")).to_be_visible(timeout=SLOW_MS)
    expect(page.get_by_text("The trace in the network's inks")).to_be_visible()
    expect(page.get_by_text("cannot show that it came early")).to_be_visible()
    shot(page, "picture")


def test_two_visitors_do_not_see_each_others_record(new_page: NewPage, record: list[Path]) -> None:
    first, second = new_page(), new_page()
    upload(first, "Your recording", record)
    open_demo(second)
    expect(first.get_by_role("heading", name="case7")).to_be_visible(timeout=SLOW_MS)
    second.get_by_role("button", name="Next beat").click()
    expect(second.get_by_role("heading", name="case7")).to_have_count(0)
    expect(second.get_by_role("heading", name="208_excerpt")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_no_page_scrolls_sideways(new_page: NewPage, shot: Shot, size: tuple[int, int], scheme: str) -> None:
    page = new_page(size, scheme)
    open_demo(page)
    assert_fits(page)
    shot(page, f"analyse-{scheme}")
    for title in ("Picture", "Dataset", "Evaluation", "About"):
        go(page, title)
        expect(page.get_by_text("For research use only.")).to_be_visible()
        settle(page)  # a picture that is asked for after its page was left is gone: 404
        page.wait_for_load_state("networkidle")
        assert_fits(page)
        shot(page, f"{title.lower()}-{scheme}")
    go(page, "Analyse")
    expect(page.get_by_text(SEEN)).to_be_visible()
