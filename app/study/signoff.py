"""Sign-off: where the study stands, what is left to see, the conclusion and its signature, reopening with a reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType

import streamlit as st

from app.common import sign_in
from app.common.open_study import OpenStudy
from app.common.text import plain
from app.study import report
from pipeline.cases.study_review import StudyReview, take_step
from pipeline.export.report_content import ReportContent
from pipeline.export.report_sections import amendment_words, reviewed_words
from pipeline.export.signing import sign_with_report
from pipeline.export.study_files import manifest_seal, trained_on
from pipeline.measurements import Statement
from pipeline.principal import Principal
from pipeline.review.conclusion import draft_of
from pipeline.review.decisions import TEXT_CHARS, Decision, DecisionKind
from pipeline.review.finding_kinds import FINDING_KINDS
from pipeline.review.states import Signing
from pipeline.store import reviews
from pipeline.store.comparison import comparison
from pipeline.store.log import Entry
from pipeline.store.reviews import Standing
from pipeline.store.signed_files import load_report
from pipeline.store.signing import signings
from pipeline.store.studies import get_study

WHOLE = "By signing you state that you have reviewed this recording and that the result stands as shown."
PART = (
    "By signing you state that you have reviewed the findings marked as reviewed; the others stand as the model gave "
    "them."
)
SHOWN = 4
VERDICTS: MappingProxyType[str, DecisionKind] = MappingProxyType(
    {"confirmed": "statement_confirm", "rejected": "statement_reject"}
)


def draw(
    here: OpenStudy, now: Standing, review: StudyReview | None, reader: Principal, entries: tuple[Entry, ...]
) -> None:
    """The conclusion with its signature, or the steps to it; then the report that is signed."""
    content = None if review is None else report.content_of(here, review, entries)
    if now.state == "signed":
        _signed(here, now, content, reader, signings(entries))
    elif now.state == "new":
        _new(here, now, reader)
    else:
        _sign(here, now, review, content, reader, entries)
    if content is not None:
        st.divider()
        report.draw(content)


def _signed(
    here: OpenStudy, now: Standing, content: ReportContent | None, reader: Principal, signed: Sequence[Signing]
) -> None:
    last = signed[-1]
    st.success(
        f"Signed by **{plain(last.who)}** on {last.at:%Y-%m-%d at %H:%M} UTC, version {last.version}. "
        "The study is read-only.",
        icon=":material/verified:",
    )
    with st.container(border=True):
        st.markdown("**Conclusion**")
        for line in (last.conclusion or "No conclusion was written.").splitlines():
            st.markdown(plain(line))
        if content is not None:
            st.caption("  \n".join(map(plain, (*reviewed_words(content), *amendment_words(content)))))
        elif last.reason:
            st.caption(f"Signed with something urgent undecided because: {plain(last.reason)}")
        if last.seal:
            st.caption(
                "Signed over decisions, the model's answer, its network with thresholds, conclusion and report; "
                f"SHA-256 {last.seal}"
            )
    _reports(now, signed, reader)
    fresh = not reader.may("sign") or sign_in.prove_again(reader)
    with st.expander("Reopen it to change something", icon=":material/lock_open:"), st.form("reopen", border=False):
        st.text_area("Reason", key="reopen-reason", max_chars=TEXT_CHARS, placeholder="stays in the audit trail")
        st.form_submit_button(
            _as("Reopen", reader), disabled=not reader.may("sign") or not fresh, key="reopen-study",
            on_click=_reopen, args=(here, now.version, reader),
        )  # fmt: skip
        _who(reader)


def _reports(now: Standing, signed: Sequence[Signing], reader: Principal) -> None:
    """Every report that was signed, the latest first; each is the file whose hash the audit trail has."""
    kept = [one for one in signed if one.report]
    if not kept:
        return
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        for one in kept[::-1]:
            st.download_button(
                f"{one.name}, {one.at:%Y-%m-%d %H:%M}", partial(load_report, one.report, reader=reader),
                file_name=f"{now.study.record}-{one.name.lower().replace(' ', '-')}.pdf", mime="application/pdf",
                icon=":material/picture_as_pdf:", key=f"signed-report-{one.number}", on_click="ignore",
                disabled=not reader.holds("export"),
                type="primary" if one is kept[-1] else "secondary",
                help=f"As it was signed by {plain(one.who)}. SHA-256 {one.report}",
            )  # fmt: skip


def _new(here: OpenStudy, now: Standing, reader: Principal) -> None:
    st.info(
        "Nobody has reviewed this study yet. The first decision on the Review page begins the review; if there is "
        "nothing to change, begin it here and sign.",
        icon=":material/info:",
    )
    st.button(
        _as("Begin the review", reader), disabled=not reader.may("decide"), key="begin-review",
        on_click=_begin, args=(here, now.version, reader),
    )  # fmt: skip
    _who(reader)


def _left(review: StudyReview | None, content: ReportContent | None) -> bool:
    """Beats that nobody has decided about, if any: a warning that does not prevent signing."""
    if review is None:
        return False
    left = [finding for finding in review.findings if not finding.reviewed]
    if not left:
        if content is None or not content.undecided.names:
            done = "Every finding is reviewed." if review.findings else "No finding was listed."
            st.success(done, icon=":material/check_circle:")
        return False
    kinds = Counter(finding.kind for finding in left)
    words = [f"{FINDING_KINDS[kind].words} ({n})" for kind, n in kinds.items()]
    more = f" and {len(words) - SHOWN} more kinds" if len(words) > SHOWN else ""
    st.warning(
        f"**{len(left)} of {len(review.findings)} findings are not reviewed:** {', '.join(words[:SHOWN])}{more}. "
        "You can sign all the same; the report counts them.",
        icon=":material/visibility_off:",
    )
    return True


def _sign(
    here: OpenStudy,
    now: Standing,
    review: StudyReview | None,
    content: ReportContent | None,
    reader: Principal,
    entries: tuple[Entry, ...],
) -> None:
    """The conclusion, proposed from what is confirmed, and the button, once the readers are through."""
    wait = _awaited(here, now, reader)
    if wait:
        st.info(wait, icon=":material/group:")
    fresh = not reader.may("sign") or sign_in.prove_again(reader)
    part = _left(review, content)
    if content is not None and review is not None:
        _statements(here, review, content, reader)
    with st.container(border=True):
        _conclusion(here, content)
        if content is not None and content.undecided.names:
            st.warning(
                f"Urgent and not reviewed: {plain('; '.join(content.undecided.names))}.", icon=":material/emergency:"
            )
            st.text_input(
                "Why do you sign all the same?", key="sign-reason", max_chars=TEXT_CHARS,
                placeholder="is printed on the report and stays in the audit trail",
            )  # fmt: skip
        st.caption(PART if part else WHOLE)
        st.button(
            _as("Sign", reader), type="primary", icon=":material/draw:",
            disabled=not (reader.may("sign") and fresh) or bool(wait),
            key="sign-study", on_click=_take_signature, args=(here, review, entries, now.version, reader),
        )  # fmt: skip
        _who(reader)


def _conclusion(here: OpenStudy, content: ReportContent | None) -> None:
    """Which of the confirmed facts it is made from, and its text; what the reader wrote survives further decisions."""
    facts = () if content is None else content.facts
    singles = () if content is None else content.singles
    if here.draft is None:
        here.draft = draft_of(facts, () if content is None else content.listed, singles)
    elif (here.draft.facts, here.draft.singles) != (facts, singles):
        here.draft = here.draft.knowing(facts, singles)
    draft, names = here.draft, {fact.key: fact.name for fact in here.draft.choices}
    st.session_state["sign-text"], st.session_state["sign-findings"] = draft.text, list(draft.chosen)
    if facts:
        st.multiselect(
            "The conclusion tells of", list(names), key="sign-findings", format_func=lambda key: names[key],
            placeholder="nothing that was confirmed", on_change=_choose, args=(here,),
            help="Confirmed findings only: kinds, and of a kind with several also each by itself. What is taken away "
            "or added changes the text below and nothing else.",
        )  # fmt: skip
    st.text_area("Conclusion", key="sign-text", max_chars=TEXT_CHARS, height=140, on_change=_write, args=(here,))


def _choose(here: OpenStudy) -> None:
    if here.draft is not None:
        here.draft = here.draft.choosing(st.session_state["sign-findings"])


def _write(here: OpenStudy) -> None:
    if here.draft is not None:
        here.draft = replace(here.draft, text=str(st.session_state["sign-text"]))


def _statements(here: OpenStudy, review: StudyReview, content: ReportContent, reader: Principal) -> None:
    """What the measurements say of all leads, each to be confirmed or rejected, urgent ones first."""
    measured = content.measured
    told = () if measured is None else measured.statements
    shown = [one for one in told if content.recording is not None or one.group != "rhythm"]
    if not shown:
        return
    with st.expander(f"Statements of all leads ({len(shown)})", expanded=any(one.urgent for one in shown)):
        for one in shown:
            _statement(here, review, one, content.verdicts.get(one.code), reader)


def _statement(here: OpenStudy, review: StudyReview, one: Statement, verdict: str | None, reader: Principal) -> None:
    key = f"statement-{one.code}-{review.standing.version}"
    told, choice = st.columns([4, 1], vertical_alignment="center", gap="small")
    with told:
        title = f":red[**{plain(one.text)}**]" if one.urgent else f"**{plain(one.text)}**"
        st.markdown(f"{title}  \n:small[{plain(one.evidence)}]")
    with choice:
        st.segmented_control(
            one.text, list(VERDICTS), key=key, label_visibility="collapsed", default=verdict,
            disabled=not reader.may("decide"),
            format_func={"confirmed": "Confirm", "rejected": "Reject"}.__getitem__, required=verdict is not None,
            on_change=_judge, args=(here, review, one.code, reader, key),
        )  # fmt: skip


def _judge(here: OpenStudy, review: StudyReview, code: str, reader: Principal, key: str) -> None:
    """Decide about a statement, as on the Review page: the same decision, undone there."""
    chosen, seen = str(st.session_state[key]), review.standing.version
    decision = Decision(VERDICTS[chosen], (0, review.beats.n_samples), subject=code)
    request = here.key(f"{decision.kind}-{code}", seen)
    here.change(lambda: take_step(review, decision, reader=reader, key=request), seen, "Saved.")


def _awaited(here: OpenStudy, now: Standing, reader: Principal) -> str:
    """What a second reading leaves to do before anybody may sign, "" if nothing."""
    if not now.second_reader:
        return ""
    if not now.second_done:
        name = plain(now.second_reader)
        return f"{name} is reading this study a second time; sign when that is finished or withdrawn."
    still = len(comparison(here.study_id, reader=reader).unsettled)
    are = "difference between the two readers is" if still == 1 else "differences between the two readers are"
    return f"{still} {are} not settled; settle under Second reading, then sign." if still else ""


def _as(what: str, reader: Principal) -> str:
    return f"{what} as {plain(reader.name)}" if reader else what


def _who(reader: Principal) -> None:
    if not reader:
        st.caption("Say who you are above first.")


def _begin(here: OpenStudy, seen: int, reader: Principal) -> None:
    here.change(lambda: reviews.begin_review(here.study_id, reader=reader), seen, "The review has begun.")


def _take_signature(
    here: OpenStudy, review: StudyReview | None, entries: tuple[Entry, ...], seen: int, reader: Principal
) -> None:
    """Sign with the report; without the recording there is none, and the conclusion is signed alone."""
    draft = here.draft or draft_of((), ())
    if review is None:
        sign_alone = partial(
            reviews.sign, text=draft.text, manifest=manifest_seal(get_study(here.study_id, reader=reader))
        )
        _change_state(here, seen, reader, sign_alone, "sign", "Signed and saved.")
    else:
        sign = partial(
            sign_with_report, review, entries, reader=reader, conclusion=draft.text, findings=draft.chosen,
            reason=str(st.session_state.get("sign-reason", "")), trained_on=trained_on(review.study),
            manifest=manifest_seal(review.study),
        )  # fmt: skip
        here.change(lambda: sign(key=here.key("sign", seen)), seen, "Signed and saved, with its report.")
    if here.notice:
        here.draft = None


def _reopen(here: OpenStudy, seen: int, reader: Principal) -> None:
    reopen = partial(reviews.reopen, reason=str(st.session_state["reopen-reason"]))
    _change_state(here, seen, reader, reopen, "reopen", "Reopened and saved.")


def _change_state(here: OpenStudy, seen: int, reader: Principal, act: Callable[..., int], what: str, done: str) -> None:
    key = here.key(what, seen)
    here.change(lambda: act(here.study_id, reader=reader, expected_version=seen, key=key), seen, done)
