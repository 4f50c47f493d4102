"""The irregularity measure against MIT-BIH's rhythm annotations: `python -m benchmarks.af_like [ds1|ds2]`.

A window of intervals is AF if at least 90 % of it is annotated (AFIB, and not if at most 10 % is (AFIB or (AFL;
windows in between, and flutter, are excluded. Beats and classes are those of the reference.
"""

from __future__ import annotations

import sys

import numpy as np
import wfdb
from numpy.typing import NDArray

from pipeline.config import REVIEW, data_root
from pipeline.datasets.splits import DS1, DS2
from pipeline.labels import DE_CHAZAL
from pipeline.review.beats_in_force import ReviewedBeats
from pipeline.review.rhythm_events import beat_letters, events, irregularity, is_class

SETS = {"ds1": DS1, "ds2": DS2}


def reference_beats(record: str) -> tuple[ReviewedBeats, NDArray[np.str_]]:
    """Beats of the reference annotations, and the rhythm at each."""
    path = data_root() / "mitdb" / record
    annotations, header = wfdb.rdann(str(path), "atr"), wfdb.rdheader(str(path))
    notes = [note.strip("\0") for note in annotations.aux_note]
    last = np.maximum.accumulate([i if note.startswith("(") else 0 for i, note in enumerate(notes)])
    at = [i for i, symbol in enumerate(annotations.symbol) if symbol in DE_CHAZAL]
    aami = np.array([DE_CHAZAL[annotations.symbol[i]] for i in at])
    n = len(at)
    beats = ReviewedBeats(
        fs=header.fs,
        n_samples=header.sig_len,
        sample=annotations.sample[at].astype(np.int64),
        aami=aami,
        model_aami=aami,
        p=np.zeros((n, 5), np.float32),
        confidence=np.ones(n, np.float32),
        human=np.full(n, "", "<U10"),
        comment=("",) * n,
        break_before=np.arange(n) == 0,
    )
    return beats, np.array([notes[last[i]] for i in at])


def windows(beats: ReviewedBeats, rhythm: NDArray[np.str_]) -> tuple[NDArray[np.bool_], NDArray[np.int8]]:
    """Which windows are flagged, and which are AF (1), not (0), or excluded (-1)."""
    aside = is_class(beat_letters(beats), "VFXU")
    usable = np.flatnonzero(~(aside[1:] | aside[:-1])) + 1
    flagged = irregularity(beats.rr_s[usable]) >= REVIEW.af_threshold
    kernel = np.ones(REVIEW.af_intervals) / REVIEW.af_intervals
    if flagged.size == 0:
        return flagged, np.zeros(0, np.int8)
    af, flutter = (np.convolve(rhythm[usable] == name, kernel, "valid") for name in ("(AFIB", "(AFL"))
    truth = np.where(af >= 0.9, 1, np.where(af + flutter <= 0.1, 0, -1))
    return flagged, truth.astype(np.int8)


def main(which: str) -> None:
    """Print windows per record, then sensitivity and specificity, of windows and of the time in listed stretches."""
    total, seconds = np.zeros((2, 2), np.int64), np.zeros((2, 2))
    print(f"{'record':8}{'AF found':>10}{'of':>7}{'flagged':>9}{'of non-AF':>11}{'listed':>8}{'AF beats in it':>16}")
    for record in SETS[which]:
        beats, rhythm = reference_beats(record)
        flagged, truth = windows(beats, rhythm)
        counts = np.array([[np.sum(flagged & (truth == t)), np.sum(truth == t)] for t in (1, 0)])
        total += counts
        listed = np.zeros(len(beats), np.bool_)
        for event in events(beats):
            if event.kind == "af_like":
                listed[event.first : event.last + 1] = True
        rr_s = np.nan_to_num(beats.rr_s)
        for row, chosen in enumerate((rhythm == "(AFIB", ~np.isin(rhythm, ["(AFIB", "(AFL"]))):
            seconds[row] += rr_s[chosen & listed].sum(), rr_s[chosen].sum()
        share = f"{np.mean(rhythm[listed] == '(AFIB'):.2f}" if listed.any() else "-"
        (hit, af), (wrong, other) = counts
        if af or wrong or listed.any():
            print(f"{record:8}{hit:10d}{af:7d}{wrong:9d}{other:11d}{rr_s[listed].sum():7.0f}s{share:>16}")
    for name, ((hit, af), (wrong, other)) in (("windows", total), ("time in listed stretches", seconds)):
        print(f"{which} {name}: sensitivity {hit / af:.4f} of {af:.0f}, ", end="")
        print(f"specificity {1 - wrong / other:.4f} of {other:.0f}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "ds1")
