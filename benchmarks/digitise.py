"""How well pages become signals: `python -m benchmarks.digitise --write` writes docs/experiments/digitise.json.

Truth and result are compared lead by lead. The digitised lead may be moved by one whole number of samples (500 Hz, at
most 120 ms) and by one offset, nothing else: no scaling, no resampling. With t the truth and d the moved result, both
where the result is not NaN and after their means were taken away,

    SNR = 10 log10(sum t^2 / sum (d - t)^2) dB,    r = Pearson's correlation of d and t.

A lead of which less than half was seen counts as lost: SNR 0 dB, r 0. Pages: those of the folder paper_ecg that come
with their true signal, and pages drawn by pipeline.synthesis.ecg_pages from LUDB 24 to 68, in typefaces that the
reader has no templates of, with seeds of their own (records 9 to 23 were for tuning). Where the digitiser asks, it is
answered from the truth, as a user would, and the question is counted. What must be refused: pictures of beats, blank
and noisy pictures, text, photo-like pictures. Finished pages are kept in `--work`, so that a stopped run goes on.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from scipy import signal as sps

from benchmarks.results import Digitisation, PageGroup, PageResult, PhotoResult
from pipeline._util.files import write_json
from pipeline._util.provenance import current_commit, now
from pipeline._util.typed_json import from_json, to_json
from pipeline.config import ROOT, data_root
from pipeline.digitisation.corrections import Corrections
from pipeline.digitisation.digitise import Digitised, digitise
from pipeline.digitisation.layouts import TWELVE_LEADS
from pipeline.digitisation.to_recording import to_recording
from pipeline.errors import IntakeError
from pipeline.intake import read_path
from pipeline.intake.picture_reader import read_picture
from pipeline.synthesis.ecg_pages import PageStyle, draw_page
from pipeline.synthesis.photographs import distort, random_distortion

FS, SHIFT_MAX = 500, 60
LAYOUTS = ("3x4", "3x4+1", "6x2", "12x1", "4x3")
PAPERS = ("pink", "red", "green", "orange", "grey", "blue", "coarse")
FACES = ("held-narrow", "held-condensed", "held-mono", "held-serif")
TEST_RECORDS = range(24, 69)
SEEDS = (95_000, 98_000)  # seed of styles and distortions; 50 to 94 thousand were looked at, 777 to 783 used for tuning
Truth = dict[str, np.ndarray]


def ludb_leads(number: int) -> tuple[dict[str, np.ndarray], float]:
    """The twelve leads of a LUDB record without baseline wander below 0.3 Hz, which printers remove too."""
    record = read_path(data_root() / "ludb" / f"{number}.hea")
    names = {name.lower(): name for name in TWELVE_LEADS}
    sos = sps.butter(1, 0.3, "highpass", fs=record.fs, output="sos")
    leads = {
        names[lead]: sps.sosfiltfilt(sos, record.p_signal[:, i]).astype(np.float32)
        for i, lead in enumerate(record.leads)
    }
    return leads, record.fs


def random_style(rng: np.random.Generator, layout: str) -> PageStyle:
    """A page as one of many devices would print it."""
    speed = float(rng.choice([25.0, 25.0, 25.0, 50.0]))
    return PageStyle(
        layout=layout,
        speed=speed,
        gain=float(rng.choice([10.0, 10.0, 10.0, 5.0, 20.0])) if layout != "12x1" else float(rng.choice([5.0, 10.0])),
        seconds=10.0 if speed == 25 else 5.0,
        px_per_mm=float(rng.uniform(5, 7)),
        paper=str(rng.choice(PAPERS)),
        line_px=int(rng.choice([1, 2, 2])),
        face=str(rng.choice([*FACES, *FACES, ""])),
        pulse=str(rng.choice(["left", "left", "right", "none"])),
        separators=bool(rng.random() < 0.3),
        text=bool(rng.random() < 0.7),
    )


def generated(count: int, *, distorted: bool) -> Iterator[tuple[str, Any]]:
    """(name, function that makes picture, truth and answers) of pages that were not used for tuning."""
    for i in range(count):
        layout, number = LAYOUTS[i % len(LAYOUTS)], TEST_RECORDS[(i * 7) % len(TEST_RECORDS)]

        def make(i: int = i, layout: str = layout, number: int = number) -> tuple[Any, Truth, PageStyle]:
            rng = np.random.default_rng(SEEDS[0] + 1000 * distorted + i)
            page = draw_page(*ludb_leads(number), random_style(rng, layout))
            if distorted:
                page = distort(page, random_distortion(rng), SEEDS[1] + i)
            truth = {}
            for lead, (start_s, values) in page.truth.signals.items():
                truth[lead] = np.full(round(page.truth.style.seconds * FS), np.nan)
                truth[lead][round(start_s * FS) : round(start_s * FS) + values.size] = values
            return page.picture, truth, page.truth.style

        yield f"{'distorted' if distorted else 'clean'}/{i:03d}/{layout}", make


def given_pages() -> Iterator[tuple[str, Any]]:
    """The pages of paper_ecg whose signal is known."""
    folder = data_root() / "paper_ecg"
    for path in sorted([*folder.glob("rendered/*.png"), *folder.glob("pdf/*.pdf")]):
        columns = 2 if "6x2" in path.stem else 4

        def make(path: Path = path, columns: int = columns) -> tuple[Any, Truth, PageStyle]:
            table = np.genfromtxt(path.with_name(path.stem.replace("_6x2", "") + ".csv"), delimiter=",", names=True)
            truth = {}
            for i, lead in enumerate(TWELVE_LEADS):
                column = i // (12 // columns)
                inside = np.arange(len(table)) * columns // len(table) == column
                strip = lead == "II" and columns == 4
                truth[lead] = np.where(inside | strip, table[lead], np.nan)
            layout = "6x2" if columns == 2 else "3x4+1"
            return read_picture(path.read_bytes(), path.name).pixels, truth, PageStyle(layout=layout)

        yield f"{path.parent.name}/{path.stem}/{'6x2' if columns == 2 else '3x4+1'}", make


def compared(truth: np.ndarray, found: np.ndarray) -> tuple[float, float]:
    """SNR in dB and Pearson's r after the best whole shift and offset; (0, 0) if less than half was seen."""
    where = np.flatnonzero(np.isfinite(truth))
    best = (-np.inf, 0.0)
    padded = np.concatenate([np.full(SHIFT_MAX, np.nan), found, np.full(SHIFT_MAX + truth.size, np.nan)])
    for shift in range(-SHIFT_MAX, SHIFT_MAX + 1):
        values = padded[where + SHIFT_MAX + shift]
        seen = np.isfinite(values)
        if seen.mean() < 0.5:
            continue
        t, d = truth[where][seen], values[seen]
        t, d = t - t.mean(), d - d.mean()
        snr = 10 * np.log10(max((t @ t) / max((d - t) @ (d - t), 1e-12), 1e-12))
        if snr > best[0]:
            best = (snr, float((t @ d) / np.sqrt(max((t @ t) * (d @ d), 1e-12))))
    return best if np.isfinite(best[0]) else (0.0, 0.0)


