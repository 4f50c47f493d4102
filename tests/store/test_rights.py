"""Who may do what: every call of the store, as each role, signed out, after too long, and as the blind reader."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from pipeline.config import ROOT, home_root
from pipeline.errors import AccessError, DataError, EcgError, ReviewError
from pipeline.identity import Identity
from pipeline.image_folders.runs import delete_run, rename_run
from pipeline.live.choice import SourceChoice
from pipeline.live.kept import delete_record
from pipeline.live.process import LiveManager
from pipeline.principal import LOCAL, RIGHTS, ROLES, Principal, Right, Role, Who, local, principal, require, roles_of
from pipeline.review.agreement import ReaderDifference
from pipeline.review.decisions import Decision
from pipeline.store import access, listing, reviews, second_reading
from pipeline.store.comparison import comparison
from pipeline.store.deletion import delete_signal, delete_unread
from pipeline.store.erasure import erase_names
from pipeline.store.identities import load_identity, save_identity
from pipeline.store.page_sources import PageSource, load_page_source, save_page_source
from pipeline.store.recordings import load_recording, open_recording, save_recording
from pipeline.store.signed_files import load_report
from pipeline.store.studies import (
    create_study,
    find_study,
    get_study,
    last_readers,
    next_study,
    signed_studies,
    state_counts,
    stored_analysis,
    study_at,
    worklist,
)
from pipeline.store.verification import verify_study
from tests.helpers.review_study import analysed, at, recorded, study

MODULES = (
    "studies",
    "listing",
    "reviews",
    "second_reading",
    "comparison",
    "deletion",
    "identities",
    "recordings",
    "page_sources",
    "erasure",
    "verification",
)
OWN = (
    "pipeline.store",
    "pipeline.live",
    "pipeline.image_folders",
    "pipeline.cases",
    "pipeline.export.signing",
    "app.common",
)
ANALYSIS = analysed()
DIGEST = ANALYSIS.digest
GIVEN = ReaderDifference(at(0)[0], at(0)[0], "N", "V", "N")
SEEN: dict[str, Any] = {"expected_version": 0}
CALLS: dict[str, tuple[Right, Callable[[int, Who], object]]] = {
    "accesses": ("administer", lambda n, who: access.accesses(who)),
    "adjudicate": ("decide", lambda n, who: second_reading.adjudicate(n, GIVEN, "first", reader=who, **SEEN)),
    "audit": ("view", lambda n, who: reviews.audit(n, reader=who)),
    "begin_review": ("decide", lambda n, who: reviews.begin_review(n, reader=who)),
    "begin_second": ("second", lambda n, who: second_reading.begin_second(n, reader=who)),
    "comparison": ("view", lambda n, who: comparison(n, reader=who)),
    "create_study": ("add", lambda n, who: create_study(ANALYSIS, reader=who)),
    "decide": ("decide", lambda n, who: reviews.decide(n, Decision("confirm", at(0)), reader=who, **SEEN)),
    "delete_signal": ("delete", lambda n, who: delete_signal(n, reader=who, reason="old")),
    "delete_unread": ("delete", lambda n, who: delete_unread("0" * 64, reader=who)),
    "erase_names": ("delete", lambda n, who: erase_names(n, reader=who, reason="asked")),
    "delete_record": ("delete", lambda n, who: delete_record(home_root() / "live" / "x.hea", reader=who)),
    "delete_run": ("administer", lambda n, who: delete_run(home_root() / "runs" / "x", reader=who)),
    "export": ("export", lambda n, who: access.export(who, DIGEST, "report")),
    "find_study": ("view", lambda n, who: find_study(ANALYSIS, reader=who)),
    "finish_second": ("second", lambda n, who: second_reading.finish_second(n, reader=who, **SEEN)),
    "get_study": ("view", lambda n, who: get_study(n, reader=who)),
    "last_readers": ("view", lambda n, who: last_readers(reader=who)),
    "load_identity": ("view", lambda n, who: load_identity(DIGEST, reader=who)),
    "load_page_source": ("view", lambda n, who: load_page_source(DIGEST, reader=who)),
    "load_recording": ("view", lambda n, who: load_recording(DIGEST, reader=who)),
    "load_report": ("export", lambda n, who: load_report("0" * 64, reader=who)),
    "next_study": ("view", lambda n, who: next_study(n, reader=who)),
    "open_recording": ("view", lambda n, who: open_recording(DIGEST, reader=who)),
    "readers": ("view", lambda n, who: listing.readers([n], reader=who)),
    "redo": ("decide", lambda n, who: reviews.redo(n, reader=who, **SEEN)),
    "rename": ("identify", lambda n, who: reviews.rename(n, "new", reader=who)),
    "rename_run": ("administer", lambda n, who: rename_run(home_root() / "x", "x" * 100, reader=who)),
    "reopen": ("sign", lambda n, who: reviews.reopen(n, reader=who, reason="wrong", **SEEN)),
    "save_decisions": ("decide", lambda n, who: _steps(n, who)),
    "save_identity": ("identify", lambda n, who: save_identity(DIGEST, Identity(name="A"), reader=who)),
    "save_page_source": ("add", lambda n, who: save_page_source("0" * 64, PageSource(b""), reader=who)),
    "save_recording": ("add", lambda n, who: save_recording(recorded(ANALYSIS), reader=who)),
    "save_step": ("decide", lambda n, who: _step(n, who)),
    "second_readings": ("view", lambda n, who: listing.second_readings([n], reader=who)),
    "sign": ("sign", lambda n, who: reviews.sign(n, reader=who, **SEEN)),
    "signed_studies": ("view", lambda n, who: signed_studies(reader=who)),
    "stamp": ("view", lambda n, who: reviews.stamp(n, reader=who)),
    "standing": ("view", lambda n, who: reviews.standing(n, reader=who)),
    "start": ("add", lambda n, who: _Live().start(SourceChoice("replay"), reader=who)),
    "state_counts": ("view", lambda n, who: state_counts(reader=who)),
    "stored_analysis": ("view", lambda n, who: stored_analysis(n, reader=who)),
    "study_at": ("view", lambda n, who: study_at("no such address", reader=who)),
    "study_of_analysis": ("add", lambda n, who: listing.study_of_analysis(ANALYSIS, recorded(ANALYSIS), reader=who)),
    "undo": ("decide", lambda n, who: reviews.undo(n, reader=who, **SEEN)),
    "verify_study": ("view", lambda n, who: verify_study(n, reader=who)),
    "withdraw_second": ("decide", lambda n, who: second_reading.withdraw_second(n, reader=who, reason="ill")),
    "worklist": ("view", lambda n, who: worklist(reader=who)),
    "worklist_stamp": ("view", lambda n, who: listing.worklist_stamp(reader=who)),
}
BESIDE = {"delete_record", "delete_run", "rename_run", "start"}  # files that are written elsewhere
ALSO: dict[str, tuple[Right, ...]] = {"withdraw_second": ("second",)}  # their own only


class _Live(LiveManager):
    """One that records nothing: it refuses when it is to end what it recorded before."""

    def stop(self) -> None:
        raise DataError("It would record now.")


def _step(number: int, who: Who) -> None:
    now = reviews.standing(number, reader=LOCAL)
    reviews.save_step(now, Decision("confirm", at(0)), reviews.Outcome(), reader=who)


def _steps(number: int, who: Who) -> None:
    now = reviews.standing(number, reader=LOCAL)
    reviews.save_decisions(now, [Decision("confirm", at(0))], [reviews.Outcome()], reader=who)


def signed_in(*roles: Role, name: str = "Ada", proved_ago: timedelta = timedelta()) -> Principal:
    now = datetime.now(UTC)
    return Principal(name, frozenset(roles), f"key of {name}", now - proved_ago, now + timedelta(minutes=5))


@pytest.fixture
def number(migrated_sqlite: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """A study where people sign in."""
    (tmp_path / "reviews.sqlite").write_bytes(migrated_sqlite.read_bytes())
    monkeypatch.setenv("HEARTVISION_HOME", str(tmp_path))
    monkeypatch.delenv("HEARTVISION_DATABASE_URL", raising=False)
    made = study("case", "NNVNSNNUFN")
    monkeypatch.setenv("HEARTVISION_SIGN_IN", "1")
    return made


@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_do_what_the_table_says_and_nothing_else(number: int, role: Role) -> None:
    who, refused = signed_in(role), set()
    for name, (_, call) in CALLS.items():
        try:
            call(number, who)
        except AccessError:
            refused.add(name)
        except EcgError:
            pass  # allowed, but not in this state of the study
    wanted = {name for name, (right, _) in CALLS.items() if not {right, *ALSO.get(name, ())} & RIGHTS[role]}
    assert refused == wanted


def test_no_role_has_a_right_beyond_what_the_deployment_page_gives_it() -> None:
    """Written out: the test above takes the table as it finds it."""
    assert {role: set(RIGHTS[role]) for role in ROLES} == {
        "viewer": {"view"},
        "technician": {"view", "add", "identify"},
        "reader": {"view", "add", "identify", "decide", "export"},
        "second reader": {"view", "second"},
        "signer": {"view", "decide", "sign", "export"},
        "administrator": {"view", "export", "delete", "administer"},
    }
    page = (ROOT / "docs" / "deployment.md").read_text("utf-8")
    assert [role for role in ROLES if f"\n| {role} | " not in page] == []


WRITING = (
    *("adjudicate", "begin_review", "begin_second", "create_study", "decide", "delete_signal", "delete_unread"),
    *("erase_names", "export", "finish_second", "redo", "rename", "reopen", "save_decisions"),
    *("delete_record", "delete_run", "rename_run", "start", "save_recording", "save_page_source"),
    *("save_identity", "save_step", "sign", "standing", "study_of_analysis", "undo", "withdraw_second"),
)


@pytest.mark.parametrize("name", WRITING)
def test_who_has_signed_out_writes_nothing_with_what_they_were_let_in_with(number: int, name: str) -> None:
    now = int(datetime.now(UTC).timestamp())
    told = {"iss": "https://id.example", "sub": "1", "nonce": "n", "iat": now, "auth_time": now, "name": "Ada"}
    who = access.enter(told, frozenset(ROLES))
    save_recording(recorded(ANALYSIS), reader=LOCAL)
    access.leave(who)
    with pytest.raises(AccessError, match="You were signed out"):
        CALLS[name][1](number, who)
    assert [entry.event for entry in access.accesses(LOCAL)] == ["sign_out", "sign_in"]
    assert reviews.audit(number, reader=LOCAL) == ()


@pytest.mark.parametrize("name", CALLS)
def test_nobody_gets_in_by_a_name_alone_or_after_too_long(number: int, name: str) -> None:
    every = frozenset(ROLES)
    long_ago = datetime.now(UTC) - timedelta(seconds=1)
    for nobody in ("", "Ada", local("Ada"), Principal("Ada", every), Principal("Ada", every, "key", None, long_ago)):
        with pytest.raises(AccessError):
            CALLS[name][1](number, nobody)


def test_the_calls_that_are_tried_are_all_there_are() -> None:
    found = {"export", "accesses", "load_report"}
    for module in MODULES:
        for name, function in inspect.getmembers(import_module(f"pipeline.store.{module}"), inspect.isfunction):
            own = function.__module__.endswith(module) and not name.startswith("_")
            if own and "reader" in inspect.signature(function).parameters:
                found.add(name)
    assert found == set(CALLS) - BESIDE


def test_every_call_outside_the_store_says_who_asks() -> None:
    """The keyword stands at each call: with a default, a page that forgets it would fail only where people sign in."""
    asked = set(CALLS) - {"export", "accesses", "start"} | {
        "material_of",
        "review_material",
        "take_step",
        "sign_with_report",
    }
    paths = [*(ROOT / "app").rglob("*.py"), *(ROOT / "pipeline").rglob("*.py")]
    missing = [
        f"{path.relative_to(ROOT)}:{call.lineno} {name}"
        for path in paths
        if "store" not in path.parts or "pipeline" not in path.parts
        for name, call in _calls(path)
        if name in asked and not _says_who(call, name)
    ]
    assert missing == []


def test_a_live_recording_is_started_by_somebody() -> None:
    """`start` is a method, which the names above do not tell."""
    calls = [
        node
        for path in (ROOT / "app" / "live").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "start"
    ]
    assert calls
    assert all(any(keyword.arg == "reader" for keyword in call.keywords) for call in calls)


def _calls(path: Path) -> list[tuple[str, ast.Call]]:
    """Calls of functions that a module imports from the store or what asks it, `partial` looked through."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    own = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(OWN)
        for alias in node.names
    }
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Name) and called.id == "partial" and node.args:
            called = node.args[0]
        if isinstance(called, ast.Name) and called.id in own:
            found.append((called.id, node))
        elif isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name) and called.value.id in own:
            found.append((called.attr, node))
    return found


