"""R peaks against the reference, with and without the second look: `python -m benchmarks.r_peaks [ds1|ds2|all]`."""

from __future__ import annotations

import sys
import time

import numpy as np
import sleepecg

from pipeline.config import DEFAULT, data_root
from pipeline.datasets.splits import DS1, DS2, PACED
from pipeline.domain import IntArray
from pipeline.evaluate.matching import match_beats
from pipeline.intake import read_path
from pipeline.signal.conditioning import Conditioned, condition
from pipeline.signal.detect import detect_r_peaks, snap
from pipeline.signal.leads import choose_leads

SETS = {"ds1": DS1, "ds2": DS2, "all": (*DS1, *DS2, *PACED)}


def slopes_only(conditioned: Conditioned) -> IntArray:
    """sleepecg's detector, snapped."""
    lead = conditioned.signal[:, 0]
    peaks = np.asarray(sleepecg.detect_heartbeats(lead.astype(np.float64), conditioned.fs), np.int64)
    return np.unique(snap(peaks, lead, conditioned.fs, DEFAULT.signal))


def main(which: str) -> None:
    """Print Se, +P and F1 at 150 ms and 50 ms; record 207's flutter waves are no reference beats and count as extra."""
    detectors = {"sleepecg": slopes_only, "with second look": lambda c: detect_r_peaks(c, DEFAULT.signal)}
    totals = {(name, window): np.zeros(3, np.int64) for name in detectors for window in (150.0, 50.0)}
    missed_v = dict.fromkeys(detectors, 0)
    seconds = dict.fromkeys(detectors, 0.0)
    for record in SETS[which]:
        recording = read_path(data_root() / "mitdb" / f"{record}.hea")
        assert recording.reference is not None
        conditioned = condition(recording, choose_leads(recording.leads), DEFAULT.signal)
        for name, detect in detectors.items():
            start = time.perf_counter()
            found = np.round(detect(conditioned) * recording.fs / conditioned.fs).astype(np.int64)
            seconds[name] += time.perf_counter() - start
            for window in (150.0, 50.0):
                matching = match_beats(recording.reference.sample, found, fs=recording.fs, window_ms=window)
                missed = matching.reference[matching.detected == -1]
                totals[name, window] += (matching.matched, missed.size, int(np.sum(matching.reference == -1)))
                if window == DEFAULT.match_window_ms:
                    missed_v[name] += sum(recording.reference.symbol[i] == "V" for i in missed)
    print(f"{which}: {len(SETS[which])} records")
    print(f"{'detector':20}{'window':>8}{'Se':>9}{'+P':>9}{'F1':>9}{'missed V':>10}{'seconds':>9}")
    for (name, window), (tp, fn, fp) in totals.items():
        scores = f"{tp / (tp + fn):9.4f}{tp / (tp + fp):9.4f}{2 * tp / (2 * tp + fn + fp):9.4f}"
        print(f"{name:20}{window:6.0f}ms{scores}{missed_v[name]:10d}{seconds[name]:9.2f}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "ds1")
