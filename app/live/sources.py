"""Which source is recorded, and the live recordings that are kept."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app.common import session as state
from app.common import sign_in
from app.common.text import plain
from pipeline.datasets import demo_path
from pipeline.errors import EcgError
from pipeline.intake import read_path
from pipeline.live.choice import SourceChoice
from pipeline.live.kept import KeptRecord, delete_record, kept_records
from pipeline.live.process import LiveManager, live_root
from pipeline.live.units import UNITS
from pipeline.store.recordings import save_recording

KINDS = {"replay": "A replayed recording", "lsl": "Lab Streaming Layer", "brainflow": "BrainFlow board"}
SPEEDS = (1.0, 2.0, 5.0, 10.0)
STATED = "as the stream states it"
SHOWN = 8


def draw(manager: LiveManager) -> None:
    """The choice of a source, and what was recorded before."""
    kind = st.segmented_control("Source", list(KINDS), default="replay", format_func=KINDS.__getitem__, required=True,
                                key="live-kind")  # fmt: skip
    choice = {"replay": _replay, "lsl": _lsl, "brainflow": _brainflow}[kind or "replay"]()
    st.button("Start", type="primary", icon=":material/play_arrow:", key="live-start", on_click=_start,
              args=(manager, choice))  # fmt: skip
    _kept("" if manager.ended is None else manager.ended.header)


def _start(manager: LiveManager, choice: SourceChoice) -> None:
    session = state.session()
    session.error = ""
    try:
        manager.start(choice, reader=sign_in.asking())
    except EcgError as error:
        session.refuse(str(error))


def _replay() -> SourceChoice:
    opened = state.session().recording
    names = ["The demo recording"] if opened is None else ["The demo recording", f"{opened.name}, which is open"]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox("Recording", names, key="live-replayed", width=300)
        speed = st.selectbox("Speed", SPEEDS, format_func=_speed_words, key="live-speed", width=180)
    st.caption("The recording is played as if it came from a device; what is shown is recorded anew.")
    if opened is not None and name != names[0]:
        return SourceChoice("replay", digest=opened.digest, speed=float(speed))
    return SourceChoice("replay", path=str(demo_path()), speed=float(speed))


def _speed_words(speed: float) -> str:
    return "as recorded" if speed == 1 else f"{speed:g} times as fast"


def _lsl() -> SourceChoice:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        stream = st.text_input("Name of the stream", key="live-stream", placeholder="any of type ECG", width=300)
        unit = st.selectbox("Unit", (STATED, *UNITS), key="live-unit", width=220)
    network = st.checkbox("Look for streams on other machines, too", key="live-network")
    st.caption("Streams are looked for on this machine only, unless you ask for more.")
    return SourceChoice("lsl", stream=stream.strip(), unit="" if unit == STATED else unit, network=network)


def _brainflow() -> SourceChoice:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        board = st.number_input("Board", value=-1, step=1, key="live-board", width=140,
                                help="BrainFlow's number of the board; -1 is its synthetic board")  # fmt: skip
        port = st.text_input("Serial port", key="live-port", width=200)
        address = st.text_input("Bluetooth address", key="live-mac", width=200)
        leads = st.text_input("Leads", key="live-leads", placeholder="of its first channels: I, II", width=240)
    st.caption("Needs the package brainflow.")
    names = tuple(part.strip() for part in leads.split(",") if part.strip())
    return SourceChoice("brainflow", board=int(board), serial_port=port, mac_address=address, leads=names)


def _kept(just_ended: str) -> None:
    """Live recordings on this machine, the newest first, without the one that has just ended."""
    found = [record for record in kept_records(live_root()) if str(record.header) != just_ended]
    if not found:
        return
    st.subheader("Recorded before", anchor=False)
    for record in found[:SHOWN]:
        _row(record)
    if len(found) > SHOWN:
        st.caption(f"and {len(found) - SHOWN} more in {plain(str(live_root()))}")


def _row(record: KeptRecord) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{record.changed:%Y-%m-%d %H:%M}** {plain(record.header.stem)}", width="content")
        open_button(record.header.stem)
        st.button("Delete", icon=":material/delete:", key=f"live-delete-{record.header.stem}", on_click=_delete,
                  args=(record.header,), disabled=not sign_in.asking().holds("delete"))  # fmt: skip


def _delete(header: Path) -> None:
    session = state.session()
    session.error = ""
    try:
        delete_record(header, reader=sign_in.asking())
    except EcgError as error:
        session.refuse(str(error))


def open_button(name: str, *, primary: bool = False) -> None:
    """A button that opens a live recording in Analyse."""
    if st.button("Open in Analyse", icon=":material/cardiology:", key=f"live-open-{name}",
                 type="primary" if primary else "secondary"):  # fmt: skip
        _open(name)


def _open(name: str) -> None:
    session = state.session()
    try:
        session.open((save_recording(read_path(live_root() / f"{name}.hea"), reader=sign_in.asking()),))
    except EcgError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    st.switch_page("analyse/page.py")
