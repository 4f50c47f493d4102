"""Images that containers are made from are pinned by digest, and the registry is asked for them."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from deploy.images import FILES, check, images

OLD, NEW = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"


class Registry(BaseHTTPRequestHandler):
    """Has two images of "box", the new one under the tag "1"."""

    def do_HEAD(self) -> None:
        reference = self.path.removeprefix("/v2/library/box/manifests/")
        digest = {OLD: OLD, NEW: NEW, "1": NEW}.get(reference)
        self.send_response(200 if digest else 404)
        if digest:
            self.send_header("Docker-Content-Digest", digest)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def registry() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), partial(Registry))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def written(folder: Path, reference: str) -> list[Path]:
    docker, compose = folder / "Dockerfile", folder / "compose.yaml"
    docker.write_text(f"FROM {reference} AS build\nRUN true\n\nFROM {reference}\n")
    compose.write_text(f"services:\n  one:\n    image: {reference}\n")
    return [docker, compose]


def test_every_image_of_the_containers_is_pinned_by_digest() -> None:
    found = images()
    assert {image.name for image in found} == {"python", "postgres", "nginx"}
    assert len(found) == 3  # python, named twice, has one digest
    assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", image.digest) for image in found)
    named = [
        line for path in FILES for line in path.read_text("utf-8").splitlines() if re.match(r"FROM|\s+image:", line)
    ]
    assert len(named) == 4


@pytest.mark.parametrize(
    ("reference", "said", "right"),
    [
        (f"box:1@{NEW}", "box:1 is there as pinned.", True),
        (f"box:1@{OLD}", f"box:1 is there as pinned; its tag has moved on to {NEW}.", True),
        (f"box:1@sha256:{'c' * 64}", "box:1 is pinned to what the registry does not have.", False),
        ("box:1", "box:1 is not pinned.", False),
    ],
)
def test_what_is_pinned_is_asked_for(tmp_path: Path, registry: str, reference: str, said: str, right: bool) -> None:
    files = written(tmp_path, reference)
    assert check(files, registry=registry, sign_in="") == ([said], right)
    assert check(files, write=True, registry=registry, sign_in="")[1]
    assert [path.read_text().count(f"box:1@{NEW}") for path in files] == [2, 1]
    assert [path.read_text().count("sha256:") for path in files] == [2, 1]


def test_a_registry_that_does_not_answer_is_not_taken_for_a_fault_of_a_pin(tmp_path: Path) -> None:
    asked = partial(check, registry="http://127.0.0.1:9", sign_in="")
    sentence = "box:1 was not looked for: the registry does not answer here."
    assert asked(written(tmp_path, f"box:1@{OLD}")) == ([sentence], True)
    assert asked(written(tmp_path, "box:1")) == ([sentence], False)