def answered(found: Digitised, style: PageStyle) -> Digitised:
    """The same page after its questions were answered correctly."""
    asked = {need.about for need in found.needs}
    if not asked:
        return found
    given = Corrections(
        quarter_turns=found.quarter_turns,
        speed=style.speed if "speed" in asked else None,
        gain=style.gain if "gain" in asked else None,
        layout=style.layout if "layout" in asked else None,
        names=tuple((need.box, str(need.likely)) for need in found.needs if need.box is not None),
    )
    return digitise(found.picture if not found.quarter_turns else np.rot90(found.picture, -found.quarter_turns), given)


def page_result(make: Any) -> PageResult:
    """One page's scores, or why it was refused."""
    picture, truth, style = make()
    start = time.process_time()
    try:
        found = digitise(picture)
        seconds = time.process_time() - start
        asked = sorted(need.about for need in found.needs)
        recording = to_recording(answered(found, style), name="page")
    except IntakeError as error:
        return PageResult(refused=str(error), cpu_s=round(time.process_time() - start, 2))
    scores = {
        lead: compared(values, recording.p_signal[:, recording.leads.index(lead)].astype(np.float64))
        if lead in recording.leads
        else (0.0, 0.0)
        for lead, values in truth.items()
    }
    wrong = [
        name
        for name, seen, true in (
            ("speed", found.speed and found.speed.value, style.speed),
            ("gain", found.gain and found.gain.value, style.gain),
            ("layout", found.layout.name, style.layout),
        )
        if name not in asked and seen != true
    ]
    return PageResult(
        snr_db={lead: round(float(score[0]), 2) for lead, score in scores.items()},
        r={lead: round(score[1], 4) for lead, score in scores.items()},
        asked=tuple(asked),
        silently_wrong=tuple(wrong),
        cpu_s=round(seconds, 2),
    )


def not_pages() -> Iterator[tuple[str, Any]]:
    """Pictures that must be refused."""
    rng = np.random.default_rng(7)
    yield "blank", np.full((900, 1400, 3), 255, np.uint8)
    yield "noise", rng.integers(0, 256, (700, 1000, 3), dtype=np.uint8)
    yield "landscape", cv2.resize(rng.integers(0, 256, (9, 14, 3), dtype=np.uint8), (1400, 900), interpolation=3)
    text = np.full((1000, 1400, 3), 255, np.uint8)
    for row in range(40, 980, 28):
        cv2.putText(text, "The patient was seen on the ward and felt well.", (40, row), 0, 0.8, (20, 20, 20), 2)
    yield "text", text
    stripes = np.full((900, 1400, 3), 255, np.uint8)
    stripes[::30] = 200
    yield "ruled paper", stripes
    squares = stripes.copy()
    squares[:, ::30] = 200
    yield "empty graph paper", squares
    for path in sorted((data_root() / "beat_images" / "abnormal").glob("*.png"))[:10]:
        yield f"beat {path.stem}", read_picture(path.read_bytes(), path.name).pixels


