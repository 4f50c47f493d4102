"""Pauses of 2.5 to 60 s spliced into recordings, and false ones in the recordings as they are.

`python -m benchmarks.asystole [--write]`; `--set ds1` is for choices: the detector is trained on these records. Of the
records of mitdb's DS2 and of svdb, on which nothing here is fitted, each gets six pauses, three of them with its own P
waves at the sinus rate. A pause is found if both neighbours are detected, within 50 ms of where they are detected in
the recording as it is (of the extremum by the reference, if they are not), and no beat between them; it is named if
`find_pauses` gives it with both ends there. `--write` saves the counts in docs/experiments/asystole.json.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.results import Asystole, AsystoleCounts
from pipeline._util.files import write_json
from pipeline._util.provenance import current_commit
from pipeline._util.typed_json import to_json
from pipeline.config import DEFAULT, ROOT, data_root
from pipeline.datasets.splits import DS1, DS2
from pipeline.rhythm.context import RhythmContext
from pipeline.rhythm.pauses import PAUSE_S, find_pauses
from pipeline.signal.conditioning import Conditioned, condition
from pipeline.signal.leads import choose_leads
from pipeline.signal.r_peaks import detect_r_peaks, snap
from pipeline.signal.standing_out import standing_out
from pipeline.synthesis.pauses import Pause, with_pauses
from pipeline.training.r_peaks import read
from pipeline.types import Episode, Recording

REPORT: Final = ROOT / "docs" / "experiments" / "asystole.json"
PAUSES: Final = 6  # in each record
NEAR_S: Final = 0.05
MATCH_S: Final = 0.15  # an interval of the reference is the detected one if both ends are this near
SVDB_EVERY: Final = 3


def main() -> None:
    """Print the counts; `--write` saves them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="into docs/experiments/asystole.json")
    parser.add_argument("--set", choices=("ds1", "ds2", "svdb", "all"), default="all")
    given = parser.parse_args()
    total: dict[str, AsystoleCounts] = {}
    for database, record in _records(given.set):
        counts = of_record(read(database, record), seed=int(record))
        _print(f"{database} {record}", counts)
        for name in (database, "all"):
            total[name] = added(total.get(name, AsystoleCounts()), counts)
    for name, counts in total.items():
        _print(name, counts)
    if given.write:
        report = Asystole("python -m benchmarks.asystole --write", current_commit(), total)
        write_json(REPORT, to_json(report))


def _records(name: str) -> Iterator[tuple[str, str]]:
    if name == "ds1":
        yield from (("mitdb", record) for record in DS1)
    if name in ("ds2", "all"):
        yield from (("mitdb", record) for record in DS2)
    if name in ("svdb", "all"):
        stems = sorted(path.stem for path in (data_root() / "svdb").glob("*.hea"))
        yield from (("svdb", record) for record in stems[::SVDB_EVERY])


def of_record(recording: Recording, seed: int) -> AsystoleCounts:
    """Count spliced pauses found and named, and pauses of the recording as it is that are none."""
    longer, pauses = with_pauses(recording, np.random.default_rng(seed), count=PAUSES)
    as_it_is = _read(recording)
    return added(_spliced(recording, as_it_is, longer, pauses), _clean(recording, as_it_is))


def added(first: AsystoleCounts, second: AsystoleCounts) -> AsystoleCounts:
    """Sum of both, field by field."""
    names = [each.name for each in fields(AsystoleCounts)]
    return AsystoleCounts(**{name: getattr(first, name) + getattr(second, name) for name in names})


