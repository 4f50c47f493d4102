"""A second network answers as it does when it reads the whole recording, and the words say whether the two agree."""

import numpy as np
import pytest

from models import registry
from pipeline.analysis import Prepared, classify, prepare
from pipeline.config import PICTURE_NETWORK, RECORDING_NETWORK
from pipeline.datasets import demo_path
from pipeline.explain.heatmaps import SIGNAL
from pipeline.explain.second_opinion import Opinion, agreement, opinion, second_network
from pipeline.intake import read_path


@pytest.fixture(scope="module")
def demo() -> Prepared:
    return prepare(read_path(demo_path()))


def test_the_second_network_reads_what_the_first_does_not() -> None:
    assert second_network(RECORDING_NETWORK) == PICTURE_NETWORK
    assert second_network(PICTURE_NETWORK) == RECORDING_NETWORK
    assert second_network("mobilenet") == RECORDING_NETWORK


def test_the_opinion_on_a_beat_is_the_networks_answer_in_the_whole_recording(demo: Prepared) -> None:
    network = registry.load(RECORDING_NETWORK)
    whole = classify(demo, network)
    usable = np.flatnonzero([not reason for reason in demo.beats.reason])[[3, 60, 200]]
    for beat in usable:
        said = opinion(network, demo.beats, int(beat))
        assert said.p == pytest.approx(whole.p[beat], abs=2e-3)
        assert said.explanation is not None
        assert said.explanation.heatmap.method == SIGNAL


def test_a_network_of_pictures_shows_where_it_looked(demo: Prepared) -> None:
    said = opinion(registry.load(PICTURE_NETWORK), demo.beats, 60)
    assert said.p.sum() == pytest.approx(1.0, abs=1e-3)
    assert said.explanation is not None
    assert said.explanation.heatmap.method == "HiResCAM"


@pytest.mark.parametrize(
    ("first", "letter", "words"),
    [
        ("N", "N", "agrees: N"),
        ("N", "V", "disagree: the second says V"),
        ("?", "N", "The second network says N"),
        ("N", "?", "not sure enough"),
    ],
)
def test_agreement_is_said_in_words(first: str, letter: str, words: str) -> None:
    p = np.array([0.3, 0.1, 0.6, 0.0, 0.0], np.float32)
    assert words in agreement(first, Opinion("VGG16", p, letter))
