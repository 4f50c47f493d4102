"""The shipped proxy, started for real in front of the real application; and what the shipped container files say."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from pipeline.config import ROOT
from tests.helpers.server import Server, free_port

DEPLOY = ROOT / "deploy"
HOST = "ecg.example"
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def rendered(folder: Path, upstream: str, plain: int, tls: int) -> Path:
    """A configuration for ports and a certificate of the test's own; the template's text is otherwise as shipped."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", f"/CN={HOST}",
         "-addext", f"subjectAltName=DNS:{HOST}", "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    site = (DEPLOY / "nginx.conf.template").read_text()
    for name, value in (
        ("${HEARTVISION_HOST}", HOST), ("${HEARTVISION_UPSTREAM}", upstream), ("/etc/nginx/tls", str(folder)),
        ("listen 80", f"listen 127.0.0.1:{plain}"), ("listen 443", f"listen 127.0.0.1:{tls}"),
    ):  # fmt: skip
        site = site.replace(name, value)
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = folder / "nginx.conf"
    config.write_text(
        f"pid {folder}/pid;\ndaemon off;\nmaster_process off;\nerror_log {folder}/error.log;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}{site}}}\n"
    )
    return config


@contextmanager
def proxy(folder: Path, upstream: str) -> Iterator[tuple[int, int]]:
    plain, tls = free_port(), free_port()
    config = rendered(folder, upstream, plain, tls)
    assert NGINX is not None
    running = subprocess.Popen([NGINX, "-p", str(folder), "-c", str(config), "-e", str(folder / "start.log")])
    try:
        for _ in range(100):
            with socket.socket() as trying:
                if trying.connect_ex(("127.0.0.1", tls)) == 0:
                    break
            assert running.poll() is None, (folder / "start.log").read_text()
            time.sleep(0.1)
        yield plain, tls
    finally:
        running.terminate()
        running.wait(10)


@dataclass(frozen=True)
class Answer:
    """What the proxy said."""

    status: int
    headers: dict[str, str]
    body: bytes


def asked(folder: Path, port: int, path: str, *, host: str = HOST, **headers: str) -> Answer:
    """An answer over TLS whose certificate is checked, by the name that readers type."""
    context = ssl.create_default_context(cafile=str(folder / "cert.pem"))
    connection = http.client.HTTPSConnection(HOST, port)
    connection.sock = context.wrap_socket(
        socket.create_connection(("127.0.0.1", port), timeout=20), server_hostname=HOST
    )
    with closing(connection):
        return _answer(connection, path, {"Host": host, **headers})


def _answer(connection: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> Answer:
    connection.request("GET", path, headers=headers)
    with closing(connection.getresponse()) as said:
        body = b"" if said.status == 101 else said.read()
        return Answer(said.status, {name.lower(): value for name, value in said.getheaders()}, body)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int, int]]:
    if NGINX is None:
        missing = "nginx is missing: `apt-get install nginx-light`"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    folder = tmp_path_factory.mktemp("proxy")
    application = Server(
        folder / "app.log",
        {
            "STREAMLIT_SERVER_ALLOWED_HOSTS": HOST,
            "STREAMLIT_SERVER_CORS_ALLOWED_ORIGINS": f"https://{HOST}",
            "HEARTVISION_HOME": str(folder / "home"),
            "HEARTVISION_CACHE": str(folder / "cache"),
        },
    )
    try:
        with proxy(folder, f"127.0.0.1:{application.port}") as ports:
            yield (folder, *ports)
    finally:
        application.stop()


def test_the_page_comes_with_the_headers_that_the_application_lacks(served: tuple[Path, int, int]) -> None:
    folder, _, tls = served
    answer = asked(folder, tls, "/")
    assert answer.status == 200
    assert b"<title>" in answer.body
    headers = answer.headers
    policy = headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'self'" in policy
    assert f"wss://{HOST}" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["strict-transport-security"].startswith("max-age=31536000")
    assert headers["referrer-policy"] == "no-referrer"
    assert "nginx/" not in headers.get("server", "")


def test_metrics_are_hidden_and_health_answers(served: tuple[Path, int, int]) -> None:
    folder, _, tls = served
    assert asked(folder, tls, "/_stcore/metrics").status == 404
    assert asked(folder, tls, "/_stcore/health").status == 200


def test_another_name_and_plain_http_are_not_served(served: tuple[Path, int, int]) -> None:
    folder, plain, tls = served
    assert asked(folder, tls, "/", host="evil.example").status == 421
    with closing(http.client.HTTPConnection("127.0.0.1", plain, timeout=10)) as connection:
        answer = _answer(connection, "/analyse", {"Host": HOST})
    assert (answer.status, answer.headers["location"]) == (308, f"https://{HOST}/analyse")


@pytest.mark.parametrize(("origin", "status"), [(f"https://{HOST}", 101), ("https://evil.example", 403)])
def test_a_websocket_is_opened_for_the_own_page_only(served: tuple[Path, int, int], origin: str, status: int) -> None:
    folder, _, tls = served
    answer = asked(
        folder, tls, "/_stcore/stream", Origin=origin, Upgrade="websocket", Connection="Upgrade",
        **{"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "13"},
    )  # fmt: skip
    assert answer.status == status


def test_an_upload_beyond_the_limit_is_stopped_at_the_proxy(served: tuple[Path, int, int]) -> None:
    folder, _, tls = served
    assert asked(folder, tls, "/_stcore/upload_file/a/b", **{"Content-Length": str(200 * 2**20)}).status == 413


def test_the_container_has_no_root_and_pinned_packages() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    assert "USER 10001:10001" in text
    assert "HEALTHCHECK" in text
    assert "--require-hashes" in text
    if hadolint := shutil.which("hadolint"):
        found = subprocess.run([hadolint, DEPLOY / "Dockerfile"], capture_output=True, text=True, check=False)
        assert found.stdout == ""


def test_the_hashed_pins_are_those_of_the_application() -> None:
    """The same versions as requirements.txt, each with its hashes."""

    def pins(name: str) -> set[str]:
        lines = (ROOT / name).read_text().splitlines()
        return {line.split(";")[0].split("\\")[0].strip() for line in lines if "==" in line and line[0].isalnum()}

    assert pins("deploy/requirements-hashed.txt") == pins("requirements.txt")
    text = (DEPLOY / "requirements-hashed.txt").read_text()
    assert text.count("--hash=sha256:") >= len(pins("requirements.txt"))


def test_the_services_are_apart_and_the_database_is_not_reachable_from_outside() -> None:
    found = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    services = found["services"]
    assert set(services) == {"database", "app", "proxy", "scheduler", "worker"}
    assert [name for name, service in services.items() if service.get("ports")] == ["proxy"]
    assert found["networks"]["inside"]["internal"] is True
    assert services["database"]["networks"] == ["inside"]
    for name in ("app", "scheduler", "worker"):
        assert services[name]["cap_drop"] == ["ALL"]
        assert services[name]["read_only"] is True
        assert services[name]["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", ["scheduler", "worker"])
def test_dask_is_started_for_archives_only_by_a_command_that_it_knows_and_not_reachable_from_outside(name: str) -> None:
    service = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"][name]
    assert service["profiles"] == ["archive"]
    assert service["networks"] == ["inside"]
    command = [sys.executable, *service["command"][1:], "--help"]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    wrong = subprocess.run([*command[:-1], "--nonsense"], capture_output=True, text=True, check=False)
    assert wrong.returncode != 0
    asked = {word.replace("--no-dashboard", "--dashboard") for word in service["command"] if word.startswith("--")}
    assert [word for word in asked if word not in told.stdout] == []
