"""Fills the marked blocks of the documents with the numbers of saved files.

    python docs/make_numbers.py           writes
    python docs/make_numbers.py --check   changes nothing; exit code 1 if a document is out of date

The documents are README.md, docs/results.md, docs/reproduce.md, docs/use-and-export.md,
docs/experiments/rhythm-evaluation.md and docs/model_cards/*.md. Every number comes from
models/weights/NAME/evaluation*.json, rhythm.json, manifest.json and docs/experiments/exports.json; none is typed.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.results import Exports  # noqa: E402
from models import registry  # noqa: E402
from models.detectors import available_detectors, detector_manifest  # noqa: E402
from models.superclasses import SuperclassManifest, superclass_manifest  # noqa: E402
from models.waves import NAME as WAVES  # noqa: E402
from models.waves import load_waves  # noqa: E402
from pipeline._util.typed_json import read_as  # noqa: E402
from pipeline.evaluation.evaluation_schema import Evaluation  # noqa: E402
from pipeline.evaluation.rhythm_schema import (  # noqa: E402
    RhythmEvaluation,
    SourceScores,
    read_rhythm_evaluation,
    rhythm_file,
)
from pipeline.evaluation.saved import read_evaluation  # noqa: E402
from pipeline.evaluation.schema import Estimate, Estimates  # noqa: E402
from pipeline.evaluation.superclass_schema import (  # noqa: E402
    OtherDatabase,
    SuperclassEvaluation,
    read_superclass_evaluation,
)
from pipeline.labels import CLASS_NAMES  # noqa: E402
from pipeline.page_classifier.schema import read_page_evaluation  # noqa: E402

WEIGHTS: Final = ROOT / "models" / "weights"
README: Final = ROOT / "README.md"
RESULTS: Final = ROOT / "docs" / "results.md"
DEFAULTS: Final = ("rhythm_svdb", "vgg16")  # what the README shows: the networks that read recordings and pictures
CARDS: Final = ROOT / "docs" / "model_cards"
REPRODUCE: Final = ROOT / "docs" / "reproduce.md"
RHYTHMS: Final = ROOT / "docs" / "experiments" / "rhythm-evaluation.md"
EXPORTING: Final = ROOT / "docs" / "use-and-export.md"
EXPORTS: Final = ROOT / "docs" / "experiments" / "exports.json"
SUPERCLASSES: Final = "superclasses"  # the network over twelve leads, of another kind than those over beats
DETECTORS: Final = "detectors"  # the card of all detectors of rhythms
PAGE: Final = WEIGHTS / "pages" / "page"
BLOCK: Final = re.compile(r"(<!-- numbers:start -->\n).*?(<!-- numbers:end -->)", re.DOTALL)
NOTHING: Final = "_No evaluation has been saved yet; `python -m pipeline evaluate` writes one._\n"
MEASURES: Final = (
    ("N F1", "N_f1"),
    ("S F1", "S_f1"),
    ("V F1", "V_f1"),
    ("F F1", "F_f1"),
    ("balanced accuracy, N or not", "binary_balanced_accuracy"),
    ("ECE", "ece"),
)


def main() -> int:
    """Writes, or with --check compares; the exit code."""
    check = "--check" in sys.argv[1:]
    files = (path for path in sorted(WEIGHTS.glob("*/evaluation.json")) if path.parent.name != SUPERCLASSES)
    found = {path.parent.name: read_evaluation(path) for path in files}
    texts = {README: _readme(found), RESULTS: _results(found), REPRODUCE: _reproduce(found), RHYTHMS: _rhythms()}
    texts |= {path: _card(path.stem, found) for path in sorted(CARDS.glob("*.md")) if path.stem != "index"}
    texts |= {EXPORTING: _exports()}
    stale = [path for path, block in texts.items() if _fill(path, block, write=not check)]
    if check and stale:
        names = ", ".join(str(path.relative_to(ROOT)) for path in stale)
        sys.stderr.write(f"Out of date: {names}; run `python docs/make_numbers.py`.\n")
        return 1
    return 0


def _fill(path: Path, block: str, *, write: bool) -> bool:
    """Put `block` between the marks of `path`; whether that changes it."""
    before = path.read_text(encoding="utf-8")
    if not BLOCK.search(before):
        raise SystemExit(f"{path.relative_to(ROOT)} has no marks <!-- numbers:start --> and <!-- numbers:end -->.")
    after = BLOCK.sub(lambda match: match[1] + block + match[2], before)
    if write and after != before:
        path.write_text(after, encoding="utf-8", newline="\n")
    return after != before


def _readme(found: Mapping[str, Evaluation]) -> str:
    """The default networks on DS2, with and without the patient who has most of its S beats, and elsewhere."""
    rows = []
    for name in DEFAULTS:
        if name not in found:
            return NOTHING
        ends = ("svdb, another database, reference beats",)
        views = [*_views(found[name])[:2], *(view for view in _elsewhere(name) if view[0] in ends)]
        rows += [[f"`{name}`", title, *(_value(overall, key) for _, key in MEASURES)] for title, overall in views]
    return _table(["network", "measured on", *(title for title, _ in MEASURES)], rows)


def _results(found: Mapping[str, Evaluation]) -> str:
    if not found:
        return NOTHING
    rows = []
    for name, evaluation in found.items():
        for title, overall in _views(evaluation):
            rows.append([f"`{name}`", title, *(_value(overall, key) for _, key in MEASURES)])
    return _table(["network", "measured on", *(title for title, _ in MEASURES)], rows) + _provenance(found)


def _card(name: str, found: Mapping[str, Evaluation]) -> str:
    if name == PAGE.name:
        return _page_card()
    if name == DETECTORS:
        return _detectors_card()
    if name == SUPERCLASSES:
        return _superclasses_card()
    if name == WAVES:
        return _waves_card()
    if name not in found:
        return NOTHING
    evaluation = found[name]
    views = [*_views(evaluation), *_elsewhere(name)]
    rows = [[title, *(_value(overall, key, interval=True) for _, key in MEASURES)] for title, overall in views]
    classes = [
        [f"{row.aami} ({CLASS_NAMES[row.aami]})", f"{row.reference:,}", *map(_estimate, (row.se, row.ppv, row.f1))]
        for row in evaluation.reference.classes
    ]
    return (
        f"{_facts(name)}\n"
        + _table(["measured on", *(title for title, _ in MEASURES)], rows)
        + "\nPer class, DS2, at reference beats:\n\n"
        + _table(["class", "beats", "sensitivity", "positive predictivity", "F1"], classes)
        + _provenance({name: evaluation})
    )


def _elsewhere(name: str) -> list[tuple[str, Estimates]]:
    """What other files beside an evaluation say: another database, and the run without a record."""
    found = []
    if (file := WEIGHTS / name / "evaluation-svdb.json").is_file():
        found.append(("svdb, another database, reference beats", read_evaluation(file).reference.overall))
    for file in sorted((WEIGHTS / name).glob("evaluation-without-*.json")):
        title = f"DS2, reference beats, the same recipe trained without record {file.stem.split('-')[-1]}"
        found.append((title, read_evaluation(file).reference.overall))
    return found


def _page_card() -> str:
    """The card of the network that reads whole pages: distinct pages, cross-validated by patient."""
    content, manifest = read_page_evaluation(PAGE.parent), registry.manifest(PAGE.name, PAGE.parent)
    shown = [(content.titles[name], report) for name, report in content.networks.items()]
    rows = [
        [title, _estimate(report.overall.macro_f1), _estimate(report.overall.accuracy), f"{report.ece:.3f}"]
        for title, report in [*shown, ("_a leak: the published copies, split at random_", content.leakage)]
    ]
    classes = [
        [
            row.class_name.replace("_", " "),
            f"{row.reference}",
            *map(_estimate, (row.recall, row.precision, row.f1)),
        ]
        for row in content.networks["vgg16"].classes
    ]
    facts = [
        ["parameters", f"{manifest.parameters:,}"],
        ["weights", f"{manifest.size_bytes / 1e6:.1f} MB, SHA-256 `{manifest.sha256[:12]}`"],
        ["input", f"{' x '.join(map(str, manifest.input_shape))}, preprocessing `{manifest.preprocessing}`"],
        ["trained on", manifest.trained_on],
        ["no class below", f"{manifest.abstain_below:.2f}"],
        ["made by", f"`{manifest.command}` at commit `{manifest.commit[:12]}`"],
    ]
    return (
        f"{_table(['', ''], facts)}\n"
        + _table(["network, five parts of distinct pages", "macro F1", "accuracy", "ECE"], rows)
        + f"\nPer class, {content.titles['vgg16']}:\n\n"
        + _table(["class", "pages", "sensitivity", "positive predictivity", "F1"], classes)
        + "\nWritten by `docs/make_numbers.py` from `models/weights/pages/page/evaluation.json` (commit "
        f"`{content.provenance.commit[:12]}`). Intervals: 95 %, bootstrap over groups of pages.\n"
    )


def _superclasses_card() -> str:
    """The card of the network over twelve leads: each superclass, other heads, and the maps."""
    content = read_superclass_evaluation(WEIGHTS / SUPERCLASSES / "evaluation.json")
    compared = (*content.heads, content.chosen_on, content.on_pages)
    heads = [[each.name, _estimate(each.auroc), _estimate(each.ece)] for each in compared]
    heat = [
        [
            f"{name}, shown" if name == content.heat.shipped else name,
            _estimate(area.deletion),
            _estimate(area.insertion),
        ]
        for name, area in content.heat.areas.items()
    ]
    random = ", ".join(f"{value:.3f}" for value in content.other_folds.values())
    return "\n".join(
        (
            *_superclass_network(superclass_manifest(WEIGHTS)),
            f"{content.caution} {content.records} records of {content.patients} patients, {content.folds} folds:\n",
            _superclass_scores(content),
            f"Mean AUROC with the patients in ten random folds instead: {random}.\n",
            "Ways to make probabilities of the network's answers, the first is shipped; then one fold alone, which the "
            "network was not trained on, and pages:\n",
            _table(["probabilities from", "AUROC", "ECE"], heads),
            *_superclasses_elsewhere(content.elsewhere),
            f"Maps, {content.heat.records} records: areas under the probability as cells of {content.heat.cell_s:g} s "
            "of one lead are removed (low is good) and put back (high is good):\n",
            _table(["map", "deletion", "insertion"], heat),
            "Written by `docs/make_numbers.py` from `models/weights/superclasses/evaluation.json` (commit "
            f"`{content.provenance.commit[:12]}`) and its manifest. Intervals: 95 %, bootstrap over patients.\n",
        )
    )


def _superclass_network(manifest: SuperclassManifest) -> tuple[str, ...]:
    """What it is made of, and how its input is scaled."""
    band = " to ".join(f"{edge:g}" for edge in manifest.band_hz)
    facts = [
        ["parameters", f"{manifest.parameters:,}"],
        ["weights", f"{manifest.size_bytes / 1e6:.1f} MB, SHA-256 `{manifest.version}`"],
        ["from", manifest.origin],
        ["trained on", f"{manifest.trained_on} ({len(manifest.calibrated_on)} records)"],
        ["input", f"{len(manifest.leads)} leads at {manifest.fs_hz:g} Hz, {band} Hz"],
        ["windows", f"{manifest.window_s:g} s every {manifest.step_s:g} s"],
        ["made by", f"`{manifest.command}` at commit `{manifest.commit[:12]}`, seed {manifest.seed}"],
    ]
    scaling = [
        [lead, f"{mean:.6f}", f"{sd:.6f}"]
        for lead, mean, sd in zip(manifest.leads, manifest.mean_mv, manifest.sd_mv, strict=True)
    ]
    return (_table(["", ""], facts), "Scaling, mV:\n", _table(["lead", "mean", "standard deviation"], scaling))


def _superclasses_elsewhere(found: OtherDatabase | None) -> tuple[str, ...]:
    if found is None:
        return ()
    rows = [
        [each.name, f"{each.records}", *map(_estimate, (each.auroc, each.called.se, each.called.sp, each.called.ppv))]
        for each in found.classes
    ]
    return (
        f"{found.title}, {found.records} records that nothing here has seen, with diagnoses by other people, at the "
        f"thresholds from PTB-XL; mean AUROC {_estimate(found.auroc)}, ECE {_estimate(found.ece)}:\n",
        _table(["superclass", "records", "AUROC", "Se", "Sp", "PPV"], rows),
    )


def _superclass_scores(content: SuperclassEvaluation) -> str:
    rows = [
        [
            f"{each.name} ({each.title})",
            f"{each.records}",
            *map(_estimate, (each.auroc, each.ece)),
            f"{each.threshold:.2f}",
            *map(_estimate, (each.balanced.se, each.balanced.sp, each.balanced.ppv, each.specific.se)),
        ]
        for each in content.classes
    ]
    mean = ["mean", f"{content.records}", _estimate(content.auroc), _estimate(content.ece), *[""] * 5]
    head = ["superclass", "records", "AUROC", "ECE, five bins", "called from", "Se", "Sp", "PPV", "Se at Sp .97"]
    return _table(head, [*rows, mean])


def _reproduce(found: Mapping[str, Evaluation]) -> str:
    """What rebuilding takes: minutes of training as the manifests say, hours of reading beats at the measured speed."""
    rows, total = [], [0.0, 0.0]
    for name in (*found, PAGE.name):
        manifest = registry.manifest(name, PAGE.parent if name == PAGE.name else WEIGHTS)
        hours = _reading_hours(found[name], manifest) if name in found else 0.0
        total = [total[0] + manifest.training_minutes / 60, total[1] + hours]
        times = [f"{manifest.training_minutes:.0f} min", f"{hours:.1f} h" if hours else "in the training"]
        rows.append([f"`{name}`", f"`{manifest.command}`", f"{manifest.seed}", *times])
    rows.append(["all", "", "", *(f"{hours:.1f} h" for hours in total)])
    head = ["network", "trained by", "seed", "training", "reading DS2 and svdb, reference and detected beats"]
    return _table(head, rows) + (
        "\nWritten by `docs/make_numbers.py` from the manifests' `training_minutes` and the evaluations' `speed`, "
        "measured on two cores that often had other work to do.\n"
    )


def _reading_hours(evaluation: Evaluation, manifest: registry.Manifest) -> float:
    """At the speed of the network's DS2; svdb is left out for a network that was trained on its records."""
    svdb = read_evaluation(WEIGHTS / "rhythm" / "evaluation-svdb.json").reference
    beats = evaluation.reference.beats.read + evaluation.detected.beats.read
    if not {*svdb.records} & {*manifest.train_records}:
        beats += 2 * svdb.beats.reference
    return beats / evaluation.speed.beats_per_s / 3600 if evaluation.speed else 0.0


