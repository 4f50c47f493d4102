"""What an edit of a 24-hour recording recomputes, and the families: `python -m benchmarks.review`.

100 000 synthetic beats; families on two leads at 250 Hz. The aim: 0.3 s for all but the families, 3 s for these.
"""

from __future__ import annotations

import numpy as np

from benchmarks.timing import header, timed
from pipeline.config import DEFAULT
from pipeline.review.beats_in_force import ReviewedBeats
from pipeline.review.hrv import variability
from pipeline.review.morphology import find_families
from pipeline.review.rhythm_events import events
from pipeline.review.summary import poincare, summarise, tachogram
from pipeline.review.triage import BeatFilter, findings_passing, triage
from pipeline.types import Beats

BEATS = 100_000
MEAN_RR_S = 0.864  # 24 h of them


def synthetic_beats(seed: int = 0) -> ReviewedBeats:
    """A day with 3 % V, 2 % S, some couplets and runs, an hour of AF-like rhythm, gaps and unclassified beats."""
    rng = np.random.default_rng(seed)
    aami = rng.choice(np.array(list("NVSFUX")), BEATS, p=[0.94, 0.03, 0.02, 0.002, 0.006, 0.002])
    rr_s = MEAN_RR_S + 0.1 * np.sin(np.arange(BEATS) / 4000) + rng.normal(0, 0.03, BEATS)
    rr_s[40_000:44_000] = rng.uniform(0.4, 1.1, 4000)
    rr_s[rng.choice(BEATS, 50)] = 2.5
    sample = np.round(np.cumsum(rr_s) * DEFAULT.signal.working_fs_hz).astype(np.int64)
    broken = rng.random(BEATS) < 0.0005
    broken[0] = True
    broken[1:] |= (aami[1:] == "X") | (aami[:-1] == "X")
    return ReviewedBeats(
        fs=DEFAULT.signal.working_fs_hz,
        n_samples=int(sample[-1]) + 1000,
        sample=sample,
        aami=aami,
        model_aami=aami,
        p=np.zeros((BEATS, 5), np.float32),
        confidence=rng.uniform(0.6, 1, BEATS).astype(np.float32),
        human=np.full(BEATS, "", "<U10"),
        comment=("",) * BEATS,
        break_before=broken | (aami == "X"),
    )


def synthetic_signal(beats: ReviewedBeats, seed: int = 0) -> Beats:
    """Two leads with a narrow shape for most beats and wide ones for V, in noise."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(-50, 100) / beats.fs
    narrow, wide = np.exp(-((time_s / 0.012) ** 2)), 1.4 * np.exp(-((time_s / 0.05) ** 2)) * np.cos(time_s * 12)
    lead = rng.normal(0, 0.05, beats.n_samples).astype(np.float32)
    for sample, aami in zip(beats.sample[1:-1], beats.aami[1:-1], strict=True):
        lead[sample - 50 : sample + 100] += wide if aami == "V" else narrow
    signal = np.stack([lead, rng.normal(0, 0.1, lead.size).astype(np.float32) - lead / 2], axis=1)
    nothing = np.zeros(0, np.float32)
    scale = np.ones(2, np.float32)
    rr_s = beats.rr_s
    return Beats(
        beats.fs, signal, ("I", "II"), beats.sample, beats.sample, rr_s, MEAN_RR_S, nothing, scale, ("",) * BEATS
    )


def main() -> None:
    """Print the table."""
    beats = synthetic_beats()
    header(f"{BEATS} beats, {beats.n_samples / beats.fs / 3600:.1f} h")
    signal = synthetic_signal(beats)
    families = timed("families (once per analysis)", lambda: find_families(signal), 2, wanted=3)
    found = timed("rhythm events", lambda: events(beats))
    rows = timed("triage, events given", lambda: triage(beats, families, found=found))
    measures = (variability, summarise, tachogram, poincare)
    for measure in measures:
        timed(measure.__name__, lambda measure=measure: measure(beats))
    wanted = BeatFilter(classes=frozenset("VS"), span_s=(3600.0, 36_000.0), reviewed=False)
    timed("filter of the list", lambda: findings_passing(rows, beats, wanted))

    def after_an_edit() -> None:
        listed = triage(beats, families, found=events(beats))
        findings_passing(listed, beats, wanted)
        for measure in measures:
            measure(beats)

    timed("all after an edit", after_an_edit, wanted=0.3)
    print(f"{len(found)} events, {len(rows)} findings")


if __name__ == "__main__":
    main()
