"""Names of leads: one vocabulary, and what is no ECG."""

from __future__ import annotations

import pytest

from pipeline.errors import IntakeError, SignalError
from pipeline.intake import read_uploads
from pipeline.intake.content import safe_lead
from pipeline.intake.csv_roles import shown
from pipeline.signal.lead_names import KNOWN_LEADS, is_known_lead, is_other_signal, plain_name
from pipeline.signal.leads import choose_leads
from pipeline.types import LEAD_NAME
from tests.hostile.make_corpus import record

NO_ECG = (
    *("RESP", "Resp", "RESPimp", "Respiration", "PLETH", "Pleth", "PPG", "pulse", "SpO2", "ABP", "ART", "CVP", "ICP"),
    *("ACC", "ACC_x", "accX", "Acceleration", "EEG", "EEG Fp1-F7", "C4-A1", "EMG", "EOG", "timer", "Time", "CO2"),
    *("temp", "HR", "heart rate", "battery", "counter", "event"),
)
ECG = (*KNOWN_LEADS, "ECG", "EKG", "ECG1", "ECG 2", "ii", "AVF", "Lead II", "MDC_ECG_LEAD_V3", "electrocardiogram")


@pytest.mark.parametrize(
    "form", ["ECG lead {}", "Lead {}", "MDC_ECG_LEAD_{}", "ECG {}", "EKG_{}", "{}-ECG", "{} (ECG)"]
)
@pytest.mark.parametrize("lead", ["I", "II", "III", "aVR", "V1", "V6", "MLII"])
def test_vendors_names_are_brought_to_one_vocabulary(form, lead):
    assert plain_name(form.format(lead)) == lead
    assert plain_name(form.format(lead.upper())) == lead


@pytest.mark.parametrize(
    "name", [*KNOWN_LEADS, "ECG", "EKG", "ECG1", "lead 1", "ii", "avf", "RESP", "noise1", "", "Иван"]
)
def test_other_names_stay_as_the_file_has_them(name):
    assert plain_name(name) == name


@pytest.mark.parametrize("name", ["V1/V2", "I/II", "Lead I/II", "I/II/III", "CH1 V1/V2", "DI/DII", "ECG aVR/aVL"])
def test_names_of_two_leads_are_that_of_neither(name):
    assert plain_name(name) == name
    assert safe_lead(name, 3) not in KNOWN_LEADS


@pytest.mark.parametrize(
    ("name", "lead"),
    [("Monitor/II", "II"), ("SNUADC/ECG_II", "II"), ("A/B/V5", "V5"), ("V1/ECG", "V1"), ("ECG/aVR", "aVR")],
)
def test_a_device_or_kind_beside_a_lead_is_passed_over(name, lead):
    assert plain_name(name) == lead


@pytest.mark.parametrize(
    "name",
    [
        *("ECG (Smith, John 1954)", "ECG (Smith, John", "ECG [Smith J]", "ECG {Smith}", "ECG, Smith", "Smith: ECG"),
        *("SMITH_ECG (1954)", "ECG II (Smith)", "Resp (Smith)", "Müller-Smith, ECG #2"),
        *("EEG Fpz-Cz (Smith 1954)", "Accélération (Smith)", "ECG Smith John 1954-03-02"),
    ],
)
def test_a_person_s_name_is_left_in_no_name_of_a_lead_or_column(name):
    for said in (safe_lead(name, 3), shown(name, 3)):
        assert LEAD_NAME.fullmatch(said)
        assert not [word for word in ("smith", "john", "1954", "m ller", "muller") if word in said.lower()]
    assert is_other_signal(safe_lead(name, 3)) == is_other_signal(name)


@pytest.mark.parametrize("name", ["Smith (II)", "Smith: V5", "Müller, DII"])
def test_a_lead_among_other_words_that_say_no_signal_is_none(name):
    assert safe_lead(name, 3) == "lead 3"


@pytest.mark.parametrize("name", NO_ECG)
def test_what_monitors_store_beside_an_ecg_is_none(name):
    assert is_other_signal(name)
    assert not is_known_lead(name)
    assert choose_leads([name, "ECG"]) == ("ECG",)
    assert choose_leads([name, "lead 2"]) == ("lead 2",)


@pytest.mark.parametrize("name", ECG)
def test_a_named_ecg_wins_over_position(name):
    assert is_known_lead(name)
    assert choose_leads(["lead 1", name])[0] == name


def test_a_vendors_name_ranks_as_the_lead_that_it_is():
    assert choose_leads(["EKG Lead V5", "ECG lead V1", "MDC_ECG_LEAD_II"]) == ("MDC_ECG_LEAD_II", "ECG lead V1")


def test_no_ecg_is_chosen_only_by_the_reader():
    with pytest.raises(SignalError, match=r"No lead is an ECG by its name \('RESP', 'PLETH'\)"):
        choose_leads(["RESP", "PLETH"])
    assert choose_leads(["RESP", "PLETH"], ["PLETH"]) == ("PLETH",)


def test_a_record_has_the_plain_names_and_one_without_an_ecg_is_refused():
    files = record()
    named = files["r.hea"].replace(b"0 MLII", b"0 ECG lead II").replace(b"0 V5", b"0 MDC_ECG_LEAD_AVR")
    assert read_uploads([*(files | {"r.hea": named}).items()])[0].leads == ("II", "aVR")
    other = files["r.hea"].replace(b"0 MLII", b"0 RESP").replace(b"0 V5", b"0 PLETH")
    with pytest.raises(IntakeError, match="No signal of this recording is an ECG by its name: RESP, PLETH"):
        read_uploads([*(files | {"r.hea": other}).items()])
