"""A run, or a network that comes with HeartVision, as a file for other software and a description beside it."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, Literal

import numpy as np
from numpy.typing import NDArray

from models import export, registry
from models.registry import Classifier
from pipeline._util.files import write_json
from pipeline._util.progress import Progress, no_progress
from pipeline._util.provenance import Provenance, current_commit, now
from pipeline._util.typed_json import read_as, to_json
from pipeline.errors import DataError, ModelError
from pipeline.image_folders.predicting import find_run, load_run, network_in
from pipeline.page_classifier.schema import FOLDER as PAGES
from pipeline.types import FloatArray

Seen = Literal["pictures", "pages", "beat pictures", "beats"]
GRAPH: Final = frozenset({"saved_model.pb", "fingerprint.pb", "variables", "assets"})  # what a SavedModel consists of
STEPS: Final[dict[Seen, tuple[str, ...]]] = {
    "pictures": (
        "Read the picture as RGB, upright, transparent parts on white.",
        "Scale it, without distortion, so that it just fits into the input's height and width, sides rounded: to make "
        "it smaller, each pixel is the mean of the area that it covers (OpenCV's INTER_AREA; Pillow's BOX is not the "
        "same); to make it larger, bilinearly.",
        "Put it in the middle of white (255) of the input's size; keep 0..255 as float32.",
    ),
    "pages": (
        "Redraw the 12-lead page with HeartVision (pipeline.page_classifier), which finds the page, its leads and its "
        "beats; no other software does this. Scale the drawing as it is into the input, 0..255 as float32.",
    ),
    "beat pictures": (
        "Draw the beat with HeartVision (pipeline.features.beat_image.render_pictures), 0..255 as float32; a picture "
        "that was drawn so may be saved as PNG and read again.",
    ),
    "beats": (
        "Measure the beats of a recording, in their order, with HeartVision (pipeline.features.beat_sequence): one row "
        "of float32 for each; the batch holds whole recordings.",
    ),
}


@dataclass(frozen=True)
class Compared:
    """The file, loaded in a new process, against the network: how many inputs, and how far probabilities differ."""

    inputs: int
    largest_difference: float
    tolerance: float


@dataclass(frozen=True)
class ExportedInput:
    """What the file takes: a batch of `shape`, float32, None where any number will do; values in `range`."""

    shape: tuple[int | None, ...]
    dtype: str
    range: tuple[float, float] | None
    shows: Seen
    preprocessing: str
    steps: tuple[str, ...]


@dataclass(frozen=True)
class Exported:
    """The description beside an exported network.

    Attributes
    ----------
    format, file : str
        The format, and the name of the file.
    model, title, version : str
        The network, and the short SHA-256 of its weights.
    run : str
        Name of the run; "" for a network that comes with HeartVision.
    classes : tuple of str
        In the order of the answers.
    input_shape : tuple of int, optional
        Shape of one input, without the batch.
    input : ExportedInput
        What it takes, and how to prepare it.
    answers : str
        What it answers.
    inside : tuple of str
        Steps that the file does by itself.
    abstain_below : float
        HeartVision gives no class to an answer whose largest probability is below this.
    trained_on : str
        In words.
    compared : Compared
        Whether it answers as the network does.
    provenance : Provenance
        How it was made.
    """

    SCHEMA: ClassVar[str] = "heartvision.exported-network/1"

    format: str
    file: str
    model: str
    title: str
    version: str
    run: str
    classes: tuple[str, ...]
    input_shape: tuple[int, ...]
    input: ExportedInput
    answers: str
    inside: tuple[str, ...]
    abstain_below: float
    trained_on: str
    compared: Compared
    provenance: Provenance


@dataclass(frozen=True, eq=False)
class Source:
    """What is exported: a verified network, the inputs of its self-test, what they show, and the command's words."""

    classifier: Classifier
    golden: NDArray[np.generic]
    shows: Seen
    run: str
    option: str


def source_of(model: str | None, run: str | None) -> Source:
    """Load a network by its name, or a run by its folder or name.

    Raises
    ------
    ModelError
        If there is none, or it is damaged.
    """
    if run is not None and (found := network_in(run)) is not None:
        return _beats_source(*found, run=found[1].resolve().name, option=f"--run {run}")
    if run is not None:
        trained = load_run(find_run(run))
        shows: Seen = "pages" if trained.run.plan.reads == "pages" else "pictures"
        golden = _golden(trained.folder, trained.run.model)
        return Source(trained.classifier, golden, shows, trained.folder.resolve().name, f"--run {run}")
    assert model is not None
    if model == "page":
        return Source(registry.load(model, PAGES), _golden(PAGES, model), "pages", "", f"--model {model}")
    return _beats_source(model, registry.WEIGHTS, run="", option=f"--model {model}")


def _beats_source(name: str, weights: Path, *, run: str, option: str) -> Source:
    classifier = registry.load(name, weights)
    shows: Seen = "beats" if classifier.network.reads == "beats" else "beat pictures"
    return Source(classifier, _golden(weights, name), shows, run, option)


