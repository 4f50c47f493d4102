"""The search for settings: it finds, it keeps what it tried, and it goes on where it stopped."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline.training.search import Choice, Found, Range, Watch, search

SPACE = {"rate": Range(1e-4, 1.0, log=True), "decay": Range(-1.0, 1.0)}


def bowl(settings: Mapping[str, float]) -> float:
    return abs(settings["rate"] - 0.1) + abs(settings["decay"] - 0.25)


def found(tmp_path: Path, trials: int, tried: list[Mapping[str, float]] | None = None) -> Found:
    def measure(settings: Mapping[str, float], _: Watch) -> float:
        if tried is not None:
            tried.append(settings)
        return bowl(settings)

    return search(tmp_path / "bowl.journal", SPACE, measure, trials, first={"rate": 0.01, "decay": 0.0})


def test_a_search_tries_what_is_used_today_first_and_never_ends_with_worse(tmp_path: Path) -> None:
    best = found(tmp_path, 12)
    assert best.trials[0] == ({"rate": 0.01, "decay": 0.0}, bowl({"rate": 0.01, "decay": 0.0}))
    assert best.value == min(value for _, value in best.trials) < best.trials[0][1]
    assert bowl(best.best) == best.value
    assert all(1e-4 <= trial["rate"] <= 1 and -1 <= trial["decay"] <= 1 for trial, _ in best.trials)


def test_an_interrupted_search_goes_on_after_its_last_finished_trial(tmp_path: Path) -> None:
    def fails_at_third(settings: Mapping[str, float], _: Watch) -> float:
        tried.append(settings)
        if len(tried) == 3:
            raise KeyboardInterrupt
        return bowl(settings)

    tried: list[Mapping[str, float]] = []
    with pytest.raises(KeyboardInterrupt):
        search(tmp_path / "bowl.journal", SPACE, fails_at_third, 5)
    again: list[Mapping[str, float]] = []
    assert len(found(tmp_path, 5, again).trials) == 5
    assert len(again) == 3
    assert not found(tmp_path, 5, more := []).trials[5:]
    assert not more


def test_a_search_that_goes_on_does_not_draw_the_same_settings_again(tmp_path: Path) -> None:
    found(tmp_path, 2)
    found(tmp_path, 3)
    rates = [trial["rate"] for trial, _ in found(tmp_path, 4).trials]
    assert len(set(rates)) == 4


def test_a_trial_that_is_worse_than_most_at_the_same_epoch_is_stopped_and_stays_stopped(tmp_path: Path) -> None:
    epochs: list[int] = []

    def measure(settings: Mapping[str, float], watch: Watch) -> float:
        epochs.append(0)
        for epoch in range(10):
            epochs[-1] += 1
            watch(bowl(settings) + 1 / (epoch + 1))
        return bowl(settings) + 0.1

    space = {**SPACE, "batch": Choice((16, 32))}
    journal = tmp_path / "bowl.journal"
    best = search(journal, space, measure, 14)
    assert len(best.trials) + len(best.pruned) == 14
    assert best.pruned
    assert sorted(set(epochs)) == [4, 10]  # three epochs and the fourth, after which it is stopped
    assert epochs.count(10) == len(best.trials)
    assert all(trial["batch"] in (16, 32) for trial, _ in (*best.trials, *best.pruned))
    assert best.value == min(value for _, value in best.trials)
    assert search(journal, space, measure, 14) == best
    assert len(epochs) == 14


def test_each_trial_is_told_as_it_ends_and_those_of_an_earlier_search_are_counted(tmp_path: Path) -> None:
    said: list[str] = []

    def run(trials: int) -> None:
        said.clear()
        measure = lambda settings, _: bowl(settings)  # noqa: E731
        search(tmp_path / "told.journal", SPACE, measure, trials, progress=lambda _, sentence: said.append(sentence))

    run(2)
    assert [sentence.split(":")[0].split(",")[0] for sentence in said] == [
        *("Trial 1 of 2", "Trial 1 of 2 ended", "Trial 2 of 2", "Trial 2 of 2 ended")
    ]
    run(3)
    assert said[0] == "2 of 3 trials are kept from an earlier search"
    assert said[-1].startswith("Trial 3 of 3 ended, loss ")
    assert "rate 0." in said[-1]


def test_importance_is_of_the_setting_that_matters(tmp_path: Path) -> None:
    def one_matters(settings: Mapping[str, float], _: Watch) -> float:
        return settings["decay"] ** 2

    best = search(tmp_path / "one.journal", SPACE, one_matters, 12)
    assert next(iter(best.importance)) == "decay"
    assert best.importance["decay"] > 0.7
    assert sum(best.importance.values()) == pytest.approx(1)
    assert search(tmp_path / "flat.journal", SPACE, lambda *_: 1.0, 5).importance == {}
