"""Who was recorded, found in what people type: whole names and words of them, in any case; words of ECGs stay."""

from __future__ import annotations

import pytest

from pipeline.errors import ReviewError
from pipeline.identity import Identity
from pipeline.review.decisions import TEXT_CHARS, Decision, clean_text
from pipeline.store.masking import masked, terms, whole_names


@pytest.mark.parametrize(
    ("identity", "records", "typed", "left"),
    [
        (Identity(name="Maria Garcia"), (), "maria garcia and Ms GARCIA", "[erased] and Ms [erased]"),
        (Identity(name="Garcia, Maria"), (), "Maria rang; garcia", "[erased] rang; [erased]"),
        (Identity(name="Rose Long"), (), "long QT, Long came; a rose", "long QT, [erased] came; a rose"),
        (Identity(name="Li Na"), (), "Li Na has a normal ECG, Na 140", "[erased] has a normal ECG, Na 140"),
        (Identity(patient_id="77"), (), "77 is not 770 or x77, nor 177", "[erased] is not 770 or x77, nor 177"),
        (Identity(name="DOE JANE"), (), "Mrs Doe, doe, DOE; Janet", "Mrs [erased], [erased], [erased]; Janet"),
        (Identity(name="DOE^JANE"), (), "Jane Doe, Doe Jane, doe^jane", "[erased] [erased], [erased], [erased]"),
        (Identity(name="jane doe"), (), "Mrs Doe", "Mrs [erased]"),
        (Identity(name="MRS ANNA VAN DER BERG"), (), "der Mrs van, Van", "der Mrs van, [erased]"),
        (Identity(name="LONG ROSE"), (), "long QT rose, LONG Rose", "long QT rose, [erased]"),
        (Identity(name="STRASSER"), (), "Herr Stra\u00dfer", "Herr [erased]"),
        (Identity(name="Stra\u00dfer"), (), "Herr STRASSER", "Herr [erased]"),
        (Identity(name="Mu\u0308ller"), (), "Herr M\u00dcLLER", "Herr [erased]"),  # as some systems name files
        (Identity(), ("Maria_Garcia_MRN77",), "see Maria_Garcia_MRN77.dat, MRN77", "see [erased].dat, MRN77"),
        (Identity(), ("Maria_Garcia_MRN77",), "maria garcia-mrn77, Maria", "[erased], Maria"),
        (Identity(), ("ECG_Lee",), "ECG normal, Lee; ecg_lee, ECG Lee", "ECG normal, Lee; [erased], [erased]"),
        (Identity(), ("Holter", "MIT_LBBB", "LBBB_07"), "Holter: MIT LBBB, Lbbb", "Holter: MIT LBBB, Lbbb"),
        (Identity(), ("Garcia",), "Holter of Garcia", "Holter of [erased]"),
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


def test_a_masked_name_is_not_masked_again() -> None:
    assert masked("Anna Erased: erased", terms(Identity(name="Anna Erased"), ())) == "[erased]: [erased]"
    assert masked("[erased]", terms(Identity(name="Erased"), (), also=["erased"])) == "[erased]"


def test_texts_about_anybody_lose_whole_names_only() -> None:
    naming = whole_names(Identity(name="Maria Garcia", patient_id="MRN77"), ("ECG_Lee", "ecg-4711082"))
    typed = "Garcia, Maria; maria garcia, mrn77, ecg-4711082, 4711082, ECG, Lee"
    assert masked(typed, naming) == "Garcia, Maria; [erased], [erased], [erased], 4711082, ECG, Lee"


@pytest.mark.parametrize("name", ["Li Na", "Jo", "7"])
def test_a_text_that_could_be_kept_can_be_kept_with_masks_that_are_longer(name: str) -> None:
    text = (f"{name}," * TEXT_CHARS)[:TEXT_CHARS].rstrip(", ")
    found = masked(text, terms(Identity(patient_id=name), ()))
    assert len(found) > TEXT_CHARS
    assert Decision("comment", (1,), text=found).text == clean_text(found) == found
    with pytest.raises(ReviewError, match=f"at most {TEXT_CHARS}"):
        clean_text(found + "x" * TEXT_CHARS)
    with pytest.raises(ReviewError, match="at most 100"):
        clean_text(found[:200], limit=100)  # of names and keys, which are never masked
