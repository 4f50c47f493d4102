"""The table of studies: one element with real rows and links, whatever the number of studies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import streamlit as st

from app.common.text import findings_words
from app.common.theme import is_dark
from app.worklist.session import WorklistView
from pipeline.principal import Principal
from pipeline.review.states import STUDY_STATES
from pipeline.store.listing import SecondReading
from pipeline.store.studies import UNJUDGED, Study
from pipeline.wording import burden, duration

_HERE = Path(__file__).parent
_COLUMNS = (
    ("priority", "Priority", True),
    ("record", "Recording", True),
    ("state", "State", True),
    ("findings", "Findings", False),
    ("v", "% V", False),
    ("s", "% S", False),
    ("reader", "Readers", True),
    ("duration_s", "Length", True),
    ("updated", "Changed", True),
    ("more", "", False),
)
_TITLES: Mapping[str, str] = MappingProxyType(
    {
        "priority": "Of the most urgent finding, 1 first",
        "v": "Ventricular ectopic beats, share of the classified beats",
        "s": "Supraventricular ectopic beats, share of the classified beats",
        "reader": "All who took part, who was last first",
    }
)
BLIND = "hidden until you have finished your own reading"
Row = dict[str, object]


def draw(
    view: WorklistView, studies: tuple[Study, ...], people: Mapping[int, tuple[str, ...]],
    seconds: Mapping[int, SecondReading], reader: Principal,
) -> tuple[str, str]:  # fmt: skip
    """Draws the table; returns what was clicked: "open" or "page" with the address of a study, or ("", "")."""
    table = st.components.v2.component(
        "heartvision_worklist",
        html='<div class="worklist"></div>',
        css=(_HERE / "table.css").read_text("utf-8"),
        js=(_HERE / "table.js").read_text("utf-8"),
    )
    data = {
        "columns": [
            {"key": key, "label": label, "sortable": sortable, "title": _TITLES.get(key, "")}
            for key, label, sortable in _COLUMNS
        ],
        "rows": [row(study, people.get(study.id, ()), seconds.get(study.id), reader) for study in studies],
        "sort": view.sort,
        "descending": view.descending,
        "dark": is_dark(),
    }
    key = "worklist-table"
    clicked = table(
        key=key,
        data=data,
        on_sort_change=lambda: view.sort_by(str(st.session_state[key]["sort"])),
        on_open_change=_nothing,
        on_page_change=_nothing,
    )
    for action in ("open", "page"):
        if (address := clicked.get(action)) is not None:
            return action, str(address)
    return "", ""


def row(study: Study, people: tuple[str, ...], second: SecondReading | None, reader: Principal) -> Row:
    """What the table shows of a study; readers who are still blinded see nothing that others found."""
    blind = second is not None and not second.done and second.reader == reader.name
    return {
        "id": study.id,
        "address": study.token,
        "review": f"review?study={study.token}",
        "page": f"study?study={study.token}",
        "record": study.record,
        "model": study.model,
        "priority": 0 if blind or study.priority == UNJUDGED else study.priority,
        "state": study.state,
        "state_words": STUDY_STATES[study.state].name,
        "signed": study.state == "signed",
        "second": second_words(second),
        "findings": BLIND if blind else findings_words(study.findings),
        "v": "" if blind else burden(study.counts, "V"),
        "s": "" if blind else burden(study.counts, "S"),
        "reader": ", ".join(people),
        "duration": duration(study.duration_s),
        "updated": study.updated.isoformat(),
    }


def second_words(second: SecondReading | None) -> str:
    """Who reads a second time."""
    if second is None:
        return ""
    return f"{'second reading by' if second.done else 'being read again by'} {second.reader}"


def _nothing() -> None:
    """Does nothing: the page itself answers a click on a row."""
