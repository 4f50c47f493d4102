"""Findings of one kind as one row: which are, what stands for them, and what a decision about all of them covers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.review.beats_in_force import ReviewedBeats, reviewed_beats
from pipeline.review.decisions import Decision
from pipeline.review.groups import (
    MORE_FAMILIES,
    UNSURE,
    FindingGroup,
    Row,
    extremes,
    grouped,
    places_of,
    side_by_side,
    stretches_of,
)
from pipeline.review.holter import kind_rows
from pipeline.review.morphology import NO_FAMILY, Families
from pipeline.review.triage import triage
from pipeline.store.listing import listing
from tests.helpers.review_beats import written
from tests.helpers.review_study import analysed, at
from tests.helpers.rhythms import with_rhythm

# Three couplets: coupled after 0.5, 0.3 and 0.4 s.
COUPLETS = "NNVVNNNNVVNNNNVVNN"
RR = [0.8, 0.8, 0.6, 0.5, 0.9, 0.8, 0.8, 0.8, 0.6, 0.3, 0.9, 0.8, 0.8, 0.8, 0.6, 0.4, 0.9, 0.8]


def rows(beats: ReviewedBeats) -> dict[str, Row]:
    return {row.kind: row for row in grouped(triage(beats))}


def couplets() -> tuple[ReviewedBeats, FindingGroup]:
    beats = written(COUPLETS, np.array(RR))
    group = rows(beats)["v_couplet"]
    assert isinstance(group, FindingGroup)
    return beats, group


def test_findings_of_one_kind_are_one_row_and_a_single_one_stays_a_finding() -> None:
    beats = reviewed_beats(analysed("NNVVNNNVVNNNNSSNN"), ())
    found = rows(beats)
    assert isinstance(found["v_couplet"], FindingGroup)
    assert found["v_couplet"].title == "Ventricular couplets, 2"
    assert not isinstance(found["s_couplet"], FindingGroup)
    order = [finding.kind for finding in triage(beats)]
    assert list(found) == list(dict.fromkeys(order))


def test_the_longest_the_fastest_and_the_slowest_stand_for_a_group_of_events() -> None:
    beats, group = couplets()
    labels = {label: place.finding for place in extremes(group, beats) for label in place.label.split(", ")}
    assert set(labels) == {"longest", "fastest", "slowest", *UNSURE}
    seconds = {member.id: member.stop_s - member.start_s for member in group.members}
    assert labels["longest"] == labels["slowest"] == max(seconds, key=seconds.__getitem__)
    assert labels["fastest"] == min(seconds, key=seconds.__getitem__)


def test_waves_without_beats_have_no_fastest_and_no_slowest() -> None:
    analysis = with_rhythm("N" * 60, (10.0, "N"), (20.0, "VFL"), (30.0, "N"), (45.0, "VFL"), (48.0, "N"))
    group = rows(reviewed_beats(analysis, ()))["vfl"]
    assert isinstance(group, FindingGroup)
    labels = [place.label for place in extremes(group, reviewed_beats(analysis, ()))]
    assert labels
    assert not any("fastest" in label or "slowest" in label for label in labels)


def test_the_least_sure_member_is_among_those_shown() -> None:
    beats, group = couplets()
    confidence = beats.confidence.copy()
    confidence[np.searchsorted(beats.sample, group.members[2].samples[1])] = 0.2
    doubtful = replace(beats, confidence=confidence)
    (place,) = [place for place in extremes(group, doubtful) if "least sure" in place.label.split(", ")]
    assert place.finding == group.members[2].id


def test_the_three_least_sure_members_stand_for_a_large_group() -> None:
    beats = reviewed_beats(analysed("NNVVNN" * 9), ())
    group = rows(beats)["v_couplet"]
    assert isinstance(group, FindingGroup)
    confidence = beats.confidence.copy()
    for number, sure in ((6, 0.3), (3, 0.2), (7, 0.4)):
        confidence[np.searchsorted(beats.sample, group.members[number].samples[1])] = sure
    shown = extremes(group, replace(beats, confidence=confidence))
    unsure = {label: place.finding for place in shown for label in place.label.split(", ") if "sure" in label}
    assert unsure == dict(zip(UNSURE, (group.members[n].id for n in (3, 6, 7)), strict=True))


def test_of_pauses_the_longest_comes_first_and_the_shortest_is_shown() -> None:
    beats = written("N" * 12, np.array([0.8] * 3 + [2.2] + [0.8] * 3 + [2.6] + [0.8] * 4))
    group = rows(beats)["pause"]
    assert isinstance(group, FindingGroup)
    assert [member.detail for member in group.members] == ["2.60 s", "2.20 s"]
    assert [place.label.split(",")[0] for place in extremes(group, beats)] == ["longest", "shortest"]


def test_pauses_that_follow_each_other_are_counted_one_by_one_as_in_the_report() -> None:
    beats = written("N" * 12, np.array([0.8] * 3 + [2.2, 2.4] + [0.8] * 3 + [2.6] + [0.8] * 3))
    group = rows(beats)["pause"]
    assert isinstance(group, FindingGroup)
    (told,) = kind_rows(triage(beats))
    assert (group.told, group.told_open, told.number, listing(beats, triage(beats)).findings["pause"]) == (3, 3, 3, 3)
    assert (group.title, group.detail) == ("Pauses, 3", "at 2 places, longest 2.60 s")


def families(beats: ReviewedBeats, numbers: list[int]) -> Families:
    """Families by hand; the second is drawn upside down."""
    time_s = np.linspace(-0.2, 0.4, 61, dtype=np.float32)
    shape = np.exp(-((time_s / 0.03) ** 2)).astype(np.float32)
    median = np.stack([shape, 0.95 * shape + 0.01 * time_s, -shape])[..., None]
    own = np.array(numbers, np.int64)
    size = np.array([max(1, int((own == n).sum())) for n in range(3)], np.int64)
    return Families(beats.sample, own, np.zeros(own.size, np.float32), size, median, time_s)


def test_the_family_of_another_shape_stands_for_single_beats_as_well() -> None:
    beats = reviewed_beats(analysed("NVNNVNNVNNVNN"), ())
    own = families(beats, [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 2, 0, 0])
    group = next(row for row in grouped(triage(beats, own)) if row.kind == "ectopic_v")
    assert isinstance(group, FindingGroup)
    labels = {label: place.finding for place in extremes(group, beats, own) for label in place.label.split(", ")}
    assert labels["least typical"] == "ectopic_v:2"
    assert labels["most typical"] == "ectopic_v:0"


def test_every_family_of_a_group_is_seen_before_one_decision_about_all_of_them() -> None:
    beats = reviewed_beats(analysed("NVNNVNNVNNVNNVN"), ())
    own = families(beats, [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 2, 0, 0, NO_FAMILY, 0])
    group = next(row for row in grouped(triage(beats, own)) if row.kind == "ectopic_v")
    assert isinstance(group, FindingGroup)
    places = extremes(group, beats, own)
    assert {place.finding for place in places} == {member.id for member in group.members}
    (more,) = [place for place in places if place.label == "family 2"]
    assert more.beats == at(7)


def test_of_many_families_those_of_other_shapes_are_seen_first() -> None:
    beats = reviewed_beats(analysed("V" + "NV" * 12), ())
    time_s = np.linspace(-0.2, 0.4, 61, dtype=np.float32)
    shapes = [np.exp(-(((time_s - 0.01 * n) / 0.03) ** 2)) for n in range(13)]  # each farther from the first
    median = np.stack(shapes).astype(np.float32)[..., None]
    number = np.arange(25, dtype=np.int64) // 2
    own = Families(beats.sample, number, np.zeros(number.size, np.float32), np.ones(13, np.int64), median, time_s)
    group = next(row for row in grouped(triage(beats, own)) if row.kind == "ectopic_v")
    assert isinstance(group, FindingGroup)
    more = [place.label for place in extremes(group, beats, own) if place.beats]
    assert len(more) == MORE_FAMILIES
    assert not {"family 2", "family 3"} & set(more)


def test_families_look_alike_by_shape_and_not_by_sign() -> None:
    beats = reviewed_beats(analysed("NVNNVNNVNNVNN"), ())
    own = families(beats, [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 2, 0, NO_FAMILY])
    assert own.alike(0).tolist() == [1]
    assert own.alike(2).tolist() == []
    far = own.apart(np.array([*at(0, 7, 10, 12)]), 0)
    assert far == pytest.approx([0.0, 0.0, 2.0, 2.0], abs=0.02)


def test_who_goes_through_a_group_sees_a_screen_of_members_at_once_from_where_they_are() -> None:
    beats = reviewed_beats(analysed("NNVVNN" * 14), ())
    group = rows(beats)["v_couplet"]
    assert isinstance(group, FindingGroup)
    found = places_of(group, group.members[1].id, beats)
    assert [place.finding for place in found] == [member.id for member in group.members[1:14]]
    assert found[0].label == "2 of 14"
    assert len(places_of(group, group.members[13].id, beats)) == 1


def test_of_short_members_more_are_seen_at_once_than_of_long_ones() -> None:
    short = rows(reviewed_beats(analysed("NNVVNN" * 30), ()))["v_couplet"]
    long = rows(reviewed_beats(analysed(("N" * 4 + "V" * 9) * 30), ()))["idioventricular"]
    assert isinstance(short, FindingGroup)
    assert isinstance(long, FindingGroup)
    assert (side_by_side(short, 0), side_by_side(long, 0)) == (18, 12)


def test_a_decision_about_a_group_is_about_what_is_open_in_it() -> None:
    analysis = analysed("NNVVNNNNVVNNNNVVNN")
    beats = reviewed_beats(analysis, (Decision("confirm", at(2, 3)),))
    group = rows(beats)["v_couplet"]
    assert isinstance(group, FindingGroup)
    assert group.samples == at(8, 9, 14, 15)
    assert [len(group.members), len(group.open), group.reviewed] == [3, 2, False]
    done = rows(reviewed_beats(analysis, (Decision("confirm", at(2, 3, 8, 9, 14, 15)),)))["v_couplet"]
    assert done.reviewed
    assert done.samples == at(2, 3, 8, 9, 14, 15)


def test_episodes_are_grouped_and_decided_by_their_stretches() -> None:
    analysis = with_rhythm("N" * 60, (10.0, "N"), (20.0, "AFIB"), (30.0, "N"), (45.0, "AFIB"), (48.0, "N"))
    group = next(row for row in grouped(triage(reviewed_beats(analysis, ()))) if row.kind == "afib")
    assert isinstance(group, FindingGroup)
    assert group.title == "Atrial fibrillation, 2"
    assert group.detail == "25 s in all, longest 15 s"
    assert set(stretches_of(group)) == {(2500, 5000), (7500, 11250)}
    both = tuple(sample for stretch in stretches_of(group) for sample in stretch)
    after = reviewed_beats(analysis, (Decision("rhythm_confirm", both),))
    assert next(row for row in grouped(triage(after)) if row.kind == "afib").reviewed
