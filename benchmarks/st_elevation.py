"""What makes a stated ST elevation right more often: `python -m benchmarks.st_elevation --write`.

Published rules on top of the thresholds of the universal definition, none fitted, on PTB-XL and LUDB; writes
docs/experiments/st_elevation.json and its table in statements.md. Rules are chosen on the records that choices may see:
folds 1 to 8 of PTB-XL and LUDB without its held-out records.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from benchmarks.gathered import Gathered, gathered, work_option
from benchmarks.statement_results import Elevation, ElevationRule
from pipeline._util.files import write_json
from pipeline._util.provenance import Provenance, current_commit, now
from pipeline._util.typed_json import to_json
from pipeline.config import ROOT
from pipeline.evaluation.statements import INFARCTION
from pipeline.twelve_leads.conduction import is_lbbb
from pipeline.twelve_leads.facts import CHEST, Facts
from pipeline.twelve_leads.ischaemia import ischaemia_statements

REPORT: Final = ROOT / "docs" / "experiments" / "st_elevation.json"
PAGE: Final = ROOT / "docs" / "experiments" / "statements.md"
MARKS: Final = ("<!-- elevation:start -->", "<!-- elevation:end -->")
ANEURYSM: Final = 0.36  # T of QRS in V1 to V4: an acute infarction has more in one of them (Smith 2005)
EVEN: Final = 0.5
Rule = Callable[[Facts], bool]


def _codes(facts: Facts) -> set[str]:
    return {one.code for one in ischaemia_statements(facts)}


def _thresholds(facts: Facts) -> bool:
    """The thresholds with hypertrophy and left bundle branch block, as if no other QRS were wide."""
    if not is_lbbb(facts):
        facts = replace(facts, intervals={name: one for name, one in facts.intervals.items() if name != "QRS"})
    return any(code.startswith("STE-") or code == "ER" for code in _codes(facts))


def _wide(facts: Facts) -> bool:
    return any(code.startswith("STE-") or code == "ER" for code in _codes(facts))


def _as_it_is(facts: Facts) -> bool:
    return any(code.startswith("STE-") for code in _codes(facts))


def _without_aneurysm(facts: Facts) -> bool:
    shapes = [facts.shapes[lead] for lead in CHEST[:4] if lead in facts.shapes]
    old = any(one.is_qs for one in shapes) and all((one.t_mv or 0.0) < ANEURYSM * one.swing_mv for one in shapes)
    return _as_it_is(facts) and not old


def _with_network(facts: Facts) -> bool:
    return _thresholds(facts) and (facts.suspicion or 0.0) >= EVEN


RULES: Final[dict[str, Rule]] = {
    "thresholds": _thresholds,
    "and a quarter of S in any wide QRS": _wide,
    "and early repolarisation by Smith's formula (kept)": _as_it_is,
    "and aneurysm by T of QRS": _without_aneurysm,
    "thresholds, and MI or STTC of the network at least .5": _with_network,
}


def scored(records: Sequence[Gathered], rule: Rule) -> ElevationRule:
    """Counts what a rule says."""
    said = [one.stated for one in records if rule(one.facts)]
    stated = [one.stated for one in records if "STE" in one.stated.targets]
    return ElevationRule(
        len(said),
        sum("STE" in one.targets for one in said),
        sum(bool(one.targets & INFARCTION) for one in said),
        tuple(one.record for one in stated if one not in said),
    )


def table(found: Elevation) -> str:
    """The table of the page."""
    lines = ["| rule | said | acute | any age | said (all) | acute | any age |", f"|---|{'--:|' * 6}"]
    for name, rule in found.choices.items():
        every = found.every[name]
        numbers = (rule.said, rule.acute, rule.any_age, every.said, every.acute, every.any_age)
        lines.append(f"| {name} | {' | '.join(map(str, numbers))} |")
    count = f"{found.records['choices']} records for choices, {found.records['all']} in all."
    return "\n".join(["", *lines, "", f"`{found.provenance.command}`, commit {found.provenance.commit}:", count, ""])


def main() -> None:
    """Prints the table and, if asked to, writes both files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the file and the table")
    work_option(parser)
    options = parser.parse_args()
    every = list(gathered(options.work))
    seen = [one for one in every if one.choices]
    made = Provenance(
        "python -m benchmarks.st_elevation --write", current_commit(), "PTB-XL (ptbxl), LUDB (ludb)", now()
    )
    found = Elevation(
        made,
        {"choices": len(seen), "all": len(every)},
        {name: scored(seen, rule) for name, rule in RULES.items()},
        {name: scored(every, rule) for name, rule in RULES.items()},
    )
    print(table(found))
    if options.write:
        write_json(REPORT, to_json(found))
        before, _, rest = PAGE.read_text("utf-8").partition(MARKS[0])
        PAGE.write_text(f"{before}{MARKS[0]}\n{table(found)}\n{MARKS[1]}{rest.partition(MARKS[1])[2]}", "utf-8")


if __name__ == "__main__":
    main()
