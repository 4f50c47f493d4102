"""Signing in with OpenID Connect, where the server's secrets have a section `[auth]`: the door, and the way out.

Here, and nowhere else, what the provider says becomes a `Principal`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import parse_qsl, unquote, urlsplit

import streamlit as st

from app.common.text import plain
from pipeline.config import sign_in_limits, sign_in_required
from pipeline.errors import AccessError, StoreError
from pipeline.principal import SIGN_IN_FIRST, Principal, local, roles_of

_KEY, _UNATTENDED, _NEXT_UNATTENDED = "heartvision-principal", "heartvision-unattended", "heartvision-next-unattended"
_ADMITTED, _BACK = "heartvision-admitted", "heartvision_back"
_LOOK_EVERY_S = 15.0
UNCONFIGURED = "People sign in here, but no provider is configured: the section `[auth]` of secrets.toml is missing."
_NOBODY = Principal("", frozenset())
_RETURN_S = 120.0  # so long after a sign-in the first page leads to where that began
# Streamlit returns to the first page after a sign-in; the browser remembers for ten minutes where that began.
_JS = f"""
export default function () {{
  const where = encodeURIComponent(location.pathname + location.search);
  document.cookie = `{_BACK}=${{where}}; path=/; max-age=600; samesite=lax`;
}}
"""


def is_on() -> bool:
    """Whether people sign in here; the store, and the worker that is started later, are told."""
    if not sign_in_required() and _is_configured():
        os.environ["HEARTVISION_SIGN_IN"] = "1"
    return sign_in_required()


def _is_configured() -> bool:
    """Whether the secrets have a section `[auth]`; taken for granted of a file that cannot be read."""
    if st.secrets.load_if_toml_exists():
        return "auth" in st.secrets
    return any(Path(name).exists() for name in st.get_option("secrets.files"))


def _own() -> Mapping[str, Any]:
    """The section `[heartvision]` of the secrets: `provider`, `roles_claim`, `roles`."""
    found: Mapping[str, Any] = st.secrets.get("heartvision", {}) if st.secrets.load_if_toml_exists() else {}
    return found


def current() -> Principal:
    """Who is signed in, here and now; nobody, whom the store refuses, if they were idle for too long."""
    try:
        return _entered()
    except AccessError:
        return _NOBODY


def asking() -> Principal:
    """Who asks for what needs no name: whoever is signed in; where nobody signs in, anybody."""
    return current() if is_on() else local("")


def looking() -> Principal:
    """Who is here, for what a page refreshes by itself: notes no click; nobody once they were idle for too long."""
    if not is_on():
        return local("")
    kept: Principal | None = st.session_state.get(_KEY)
    return _NOBODY if kept is None or (kept.until is not None and datetime.now(UTC) > kept.until) else kept


def take(who: Principal, digest: str, what: str) -> None:
    """Notes that a file is taken away, where people sign in. Raises AccessError if they may not."""
    if is_on():
        from pipeline.store.access import export  # as below

        export(who, digest, what)


def admit(page_of: dict[str, str]) -> bool:
    """Whether somebody is signed in who may come in; else the door is drawn instead of the page.

    `page_of` maps the addresses of pages to their scripts, to return to where a sign-in began.
    """
    st.session_state[_UNATTENDED] = st.session_state.pop(_NEXT_UNATTENDED, False)
    try:
        who = _entered()
    except (AccessError, StoreError) as error:
        st.session_state.clear()  # nothing of a patient stays behind the door
        _door(str(error))
        return False
    _watch(who)
    if not st.session_state.get(_ADMITTED):
        st.session_state[_ADMITTED] = True
        _return(page_of)
    return True


def draw() -> None:
    """Who is signed in, and the way out; nothing where nobody signs in."""
    if not is_on():
        return
    who = current()
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="signed-in"):
        st.caption(f"Signed in as **{plain(who.name)}** ({', '.join(sorted(who.roles))})", width="content")
        st.button("Sign out", icon=":material/logout:", type="tertiary", key="sign-out", on_click=_leave, args=(who,))


def prove_again(who: Principal) -> bool:
    """Whether somebody signed in so recently that they may sign a study; else says so, with the way to do it."""
    if who.is_fresh():
        return True
    least = f"{sign_in_limits().prove_again_min:g} minutes"
    st.warning(
        f"A signature needs a sign-in of the last {least}. Sign in again before you write: text that was typed and not "
        "signed is not kept.",
        icon=":material/key:",
    )
    st.button("Sign in again", icon=":material/login:", key="prove-again", on_click=_login)
    _remember()
    return False


def unattended() -> None:
    """The next run of the page is nobody's click: it does not keep anybody signed in."""
    st.session_state[_NEXT_UNATTENDED] = True