def _facts(name: str) -> str:
    manifest = registry.manifest(name, WEIGHTS)
    held_out = ", ".join(manifest.validation_records)
    rows = [
        ["parameters", f"{manifest.parameters:,}"],
        ["weights", f"{manifest.size_bytes / 1e6:.1f} MB, SHA-256 `{manifest.sha256[:12]}`"],
        ["input", f"{' x '.join(map(str, manifest.input_shape))}, preprocessing `{manifest.preprocessing}`"],
        ["trained on", f"{manifest.trained_on}: {', '.join(manifest.train_records)}"],
        ["held out for choices", held_out or "each training patient by one of the members (cross-validation)"],
        ["temperature", f"{manifest.temperature:.3f}"],
        ["threshold on 1 - p(N)", f"{manifest.threshold:.3f}"],
        ["unclassified below", f"{manifest.abstain_below:.2f}"],
        ["made by", f"`{manifest.command}` at commit `{manifest.commit[:12]}`"],
        ["training", f"{manifest.training_minutes:.0f} minutes on 2 cores, seed {manifest.seed}"],
    ]
    return _table(["", ""], rows)


def _views(evaluation: Evaluation) -> list[tuple[str, Estimates]]:
    """What is shown of an evaluation: (title, overall)."""
    without = evaluation.reference.variant("without_232")
    views = [
        ("DS2, reference beats", evaluation.reference.overall),
        (f"DS2, reference beats, without record {without.without[0]}", without.overall),
        ("DS2, end to end (detected beats)", evaluation.detected.overall),
    ]
    if evaluation.random_split:
        views.append(("_optimistic: random split of beats, not of patients_", evaluation.random_split.overall))
    return views


