"""The triage list: what needs a look, most important first; a click leads there."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from app.common import cache, sign_in, steering
from app.common.text import plain
from app.review.rows import holds
from app.review.session import ReviewSession
from pipeline.cases.material import job_beside, networks_beside, others_of
from pipeline.cases.stored_case import progress_words
from pipeline.cases.study_review import FindingFilter, StudyReview
from pipeline.labels import AAMI_CLASSES
from pipeline.review.beats_in_force import REJECTED, UNCLASSIFIED
from pipeline.review.finding_kinds import FINDING_KINDS
from pipeline.review.groups import FindingGroup, Row
from pipeline.review.triage import StatementFinding

SHOWN_MAX = 300  # rows sent to the browser, around the chosen one
PRIORITY_WORDS = ("look at this first", "important", "notable", "minor", "single ectopics", "single ectopics",
                  "doubtful", "not classified")  # fmt: skip
ALL, OPEN, DONE = "All", "To do", "Done"
REVIEWED = {ALL: None, OPEN: False, DONE: True}
CLASSES = (*AAMI_CLASSES, UNCLASSIFIED, REJECTED)
CLASS_WORDS = {UNCLASSIFIED: "not classified", REJECTED: "artefact"}

_HTML = '<div class="list" role="listbox" aria-label="Findings"></div>'
_CSS = """
.list { font-family: var(--st-font); color: var(--st-text-color); overflow-y: auto; max-height: calc(100vh - 196px);
  min-height: 8rem; border: 1px solid var(--st-border-color); border-radius: 6px; font-size: 14px; }
.row { display: grid; grid-template-columns: 26px 1fr auto; column-gap: 8px; padding: 5px 8px 5px 0; cursor: pointer;
  border-bottom: 1px solid var(--st-border-color); border-left: 4px solid var(--tone); box-sizing: border-box; }
