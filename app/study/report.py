"""The report as a page: the sections of the printed one, from the same content."""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from app.common import ecg_sheet, page_source
from app.common.ecg_chart import ACCENT, thinned
from app.common.ecg_svg import OnSheet, sheet_svg
from app.common.open_study import OpenStudy
from app.common.text import plain
from app.common.theme import palette
from app.study.report_strips import strip_drawn
from pipeline.cases.strip_content import BeatMarks
from pipeline.cases.study_review import StudyReview
from pipeline.evaluation.statement_text import caution_of
from pipeline.export.ecg_page_pdf import page_sheet
from pipeline.export.moved_marks import moved_lines
from pipeline.export.report_content import ReportContent
from pipeline.export.report_sections import (
    SHORT_S,
    Table,
    beats_table,
    figures,
    further,
    identification,
    interval_lines,
    kinds_table,
    notices,
    origin_rows,
    rhythm_table,
    rows_table,
    urgent_lines,
    variability_table,
)
from pipeline.export.report_trend import Trend, axis_seconds, pieces, trend
from pipeline.export.signing import reviewed_content, study_facts
from pipeline.export.strip_choice import Strip, ecg_start, strips
from pipeline.export.study_files import trained_on
from pipeline.labels import NOT_CLASSIFIED
from pipeline.review.beats_in_force import UNCLASSIFIED
from pipeline.store.log import Entry
from pipeline.wording import looked_for_words

_KEY = "heartvision-study-report"
SHOWN = {UNCLASSIFIED: NOT_CLASSIFIED}  # as strips name what has no class
TILE = 288
STRIP = 720  # room for 185 mm in real size
STYLE = """<style>
.hv-table { overflow-x: auto; margin-bottom: .75rem }
.hv-table table { border-collapse: collapse; width: 100%; font-size: .82rem; font-variant-numeric: tabular-nums }
.hv-table caption { text-align: left; padding-bottom: .3rem }
.hv-table caption b { font-size: 1rem; margin-right: .6rem }
.hv-table caption span, .hv-table th { opacity: .72; font-weight: 400 }
.hv-table th, .hv-table td { padding: .18rem .5rem; white-space: nowrap }
.hv-table th, .hv-table td { border-bottom: 1px solid rgba(127,140,150,.22) }
.hv-lines div { font-size: .85rem; display: flex; gap: .5rem }
.hv-lines b { min-width: 5.5rem; opacity: .72; font-weight: 400 }
.hv-table .R { text-align: right } .hv-table .L { text-align: left }
.hv-table tr.total td { font-weight: 600; border-top: 1px solid rgba(127,140,150,.6) }
</style>"""


def content_of(here: OpenStudy, review: StudyReview, entries: Sequence[Entry]) -> ReportContent:
    """The content of the report as the study stands; made again only when something has changed."""
    stands = (here.study_id, review.standing.stamp, len(entries))
    kept = st.session_state.get(_KEY)
    if kept is None or kept[0] != stands or kept[1].beats is not review.beats:
        facts = study_facts(review, entries)
        made = reviewed_content(review, facts, created=datetime.now(UTC), trained_on=trained_on(review.study))
        st.session_state[_KEY] = kept = (stands, made)
    content: ReportContent = kept[1]
    return content


def forget() -> None:
    """Keep nothing of a report in this session."""
    st.session_state.pop(_KEY, None)


def draw(content: ReportContent) -> None:
    """What the printed report says below its conclusion."""
    st.html(STYLE)
    _identification(content)
    _urgent(content)
    _figures(content)
    _measured(content)
    long = content.analysis.duration_s >= SHORT_S
    if long:
        _trend(content)
    _table(kinds_table(content))
    if long:
        _table(rows_table(content))
    left, right = st.columns([3, 2], gap="medium")
    with left:
        _table(rhythm_table(content))
        _table(variability_table(content))
    with right:
        _table(beats_table(content))
    _strips(content)
    _ecg(content)
    page_source.draw(content.analysis.digest)
    st.caption(plain(" · ".join(f"{name}: {value}" for name, value in origin_rows(content))))


def _identification(content: ReportContent) -> None:
    lines = "".join(
        f"<div><b>{html.escape(name)}</b>{html.escape(value)}</div>" for name, value in identification(content)
    )
    st.html(f'<div class="hv-lines">{lines}</div>')
    for notice in notices(content):
        st.caption(f":red[Note: {plain(notice)}]")


def _urgent(content: ReportContent) -> None:
    found = urgent_lines(content)
    if not found:
        st.markdown("**Urgent**  Nothing urgent was found.")
        return
    lines = [f"- **{plain(one.title)}** {plain(one.detail)} — {plain(one.state)}" for one in found]
    st.error("\n".join(["**Urgent**", "", *lines]), icon=":material/emergency:")


def _measured(content: ReportContent) -> None:
    """Intervals and the statements that stand nowhere else, with what was looked for."""
    measured = further(content)
    if measured is not None:
        st.markdown(f"**Intervals**  {plain(' · '.join(interval_lines(content)))}")
    for line in moved_lines(content):
        st.markdown(f":orange-badge[:material/edit: moved marks] {plain(line)}")
    if measured is None:
        return
    told = [f"**{plain(one.text)}** :small[{plain(one.evidence + caution_of(one))}]" for one in measured.statements]
    st.markdown("  \n".join([*told, f":small[{plain(looked_for_words(measured))}]"]))


