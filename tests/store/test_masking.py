"""Who was recorded, found in what people type: whole names however written, words of a name where they are names."""

from __future__ import annotations

import pytest

from pipeline.identity import Identity
from pipeline.store.masking import masked, terms


@pytest.mark.parametrize(
    ("identity", "records", "typed", "left"),
    [
        (Identity(name="Maria Garcia"), (), "maria garcia and Ms GARCIA", "[erased] and Ms [erased]"),
        (Identity(name="Garcia, Maria"), (), "Maria rang; garcia", "[erased] rang; garcia"),
        (Identity(name="Rose Long"), (), "long QT, Long came; a rose", "long QT, [erased] came; a rose"),
        (Identity(name="Li Na"), (), "Li Na has a normal ECG, Na 140", "[erased] has a normal ECG, Na 140"),
        (Identity(patient_id="77"), (), "77 is not 770 or x77, nor 177", "[erased] is not 770 or x77, nor 177"),
        (Identity(), ("Maria_Garcia_MRN77",), "see Maria_Garcia_MRN77.dat, MRN77", "see [erased].dat, [erased]"),
        (Identity(), ("100",), "100 beats per minute", "100 beats per minute"),
        (Identity(), ("ecg-4711082-b",), "4711082: 47 ms, ecg, b", "[erased]: 47 ms, ecg, b"),
        (
            Identity(name="\u0418\u0432\u0430\u043d\u043e\u0432"),
            (),
            "\u0418\u0432\u0430\u043d\u043e\u0432!",
            "[erased]!",
        ),
        (Identity(name="\u738b\u5c0f\u660e"), (), "\u738b\u5c0f\u660e, normal", "[erased], normal"),
        (Identity(name="O.*"), (), "Oh no O.*", "Oh no [erased]"),
    ],
)
def test_names_are_masked_and_other_words_stay(
    identity: Identity, records: tuple[str, ...], typed: str, left: str
) -> None:
    assert masked(typed, terms(identity, records)) == left


def test_more_words_can_be_named() -> None:
    assert (
        masked("her son Juan, JUAN, Juana", terms(Identity(), (), also=["juan", " "]))
        == "her son [erased], [erased], Juana"
    )


def test_without_anything_known_nothing_is_masked() -> None:
    assert masked("Ms Garcia", terms(Identity(), ())) == "Ms Garcia"
