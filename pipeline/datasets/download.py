"""Downloads the public databases from their publisher: resumes interrupted downloads, saves only what verifies."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

from pipeline._util.progress import Progress, no_progress
from pipeline.datasets.catalogue import Dataset
from pipeline.datasets.verify import CHUNK_BYTES, Check, check_files, digest_of
from pipeline.errors import DataError

TIMEOUT_S: Final = 60.0
PARTIAL: Final = ".partial"  # folder of incomplete files, beside the complete ones
_RANGE_NOT_SATISFIABLE: Final = 416


def download(dataset: Dataset, folder: Path, expected: Mapping[str, str], *, progress: Progress | None = None) -> Check:
    """Fetch the files of a database that are missing in a folder or differ, and verify all.

    Parameters
    ----------
    dataset : Dataset
        The database.
    folder : Path
        Where its files go.
    expected : mapping of str to str
        SHA-256 per file name; see `catalogue.checksums`.
    progress : callable, optional
        Called with a fraction in 0..1 and a sentence.

    Returns
    -------
    Check
        The state of every file.

    Raises
    ------
    DataError
        If the publisher cannot be reached, the connection ends early, a file differs from its checksum, or `folder`
        cannot be written. What was fetched so far stays, and the next call continues from there.
    """
    report = progress or no_progress
    wanted = [name for name, state in check_files(dataset.name, folder, expected).files if state != "ok"]
    for done, name in enumerate(wanted):
        report(done / len(wanted), f"{dataset.name}/{name}")
        _fetch(dataset, folder, name, expected[name])
    report(1.0, f"{dataset.name} is complete")
    return check_files(dataset.name, folder, expected)


def _fetch(dataset: Dataset, folder: Path, name: str, digest: str) -> None:
    partial = folder / PARTIAL / name
    try:
        partial.parent.mkdir(parents=True, exist_ok=True)
        _append_rest(dataset.files_url + quote(name), partial)
        if digest_of(partial) != digest:
            partial.unlink()
            raise DataError(f"{dataset.files_url}{name} differs from its published SHA-256 and was not kept.")
        partial.replace(folder / name)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        raise DataError(f"{dataset.files_url}{name} could not be fetched ({error}); run the command again.") from error
    except OSError as error:
        raise DataError(
            f"{folder / name} could not be written ({error.strerror}); free or change the folder."
        ) from error


def _append_rest(url: str, partial: Path) -> None:
    """Append to `partial` what it lacks; start over if the server cannot resume."""
    have = partial.stat().st_size if partial.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == _RANGE_NOT_SATISFIABLE:
            return  # all bytes are here already; the checksum decides
        raise
    with response, partial.open("ab" if response.status == http.client.PARTIAL_CONTENT else "wb") as file:
        expected, received = response.length, 0
        while chunk := response.read(CHUNK_BYTES):
            received += file.write(chunk)
    if expected is not None and received < expected:
        raise ConnectionError(f"{received:,} of {expected:,} bytes came")
