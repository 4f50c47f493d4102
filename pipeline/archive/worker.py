"""What one task of an archive does: one source in, its tables out, and never an error that stops the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from models.registry import Classifier, manifest
from pipeline._util.fingerprint import ANSWERING, fingerprint
from pipeline.analysis import analyse, load_classifier, with_measurements
from pipeline.archive.sources import Source, at_hand
from pipeline.archive.tables import Line, is_whole, read_line, write_line, write_tables
from pipeline.config import DEFAULT
from pipeline.errors import DataError, EcgError, ModelError
from pipeline.intake import Opened, open_all
from pipeline.intake.content import safe_name
from pipeline.types import Recording

SKIPPED = "skipped"


def process(source: Source, output: str, network: str) -> list[tuple[str, str, str]]:
    """Analyse the recordings of a source that are not finished yet.

    Parameters
    ----------
    source : Source
        A recording, or a .zip of several.
    output : str
        Folder of the archive's tables.
    network : str
        Name of the network.

    Returns
    -------
    list of (str, str, str)
        For each recording its name, what became of it ("analysed", "skipped", "refused", "failed") and why.
    """
    folder = Path(output)
    try:
        with at_hand(source, limit_bytes=DEFAULT.limits.file_bytes) as path:
            opened = open_all(path)
            found = list(_recordings(source, opened.recordings, folder, network))
            return [*found, *(_told(line, folder) for line in _unread(source, opened))]
    except (DataError, ModelError):
        raise  # of this machine or program, not of the recording: the run stops with a sentence
    except EcgError as error:
        return [_told(Line(source.record, source.place, "refused", str(error)), folder)]
    except Exception as error:  # noqa: BLE001 - a record that breaks a library must not stop a million others
        why = f"It could not be analysed ({type(error).__name__}); please report it."
        return [_told(Line(source.record, source.place, "failed", why), folder)]


def _recordings(
    source: Source, recordings: Sequence[Recording], folder: Path, network: str
) -> Iterator[tuple[str, str, str]]:
    names = Counter(safe_name(recording.name) for recording in recordings)
    for recording in recordings:
        own = safe_name(recording.name)
        part = own if names[own] == 1 else f"{own}-{recording.digest[:8]}"
        record = source.record if len(recordings) == 1 else f"{source.record}-{part}"
        line = Line(record, source.place, "analysed", digest=recording.digest, key=_key(recording, network))
        before = read_line(record, folder)
        if before is not None and before.key == line.key and _is_finished(before, folder):
            yield record, SKIPPED, ""
            continue
        try:
            analysis = with_measurements(recording, analyse(recording, _classifier(network)))
        except EcgError as error:
            refused = Line(record, source.place, "refused", str(error), recording.digest, line.key)
            yield _told(refused, folder)
            continue
        write_tables(analysis, recording, line, folder)
        yield record, "analysed", ""


def _unread(source: Source, opened: Opened) -> list[Line]:
    """Return a line for each file of an archive that could not be read."""
    return [
        Line(f"{source.record}-{safe_name(refused.name)}", source.place, "refused", refused.sentence)
        for refused in opened.refused
    ]


def _is_finished(line: Line, folder: Path) -> bool:
    return line.status == "refused" or (line.status == "analysed" and is_whole(line, folder))


def _told(line: Line, folder: Path) -> tuple[str, str, str]:
    write_line(line, folder)
    return line.record, line.status, line.reason


@lru_cache(maxsize=1)
def _classifier(network: str) -> Classifier:
    return load_classifier(network)


@lru_cache(maxsize=1)
def _code() -> str:
    return fingerprint(*ANSWERING)


def _key(recording: Recording, network: str) -> str:
    return f"{recording.digest} {manifest(network).identity} {_code()}"
