"""R peaks against the reference, ours and sleepecg's: `python -m benchmarks.r_peaks [ds1|ds2|paced|all] [--write]`.

Tables: 150 ms and 50 ms per set, changed recordings, svdb, the noise curve, the second detector's agreement, and the
time of both in the same run. `--write` puts all of it into docs/experiments/r_peaks.json and the tables of r-peaks.md
beside it; `--fill` only copies what is in the file into the tables.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.results import (
    AgreementScores,
    BothDetectors,
    BothWindows,
    DayTime,
    DetectorScores,
    LeftOutCounts,
    Origin,
    RPeaks,
    RPeakTable,
)
from pipeline._util.files import write_json
from pipeline._util.provenance import current_commit
from pipeline._util.typed_json import read_as, to_json
from pipeline.config import DEFAULT, ROOT, data_root
from pipeline.datasets.splits import DS1, DS2, PACED
from pipeline.evaluation.matching import match_beats
from pipeline.signal.conditioning import Conditioned, condition
from pipeline.signal.leads import choose_leads
from pipeline.signal.r_peak_choice import WEIGHTS_PATH
from pipeline.signal.r_peaks import detect_r_peaks, detector_agreement, slopes
from pipeline.synthesis.av_block import blocked
from pipeline.synthesis.noise import NOISE_KINDS, mixed
from pipeline.training.r_peaks import Span, flutter, read
from pipeline.types import IntArray, Recording, read_only

REPORT: Final = ROOT / "docs" / "experiments" / "r_peaks.json"
PAGE: Final = ROOT / "docs" / "experiments" / "r-peaks.md"
MARKS: Final = ("<!-- r_peaks:start -->", "<!-- r_peaks:end -->")
SETS: Final = {"ds1": DS1, "ds2": DS2, "paced": PACED, "all": (*DS1, *DS2, *PACED)}
SECTIONS: Final = {each.name: each.metadata["key"] for each in fields(RPeaks) if each.metadata}  # their titles
WINDOWS_MS: Final = (150.0, 50.0)
SNR_DB: Final = (24, 18, 12, 6, 0)
Detector = Callable[[Conditioned], IntArray]
DETECTORS: Final[dict[str, Detector]] = {
    "ours": lambda conditioned: detect_r_peaks(conditioned, DEFAULT.signal),
    "sleepecg": lambda conditioned: slopes(conditioned, DEFAULT.signal),
}
CHANGES: Final[dict[str, Callable[[Recording], Recording]]] = {
    "inverted": lambda recording: replace(recording, p_signal=-recording.p_signal),
    "gain / 10": lambda recording: replace(recording, p_signal=read_only(recording.p_signal / np.float32(10))),
    "first lead only": lambda recording: only(recording, 0),
    "second lead only": lambda recording: only(recording, 1),
    "first lead lost": lambda recording: lost(recording),
    "AV block": lambda recording: blocked(recording, np.random.default_rng(int(recording.name))),
}


@dataclass
class Tally:
    """Beats found, missed and extra; symbols of missed ones."""

    found: int = 0
    missed: int = 0
    extra: int = 0
    missed_v: int = 0

    def add(self, recording: Recording, detected: IntArray, window_ms: float, inside: NDArray[np.bool_]) -> None:
        """Count what lies `inside` (n_samples,)."""
        assert recording.reference is not None
        kept = inside[recording.reference.sample]
        symbols = np.array(recording.reference.symbol)[kept]
        sample = recording.reference.sample[kept]
        matching = match_beats(sample, detected[inside[detected]], fs=recording.fs, window_ms=window_ms)
        missed = matching.reference[matching.detected == -1]
        self.found += matching.matched
        self.missed += missed.size
        self.extra += int(np.sum(matching.reference == -1))
        self.missed_v += int(np.sum(symbols[missed] == "V"))

    def row(self) -> DetectorScores:
        """Counts, Se, +P and F1."""
        se, ppv = self.found / (self.found + self.missed), self.found / max(1, self.found + self.extra)
        f1 = 2 * self.found / (2 * self.found + self.missed + self.extra)
        counts = (self.found, self.missed, self.extra, self.missed_v)
        return DetectorScores(*counts, se=round(se, 5), ppv=round(ppv, 5), f1=round(f1, 5))


@dataclass
class Agreement:
    """Right and wrong beats with and without the second detector's agreement."""

    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros((2, 2), np.int64))

    def add(self, recording: Recording, conditioned: Conditioned) -> None:
        """Count one recording."""
        assert recording.reference is not None
        peaks = detect_r_peaks(conditioned, DEFAULT.signal)
        agreed = detector_agreement(peaks, conditioned, DEFAULT.signal)
        samples = _at_recording(peaks, recording, conditioned)
        matching = match_beats(recording.reference.sample, samples, fs=recording.fs, window_ms=WINDOWS_MS[0])
        right = np.zeros(peaks.size, np.int64)
        right[matching.detected[(matching.reference != -1) & (matching.detected != -1)]] = 1
        np.add.at(self.counts, (agreed.astype(np.int64), right), 1)

    def row(self) -> AgreementScores:
        """Share of detections that the second detector agrees on, and how many of those and of the others are beats."""
        others, agreed = self.counts
        return AgreementScores(
            agreed_share=round(float(agreed.sum() / self.counts.sum()), 5),
            ppv_agreed=round(float(agreed[1] / agreed.sum()), 5),
            ppv_not_agreed=round(float(others[1] / others.sum()), 5),
            wrong_beats_flagged=round(float(others[0] / (others[0] + agreed[0])), 5),
        )


