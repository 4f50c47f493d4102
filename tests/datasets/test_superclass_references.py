"""The superclasses that PTB-XL states: with any likelihood, from diagnostic statements only."""

from __future__ import annotations

import pytest

from pipeline.datasets.superclass_references import read_ludb_superclasses, read_superclass_references
from pipeline.errors import DataError
from tests.helpers.twelve_lead_ecg import write_ptbxl


def test_superclasses_patients_and_folds_are_those_of_the_tables(tmp_path):
    write_ptbxl(tmp_path / "ptbxl", [(7, 1, ("NORM", "SR")), (7, 1, ("LVH", "IMI")), (9, 2, ("SR", "LVOLT"))])
    found = read_superclass_references(tmp_path / "ptbxl")
    assert [each.record for each in found] == ["ptbxl/00001_lr", "ptbxl/00002_lr", "ptbxl/00003_lr"]
    assert [each.superclasses for each in found] == [("NORM",), ("MI", "HYP"), ()]  # LVOLT is no diagnosis
    assert [(each.patient, each.fold) for each in found] == [("7", 1), ("7", 1), ("9", 2)]


def test_a_statement_with_likelihood_0_counts(tmp_path):
    write_ptbxl(tmp_path / "ptbxl", [(1, 1, ("NORM",))])
    table = tmp_path / "ptbxl" / "ptbxl_database.csv"
    table.write_text(table.read_text().replace("'NORM': 100.0", "'LAFB': 0.0"))
    assert read_superclass_references(tmp_path / "ptbxl")[0].superclasses == ("CD",)


def test_records_that_are_not_there_are_left_out(tmp_path):
    write_ptbxl(tmp_path / "ptbxl", [(1, 1, ("NORM",)), (2, 1, ("LVH",))])
    (tmp_path / "ptbxl" / "records100" / "00001_lr.hea").unlink()
    assert [each.patient for each in read_superclass_references(tmp_path / "ptbxl")] == ["2"]
    (tmp_path / "ptbxl" / "records100" / "00002_lr.hea").unlink()
    with pytest.raises(DataError, match="none of the records"):
        read_superclass_references(tmp_path / "ptbxl")


def test_without_its_tables_the_folder_is_named(tmp_path):
    with pytest.raises(DataError, match="ptbxl"):
        read_superclass_references(tmp_path / "ptbxl")


LUDB_COLUMNS = (
    "ID,Conduction abnormalities,Hypertrophies,Cardiac pacing,Ischemia,Non-specific repolarization abnormalities"
)


@pytest.mark.parametrize(
    ("cells", "stated"),
    [
        (",,,,", ("NORM",)),
        (",,Pacemaker,,", ()),
        ('I degree av block,,,"Stemi: septal\nIschemia: apical",', ("MI", "STTC", "CD")),
        (",Left ventricular hypertrophy,,Scar formation: septal,", ("MI", "HYP")),
        (",,,Undefined ischemia/scar/supp.nstemi: apical,", ("STTC",)),
        (",,,,Non-specific repolarization abnormalities: septal", ("STTC",)),
    ],
)
def test_diagnoses_of_ludb_become_superclasses(tmp_path, cells, stated):
    (tmp_path / "ludb").mkdir()
    (tmp_path / "ludb" / "ludb.csv").write_text(f"\ufeff{LUDB_COLUMNS}\n7,{cells}\n8,,,,,\n", encoding="utf-8")
    (tmp_path / "ludb" / "7.hea").write_text("")
    (found,) = read_ludb_superclasses(tmp_path / "ludb")
    assert (found.record, found.patient, found.superclasses) == ("ludb/7", "7", stated)


def test_a_ludb_without_its_table_is_named(tmp_path):
    with pytest.raises(DataError, match="LUDB"):
        read_ludb_superclasses(tmp_path)
