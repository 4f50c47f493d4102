"""Plots of a run, as PNG and SVG: drawn without a browser, by Matplotlib."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final
from warnings import catch_warnings, filterwarnings

import numpy as np

from pipeline._util.files import write_bytes
from pipeline.evaluation.class_schema import ClassReport
from pipeline.evaluation.schema import Curves, Estimate
from pipeline.image_folders.runs import FolderRun
from pipeline.wording import grouped, in_lines

FOLDER: Final = "plots"
DPI: Final = 160
INK: Final = "#17212b"
MUTED: Final = "#5c6873"
LINES: Final = "#d5dde3"
BLUE: Final = "#0067a8"
ORANGE: Final = "#b84a00"
WHITE: Final = "#ffffff"
_STYLE: Final = {
    **{"font.family": "sans-serif", "font.size": 10, "svg.fonttype": "none", "svg.hashsalt": "run"},
    **{"text.color": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK},
    **{"axes.edgecolor": LINES, "axes.spines.top": False, "axes.spines.right": False},
    **{"axes.grid": True, "axes.axisbelow": True, "grid.color": LINES, "grid.linewidth": 0.8},
    **{"figure.facecolor": "none", "axes.facecolor": "none", "savefig.facecolor": WHITE},
    **{"xtick.major.size": 0, "ytick.major.size": 0, "legend.frameon": False},
}
_OTHER_SCRIPTS: Final = (
    *("Noto Sans CJK JP", "Noto Sans CJK SC", "WenQuanYi Micro Hei", "Hiragino Sans", "Microsoft YaHei", "Yu Gothic"),
    *("Malgun Gothic", "Noto Sans Devanagari", "Noto Sans Thai", "Arial Unicode MS"),
)
_LETTERS: Final = 14  # of a line of a class name beside an axis
_LONGEST: Final = 32  # letters of a class name in a plot
_MANY: Final = 14  # classes from which their names are written small
_SIZE: Final = (5.2, 3.4)  # inches
_CELLS_WITH_COUNTS: Final = 20  # classes up to which a cell of the confusion matrix has room for its count


def write_plots(folder: Path, run: FolderRun) -> tuple[str, ...]:
    """Write plots/NAME.png and plots/NAME.svg of a run and return the names.

    Parameters
    ----------
    folder : Path
        The folder of the run.
    run : FolderRun
        What is drawn.

    Raises
    ------
    DataError
        If one cannot be written.
    """
    from matplotlib import rc_context

    with rc_context({**_STYLE, "font.sans-serif": _fonts()}), catch_warnings():
        filterwarnings("ignore", message="Glyph .* missing from font")  # the SVG has the letters themselves
        for name, draw in PLOTS.items():
            figure = _figure(*_size(name, len(run.classes)))
            draw(figure.add_subplot(), run)
            for ending in ("png", "svg"):
                write_bytes(folder / FOLDER / f"{name}.{ending}", _encoded(figure, ending))
    return tuple(PLOTS)


def _fonts() -> list[str]:
    """Return the fonts to draw with, in turn: Matplotlib's own, then those of other scripts that are installed."""
    from matplotlib.font_manager import fontManager

    there = {font.name for font in fontManager.ttflist}
    return ["DejaVu Sans", *(name for name in _OTHER_SCRIPTS if name in there)]


def _accuracy(axes: Any, run: FolderRun) -> None:
    measures = {"accuracy": "training", "val_accuracy": "validation", "val_macro_f1": "validation, macro-F1"}
    _curves(axes, run.curves, measures)
    axes.set_ylim(0, 1.02)
    axes.yaxis.set_major_formatter(_per_cent)
    axes.set_ylabel("Accuracy")


def _loss(axes: Any, run: FolderRun) -> None:
    _curves(axes, run.curves, {"loss": "training", "val_loss": "validation"})
    axes.set_ylim(bottom=0)
    axes.set_ylabel("Loss")


def _curves(axes: Any, curves: Curves, measures: dict[str, str]) -> None:
    from matplotlib.ticker import MaxNLocator

    looks = (("-", BLUE), ("-", ORANGE), ("--", ORANGE))
    for (measure, title), (line, colour) in zip(measures.items(), looks, strict=False):
        if values := curves.get(measure):
            epochs = range(1, len(values) + 1)
            marker = "o" if len(values) == 1 else None
            axes.plot(epochs, _floats(values), line, color=colour, label=title, linewidth=1.8, marker=marker)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlabel("Epoch")
    axes.set_xlim(0.5, max(map(len, curves.values()), default=1) + 0.5)
    if axes.lines:
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0.2, handlelength=1.6)


