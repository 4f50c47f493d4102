"""A server that a browser test may kill and start again, with folders that the test can inspect."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from pipeline.config import ROOT

START_S = 60.0


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Server:
    """The app on one port, started with the environment as it is and `folders`; `kill` ends it as a power cut would."""

    def __init__(
        self, log: Path, folders: Mapping[str, str] | None = None, options: Sequence[str] = (), port: int = 0
    ) -> None:
        self.port = port or free_port()
        self.log = log
        self._folders, self._options = folders or {}, options
        self.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        options = [f"--server.port={self.port}", "--server.headless=true", *self._options]
        command = [sys.executable, "-m", "streamlit", "run", "app/main.py", *options]
        with self.log.open("a") as output:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=os.environ | self._folders, stdout=output, stderr=subprocess.STDOUT
            )
        wait_until_healthy(f"{self.address}/_stcore/health", self._process, self.log)

    def stop(self) -> None:
        """Stop it as an operator would."""
        self._process.terminate()
        self._process.wait(timeout=20)

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.wait(timeout=20)


def wait_until_healthy(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    """Waits until a server answers; fails with its log if it ends or does not."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.1)
    pytest.fail(f"The server did not start: {log.read_text()}")
