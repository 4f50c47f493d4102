"""Brings documents that live outside docs/ into the site, and lets their links work in both places.

CHANGELOG.md, CONTRIBUTING.md, SECURITY.md and data/README.md become pages. Relative links are written for a code host,
where they lead from file to file; here, a link to a document of the site is turned into one between pages, and a link
to any other file of the repository becomes plain text.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any, Final

from mkdocs.structure.files import File, Files

ROOT: Final = Path(__file__).resolve().parent.parent
OUTSIDE: Final = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "README.md": "index.md",
    "data/README.md": "databases.md",
}
LINK: Final = re.compile(r"(?<!!)\[([^\]]*)\]\((?!https?://|#|mailto:)([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Files, *, config: Any) -> Files:
    """Add the documents outside docs/ as pages of the site."""
    for source, page in OUTSIDE.items():
        if page != "index.md":
            files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Files) -> str:
    """Rewrite the relative links of one page."""
    here = page.file.src_uri
    source = next((path for path, name in OUTSIDE.items() if name == here and here != "index.md"), f"docs/{here}")

    def rewritten(link: re.Match[str]) -> str:
        text, target, anchor = link[1], link[2], link[3] or ""
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        uri = OUTSIDE.get(path) or (path.removeprefix("docs/") if path.startswith("docs/") else "")
        if uri and files.get_file_from_path(uri):
            return f"[{text}]({posixpath.relpath(uri, posixpath.dirname(here) or '.')}{anchor})"
        return text if (ROOT / path).exists() else link[0]

    return LINK.sub(rewritten, markdown)
