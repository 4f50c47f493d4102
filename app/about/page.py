"""About: what HeartVision is for, what it is not, its limits, data, networks and versions."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pandas as pd
import streamlit as st

import pipeline
from app.about import access_log
from app.common import trail
from app.common.text import plain
from models import registry
from pipeline.config import DEFAULT
from pipeline.datasets import CATALOGUE
from pipeline.errors import ModelError
from pipeline.intake.formats.table import FORMATS, OTHERS
from pipeline.labels import AAMI_CLASSES, CLASS_NAMES, PAGE_CLASS_NAMES
from pipeline.page_classifier.schema import FOLDER
from pipeline.wording import grouped, percent

PACKAGES = (
    "streamlit",
    "plotly",
    "tensorflow",
    "keras",
    "numpy",
    "scipy",
    "opencv-python-headless",
    "wfdb",
    "sleepecg",
    "ecgdatakit",
    "pydicom",
    "edfio",
    "defusedxml",
)
FOR = """
HeartVision shows a clinician or researcher every beat of an ECG, the class a network gives it, how sure it is, and
where in the picture of the beat it looked. The five classes are those of ANSI/AAMI EC57.
"""
NOT = """
It is **not a medical device**. It was trained and tested on public databases, beats and rhythms chiefly on two-lead
ambulatory recordings of 47 adults, and in no hospital's routine. It does not diagnose and does not know the patient. It
names beats and rhythms, each with a confidence and what in the signal says so. Of three leads and more it measures
intervals, axis and ST levels, and says which published criteria they meet, those of ischaemia among them; a criterion
that is not met excludes nothing. N is a class of beats, not a normal ECG: beats with bundle branch block and escape
beats count as N. It has not been tested on children. A notice marks leads that no network here was trained on.
"""
PRIVACY = """
Nothing leaves the machine that HeartVision runs on. A recording that you open is kept there, its signal and its name,
under a hash of its content, and so is what was computed from it: a refresh, another tab and the worklist find it again.
Decisions, signatures and the name of the reader are kept in the database of reviews. *Delete the recording*, under
Exports of its study, takes the signal away. Pictures and pages live in the memory of your session, until you open a
page as a recording.
"""


def limits() -> pd.DataFrame:
    """What is accepted, as the configuration has it."""
    found, megabyte = DEFAULT.limits, 2**20
    rows = [
        ("One upload", f"{found.upload_bytes // megabyte} MB"),
        ("A recording for the command line", f"{found.file_bytes // megabyte} MB"),
        ("A .zip", f"{found.zip_members} files, {found.zip_total_bytes // megabyte} MB unpacked"),
        ("Leads", f"1 to {found.leads}"),
        ("Sampling frequency", f"{found.fs_min_hz:g} to {grouped(found.fs_max_hz)} Hz"),
        ("Length", f"{found.duration_min_s:g} s to {found.duration_max_s / 3600:g} h"),
        ("A picture of a beat", f"{found.picture_bytes // megabyte} MB, {found.picture_pixels / 1e6:g} megapixels, "
                                f"{grouped(found.picture_side_px)} px a side"),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["What", "Limit"])


def formats() -> pd.DataFrame:
    """What recordings come in, as the one table of formats has it."""
    others = [(name, ", ".join(endings), "HeartVision") for name, endings in OTHERS]
    rows = others + [(each.name, ", ".join(each.endings), each.library) for each in FORMATS]
    return pd.DataFrame(rows, columns=["Format", "Endings", "Read by"])


def network_card(name: str, folder: Path) -> None:
    """A network's card, read from its manifest."""
    try:
        facts = registry.manifest(name, folder)
    except ModelError as error:
        st.error(plain(str(error)))
        return
    with st.expander(f"{facts.title} ({facts.name})", icon=":material/neurology:"):
        rows = {
            "Trained on": facts.trained_on,
            **_answers(facts),
            "Parameters": grouped(facts.parameters),
            "Weights": f"{facts.size_bytes / 2**20:.1f} MB, SHA-256 {facts.sha256}",
            "Reads": f"{_reads(facts)}, preprocessing {facts.preprocessing}",
            "Calibration temperature": f"{facts.temperature:.3f}",
            "Training": f"{facts.training_minutes:.0f} minutes, {grouped(facts.pictures_seen)} examples, "
                        f"seed {facts.seed}",
            "Made by": facts.command,
            "Code": facts.commit,
        }  # fmt: skip
        st.table(pd.DataFrame(rows.items(), columns=["", "Value"]).set_index(""))


def _answers(facts: registry.Manifest) -> dict[str, str]:
    """The records it was trained on and its threshold; of the page network, the classes it knows."""
    if facts.classes != AAMI_CLASSES:
        return {"Answers": ", ".join(PAGE_CLASS_NAMES[name] for name in facts.classes)}
    return {
        "Training records": ", ".join(sorted(facts.train_records)),
        "Validation records": ", ".join(sorted(facts.validation_records)) or "each patient was left out once",
        "Abnormal from": f"{percent(facts.threshold)} (beats of recordings)"
                         + (f", {percent(facts.picture_threshold)} (pictures)" if _reads_pictures(facts) else ""),
        "Not classified below": f"a confidence of {percent(facts.abstain_below)}",
    }  # fmt: skip


def _reads_pictures(facts: registry.Manifest) -> bool:
    return len(facts.input_shape) == 3


def _reads(facts: registry.Manifest) -> str:
    if _reads_pictures(facts):
        return f"pictures of {facts.input_shape[1]} × {facts.input_shape[0]} pixels"
    return f"recordings, {facts.input_shape[0]} numbers for each beat"


def installed(package: str) -> str:
    """The installed version of a package, or "not installed" in words."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


st.title("About HeartVision", anchor=False)
purpose, limit = st.columns(2, gap="large")
with purpose:
    st.subheader("What it is for", anchor=False)
    st.markdown(FOR)
    st.table(
        pd.DataFrame({"Class": AAMI_CLASSES, "Meaning": [CLASS_NAMES[x] for x in AAMI_CLASSES]}).set_index("Class")
    )
with limit:
    st.subheader("What it is not", anchor=False)
    st.markdown(NOT)
    st.subheader("Your data", anchor=False)
    st.markdown(PRIVACY)
trail.about()
st.subheader("What it accepts", anchor=False)
st.table(limits().set_index("What"))
st.subheader("Formats", anchor=False)
st.markdown("What a file is, is told from its content; the endings are the usual ones.")
st.table(formats().set_index("Format"))
st.subheader("Data it was made with", anchor=False)
for dataset in CATALOGUE.values():
    with st.expander(dataset.title, icon=":material/database:"):
        st.markdown(f"For {dataset.purpose}. Licence: {dataset.licence}. Source: <{dataset.page_url}>")
        for work_cited in dataset.citation:
            st.caption(plain(work_cited))
st.subheader("Networks", anchor=False)
for network in registry.available():
    network_card(network, registry.WEIGHTS)
for network in registry.available(FOLDER):
    network_card(network, FOLDER)
if not registry.available():
    st.info("No trained network was found in models/weights; run `python -m pipeline train --all --ship`.")
st.subheader("Versions", anchor=False)
versions = {"HeartVision": pipeline.__version__, "Python": platform.python_version()} | {
    x: installed(x) for x in PACKAGES
}
st.table(pd.DataFrame(versions.items(), columns=["Part", "Version"]).set_index("Part"))
st.caption("Licence of the code: Apache-2.0.")
access_log.draw()
