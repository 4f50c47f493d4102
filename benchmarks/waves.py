"""Marks of waves against those of cardiologists, ours and those of libraries, on held-out records in one run.

`python -m benchmarks.waves [--write] [--peers DIR]`: DIR is a folder where openecg and NeuroKit2 are installed (`pip
install --no-deps --target DIR openecg==0.11.0 neurokit2==0.3.0`); what is missing is said. LUDB is scored in lead II,
between the first and the last mark of the reference; QTDB on the marked beats, each mark in the better of both leads,
for the cardiologist saw them together. Marks are compared one to one within 150 ms. `--part validation` is for choices.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.results import IntervalErrors, MarkErrors, WaveBenchmark, WaveScores
from benchmarks.wave_detectors import PEERS, Detector, Found, ours, ours_by_lead, ours_uncertain_too, ours_with_rhythm
from models.waves import load_waves
from pipeline._util.files import write_json
from pipeline._util.provenance import current_commit
from pipeline._util.typed_json import to_json
from pipeline.config import ROOT, data_root
from pipeline.datasets.wave_references import (
    QTDB_ANNOTATOR,
    WAVE_NAMES,
    MarkedWaves,
    WaveReference,
    ludb_records,
    qtdb_records,
    read_wave_reference,
)
from pipeline.intake import read_path
from pipeline.signal.nearest import paired
from pipeline.types import Recording

REPORT: Final = ROOT / "docs" / "experiments" / "waves.json"
LEAD: Final = "ii"
MATCH_MS: Final = 150.0
MARKS: Final = tuple(f"{wave} {edge}" for wave in WAVE_NAMES for edge in ("on", "off"))
PR_S, QT_S = 0.4, 0.75  # before and after the onset of a QRS, where its P and T waves are
NO_P_S: Final = 0.35  # before a QRS, a P wave would be its own
AROUND_S: Final = 10.0  # of a long record, on both sides of what is marked
Marks = NDArray[np.float64]


def main() -> None:
    """Print the scores; `--write` saves them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="into docs/experiments/waves.json")
    parser.add_argument("--peers", type=Path, metavar="DIR", help="where openecg and NeuroKit2 are installed")
    parser.add_argument("--part", choices=("held_out", "validation"), default="held_out")
    given = parser.parse_args()
    if given.peers:
        sys.path.append(str(given.peers))
    detectors: dict[str, Detector] = {
        "HeartVision": ours,
        "HeartVision, with the rhythm of `analyse`": ours_with_rhythm,
        "HeartVision, uncertain marks too": ours_uncertain_too,
        "HeartVision, lead by lead": ours_by_lead,
    }
    missing = []
    for peer in PEERS:
        try:
            detectors[peer.name] = peer.start()
        except ImportError as error:
            missing.append(peer.name)
            print(f"{peer.name} is not installed ({error}).")
    root = data_root()
    ludb, qtdb = (getattr(f(root / n), given.part) for f, n in ((ludb_records, "ludb"), (qtdb_records, "qtdb")))
    references = {name: read_wave_reference(root / "ludb" / name, LEAD) for name in ludb}
    scores = {name: scored(detect, root, references, qtdb) for name, detect in detectors.items()}
    for name, score in scores.items():
        _print(name, score)
    if given.write:
        without_p = tuple(name for name, one in references.items() if not one.waves["p"].peak_s.size)
        command = "python -m benchmarks.waves --write"
        version = load_waves().manifest.version
        report = WaveBenchmark(command, current_commit(), version, ludb, qtdb, without_p, scores, tuple(missing))
        write_json(REPORT, to_json(report))


def scored(detect: Detector, root: Path, references: Mapping[str, WaveReference], qtdb: Sequence[str]) -> WaveScores:
    """Score one detector on both databases.

    Parameters
    ----------
    detect : callable
        The detector.
    root : Path
        Folder of the databases.
    references : mapping of str to WaveReference
        The marks of lead II by record of LUDB.
    qtdb : sequence of str
        Records of QTDB.
    """
    pairs = []
    for name, reference in references.items():
        recording = read_path(root / "ludb" / f"{name}.hea")
        lead = [one.lower() for one in recording.leads].index(LEAD)
        pairs.append((reference, within(detect(recording)[lead], reference)))
    counts = np.sum([p_counts(*pair) for pair in pairs], axis=0)
    without = [no_p_counts(*pair) for pair in pairs if not pair[0].waves["p"].peak_s.size]
    beats, false = np.sum(without, axis=0) if without else (0, 0)
    return WaveScores(
        ludb=_errors([{mark: differences(*pair, mark) for mark in MARKS} for pair in pairs]),
        intervals={name: _interval_errors(pairs, name) for name in ("PR", "QRS", "QT")},
        p_se=round(float(counts[0] / counts[1]), 4),
        p_ppv=round(float(counts[0] / max(1, counts[2])), 4),
        beats_without_p=int(beats),
        no_p_there=round(float(1 - false / max(1, beats)), 4),
        qtdb=_errors([_of_qtdb(detect, root, name) for name in qtdb]),
    )


def within(found: Found, reference: WaveReference) -> Found:
    """Leave out the waves outside what the reference covers."""
    kept = {}
    for name, waves in found.items():
        edges = np.stack([waves.on_s, waves.peak_s, waves.off_s])
        middle = _middle(waves)
        inside = (middle >= reference.start_s) & (middle <= reference.stop_s)
        kept[name] = MarkedWaves(*edges[:, inside])
    return kept


