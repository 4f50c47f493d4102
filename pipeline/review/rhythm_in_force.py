"""The rhythm in force: the model's episodes and urgent statements, with all decisions of a reader replayed on them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate
from types import MappingProxyType
from typing import Final, Literal

from pipeline.errors import ReviewError
from pipeline.measurements import Statement, WaveMark
from pipeline.review.decisions import MARKING_KINDS, MEASURING_KINDS, Decision, DecisionKind, Stretch
from pipeline.review.moved_marks import mark_words, moved_mark
from pipeline.rhythm_names import RHYTHM_NAMES, rhythm_name
from pipeline.types import Analysis, Episode, RhythmCode
from pipeline.wording import interval

Ruled = Literal["", "confirmed", "named"]
ARTEFACT: Final = "ARTEFACT"
_MARKED: Final = "marked as artefact"  # the detail by which an artefact is known
BY_READER: Final = "named by the reader"

# What a reader can call a stretch: the code of an episode, and its detail.
RHYTHM_SUBJECTS: Final[Mapping[str, tuple[RhythmCode, str]]] = MappingProxyType(
    {
        "VF": ("VFL", "VF"),
        "VFLUTTER": ("VFL", "VFL"),
        "ASYSTOLE": ("ASYS", "asystole"),
        "PAUSE": ("ASYS", "pause"),
        "BII_HIGH": ("BII", "high degree"),
        "BII_2_1": ("BII", "2:1"),
        "BII_WENCKEBACH": ("BII", "Wenckebach"),
        "BII_MOBITZ": ("BII", "Mobitz II"),
        **{code: (code, "") for code in RHYTHM_NAMES},
        ARTEFACT: ("NOISE", _MARKED),
    }
)
# Rhythms that go on where an episode beside them is rejected; the others are episodes in such a rhythm.
_USUAL: Final = frozenset[RhythmCode]({"N", "SBR", "ST", "AFIB", "AFL", "P", "NOD", "BI", "BII", "BIII", "B", "T"})
RUN_CLASSES: Final[Mapping[RhythmCode, str]] = MappingProxyType({"VT": "V", "IVR": "V", "SVTA": "S"})
ABOUT_ONE_THERE: Final = frozenset[DecisionKind]({"rhythm_confirm", "rhythm_reject", "rhythm_resize", "rhythm_split"})


@dataclass(frozen=True)
class RhythmPiece:
    """An episode in force.

    Attributes
    ----------
    start, stop : int
        Its ends, samples.
    episode : Episode
        What it is.
    ruled : {"", "confirmed", "named"}
        What a reader has decided about it; "named" if it got its name from them.
    """

    start: int
    stop: int
    episode: Episode
    ruled: Ruled = ""

    @property
    def stretch(self) -> Stretch:
        """From and to, samples."""
        return self.start, self.stop

    def between(self, start: int, stop: int, fs: float) -> RhythmPiece:
        """Return the same episode with other ends; an end that stays is kept to less than a sample.

        Parameters
        ----------
        start, stop : int
            The new ends, samples.
        fs : float
            Sampling frequency, Hz.
        """
        start_s = self.episode.start_s if start == self.start else start / fs
        stop_s = self.episode.stop_s if stop == self.stop else stop / fs
        return replace(self, start=start, stop=stop, episode=replace(self.episode, start_s=start_s, stop_s=stop_s))


@dataclass(frozen=True)
class RhythmInForce:
    """What a reader has made of the model's rhythm.

    Attributes
    ----------
    fs : float
        Sampling frequency, Hz.
    n_samples : int
        Length of the recording, samples.
    pieces : tuple of RhythmPiece
        The episodes in order, which cover the recording without overlap; empty in an analysis of an earlier version.
    rejected : tuple of (Stretch, RhythmCode)
        Episodes that a reader has rejected, and that nothing has replaced since.
    events : mapping of Stretch to str
        Where the patient felt or did something, and what.
    statements : tuple of Statement
        What is stated about the usual beat, whatever was decided about it: by the model's marks, or by those that a
        reader moved, where it is known what follows from them.
    verdicts : mapping of str to str
        "confirmed" or "rejected", by the code of a statement that a reader has decided about.
    measured : tuple of Stretch
        Intervals that a reader has measured with calipers, in the order in which they were.
    marks : mapping of Stretch to mapping of WaveMark to float
        Where a reader moved marks of the median beat of a stretch, seconds from its R peak.
    undone : frozenset of Stretch
        Where a run was that a reader has undone by what they decided about its beats.
    stated_by : mapping of Stretch to mapping of WaveMark to float
        The moved marks that `statements` follow from: `marks`, unless those were moved since.
    """

    fs: float
    n_samples: int
    pieces: tuple[RhythmPiece, ...]
    rejected: tuple[tuple[Stretch, RhythmCode], ...] = ()
    events: Mapping[Stretch, str] = field(default_factory=lambda: MappingProxyType({}))
    statements: tuple[Statement, ...] = ()
    verdicts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    measured: tuple[Stretch, ...] = ()
    marks: Mapping[Stretch, Mapping[WaveMark, float]] = field(default_factory=lambda: MappingProxyType({}))
    undone: frozenset[Stretch] = frozenset()
    stated_by: Mapping[Stretch, Mapping[WaveMark, float]] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def episodes(self) -> tuple[Episode, ...]:
        """The episodes in force, in order."""
        return tuple(piece.episode for piece in self.pieces)

    @cached_property
    def runs(self) -> tuple[RhythmPiece, ...]:
        """The episodes that are runs of ectopic beats and that no reader has decided about, in order."""
        return tuple(piece for piece in self.pieces if piece.episode.rhythm in RUN_CLASSES and not piece.ruled)

    @property
    def ruled(self) -> Mapping[Stretch, Ruled]:
        """What a reader has decided, by the stretch of the episode that it is about."""
        return MappingProxyType({piece.stretch: piece.ruled for piece in self.pieces if piece.ruled})

    @property
    def artefacts(self) -> tuple[Stretch, ...]:
        """Stretches that a reader has marked as artefact: no beat in them counts, and nothing is found there."""
        return tuple(piece.stretch for piece in self.pieces if is_artefact(piece.episode))

    def after(self, decision: Decision) -> RhythmInForce:
        """Return the rhythm one decision further; `decision` is of one of `RULING_KINDS`.

        Raises
        ------
        ReviewError
            If it does not fit the rhythm in force.
        """
        for start, stop in decision.stretches:
            if not 0 <= start < stop <= self.n_samples:
                raise ReviewError(
                    f"The stretch from {start / self.fs:.2f} to {stop / self.fs:.2f} s lies outside the recording of "
                    f"{self.n_samples / self.fs:.2f} s; choose a place inside."
                )
        act: Mapping[str, object] = getattr(self, f"_{decision.kind}")(decision)
        return replace(self, **act)  # type: ignore[arg-type]

    def without_runs(self, gone: Sequence[RhythmPiece]) -> RhythmInForce:
        """Return the rhythm in which that beside goes on through some runs, whose ends stay as they are."""
        if not gone:
            return self
        stretches, rejected = {piece.stretch for piece in gone}, sorted(self.rejected)
        starts, reach = [own[0] for own, _ in rejected], list(accumulate((own[1] for own, _ in rejected), max))
        pieces = list(self.pieces)
        for at, piece in enumerate(self.pieces):
            if piece.stretch in stretches:
                near = rejected[bisect_right(reach, piece.start) : bisect_left(starts, piece.stop)]
                episode = _beside(self.pieces[max(0, at - 1) : at + 2], piece.stretch, near, self.fs)
                pieces[at] = replace(piece, episode=episode)
        return replace(self, pieces=tuple(pieces), undone=self.undone | stretches)

    def at(self, stretch: Stretch) -> RhythmPiece:
        """Return the episode with exactly these ends.

        Raises
        ------
        ReviewError
            If there is none.
        """
        found = next((piece for piece in self.pieces if piece.stretch == stretch), None)
        if found is None:
            start, stop = stretch[0] / self.fs, stretch[1] / self.fs
            raise ReviewError(f"No episode lasts from {start:.2f} to {stop:.2f} s any more; look at the study again.")
        return found

    def words(self, decision: Decision) -> str:
        """Name what is in force where a decision is about, for the audit trail: rhythms, or what became of it."""
        if decision.kind.startswith("statement"):
            return self.verdicts.get(decision.subject, "")
        if decision.kind.startswith("event"):
            return "event" if decision.stretches[0] in self.events else ""
        if decision.kind in MEASURING_KINDS:
            return ", ".join(interval((b - a) / self.fs) for a, b in decision.stretches if (a, b) in self.measured)
        if decision.kind in MARKING_KINDS:
            return self._mark_words(decision)
        found = [
            rhythm_name(piece.episode).short
            for piece in self.pieces
            if any(piece.start < stop and piece.stop > start for start, stop in decision.stretches)
        ]
        return ", ".join(dict.fromkeys(found))

    def _rhythm_confirm(self, decision: Decision) -> Mapping[str, object]:
        named = {self.at(stretch).stretch for stretch in decision.stretches}
        pieces = [
            replace(piece, ruled=piece.ruled or "confirmed") if piece.stretch in named else piece
            for piece in self.pieces
        ]
        return {"pieces": tuple(pieces)}

    def _rhythm_name(self, decision: Decision) -> Mapping[str, object]:
        if decision.subject not in RHYTHM_SUBJECTS:
            raise ReviewError(f"A rhythm {decision.subject!r} is unknown; choose one of {', '.join(RHYTHM_SUBJECTS)}.")
        if not self.pieces:
            raise ReviewError("An earlier version analysed this recording without its rhythm; analyse it again first.")
        code, detail = RHYTHM_SUBJECTS[decision.subject]
        pieces = self.pieces
        for start, stop in decision.stretches:
            episode = Episode(*_times(pieces, (start, stop), self.fs), code, detail, 1.0, BY_READER)
            pieces = _laid_over(pieces, RhythmPiece(start, stop, episode, "named"), self.fs)
        return {"pieces": pieces, "rejected": self._not_in(decision.stretches)}

    def _rhythm_resize(self, decision: Decision) -> Mapping[str, object]:
        old, new = decision.stretches
        piece = self.at(old)
        if not (new[0] < old[1] and new[1] > old[0]):
            raise ReviewError("The new ends leave the episode; draw a new one there, and reject this one.")
        pieces = self.pieces
        for freed in ((old[0], new[0]), (new[1], old[1])):
            if freed[0] < freed[1]:
                pieces = _given_away(pieces, freed, self.rejected, self.fs)
        resized = replace(piece.between(*new, self.fs), ruled=piece.ruled or "confirmed")
        return {"pieces": _laid_over(pieces, resized, self.fs), "rejected": self._not_in((new,))}

    def _rhythm_split(self, decision: Decision) -> Mapping[str, object]:
        start, cut, stop = decision.samples
        piece = self.at((start, stop))
        halves = piece.between(start, cut, self.fs), piece.between(cut, stop, self.fs)
        return {"pieces": tuple(part for one in self.pieces for part in (halves if one is piece else (one,)))}

    def _rhythm_reject(self, decision: Decision) -> Mapping[str, object]:
        pieces = self.pieces
        rejected = (*self.rejected, *((own, self.at(own).episode.rhythm) for own in decision.stretches))
        for stretch in _merged(decision.stretches):
            pieces = _given_away(pieces, stretch, rejected, self.fs)
        return {"pieces": pieces, "rejected": rejected}

    def _event_mark(self, decision: Decision) -> Mapping[str, object]:
        events = {**self.events, **dict.fromkeys(decision.stretches, decision.text)}
        return {"events": MappingProxyType(dict(sorted(events.items())))}

    def _event_remove(self, decision: Decision) -> Mapping[str, object]:
        gone = [stretch for stretch in decision.stretches if stretch not in self.events]
        if gone:
            raise ReviewError(f"No patient event begins at {gone[0][0] / self.fs:.2f} s; look at the study again.")
        kept = {stretch: text for stretch, text in self.events.items() if stretch not in decision.stretches}
        return {"events": MappingProxyType(kept)}

    def _statement_confirm(self, decision: Decision) -> Mapping[str, object]:
        return self._judged(decision.subject, "confirmed")

    def _statement_reject(self, decision: Decision) -> Mapping[str, object]:
        return self._judged(decision.subject, "rejected")

    def _measure(self, decision: Decision) -> Mapping[str, object]:
        return {"measured": (*self.measured, *(own for own in decision.stretches if own not in self.measured))}

    def _measure_move(self, decision: Decision) -> Mapping[str, object]:
        old, new = decision.stretches
        self._check_measured(old)
        return {"measured": tuple(dict.fromkeys(new if own == old else own for own in self.measured))}

    def _measure_remove(self, decision: Decision) -> Mapping[str, object]:
        for stretch in decision.stretches:
            self._check_measured(stretch)
        return {"measured": tuple(own for own in self.measured if own not in decision.stretches)}

    def _mark_move(self, decision: Decision) -> Mapping[str, object]:
        (stretch,) = decision.stretches
        name, at_s = moved_mark(decision.subject)
        own = MappingProxyType({**self.marks.get(stretch, {}), name: at_s})
        return {"marks": MappingProxyType(dict(sorted({**self.marks, stretch: own}.items(), key=lambda one: one[0])))}

    def _mark_reset(self, decision: Decision) -> Mapping[str, object]:
        if gone := [stretch for stretch in decision.stretches if stretch not in self.marks]:
            raise ReviewError(f"No mark of the beat from {gone[0][0] / self.fs:.2f} s on is moved; look at it again.")
        kept = {stretch: own for stretch, own in self.marks.items() if stretch not in decision.stretches}
        return {"marks": MappingProxyType(kept)}

    def _mark_words(self, decision: Decision) -> str:
        """Name the place of the mark that a decision is about, or of all that are put back."""
        own = self.marks.get(decision.stretches[0], {})
        if decision.kind == "mark_move":
            name = moved_mark(decision.subject)[0]
            own = {name: own[name]} if name in own else {}
        return mark_words(own)

    def _check_measured(self, stretch: Stretch) -> None:
        if stretch not in self.measured:
            raise ReviewError(f"No interval is measured at {stretch[0] / self.fs:.2f} s; look at the study again.")

    def _judged(self, code: str, verdict: str) -> Mapping[str, object]:
        known = self.marks == self.stated_by  # else decisions are replayed, which were checked when they were taken
        if known and code not in {statement.code for statement in self.statements}:
            raise ReviewError(f"No statement {code!r} was made; look at the study again.")
        return {"verdicts": MappingProxyType({**self.verdicts, code: verdict})}

    def _not_in(self, stretches: Sequence[Stretch]) -> tuple[tuple[Stretch, RhythmCode], ...]:
        """Return the rejected episodes that none of the stretches overlaps: what was named there says more."""
        return tuple(
            (own, code)
            for own, code in self.rejected
            if not any(own[0] < stop and own[1] > start for start, stop in stretches)
        )


def rhythm_of(analysis: Analysis) -> RhythmInForce:
    """Return the rhythm as the model found it."""
    n_samples = round(analysis.duration_s * analysis.fs)
    pieces = [RhythmPiece(*ends_of(one, analysis.fs, n_samples), one) for one in analysis.rhythm]
    statements = () if analysis.measured is None else analysis.measured.statements
    return RhythmInForce(analysis.fs, n_samples, tuple(pieces), statements=statements)


def ends_of(episode: Episode, fs: float, n_samples: int) -> Stretch:
    """Return where an episode lies, at least one sample long.

    Parameters
    ----------
    episode : Episode
        The episode.
    fs : float
        Sampling frequency, Hz.
    n_samples : int
        Length of the recording, samples.
    """
    start = min(round(episode.start_s * fs), n_samples - 1)
    return start, min(max(start + 1, round(episode.stop_s * fs)), n_samples)


def is_artefact(episode: Episode) -> bool:
    """Tell whether a reader has marked this as artefact; the model's unreadable stretches are none."""
    return (episode.rhythm, episode.detail) == RHYTHM_SUBJECTS[ARTEFACT]


