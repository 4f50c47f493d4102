"""Several decisions in one transaction: what one after the other would lead to, or nothing at all."""

from __future__ import annotations

import pytest

from pipeline.cases.material import material_of
from pipeline.cases.study_review import StudyReview, review_of, take_decisions, take_step
from pipeline.errors import ReviewError
from pipeline.review.decisions import Decision
from pipeline.store.reviews import audit, standing
from pipeline.store.studies import get_study
from tests.helpers.review_study import at, study

pytestmark = pytest.mark.usefixtures("store")
ANNA = "Anna"
STEPS = (
    Decision("override", at(1, 2), "V"),
    Decision("event_mark", (100, 400), text="dizzy"),
    Decision("reject", at(2)),
)


def opened(record: str) -> StudyReview:
    now = standing(study(record, "NNVNSNNUFNNNNNN"))
    return review_of(material_of(now.study), now)


def test_together_they_lead_where_they_lead_one_after_the_other() -> None:
    together = take_decisions(opened("together"), STEPS, reader=ANNA)
    alone = opened("alone")
    for step in STEPS:
        alone = take_step(alone, step, reader=ANNA)
    assert together.beats.aami.tolist() == alone.beats.aami.tolist()
    assert [row.id for row in together.findings] == [row.id for row in alone.findings]
    rows = [
        [(one.event, one.kind, one.samples, one.before, one.after, one.model) for one in audit(review.study.id)]
        for review in (together, alone)
    ]
    assert rows[0] == rows[1]
    assert get_study(together.study.id).counts == get_study(alone.study.id).counts
    assert together.standing == standing(together.study.id)


def test_one_that_does_not_fit_leaves_all_undone() -> None:
    review = opened("misfit")
    with pytest.raises(ReviewError, match="lies outside the recording"):
        take_decisions(review, (*STEPS, Decision("event_mark", (100, 1_000_000), text="late")), reader=ANNA)
    with pytest.raises(ReviewError, match="Nothing is decided"):
        take_decisions(review, (), reader=ANNA)
    assert audit(review.study.id) == ()
    assert standing(review.study.id) == review.standing
