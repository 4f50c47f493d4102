"""What `import pipeline` offers: its names and signatures stay, and each wrong argument is one sentence."""

from __future__ import annotations

import doctest
import inspect
import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pipeline as hv
from pipeline.analysis import prepare_again
from pipeline.config import ROOT
from pipeline.errors import EcgError, IntakeError, LimitError, ModelError, SignalError
from pipeline.types import Annotations, QualitySegment

NAMES = [
    *("Analysis", "BeatExplanation", "Classifier", "EcgError", "Episode", "Recording", "Waves", "analyse"),
    *("available_models", "delineate"),
    *("demo_page_path", "demo_path", "digitise_page", "explain_beat", "find_rhythms", "load_model"),
    *("read_recording", "score"),
]
SIGNATURES = {
    "analyse": (
        "(recording: 'Recording', model: 'str | BeatClassifier' = 'rhythm_svdb', *, "
        "leads: 'str | Sequence[str] | None' = None, progress: 'Callable[[float, str], None] | None' = None) "
        "-> 'Analysis'"
    ),
    "available_models": "() -> 'tuple[str, ...]'",
    "delineate": (
        "(recording: 'Recording', result: 'Analysis | None' = None, *, leads: 'str | Sequence[str] | None' = None, "
        "every_beat: 'bool | None' = None) -> 'Waves'"
    ),
    "demo_page_path": "() -> 'Path'",
    "demo_path": "() -> 'Path'",
    "digitise_page": (
        "(path: 'str | os.PathLike[str]', *, page: 'int' = 1, speed: 'float | None' = None, "
        "gain: 'float | tuple[float, float] | None' = None, layout: 'str | None' = None, "
        "leads: 'Sequence[str]' = ()) -> 'Recording'"
    ),
    "explain_beat": (
        "(recording: 'Recording', result: 'Analysis', beat: 'int', *, model: 'Classifier | None' = None, "
        "class_name: 'str | None' = None) -> 'BeatExplanation'"
    ),
    "find_rhythms": (
        "(sample: 'ArrayLike', symbol: 'Sequence[str]', fs: 'float', recording: 'Recording | None' = None) "
        "-> 'tuple[Episode, ...]'"
    ),
    "load_model": "(name: 'str' = 'rhythm_svdb') -> 'Classifier'",
    "read_recording": (
        "(path: 'str | os.PathLike[str]', *, fs: 'float | None' = None, unit: 'str | None' = None) -> 'Recording'"
    ),
    "score": "(recording: 'Recording', result: 'Analysis', *, start_s: 'float' = 0.0) -> 'pd.DataFrame'",
}
COLUMNS = ["time_s", "class", "p_N", "p_S", "p_V", "p_F", "p_Q", "confidence", "status", "reason", "rr_ms"]
TWO = ("MLII", "V5")
ROW = np.sin(np.linspace(0, 60, 7200))


@pytest.fixture(scope="module")
def recording() -> hv.Recording:
    return hv.read_recording(hv.demo_path())


@pytest.fixture(scope="module")
def result(recording: hv.Recording) -> hv.Analysis:
    return hv.analyse(recording)


def test_the_public_names_and_their_signatures_stay() -> None:
    assert hv.__all__ == NAMES
    assert set(NAMES) <= set(dir(hv))
    assert {name: str(inspect.signature(getattr(hv, name))) for name in SIGNATURES} == SIGNATURES
    assert set(SIGNATURES) == {name for name in NAMES if inspect.isfunction(getattr(hv, name))}
    parameters = ["p_signal", "fs", "leads", "name", "calibrated", "config"]
    assert list(inspect.signature(hv.Recording.from_array).parameters) == parameters
    with pytest.raises(AttributeError, match="no attribute 'analyze'"):
        hv.analyze  # noqa: B018


