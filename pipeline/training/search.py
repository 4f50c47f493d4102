"""A search for settings, trial by trial; what was tried is kept, so that an interrupted search goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pipeline._util.progress import Progress, no_progress

SEED: Final = 20261122


@dataclass(frozen=True)
class Range:
    """Where a number is looked for: from `low` to `high`, evenly or (`log`) in its logarithm."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class Found:
    """The best settings, their value (lower is better), and all (settings, value) in the order they were tried."""

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
    """Look for the settings with the lowest `measure`, in at most `trials` trials in all.

    Parameters
    ----------
    journal : Path
        A file that keeps the trials; those in it count.
    measure : callable
        Trains with the settings and returns a loss on patients held out of the training (never on test patients).
    first : mapping, optional
        Settings to try first: what is used today, so that the search cannot end with worse.

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
        told = ", ".join(f"{name} {value:.3g}" for name, value in settings.items())
        progress(done / trials, f"Trial {done + 1} of {trials}: {told}")
        return measure(settings)

    study.optimize(one, n_trials=max(0, trials - len(_finished(study))))
    kept = tuple((dict(trial.params), float(trial.value)) for trial in _finished(study))
    best, value = min(kept, key=lambda item: item[1])
    return Found(best, value, kept)


def _study(journal: Path) -> Any:
    import optuna  # only who searches waits for it
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    journal.parent.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        storage=optuna.storages.JournalStorage(JournalFileBackend(str(journal))),
        study_name=journal.stem,
        load_if_exists=True,
    )
    study.sampler = optuna.samplers.TPESampler(seed=SEED + len(study.trials))  # else going on would repeat the draws
    return study


def _finished(study: Any) -> list[Any]:
    return [trial for trial in study.trials if trial.value is not None]
