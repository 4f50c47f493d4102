"""What the held-out records say of the states that the waveform detector and its state model give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.rhythm.ventricular import FIBRILLATION, LEAST_S
from pipeline.training.rhythms.waveform_examples import FLUTTER, IGNORED, NOISE, OTHER, TACHYCARDIA
from pipeline.types import IntArray

LEAST_EPISODE_S: Final = 4
NEAR_S: Final = 2  # an alarm that lies this near a true run is true
DAY_S: Final = 86400
FLUTTER_RECORDS: Final = ("vfdb", "mitdb/207")
Labels = Mapping[str, NDArray[np.int8]]
States = Mapping[str, IntArray]


def scores(labels: Labels, states: States) -> dict[str, Any]:
    """Score states against labels, second by second and episode by episode.

    Parameters
    ----------
    labels : mapping of str to (n_seconds,) int8
        Of each record, DATABASE/RECORD.
    states : mapping of str to (n_seconds,) int64
        Of the state model, 0 for other rhythms.

    Returns
    -------
    dict
        Sensitivities, specificity over readable time of vfdb, episodes of at least 4 s, and false alarms per 24 h
        of mitdb and svdb; a line per record of vfdb and for 207.
    """
    waves = [name for name in labels if name.startswith(FLUTTER_RECORDS)]
    shown = {name: states[name] != OTHER for name in labels}
    readable = [name for name in waves if name.startswith("vfdb")]
    episodes = [(name, a, b) for name in waves for a, b in _spans(labels[name] == FLUTTER) if b - a >= LEAST_EPISODE_S]
    missed = [(name, a, b) for name, a, b in episodes if not (states[name][a:b] == FIBRILLATION).any()]
    quiet = [name for name in labels if not name.startswith("vfdb")]
    hours = sum(labels[name].size for name in quiet) / 3600
    alarms = [(name, a, b) for name in quiet for a, b in _false_alarms(labels[name], shown[name])]
    return {
        "vf_vfl_named_vfl_se": _share(waves, labels, FLUTTER, {n: states[n] == FIBRILLATION for n in waves}),
        "vf_vfl_named_vfl_or_vt_se": _share(waves, labels, FLUTTER, shown),
        "vt_named_vt_or_vfl_se": _share(waves, labels, TACHYCARDIA, shown),
        "sp_of_vf_vfl_vt": 1 - _share(readable, labels, OTHER, shown),
        "sp_without_418": 1 - _share([n for n in readable if n != "vfdb/418"], labels, OTHER, shown),
        "vfl_episodes_4s": len(episodes),
        "vfl_episodes_4s_not_named_vfl": _places(missed),
        "vfl_episodes_4s_not_named_at_all": _places([e for e in missed if not shown[e[0]][e[1] : e[2]].any()]),
        "false_alarms_mitdb_svdb": len(alarms),
        "false_alarms_per_24h": len(alarms) * 24 / hours if hours else 0.0,
        "false_alarm_places": _places(alarms),
        "hours_mitdb_svdb": hours,
        "records": {name: _record(labels[name], states[name]) for name in waves},
    }


def _share(names: list[str], labels: Labels, which: int, shown: Mapping[str, NDArray[np.bool_]]) -> float:
    """Share of the seconds with one label that are shown."""
    hits = np.concatenate([shown[name][labels[name] == which] for name in names])
    return float(hits.mean()) if hits.size else 0.0


def _spans(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _false_alarms(label: NDArray[np.int8], shown: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the stretches of at least 3 s that are shown, of which none is or is near to a true run."""
    true = np.isin(label, (FLUTTER, TACHYCARDIA, IGNORED, NOISE))
    return [(a, b) for a, b in _spans(shown) if b - a >= LEAST_S and not true[max(0, a - NEAR_S) : b + NEAR_S].any()]


def _places(spans: list[tuple[str, int, int]]) -> list[dict[str, Any]]:
    return [{"record": name, "start_s": a, "stop_s": b} for name, a, b in spans]


def _record(label: NDArray[np.int8], state: IntArray) -> dict[str, int]:
    return {
        "vf_vfl_s": int((label == FLUTTER).sum()),
        "vf_vfl_named_vfl_s": int(((label == FLUTTER) & (state == FIBRILLATION)).sum()),
        "vf_vfl_found_s": int(((label == FLUTTER) & (state != OTHER)).sum()),
        "vt_s": int((label == TACHYCARDIA).sum()),
        "vt_found_s": int(((label == TACHYCARDIA) & (state != OTHER)).sum()),
        "other_s": int((label == OTHER).sum()),
        "other_named_s": int(((label == OTHER) & (state != OTHER)).sum()),
    }


def as_table(found: Mapping[str, Any]) -> str:
    """Return what `scores` found as Markdown, for the page on experiments."""
    named = len(found["vfl_episodes_4s_not_named_vfl"])
    rows = [
        ("VF and VFL, named VFL or VT: sensitivity", f"{found['vf_vfl_named_vfl_or_vt_se']:.3f}"),
        ("VF and VFL, named VFL: sensitivity", f"{found['vf_vfl_named_vfl_se']:.3f}"),
        ("VT, named VT or VFL: sensitivity", f"{found['vt_named_vt_or_vfl_se']:.3f}"),
        ("VFL and VT together: specificity", f"{found['sp_of_vf_vfl_vt']:.3f}"),
        ("the same without record 418", f"{found['sp_without_418']:.3f}"),
        (
            "episodes of VF or VFL of 4 s and more, named",
            f"{found['vfl_episodes_4s'] - named} of {found['vfl_episodes_4s']}",
        ),
        ("false alarms per 24 h of mitdb and svdb", f"{found['false_alarms_per_24h']:.2f}"),
    ]
    lines = ["| held-out records | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows), ""]
    lines += ["| record | VF, VFL found, s | VT found, s | other time named so, s |", "|---|---|---|---|"]
    for name, one in found["records"].items():
        flutter, tachycardia = (f"{one[f'{k}_found_s']} of {one[f'{k}_s']}" for k in ("vf_vfl", "vt"))
        lines.append(f"| {name} | {flutter} | {tachycardia} | {one['other_named_s']} of {one['other_s']} |")
    return "\n".join(lines) + "\n"
