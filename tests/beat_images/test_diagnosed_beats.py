"""Which recordings' beats are taken for normal by the diagnoses alone."""

from __future__ import annotations

import csv

import numpy as np

from pipeline.beat_images.diagnosed_beats import HEALTHY_EVERY, load_normal, normal_of_ludb, recordings_of_ptbxl
from pipeline.beat_images.record_curves import UNKNOWN, Windows
from pipeline.config import DEFAULT


def _windows(*records):
    n = len(records)
    zeros = np.zeros((n, 4), np.float32)
    return Windows(zeros, np.full(n, UNKNOWN), np.array(records), np.arange(n), zeros[:, :2], 360.0)


def test_recordings_of_ludb_with_other_beats_in_their_diagnoses_are_left_out(tmp_path):
    diagnoses = {"1": "Sinus rhythm.", "2": "Ventricular extrasystole, type: single PVC.", "3": "Pacemaker", "4": "WPW"}
    for name, words in diagnoses.items():
        (tmp_path / f"{name}.hea").write_text(f"{name} 12 500 5000\n#<diagnoses>:\n#{words}\n")
    found = normal_of_ludb(_windows(*(f"ludb {name}" for name in "1122334")), tmp_path)
    assert found.record.tolist() == ["ludb 1", "ludb 1"]
    assert found.label.tolist() == [0, 0]


def test_recordings_of_ptbxl_are_chosen_by_their_statements_and_few_of_the_healthy_ones(tmp_path):
    rows = [
        ("bundle", "{'CLBBB': 100.0}", ""),
        ("pvc", "{'NORM': 80.0, 'PVC': 100.0}", ""),
        ("pace", "{'PACE': 100.0}", ""),
        ("extra", "{'LVH': 100.0}", "1ES"),
        ("missing", "{'LVH': 100.0}", ""),
    ]
    rows += [(f"healthy{i}", "{'NORM': 100.0, 'SR': 0.0}", "") for i in range(2 * HEALTHY_EVERY)]
    with (tmp_path / "ptbxl_database.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("filename_lr", "scp_codes", "extra_beats"))
        writer.writerows(rows)
    for name, _, _ in rows:
        if name != "missing":
            (tmp_path / f"{name}.hea").write_text("")
    found = [path.stem for path in recordings_of_ptbxl(tmp_path)]
    assert found == ["bundle", f"healthy{HEALTHY_EVERY - 1}", f"healthy{2 * HEALTHY_EVERY - 1}"]


def test_without_these_databases_there_are_no_further_normal_beats(tmp_path):
    assert load_normal(None, tmp_path, DEFAULT) is None
