"""The functions that `import pipeline` offers; each is a thin layer over the module that does the work."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING, SupportsIndex

from pipeline.config import RECORDING_NETWORK
from pipeline.datasets import demo_page_path, demo_path
from pipeline.errors import EcgError, IntakeError, ModelError, SignalError
from pipeline.labels import AAMI_CLASSES
from pipeline.types import Analysis, Recording, number

if TYPE_CHECKING:
    import pandas as pd

    from models.registry import Classifier
    from pipeline.analysis import BeatClassifier, Prepared
    from pipeline.explain.heatmaps import BeatExplanation
    from pipeline.measurements import Waves

__all__ = [
    "analyse",
    "available_models",
    "delineate",
    "demo_page_path",
    "demo_path",
    "digitise_page",
    "explain_beat",
    "load_model",
    "read_recording",
    "score",
]


def read_recording(path: str | os.PathLike[str], *, fs: float | None = None, unit: str | None = None) -> Recording:
    """Read an ECG recording from the disk.

    Parameters
    ----------
    path : str or path-like
        A WFDB record (its .hea or .dat file, or its name without ending), a .csv, or a .zip of one of these. Reference
        annotations are read from the .atr file beside a record, if there is one.
    fs : float, optional
        Sampling frequency in Hz of a table that does not say it, in a column of times or above the samples.
    unit : {"mV", "uV", "V", "nV", "none"}, optional
        Unit of the values of a table that does not say it; "none" for values in arbitrary units.

    Returns
    -------
    Recording
        `p_signal` (n_samples, n_leads) float32 in mV, NaN where nothing was recorded.

    Raises
    ------
    IntakeError
        If the file is missing, damaged, of another kind, or holds more than one recording.
    LimitError
        If it is larger than a published limit, `pipeline.config.Limits`.

    Examples
    --------
    >>> import pipeline as hv
    >>> recording = hv.read_recording(hv.demo_path())
    >>> recording.leads, recording.fs, recording.p_signal.shape
    (('MLII',), 360.0, (108000, 1))
    """
    from pipeline.intake import CsvOptions, read_path

    return read_path(_path(path), csv=CsvOptions(None if fs is None else number("fs", fs), unit))


def analyse(
    recording: Recording,
    model: str | BeatClassifier = RECORDING_NETWORK,
    *,
    leads: str | Sequence[str] | None = None,
    progress: Callable[[float, str], None] | None = None,
) -> Analysis:
    """Find the beats of a recording and classify each.

    Parameters
    ----------
    recording : Recording
        As `read_recording`, `digitise_page` or `Recording.from_array` made it; at least 10 s long.
    model : str or classifier
        One of `available_models`, or what `load_model` returned, or any object with the attributes of
        `pipeline.analysis.BeatClassifier`.
    leads : str or sequence of str, optional
        One or two of the recording's leads; if None they are chosen, MLII or II first.
    progress : callable, optional
        Called with the fraction done, 0..1, and a sentence.

    Returns
    -------
    Analysis
        One entry for each beat: `sample`, `p`, `confidence`, `status` and `reason`; `to_frame` makes a table of it.

    Raises
    ------
    SignalError
        If the recording is too short, has too few beats, or lacks a lead that was asked for.
    ModelError
        If there is no such network, or it reads another kind of input.

    Examples
    --------
    >>> import pipeline as hv
    >>> result = hv.analyse(hv.read_recording(hv.demo_path()))
    >>> len(result.sample), result.counts()["V"]
    (503, 87)
    """
    from models.registry import manifest
    from pipeline.analysis import classify, prepare, with_measurements

    _require(recording, Recording, "recording")
    if isinstance(model, str):
        manifest(model)  # before the minutes that a long recording takes
    elif not hasattr(model, "predict"):
        raise ModelError(f"model must be a name or a classifier, not {type(model).__name__}.")
    names = (leads,) if isinstance(leads, str) else None if leads is None else tuple(leads)
    network = load_model(model) if isinstance(model, str) else model
    return with_measurements(recording, classify(prepare(recording, leads=names), network, progress=progress))


def delineate(
    recording: Recording,
    result: Analysis | None = None,
    *,
    leads: str | Sequence[str] | None = None,
    every_beat: bool | None = None,
) -> Waves:
    """Mark onset, peak and end of the P, QRS and T waves, in each lead and over all leads.

    Parameters
    ----------
    recording : Recording
        The recording.
    result : Analysis, optional
        What `analyse` returned for it: its beats are marked, and no P wave in the rhythms that have none. If None,
        the beats are found first.
    leads : str or sequence of str, optional
        Which leads to mark; all of them if None.
    every_beat : bool, optional
        Whether each beat is marked, or the median beat of every 30 s. If None, each beat of a recording of at most 10
        minutes.

    Returns
    -------
    Waves
        `marks("qrs_on", "II")` are the times (n,) of one mark in one lead, `marks("qrs_on")` over all leads, seconds
        from the start of the recording; NaN where there is no such wave or its place is uncertain.

    Raises
    ------
    SignalError
        If the recording is too short, or lacks a lead that was asked for.
    EcgError
        If the result is of another recording.

    Examples
    --------
    >>> import pipeline as hv
    >>> waves = hv.delineate(hv.read_recording(hv.demo_path()))
    >>> waves.leads, len(waves)
    (('MLII',), 503)
    """
    from pipeline.analysis import prepare
    from pipeline.waves.delineate import delineate as every
    from pipeline.waves.delineate import spans_without_p
    from pipeline.waves.long import LONG_S, usual_waves

    _require(recording, Recording, "recording")
    if result is not None:
        _require_same(recording, result)
    names = (leads,) if isinstance(leads, str) else recording.leads if leads is None else tuple(leads)
    if missing := [lead for lead in names if lead not in recording.leads]:
        raise SignalError(f"The recording has no lead {missing[0]!r}; it has {', '.join(map(repr, recording.leads))}.")
    if result is None:
        prepared = prepare(recording)
        beat_s, rhythm = prepared.beats.sample / recording.fs, prepared.in_signal
    else:
        beat_s, rhythm = result.time_s, result.rhythm
    columns = recording.p_signal[:, [recording.leads.index(lead) for lead in names]]
    whole = recording.duration_s <= LONG_S if every_beat is None else every_beat
    mark = every if whole else usual_waves
    return mark(columns, recording.fs, names, beat_s, without_p=spans_without_p(rhythm))


def explain_beat(
    recording: Recording,
    result: Analysis,
    beat: int,
    *,
    model: Classifier | None = None,
    class_name: str | None = None,
) -> BeatExplanation:
    """Show where the network looked when it classified a beat.

    Parameters
    ----------
    recording : Recording
        The recording that was analysed.
    result : Analysis
        What `analyse` returned for it.
    beat : int
        Which beat: its row in `result.to_frame()`, from 0.
    model : Classifier, optional
        The network that gave the result; if None, it is loaded by its name.
    class_name : {"N", "S", "V", "F", "Q"}, optional
        The class to explain; the predicted one if None.

    Returns
    -------
    BeatExplanation
        `picture` (height, width, 3) uint8 the beat as the network sees it, `heatmap.values` (height, width) float32 in
        0..1, and the same over time: `heat` (width,) at `time_s` (width,) seconds from the R peak.

    Raises
    ------
    EcgError
        If there is no such beat or class, or the result is of another recording.
    ModelError
        If the network at hand is not the one that gave the result.

    Examples
    --------
    >>> import pipeline as hv
    >>> recording = hv.read_recording(hv.demo_path())
    >>> result = hv.analyse(recording)
    >>> explanation = hv.explain_beat(recording, result, beat=12)
    >>> explanation.picture.shape, explanation.heatmap.class_name
    ((64, 96, 3), 'N')
    """
    from pipeline.explain.heatmaps import explain_beat as explained

    _require_same(recording, result)
    if not (isinstance(beat, SupportsIndex) and 0 <= index(beat) < result.sample.size):
        raise EcgError(f"There is no beat {beat!r}; the result has beats 0 to {result.sample.size - 1}.")
    network = load_model(result.model) if model is None else model
    if (network.name, network.version) != (result.model, result.model_version):
        raise ModelError(
            f"The result is of network {result.model!r}, version {result.model_version}, and the network at hand is "
            f"{network.name!r}, version {network.version}; analyse the recording again."
        )
    if class_name is not None and class_name not in network.classes:
        raise EcgError(f"There is no class {class_name!r}; choose one of {', '.join(network.classes)}.")
    return explained(network, _prepared(recording, result).beats, index(beat), class_name=class_name)


def score(recording: Recording, result: Analysis, *, start_s: float = 0.0) -> pd.DataFrame:
    """Compare a result with the reference annotations of its recording, by the rules of ANSI/AAMI EC57.

    Parameters
    ----------
    recording : Recording
        With `reference`: read from a WFDB record that has an .atr file.
    result : Analysis
        What `analyse` returned for it.
    start_s : float
        Leave out the beats before this time, in seconds. EC57 leaves out the first 300 s, as a learning period.

    Returns
    -------
    pandas.DataFrame
        Rows QRS (is there a beat within 150 ms), SVEB and VEB are EC57's; N, S, V, F and Q compare each class with all
        others. Columns: `reference`, how many there are; `sensitivity`, `ppv` and `f1`, NaN where undefined. A
        beat that was missed, and one that is none, counts as an error of every measure.

    Raises
    ------
    EcgError
        If the recording has no reference, or the result is of another recording.

    References
    ----------
    ANSI/AAMI EC57:2012. Beats are classified as in de Chazal et al. 2004, doi:10.1109/TBME.2004.827359.

    Examples
    --------
    >>> import pipeline as hv
    >>> recording = hv.read_recording(hv.demo_path())
    >>> scores = hv.score(recording, hv.analyse(recording))
    >>> scores.loc["VEB"].round(2).tolist()
    [93.0, 0.97, 0.99, 0.98]
    """
    import pandas as pd

    from pipeline.evaluation.metrics import LABELS, all_scores, confusion, score_beats
    from pipeline.evaluation.predict import beside_reference

    _require_same(recording, result)
    predictions = beside_reference(recording, "detected", result)
    beats = score_beats(predictions, kind="detected", start_s=number("start_s", start_s))
    matrix = confusion(beats.truth, beats.predicted)
    each = dict(zip(LABELS, matrix.sum(axis=1).tolist(), strict=True))
    reference = {"QRS": sum(each[name] for name in AAMI_CLASSES), "SVEB": each["S"], "VEB": each["V"], **each}
    found = all_scores(matrix)
    keys = {"QRS": "qrs", "SVEB": "sveb", "VEB": "veb", **dict(zip(AAMI_CLASSES, AAMI_CLASSES, strict=True))}
    rows = {
        row: [reference[row], *(float(found[f"{key}_{measure}"]) for measure in ("se", "ppv", "f1"))]
        for row, key in keys.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=["reference", "sensitivity", "ppv", "f1"])


def digitise_page(
    path: str | os.PathLike[str],
    *,
    page: int = 1,
    speed: float | None = None,
    gain: float | tuple[float, float] | None = None,
    layout: str | None = None,
    leads: Sequence[str] = (),
) -> Recording:
    """Turn the scan or photo of an ECG page into a recording.

    Parameters
    ----------
    path : str or path-like
        A PNG, JPEG, WebP or PDF file.
    page : int
        Which page of a PDF, from 1.
    speed : {25, 50}, optional
        Paper speed in mm/s, for pages that do not print it.
    gain : {5, 10, 20} or (10, 5) or (20, 10), optional
        Gain in mm/mV, for pages that neither print it nor have a calibration pulse; of limb and chest leads where they
        differ.
    layout : str, optional
        How the leads are arranged, such as "3x4+1", "6x2 Cabrera" or "one lead" (over several rows); read if None.
    leads : sequence of str, optional
        Names that the page does not show and the layout does not fix: of its strips, of the rows of a 3x1 page, or of
        the one lead.

    Returns
    -------
    Recording
        `p_signal` (n_samples, n_leads) float32 in mV at 500 Hz, NaN where the page shows nothing of a lead.

    Raises
    ------
    IntakeError
        If the file is no such page, or something on it must be stated: the sentence says which argument.

    Examples
    --------
    >>> import pipeline as hv
    >>> hv.digitise_page(hv.demo_page_path()).leads[:3]
    ('I', 'II', 'III')
    """
    from pipeline.digitisation.corrections import Corrections
    from pipeline.digitisation.layouts import layout_names
    from pipeline.digitisation.speed_and_gain import GAIN_PAIRS, GAINS, SPEEDS
    from pipeline.digitisation.to_recording import read_page, to_recording

    if not (isinstance(page, SupportsIndex) and index(page) >= 1):
        raise IntakeError(f"There is no page {page!r}; pages count from 1.")
    gains, layouts = (*GAINS, *GAIN_PAIRS), layout_names()
    for name, value, choices in (("speed", speed, SPEEDS), ("gain", gain, gains), ("layout", layout, layouts)):
        if value is not None and value not in choices:
            raise IntakeError(f"There is no {name} {value!r}; choose one of {', '.join(map(str, choices))}.")
    limb, chest = gain if isinstance(gain, tuple) else (gain, None)
    given = Corrections(speed=speed, gain=limb, chest_gain=chest, layout=layout, leads=tuple(leads))
    found, name = read_page(_path(path), given, page=index(page) - 1)
    return to_recording(found, name=name)


def available_models() -> tuple[str, ...]:
    """Return the names of the networks that can be loaded.

    Examples
    --------
    >>> import pipeline as hv
    >>> "rhythm_svdb" in hv.available_models()
    True
    """
    from models.registry import available

    return available()


def load_model(name: str = RECORDING_NETWORK) -> Classifier:
    """Load a network: its weights are checked against their SHA-256, and it must answer its own examples as recorded.

    A network is loaded once in a process; it never changes and can be shared between threads.

    Parameters
    ----------
    name : str
        One of `available_models`.

    Raises
    ------
    ModelError
        If there is no such network, or it fails its checks.

    Examples
    --------
    >>> import pipeline as hv
    >>> hv.load_model("rhythm_svdb").classes
    ('N', 'S', 'V', 'F', 'Q')
    """
    return _loaded(name)


@lru_cache(maxsize=4)
def _loaded(name: str) -> Classifier:
    from pipeline.analysis import load_classifier

    return load_classifier(name)


@lru_cache(maxsize=1)
def _prepared(recording: Recording, result: Analysis) -> Prepared:
    """Prepare what was classified; cached for the next beat of the same result."""
    from pipeline.analysis import prepare_again

    return prepare_again(recording, result)


def _require(value: object, kind: type, name: str) -> None:
    if not isinstance(value, kind):
        raise EcgError(f"{name} must be {kind.__name__}, as this package makes it, not {type(value).__name__}.")


def _require_same(recording: Recording, result: Analysis) -> None:
    _require(recording, Recording, "recording")
    _require(result, Analysis, "result")
    if recording.digest != result.digest:
        raise EcgError(f"The result is of another recording ({result.record!r}, not {recording.name!r}); analyse it.")


def _path(path: str | os.PathLike[str]) -> Path:
    if not isinstance(path, str | os.PathLike):
        raise IntakeError(f"A path must be a str or path-like, not {type(path).__name__}.")
    return Path(path)
