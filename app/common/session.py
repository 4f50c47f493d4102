"""Typed access to st.session_state: what one browser session has open."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import streamlit as st

from app.common.theme import by_touch
from app.common.viewport import PHONE_WINDOW_S, WINDOW_S, Looking, Viewport
from pipeline.cases.case import Case
from pipeline.measurements import WaveMark
from pipeline.types import Recording
from pipeline.worker.jobs import Job

_KEY = "heartvision"


@dataclass(frozen=True)
class SheetChoice:
    """How a recording of several leads is drawn.

    `layout` is a layout's name, or "" for a strip of the analysed leads; `marks` whether the marks of waves are shown;
    `heat` the superclass for which the sheet shows what speaks, or "".
    """

    layout: str = "3x4"
    speed_mm_s: float = 25.0
    gain_mm_mv: float = 10.0
    marks: bool = True
    heat: str = ""


@dataclass
class Session(Looking):
    """What survives reruns and page switches.

    `leads` is None while they are chosen automatically. `uploads`, `chart_picks` and `table_picks` are generations:
    raising one gives the widgets named after it fresh keys, so that a refused file or an old selection is forgotten.
    `unread` says which files of an opened archive could not be read; `page` is a file that was given as a recording but
    may be a page of paper, with its untrusted name; `asked` is the analysis that this session waits for; `addressed`
    whether the page's address was looked at; `sheet` how an ECG of several leads is drawn; `moved_marks` where a reader
    moved marks of a median beat, seconds from its R peak, by digest and start of the stretch; `moved_beats` the same of
    single beats, by digest and R peak, a sample; `at_s` the time to show first once the recording that waits is
    analysed, if not its most important finding; `go_to_error` why the time that was typed last could not be gone to.
    """

    recordings: tuple[Recording, ...] = ()
    chosen: int = 0
    network: str = ""
    leads: tuple[str, ...] | None = None
    case: Case | None = None
    error: str = ""
    notice: str = ""
    unread: str = ""
    page: tuple[str, bytes] | None = None
    asked: Job | None = None
    addressed: bool = False
    go_to_error: str = ""
    at_s: float | None = None
    beat: int = 0
    uploads: int = 0
    chart_picks: int = 0
    table_picks: int = 0
    sheet: SheetChoice = SheetChoice()
    moved_marks: dict[tuple[str, float], dict[WaveMark, float]] = field(default_factory=dict)
    moved_beats: dict[tuple[str, int], dict[WaveMark, float]] = field(default_factory=dict)
    kept: tuple[tuple[Recording, ...], int, str, tuple[str, ...] | None] = ((), 0, "", None)

    @property
    def recording(self) -> Recording | None:
        """The recording that is chosen among the opened ones."""
        return self.recordings[self.chosen] if self.recordings else None

    def renew(self, recordings: tuple[Recording, ...]) -> None:
        """Takes the same recordings again, with what is kept now of who was recorded and when."""
        if self.case is not None and self.recording is self.case.recording:
            self.case = replace(self.case, recording=recordings[self.chosen])
        self.kept = (recordings if self.kept[0] is self.recordings else self.kept[0], *self.kept[1:])
        self.recordings = recordings

    @property
    def leads_used(self) -> tuple[str, ...]:
        """The leads of the analysis that is shown, or asked for."""
        if self.leads is not None:
            return self.leads
        return self.case.prepared.leads if self.case is not None and self.is_current else ()

    @property
    def is_current(self) -> bool:
        """Whether the case shows the chosen recording with the chosen network and leads."""
        case = self.case
        return (
            case is not None
            and case.recording is self.recording
            and case.analysis.model == self.network
            and self.leads in (None, case.prepared.leads)
        )

    def open(self, recordings: tuple[Recording, ...], unread: str = "") -> None:
        """Opens freshly read recordings at the first one, with leads chosen automatically, and says what is not."""
        self.recordings, self.chosen, self.leads, self.unread = recordings, 0, None, unread
        self._quiet()
        self.uploads += 1

    def open_at(self, recording: Recording, network: str, time_s: float) -> None:
        """Opens a recording with a network's answer, to be shown from the beat nearest to a time."""
        self.open((recording,))
        self.network, self.at_s = network, time_s

    def choose(self, index: int) -> None:
        """Goes to another of the opened recordings."""
        self.chosen, self.leads = index, None
        self._quiet()

    def use_network(self, name: str) -> None:
        """Asks for the answer of another network."""
        self.network = name
        self._quiet()

    def beats_moved(self, digest: str) -> dict[int, dict[WaveMark, float]]:
        """Where the reader moved marks of single beats of a recording, by R peak, a sample."""
        return {sample: own for (of, sample), own in self.moved_beats.items() if of == digest}

    def use_leads(self, leads: tuple[str, ...]) -> None:
        """Asks for other leads."""
        self.leads = leads
        self._quiet()

    def refuse(self, sentence: str, page: tuple[str, bytes] | None = None) -> None:
        """Says why something could not be done, and returns to what was shown; a `page` can be read elsewhere."""
        self.back()
        self.error, self.page = sentence, page

    def back(self, notice: str = "") -> None:
        """Returns to what was shown before, with a notice."""
        self._quiet()
        self.notice = notice
        self.recordings, self.chosen, self.network, self.leads = self.kept
        self.uploads += 1

    def close(self, notice: str) -> None:
        """Lets go of what is open, with a notice."""
        self.recordings, self.chosen, self.leads, self.case, self.unread = (), 0, None, None, ""
        self._quiet()
        self.notice, self.kept, self.uploads = notice, ((), 0, "", None), self.uploads + 1

    def show(self, case: Case) -> None:
        """Shows a case from its most urgent episode or most important finding; with a new network, where it was."""
        same = self.case is not None and self.case.recording is case.recording
        time_s = self.looking_at_s if same else self.at_s
        if not same:
            self.measured, self.pinned_s = (), None
        self.case, self.beat = case, 0
        self.viewport = self.viewport.of(case.recording.duration_s)
        self._quiet()
        self.kept = (self.recordings, self.chosen, self.network, self.leads)
        if time_s is not None:
            self.look(time_s)
            return
        self.move(0.0)
        self.select(case.first_stop or 0)
        if case.urgent:
            self.look(case.urgent[0].start_s)

    @property
    def looking_at_s(self) -> float:
        """Where the beat is that is selected; the middle of the window without one."""
        if self.case is None or not self.case.time_s.size:
            return self.viewport.start_s + self.viewport.window_s / 2
        return float(self.case.time_s[self.beat])

    def select_here(self, beat: int) -> None:
        """Selects a beat that is shown, and leaves the window where it is."""
        place = self.viewport
        self.select(beat, by="chart")
        self.viewport = place

    def look(self, time_s: float) -> None:
        """Goes to a time, and selects the beat nearest to it if there is one."""
        if self.case is None:
            return
        if self.case.time_s.size:
            self.select(self.case.nearest(time_s))
        self.chart_picks += 1
        self.viewport = self.viewport.showing(time_s)

    def select(self, beat: int, *, by: Literal["button", "chart", "table"] = "button") -> None:
        """Selects a beat and moves the window to it if it is not well inside."""
        if self.case is None or not self.case.time_s.size:
            return
        self.beat = min(max(beat, 0), self.case.time_s.size - 1)
        self.chart_picks += by == "chart"
        self.table_picks += by != "table"
        self.viewport = self.viewport.showing(float(self.case.time_s[self.beat]))

    def forget_clicks(self) -> None:
        """Gives the charts fresh keys."""
        self.chart_picks += 1

    def _quiet(self) -> None:
        """Clears notices and what was waited for: something new is shown."""
        self.error, self.notice, self.asked, self.at_s, self.go_to_error, self.page = "", "", None, None, "", None


def session() -> Session:
    """This browser session's state."""
    if _KEY not in st.session_state:
        st.session_state[_KEY] = Session(Viewport(PHONE_WINDOW_S if by_touch() else WINDOW_S))
    found: Session = st.session_state[_KEY]
    return found
