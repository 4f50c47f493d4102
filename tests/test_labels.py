"""The table of symbols knows every code that WFDB defines."""

from __future__ import annotations

import pytest
from wfdb.io.annotation import ann_labels, is_qrs

from pipeline.labels import AAMI_CLASSES, BXB, CLASS_NAMES, DE_CHAZAL, NON_BEAT_SYMBOLS, aami_class, is_beat

WFDB_SYMBOLS = tuple(label.symbol for label in ann_labels if label.symbol != " ")


@pytest.mark.parametrize("symbol", WFDB_SYMBOLS)
def test_every_wfdb_symbol_is_a_beat_or_known_not_to_be_one(symbol):
    assert is_beat(symbol) != (symbol in NON_BEAT_SYMBOLS)


def test_no_symbol_is_in_the_table_that_wfdb_does_not_define():
    assert set(DE_CHAZAL) <= set(WFDB_SYMBOLS)


def test_our_beats_are_those_that_wfdb_marks_as_qrs_except_flutter_waves():
    theirs = {label.symbol for label in ann_labels if is_qrs[label.label_store]}
    assert set(DE_CHAZAL) ^ theirs <= {"!"}


def test_the_tables_differ_in_nothing_but_escape_beats():
    assert {symbol for symbol in DE_CHAZAL if DE_CHAZAL[symbol] != BXB[symbol]} == {"e", "j"}
    assert {BXB["e"], BXB["j"], BXB["n"]} == {"S"}


def test_every_class_is_reached_and_named():
    assert set(DE_CHAZAL.values()) == set(BXB.values()) == set(AAMI_CLASSES) == set(CLASS_NAMES)


@pytest.mark.parametrize("symbol", ["", " ", "NN", "z", "+", "!", "x"])
def test_what_is_no_beat_has_no_class(symbol):
    assert aami_class(symbol) is None
    assert aami_class(symbol, table="bxb") is None


def test_the_tables_cannot_be_changed():
    with pytest.raises(TypeError):
        DE_CHAZAL["N"] = "V"
