"""Which part of a recording is looked at: one window, moved by time, by page and by beat. No st.*."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

WINDOW_S, PHONE_WINDOW_S = 10.0, 5.0
Span = tuple[float, float]  # from and to, seconds
GRIP = 0.015  # of the window: a drag that begins or ends so near to an end takes hold of it
MARGIN = 0.1  # of the window, at either end: what lies there is not well in view


@dataclass(frozen=True)
class Viewport:
    """A window of `window_s` from `start_s` on, inside a recording of `duration_s`; all in seconds."""

    window_s: float = WINDOW_S
    start_s: float = 0.0
    duration_s: float = 0.0

    @property
    def stop_s(self) -> float:
        """The end of the window, which may lie behind that of a recording shorter than it."""
        return self.start_s + self.window_s

    @property
    def span_s(self) -> tuple[float, float]:
        """Start and end."""
        return self.start_s, self.stop_s

    @property
    def latest_s(self) -> float:
        """The last start from which the whole window lies inside the recording."""
        return max(0.0, self.duration_s - self.window_s)

    def of(self, duration_s: float) -> Viewport:
        """Return the window on a recording of this length, as near to where it was as that allows."""
        return replace(self, duration_s=duration_s).moved(self.start_s)

    def moved(self, start_s: float) -> Viewport:
        """Return the window from `start_s` on, kept inside the recording."""
        return replace(self, start_s=min(max(float(start_s), 0.0), self.latest_s))

    def turned(self, pages: float) -> Viewport:
        """Return the window so many of its lengths later, or earlier if negative."""
        return self.moved(self.start_s + pages * self.window_s)

    def centred(self, time_s: float) -> Viewport:
        """Return the window with a time in its middle, as far as the ends of the recording allow."""
        return self.moved(time_s - self.window_s / 2)

    def showing(self, time_s: float) -> Viewport:
        """Return the window itself where a time, such as a beat's, is well inside; else centred on it."""
        margin = MARGIN * self.window_s
        return self if self.start_s + margin <= time_s <= self.stop_s - margin else self.centred(time_s)

    def resized(self, window_s: float) -> Viewport:
        """Return a window of another length around the same middle."""
        return replace(self, window_s=window_s).moved(self.start_s + (self.window_s - window_s) / 2)


def moved_end(ends: Span, drag: Span, grip_s: float) -> Span | None:
    """Return a stretch after a drag that took hold of one of its ends; None if it took hold of none.

    Parameters
    ----------
    ends : Span
        The stretch.
    drag : Span
        From where to where it went: the side that lies at an end says which one it is, the other where that goes.
    grip_s : float
        How near is at an end, seconds.
    """
    start, stop = ends
    for near, other in (drag, drag[::-1]):
        if abs(near - start) <= grip_s and other < stop:
            return other, stop
        if abs(near - stop) <= grip_s and other > start:
            return start, other
    return None


@dataclass
class Looking:
    """The viewport of a browser session; buttons and sliders call the methods.

    `calipers` says whether a drag over the strip measures; `measured` are intervals that no study keeps, in seconds;
    `pinned_s` is where the window began that stands above the strip for comparison.
    """

    viewport: Viewport = field(default_factory=Viewport)
    calipers: bool = False
    measured: tuple[Span, ...] = ()
    pinned_s: float | None = None

    def move(self, start_s: float) -> None:
        """Move the window to `start_s`, kept inside the recording."""
        self.viewport = self.viewport.moved(start_s)

    def turn(self, pages: float) -> None:
        """Move the window by so many of its lengths."""
        self.viewport = self.viewport.turned(pages)

    def resize(self, window_s: float) -> None:
        """Change the length of the window around its middle."""
        self.viewport = self.viewport.resized(window_s)

    def pin(self) -> None:
        """Keep the window above the strip for comparison; a second time, let it go."""
        self.pinned_s = self.viewport.start_s if self.pinned_s is None else None

    @property
    def grip_s(self) -> float:
        """How near to an end a drag takes hold of it, seconds."""
        return GRIP * self.viewport.window_s

    @property
    def pinned(self) -> Viewport | None:
        """The window above the strip, as long as that of the strip."""
        return None if self.pinned_s is None else self.viewport.moved(self.pinned_s)

    def measure(self, old: Span | None, new: Span | None) -> None:
        """Keep an interval until the recording is left: a new one, another in its place, or none."""
        if old is None:
            self.measured = self.measured if new is None else (*self.measured, new)
        else:
            kept = tuple(new if span == old else span for span in self.measured)
            self.measured = tuple(span for span in kept if span is not None)
