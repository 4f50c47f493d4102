"""What is read, by whom, in which state; how far the review is; undo, redo and help."""

from __future__ import annotations

import streamlit as st

from app.common import reader
from app.common.open_study import state_badge
from app.common.text import plain
from app.review import decide, keys
from app.review.session import Bench
from pipeline.cases.desk import Desk
from pipeline.wording import duration


def draw(bench: Bench, desk: Desk) -> None:
    """One row, and below it any notices."""
    study = desk.study
    done = sum(found.reviewed for found in desk.findings)
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="review-head"):
        st.markdown(f"**{plain(study.record)}**", width="content")
        state_badge(desk.standing.state)
        if bench.reading == "second":
            st.badge("second reading", color="violet")
        st.caption(
            f"{duration(study.duration_s)} · {plain(study.model)} {plain(study.model_version[:7])} · "
            f"**{done} of {len(desk.findings)}** findings reviewed",
            width="stretch",
        )  # fmt: skip
        decide.history(bench, desk)
        st.page_link(
            "study/page.py", label="Sign off", icon=":material/draw:", query_params={"study": str(study.id)},
            width="content", help="Sign-off, second reading, exports and the audit trail of this study",
        )  # fmt: skip
        with st.container(key="review-help", width="content"):
            if st.button("Keys `?`", type="tertiary", key="help", wrap=False):
                keys.explain()
        if reader.current():
            reader.draw()
    if not reader.current():
        reader.draw()
    _say(bench, desk)


def _say(bench: Bench, desk: Desk) -> None:
    standing = desk.standing
    if bench.error:
        st.error(plain(bench.error), icon=":material/error:")
    if bench.notice:
        st.warning(plain(bench.notice), icon=":material/group:")
    if standing.state == "signed" and standing.signature is not None:
        signed = standing.signature
        st.info(
            f"Signed by {plain(signed.who)} on {signed.at:%Y-%m-%d at %H:%M} UTC: read-only. Reopen it under "
            "Sign off, with a reason, to change it.",
            icon=":material/lock:",
        )
    elif not desk.writable:
        st.info("The second reading is finished: read-only. Its differences are adjudicated under Sign off.")
    elif standing.adjudicating:
        other = plain(standing.second_reader)
        st.info(f"Both readings are finished; what you decide now settles what {other} and the first reader left open.")
