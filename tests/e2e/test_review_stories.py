"""What a cardiologist does at the workbench, in a real browser, mostly without a mouse."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.helpers.stories import NARROW, WIDE, NewPage, Shot, assert_fits, open_demo, settle

pytestmark = pytest.mark.browser
CHOSEN = "[role=option][aria-selected=true]"


def open_review(page: Page, name: str = "Ada Moreau") -> None:
    """The demo's study, from the Analyse page, under a name given by the keyboard."""
    open_demo(page)
    page.get_by_role("button", name="Review this recording").click()
    expect(page).to_have_url(re.compile(r"/review\?study=[\w-]{22}"))
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Your name").press("Enter")  # a page that is drawn again takes the focus away
    expect(page.get_by_text(f"Reading as {name}")).to_be_visible()
    expect(page.locator("html[data-keys=review]")).to_be_attached()
    settle(page)


def reviewed(page: Page) -> int:
    found = re.search(r"(\d+) of \d+ findings reviewed", page.get_by_text("findings reviewed").inner_text())
    assert found is not None
    return int(found[1])


def expect_reviewed(page: Page, count: int) -> None:
    expect(page.get_by_text(re.compile(rf"{count} of \d+ findings reviewed"))).to_be_visible()
    settle(page)


def test_a_recording_is_reviewed_with_the_keyboard_alone_and_a_refresh_loses_nothing(page: Page, shot: Shot) -> None:
    open_review(page)
    start = reviewed(page)
    first = page.locator(CHOSEN).inner_text()
    page.keyboard.press("c")
    expect(page.locator(CHOSEN)).not_to_have_text(first, use_inner_text=True)
    settle(page)
    confirmed = reviewed(page)  # all findings of the group
    assert confirmed > start
    second = page.locator(CHOSEN).inner_text()
    page.keyboard.press("x")
    expect(page.locator(CHOSEN)).not_to_have_text(second, use_inner_text=True)
    settle(page)
    page.keyboard.press("u")
    expect(page.get_by_role("button", name="Redo")).to_be_enabled()
    settle(page)
    page.keyboard.press("u")
    expect_reviewed(page, start)
    page.keyboard.press("r")
    expect_reviewed(page, confirmed)
    before = page.locator(CHOSEN).inner_text()
    page.keyboard.press("ArrowDown")
    expect(page.locator(CHOSEN)).not_to_have_text(before, use_inner_text=True)
    settle(page)
    chosen = page.locator(CHOSEN).inner_text()
    page.reload()
    expect_reviewed(page, confirmed)
    expect(page.locator(CHOSEN)).to_have_text(chosen, use_inner_text=True)
    expect(page.get_by_text("Reading as Ada Moreau")).to_be_visible()
    expect(page.locator("html[data-keys=review]")).to_be_attached()
    page.keyboard.press("v")
    expect(page.get_by_role("button", name="Redo")).to_be_disabled()
    shot(page, "review")


def test_a_key_that_decides_is_refused_while_the_page_is_at_work_and_one_that_moves_waits(page: Page) -> None:
    open_review(page, "Ivo Lang")
    start = reviewed(page)
    page.keyboard.press("c")
    page.keyboard.press("c")
    expect(page.get_by_role("status").filter(has_text="Not taken")).to_be_visible()
    settle(page)
    once = reviewed(page)
    assert once > start
    page.keyboard.press("u")
    expect_reviewed(page, start)
    before = page.locator(CHOSEN).inner_text()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    settle(page)
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    settle(page)
    expect(page.locator(CHOSEN)).to_have_text(before, use_inner_text=True)


def test_a_stretch_is_named_and_its_end_dragged(page: Page) -> None:
    open_review(page, "Jana Roth")
    page.keyboard.press("w")
    page.get_by_label("Rhythm").last.fill("Atrial fib")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Name", exact=True).click()
    heading = page.locator(".st-key-review-way")
    expect(heading).to_contain_text("Atrial fibrillation 10 s")
    settle(page)
    box = page.locator("[class*=st-key-review-strip] .nsewdrag").first.bounding_box()
    assert box is not None
    grips = page.locator("[class*=st-key-review-strip] g.annotation", has_text="⇔").all()
    shown = min((grip.bounding_box() or {"x": 1e6, "width": 0.0} for grip in grips), key=lambda grip: grip["x"])
    start = shown["x"] + shown["width"] / 2
    page.mouse.move(start, box["y"] + box["height"] * 0.7)
    page.mouse.down()
    page.mouse.move(start + box["width"] * 0.3, box["y"] + box["height"] * 0.75, steps=8)
    page.mouse.up()
    expect(heading).to_contain_text(re.compile(r"Atrial fibrillation [67] s"))
    settle(page)
    page.keyboard.press("x")
    expect(page.get_by_role("option", name=re.compile("Atrial fibrillation"))).to_have_count(0)


