"""The card of a set of pictures: what it was made from, how, what is in it, and what was left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from pipeline._util.files import write_bytes, write_json
from pipeline._util.typed_json import to_json
from pipeline.labels import CLASS_NAMES
from pipeline.rhythm_names import RHYTHM_NAMES
from pipeline.wording import grouped

CARD, README = "card.json", "README.md"
DRAWN: Final[Mapping[str, str]] = MappingProxyType(
    {
        "model": "the picture that the networks see (theirs is 96 x 64 pixels, 3:2; another shape stretches it), inks "
        "on black: red the first lead, green the second, blue the usual beat; below, the rhythm strip and the RR "
        "intervals",
        "paper": "ECG paper to scale, 25 mm/s; the gain of each record is in the manifest; lines at 1 mm and 5 mm; the "
        "curve of a beat ends before its neighbours",
        "plain": "a black curve on white that fills the picture, without scale: the size of a beat is not in it; the "
        "curve of a beat ends before its neighbours",
        "spectrogram": "power over time and frequency, 0 at the bottom to 40 Hz, in decibels below each picture's "
        "maximum",
        "scalogram": "power of the Morlet wavelet transform, 1 Hz at the bottom to 40 Hz, logarithmic, in decibels "
        "below each picture's maximum",
        "gaf": "Gramian angular summation field; time runs to the right and down",
        "page": "a printed page of 12 leads, 25 mm/s, 0.05-40 Hz; the gain is on the page and in the manifest",
    }
)


@dataclass(frozen=True)
class LeftOut:
    """What is not in the set: `count` beats, strips or pages for a `reason`."""

    reason: str
    count: int


@dataclass(frozen=True)
class RefusedRecord:
    """A record that could not be used, and why, in a sentence."""

    record: str
    reason: str


@dataclass(frozen=True)
class Card:
    """What a set of pictures is.

    Attributes
    ----------
    version, date : str
        Version of HeartVision, and when the set was finished.
    style, drawn : str
        The style, and what it shows in words.
    size_px : tuple of int, optional
        Width and height; None for pages of their own size.
    window_s : tuple of float
        Seconds before and after R; for strips and pages, 0 and their length.
    label, split : str
        As asked for.
    random_split : bool
        Whether pictures of one patient are in several parts.
    layout, lead : str
        Of pages; which lead was asked for.
    most, seed : int
        Most pictures of a class from a record (0: all), and the seed of what is random.
    pictures, records, patients, predicted : int
        How many there are; `predicted` of the pictures have a predicted label.
    models : tuple of str
        Networks that predicted labels.
    counts : mapping of str to mapping of str to int
        Pictures by part ("" without a split) and class.
    patients_of : mapping of str to int
        Patients by part.
    left_out : tuple of LeftOut
        What is not in it, and why.
    refused : tuple of RefusedRecord
        Records that could not be used.
    licences, notices : tuple of str
        What may be done with the pictures; what a reader should know.
    """

    version: str
    date: str
    style: str
    drawn: str
    size_px: tuple[int, int] | None
    window_s: tuple[float, float]
    label: str
    split: str
    random_split: bool
    layout: str
    lead: str
    most: int
    seed: int
    pictures: int
    records: int
    patients: int
    predicted: int
    models: tuple[str, ...]
    counts: Mapping[str, Mapping[str, int]]
    patients_of: Mapping[str, int]
    left_out: tuple[LeftOut, ...]
    refused: tuple[RefusedRecord, ...]
    licences: tuple[str, ...]
    notices: tuple[str, ...]

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in alphabetical order."""
        return tuple(sorted({name for counts in self.counts.values() for name in counts}))


def write_card(card: Card, folder: Path) -> None:
    """Write the card as card.json and, for readers, README.md."""
    write_json(folder / CARD, to_json(card))
    write_bytes(folder / README, readme(card).encode())


def readme(card: Card) -> str:
    """Return the card in words, as Markdown."""
    return "\n".join(
        [
            f"# {grouped(card.pictures)} pictures in style {card.style}",
            "",
            f"Made by HeartVision {card.version}, {card.date[:10]}. For research, not for diagnosis.",
            "",
            *(f"- {line}" for line in _facts(card)),
            "",
            "## Pictures",
            "",
            *_table(card),
            "",
            *(f"`{name}`: {meaning}.  " for name, meaning in _meanings(card)),
            "",
            "`manifest.csv` has a line for each picture: its record, patient, place, label and part.",
            "",
            *_section("What to know", card.notices),
            *_section("Left out", tuple(f"{grouped(left.count)}: {left.reason}" for left in card.left_out)),
            *_section("Records that could not be used", tuple(f"{r.record}: {r.reason}" for r in card.refused)),
            *_section("Licence", card.licences),
        ]
    )


def _facts(card: Card) -> list[str]:
    before, after = card.window_s
    window = f"{before:g} s before R to {after:g} s after it" if before else f"{after:g} s"
    size = "of their own size" if card.size_px is None else f"{card.size_px[0]} x {card.size_px[1]} pixels"
    if card.predicted == 0:
        labels = "by the reference annotations"
    elif card.predicted == card.pictures:
        labels = f"**predicted** by {', '.join(card.models)}: no expert has seen them"
    else:
        labels = (
            f"by the reference annotations, but {grouped(card.predicted)} **predicted** by {', '.join(card.models)}: "
            "no expert has seen those (`predicted` in the manifest)"
        )
    return [
        f"Shown: {card.drawn}.",
        f"Each picture: {'' if card.style == 'model' else window + ', '}{size}.",
        f"From {_of(card.records, 'record')} of {_of(card.patients, 'patient')}.",
        f"Labels ({card.label}): {labels}.",
    ]


def _of(count: int, what: str) -> str:
    return f"{grouped(count)} {what}{'' if count == 1 else 's'}"


def _table(card: Card) -> list[str]:
    head = ["part", *card.classes, "all", *([] if card.random_split else ["patients"])]
    rows = []
    for part, counts in card.counts.items():
        own = [grouped(counts.get(name, 0)) for name in card.classes]
        whose = [] if card.random_split else [grouped(card.patients_of[part])]
        rows.append([part or "all", *own, grouped(sum(counts.values())), *whose])
    return ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)]


def _meanings(card: Card) -> list[tuple[str, str]]:
    if card.label == "rhythm":
        return [(code, RHYTHM_NAMES[code].name) for code in RHYTHM_NAMES if code in card.classes]
    if card.label == "beat":
        return [(name, CLASS_NAMES[name]) for name in CLASS_NAMES if name in card.classes]
    return [("normal", "AAMI class N, which takes in bundle branch block"), ("abnormal", "S, V, F and Q")]


def _section(title: str, lines: tuple[str, ...]) -> list[str]:
    return [f"## {title}", "", *(f"- {line}" for line in lines), ""] if lines else []
