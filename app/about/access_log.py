"""The log of access, for administrators: who signed in, looked, searched, took away and deleted."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app.common import sign_in
from app.common.safe_table import safe_table

LAST = 1000


def draw() -> None:
    """The last entries, the latest first; nothing for anybody else."""
    who = sign_in.current() if sign_in.is_on() else None
    if who is None or not who.may("administer"):
        return
    from pipeline.store.access import accesses  # SQLAlchemy is not for those who only look

    st.subheader("Who came in, and what they looked at", anchor=False)
    found = accesses(who, last=LAST)
    st.dataframe(
        safe_table(
            pd.DataFrame(
                {
                    "When (UTC)": pd.to_datetime([one.at for one in found], utc=True),
                    "Who": [one.who for one in found],
                    "What": [one.event.replace("_", " ") for one in found],
                    "Recording": [one.digest[:12] for one in found],
                    "More": [one.text for one in found],
                }
            )
        ),
        hide_index=True,
        key="access-log",
        column_config={"When (UTC)": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm:ss")},
    )
    st.caption(
        f"The last {LAST} entries at most. None can be removed, and none changed but by an erasure, which masks a name."
    )
