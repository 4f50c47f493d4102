"""What a reader can decide about beats and rhythms, and which decisions are in force after undo and redo."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, TypeVar, get_args

from pipeline.errors import ReviewError
from pipeline.labels import AAMI_CLASSES
from pipeline.review.moved_marks import moved_mark

DecisionKind = Literal[
    "confirm",
    "override",
    "reject",
    "delete",
    "add",
    "comment",
    "seen",
    "note",
    "rhythm_confirm",
    "rhythm_name",
    "rhythm_resize",
    "rhythm_split",
    "rhythm_reject",
    "event_mark",
    "event_remove",
    "statement_confirm",
    "statement_reject",
    "measure",
    "measure_move",
    "measure_remove",
    "mark_move",
    "mark_reset",
]
MEASURING_KINDS: Final[tuple[DecisionKind, ...]] = ("measure", "measure_move", "measure_remove")
MARKING_KINDS: Final[tuple[DecisionKind, ...]] = ("mark_move", "mark_reset")
# About stretches of time and no beats: what the rhythm is there, what the patient felt, what an urgent statement says,
# what was measured with calipers, and where a mark of a stretch's median beat belongs.
RULING_KINDS: Final[tuple[DecisionKind, ...]] = (
    *("rhythm_confirm", "rhythm_name", "rhythm_resize", "rhythm_split", "rhythm_reject"),
    *("event_mark", "event_remove", "statement_confirm", "statement_reject"),
    *MEASURING_KINDS,
    *MARKING_KINDS,
)
STRETCH_KINDS: Final[tuple[DecisionKind, ...]] = ("seen", "note", *RULING_KINDS)  # about no beats
DECISION_KINDS: Final[tuple[DecisionKind, ...]] = get_args(DecisionKind)
Stretch = tuple[int, int]  # from and to, samples
StepKind = Literal["decide", "undo", "redo", "barrier"]
TEXT_CHARS: Final = 2000  # in each of which a mask counts as one
MASK: Final = "[erased]"  # in place of a name; the database lets nothing else into its logs, see migration 0005
_BY_ENDS: Final[tuple[DecisionKind, ...]] = ("note", *RULING_KINDS)  # one stretch after the other
_NAMED: Final[tuple[DecisionKind, ...]] = ("rhythm_name", "statement_confirm", "statement_reject", "mark_move")
_ENDS: Final = MappingProxyType({"rhythm_resize": 4, "measure_move": 4, "rhythm_split": 3, "mark_move": 2})
ItemT = TypeVar("ItemT")


@dataclass(frozen=True)
class Decision:
    """One decision about explicit beats: one, a selection, a family or a time span; or about a stretch of time.

    Attributes
    ----------
    kind : DecisionKind
        What is done with them.
    samples : tuple of int
        R peaks, indices into the recording, strictly increasing. For "seen", which changes no beat, the two ends of the
        stretch that was looked at. For "note" and the kinds of `RULING_KINDS`, from and to of one stretch after the
        other; "rhythm_resize" and "measure_move" have the old ends and then the new ones, "rhythm_split" the place of
        the cut between the two ends.
    aami : str
        The class given by "override" and "add".
    text : str
        A comment, with any kind; "comment" and "note" change nothing else, and an empty one removes the comment.
    subject : str
        The rhythm that "rhythm_name" gives, a key of `RHYTHM_SUBJECTS`; the code of the statement; or the mark that
        "mark_move" moves, see `pipeline.review.moved_marks.mark_subject`. "mark_reset" puts all back that were moved
        on the median beat of the stretch.

    Raises
    ------
    ReviewError
        If there are no beats, `aami` or `subject` is missing or not wanted, ends are missing or in the wrong order, or
        `text` is too long or has control characters.
    """

    kind: DecisionKind
    samples: tuple[int, ...]
    aami: str = ""
    text: str = ""
    subject: str = ""

    def __post_init__(self) -> None:
        given = tuple(int(sample) for sample in self.samples)
        object.__setattr__(self, "samples", given if self.kind in _BY_ENDS else tuple(sorted(set(given))))
        object.__setattr__(self, "text", clean_text(self.text))
        if self.kind not in DECISION_KINDS:
            raise ReviewError(f"A decision {self.kind!r} is unknown; choose one of {', '.join(DECISION_KINDS)}.")
        if not self.samples:
            raise ReviewError("No beat is chosen; choose at least one.")
        if self.kind in _BY_ENDS:
            self._check_ends()
        elif self.kind in STRETCH_KINDS and len(self.samples) != 2:
            raise ReviewError(f"A stretch has two ends, {len(self.samples)} samples were given.")
        self._check_class()
        if bool(self.subject) != (self.kind in _NAMED):
            raise ReviewError(f"A decision {self.kind!r} names {'a' if self.kind in _NAMED else 'no'} rhythm.")
        if self.kind == "mark_move":
            moved_mark(self.subject)

    @property
    def stretches(self) -> tuple[Stretch, ...]:
        """The stretches that a decision of `STRETCH_KINDS` is about, from and to as samples."""
        if self.kind == "rhythm_split":
            return ((self.samples[0], self.samples[2]),)
        return tuple(zip(self.samples[::2], self.samples[1::2], strict=True))

    def _check_ends(self) -> None:
        count = _ENDS.get(self.kind, len(self.samples))
        if len(self.samples) != count or (count % 2 and count != 3):
            raise ReviewError(f"A stretch has two ends, {len(self.samples)} samples were given.")
        pairs = [self.samples] if count == 3 else [*zip(self.samples[::2], self.samples[1::2], strict=True)]
        if any(list(pair) != sorted(set(pair)) for pair in pairs):
            raise ReviewError("A stretch ends before it begins; give the earlier end first.")

    def _check_class(self) -> None:
        if self.kind in ("override", "add"):
            if self.aami not in AAMI_CLASSES:
                raise ReviewError(f"A class {self.aami!r} is unknown; choose one of {', '.join(AAMI_CLASSES)}.")
        elif self.aami:
            raise ReviewError(f"A decision {self.kind!r} takes no class, {self.aami!r} was given.")


def stacks(steps: Iterable[tuple[StepKind, ItemT]]) -> tuple[tuple[ItemT, ...], tuple[ItemT, ...]]:
    """Return what is in force after all steps of the audit trail, and what redo would bring back, the next one last.

    A new decision clears what could be redone. Undo does not go past a barrier.

    Parameters
    ----------
    steps : iterable of (kind, item)
        Oldest first; the item matters for "decide" only.

    Raises
    ------
    ReviewError
        If a step undoes or redoes where there is nothing to undo or redo.
    """
    done: list[ItemT] = []
    undone: list[ItemT] = []
    floor = 0
    for kind, item in steps:
        if kind == "barrier":
            floor, undone = len(done), []
        elif kind == "undo":
            undone.append(_last(done if len(done) > floor else [], "There is nothing to undo."))
            done.pop()
        elif kind == "redo":
            done.append(_last(undone, "There is nothing to redo."))
            undone.pop()
        else:
            done.append(item)
            undone.clear()
    return tuple(done), tuple(undone)


def _last(items: list[ItemT], otherwise: str) -> ItemT:
    if not items:
        raise ReviewError(otherwise)
    return items[-1]


def clean_text(text: str, *, limit: int | None = None) -> str:
    """Return the text without surrounding whitespace, composed (NFC).

    Parameters
    ----------
    text : str
        What somebody typed.
    limit : int, optional
        How many characters it may have; `TEXT_CHARS` if None, when a mask counts as one: it may stand for a shorter
        name, and a text that could be kept before can be kept with it.

    Raises
    ------
    ReviewError
        If it is longer than `limit` characters, or holds a character that cannot be stored or printed.
    """
    text = unicodedata.normalize("NFC", text.strip())
    most = TEXT_CHARS if limit is None else limit
    count = len(text.replace(MASK, "-") if limit is None else text)
    if count > most:
        raise ReviewError(f"The text has {count} characters; at most {most} can be kept.")
    if any(unicodedata.category(char) in ("Cc", "Cs") and char not in "\n\t" for char in text):
        raise ReviewError("The text holds a control character; leave it out.")
    return text
