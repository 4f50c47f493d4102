"""One study: sign-off, second reading, exports and audit trail."""

from contextlib import suppress

import streamlit as st

from app.common import next_study, patient, reader, theme_change, trail
from app.common.open_study import OpenStudy, opened, recording_page, state_badge
from app.common.text import findings_words, plain
from app.study import audit as worklist_audit
from app.study import diary, second_reading, signoff
from app.study import exports as worklist_exports
from pipeline.cases.study_review import StudyReview
from pipeline.errors import EcgError
from pipeline.principal import Principal
from pipeline.store.identities import load_identity
from pipeline.store.log import Role
from pipeline.store.reviews import Standing, audit, stamp, standing
from pipeline.store.second_reading import is_blind
from pipeline.store.studies import stored_analysis, study_at
from pipeline.wording import burden, duration


def _number() -> int | None:
    """The study that the address names, or the one that was open."""
    if named := st.query_params.get("study", ""):
        st.session_state["study-number"] = study_at(named, reader=reader.current()).id
    return st.session_state.get("study-number")


def _draw(here: OpenStudy) -> None:
    asking = reader.current()
    own = is_blind(stamp(here.study_id, reader=asking), asking)
    now = standing(here.study_id, reading="second" if own else "main", reader=asking)
    who = _head(here, now)
    _said(here)
    trail.warn_of(here.study_id, who)
    patient.form(now.study.digest, signed=now.state == "signed")
    _diary(here, now, who)
    blind = is_blind(now, who)
    review = _study(here, now)
    entries = audit(here.study_id, reader=who)
    names = ["Report and sign-off", "Second reading", "Exports", "Audit trail"]
    signing, second, exports, history = st.tabs(names, key="study-tab")
    with signing:
        if blind:
            st.info("You are the second reader: finish your own reading first.", icon=":material/visibility_off:")
        else:
            signoff.draw(here, now, review, who, entries)
    with second:
        second_reading.draw(here, now, review, who)
    with exports:
        if review is not None:
            worklist_exports.draw(review, entries, who, blind=blind)
            worklist_exports.offer_to_forget(here, now, who)
    with history:
        start = load_identity(now.study.digest, reader=who).start
        fs = stored_analysis(here.study_id, reader=who).fs
        worklist_audit.draw(entries, now.study.record, fs, who, start)


def _head(here: OpenStudy, now: Standing) -> Principal:
    study = now.study
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.title(plain(study.record), anchor=False, width="content")
        state_badge(study.state)
        if now.second_reader:
            st.badge("read twice" if now.second_done else "second reading open", color="violet")
        st.space("stretch")
        who = reader.current()
        if who:
            reader.draw()
    if not who:
        who = reader.draw()
    parts = [duration(study.duration_s), f"{plain(study.model)} {plain(study.model_version[:7])}"]
    if not is_blind(now, who):
        parts += [
            *([plain(findings_words(study.findings))] if study.findings else []),
            f"V {burden(study.counts, 'V')}, S {burden(study.counts, 'S')}",
            f"last reader: {plain(study.reader)}" if study.reader else "nobody has read it yet",
        ]
    patient.head(load_identity(study.digest, reader=who))
    st.caption(" · ".join(parts))
    with st.container(horizontal=True, gap="medium", vertical_alignment="center"):
        st.page_link("worklist/page.py", label="Worklist", icon=":material/arrow_back:")
        if now.state == "signed":
            next_study.link(here.study_id)
        reading: Role = "second" if is_blind(now, who) else "main"
        recording_page(study, "Open the recording", reading=reading)
    return who


def _diary(here: OpenStudy, now: Standing, who: Principal) -> None:
    if is_blind(now, who):
        return
    with suppress(EcgError):  # said where the study is laid out
        diary.draw(here, here.laid_out(now), who)


def _said(here: OpenStudy) -> None:
    if here.error:
        st.error(plain(here.error), icon=":material/error:")
    if here.notice:
        st.success(plain(here.notice), icon=":material/check:")
    here.error, here.notice = "", ""


def _study(here: OpenStudy, now: Standing) -> StudyReview | None:
    try:
        return here.laid_out(now)
    except EcgError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return None


def _nothing() -> None:
    st.title("A study", anchor=False)
    st.markdown("Choose a study in the worklist; its sign-off, second reading, exports and audit trail are here.")
    st.page_link("worklist/page.py", label="Worklist", icon=":material/list_alt:")


theme_change.watch()
try:
    number = _number()
    if number is None:
        _nothing()
    else:
        _draw(opened(number))
except EcgError as error:
    st.session_state.pop("study-number", None)
    st.error(plain(str(error)), icon=":material/error:")
    _nothing()
