"""The report of a run as one HTML file: plots, pictures and style inside; nothing is loaded from elsewhere."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Final

from pipeline._util.files import write_bytes
from pipeline.evaluation.schema import Estimate
from pipeline.image_folders import plots
from pipeline.image_folders.runs import FolderRun, SampleAnswer
from pipeline.wording import RESEARCH_USE, UNDEFINED, grouped, no_share, percent, score

FILE: Final = "report.html"
SAMPLE_TITLES: Final[Mapping[str, tuple[str, str]]] = {
    "mistake": ("Surest mistakes", "Wrong answers, the most confident first."),
    "random": ("Random test pictures", "Drawn at random from all test pictures: what to expect."),
    "class": ("Each class", "Drawn at random from the test pictures of each class."),
}
_PLOT_TITLES: Final[Mapping[str, str]] = {
    "confusion": "Confusion matrix",
    "calibration": "Calibration",
    "accuracy": "Accuracy by epoch",
    "loss": "Loss by epoch",
}
_INKS: Final = {  # of the plots, as colours of the page, which differ by day and by night
    **{plots.INK: "ink", plots.MUTED: "muted", plots.LINES: "line", plots.BLUE: "blue", plots.ORANGE: "orange"},
    plots.WHITE: "paper",
}

_PAGE: Final = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>
:root { --paper: #fff; --ink: #17212b; --muted: #5c6873; --line: #d5dde3; --card: #f3f6f8; --blue: #0067a8;
  --orange: #b84a00; }
@media (prefers-color-scheme: dark) { :root { --paper: #10161c; --ink: #e6ecf1; --muted: #9aa7b2; --line: #33414d;
  --card: #1a232c; --blue: #5ab4ea; --orange: #ff9350; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 66rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .75rem; padding-top: 1rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.5rem 0 .25rem; }
p { margin: .25rem 0; }
.quiet, figcaption, footer { color: var(--muted); font-size: .875rem; overflow-wrap: anywhere; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem; margin: 1.25rem 0; }
.figures div { background: var(--card); border-radius: .5rem; padding: .75rem 1rem; }
.figures dt { color: var(--muted); font-size: .875rem; }
.figures dd { margin: 0; font-size: 1.35rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.figures small { display: block; font-size: .8rem; font-weight: 400; color: var(--muted); }
.note { border-left: 3px solid var(--muted); padding: .4rem .9rem; margin: .6rem 0; background: var(--card); }
.note.leak { border-color: var(--orange); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .4rem .9rem .4rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
thead th { color: var(--muted); font-weight: 600; white-space: nowrap; }
td.n, th.n { text-align: right; }
.whole td, .whole th { white-space: nowrap; padding-right: 1.4rem; }
table.facts th { font-weight: 400; color: var(--muted); width: 14rem; }
table.facts td { overflow-wrap: anywhere; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr)); gap: 1.5rem 2rem;
  align-items: start; }
figure { margin: 0; }
.wide { margin-top: 1.5rem; overflow-x: auto; }
.plots figcaption, .wide figcaption { color: var(--ink); font-weight: 600; font-size: .95rem; margin-bottom: .4rem; }
.plots svg, .wide svg { width: 100%; height: auto; max-width: 30rem; display: block; }
.wide svg { max-width: 46rem; min-width: 32rem; }
.plots svg text, .wide svg text { font-family: inherit !important; }
.samples { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); gap: 1.25rem;
  margin-top: .75rem; }
.samples .pair { display: flex; gap: .375rem; }
.samples img { flex: 1 1 0; min-width: 0; width: 100%; background: #fff; border: 1px solid var(--line);
  border-radius: .25rem; }
.samples b { color: var(--ink); font-weight: 600; }
.right { color: var(--blue); font-weight: 600; } .wrong { color: var(--orange); font-weight: 600; }
footer { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: 1rem; }
@media (max-width: 30rem) { body { padding: 1.25rem 1rem 3rem; } table.facts th { width: 8rem; } }
@media print { body { max-width: none; } figure, tr { break-inside: avoid; } }
</style>
</head>
<body>
<h1>$title</h1>
<p class="quiet">$about</p>
<dl class="figures">$figures</dl>
$notes
<h2>Scores on the test pictures</h2>
$classes
$intervals
<h2>Plots</h2>
<div class="plots">$plots</div>
<h2>Test pictures with their answers</h2>
<p class="quiet">Left the picture as the network read it; right, orange where the evidence for its answer lies.
Without a second picture, nothing in it spoke for the answer.</p>
$samples
$search
<h2>How it was made</h2>
$facts
<footer>$research</footer>
</body>
</html>
""")


