"""Sign-off: where the study stands, what is left to see, the signature, and reopening with a reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial

import streamlit as st

from app.common.open_study import OpenStudy
from app.common.text import plain
from pipeline.cases.study_review import StudyReview
from pipeline.review.decisions import TEXT_CHARS
from pipeline.review.finding_kinds import FINDING_KINDS
from pipeline.store import reviews
from pipeline.store.comparison import comparison
from pipeline.store.reviews import Standing
from pipeline.wording import burden, grouped, of_the_classified

STATEMENT = "I have reviewed this recording; the result stands as shown."
PART = "I have reviewed the findings marked as reviewed; the others stand as the model gave them."
SHOWN = 4


def draw(here: OpenStudy, now: Standing, review: StudyReview | None, reader: str) -> None:
    """The signature of a signed study, else the steps to it; in between, the result that is signed."""
    if review is not None:
        _result(review)
    if now.state == "signed":
        _signed(here, now, reader)
    elif now.state == "new":
        _new(here, now, reader)
    else:
        _sign(here, now, reader, whole=not _left(review))


def _result(review: StudyReview) -> None:
    """What is signed, in figures."""
    found = review.summary
    rate = found.rate
    low, high = (None if moment is None else moment.value for moment in (rate.lowest, rate.highest))
    longest = found.longest_rr
    figures = (
        ("Beats", grouped(len(review.beats)), f"{grouped(found.reviewed)} decided by a reader"),
        ("Ventricular", burden(found.counts, "V"), _beats(found.counts["V"])),
        ("Supraventricular", burden(found.counts, "S"), _beats(found.counts["S"])),
        ("Mean heart rate", _rate(rate.mean), f"{low:.0f} to {high:.0f}/min" if low and high else "too few beats"),
        ("Longest RR", "–" if longest is None else f"{longest.value:.2f} s",
         "" if longest is None else f"at {review.when(longest.time_s)}"),
    )  # fmt: skip
    with st.container(horizontal=True, gap="small"):
        for title, value, more in figures:
            st.metric(title, value, more or None, delta_color="off", delta_arrow="off", border=True, width=168)
    st.caption(f"{of_the_classified(found.counts)} {plain(review.looked_at)}")


def _beats(count: int) -> str:
    return f"{grouped(count)} beat{'' if count == 1 else 's'}"


def _rate(bpm: float | None) -> str:
    return "–" if bpm is None else f"{bpm:.0f}/min"


def _signed(here: OpenStudy, now: Standing, reader: str) -> None:
    signature = now.signature
    if signature is not None:
        st.success(
            f"Signed by **{plain(signature.who)}** on {signature.at:%Y-%m-%d at %H:%M} UTC, version {signature.seq}. "
            "The study is read-only.",
            icon=":material/verified:",
        )
        if signature.text:
            st.caption(f"“{plain(signature.text)}”")
    with st.expander("Reopen it to change something", icon=":material/lock_open:"), st.form("reopen", border=False):
        st.text_area("Reason", key="reopen-reason", max_chars=TEXT_CHARS, placeholder="stays in the audit trail")
        st.form_submit_button(
            _as("Reopen", reader), disabled=not reader, key="reopen-study",
            on_click=_reopen, args=(here, now.version, reader),
        )  # fmt: skip
        _who(reader)


def _new(here: OpenStudy, now: Standing, reader: str) -> None:
    st.info(
        "Nobody has reviewed this study yet. The first decision on the Review page begins the review; if there is "
        "nothing to change, begin it here and sign.",
        icon=":material/info:",
    )
    st.button(
        _as("Begin the review", reader), disabled=not reader, key="begin-review",
        on_click=_begin, args=(here, now.version, reader),
    )  # fmt: skip
    _who(reader)


def _left(review: StudyReview | None) -> bool:
    """Beats that nobody has decided about, if any: a warning that does not prevent signing."""
    if review is None:
        return False
    left = [finding for finding in review.findings if not finding.reviewed]
    if not left:
        st.success("Every finding is reviewed.", icon=":material/check_circle:")
        return False
    kinds = Counter(finding.kind for finding in left)
    words = [f"{FINDING_KINDS[kind].words} ({n})" for kind, n in kinds.items()]
    more = f" and {len(words) - SHOWN} more kinds" if len(words) > SHOWN else ""
    st.warning(
        f"**{len(left)} of {len(review.findings)} findings are not reviewed:** {', '.join(words[:SHOWN])}{more}. "
        "You can sign all the same; the report says which they are.",
        icon=":material/visibility_off:",
    )
    return True


def _sign(here: OpenStudy, now: Standing, reader: str, *, whole: bool) -> None:
    """The statement, which claims no more than was reviewed, and the button, once the readers are through."""
    wait = _awaited(here, now)
    if wait:
        st.info(wait, icon=":material/group:")
    statement, field = (STATEMENT, "sign-text-whole") if whole else (PART, "sign-text")
    with st.form("sign", border=False):
        st.text_area("Statement", value=statement, key=field, max_chars=TEXT_CHARS, height=80)
        st.form_submit_button(
            _as("Sign", reader), type="primary", icon=":material/draw:", disabled=not reader or bool(wait),
            key="sign-study", on_click=_take_signature, args=(here, now.version, reader, field),
        )  # fmt: skip
        _who(reader)


def _awaited(here: OpenStudy, now: Standing) -> str:
    """What a second reading leaves to do before anybody may sign, "" if nothing."""
    if not now.second_reader:
        return ""
    if not now.second_done:
        name = plain(now.second_reader)
        return f"{name} is reading this study a second time; sign when that is finished or withdrawn."
    still = len(comparison(here.study_id).unsettled)
    are = "difference between the two readers is" if still == 1 else "differences between the two readers are"
    return f"{still} {are} not settled; settle under Second reading, then sign." if still else ""


def _as(what: str, reader: str) -> str:
    return f"{what} as {plain(reader)}" if reader else what


def _who(reader: str) -> None:
    if not reader:
        st.caption("Say who you are above first.")


def _begin(here: OpenStudy, seen: int, reader: str) -> None:
    here.change(lambda: reviews.begin_review(here.study_id, reader=reader), seen, "The review has begun.")


def _take_signature(here: OpenStudy, seen: int, reader: str, field: str) -> None:
    sign = partial(reviews.sign, text=str(st.session_state[field]))
    _change_state(here, seen, reader, sign, "sign", "Signed and saved.")


def _reopen(here: OpenStudy, seen: int, reader: str) -> None:
    reopen = partial(reviews.reopen, reason=str(st.session_state["reopen-reason"]))
    _change_state(here, seen, reader, reopen, "reopen", "Reopened and saved.")


def _change_state(here: OpenStudy, seen: int, reader: str, act: Callable[..., int], what: str, done: str) -> None:
    key = here.key(what, seen)
    here.change(lambda: act(here.study_id, reader=reader, expected_version=seen, key=key), seen, done)
