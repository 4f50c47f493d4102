"""A recording of three leads or more as an ECG on paper: layout, paper speed and gain, and the page to print."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

import streamlit as st

from app.common import ecg_sheet, ecg_svg, sign_in
from app.common.session import Session, SheetChoice
from app.common.text import plain
from app.common.theme import by_touch, palette
from app.common.viewport import PHONE_WINDOW_S, WINDOW_S
from pipeline.cases import case as cases
from pipeline.principal import Principal
from pipeline.twelve_leads.layouts import SHEET_LAYOUTS, is_sheet
from pipeline.twelve_leads.sheet import GAINS_MM_MV, SPEEDS_MM_S, Sheet, page_s
from pipeline.twelve_leads.sheet import ecg_sheet as lay_out

STRIP = "strip"
BESIDE_PX = 3.0  # to a millimetre at least where the window is narrow: ten seconds stand beside the beat
# Ten seconds in real size and the chosen beat share a window of 1440 x 900 pixels, below what is urgent: less air.
STYLE = """<style>
@media (min-width: 641px) {
  .stMainBlockContainer { padding: 4rem 2rem 1rem; }
  [data-testid=stAlertContainer] { padding-top: .5rem; padding-bottom: .5rem; }
}
</style>"""
SCREEN_POINTS_PER_MM = 10.0  # of a trace: two for each point of the screen
AS_RECORDED = "As recorded, not filtered."


def is_open(session: Session) -> bool:
    """Whether the recording is shown as an ECG."""
    return session.case is not None and is_sheet(session.case.recording.leads) and bool(session.sheet.layout)


def wide() -> None:
    """Give an ECG the width of the page."""
    st.html(STYLE)


def fit_window(session: Session) -> None:
    """Make the window as long as the paper is wide."""
    if session.case is None or not is_open(session):
        return
    fitting = page_s(session.sheet.speed_mm_s, session.case.recording.duration_s)
    if session.viewport.window_s != fitting:
        session.resize(fitting)


def choose(session: Session) -> None:
    """Draw the choice of layout, paper speed and gain, for a recording of three leads or more."""
    if session.case is None or not is_sheet(session.case.recording.leads):
        return
    choice = session.sheet
    st.session_state["sheet-layout"] = choice.layout or STRIP
    st.session_state["sheet-speed"], st.session_state["sheet-gain"] = choice.speed_mm_s, choice.gain_mm_mv
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", width="content"):
        st.segmented_control(
            "Layout", [*SHEET_LAYOUTS, STRIP], key="sheet-layout", required=True, wrap=False,
            format_func=lambda name: SHEET_LAYOUTS[name].title if name in SHEET_LAYOUTS else "Strip",
            label_visibility="collapsed", on_change=_laid_out, args=(session,),
        )  # fmt: skip
        if choice.layout:
            _scale("Paper speed", "sheet-speed", SPEEDS_MM_S, "mm/s", session)
            _scale("Gain", "sheet-gain", GAINS_MM_MV, "mm/mV", session)


def tools(session: Session) -> None:
    """Draw what else can be done with a recording that is shown as an ECG: wave marks, the page to print, heat."""
    if session.case is None or not is_open(session):
        return
    st.toggle("Wave marks", value=session.sheet.marks, key="sheet-marks", on_change=_marked, args=(session,))
    _print(session, session.case)
    if _has_classes(session.case):
        from app.analyse import superclasses  # SciPy, which the first page does not need

        superclasses.choose(session, session.case)


def _scale(label: str, key: str, values: tuple[float, ...], unit: str, session: Session) -> None:
    st.segmented_control(
        label, values, key=key, required=True, wrap=False,
        format_func=lambda value: f"{value:g} {unit}" if value == values[-1] else f"{value:g}",
        label_visibility="collapsed", on_change=_scaled, args=(session,),
    )  # fmt: skip


def _print(session: Session, case: cases.Case) -> None:
    remark = ""
    if session.moved_marks or session.moved_beats:
        from app.analyse import median_beat  # SciPy, which the first page does not need

        remark = median_beat.corrected_words(session, case)
    who = sign_in.asking()
    st.download_button(
        "Print (PDF)", partial(_taken, who, case, session.sheet, session.viewport.start_s, remark),
        mime="application/pdf", disabled=not who.holds("export"),
        file_name=f"{case.recording.name}.ecg.pdf", icon=":material/print:", key="print-ecg", on_click="ignore",
        help="A page in A4 landscape, true to scale: print it without scaling.",
    )  # fmt: skip


def _taken(who: Principal, case: cases.Case, choice: SheetChoice, start_s: float, remark: str) -> bytes:
    sign_in.take(who, case.recording.digest, "printed ECG")
    return printed(case, choice, start_s, remark)


def printed(case: cases.Case, choice: SheetChoice, start_s: float, remark: str = "") -> bytes:
    """The window as a page in A4 landscape, with what a reader changed as a remark."""
    from pipeline.export import ecg_page_pdf  # fpdf2, which is not for those who only look

    sheet = ecg_page_pdf.page_sheet(
        case.recording, start_s, layout=SHEET_LAYOUTS[choice.layout], speed_mm_s=choice.speed_mm_s,
        gain_mm_mv=choice.gain_mm_mv, lines=ecg_page_pdf.lines_over(case.analysis),
    )  # fmt: skip
    return ecg_page_pdf.ecg_page_bytes(sheet, case.recording, case.analysis, datetime.now(UTC), remark=remark)


def _laid_out(session: Session) -> None:
    name = st.session_state["sheet-layout"]
    session.sheet = replace(session.sheet, layout="" if name == STRIP else name)
    if name == STRIP:
        session.resize(PHONE_WINDOW_S if by_touch() else WINDOW_S)


def _scaled(session: Session) -> None:
    session.sheet = replace(
        session.sheet, speed_mm_s=st.session_state["sheet-speed"], gain_mm_mv=st.session_state["sheet-gain"]
    )


def _marked(session: Session) -> None:
    session.sheet = replace(session.sheet, marks=st.session_state["sheet-marks"])


def draw(session: Session, case: cases.Case) -> None:
    """Draw the window as an ECG, with class letters over the rhythm strip and marks that can be dragged."""
    sheet = sheet_of(session, case)
    heat, said = _heat(session, case)
    strip = _strip_marks(session, case, sheet)
    also = ecg_svg.OnSheet(
        cases.marks(case, *session.viewport.span_s), session.beat, case.analysis.rhythm,
        case.analysis.quality.segments, (), heat, case.recording.start,
    )  # fmt: skip
    drawn = ecg_sheet.Drawn(
        ecg_svg.sheet_svg(sheet, also, palette()), sheet.speed_mm_s, sheet.gain_mm_mv, sheet.width_mm, sheet.height_mm,
        strip.ticks, least_px=ecg_sheet.REAL_PX if by_touch() else BESIDE_PX,
    )  # fmt: skip
    ecg_sheet.draw(
        drawn, f"ecg-sheet-{case.recording.digest[:8]}", label=f"ECG, {sheet.layout.title}, {sheet.scales}",
        beat=session.select_here, look=session.look, moved=strip.taken,
    )  # fmt: skip
    strip.intervals()
    st.caption(plain(" ".join((*sheet.notes, AS_RECORDED, *strip.words, said))))


@dataclass(frozen=True)
class _Strip:
    """The marks of waves in the window: ticks, what a drag does, what is said of them, the chosen beat's intervals."""

    ticks: tuple[ecg_sheet.SheetMark, ...] = ()
    taken: Callable[[str, float], None] | None = None
    words: tuple[str, ...] = ()
    intervals: Callable[[], None] = lambda: None


