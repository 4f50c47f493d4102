"""Settings of a training on a folder, from a TOML file or the command line, checked by name, type and range."""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from models.network import FolderUse
from pipeline.errors import UsageError
from pipeline.image_folders.training_set import CLASS_WEIGHTS, FolderPlan

SIDE_MIN_PX: Final = 32
SIDE_MAX_PX: Final = 1024
HEAD_SHARE: Final = 0.6  # of `epochs`, for the head of a network with a start; as 12 of 20


def usual_plan(use: FolderUse) -> FolderPlan:
    """Return the plan that a network is usually trained by."""
    return FolderPlan(
        head_epochs=use.head_epochs,
        tuning_epochs=use.tuning_epochs,
        patience=use.patience,
        side_px=use.side_px,
        usual=("epochs", "patience"),
    )


def planned(use: FolderUse, settings: Mapping[str, Any], source: str) -> FolderPlan:
    """Return a network's usual plan with some settings changed.

    Parameters
    ----------
    use : FolderUse
        How the network is trained on folders.
    settings : mapping of str to Any
        Values by the names of `SETTINGS`, as a TOML file or the command line gives them.
    source : str
        Where they are from, for errors.

    Raises
    ------
    UsageError
        If a name is not known, or a value is of a wrong type or out of range.
    """
    unknown = [name for name in settings if name not in SETTINGS]
    if unknown:
        close = difflib.get_close_matches(unknown[0], SETTINGS, 1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise UsageError(f"{source} has no setting {unknown[0]!r}: {hint}There are {', '.join(SETTINGS)}.")
    read = {}
    for name, value in settings.items():
        try:
            read[name] = SETTINGS[name](value)
        except (ValueError, TypeError) as error:
            raise UsageError(f"{source} sets {name} to {value!r}; it must be {error}.") from error
    if (epochs := read.pop("epochs", None)) is not None:
        head = round(HEAD_SHARE * epochs) if use.cuts[0] else 0
        read = {"head_epochs": head, "tuning_epochs": epochs - head} | read
    if "size" in read:
        read["size_px"] = read.pop("size")
    chosen = {"epochs" if name in ("head_epochs", "tuning_epochs") else name for name in read}
    plan = usual_plan(use)
    return replace(plan, **read, usual=tuple(name for name in plan.usual if name not in chosen))


def read_settings(file: Path) -> dict[str, Any]:
    """Read a TOML file of settings.

    Raises
    ------
    UsageError
        If it is missing or no TOML.
    """
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"The settings {str(file)!r} cannot be read ({error.strerror}).") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"The settings {str(file)!r} are no TOML: {error}.") from error


def picture_size(value: object) -> tuple[int, int]:
    """Return height and width in pixels of 224, "224", "160x256" or [160, 256].

    Raises
    ------
    ValueError
        If it is none of these, or out of range; its text completes "it must be".
    """
    sides: list[Any] = list(value) if isinstance(value, list | tuple) else str(value).lower().split("x")
    try:
        found = [int(str(side)) for side in sides]
    except ValueError:
        found = []
    if len(found) not in (1, 2) or not all(SIDE_MIN_PX <= side <= SIDE_MAX_PX for side in found):
        raise ValueError(f"a side or HEIGHTxWIDTH, each {SIDE_MIN_PX} to {SIDE_MAX_PX} pixels")
    return found[0], found[-1]


def _whole(least: int, most: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return value

    return read


def _number(least: float, most: float) -> Callable[[object], float]:
    def read(value: object) -> float:
        number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
        if not least <= number <= most:
            raise ValueError(f"a number from {least:g} to {most:g}")
        return number

    return read


def _one_of(*known: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if value not in known:
            raise ValueError(f"one of {', '.join(known)}")
        return str(value)

    return read


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("a text")
    return value


def _class_weights(value: object) -> str:
    """Return "none", "sqrt", "balanced", or "NAME=2,..." of such a text or of a table."""
    if isinstance(value, Mapping):
        value = ",".join(f"{name}={factor}" for name, factor in value.items())
    if not isinstance(value, str) or not (value in CLASS_WEIGHTS or "=" in value):
        raise ValueError(f"one of {', '.join(CLASS_WEIGHTS)}, or a factor for each class: NAME=2,OTHER=0.5")
    return value


SETTINGS: Final[Mapping[str, Callable[[Any], Any]]] = MappingProxyType(
    {
        "epochs": _whole(1, 10_000),
        "head_epochs": _whole(0, 10_000),
        "tuning_epochs": _whole(0, 10_000),
        "warmup_epochs": _whole(0, 1000),
        "patience": _whole(1, 10_000),
        "size": picture_size,
        "side_px": _whole(SIDE_MIN_PX, SIDE_MAX_PX),
        "batch": _whole(1, 4096),
        "learning_rate": _number(1e-7, 1.0),
        "dropout": _number(0.0, 0.95),
        "frozen_up_to": _text,
        "augmentation": _number(0.0, 3.0),
        "class_weights": _class_weights,
        "held_out": _whole(2, 100),
        "reads": _one_of("auto", "pictures", "pages"),
        "seed": _whole(0, 2**32 - 1),
    }
)
