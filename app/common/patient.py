"""Who was recorded and when: asked once per import whether it is kept, shown where it is, and edited on request.

What a file states stays in this browser session until the question is answered; without an answer it is left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from types import MappingProxyType

import streamlit as st

from app.common import sign_in
from app.common.text import plain
from pipeline.errors import EcgError, IntakeError
from pipeline.identity import TEXT_CHARS, YEARS, Identity, Sex
from pipeline.principal import Principal
from pipeline.store.identities import load_identity, save_identity
from pipeline.store.recordings import save_recording
from pipeline.types import Recording
from pipeline.wording import patient_words, start_text

AT_IMPORT = "import"  # who keeps an identity, where nobody has said a name yet
_KEY, _ERROR = "heartvision-stated", "heartvision-stated-error"
SEXES: Mapping[str, Sex | None] = MappingProxyType({"not stated": None, "female": "F", "male": "M"})


@dataclass(frozen=True)
class Stated:
    """What the files of one import state: an identity by digest."""

    found: dict[str, Identity]

    @property
    def fields(self) -> tuple[str, ...]:
        """What is stated, in plain words."""
        return tuple(dict.fromkeys(words for one in self.found.values() for words in one.fields()))


def saved(recording: Recording) -> Recording:
    """Store a recording without who was recorded, and remember what its file states for the question.

    A sex alone, which limits of intervals depend on, is no identity and not asked about.

    Raises
    ------
    DataError
        If the disk is full or cannot be written.
    """
    who = sign_in.asking()
    stored, stated = save_recording(recording, reader=who), recording.identity
    if stated is not None and replace(stated, sex=None) and not load_identity(recording.digest, reader=who):
        before: Stated = st.session_state.get(_KEY, Stated({}))
        st.session_state[_KEY] = Stated({**before.found, recording.digest: stated})
    return stored


def _who() -> Principal:
    from app.common import reader  # SQLAlchemy is not for those who only look

    return reader.current()


def ask() -> None:
    """The question, while it is open: keep what the files state on this machine, or leave it out."""
    stated: Stated | None = st.session_state.get(_KEY)
    if stated is not None:
        _question(stated)
    if error := st.session_state.pop(_ERROR, ""):
        st.error(plain(error), icon=":material/error:")


def _question(stated: Stated) -> None:
    named = any(replace(one, start=None, sex=None) for one in stated.found.values())
    timed = any(one.start is not None for one in stated.found.values())
    many = len(stated.found) > 1
    files, s = (f"{len(stated.found)} of these files", "") if many else ("This file", "s")
    says = f"{files} name{s} a patient" if named else f"{files} say{s} when the recording was made"
    what = " and ".join((["the patient"] if named else []) + (["the recording's time"] if timed else []))
    with st.container(border=True, key="patient-ask"):
        st.markdown(f"**{says}.** Keep {what} with it on this machine?")
        st.caption(f"Stated: {', '.join(stated.fields)}. Left out unless you keep it; it can be entered by hand later.")
        with st.container(horizontal=True, gap="small"):
            st.button("Leave out", type="primary", key="patient-drop", on_click=_leave_out)
            st.button("Keep", key="patient-keep", on_click=_keep, args=(stated,))


def _leave_out() -> None:
    st.session_state.pop(_KEY, None)


def _keep(stated: Stated) -> None:
    st.session_state.pop(_KEY, None)
    try:
        for digest, identity in stated.found.items():
            save_identity(digest, identity, reader=_who() or AT_IMPORT)
    except EcgError as error:
        st.session_state[_ERROR] = str(error)


def head(identity: Identity | None) -> None:
    """Who was recorded and when, in one line; nothing where it is not kept."""
    when = [] if identity is None or identity.start is None else [f"recorded {start_text(identity.start)}"]
    if words := patient_words(identity) + when:
        st.markdown(f":material/person: {' · '.join(map(plain, words))}")


def form(digest: str, *, signed: bool) -> None:
    """The patient's details as a form; what is saved is written to every study's audit trail, without its content."""
    who = _who()
    kept = load_identity(digest, reader=who)
    names = _keys(digest, kept)
    with st.expander("Patient and time of the recording", icon=":material/person:"):
        if signed:
            st.caption("This study is signed; reopen it to change the patient's details.")
            return
        with st.form("patient", border=False):
            row = st.container(horizontal=True, gap="small")
            with row:
                st.text_input("Name", kept.name, TEXT_CHARS, key=names["name"], width=260)
                st.text_input("Patient number", kept.patient_id, TEXT_CHARS, key=names["patient_id"], width=160)
                st.selectbox("Sex", list(SEXES), list(SEXES.values()).index(kept.sex), key=names["sex"], width=130)
                st.number_input(
                    "Year of birth", *YEARS, kept.birth_year, 1, key=names["birth_year"], format="%d", width=150
                )  # fmt: skip
            st.text_input("Indication", kept.indication, TEXT_CHARS, key=names["indication"])
            with st.container(horizontal=True, gap="small"):
                day = kept.start.date() if kept.start is not None and kept.date_known else None
                at = "" if kept.start is None else f"{kept.start:%H:%M:%S}"
                st.date_input(
                    "Date of the recording", day, date(YEARS[0], 1, 1), date(YEARS[1], 12, 31), key=names["day"],
                    format="YYYY-MM-DD", width=200,
                )  # fmt: skip
                st.text_input("Start (hh:mm:ss)", at, 20, key=names["start"], width=160)
            st.form_submit_button(
                f"Save as {plain(who.name)}" if who else "Save", key="patient-save", disabled=not who.may("identify"),
                on_click=_save, args=(digest, kept, who, names),
            )  # fmt: skip
        st.caption(
            "Kept in a file of its own on this machine, printed on reports and exports; deleted with the "
            "recording, but for reports that were signed. "
            "The audit trail says which of these were changed, not what they say."
        )
        if error := st.session_state.pop(_ERROR, ""):
            st.error(plain(error), icon=":material/error:")


def _keys(digest: str, kept: Identity) -> dict[str, str]:
    """Names of the fields in the session, new for each recording and content: what was typed must not go elsewhere."""
    told = hashlib.sha256(f"{digest} {kept!r}".encode()).hexdigest()[:12]
    fields = ("name", "patient_id", "sex", "birth_year", "indication", "day", "start")
    return {name: f"patient-{name}-{told}" for name in fields}


def _save(digest: str, kept: Identity, who: Principal, names: dict[str, str]) -> None:
    try:
        save_identity(digest, _typed(kept, names), reader=who)
    except EcgError as error:
        st.session_state[_ERROR] = str(error)


def _typed(kept: Identity, names: dict[str, str]) -> Identity:
    """What stands in the form.

    Raises
    ------
    IntakeError
        If the start is no time.
    """
    typed = st.session_state
    born = typed[names["birth_year"]]
    return Identity(
        patient_id=typed[names["patient_id"]],
        name=typed[names["name"]],
        sex=SEXES[typed[names["sex"]]],
        birth_year=None if born is None else int(born),
        indication=typed[names["indication"]],
        start=_start(kept.start, typed[names["day"]], typed[names["start"]].strip()),
    )


def _start(kept: datetime | None, day: date | None, text: str) -> datetime | None:
    if not text:
        if day is not None:
            raise IntakeError("A date needs the time at which the recording began; enter hh:mm:ss.")
        return None
    try:
        at = time.fromisoformat(text.rjust(5 if text.count(":") == 1 else 8, "0"))
    except ValueError as error:
        raise IntakeError("The start is written hh:mm:ss; correct it.") from error
    wanted = datetime.combine(day or date.min, at)
    same = kept is not None and kept.replace(tzinfo=None, microsecond=0) == wanted
    return kept if same else wanted if kept is None else wanted.replace(tzinfo=kept.tzinfo)
