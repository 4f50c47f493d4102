"""What a reader's conclusion can say: facts that somebody has decided, in sentences; never what is still open."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pipeline.measurements import Measurements, Statement
from pipeline.review.beats_in_force import ReviewedBeats
from pipeline.review.finding_kinds import FINDING_KINDS
from pipeline.review.holter import (
    COUPLETS,
    KindRow,
    is_pause,
    kind_rows,
    longest_pause,
    run_bpm,
    urgent_findings,
)
from pipeline.review.triage import EpisodeFinding, Finding
from pipeline.wording import duration, grouped, report_clock, share

When = Callable[[float], str]
STATEMENT: Final = "statement:"  # the key of a fact that is a statement begins with it, and ends with its code
NOTHING_CONFIRMED: Final = "No finding has been confirmed by a reader."
NOTHING_LISTED: Final = "No finding was listed."
_NO_FACTS: Final = frozenset(
    {"doubtful", "unclassified", "no_beats", "missing_beat", "signal_lost", "unreadable", "artefact"}
)
_COUNTED: Final = ("couplet", "triplet", "run", "pause")  # words with a plural
SINGLES: Final = 50  # findings of one kind that can be chosen one by one, the most important first


@dataclass(frozen=True)
class Fact:
    """Something that a reader has confirmed.

    Attributes
    ----------
    key : str
        Its kind of finding, the id of a single one, or "statement:" and a code.
    name : str
        In a few words, for a list to choose from.
    text : str
        One sentence for the conclusion.
    concept : str
        The SNOMED CT concept that says exactly this; "" without one.
    """

    key: str
    name: str
    text: str
    concept: str = ""


def decided_facts(
    findings: Sequence[Finding],
    beats: ReviewedBeats,
    statements: Sequence[Statement] = (),
    verdicts: Mapping[str, str] | None = None,
    *,
    when: When = report_clock,
) -> tuple[Fact, ...]:
    """Return what readers have confirmed: urgent statements first, then findings by urgency, other statements, burden.

    Findings that nobody has decided about leave no trace in it: counts, lengths and extremes are of the confirmed ones.

    Parameters
    ----------
    findings : sequence of Finding
        What is listed, decided and not.
    beats : ReviewedBeats
        The beats in force.
    statements : sequence of Statement, optional
        What the measurements say.
    verdicts : mapping of str to str, optional
        "confirmed" or "rejected", by the code of a statement that a reader decided about.
    when : callable, optional
        Writes a time, given in seconds from the start of the recording.
    """
    confirmed = [one for one in statements if (verdicts or {}).get(one.code) == "confirmed"]
    rows = kind_rows(_confirmed(findings), beats.unread)
    seconds = beats.n_samples / beats.fs
    return (
        *(_of_statement(one) for one in confirmed if one.urgent),
        *(_of_kind(row, seconds, when) for row in rows),
        *(_of_statement(one) for one in confirmed if not one.urgent),
        *_burdens(beats),
    )


def single_facts(findings: Sequence[Finding], beats: ReviewedBeats, *, when: When = report_clock) -> tuple[Fact, ...]:
    """Return each confirmed event of which there are several of a kind as a fact of its own, for who wants only some.

    Parameters
    ----------
    findings : sequence of Finding
        What is listed, decided and not, the most important first.
    beats : ReviewedBeats
        The beats in force.
    when : callable, optional
        Writes a time, given in seconds from the start of the recording.

    Returns
    -------
    tuple of Fact
        Kind by kind, at most `SINGLES` of each; none that `decided_facts` has.
    """
    confirmed = _confirmed(findings)
    seconds = beats.n_samples / beats.fs
    facts: list[Fact] = []
    for row in kind_rows(confirmed):
        if len(row.findings) < 2 or FINDING_KINDS[row.kind].scattered:
            continue
        for one in [one for one in confirmed if one.kind == row.kind][:SINGLES]:
            (own,) = kind_rows([one])
            fact = _of_kind(own, seconds, when)
            facts.append(Fact(one.id, f"{own.title} at {when(one.start_s)}", fact.text, fact.concept))
    return tuple(facts)


def _confirmed(findings: Sequence[Finding]) -> list[Finding]:
    return [one for one in findings if one.reviewed and one.kind not in _NO_FACTS]


def proposed_text(facts: Sequence[Fact], listed: Sequence[Finding | Statement]) -> str:
    """Return a conclusion to begin with, one sentence a line, or that there is nothing to conclude from.

    Parameters
    ----------
    facts : sequence of Fact
        What is confirmed.
    listed : sequence of Finding or Statement
        What could have been.
    """
    if facts:
        return "\n".join(fact.text for fact in facts)
    return NOTHING_CONFIRMED if listed else NOTHING_LISTED


def updated_text(text: str, before: Sequence[Fact], after: Sequence[Fact]) -> str:
    """Return a conclusion that a reader may have edited, brought up to date with what is confirmed or chosen now.

    Sentences of facts that are gone go, those of new ones are added at the end, and what the reader wrote stays.

    Parameters
    ----------
    text : str
        As the reader left it.
    before, after : sequence of Fact
        What it was made from, and what it is to be made from.
    """
    gone = {fact.text for fact in before} - {fact.text for fact in after}
    new = [fact.text for fact in after if fact.text not in {fact.text for fact in before}]
    empty = {NOTHING_CONFIRMED, NOTHING_LISTED} if after else set[str]()
    kept = [line for line in text.splitlines() if line.strip() not in gone | empty]
    return "\n".join([*kept, *(line for line in new if line not in kept)])


@dataclass(frozen=True)
class Draft:
    """A conclusion before it is signed.

    Attributes
    ----------
    text : str
        As it stands.
    facts : tuple of Fact
        What is confirmed, and told of unless the reader takes it away.
    chosen : tuple of str
        Keys of what it tells of.
    singles : tuple of Fact
        Confirmed events one by one, told of only if the reader chooses them.
    """

    text: str
    facts: tuple[Fact, ...]
    chosen: tuple[str, ...]
    singles: tuple[Fact, ...] = ()

    @property
    def choices(self) -> tuple[Fact, ...]:
        """What it can tell of."""
        return (*self.facts, *self.singles)

    def choosing(self, keys: Collection[str]) -> Draft:
        """Return the draft when it tells of the facts with these keys."""
        now = self._of(keys)
        return replace(self, text=updated_text(self.text, self._told, now), chosen=tuple(fact.key for fact in now))

    def knowing(self, facts: Sequence[Fact], singles: Sequence[Fact] = ()) -> Draft:
        """Return the draft when these facts are confirmed: it tells of new ones, and of old ones if it did before.

        Parameters
        ----------
        facts : sequence of Fact
            What is told of by itself.
        singles : sequence of Fact, optional
            What is told of only if it was before.
        """
        before = {fact.key for fact in self.facts}
        now = [
            *(fact for fact in facts if fact.key in self.chosen or fact.key not in before),
            *(fact for fact in singles if fact.key in self.chosen),
        ]
        text = updated_text(self.text, self._told, now)
        return Draft(text, tuple(facts), tuple(fact.key for fact in now), tuple(singles))

    @property
    def _told(self) -> list[Fact]:
        return self._of(self.chosen)

    def _of(self, keys: Collection[str]) -> list[Fact]:
        return [fact for fact in self.choices if fact.key in keys]


def draft_of(facts: Sequence[Fact], listed: Sequence[Finding | Statement], singles: Sequence[Fact] = ()) -> Draft:
    """Return a draft that tells of everything that is confirmed.

    Parameters
    ----------
    facts, listed : sequence
        See `proposed_text`.
    singles : sequence of Fact, optional
        Events that can be told of one by one.
    """
    return Draft(proposed_text(facts, listed), tuple(facts), tuple(fact.key for fact in facts), tuple(singles))


@dataclass(frozen=True)
class Undecided:
    """What nobody has decided about: findings, and of them and of the statements those that are urgent.

    Attributes
    ----------
    findings : tuple of Finding
        The open ones, most important first.
    urgent : tuple of Finding
        Those of them that are urgent.
    statements : tuple of Statement
        Urgent statements without a verdict.
    """

    findings: tuple[Finding, ...]
    urgent: tuple[Finding, ...]
    statements: tuple[Statement, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The urgent ones in words, each kind once, with how many there are."""
        rows = kind_rows(self.urgent)
        return (
            *(one.text.rstrip(".") for one in self.statements),
            *(f"{row.title} ({grouped(row.number)})" if row.number > 1 else row.title for row in rows),
        )