def test_a_key_that_decides_is_refused_however_late_the_server_begins(page: Page) -> None:
    open_review(page, "Mira Falk")
    held: list[str | bytes] = []
    late = False

    def slow(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        socket.on_message(lambda message: held.append(message) if late else server.send(message))
        servers.append(server)

    servers: list[WebSocketRoute] = []
    page.route_web_socket(re.compile("_stcore/stream"), slow)
    page.reload()
    expect(page.locator("html[data-keys=review]")).to_be_attached()
    settle(page)
    start, late = reviewed(page), True
    page.keyboard.press("c")
    page.wait_for_timeout(1500)
    page.keyboard.press("c")
    expect(page.get_by_role("status").filter(has_text="Not taken")).to_be_visible()
    late = False
    for message in held:
        servers[-1].send(message)
    expect(page.get_by_text(re.compile(rf"\b{start} of \d+ findings reviewed"))).to_have_count(0)
    settle(page)
    assert len(held) == 1
    page.keyboard.press("u")
    expect_reviewed(page, start)


def drag_over_the_strip(page: Page, start: float, stop: float) -> None:
    """From one share of the strip's width to another."""
    box = page.locator("[class*=st-key-review-strip] .nsewdrag").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * start, box["y"] + box["height"] * 0.5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * stop, box["y"] + box["height"] * 0.6, steps=8)
    page.mouse.up()
    settle(page)


def test_intervals_are_measured_on_the_strip_and_two_places_compared(page: Page, shot: Shot) -> None:
    open_review(page, "Lea Kern")
    page.keyboard.press("i")
    expect(page.get_by_text("Drag over the strip to measure")).to_be_visible()
    settle(page)
    drag_over_the_strip(page, 0.2, 0.3)
    drag_over_the_strip(page, 0.6, 0.65)
    listed = page.locator(".st-key-review-calipers-list strong")
    expect(listed).to_have_count(2)
    long, short = (int(text.split()[0]) for text in listed.all_inner_texts())
    assert long == pytest.approx(2 * short, abs=40)
    on_strip = page.locator("[class*=st-key-review-strip] g.annotation", has_text="/min")
    expect(on_strip).to_have_count(2)
    drag_over_the_strip(page, 0.3, 0.4)  # an end of the first one
    expect(listed).to_have_count(2)
    assert int(listed.first.inner_text().split()[0]) == pytest.approx(2 * long, abs=40)
    page.keyboard.press("p")
    expect(page.get_by_text("Compared with")).to_be_visible()
    settle(page)
    page.keyboard.press("Shift+ArrowRight")
    settle(page)
    scales = [
        page.locator(f"[class*=st-key-review-{name}] g.annotation", has_text="mm/mV").text_content()
        for name in ("pinned-", "strip-")
    ]
    assert scales[0] == scales[1]
    shot(page, "review-calipers")
    page.reload()
    expect(page.locator("html[data-keys=review]")).to_be_attached()
    settle(page)
    page.keyboard.press("i")
    expect(page.locator(".st-key-review-calipers-list strong")).to_have_count(2)


def test_help_lists_the_keys_and_they_rest_while_it_is_open(page: Page) -> None:
    open_review(page, "Cleo Brandt")
    before = reviewed(page)
    page.keyboard.press("?")
    help_text = page.get_by_role("dialog")
    expect(help_text).to_contain_text("confirm what the model says")
    page.keyboard.press("c")
    page.keyboard.press("Escape")
    expect(help_text).to_have_count(0)
    settle(page)
    assert reviewed(page) == before


def test_letters_typed_in_a_field_decide_nothing(page: Page) -> None:
    open_review(page, "Dana Voss")
    before = reviewed(page)
    page.locator("[class*=st-key-comment-]").get_by_role("button").first.click()
    page.get_by_label("Comment on").press_sequentially("v x c: no P wave")
    page.get_by_role("button", name="Keep the comment").click()
    expect(page.get_by_text("v x c: no P wave").first).to_be_visible()
    settle(page)
    assert reviewed(page) == before


