"""The About page: limits from the configuration, networks from their manifests."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from models import registry
from pipeline.config import DEFAULT, ROOT

PAGE = str(ROOT / "app" / "about" / "page.py")


def test_it_says_what_it_is_not_and_publishes_its_limits() -> None:
    page = AppTest.from_file(PAGE, default_timeout=60).run()
    assert not page.exception
    assert any("not a medical device" in markdown.value for markdown in page.markdown)
    limits = page.table[1].value
    assert limits.loc["Leads", "Limit"] == f"1 to {DEFAULT.limits.leads}"


def test_what_it_is_not_denies_nothing_that_the_application_states() -> None:
    page = AppTest.from_file(PAGE, default_timeout=60).run()
    (says,) = [markdown.value for markdown in page.markdown if "not a medical device" in markdown.value]
    assert "intervals, axis and ST levels" in says
    assert "excludes nothing" in says
    assert "not read" not in says


def test_each_network_has_its_card() -> None:
    page = AppTest.from_file(PAGE, default_timeout=60).run()
    titles = [expander.label for expander in page.expander]
    for name in registry.available():
        assert f"{registry.manifest(name).title} ({name})" in titles


def test_the_page_network_is_among_them_with_its_own_answers() -> None:
    page = AppTest.from_file(PAGE, default_timeout=60).run()
    assert not page.exception
    (card,) = [expander for expander in page.expander if expander.label == "VGG16 on 12-lead pages (page)"]
    value = card.table[0].value["Value"]
    assert value["Answers"].startswith("Normal, Myocardial infarction")
    assert "Abnormal from" not in value
