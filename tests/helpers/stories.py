"""What browser stories have in common: steps, time limits and window sizes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

WIDE, NARROW = (1440, 900), (390, 844)
SLOW_MS = 120_000  # TensorFlow is imported, and every beat read, on what may be a busy machine
SEEN = re.compile("Where it looked for [NSVFQ]")  # the last thing that is drawn of a beat
NewPage = Callable[..., Page]
Shot = Callable[[Page, str], None]


def open_demo(page: Page) -> None:
    page.get_by_role("button", name="Open the demo recording").click()
    expect(page.get_by_text(SEEN)).to_be_visible(timeout=SLOW_MS)
    settle(page)


# Between two runs of the script the page is quiet for a moment: only what stays quiet has settled.
SETTLED = """() => {
  const busy = document.querySelector('[data-testid=stApp]').dataset.testScriptState !== 'notRunning'
    || document.querySelector('[data-stale=true]') !== null;
  const now = performance.now();
  if (busy || window.quietSince === undefined) window.quietSince = now;
  return !busy && now - window.quietSince > 500;
}"""


def settle(page: Page) -> None:
    """Waits until the page has drawn everything: a click while it is redrawn may fall on a button that goes away."""
    page.evaluate("() => { window.quietSince = undefined }")
    page.wait_for_function(SETTLED)


def upload(page: Page, label: str, files: list[Path]) -> None:
    page.locator("[data-testid=stFileUploader]", has_text=label).locator("input[type=file]").set_input_files(files)


def assert_fits(page: Page) -> None:
    for selector in ("html", "[data-testid=stMain]"):
        wide, room = page.locator(selector).evaluate("e => [e.scrollWidth, e.clientWidth]")
        assert wide <= room, f"{selector} is {wide} px wide in {room} px at {page.url}"
