"""The program asks nobody on the network: it runs without one, and a resolver that notes every question is never asked.

Where the system allows it, the process has a network namespace of its own in which there is nothing, so that what a
library asks past Python's sockets would fail as well.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from streamlit import net_util
from streamlit.runtime import memory_media_file_storage
from streamlit.runtime.media_file_storage import MediaFileKind
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage

from app.common.server import hide_media, stay_on_this_machine
from pipeline.config import ROOT
from pipeline.datasets import demo_path

APART = ("unshare", "--map-root-user", "--net")
WATCH = """
import socket, sys
asked = []
def refuse(*arguments, **options):
    asked.append(str(arguments[-1] if isinstance(arguments[0], socket.socket) else arguments[0]))
    raise OSError(101, "Network is unreachable")
real = socket.socket.connect
socket.socket.connect = lambda self, where: real(self, where) if self.family == socket.AF_UNIX else refuse(self, where)
socket.getaddrinfo = socket.gethostbyname = socket.gethostbyname_ex = socket.create_connection = refuse
"""
ANALYSE = """
from pipeline.cli import main
assert main(["analyse", sys.argv[1], "--output", sys.argv[2]]) == 0
assert main(["report", sys.argv[1], "--output", sys.argv[2]]) == 0
"""
PAGES = """
from streamlit.testing.v1 import AppTest
from tests.helpers.studies import MAIN, study
number = study()
for name in sys.argv[3].split(","):
    page = AppTest.from_file(MAIN, default_timeout=300).run()
    page.switch_page(f"{name}/page.py")
    page.query_params["study"] = str(number)
    page.run()
    assert not page.exception, (name, page.exception)
