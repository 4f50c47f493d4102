"""What stands above the samples of a CSV table: sampling frequency, unit and lead, and the rows of names and units.

Every other line there is passed over unread: it may hold a name or a date of birth.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pipeline.errors import IntakeError
from pipeline.intake.csv_dialect import Dialect
from pipeline.intake.csv_text import cells_of, is_clock, is_missing
from pipeline.intake.csv_units import UNITS_WITHOUT_BRACKETS, is_unit, seconds_in, unit_of
from pipeline.intake.csv_vendors import acqknowledge, labchart, opensignals
from pipeline.signal.lead_names import is_known_lead, is_other_signal, is_time, plain_name

_RX_IN_NAME: Final = re.compile(r"^(.*?)[ _]*(?:[\[({]\s*([^\])}]{1,16})\s*[\])}]|(?:/|,| in |_)\s*([^\W\d_]{1,12}))$")
_RX_HERTZ: Final = re.compile(
    r"([0-9]+(?:[.,][0-9]+)?)\s*(k?hz|k?hertz|hercios?|hercz\w*|герц|гц|ヘルツ|赫兹|赫茲|헤르츠|sps|s(?:a|amples?)?\s*(?:/|per)\s*s(?:ec(?:ond)?)?)\b",
    re.IGNORECASE,
)
_RX_RATE_KEY: Final = re.compile(
    r"sampl\w*[ _-]*(?:rate|freq\w*)|(?:rate|freq\w*) of sampling|samples?\s*(?:/|per)\s*s(?:ec|$|\W)|abtast\w*"
    r"|(?<![a-z])(?:fs|sr|sps|f_s|fsamp\w*|sfreq|sampled at)(?![a-z])|(?:sampling|samples at|sampled)\W*$"
    r"|(?:digiti[sz]ation|digiti[sz]ing|acquisition|a/?dc?)[ _-]*(?:rate|freq\w*)"
    r"|(?:output|record(?:ing)?)[ _-]*rate|samplings?frekven[sz]|vzorkov\w*|próbkowania|mintavétel\w*"
    r"|örnekle\w*|näytte\w*"
    r"|[ée]chantillonnage|muestreo|campionamento|amostragem|bemonstering|дискретизации|采样|採樣|サンプル|サンプリング",
    re.IGNORECASE,
)
# Keys that name a rate only as far as no other line states one: no key, that of a lead, or "frequency".
_RX_BARE_KEY: Final = re.compile(
    r"(?:(?:ecg|ekg|signal|data|recording)?[ _-]*(?:rate|freq(?:uency|uenz)?|fréquence|frecuencia|frequenza|частота)?"
    r"\s*[\[(]?\s*(?:in )?(?:hz|hertz)?\s*[\])]?)\W*|(?:ecg|ekg)?\W*at",
    re.IGNORECASE,
)
_RX_NO_RATE: Final = re.compile(
    r"filter|cut-?off|pass|notch|mains|\bline\b|netz|bandwidth|heart|herz|pulse|puls\b|resp|atem|acc(?!ord)|beschleunig"
    r"|gyro|imu\b|magnet|ppg|pleth|spo2|temp|pressure|\bbp\b|hrv|display|screen|refresh|nyquist",
    re.IGNORECASE,
)
_MAINS_HZ: Final = (50.0, 60.0)  # without a key for sampling rates, this may well be the power line's
_EPOCH_S: Final = (6e8, 4e9)  # seconds since 1970, from 1989 to 2096
_WEARABLE_HZ: Final = (20.0, 4000.0)
_SAME_RATE: Final = 0.005  # rates that differ by less are the same, rounded
_RX_INTERVAL_KEY: Final = re.compile(
    r"sampl\w*[ _-]*(?:interval|period|time)|abtastintervall|^(?:dt|delta[ _]?t|interval|time[ _]step)$", re.IGNORECASE
)
_BARE_INTERVAL_S: Final = (1e-4, 0.02)  # an interval of so many without a unit is one in seconds
_RX_PER_SAMPLE: Final = re.compile(
    r"([0-9]+(?:[.,][0-9]+)?)\s*(s|ms|us|µs|ns)(?:ec)?\s*(?:/|per)\s*sample", re.IGNORECASE
)
_RX_INTERVAL: Final = re.compile(r"([0-9]+(?:[.,][0-9]+)?)\s*(s|ms|us|µs|ns)\b(?!\s*/)")
_OF_WHAT: Final = r"(?:ecg|ekg|signal|sample|data|amplitude|voltage|y|y[ _-]?axis|lead|channel|value|physical|adc)"
_RX_UNIT_KEY: Final = re.compile(
    rf"(?:{_OF_WHAT}s?[ _.-]*)?(?:units?|(?:physical )?dimension)"
    rf"(?:[ _-]+of[ _-]+(?:the )?(?:{_OF_WHAT}s?|measure(?:ment)?))?"
    r"|(?:ma(?:ß|ss)|mess|spannungs|amplituden|signal|ekg-?)?einheit(?:en)?|unités?(?: de mesure)?"
    r"|unidad(?:es)?(?: de medida)?|unità(?: di misura)?|unidades?(?: de medida)?|eenhe(?:id|den)"
    r"|jednostk[ai]|jednotk[ay]|yksikkö|birim|mértékegység|μονάδα|enhe(?:t|d)(?:er)?"
    r"|единиц[аы](?: измерения)?|单位|單位|単位|단위",
    re.IGNORECASE,
)
# Keys below which a unit of voltage is one, but "none" or "raw" says something else.
_RX_SCALE_KEY: Final = re.compile(rf"(?:{_OF_WHAT}[ _.-]*)?scale|{_OF_WHAT}|spannung|tension|skala", re.IGNORECASE)
_RX_IN_BRACKETS: Final = re.compile(r"\s*[\[(][^\])]*[\])]\s*$")
_RX_NEXT_FACT: Final = re.compile(r"[,;|\t]\s*(?=[^,;|:=\d\t]{1,60}[:=])")
_RX_GAIN_KEY: Final = re.compile(
    r"(?:digits?|adc|adu|counts?|lsb|units?)\s*(?:/|per)\s*(millivolt|mv|microvolt|uv|µv)\b", re.IGNORECASE
)
# The other way round: what a step is worth, as in "Resolution: 4.88 uV/LSB".
_RX_STEP: Final = re.compile(
    r"(nv|uv|µv|μv|mv|v)\s*(?:/|per)\s*(?:lsb|bit|adc|adu|digit|count|step|unit)s?\b", re.IGNORECASE
)
_RX_KEY_VALUE: Final = re.compile(r"[#%;/\s]*([^:=,;\t]{1,60}?)[\"']?\s*[:=,;\t]\s*[\"']?(.*?)[\"',;\t\s]*$")
_RX_PLAIN_NUMBER: Final = re.compile(
    r"\s*[0-9]+(?:[.,][0-9]+)?(?![0-9.,])\s*(?:$|[^\w\s:/.-]|1?\s*/\s*s|per\b|samples?\b)", re.IGNORECASE
)
_LINE_MAX: Final = 400  # characters; a longer line states no single fact
_RX_LEAD_KEY: Final = re.compile(
    r"leads?|channel|ableitung(?:en)?|dérivation|derivación|derivazione|отведение|导联|誘導|afleiding(?:en)?"
    r"|derivaç(?:ão|ões)|odprowadzeni[ea]|avledning(?:ar)?|elvezetés|svod|kytkentä|导联|유도",
    re.IGNORECASE,
)
# Keys of lines about a person or an appliance: such a line is no row of names, even right above the samples.
_RX_FACT_KEY: Final = re.compile(
    r"name|patient|date of birth|birth|born|dob|age|sex|gender|recorded|classification|symptoms|software|device|model"
    r"|serial|version|comment|notes?|id|mrn|operator|hospital|start|end|duration"
    r"|vorname|nachname|geburtsdatum|geschlecht|alter|gerät|aufzeichnungsdatum|aufnahmedatum|befund|klassifizierung"
    r"|nom|prénom|date de naissance|sexe|âge|appareil|nome|cognome|data di nascita|nombre|apellidos?|edad|naam"
    r"|имя|фамилия|фио|пациент|дата рождения|名前|氏名|姓名|患者",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Header:
    """What a table says about itself.

    Attributes
    ----------
    skip : int
        Lines above the first sample.
    names : tuple of str
        Names of the columns as the file has them, without units; () if it names none.
    units : tuple of str
        Unit of each column as the file has it, "" where it states none; as many as `names` or the row's width.
    fs : float, optional
        The sampling frequency that the lines above the samples state, Hz.
    unit : str
        The unit that they state for all leads, a key of CSV_UNITS, or "".
    counts_per_mv : float, optional
        The gain that they state.
    lead : str
        The lead that they name for all samples, or "".
    sensors : tuple of str
        For tables of OpenSignals, what each column measures, "" for those of no sensor.
    """

    skip: int
    names: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    fs: float | None = None
    unit: str = ""
    counts_per_mv: float | None = None
    lead: str = ""
    sensors: tuple[str, ...] = ()


def read_header(head: Sequence[str], dialect: Dialect) -> Header:
    """Read the lines above the first sample.

    Parameters
    ----------
    head : sequence of str
        The first lines of the file.
    dialect : Dialect
        How its rows are written.

    Raises
    ------
    IntakeError
        If there is no row of samples, or a row of names that does not fit.
    """
    first = _first_row(head, dialect)
    if first is None:
        raise IntakeError("The CSV file has no row of samples.")
    names, units, above = _names(head, first, dialect)
    if not names and _is_numbering(head, first, dialect):
        names, first = tuple(cells_of(head[first], dialect.delimiter)), first + 1
    header = _facts(head[:above], dialect, Header(skip=first, names=names, units=units))
    if not names and (rate := _start_and_rate(head[first : first + 3], dialect)):
        return replace(header, skip=first + 2, fs=header.fs or rate)
    if (own := opensignals(head[:first])) and dialect.width - len(own.names) in (0, 1):
        padding = ("",) * (dialect.width - len(own.names))
        return Header(first, (*own.names, *padding), (), own.fs, "none", None, "", (*own.sensors, *padding))
    if (own := labchart(head[:first]) or acqknowledge(head[:first])) and dialect.width - len(own.names) in (0, 1):
        padding = ("",) * (dialect.width - len(own.names))
        counted = own.names[0] == "time" and not cells_of(head[first], dialect.delimiter)[0]  # ",5000,5000": samples
        return replace(header, skip=first + counted, names=(*own.names, *padding), units=(*own.units, *padding))
    return header


def _start_and_rate(head: Sequence[str], dialect: Dialect) -> float | None:
    """Return the rate of a table whose first row is its start in seconds since 1970 and whose second is its rate.

    Wearables write both once for each column, as Empatica's do.
    """
    rows = [[dialect.value(cell) for cell in cells_of(line, dialect.delimiter) if dialect.is_number(cell)]
            for line in head]  # fmt: skip
    if len(rows) < 3 or any(len(row) != dialect.width for row in rows):
        return None
    start, rate, sample = rows
    alike = len(set(start)) == 1 and len(set(rate)) == 1
    epoch = _EPOCH_S[0] <= start[0] < _EPOCH_S[1] and all(abs(value) < _EPOCH_S[0] / 10 for value in sample)
    return rate[0] if alike and epoch and _WEARABLE_HZ[0] <= rate[0] <= _WEARABLE_HZ[1] else None


def _is_row(cells: Sequence[str], dialect: Dialect) -> bool:
    """Tell whether the cells are a row of samples: as many as the others have, and none of them a name."""
    if len(cells) != dialect.width:
        return False
    numbers = sum(dialect.is_number(cell) for cell in cells)
    clocks = sum(is_clock(cell) for cell in cells)
    text = len(cells) - numbers - clocks - sum(map(is_missing, cells))
    return numbers > 0 and text <= (len(cells) - 1) // 2


def _first_row(head: Sequence[str], dialect: Dialect) -> int | None:
    """Return the first line that is a row of samples and is followed by another one."""
    found: list[int] = []
    for i, line in enumerate(head):
        if not line.strip():
            continue
        if _is_row(cells_of(line, dialect.delimiter), dialect):
            found.append(i)
            if len(found) == 3:
                break
        elif found:
            cells = cells_of(line, dialect.delimiter)
            alike = len(cells) == dialect.width and any(map(dialect.is_number, cells))
            if len(found) > 1:
                break
            if not alike and not any(map(is_missing, cells)):
                found = []
    if not found:
        return None
    first = found[0]
    while first > 0 and head[first - 1].strip() and _is_gap(cells_of(head[first - 1], dialect.delimiter), dialect):
        first -= 1
    return first


def _is_gap(cells: Sequence[str], dialect: Dialect) -> bool:
    return len(cells) in (1, dialect.width) and all(map(is_missing, cells)) and any(cells)


def _names(head: Sequence[str], first: int, dialect: Dialect) -> tuple[tuple[str, ...], tuple[str, ...], int]:
    """Return the names and units right above the samples, and the line where they begin."""
    units: tuple[str, ...] = ()
    at, blank = first, False
    while at > 0:
        line = head[at - 1].strip(" \r")
        if not line:
            at, blank = at - 1, True
            continue
        cells = cells_of(line.lstrip("#%/ ") if line.startswith(("#", "%", "//")) else line, dialect.delimiter)
        cells = cells[: dialect.width] if not any(cells[dialect.width :]) else cells
        if any(map(dialect.is_number, cells)) and not any(map(is_known_lead, cells)):
            break
        if len(cells) == dialect.width and any(cells) and _are_units(cells, head[: at - 1], dialect):
            if not units or any(unit_of(cell) for cell in cells if cell.casefold() not in ("raw", "cal")):
                units = units if any(map(unit_of, units)) else tuple(cells)
            at -= 1
            continue
        return _fitting(cells, units, head, at, dialect, blank, cells_of(head[first], dialect.delimiter))
    return (), units, first


def _are_units(cells: Sequence[str], above: Sequence[str], dialect: Dialect) -> bool:
    """Tell whether cells are units; between a voltage and names, what no one knows is one too, such as "m/(s^2)"."""
    unknown = [cell for cell in cells if cell and not is_unit(cell)]
    if not unknown:
        return True
    names = cells_of(above[-1].strip(" \r"), dialect.delimiter) if above else []
    named = len(names) == dialect.width and sum(map(bool, names)) > 1 and not any(map(dialect.is_number, names))
    volts = any(unit_of(cell) not in ("", "none") for cell in cells)
    return (
        named and volts and not any(is_known_lead(cell) or is_other_signal(cell) or is_time(cell) for cell in unknown)
    )


def _fitting(
    cells: list[str],
    units: tuple[str, ...],
    head: Sequence[str],
    at: int,
    dialect: Dialect,
    blank: bool,
    row: Sequence[str],
) -> tuple[tuple[str, ...], tuple[str, ...], int]:
    """Return a row as names, if it is one, with the units that stand in the names."""
    width, line = dialect.width, head[at - 1]
    known = any(is_known_lead(_split(cell)[0]) or is_other_signal(_split(cell)[0]) for cell in cells)
    if any(map(_RX_HERTZ.fullmatch, cells)) or (width == 1 and any(_RX_HERTZ.search(v) for _, v in fact_pairs([line]))):
        return (), units, at
    if len(cells) != width and not (len(cells) == width - 1 and (width > 2 or row[-1] == "")):
        if len(cells) > 1 and not _is_fact(line, head, at, dialect) and not blank:
            raise IntakeError(f"The CSV file names {len(cells)} columns but row {at + 1} has {width} cells.")
        return (), units, at
    if width == 1 and not known and (blank or any(mark in line for mark in ":=#,")):
        return (), units, at
    if width > 1 and not known and (_is_fact(line, head, at, dialect) or blank):
        return (), units, at
    if len(cells) == width - 1:  # a delimiter at the end of each row, or a column of row numbers that R writes
        cells = [*cells, ""] if row[-1] == "" else ["", *cells]
    split = [_split(cell) for cell in cells]
    for unit, (_, own) in zip(units, split, strict=False):
        _require_same(unit, own)
    stated = tuple(unit or own for unit, (_, own) in zip(units or ("",) * width, split, strict=True))
    return tuple(name for name, _ in split), stated, at - 1


def _require_same(unit: str, own: str) -> None:
    """Refuse a column whose name states another unit of voltage than the row of units. Raises IntakeError."""
    two = {unit_of(unit), unit_of(own)} - {"", "none"}
    if len(two) > 1:
        raise IntakeError(
            f"The CSV file says {own!r} in a column's name and {unit!r} in the row of units; correct one."
        )


def _is_fact(line: str, head: Sequence[str], at: int, dialect: Dialect) -> bool:
    """Tell whether a line is a key with its value, not a row of names."""
    match = _RX_KEY_VALUE.match(line)
    if match is None:
        return False
    if _RX_FACT_KEY.fullmatch(match.group(1).strip()) or ":" in line.split(dialect.delimiter or "\n")[0]:
        return True
    above = [cells_of(other, dialect.delimiter) for other in head[max(0, at - 4) : at - 1] if other.strip()]
    return len(cells_of(line, dialect.delimiter)) == 2 and any(len(cells) == 2 for cells in above)


def _split(name: str) -> tuple[str, str]:
    """Split a name such as "ECG (mV)" into the name and its unit; the unit is "" if there is none."""
    name = name.rstrip("_")  # MATLAB writes "ECG (mV)" as "ECG_mV_"
    match = _RX_IN_NAME.match(name)
    if match is None:
        return name, ""
    unit = (match.group(2) or match.group(3)).strip()
    if not match.group(2) and unit.casefold() not in UNITS_WITHOUT_BRACKETS:
        return name, ""
    if match.group(2) and not is_unit(unit):
        return name, ""
    return match.group(1).strip() or name, unit


def _is_numbering(head: Sequence[str], first: int, dialect: Dialect) -> bool:
    """Tell whether the first row is that of a pandas table without names: 0, 1, 2, ..., unlike its samples."""
    rows = [cells_of(line, dialect.delimiter) for line in head[first : first + 50] if line.strip()]
    index = rows[0][0] == "" and rows[-1][0] != ""
    cells = rows[0][1:] if index else rows[0]
    if len(rows) < 2 or not cells or cells != [str(i) for i in range(len(cells))]:
        return False
    return index or (len(cells) > 1 and any("." in cell for cell in rows[-1]))


def _facts(lines: Sequence[str], dialect: Dialect, header: Header) -> Header:
    """Return the header with the sampling frequency, unit, gain and lead that lines above the names state."""
    gain, lead = None, ""
    facts = list(_single_facts(lines))
    for key, value in facts:
        lead = lead or (plain_name(value) if _RX_LEAD_KEY.fullmatch(key) and is_known_lead(value) else "")
        if gain is None and (per := _RX_GAIN_KEY.search(f"{key} {value}")) and (number := _leading(value)):
            gain = number if per.group(1).casefold() in ("millivolt", "mv") else number * 1000
        if gain is None and (step := _RX_STEP.search(f"{key} {value}")) and (number := _leading(value)):
            gain = 1.0 / (number * {"n": 1e-6, "v": 1e3, "m": 1.0}.get(step.group(1)[0].casefold(), 1e-3))
    return Header(header.skip, header.names, header.units, _rate(facts), _unit(facts), gain, lead)


def _single_facts(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the key and value of each fact, those of one line apart; a rate without a mark before it is one too."""
    for line in lines:
        for part in _RX_NEXT_FACT.split(line) if len(line) < _LINE_MAX else ():
            plain = part.strip("#%;/, \t\"'")
            if each := _RX_PER_SAMPLE.fullmatch(plain):
                yield "sampling interval", f"{each.group(1)} {each.group(2).casefold()}"
                continue
            if (rate := _RX_HERTZ.search(plain)) and not re.search("[:=,;\t]", plain[: rate.start()]):
                yield plain[: rate.start()].strip(), plain[rate.start() :]
            else:
                yield from fact_pairs([part])