def refresh() -> NoReturn:
    """Runs the page again because of what it saw by itself."""
    unattended()
    st.rerun()


def run_again() -> NoReturn:
    """Runs the page again as part of this run: nobody's click, if this was none."""
    st.session_state[_NEXT_UNATTENDED] = st.session_state.get(_UNATTENDED, False)
    st.rerun()


def end_run() -> None:
    """The page is drawn: what a part of it does next is a click; parts that refresh themselves ask `looking`."""
    st.session_state.pop(_UNATTENDED, None)


def _entered() -> Principal:
    """Who is signed in; a click is noted once a minute, and what the page does by itself is none.

    Raises
    ------
    AccessError
        If nobody is, they have no role, or were idle for too long.
    """
    if not st.user.get("is_logged_in"):
        raise AccessError(SIGN_IN_FIRST)
    kept: Principal | None = st.session_state.get(_KEY)
    limits, now = sign_in_limits(), datetime.now(UTC)
    if kept is not None and kept.until is not None:
        seen = kept.until - timedelta(minutes=limits.idle_min)
        recently = now - seen < timedelta(seconds=limits.seen_every_s)
        if now <= kept.until and (recently or st.session_state.get(_UNATTENDED)):
            return kept
    from pipeline.store.access import enter  # SQLAlchemy is not for those who only look

    own, claims = _own(), st.user.to_dict()
    roles = roles_of(claims, claim=str(own.get("roles_claim", "")), table=own.get("roles", {}))
    found = enter(claims, roles, clicked=not st.session_state.get(_UNATTENDED))
    st.session_state[_KEY] = found
    return found


def _door(why: str) -> None:
    st.title("Sign in", anchor=False)
    if not (st.secrets.load_if_toml_exists() and "auth" in st.secrets):
        st.error(UNCONFIGURED, icon=":material/lock:")
        return
    st.info(plain(why), icon=":material/lock:")
    with st.container(horizontal=True, gap="small"):
        st.button("Sign in", type="primary", icon=":material/login:", key="sign-in", on_click=_login)
        if st.user.get("is_logged_in"):
            st.button("As somebody else", icon=":material/logout:", key="sign-out", on_click=st.logout)
    _remember()


def _login() -> None:
    st.login(_own().get("provider"))


def _leave(who: Principal) -> None:
    from pipeline.store.access import leave

    leave(who)
    st.session_state.pop(_KEY, None)
    st.logout()


def _watch(who: Principal) -> None:
    """Looks from time to time whether somebody was idle for too long, and shuts the door then."""

    def look() -> None:
        now: Principal = st.session_state.get(_KEY, who)
        if now.until is not None and datetime.now(UTC) > now.until:
            refresh()

    st.fragment(look, run_every=_LOOK_EVERY_S)()


def _return(page_of: dict[str, str]) -> None:
    """Goes to where the sign-in began, if Streamlit came back to the first page."""
    told = st.context.cookies.get(_BACK)
    since_s = time.time() - float(str(st.user.get("iat") or 0))
    if not isinstance(told, str) or len(st.query_params) or since_s > _RETURN_S:
        return
    parts = urlsplit(unquote(told))
    script = page_of.get(parts.path.rstrip("/").rsplit("/", 1)[-1])
    if script is not None and (parts.query or script != "analyse/page.py"):
        st.switch_page(script, query_params=dict(parse_qsl(parts.query)))


def _remember() -> None:
    component = st.components.v2.component("heartvision_back", js=_JS)
    component(key="sign-in-back", height=1, width=1)
