"""Who was recorded and when, and what a watch found, as the lines above a table and its column of dates state it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final

from pipeline.identity import DeviceReading, Identity, Sex, usable_identity
from pipeline.intake.csv_header import fact_pairs
from pipeline.intake.wfdb_identity import named_facts

_START_KEYS: Final = re.compile(
    r"(?:recorded|recording|start|started|measurement|acquisition)"
    r"[ _-]?(?:date|time|at|on|start)?(?:[ _-]?(?:and )?time)?"
    r"|(?:aufzeichnungs|aufnahme|mess|start)(?:datum|zeit|zeitpunkt)|date d[e’'] ?enregistrement|début"
    r"|data di registrazione|fecha de (?:grabación|registro)|data d[ae] gravação|opnamedatum|datum van opname"
    r"|дата записи|記録日|记录日期",
    re.IGNORECASE,
)
_RX_ZONE: Final = re.compile(r"\s+([+-]\d{2}):?(\d{2})$")
_RX_DATED: Final = re.compile(r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}.*")
_RX_DOTS: Final = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?=[ T])")  # the day is first
_RX_JSON_DATE: Final = re.compile(r'"date": ?"(\d{4})-(\d{1,2})-(\d{1,2})"')  # of OpenSignals
_RX_JSON_TIME: Final = re.compile(r'"time": ?"(\d{1,2}:\d{2}:\d{2})(\.\d{1,6})?')
_SEXES: Final[dict[str, Sex]] = {
    **dict.fromkeys(("f", "female", "w", "weiblich", "frau", "femme", "féminin", "femminile", "femenino"), "F"),
    **dict.fromkeys(("mujer", "feminino", "mulher", "vrouw", "vrouwelijk", "женский", "女", "女性"), "F"),
    **dict.fromkeys(("m", "male", "männlich", "mann", "homme", "masculin", "maschile", "masculino"), "M"),
    **dict.fromkeys(("h", "hombre", "varón", "homem", "man", "mannelijk", "мужской", "男", "男性"), "M"),
}
# Letters that begin words for either sex in a language with that key: M is masculino or mujer, and meisje in Dutch.
_EITHER: Final = MappingProxyType({"sexo": frozenset("m"), "geslacht": frozenset("m")})
# Keys in the words of other languages, and ours.
_IN_ENGLISH: Final = MappingProxyType(
    dict.fromkeys(("nom", "nome", "nombre", "naam", "имя", "фио", "пациент", "名前", "氏名", "姓名"), "name")
    | dict.fromkeys(("geburtsdatum", "date de naissance", "data di nascita", "fecha de nacimiento"), "date of birth")
    | dict.fromkeys(("data de nascimento", "geboortedatum", "дата рождения", "生年月日", "出生日期"), "date of birth")
    | dict.fromkeys(("patienten-id", "patientennummer", "patienten-nr", "patienten-nr."), "patient id")
    | dict.fromkeys(("geschlecht", "gender", "sexe", "sesso", "sexo", "geslacht", "пол", "性別", "性别"), "sex")
    | dict.fromkeys(("klassifizierung", "classificazione", "clasificación", "classificação"), "classification")
    | dict.fromkeys(("classificatie", "классификация", "分類", "分类"), "classification")
    | dict.fromkeys(("gerät", "appareil", "dispositivo", "apparaat", "устройство", "デバイス", "设备"), "device")
)


def table_identity(head: Sequence[str], first_times: Sequence[str]) -> Identity:
    """Return what a table states of the patient and of the time of its first sample.

    Parameters
    ----------
    head : sequence of str
        The lines above the samples.
    first_times : sequence of str
        The first cell of each column of times; one states a start only if it has a date.
    """
    pairs = _pairs(head)
    said = named_facts(pairs)
    stated = [*first_times, *(value for key, value in pairs if _START_KEYS.fullmatch(key.strip()))]
    start = next((one for text in stated if (one := _moment(text)) is not None), None) or _opensignals(head)
    sexes = (_sex(key, value) for key, value in fact_pairs(head))
    birth = re.search(r"(?<!\d)(\d{4})(?!\d)", said.get("birth", ""))
    return usable_identity(
        Identity(
            patient_id=said.get("patient_id", ""),
            name=said.get("name", ""),
            sex=next(sexes, None),
            birth_year=int(birth[1]) if birth else None,
            indication=said.get("indication", ""),
            start=start,
        )
    )


def _sex(key: str, value: str) -> Sex | None:
    """Return the sex that a line states; None if it is about something else, or its letter may mean either."""
    key, value = key.strip().lower(), value.strip().lower().rstrip(".")
    if _IN_ENGLISH.get(key, key) != "sex" or value in _EITHER.get(key, ()):
        return None
    return _SEXES.get(value)


def table_device(head: Sequence[str]) -> DeviceReading | None:
    """Return the classification that a watch writes above its samples, and its name; None if there is none.

    Parameters
    ----------
    head : sequence of str
        The lines above the samples.
    """
    said = {key.lower(): value.strip().strip('"') for key, value in reversed(_pairs(head))}
    if not said.get("classification"):
        return None
    return DeviceReading(said.get("device", ""), statements=(said["classification"],))


def _pairs(head: Sequence[str]) -> list[tuple[str, str]]:
    """Return keys, those of other languages in English, and values of the lines that have both."""
    return [(_IN_ENGLISH.get(key.strip().lower(), key.strip()), value) for key, value in fact_pairs(head)]


def _moment(text: str) -> datetime | None:
    """Return a date with a time, as ISO 8601 writes it or as 31.12.2024, with or without a zone; None for all else."""
    plain = _RX_ZONE.sub(r"\1:\2", text.strip().strip("[]'\"").strip().replace(",", "."))
    plain = _RX_DOTS.sub(lambda date: f"{date[3]}-{int(date[2]):02d}-{int(date[1]):02d}", plain)
    if not _RX_DATED.fullmatch(plain):
        return None
    try:
        return datetime.fromisoformat(plain)
    except ValueError:
        return None


def _opensignals(head: Sequence[str]) -> datetime | None:
    text = " ".join(line for line in head[:4] if line.startswith("# {"))
    day, at = _RX_JSON_DATE.search(text), _RX_JSON_TIME.search(text)
    if day is None or at is None:
        return None
    return _moment(f"{day[1]}-{int(day[2]):02d}-{int(day[3]):02d} {at[1].rjust(8, '0')}{(at[2] or '')[:7]}")
