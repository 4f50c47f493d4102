"""`verify` looks at the database and reports in use; a backup notes the last hash of the trail."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.config import home_root
from pipeline.store.backup import back_up
from pipeline.store.database import database
from pipeline.store.reviews import begin_review
from pipeline.store.studies import create_study
from pipeline.store.verification import verify_files, verify_study, verify_trail
from tests.helpers.review_study import analysed
from tests.store.test_chain import by_owner
from tests.store.test_seals import signed

pytestmark = pytest.mark.usefixtures("store")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("UPDATE audit SET text = 'Healthy.' WHERE event = 'sign'", "version 4) was changed after it was written"),
        ("UPDATE studies SET state = 'reopened'", "is marked as 'reopened', its audit trail says 'signed'"),
        ("UPDATE studies SET model_version = 'other'", "is not what is there now"),
        ("UPDATE analyses SET payload = x'78'", "of a model is not what was written"),
    ],
)
def test_the_command_names_what_was_changed_and_fails(
    change: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    signed(findings=("vt",))
    assert main(["verify"]) == 0
    assert "5 entries since" in capsys.readouterr().out
    by_owner(change.replace("x'78'", "'x'::bytea") if database().engine.dialect.name == "postgresql" else change)
    assert main(["verify"]) == 3
    told = capsys.readouterr()
    assert words in told.err
    assert "faults" in told.out


def test_a_signed_report_that_is_lost_or_changed_is_named() -> None:
    signed()
    assert verify_files() == ()
    report = next((home_root() / "reports").rglob("*.pdf"))
    report.write_bytes(b"%PDF other")
    assert "was changed after it was stored" in verify_files()[0]
    report.unlink()
    assert "is not in this home" in verify_files()[0]


def test_a_study_tells_of_itself_only() -> None:
    one, other = signed("one"), signed("other")
    by_owner(f"UPDATE audit SET text = 'Healthy.' WHERE event = 'sign' AND study_id = {other}")
    assert verify_study(one) == ()
    assert len(verify_study(other)) == 2
    assert len(verify_trail().faults) == 2


def test_a_trail_that_was_written_anew_does_not_go_on_from_the_backup(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    signed()
    made = back_up(tmp_path / "backup")
    assert (made.entries, made.trail) == (4, verify_trail().head)
    begin_review(create_study(analysed(record="later")).id, reader="Anna")
    assert main(["verify", str(tmp_path / "backup"), "--goes-on"]) == 0
    assert "goes on from the 4 entries" in capsys.readouterr().out
    by_owner("UPDATE chain SET hash = replace(hash, substr(hash, 1, 1), 'x') WHERE place = 4")
    assert main(["verify", str(tmp_path / "backup"), "--goes-on"]) == 3
    assert "does not go on from the backup's" in capsys.readouterr().err
