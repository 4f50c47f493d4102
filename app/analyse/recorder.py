"""What the recorder found in its own recording, as its file has it, beside what was measured here."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

import pandas as pd
import streamlit as st

from app.common.safe_table import safe_table
from app.common.text import plain
from pipeline.cases.case import Case
from pipeline.twelve_leads.recorder import compared

ABOUT = (
    "Of the device or the software that wrote the file, not of HeartVision: shown as it stands, used for no result. "
    "Differences are ours less the recorder's; a QTc whose formula the file does not state is compared with the one in "
    "use here."
)
_AFTER_NUMBERS: Final = MappingProxyType({"deg": "°", "1/min": "/min"})


def draw(case: Case) -> None:
    """The recorder's measurements and statements, if the file holds any."""
    device = case.recording.device
    if device is None:
        return
    with st.expander("The recorder's own reading", icon=":material/ecg:"):
        if device.device:
            st.markdown(f"Recorded by: {plain(device.device)}")
        if device.statements:
            st.markdown("  \n".join(plain(line) for line in device.statements))
        rows = [
            {
                "": plain(row.name),
                "Recorder": _in_unit(f"{row.device:g}", row.unit),
                "HeartVision": "not measured" if row.ours is None else _in_unit(f"{row.ours:.0f}", row.unit),
                "Difference": "" if row.difference is None else _in_unit(f"{round(row.difference):+d}", row.unit),
            }
            for row in compared(device, case.analysis.measured)
        ]
        if rows:
            st.dataframe(safe_table(pd.DataFrame(rows)), hide_index=True, width="stretch")
        st.caption(ABOUT)


def _in_unit(number: str, unit: str) -> str:
    """Return a number with its unit as it is read; files and FHIR name units by their codes."""
    return f"{number}{_AFTER_NUMBERS.get(unit, f' {unit}')}"
