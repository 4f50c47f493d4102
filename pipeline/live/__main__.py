"""`python -m pipeline.live ORDER`: what `pipeline.live.process` starts."""

import json
import os
import sys
import threading
from functools import cache
from pathlib import Path

from pipeline._util.typed_json import from_json
from pipeline.analysis import BeatClassifier, load_classifier
from pipeline.errors import EcgError
from pipeline.live.choice import source_of
from pipeline.live.process import LiveOrder
from pipeline.live.session import LiveSession, SessionPlan
from pipeline.live.state import STATE_ENDING, LiveState, write_state


def main(arguments: list[str]) -> int:
    """Record as ordered until standard input ends."""
    order = from_json(LiveOrder, json.loads(arguments[0]))
    state_file = Path(order.folder) / f"{order.name}{STATE_ENDING}"

    @cache
    def load() -> BeatClassifier:
        return load_classifier(order.network)

    try:
        source = source_of(order.source)
    except EcgError as error:
        write_state(state_file, LiveState("failed", str(error)))
        return 0
    plan = SessionPlan(Path(order.folder), order.name)
    session = LiveSession(source, plan, load, lambda state, _: write_state(state_file, state))
    threading.Thread(target=_until_it_ends, args=(session,), daemon=True).start()
    session.run()
    return 0


def _until_it_ends(session: LiveSession) -> None:
    while os.read(sys.stdin.fileno(), 4096):  # whoever started this process never writes: this returns at its end
        continue
    session.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