def test_a_click_chooses_a_beat_and_a_drag_several(page: Page) -> None:
    open_review(page, "Emil Haas")
    strip = page.locator("[class*=st-key-review-strip]")
    strip.locator("g.textpoint text", has_text="N").nth(1).click(force=True)
    beat = page.locator(".st-key-review-scope-beat button")
    expect(beat.locator("strong")).to_contain_text("the beat at")
    settle(page)
    box = strip.locator(".nsewdrag").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.6)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + box["height"] * 0.7, steps=8)
    page.mouse.up()
    expect(page.locator(".st-key-review-scope-picked strong")).to_contain_text("the selection")


def test_a_line_drawn_around_intervals_selects_their_beats(page: Page) -> None:
    open_review(page, "Hana Ito")
    page.get_by_role("tab", name="RR").click()
    chart = page.locator("[class*=st-key-review-tachogram] .nsewdrag").first
    expect(chart).to_be_visible()
    settle(page)
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box is not None
    left, top, width, height = box["x"], box["y"], box["width"], box["height"]
    page.mouse.move(left + 0.1 * width, top + 0.5 * height)
    page.mouse.down()
    for x, y in ((0.7, 0.5), (0.7, 0.97), (0.1, 0.97), (0.1, 0.55)):
        page.mouse.move(left + x * width, top + y * height, steps=6)
    page.mouse.up()
    expect(page.locator(".st-key-review-scope-picked strong")).to_contain_text("the selection")
    settle(page)
    page.keyboard.press("c")
    expect(page.locator(".st-key-review-scope-picked")).to_have_count(0)


def test_a_click_in_the_list_goes_there_and_one_in_the_strip_adds_a_missed_beat(page: Page) -> None:
    open_review(page, "Finn Lund")
    row = page.get_by_role("option").nth(3)
    row.click()
    expect(row).to_have_attribute("aria-selected", "true")
    settle(page)
    page.keyboard.press("a")
    expect(page.get_by_text("Click in the strip where the missed beat is")).to_be_visible()
    settle(page)
    box = page.locator("[class*=st-key-review-strip] .nsewdrag").first.bounding_box()
    letters = page.locator("[class*=st-key-review-strip] g.textpoint text").nth(2).bounding_box()
    assert box is not None
    assert letters is not None
    between = letters["x"] + 30, box["y"] + box["height"] * 0.5  # 0.3 s after a beat
    page.mouse.move(*between)
    page.mouse.click(*between)
    expect(page.locator("[class*=st-key-review-strip]").get_by_text("new")).to_be_visible()


# Whether the fine lines of the strip are as far apart across as down, to 3 %.
SQUARE = """() => {
  const chart = document.querySelector("[class*=st-key-review-strip-] .js-plotly-plot");
  const apart = (kind, side) => {
    const lines = [...chart.querySelectorAll(kind)];
    const at = lines.map((line) => line.getBoundingClientRect()[side]).sort((a, b) => a - b);
    const steps = at.slice(1).map((x, i) => x - at[i]).filter((step) => step > 0.5).sort((a, b) => a - b);
    return steps[Math.floor(steps.length / 2)];
  };
  const [across, down] = [apart(".xgrid", "left"), apart(".ygrid", "top")];
  return Math.abs(across / down - 1) < 0.03;
}"""


def test_squares_are_square_at_every_width(page: Page) -> None:
    open_review(page, "Nora Lenz")
    for width in (1920, 1440, 1024, 700):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function(SQUARE)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_the_workbench_fits(new_page: NewPage, shot: Shot, size: tuple[int, int], scheme: str) -> None:
    page = new_page(size, scheme)
    open_review(page, f"Gil {size[0]} {scheme}")
    page.get_by_role("option", name="Ventricular couplet").first.click()  # a finding about beats, not a rhythm's
    settle(page)
    assert_fits(page)
    page.wait_for_function(SQUARE)
    for name in ("Confirm", "Artefact"):
        if size == WIDE:
            expect(page.get_by_role("button", name=name)).to_be_in_viewport(ratio=1)
    shot(page, f"review-{scheme}")
