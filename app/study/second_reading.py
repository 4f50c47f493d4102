"""The second reading: begun and finished blind, compared, and its differences adjudicated one by one."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Literal

import pandas as pd
import streamlit as st

from app.common import ecg_chart
from app.common.open_study import OpenStudy, recording_page
from app.common.safe_table import safe_table
from app.common.strip_chart import PHONE_PX
from app.common.text import plain
from app.common.theme import by_touch, palette
from pipeline.cases.strip_content import recorded_leads
from pipeline.cases.study_review import StudyReview
from pipeline.labels import AAMI_CLASSES, CLASS_NAMES, NOT_CLASSIFIED
from pipeline.principal import Principal
from pipeline.review.agreement import Rate, ReaderDifference
from pipeline.review.beats_in_force import ABSENT, REJECTED, UNCLASSIFIED
from pipeline.store import second_reading
from pipeline.store.comparison import ReaderComparison, comparison
from pipeline.store.listing import readers
from pipeline.store.reviews import Standing, standing
from pipeline.store.studies import stored_analysis
from pipeline.wording import clock_text, grouped, share

WINDOW_S, PHONE_WINDOW_S = 10.0, 3.0
PARTY = (
    "You are one of the two readers: what you settle is marked as settled by one of them. Where an independent answer "
    "is wanted, leave it to a third person."
)
CHART = {"displayModeBar": False, "staticPlot": True}
WORDS = {
    **{name: f"{name}, {CLASS_NAMES[name].lower()}" for name in AAMI_CLASSES},
    **{ABSENT: "no beat", REJECTED: "artefact", UNCLASSIFIED: "not classified", "": "no beat"},
}
SHORT = {ABSENT: "–", REJECTED: "×", UNCLASSIFIED: NOT_CLASSIFIED, "": "–"}


def draw(here: OpenStudy, now: Standing, review: StudyReview | None, reader: Principal) -> None:
    """The next step of the second reading."""
    if now.second_done:
        _compared(here, now, review, reader)
    elif not now.second_reader:
        _offer(here, now, reader)
    elif now.second_reader == reader.name:
        _own(here, now, reader)
    else:
        _others(here, now, reader)


def _offer(here: OpenStudy, now: Standing, reader: Principal) -> None:
    st.markdown(
        "A second reader starts from the model's answer and sees nothing of the first reading. When both are done, "
        "HeartVision lists every difference and how far the readers agree."
    )
    if now.state == "new":
        st.info("A second reading can begin when the first reader has begun.", icon=":material/info:")
        return
    first = reader.name in readers([here.study_id], reader=reader).get(here.study_id, ())
    st.button(
        f"Begin a second reading as {plain(reader.name)}" if reader else "Begin a second reading",
        key="second-begin", disabled=first or not reader.may("second"), icon=":material/group_add:", on_click=_begin,
        args=(here, now.version, reader),
    )  # fmt: skip
    if first:
        st.caption("You took part in the first reading; the second must be someone else.")


def _own(here: OpenStudy, now: Standing, reader: Principal) -> None:
    own = standing(here.study_id, reading="second", reader=reader)
    st.info("Your second reading is open. You see the model's answer and your own decisions only.",
            icon=":material/visibility_off:")  # fmt: skip
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        recording_page(now.study, "Go on reading", reading="second")
        st.button(
            "Finish the second reading", type="primary", key="second-finish", on_click=_finish,
            args=(here, now.version, own.version, reader),
        )  # fmt: skip
    count = len(own.decisions)
    st.caption(f"{count} decision{'' if count == 1 else 's'} so far. Once finished, it stays as it is.")


def _others(here: OpenStudy, now: Standing, reader: Principal) -> None:
    st.info(f"{plain(now.second_reader)} is reading this study a second time; you see nothing of it until it is "
            "finished.", icon=":material/visibility_off:")  # fmt: skip
    with st.expander("Withdraw the second reading", icon=":material/person_remove:"), st.form("second", border=False):
        st.text_area("Reason", key="second-reason", placeholder="stays in the audit trail")
        st.form_submit_button(
            f"Withdraw as {plain(reader.name)}" if reader else "Withdraw", key="second-withdraw",
            disabled=not reader.may("decide"),
            on_click=_withdraw, args=(here, now.version, reader),
        )  # fmt: skip


def _compared(here: OpenStudy, now: Standing, review: StudyReview | None, reader: Principal) -> None:
    found = comparison(here.study_id, review.material.evidence if review else None, reader=reader)
    names = f"**{plain(found.first_reader)}** and **{plain(found.second_reader)}**"
    differences = found.agreement.differences
    st.markdown(f"{names} read this study independently.")
    with st.container(horizontal=True, gap="small"):
        _rate("Agreement on all beats", found.agreement.everything)
        _rate("On beats that both decided", found.agreement.decided)
        settled = len(differences) - len(found.unsettled)
        st.metric("Differences settled", f"{settled} of {len(differences)}", border=True, width=200)
    st.caption(
        "Agreement on all beats flatters, because both leave most of the model's answers alone; the second figure does "
        "not. Cohen's kappa: 1 is full agreement, 0 what chance alone would give."
    )
    if not differences:
        st.success("The two readings do not differ.", icon=":material/check_circle:")
        return
    if found.unsettled:
        _difference(here, now, review, found, reader)
    else:
        st.success("Every difference is settled; the study can be signed.", icon=":material/check_circle:")
    found_table = table(found, _fs(here, review, reader), _start(review))
    st.dataframe(safe_table(found_table), hide_index=True, key="second-table")
    own = sum(map(found.is_party, found.settled_by))
    if own:
        st.caption(f"Settled by one of the two readers themselves, not by a third: **{own} of {settled}**.")


def _rate(title: str, rate: Rate) -> None:
    agreed = share(rate.agreed / rate.n) if rate.n else "no beat"
    kappa = f"kappa {rate.kappa:.2f}" if rate.kappa is not None else "kappa undefined"
    more = f"{kappa}, {grouped(rate.agreed)} of {grouped(rate.n)}"
    st.metric(title, agreed, more, delta_color="off", delta_arrow="off", border=True, width=240)


def _difference(
    here: OpenStudy, now: Standing, review: StudyReview | None, found: ReaderComparison, reader: Principal
) -> None:
    """One open difference with its strip, and the two answers as buttons."""
    left = len(found.unsettled)
    here.difference = min(here.difference, left - 1)
    at = found.unsettled[here.difference]
    seconds = at.sample / _fs(here, review, reader)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        at_s = clock_text(seconds, _start(review), tenths=True)
        st.markdown(f"**Difference at {at_s}**, {here.difference + 1} of {left} open", width="content")
        _turn(here, "Previous", -1, here.difference == 0)
        _turn(here, "Next", 1, here.difference == left - 1)
    blocked = not reader.may("decide") or now.state == "signed"
    with st.container(horizontal=True, gap="small"):  # above the strip, so that they stay where they are
        _choose(here, now, at, "first", found.first_reader, at.first, reader, blocked=blocked)
        _choose(here, now, at, "second", found.second_reader, at.second, reader, blocked=blocked)
    if not reader:
        st.caption("Say who you are above first.")
    if found.is_party(reader.name):
        st.warning(PARTY, icon=":material/balance:")
    if review is not None:
        _strip(review, at, seconds)
    model = WORDS[at.model]
    st.caption(
        f"The model says: {model}. The letters over the strip are those of {plain(found.first_reader)}, with what is "
        "settled. For a third answer decide on the Review page. Undo there takes this back."
    )


def _strip(review: StudyReview, at: ReaderDifference, seconds: float) -> None:
    """The recorded leads around the beat, with the letters of the first reading in force and the beat in question."""
    phone = by_touch()
    length = PHONE_WINDOW_S if phone else WINDOW_S
    start = max(0.0, min(seconds - length / 2, review.material.recording.duration_s - length))
    leads = recorded_leads(review.material.recording, review.study.leads, start, start + length)
    marks = review.marks(review.window(start, start + length))
    figure = ecg_chart.strip(
        leads, marks, palette(), start_s=start, window_s=length, selected=review.nearest(at.sample),
        paper_px=PHONE_PX if phone else ecg_chart.PAPER_PX,
    )  # fmt: skip
    st.plotly_chart(figure, key="second-strip", theme=None, config=CHART, alt="ECG around the beat in question")


def _choose(
    here: OpenStudy, now: Standing, at: ReaderDifference, choice: Literal["first", "second"], name: str, letter: str,
    reader: Principal, *, blocked: bool,
) -> None:  # fmt: skip
    st.button(
        f"{plain(name)}: **{WORDS[letter]}**", key=f"second-{choice}", disabled=blocked,
        on_click=_adjudicate, args=(here, now.version, at, choice, reader),
    )  # fmt: skip


def _turn(here: OpenStudy, label: str, by: int, last: bool) -> None:
    def turn() -> None:
        here.difference += by

    st.button(label, key=f"second-{label.lower()}", on_click=turn, disabled=last, type="tertiary")


def _start(review: StudyReview | None) -> datetime | None:
    return None if review is None else review.material.recording.start


def table(found: ReaderComparison, fs: float, start: datetime | None = None) -> pd.DataFrame:
    """One row per difference; times are of the clock if the recording began at `start`."""
    rows = found.agreement.differences
    return pd.DataFrame(
        {
            "Time": [clock_text(row.sample / fs, start, tenths=True) for row in rows],
            found.first_reader: [SHORT.get(row.first, row.first) for row in rows],
            found.second_reader: [SHORT.get(row.second, row.second) for row in rows],
            "Model": [SHORT.get(row.model, row.model) for row in rows],
            "Settled": [_settled(found, who) for who in found.settled_by],
        }
    )


def _settled(found: ReaderComparison, who: str) -> str:
    if not who:
        return "open"
    return f"by {who}, one of the two" if found.is_party(who) else f"by {who}"


def _fs(here: OpenStudy, review: StudyReview | None, reader: Principal) -> float:
    return review.beats.fs if review else stored_analysis(here.study_id, reader=reader).fs


def _begin(here: OpenStudy, seen: int, reader: Principal) -> None:
    here.change(
        partial(second_reading.begin_second, here.study_id, reader=reader), seen, "Your second reading has begun."
    )


def _finish(here: OpenStudy, seen: int, own: int, reader: Principal) -> None:
    act = partial(
        second_reading.finish_second, here.study_id, reader=reader, expected_version=own, key=here.key("finish", own)
    )
    here.change(act, seen, "The second reading is finished.")


def _withdraw(here: OpenStudy, seen: int, reader: Principal) -> None:
    reason = str(st.session_state["second-reason"])
    act = partial(second_reading.withdraw_second, here.study_id, reader=reader, reason=reason)
    here.change(act, seen, "The second reading is withdrawn.")


def _adjudicate(
    here: OpenStudy, seen: int, at: ReaderDifference, choice: Literal["first", "second"], reader: Principal
) -> None:
    act = partial(
        second_reading.adjudicate, here.study_id, at, choice, reader=reader, expected_version=seen,
        key=here.key(f"settle-{at.sample}", seen),
    )  # fmt: skip
    here.change(act, seen, "Settled and saved.")
