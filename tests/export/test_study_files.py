"""What a study is taken away as: a signed one by the bytes that were signed, whatever asks for them."""

from __future__ import annotations

import io
import zipfile
from functools import partial

import pytest

from app.study import exports
from pipeline import cli
from pipeline.cases.material import material_of
from pipeline.cases.study_review import review_of
from pipeline.config import home_root
from pipeline.export import study_files
from pipeline.export.report_pdf import pdf_bytes
from pipeline.export.signing import sign_with_report
from pipeline.export.study_files import NOT_EXPORTED, REVIEWED, reviewed, studies_zip, study_file
from pipeline.store import reviews, second_reading
from pipeline.store.recordings import delete_recording
from pipeline.store.signed_files import load_report
from pipeline.store.signing import signings
from pipeline.store.studies import get_study
from tests.export.test_export_report import text_of
from tests.helpers.studies import ANNA, BERT, study

pytestmark = pytest.mark.usefixtures("store")
PDF, SUMMARY = REVIEWED[0], REVIEWED[5]


def review(number):
    return review_of(material_of(get_study(number)), reviews.standing(number))


def signed(record="case", conclusion="Nothing to conclude."):
    number = study(record)
    reviews.begin_review(number, reader=ANNA)
    sign_with_report(review(number), reviews.audit(number), reader=ANNA, conclusion=conclusion)
    return number


def stored(number):
    return load_report(signings(reviews.audit(number))[-1].report)


def unzipped(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def no_report(*args, **options):
    raise AssertionError("a report was made anew")


def test_the_report_of_a_signed_study_is_the_stored_one_wherever_it_is_taken(monkeypatch, tmp_path):
    number = signed()
    monkeypatch.setattr(study_files, "made", no_report)
    assert unzipped(studies_zip((number,), (PDF,), ANNA)) == {f"case-{number}/case.pdf": stored(number)}
    here, entries = review(number), reviews.audit(number)
    page = partial(
        study_file, now=here.standing, entries=entries, content=partial(reviewed, here, entries), reader=ANNA
    )
    assert page(PDF) == stored(number)
    assert exports.study_file is study_file
    assert cli.main(["studies", "--output", str(tmp_path / "all.zip")]) == 0
    assert unzipped((tmp_path / "all.zip").read_bytes()) == {f"case-{number}/case.pdf": stored(number)}


def test_a_signed_report_needs_no_recording_and_other_files_are_refused_without_it():
    number, kept = signed(), signed("kept")
    delete_recording(get_study(number).digest)
    assert unzipped(studies_zip((number,), (PDF,), ANNA)) == {f"case-{number}/case.pdf": stored(number)}
    found = unzipped(studies_zip((number, kept), (PDF, SUMMARY), ANNA))
    assert sorted(found) == [f"kept-{kept}/kept.pdf", f"kept-{kept}/kept.summary.pdf", NOT_EXPORTED]
    assert found[NOT_EXPORTED].decode().startswith(f"{number}: ")


def test_a_reopened_study_gives_a_preliminary_report_and_its_amendment_once_signed():
    number = signed()
    first = stored(number)
    reviews.reopen(number, reader=BERT, expected_version=reviews.standing(number).version, reason="missed")
    again = unzipped(studies_zip((number,), (PDF,), BERT))[f"case-{number}/case.pdf"]
    assert again != first
    assert "Reopened, not signed" in text_of(again)[0]
    sign_with_report(review(number), reviews.audit(number), reader=BERT, conclusion="More.")
    amended = unzipped(studies_zip((number,), (PDF,), BERT))[f"case-{number}/case.pdf"]
    assert amended == stored(number) != first
    assert load_report(signings(reviews.audit(number))[0].report) == first


def test_what_is_made_beside_a_signed_report_names_it():
    number = signed()
    digest = signings(reviews.audit(number))[0].report
    words = f"the signed report is SHA-256 {digest[:16]}."
    summary = unzipped(studies_zip((number,), (SUMMARY,), ANNA))[f"case-{number}/case.summary.pdf"]
    assert words in " ".join(text_of(summary)[0].split())
    assert words not in " ".join(text_of(stored(number))[0].split())
    assert words not in " ".join(text_of(pdf_bytes(reviewed(review(study("new")), ())))[0].split())


def test_a_damaged_report_is_named_and_never_made_anew(capsys, tmp_path):
    number = signed()
    next((home_root() / "reports").rglob("*.pdf")).write_bytes(b"%PDF other")
    found = unzipped(studies_zip((number,), (PDF,), ANNA))
    assert list(found) == [NOT_EXPORTED]
    assert "changed after it was stored" in found[NOT_EXPORTED].decode()
    assert cli.main(["studies", str(number), "--output", str(tmp_path / "all.zip")]) == 3
    told = capsys.readouterr()
    assert told.err.startswith(f"Study {number}: The signed report ")
    assert told.out.startswith("0 of 1 studies in ")


def test_a_second_reader_takes_nothing_away_before_the_own_reading_is_finished():
    number = signed()
    second_reading.begin_second(number, reader=BERT)
    assert unzipped(studies_zip((number,), (PDF,), BERT)) == {NOT_EXPORTED: f"{number}: {study_files.BLIND}\n".encode()}
    assert list(unzipped(studies_zip((number,), (PDF,), ANNA))) == [f"case-{number}/case.pdf"]


def test_the_command_refuses_an_unknown_file_and_a_store_without_signed_studies(capsys, tmp_path):
    assert cli.main(["studies", "--output", str(tmp_path / "a.zip"), "--format", "docx"]) == 2
    assert "'docx' is not one of pdf, hv, csv" in capsys.readouterr().err
    study()
    assert cli.main(["studies", "--output", str(tmp_path / "a.zip")]) == 3
    assert "No study is signed" in capsys.readouterr().err
    assert not (tmp_path / "a.zip").exists()
