"""The pages where people sign in: the door, who is idle, who may not, and what a forgotten setting does."""

from __future__ import annotations

import ast
import time
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app.common import sign_in, steering
from pipeline.config import ROOT
from pipeline.datasets import demo_path
from pipeline.intake import read_path
from pipeline.principal import LOCAL, Role
from pipeline.store import access, reviews
from pipeline.store.recordings import save_recording
from pipeline.store.studies import get_study
from pipeline.worker import Client, Job, JobStatus
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


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the worker is told to do; it does nothing."""
    done: list[str] = []
    for name in ("ask", "cancel", "remove"):
        monkeypatch.setattr(Client, name, lambda self, job, what=name, **more: done.append(what))
    return done


def waiting(group: str, status: JobStatus, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The page Analyse, where somebody opens a recording that is analysed for somebody else."""
    digest = save_recording(read_path(demo_path()), reader=LOCAL).digest
    monkeypatch.setattr(Client, "status", lambda self, job: status)
    return entered(claims(group), "analyse", recording=digest)


@pytest.mark.parametrize(
    ("state", "key", "act"),
    [("running", "cancel", "cancel"), ("cancelled", "go-on", "ask"), ("stopped", "go-on", "ask")],
)
def test_a_viewer_neither_cancels_nor_resumes_what_others_asked_for(
    state: Any, key: str, act: str, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = waiting("viewers", JobStatus(state, 0.4), monkeypatch)
    assert page.button(key=key).disabled
    assert page.button(key=key).help == steering.ONLY
    forced(page, key)
    assert not page.exception
    assert told == []
    page = waiting("readers", JobStatus(state, 0.4), monkeypatch)
    assert not page.button(key=key).disabled
    page.button(key=key).click().run()
    assert told[-1] == act


def test_a_viewer_changes_nothing_of_the_worklist_s_analyses(told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    job = Job("0" * 64, "cnn", "x", None, 10_000)
    monkeypatch.setattr(Client, "jobs", lambda self: [(job, JobStatus("stopped", 0.4))])
    page = entered(claims("viewers"), "worklist")
    for label in ("Go on", "Remove"):
        assert page.button(key=f"{label}-{job.key[:12]}").disabled
        forced(page, f"{label}-{job.key[:12]}")
    assert told == []


def idle() -> None:
    """The list of analyses on a page that was left open, when it next looks."""
    from datetime import UTC, datetime, timedelta

    import streamlit as st

    from app.common import sign_in
    from app.worklist import running
    from pipeline.principal import Principal

    if st.session_state.pop(sign_in._NEXT_UNATTENDED, False):
        st.markdown("drawn again, by nobody")
        return
    st.session_state[sign_in._KEY] = Principal(
        "Ada", frozenset({"reader"}), "key", None, datetime.now(UTC) - timedelta(seconds=1)
    )
    running._looking(())


def test_a_worklist_that_was_left_open_goes_to_the_door_and_fails_nowhere() -> None:
    page = AppTest.from_function(idle).run()
    assert not page.exception
    assert [shown.value for shown in page.markdown] == ["drawn again, by nobody"]


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each run of a page was nobody's click."""
    seen: list[bool] = []

    def admit(pages: dict[str, str], whole: Any = sign_in.admit) -> bool:
        admitted: bool = whole(pages)
        seen.append(st.session_state.get(sign_in._UNATTENDED, False))
        return admitted

    monkeypatch.setattr(sign_in, "admit", admit)
    return seen


def test_what_analyse_refreshes_by_itself_is_no_click_and_the_next_part_that_is_used_is_one(
    told: list[str], runs: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = waiting("readers", JobStatus("running", 0.4), monkeypatch)
    runs.clear()
    monkeypatch.setattr(Client, "status", lambda self, job: JobStatus("refused", 0.4, "It is too short."))
    page.run()
    assert "It is too short." in said(page)
    assert runs == [False, True]
    assert sign_in._UNATTENDED not in page.session_state


def test_a_second_run_of_the_same_click_or_of_none_stays_what_the_first_one_was(runs: list[bool]) -> None:
    def twice() -> None:
        import streamlit as st

        from app.common import sign_in

        st.session_state[sign_in._UNATTENDED] = st.session_state.pop(sign_in._NEXT_UNATTENDED, False)
        st.session_state.setdefault("runs", []).append(st.session_state[sign_in._UNATTENDED])
        if len(st.session_state["runs"]) == 1:
            sign_in.refresh()
        if len(st.session_state["runs"]) == 2:
            sign_in.run_again()

    page = AppTest.from_function(twice).run()
    assert page.session_state["runs"] == [False, True, True]
    page.run()
    assert page.session_state["runs"][-1] is False


def test_parts_that_refresh_themselves_never_count_as_a_click() -> None:
    """They run the page again through `refresh` only, and ask who is there with `looking` only."""
    found = set()
    for file in (ROOT / "app").rglob("*.py"):
        for part in _refreshing(ast.parse(file.read_text("utf-8"))):
            found.add(f"{file.parent.name}/{file.stem}.{part.name}")
            calls = {ast.unparse(node.func) for node in ast.walk(part) if isinstance(node, ast.Call)}
            assert not calls & {"st.rerun", "sign_in.current", "sign_in.asking", "reader.current"}, (file, part.name)
    assert found == {
        "analyse/comparison._wait", "analyse/waiting._progress", "common/sign_in.look", "live/running._watch",
        "review/triage_list._second_opinion", "worklist/running._looking",
    }  # fmt: skip


def _refreshing(tree: ast.Module) -> list[ast.FunctionDef]:
    """The functions that are fragments with `run_every`, as a decorator or by a call that names them."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "st.fragment"]
    timed = [call for call in calls if any(word.arg == "run_every" for word in call.keywords)]
    names = {ast.unparse(arg) for call in timed for arg in call.args}
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return [one for one in functions if one.name in names or any(mark in timed for mark in one.decorator_list)]
