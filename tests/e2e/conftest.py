"""One server and one Chromium for all stories; any console error or foreign request fails the story it happened in."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright

from pipeline.datasets import demo_path
from tests.helpers.server import Server
from tests.helpers.stories import NARROW, WIDE, NewPage

CHROMIUM = "/usr/bin/chromium"
ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE = "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36"
# Opened at the address of a page, Streamlit's browser side looks for its server below that page first: two 404.
SEARCHING = re.compile(r"/\w+/_stcore/(health|host-config)$")
expect.set_options(timeout=30_000)  # stories ask what happens, benchmarks how fast: CI's two cores may be busy


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a freshly started app with an empty cache."""
    folders = {name: str(tmp_path_factory.mktemp(name.lower())) for name in ("HEARTVISION_CACHE", "HEARTVISION_HOME")}
    server = Server(tmp_path_factory.mktemp("server") / "log.txt", folders)
    yield server.address
    server.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; where it is missing the stories fail."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
        yield chromium
        chromium.close()


@pytest.fixture
def new_page(address: str, browser: Browser) -> Iterator[NewPage]:
    """Makes pages at a size and in a colour scheme, opened at the start of the app and watched until the story ends."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []
    foreign: list[str] = []

    def console(message: ConsoleMessage) -> None:
        if message.type == "error" and not SEARCHING.search(message.location.get("url", "")):
            errors.append(f"{message.text} ({message.location.get('url', '')})")

    def requested(request: Request) -> None:
        if not request.url.startswith((address, "data:", "blob:")):
            foreign.append(request.url)

    def make(size: tuple[int, int] = WIDE, scheme: str = "light") -> Page:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if scheme == "dark" else "light",
            reduced_motion="reduce",  # nothing moves while a story waits: drawn without a GPU, that costs a core
            user_agent=PHONE if size == NARROW else None,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("console", console)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", requested)
        page.goto(address)
        page.get_by_role("heading", level=1).first.wait_for()
        return page

    yield make
    for context in contexts:
        context.close()
    assert not errors, "the browser's console shows errors"
    assert not foreign, "requests left this machine"


@pytest.fixture
def page(new_page: NewPage) -> Page:
    """A wide page at the start of the app."""
    return new_page()


@pytest.fixture
def shot(request: pytest.FixtureRequest) -> Callable[[Page, str], None]:
    """Saves a picture of the whole page under HEARTVISION_SCREENSHOTS, where that is set."""

    def save(page: Page, name: str) -> None:
        if folder := os.environ.get("HEARTVISION_SCREENSHOTS"):
            size = page.viewport_size or {"width": 0, "height": 0}
            height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
            page.set_viewport_size({"width": size["width"], "height": height})
            page.wait_for_load_state("networkidle")
            page.screenshot(path=Path(folder) / f"{name}-{size['width']}.png")
            page.set_viewport_size({"width": size["width"], "height": size["height"]})

    return save


@pytest.fixture
def record(tmp_path: Path) -> list[Path]:
    """The demo recording under another name, as the files of someone's own record."""
    source = demo_path()
    header = source.read_text("ascii").replace(source.stem, "case7")
    (tmp_path / "case7.hea").write_text(header, "ascii")
    for ending in (".dat", ".atr"):
        shutil.copyfile(source.with_suffix(ending), tmp_path / f"case7{ending}")
    return [tmp_path / f"case7{ending}" for ending in (".hea", ".dat", ".atr")]