def _spliced(recording: Recording, as_it_is: _Read, longer: Recording, pauses: Iterable[Pause]) -> AsystoleCounts:
    assert recording.reference is not None
    assert longer.reference is not None
    read_, own, moved = _read(longer), recording.reference.sample, longer.reference.sample
    found, named, of_p, with_p, extra, lost = 0, 0, 0, 0, 0, 0
    total = 0
    for pause in pauses:
        before_s, after_s = (
            at / longer.fs + as_it_is.aside_s(float(own[np.searchsorted(moved, at)]) / recording.fs)
            for at in (pause.before, pause.after)
        )
        ends = [bool(np.any(np.abs(read_.time_s - at) <= NEAR_S)) for at in (before_s, after_s)]
        inside = int(np.sum((read_.time_s > before_s + NEAR_S) & (read_.time_s < after_s - NEAR_S)))
        whole = all(ends) and not inside
        total, extra, lost = total + 1, extra + inside, lost + 2 - sum(ends)
        found, with_p, of_p = found + whole, with_p + pause.p_waves, of_p + (whole and pause.p_waves)
        named += any(abs(e.start_s - before_s) <= NEAR_S and abs(e.stop_s - after_s) <= NEAR_S for e in read_.episodes)
    return AsystoleCounts(total, found, named, with_p, of_p, beats_inside=extra, neighbours_lost=lost)


def _clean(recording: Recording, read_: _Read) -> AsystoleCounts:
    """Count intervals of at least 2.5 s, and episodes, that the reference does not have."""
    assert recording.reference is not None
    true_s = recording.reference.sample / recording.fs
    long = [(a, b) for a, b in pairwise(true_s) if b - a >= PAUSE_S - 2 * MATCH_S]

    def is_true(start: float, stop: float) -> bool:
        return any(abs(start - a) <= MATCH_S and abs(stop - b) <= MATCH_S for a, b in long)

    intervals = [(a, b) for a, b in pairwise(read_.time_s) if b - a >= PAUSE_S]
    return AsystoleCounts(
        false_intervals=sum(not is_true(a, b) for a, b in intervals),
        false_episodes=sum(not is_true(e.start_s, e.stop_s) for e in read_.episodes),
        true_episodes=sum(is_true(e.start_s, e.stop_s) for e in read_.episodes),
        hours=recording.duration_s / 3600,
    )


@dataclass(frozen=True, eq=False)
class _Read:
    """What the pipeline finds in a recording: the filtered leads, R peaks (n,) in seconds, and pauses."""

    conditioned: Conditioned
    time_s: NDArray[np.float64]
    episodes: list[Episode]

    def aside_s(self, at: float) -> float:
        """Return how long after a beat of the reference, at `at` seconds, it is detected, or has its extremum."""
        near = np.abs(self.time_s - at)
        if near.size and near.min() <= MATCH_S:
            return float(self.time_s[near.argmin()] - at)
        peak = np.array([round(at * self.conditioned.fs)])
        moved = snap(peak, self.conditioned.signal[:, 0], self.conditioned.fs, DEFAULT.signal)
        return float(moved[0] / self.conditioned.fs - at)


def _read(recording: Recording) -> _Read:
    leads = choose_leads(recording.leads)
    conditioned = condition(recording, leads, DEFAULT.signal)
    r_peak = detect_r_peaks(conditioned, DEFAULT.signal)
    time_s = r_peak[standing_out(conditioned, r_peak)] / conditioned.fs
    context = RhythmContext(
        duration_s=recording.duration_s,
        time_s=time_s,
        symbol=np.full(time_s.size, "N"),
        trusted=np.ones(time_s.size, np.bool_),
        confidence=np.ones(time_s.size, np.float32),
        break_before=np.arange(time_s.size) == 0,
        recording=recording,
        conditioned=conditioned,
        leads=leads,
    )
    return _Read(conditioned, time_s, find_pauses(context))


def _print(name: str, counts: AsystoleCounts) -> None:
    per_day = 24 / counts.hours
    print(
        f"{name:12} found {counts.found} named {counts.named} of {counts.pauses} (with P {counts.found_with_p} of "
        f"{counts.with_p}), inside {counts.beats_inside}, neighbours lost {counts.neighbours_lost}; clean "
        f"{counts.hours:.1f} h: false intervals {counts.false_intervals}, episodes {counts.false_episodes} "
        f"({counts.false_episodes * per_day:.2f} per 24 h), true {counts.true_episodes}",
        flush=True,
    )


if __name__ == "__main__":
    main()
