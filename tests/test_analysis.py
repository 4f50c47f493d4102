"""The main job with a real network: a recording in, honest beats out."""

import dataclasses
import weakref

import numpy as np
import pytest

from models import registry
from models.registry import Classifier
from pipeline import analysis as analysis_module
from pipeline.analysis import Prepared, analyse
from pipeline.config import DEFAULT, cache_root
from pipeline.datasets import demo_path
from pipeline.errors import ModelError
from pipeline.evaluation.matching import match_beats
from pipeline.intake import read_path
from pipeline.labels import aami_class
from pipeline.rhythm.context import RhythmContext
from pipeline.rhythm.pacing import Pacing, read_pacing
from pipeline.store.results import load_analysis, save_analysis
from pipeline.types import Analysis, Recording


@pytest.fixture(scope="module")
def recording() -> Recording:
    return read_path(demo_path())


@pytest.fixture(scope="module")
def network() -> Classifier:
    return registry.load("vgg16")


@pytest.fixture(scope="module")
def analysis(recording: Recording, network: Classifier) -> Analysis:
    return analyse(recording, network)


def test_the_ventricular_beats_of_the_demo_are_found(recording: Recording, analysis: Analysis) -> None:
    assert recording.reference is not None
    matching = match_beats(recording.reference.sample, analysis.sample, fs=recording.fs, window_ms=150)
    both = (matching.reference >= 0) & (matching.detected >= 0)
    truth = np.array([aami_class(recording.reference.symbol[i]) for i in matching.reference[both]])
    found = np.array(analysis.symbol)[matching.detected[both]]
    assert np.mean(found[truth == "V"] == "V") > 0.9
    assert np.mean(truth[found == "V"] == "V") > 0.9


def test_every_beat_has_an_answer_or_a_reason(analysis: Analysis) -> None:
    for status, reason, has_p in zip(analysis.status, analysis.reason, analysis.has_p, strict=True):
        assert (status == "unclassified") == bool(reason)
        assert has_p or reason
    assert sum(analysis.counts().values()) == analysis.sample.size
    assert np.allclose(analysis.p[analysis.has_p].sum(axis=1), 1, atol=1e-4)


@pytest.fixture(scope="module")
def minute(recording: Recording) -> Recording:
    return dataclasses.replace(recording, p_signal=recording.p_signal[: int(60 * recording.fs)], reference=None)


def test_the_same_bytes_give_the_same_answer(minute: Recording, network: Classifier) -> None:
    first, again = analyse(minute, network), analyse(minute, network)
    assert np.array_equal(again.sample, first.sample)
    assert np.array_equal(again.p, first.p)


def test_progress_rises_to_one(minute: Recording, network: Classifier) -> None:
    seen: list[float] = []
    analyse(minute, network, progress=lambda fraction, sentence: seen.append(fraction))
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_a_stored_analysis_comes_back_whole_and_only_for_the_same_question(
    analysis: Analysis, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEARTVISION_CACHE", str(tmp_path))
    path = save_analysis(analysis, "n-1")
    assert path.is_relative_to(cache_root())
    back = load_analysis(analysis.digest, "n-1")
    assert back is not None
    for field in dataclasses.fields(Analysis):
        first, second = getattr(analysis, field.name), getattr(back, field.name)
        alike = isinstance(first, np.ndarray) and np.array_equal(first, second, equal_nan=first.dtype.kind == "f")
        assert alike or first == second
    assert load_analysis("other", "n-1") is None
    assert load_analysis(analysis.digest, "other") is None
    assert load_analysis(analysis.digest, "n-1", leads=("V1",)) is None
    path.write_bytes(path.read_bytes()[:1000])
    assert load_analysis(analysis.digest, "n-1") is None


def test_a_network_for_other_pictures_is_refused(recording: Recording, network: Classifier) -> None:
    other = dataclasses.replace(DEFAULT, picture=dataclasses.replace(DEFAULT.picture, beat_before_s=0.3))
    with pytest.raises(ModelError, match="trained on pictures"):
        analyse(recording, network, other)


def test_a_network_that_answers_nonsense_classifies_nothing(minute: Recording, network: Classifier) -> None:
    class Broken(Classifier):
        def predict(self, pictures: np.ndarray) -> np.ndarray:
            return np.full((len(pictures), 5), np.nan, np.float32)

    found = analyse(minute, Broken(network.manifest, network.model))
    assert not found.has_p.any()
    assert set(found.status) == {"unclassified"}
    assert np.isfinite(found.p).all()


def test_the_signal_of_the_beats_is_let_go_before_rhythms_are_looked_for(
    minute: Recording, network: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    signals, alive = [], []

    def prepared() -> Prepared:
        found = analysis_module.prepare(minute)
        signals.append(weakref.ref(found.beats.signal))
        return found

    def pacing(context: RhythmContext) -> Pacing:
        alive.append(signals[0]() is not None)
        return read_pacing(context)

    monkeypatch.setattr(analysis_module, "read_pacing", pacing)
    found = analysis_module.classify(prepared(), network)
    assert alive == [False]
    assert found.sample.size == analyse(minute, network).sample.size
