"""DS1 and DS2 are de Chazal's, and say what is not perfect about them."""

from __future__ import annotations

import pytest

from pipeline.config import data_root
from pipeline.datasets import DS1, DS2, PACED, SAME_PERSON, record_names, split_of
from pipeline.datasets.statistics import record_statistics
from pipeline.intake import read_path
from pipeline.labels import AAMI_CLASSES

# de Chazal 2004, with e and j counted as N.
PUBLISHED = {
    "ds1": {"N": 45866, "S": 944, "V": 3788, "F": 415, "Q": 8},
    "ds2": {"N": 44259, "S": 1837, "V": 3221, "F": 388, "Q": 7},
}


def test_the_sets_hold_22_records_each_and_share_none():
    assert len(set(DS1)) == len(set(DS2)) == 22
    assert not set(DS1) & set(DS2)


def test_the_sets_and_the_paced_records_are_the_whole_database():
    assert sorted((*DS1, *DS2, *PACED)) == list(record_names("mitdb"))


def test_the_one_person_in_both_sets_is_named():
    assert SAME_PERSON == (("201", "202"),)
    assert [split_of(record) for record in SAME_PERSON[0]] == ["ds1", "ds2"]


def test_records_of_other_databases_belong_to_no_set():
    assert [split_of(record) for record in ("800", "102", "")] == [None, "paced", None]


@pytest.mark.data
@pytest.mark.parametrize(("records", "name"), [(DS1, "ds1"), (DS2, "ds2")])
def test_beats_per_class_are_the_published_ones(records, name):
    found = [record_statistics("mitdb", read_path(data_root() / "mitdb" / f"{r}.hea")) for r in records]
    assert {record.group for record in found} == {name}
    assert {c: sum(record.counts["de_chazal"][c] for record in found) for c in AAMI_CLASSES} == PUBLISHED[name]
