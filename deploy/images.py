"""Asks the registry for the images that the containers are made from: `python -m deploy.images [--write]`.

Each is pinned by its digest, beside the tag that it had. Exit code 1 if an image is not pinned, or the registry has no
image of that digest; 0 with a sentence that says so where the registry does not answer. A tag that has moved on is
told, as its new image mends what advisories name; `--write` pins that one.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.config import ROOT

FILES: Final = (ROOT / "deploy" / "Dockerfile", ROOT / "deploy" / "compose.yaml")
REGISTRY: Final = "https://registry-1.docker.io"
SIGN_IN: Final = "https://auth.docker.io/token?service=registry.docker.io&scope=repository:library/{name}:pull"
KINDS: Final = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json"
TIMEOUT_S: Final = 10
_NAMED: Final = re.compile(
    r"^(?:FROM|\s+image:) +(?P<name>[a-z0-9-]+):(?P<tag>[\w.-]+)(?:@(?P<digest>sha256:\w+))?", re.M
)


@dataclass(frozen=True)
class Image:
    """An official image of Docker Hub as it is named in a file.

    Attributes
    ----------
    name, tag : str
        Its name and its tag.
    digest : str
        "sha256:" and 64 hexadecimal digits; "" where it is not pinned.
    """

    name: str
    tag: str
    digest: str

    def __str__(self) -> str:
        """Return its name and tag."""
        return f"{self.name}:{self.tag}"


def images(files: Sequence[Path] = FILES) -> list[Image]:
    """Return the images that files of containers name, each once."""
    found = [match for path in files for match in _NAMED.finditer(path.read_text("utf-8"))]
    return list(dict.fromkeys(Image(one["name"], one["tag"], one["digest"] or "") for one in found))


def digest_of(name: str, reference: str, registry: str = REGISTRY, sign_in: str = SIGN_IN) -> str:
    """Return the digest that the registry has for a tag or digest; "" if there is none.

    Parameters
    ----------
    name : str
        Name of an official image.
    reference : str
        Tag or digest.
    registry, sign_in : str, optional
        Address of the registry, and of who gives a token for it ("" if it wants none).

    Raises
    ------
    OSError
        If it does not answer.
    """
    headers = {"Accept": KINDS}
    if sign_in:
        with urllib.request.urlopen(sign_in.format(name=name), timeout=TIMEOUT_S) as answer:
            headers["Authorization"] = f"Bearer {json.load(answer)['token']}"
    address = f"{registry}/v2/library/{name}/manifests/{reference}"
    asked = urllib.request.Request(address, headers=headers, method="HEAD")
    try:
        with urllib.request.urlopen(asked, timeout=TIMEOUT_S) as answer:
            return str(answer.headers["Docker-Content-Digest"] or "")
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return ""
        raise


def pin(image: Image, digest: str, files: Sequence[Path] = FILES) -> None:
    """Pin an image to another digest wherever it is named.

    Parameters
    ----------
    image : Image
        The image as it is named.
    digest : str
        The digest.
    files : sequence of Path, optional
        Where.
    """
    named = re.compile(rf"(?<![\w-]){re.escape(str(image))}(@sha256:\w+)?(?![\w.@-])")
    for path in files:
        path.write_text(named.sub(f"{image}@{digest}", path.read_text("utf-8")), "utf-8")


def check(
    files: Sequence[Path] = FILES, *, write: bool = False, registry: str = REGISTRY, sign_in: str = SIGN_IN
) -> tuple[list[str], bool]:
    """Compare what is pinned with what the registry has.

    Parameters
    ----------
    files : sequence of Path, optional
        The files that name images.
    write : bool, optional
        Pin what the tags point to now.
    registry, sign_in : str, optional
        As in `digest_of`.

    Returns
    -------
    said : list of str
        A sentence for each image.
    right : bool
        False if one is not pinned, or the registry has no such image.
    """
    said, right = [], True
    for image in images(files):
        try:
            there = digest_of(image.name, image.digest, registry, sign_in) if image.digest else ""
            now = digest_of(image.name, image.tag, registry, sign_in)
        except (OSError, ValueError, KeyError):
            said.append(f"{image} was not looked for: the registry does not answer here.")
            right = right and bool(image.digest)
            continue
        moved = bool(now) and now != image.digest
        if write and moved:
            pin(image, now, files)
            said.append(f"{image} is pinned to {now}.")
        elif not there or there != image.digest:
            said.append(
                f"{image} is {'not pinned' if not image.digest else 'pinned to what the registry does not have'}."
            )
            right = False
        else:
            said.append(f"{image} is there as pinned{f'; its tag has moved on to {now}' if moved else ''}.")
    return said, right


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="pin what the tags point to now")
    sentences, holds = check(write=parser.parse_args().write)
    sys.stdout.write("".join(f"{sentence}\n" for sentence in sentences))
    raise SystemExit(0 if holds else 1)