def _value(overall: Estimates, key: str, *, interval: bool = False) -> str:
    return _estimate(overall[key], interval=interval) if key in overall else ""


def _estimate(estimate: Estimate, *, interval: bool = True) -> str:
    if estimate.value is None:
        return "undefined"
    text = f"{estimate.value:.3f}"
    if interval and estimate.low is not None:
        text += f" ({estimate.low:.3f} to {estimate.high:.3f})"
    return text


def _rhythms() -> str:
    """Rhythms in every database: seconds, episodes, false alarms."""
    file = rhythm_file(WEIGHTS)
    if not file.is_file():
        return NOTHING
    content = read_rhythm_evaluation(file)
    made = (
        f"Written by `docs/make_numbers.py` from `{file.relative_to(ROOT)}` (commit `{content.provenance.commit}`). "
        "Intervals: 95 %, bootstrap over records.\n"
    )
    return "".join(_rhythm_source(source) for source in content.sources) + made


def _rhythm_source(source: SourceScores) -> str:
    read = "the signal" if source.read_from == "signal" else "reference beats"
    told = [
        f"### {source.title}, from {read}\n\n{source.records} records, {source.hours:,.1f} h.{_trained(source)}\n\n"
    ]
    rows = [
        [
            target.title,
            f"{target.minutes:.1f}",
            *(_estimate(target.time[name], interval=False) for name in ("se", "sp", "ppv")),
            _estimate(target.time["f1"]),
            f"{target.found} of {target.annotated}",
            f"{target.right} of {target.named}",
        ]
        for target in source.targets
        if target.minutes or target.name in ("AFIB", "shockable")
    ]
    head = ["rhythm", "annotated (min)", "Se", "Sp", "PPV", "F1", "episodes found", "episodes right"]
    told += [_table(head, rows) + "\n"] if rows else []
    if source.alarms:
        each = [[a.title, str(a.false), _estimate(a.per_24h)] for a in source.alarms]
        told.append(_table(["false alarm", "number", "in 24 h"], each) + "\n")
    if source.burden:
        worst = f"{source.burden.worst:.1f} (record {source.burden.worst_record.partition('/')[2]})"
        told.append(f"AF burden, percentage points wrong: median {source.burden.median:.1f}, worst {worst}.\n\n")
    if source.strips:
        scores = ", ".join(f"{name} {_estimate(found)}" for name, found in source.strips.overall.items())
        told.append(f"Strips called AF or not, noisy ones left out: {scores}.\n\n")
    if source.calibration_error is not None:
        each = [[f"{b.hours:.2f}", *(f"{x:.3f}" for x in (b.stated, b.kind, b.right))] for b in source.confidence]
        told.append(_table(["hours", "stated confidence", "of this kind", "of this code"], each) + "\n")
        told.append(f"Expected calibration error, by kinds: {source.calibration_error:.3f}.\n\n")
    return "".join(told)


