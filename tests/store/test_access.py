"""Sign-ins and the log of access, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from pipeline.errors import AccessError, StoreError
from pipeline.principal import LOCAL, Principal, Role
from pipeline.review.decisions import Decision
from pipeline.store.access import accesses, enter, export, leave
from pipeline.store.database import database
from pipeline.store.deletion import delete_signal
from pipeline.store.recordings import open_recording
from pipeline.store.reviews import decide, standing
from pipeline.store.studies import create_study, get_study, worklist
from tests.helpers.review_study import analysed, at, study

NOW = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
READER = frozenset[Role]({"reader"})


@pytest.fixture(autouse=True)
def sign_in(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEARTVISION_SIGN_IN", "1")
    monkeypatch.setenv("HEARTVISION_IDLE_MINUTES", "15")


def claims(sub: str = "1", *, at: datetime = NOW, nonce: str = "n", **more: Any) -> dict[str, Any]:
    told = {"iss": "https://id.example", "sub": sub, "nonce": nonce, "iat": int(at.timestamp()), "name": "Ada Moreau"}
    return {**told, "auth_time": int(at.timestamp()), **more}


def test_whoever_clicks_stays_in_and_whoever_is_idle_does_not() -> None:
    now = NOW
    for _ in range(4):
        now += timedelta(minutes=14)
        last = enter(claims(at=NOW + timedelta(minutes=14)), READER, now=now)
    assert last == Principal("Ada Moreau", READER, last.key, NOW + timedelta(minutes=14), now + timedelta(minutes=15))
    with pytest.raises(AccessError, match="signed out"):
        enter(claims(at=NOW + timedelta(minutes=14)), READER, now=now + timedelta(minutes=15, seconds=1))
    again = enter(claims(at=now + timedelta(minutes=16), nonce="m"), READER, now=now + timedelta(minutes=16))
    assert (again.name, again.key == last.key) == (last.name, False)


def test_two_pages_that_refresh_themselves_keep_nobody_signed_in() -> None:
    told = claims(at=NOW)
    for minutes in (0, 5, 10, 14):
        who = enter(told, READER, clicked=not minutes, now=NOW + timedelta(minutes=minutes))
        assert who.until == NOW + timedelta(minutes=15)
    with pytest.raises(AccessError, match="signed out"):
        enter(told, READER, clicked=False, now=NOW + timedelta(minutes=15, seconds=1))


def test_an_old_cookie_opens_nothing_even_if_its_sign_in_was_never_seen() -> None:
    with pytest.raises(AccessError, match="signed out"):
        enter(claims(), READER, now=NOW + timedelta(days=29))


def test_a_cookie_is_worthless_after_signing_out() -> None:
    who = enter(claims(), READER, now=NOW)
    leave(who)
    with pytest.raises(AccessError, match="signed out"):
        enter(claims(), READER, now=NOW + timedelta(seconds=1))
    assert [entry.event for entry in accesses(LOCAL)] == ["sign_out", "sign_in"]
    leave(who)
    assert len(accesses(LOCAL)) == 2


def test_who_was_let_in_before_signing_out_elsewhere_decides_nothing_more() -> None:
    who = enter(claims(at=datetime.now(UTC)), READER)
    number = _study()
    decide(number, Decision("confirm", at(0)), reader=who, expected_version=0)
    leave(who)
    with pytest.raises(AccessError, match="signed out"):
        decide(number, Decision("confirm", at(1)), reader=who, expected_version=2)


def test_somebody_without_a_role_or_an_identity_does_not_come_in() -> None:
    with pytest.raises(AccessError, match="no role"):
        enter(claims(), frozenset(), now=NOW)
    with pytest.raises(AccessError, match="does not say who you are"):
        enter({"name": "Ada"}, READER, now=NOW)
    assert accesses(LOCAL) == ()


def test_two_people_of_one_name_have_two_and_keep_them() -> None:
    names = [
        enter(claims(sub, nonce=nonce, email=f"ada{sub}@example.org"), READER, now=NOW).name
        for sub, nonce in (("1", "a"), ("2", "b"), ("1", "c"), ("2", "d"))
    ]
    assert names == ["Ada Moreau", "Ada Moreau (ada2@example.org)"] * 2


def test_a_name_that_somebody_wrote_without_a_password_is_not_given_to_who_signs_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("HEARTVISION_SIGN_IN")
    decide(create_study(analysed()).id, Decision("confirm", at(0)), reader="Ada Moreau", expected_version=0)
    assert enter(claims(preferred_username="amoreau"), READER, now=NOW).name == "Ada Moreau (amoreau)"


def test_the_log_tells_who_looked_searched_exported_and_deleted_each_once() -> None:
    roles = frozenset[Role]({"reader", "administrator"})
    who = enter(claims(at=datetime.now(UTC)), roles)
    number = _study()
    digest = get_study(number, reader=who).digest
    for _ in range(3):
        standing(number, reader=who)
        open_recording(digest, reader=who)
        worklist(text="case holter", reader=who)
        worklist(reader=who)
    export(who, digest, "study: pdf")
    delete_signal(number, reader=who, reason="asked for")
    assert [(entry.who, entry.event, entry.digest, entry.text) for entry in accesses(who)[::-1]] == [
        ("Ada Moreau", "sign_in", "", ""),
        ("Ada Moreau", "view", digest, f"study {number}, main reading"),
        ("Ada Moreau", "view", digest, ""),
        ("Ada Moreau", "search", "", "case holter"),
        ("Ada Moreau", "export", digest, "study: pdf"),
        ("Ada Moreau", "delete", digest, "asked for"),
    ]


def test_the_machine_and_those_who_may_not_leave_no_entry() -> None:
    number = _study()
    standing(number, reader=LOCAL)
    viewer = enter(claims(at=datetime.now(UTC)), frozenset[Role]({"viewer"}))
    with pytest.raises(AccessError, match="As viewer you may not take results away"):
        export(viewer, "d", "report")
    assert [entry.event for entry in accesses(LOCAL)] == ["sign_in"]


@pytest.mark.parametrize("change", ["UPDATE access SET who = 'nobody'", "DELETE FROM access"])
def test_an_entry_can_be_neither_changed_nor_removed(change: str) -> None:
    enter(claims(), READER, now=NOW)
    with pytest.raises(StoreError, match="append-only"), database().writing() as session:
        session.execute(text(change))
    assert len(accesses(LOCAL)) == 1


def _study(record: str = "case") -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("HEARTVISION_SIGN_IN")
        return study(record, "NNVNSN")