def undecided(
    findings: Sequence[Finding],
    measured: Measurements | None = None,
    verdicts: Mapping[str, str] | None = None,
) -> Undecided:
    """Return what nobody has decided about.

    Parameters
    ----------
    findings : sequence of Finding
        What is listed.
    measured : Measurements, optional
        With the statements.
    verdicts : mapping of str to str, optional
        "confirmed" or "rejected", by the code of a statement that a reader decided about.
    """
    left = tuple(one for one in findings if not one.reviewed)
    urgent = () if measured is None else measured.urgent
    known = verdicts or {}
    return Undecided(left, urgent_findings(left), tuple(one for one in urgent if one.code not in known))


def _of_statement(one: Statement) -> Fact:
    text = one.text.rstrip(".")
    return Fact(f"{STATEMENT}{one.code}", text, f"{text}.")


def _of_kind(row: KindRow, duration_s: float, when: When) -> Fact:
    form = FINDING_KINDS[row.kind]
    concepts = {one.concept for one in row.findings}
    many = "" if len(row.findings) == 1 else f", {grouped(row.number)}"
    plural = "s" if many and row.title.endswith(_COUNTED) else ""
    return Fact(
        row.kind,
        f"{row.title}{plural}{many}",
        f"{row.title}{plural}: {_told(row, duration_s, when)}.",
        concepts.pop() if len(concepts) == 1 else form.snomed,
    )


