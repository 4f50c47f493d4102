"""Scores for pictures of single beats: DS2 in every style, the public pictures, and pictures that are not beats."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from sklearn.datasets import load_sample_images

from models import registry
from models.beat_image_heads import PictureHead, load_head
from models.registry import Classifier
from pipeline._util.files import write_json
from pipeline._util.progress import Progress, no_progress
from pipeline._util.provenance import current_commit, now
from pipeline._util.typed_json import to_json
from pipeline.beat_images.public_sets import symbols_of, trained_on_folder_names
from pipeline.beat_images.reading import classify_traces, read_beat
from pipeline.beat_images.record_curves import choose_windows, cut_traces, load_windows, unit
from pipeline.beat_images.schema import (
    Acceptance,
    AcceptedScores,
    AnnotatedScores,
    ClassAcceptance,
    KindCount,
    OtherPictures,
    PicturesEvaluation,
    PublicPictures,
    StyledBeats,
)
from pipeline.beat_images.scores import SEED, ScoredImage, acceptance, called_abnormal, scores_of
from pipeline.beat_images.source_beats import RecordedBeats, find_recorded_beats
from pipeline.beat_images.tracing import trace_picture
from pipeline.config import DEFAULT, Config, data_root
from pipeline.datasets.catalogue import database_folder
from pipeline.datasets.splits import DS2
from pipeline.errors import EcgError
from pipeline.evaluation.wilson import wilson
from pipeline.intake.batch import PictureFile
from pipeline.labels import AAMI_CLASSES, aami_class
from pipeline.synthesis.held_out.kinds import HELD_OUT_KINDS, held_out_beat, held_out_non_beat
from pipeline.synthesis.held_out.styles import HELD_OUT_STYLES
from pipeline.synthesis.image_styles import STYLES, Rng, draw_styled
from pipeline.synthesis.textbook_beats import textbook_beats
from pipeline.training.training_set import PACED_VALIDATION
from pipeline.types import BeatTrace, FloatArray, PictureArray

POINTS: Final = 400  # per curve that is drawn
BEATS_PER_STYLE: Final = (("N", 12), ("S", 3), ("V", 7), ("F", 4), ("Q", 2))  # Q: beats of a pacemaker
TEXTBOOKS_PER_STYLE: Final = 2
NON_BEATS_PER_KIND, PHOTOS = 10, 24
AGAINST_NORMAL: Final = {"V": (2,), "VF": (2, 3), "VFQ": (2, 3, 4)}  # classes that differ from N in shape
REAL_NON_BEATS: Final = (
    ("real 12-lead pages", "ecg_pages/*/*.*", 40),
    ("phone photos of pages", "paper_ecg/photos/*", 15),
    ("rendered pages", "paper_ecg/rendered/*.png", 4),
    ("pages as PDF", "paper_ecg/pdf/*.pdf", 4),
)
FILE: Final = "pictures-evaluation.json"


def evaluate_pictures(
    network: str = "vgg16",
    data_dir: Path | None = None,
    output: Path | None = None,
    *,
    config: Config = DEFAULT,
    progress: Progress = no_progress,
) -> Path:
    """Score the heads for pictures and write the JSON that the Picture page shows.

    Parameters
    ----------
    network : str, optional
        Name of the picture network.
    data_dir : Path, optional
        The folder of the databases; the usual one if None.
    output : Path, optional
        The file; beside the network's weights if None.
    config : Config, optional
        Settings of the pipeline.
    progress : Progress, optional
        Called with what is being done, for a progress display.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    DataError
        If a database is missing.
    ModelError
        If the network or its heads cannot be loaded.
    """
    root, started = data_dir or data_root(), time.monotonic()
    head, classifier = load_head(network), registry.load(network)
    job = _Job(head, classifier, config)
    target = output or registry.WEIGHTS / network / FILE
    found = PicturesEvaluation(
        network=network,
        version=head.manifest.version,
        network_version=classifier.version,
        threshold=head.manifest.threshold,
        accept_from=head.manifest.accept_from,
        seed=SEED,
        command="python -m pipeline evaluate --model pictures",
        commit=current_commit(),
        created=now(),
    )

    def kept(done: PicturesEvaluation) -> PicturesEvaluation:  # what is done is kept, should the rest be stopped
        done = replace(done, minutes=round((time.monotonic() - started) / 60, 1))
        write_json(target, to_json(done))
        return done

    def part(begin: float, share: float, words: str) -> Callable[[float], None]:
        return lambda done: progress(begin + share * done, words)

    found = kept(replace(found, styles=job.styles(root, part(0.0, 0.4, "Beats in every style"))))
    found = kept(replace(found, others=job.others(root, part(0.4, 0.3, "Pictures that are no beat"))))
    kept(replace(found, beat_images=job.beat_images(root, part(0.7, 0.3, "Public pictures"))))
    return target


class _Job:
    """One evaluation: the network with its heads."""

    def __init__(self, head: PictureHead, classifier: Classifier, config: Config) -> None:
        self.head, self.classifier, self.config = head, classifier, config

    def styles(self, root: Path, progress: Callable[[float], None]) -> StyledBeats:
        """Score beats of DS2 and of a paced patient, none of whom was trained on, in all styles; and textbook beats."""
        windows = load_windows((*DS2, *PACED_VALIDATION), root, self.config)
        rng, styles = np.random.default_rng(SEED), (*STYLES, *HELD_OUT_STYLES)
        found: list[ScoredImage] = []
        textbook = 0
        for number, style in enumerate(styles):
            index = choose_windows(windows, BEATS_PER_STYLE, rng)
            scores = self._abnormal([_drawn(v, style, rng) for v in cut_traces(windows, index, rng, POINTS)])
            found += zip(
                [style] * index.size, windows.label[index].tolist(), windows.record[index], scores, strict=True
            )
            smooth = unit(textbook_beats(TEXTBOOKS_PER_STYLE, rng, POINTS))
            textbook += sum(t is not None for t in self._accepted([_drawn(v, style, rng) for v in smooth]))
            progress((number + 1) / len(styles))
        usual = [row for row in found if row[1] < _PACED]
        n = TEXTBOOKS_PER_STYLE * len(styles)
        return StyledBeats(
            all=scores_of(usual, self._threshold, resamples=1000),
            held_out_styles=scores_of([row for row in usual if row[0] in HELD_OUT_STYLES], self._threshold),
            against_normal=self._against_normal(found),
            textbook=Acceptance(n=n, accepted=textbook, share=textbook / n, interval=wilson(textbook, n)),
            by_style={style: scores_of([row for row in usual if row[0] == style], self._threshold) for style in styles},
            by_class={
                aami: ClassAcceptance(
                    **vars(acceptance([row for row in found if row[1] == i])),
                    called_abnormal=called_abnormal(found, i, self._threshold),
                )
                for i, aami in enumerate(AAMI_CLASSES)
            },
        )

    def _against_normal(self, rows: Sequence[ScoredImage]) -> dict[str, AcceptedScores]:
        """Return scores for N against only those classes that a shape alone can show."""
        return {
            name: scores_of([row for row in rows if row[1] in (0, *labels)], self._threshold, resamples=1000)
            for name, labels in AGAINST_NORMAL.items()
        }

    def others(self, root: Path, progress: Callable[[float], None]) -> OtherPictures:
        """Score pictures that are not beats, of kinds that training did not see."""
        windows, rng = load_windows(("100", "105", "200", "213"), root, self.config), np.random.default_rng(SEED)
        beats = cut_traces(windows, rng.integers(0, len(windows.label), 100), rng, POINTS)
        by_kind: dict[str, KindCount] = {}
        for number, kind in enumerate(HELD_OUT_KINDS):
            by_kind[kind] = self._taken([held_out_non_beat(kind, rng, beats) for _ in range(NON_BEATS_PER_KIND)])
            progress(0.6 * (number + 1) / len(HELD_OUT_KINDS))
        by_kind["photos"] = self._taken(_photos(rng))
        for number, (kind, pattern, limit) in enumerate(REAL_NON_BEATS):
            files = [path for path in sorted(root.glob(pattern)) if path.suffix.lower() in _PICTURES]
            files = files[:: max(1, len(files) // limit)][:limit]
            by_kind[kind] = KindCount(n=len(files), accepted=sum(self._reads(path) for path in files))
            progress(0.6 + 0.4 * (number + 1) / len(REAL_NON_BEATS))
        n, accepted = sum(kind.n for kind in by_kind.values()), sum(kind.accepted for kind in by_kind.values())
        return OtherPictures(n=n, accepted=accepted, share=accepted / n, interval=wilson(accepted, n), by_kind=by_kind)

    def _taken(self, pictures: Sequence[PictureArray]) -> KindCount:
        return KindCount(n=len(pictures), accepted=sum(trace is not None for trace in self._accepted(pictures)))

    def beat_images(self, root: Path, progress: Callable[[float], None]) -> PublicPictures:
        """Score the public one-beat pictures: which beats they are, how they are read, what folder names are worth."""
        files = sorted((root / "beat_images").glob("*/*.png"))
        read: list[tuple[Path, BeatTrace | None]] = []
        for number, path in enumerate(files):
            read.append((path, self._trace(path)))
            if number % 50 == 0:
                progress(0.6 * number / len(files))
        found = [(path, trace) for path, trace in read if trace is not None]
        matches = find_recorded_beats([trace.value for _, trace in found], database_folder(root), self.config)
        progress(0.85)
        folder = np.array([path.parent.name for path, _ in found])
        return PublicPictures(
            n=len(files),
            accepted=len(found),
            share=len(found) / len(files),
            folders={name: symbols_of(matches, folder == name) for name in sorted(set(folder.tolist()))},
            annotators_labels=self._true_labels(matches, [trace for _, trace in found]),
            folder_labels=trained_on_folder_names([t.value for _, t in found], folder, matches),
        )

    @property
    def _threshold(self) -> float:
        return self.head.manifest.threshold

    def _true_labels(self, matches: RecordedBeats, traces: Sequence[BeatTrace]) -> AnnotatedScores:
        """Score by the annotators' labels of the beats shown, for DS2's patients only."""
        aami = np.array([aami_class(symbol) or "" for symbol in matches.symbol])
        kept = np.flatnonzero(matches.sure & np.isin(matches.record, list(DS2)) & np.isin(aami, list("NSVF")))
        answers = classify_traces([traces[int(i)] for i in kept], self.head, self.classifier)
        rows: list[ScoredImage] = [
            ("", AAMI_CLASSES.index(str(aami[i])), str(matches.record[i]), answer.abnormal)
            for i, answer in zip(kept, answers, strict=True)
        ]
        scored = scores_of(rows, self._threshold, resamples=1000)
        return AnnotatedScores(
            **vars(scored),
            sure=int(matches.sure.sum()),
            records=tuple(sorted({row[2] for row in rows})),
            against_normal=self._against_normal(rows),
            counts={name: int((aami[kept] == name).sum()) for name in "NSVF"},
        )

    def _accepted(self, pictures: Sequence[PictureArray]) -> list[BeatTrace | None]:
        """Return the traces of pictures of one beat; None for those that are refused."""
        found: list[BeatTrace | None] = []
        for picture in pictures:
            try:
                column, row, finding = trace_picture(picture)
            except EcgError:
                found.append(None)
                continue
            value = ((row.max() - row) / (row.max() - row.min())).astype(np.float32)
            is_beat = self.head.beat_scores([value], finding[None])[0] >= self.head.manifest.accept_from
            trace = BeatTrace("", "", picture, column.astype(np.float32), row.astype(np.float32), value, finding)
            found.append(trace if is_beat else None)
        return found

    def _abnormal(self, pictures: Sequence[PictureArray]) -> list[float | None]:
        accepted = self._accepted(pictures)
        answers = iter(classify_traces([t for t in accepted if t is not None], self.head, self.classifier, self.config))
        return [None if trace is None else next(answers).abnormal for trace in accepted]

    def _trace(self, path: Path) -> BeatTrace | None:
        try:
            return read_beat(PictureFile(path.name, path.read_bytes()), self.head, self.config)
        except EcgError:
            return None

    def _reads(self, path: Path) -> bool:
        return self._trace(path) is not None


_PICTURES: Final = (".png", ".jpg", ".jpeg", ".pdf")
_PACED: Final = AAMI_CLASSES.index("Q")


def _drawn(value: FloatArray, style: str, rng: Rng) -> PictureArray:
    return (held_out_beat if style in HELD_OUT_STYLES else draw_styled)(value, style, rng)


def _photos(rng: Rng) -> list[PictureArray]:
    """Return pieces of the two photographs that come with scikit-learn."""
    whole = [np.asarray(picture, np.uint8) for picture in load_sample_images().images]
    pieces = []
    for number in range(PHOTOS):
        picture, size = whole[number % len(whole)], int(rng.integers(120, 400))
        y, x = (int(rng.integers(side - size)) for side in picture.shape[:2])
        pieces.append(np.ascontiguousarray(picture[y : y + size, x : x + size]))
    return pieces
