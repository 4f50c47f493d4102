"""The pages where people sign in: the door, who is idle, who may not, and what a forgotten setting does."""

from __future__ import annotations

import time
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from app.common import sign_in
from pipeline.principal import LOCAL, Role
from pipeline.store import access, reviews
from pipeline.store.studies import get_study
from tests.helpers.studies import MAIN, said, study

pytestmark = pytest.mark.usefixtures("own_store")
ROLES = {"readers": ["reader"], "viewers": ["viewer"], "signers": ["signer"], "chiefs": ["administrator"]}


@pytest.fixture(autouse=True)
def sign_in_is_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the application leaves it; set here so that it is taken back."""
    monkeypatch.setenv("HEARTVISION_SIGN_IN", "1")


def claims(group: str = "readers", *, age_s: float = 0.0) -> dict[str, Any]:
    at = time.time() - age_s
    return {
        "is_logged_in": True, "iss": "https://id.example", "sub": group, "nonce": group, "name": f"Ada of {group}",
        "iat": at, "auth_time": at, "groups": [group],
    }  # fmt: skip


def entered(user: dict[str, Any] | None, page: str = "", **query: str) -> AppTest:
    test = AppTest.from_file(MAIN, default_timeout=300)
    test.secrets = {"auth": {"cookie_secret": "x"}, "heartvision": {"roles_claim": "groups", "roles": ROLES}}
    test.user = user or {"is_logged_in": False}
    for name, value in query.items():
        test.query_params[name] = value
    test.run()
    if page:
        test.switch_page(f"{page}/page.py")
        for name, value in query.items():
            test.query_params[name] = value
        test.run()
    assert not test.exception
    return test


def forced(page: AppTest, key: str) -> None:
    """Press a button that is disabled, as somebody can who writes to the websocket themselves."""
    page.button(key=key).proto.disabled = False
    page.button(key=key).click().run()


def made(record: str = "Holter_inside") -> tuple[int, str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("HEARTVISION_SIGN_IN")
        number = study(record)
        return number, get_study(number).token


@pytest.mark.parametrize("page", ["worklist", "analyse", "review", "study", "live", "dataset", "evaluation", "about"])
def test_whoever_is_signed_out_sees_the_door_on_every_page(page: str) -> None:
    _, token = made()
    shown = entered(None, page, study=token)
    assert [title.value for title in shown.title] == ["Sign in"]
    assert "Holter_inside" not in said(shown)
    assert [button.key for button in shown.button] == ["sign-in"]


def test_a_reader_comes_in_under_their_own_name_and_needs_to_say_none() -> None:
    number, token = made()
    page = entered(claims(), "study", study=token)
    assert "Holter_inside" in said(page)
    assert "Signed in as Ada of readers (reader)" in said(page).replace("*", "")
    assert not [field for field in page.text_input if field.key == "reader-name"]
    page.button(key="begin-review").click().run()
    assert [entry.who for entry in reviews.audit(number, reader=LOCAL)] == ["Ada of readers"]


def test_a_viewer_looks_and_has_no_button_that_does_anything() -> None:
    _, token = made()
    page = entered(claims("viewers"), "study", study=token)
    assert page.button(key="begin-review").disabled
    assert page.button(key="forget-signal").disabled


def test_a_viewer_who_presses_a_disabled_button_all_the_same_changes_nothing() -> None:
    number, token = made()
    page = entered(claims("viewers"), "study", study=token)
    forced(page, "begin-review")
    assert reviews.audit(number, reader=LOCAL) == ()


def test_somebody_idle_for_too_long_is_outside_again(monkeypatch: pytest.MonkeyPatch) -> None:
    _, token = made()
    monkeypatch.setenv("HEARTVISION_IDLE_MINUTES", "0.05")
    page = entered(claims(), "study", study=token)
    time.sleep(3.1)
    page.run()
    assert [title.value for title in page.title] == ["Sign in"]
    assert "Holter_inside" not in said(page)
    assert "heartvision-study" not in page.session_state


def test_signing_out_ends_the_sign_in_and_not_only_this_page() -> None:
    who = claims()
    page = entered(who, "worklist")
    page.button(key="sign-out").click().run()
    assert [title.value for title in page.title] == ["Sign in"]
    assert [title.value for title in entered(who, "worklist").title] == ["Sign in"]
    assert [entry.event for entry in access.accesses(LOCAL)] == ["sign_out", "sign_in"]


def test_an_old_sign_in_cannot_sign_and_says_how() -> None:
    number, token = made()
    old = {**claims("signers"), "auth_time": time.time() - 3600}
    page = entered(old, "study", study=token)
    page.button(key="begin-review").click().run()
    assert page.button(key="sign-study").disabled
    assert "A signature needs a sign-in of the last 10 minutes" in said(page)
    forced(page, "sign-study")
    assert reviews.standing(number, reader=LOCAL).state == "in_review"


def test_where_no_provider_is_configured_nobody_comes_in() -> None:
    test = AppTest.from_file(MAIN, default_timeout=300).run()
    assert [error.value for error in test.error] == [sign_in.UNCONFIGURED]
    assert [title.value for title in test.title] == ["Sign in"]


def test_somebody_without_a_role_stays_outside() -> None:
    shown = entered(claims("gardeners"), "worklist")
    assert "have no role here" in said(shown)
    assert [title.value for title in shown.title] == ["Sign in"]


def test_no_principal_is_made_anywhere_else() -> None:
    assert not sign_in._NOBODY.may("view")
    every: frozenset[Role] = frozenset()
    assert sign_in._NOBODY.roles == every


def test_administrators_see_the_log_of_access_and_nobody_else_does() -> None:
    entered(claims("readers"), "worklist")
    log = [table.value for table in entered(claims("chiefs"), "about").dataframe if "Who" in table.value]
    assert [list(table["Who"]) for table in log] == [["Ada of chiefs", "Ada of readers"]]
    assert not [table for table in entered(claims("readers"), "about").dataframe if "Who" in table.value]
