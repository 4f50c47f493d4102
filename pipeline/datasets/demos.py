"""The small recordings that travel with the package, to look at without a file of one's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.config import SHIPPED


@dataclass(frozen=True)
class Demo:
    """A recording to look at.

    Attributes
    ----------
    name : str
        Its record's name, `data/demo/NAME.hea`.
    title : str
        What is to be seen, in a few words.
    source : str
        Where it comes from, and how long it is.
    """

    name: str
    title: str
    source: str

    @property
    def path(self) -> Path:
        """The header."""
        return SHIPPED / "demo" / f"{self.name}.hea"


# Made by data/make_demo.py, which has the stretches; sources and licences are in data/README.md.
DEMOS: Final = (
    Demo("208_excerpt", "Ventricular ectopics", "Five minutes of MIT-BIH record 208, with fusion beats"),
    Demo("207_flutter", "Ventricular flutter", "One minute of MIT-BIH record 207"),
    Demo("219_fibrillation", "Atrial fibrillation", "One minute of MIT-BIH record 219"),
    Demo("231_block", "Second-degree block", "One minute of MIT-BIH record 231"),
    Demo("217_paced", "Paced rhythm", "One minute of MIT-BIH record 217"),
    Demo("ludb_21", "ST elevation, twelve leads", "Ten seconds of LUDB record 21"),
    Demo("118e_6_noise", "Noise", "One minute of record 118e_6 of the noise stress test"),
)


def demo_path() -> Path:
    """Return the header of the demo recording: five minutes of MIT-BIH record 208, a *training* record (DS1)."""
    return DEMOS[0].path


def demo_page_path() -> Path:
    """Return the demo page: a JPEG picture of 12 leads, drawn from record 10 of LUDB."""
    return SHIPPED / "demo" / "page_ludb_10.jpg"