def subject_name(subject: str) -> str:
    """Return what a rhythm that a reader can choose is called.

    Examples
    --------
    >>> subject_name("VF"), subject_name("ARTEFACT")
    ('Ventricular fibrillation', 'Artefact')
    """
    return "Artefact" if subject == ARTEFACT else rhythm_name(Episode(0.0, 1.0, *RHYTHM_SUBJECTS[subject])).name


def subject_of(episode: Episode) -> str:
    """Return the key of `RHYTHM_SUBJECTS` that says the most of what an episode is."""
    fitting = [key for key, (code, detail) in RHYTHM_SUBJECTS.items()
               if code == episode.rhythm and episode.detail.lower().startswith(detail.lower())]  # fmt: skip
    return max(fitting, key=lambda key: len(RHYTHM_SUBJECTS[key][1]))


def _laid_over(pieces: Sequence[RhythmPiece], new: RhythmPiece, fs: float) -> tuple[RhythmPiece, ...]:
    """Return pieces with a new one over them: what it covers is gone, what it touches is cut."""
    found = []
    for piece in pieces:
        if piece.stop <= new.start or piece.start >= new.stop:
            found.append(piece)
            continue
        if piece.start < new.start:
            found.append(piece.between(piece.start, new.start, fs))
        if piece.stop > new.stop:
            found.append(piece.between(new.stop, piece.stop, fs))
    return tuple(sorted([*found, new], key=lambda piece: piece.start))


