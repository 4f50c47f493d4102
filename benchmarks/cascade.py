"""Whether `vgg16` should answer what `rhythm_svdb` finds doubtful or abnormal: `python -m benchmarks.cascade --write`.

The fast network reads every beat. `vgg16` is asked where that is less confident than a limit, or calls the beat
anything but N, and either replaces the answer or is mixed into it. Limit and way are chosen on patients that neither
network was trained on, as `benchmarks.fusion` does it with the answers that it has stored: of all ways, the one whose
kappa gains most in the database where it gains least. DS2 and the other half of svdb are then answered by that way and
by either network alone. `--write` writes docs/experiments/cascade.json and the tables of docs/experiments/cascade.md.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.fusion import Answers, answers, changes, held_out, scores, shipped
from benchmarks.scale_results import Cascade, CascadeRow
from models import registry
from pipeline._util.files import write_json
from pipeline._util.provenance import Provenance, current_commit, now
from pipeline._util.typed_json import read_as, to_json
from pipeline.analysis import prepare
from pipeline.config import ROOT, data_root
from pipeline.datasets.catalogue import database_folder
from pipeline.datasets.splits import DS2, training_half
from pipeline.intake import read_path
from pipeline.labels import AAMI_CLASSES
from pipeline.training.training_set import VALIDATION

REPORT: Final = ROOT / "docs" / "experiments" / "cascade.json"
PAGE: Final = ROOT / "docs" / "experiments" / "cascade.md"
MARKS: Final = ("<!-- cascade:start -->", "<!-- cascade:end -->")
FAST, SLOW, TIMED = "rhythm_svdb", "vgg16", "100"  # networks, and the record that both are timed on
LIMITS: Final = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
SHARES: Final = (0.25, 0.5, 1.0)
ROUNDS: Final = 3
N: Final = AAMI_CLASSES.index("N")
SHOWN: Final = ("N", "S", "V", "F", "kappa")

Found = Mapping[str, Sequence[Answers]]


@dataclass(frozen=True)
class Way:
    """Which beats `vgg16` is asked about, and its share in the answer."""

    below: float
    abnormal: bool
    share: float

    @property
    def name(self) -> str:
        """The way in words."""
        if not self.below and not self.abnormal:
            return f"`{FAST}` alone"
        if self.below > 1:
            return f"`{SLOW}` alone"
        about = ["abnormal"] * self.abnormal + [f"confidence below {self.below:g}"] * (self.below > 0)
        does = "answers" if self.share == 1 else f"has a share of {self.share:g}"
        return f"{' or '.join(about)}: `{SLOW}` {does}"

    def asked(self, one: Answers) -> NDArray[np.bool_]:
        """Tell which beats (n,) `vgg16` is asked about."""
        doubtful = one.by_rhythm.max(axis=1) < self.below
        return np.asarray(doubtful | (self.abnormal & (one.by_rhythm.argmax(axis=1) != N)))

    def matrix(self, one: Answers) -> NDArray[np.int64]:
        """Return the confusion matrix (5, 5) of a record."""
        fast, slow = one.logs
        share = np.where(self.asked(one), self.share, 0.0)[:, None]
        return one.confusion(((1 - share) * fast + share * slow).argmax(axis=1))


ALONE, ALWAYS = Way(0.0, False, 0.0), Way(1.1, False, 1.0)
WAYS: Final = tuple(Way(*each) for each in product(LIMITS, (False, True), SHARES) if each[0] or each[1])


def row(way: Way, found: Found, ms_per_beat: Mapping[str, float]) -> CascadeRow:
    """Return what a way does in each database."""
    asked = {name: np.concatenate([way.asked(one) for one in part]) for name, part in found.items()}
    of_all = float(np.concatenate(list(asked.values())).mean())
    fast = 0.0 if way == ALWAYS else ms_per_beat[FAST]
    return CascadeRow(
        name=way.name, below=way.below, abnormal=way.abnormal, share=way.share,
        asked={name: round(float(each.mean()), 4) for name, each in asked.items()},
        scores={name: scores(np.sum([way.matrix(one) for one in part], axis=0)) for name, part in found.items()},
        cost=round((fast + of_all * ms_per_beat[SLOW]) / ms_per_beat[FAST], 2),
    )  # fmt: skip


def gain(one: CascadeRow, alone: CascadeRow) -> float:
    """Return what a way adds to kappa in the database where it adds least."""
    return min(one.scores[name]["kappa"] - alone.scores[name]["kappa"] for name in alone.scores)


def times() -> dict[str, float]:
    """Return the processor time of a beat by either network with all that it reads, ms; the best of some rounds."""
    beats = prepare(read_path(data_root() / "mitdb" / f"{TIMED}.hea")).beats
    networks = {name: shipped(registry.load(name)) for name in (FAST, SLOW)}
    best = dict.fromkeys(networks, float("inf"))
    for _ in range(ROUNDS):
        for name, answer in networks.items():
            start = time.process_time()
            answer(beats)
            best[name] = min(best[name], 1000 * (time.process_time() - start) / len(beats))
    return {name: round(ms, 3) for name, ms in best.items()}


def measured() -> Cascade:
    """Choose on held-out patients, and test."""
    mitdb, svdb = database_folder(data_root(), "mitdb"), database_folder(data_root(), "svdb")
    records = [file.stem for file in svdb.glob("*.hea")]
    teaching, network = training_half(records), registry.load(FAST)
    load, ms_per_beat = os.getloadavg()[0], times()
    held: Found = {
        "DS1": list(answers(VALIDATION, mitdb, "held-out", held_out(network))),
        "svdb": list(answers(teaching, svdb, "held-out", held_out(network))),
    }
    rows = [row(way, held, ms_per_beat) for way in (ALONE, ALWAYS, *WAYS)]
    by_way = dict(zip(WAYS, rows[2:], strict=True))
    best = max(WAYS, key=lambda way: gain(by_way[way], rows[0]))
    plain = max((way for way in WAYS if way.abnormal and way.share == 1), key=lambda way: gain(by_way[way], rows[0]))
    tested: Found = {
        "DS2": list(answers(DS2, mitdb, "test", lambda _: shipped(network))),
        "svdb": list(answers(sorted(set(records) - set(teaching)), svdb, "test", lambda _: shipped(network))),
    }
    difference = {
        way.name: {
            name: tuple(changes(np.array([[ALONE.matrix(one), way.matrix(one)] for one in part]))["kappa"])
            for name, part in tested.items()
        }
        for way in (best, plain)
    }
    return Cascade(
        provenance=Provenance("python -m benchmarks.cascade --write", current_commit(), "mitdb, svdb", now()),
        ms_per_beat=ms_per_beat, load=round(load, 1), held_out=tuple(rows), chosen=by_way[best], plain=by_way[plain],
        better=gain(by_way[best], rows[0]) > 0,
        test=tuple(row(way, tested, ms_per_beat) for way in (ALONE, ALWAYS, best, plain)), difference=difference,
    )  # fmt: skip


def markdown(report: Cascade) -> str:
    """Return both tables as Markdown."""
    alone, always, *ways = report.held_out
    shown = sorted(ways, key=lambda one: -gain(one, alone))
    best = [one for one in shown if one.share == 1][:4]
    mixed = [one for one in shown if one.share < 1][:4]
    return "\n".join([
        "Patients that neither network was trained on (for `vgg16`, those of DS1 chose when to stop): the",
        f"best of the {len(ways)} ways, those that replace the answer above those that mix it.",
        "",
        *_table([alone, always, *best, *mixed]),
        "",
        f"Chosen there: {report.chosen.name}, which changes kappa by {gain(report.chosen, alone):+.4f}",
        "where it gains least. Of the plain cascades, in which `vgg16` answers all that is abnormal, that",
        f"is {gain(report.plain, alone):+.4f} with {report.plain.name}. Tested once:",
        "",
        *_table(report.test),
        "",
        "Kappa against that of the fast network alone, with 95 % intervals over patients:",
        "",
        *(
            f"- {way}: " + ", ".join(f"{v[0]:+.4f} ({v[1]:+.4f} to {v[2]:+.4f}) on {name}" for name, v in each.items())
            for way, each in report.difference.items()
        ),
        "",
        f"*Cost* is processor time, the fast network's being 1: {report.ms_per_beat[FAST]:.2f} ms a beat, against",
        f"{report.ms_per_beat[SLOW]:.2f} of `{SLOW}` with its pictures, in one run at a load of {report.load:g}.",
    ])  # fmt: skip


def _table(rows: Sequence[CascadeRow]) -> list[str]:
    names = list(rows[0].scores)
    head = [f"{name}: {', '.join(SHOWN)}" for name in names]
    lines = ["| way | asked | cost | " + " | ".join(head) + " |", "|---|---|---|" + "---|" * len(names)]
    for one in rows:
        asked = ", ".join(f"{one.asked[name]:.1%}" for name in names)
        figures = (", ".join(f"{one.scores[name][key]:.3f}" for key in SHOWN) for name in names)
        lines.append(f"| {one.name} | {asked} | {one.cost:.1f} | " + " | ".join(figures) + " |")
    return lines


def page(report: Cascade) -> None:
    """Write the tables of the page."""
    before, _, rest = PAGE.read_text("utf-8").partition(MARKS[0])
    PAGE.write_text(f"{before}{MARKS[0]}\n{markdown(report)}\n{MARKS[1]}{rest.partition(MARKS[1])[2]}", "utf-8")


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--write", action="store_true", help=f"write {REPORT.relative_to(ROOT)}")
    parser.add_argument("--page", action="store_true", help="renew the page from what was measured before")
    options = parser.parse_args()
    report = read_as(Cascade, REPORT, again="run it with --write") if options.page else measured()
    print(markdown(report))
    if options.write:
        write_json(REPORT, to_json(report))
    if options.write or options.page:
        page(report)


if __name__ == "__main__":
    main()
