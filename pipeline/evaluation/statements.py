"""How often measured statements are right: end to end, from our own marks, on PTB-XL and LUDB."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from pipeline._util.files import write_json
from pipeline._util.fingerprint import ANSWERING, fingerprint
from pipeline._util.progress import Progress, no_progress
from pipeline._util.provenance import Provenance, current_commit, now
from pipeline._util.typed_json import read_as, rounded, to_json
from pipeline.analysis import BeatClassifier, analyse
from pipeline.config import DEFAULT, cache_root
from pipeline.datasets.statement_references import StatedRecord, stated_records
from pipeline.errors import EcgError
from pipeline.evaluation.schema import UNDEFINED_ESTIMATE, Estimate
from pipeline.evaluation.statement_schema import (
    SEVERAL,
    STATEMENTS_FILE,
    TITLES,
    Share,
    StatedCase,
    StatementScores,
    StatementsEvaluation,
)
from pipeline.evaluation.wilson import wilson
from pipeline.intake import read_path
from pipeline.twelve_leads.margins import margins
from pipeline.twelve_leads.measuring import gather
from pipeline.twelve_leads.reading import read_measurements, read_waves

CASES_BELOW: Final = 15  # positives: fewer are listed one by one
SPECIFICITY: Final = 0.97
WEAK_PPV: Final = 0.5  # a statement that is wrong more often than right is not shown ...
WEAK_FROM: Final = 10  # ... if it was said so often
INFARCTION: Final = frozenset({"STE", "Q"})  # targets: acute, or of any age
ST_T_Q: Final = ("STE", "STD", "TINV", "Q-")
MODULES: Final = ("pipeline.evaluation.statements",)


@dataclass(frozen=True)
class Said:
    """What was said of a record: codes of statements, and how far its numbers are from the limits of criteria."""

    codes: tuple[str, ...]
    margins: Mapping[str, float]
    refused: str = ""


def evaluate_statements(
    data_dir: Path, output: Path | None = None, *, classifier: BeatClassifier, progress: Progress = no_progress
) -> Path:
    """Evaluate statements on all twelve-lead records of PTB-XL and LUDB that are there, and write the scores.

    Parameters
    ----------
    data_dir : Path
        The folder of ptbxl/ and ludb/.
    output : Path, optional
        The file; beside the networks' weights by default.
    classifier : BeatClassifier
        The network for beats.
    progress : callable, optional
        Called with a fraction in 0..1 and a sentence.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    DataError
        If there is no record, or the file cannot be written.
    """
    records = stated_records(data_dir)
    folder = cache_root() / f"statements-{fingerprint(*ANSWERING, *MODULES, facts=[classifier.version])}"
    found = []
    for done, record in enumerate(records):
        progress(done / len(records), record.record)
        kept = folder / f"{record.record.replace('/', '-')}.json"
        if not kept.is_file():
            write_json(kept, to_json(_said(record, classifier)), private=True)
        found.append((record, read_as(Said, kept, again="delete it")))
    return write_json(output or STATEMENTS_FILE, to_json(rounded(scored(found))))


def scored(found: Sequence[tuple[StatedRecord, Said]]) -> StatementsEvaluation:
    """Return the scores of what was said of records."""
    read = [(record, said) for record, said in found if not said.refused]
    names = [record.record.partition("/")[0] for record, _ in found]
    return StatementsEvaluation(
        provenance=Provenance(
            "python -m pipeline evaluate --twelve-leads",
            current_commit(),
            "PTB-XL (ptbxl, 100 Hz), LUDB (ludb); no criterion was fitted to them",
            now(),
        ),
        records={name: names.count(name) for name in dict.fromkeys(names)},
        statements=tuple(one for code in TITLES if (one := _scores(code, read)) is not None),
        shares=_shares([(record, said) for record, said in read if record.record.startswith("ludb/")]),
        refused={record.record: said.refused for record, said in found if said.refused},
    )


def _said(record: StatedRecord, classifier: BeatClassifier) -> Said:
    try:
        recording = read_path(record.header)
        if record.age_years is not None or record.sex is not None:
            recording = replace(recording, age_years=record.age_years, sex=record.sex)
        analysis = analyse(recording, classifier, DEFAULT)
        marked = read_waves(recording, analysis)
    except EcgError as error:
        return Said((), {}, str(error))
    measured = read_measurements(recording, analysis, marked)
    facts = gather(recording, analysis, marked).facts
    return Said(tuple(one.code for one in measured.statements), dict(margins(facts)))


def _is_said(target: str, codes: Sequence[str]) -> bool:
    if target == "ST-T-Q":
        return any(code.startswith(ST_T_Q) for code in codes)
    return any(code == target or (target in SEVERAL and code.startswith(f"{target}-")) for code in codes)


def _scores(code: str, found: Sequence[tuple[StatedRecord, Said]]) -> StatementScores | None:
    rows = [(record, said, _is_said(code, said.codes)) for record, said in found if code in record.known]
    true = [(said, is_said) for record, said, is_said in rows if code in record.targets]
    false = [(said, is_said) for record, said, is_said in rows if code not in record.targets]
    right, wrong = (sum(is_said for _, is_said in part) for part in (true, false))
    if not rows or not (true or wrong):
        return None
    sp = _estimate(len(false) - wrong, len(false))
    se = _estimate(right, len(true))
    limit = _limit_at(code, [said for said, _ in false])
    own = se if sp.value is not None and sp.value >= SPECIFICITY else None
    at = max(
        (one for one in (own, _at_limit(code, [said for said, _ in true], limit)) if one), key=_value, default=None
    )
    cases = tuple(
        StatedCase(record.record, is_said, said.codes) for record, said, is_said in rows if code in record.targets
    )
    ppv = _estimate(right, right + wrong)
    return StatementScores(
        code=code,
        title=TITLES[code],
        positives=len(true),
        negatives=len(false),
        right=right,
        wrong=wrong,
        se=se,
        sp=sp,
        ppv=ppv,
        se_at_97=at,
        limit_at_97=limit,
        cases=cases if len(true) < CASES_BELOW else (),
        weak=right + wrong >= WEAK_FROM and ppv.value is not None and ppv.value < WEAK_PPV,
        any_age=sum(is_said and bool(record.targets & INFARCTION) for record, _, is_said in rows)
        if code == "STE"
        else None,
    )


def _limit_at(code: str, negatives: Sequence[Said]) -> float | None:
    """Return the lowest limit, as a multiple of the published one, at which so few negatives are called."""
    values = np.array([said.margins.get(code, 0.0) for said in negatives])
    if not values.any():
        return None
    allowed = int((1 - SPECIFICITY) * values.size)
    return float(np.nextafter(np.sort(values)[::-1][allowed], np.inf))


def _at_limit(code: str, positives: Sequence[Said], limit: float | None) -> Estimate | None:
    if limit is None:
        return None
    return _estimate(sum(said.margins.get(code, 0.0) >= limit for said in positives), len(positives))


def _shares(found: Sequence[tuple[StatedRecord, Said]]) -> tuple[Share, ...]:
    acute = [row for row in found if any(phrase.startswith("STEMI") for phrase in row[0].phrases)]
    ill = [row for row in found if "ST-T-Q" in row[0].targets and row not in acute]
    others = [row for row in found if "ST-T-Q" not in row[0].targets]
    wanted = (
        ("LUDB with STEMI: an ST, T or Q statement", acute, True),
        ("LUDB with ischaemia or scar, no STEMI: an ST, T or Q statement", ill, True),
        ("LUDB with neither: no ST, T or Q statement", others, False),
    )
    return tuple(_share(title, rows, said) for title, rows, said in wanted)


def _share(title: str, rows: Sequence[tuple[StatedRecord, Said]], wanted: bool) -> Share:
    cases = [(StatedCase(one.record, _is_said("ST-T-Q", said.codes), said.codes)) for one, said in rows]
    count = sum(case.found == wanted for case in cases)
    without = tuple(case for case in cases if case.found != wanted)
    return Share(title, count, len(cases), _estimate(count, len(cases)), without)


def _value(found: Estimate) -> float:
    return found.value or 0.0


def _estimate(hits: int, n: int) -> Estimate:
    return Estimate(hits / n, *wilson(hits, n)) if n else UNDEFINED_ESTIMATE
