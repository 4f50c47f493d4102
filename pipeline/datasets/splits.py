"""Which recordings of the MIT-BIH Arrhythmia Database are for training and which for testing.

References
----------
de Chazal P, O'Dwyer M, Reilly RB. Automatic classification of heartbeats using ECG morphology and heartbeat
interval features. IEEE Trans Biomed Eng 2004;51(7):1196-1206. doi:10.1109/TBME.2004.827359 (DS1, DS2).
ANSI/AAMI EC57:2012, 3.2: recordings with paced beats are excluded (PACED).
Moody GB, Mark RG. The impact of the MIT-BIH Arrhythmia Database. IEEE Eng Med Biol 2001;20(3):45-50.
doi:10.1109/51.932724; the database's directory says that 201 and 202 are from the same man (SAME_PERSON).
"""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType
from typing import Final, Literal

Split = Literal["ds1", "ds2", "paced"]

DS1: Final[tuple[str, ...]] = (
    *("101", "106", "108", "109", "112", "114", "115", "116", "118", "119", "122"),
    *("124", "201", "203", "205", "207", "208", "209", "215", "220", "223", "230"),
)
DS2: Final[tuple[str, ...]] = (
    *("100", "103", "105", "111", "113", "117", "121", "123", "200", "202", "210"),
    *("212", "213", "214", "219", "221", "222", "228", "231", "232", "233", "234"),
)
PACED: Final[tuple[str, ...]] = ("102", "104", "107", "217")
SAME_PERSON: Final[tuple[tuple[str, str], ...]] = (("201", "202"),)  # one in DS1, the other in DS2

SPLITS: Final = MappingProxyType({"ds1": DS1, "ds2": DS2, "paced": PACED})


def training_half(records: Iterable[str]) -> tuple[str, ...]:
    """Return the records of another database that may be trained on: every other one, from the first.

    The rest are for testing.
    """
    return tuple(sorted(records)[::2])


def split_of(record: str) -> Split | None:
    """Return the set that a MIT-BIH record belongs to; None for records of other databases."""
    if record in DS1:
        return "ds1"
    if record in DS2:
        return "ds2"
    return "paced" if record in PACED else None