def _merged(stretches: Sequence[Stretch]) -> tuple[Stretch, ...]:
    """Return stretches in order, those that touch as one."""
    found: list[Stretch] = []
    for start, stop in sorted(stretches):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(stop, found[-1][1])
        else:
            found.append((start, stop))
    return tuple(found)


def _given_away(
    pieces: Sequence[RhythmPiece], stretch: Stretch, rejected: Sequence[tuple[Stretch, RhythmCode]], fs: float
) -> tuple[RhythmPiece, ...]:
    """Return pieces in which the rhythm beside a stretch goes on through it: of both sides the longer usual one.

    A rhythm that was rejected anywhere in the stretch does not come back so. Where no other is beside it, the stretch
    is sinus rhythm. Nobody has decided about what goes on: it becomes one with a piece of the same rhythm that it
    meets if nobody has decided about that either, and stays apart from it otherwise.

    Parameters
    ----------
    pieces : sequence of RhythmPiece
        What is in force.
    stretch : Stretch
        What is given away, samples.
    rejected : sequence of (Stretch, RhythmCode)
        What a reader has rejected, and where.
    fs : float
        Sampling frequency, Hz.
    """
    goes_on = RhythmPiece(*stretch, _beside(pieces, stretch, rejected, fs))
    joined: list[RhythmPiece] = []
    for piece in _laid_over(pieces, goes_on, fs):
        touches = joined and goes_on.start <= piece.start <= goes_on.stop
        if joined and touches and _is_one(joined[-1], piece):
            joined[-1] = _joined(joined[-1], piece)
        else:
            joined.append(piece)
    return tuple(joined)


