"""Worklist: every study, the most urgent first; analyses under way; recordings to add."""

import streamlit as st

from app.common import patient, reader, trail
from app.common.page_offer import offer
from app.common.session import session
from app.common.text import plain
from app.worklist import add, bulk, table
from app.worklist import running as worklist_running
from app.worklist.session import AGES, ANY, FILTERS, PAGE_SIZE, URGENCIES, WorklistView, view
from pipeline.errors import EcgError
from pipeline.store.listing import readers, second_readings
from pipeline.store.studies import WorklistPage, last_readers, state_counts
from pipeline.wording import grouped

EMPTY = """
**No study yet.** Add recordings, one or a whole morning's: each is analysed in the background and appears here when it
is ready, the most urgent first. Or look at how it works with the demo recording.
"""


def _draw(shown: WorklistView) -> None:
    who = reader.current()
    counts = state_counts(reader=who)
    trail.warn()
    _head(shown, sum(counts.values()))
    _told(shown)
    running = worklist_running.draw(who)
    if not counts:
        _empty(shown, running)
        return
    _filters(shown, counts)
    found = shown.found()
    if not found.total:
        _nothing_matches(shown)
        return
    ids = [study.id for study in found.studies]
    people, seconds = readers(ids, reader=who), second_readings(ids, reader=who)
    action, address = table.draw(shown, found.studies, people, seconds, who)
    _pager(shown, found)
    bulk.draw(found.studies, who)
    if action:
        page = "review" if action == "open" else "study"
        st.switch_page(f"{page}/page.py", query_params={"study": address})


def _head(shown: WorklistView, studies: int) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.title("Worklist", anchor=False, width="content")
        if studies:
            # a new popover for each upload: the old one would stay open and hide the messages
            with st.popover("Add recordings", icon=":material/playlist_add:", key=f"worklist-adding-{shown.uploads}"):
                add.draw(shown)
        st.space("stretch")
        if reader.current():
            reader.draw()
    if not reader.current():
        reader.draw()


def _told(shown: WorklistView) -> None:
    """What became of the last upload, and whether who was recorded is to be kept."""
    patient.ask()
    if shown.notice:
        st.info(plain(shown.notice), icon=":material/info:")
    if shown.refused:
        some = f"{len(shown.refused)} of the files could not be read:" if len(shown.refused) > 1 else ""
        st.error("\n\n".join([some, *(plain(sentence) for sentence in shown.refused)]), icon=":material/error:")
        offer(session(), "worklist")


def _empty(shown: WorklistView, running: int) -> None:
    if running:
        st.info("The first study appears here as soon as its analysis is finished.", icon=":material/hourglass_top:")
    else:
        st.markdown(EMPTY)
        st.button("Start with the demo recording", type="primary", icon=":material/play_arrow:", key="worklist-demo",
                  on_click=add.demo, args=(shown,))  # fmt: skip
    add.draw(shown)


def _filters(shown: WorklistView, counts: dict[str, int]) -> None:
    def number(name: str) -> int:
        return sum(counts.get(state, 0) for state in FILTERS[name] or counts)

    def changed() -> None:
        shown.show(st.session_state["worklist-states"], st.session_state["worklist-text"])

    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.pills("State", list(FILTERS), default=shown.states, required=True, key="worklist-states",
                 format_func=lambda name: f"{name} {number(name)}", on_change=changed,
                 label_visibility="collapsed")  # fmt: skip
        st.text_input("Search", value=shown.text, key="worklist-text", on_change=changed, width=280,
                      placeholder="Search recording, reader, finding", icon=":material/search:",
                      label_visibility="collapsed")  # fmt: skip
        count = f" ({shown.narrowed})" if shown.narrowed else ""
        with st.popover(f"Filter{count}", icon=":material/filter_list:"):
            _more_filters(shown)


def _more_filters(shown: WorklistView) -> None:
    def narrowed() -> None:
        state = st.session_state
        shown.narrow(*(state[f"worklist-{name}"] or ANY for name in ("urgency", "age", "reader")))

    for name, label, choices, now in (
        ("urgency", "Urgency of the most urgent finding", list(URGENCIES), shown.urgency),
        ("age", "Not older than", list(AGES), shown.age),
    ):
        st.pills(label, choices, default=now, required=True, key=f"worklist-{name}", on_change=narrowed)
    people = [ANY, *last_readers(reader=reader.current())]
    at = people.index(shown.reader) if shown.reader in people else 0
    st.selectbox("Read last by", people, index=at, key="worklist-reader", on_change=narrowed, format_func=plain)


def _nothing_matches(shown: WorklistView) -> None:
    what = f" matches {shown.text!r}" if shown.text else " is in this state"
    what += " and passes the filter" if shown.narrowed else ""
    st.info(plain(f"No study{what}."), icon=":material/search_off:")

    def everything() -> None:
        shown.show("All", "")
        shown.narrow(ANY, ANY, ANY)
        for name in ("urgency", "age", "reader"):
            st.session_state[f"worklist-{name}"] = ANY
        st.session_state["worklist-states"], st.session_state["worklist-text"] = "All", ""

    st.button("Show all studies", key="worklist-all", on_click=everything)


def _pager(shown: WorklistView, found: WorklistPage) -> None:
    first = shown.page * PAGE_SIZE
    last = first + len(found.studies)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="right", gap="small"):
        st.caption(f"{first + 1} to {last} of {grouped(found.total)}", width="content")
        st.button("Previous", icon=":material/chevron_left:", key="worklist-previous", disabled=not first,
                  on_click=shown.turn, args=(-1,))  # fmt: skip
        st.button("Next", icon=":material/chevron_right:", icon_position="right", key="worklist-next",
                  disabled=last >= found.total, on_click=shown.turn, args=(1,))  # fmt: skip


try:
    _draw(view())
except EcgError as error:
    st.error(plain(str(error)), icon=":material/error:")
