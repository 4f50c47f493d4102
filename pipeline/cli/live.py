"""`live`: a live signal recorded and classified as it comes, in the terminal."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline.cli.shared import OK, REFUSED, loader, name_list, say
from pipeline.config import RECORDING_NETWORK
from pipeline.errors import EcgError, UsageError
from pipeline.wording import RESEARCH_USE, clock

if TYPE_CHECKING:
    from pipeline.live.provisional import LiveBeat
    from pipeline.live.session import LiveSession
    from pipeline.live.sources import Source
    from pipeline.live.state import LiveState

SOURCES: Final = ("replay", "lsl", "brainflow")
LINE_S: Final = 5.0  # of signal between two lines about rate and rhythm


def add_live(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `live`."""
    parser.add_argument("record", nargs="?", type=Path, metavar="RECORD", help="the recording that is replayed")
    parser.add_argument("--source", choices=SOURCES, default="replay", help="default: %(default)s")
    parser.add_argument("--output", type=Path, default=Path(), metavar="DIR", help="where the record is written")
    parser.add_argument("--duration", type=float, metavar="S", help="end after so many seconds of signal")
    parser.add_argument("--speed", type=float, default=1.0, metavar="X", help="replay so many times as fast")
    parser.add_argument(
        "--stream", default="", metavar="NAME", help="lsl: name of the stream (default: any of type ECG)"
    )
    parser.add_argument("--unit", default="", help="lsl: unit of a stream that does not state it: mV, uV, V or nV")
    parser.add_argument("--network", action="store_true", help="lsl: look for streams on other machines, too")
    parser.add_argument("--board", type=int, default=-1, metavar="ID", help="brainflow: the board (-1: synthetic)")
    parser.add_argument("--serial-port", default="", metavar="PORT", help="brainflow: where the board is connected")
    parser.add_argument("--mac-address", default="", metavar="MAC", help="brainflow: address of a Bluetooth board")
    parser.add_argument(
        "--leads", type=name_list, default=(), metavar="NAME[,NAME]", help="brainflow: names of the first channels"
    )
    parser.add_argument("--model", default=RECORDING_NETWORK, metavar="NAME", help="the network (default: %(default)s)")
    parser.set_defaults(command=_live)


def _live(options: argparse.Namespace) -> int:
    from pipeline.live.session import LiveSession, SessionPlan, new_name

    load = loader(options.model)
    plan = SessionPlan(options.output, new_name(options.output), options.duration)
    session = LiveSession(_source(options), plan, load, _Lines().watch)
    before = [(number, signal.signal(number, lambda *_: session.stop())) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        state = session.run()
    finally:
        for number, handler in before:
            signal.signal(number, handler)
    if not state.n_frames:
        say(state.sentence or "Nothing was recorded.")
        return OK if not state.sentence else REFUSED
    _finished(session, state)
    return OK if state.phase == "finished" else REFUSED


def _source(options: argparse.Namespace) -> Source:
    from pipeline.live.choice import SourceChoice, source_of

    if options.duration is not None and not options.duration > 0:
        raise UsageError(f"The duration {options.duration!r} is not longer than 0 s.")
    choice = SourceChoice(
        options.source,
        path=str(options.record or ""),
        speed=options.speed,
        stream=options.stream,
        unit=options.unit,
        network=options.network,
        board=options.board,
        serial_port=options.serial_port,
        mac_address=options.mac_address,
        leads=options.leads,
    )
    return source_of(choice)


class _Lines:
    """What happens, one line each: beats that are not N, alarms that begin, rate and rhythm every few seconds."""

    def __init__(self) -> None:
        self.phase, self.alarms, self.next_s = "", frozenset[str](), 0.0
        self.unwatched = ""

    def watch(self, state: LiveState, new: tuple[LiveBeat, ...]) -> None:
        """Print what is new."""
        if state.phase != self.phase:
            self.phase = state.phase
            self._say(state.recorded_s, f"{state.phase} {state.stream}".rstrip() + f". {state.sentence}".rstrip(". "))
        if state.unwatched != self.unwatched:
            self.unwatched = state.unwatched
            self._say(state.recorded_s, state.unwatched)
        for beat in new:
            if beat.letter != "N":
                self._say(beat.time_s, f"{beat.letter} (provisional, {beat.confidence:.2f})")
        holding = frozenset(alarm.words for alarm in state.alarms)
        for words in sorted(holding - self.alarms):
            self._say(state.read_to_s, f"ALARM {words} (research, not monitoring)")
        self.alarms = holding
        if state.rhythm and state.read_to_s >= self.next_s:
            self.next_s = state.read_to_s + LINE_S
            rate = "rate unknown" if state.rate_bpm is None else f"{state.rate_bpm:.0f}/min"
            self._say(state.read_to_s, f"{rate}, {state.rhythm}, signal {state.quality}")

    def _say(self, time_s: float, words: str) -> None:
        sys.stdout.write(f"{clock(time_s)}  {words}\n")
        sys.stdout.flush()


def _finished(session: LiveSession, state: LiveState) -> None:
    """Read the record again, and say how its classes compare with the provisional ones."""
    from pipeline.intake import read_path
    from pipeline.live.agreement import compare

    counts = ", ".join(f"{count} {letter}" for letter, count in sorted(state.counts.items())) or "no beat"
    say(f"{state.header}: {clock(state.recorded_s)} recorded. Provisional: {counts}. {state.sentence}".rstrip())
    try:
        from pipeline.analysis import analyse

        final = analyse(read_path(Path(state.header)), session.load())
    except EcgError as error:
        say(f"No final classes: {error}")
        return
    agreed = compare(final, session.beats_s, session.letters.decode("ascii"))
    say(f"Final: {final.sample.size} beats; {agreed.words}. {RESEARCH_USE}")