def differences(reference: WaveReference, found: Found, mark: str) -> tuple[Marks, int]:
    """Return found less reference (k,) of one mark, ms, and how many marks the reference has."""
    wave, edge = mark.split()
    there, here = (np.sort(_known(getattr(waves[wave], f"{edge}_s"))) for waves in (reference.waves, found))
    pairs = paired(_ms(there), _ms(here), within=MATCH_MS)
    return np.array([1000 * (here[b] - there[a]) for a, b in pairs.items()], np.float64), there.size


def p_counts(reference: WaveReference, found: Found) -> tuple[int, int, int]:
    """Return how many P waves were found, how many there are, and how many were marked."""
    there, here = np.sort(_middle(reference.waves["p"])), np.sort(_middle(found["p"]))
    return len(paired(_ms(there), _ms(here), within=MATCH_MS)), there.size, here.size


def no_p_counts(reference: WaveReference, found: Found) -> tuple[int, int]:
    """Return the beats of a record without P waves, but the first, and how many have a P wave marked before them."""
    beats = reference.waves["qrs"].peak_s[1:]
    p = _middle(found["p"])
    return beats.size, int(sum(((p > beat - NO_P_S) & (p < beat)).any() for beat in beats))


def interval_ms(waves: Found, name: str) -> float:
    """Return the median of an interval of a record, ms; NaN without one."""
    starts = _known(waves["qrs"].on_s)
    if name == "QRS":
        pairs = [(on, _first(waves["qrs"].off_s, on, on + PR_S)) for on in starts]
    elif name == "QT":
        pairs = [(on, _first(waves["t"].off_s, on, on + QT_S)) for on in starts]
    else:
        pairs = [(-_first(-waves["p"].on_s[::-1], -on, PR_S - on), on) for on in starts]
    lengths = _known(np.array([stop - start for start, stop in pairs], np.float64))
    return 1000 * float(np.median(lengths)) if lengths.size else float("nan")


def _first(marks: Marks, low: float, high: float) -> float:
    """Return the first mark between two times, NaN without one."""
    inside = marks[(marks > low) & (marks < high)]
    return float(inside.min()) if inside.size else float("nan")


def _interval_errors(pairs: Iterable[tuple[WaveReference, Found]], name: str) -> IntervalErrors:
    errors = _known(np.array([interval_ms(found, name) - interval_ms(one.waves, name) for one, found in pairs]))
    if not errors.size:
        return IntervalErrors(None, None, None, 0)
    numbers = (errors.mean(), errors.std(), np.median(np.abs(errors)))
    return IntervalErrors(*(round(float(number), 1) for number in numbers), errors.size)


def _of_qtdb(detect: Detector, root: Path, name: str) -> Mapping[str, tuple[Marks, int]]:
    """Return the differences of a record of QTDB, each mark in the better lead."""
    path = root / "qtdb" / f"{name}.hea"
    reference = read_wave_reference(path, QTDB_ANNOTATOR)
    recording = read_path(path)
    part, first_s = _part(recording, reference)
    leads = detect(part)
    return {mark: _in_the_better(reference, leads, mark, first_s) for mark in MARKS}


def _in_the_better(reference: WaveReference, leads: Sequence[Found], mark: str, first_s: float) -> tuple[Marks, int]:
    wave, edge = mark.split()
    there = _known(getattr(reference.waves[wave], f"{edge}_s"))  # type: ignore[index]
    best = np.full(there.size, np.nan)
    for found in leads:
        here = np.sort(_known(getattr(found[wave], f"{edge}_s"))) + first_s  # type: ignore[index]
        for a, b in paired(_ms(there), _ms(here), within=MATCH_MS).items():
            error = 1000 * (here[b] - there[a])
            if not abs(best[a]) <= abs(error):
                best[a] = error
    return _known(best), there.size


def _part(recording: Recording, reference: WaveReference) -> tuple[Recording, float]:
    """Return what is marked of a long record with some seconds around it, and where it starts."""
    first = max(0, round((reference.start_s - AROUND_S) * recording.fs))
    stop = round((reference.stop_s + AROUND_S) * recording.fs)
    samples = recording.p_signal[first:stop]
    return Recording.from_array(samples, fs=recording.fs, leads=recording.leads), first / recording.fs


def _errors(records: Sequence[Mapping[str, tuple[Marks, int]]]) -> Mapping[str, MarkErrors]:
    found = {}
    for mark in MARKS:
        all_of = np.concatenate([record[mark][0] for record in records])
        numbers = (round(float(all_of.mean()), 1), round(float(all_of.std()), 1)) if all_of.size else (None, None)
        found[mark] = MarkErrors(*numbers, all_of.size, sum(record[mark][1] for record in records))
    return found


def _middle(waves: MarkedWaves) -> Marks:
    """Return a time of each wave, from those of its marks that are known."""
    edges = np.stack([waves.on_s, waves.off_s])
    return np.where(np.isfinite(edges).all(axis=0), edges.mean(axis=0), waves.peak_s)


def _known(values: Marks) -> Marks:
    return np.asarray(values[np.isfinite(values)], np.float64)


def _ms(seconds: Marks) -> NDArray[np.int64]:
    return np.round(1000 * seconds).astype(np.int64)


def _print(name: str, score: WaveScores) -> None:
    print(f"\n{name}")
    for database, errors in (("LUDB, lead II", score.ludb), ("QTDB", score.qtdb)):
        said = [f"{m} {e.mean_ms} +- {e.sd_ms} ({e.found}/{e.reference})" for m, e in errors.items()]
        print(f"  {database}: " + "; ".join(said))
    said = [f"{n} {e.mean_ms} +- {e.sd_ms}, median {e.median_absolute_ms}" for n, e in score.intervals.items()]
    print("  intervals: " + "; ".join(said))
    print(f"  P: Se {score.p_se}, PPV {score.p_ppv}; none in {score.no_p_there} of {score.beats_without_p} beats")


if __name__ == "__main__":
    main()
