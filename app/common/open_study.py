"""One study as its page shows it: where it stands, and the beats in force."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

import streamlit as st

from app.common import cache, reader
from app.common.theme import BadgeColour
from pipeline.cases.material import ReviewMaterial
from pipeline.cases.study_review import StudyReview, review_of
from pipeline.errors import EcgError, ReviewError, StaleVersion
from pipeline.review.conclusion import Draft
from pipeline.review.states import STUDY_STATES, StudyState
from pipeline.store.log import Role
from pipeline.store.recordings import is_stored
from pipeline.store.reviews import Standing, audit
from pipeline.store.studies import Study

_KEY = "heartvision-study"
REVIEW_KEY = "heartvision-review"  # the Review page's key in the session


@dataclass
class OpenStudy:
    """What survives reruns of the Study page, and leaving it: among it the draft of a conclusion.

    `request` names this session's requests, so that none is done twice.
    """

    study_id: int
    request: str
    review: StudyReview | None = None
    difference: int = 0
    draft: Draft | None = None
    error: str = ""
    notice: str = ""

    def change(self, act: Callable[[], object], seen: int, done: str) -> None:
        """Carries a change out; one that was refused because someone else was faster says who did what."""
        self.error, self.notice = "", ""
        try:
            act()
            self.notice = done
        except StaleVersion as error:
            self.error = str(error)
        except ReviewError as error:
            self.error = _overtaken(self.study_id, seen) or str(error)
        except EcgError as error:
            self.error = str(error)

    def key(self, what: str, version: int) -> str:
        """The name of a request: a second click is the same request."""
        return f"{self.request}-{what}-{version}"

    def laid_out(self, now: Standing) -> StudyReview:
        """The study under review, as the Review page has it; read again only when something has changed.

        Raises
        ------
        EcgError
            If the recording or the stored analysis is not there.
        """
        if self.review is None or self.review.standing.stamp != now.stamp:
            material = still_there(self.review, now.study)
            self.review = review_of(material, now, self.review)
        return self.review


def still_there(review: StudyReview | None, study: Study) -> ReviewMaterial:
    """What a study is based on: what is open, unless its recording was deleted meanwhile.

    Raises
    ------
    EcgError
        If the recording or the stored analysis is not there.
    """
    return review.material if review and is_stored(study.digest) else cache.review_material(study, reader.current())


def opened(study_id: int) -> OpenStudy:
    """This browser session's hold on a study."""
    found = st.session_state.get(_KEY)
    if not isinstance(found, OpenStudy) or found.study_id != study_id:
        st.session_state[_KEY] = found = OpenStudy(study_id, uuid.uuid4().hex)
    return found


def recording_page(study: Study, label: str, *, reading: Role = "main") -> None:
    """A link to the Review page."""
    where = {"study": study.token} | ({"reading": "second"} if reading == "second" else {})
    st.page_link("review/page.py", label=label, icon=":material/rate_review:", query_params=where)


def leave_review() -> None:
    """Close the study on the Review page: nothing of it stays in this session."""
    st.session_state.pop(REVIEW_KEY, None)


def _overtaken(study_id: int, seen: int) -> str:
    """Who changed the study since the version that was seen; "" if nobody did."""
    newer = [
        entry for entry in audit(study_id, reader=reader.current()) if entry.reading == "main" and entry.seq > seen
    ]
    if not newer:
        return ""
    last = newer[-1]
    return (
        f"{last.who} {last.sentence()} at {last.at:%Y-%m-%d %H:%M:%S} UTC, after you opened it; nothing of yours was "
        "saved, look at it as it is now."
    )


COLOURS: MappingProxyType[StudyState, BadgeColour] = MappingProxyType(
    {"new": "gray", "in_review": "blue", "signed": "green", "reopened": "orange"}
)


def state_badge(state: StudyState) -> None:
    """The state of a study."""
    st.badge(STUDY_STATES[state].name.lower(), color=COLOURS[state])
