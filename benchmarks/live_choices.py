"""What a live look should read, and how long after the next R peak: `python -m benchmarks.live_choices [--write]`.

Of each record of DS1 (training patients), the same beats are classified as they would be live, by looks that read
more or less of what came before, and compared with the finished recording. The beats are drawn among those that are
easily classified otherwise: with a final confidence below 0.88, or within six seconds of where the verdict on the
signal changes. So the shares are far below those of all beats (`benchmarks.live`), and the differences are larger.
`--write` saves docs/experiments/live_choices.json, and the table in docs/live.md.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from benchmarks.live import PAGE, of_each
from benchmarks.results import LiveChoice, LiveChoices
from pipeline._util.files import write_bytes, write_json
from pipeline._util.provenance import Provenance, current_commit, now
from pipeline._util.typed_json import rounded, to_json
from pipeline.analysis import Analysis, BeatClassifier, analyse, load_classifier
from pipeline.config import RECORDING_NETWORK, ROOT, data_root
from pipeline.datasets.splits import DS1
from pipeline.intake import read_path
from pipeline.live.agreement import Agreement
from pipeline.live.latest import Latest, Reach
from pipeline.live.provisional import SAME_BEAT_S, SETTLED_S, LiveBeat, Look, look_at
from pipeline.types import IntArray, Recording

RESULT: Final = ROOT / "docs" / "experiments" / "live_choices.json"
MARKS: Final = ("<!-- live-choices:start -->", "<!-- live-choices:end -->")
BEATS: Final = 8  # of each record
DOUBTFUL, NEAR_S, FROM_S, SEED = 0.88, 6.0, 90.0, 7
NO_GRID: Final = 1 / 360  # a sample
NOTHING: Final = Agreement(0, 0, 0, 0, 0)
LATER_S: Final = 0.6
CHOICES: Final[dict[str, tuple[Reach, float]]] = {
    "a minute": (Reach(60.0, NO_GRID, 0), SETTLED_S),
    "a minute, later": (Reach(60.0, NO_GRID, 0), LATER_S),
    "a minute from the grid": (Reach(60.0, 4.0, 0), SETTLED_S),
    "a minute from the grid, later": (Reach(60.0, 4.0, 0), LATER_S),
    "five minutes, later": (Reach(300.0, 4.0, 0), LATER_S),
    "a minute and 8 stretches, later": (Reach(60.0, 4.0, 8), LATER_S),
    "a minute and 16 stretches": (Reach(60.0, 4.0, 16), SETTLED_S),
    "a minute and 16 stretches, later": (Reach(60.0, 4.0, 16), LATER_S),
}


def main() -> None:
    """Compare the choices; `--write` saves what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="into docs/experiments/live_choices.json and docs/live.md")
    options = parser.parse_args()
    provenance = Provenance("python -m benchmarks.live_choices --write", current_commit(), "mitdb DS1", now())
    classifier, tried = load_classifier(RECORDING_NETWORK), [Tried(name) for name in CHOICES]
    for record in DS1:
        recording = read_path(data_root() / "mitdb" / f"{record}.hea")
        final = analyse(recording, classifier)
        for beat in doubtful_beats(final).tolist():
            for each in tried:
                each.at(recording, final, beat, classifier)
        print(record, *(f"{each.found.fraction:.3f}" for each in tried), flush=True)
    found = LiveChoices(provenance, len(DS1), BEATS, DOUBTFUL, tuple(each.choice for each in tried))
    print(_table(found))
    if options.write:
        write_json(RESULT, to_json(found))
        head, rest = PAGE.read_text(encoding="utf-8").split(MARKS[0])
        write_bytes(PAGE, f"{head}{MARKS[0]}\n\n{_table(found)}\n\n{MARKS[1]}{rest.split(MARKS[1])[1]}".encode())


def doubtful_beats(final: Analysis) -> IntArray:
    """Draw beats that are easily classified otherwise, from the second minute and a half on; places in the analysis."""
    edges = np.array([-np.inf, *(segment.start_s for segment in final.quality.segments[1:])])
    near = np.abs(final.time_s[:, None] - edges).min(axis=1) < NEAR_S
    known = (final.time_s > FROM_S) & (np.append(final.time_s[1:], np.inf) < final.duration_s - 1)
    some = np.flatnonzero((near | (final.confidence < DOUBTFUL)) & known)
    drawn = np.random.default_rng(SEED).choice(some, min(BEATS, some.size), replace=False)
    return np.sort(drawn).astype(np.int64)


@dataclass
class Tried:
    """A choice, and what became of the beats so far.

    Attributes
    ----------
    name : str
        One of `CHOICES`.
    """

    name: str
    found: Agreement = NOTHING
    cpu_s: list[float] = field(default_factory=list)

    def at(self, recording: Recording, final: Analysis, beat: int, classifier: BeatClassifier) -> None:
        """Look when a class is due, and compare what is given for this beat and up to the next.

        Parameters
        ----------
        recording : Recording
            The record.
        final : Analysis
            The analysis of all of it.
        beat : int
            Place of the beat there.
        classifier : BeatClassifier
            The network.
        """
        reach, settled_s = CHOICES[self.name]
        latest = Latest(len(recording.leads), recording.fs, reach)
        latest.append(recording.p_signal[: math.ceil((final.time_s[beat + 1] + settled_s) * recording.fs)])
        began = time.process_time()
        look = look_at(latest.window(), classifier, fs=recording.fs, leads=recording.leads)
        self.cpu_s.append(time.process_time() - began)
        given = _given(look, float(final.time_s[beat]), float(final.time_s[beat + 1]))
        missed = int(not (np.abs(look.time_s - final.time_s[beat]) < SAME_BEAT_S).any())
        self.found += of_each(given, final) + Agreement(missed, 0, 0, missed, 0)

    @property
    def choice(self) -> LiveChoice:
        """What was found, as it is saved."""
        (reach, settled_s), one = CHOICES[self.name], self.found
        return LiveChoice(
            self.name, reach.newest_s, rounded(reach.grid_s), reach.stretches, settled_s, one.beats, one.same,
            one.contrary, one.missed, one.extra, rounded(one.fraction), rounded(1000 * float(np.median(self.cpu_s))),
        )  # fmt: skip


def _given(look: Look, beat_s: float, next_s: float) -> list[LiveBeat]:
    """Return what a look says of a beat and of all before the next, seconds."""
    places = np.flatnonzero((look.time_s > beat_s - SAME_BEAT_S) & (look.time_s < next_s - SAME_BEAT_S))
    return [LiveBeat(float(look.time_s[i]), look.letters[i], float(look.confidence[i])) for i in places]


def _table(found: LiveChoices) -> str:
    lines = [
        "| what a look reads | given after s | the same | another class | missed or false | % | CPU ms |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in found.choices:
        cells = (one.name.removesuffix(", later"), f"{one.settled_s:g}", f"{one.same} of {one.beats + one.extra}")
        more = (one.contrary, one.missed + one.extra, f"{100 * one.fraction:.1f}", f"{one.cpu_ms:.0f}")
        lines.append(f"| {' | '.join(map(str, (*cells, *more)))} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