def _beside(
    pieces: Sequence[RhythmPiece], stretch: Stretch, rejected: Sequence[tuple[Stretch, RhythmCode]], fs: float
) -> Episode:
    """Return the rhythm beside a stretch, as an episode of its length: what `_given_away` fills it with."""
    refused = {code for own, code in rejected if own[0] < stretch[1] and own[1] > stretch[0]}
    beside = [piece for piece in pieces if piece.stop == stretch[0] or piece.start == stretch[1]]
    usual = [piece for piece in beside if piece.episode.rhythm in _USUAL - refused]
    longest = max(usual, key=lambda piece: piece.stop - piece.start, default=None)
    episode = Episode(0.0, 0.0, "N") if longest is None else longest.episode
    if episode.evidence == BY_READER:
        episode = replace(episode, evidence="")
    start_s, stop_s = _times(pieces, stretch, fs)
    return replace(episode, start_s=start_s, stop_s=stop_s)


def _times(pieces: Sequence[RhythmPiece], stretch: Stretch, fs: float) -> tuple[float, float]:
    """Return both ends of a stretch in seconds, as exactly as an episode that begins or ends there has them."""
    known = {piece.start: piece.episode.start_s for piece in pieces}
    known |= {piece.stop: piece.episode.stop_s for piece in pieces}
    return known.get(stretch[0], stretch[0] / fs), known.get(stretch[1], stretch[1] / fs)


def _is_one(one: RhythmPiece, other: RhythmPiece) -> bool:
    """Tell whether two neighbours have the same rhythm, and nobody has decided about either."""
    same = (one.episode.rhythm, one.episode.detail) == (other.episode.rhythm, other.episode.detail)
    return same and not (one.ruled or other.ruled)


def _joined(one: RhythmPiece, other: RhythmPiece) -> RhythmPiece:
    """Return two neighbours as one, as sure as the longer of them is."""
    longer = max(one, other, key=lambda piece: piece.stop - piece.start)
    episode = replace(longer.episode, start_s=one.episode.start_s, stop_s=other.episode.stop_s)
    return RhythmPiece(one.start, other.stop, episode)
