"""How numbers are written for people, on screen and on paper alike.

A count has a space between thousands (`grouped`). What the network says about one answer is in whole per cent
(`percent`); what was counted - a burden, a coverage - has one decimal (`share`), and so has what was measured, with its
interval in brackets (`score`). Measures that are not shares - kappa, AUC, calibration error - have three decimals
(`no_share`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import MINYEAR, datetime, timedelta
from typing import Final

from pipeline.identity import Identity
from pipeline.labels import AAMI_CLASSES
from pipeline.measurements import Measurements

UNDEFINED: Final = "–"
DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
RESEARCH_USE: Final = (
    "For research use only. Not a medical device. HeartVision suggests; a clinician looks at the signal and decides."
)

_SHORTEST_RR_S: Final = 0.2  # of an interval between two beats, 300/min: a shorter one has no rate
_PARTS: Final = re.compile(r"[^ _-]*[ _-]|[^ _-]+")  # of a name, where lines may end
_NUMBERS: Final = (
    *("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
)


def in_lines(name: str, letters: int) -> tuple[str, ...]:
    """Divide a name into lines of about so many letters, after a space, a hyphen or an underscore where it has one.

    Examples
    --------
    >>> in_lines("myocardial_infarction", 14), in_lines("history of MI", 14)
    (('myocardial_', 'infarction'), ('history of MI',))
    """
    lines = [""]
    for part in _PARTS.findall(name):
        if lines[-1] and len(lines[-1] + part.rstrip()) > letters:
            lines.append("")
        lines[-1] += part
    return tuple(line.strip() for line in lines)


def in_a_row(names: Sequence[str]) -> str:
    """Write names as a list in a sentence.

    Examples
    --------
    >>> in_a_row(["III", "aVR", "aVL"]), in_a_row(["V3"])
    ('III, aVR and aVL', 'V3')
    """
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def looked_at(read: Sequence[str], recorded: int, *, rhythm: bool = True, measured: int = 0) -> str:
    """State in one sentence what an analysis looked at in a recording, and what it did not.

    Parameters
    ----------
    read : sequence of str
        The leads that were read, one or two.
    recorded : int
        How many leads the recording has.
    rhythm : bool, optional
        Whether the rhythm was looked for: earlier versions classified beats only.
    measured : int, optional
        In how many leads intervals and ST levels were measured.

    Examples
    --------
    >>> looked_at(["II", "V1"], 12)
    'Rhythm from leads II and V1; ST, intervals and the other ten leads were not read.'
    >>> looked_at(["I"], 1)
    'Rhythm from lead I; ST and intervals were not read.'
    >>> looked_at(["II", "V1"], 12, measured=12)
    'Rhythm from leads II and V1; intervals and ST levels from all twelve leads.'
    >>> looked_at(["II", "V1"], 2, measured=2)
    'Rhythm from leads II and V1; intervals and ST levels from both leads.'
    """
    what, missed = ("Rhythm", "ST") if rhythm else ("Beats", "rhythm, ST")
    start = f"{what} from lead{'s' if len(read) > 1 else ''} {' and '.join(read)}"
    if measured:
        leads = "one lead" if measured == 1 else f"{_number_word(measured)} leads"
        every = {1: "the same lead", 2: "both leads"}.get(recorded, f"all {leads}")
        whole = every if measured >= recorded else leads
        return f"{start}; intervals and ST levels from {whole}."
    others = recorded - len(read)
    if others <= 0:
        return f"{start}; {missed} and intervals were not read."
    rest = "the other lead" if others == 1 else f"the other {_number_word(others)} leads"
    return f"{start}; {missed}, intervals and {rest} were not read."


def _number_word(count: int) -> str:
    return _NUMBERS[count] if count < len(_NUMBERS) else grouped(count)


def interval_words(measured: Measurements) -> list[str]:
    """Write intervals, QTc and axis, each a phrase, or what is missing and why.

    Examples
    --------
    >>> from pipeline.measurements import Spread
    >>> interval_words(Measurements(intervals={"PR": Spread(162, 158, 170, 9)}, axis_deg={"QRS": 48.0}))
    ['PR 162 ms (158–170)', 'axis QRS 48°']
    """
    found = [
        f"{name} {spread.median:.0f} ms ({spread.low:.0f}–{spread.high:.0f})"
        for name, spread in measured.intervals.items()
        if name != "P"
    ]
    if measured.qtc_used:
        found.append(f"QTc {measured.qtc_ms[measured.qtc_used]:.0f} ms ({measured.qtc_used})")
    elif measured.why_no_qtc:
        found.append(measured.why_no_qtc.rstrip("."))
    if measured.axis_deg:
        found.append("axis " + ", ".join(f"{name} {degrees:.0f}°" for name, degrees in measured.axis_deg.items()))
    return found


def looked_for_words(measured: Measurements) -> str:
    """State in one sentence what the statements looked for, so that their absence has a meaning.

    Examples
    --------
    >>> looked_for_words(Measurements(looked_for=("rate and rhythm", "axis")))
    'Looked for: rate and rhythm, axis. No statement does not mean a normal ECG.'
    >>> looked_for_words(Measurements(looked_for=("axis",), not_measured=("V3",)))
    'Looked for: axis. Not measured: V3; what needs it was not looked for. No statement does not mean a normal ECG.'
    """
    if not measured.looked_for:
        return "No statement was looked for."
    normal = any(one.code == "NORM" for one in measured.statements)
    end = "" if normal else " No statement does not mean a normal ECG."
    without = measured.not_measured
    needs = "it" if len(without) == 1 else "them"
    lost = f" Not measured: {', '.join(without)}; what needs {needs} was not looked for." if without else ""
    return f"Looked for: {', '.join(measured.looked_for)}.{lost}{end}"


def grouped(count: float) -> str:
    """Write a count with a space between thousands.

    Examples
    --------
    >>> grouped(109494)
    '109 494'
    """
    return f"{count:,.0f}".replace(",", " ")


def counted(count: int, one: str, many: str = "") -> str:
    """Write how many there are of something.

    Parameters
    ----------
    count : int
        How many.
    one, many : str
        What one of them is called, and several; the plural ends with s unless it is given.

    Examples
    --------
    >>> counted(1, "class", "classes"), counted(0, "patient")
    ('1 class', '0 patients')
    """
    return f"{count} {one if count == 1 else many or one + 's'}"


def percent(fraction: float) -> str:
    """Write a probability in per cent, never rounded up to certainty or down to impossibility.

    Examples
    --------
    >>> percent(0.873), percent(0.999)
    ('87 %', '> 99 %')
    """
    if not math.isfinite(fraction):
        return "unknown"
    if fraction > 0.99:
        return "> 99 %"
    return "< 1 %" if fraction < 0.01 else f"{fraction:.0%}".replace("%", " %")


def share(fraction: float | None) -> str:
    """Write a counted share in per cent; few is never rounded to none, nor almost all to all. None gives a dash.

    Examples
    --------
    >>> share(0.0004), share(0.5), share(None)
    ('< 0.1 %', '50.0 %', '–')
    """
    if fraction is None:
        return UNDEFINED
    if fraction in (0.0, 1.0):
        return f"{fraction:.0%}".replace("%", " %")
    if fraction < 0.001:
        return "< 0.1 %"
    return "> 99.9 %" if fraction > 0.999 else f"{fraction * 100:.1f} %"


def burden(counts: Mapping[str, int], letter: str) -> str:
    """Write the share of a class among the classified beats, as every page and the report state it."""
    beats = classified(counts)
    return share(counts.get(letter, 0) / beats if beats else None)


def classified(counts: Mapping[str, int]) -> int:
    """Return how many beats have a class."""
    return sum(counts.get(name, 0) for name in AAMI_CLASSES)


def of_the_classified(counts: Mapping[str, int]) -> str:
    """State in one sentence what the shares of `burden` refer to."""
    return f"Shares are of the {grouped(classified(counts))} classified beats."


def score(value: float | None, low: float | None = None, high: float | None = None) -> str:
    """Write a measured share with its interval, always with one decimal.

    Parameters
    ----------
    value : float or None
        The share, 0..1; a dash is written for None.
    low, high : float, optional
        Its interval.

    Examples
    --------
    >>> score(0.931, 0.902, 0.954)
    '93.1 % (90.2–95.4)'
    """
    if value is None:
        return UNDEFINED
    return f"{value * 100:.1f} %" + ("" if low is None or high is None else f" ({low * 100:.1f}–{high * 100:.1f})")


def no_share(value: float | None, low: float | None = None, high: float | None = None) -> str:
    """Write a measure that is not a share, with its interval.

    Parameters
    ----------
    value : float or None
        The measure; a dash is written for None.
    low, high : float, optional
        Its interval.

    Examples
    --------
    >>> no_share(0.987, 0.981, 0.992)
    '0.987 (0.981–0.992)'
    """
    if value is None:
        return UNDEFINED
    return f"{value:.3f}" + ("" if low is None or high is None else f" ({low:.3f}–{high:.3f})")


def clock(seconds: float, *, tenths: bool = True, hours: bool = False) -> str:
    """Write a time from the start of the recording: h:mm:ss.t, or m:ss.t in the first hour.

    Parameters
    ----------
    seconds : float
        From the start, 0 or more; rounded to the nearest tenth of a second.
    tenths : bool, optional
        Whether the tenth is shown. The second does not depend on it: 59.96 s is 1:00.0 or 1:00, and 59.6 s is 0:59.6 or
        0:59.
    hours : bool, optional
        Whether hours are written in the first hour too, as in printed reports.

    Examples
    --------
    >>> clock(3725.4), clock(59.96)
    ('1:02:05.4', '1:00.0')
    """
    whole, tenth = divmod(round(seconds * 10), 10)
    minutes, second = divmod(whole, 60)
    hour, minute = divmod(minutes, 60)
    text = f"{hour}:{minute:02d}:{second:02d}" if hour or hours else f"{minute}:{second:02d}"
    return f"{text}.{tenth}" if tenths else text


def report_clock(seconds: float) -> str:
    """Write a time from the start of the recording as printed reports do, h:mm:ss: the second that `clock` names."""
    return clock(seconds, tenths=False, hours=True)


def clock_text(
    seconds: float, start: datetime | None, *, tenths: bool = False, label: bool = False, hours: bool = False
) -> str:
    """Write when something happened: by the clock where the recording has a start, otherwise as time elapsed.

    Parameters
    ----------
    seconds : float
        From the start of the recording, 0 or more; rounded to the nearest tenth of a second.
    start : datetime or None
        Clock time of the first sample.
    tenths : bool, optional
        Whether the tenth is shown; the second does not depend on it.
    label : bool, optional
        Whether "elapsed" follows where no start is known, for a time that stands alone.
    hours : bool, optional
        Whether elapsed time has hours in the first hour too, as in printed reports.

    Returns
    -------
    str
        Of a clock, the day of the week comes first after midnight, and from the eighth day on the date. Where only the
        time of day of the start is known, its year is 1, and days are counted.

    Examples
    --------
    >>> clock_text(14669, datetime(2025, 3, 3, 23, 0)), clock_text(60, datetime(2025, 3, 3, 23, 0))
    ('Tue 03:04:29', '23:01:00')
    >>> clock_text(723.4, None, tenths=True), clock_text(723, None, label=True, hours=True)
    ('12:03.4', '0:12:03 elapsed')
    """
    if start is None:
        return clock(seconds, tenths=tenths, hours=hours) + (" elapsed" if label else "")
    moment = _moment(seconds, start)
    text = f"{moment:%H:%M:%S}" + (f".{moment.microsecond // 100_000}" if tenths else "")
    days = (moment.date() - start.date()).days
    if days == 0:
        return text
    if start.year == MINYEAR:  # the date is not known, and so no day of the week
        return f"day {days + 1} {text}"
    return f"{DAYS[moment.weekday()]} {text}" if days < len(DAYS) else f"{moment:%Y-%m-%d} {text}"


def axis_texts(times_s: Sequence[float], start: datetime | None) -> list[str]:
    """Write the times at an axis: the day stands only where it begins, and seconds of a clock only where some count.

    Parameters
    ----------
    times_s : sequence of float
        Seconds from the start of the recording, ascending.
    start : datetime or None
        Clock time of the first sample.

    Examples
    --------
    >>> axis_texts([3600, 10800, 18000], datetime(2025, 3, 3, 21, 0)), axis_texts([0, 60], None)
    (['22:00', 'Tue 00:00', '02:00'], ['0:00', '1:00'])
    """
    if start is None:
        return [clock(float(time_s), tenths=False) for time_s in times_s]
    texts = [clock_text(float(time_s), start) for time_s in times_s]
    whole = all(text.endswith(":00") for text in texts)
    days = [text.rpartition(" ")[0] for text in texts]
    same = [day == before for day, before in zip(days, ["", *days], strict=False)]
    shown = [text.rpartition(" ")[2] if repeated else text for text, repeated in zip(texts, same, strict=True)]
    return [text[:-3] for text in shown] if whole else shown


def clock_words(start: datetime | None) -> str:
    """Return what a column or an axis of `clock_text` is called.

    Examples
    --------
    >>> clock_words(None), clock_words(datetime(2025, 3, 3, 23, 0))
    ('Elapsed', 'Clock')
    """
    return "Elapsed" if start is None else "Clock"


def start_text(start: datetime) -> str:
    """Write when a recording began, with the day of the week that `clock_text` counts from.

    Examples
    --------
    >>> start_text(datetime(2025, 3, 3, 23, 0))
    'Mon 2025-03-03 23:00:00'
    """
    if start.year == MINYEAR:
        return f"{start:%H:%M:%S}, date not known"
    return f"{DAYS[start.weekday()]} {start:%Y-%m-%d %H:%M:%S}"


def _moment(seconds: float, start: datetime) -> datetime:
    return (
        start
        + timedelta(milliseconds=100 * round((start.microsecond / 1e6 + seconds) * 10))
        - timedelta(microseconds=start.microsecond)
    )


def patient_words(identity: Identity | None) -> list[str]:
    """Write who was recorded, each part a phrase; nothing if nothing is known.

    Examples
    --------
    >>> patient_words(Identity("4711", "Ada Lovelace", "F", 1815, "palpitations"))
    ['Ada Lovelace', 'no. 4711', 'female', 'born 1815', 'palpitations']
    """
    if identity is None:
        return []
    sex = {"F": "female", "M": "male", None: ""}[identity.sex]
    born = "" if identity.birth_year is None else f"born {identity.birth_year}"
    number = f"no. {identity.patient_id}" if identity.patient_id else ""
    return [part for part in (identity.name, number, sex, born, identity.indication) if part]


def duration(seconds: float) -> str:
    """Write a length of time in the units that a person would use.

    Examples
    --------
    >>> duration(42.2), duration(3725)
    ('42 s', '62 min 5 s')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    whole = round(seconds)
    if whole < 5400:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def interval(seconds: float) -> str:
    """Write an interval between two beats, or two waves, with the rate that it would be.

    Examples
    --------
    >>> interval(0.812), interval(0.02)
    ('812 ms, 74/min', '20 ms')
    """
    rate = f", {60 / seconds:.0f}/min" if seconds >= _SHORTEST_RR_S else ""
    return f"{1000 * seconds:.0f} ms{rate}"
