"""Ten records from open to signed on the real page, by one plain rule: `python -m benchmarks.review_speed --write`.

The app runs in a real browser; every key press and every decision in the audit trail is counted. The reader's rule, and
what it knows, is in `benchmarks.review_rule`. The same reader without groups is worked out beside it. `--times`
measures a decision on a beat, an episode and a group, on half an hour and on a day, from the key to a page at rest.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import parse_qs, urlparse

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks import decision as timing
from benchmarks.results import RecordReview, ReviewSpeed
from benchmarks.review_rule import (
    NO_TRUE_BEAT,
    Fix,
    Knowledge,
    decided,
    fixes,
    group_agrees,
    knowledge,
    read_one_by_one,
)
from pipeline._util.files import write_json
from pipeline._util.provenance import Provenance, current_commit, now
from pipeline._util.typed_json import to_json
from pipeline.analysis import classify, load_classifier, prepare, with_measurements
from pipeline.cases.material import material_of
from pipeline.cases.study_review import FindingFilter, StudyReview, review_of
from pipeline.config import RECORDING_NETWORK, ROOT, data_root
from pipeline.intake import read_path
from pipeline.review.decisions import Decision
from pipeline.review.groups import FindingGroup, Row, side_by_side
from pipeline.review.triage import Finding
from pipeline.store.listing import study_of_analysis
from pipeline.store.prepared import save_prepared
from pipeline.store.recordings import save_recording
from pipeline.store.reviews import audit, standing
from pipeline.store.studies import get_study

RECORDS: Final = ("100", "106", "119", "201", "203", "207", "217", "222", "231", "232")
DECISIONS_MAX, KEYS_MAX = 150, 250
RESULT: Final = ROOT / "docs" / "experiments" / "review_speed.json"
STEPS_MAX: Final = 400  # a reader who takes more goes in circles
TRIES: Final = 3  # of a key that decides: the page refuses one while it is at work, and asks to press it again
TAKEN_MS, LOOK_MS = 3000, 100  # how long a decision may take to be in the store, and how often one looks there
EVERYTHING: Final = FindingFilter()
# What a decision is about, where the page is opened for it, and the key that chooses it there.
KINDS: Final = (("a beat", "group:bigeminy", "b"), ("an episode", "group:afib", "o"), ("a group", "group:bigeminy", ""))
_LETTERS: Final = MappingProxyType({NO_TRUE_BEAT: "d", **{name: name.lower() for name in "NSVFQ"}})
# The page at rest without the half second that timing needs.
AT_REST: Final = """() => document.querySelector("[data-testid=stApp]")?.dataset.testScriptState === "notRunning"
  && !document.querySelector("[data-stale=true]") && performance.now() - window.changed > 150
  && !window.reviewKeys?.busy()"""


class Reader:
    """Reads one study on the page: looks at what it shows, and presses keys."""

    def __init__(self, page: Page, study: int, known: Knowledge) -> None:
        self.page, self.study, self.known = page, study, known
        self.material = material_of(get_study(study))
        self.keys, self.seen = 0, set[str]()

    @property
    def review(self) -> StudyReview:
        """The study as it stands."""
        return review_of(self.material, standing(self.study))

    def press(self, key: str) -> None:
        """Presses a key, and waits for what it does."""
        self.keys += 1
        self.page.keyboard.press(key)
        self.rest()

    def decide(self, key: str) -> None:
        """Presses a key that decides, again where the page refuses it; without this the rest would be confirmed unread.

        Raises
        ------
        RuntimeError
            If nothing is decided.
        """
        before = standing(self.study).version
        for _ in range(TRIES):
            self.press(key)
            for _ in range(0, TAKEN_MS, LOOK_MS):
                if standing(self.study).version > before:
                    return
                self.page.wait_for_timeout(LOOK_MS)
        raise RuntimeError(f"Key {key!r} decides nothing in study {self.study}, at {self.at()!r}.")

    def rest(self) -> None:
        """Waits for what a key or a click does."""
        self.page.wait_for_timeout(120)
        self.page.wait_for_function(AT_REST)

    def at(self) -> str:
        """What the page shows, as its address says."""
        return parse_qs(urlparse(self.page.url).query).get("at", [""])[0]

    def read(self) -> None:
        """Decides about everything."""
        for _ in range(STEPS_MAX):
            review = self.review
            rows = review.rows(EVERYTHING)
            if all(row.reviewed for row in rows):
                return
            name = self.at()
            group = next((row for row in rows if isinstance(row, FindingGroup) and _holds(row, name)), None)
            row = next((row for row in rows if row.id == name), None)
            if group is not None:
                self.member(review, group, next(member for member in group.members if member.id == name))
            elif row is None or row.reviewed:
                self.press("ArrowDown")
            elif isinstance(row, FindingGroup):
                self.together(review, row)
            else:
                self.whole(review, row)
        raise RuntimeError(f"Study {self.study} is not read after {STEPS_MAX} steps, at {self.at()!r}.")

    def together(self, review: StudyReview, group: FindingGroup) -> None:
        """A group by what stands for it: confirmed, or gone through."""
        if group_agrees(group, review.state, self.known):
            self.decide("c")
        else:
            self.press("o")

    def click(self, number: int) -> None:
        """Clicks one of the places that are drawn side by side."""
        self.keys += 1
        self.page.locator(f"g.place[data-number='{number}']").click()
        self.rest()

    def member(self, review: StudyReview, group: FindingGroup, member: Finding) -> None:
        """One finding of a group that is gone through: what is wrong is changed, the rest confirmed at the end."""
        at = group.members.index(member)
        stop = at + side_by_side(group, at)
        for number, one in enumerate(group.members[at:stop]):
            wrong = () if one.id in self.seen or one.reviewed else fixes(one, review.beats, self.known)
            self.seen.add(one.id)
            if wrong and number:
                self.click(number)
            if wrong:
                self.fix(one, wrong, rest=True)
                return
        after = [one for one in group.members[stop:] if not one.reviewed]
        if after:
            self.press("Shift+ArrowDown")
        else:
            self.decide("Shift+C")

    def whole(self, review: StudyReview, row: Row) -> None:
        """A finding by itself."""
        wrong = fixes(row, review.beats, self.known) if isinstance(row, Finding) and row.id not in self.seen else ()
        self.seen.add(row.id)
        if wrong and isinstance(row, Finding):
            self.fix(row, wrong)
        else:
            self.decide("c")

    def fix(self, finding: Finding, wrong: tuple[Fix, ...], *, rest: bool = False) -> None:
        """Changes what is wrong: all of the finding with one key, or beat by beat.

        Parameters
        ----------
        finding : Finding
            What is looked at.
        wrong : tuple of Fix
            What is changed.
        rest : bool, optional
            Whether its other beats are confirmed later, with the rest of a group.
        """
        if not finding.samples:
            self.decide("x")
            return
        if set(wrong[0].samples) == set(finding.samples):
            self.decide(_LETTERS[wrong[0].aami])
            return
        by_sample = {fix.samples[0]: fix.aami for fix in wrong}
        self.press("b")
        if rest:
            self.change(finding, by_sample)
        else:
            for sample in finding.samples:  # each is decided, and the page goes on to the next that is not
                self.decide(_LETTERS[by_sample[sample]] if sample in by_sample else "c")
        self.press("g")

    def change(self, finding: Finding, by_sample: dict[int, str]) -> None:
        """Goes to the beats of a finding that are wrong and gives them their class.

        Raises
        ------
        RuntimeError
            If another beat than the wrong one was changed.
        """
        human = self.review.beats.human[np.searchsorted(self.review.beats.sample, np.array(finding.samples))]
        here = int((human == "").argmax())  # the page begins with the first beat that is not decided
        for sample, aami in by_sample.items():
            there = finding.samples.index(sample)
            for _ in range(abs(there - here)):
                self.press("ArrowRight" if there > here else "ArrowLeft")
            # the page goes on to the next beat, unless the finding has ended with an earlier change
            stays = self.review.finding(finding.id) is None or there + 1 == len(finding.samples)
            self.decide(_LETTERS[aami])
            if self.last().samples != (sample,):
                raise RuntimeError(f"{self.last()} was taken instead of one about {sample} in {finding.id!r}.")
            here = there if stays else there + 1

    def last(self) -> Decision:
        """The last decision that was taken."""
        return standing(self.study).decisions[-1]

    def sign(self) -> None:
        """Signs, and goes on."""
        self.press("t")
        self.page.get_by_role("button", name="Sign as").click()
        self.keys += 1
        self.page.get_by_text("Signed by").first.wait_for()


def _holds(row: FindingGroup, name: str) -> bool:
    return any(member.id == name for member in row.members)


@contextmanager
def homes(folder: Path) -> Iterator[None]:
    """This process and the app share a home and a cache."""
    before = dict(os.environ)
    os.environ |= {"HEARTVISION_HOME": str(folder / "home"), "HEARTVISION_CACHE": str(folder / "cache")}
    yield
    os.environ.clear()
    os.environ |= before


def fill(folder: Path, records: tuple[str, ...]) -> dict[str, int]:
    """Analyse the records by the usual network; their studies."""
    network, found = load_classifier(RECORDING_NETWORK), {}
    for name in records:
        kept = save_recording(read_path(data_root() / "mitdb" / f"{name}.hea"))
        prepared = save_prepared(prepare(kept))
        found[name] = study_of_analysis(with_measurements(kept, classify(prepared, network)), kept).id
    return found


def _reviewed(browser: Browser, address: str, name: str, study: int) -> RecordReview:
    """One record, from open to signed."""
    header = data_root() / "mitdb" / f"{name}.hea"
    known = knowledge(read_path(header), header, "mitdb")
    context = browser.new_context(viewport=timing.SIZE)
    context.add_cookies([{"name": "heartvision_reader", "value": timing.READER, "url": address}])
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.add_init_script(timing.WATCH)
    page.goto(f"{address}/review?study={study}")
    page.locator("html[data-keys=review]").wait_for(state="attached")
    page.wait_for_function(AT_REST)
    reader = Reader(page, study, known)
    findings = len(reader.review.findings)
    reader.read()
    taken = sum(entry.event == "decide" for entry in audit(study))
    ours = decided(reader.review.beats, known)
    reader.sign()
    assert standing(study).state == "signed"
    one_by_one, state = read_one_by_one(reader.material, known)
    theirs = decided(state.beats, known)
    context.close()
    return RecordReview(
        record=name, findings=findings, decisions=taken, keys=reader.keys, beats=ours.beats, wrong=ours.wrong,
        one_by_one_decisions=one_by_one, one_by_one_beats=theirs.beats, one_by_one_wrong=theirs.wrong,
    )  # fmt: skip


def read_all(folder: Path, records: tuple[str, ...]) -> tuple[RecordReview, ...]:
    """Read every record on the page."""
    with homes(folder):
        studies = fill(folder, records)
        found = []
        with timing.app(ROOT, dict(os.environ)) as (address, _), sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=timing.CHROMIUM, args=timing.CHROMIUM_ARGS)
            for name, study in studies.items():
                found.append(_reviewed(browser, address, name, study))
                print(_line(found[-1]), flush=True)
            browser.close()
    return tuple(found)


def _line(row: RecordReview) -> str:
    return (
        f"{row.record:>8}{row.findings:10}{row.decisions:11}{row.keys:6}{row.wrong:7} of {row.beats:<6}"
        f"{row.one_by_one_decisions:12}{row.one_by_one_wrong:7} of {row.one_by_one_beats}"
    )


def times(folder: Path) -> None:
    """Print what a decision on a beat, an episode and a group takes, on half an hour and on a day."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=timing.CHROMIUM, args=timing.CHROMIUM_ARGS)
        with timing.served(ROOT, folder) as server:
            print(f"{'from key to rest':32}{'median':>9}{'worst':>9}{'CPU':>9}")
            for title, study in timing.STUDIES.items():
                for what, place, before in KINDS:
                    tab = timing.ReviewTab(browser, server, study, at=place)
                    if before:
                        tab.press(before)
                    for _ in range(timing.PRESSED):
                        tab.decide("c")
                        tab.press("u")  # back to where it was: there are more beats than groups
                    wall, cpu = tab.measured.wall_s, tab.measured.cpu_s
                    print(
                        f"{f'{what}, {title}':32}{statistics.median(wall):7.3f} s{max(wall):7.3f} s"
                        f"{statistics.median(cpu):7.3f} s", flush=True,
                    )  # fmt: skip
                    tab.page.context.close()
        browser.close()


def main(options: argparse.Namespace, folder: Path) -> None:
    """Print the table, and write it if asked."""
    if options.times:
        times(folder)
        return
    print(f"{'record':>8}{'findings':>10}{'decisions':>11}{'keys':>6}{'wrong':>17}{'one by one':>12}{'wrong':>17}")
    rows = read_all(folder, tuple(options.records))
    print(f"{sum(row.decisions for row in rows)} decisions, {sum(row.keys for row in rows)} key presses in all")
    if options.write:
        command = "python -m benchmarks.review_speed --write"
        made = Provenance(command, current_commit(), "MIT-BIH Arrhythmia Database", now())
        write_json(RESULT, to_json(ReviewSpeed(made, DECISIONS_MAX, KEYS_MAX, rows)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where the studies are kept; a new one for each reading")
    parser.add_argument("--records", nargs="+", default=RECORDS, help="others than the ten")
    parser.add_argument("--times", action="store_true", help="measure single decisions instead")
    parser.add_argument("--write", action="store_true", help=f"write {RESULT.relative_to(ROOT)}")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        main(chosen, chosen.folder or Path(temporary))