def only(recording: Recording, lead: int) -> Recording:
    """One lead of the two."""
    return replace(
        recording,
        p_signal=recording.p_signal[:, [lead]],
        leads=(recording.leads[lead],),
        calibrated=(recording.calibrated[lead],),
    )


def lost(recording: Recording) -> Recording:
    """The analysed lead flat for ten seconds of every minute."""
    p_signal = recording.p_signal.copy()
    at = np.arange(recording.n_samples) % round(60 * recording.fs) < 10 * recording.fs
    p_signal[at, recording.leads.index(choose_leads(recording.leads)[0])] = 0
    return replace(recording, p_signal=p_signal)


def counted(
    records: Iterable[str],
    *,
    database: str = "mitdb",
    left_out: bool = True,
    change: Callable[[Recording], Recording] = lambda recording: recording,
) -> BothDetectors:
    """Scores of both detectors over records at both windows, flutter excluded or counted."""
    tallies = {(name, window): Tally() for name in DETECTORS for window in WINDOWS_MS}
    for record in records:
        recording = change(read(database, record))
        inside = outside(recording, flutter(database, record) if left_out else [])
        _count(recording, inside, tallies)
    return _rows(tallies)


def noise_curve(records: Iterable[str]) -> Iterator[tuple[str, BothDetectors]]:
    """Scores by kind and SNR, the noise from the first to the last sample; the loudest first."""
    records = tuple(records)
    for snr in reversed(SNR_DB):
        for kind in NOISE_KINDS:
            yield f"{kind} {snr} dB", counted(records, change=partial(mixed, kind=kind, snr_db=snr, half=1))


def agreements(records: Iterable[str]) -> dict[str, AgreementScores]:
    """What the second detector's agreement is worth on clean recordings and in electrode motion at 6 dB."""
    clean, noisy = Agreement(), Agreement()
    for record in records:
        recording = read("mitdb", record)
        clean.add(recording, _conditioned(recording))
        recording = mixed(recording, "em", 6, half=1)
        noisy.add(recording, _conditioned(recording))
    return {"clean": clean.row(), "em 6 dB": noisy.row()}


def speed(record: str = "208", copies: int = 48, rounds: int = 3) -> DayTime:
    """Seconds for a day of two leads, the best of some rounds of each detector in turn."""
    conditioned = _conditioned(read("mitdb", record))
    signal = np.tile(conditioned.signal, (copies, 1))
    day = replace(conditioned, signal=signal, segments=((0, len(signal)),))
    best = dict.fromkeys(DETECTORS, np.inf)
    for _ in range(rounds):
        for name, detect in DETECTORS.items():
            start = time.process_time()
            detect(day)
            best[name] = min(best[name], time.process_time() - start)
    hours = len(signal) / conditioned.fs / 3600
    ours, other = best["ours"], best["sleepecg"]
    return DayTime(round(hours, 2), ours_s=round(ours, 2), sleepecg_s=round(other, 2), ratio=round(ours / other, 2))


def outside(recording: Recording, spans: list[Span]) -> NDArray[np.bool_]:
    """(n_samples,) True outside `spans`."""
    mask = np.ones(recording.n_samples, np.bool_)
    for start, stop in spans:
        mask[start : stop + 1] = False
    return mask


