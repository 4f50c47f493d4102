"""A search for settings, trial by trial; trials are stored, so that an interrupted search resumes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pipeline._util.progress import Progress, no_progress

SEED: Final = 20261122


@dataclass(frozen=True)
class Range:
    """Where a number is searched: from `low` to `high`, uniformly or (`log`) in its logarithm."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class Found:
    """The best settings, their value (lower is better), and all (settings, value) in the order of the trials."""

    best: Mapping[str, float]
    value: float
    trials: tuple[tuple[Mapping[str, float], float], ...]


def search(
    journal: Path,
    space: Mapping[str, Range],
    measure: Callable[[Mapping[str, float]], float],
    trials: int,
    *,
    first: Mapping[str, float] | None = None,
    progress: Progress = no_progress,
) -> Found:
    """Search the settings with the lowest `measure`, in at most `trials` trials in all.

    Parameters
    ----------
    journal : Path
        File that stores the trials; those in it count.
    space : mapping of str to Range
        Range of each setting.
    measure : Callable[[Mapping[str, float]], float]
        Trains with the settings and returns a loss on patients held out of the training (never on test patients).
    trials : int
        How many.
    first : mapping of str to float, optional
        Settings to try first: the current ones, so that the search cannot end with worse.
    progress : Progress, optional
        Called with what is being done, for a progress display.

    References
    ----------
    Akiba et al. 2019, Optuna, doi:10.1145/3292500.3330701; its tree-structured Parzen estimator.
    """
    study = _study(journal)
    if first and not study.trials:
        study.enqueue_trial(dict(first))

    def one(trial: Any) -> float:
        done = len(_finished(study))
        settings = {name: trial.suggest_float(name, r.low, r.high, log=r.log) for name, r in space.items()}
        sentence = ", ".join(f"{name} {value:.3g}" for name, value in settings.items())
        progress(done / trials, f"Trial {done + 1} of {trials}: {sentence}")
        return measure(settings)

    study.optimize(one, n_trials=max(0, trials - len(_finished(study))))
    kept = tuple((dict(trial.params), float(trial.value)) for trial in _finished(study))
    best, value = min(kept, key=lambda item: item[1])
    return Found(best, value, kept)


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
    study.sampler = optuna.samplers.TPESampler(seed=SEED + len(study.trials))  # or a resumed search would repeat draws
    return study


def _finished(study: Any) -> list[Any]:
    return [trial for trial in study.trials if trial.value is not None]