def _says_who(call: ast.Call, name: str) -> bool:
    if name == "review_material":
        return len(call.args) == 2
    later = name in ("sign", "reopen")  # `partial`: who signs is added where it is called
    return later or any(keyword.arg == "reader" for keyword in call.keywords)


def test_a_signature_needs_a_sign_in_of_the_last_minutes(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEARTVISION_PROVE_AGAIN_MINUTES", "10")
    fresh, old = signed_in("signer"), signed_in("signer", proved_ago=timedelta(minutes=11))
    version = reviews.begin_review(number, reader=old)
    with pytest.raises(AccessError, match="within the last 10 minutes"):
        reviews.sign(number, reader=old, expected_version=version)
    with pytest.raises(AccessError, match="within the last 10 minutes"):
        reviews.sign(number, reader=Principal("Ada", fresh.roles, "key"), expected_version=version)
    signed = reviews.sign(number, reader=fresh, expected_version=version)
    with pytest.raises(AccessError, match="within the last 10 minutes"):
        reviews.reopen(number, reader=old, expected_version=signed, reason="wrong")
    assert reviews.standing(number, reader=fresh).state == "signed"


def test_the_second_reader_sees_nothing_of_the_first_reading_and_nobody_anything_of_theirs(number: int) -> None:
    first, second = signed_in("reader"), signed_in("second reader", name="Bert")
    reviews.decide(number, Decision("override", at(0), "V"), reader=first, expected_version=0)
    assert second_reading.begin_second(number, reader=second) == 1
    reviews.decide(number, Decision("reject", at(1)), reader=second, expected_version=1, reading="second")
    with pytest.raises(ReviewError, match="finish your own reading first"):
        reviews.standing(number, reader=second)
    with pytest.raises(ReviewError, match="blind"):
        reviews.standing(number, reading="second", reader=first)
    own, others = reviews.audit(number, reader=second), reviews.audit(number, reader=first)
    assert {entry.reading for entry in own} == {"second"}
    assert {entry.reading for entry in others} == {"main"}
    assert {entry.reading for entry in reviews.audit(number, reader=LOCAL)} == {"main", "second"}
    for seen in (
        get_study(number, reader=second),
        study_at(get_study(number, reader=LOCAL).token, reader=second),
        worklist(reader=second).studies[0],
        reviews.standing(number, reading="second", reader=second).study,
        create_study(ANALYSIS, reader=replace(second, roles=frozenset[Role](("reader", "second reader")))),
        find_study(ANALYSIS, reader=second),
        _second_step(number, second).study,
    ):
        assert seen is not None
        assert (seen.counts, seen.findings) == ({}, {})
    assert get_study(number, reader=first).counts
    with pytest.raises(ReviewError, match="still reading"):
        comparison(number, reader=LOCAL)
    second_reading.finish_second(number, reader=second, expected_version=3)
    assert reviews.standing(number, reader=second).second_done
    assert {entry.reading for entry in reviews.audit(number, reader=first)} == {"main", "second"}


def _second_step(number: int, second: Principal) -> reviews.Standing:
    now = reviews.standing(number, reading="second", reader=second)
    return reviews.save_step(now, Decision("confirm", at(2)), reviews.Outcome(), reader=second)


def test_a_second_reader_withdraws_their_own_reading_only(number: int) -> None:
    reviews.begin_review(number, reader=signed_in("reader"))
    second_reading.begin_second(number, reader=signed_in("second reader", name="Bert"))
    with pytest.raises(AccessError, match="somebody else's"):
        second_reading.withdraw_second(number, reader=signed_in("second reader", name="Carla"), reason="no time")
    second_reading.withdraw_second(number, reader=signed_in("second reader", name="Bert"), reason="no time")


def test_a_study_is_reached_by_its_address_and_where_people_sign_in_by_nothing_else(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = signed_in("viewer")
    token = get_study(number, reader=who).token
    assert study_at(token, reader=who).id == number
    for guessed in (str(number), "", token[:-1], token.swapcase()):
        with pytest.raises(ReviewError, match="no study at this address"):
            study_at(guessed, reader=who)
    monkeypatch.delenv("HEARTVISION_SIGN_IN")
    assert study_at(str(number)).id == number == study_at(token).id


def test_addresses_are_random_and_each_is_another(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEARTVISION_SIGN_IN")
    tokens = {get_study(study(f"case{i}", "NNVN")).token for i in range(50)}
    assert len(tokens) == 50
    assert all(len(token) == 22 for token in tokens)


def test_where_nobody_signs_in_a_name_may_do_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEARTVISION_SIGN_IN", raising=False)
    assert require("Ada", "sign") == local("Ada")
    assert not principal("").may("view")
    assert principal("").holds("view")


@pytest.mark.parametrize(
    ("claims", "roles"),
    [
        ({"sub": "1", "groups": ["ecg"]}, {"reader", "signer"}),
        ({"sub": "1", "groups": "ecg nurses"}, {"reader", "signer", "technician"}),
        ({"sub": "1", "email": "chief@example.org"}, {"administrator"}),
        ({"sub": "1", "email": "chief@example.org", "email_verified": False}, set()),
        ({"sub": "77"}, {"viewer"}),
        *(
            ({"sub": "1", "email": "chief@example.org", "email_verified": said}, roles)
            for said, roles in ((True, {"administrator"}), ("false", set()), ("true", set()), (None, set()), (0, set()))
        ),
        ({"sub": "1", "groups": ["administrator", "second-reader", "machine", "root"]}, set()),
        ({"sub": "1", "groups": None}, set()),
        ({"sub": "77", "groups": 5}, {"viewer"}),
        ({"sub": "1", "roles": ["administrator"]}, set()),
        ({}, set()),
    ],
)
def test_roles_come_from_the_claim_that_is_named_and_from_the_table(claims: dict[str, Any], roles: set[str]) -> None:
    table = {
        "ecg": ["reader", "signer"],
        "nurses": ["technician"],
        "chief@example.org": ["administrator", "machine"],
        "77": ["viewer"],
    }
    assert roles_of(claims, claim="groups", table=table) == roles
    assert "machine" not in roles_of(claims, claim="groups", table=table)


def test_without_a_table_the_claim_lists_roles_themselves() -> None:
    claims = {"sub": "1", "groups": ["second-reader", "signer", "machine", "root"]}
    assert roles_of(claims, claim="groups") == roles_of(claims, claim="groups", table={}) == {"second reader", "signer"}
    assert roles_of(claims) == frozenset()