def test_importing_it_imports_nothing_else() -> None:
    script = (
        "import sys; before = set(sys.modules); import pipeline; dir(pipeline)\n"
        "print(sorted({name.split('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "['pipeline']"


def test_the_snippet_of_the_readme_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8").split("## Use it from Python", 1)[1]
    found = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert found is not None
    monkeypatch.chdir(ROOT)
    names: dict[str, Any] = {}
    exec(compile(found[1], "README.md", "exec"), names)  # noqa: S102 - what a reader would type
    assert list(names["beats"].columns) == COLUMNS
    assert names["res"].digest == names["rec"].digest
    assert names["page"].leads[:3] == ("I", "II", "III")
    assert names["why"].heat.shape == names["why"].time_s.shape


@pytest.mark.parametrize("module", ["pipeline", "pipeline.api", "pipeline.types"])
def test_the_examples_of_the_docstrings_are_true(module: str) -> None:
    __import__(module)
    found = doctest.testmod(sys.modules[module], extraglobs={"Recording": hv.Recording})
    assert found.attempted > 0
    assert found.failed == 0


def test_the_frame_has_one_row_a_beat(result: hv.Analysis) -> None:
    frame = result.to_frame()
    assert list(frame.columns) == COLUMNS
    assert (len(frame), frame.index.name) == (result.sample.size, "beat")
    assert frame["class"].tolist() == list(result.symbol)
    assert np.allclose(frame["rr_ms"].iloc[1:], 1000 * np.diff(frame["time_s"]), atol=0.01)
    assert np.isnan(frame["rr_ms"].iloc[0])
    assert np.allclose(frame[["p_N", "p_S", "p_V", "p_F", "p_Q"]].sum(axis=1), 1, atol=1e-3)


def test_an_interval_over_a_gap_and_a_beat_that_no_network_saw_are_no_numbers(recording: hv.Recording) -> None:
    holed = recording.p_signal.copy()
    holed[36_000:37_080] = np.nan  # three seconds
    result = hv.analyse(hv.Recording.from_array(holed, fs=360, leads="MLII"))
    frame = result.to_frame()
    after = frame.index[frame["time_s"] > 103][0]
    assert frame["rr_ms"].isna().tolist() == [beat in (0, after) for beat in frame.index]
    unseen = replace(
        result, has_p=np.arange(result.sample.size) != 3, p=np.where(np.arange(len(frame))[:, None] == 3, 0, result.p)
    )
    assert unseen.to_frame().iloc[3][["p_N", "p_Q"]].isna().all()
    assert unseen.to_frame().iloc[3]["class"] == "Q"


def test_an_analysis_that_an_earlier_version_stored_has_intervals_too(result: hv.Analysis) -> None:
    earlier = replace(result, rr_s=None, offset=None)
    sample_ms = 1000 / result.fs  # earlier versions placed R peaks on samples
    assert np.allclose(earlier.to_frame()["rr_ms"], result.to_frame()["rr_ms"], atol=1.01 * sample_ms, equal_nan=True)
    parts = (("good", 0, 100), ("gap", 100, 110), ("good", 110, 300))
    segments = tuple(QualitySegment(start, stop, verdict, "") for verdict, start, stop in parts)
    inside = (result.time_s < 100) | (result.time_s >= 110)
    holed = replace(
        earlier,
        quality=replace(earlier.quality, segments=segments),
        **{name: getattr(earlier, name)[inside] for name in ("sample", "p", "has_p", "confidence")},
        **{name: tuple(np.array(getattr(earlier, name))[inside]) for name in ("status", "reason")},
    )
    frame = holed.to_frame()
    assert frame["time_s"][frame["rr_ms"].isna()].tolist() == [
        frame["time_s"][0],
        frame["time_s"][frame["time_s"] > 110].iloc[0],
    ]


def test_own_samples_are_the_same_recording_as_a_files(recording: hv.Recording, result: hv.Analysis) -> None:
    samples = recording.p_signal.astype(np.float64)
    own = hv.Recording.from_array(samples, fs=360, leads=["MLII"])
    samples[:] = 0
    assert np.array_equal(own.p_signal, recording.p_signal)
    assert not own.p_signal.flags.writeable
    found = hv.analyse(own, model=hv.load_model(), leads="MLII")
    assert np.array_equal(found.sample, result.sample)
    assert np.array_equal(found.p, result.p)
    assert own.digest == hv.Recording.from_array(recording.p_signal, fs=360, leads="MLII").digest
    assert own.digest != hv.Recording.from_array(recording.p_signal, fs=250, leads="MLII").digest


@pytest.mark.parametrize(
    ("samples", "given", "error", "sentence"),
    [
        (np.stack([ROW, ROW]), {}, IntakeError, r"\(2, 7200\) does not fit 2 leads: transpose it"),
        (ROW, {}, IntakeError, r"\(7200, 1\) does not fit 2 leads: name each column"),
        (np.zeros((2, 2, 2)), {}, IntakeError, r"\(2, 2, 2\) does not fit 2 leads"),
        ([], {"leads": "II"}, IntakeError, "are empty"),
        ("mV", {"leads": "II"}, IntakeError, "array of real numbers"),
        (ROW * 1j, {"leads": "II"}, IntakeError, "array of real numbers"),
        ([[1, 2], [3]], {}, IntakeError, "array of real numbers"),
        (np.stack([ROW, ROW], 1), {"leads": ["II", "II"]}, IntakeError, "Two leads are called 'II'"),
        (ROW, {"leads": ""}, IntakeError, "The lead name ''"),
        (ROW, {"leads": [2]}, IntakeError, "The lead name 2"),
        (ROW, {"leads": "II", "name": "../a"}, IntakeError, "The name '../a'"),
        (np.append(ROW, np.inf), {"leads": "II"}, IntakeError, "Sample 7200 of lead 'II' is infinite"),
        (np.full(7200, np.nan), {"leads": "II"}, IntakeError, "Lead 'II' has no sample that is a number"),
        (
            1000 * ROW,
            {"leads": "II"},
            IntakeError,
            "Lead 'II' departs from its median by 1070, an ECG in mV by 0.05 to 20",
        ),
        (ROW / 1000, {"leads": "II"}, IntakeError, "convert the samples to mV"),
        (ROW, {"leads": "II", "fs": "fast"}, IntakeError, "fs must be a number, not 'fast'"),
        (ROW, {"leads": "II", "fs": 10}, LimitError, "fs=10 Hz is outside 50 to 10000 Hz"),
        (np.zeros((4000, 17)), {"leads": [f"L{i}" for i in range(17)]}, LimitError, "17 leads were given"),
        (np.zeros(50 * 3600 * 50 + 1), {"leads": "II", "fs": 50}, LimitError, "last 50.0 hours, the limit is 49"),
    ],
)
def test_samples_that_are_no_recording_are_refused(
    samples: Any, given: dict[str, Any], error: type[EcgError], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        hv.Recording.from_array(samples, **{"fs": 360, "leads": TWO} | given)


def test_gaps_flat_leads_and_stated_arbitrary_units_are_taken() -> None:
    samples = np.stack([ROW, np.zeros(7200)], 1)
    samples[100:200] = np.nan
    assert hv.Recording.from_array(samples, fs=360, leads=TWO).n_samples == 7200
    bare = hv.Recording.from_array(1000 * ROW, fs=360, leads="II", calibrated=False)
    assert bare.calibrated == (False,)


def test_a_recording_is_read_by_any_of_its_parts_and_from_an_archive(recording: hv.Recording, tmp_path: Path) -> None:
    demo = hv.demo_path()
    archive = tmp_path / "demo.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for ending in (".hea", ".dat", ".atr"):
            packed.write(demo.with_suffix(ending), demo.with_suffix(ending).name)
    paths = (str(demo), demo.with_suffix(""), demo.with_suffix(".dat"), demo.with_suffix(".atr"), archive)
    assert {hv.read_recording(path).digest for path in paths} == {recording.digest}
    table = tmp_path / "a.csv"
    table.write_text("MLII\n" + "\n".join(map(str, np.round(ROW, 4))), "ascii")
    assert hv.read_recording(table, fs=360, unit="mV").leads == ("MLII",)
    with pytest.raises(IntakeError, match="does not say its unit; state it"):
        hv.read_recording(table, fs=360)
    with zipfile.ZipFile(archive, "a") as packed:
        packed.write(table, "a.csv")
    with pytest.raises(IntakeError, match="The ZIP archive holds 2 recordings; unpack it and choose one"):
        hv.read_recording(archive, fs=360, unit="mV")


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda: hv.read_recording(None), IntakeError, "A path must be a str or path-like, not NoneType"),
        (lambda: hv.read_recording("nowhere.hea"), IntakeError, "'nowhere' was not found"),
        (lambda: hv.read_recording("a.csv", fs="x", unit="mV"), IntakeError, "fs must be a number, not 'x'"),
        (lambda: hv.analyse("100.hea"), EcgError, "recording must be Recording, as this package makes it, not str"),
        (lambda: hv.load_model("resnet"), ModelError, "no trained network 'resnet'; there are vgg16,"),
        (lambda: hv.digitise_page("nowhere.jpg"), IntakeError, "'nowhere' was not found"),
        (lambda: hv.digitise_page("a.jpg", speed=30), IntakeError, "no speed 30; choose one of 25.0, 50.0"),
        (lambda: hv.digitise_page("a.jpg", layout="2x6"), IntakeError, "no layout '2x6'; choose one of 3x4,"),
        (lambda: hv.digitise_page("a.jpg", page=0), IntakeError, "no page 0; pages count from 1"),
    ],
)
def test_a_wrong_argument_is_one_sentence(call: Any, error: type[EcgError], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        call()


def test_what_cannot_be_analysed_says_why(recording: hv.Recording) -> None:
    with pytest.raises(SignalError, match="no lead 'V9'"):
        hv.analyse(recording, leads="V9")
    with pytest.raises(SignalError, match=r"lasts 2\.00 s"):
        hv.analyse(hv.Recording.from_array(ROW[:720], fs=360, leads="II"))
    with pytest.raises(ModelError, match="no trained network 'resnet'"):
        hv.analyse(recording, model="resnet")
    with pytest.raises(ModelError, match="model must be a name or a classifier, not int"):
        hv.analyse(recording, model=7)  # type: ignore[arg-type]


def test_a_beat_is_explained_for_the_class_that_is_asked_for(recording: hv.Recording, result: hv.Analysis) -> None:
    beat = result.symbol.index("V")
    usual = hv.explain_beat(recording, result, beat=beat)
    other = hv.explain_beat(recording, result, beat=np.int64(beat), class_name="N")
    assert (usual.heatmap.class_name, other.heatmap.class_name) == ("V", "N")
    assert usual.heat.max() == pytest.approx(1.0)
    assert not np.array_equal(usual.heat, other.heat)
    assert prepare_again(recording, result).beats.sample.tolist() == result.sample.tolist()


def test_an_explanation_needs_the_recording_the_network_and_the_beat_of_the_result(
    recording: hv.Recording, result: hv.Analysis
) -> None:
    last = result.sample.size - 1
    for beat in (last + 1, -1, 1.5, "12"):
        with pytest.raises(EcgError, match=f"There is no beat {beat!r}; the result has beats 0 to {last}"):
            hv.explain_beat(recording, result, beat=beat)  # type: ignore[arg-type]
    with pytest.raises(EcgError, match="no class 'X'; choose one of N, S, V, F, Q"):
        hv.explain_beat(recording, result, beat=0, class_name="X")
    with pytest.raises(EcgError, match="of another recording"):
        hv.explain_beat(replace(recording, digest="other"), result, beat=0)
    with pytest.raises(ModelError, match="version 0123, and the network at hand"):
        hv.explain_beat(recording, replace(result, model_version="0123"), beat=0)


def test_a_result_is_scored_against_the_reference_by_the_rules_of_ec57(
    recording: hv.Recording, result: hv.Analysis
) -> None:
    symbols = tuple(name.replace("Q", "/") for name in result.symbol)
    same = replace(recording, reference=Annotations(result.sample, symbols))
    found = hv.score(same, result)
    assert found.index.tolist() == ["QRS", "SVEB", "VEB", "N", "S", "V", "F", "Q"]
    assert found["reference"].tolist()[3:] == [result.symbol.count(name) for name in "NSVFQ"]
    assert found.loc[found["reference"] > 0, ["sensitivity", "ppv", "f1"]].eq(1).all(axis=None)
    first = Annotations(result.sample[:1], ("V",))
    missed = hv.score(replace(recording, reference=first), result)
    assert missed.loc["QRS"].tolist() == [
        1,
        1,
        pytest.approx(1 / result.sample.size),
        pytest.approx(2 / (result.sample.size + 1)),
    ]
    assert missed.loc["VEB", "sensitivity"] == 0
    assert hv.score(same, result, start_s=150)["reference"]["QRS"] == (result.time_s >= 150).sum()
    with pytest.raises(EcgError, match="has no reference beats"):
        hv.score(replace(recording, reference=None), result)
    with pytest.raises(EcgError, match="of another recording"):
        hv.score(replace(recording, digest="other"), result)


def test_what_is_shown_of_recording_and_result_is_one_line(recording: hv.Recording, result: hv.Analysis) -> None:
    assert repr(recording) == "<Recording 208_excerpt: MLII; 360 Hz, 300 s>"
    assert repr(result).startswith("<Analysis of 208_excerpt by rhythm_svdb: 3")


def test_waves_are_marked_in_the_leads_and_beats_asked_for(recording: hv.Recording, result: hv.Analysis) -> None:
    waves = hv.delineate(recording, result, leads="MLII")
    assert waves.leads == ("MLII",)
    np.testing.assert_array_equal(waves.beat_s, result.time_s)
    qt = waves.marks("t_off", "MLII") - waves.marks("qrs_on", "MLII")
    assert 0.25 < np.nanmedian(qt) < 0.55
    usual = hv.delineate(recording, result, every_beat=False)
    assert len(usual) == 10  # half minutes in five minutes
    assert np.nanmedian(usual.marks("t_off") - usual.marks("qrs_on")) == pytest.approx(np.nanmedian(qt), abs=0.03)


def test_no_p_wave_is_marked_where_the_analysis_found_a_rhythm_without(
    recording: hv.Recording, result: hv.Analysis
) -> None:
    usual = hv.delineate(recording, result)
    fibrillating = replace(result, rhythm=(hv.Episode(0.0, 100.0, "AFIB", ""), hv.Episode(100.0, 300.0, "N", "")))
    waves = hv.delineate(recording, fibrillating)
    inside = waves.beat_s < 100
    assert np.isfinite(usual.marks("p_peak", "MLII")[inside]).any()
    assert np.isnan(waves.marks("p_peak", "MLII")[inside]).all()
    np.testing.assert_array_equal(waves.time_s[~inside], usual.time_s[~inside])


def test_a_lead_that_is_not_there_and_a_result_of_another_recording_are_refused(
    recording: hv.Recording, result: hv.Analysis
) -> None:
    with pytest.raises(SignalError, match="has no lead 'V7'; it has 'MLII'"):
        hv.delineate(recording, leads=["MLII", "V7"])
    with pytest.raises(EcgError, match="of another recording"):
        hv.delineate(replace(recording, digest="other"), result)
    with pytest.raises(EcgError, match="recording must be Recording"):
        hv.delineate("100.hea")  # type: ignore[arg-type]
