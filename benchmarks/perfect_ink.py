"""How much a perfect segmentation of the ink would gain: `python -m benchmarks.perfect_ink`.

Distorted pages of the tuning records are read as they are; then their traces are followed again in ink that is known:
the same page drawn without grid, words and rules, bent by the same homography and folds, without shadow, blur, noise
and JPEG. A network that tells ink from paper cannot do better than this. Scores as in benchmarks.digitise.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import cv2
import numpy as np

from benchmarks.digitise import LAYOUTS, answered, compared, ludb_leads, random_style
from pipeline.digitisation.digitise import Digitised, digitise
from pipeline.digitisation.ink import Ink
from pipeline.digitisation.to_recording import FS, to_recording
from pipeline.digitisation.trace import follow
from pipeline.errors import IntakeError
from pipeline.synthesis.ecg_pages import GeneratedPage, draw_page
from pipeline.synthesis.photographs import distort, random_distortion

RECORDS = range(9, 24)
SEEDS = (779_000, 779_000)  # seed of styles and distortions


def page_pair(i: int) -> tuple[GeneratedPage, GeneratedPage]:
    """The i-th photo, and its ink alone."""
    rng = np.random.default_rng(SEEDS[0] + i)
    style, how = random_style(rng, LAYOUTS[i % len(LAYOUTS)]), random_distortion(rng)
    leads, fs = ludb_leads(RECORDS[(i * 7) % len(RECORDS)])
    bare = replace(style, paper="white", text=False, face="", separators=False, ink=(0, 0, 0))
    still = replace(how, shadow=0.0, noise=0.0, jpeg=0, blur_px=0.0, tint=(1.0, 1.0, 1.0))
    pages = draw_page(leads, fs, style), draw_page(leads, fs, bare)
    return distort(pages[0], how, SEEDS[1] + i), distort(pages[1], still, SEEDS[1] + i)


def with_known_ink(found: Digitised, bare: GeneratedPage) -> Digitised:
    """The same reading, its traces followed in the ink of the bare page."""
    sheet = found.sheet
    height, width = sheet.picture.shape[:2]
    columns = np.arange(width, dtype=np.float64)
    rows = [sheet.on_original(np.column_stack([columns, np.full(width, float(y))])) for y in range(height)]
    at = np.stack(rows).astype(np.float32)
    light = cv2.remap(bare.picture.max(axis=2), at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderValue=255)
    strength = np.where(sheet.paper, 1 - light / 255, 0).astype(np.float32)
    traces, _ = follow(Ink(strength, strength > 0.45, 1.0), found.lanes, sheet.px_per_mm)
    return replace(found, traces=traces)


def scores(found: Digitised, page: GeneratedPage) -> list[tuple[float, float]]:
    """SNR and r of each lead."""
    recording = to_recording(found, name="page")
    result = []
    for lead, (start_s, values) in page.truth.signals.items():
        truth = np.full(round(page.truth.style.seconds * FS), np.nan)
        truth[round(start_s * FS) : round(start_s * FS) + values.size] = values
        seen = recording.p_signal[:, recording.leads.index(lead)].astype(np.float64)
        result.append(compared(truth, seen))
    return result


def main() -> None:
    """Read the pages one after the other; see the module."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=15)
    cv2.setNumThreads(1)
    own: list[tuple[float, float]] = []
    known: list[tuple[float, float]] = []
    for i in range(parser.parse_args().pages):
        photo, bare = page_pair(i)
        try:
            found = answered(digitise(photo.picture), photo.truth.style)
            found_scores = scores(found, photo)
        except (IntakeError, ValueError) as error:
            print(i, "left out:", error, flush=True)
            continue
        if found.quarter_turns:
            print(i, "left out: turned", flush=True)
            continue
        own += found_scores
        known += scores(with_known_ink(found, bare), photo)
        print(
            i,
            photo.truth.style.layout,
            *(np.round(np.mean(part[-12:], axis=0), 3) for part in (own, known)),
            flush=True,
        )
    for name, part in (("own ink", own), ("perfect ink", known)):
        snr, r = np.mean(part, axis=0)
        print(f"{name}: {len(part)} leads, {snr:.2f} dB, r {r:.4f}")


if __name__ == "__main__":
    main()
