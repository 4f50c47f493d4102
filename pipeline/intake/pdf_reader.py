"""Pages of untrusted PDF documents as pixels: PDFium in a process with limits on memory and time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np

from pipeline.config import DEFAULT, Limits
from pipeline.errors import IntakeError, LimitError
from pipeline.types import PictureArray

_CHILD: Final = Path(__file__).with_name("pdf_child.py")
_ENVIRONMENT: Final = ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH")  # everything else, including passwords, stays here
_SENTENCES: Final = (
    ("password", "The PDF document is protected by a password; save it without one, or as PNG."),
    ("damaged", "The PDF document is damaged and cannot be opened; save it again, or as PNG."),
    ("size", "The page of the PDF document has no usable size; save it as PNG."),
)


def count_pdf_pages(payload: bytes, *, limits: Limits = DEFAULT.limits) -> int:
    """Return the number of pages, at least 1. Raises as `read_pdf_page`."""
    return int(_ask(payload, -1, limits)[0]["pages"])


def read_pdf_page(payload: bytes, page: int, *, limits: Limits = DEFAULT.limits) -> tuple[PictureArray, int]:
    """Draw one page of a PDF document.

    The page is drawn at `limits.pdf_dpi` dots per inch, or more coarsely where that would exceed the limits of a
    picture. No script is run, no form is filled in and nothing is fetched.

    Parameters
    ----------
    payload : bytes
        The file.
    page : int
        Which page, from 0.
    limits : Limits, optional
        Limits of the intake.

    Returns
    -------
    tuple
        RGB on white, (height, width, 3) uint8, and the number of pages in the document.

    Raises
    ------
    LimitError
        If there are too many pages, or the page takes too long or too much memory.
    IntakeError
        If it is protected or damaged, or has no such page.
    """
    facts, pixels = _ask(payload, page, limits)
    pages = int(facts["pages"])
    if not 0 <= page < pages:
        raise IntakeError(f"The PDF document has {pages} pages, page {page + 1} was asked for; choose one of them.")
    shape = (int(facts["height"]), int(facts["width"]), 3)
    return np.frombuffer(pixels, np.uint8).reshape(shape), pages


def _ask(payload: bytes, page: int, limits: Limits) -> tuple[dict[str, Any], bytes]:
    numbers = (page, limits.pdf_dpi, limits.pdf_pages, limits.picture_pixels, limits.picture_side_px)
    answer, pixels = _run(payload, [str(number) for number in numbers], limits)
    if "error" in answer:
        raise IntakeError(dict(_SENTENCES)[answer["error"]])
    if answer["pages"] > limits.pdf_pages:
        raise LimitError(
            f"The PDF document has {answer['pages']} pages, the limit is {limits.pdf_pages}; save the page alone."
        )
    if answer["pages"] < 1:
        raise IntakeError("The PDF document has no page; save it again, or as PNG.")
    return answer, pixels


def _run(payload: bytes, numbers: list[str], limits: Limits) -> tuple[dict[str, Any], bytes]:
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    command = [sys.executable, "-I", str(_CHILD), *numbers]
    try:
        done = subprocess.run(
            command, input=payload, capture_output=True, timeout=limits.pdf_seconds, env=environment, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise LimitError(
            f"The PDF document took more than {limits.pdf_seconds:g} s to open; save the page as PNG."
        ) from error
    if done.returncode != 0:
        raise LimitError("The PDF document needs too much memory or time, or is damaged; save the page as PNG.")
    answer, _, pixels = done.stdout.partition(b"\n")
    return json.loads(answer), pixels
