"""What is taken away is complete, readable by others, safe in a spreadsheet, and written whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import os
import resource
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import wfdb

from pipeline._util.files import write_bytes
from pipeline.errors import DataError
from pipeline.export import (
    dump_json,
    safe_cell,
    table_bytes,
    to_json,
    write_analysis_json,
    write_atr,
    write_csv,
    write_rhythm_csv,
)
from pipeline.export.analysis_files import analysis_bytes
from pipeline.export.wfdb_files import write_record
from pipeline.intake import read_path
from pipeline.labels import AAMI_CLASSES
from pipeline.types import Analysis, Episode, Quality, QualitySegment, Recording, read_only
from tests.helpers.rhythms import beatless_of

FS = 360.0
P = np.array(
    [[0.9, 0.05, 0.03, 0.01, 0.01], [0.1, 0.1, 0.7, 0.05, 0.05], [0.3, 0.25, 0.25, 0.1, 0.1], [0, 0, 0, 0, 0]],
    np.float32,
)


@pytest.fixture
def analysis() -> Analysis:
    """Four beats: N, V, one below the threshold of confidence, and one that no network saw."""
    return Analysis(
        record="208",
        digest="ab" * 32,
        fs=FS,
        duration_s=1805.5,
        leads=("MLII", "V1"),
        model="vgg16",
        model_version="0123456789ab",
        version="0.1.0",
        quality=Quality((QualitySegment(0.0, 1805.5, "good", ""),), 1.0),
        sample=np.array([100, 460, 10_000, 649_999], np.int64),
        p=P,
        has_p=np.array([True, True, True, False]),
        confidence=P.max(axis=1),
        status=("classified", "classified", "unclassified", "unclassified"),
        reason=("", "", "confidence 30.0 % is below 50.0 %", "a gap lies within the beat – µ"),
        notices=("Lead V1 is uncalibrated.",),
        threshold=0.4,
        rhythm=(
            Episode(0.0, 20.0, "N", "", 0.97, "72/min"),
            Episode(20.0, 1000.25, "AFIB", "", 0.91, "irregular RR intervals"),
            Episode(1000.25, 1805.5, "VFL", "VF", 0.88, "no QRS, chaotic waves"),
        ),
    )


def test_the_json_has_the_keys_of_the_contract_in_order(analysis):
    found = to_json(analysis)
    assert list(found) == [
        *("record", "fs", "duration_s", "leads", "model", "quality", "beats", "rhythm", "summary", "version"),
    ]
    assert list(found["beats"][0]) == ["sample", "time_s", "class", "p", "abnormal", "confidence", "status", "reason"]
    assert list(found["beats"][0]["p"]) == list(AAMI_CLASSES)
    assert [list(row) for row in found["rhythm"]] == [
        ["start_s", "stop_s", "rhythm", "detail", "confidence", "evidence"],
    ] * 3


def test_the_rhythm_in_the_json_covers_the_recording_in_order(analysis):
    rows = to_json(analysis)["rhythm"]
    assert [(row["rhythm"], row["detail"]) for row in rows] == [("N", ""), ("AFIB", ""), ("VFL", "VF")]
    assert [row["start_s"] for row in rows] == [0.0, *(row["stop_s"] for row in rows[:-1])]
    assert rows[-1]["stop_s"] == analysis.duration_s
    assert rows[1]["evidence"] == "irregular RR intervals"


def test_the_json_of_an_analysis_that_knows_no_rhythm_is_that_of_the_version_that_made_it(analysis):
    found = to_json(replace(analysis, rhythm=()))
    assert "rhythm" not in found
    assert list(found["quality"]["segments"][0]) == ["start_s", "stop_s", "verdict", "reason"]


def test_the_table_of_rhythms_has_one_row_per_episode(analysis, tmp_path):
    text = write_rhythm_csv(analysis, tmp_path / "208.rhythm.csv").read_text("utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["name"] for row in rows] == ["Sinus rhythm", "Atrial fibrillation", "Ventricular fibrillation"]
    assert (rows[1]["start_s"], rows[1]["stop_s"], rows[1]["confidence"]) == ("20.0", "1000.25", "0.91")


def test_a_classified_beat_says_what_the_network_said(analysis):
    beat = to_json(analysis)["beats"][1]
    assert beat["class"] == "V"
    assert beat["p"]["V"] == pytest.approx(0.7)
    assert beat["abnormal"] == pytest.approx(0.9)
    assert beat["confidence"] == pytest.approx(0.7)
    assert beat["time_s"] == pytest.approx(460 / FS, abs=1e-6)
    assert (beat["status"], beat["reason"]) == ("classified", "")


def test_a_beat_that_no_network_saw_has_no_probability(analysis):
    beat = to_json(analysis)["beats"][3]
    assert (beat["class"], beat["p"], beat["abnormal"], beat["confidence"]) == ("Q", None, None, 0.0)
    assert beat["status"] == "unclassified"
    assert beat["reason"]


def test_the_summary_counts_every_beat_once(analysis):
    summary = to_json(analysis)["summary"]
    assert summary["beats"] == sum(summary["counts"].values()) + summary["unclassified"] == 4
    assert summary["notices"] == ["Lead V1 is uncalibrated."]


def test_the_json_file_is_strict_and_comes_back(analysis, tmp_path):
    path = write_analysis_json(analysis, tmp_path / "new" / "208.json")
    assert json.loads(path.read_text("utf-8")) == to_json(analysis)
    with pytest.raises(ValueError, match="JSON"):
        dump_json({"x": float("nan")})


def test_the_csv_has_one_row_per_beat_and_empty_cells_where_nothing_is_known(analysis, tmp_path):
    rows = list(csv.DictReader(io.StringIO(write_csv(analysis, tmp_path / "208.csv").read_text("utf-8"))))
    assert [row["class"] for row in rows] == ["N", "V", "N", "Q"]
    assert [row["sample"] for row in rows] == ["100", "460", "10000", "649999"]
    assert float(rows[1]["p_V"]) == pytest.approx(0.7)
    assert rows[3]["p_N"] == rows[3]["abnormal"] == ""


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx", '=HYPERLINK("http://x")'])
def test_a_text_that_a_spreadsheet_would_run_is_made_plain(text):
    assert safe_cell(text) == f"'{text}"
    back = list(csv.reader(io.StringIO(table_bytes(["a"], [[text]]).decode(), newline="")))
    assert back[1] == [f"'{text}"]


def test_numbers_keep_their_sign():
    assert safe_cell(-1.5) == -1.5
    assert table_bytes(["a"], [[-1.5, None, "plain"]]) == b'"a"\r\n"-1.5","","plain"\r\n'


def test_the_annotations_come_back_through_wfdb(analysis, tmp_path):
    write_atr(analysis, tmp_path / "208.hv")
    found = wfdb.rdann(str(tmp_path / "208"), "hv")
    assert found.fs == FS
    assert list(
        zip(found.sample.tolist(), found.symbol, [text.rstrip("\0") for text in found.aux_note], strict=True)
    ) == [
        (0, "+", "(N"),
        (100, "N", ""),
        (460, "V", ""),
        (7_200, "+", "(AFIB"),
        (10_000, "N", "confidence 30.0 % is below 50.0 %"),
        (360_090, "+", "(VFL"),
        (649_999, "Q", "a gap lies within the beat ? ?"),
    ]


def test_annotations_without_a_beat_tell_the_rhythm(analysis, tmp_path):
    whole = (Episode(0.0, 1805.5, "ASYS"),)
    write_atr(beatless_of(analysis, whole), tmp_path / "208.hv")
    found = wfdb.rdann(str(tmp_path / "208"), "hv")
    assert (found.sample.tolist(), found.symbol, found.aux_note) == ([0], ["+"], ["(ASYS"])
    with pytest.raises(DataError, match="neither beat nor rhythm"):
        write_atr(beatless_of(analysis, ()), tmp_path / "208.hv")


def test_a_rhythm_that_begins_at_a_beat_is_written_before_it(analysis, tmp_path):
    begins = (Episode(0.0, 460 / FS, "N"), Episode(460 / FS, 1805.5, "VT"))
    write_atr(replace(analysis, rhythm=begins), tmp_path / "208.hv")
    found = wfdb.rdann(str(tmp_path / "208"), "hv")
    assert [(at, one) for at, one in zip(found.sample.tolist(), found.symbol, strict=True) if at == 460] == [
        (460, "+"),
        (460, "V"),
    ]


def test_the_annotations_are_read_by_our_own_intake(analysis, tmp_path):
    from pipeline.intake.wfdb_annotations import parse_annotations

    payload = write_atr(analysis, tmp_path / "208.hv").read_bytes()
    found = parse_annotations(payload, n_samples=650_000, fs=FS)
    assert found.symbol == ("N", "V", "N", "Q")


def test_a_recording_comes_back_with_its_very_sampling_frequency_and_its_gaps(tmp_path):
    signal = np.full((4000, 1), 0.25, np.float32)
    signal[100:200] = np.nan
    recording = Recording("r", 1000 / 3, read_only(signal), ("MLII",), "0" * 64, (True,))
    found = read_path(write_record(recording, tmp_path))
    assert found.fs == pytest.approx(recording.fs, rel=1e-12)
    np.testing.assert_allclose(found.p_signal, signal, atol=0.0005)


def test_a_full_disk_leaves_the_old_file_and_no_fragment(tmp_path):
    target = tmp_path / "out.json"
    write_bytes(target, b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    import signal

    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(DataError, match=r"'out\.json' could not be written"):
            write_bytes(target, bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


def test_whoever_reads_the_old_file_keeps_it_whole(tmp_path):
    target = write_bytes(tmp_path / "out.json", b"old")
    with target.open("rb") as reader:
        write_bytes(target, b"new and longer")
        assert reader.read() == b"old"
    assert target.read_bytes() == b"new and longer"


def test_a_file_in_place_of_the_folder_is_one_sentence(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match="could not be written"):
        write_bytes(tmp_path / "file" / "out.json", b"x")


def test_written_files_follow_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        path: Path = write_bytes(tmp_path / "out.json", b"x")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_private_file_can_be_read_by_this_user_alone(tmp_path):
    assert write_bytes(tmp_path / "kept.npz", b"x", private=True).stat().st_mode & 0o777 == 0o600


def test_the_bytes_of_a_long_result_are_those_of_its_plain_values(analysis: Analysis) -> None:
    n = len(analysis.sample)
    has_p = np.arange(n) % 7 != 0
    told = tuple("" if i % 3 else f'line\n "beats": [] é {i} \ud800' for i in range(n))
    changed = replace(analysis, has_p=has_p, reason=told, status=("unclassified", *analysis.status[1:]))
    for one in (analysis, changed, replace(changed, record='\n "beats": []')):
        assert analysis_bytes(one) == dump_json(to_json(one))


def test_a_number_that_json_cannot_express_is_refused(analysis: Analysis) -> None:
    p = analysis.p.copy()
    p[1, 2] = np.nan
    for encode in (analysis_bytes, lambda one: dump_json(to_json(one))):
        with pytest.raises(ValueError, match="not JSON compliant"):
            encode(replace(analysis, p=p))
