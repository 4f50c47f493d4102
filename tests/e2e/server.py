"""A server that a story may kill and start again, with folders that the story can look into."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from pipeline.config import ROOT
from tests.e2e.conftest import wait_until_healthy


class Server:
    """The app on one port, started with the environment as it is; `kill` ends it as a power cut would."""

    def __init__(self, log: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.log = log
        self.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        options = [f"--server.port={self.port}", "--server.headless=true"]
        command = [sys.executable, "-m", "streamlit", "run", "app/main.py", *options]
        with self.log.open("a") as output:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=os.environ | {}, stdout=output, stderr=subprocess.STDOUT
            )
        wait_until_healthy(f"{self.address}/_stcore/health", self._process, self.log)

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.wait(timeout=20)