def _strip_marks(session: Session, case: cases.Case, sheet: Sheet) -> _Strip:
    """The marks of all beats of the window; none if they are not wanted."""
    if not session.sheet.marks or not case.letters:
        return _Strip()
    from app.analyse import median_beat  # SciPy, which the first page does not need
    from app.common import strip_marks

    marking, analysis = median_beat.marking(session, case), case.analysis
    shown = strip_marks.beats(case.recording, analysis, session.viewport.span_s, marking)
    chosen = int(analysis.sample[session.beat])
    return _Strip(
        strip_marks.ticks(
            sheet, shown, marking, palette(), chosen=chosen, when=case.when, named=lambda beat: beat.position
        ),
        strip_marks.taking(sheet, shown, marking),
        (strip_marks.WORDS, strip_marks.how(by_touch=by_touch())),
        partial(strip_marks.draw, analysis, shown, marking, chosen=chosen, key="sheet", when=case.when),
    )


def _heat(session: Session, case: cases.Case) -> tuple[ecg_svg.HeatOnSheet | None, str]:
    """What speaks for the chosen superclass, and a sentence about it."""
    if not _has_classes(case):
        return None, ""
    from app.analyse import superclasses  # SciPy, which the first page does not need

    return superclasses.heat(session, case)


def _has_classes(case: cases.Case) -> bool:
    return case.analysis.measured is not None and bool(case.analysis.measured.diagnosis)


def sheet_of(session: Session, case: cases.Case) -> Sheet:
    """The window of the session on paper."""
    choice = session.sheet
    return lay_out(
        case.recording, SHEET_LAYOUTS[choice.layout], start_s=session.viewport.start_s, speed_mm_s=choice.speed_mm_s,
        gain_mm_mv=choice.gain_mm_mv, points_per_mm=SCREEN_POINTS_PER_MM,
    )  # fmt: skip


def draw_median(session: Session) -> None:
    """Draw the median beat of where the window lies, for a recording that is shown as an ECG."""
    if session.case is None or not is_open(session) or not session.case.letters:
        return
    from app.analyse import median_beat  # SciPy, which the first page does not need

    middle_s = session.viewport.start_s + session.viewport.window_s / 2
    if (found := median_beat.stretch(session.case, middle_s)) is not None:
        median_beat.draw(session, session.case, found)


def draw_comparison(session: Session) -> None:
    """Draw the comparison with another recording, for a recording of three leads or more."""
    if session.case is not None and is_sheet(session.case.recording.leads):
        from app.analyse import comparison  # SciPy and SQLAlchemy, which the first page does not need

        comparison.draw(session)
