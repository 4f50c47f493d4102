"""What happens around the reading: the morning's list, two readers at once, signatures, a server that is killed."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from pipeline.review.decisions import Decision
from pipeline.store import reviews, second_reading
from pipeline.store.database import database
from pipeline.store.studies import get_study
from tests.helpers.review_study import at, study
from tests.helpers.server import Server
from tests.helpers.stories import NARROW, WIDE, NewPage, Shot, assert_fits, settle, upload

pytestmark = pytest.mark.browser
BEATS = "NNVNSNNUFNVVVNNNNN"
MANY = 60
ANNA, BERT = "Anna Müller", "Bert Okafor"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The app with a home that this process shares."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("HEARTVISION_CACHE", "HEARTVISION_HOME"):
            patch.setenv(variable, str(tmp_path_factory.mktemp(variable.lower())))
        patch.delenv("HEARTVISION_DATABASE_URL", raising=False)
        for number in range(MANY):
            study(f"Holter {number:02d}", BEATS)
        started = Server(tmp_path_factory.mktemp("server") / "log.txt")
        yield started
        started.kill()
        database().engine.dispose()


@pytest.fixture(scope="module")
def address(server: Server) -> str:
    """Where the pages of these stories open: on our own server."""
    return server.address


def read_as(page: Page, name: str) -> None:
    page.get_by_label("Your name").fill(name)
    page.get_by_role("button", name="Read under this name").click()
    expect(page.get_by_test_id("stPopoverButton").filter(has_text=f"Reading as {name}")).to_be_visible()
    settle(page)


def on_review_page(page: Page) -> None:
    """Waits until the findings are listed and the keys are listened to."""
    expect(page.locator("[role=option][aria-selected=true]")).to_be_visible()
    expect(page.locator("html[data-keys=review]")).to_be_attached()
    settle(page)


def to_worklist(page: Page) -> None:
    if page.viewport_size == {"width": NARROW[0], "height": NARROW[1]}:
        page.get_by_test_id("stExpandSidebarButton").click()
    page.get_by_role("link", name="Worklist").click()
    expect(page.get_by_role("heading", name="Worklist")).to_be_visible()


def to_study(page: Page, address: str, number: int, tab: str = "Sign-off") -> None:
    page.goto(f"{address}/study?study={number}")
    expect(page.get_by_role("heading", name=get_study(number).record)).to_be_visible()
    page.get_by_role("tab", name=tab).click()
    settle(page)


def rows(page: Page) -> list[str]:
    return page.locator("table[aria-label=Studies] tbody a.name").all_inner_texts()


def test_a_study_is_found_sorted_and_opened_in_one_click(page: Page, shot: Shot) -> None:
    to_worklist(page)
    expect(page.get_by_text(re.compile(r"1 to 25 of \d+"))).to_be_visible()
    page.locator("th.record button").click()
    expect(page.locator("table[aria-label=Studies] a.name").first).to_have_text("Holter 00")
    page.locator("th.record button").click()
    expect(page.locator("table[aria-label=Studies] a.name").first).not_to_have_text("Holter 00")
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text(re.compile(r"26 to 50 of \d+"))).to_be_visible()
    shot(page, "worklist-page2")
    page.get_by_label("Search").fill("holter 42")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 to 1 of 1")).to_be_visible()
    assert rows(page) == ["Holter 42"]
    page.locator("table[aria-label=Studies] tbody td.findings").click()
    expect(page).to_have_url(re.compile(r"/review\?study=[\w-]{22}"))
    expect(page.get_by_text("Holter 42").first).to_be_visible()


def test_what_became_of_an_upload_is_said_and_nothing_lies_over_it(page: Page, tmp_path: Path) -> None:
    bad = tmp_path / "notes.hea"
    bad.write_text("no header")
    to_worklist(page)
    read_as(page, ANNA)
    page.get_by_role("button", name="Add recordings").click()
    upload(page, "Recordings, as many as you like", [bad])
    page.get_by_role("button", name="Add to the worklist").click()
    expect(page.get_by_test_id("stAlert").filter(has_text="notes")).to_be_visible()
    expect(page.get_by_role("button", name="Add to the worklist")).to_have_count(0)


def test_the_reader_is_remembered_by_the_browser_and_by_no_other(new_page: NewPage, address: str) -> None:
    page, other = new_page(), new_page()
    to_worklist(page)
    read_as(page, "Dr. 山田 O'Neil; x=1")
    page.reload()
    expect(page.get_by_text("Reading as Dr. 山田 O'Neil; x=1")).to_be_visible()
    to_worklist(other)
    expect(other.get_by_label("Your name")).to_be_visible()


def test_a_study_is_signed_taken_away_and_reopened(page: Page, address: str, tmp_path: Path, shot: Shot) -> None:
    number = study("Signed today", BEATS)
    to_study(page, address, number)
    read_as(page, ANNA)
    page.get_by_role("button", name="Begin the review").click()
    expect(page.get_by_text("findings are not reviewed")).to_be_visible()
    settle(page)
    page.get_by_role("button", name=f"Sign as {ANNA}").click()
    expect(page.get_by_text(f"Signed by {ANNA}")).to_be_visible()
    settle(page)
    shot(page, "signed")
    page.get_by_role("tab", name="Exports").click()
    for key, magic in (("take-pdf", b"%PDF-"), ("take-model-pdf", b"%PDF-"), ("take-hv", b"")):
        with page.expect_download() as download:
            page.locator(f".st-key-{key} button").click()
        path = tmp_path / download.value.suggested_filename
        download.value.save_as(path)
        assert path.read_bytes().startswith(magic)
    with page.expect_download() as download:
        page.locator(".st-key-take-json button").click()
    review = json.loads(Path(download.value.path()).read_text("utf-8"))["review"]
    assert (review["state"], review["status"], review["reader"]) == ("signed", "final", ANNA)
    page.get_by_role("tab", name="Sign-off").click()
    page.get_by_text("Reopen it to change something").click()
    page.get_by_label("Reason").fill("A run was missed")
    page.get_by_role("button", name=f"Reopen as {ANNA}").click()
    expect(page.get_by_text("Reopened and saved.")).to_be_visible()
    page.get_by_role("tab", name="Audit trail").click()
    with page.expect_download() as download:
        page.locator(".st-key-audit-csv button").first.click()
    assert "A run was missed" in Path(download.value.path()).read_text("utf-8")


def test_two_browsers_on_one_study_overwrite_nothing_and_say_who_was_faster(new_page: NewPage, address: str) -> None:
    number = study("Read by two", BEATS)
    reviews.begin_review(number, reader=ANNA)
    anna, bert = new_page(), new_page()
    to_study(anna, address, number)
    read_as(anna, ANNA)
    bert.goto(f"{address}/review?study={number}")
    read_as(bert, BERT)
    on_review_page(bert)
    bert.keyboard.press("c")
    expect(bert.get_by_role("button", name="Undo")).to_be_enabled()
    settle(bert)
    anna.get_by_role("button", name=f"Sign as {ANNA}").click()
    refusal = anna.get_by_test_id("stAlert").filter(has_text=re.compile(rf"{BERT} confirmed \d+ beats? at .* UTC"))
    expect(refusal).to_be_visible()
    assert get_study(number).state == "in_review"
    settle(anna)
    anna.get_by_role("button", name=f"Sign as {ANNA}").click()
    expect(anna.get_by_text(f"Signed by {ANNA}")).to_be_visible()
    bert.keyboard.press("v")
    expect(bert.get_by_text(re.compile(rf"{ANNA} signed the study|This study is signed"))).to_be_visible()
    assert [entry.event for entry in reviews.audit(number)] == ["begin", "decide", "concluded", "sign", "report"]


def test_two_readings_are_compared_and_settled(page: Page, address: str, shot: Shot) -> None:
    number = study("Read twice", BEATS)
    version = reviews.decide(number, Decision("override", at(0, 1), "V"), reader=ANNA, expected_version=0)
    assert version == 2
    second_reading.begin_second(number, reader=BERT)
    reviews.decide(number, Decision("override", at(0, 3), "S"), reader=BERT, expected_version=1, reading="second")
    second_reading.finish_second(number, reader=BERT, expected_version=2)
    to_study(page, address, number, "Second reading")
    read_as(page, "Carla")
    page.get_by_role("tab", name="Second reading").click()
    expect(page.get_by_text("1 of 3 open")).to_be_visible()
    shot(page, "second")
    for left in (2, 1):
        page.get_by_role("button", name=f"{BERT}:").click()
        expect(page.get_by_text(f"1 of {left} open")).to_be_visible()
        settle(page)
    page.get_by_role("button", name=f"{ANNA}:").click()
    expect(page.get_by_text("Every difference is settled")).to_be_visible()


def test_a_killed_server_loses_no_confirmed_decision(server: Server, browser: Browser) -> None:
    number = study("Power cut", BEATS)
    context = browser.new_context(viewport={"width": WIDE[0], "height": WIDE[1]})
    page = context.new_page()
    page.goto(f"{server.address}/review?study={number}")
    read_as(page, ANNA)
    on_review_page(page)
    confirmed = 0
    for _ in range(3):
        for key in ("x", "u"):
            page.keyboard.press(key)
            confirmed += 1
            expect(page.get_by_role("button", name="Undo" if key == "x" else "Redo")).to_be_enabled()
            settle(page)
    page.keyboard.press("x")
    server.kill()
    entries = [entry for entry in reviews.audit(number) if entry.event != "begin"]
    assert confirmed <= len(entries) <= confirmed + 1
    server.start()
    page.goto(f"{server.address}/review?study={number}")
    expect(page.get_by_text("findings reviewed")).to_be_visible()
    expect(page.get_by_text(f"Reading as {ANNA}")).to_be_visible()
    on_review_page(page)
    page.keyboard.press("d")
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()
    deadline = time.monotonic() + 30
    while len(reviews.audit(number)) <= len(entries) + 1:
        assert time.monotonic() < deadline, "nothing can be decided after the restart"
        page.wait_for_timeout(50)
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_worklist_and_study_fit_the_screen(
    new_page: NewPage, address: str, shot: Shot, size: tuple[int, int], scheme: str
) -> None:
    page = new_page(size, scheme)
    to_worklist(page)
    read_as(page, ANNA)
    expect(page.locator("table[aria-label=Studies] tbody tr")).to_have_count(25)
    settle(page)
    assert_fits(page)
    shot(page, f"worklist-{scheme}")
    number = study(f"Seen in {scheme} at {size[0]}", BEATS)
    reviews.decide(number, Decision("override", at(0, 1), "V", "wide, no P"), reader=BERT, expected_version=0)
    for tab in ("Sign-off", "Second reading", "Exports", "Audit trail"):
        to_study(page, address, number, tab)
        assert_fits(page)
        shot(page, f"study-{tab.lower().replace(' ', '-')}-{scheme}")


def test_a_change_of_theme_keeps_the_labels_of_a_page_that_is_open(new_page: NewPage, address: str) -> None:
    number = study("Read at dusk", BEATS)
    page = new_page(WIDE, "light")
    page.goto(f"{address}/review?study={number}")
    letter = page.locator(".js-plotly-plot text").filter(has_text=re.compile("^N$")).first
    expect(letter).to_have_css("fill", "rgb(92, 104, 115)")
    page.emulate_media(color_scheme="dark")
    expect(letter).to_have_css("fill", "rgb(154, 167, 178)")
