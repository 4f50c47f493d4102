"""AV block, junctional rhythm and pacing against the reference: `python -m benchmarks.conduction` (minutes).

Everything is detected from the signal; beats have the classes of the reference. Paced records are left out in turn from
the training of the detector that reads them. Blocks are made from DS2's beats, with the second half of the noise
records. It writes docs/experiments/conduction.json and the tables of conduction.md beside it; `--blocks` measures all
but pacing anew and says which commit measured that, `--pacing` pacing alone; `--fill` only copies what is in the file
into the tables.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from models.boosted_trees import from_scikit_learn
from models.detectors import Detector, load_detector
from pipeline._util.files import write_json
from pipeline._util.provenance import Provenance, current_commit, now
from pipeline.config import ROOT, data_root
from pipeline.datasets.rhythm_references import read_rhythms
from pipeline.datasets.splits import DS1, DS2, PACED
from pipeline.intake import read_path
from pipeline.intake.wfdb_annotations import parse_marks
from pipeline.rhythm.atrial import find_atrial
from pipeline.rhythm.blocks import find_blocks, outside_fibrillation
from pipeline.rhythm.conduction_measures import SURE, own_waves, p_scores
from pipeline.rhythm.context import RhythmContext
from pipeline.rhythm.pacing import NAME, find_pacing, read_pacing
from pipeline.signal.nearest import NO_BEAT, nearest
from pipeline.signal.p_waves import find_p_waves
from pipeline.synthesis.conduction import CODES
from pipeline.training.rhythms import av_block, paced
from pipeline.types import Annotations, Episode, RhythmCode

REPORT: Final = ROOT / "docs" / "experiments" / "conduction.json"
PAGE: Final = ROOT / "docs" / "experiments" / "conduction.md"
MARKS: Final = ("<!-- conduction:start -->", "<!-- conduction:end -->")
DAY_S: Final = 86400.0
VERSIONS: Final = 1  # recordings made of each record of DS2 and kind of block, all with noise
P_TOLERANCE_S: Final = 0.06
LUDB_PACED: Final = ("34", "45", "74", "90", "93", "95", "104", "111")  # as its headers say
FIRST_DEGREE: Final = ("108", "109", "111", "207", "228", "232")  # as the headers of mitdb say
PACED_COLUMNS: Final = (
    *("record", "named", "elsewhere_s", "paced_beats", "paced_beats_found"),
    *("fusion_beats", "fusion_beats_found", "other_beats_taken"),
)
Span = tuple[float, float]


@dataclass(frozen=True)
class PacedRow:
    """A paced record, by a detector that was not trained on it."""

    record: str
    paced_s: float
    named: float
    elsewhere_s: float
    paced_beats: int
    paced_beats_found: float
    fusion_beats: int
    fusion_beats_found: float
    other_beats: int
    other_beats_taken: float


@dataclass(frozen=True)
class MadeRow:
    """Made recordings of one kind: episodes, and how many are found as a block, and as this kind."""

    kind: str
    recordings: int
    episodes: int
    found: float
    right_kind: float
    time_named: float


@dataclass(frozen=True)
class FalseRow:
    """Records without the thing: hours, false episodes and seconds for every 24 h, and where they are."""

    records: str
    hours: float
    episodes_per_day: float
    seconds_per_day: float
    where: dict[str, float]


def main() -> None:
    """Measure, and write both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fill", action="store_true", help="only write the tables of the page")
    parser.add_argument("--blocks", action="store_true", help="keep what was measured of pacing")
    parser.add_argument("--pacing", action="store_true", help="keep what was measured of all but pacing")
    asked = parser.parse_args()
    if asked.pacing:
        of_pacing = {"commit": current_commit(), **pacing(data_root())}
        write_json(REPORT, {**json.loads(REPORT.read_text("utf-8")), "pacing": of_pacing})
    elif not asked.fill:
        kept = json.loads(REPORT.read_text("utf-8"))["pacing"] if asked.blocks else None
        write_json(REPORT, measured(data_root(), kept))
    _fill(json.loads(REPORT.read_text("utf-8")))


