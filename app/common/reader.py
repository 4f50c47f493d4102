"""Who is reading: whoever signed in; where nobody does, a name without a password.

The name is asked once, held in the session and stored by the browser in a cookie.
"""

from __future__ import annotations

from urllib.parse import quote, unquote

import streamlit as st

from app.common import sign_in
from app.common.text import plain
from pipeline.errors import ReviewError
from pipeline.principal import Principal, local
from pipeline.store.log import NAME_CHARS, named

NO_PASSWORD = (
    "Your name is written beside everything you decide and sign. There is no password: on a shared computer, check the "
    "name before you read."
)
_KEY, _FORM, _COOKIE = "reader", "reader-form", "heartvision_reader"
_YEAR_S = 31_536_000
# A cookie, not the address: whoever is sent a link must not read under the sender's name.
_REMEMBER = "export default function({ data }) { document.cookie = data.cookie }"


def current() -> Principal:
    """Who reads in this browser; nobody if they have not said it yet, or are signed out."""
    if sign_in.is_on():
        return sign_in.current()
    if _KEY not in st.session_state:
        told = st.context.cookies.get(_COOKIE)
        st.session_state[_KEY] = _cleaned(unquote(told)) if isinstance(told, str) else ""
    return local(str(st.session_state[_KEY]))


def looking() -> Principal:
    """Who reads, as `current`, for what a page refreshes by itself."""
    return sign_in.looking() if sign_in.is_on() else current()


def draw() -> Principal:
    """The reader's name with a way to change it, or the question; returns who reads, nobody until that is known.

    Who signed in stands below every page.
    """
    who = current()
    if sign_in.is_on():
        return who
    if who:
        _known(who.name)
    else:
        with st.container(border=True, key="reader-ask"):
            _ask("Your name", "")
    return who


def _known(name: str) -> None:
    with st.popover(f"Reading as {plain(name)}", icon=":material/person:", key="reader-change", type="tertiary"):
        _ask("Another reader", name)
    _remembered(name)


def _ask(label: str, name: str) -> None:
    row = st.form(_FORM, border=False).container(horizontal=True, vertical_alignment="bottom", gap="small")
    with row:
        st.text_input(
            label, value=name, key="reader-name", max_chars=NAME_CHARS, placeholder="as it stands in the report",
            width=300,
        )  # fmt: skip
        st.form_submit_button("Read under this name", type="primary", on_click=_take, key="reader-take")
    if error := st.session_state.get("reader-error", ""):
        st.error(plain(error), icon=":material/error:")
    st.caption(NO_PASSWORD)


def _take() -> None:
    """Takes the name that was typed; a refused one leaves the old one."""
    try:
        st.session_state[_KEY] = named(st.session_state["reader-name"])
        st.session_state["reader-error"] = ""
    except ReviewError as error:
        st.session_state["reader-error"] = str(error)


def _remembered(name: str) -> None:
    """Writes the cookie; it holds letters, digits and % only, whatever the name is."""
    cookie = f"{_COOKIE}={quote(name, safe='')}; path=/; max-age={_YEAR_S}; samesite=strict"
    remember = st.components.v2.component("heartvision_reader", js=_REMEMBER)
    remember(data={"cookie": cookie}, key="reader-cookie", height=1, width=1)


def _cleaned(text: str) -> str:
    """A name from an untrusted source; "" if it cannot be one."""
    try:
        return named(text)
    except ReviewError:
        return ""
