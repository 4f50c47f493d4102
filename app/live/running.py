"""A recording under way: strip, numbers and alarms, looked at again and again; and how the last one ended."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app.common import session as state
from app.common import sign_in
from app.common.text import plain
from app.common.theme import palette
from app.live import strip
from app.live.sources import open_button
from pipeline.errors import DataError
from pipeline.labels import AAMI_CLASSES, NOT_CLASSIFIED
from pipeline.live.process import LiveManager
from pipeline.live.recorder import read_tail
from pipeline.live.sources import StreamFacts
from pipeline.live.state import LiveState
from pipeline.wording import clock

EVERY_S = 0.3
BEHIND_S = 5.0  # what was not read yet, before "no alarm" would be a word about the past
LEADS_SHOWN = 3
_COUNTED = {**dict(zip(AAMI_CLASSES, AAMI_CLASSES, strict=True)), NOT_CLASSIFIED: "unclassified"}
_WORDS = {"opening": "Looking for the signal", "recording": "Recording", "lost": "Signal lost", "finished": "Finished",
          "failed": "Stopped"}  # fmt: skip


def draw(manager: LiveManager) -> None:
    """The recording under way, and the button that ends it."""
    st.button("Stop", icon=":material/stop:", type="primary", key="live-stop", on_click=manager.stop)
    _watch(manager)


@st.fragment(run_every=EVERY_S)
def _watch(manager: LiveManager) -> None:
    """Looks again; the rest of the page stays as it is."""
    if manager.process is None:
        sign_in.refresh()
    found = manager.process.state()
    if found.is_over:
        manager.stop()
        sign_in.refresh()
    _alarms(found)
    _strip(found)
    _numbers(found)


def _alarms(found: LiveState) -> None:
    """A box of the same height whether something is wrong or not, so that nothing below it moves."""
    with st.container(key="live-alarms"):
        if found.phase == "lost":
            words = f"{found.sentence} {found.unwatched}".rstrip()
            st.warning(plain(words), icon=":material/signal_disconnected:")
        elif found.unwatched:
            st.error(plain(found.unwatched), icon=":material/notifications_off:")
        elif found.alarms:
            words = " · ".join(f"{plain(alarm.words)} since {clock(alarm.since_s)}" for alarm in found.alarms)
            urgent = any(alarm.kind != "AF" for alarm in found.alarms)
            (st.error if urgent else st.warning)(
                f"**{words}** (research, not monitoring)", icon=":material/notifications:"
            )
        elif found.sentence:
            st.warning(plain(found.sentence), icon=":material/info:")
        else:
            st.info(f"{_WORDS[found.phase]}. {_calm(found)}".rstrip(), icon=":material/radio_button_checked:")


def _calm(found: LiveState) -> str:
    """Return what no alarm means now: nothing, as long as the last seconds were not read, or could not be."""
    behind_s = found.recorded_s - found.read_to_s
    if found.phase == "opening":
        return ""
    if not found.quality:
        return "Nothing is watched until there are ten seconds of signal."
    if behind_s > BEHIND_S:
        return f"No alarm until {behind_s:.0f} s ago: the classes are behind the signal."
    if not found.quality.startswith("good"):
        return f"No alarm can be relied on now. The last seconds: {plain(found.quality)}."
    return "No alarm."


def _strip(found: LiveState) -> None:
    if not found.header:
        return
    facts = StreamFacts(found.stream, found.fs, found.leads, found.wide)
    header = Path(found.header)
    try:
        first, p_signal = read_tail(header, facts, round(strip.SENT_S * found.fs))
        written_s = header.with_suffix(".dat").stat().st_mtime
    except (DataError, OSError):
        return
    content = strip.StripContent(
        p_signal[:, :LEADS_SHOWN],
        first,
        found.fs,
        found.leads[:LEADS_SHOWN],
        found.beats,
        written_s,
        found.is_over,
        found.phase == "lost",
    )
    strip.draw(content, palette(), "live-strip")


def _numbers(found: LiveState) -> None:
    rate = "–" if found.rate_bpm is None else f"{found.rate_bpm:.0f}/min"
    with st.container(horizontal=True, key="live-numbers"):
        st.metric("Rate", rate, width=110)
        st.metric("Recorded", clock(found.recorded_s, tenths=False), width=130)
        st.metric("Missing", f"{found.n_missing / found.fs if found.fs else 0:.1f} s", width=110)
    waiting = "–" if found.unwatched or found.phase == "lost" else "needs ten seconds of signal"
    counts = ", ".join(f"{found.counts[letter]} {word}" for letter, word in _COUNTED.items() if letter in found.counts)
    lines = (
        f"**Rhythm** {plain(found.rhythm) or waiting}",
        f"**Signal** {plain(found.quality) or '–'}",
        f"**Beats, provisional** {counts or '–'}",
    )
    st.markdown("  \n".join(lines))
    hidden = len(found.leads) - LEADS_SHOWN
    more = f" {hidden} more are recorded." if hidden > 0 else ""
    st.caption(f"{plain(found.stream)} · {found.fs:g} Hz · {plain(', '.join(found.leads[:LEADS_SHOWN]))}.{more}")


def draw_ended(manager: LiveManager) -> None:
    """How the last recording ended, and the way to its analysis; what could not be started or opened."""
    if error := state.session().error:
        st.error(plain(error), icon=":material/error:")
    found = manager.ended
    if found is None:
        return
    if not found.n_frames:
        st.warning(plain(found.sentence or "Nothing was recorded."), icon=":material/info:")
        return
    name = Path(found.header).stem
    if Path(found.header).is_file():
        st.success(
            f"{clock(found.recorded_s)} recorded as {plain(name)}. {plain(found.sentence)}", icon=":material/check:"
        )
        open_button(name, primary=True)