def write_report(folder: Path, run: FolderRun, title: str = "") -> Path:
    """Write report.html of a run from run.json's content, its plots and its sample pictures.

    Parameters
    ----------
    folder : Path
        The folder of the run; `plots.write_plots` and `samples.write_samples` have written to it.
    run : FolderRun
        The run.
    title : str, optional
        What the run is called; network and folder if "".

    Raises
    ------
    DataError
        If it cannot be written.
    """
    page = _PAGE.substitute(
        title=escape(title or f"{run.model} on {run.dataset}"),
        about=escape(_held(run)),
        figures="".join(f"<div><dt>{a}</dt><dd>{b}<small>{c}</small></dd></div>" for a, b, c in _figures(run)),
        notes="".join(
            [_note("leak", sentence) for sentence in run.warnings]
            + [_note(run.verdict.severity, sentence) for sentence in run.verdict.sentences]
        ),
        classes=_classes(run),
        intervals=f'<div class="wide">{_plot(folder, "classes", "Scores by class, with their intervals")}</div>',
        plots="".join(_plot(folder, name, title) for name, title in _PLOT_TITLES.items()),
        samples="".join(_samples(folder, run.samples, reason) for reason in SAMPLE_TITLES),
        search=_search(run),
        facts=_table(("", ""), _facts(run), kind="facts"),
        research=escape(RESEARCH_USE),
    )
    return write_bytes(folder / FILE, page.encode())


def _held(run: FolderRun) -> str:
    parts = run.division
    held = "the folder's own test pictures" if parts.own_test else "pictures held out here"
    dropped = f"; {grouped(parts.dropped)} copies of held-out pictures were left out" if parts.dropped else ""
    when = run.provenance.date[:16].replace("T", " ")
    return (
        f"Trained {when} UTC in {run.minutes:.1f} min: {grouped(parts.train)} pictures for training, "
        f"{grouped(parts.validation)} for choosing the epoch, {grouped(parts.test)} scored ({held}){dropped}."
    )


def _figures(run: FolderRun) -> list[tuple[str, str, str]]:
    overall = run.report.overall
    shares = (
        *(("Macro-F1", overall.macro_f1), ("Accuracy", overall.accuracy)),
        ("Balanced accuracy", overall.balanced_accuracy),
    )
    found = [(name, score(estimate.value), _around(estimate)) for name, estimate in shares]
    return [*found, ("Calibration error", no_share(run.report.ece), "ECE, 10 bins")]