def refusals() -> dict[str, str]:
    """Which pictures that are no page were refused, and with which message."""
    outcomes = {}
    for name, picture in not_pages():
        try:
            digitise(picture)
            outcomes[name] = "ACCEPTED"
        except IntakeError as error:
            outcomes[name] = str(error)
    return outcomes


def photos() -> dict[str, PhotoResult]:
    """The results for the phone photos, whose signal is not known, and for the first pages of ecg_pages."""
    outcomes = {}
    paths = sorted((data_root() / "paper_ecg" / "photos").glob("*.jpg"))
    paths += sorted((data_root() / "ecg_pages" / "normal").glob("*.jpg"))[:5]
    for path in paths:
        try:
            found = digitise(read_picture(path.read_bytes(), path.name).pixels)
            outcomes[f"{path.parent.name}/{path.stem}"] = PhotoResult(
                layout=found.layout.name,
                asked=tuple(sorted(need.about for need in found.needs)),
                span_mm=round((found.span[1] - found.span[0]) / found.sheet.px_per_mm, 1),
            )
        except IntakeError as error:
            outcomes[f"{path.parent.name}/{path.stem}"] = PhotoResult(refused=str(error))
    return outcomes


def summary(pages: Mapping[str, PageResult]) -> dict[str, PageGroup]:
    """Means over all leads of all pages that were not refused, per set and per layout."""
    groups: dict[str, list[PageResult]] = {}
    for name, page in pages.items():
        kind, _, layout = name.split("/")
        for group in (kind, f"{kind} {layout}"):
            groups.setdefault(group, []).append(page)
    return {name: _group(results) for name, results in sorted(groups.items())}


def _group(results: Sequence[PageResult]) -> PageGroup:
    read = [page for page in results if page.refused is None]
    snr = np.array([value for page in read for value in (page.snr_db or {}).values()])
    r = np.array([value for page in read for value in (page.r or {}).values()])
    return PageGroup(
        pages=len(results),
        refused=len(results) - len(read),
        asked=sum(bool(page.asked) for page in read),
        silently_wrong=sum(bool(page.silently_wrong) for page in read),
        leads=int(snr.size),
        snr_db_mean=round(float(snr.mean()), 2) if snr.size else None,
        snr_db_median=round(float(np.median(snr)), 2) if snr.size else None,
        snr_db_10th=round(float(np.percentile(snr, 10)), 2) if snr.size else None,
        r_mean=round(float(r.mean()), 4) if r.size else None,
        r_median=round(float(np.median(r)), 4) if r.size else None,
        cpu_s_mean=round(float(np.mean([page.cpu_s for page in results])), 2),
    )


def main() -> None:
    """Read the pages one after the other; see the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write docs/experiments/digitise.json")
    parser.add_argument("--pages", type=int, default=60, help="generated pages of each kind")
    parser.add_argument("--work", type=Path, default=Path("digitise-work.jsonl"), help="finished pages")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    pages: dict[str, PageResult] = {}
    if options.work.exists():
        lines = [json.loads(line) for line in options.work.read_text().splitlines()]
        pages = {name: from_json(PageResult, raw, what=f"Page {name} of {options.work.name}") for name, raw in lines}
    kinds = [generated(options.pages, distorted=distorted) for distorted in (False, True)]
    todo = [*given_pages(), *(page for pair in zip(*kinds, strict=True) for page in pair)]
    for name, make in todo:
        if name not in pages:
            pages[name] = page_result(make)
            with options.work.open("a") as work:
                work.write(json.dumps([name, to_json(pages[name])]) + "\n")
            print(name, to_json(replace(pages[name], snr_db=None, r=None)), flush=True)
            _write(options, pages)
    refused = refusals()
    _write(options, pages, refused)
    _write(options, pages, refused, photos())
    print(json.dumps(to_json(summary(pages)), indent=1))


def _write(
    options: argparse.Namespace,
    pages: Mapping[str, PageResult],
    refused: Mapping[str, str] | None = None,
    photographed: Mapping[str, PhotoResult] | None = None,
) -> None:
    """The results so far, so that an interrupted run leaves what it found."""
    result = Digitisation(
        command=f"python -m benchmarks.digitise --write --pages {options.pages}",
        commit=current_commit(),
        written=now(),
        summary=summary(pages),
        refusals=refused,
        photos=photographed,
        peak_memory_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        pages=pages,
    )
    if options.write:
        write_json(ROOT / "docs" / "experiments" / "digitise.json", to_json(result))


if __name__ == "__main__":
    main()