def _trained(source: SourceScores) -> str:
    parts = [
        f" Read by detectors trained without them: {_numbers(source.held_out)}." if source.held_out else "",
        f" Read by detectors trained on them: {_numbers(source.seen)}." if source.seen else "",
    ]
    return "".join(parts)


def _numbers(found: Mapping[str, int]) -> str:
    return ", ".join(f"{number} by `{name}`" for name, number in sorted(found.items()))


def _exports() -> str:
    """How far a new process's probabilities differ from the network's, per format."""
    content = read_as(Exports, EXPORTS, again="run `python -m benchmarks.exports`")
    rows = [
        [
            f"`{row.network}`",
            f"`{row.format}`",
            f"{row.size_bytes / 1e6:.1f} MB" if row.size_bytes else "",
            row.refused or f"{row.largest_difference:.1e}",
            row.runtime,
        ]
        for row in content.rows
    ]
    made = content.provenance
    return _table(["network", "format", "size", "largest difference of a probability", "read with"], rows) + (
        f"\nWritten by `docs/make_numbers.py` from `{EXPORTS.relative_to(ROOT)}` (commit `{made.commit[:12]}`): "
        f"{content.rows[0].inputs} inputs each, {content.tolerance:.0e} is tolerated.\n"
    )


def _detectors_card() -> str:
    """What each detector was trained on, and how large it is."""
    names, file = available_detectors(WEIGHTS), rhythm_file(WEIGHTS)
    if not names:
        return NOTHING
    evaluation = read_rhythm_evaluation(file) if file.is_file() else None
    return "".join(_detector_card(name, evaluation) for name in names)


