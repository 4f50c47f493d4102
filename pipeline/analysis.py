"""The main task, readable as a table of contents: from a recording to classified beats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

import pipeline
from models.threads import single_threaded_blas
from pipeline._util.memory import give_back
from pipeline._util.progress import Progress, no_progress
from pipeline.config import DEFAULT, Config
from pipeline.errors import ModelError, SignalError
from pipeline.features.network_inputs import blocks
from pipeline.labels import AAMI_CLASSES
from pipeline.rhythm.context import RhythmContext
from pipeline.rhythm.dropped_beats import without_false_s_in_block
from pipeline.rhythm.find import breaks, episodes, find_in_signal, without_beats
from pipeline.rhythm.interpolated import without_false_s
from pipeline.rhythm.pacing import read_pacing
from pipeline.signal.beats import cut_beats
from pipeline.signal.conditioning import Conditioned
from pipeline.signal.leads import TRAINED_LEADS, may_look_inverted
from pipeline.signal.quality import BESIDE, NOISE, beside_lost, doubtful_in_noise, noise_at
from pipeline.signal.r_peaks import Detector, detect_r_peaks, looks_inverted, slopes, snap
from pipeline.signal.reading import read_leads
from pipeline.signal.refined_peaks import refined
from pipeline.signal.sampling import doubtful_factor, qrs_width_ms
from pipeline.signal.standing_out import standing_out
from pipeline.twelve_leads.measured_pr import with_measured_pr
from pipeline.twelve_leads.measuring import Marked
from pipeline.twelve_leads.reading import read_measurements, read_waves
from pipeline.types import Analysis, Beats, Episode, FloatArray, IntArray, Quality, Recording, Status, read_only
from pipeline.wording import score, share

if TYPE_CHECKING:
    from models.registry import Classifier

PACED: Final = "paced: a stimulus comes before the QRS"
EDGE_S: Final = 0.3  # the edges of a rhythm that is found in the waveform are not more exact
VENTRICULAR: Final = "the rhythm around it is ventricular, and this class is not"


class BeatClassifier(Protocol):
    """What `analyse` needs of a network; `models.registry.Classifier` is one."""

    @property
    def name(self) -> str:
        """Name of the network."""
        ...

    @property
    def version(self) -> str:
        """Version of its weights."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """Its classes, in the order of its probabilities."""
        ...

    @property
    def preprocessing(self) -> str:
        """Hash of the preprocessing that it was trained on."""
        ...

    @property
    def threshold(self) -> float:
        """1 - p(N) from which a beat is called abnormal."""
        ...

    @property
    def abstain_below(self) -> float:
        """Confidence below which a beat stays unclassified."""
        ...

    def predict(self, inputs: NDArray[Any], /) -> FloatArray:
        """Return calibrated probabilities (n, 5) of n beats from what `preprocessing` names (`pipeline.features`)."""
        ...


@dataclass(frozen=True, eq=False)
class Prepared:
    """A recording with its beats: everything before the network.

    Attributes
    ----------
    recording : Recording
        What is analysed.
    leads : tuple of str
        Names of the one or two leads that are analysed.
    quality : Quality
        Verdicts on the first of them.
    beats : Beats
        R peaks, intervals and the filtered signal around them.
    notices : tuple of str
        What a reader should know, one sentence each.
    segments : tuple of (int, int)
        Stretches [start, stop) in which the first lead was recorded, as indices into `beats.signal`.
    in_signal : tuple of Episode
        Rhythms that the signal tells without the classes of beats, such as ventricular fibrillation.
    """

    recording: Recording
    leads: tuple[str, ...]
    quality: Quality
    beats: Beats
    notices: tuple[str, ...]
    segments: tuple[tuple[int, int], ...] = ()
    in_signal: tuple[Episode, ...] = ()

    @property
    def conditioned(self) -> Conditioned:
        """The analysed leads in mV, made again from `beats.signal`."""
        return Conditioned(read_only(self.beats.signal * self.beats.scale_mv), self.beats.fs, self.segments)


@single_threaded_blas()
def prepare(
    recording: Recording,
    config: Config = DEFAULT,
    *,
    leads: tuple[str, ...] | None = None,
    samples: IntArray | None = None,
) -> Prepared:
    """Choose leads, filter them, judge their quality, find R peaks and cut beats.

    Parameters
    ----------
    recording : Recording
        The recording.
    config : Config, optional
        Settings of the pipeline.
    leads : tuple of str, optional
        One or two lead names; chosen automatically if None.
    samples : (n,) int64, optional
        Given (reference) beats instead of detected ones, as indices into the recording. Each is snapped to the local
        extremum; their number and order stay the same.

    Raises
    ------
    SignalError
        If the recording is too short, or has no stretch without gaps.

    Examples
    --------
    >>> from pipeline.datasets import demo_path
    >>> from pipeline.intake import read_path
    >>> prepared = prepare(read_path(demo_path()))
    >>> prepared.leads, len(prepared.beats)
    (('MLII',), 503)
    """
    _check_duration(recording, config)
    give_back()  # what reading the file took
    read = read_leads(recording, config.signal, leads)
    chosen, conditioned = read.leads, read.conditioned
    second = cache(lambda: slopes(conditioned, config.signal))  # asked where R is, which beats it sees too, how noisy
    r_peak, sample, offset = _beats_at(recording, conditioned, samples, config, second)
    quality, noise = read.judged(r_peak, second(), config.signal)
    give_back()
    found = find_in_signal(_unclassified(recording, conditioned, chosen, quality, sample))
    if offset is not None:
        kept = ~(_covered(sample / recording.fs, without_beats(found)) | quality.is_flat(sample / recording.fs))
        r_peak, sample, offset = r_peak[kept], sample[kept], read_only(offset[kept])
    beats = cut_beats(conditioned, chosen, r_peak, sample, quality, config, second)
    beats = replace(beats, offset=offset, noise=read_only(noise_at(noise, r_peak / conditioned.fs)))
    notices = (*recording.notices, *read.notices, *_notices(recording, conditioned, beats, quality, config))
    return Prepared(recording, chosen, quality, beats, notices, conditioned.segments, tuple(found))


@single_threaded_blas()
def analyse(
    recording: Recording,
    classifier: BeatClassifier,
    config: Config = DEFAULT,
    *,
    leads: tuple[str, ...] | None = None,
    samples: IntArray | None = None,
    progress: Progress | None = None,
) -> Analysis:
    """Find and classify the beats of a recording.

    Parameters
    ----------
    recording : Recording
        The recording.
    classifier : BeatClassifier
        The network.
    config : Config, optional
        Settings of the pipeline.
    leads : tuple of str, optional
        One or two lead names; chosen automatically if None.
    samples : (n,) int64, optional
        Given beats instead of detected ones, as in `prepare`.
    progress : callable, optional
        Called with a fraction in 0..1 and a sentence.

    Raises
    ------
    SignalError
        As in `prepare`.
    ModelError
        If the network does not fit this configuration; see `check_classifier`.
    """
    report = progress or no_progress
    report(0.0, "Filtering the signal and finding R peaks")
    return classify(prepare(recording, config, leads=leads, samples=samples), classifier, config, progress=report)


def classify(
    prepared: Prepared, classifier: BeatClassifier, config: Config = DEFAULT, *, progress: Progress | None = None
) -> Analysis:
    """Classify the beats of a prepared recording, and state for each whether the answer can be used.

    Parameters
    ----------
    prepared : Prepared
        The beats of a recording. Their signal is let go before rhythms are looked for: a caller that keeps no name for
        `prepared` saves its memory.
    classifier : BeatClassifier
        The network.
    config : Config, optional
        Settings of the pipeline.
    progress : callable, optional
        Called with a fraction in 0..1 and a sentence.

    Raises
    ------
    ModelError
        If the network does not fit this configuration; see `check_classifier`.
    """
    with single_threaded_blas():  # a decorator would hold `prepared` while rhythms are looked for
        check_classifier(classifier, config)
        beats, recording = prepared.beats, prepared.recording
        report = progress or no_progress
        p, has_p = _probabilities(beats, classifier, config, report)
        p = without_false_s(p, beats.r_peak / beats.fs, np.isnan(beats.rr_s))
        report(0.95, "Finding rhythms")
        give_back()
        context = _context(prepared, p, _final_reasons(prepared, p, has_p, classifier.abstain_below, config))
        prepared = _without_signal(prepared)
        beats = prepared.beats
        pacing = read_pacing(context)
        give_back()
        paced = pacing.ventricular & has_p
        p[paced] = _as_paced(p[paced], pacing.confidence[paced])
        context = replace(context, symbol=np.where(paced, "Q", context.symbol), confidence=p.max(axis=1))
        rhythm = episodes(context, prepared.in_signal, pacing)
        p = without_false_s_in_block(p, context, rhythm)
        reason = _final_reasons(prepared, p, has_p, classifier.abstain_below, config)
        reason = _agreeing(reason, p, context.time_s, rhythm)
        report(1.0, f"{len(beats)} beats read")
        return Analysis(
            record=recording.name,
            digest=recording.digest,
            fs=recording.fs,
            duration_s=recording.duration_s,
            leads=prepared.leads,
            model=classifier.name,
            model_version=classifier.version,
            version=pipeline.__version__,
            quality=prepared.quality,
            sample=beats.sample,
            p=read_only(p),
            has_p=read_only(has_p),
            confidence=read_only(np.where(has_p, p.max(axis=1), 0.0).astype(np.float32)),
            status=tuple[Status, ...]("unclassified" if text else "classified" for text in reason),
            reason=tuple(
                PACED if is_paced and not text else text for is_paced, text in zip(paced, reason, strict=True)
            ),
            notices=prepared.notices,
            threshold=classifier.threshold,
            rr_s=read_only(_intervals(beats, recording.fs)),
            rhythm=rhythm,
            offset=beats.offset,
        )


@single_threaded_blas()
def with_measurements(recording: Recording, analysis: Analysis, marked: Marked | None = None) -> Analysis:
    """Return an analysis with what is measured in the usual beats of all leads: intervals, levels, statements.

    The P-R interval that is measured decides on first-degree block in its rhythm.

    Parameters
    ----------
    recording : Recording
        The recording.
    analysis : Analysis
        The analysis of it.
    marked : Marked, optional
        Its waves (`pipeline.twelve_leads.reading.read_waves`); marked if None.
    """
    marked = read_waves(recording, analysis) if marked is None else marked
    analysis = with_measured_pr(recording, analysis, marked)
    return replace(analysis, measured=read_measurements(recording, analysis, marked))


def prepare_again(recording: Recording, analysis: Analysis, config: Config = DEFAULT) -> Prepared:
    """Return what an analysis was made from: its own leads and beats, one to one.

    Parameters
    ----------
    recording : Recording
        The recording.
    analysis : Analysis
        The analysis of it.
    config : Config, optional
        Settings of the pipeline.
    """
    again = prepare(recording, config, leads=analysis.leads, samples=analysis.sample)
    return replace(again, beats=replace(again.beats, sample=analysis.sample, offset=analysis.offset))


def load_classifier(name: str, config: Config = DEFAULT) -> Classifier:
    """Load a verified network that reads what this configuration gives it.

    Raises
    ------
    ModelError
        If there is no such network, it fails its checks, or it was trained on other inputs.
    """
    from models import registry  # takes a second, which stored results do not need

    classifier = registry.load(name)
    check_classifier(classifier, config)
    return classifier


def check_classifier(classifier: BeatClassifier, config: Config) -> None:
    """Refuse a network whose classes or inputs differ from this configuration's.

    Raises
    ------
    ModelError
        If they differ: arrays of the same shapes would load and give answers, but with another meaning.
    """
    if tuple(classifier.classes) != AAMI_CLASSES:
        raise ModelError(f"Network {classifier.name!r} answers in classes {classifier.classes}, not {AAMI_CLASSES}.")
    known = (config.preprocessing_id(), config.sequence_id())
    if classifier.preprocessing not in known:
        raise ModelError(
            f"Network {classifier.name!r} was trained on pictures {classifier.preprocessing!r}, "
            f"these are {known[0]!r}, and sequences of beats {known[1]!r}."
        )


def _check_duration(recording: Recording, config: Config) -> None:
    shortest = config.limits.duration_min_s
    if recording.duration_s < shortest:
        raise SignalError(f"The recording lasts {recording.duration_s:.2f} s; at least {shortest:g} s are needed.")


def _beats_at(
    recording: Recording, conditioned: Conditioned, samples: IntArray | None, config: Config, second: Detector
) -> tuple[IntArray, IntArray, FloatArray | None]:
    ratio = conditioned.fs / recording.fs
    if samples is None:
        r_peak = detect_r_peaks(conditioned, config.signal, second)
        r_peak = r_peak[standing_out(conditioned, r_peak)]
        exact = refined(conditioned.signal[:, 0], r_peak, conditioned.fs) / ratio
        sample = np.clip(np.round(exact).astype(np.int64), 0, recording.n_samples - 1)
        return r_peak, sample, (exact - sample).astype(np.float32)
    at = np.clip(np.round(samples * ratio).astype(np.int64), 0, len(conditioned.signal) - 1)
    lead = conditioned.signal[:, 0]
    return snap(at, lead, conditioned.fs, config.signal), np.asarray(samples, np.int64), None


def _without_signal(prepared: Prepared) -> Prepared:
    """Return what was prepared without the signal of its beats, which finders of rhythms read in mV."""
    none = np.zeros((0, len(prepared.leads)), np.float32)
    return replace(prepared, beats=replace(prepared.beats, signal=none))


def _context(prepared: Prepared, p: FloatArray, reason: Sequence[str]) -> RhythmContext:
    """Return what the finders of rhythms are given: a beat with a reason has no class that can be relied on."""
    trusted = np.array([not text for text in reason], np.bool_)
    symbol = np.array(AAMI_CLASSES, "<U1")[p.argmax(axis=1)]
    found = _unclassified(
        prepared.recording, prepared.conditioned, prepared.leads, prepared.quality, prepared.beats.sample
    )
    return replace(found, symbol=np.where(trusted, symbol, "Q"), trusted=trusted, confidence=p.max(axis=1))


def _unclassified(
    recording: Recording, conditioned: Conditioned, leads: tuple[str, ...], quality: Quality, sample: IntArray
) -> RhythmContext:
    time_s = sample / recording.fs
    return RhythmContext(
        duration_s=recording.duration_s,
        time_s=time_s,
        symbol=np.full(sample.size, "Q"),
        trusted=np.zeros(sample.size, np.bool_),
        confidence=np.zeros(sample.size, np.float32),
        break_before=breaks(time_s, conditioned),
        recording=recording,
        conditioned=conditioned,
        leads=leads,
        quality=quality,
    )


def _as_paced(p: FloatArray, confidence: FloatArray) -> FloatArray:
    """Return the probabilities (n, 5) of paced beats: paced with this confidence (n,), else what the network says."""
    share_of_network = np.float32(1) - confidence[:, None].astype(np.float32)
    return p * share_of_network + np.where(np.array(AAMI_CLASSES) == "Q", np.float32(1) - share_of_network, 0)


def _covered(time_s: NDArray[np.float64], episodes: Sequence[Episode]) -> NDArray[np.bool_]:
    """Tell which of the times (n,), in seconds, lie in one of the episodes."""
    found = np.zeros(time_s.size, np.bool_)
    for episode in episodes:
        found |= (time_s >= episode.start_s) & (time_s < episode.stop_s)
    return found


def _notices(
    recording: Recording, conditioned: Conditioned, beats: Beats, quality: Quality, config: Config
) -> tuple[str, ...]:
    found = []
    first = beats.leads[0]
    if quality.analysed_fraction < 0.995:
        found.append(f"{share(quality.analysed_fraction)} of the recording could be analysed.")
    if doubtful_factor(conditioned, beats.r_peak) != 1:
        width_ms, rate = qrs_width_ms(conditioned, beats.r_peak), 60 / beats.mean_rr_s
        at = f"{width_ms:.0f} ms wide at {rate:.0f}/min"
        found.append(f"The QRS is {at}: is the sampling frequency really {recording.fs:g} Hz?")
    for i, lead in enumerate(beats.leads):
        down = may_look_inverted(lead, first=i == 0)
        if down and looks_inverted(conditioned.signal[:, i], beats.r_peak, conditioned.fs):
            found.append(f"The QRS of lead {lead} points down: the electrodes may be swapped.")
    if first.upper() not in TRAINED_LEADS:
        found.append(
            f"Lead {first} is none of MIT-BIH's, which every network was trained on; read the classes with care."
        )
    index = recording.leads.index(first)
    if not recording.calibrated[index]:
        found.append(f"Lead {first} is uncalibrated: its amplitudes are not millivolts.")
    elif not config.signal.amplitude_min_mv <= float(beats.scale_mv[0]) <= config.signal.amplitude_max_mv:
        found.append(f"The usual QRS is {beats.scale_mv[0]:.3g} mV high; check the unit and gain.")
    return tuple(found)


def _probabilities(
    beats: Beats, classifier: BeatClassifier, config: Config, progress: Progress
) -> tuple[FloatArray, NDArray[np.bool_]]:
    usable = np.flatnonzero([not reason for reason in beats.reason])
    p, done = np.zeros((len(beats), 5), np.float32), 0
    for block in blocks(beats, classifier.preprocessing, config) if usable.size else ():
        progress(0.1 + 0.85 * done / usable.size, f"Reading beat {done + 1} of {usable.size}")
        p[block.beat] = classifier.predict(block.inputs)[block.answer]
        done += block.beat.size
    has_p = np.zeros(len(beats), np.bool_)
    has_p[usable] = np.isfinite(p[usable]).all(axis=1) & (np.abs(p[usable].sum(axis=1) - 1) < 1e-3)
    p[~has_p] = 0
    return p, has_p


def _intervals(beats: Beats, fs: float) -> FloatArray:
    """Seconds (n,) since the previous beat, NaN where nothing was recorded in between."""
    exact = beats.sample if beats.offset is None else beats.sample + beats.offset.astype(np.float64)
    rr_s = (np.diff(exact, prepend=0) / fs).astype(np.float32)
    return np.where(np.isnan(beats.rr_s), np.float32(np.nan), rr_s)


def _final_reasons(
    prepared: Prepared, p: FloatArray, has_p: NDArray[np.bool_], abstain_below: float, config: Config
) -> tuple[str, ...]:
    beats = prepared.beats
    time_s = beats.r_peak / beats.fs
    noisy, beside = prepared.quality.is_noisy(time_s), beside_lost(time_s, prepared.quality)
    ectopic = np.isin(p.argmax(axis=1), [AAMI_CLASSES.index(name) for name in ("S", "V", "F")])
    confidence = p.max(axis=1)
    if beats.noise is not None:
        usual = p.argmax(axis=1) == AAMI_CLASSES.index("N")
        noisy = noisy | doubtful_in_noise(beats.noise, confidence, usual, config.signal)
    reasons = np.array([*beats.reason, None])[:-1]  # of objects, not of texts as long as the longest one
    read = np.array([not text for text in beats.reason], np.bool_) & has_p
    reasons[(reasons == "") & ~has_p] = "the network gave no valid answer"
    low = np.flatnonzero(read & (confidence < abstain_below))
    reasons[low] = [f"confidence {score(value)} is below {score(abstain_below)}" for value in confidence[low]]
    reasons[read & beside & ectopic] = BESIDE
    reasons[read & noisy] = NOISE
    return tuple(reasons.tolist())


def _agreeing(
    reason: tuple[str, ...], p: FloatArray, time_s: NDArray[np.float64], rhythm: Sequence[Episode]
) -> tuple[str, ...]:
    """Return the reasons (n,) with one for each beat that is N or S in fibrillation or a rhythm of the ventricles.

    The last beat before such an episode is often at its very edge, and keeps its class.
    """
    ventricular = [episode for episode in rhythm if episode.rhythm in ("VFL", "VT", "IVR")]
    within = _covered(time_s, [replace(one, start_s=one.start_s + EDGE_S) for one in ventricular])
    contrary = within & np.isin(p.argmax(axis=1), [AAMI_CLASSES.index(name) for name in ("N", "S")])
    return tuple(text or VENTRICULAR if wrong else text for text, wrong in zip(reason, contrary.tolist(), strict=True))
