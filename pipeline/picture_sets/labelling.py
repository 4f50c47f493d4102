"""What is cut out of a recording, and its labels: by the reference where there is one, else predicted and said so."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.analysis import Prepared, classify, prepare
from pipeline.datasets.rhythm_references import rhythm_episodes
from pipeline.errors import IntakeError
from pipeline.intake.wfdb_annotations import parse_notes
from pipeline.labels import aami_class
from pipeline.picture_sets.options import PictureSetOptions
from pipeline.picture_sets.sources import Source
from pipeline.rhythm_names import RHYTHM_NAMES
from pipeline.types import Analysis, Episode, FloatArray, IntArray, Recording, RhythmCode

if TYPE_CHECKING:
    from models.registry import Classifier

Load = Callable[[], "Classifier"]

NORMAL, ABNORMAL = "normal", "abnormal"
OUTSIDE: Final = "the window leaves the recording or a stretch without gaps"
MIXED: Final = "it shows no rhythm for most of its length, or no beat that can be read"
UNSURE: Final = "the network is not sure enough of the class"
UNLABELLED: Final = "nothing was annotated there"
PAGE_SHARE: Final = 0.5  # of a page that its rhythm fills at least
# What LUDB's headers call the rhythms that have a code.
_SPOKEN: Final[Mapping[str, RhythmCode]] = MappingProxyType(
    {
        "sinus rhythm": "N",
        "sinus arrhythmia": "N",
        "irregular sinus rhythm": "N",
        "sinus bradycardia": "SBR",
        "sinus tachycardia": "ST",
        "atrial fibrillation": "AFIB",
        "atrial flutter": "AFL",
    }
)
_RX_SPOKEN: Final = re.compile(r"^#\s*Rhythm:\s*([a-z ]+)", re.MULTILINE | re.IGNORECASE)
_RX_SNOMED: Final = re.compile(r"^#\s*Dx:\s*([\d, ]+)", re.MULTILINE)


@dataclass(frozen=True, eq=False)
class Cuts:
    """What is cut out of one recording, in order of time.

    Attributes
    ----------
    prepared : Prepared
        The recording with its beats.
    at : (n,) int64
        R peak of the beat, or start of the strip, as an index into `prepared.beats.signal`.
    beat : (n,) int64
        Which beat, an index into `prepared.beats`; -1 for strips.
    sample : (n,) int64
        The same place as `at`, as an index into the recording.
    label : (n,) str
        Class, rhythm, or normal and abnormal.
    confidence : (n,) float32
        Of predicted labels, 0..1; 1 for those of the reference.
    model : str
        Network and version that predicted the labels; "" if they are the reference's.
    left_out : Counter of str
        Why beats or strips are left out, and how many.
    """

    prepared: Prepared
    at: IntArray
    beat: IntArray
    sample: IntArray
    label: NDArray[np.str_]
    confidence: FloatArray
    model: str
    left_out: Counter[str]

    def __len__(self) -> int:
        """Return how many there are."""
        return int(self.at.size)

    def take(self, index: IntArray) -> Cuts:
        """Return those at `index`."""
        arrays = (self.at[index], self.beat[index], self.sample[index], self.label[index], self.confidence[index])
        return Cuts(self.prepared, *arrays, self.model, self.left_out)


@dataclass(frozen=True, eq=False)
class _Truth:
    """Labels of a recording, of the reference or predicted: a class per beat ("" for none), and episodes."""

    prepared: Prepared
    classes: NDArray[np.str_]
    reason: Sequence[str]
    confidence: FloatArray
    episodes: tuple[Episode, ...]
    model: str


def cut(source: Source, options: PictureSetOptions, load: Load) -> Cuts:
    """Read a recording, and find what is cut out of it, with labels.

    Parameters
    ----------
    source : Source
        Where it is.
    options : PictureSetOptions
        Checked options.
    load : callable
        Returns the network that predicts labels where there is no reference; not called where there is one.

    Raises
    ------
    IntakeError, LimitError, SignalError
        If the recording cannot be read or is too short; one sentence.
    ModelError
        If the network cannot be loaded.
    """
    recording = source.read()
    truth = _truth(source, recording, options, load)
    found = _beats(truth, options) if options.of_beats else _strips(truth, options)
    return found.take(_spread(found.label, options.most)) if options.most else found


def reference_rhythms(source: Source, recording: Recording) -> tuple[Episode, ...]:
    """Return the rhythms that were annotated in a recording, or that a table or its header states; none without."""
    if source.recording is not None or source.path.suffix.lower() != ".hea":
        return ()
    try:
        marks = parse_notes(source.path.with_suffix(".atr").read_bytes(), fs=recording.fs)
        episodes, _ = rhythm_episodes(marks, recording.fs, recording.duration_s)
    except (OSError, IntakeError):
        episodes = ()
    if episodes:
        return episodes
    if source.rhythm is not None:
        return (Episode(0.0, recording.duration_s, source.rhythm),)
    try:
        code = stated_rhythm(source.path.read_text("latin-1"))
    except OSError:
        return ()
    return (Episode(0.0, recording.duration_s, code),) if code else ()


def stated_rhythm(header: str) -> RhythmCode | None:
    r"""Return the rhythm that a header's comments state in words, as LUDB's, or in SNOMED CT, as Challenge 2021's.

    Of several, it is the most urgent one.

    Examples
    --------
    >>> stated_rhythm("r 12 500 5000\n#Rhythm: Sinus bradycardia."), stated_rhythm("#Dx: 426783006,164889003")
    ('SBR', 'AFIB')
    """
    if found := _RX_SPOKEN.search(header):
        return _SPOKEN.get(found[1].strip().lower())
    stated = {code.strip() for line in _RX_SNOMED.findall(header) for code in line.split(",")}
    return next((code for code, name in RHYTHM_NAMES.items() if name.snomed and name.snomed in stated), None)


def _truth(source: Source, recording: Recording, options: PictureSetOptions, load: Load) -> _Truth:
    leads = (options.lead,) if options.lead else None
    reference = recording.reference if recording.reference is not None and recording.reference.sample.size else None
    episodes = reference_rhythms(source, recording) if options.label == "rhythm" else ()
    needed = bool(episodes) if options.label == "rhythm" else reference is not None
    if not needed:
        return _predicted(prepare(recording, leads=leads), load())
    prepared = prepare(recording, leads=leads, samples=None if reference is None else reference.sample)
    symbols = reference.symbol if reference is not None else ("N",) * len(prepared.beats)
    classes = np.array([aami_class(symbol) or "Q" for symbol in symbols], "<U1")
    certain = np.ones(classes.size, np.float32)
    return _Truth(prepared, classes, prepared.beats.reason, certain, episodes, "")


def _predicted(prepared: Prepared, network: Classifier) -> _Truth:
    analysis: Analysis = classify(prepared, network)
    unsure = [
        reason if status == "unclassified" else ""
        for status, reason in zip(analysis.status, analysis.reason, strict=True)
    ]
    episodes = tuple(episode for episode in analysis.rhythm if episode.rhythm != "NOISE")
    named = f"{analysis.model} {analysis.model_version}"
    return _Truth(prepared, np.array(analysis.symbol, "<U1"), unsure, analysis.confidence, episodes, named)


def _beats(truth: _Truth, options: PictureSetOptions) -> Cuts:
    beats = truth.prepared.beats
    label, confidence = truth.classes.astype("<U8"), truth.confidence
    reason = [_in_groups(text) for text in truth.reason]
    if options.label == "normal-abnormal":
        label = np.where(truth.classes == "N", NORMAL, ABNORMAL)
    elif options.label == "rhythm":
        label, confidence = _rhythm_at(beats.sample / truth.prepared.recording.fs, truth.episodes)
        reason = [text or ("" if name else UNLABELLED) for text, name in zip(reason, label, strict=True)]
    if options.style != "model":  # whose window ends where the signal does, as the network sees it
        before, after = _window(options, beats.fs)
        inside = _inside(truth.prepared, beats.r_peak - before, beats.r_peak + after)
        reason = [text or ("" if fits else OUTSIDE) for text, fits in zip(reason, inside, strict=True)]
    kept = np.flatnonzero([not text for text in reason])
    left_out = Counter(text for text in reason if text)
    found = (beats.r_peak[kept], kept, beats.sample[kept], label[kept], confidence[kept].astype(np.float32))
    return Cuts(truth.prepared, *found, truth.model, left_out)


def _strips(truth: _Truth, options: PictureSetOptions) -> Cuts:
    """Cut strips one after the other: inside one rhythm, or for pages from the beginning on."""
    prepared, (_, seconds) = truth.prepared, options.window_s or (0.0, 0.0)
    fs, length = prepared.beats.fs, round(seconds * prepared.beats.fs)
    total = round(prepared.recording.duration_s * fs)
    if options.style == "page":
        start = np.arange(0, total - length + 1, length, dtype=np.int64)
        label, confidence = _of_pages(truth, start / fs, seconds, options)
    else:
        first = [
            np.arange(np.ceil(e.start_s * fs), min(e.stop_s * fs, total) - length + 1, length) for e in truth.episodes
        ]
        start = np.concatenate([*first, np.zeros(0)]).astype(np.int64)
        sizes = [part.size for part in first]
        label = np.repeat(np.array([e.rhythm for e in truth.episodes], "<U8"), sizes)
        confidence = np.repeat(np.array([e.confidence for e in truth.episodes], np.float32), sizes)
    fits = _inside(prepared, start, start + length - 2)  # resampling may have lost a sample at the end
    kept = np.flatnonzero(fits & (label != ""))
    left_out = Counter({OUTSIDE: int((~fits).sum()), MIXED: int((fits & (label == "")).sum())})
    sample = np.round(start[kept] / fs * prepared.recording.fs).astype(np.int64)
    nothing = np.full(kept.size, -1, np.int64)
    return Cuts(prepared, start[kept], nothing, sample, label[kept], confidence[kept], truth.model, +left_out)


def _of_pages(
    truth: _Truth, start_s: NDArray[np.float64], seconds: float, options: PictureSetOptions
) -> tuple[NDArray[np.str_], FloatArray]:
    """Return label ("" for none) and confidence of each page: the rhythm that fills most, or what its beats are."""
    label, confidence = np.full(start_s.size, "", "<U8"), np.ones(start_s.size, np.float32)
    time_s = truth.prepared.beats.sample / truth.prepared.recording.fs
    readable = np.array([not text for text in truth.reason], np.bool_)
    for i, first_s in enumerate(start_s):
        if options.label == "rhythm":
            label[i], confidence[i] = _longest(truth.episodes, first_s, first_s + seconds)
            continue
        inside = readable & (time_s >= first_s) & (time_s < first_s + seconds)
        if inside.any():
            label[i] = ABNORMAL if (truth.classes[inside] != "N").any() else NORMAL
            confidence[i] = truth.confidence[inside].min()
    return label, confidence


def _longest(episodes: Sequence[Episode], start_s: float, stop_s: float) -> tuple[str, float]:
    """Return the rhythm that takes most of a stretch, and its least confidence; "" if none takes `PAGE_SHARE`."""
    seconds: defaultdict[str, float] = defaultdict(float)
    confidence: dict[str, float] = {}
    for episode in episodes:
        shared = min(episode.stop_s, stop_s) - max(episode.start_s, start_s)
        if shared > 0:
            seconds[episode.rhythm] += shared
            confidence[episode.rhythm] = min(episode.confidence, confidence.get(episode.rhythm, 1.0))
    rhythm, longest = max(seconds.items(), key=lambda item: item[1], default=("", 0.0))
    return (rhythm, confidence[rhythm]) if longest >= PAGE_SHARE * (stop_s - start_s) else ("", 1.0)


def _rhythm_at(time_s: NDArray[np.float64], episodes: Sequence[Episode]) -> tuple[NDArray[np.str_], FloatArray]:
    label, confidence = np.full(time_s.size, "", "<U8"), np.ones(time_s.size, np.float32)
    for episode in episodes:
        inside = (time_s >= episode.start_s) & (time_s < episode.stop_s)
        label[inside], confidence[inside] = episode.rhythm, episode.confidence
    return label, confidence


def _window(options: PictureSetOptions, fs: float) -> tuple[int, int]:
    before, after = options.window_s or (0.0, 0.0)
    return round(before * fs), round(after * fs)


def _inside(prepared: Prepared, first: IntArray, last: IntArray) -> NDArray[np.bool_]:
    """Tell which of the stretches from `first` to `last` (n,) lie in one segment of the recording."""
    starts = np.array([start for start, _ in prepared.segments], np.int64)
    stops = np.array([stop for _, stop in prepared.segments], np.int64)
    segment = np.searchsorted(starts, first, side="right") - 1
    return (segment >= 0) & (last < stops[np.maximum(segment, 0)])


def _in_groups(reason: str) -> str:
    """Return a reason without what differs from beat to beat, so that equal ones can be counted."""
    return UNSURE if reason.startswith("confidence") else re.sub(r"\d+(?:\.\d+)?", "...", reason)


def _spread(label: NDArray[np.str_], most: int) -> IntArray:
    """Return at most `most` positions of each label, spread over all of them, in order."""
    kept = []
    for name in np.unique(label):
        own = np.flatnonzero(label == name)
        kept.append(own[np.unique(np.linspace(0, own.size - 1, min(most, own.size)).round().astype(np.int64))])
    return np.sort(np.concatenate([*kept, np.zeros(0, np.int64)])).astype(np.int64)