def _detector_card(name: str, evaluation: RhythmEvaluation | None) -> str:
    facts = detector_manifest(name, WEIGHTS)
    size_kb = (WEIGHTS / name / "weights.npz").stat().st_size / 1000
    folds = {found.name: found.folds for found in evaluation.detectors} if evaluation else {}
    rows = [
        ["answers", ", ".join(facts.classes)],
        ["reads", f"{len(facts.measures)} measures"],
        ["trained on", f"{facts.trained_on} ({len(facts.train_records)} records)"],
        ["trained again without some of them, to read those", f"{folds.get(name, 0)} times"],
        ["weights", f"{size_kb:.0f} kB, SHA-256 `{facts.version}`"],
        [
            "made by",
            f"`{facts.command}` (commit `{facts.commit}`, seed {facts.seed}, {facts.training_minutes:.0f} min)",
        ],
    ]
    return f"### {facts.title} (`{name}`)\n\n" + _table(["", ""], rows) + "\n"


def _waves_card() -> str:
    """What the network that marks waves was trained on, and how large it is."""
    facts = load_waves(WEIGHTS).manifest
    rows = [
        ["answers", ", ".join(facts.classes)],
        ["parameters", f"{facts.parameters:,}"],
        ["weights", f"{facts.size_bytes / 1000:.0f} kB, SHA-256 `{facts.version}`"],
        ["trained on", f"{facts.trained_on} ({len(facts.train_records)} records)"],
        ["of these, after choices were made on them", f"{len(facts.validation_records)} records"],
        [
            "made by",
            f"`{facts.command}` (commit `{facts.commit}`, seed {facts.seed}, {facts.training_minutes:.0f} min)",
        ],
    ]
    return _table(["", ""], rows)


def _provenance(found: Mapping[str, Evaluation]) -> str:
    commits = sorted({evaluation.provenance.commit[:12] for evaluation in found.values()})
    return (
        f"\nWritten by `docs/make_numbers.py` from `models/weights/*/evaluation.json` "
        f"(commit {', '.join(f'`{commit}`' for commit in commits)}). Intervals: 95 %, bootstrap over patients.\n"
    )


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
