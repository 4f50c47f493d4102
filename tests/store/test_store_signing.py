"""A signature, its conclusion and its report are there together or not at all; an amendment changes no earlier one."""

from __future__ import annotations

import hashlib

import pytest

from pipeline.config import home_root
from pipeline.errors import StaleVersion, StoreError
from pipeline.store import reviews
from pipeline.store.signed_files import load_report
from pipeline.store.signing import signings
from pipeline.store.studies import get_study
from tests.helpers.studies import ANNA, BERT, study

pytestmark = pytest.mark.usefixtures("store")


def begun():
    number = study()
    return number, reviews.begin_review(number, reader=ANNA)


def signed(number, version, text, payload, *, reader=ANNA, **options):
    return reviews.sign(
        number, reader=reader, expected_version=version, text=text, report=lambda entry: payload, **options
    )


def test_the_hash_of_the_stored_report_is_in_the_audit_trail():
    number, version = begun()
    signed(number, version, "Normal.", b"%PDF one", findings=("vt", "afib"), reason="Telephoned the ward")
    trail = reviews.audit(number)
    assert [entry.event for entry in trail] == ["begin", "concluded", "urgent_open", "sign", "report"]
    assert trail[-1].text == hashlib.sha256(b"%PDF one").hexdigest()
    assert load_report(trail[-1].text) == b"%PDF one"
    assert trail[2].sentence() == "gave a reason to sign with urgent findings undecided"


def test_an_amendment_is_a_further_report_and_the_first_one_stays():
    number, version = begun()
    version = signed(number, version, "Normal.", b"%PDF one", findings=("vt",), reason="Late")
    version = reviews.reopen(number, reader=BERT, expected_version=version, reason="A run was missed")
    signed(number, version, "One run.", b"%PDF two", reader=BERT)
    first, second = signings(reviews.audit(number))
    assert (first.name, first.who, first.conclusion, first.findings, first.reason) == (
        "Signed report", ANNA, "Normal.", ("vt",), "Late",
    )  # fmt: skip
    assert (second.name, second.who, second.conclusion, second.findings, second.reason) == (
        "Amendment 1", BERT, "One run.", (), "",
    )  # fmt: skip
    assert (load_report(first.report), load_report(second.report)) == (b"%PDF one", b"%PDF two")


def test_a_report_that_cannot_be_made_leaves_the_study_unsigned():
    number, version = begun()

    def fails(entry):
        raise StoreError("no room")

    with pytest.raises(StoreError, match="no room"):
        reviews.sign(number, reader=ANNA, expected_version=version, report=fails)
    assert get_study(number).state == "in_review"
    assert [entry.event for entry in reviews.audit(number)] == ["begin"]


def test_the_report_is_made_from_the_signature_and_once_only():
    number, version = begun()
    seen = []

    def made(entry):
        seen.append((entry.who, entry.seq, entry.text))
        return b"%PDF"

    for _ in range(2):
        reviews.sign(number, reader=ANNA, expected_version=version, text="Normal.", report=made, key="k")
    assert seen == [(ANNA, version + 1, "Normal.")]


def test_others_go_on_writing_while_a_report_is_made():
    number, version = begun()
    other = study("other")

    def made(entry):
        reviews.begin_review(other, reader=BERT)  # in SQLite it would wait for this very signature, and give up
        return b"%PDF"

    reviews.sign(number, reader=ANNA, expected_version=version, report=made)
    assert (get_study(number).state, get_study(other).state) == ("signed", "in_review")


def test_a_report_on_what_was_changed_while_it_was_made_is_not_signed():
    number, version = begun()

    def made(entry):
        reviews.rename(number, "renamed", reader=BERT)
        return b"%PDF"

    with pytest.raises(StaleVersion, match="renamed"):
        reviews.sign(number, reader=ANNA, expected_version=version, findings=("vt",), report=made)
    assert get_study(number).state == "in_review"
    assert [entry.event for entry in reviews.audit(number)] == ["begin", "renamed"]
    assert not list(home_root().glob("reports/*/*.pdf"))


def test_the_report_says_the_number_and_time_that_the_signature_has_then():
    number, version = begun()
    seen = []

    def made(entry):
        seen.append(entry)
        return b"%PDF"

    reviews.sign(number, reader=ANNA, expected_version=version, findings=("vt",), reason="Late", report=made)
    [signature] = [entry for entry in reviews.audit(number) if entry.event == "sign"]
    assert (signature.seq, signature.at, signature.who) == (seen[0].seq, seen[0].at, seen[0].who)
    times = [entry.at for entry in reviews.audit(number)]
    assert times == sorted(times)


def test_a_report_that_was_changed_or_lost_is_refused():
    number, version = begun()
    signed(number, version, "", b"%PDF one")
    digest = signings(reviews.audit(number))[0].report
    path = next((home_root() / "reports").rglob("*.pdf"))
    path.write_bytes(b"%PDF other")
    with pytest.raises(StoreError, match="changed after it was stored"):
        load_report(digest)
    path.unlink()
    with pytest.raises(StoreError, match="restore it from a backup"):
        load_report(digest)
