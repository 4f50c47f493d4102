"""The one table from WFDB annotation symbols to AAMI heartbeat classes.

Two published readings of the table exist and differ in the escape beats:
`DE_CHAZAL` counts `e` and `j` as N (de Chazal et al. 2004, doi:10.1109/TBME.2004.827359),
`BXB` counts `e`, `j` and `n` as S (WFDB's bxb.c, the reference implementation of ANSI/AAMI EC57).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final, Literal

AAMI_CLASSES: Final = ("N", "S", "V", "F", "Q")
# AAMI's class N is no normal beat: it takes in bundle branch block, escape beats, and whatever leads were not read.
CLASS_NAMES: Final = MappingProxyType(
    {
        "N": "Neither ectopic, fusion nor paced",
        "S": "Supraventricular ectopic",
        "V": "Ventricular ectopic",
        "F": "Fusion of ventricular and conducted",
        "Q": "Paced or unclassifiable",
    }
)

# Classes of a whole page, as the folders of the public pages are called.
PAGE_CLASS_NAMES: Final = MappingProxyType(
    {
        "normal": "Normal",
        "myocardial_infarction": "Myocardial infarction",
        "history_of_mi": "History of myocardial infarction",
        "abnormal_heartbeat": "Abnormal heartbeat",
    }
)

NOT_CLASSIFIED: Final = "?"  # what stands for a class where the model has none to give

LabelTable = Literal["de_chazal", "bxb"]

# WFDB's beat symbols (ecgcodes.h), in the reading of de Chazal.
DE_CHAZAL: Final = MappingProxyType(
    {
        "N": "N",
        "L": "N",
        "R": "N",
        "B": "N",
        "e": "N",
        "j": "N",
        "n": "S",
        "A": "S",
        "a": "S",
        "J": "S",
        "S": "S",
        "V": "V",
        "E": "V",
        "r": "V",
        "F": "F",
        "/": "Q",
        "f": "Q",
        "Q": "Q",
        "?": "Q",
    }
)
BXB: Final = MappingProxyType({**DE_CHAZAL, "e": "S", "j": "S"})

# Annotations that mark rhythm, noise or waves: not beats. `!` is a flutter wave, `x` a non-conducted P wave.
NON_BEAT_SYMBOLS: Final = frozenset("[!]x()ptu`'^|~+sTD=\"@*{}")


def class_title(letter: str) -> str:
    """Return what one beat of a class is called, with its letter.

    Examples
    --------
    >>> class_title("N"), class_title("V")
    ('N class', 'V  Ventricular ectopic')
    """
    return "N class" if letter == "N" else f"{letter}  {CLASS_NAMES[letter]}"


def is_beat(symbol: str) -> bool:
    """Tell whether a WFDB annotation symbol marks a heartbeat."""
    return symbol in DE_CHAZAL


def aami_class(symbol: str, *, table: LabelTable = "de_chazal") -> str | None:
    """Return the AAMI class of a WFDB symbol, None if it marks no beat or WFDB does not define it.

    Parameters
    ----------
    symbol : str
        One WFDB annotation symbol.
    table : {"de_chazal", "bxb"}
        How escape beats are counted; see the module.

    References
    ----------
    ANSI/AAMI EC57:2012, table 3; de Chazal et al. 2004, doi:10.1109/TBME.2004.827359.

    Examples
    --------
    >>> aami_class("L"), aami_class("V"), aami_class("+")
    ('N', 'V', None)
    >>> aami_class("e"), aami_class("e", table="bxb")
    ('N', 'S')
    """
    return (DE_CHAZAL if table == "de_chazal" else BXB).get(symbol)
