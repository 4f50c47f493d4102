"""What a file states beside its signal: who was recorded and when, and what the recorder itself measured and said.

An `Identity` is kept apart from the recording's results: no key, log or file name is made of it, and a reader of files
drops it unless it is asked to keep it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Sex = Literal["F", "M"]


@dataclass(frozen=True)
class Identity:
    """Who was recorded, and when. All of it is optional.

    Attributes
    ----------
    patient_id : str
        The patient's number in the hospital or practice, "" if unknown.
    name : str
        The patient's name, "" if unknown.
    sex : {"F", "M"} or None
        None if unknown.
    birth_year : int or None
        None if unknown.
    indication : str
        Why the recording was made, "" if unknown.
    start : datetime or None
        Clock time of sample 0 where it was recorded, without time zone unless the file states one.
    """

    patient_id: str = ""
    name: str = ""
    sex: Sex | None = None
    birth_year: int | None = None
    indication: str = ""
    start: datetime | None = None

    def __bool__(self) -> bool:
        """Tell whether anything is known."""
        return self != Identity()


@dataclass(frozen=True)
class DeviceReading:
    """What the recorder, or the software that wrote the file, found in its own recording: shown as the device's, only.

    Attributes
    ----------
    device : str
        Maker and model, "" if the file does not say.
    measurements : tuple of (str, float, str)
        Name in our terms ("rate", "PR", "QRS", "QT", "QTc", "P axis", "QRS axis", "T axis" and others), value and unit
        ("1/min", "ms", "deg").
    statements : tuple of str
        Its interpretation, line by line, as the file has it.
    """

    device: str = ""
    measurements: tuple[tuple[str, float, str], ...] = ()
    statements: tuple[str, ...] = ()
