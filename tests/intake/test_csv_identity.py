"""Who was recorded and when, as tables state it: dropped unless asked for, and never in what is said of a table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from pipeline.identity import DeviceReading, Identity
from pipeline.intake import CsvOptions, read_uploads
from pipeline.types import Recording
from tests.helpers.made_ecg import made_ecg

APPLE = """Name,Quirin Zwiebelfisch
Date of Birth,"1 Jan 1951"
Recorded Date,2021-12-17 12:58:58 +0800
Classification,Sinus Rhythm
Symptoms,
Device,"Watch5,1"
Sample Rate,512 hertz


Lead,Lead I
Unit,µV

"""
SIGNAL, _ = made_ecg(512, 12.0)


def table(head: str, rows: list[str], *, identity: bool = True, fs: float | None = None) -> Recording:
    payload = (head + "\n".join(rows) + "\n").encode()
    return read_uploads([("r.csv", payload)], csv=CsvOptions(fs=fs, unit=None), identity=identity)[0]


def values() -> list[str]:
    return [f"{1000 * value:.3f}" for value in SIGNAL[:, 0]]


def test_a_watch_states_name_birth_and_start_with_its_time_zone() -> None:
    found = table(APPLE, values())
    start = datetime(2021, 12, 17, 12, 58, 58, tzinfo=timezone(timedelta(hours=8)))
    assert found.identity == Identity(name="Quirin Zwiebelfisch", birth_year=1951, start=start)
    assert found.start is not None
    assert found.start.utcoffset() == timedelta(hours=8)


def test_without_being_asked_nothing_of_it_is_left() -> None:
    found = table(APPLE, values(), identity=False)
    assert found.identity is None
    told = " ".join([found.name, repr(found), *found.leads, *found.notices])
    assert not [word for word in ("Quirin", "Zwiebelfisch", "1951", "2021", "12:58") if word in told]
    assert found.digest == table(APPLE, values()).digest


def test_a_column_of_dates_states_the_start() -> None:
    stamps = [datetime(2024, 5, 1, 10) + timedelta(seconds=i / 512) for i in range(len(SIGNAL))]
    rows = [f"{at.isoformat(timespec='microseconds')},{value}" for at, value in zip(stamps, values(), strict=True)]
    assert table("time,ecg [uV]\n", rows).start == datetime(2024, 5, 1, 10)


def test_times_of_day_and_elapsed_times_state_no_start() -> None:
    rows = [f"{i / 512:.6f},{value}" for i, value in enumerate(values())]
    assert table("time [s],ecg [uV]\n", rows).identity is None
    stamps = [datetime(2024, 5, 1, 10) + timedelta(seconds=i / 512) for i in range(len(SIGNAL))]
    rows = [f"{at:%H:%M:%S.%f},{value}" for at, value in zip(stamps, values(), strict=True)]
    assert table("time,ecg [uV]\n", rows).identity is None


@pytest.mark.parametrize(
    ("line", "start"),
    [
        ("# Start: 2024-05-01T10:00:00Z", datetime(2024, 5, 1, 10, tzinfo=UTC)),
        ("Recording date;2024-05-01 10:00", datetime(2024, 5, 1, 10)),
        ("# Start: yesterday", None),
        ("# Start: 2024-13-01 10:00", None),
        ("Version date;2024-05-01 10:00", None),
    ],
)
def test_a_line_above_the_samples_states_the_start(line: str, start: datetime | None) -> None:
    assert table(f"{line}\nSample Rate: 512 Hz\nII [uV]\n", values()).start == start


def test_a_name_in_a_head_of_opensignals_is_a_start_only() -> None:
    head = (
        "# OpenSignals Text File Format\n"
        '# {"00:07": {"sensor": ["ECG"], "column": ["nSeq", "A1"], "sampling rate": 512, "label": ["A1"], '
        '"date": "2016-11-2", "time": "9:19:12.3456", "resolution": [4, 10]}}\n# EndOfHeader\n'
    )
    counts = np.round(512 + 100 * SIGNAL[:, 0]).astype(int)
    rows = [f"{i % 16}\t{count}" for i, count in enumerate(counts)]
    assert table(head, rows).start == datetime(2016, 11, 2, 9, 19, 12, 345_600)


@pytest.mark.parametrize(
    ("name", "birth", "when", "says"),
    [
        ("Name", "Geburtsdatum", "Aufzeichnungsdatum", "Klassifizierung"),
        ("Nom", "Date de naissance", "Date d’enregistrement", "Classification"),
        ("Nome", "Data di nascita", "Data di registrazione", "Classificazione"),
        ("名前", "生年月日", "記録日", "分類"),
    ],
    ids=["German", "French", "Italian", "Japanese"],
)
def test_a_watch_in_another_language_states_the_same(name, birth, when, says) -> None:
    head = APPLE.replace("Name", name, 1).replace("Date of Birth", birth).replace("Recorded Date", when)
    found = table(head.replace("Classification", says), values())
    assert found.identity == table(APPLE, values()).identity
    assert found.device == DeviceReading("Watch5,1", statements=("Sinus Rhythm",))
    assert table(APPLE, values(), identity=False).device == found.device


def test_a_column_of_dates_with_the_day_first_states_the_start() -> None:
    stamps = [datetime(2024, 5, 1, 10) + timedelta(seconds=i / 512) for i in range(len(SIGNAL))]
    rows = [f"{at:%d.%m.%Y %H:%M:%S},{at.microsecond:06d};{value}" for at, value in zip(stamps, values(), strict=True)]
    assert table("Datum;EKG [uV]\n", rows).start == datetime(2024, 5, 1, 10)


@pytest.mark.parametrize("line", ["Nachname", "Vorname", "Nom", "Nombre", "姓名", "Пациент"])
def test_a_line_about_a_person_right_above_the_samples_names_no_lead(line) -> None:
    rows = [f"{i / 512:.6f};{value}" for i, value in enumerate(values())]
    payload = f"{line};Zwiebelfisch\n" + "\n".join(rows) + "\n"
    found = read_uploads([("r.csv", payload.encode())], csv=CsvOptions(unit="uV"))[0]
    assert "Zwiebelfisch" not in " ".join([*found.leads, *found.notices])


@pytest.mark.parametrize(
    ("line", "sex"),
    [
        *(("Sexo;M", None), ("sexo;m.", None), ("Sexo;F", "F"), ("Sexo;H", "M"), ("Sexo;Mujer", "F")),
        *(("Sexo;Masculino", "M"), ("Sexo;Feminino", "F"), ("Geslacht;M", None), ("Geslacht;Man", "M")),
        *(("Geslacht;Vrouw", "F"), ("Sex;M", "M"), ("Gender;F", "F"), ("Geschlecht;M", "M"), ("Geschlecht;W", "F")),
        *(("Sexe;M", "M"), ("Sesso;M", "M"), ("性別;男", "M"), ("Пол;женский", "F"), ("Sex;V", None)),
    ],
)
def test_a_letter_that_may_mean_either_sex_in_its_language_states_none(line, sex) -> None:
    found = table(f"{line}\nName;Zwiebelfisch\nSample Rate;512 Hz\nII [uV]\n", values())
    assert found.identity is not None
    assert found.identity.sex == sex