.row:last-child { border-bottom: 0; }
.row:hover { background: var(--st-secondary-background-color); }
.row[aria-selected=true] { background: color-mix(in srgb, var(--st-primary-color) 16%, transparent); }
.row:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: -2px; }
.level { text-align: center; font-weight: 700; color: var(--tone); font-variant-numeric: tabular-nums; }
.title { font-weight: 600; line-height: 1.3; overflow-wrap: anywhere; }
.detail, .time { font-size: 12.5px; opacity: .75; line-height: 1.35; }
.detail { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; }
.time { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; opacity: .85; }
.tick { color: var(--st-green-text-color, #1a7f37); font-weight: 700; }
.done .title { font-weight: 400; opacity: .7; }
.inside { padding-left: 14px; }
.group .title::before { content: "▸ "; opacity: .7; }
.group.opened .title::before { content: "▾ "; }
.note { padding: 8px 10px; font-size: 13px; opacity: .8; }
@media (max-width: 640px) { .list { max-height: 11rem; min-height: 0; } }
"""
_JS = """
const TONES = {
  light: ["#b3261e", "#c2410c", "#a16207", "#4d6b1f", "#0b6b6b", "#2b6cb0", "#6b5ca5", "#6b7280"],
  dark: ["#ff8a80", "#ffab70", "#f2cc60", "#b5d67a", "#6fd6cf", "#7ab8f5", "#c4b5fd", "#aab4be"],
};
export default function ({ data, parentElement, setTriggerValue }) {
  const list = parentElement.querySelector(".list");
  const tones = TONES[data.dark ? "dark" : "light"];
  const part = (name, text) => {
    const element = document.createElement("div");
    element.className = name;
    element.textContent = text;
    return element;
  };
  const rows = data.rows.map((row) => {
    const element = document.createElement("div");
    const looks = { done: row.done, group: row.group, opened: row.opened, inside: row.inside };
    element.className = ["row", ...Object.keys(looks).filter((name) => looks[name])].join(" ");
    element.tabIndex = row.chosen ? 0 : -1;
    element.setAttribute("role", "option");
    element.setAttribute("aria-selected", row.chosen ? "true" : "false");
    element.setAttribute("aria-label", row.label);
    element.style.setProperty("--tone", tones[row.priority - 1] || tones[7]);
    const level = part("level", row.done ? "✓" : row.priority);
    level.classList.toggle("tick", row.done);
    level.title = row.level;
    const middle = document.createElement("div");
    middle.append(part("title", row.title), part("detail", row.detail.replaceAll(" %", "\\u00a0%")));
    middle.title = row.detail;
    element.append(level, middle, part("time", row.left || row.time));
    element.onclick = () => setTriggerValue("chosen", row.id);
    element.onkeydown = (event) => { if (event.key === "Enter") setTriggerValue("chosen", row.id); };
    return element;
  });
  const top = list.scrollTop;
  list.replaceChildren(...rows, ...(data.note ? [part("note", data.note)] : []));
  list.scrollTop = top;
  const chosen = rows.find((row) => row.getAttribute("aria-selected") === "true");
  if (chosen && list.dataset.chosen !== data.chosen) {
    const before = chosen.offsetTop - list.offsetTop - list.scrollTop;
    if (before < 40 || before + chosen.offsetHeight > list.clientHeight - 60) {
      list.scrollTop += before - list.clientHeight / 3;
    }
  }
  list.dataset.chosen = data.chosen;
}
"""

_show_list = st.components.v2.component("heartvision_triage", html=_HTML, css=_CSS, js=_JS)


def draw(session: ReviewSession, review: StudyReview, *, dark: bool) -> None:
    """Filters, the list, and how far the review has come."""
    if "review-which" not in st.session_state:  # back from another page, where Streamlit drops the state of widgets
        session.wanted = FindingFilter()
    _filters(session, review)
    listed = session.rows()

    def chosen() -> None:
        name = str(st.session_state["triage"].chosen)
        found = next((row for row in session.rows() if row.id == name), None)
        if found is not None:
            session.show(found)

    _show_list(key="triage", data=_data(session, review, listed, dark=dark), on_chosen_change=chosen)


def _data(session: ReviewSession, review: StudyReview, listed: tuple[Row, ...], *, dark: bool) -> dict[str, object]:
    names = [found.id for found in listed]
    at = names.index(session.finding) if session.finding in names else 0
    first = max(0, min(at - SHOWN_MAX // 2, len(listed) - SHOWN_MAX))
    shown = listed[first : first + SHOWN_MAX]
    return {
        "rows": [_row(review, found, session) for found in shown],
        "chosen": session.finding,
        "dark": dark,
        "note": _note(len(listed), len(shown), session.wanted),
    }


def _note(listed: int, shown: int, wanted: FindingFilter) -> str:
    if not listed and (wanted.narrowed or wanted.reviewed is not None):
        return "Nothing passes the filters." if wanted.narrowed else "Nothing is left in this list."
    if not listed:
        return "Nothing needs eyes: no ectopic beat, event or doubtful beat was found."
    return f"{listed - shown} more are not shown; filter the list." if listed > shown else ""


def _row(review: StudyReview, found: Row, session: ReviewSession) -> dict[str, object]:
    chosen, group = found.id == session.finding, isinstance(found, FindingGroup)
    level = PRIORITY_WORDS[min(found.priority, len(PRIORITY_WORDS)) - 1]
    time = "" if isinstance(found, FindingGroup | StatementFinding) else review.when(found.start_s, tenths=False)
    left = f"{found.told_open} to do" if isinstance(found, FindingGroup) and found.open else ""
    where = left or (f"at {time}" if time else "in all")
    around = session.group
    inside = not group and around is not None and around.id == session.opened and holds(around, found.id)
    return {
        "id": found.id, "priority": found.priority, "level": f"priority {found.priority}: {level}",
        "title": found.title, "detail": found.detail, "time": time, "done": found.reviewed, "chosen": chosen,
        "group": group, "opened": found.id == session.opened, "inside": inside, "left": left,
        "label": f"{found.title}, {found.detail}, {where}, {'reviewed' if found.reviewed else 'to do'}",
    }  # fmt: skip


def _filters(session: ReviewSession, review: StudyReview) -> None:
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.segmented_control(
            "Reviewed or not", list(REVIEWED), key="review-which", default=ALL, required=True, wrap=False,
            label_visibility="collapsed", on_change=_filtered, args=(session, review),
        )  # fmt: skip
        count = f" ({session.wanted.narrowed})" if session.wanted.narrowed else ""
        with st.popover(f"Filter{count}", icon=":material/filter_list:"):
            _more_filters(session, review)
    other = session.wanted.other
    if other and other not in review.material.others:
        _second_opinion(session, review, other)


def _more_filters(session: ReviewSession, review: StudyReview) -> None:
    act, args = _filtered, (session, review)
    titles = {found.kind: FINDING_KINDS[found.kind].title for found in review.findings}
    kinds = list(titles) + sorted(session.wanted.kinds - set(titles))
    st.pills("Findings", kinds, selection_mode="multi", key="review-kinds", format_func=lambda k: titles.get(k, k),
             on_change=act, args=args)  # fmt: skip
    st.pills("Class in force", CLASSES, selection_mode="multi", key="review-classes",
             format_func=lambda c: CLASS_WORDS.get(c, c), on_change=act, args=args)  # fmt: skip
    st.slider("Confidence of the model (%)", 0, 100, (0, 100), key="review-confidence", on_change=act, args=args)
    minutes = max(1, -int(-review.material.recording.duration_s // 60))
    st.slider("Minutes of the recording", 0, minutes, (0, minutes), key="review-minutes", on_change=act, args=args)
    st.selectbox(
        "Only where another network disagrees", ["", *networks_beside(review.study)], key="review-other",
        format_func=lambda name: _other_words(review, name), on_change=act, args=args,
    )  # fmt: skip


def _other_words(review: StudyReview, name: str) -> str:
    if not name:
        return "any"
    return plain(name) if name in review.material.others else f"{plain(name)} (reads the recording first)"


@st.fragment(run_every=1.0)
def _second_opinion(session: ReviewSession, review: StudyReview, network: str) -> None:
    """How far the other network is; once it has analysed the recording, the list shows the disagreements."""
    job = job_beside(review.material, network)
    status = cache.worker().status(job)
    if status.state in ("waiting", "running"):
        st.progress(status.fraction, f"{plain(network)}: {plain(progress_words(status))}")
        return
    others = others_of(review.study)
    if network in others and session.review is not None:
        cache.forget_review_material()  # the finding that was looked at belongs to no list of this analysis
        session.put(
            replace(session.review, material=replace(session.review.material, others=others), _lists={}, _rows={})
        )
        sign_in.refresh()
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="review-second-opinion"):
        st.caption(plain(status.sentence) or f"{plain(network)} has not read this recording.", width="stretch")
        no = None if status.state == "absent" else steering.why_not()
        st.button("Let it read", key="second-opinion", on_click=steering.ask, args=(job,), wrap=False,
                  disabled=no is not None, help=no)  # fmt: skip


def _filtered(session: ReviewSession, review: StudyReview) -> None:
    """Takes all filters as they stand; what is looked at stays if it is listed."""
    state = st.session_state
    low, high = state.get("review-confidence", (0, 100))
    minutes = max(1, -int(-review.material.recording.duration_s // 60))
    first, last = state.get("review-minutes", (0, minutes))
    other = state.get("review-other") or ""
    if other and other not in review.material.others:
        steering.ask(job_beside(review.material, other))
    session.wanted = FindingFilter(
        kinds=frozenset(state.get("review-kinds") or ()),
        classes=frozenset(state.get("review-classes") or ()),
        confidence=(low / 100, high / 100),
        span_s=None if (first, last) == (0, minutes) else (first * 60.0, last * 60.0),
        reviewed=REVIEWED[state["review-which"] or ALL],
        other=other,
    )
    session.settle()
