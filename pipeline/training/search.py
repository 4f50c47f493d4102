"""A search for settings, trial by trial; bad trials stop early, and an interrupted search resumes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pipeline._util.progress import Progress, no_progress

SEED: Final = 20261122
UNPRUNED_TRIALS: Final = 4  # that are finished before any is stopped early
UNPRUNED_EPOCHS: Final = 3  # of each trial
IMPORTANCE_FROM: Final = 4  # finished trials

Watch = Callable[[float], None]
"""Called with the held-out loss after each epoch of a trial; raises where the trial is worth no more epochs."""


@dataclass(frozen=True)
class Range:
    """Where a number is searched: from `low` to `high`, uniformly or (`log`) in its logarithm."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class Choice:
    """Numbers of which one is chosen; their order and distances mean nothing."""

    among: tuple[float, ...]


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes
    ----------
    best : mapping of str to float
        The best settings.
    value : float
        Their loss.
    trials : tuple of (mapping of str to float, float)
        Settings and loss of the finished trials, in their order.
    pruned : tuple of (mapping of str to float, float)
        The same of those that were stopped early, with their lowest loss until then.
    importance : mapping of str to float
        Share of each setting, 0..1, in how much the losses differ, the largest first; empty with fewer than
        `IMPORTANCE_FROM` finished trials, or where all losses are the same.
    """

    best: Mapping[str, float]
    value: float
    trials: tuple[tuple[Mapping[str, float], float], ...]
    pruned: tuple[tuple[Mapping[str, float], float], ...]
    importance: Mapping[str, float]


def search(
    journal: Path,
    space: Mapping[str, Range | Choice],
    measure: Callable[[Mapping[str, float], Watch], float],
    trials: int,
    *,
    first: Mapping[str, float] | None = None,
    progress: Progress = no_progress,
) -> Found:
    """Search the settings with the lowest `measure`, in at most `trials` trials in all.

    A trial whose losses so far are above the median of the others' at the same epoch is stopped (pruned); it counts.

    Parameters
    ----------
    journal : Path
        File that stores the trials; those in it count.
    space : mapping of str to Range or Choice
        Where each setting is searched.
    measure : callable
        Trains with the settings and returns a loss on patients held out of the training (never on test patients). It
        may tell its `Watch` the loss of each epoch; without that, no trial is stopped early.
    trials : int
        How many.
    first : mapping of str to float, optional
        Settings to try first: the current ones, so that the search cannot end with worse.
    progress : Progress, optional
        Called with what is being done, for a progress display.

    References
    ----------
    Akiba et al. 2019, Optuna, doi:10.1145/3292500.3330701; its tree-structured Parzen estimator and its median rule.
    Importance: Hutter et al. 2014, functional ANOVA, proceedings.mlr.press/v32/hutter14.html.
    """
    study = _study(journal)
    kept_before = len(_finished(study))
    if first and not study.trials:
        study.enqueue_trial(dict(first))
    if kept_before:
        progress(min(1.0, kept_before / trials), f"{kept_before} of {trials} trials are kept from an earlier search")

    def one(trial: Any) -> float:
        done = len(_finished(study))
        settings = {name: _suggested(trial, name, where) for name, where in space.items()}
        progress(done / trials, f"Trial {done + 1} of {trials}: {_named(settings)}")
        return measure(settings, _watch(trial))

    def tell(_: Any, trial: Any) -> None:
        done = len(_finished(study))
        end = f"ended, loss {trial.value:.4g}" if trial.state.name == "COMPLETE" else "stopped early"
        progress(done / trials, f"Trial {done} of {trials} {end}: {_named(trial.params)}")

    study.optimize(one, n_trials=max(0, trials - kept_before), callbacks=[tell])
    ended = _finished(study)
    kept = tuple((dict(trial.params), float(trial.value)) for trial in ended if trial.state.name == "COMPLETE")
    pruned = tuple(
        (dict(trial.params), min(trial.intermediate_values.values())) for trial in ended if trial.state.name == "PRUNED"
    )
    best, value = min(kept, key=lambda item: item[1])
    return Found(best, value, kept, pruned, _importance(study, kept))


def _study(journal: Path) -> Any:
    import optuna  # only a search waits for it
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    journal.parent.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        storage=optuna.storages.JournalStorage(JournalFileBackend(str(journal))),
        study_name=journal.stem,
        load_if_exists=True,
    )
    study.pruner = optuna.pruners.MedianPruner(n_startup_trials=UNPRUNED_TRIALS, n_warmup_steps=UNPRUNED_EPOCHS)
    study.sampler = optuna.samplers.TPESampler(seed=SEED + len(study.trials))  # or a resumed search would repeat draws
    return study


def _suggested(trial: Any, name: str, where: Range | Choice) -> float:
    if isinstance(where, Choice):
        return float(trial.suggest_categorical(name, where.among))
    return float(trial.suggest_float(name, where.low, where.high, log=where.log))


def _named(settings: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.3g}" for name, value in settings.items())


def _watch(trial: Any) -> Watch:
    from optuna import TrialPruned

    losses: list[float] = []

    def watch(loss: float) -> None:
        trial.report(loss, len(losses))
        losses.append(loss)
        if trial.should_prune():
            raise TrialPruned

    return watch


def _finished(study: Any) -> list[Any]:
    """Return the trials that ended by themselves or were stopped, not those that were interrupted."""
    return [trial for trial in study.trials if trial.state.name in ("COMPLETE", "PRUNED")]


def _importance(study: Any, kept: Sequence[tuple[Mapping[str, float], float]]) -> Mapping[str, float]:
    if len(kept) < IMPORTANCE_FROM or len({value for _, value in kept}) == 1:
        return {}
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    found = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=SEED))
    return {name: float(share) for name, share in found.items()}