def _unit(facts: Sequence[tuple[str, str]]) -> str:
    """Return the unit that lines with a key for units state; "" if there is none, or if they differ."""
    found = set()
    for key, value in facts:
        name, unit = _RX_IN_BRACKETS.sub("", key), unit_of(value.strip("{}\"'"))
        if _RX_UNIT_KEY.fullmatch(name) or (_RX_SCALE_KEY.fullmatch(name) and unit in ("mV", "uV", "nV")):
            found.add(unit)
    found.discard("")
    return found.pop() if len(found) == 1 else ""


def fact_pairs(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the key and value of each line that has the form of a fact."""
    for line in lines:
        if len(line) < _LINE_MAX and (match := _RX_KEY_VALUE.match(line)):
            yield match.group(1).strip(" \"'"), match.group(2).strip()


def _rate(facts: Sequence[tuple[str, str]]) -> float | None:
    """Return the sampling frequency in Hz that lines state, None if none does or if they differ.

    A line with a key for it wins over one that holds a frequency and says of nothing that it is another one's.
    """
    keyed = [(key, rate) for key, value in facts if (rate := _keyed_rate(key, value))]
    of_ecg = [pair for pair in keyed if re.search("ecg|ekg", pair[0], re.IGNORECASE)]
    for pairs in (keyed, of_ecg):
        if pairs and (rate := _agreed([rate for _, rate in pairs])):
            return rate
    return None if keyed else _agreed([rate for key, value in facts if (rate := _bare_rate(key, value))])


def _agreed(rates: Sequence[float]) -> float | None:
    return rates[0] if rates and max(rates) / min(rates) - 1 < _SAME_RATE else None


def _keyed_rate(key: str, value: str) -> float | None:
    """Return the sampling frequency in Hz of a line whose key says that it is one, or None."""
    of_interval, of_rate = _RX_INTERVAL_KEY.search(key), _RX_RATE_KEY.search(key)
    if _RX_NO_RATE.search(key) or not (of_interval or of_rate):
        return None
    hertz = _RX_HERTZ.search(value)
    if of_rate and hertz and not _RX_NO_RATE.search(value[: hertz.start()]):
        return _hertz(hertz)
    if interval := _RX_INTERVAL.search(f"{key} {value}") if of_interval else _RX_INTERVAL.match(value):
        step = _leading(interval.group(1))
        return None if not step else 1.0 / (step * (seconds_in(interval.group(2)) or 1.0))
    if of_interval and (step := _leading(value)) and _BARE_INTERVAL_S[0] <= step <= _BARE_INTERVAL_S[1]:
        return 1.0 / step
    if not of_rate or hertz or not _RX_PLAIN_NUMBER.match(value):
        return None
    number = _leading(value)
    return number * 1000 if number and re.search(r"\bkhz\b", key, re.IGNORECASE) else number


def _bare_rate(key: str, value: str) -> float | None:
    """Return a frequency in Hz whose key does not say that it is that of something else, or None."""
    if not _RX_BARE_KEY.fullmatch(key) and not is_known_lead(key):
        return None
    found = _RX_HERTZ.findall(value)
    match = _RX_HERTZ.match(value)
    if match and len(found) == 1:
        rate = _hertz(match)
    else:
        rate = _leading(value) if not found and re.search(r"hz|hertz", key, re.IGNORECASE) else None
    return None if rate in _MAINS_HZ else rate


def _hertz(match: re.Match[str]) -> float | None:
    number = _leading(match.group(1))
    return number * 1000 if number and match.group(2).casefold().startswith("k") else number


def _leading(text: str) -> float | None:
    match = re.match(r"\s*([0-9]+(?:[.,][0-9]+)?)", text)
    return float(match.group(1).replace(",", ".")) or None if match else None
