"""What the page hears while a recording is read."""

from app.work import throttled


def test_progress_drops_small_steps_and_tells_the_time_left() -> None:
    heard: list[tuple[float, str]] = []
    now = iter([0.0, 10.0, 10.0, 20.0, 30.0, 40.0])
    report = throttled(lambda fraction, sentence: heard.append((fraction, sentence)), clock=lambda: next(now))
    report(0.1, "Reading")
    report(0.101, "Reading")
    report(0.4, "Reading")
    report(0.7, "Reading")
    report(1.0, "Read")
    assert heard == [
        (0.1, "Reading"),
        (0.4, "Reading, about 20 s left"),
        (0.7, "Reading, about 10 s left"),
        (1.0, "Read"),
    ]