"""
TELL = "\nsys.stderr.write(f'asked {asked}')\nassert asked == [], asked\n"


def _apart() -> bool:
    """Whether this system lets us have a network namespace of our own."""
    found = shutil.which(APART[0])
    return found is not None and subprocess.run([*APART, "true"], capture_output=True, check=False).returncode == 0


def run(script: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script without a network, in a home and cache of its own."""
    places = {"HEARTVISION_HOME": str(folder / "home"), "HEARTVISION_CACHE": str(folder / "cache")}
    environment = {name: value for name, value in os.environ.items() if name != "HEARTVISION_DATABASE_URL"}
    command = [sys.executable, "-c", WATCH + script + TELL, str(demo_path()), str(folder / "out"), *arguments]
    return subprocess.run(
        [*(APART if _apart() else ()), *command], cwd=ROOT, env=environment | places | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip


def test_the_watch_notices_a_question(tmp_path: Path) -> None:
    done = run(
        "import urllib.request\ntry:\n urllib.request.urlopen('http://example.org')\nexcept OSError: pass", tmp_path
    )
    assert done.returncode != 0
    assert "example.org" in done.stderr


def test_a_recording_is_analysed_and_reported_without_a_network(tmp_path: Path) -> None:
    done = run(ANALYSE, tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stderr.endswith("asked []")
    assert list((tmp_path / "out").rglob("*"))


def test_pages_are_drawn_without_a_network(tmp_path: Path) -> None:
    done = run(PAGES, tmp_path, "about,worklist,study")
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.slow
def test_all_pages_are_drawn_without_a_network(tmp_path: Path) -> None:
    pages = sorted(path.parent.name for path in (ROOT / "app").glob("*/page.py"))
    done = run(PAGES, tmp_path, ",".join(pages))
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_server_asks_nobody_for_its_outer_address(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(net_util, "_make_blocking_http_get", lambda *given, **more: asked.append(given), raising=False)
    monkeypatch.setattr(net_util, "get_external_ip", net_util.get_external_ip)
    stay_on_this_machine()
    assert net_util.get_external_ip() is None
    assert asked == []


def test_what_a_page_shows_lies_under_a_name_that_nobody_can_make_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = memory_media_file_storage._calculate_file_id
    theirs = theirs.func if isinstance(theirs, partial) else theirs
    names = []
    for _ in range(2):  # two processes
        monkeypatch.setattr(memory_media_file_storage, "_calculate_file_id", theirs)
        hide_media()
        hide_media()  # each run of a page says it again
        storage = MemoryMediaFileStorage("/media")
        kept = [storage.load_and_get_id(*given) for given in _GIVEN]
        assert kept == [storage.load_and_get_id(*given) for given in _GIVEN]
        assert [storage.get_file(f"{name}.bin").content for name in kept] == [content for content, *_ in _GIVEN]
        names += kept
    assert len(set(names)) == 2 * len(_GIVEN)
    assert {len(name) for name in names} == {64}


_GIVEN: list[tuple[bytes, str, MediaFileKind, str | None]] = [
    (b"a", "image/png", MediaFileKind.MEDIA, None),
    (b"b", "image/png", MediaFileKind.MEDIA, None),
    (b"a", "text/csv", MediaFileKind.DOWNLOADABLE, None),
    (b"a", "text/csv", MediaFileKind.DOWNLOADABLE, "a.csv"),
    (bytes(3 * 2**20), "image/png", MediaFileKind.MEDIA, None),
    (bytes(2**20) + b"1" + bytes(2**21 - 1), "image/png", MediaFileKind.MEDIA, None),  # between what Streamlit samples
]


def test_every_file_that_a_page_offers_is_made_when_it_is_asked_for() -> None:
    """Streamlit keeps the bytes given to it under `/media`, asked for or not; a callable is called when it is."""
    offered = [
        (f"{path.relative_to(ROOT)}:{data.lineno}", data)
        for path in sorted((ROOT / "app").rglob("*.py"))
        for data in _offered(path.read_text("utf-8"))
    ]
    assert len(offered) > 15
    assert [where for where, data in offered if not _is_callable(data)] == []


@pytest.mark.parametrize("data", ["partial(_made, case)", "lambda: made", "report.read_bytes", "data=partial(_made)"])
def test_what_is_made_when_it_is_asked_for_is_told(data: str) -> None:
    assert [_is_callable(one) for one in _offered(f"st.download_button('Report', {data})")] == [True]


@pytest.mark.parametrize(
    "data", ["report.payload", "case.pdf", "payload", "text", "made(case)", "b'x'", "report.read_bytes()",
             "data=payload", "page.partial(case)", "report.read_bytes if ready else payload"],
)  # fmt: skip
@pytest.mark.parametrize("button", ["st.download_button", "download_button", "column.download_button"])
def test_bytes_that_a_page_has_made_already_are_told(data: str, button: str) -> None:
    assert [_is_callable(one) for one in _offered(f"{button}('Report', {data})")] == [False]


def test_a_wrapper_hands_on_what_its_callers_give_it_and_nothing_else() -> None:
    wrapper = "def download_button(label: str, text: {kind}) -> None:\n st.download_button(label, {data})"
    assert _offered(wrapper.format(kind="Callable[[], str]", data="text")) == []
    for kind, data in (("str", "text"), ("Callable[[], str]", "text()"), ("Callable[[], str]", "label")):
        assert [_is_callable(one) for one in _offered(wrapper.format(kind=kind, data=data))] == [False]


def _offered(source: str) -> list[ast.expr]:
    """Find what the buttons of a page offer, but for a callable that a wrapper was given: its callers are looked at."""
    tree = ast.parse(source)
    handed = {
        id(each)
        for made in ast.walk(tree)
        if isinstance(made, ast.FunctionDef) and made.name == "download_button"
        for each in ast.walk(made)
        if isinstance(each, ast.Name) and each.id in _callables(made)
    }
    offers = [
        next((more.value for more in call.keywords if more.arg in ("data", "text")), None) or call.args[1]
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and _name(call.func) == "download_button"
    ]
    return [data for data in offers if id(data) not in handed]


def _callables(made: ast.FunctionDef) -> set[str]:
    """Name the parameters that are callables, which mypy holds the callers to."""
    return {one.arg for one in made.args.args if one.annotation and ast.unparse(one.annotation).startswith("Callable[")}


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _is_callable(data: ast.expr) -> bool:
    """Tell whether this is a callable: one of the three ways that pages have, for other names may hold bytes."""
    if isinstance(data, ast.Call):
        return isinstance(data.func, ast.Name) and data.func.id == "partial"
    return isinstance(data, ast.Lambda) or (isinstance(data, ast.Attribute) and data.attr == "read_bytes")