def export_network(source: Source, form: str, output: Path, progress: Progress = no_progress) -> Exported:
    """Write a network and, as FILE.json, its description, after comparing what a new process reads from the file.

    Parameters
    ----------
    source : Source
        The network.
    form : str
        One of `models.export.SUFFIXES`.
    output : Path
        The file, or for "savedmodel" the folder.
    progress : Progress, optional
        Called with what is being done, for a progress display.

    Raises
    ------
    ModelError
        If a package is missing, this network cannot be written so, or the file does not answer as the network does.
    DataError
        If it cannot be written, or would replace what is no export.
    """
    export.require(form)
    _require_free(output)
    with _drafts(output) as drafts:
        progress(0.0, "Building the network")
        model = export.answering_model(source.classifier)
        inputs = export.sample_inputs(source.classifier, source.golden)
        draft = drafts / f"draft{export.SUFFIXES[form]}"
        progress(0.2, f"Writing {output.name}")
        with _without_dumps():
            export.write_exported(model, form, draft)
        progress(0.5, "Reading it again in a new process")
        compared = _compared(source, form, draft, inputs)
        _put(draft, output)
    told = _description(source, form, output, model.input.shape, compared)
    write_json(output.with_name(f"{output.name}.json"), to_json(told))
    return told


@contextmanager
def _drafts(output: Path) -> Iterator[Path]:
    """Provide a folder beside a file, to write it in first; say in a sentence that nothing can be written there."""
    try:
        with tempfile.TemporaryDirectory(prefix=".heartvision-", dir=output.parent, ignore_cleanup_errors=True) as made:
            yield Path(made)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error  # HDF5 puts a paragraph into its `strerror`
        raise DataError(f"{output.name!r} could not be written ({reason}); check the folder.") from error


@contextmanager
def _without_dumps() -> Iterator[None]:
    """Keep what converters write to stderr below Python out of the terminal; an error shows as an exception."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _compared(source: Source, form: str, draft: Path, inputs: FloatArray) -> Compared:
    found = export.answers_in_fresh_process(form, draft, inputs)
    difference = float(np.abs(found - export.expected(source.classifier, inputs)).max())
    if not difference <= export.TOLERANCE:
        raise ModelError(
            f"As {form}, network {source.classifier.name!r} answers otherwise: probabilities differ by "
            f"{difference:.1e}, over {export.TOLERANCE:.0e}; nothing was written."
        )
    return Compared(len(found), float(f"{difference:.1e}"), export.TOLERANCE)


def _require_free(output: Path) -> None:
    """Refuse to replace anything but an earlier export: it has a description of its own name beside it."""
    described = output.with_name(f"{output.name}.json")
    if output.is_dir() and (other := sorted({entry.name for entry in output.iterdir()} - GRAPH)):
        raise DataError(f"{str(output)!r} holds other files ({other[0]!r}); choose another --output.")
    empty = output.is_dir() and not any(output.iterdir())
    taken = [path for path in (output, described) if path.exists() and not (path == output and empty)]
    if taken and not _describes(described, output):
        raise DataError(f"{str(taken[0])!r} exists and was not written by `export`; choose another --output.")


def _describes(described: Path, output: Path) -> bool:
    try:
        return read_as(Exported, described, again="").file == output.name
    except DataError:
        return False


def _put(draft: Path, output: Path) -> None:
    """Give the draft its name; an earlier folder is deleted once the new one is in its place."""
    if not output.is_dir():
        draft.replace(output)
        return
    earlier = output.with_name(f".heartvision-{uuid.uuid4().hex}")
    output.replace(earlier)
    try:
        draft.replace(output)
    except OSError:
        earlier.replace(output)
        raise
    shutil.rmtree(earlier)


def _description(
    source: Source, form: str, output: Path, shape: tuple[int | None, ...], compared: Compared
) -> Exported:
    manifest = source.classifier.manifest
    drawn = source.shows != "beats"
    return Exported(
        format=form,
        file=output.name,
        model=manifest.name,
        title=manifest.title,
        version=manifest.version,
        run=source.run,
        classes=manifest.classes,
        input_shape=manifest.input_shape,
        input=ExportedInput(
            shape=tuple(shape),
            dtype="float32",
            range=(0.0, 255.0) if drawn else None,
            shows=source.shows,
            preprocessing=manifest.preprocessing,
            steps=STEPS[source.shows],
        ),
        answers="calibrated probabilities, float32, one for each class",
        inside=(
            *(("scaling of 0..255 to what the layers expect",) if drawn else ("measures of each beat",)),
            *(("natural class frequencies (a bias on the logits)",) if any(manifest.logit_bias) else ()),
            f"temperature {manifest.temperature:.4g} (calibration)",
            "softmax",
        ),
        abstain_below=manifest.abstain_below,
        trained_on=manifest.trained_on,
        compared=compared,
        provenance=Provenance(
            command=f"python -m pipeline export {source.option} --format {form} --output {output.name}",
            commit=current_commit(),
            data=manifest.trained_on,
            date=now(),
        ),
    )


def _golden(folder: Path, name: str) -> NDArray[np.generic]:
    with np.load(folder / name / "golden.npz", allow_pickle=False) as arrays:
        found: NDArray[np.generic] = arrays["pictures"]
    return found
