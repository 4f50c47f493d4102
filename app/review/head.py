"""What is read, by whom, in which state; how far the review is; undo, redo and help."""

from __future__ import annotations

import streamlit as st

from app.common import cache, next_study, patient, reader
from app.common.open_study import state_badge
from app.common.text import plain
from app.review import decide, keyboard
from app.review.session import ReviewSession
from pipeline.cases.study_review import StudyReview
from pipeline.errors import EcgError
from pipeline.store.reviews import rename
from pipeline.wording import duration


def draw(session: ReviewSession, review: StudyReview) -> None:
    """One row, and below it any notices."""
    study = review.study
    done = sum(found.reviewed for found in review.findings)
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="review-head"):
        st.markdown(f"**{plain(study.record)}**", width="content")
        state_badge(review.standing.state)
        if session.reading == "second":
            st.badge("second reading", color="violet")
        st.caption(
            f"{duration(study.duration_s)} · {plain(study.model)} · "
            f"**{done} of {len(review.findings)}** findings reviewed · {plain(review.looked_at)}",
            width="stretch",
        )  # fmt: skip
        decide.history(session, review)
        if review.standing.state == "signed":
            next_study.link(study.id)
        with st.container(
            key="review-signoff" if review.standing.state == "signed" else "review-onward", width="content"
        ):
            st.page_link(
                "study/page.py", label="Sign off", icon=":material/draw:", query_params={"study": study.token},
                width="content", help="Sign-off, second reading, exports and the audit trail of this study; key T",
            )  # fmt: skip
        _rename(session, review)
        with st.container(key="review-help", width="content"):
            if st.button("Keys `?`", type="tertiary", key="help", wrap=False):
                keyboard.explain()
        if reader.current():
            reader.draw()
    patient.head(review.material.recording.identity)
    if not reader.current():
        reader.draw()
    _say(session, review)


def _rename(session: ReviewSession, review: StudyReview) -> None:
    """Another name for the study: one that the reader knows it by."""
    blocked = review.standing.state == "signed" or not reader.current().may("identify") or session.reading == "second"
    place = st.popover("", icon=":material/edit:", type="tertiary", help="Rename the study", disabled=blocked)
    with place.form("rename-study", border=False):
        st.text_input("Name of the study", review.study.record, key=f"rename-study-{review.standing.version}",
                      max_chars=64, help="Letters, digits, _ and -; no name of a patient")  # fmt: skip
        st.form_submit_button("Rename", on_click=_renamed, args=(session, review), key="rename-study-take")


def _renamed(session: ReviewSession, review: StudyReview) -> None:
    try:
        rename(review.study.id, st.session_state[f"rename-study-{review.standing.version}"], reader=reader.current())
    except EcgError as error:
        session.error = str(error)
        return
    cache.forget_review_material()  # which has the old name
    session.review = None


def _say(session: ReviewSession, review: StudyReview) -> None:
    standing = review.standing
    if session.error:
        st.error(plain(session.error), icon=":material/error:")
    if session.notice:
        st.warning(plain(session.notice), icon=":material/group:")
    if standing.state == "signed" and standing.reading == "main" and standing.signature is not None:
        signed = standing.signature
        st.info(
            f"Signed by {plain(signed.who)} on {signed.at:%Y-%m-%d at %H:%M} UTC: read-only. Reopen it under "
            "Sign off, with a reason, to change it.",
            icon=":material/lock:",
        )
    elif not review.writable:
        st.info("The second reading is finished: read-only. Its differences are adjudicated under Sign off.")
    elif standing.adjudicating:
        other = plain(standing.second_reader)
        st.info(f"Both readings are finished; what you decide now settles what {other} and the first reader left open.")
