"""A signature is over one hash of what was signed: whatever of it differs later, the signature says so."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from pipeline.review.decisions import Decision
from pipeline.store.database import database
from pipeline.store.reviews import audit, begin_review, decide, reopen, sign, undo
from pipeline.store.seals import Seal, seal_faults, signed_studies
from pipeline.store.signing import signings
from pipeline.store.studies import create_study
from tests.helpers.review_study import analysed, at
from tests.store.test_chain import by_owner

pytestmark = pytest.mark.usefixtures("store")
ANNA, BERT, MANIFEST = "Anna", "Bert", "ab" * 32


def signed(record: str = "case", *, classes: str = "NNVNSNNUFN", aami: str = "V", conclusion: str = "Seen.",
           payload: bytes = b"%PDF one", findings: tuple[str, ...] = (), manifest: str = MANIFEST) -> int:  # fmt: skip
    number = create_study(analysed(classes, record=record)).id
    version = begin_review(number, reader=ANNA)
    version = decide(number, Decision("override", at(0, 1), aami), reader=ANNA, expected_version=version)
    sign(number, reader=ANNA, expected_version=version, text=conclusion, findings=findings, manifest=manifest,
         report=lambda entry: payload)  # fmt: skip
    return number


def faults(number: int) -> tuple[str, ...]:
    with database().reading() as session:
        return seal_faults(session, number)


def test_a_signature_names_its_seal_and_holds() -> None:
    number = signed(findings=("vt",))
    (found,) = signings(audit(number))
    assert len(found.seal) == 64
    assert Seal.of(audit(number)[-2].seal) == Seal(found.seal, MANIFEST)
    assert faults(number) == ()
    with database().reading() as session:
        assert signed_studies(session) == [number]


def test_whatever_is_signed_differently_has_another_seal() -> None:
    numbers = [
        signed("0"),
        signed("1", classes="NNNNNNNNNN"),
        signed("2", aami="S"),
        signed("3", conclusion="Other."),
        signed("4", payload=b"%PDF two"),
        signed("5", findings=("vt",)),
        signed("6", manifest="cd" * 32),
    ]
    assert len({signings(audit(number))[0].seal for number in numbers}) == len(numbers)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit SET aami = 'S' WHERE event = 'decide'",
        "UPDATE audit SET text = 'Healthy.' WHERE event = 'sign'",
        "UPDATE audit SET who = 'Bert' WHERE event = 'sign'",
        "UPDATE audit SET text = 'af' WHERE event = 'concluded'",
        f"UPDATE audit SET text = '{'0' * 64}' WHERE event = 'report'",
        "UPDATE studies SET model_version = 'other'",
        "UPDATE studies SET leads = '[\"V5\"]'",
        f"UPDATE studies SET digest = '{'0' * 64}'",
        f"UPDATE audit SET seal = replace(seal, '{MANIFEST}', '{'cd' * 32}') WHERE event = 'sign'",
    ],
)
def test_what_was_changed_since_is_noticed(change: str) -> None:
    number = signed(findings=("vt",))
    by_owner(change)
    assert faults(number) == (f"What was signed in study {number} (version 4) is not what is there now.",)


def test_another_answer_of_the_model_is_noticed() -> None:
    number, other = signed(), create_study(analysed("NNNNNNNNNN", record="other")).id
    by_owner(f"UPDATE studies SET analysis = (SELECT analysis FROM studies WHERE id = {other}) WHERE id = {number}")
    assert len(faults(number)) == 1


def test_an_amendment_has_a_seal_of_its_own_and_the_first_one_still_holds() -> None:
    number = signed(findings=("vt",))
    version = reopen(number, reader=BERT, expected_version=len(audit(number)), reason="a second look")
    version = undo(number, reader=BERT, expected_version=version)
    sign(number, reader=BERT, expected_version=version, text="None after all.")
    first, second = signings(audit(number))
    assert first.seal != second.seal
    assert len(second.seal) == 64
    assert faults(number) == ()


def test_a_signature_of_an_earlier_version_has_no_seal_and_no_fault() -> None:
    number = create_study(analysed()).id
    version = begin_review(number, reader=ANNA)
    sign(number, reader=ANNA, expected_version=version)
    by_owner("UPDATE audit SET seal = ''")
    assert faults(number) == ()
    assert signings(audit(number))[0].seal == ""


def test_what_cannot_be_sealed_is_not_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    number = create_study(analysed()).id
    version = begin_review(number, reader=ANNA)
    monkeypatch.setattr("pipeline.store.reviews.sealed", lambda *parts: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        sign(number, reader=ANNA, expected_version=version)
    with database().reading() as session:
        assert session.execute(text("SELECT state FROM studies")).scalar() == "in_review"
