"""Live: a signal that is recorded, drawn and classified while it comes."""

import streamlit as st

from app.common import cache, sign_in
from app.live import running, sources

st.title("Live", anchor=False)
st.caption(
    "For research: this is no monitor, and its alarms are no monitor's. The signal is written to disk from the first "
    "second; classes are provisional until the recording is analysed."
)
if not sign_in.asking().holds("add"):
    st.info("A live recording is made by those who add recordings.", icon=":material/lock:")
    st.stop()
manager = cache.live_manager()
if manager.process is not None:
    running.draw(manager)
else:
    running.draw_ended(manager)
    sources.draw(manager)