def _around(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return "undefined"
    return f"95 %: {estimate.low * 100:.1f}–{estimate.high * 100:.1f}"


def _note(severity: str, sentence: str) -> str:
    return f'<p class="note {severity}">{escape(sentence)}</p>'


def _classes(run: FolderRun) -> str:
    rows = [
        (
            *(name, *(score(e.value, e.low, e.high) for e in (row.f1, row.recall, row.precision))),
            *(grouped(row.reference), grouped(row.predicted)),
        )
        for name, row in zip(run.classes, run.report.classes, strict=True)
    ]
    head = ("Class", "F1", "Recall (sensitivity)", "Precision", "Pictures", "Predicted")
    return _table(head, rows, numbers=frozenset((4, 5))) + (
        '<p class="quiet" style="margin-top: .5rem">In brackets 95 % intervals, from drawing the test pictures '
        "anew; copies of each other are drawn together.</p>"
    )


def _plot(folder: Path, name: str, title: str) -> str:
    drawn = (folder / plots.FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    drawn = drawn[drawn.index("<svg") :]
    drawn = re.sub(r"<metadata>.*?</metadata>", "", drawn, flags=re.DOTALL)
    drawn = re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{name}-", drawn)  # several drawings share this page
    for colour, variable in _INKS.items():
        drawn = drawn.replace(colour, f"var(--{variable})")
    label = f'<svg role="img" aria-label="{escape(title)}"'
    return f"<figure><figcaption>{escape(title)}</figcaption>{drawn.replace('<svg', label, 1)}</figure>"


def _samples(folder: Path, samples: Iterable[SampleAnswer], reason: str) -> str:
    shown = [sample for sample in samples if sample.chosen == reason]
    if not shown:
        return ""
    title, told = SAMPLE_TITLES[reason]
    inside = "".join(_sample(folder, sample) for sample in shown)
    return f'<h3>{title}</h3><p class="quiet">{told}</p><div class="samples">{inside}</div>'


def _sample(folder: Path, sample: SampleAnswer) -> str:
    right = sample.predicted == sample.class_name
    word = '<span class="right">✓ right</span>' if right else '<span class="wrong">✗ wrong</span>'
    said = f"{word}: <b>{escape(sample.predicted)}</b>, {escape(percent(sample.confidence))}"
    said += "" if right else f"; is <b>{escape(sample.class_name)}</b>"
    both = [(sample.file, "Test picture"), (sample.heatmap, "Heatmap of the answer")]
    pair = "".join(f'<img src="{_embedded(folder / file)}" alt="{alt}">' for file, alt in both if file)
    return f'<figure><div class="pair">{pair}</div><figcaption>{said}<br>{escape(sample.path)}</figcaption></figure>'


def _embedded(file: Path) -> str:
    return f"data:image/png;base64,{b64encode(file.read_bytes()).decode()}"


def _search(run: FolderRun) -> str:
    if not run.trials:
        return ""
    rows = [
        (
            *(str(number), f"{t.learning_rate:.2g}", str(t.batch or UNDEFINED), f"{t.dropout:.2f}"),
            *(t.frozen_up_to or "nothing", f"{t.augmentation:.2f}" if t.augmentation >= 0 else UNDEFINED),
            f"{t.val_loss:.4f}" + (" (stopped early)" if t.state == "pruned" else ""),
        )
        for number, t in enumerate(run.trials, 1)
    ]
    head = ("Trial", "Learning rate", "Batch", "Dropout", "Frozen up to", "Augmentation", "Validation loss")
    important = ", ".join(f"{escape(item.setting.replace('_', ' '))} {percent(item.share)}" for item in run.importance)
    told = f'<p class="quiet">Importance for the loss (fANOVA): {important}.</p>' if important else ""
    return f"<h2>Search for settings</h2>{_table(head, rows)}{told}"


def _facts(run: FolderRun) -> list[tuple[str, str]]:
    made, plan = run.provenance, vars(run.plan)
    facts = [("Command", made.command), ("Data", made.data), ("Commit", made.commit or "unknown")]
    if here := run.environment:
        facts += [("Changed files", ", ".join(here.changed))] if here.changed else []
        facts += [("Files unknown to git", ", ".join(here.untracked))] if here.untracked else []
        facts += [
            ("Python, Keras, TensorFlow, NumPy", ", ".join((here.python, here.keras, here.tensorflow, here.numpy))),
            ("Processor", f"{here.processor}; {here.system}; {here.dtype}"),
            ("Graphics processor", ", ".join(here.gpus) or "none used"),
        ]
    facts += [("Started from", run.start)] if run.start else []
    settings = [(name.replace("_", " ").capitalize(), _setting(value)) for name, value in plan.items()]
    return [*facts, *settings, ("Temperature", f"{run.temperature:.3f}")]


def _setting(value: object) -> str:
    if isinstance(value, tuple | list):
        return " × ".join(map(str, value)) or "as usual"
    return f"{value:.3g}" if isinstance(value, float) else str(value) or "as usual"


def _table(
    head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: frozenset[int] = frozenset(), kind: str = ""
) -> str:
    """Return a table; with `kind`, the first cell of each row heads it and there is no head."""

    def cell(tag: str, i: int, text: str) -> str:
        return f"<{tag}{' class=' + chr(34) + 'n' + chr(34) if i in numbers else ''}>{escape(text)}</{tag}>"

    first = "th" if kind else "td"
    body = "".join(
        f"<tr>{''.join(cell(first if i == 0 else 'td', i, text) for i, text in enumerate(row))}</tr>" for row in rows
    )
    top = "" if kind else f"<thead><tr>{''.join(cell('th', i, text) for i, text in enumerate(head))}</tr></thead>"
    return f'<div class="scroll"><table class="{kind or "whole"}">{top}<tbody>{body}</tbody></table></div>'