def measured(root: Path, of_pacing: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return all results; those of pacing are measured anew if None."""
    provenance = Provenance(
        "python -m benchmarks.conduction", current_commit(), "mitdb, vfdb, svdb, ludb, nstdb", now()
    )
    return {
        "provenance": asdict(provenance),
        "pacing": of_pacing or {"commit": current_commit(), **pacing(root)},
        "block_231": second_degree_of_231(root),
        **made_blocks(root),
        "false_blocks": [asdict(row) for row in false_blocks(root)],
        "first_degree": first_degree(root),
        "junctional": junctional(root),
        "p_waves": p_waves(root),
        "seconds_per_day": day(root),
    }


def pacing(root: Path) -> dict[str, Any]:
    """Score the paced records, each left out, and count false pacing elsewhere."""
    beats = [beat for record in paced.training_records(root) for beat in paced.beats_of(root, record)]
    shipped = load_detector(NAME)
    rows = []
    for record in PACED:
        learner = paced.fitted([one for one in beats if one.record != record])
        rows.append(_paced_row(root, record, replace(shipped, trees=from_scikit_learn(learner))))
    found = {}
    for record in (*(f"ludb/{number}" for number in LUDB_PACED), "vfdb/602"):
        context = context_of(root, record)
        known = read_pacing(context)
        found[record] = {
            "beats": len(context),
            "paced": int(known.any.sum()),
            "kinds": sorted({one.detail for one in find_pacing(context, known)}),
        }
    trained = paced.training_records(root)
    return {
        "left_out": [asdict(row) for row in rows],
        "others": found,
        "vfdb_602_named": _pm_named(root),
        "false": [
            asdict(_false_pacing(root, "DS2", [f"mitdb/{record}" for record in DS2])),
            asdict(_false_pacing(root, "DS1 (trained on)", [f"mitdb/{record}" for record in DS1])),
            asdict(_false_pacing(root, "vfdb, held out", _rest(root, "vfdb", trained))),
            asdict(_false_pacing(root, "LUDB, held out", _rest(root, "ludb", trained))),
        ],
    }


def _rest(root: Path, database: str, trained: Sequence[str]) -> list[str]:
    """Return the records of a database that are neither trained on nor paced."""
    names = sorted(path.stem for path in (root / database).glob("*.hea"))
    known = {*trained, *paced.PACED_ELSEWHERE, *(f"ludb/{number}" for number in LUDB_PACED)}
    return [f"{database}/{name}" for name in names if f"{database}/{name}" not in known]


def _paced_row(root: Path, record: str, detector: Detector) -> PacedRow:
    context = context_of(root, f"mitdb/{record}")
    known = read_pacing(context, detector)
    spans = [(one.start_s, one.stop_s) for one in find_pacing(context, known)]
    annotated = annotated_spans(root, f"mitdb/{record}", "P")
    recording = context.recording
    assert recording is not None
    assert recording.reference is not None
    symbol = _symbols(recording.reference, context, recording.fs)
    rest = np.isin(symbol, ("N", "V", "A", "L", "R"))
    total = sum(stop - start for start, stop in annotated)
    named = shared_s(spans, annotated)
    return PacedRow(
        record=f"mitdb/{record}",
        paced_s=round(total, 1),
        named=_share(named, total),
        elsewhere_s=round(sum(stop - start for start, stop in spans) - named, 1),
        paced_beats=int((symbol == "/").sum()),
        paced_beats_found=_share(int(known.ventricular[symbol == "/"].sum()), int((symbol == "/").sum())),
        fusion_beats=int((symbol == "f").sum()),
        fusion_beats_found=_share(int(known.ventricular[symbol == "f"].sum()), int((symbol == "f").sum())),
        other_beats=int(rest.sum()),
        other_beats_taken=_share(int(known.ventricular[rest].sum()), int(rest.sum())),
    )


def _symbols(reference: Annotations, context: RhythmContext, fs: float) -> np.ndarray:
    partner = nearest(reference.sample, np.round(context.time_s * fs), within=0.15 * fs)
    symbol = np.full(len(context), "?", "U2")
    symbol[partner != NO_BEAT] = np.array(reference.symbol)[partner[partner != NO_BEAT]]
    return symbol


def _pm_named(root: Path) -> dict[str, float]:
    """Return how much of what vfdb 602 calls a pacemaker's rhythm is named, most of which is sinus rhythm."""
    spans = [(one.start_s, one.stop_s) for one in find_pacing(context_of(root, "vfdb/602"))]
    annotated = annotated_spans(root, "vfdb/602", "P")
    total = sum(stop - start for start, stop in annotated)
    return {"annotated_s": round(total, 1), "named": _share(shared_s(spans, annotated), total)}


def _false_pacing(root: Path, name: str, records: Iterable[str]) -> FalseRow:
    contexts = ((record, context_of(root, record)) for record in records)
    return _false(name, ((record, one.duration_s, find_pacing(one)) for record, one in contexts), ("P",))


def second_degree_of_231(root: Path) -> dict[str, float]:
    """Return how much of the second-degree block of record 231 is named, and what is named elsewhere."""
    found = [one for one in blocks_of(root, "mitdb/231")[1] if one.rhythm == "BII"]
    spans, annotated = [(one.start_s, one.stop_s) for one in found], annotated_spans(root, "mitdb/231", "BII")
    total = sum(stop - start for start, stop in annotated)
    named = shared_s(spans, annotated)
    whole = sum(stop - start for start, stop in spans)
    two_to_one = sum(one.seconds for one in found if one.detail == "2:1")
    return {
        "annotated_s": round(total, 1),
        "named": _share(named, total),
        "elsewhere_s": round(whole - named, 1),
        "called_2_to_1": _share(two_to_one, whole),
    }


def made_blocks(root: Path) -> dict[str, Any]:
    """Score recordings made from DS2's beats, with noise: blocks by kind and by noise, and slow rhythms without."""
    tallies: dict[str, list[list[float]]] = {}
    noises: dict[str, list[list[float]]] = {}
    counts: dict[str, int] = {}
    false: list[tuple[str, float, list[Episode]]] = []
    for record in DS2:
        recording = read_path(root / "mitdb" / f"{record}.hea")
        for one in av_block.made_recordings(root, recording, half=1, versions=VERSIONS, clean=0):
            context = av_block.context_of(one.recording)
            found = outside_fibrillation(find_blocks(context), find_atrial(context))
            counts[one.kind] = counts.get(one.kind, 0) + 1
            if CODES.get(one.kind, "") not in ("BII", "BIII"):
                false.append((one.kind, context.duration_s, [e for e in found if e.rhythm in ("BII", "BIII")]))
                continue
            for span in one.episodes:
                row = _episode_scores(found, span, CODES[one.kind])
                tallies.setdefault(one.kind, []).append(row)
                noises.setdefault(one.noise, []).append(row)
    rows = [
        MadeRow(kind, counts[kind], len(scores), *(round(float(x), 4) for x in np.mean(scores, axis=0)))
        for kind, scores in tallies.items()
    ]
    return {
        "made": [asdict(row) for row in rows],
        "made_by_noise": {name: {"episodes": len(s), "found": _mean(s, 0)} for name, s in sorted(noises.items())},
        "made_without_block": {
            kind: {
                "recordings": counts[kind],
                "episodes_per_hour": round(
                    sum(len(e) for k, _, e in false if k == kind) / (sum(s for k, s, _ in false if k == kind) / 3600), 2
                ),
            }
            for kind in dict.fromkeys(k for k, _, _ in false)
        },
    }


def _mean(rows: Sequence[Sequence[float]], column: int) -> float:
    return round(float(np.mean([row[column] for row in rows])), 4)


def _episode_scores(found: Sequence[Episode], span: Span, code: RhythmCode) -> list[float]:
    """Return whether half of an episode is named as a block, whether as this kind, and what share of it is named."""
    length = span[1] - span[0]
    named = shared_s([(e.start_s, e.stop_s) for e in found if e.rhythm in ("BII", "BIII")], [span])
    right = shared_s([(e.start_s, e.stop_s) for e in found if e.rhythm == code], [span])
    return [float(named >= length / 2), float(right >= length / 2), named / length]


def false_blocks(root: Path) -> Iterator[FalseRow]:
    """Count second-degree and complete block where there is none."""
    trained = av_block.training_records(root)
    svdb = sorted(f"svdb/{path.stem}" for path in (root / "svdb").glob("*.hea"))
    groups = {
        "DS2 without 231": [f"mitdb/{record}" for record in DS2 if record != "231"],
        "svdb, held out": [record for record in svdb if record not in trained],
        "DS1 (trained on)": [f"mitdb/{record}" for record in DS1],
        "svdb, trained on": [record for record in svdb if record in trained],
    }
    for name, records in groups.items():
        yield _false(name, ((record, *blocks_of(root, record)) for record in records), ("BII", "BIII"))


def _false(name: str, found: Iterable[tuple[str, float, Sequence[Episode]]], codes: Sequence[RhythmCode]) -> FalseRow:
    total_s, episodes, named_s, where = 0.0, 0, 0.0, dict[str, float]()
    for record, duration_s, all_of_it in found:
        wrong = [one for one in all_of_it if one.rhythm in codes]
        total_s += duration_s
        episodes += len(wrong)
        seconds = sum(one.seconds for one in wrong)
        named_s += seconds
        if wrong:
            where[record] = round(seconds, 1)
    days = max(total_s, 1.0) / DAY_S
    return FalseRow(name, round(total_s / 3600, 2), round(episodes / days, 2), round(named_s / days, 1), where)


def first_degree(root: Path) -> dict[str, Any]:
    """Return how much of vfdb's first-degree block is named, and which records of mitdb have it named."""
    vfdb = {}
    for record in ("428", "430"):
        annotated = annotated_spans(root, f"vfdb/{record}", "BI")
        spans = [(e.start_s, e.stop_s) for e in blocks_of(root, f"vfdb/{record}")[1] if e.rhythm == "BI"]
        total = sum(stop - start for start, stop in annotated)
        vfdb[record] = {"annotated_s": round(total, 1), "named": _share(shared_s(spans, annotated), total)}
    mitdb = {}
    for record in (*DS1, *DS2):
        named = sum(e.seconds for e in blocks_of(root, f"mitdb/{record}")[1] if e.rhythm == "BI")
        if named or record in FIRST_DEGREE:
            mitdb[record] = {"named_s": round(named, 1), "header_says_so": record in FIRST_DEGREE}
    return {"vfdb": vfdb, "mitdb": mitdb}


def junctional(root: Path) -> dict[str, Any]:
    """Return how much junctional rhythm of mitdb is named, and how many seconds elsewhere in mitdb and svdb."""
    rows = {}
    svdb = [f"svdb/{path.stem}" for path in sorted((root / "svdb").glob("*.hea"))]
    for record in (*(f"mitdb/{name}" for name in (*DS1, *DS2)), *svdb):
        spans = [(e.start_s, e.stop_s) for e in blocks_of(root, record)[1] if e.rhythm == "NOD"]
        annotated = annotated_spans(root, record, "NOD")
        named = shared_s(spans, annotated)
        if spans or annotated:
            rows[record] = {
                "annotated_s": round(sum(stop - start for start, stop in annotated), 1),
                "named_s": round(named, 1),
                "elsewhere_s": round(sum(stop - start for start, stop in spans) - named, 1),
            }
    return rows


def p_waves(root: Path) -> dict[str, Any]:
    """Compare P waves before beats with those that cardiologists marked in lead II of LUDB."""
    marked = found = right = claimed = silent = silent_taken = 0
    for path in sorted((root / "ludb").glob("*.hea"), key=lambda one: int(one.stem)):
        context = context_of(root, f"ludb/{path.stem}")
        if context.conditioned is None or len(context) < 3 or path.stem in LUDB_PACED:
            continue
        assert context.recording is not None
        marks = parse_marks(path.with_suffix(".ii").read_bytes(), fs=context.recording.fs)
        tops = np.array([sample for sample, symbol in marks if symbol == "p"]) / context.recording.fs
        waves = find_p_waves(context.conditioned, context.time_s)
        own = own_waves(context, waves)
        sure = own[(own >= 0)]
        sure = sure[p_scores(waves)[sure] >= SURE]
        at = waves.time_s[sure]
        inside = tops[(tops > context.time_s[0]) & (tops < context.time_s[-1])]
        if inside.size < 2:
            silent += max(0, len(context) - 1)
            silent_taken += at.size
            continue
        hit = np.abs(inside[:, None] - at).min(axis=1, initial=np.inf) <= P_TOLERANCE_S
        marked += inside.size
        found += int(hit.sum())
        right += int((np.abs(at[:, None] - tops).min(axis=1) <= P_TOLERANCE_S).sum()) if at.size else 0
        claimed += at.size
    return {
        "marked": marked,
        "found": _share(found, marked),
        "right_of_claimed": _share(right, claimed),
        "beats_without_p_waves": silent,
        "of_them_taken": _share(silent_taken, silent),
    }


def day(root: Path) -> dict[str, float]:
    """Return the seconds of processor time that blocks and pacing take for 24 h of two leads."""
    times = {}
    for record in ("mitdb/100", "mitdb/102", "mitdb/231"):
        context = repeated(context_of(root, record), 48)
        for name, find in (("blocks", find_blocks), ("pacing", find_pacing)):
            started = time.process_time()
            find(context)
            times[f"{name}, {record}"] = round((time.process_time() - started) * DAY_S / context.duration_s, 2)
    return times


def repeated(context: RhythmContext, times: int) -> RhythmContext:
    """Return a recording that is as many times as long: one after another."""
    recording, conditioned = context.recording, context.conditioned
    assert recording is not None
    assert conditioned is not None
    samples = len(conditioned.signal)
    return replace(
        context,
        duration_s=context.duration_s * times,
        time_s=np.concatenate([context.time_s + k * samples / conditioned.fs for k in range(times)]),
        symbol=np.tile(context.symbol, times),
        trusted=np.tile(context.trusted, times),
        confidence=np.tile(context.confidence, times),
        break_before=np.tile(context.break_before, times),
        recording=replace(recording, p_signal=np.tile(recording.p_signal, (times, 1))),
        conditioned=replace(
            conditioned, signal=np.tile(conditioned.signal, (times, 1)), segments=((0, samples * times),)
        ),
    )


@cache
def blocks_of(root: Path, record: str) -> tuple[float, tuple[Episode, ...]]:
    """Return the duration of a record, DATABASE/RECORD, in seconds, and its block and junctional rhythm."""
    context = context_of(root, record)
    return context.duration_s, tuple(outside_fibrillation(find_blocks(context), find_atrial(context)))


def context_of(root: Path, record: str) -> RhythmContext:
    """Return the detected beats of a record, DATABASE/RECORD; none where it has no reference and cannot be read."""
    recording = read_path(root / f"{record}.hea")
    if recording.reference is None:
        nothing = Annotations(np.zeros(0, np.int64), ())
        return av_block.context_of(replace(recording, reference=nothing), usual="N")
    return av_block.context_of(recording)


def annotated_spans(root: Path, record: str, code: RhythmCode) -> list[Span]:
    """Return the stretches, in seconds, that readers gave a rhythm."""
    reference = read_rhythms(root / record, record.split("/")[0])
    return [(one.start_s, one.stop_s) for one in reference.episodes if one.rhythm == code]


def shared_s(found: Sequence[Span], known: Sequence[Span]) -> float:
    """Return the seconds that lie in both; neither overlaps itself."""
    return sum(max(0.0, min(a[1], b[1]) - max(a[0], b[0])) for a in found for b in known)


def _share(part: float, whole: float) -> float:
    return round(part / whole, 4) if whole else 0.0


def _fill(raw: dict[str, Any]) -> None:
    """Write the tables into the page."""
    text = PAGE.read_text("utf-8")
    before, rest = text.split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    tables = "\n\n".join(_tables(raw))
    PAGE.write_text(f"{before}{MARKS[0]}\n{tables}\n{MARKS[1]}{after}", "utf-8")


def _tables(raw: dict[str, Any]) -> Iterator[str]:
    yield f"`{raw['provenance']['command']}`, commit {raw['provenance']['commit']}."
    yield f"Paced records, each left out of training, commit {raw['pacing']['commit']}:"
    heads = (
        "record",
        "paced time named",
        "named elsewhere, s",
        "paced beats",
        "found",
        "fusion beats",
        "found",
        "others",
    )
    yield _table(
        heads,
        ([r[key] for key in PACED_COLUMNS] for r in raw["pacing"]["left_out"]),
    )
    yield "Other records with a pacemaker, never trained on:"
    others = raw["pacing"]["others"].items()
    other_rows = ((name, r["beats"], r["paced"], ", ".join(r["kinds"]) or "none") for name, r in others)
    yield _table(("record", "beats", "called paced", "episodes"), other_rows)
    yield "Pacing where there is none:"
    yield _false_table(raw["pacing"]["false"])
    block = raw["block_231"]
    yield (
        f"Record 231: {block['named']:.3f} of {block['annotated_s']:.0f} s of second-degree block are named, "
        f"{block['called_2_to_1']:.3f} of it as 2:1; {block['elsewhere_s']:.0f} s elsewhere."
    )
    yield "Recordings made of DS2's beats, all with added noise of 24 to 6 dB:"
    made = (
        (r["kind"], r["recordings"], r["episodes"], r["found"], r["right_kind"], r["time_named"]) for r in raw["made"]
    )
    yield _table(("kind", "recordings", "episodes", "found", "as this degree", "time named"), made)
    noise_rows = ((name, r["episodes"], r["found"]) for name, r in raw["made_by_noise"].items())
    yield _table(("noise", "episodes", "found"), noise_rows)
    without_rows = ((name, r["recordings"], r["episodes_per_hour"]) for name, r in raw["made_without_block"].items())
    yield _table(
        ("made without second-degree or complete block", "recordings", "false episodes per hour"), without_rows
    )
    yield "Second-degree or complete block where there is none:"
    yield _false_table(raw["false_blocks"])
    yield "First-degree block:"
    vfdb_rows = ((f"vfdb/{name}", r["annotated_s"], r["named"]) for name, r in raw["first_degree"]["vfdb"].items())
    yield _table(("record", "annotated, s", "named"), vfdb_rows)
    mitdb = raw["first_degree"]["mitdb"].items()
    yield _table(
        ("record", "named, s", "in its header"),
        ((f"mitdb/{name}", r["named_s"], "yes" if r["header_says_so"] else "no") for name, r in mitdb),
    )
    yield "Junctional rhythm:"
    nod_rows = ((name, r["annotated_s"], r["named_s"], r["elsewhere_s"]) for name, r in raw["junctional"].items())
    yield _table(("record", "annotated, s", "named, s", "elsewhere, s"), nod_rows)
    waves = raw["p_waves"]
    yield (
        f"P waves of LUDB in lead II, from its leads II and V1: {waves['found']:.3f} of {waves['marked']} are found "
        f"within {1000 * P_TOLERANCE_S:.0f} ms, and {waves['right_of_claimed']:.3f} of what is taken for one is; "
        "in records without P waves one is taken to be before "
        f"{waves['of_them_taken']:.3f} of {waves['beats_without_p_waves']} beats."
    )
    yield "Seconds of processor time for 24 h of two leads:"
    yield _table(("finder, record", "s"), raw["seconds_per_day"].items())


def _false_table(rows: Iterable[dict[str, Any]]) -> str:
    heads = ("records", "hours", "episodes in 24 h", "seconds in 24 h", "where, s")
    where = [", ".join(f"{name} {seconds:g}" for name, seconds in r["where"].items()) for r in rows]
    return _table(
        heads,
        (
            (r["records"], r["hours"], r["episodes_per_day"], r["seconds_per_day"], w or "nowhere")
            for r, w in zip(rows, where, strict=True)
        ),
    )


def _table(heads: Sequence[str], rows: Iterable[Iterable[Any]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(
        "| " + " | ".join(f"{cell:g}" if isinstance(cell, float) else str(cell) for cell in line) + " |"
        for line in lines
    )


if __name__ == "__main__":
    main()
