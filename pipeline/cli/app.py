"""`app`: the application in the browser."""

from __future__ import annotations

import argparse
import subprocess
import sys

from pipeline.cli.shared import positive
from pipeline.config import ROOT


def add_app(parser: argparse.ArgumentParser) -> None:
    """Arguments of `app`."""
    parser.add_argument("--port", type=positive, default=8501, metavar="N", help="default: %(default)s")
    parser.add_argument("--headless", action="store_true", help="open no browser")
    parser.set_defaults(command=_app)


def _app(options: argparse.Namespace) -> int:
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app" / "main.py")]
    settings = [f"--server.port={options.port}", f"--server.headless={str(options.headless).lower()}"]
    # beside `app` lie the settings in .streamlit that are as much of it as its code
    return subprocess.run([*command, *settings], cwd=ROOT, check=False).returncode
