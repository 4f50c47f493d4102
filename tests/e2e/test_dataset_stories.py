"""Pictures made of a recording in a real browser: a preview, all of them, and the archive that is downloaded."""

from __future__ import annotations

import csv
import io
import zipfile

import pytest
from playwright.sync_api import expect

from tests.helpers.stories import NARROW, SLOW_MS, WIDE, NewPage, Shot, assert_fits, settle

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("size", "scheme"), [(WIDE, "light"), (NARROW, "dark")], ids=["wide", "narrow"])
def test_pictures_of_the_demo_are_previewed_made_and_downloaded(
    new_page: NewPage, shot: Shot, size: tuple[int, int], scheme: str
) -> None:
    page = new_page(size, scheme)
    page.goto(page.url.rstrip("/") + "/dataset")
    page.get_by_role("tab", name="Make pictures").click()
    page.get_by_label("Style").last.click()
    page.get_by_role("option", name="ECG paper, to scale").click()
    settle(page)
    page.get_by_role("button", name="Look at a few pictures").click()
    expect(page.get_by_role("img", name="A picture of V: Ventricular ectopic").first).to_be_visible(timeout=SLOW_MS)
    settle(page)
    assert_fits(page)
    shot(page, f"make-preview-{scheme}")
    page.get_by_role("button", name="Make all pictures").click()
    button = page.get_by_role("button", name="Download the pictures")
    expect(button).to_be_visible(timeout=SLOW_MS)
    settle(page)
    button.scroll_into_view_if_needed()
    shot(page, f"make-result-{scheme}")
    with page.expect_download() as download:
        button.click()
    with zipfile.ZipFile(download.value.path()) as archive:
        rows = list(csv.DictReader(io.StringIO(archive.read("pictures/manifest.csv").decode())))
        drawn = {name for name in archive.namelist() if name.endswith(".png")}
    assert {f"pictures/{row['picture']}" for row in rows} == drawn
    assert len(drawn) > 400