def main() -> None:
    """Print the tables; `--write` saves them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="?", default="ds1", choices=SETS)
    parser.add_argument("--write", action="store_true", help="everything, into docs/experiments/r_peaks.json")
    parser.add_argument("--fill", action="store_true", help="r_peaks.json into r-peaks.md")
    given = parser.parse_args()
    if given.fill:
        _fill(read_as(RPeaks, REPORT, again="run `python -m benchmarks.r_peaks --write`"))
        return
    report = RPeaks()
    tables = _everything() if given.write else _one(given.sets)
    for (section, name), table in tables:
        report = replace(report, **{section: {**(getattr(report, section) or {}), name: table}})
        _print(f"{SECTIONS.get(section, section)} {name}", to_json(table))
        if given.write:
            write_json(REPORT, to_json(report))
    if given.write:
        _fill(report)


def _one(name: str) -> Iterator[tuple[tuple[str, str], RPeakTable]]:
    yield ("sets", name), counted(SETS[name])
    yield ("speed", "day"), speed(copies=8)


def _everything() -> Iterator[tuple[tuple[str, str], RPeakTable]]:
    """Every table as soon as it is ready; the weights know DS1: look at DS2, paced and svdb."""
    weights = json.loads(WEIGHTS_PATH.read_text(encoding="utf-8"))
    yield ("about", "run"), Origin("python -m benchmarks.r_peaks --write", current_commit(), weights["fitted_by"])
    for name, records in SETS.items():
        yield ("sets", name), counted(records)
    yield ("speed", "day"), speed()
    yield ("with_flutter", "ds1"), counted(DS1, left_out=False)
    yield ("with_flutter", "all"), counted(SETS["all"], left_out=False)
    for name, counts in weights.get("left_out_patients", {}).items():
        yield ("left_out", name), LeftOutCounts(**counts)
    for name, table in noise_curve(DS2):
        yield ("noise", name), table
    yield ("agreement", "ds2"), agreements(DS2)
    yield ("svdb", "all"), counted(sorted(p.stem for p in (data_root() / "svdb").glob("*.hea")), database="svdb")
    for name, change in CHANGES.items():
        yield ("changed", name), counted(DS2, change=change)


def _conditioned(recording: Recording) -> Conditioned:
    return condition(recording, choose_leads(recording.leads), DEFAULT.signal)


def _at_recording(peaks: IntArray, recording: Recording, conditioned: Conditioned) -> IntArray:
    samples = np.round(peaks * recording.fs / conditioned.fs).astype(np.int64)
    return np.clip(samples, 0, recording.n_samples - 1)


def _count(recording: Recording, inside: NDArray[np.bool_], tallies: dict[tuple[str, float], Tally]) -> None:
    conditioned = _conditioned(recording)
    for name, detect in DETECTORS.items():
        samples = _at_recording(detect(conditioned), recording, conditioned)
        for window in WINDOWS_MS:
            tallies[name, window].add(recording, samples, window, inside)


def _rows(tallies: dict[tuple[str, float], Tally]) -> BothDetectors:
    rows = {name: BothWindows(*(tallies[name, window].row() for window in WINDOWS_MS)) for name in DETECTORS}
    return BothDetectors(**rows)


def _fill(report: RPeaks) -> None:
    """Write the tables of the report between the marks of docs/experiments/r-peaks.md."""
    assert report.about is not None
    assert report.speed is not None
    about = report.about["run"]
    lines = [f"`{about.command}`, commit {about.commit}, flutter of 207 excluded unless stated:", ""]
    lines += ["| F1 at 150 / 50 ms (missed, extra at 150 ms) | this detector | sleepecg |", "|---|---|---|"]
    sections = {
        "sets": report.sets,
        SECTIONS["with_flutter"]: report.with_flutter,
        "svdb": report.svdb,
        SECTIONS["changed"]: report.changed,
        SECTIONS["noise"]: report.noise,
    }
    for section, tables in sections.items():
        for name, table in (tables or {}).items():
            lines.append(f"| {section}: {name} | {_cell(table.ours)} | {_cell(table.sleepecg)} |")
    lines += ["", f"Time of a day of two leads in the same run: {_words(to_json(report.speed['day']))}."]
    for name, scores in (report.agreement or {}).get("ds2", {}).items():
        lines += ["", f"Second opinion on DS2, {name}: {_words(to_json(scores))}."]
    text = PAGE.read_text(encoding="utf-8")
    before, after = text.split(MARKS[0])[0], text.split(MARKS[1])[1]
    PAGE.write_text("\n".join([before + MARKS[0], *lines, MARKS[1] + after]), encoding="utf-8", newline="\n")


def _cell(row: BothWindows) -> str:
    return f"{row.wide.f1:.4f} / {row.narrow.f1:.4f} ({row.wide.missed:,}, {row.wide.extra:,})"


def _words(table: dict[str, float]) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in table.items())


def _print(path: str, table: dict[str, Any]) -> None:
    """One row for each innermost table."""
    values = {key: value for key, value in table.items() if not isinstance(value, dict)}
    if values:
        print(f"{path:44}", *(f"{key} {value}" for key, value in values.items()), flush=True)
    for key, value in table.items():
        if isinstance(value, dict):
            _print(f"{path} {key}", value)


if __name__ == "__main__":
    main()