def _told(row: KindRow, duration_s: float, when: When) -> str:
    count, longest = len(row.findings), row.longest
    if row.kind == "patient_event":
        return "; ".join(f"{one.detail or 'no remark'} at {when(one.start_s)}" for one in row.findings)
    if FINDING_KINDS[row.kind].scattered:
        return f"{grouped(row.number)} single beat{'' if row.number == 1 else 's'}"
    if is_pause(row.kind):
        start_s, stop_s = longest_pause(longest)
        pause = f"{stop_s - start_s:.1f} s at {when(start_s)}"
        return pause if row.number == 1 else f"{grouped(row.number)}, the longest {pause}"
    if isinstance(longest, EpisodeFinding):
        return _told_episodes(row, duration_s, when)
    size, fastest = _size(longest), row.fastest
    if count == 1:
        return f"{size} at {when(longest.start_s)}"
    fast = f"the fastest {run_bpm(fastest):.0f}/min at {when(fastest.start_s)}" if fastest is not None else ""
    if row.kind in COUPLETS and fast:
        return f"{grouped(count)}, {fast}"
    more = f", {fast}" if fast and fastest is not longest else ""
    return f"{grouped(count)}, the longest {size} at {when(longest.start_s)}{more}"


def _told_episodes(row: KindRow, duration_s: float, when: When) -> str:
    longest = row.longest
    part = share(row.seconds / duration_s if duration_s else None)
    at = f"{duration(longest.stop_s - longest.start_s)} at {when(longest.start_s)}"
    if len(row.findings) == 1:
        return f"one episode of {at} ({part} of the recording)"
    return f"{grouped(len(row.findings))} episodes, {duration(row.seconds)} in all ({part}), the longest {at}"


def _size(one: Finding) -> str:
    bpm = run_bpm(one)
    if bpm is None:
        return duration(one.stop_s - one.start_s)
    return f"{len(one.samples)} beats at {bpm:.0f}/min"


def _burdens(beats: ReviewedBeats) -> tuple[Fact, ...]:
    """Return the shares of V and S, of a class all of whose beats somebody has decided about."""
    reviewed, facts = beats.reviewed(), []
    whole = int((~((beats.aami == "U") | (beats.aami == "X"))).sum())
    for letter, name in (("V", "Ventricular"), ("S", "Supraventricular")):
        own = beats.aami == letter
        count = int(own.sum())
        if count and reviewed[own].all():
            text = f"{name} beats in all: {grouped(count)}, {share(count / whole)} of the classified beats."
            facts.append(Fact(f"burden_{letter}", f"Burden of {name.lower()} beats", text))
    return tuple(facts)
