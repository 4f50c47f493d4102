"""Whether a built site asks nothing of the network: `python docs/check_site.py SITE`; exit code 1 if it would.

What a browser loads by itself counts: scripts, style sheets, images, fonts, frames. Links that a reader may follow
do not.
"""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

LOADED: Final = {
    **{"script": ("src",), "img": ("src", "srcset"), "source": ("src", "srcset"), "iframe": ("src",)},
    **{"video": ("src", "poster"), "audio": ("src",), "embed": ("src",), "object": ("data",), "track": ("src",)},
}
LINKS: Final = {"stylesheet", "icon", "preload", "prefetch", "preconnect", "dns-prefetch", "modulepreload", "manifest"}
REMOTE: Final = re.compile(r"\s*(https?:)?//", re.IGNORECASE)
IN_STYLE: Final = re.compile(r"(?:url\(\s*['\"]?|@import\s+['\"])\s*((?:https?:)?//[^'\")\s]+)", re.IGNORECASE)


class _Resources(HTMLParser):
    """Collects the addresses outside the site that a page would load."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        names = LOADED.get(tag, ())
        if tag == "link" and LINKS & set(values.get("rel", "").lower().split()):
            names = ("href",)
        self.found += [values[name] for name in names if REMOTE.match(values.get(name, ""))]
        self.found += IN_STYLE.findall(values.get("style", ""))


def external_resources(site: Path) -> list[str]:
    """What the pages and style sheets under `site` would load from elsewhere: "file: address"."""
    found = []
    for path in sorted(site.rglob("*.html")):
        parser = _Resources()
        parser.feed(path.read_text(encoding="utf-8"))
        found += [f"{path.relative_to(site)}: {address}" for address in parser.found]
    for path in sorted(site.rglob("*.css")):
        addresses = IN_STYLE.findall(path.read_text(encoding="utf-8"))
        found += [f"{path.relative_to(site)}: {address}" for address in addresses]
    return found


def main() -> int:
    """Print what would be loaded from elsewhere; the exit code."""
    site = Path(sys.argv[1])
    if not list(site.rglob("*.html")):
        sys.stderr.write(f"There are no pages in {site}.\n")
        return 1
    found = external_resources(site)
    sys.stderr.writelines(f"{line}\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
