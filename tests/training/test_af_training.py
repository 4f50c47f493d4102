"""Training of the detectors of fibrillation: labels, wrong classes, folds, and one run on made records."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.training.rhythms.af import FOLDS, folds
from pipeline.training.rhythms.af_beats import UNKNOWN, AfRecord, Sampling, examples, with_ectopic_beats, with_errors
from pipeline.training.rhythms.af_scores import scored, write_scores
from pipeline.training.rhythms.made_intervals import KINDS, made
from pipeline.types import Episode


def record(n=900, name="ltafdb/00", rhythms=("N", "AFIB", "N")):
    rng = np.random.default_rng(n)
    part = n // 3
    rr_s = np.concatenate([np.full(part, 0.8), rng.gamma(14, 0.05, part), np.full(n - 2 * part, 0.8)])
    time_s = np.cumsum(rr_s)
    edges = [0.0, time_s[part], time_s[2 * part], time_s[-1] + 1]
    episodes = tuple(Episode(edges[i], edges[i + 1], rhythm) for i, rhythm in enumerate(rhythms))
    return AfRecord(name, edges[-1], time_s, np.full(n, "N"), episodes)


def test_beats_in_fibrillation_are_labelled():
    labels = record().fibrillates
    assert labels[:300].tolist() == [0] * 300
    assert labels[300:600].tolist() == [1] * 300


@pytest.mark.parametrize("rhythm", ["AFL", "P", "NOISE", "B", "VT"])
def test_doubtful_rhythms_are_not_trained_on(rhythm):
    labels = record(rhythms=("N", "AFIB", rhythm)).fibrillates
    assert (labels[600:] == UNKNOWN).all()


def test_bigeminy_far_from_fibrillation_is_another_rhythm():
    assert (record(rhythms=("AFIB", "N", "B")).fibrillates[600:] == 0).all()


def test_time_that_nobody_annotated_is_not_trained_on():
    short = record()
    short = replace(short, episodes=short.episodes[1:])
    assert (short.fibrillates[:300] == UNKNOWN).all()


def test_errors_are_made_where_networks_make_them():
    true = record(3000)
    wrong = with_errors(true, np.random.default_rng(4))
    called_s = wrong.symbol == "S"
    assert called_s.any()
    assert (wrong.fibrillates[called_s] == 1).all()
    assert (np.diff(wrong.time_s) >= 0).all()


@pytest.mark.parametrize("seed", range(6))
def test_made_ectopic_beats_come_early(seed):
    sinus = record(600, rhythms="NNN")
    sinus = replace(sinus, time_s=1 + 0.8 * np.arange(600))
    made = with_ectopic_beats(sinus, np.random.default_rng(seed))
    ectopic = made.symbol != "N"
    assert 5 < ectopic.sum() <= 301
    assert (made.rr_s[ectopic] < 0.75).all()
    assert made.rr_s[1:][~ectopic[1:]].min() > 0.79
    assert (np.diff(made.time_s) > 0).all()


def test_examples_are_drawn_with_their_labels_and_weight():
    found = examples(record(), Sampling(50, 20, 5, weight=0.5), np.random.default_rng(0))
    assert len(found.measures) == len(found.label) == len(found.weight) > 50
    assert set(found.label.tolist()) == {0, 1}
    assert set(found.weight.tolist()) == {0.5}


def test_the_same_seed_draws_the_same_examples():
    first, second = (examples(record(), Sampling(50, 20, 5), np.random.default_rng(1)) for _ in range(2))
    assert np.array_equal(first.measures, second.measures)


def test_every_database_is_divided_over_the_folds():
    names = [f"{database}/{i:02}" for database in ("ltafdb", "mitdb") for i in range(12)]
    fold_of = folds([*names, *names])
    for database in ("ltafdb", "mitdb"):
        sizes = np.bincount([fold for name, fold in fold_of.items() if name.startswith(database)], minlength=FOLDS)
        assert sizes.tolist() == [3] * FOLDS


@pytest.mark.parametrize("kind", KINDS)
def test_made_intervals_are_those_of_a_heart(kind):
    rr_s = made(kind, np.random.default_rng(3))
    assert rr_s.shape == (300,)
    assert rr_s.min() >= 0.2
    assert rr_s.max() < 4


def test_scores_are_written_for_programs_and_for_readers(tmp_path):
    write_scores(
        [scored(record(), held_out=True), scored(record(name="nsr2db/1", rhythms="NNN"), held_out=True)], tmp_path
    )
    page = (tmp_path / "af.md").read_text("utf-8")
    assert "| ltafdb, annotated beats | 1 |" in page
    assert "| nsr2db, annotated beats | 1 |" in page
    assert "ltafdb/00 | annotated" in page
