"""From recordings to a folder of labelled pictures: drawn, written, listed and described; a rerun goes on."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np

import pipeline
from pipeline._util.png_mark import BEAT, NETWORKS, marked
from pipeline._util.progress import Progress, no_progress, part_of
from pipeline._util.provenance import now
from pipeline.errors import DataError, IntakeError, SignalError
from pipeline.export.pictures import png_bytes
from pipeline.image_folders.dataset import FILES_MAX
from pipeline.picture_sets.card import DRAWN, Card, LeftOut, RefusedRecord, write_card
from pipeline.picture_sets.finished import (
    MANIFEST,
    DoneRecord,
    Memory,
    Row,
    place_of,
    remembered,
    state_of,
    write_manifest,
)
from pipeline.picture_sets.labelling import Load, cut
from pipeline.picture_sets.options import PictureSetOptions, checked
from pipeline.picture_sets.pictures import CURVES, Drawer, drawer_for
from pipeline.picture_sets.random_split import what_it_costs
from pipeline.picture_sets.sources import Source, licence_of
from pipeline.picture_sets.splits import Division, divide, require_apart
from pipeline.types import PictureArray
from pipeline.wording import grouped

WRITERS: Final = 2  # threads that encode and write while the next pictures are drawn
BATCH_PIXELS: Final = 4_000_000  # drawn at once
BATCH_MAX: Final = 256
DIGITS: Final = 4
TOO_MANY: Final = (
    "The set has {} pictures; a network is trained on folders of at most {}: make fewer of each class and record "
    "(--most), or train on a part."
)
NORMAL_MEANS: Final = (
    "In these pictures, normal means that the beats are of AAMI class N, which takes in bundle branch block and escape "
    "beats: it does not mean a normal ECG."
)


@dataclass(frozen=True, eq=False)
class _Work:
    """What all records of a set share."""

    options: PictureSetOptions
    division: Division
    memory: Memory
    load: Load
    pool: ThreadPoolExecutor = field(repr=False)


def make_picture_set(
    sources: Sequence[Source],
    options: PictureSetOptions,
    output: Path,
    *,
    load: Load,
    progress: Progress = no_progress,
) -> Card:
    """Make a folder of labelled pictures, or go on where an earlier run was stopped.

    Parameters
    ----------
    sources : sequence of Source
        The recordings, as `find_sources` returns them.
    options : PictureSetOptions
        How the pictures are made.
    output : Path
        The folder: OUTPUT/CLASS/*.png, with a split OUTPUT/PART/CLASS/*.png, manifest.csv, card.json and README.md.
    load : callable
        Returns the network that predicts labels where there is no reference; not called if all have one.
    progress : Progress, optional
        Called with the share done, 0..1, and a sentence.

    Returns
    -------
    Card
        What was made. Records that could not be used are in `refused`.

    Raises
    ------
    DataError
        If options do not go together, a split would divide a patient (together with what is in the folder already),
        the folder has something else or is another run's, it cannot be written, or there is nothing to draw.
    ModelError
        If the network cannot be loaded.
    """
    options = checked(options)
    division = divide(sources, options)
    chosen = [source for source in sources if source.record in division.part]
    with remembered(output, _settings(options, division)) as memory, ThreadPoolExecutor(WRITERS) as pool:
        if not division.at_random:
            earlier = [row for record in memory.others(sources) for row in record.rows]
            planned = [(source.patient, source.record, division.part[source.record]) for source in chosen]
            require_apart([*_places(earlier), *planned])
        memory.clear_stopped()
        memory.forget(sources, chosen)
        refused = _make_all(chosen, _Work(options, division, memory, load, pool), progress)
        progress(1.0, "Writing the manifest")
        done = memory.everything()
        card = _card(done, refused, options, division)
        rows = [row for record in done for row in record.rows]
        if not division.at_random:
            require_apart(_places(rows))
        if not rows:
            (output / MANIFEST).unlink(missing_ok=True)  # of an earlier run, whose records are left out now
            raise DataError(f"There is nothing to draw in these recordings{_why_nothing(card)}")
        write_manifest(rows, output)
        write_card(card, output)
    return card


def _make_all(chosen: Sequence[Source], work: _Work, progress: Progress) -> list[RefusedRecord]:
    """Make what is not done yet, and return the records that could not be used."""
    refused = []
    for number, source in enumerate(chosen):
        try:
            if work.memory.done(source) is None:
                _make(source, work, part_of(progress, number, len(chosen)))
        except (IntakeError, SignalError) as error:
            refused.append(RefusedRecord(source.record, str(error)))
    return refused


def _places(rows: Iterable[Row]) -> list[tuple[str, str, str]]:
    return [(row.patient, row.record, row.split) for row in rows]


def _why_nothing(card: Card) -> str:
    if card.refused:
        return f". {card.refused[0].record}: {card.refused[0].reason}"
    return f": {card.left_out[0].reason}." if card.left_out else "."


def _settings(options: PictureSetOptions, division: Division) -> dict[str, object]:
    """Return what all pictures of a folder have in common; a split by patient depends on who is there."""
    where = division.part if options.split == "patient" and not division.at_random else {}
    return {**asdict(options), "division_of_records": dict(sorted(where.items()))}


def _make(source: Source, work: _Work, progress: Progress) -> None:
    progress(0.0, f"Reading {source.record}")
    cuts = cut(source, work.options, work.load)
    drawer = drawer_for(cuts, work.options)
    work.memory.begin(source)
    rows = _rows(source, drawer, work.division)
    for folder in {PurePosixPath(row.picture).parent for row in rows}:
        _make_folder(work.memory.folder / folder)
    height = 1 if work.options.size_px is None else work.options.size_px[0] * work.options.size_px[1]
    step = max(1, min(BATCH_MAX, BATCH_PIXELS // height)) if work.options.style != "page" else 1
    note = NETWORKS if work.options.style == "model" else BEAT if work.options.style in CURVES else None
    note = note if work.options.of_beats else None
    waiting: list[Future[None]] = []
    for start in range(0, len(cuts), step):
        progress(start / len(cuts), f"Drawing {source.record}: {start} of {len(cuts)} pictures")
        index = np.arange(start, min(start + step, len(cuts)), dtype=np.int64)
        pictures = drawer.draw(index)
        waiting = _settled(waiting, WRITERS)
        for part in range(WRITERS):
            names = [rows[i].picture for i in index[part::WRITERS]]
            waiting.append(work.pool.submit(_write, pictures[part::WRITERS], names, work.memory, note))
    _settled(waiting, 0)
    left_out = dict(sorted(cuts.left_out.items()))
    done = DoneRecord(
        source.record, source.database, place_of(source), state_of(source), tuple(rows), left_out, cuts.model
    )
    work.memory.finish(source, done)


def _rows(source: Source, drawer: Drawer, division: Division) -> list[Row]:
    cuts, shown_s = drawer.cuts, drawer.shown_s()
    fs, shown, predicted = cuts.prepared.recording.fs, drawer.shown, "yes" if cuts.model else "no"
    rows = []
    places = zip(cuts.sample.tolist(), cuts.label, cuts.confidence.tolist(), shown_s.tolist(), strict=True)
    for sample, label, confidence, (first_s, last_s) in places:
        split, time_s = division.of(source.record, sample), sample / fs
        name = f"{source.stem}_{sample:08d}.png"
        rows.append(
            Row(
                picture="/".join((split, label, name) if split else (label, name)),
                record=source.record,
                patient=source.patient,
                sample=sample,
                label=str(label),
                split=split,
                predicted=predicted,
                confidence=round(confidence, DIGITS),
                start_s=round(max(0.0, time_s + first_s), DIGITS),
                stop_s=round(min(cuts.prepared.recording.duration_s, time_s + last_s), DIGITS),
                leads=shown,
                gain_mm_mv=drawer.gain,
            )
        )
    return rows


def _settled(waiting: list[Future[None]], most: int) -> list[Future[None]]:
    """Wait until at most `most` pieces of work are unfinished, and pass on what failed."""
    while len(waiting) > most:
        waiting.pop(0).result()
    return waiting


def _write(pictures: Sequence[PictureArray], names: Sequence[str], memory: Memory, note: bytes | None) -> None:
    """Write pictures, each whole or not at all: as a draft first, which then takes its name.

    Parameters
    ----------
    pictures : sequence of (h, w) or (h, w, 3) uint8
        The pictures.
    names : sequence of str
        Their paths inside the folder.
    memory : Memory
        Of the folder.
    note : bytes or None
        What is noted in each file, of those of `png_mark`: such a picture is not doubted.
    """
    try:
        for picture, name in zip(pictures, names, strict=True):
            target = memory.folder / name
            draft = memory.drafts / target.name
            payload = png_bytes(picture)
            draft.write_bytes(marked(payload, note) if note else payload)
            os.replace(draft, target)
    except OSError as error:
        raise DataError(f"The pictures could not be written ({error.strerror}); check the folder.") from error


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"The folder {path.name!r} cannot be made ({error.strerror}); check the output.") from error


def _card(
    done: Sequence[DoneRecord], refused: Sequence[RefusedRecord], options: PictureSetOptions, division: Division
) -> Card:
    rows = [row for record in done for row in record.rows]
    parts = [part for part in ("", "train", "val", "test") if any(row.split == part for row in rows)]
    counts = {part: Counter(row.label for row in rows if row.split == part) for part in parts}
    whose = {part: len({row.patient for row in rows if row.split == part}) for part in parts}
    left_out: Counter[str] = Counter()
    for record in done:
        left_out.update(record.left_out)
    models = sorted({record.model for record in done if record.model and record.rows})
    cost = (what_it_costs(),) if division.at_random else ()
    many = (TOO_MANY.format(grouped(len(rows)), grouped(FILES_MAX)),) if len(rows) > FILES_MAX else ()
    meaning = (NORMAL_MEANS,) if options.label == "normal-abnormal" else ()
    return Card(
        version=pipeline.__version__,
        date=now(),
        style=options.style,
        drawn=DRAWN[options.style],
        size_px=options.size_px,
        window_s=options.window_s or (0.0, 0.0),
        label=options.label or "",
        split=options.split,
        random_split=division.at_random,
        layout=options.layout if options.style == "page" else "",
        lead=options.lead,
        most=options.most,
        seed=options.seed,
        pictures=len(rows),
        records=sum(bool(record.rows) for record in done),
        patients=len({row.patient for row in rows}),
        predicted=sum(row.predicted == "yes" for row in rows),
        models=tuple(models),
        counts={part: dict(sorted(found.items())) for part, found in counts.items()},
        patients_of=whose,
        left_out=tuple(LeftOut(reason, count) for reason, count in left_out.most_common()),
        refused=tuple(refused),
        licences=tuple(sorted({licence_of(record.database) for record in done if record.rows})),
        notices=(*cost, *many, *meaning, *division.notices),
    )