def _confusion(axes: Any, run: FolderRun) -> None:
    counts = np.array(run.report.confusion, float)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    k, turned = len(run.classes), len(run.classes) > 3 and max(map(len, run.classes)) > 6
    _cells(axes, counts, share)
    names = [_short(name) for name in run.classes]
    upright = names if k > _MANY else ["\n".join(in_lines(name, _LETTERS)) for name in names]
    across = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if turned else {}
    axes.set_xticks(range(k), names if turned else upright, **across)
    axes.set_yticks(range(k), upright)
    axes.tick_params(labelsize=7 if k > _MANY else 10)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("Predicted")
    axes.set_ylabel("Reference")


def _cells(axes: Any, counts: Any, share: Any) -> None:
    from matplotlib.patches import Rectangle

    k = len(counts)
    for i, j in np.ndindex(k, k) if k <= _CELLS_WITH_COUNTS else np.argwhere(counts > 0):
        alpha = 0.06 + 0.94 * share[i, j]
        axes.add_patch(Rectangle((j - 0.48, i - 0.48), 0.96, 0.96, facecolor=BLUE, alpha=alpha, linewidth=0))
        if counts[i, j] and k <= _CELLS_WITH_COUNTS:
            colour = WHITE if share[i, j] > 0.6 else INK
            axes.text(j, i, grouped(counts[i, j]), ha="center", va="center", color=colour)
    axes.set(xlim=(-0.5, k - 0.5), ylim=(k - 0.5, -0.5), aspect="equal")


def _calibration(axes: Any, run: FolderRun) -> None:
    binned = run.report.reliability
    count = np.array(binned.count, float)
    stated, observed = _floats(binned.stated), _floats(binned.observed)
    there = np.isfinite(stated) & np.isfinite(observed)
    axes.plot([0, 1], [0, 1], ":", color=MUTED, linewidth=1.4)
    axes.plot(stated[there], observed[there], color=BLUE, linewidth=1.4)
    size = 30 + 170 * count[there] / max(count.max(), 1)
    axes.scatter(stated[there], observed[there], s=size, color=BLUE, alpha=0.75, linewidth=0, clip_on=False, zorder=3)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="Stated confidence", ylabel="Share that was right")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(_per_cent)


def _classes(axes: Any, run: FolderRun) -> None:
    report: ClassReport = run.report
    rows = list(enumerate(zip(run.classes, report.classes, strict=True)))
    looks = (("f1", "F1", BLUE, "o"), ("recall", "recall", ORANGE, "D"), ("precision", "precision", MUTED, "s"))
    for number, (measure, title, colour, marker) in enumerate(looks):
        found = [(i, getattr(row, measure)) for i, (_, row) in rows if getattr(row, measure).value is not None]
        y = [i + 0.22 * (number - 1) for i, _ in found]
        value = np.array([estimate.value for _, estimate in found], float)
        around = np.array([_around(e) for _, e in found], float).reshape(-1, 2).T
        axes.errorbar(
            value, y, xerr=np.maximum(around, 0), fmt=marker, color=colour, label=title, capsize=2.5, markersize=5,
            linewidth=1.3, clip_on=False,
        )  # fmt: skip
    axes.set_yticks(range(len(rows)), ["\n".join(in_lines(_short(name), 2 * _LETTERS)) for name in run.classes])
    axes.set(xlim=(0, 1), ylim=(len(rows) - 0.5, -0.5))
    axes.xaxis.set_major_formatter(_per_cent)
    axes.grid(axis="y", visible=False)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0.2, handletextpad=0.3)


PLOTS: Final[dict[str, Callable[[Any, FolderRun], None]]] = {
    **{"accuracy": _accuracy, "loss": _loss, "confusion": _confusion},
    **{"calibration": _calibration, "classes": _classes},
}


def _size(name: str, classes: int) -> tuple[float, float]:
    """Return width and height in inches."""
    if name == "confusion":
        side = max(3.4, 1.6 + 0.62 * min(classes, 14)) if classes <= _MANY else min(5 + 0.16 * classes, 16)
        return side + 0.6, side
    if name == "classes":
        return 7.6, max(2.2, 1.0 + 0.5 * classes)
    return (4.4, 3.9) if name == "calibration" else _SIZE


def _figure(width: float, height: float) -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _encoded(figure: Any, ending: str) -> bytes:
    file = io.BytesIO()
    kept = {"Date": None} if ending == "svg" else {"Software": None}  # the same run gives the same file
    figure.savefig(file, format=ending, dpi=DPI, metadata=kept, bbox_inches="tight", pad_inches=0.08)
    return file.getvalue()


def _around(found: Estimate) -> tuple[float, float]:
    """Return how far an interval goes below and above its value; 0 without one."""
    if found.value is None or found.low is None or found.high is None:
        return 0.0, 0.0
    return found.value - found.low, found.high - found.value


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"


def _per_cent(value: float, _: int) -> str:
    return f"{value * 100:.0f} %"


def _floats(values: Sequence[float | None]) -> Any:
    return np.array([np.nan if value is None else value for value in values], float)