def _figures(content: ReportContent) -> None:
    with st.container(horizontal=True, gap="small"):
        for one in figures(content):
            st.metric(
                one.name.removesuffix(" beats").removesuffix(" interval"), one.value, one.more or None,
                delta_color="off", delta_arrow="off", border=True, width=TILE,
            )  # fmt: skip


def _trend(content: ReportContent) -> None:
    """Mean rate with its range; the colours of letters are the page's own, so that a change of theme keeps them."""
    found = trend(content)
    if not found.time_s.size:
        return
    duration_s = content.analysis.duration_s
    at = axis_seconds(duration_s, content.start)
    colours = palette()
    rhythm = [
        {"type": "rect", "xref": "x", "x0": one.start_s, "x1": one.stop_s, "yref": "paper", "y0": 1.0, "y1": 1.07,
         "line": {"width": 0}, "fillcolor": colours.rhythms[one.rhythm][0]}
        for one in thinned(content.beats.rhythm, duration_s / 1000)
    ]  # fmt: skip
    figure = go.Figure(
        [line for a, b in pieces(found.time_s) for line in _trend_lines(content, found, slice(a, b))],
        {
            "height": 200, "margin": {"l": 8, "r": 8, "t": 16, "b": 24}, "dragmode": False, "shapes": rhythm,
            "xaxis": {"range": [0, duration_s], "tickvals": at, "ticktext": content.axis(at),
                      "fixedrange": True, "showgrid": False},
            "yaxis": {"title": {"text": "1/min"}, "fixedrange": True},
        },
    )  # fmt: skip
    st.markdown(
        "**Heart rate**  mean, minimum and maximum; above it the rhythm, in the colours of the tables and strips"
    )
    words = "Heart rate over the recording: mean, minimum and maximum"
    st.plotly_chart(figure, key="report-trend", config={"displayModeBar": False}, alt=words)


def _trend_lines(content: ReportContent, found: Trend, part: slice) -> list[go.Scatter]:
    """The range and the mean of a piece without a gap."""
    band = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    time_s = found.time_s[part]
    return [
        go.Scatter(x=time_s, y=found.low[part], **band),
        go.Scatter(x=time_s, y=found.high[part], fill="tonexty", fillcolor="rgba(99,150,190,.3)", **band),
        go.Scatter(
            x=time_s, y=found.mean[part], mode="lines", line={"color": ACCENT, "width": 1.5}, showlegend=False,
            text=[content.when(float(one)) for one in time_s], hovertemplate="%{text}: %{y:.0f}/min<extra></extra>",
        ),
    ]  # fmt: skip


def _table(table: Table) -> None:
    """A table of the report; one without rows is left out."""
    if not table.rows:
        return
    head = "".join(f'<th class="{one.align}" scope="col">{html.escape(one.name)}</th>' for one in table.columns)
    body = []
    for number, row in enumerate(table.rows, 1):
        total = ' class="total"' if table.total and number == len(table.rows) else ""
        pairs = zip(table.columns, row, strict=True)
        cells = "".join(f'<td class="{column.align}">{html.escape(value)}</td>' for column, value in pairs)
        body.append(f"<tr{total}>{cells}</tr>")
    caption = f"<caption><b>{html.escape(table.title)}</b><span>{html.escape(table.note)}</span></caption>"
    parts = f"{caption}<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody>"
    st.html(f'<div class="hv-table"><table>{parts}</table></div>')


def _strips(content: ReportContent) -> None:
    """The strips of the report, in real squares."""
    shown = strips(content)
    if not shown:
        return
    st.markdown("**Strips**  as recorded, 25 mm/s and 10 mm/mV; letters in a box were decided by a clinician")
    with st.container(horizontal=True, gap="medium"):
        for strip in shown:
            _strip(content, strip)


def _ecg(content: ReportContent) -> None:
    """All leads of an ECG, as on the last page of the report."""
    recording = content.recording
    if recording is None:
        return
    start_s = ecg_start(content)
    sheet = page_sheet(recording, start_s)
    beats = content.beats
    first, last = np.searchsorted(beats.time_s, (start_s, start_s + sheet.window_s))
    label = tuple(SHOWN.get(str(letter), str(letter)) for letter in beats.aami[first:last])
    times = beats.time_s[first:last]
    marks = BeatMarks(beats.sample[first:last], times, label, tuple(content.when(float(at)) for at in times))
    drawn = sheet_svg(sheet, OnSheet(marks, rhythm=beats.rhythm), palette())
    st.markdown(f"**All leads**  from {content.when(start_s)}, as recorded")
    shown = ecg_sheet.Drawn(drawn, sheet.speed_mm_s, sheet.gain_mm_mv, sheet.width_mm, sheet.height_mm)
    ecg_sheet.draw(shown, "report-ecg", label="All leads of the ECG")


def _strip(content: ReportContent, strip: Strip) -> None:
    with st.container(width=STRIP):
        also = f" · also {plain(', '.join(strip.also))}" if strip.also else ""
        state = "" if not strip.marked else " · reviewed" if strip.reviewed else " · not reviewed"
        st.markdown(f"**{strip.number} {plain(strip.heading)}**{also}{state}  \n:small[{plain(strip.detail)}]")
        ecg_sheet.draw(
            strip_drawn(content, strip, palette()), f"report-strip-{strip.number}", label=f"Strip: {strip.heading}"
        )
