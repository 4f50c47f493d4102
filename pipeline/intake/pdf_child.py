"""Opens one untrusted PDF in a process of its own: bytes on stdin, one page's pixels on stdout.

`pdf_reader` runs this as a file, not as a module: it must start fast, and imports nothing from the project.
"""

from __future__ import annotations

import json
import sys
from typing import Any

MEMORY_BYTES = 2 * 2**30
CPU_SECONDS = 20
POINTS_MAX = 14_400  # 200 inches, the format's own limit (ISO 32000-1, annex C)


def main() -> None:
    """Answer one request.

    The arguments are the page (-1 to count only), dots per inch, and the pages, pixels and side length allowed.
    """
    _limit_resources()
    import pypdfium2

    page, dpi, pages_max, pixels_max, side_max = (int(value) for value in sys.argv[1:])
    try:
        document = pypdfium2.PdfDocument(sys.stdin.buffer.read())
    except pypdfium2.PdfiumError as error:
        _answer({"error": "password" if error.err_code == pypdfium2.raw.FPDF_ERR_PASSWORD else "damaged"})
        return
    pages = len(document)
    if not 0 <= page < pages or pages > pages_max:
        _answer({"pages": pages})
        return
    _send_page(document[page], {"pages": pages}, dpi, pixels_max, side_max)


def _limit_resources() -> None:
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _send_page(page: Any, facts: dict[str, Any], dpi: int, pixels_max: int, side_max: int) -> None:
    width, height = page.get_size()  # in points of 1/72 inch
    if not (1.0 <= width <= POINTS_MAX and 1.0 <= height <= POINTS_MAX):
        _answer({**facts, "error": "size"})
        return
    scale = min(dpi / 72, 0.99 * side_max / max(width, height), 0.99 * (pixels_max / (width * height)) ** 0.5)
    pixels = page.render(scale=scale, fill_color=(255, 255, 255, 255), rev_byteorder=True).to_numpy()[..., :3]
    _answer({**facts, "width": pixels.shape[1], "height": pixels.shape[0]}, pixels.tobytes())


def _answer(facts: dict[str, Any], pixels: bytes = b"") -> None:
    sys.stdout.buffer.write(json.dumps(facts).encode() + b"\n" + pixels)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
