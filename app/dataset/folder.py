"""The Dataset page's section on a folder of labelled pictures on this computer."""

from __future__ import annotations

import shlex
from urllib.parse import urlsplit

import pandas as pd
import streamlit as st

from app.common import sign_in
from app.common.safe_table import safe_table
from app.common.text import plain
from pipeline.errors import DataError, EcgError
from pipeline.image_folders.copies import find_copies, verdict
from pipeline.image_folders.dataset import FolderDataset, folder_path, read_folder
from pipeline.intake import read_picture
from pipeline.wording import grouped

SPLIT_TITLES = {"train": "Training", "validation": "Validation", "test": "Test", "": "No split"}
SAMPLES = 4
LISTED = 50
LOCAL = ("localhost", "127.0.0.1", "::1")
FORWARDED = ("X-Forwarded-For", "X-Real-Ip", "Forwarded", "Via")


def show_folder() -> None:
    """Open a folder by its path: counts, sizes, samples, duplicates and what they mean, and unreadable files."""
    st.header("Your own folder of pictures")
    st.markdown(
        "A folder on the computer that runs HeartVision, as `train/CLASS/*.png` and `test/CLASS/*.jpg`, or only "
        "`CLASS/*.png`; folders may be nested. Nothing is copied or sent anywhere."
    )
    if not is_local():
        st.info("Folders can be opened only in a browser on the computer that runs HeartVision.")
        return
    with st.form("dataset_folder_form", border=False):
        typed = st.text_input("Full path of the folder", key="dataset_folder", placeholder="/home/me/ecg-pictures")
        asked = st.form_submit_button("Open folder", icon=":material/folder_open:")
    if asked:
        st.session_state["dataset_folder_found"] = _opened(typed)
    found = st.session_state.get("dataset_folder_found")
    if isinstance(found, str):
        st.error(plain(found))
    elif found is not None:
        _show(found)


def is_local() -> bool:
    """Whether the browser runs on this computer; False behind a proxy or a sign-in, where this cannot be known.

    A proxy on this computer that says nothing of itself passes the page's own address on, which is then not local.
    """
    if sign_in.is_on():
        return False
    headers = st.context.headers
    origin = urlsplit(headers.get("Origin", "")).hostname
    told = any(name in headers for name in FORWARDED)
    return st.context.ip_address is None and not told and origin in (None, *LOCAL)


def _opened(typed: str) -> FolderDataset | str:
    """What the folder holds, or why it cannot be shown."""
    bar = st.progress(0.0, "Reading the folder")

    def told(fraction: float, sentence: str) -> None:
        bar.progress(fraction, sentence)

    try:
        return read_folder(folder_path(typed), progress=told)
    except DataError as error:
        return str(error)
    finally:
        bar.empty()


def _show(dataset: FolderDataset) -> None:
    st.subheader(plain(dataset.root.name), anchor=False)
    rows = [{"Split": SPLIT_TITLES[split], **dataset.counts(split)} for split in dataset.splits]
    table = pd.DataFrame(rows)
    table["All"] = table.drop(columns="Split").sum(axis=1)
    st.dataframe(safe_table(table), hide_index=True, alt="Readable pictures of each split and class")
    _copies(dataset)
    _sizes(dataset)
    _samples(dataset)
    if dataset.refused:
        with st.expander(f"{grouped(len(dataset.refused))} files left out"):
            told = [{"File": item.path, "Why": item.reason} for item in dataset.refused]
            st.dataframe(safe_table(pd.DataFrame(told)), hide_index=True, alt="Files that are not used, and why")
    st.markdown("Fine-tune a network on it, and see the result on the Evaluation page:")
    st.code(f"python -m pipeline train --model vgg16 --data {shlex.quote(str(dataset.root))}", language=None)


def _copies(dataset: FolderDataset) -> None:
    groups = find_copies(dataset)
    said = verdict(dataset, groups)
    show = {"clean": st.success, "warning": st.warning, "leak": st.error}[said.severity]
    for sentence in said.sentences:
        show(plain(sentence))
    if groups:
        with st.expander(f"{grouped(len(groups))} groups of copies"):
            rows = [
                {
                    "Kind": "identical" if group.exact else "look the same",
                    "Across splits": group.across_splits,
                    "Across classes": group.across_classes,
                    "Pictures": " = ".join(dataset.pictures[i].path for i in group.members[:6]),
                }
                for group in groups[:LISTED]
            ]
            st.dataframe(safe_table(pd.DataFrame(rows)), hide_index=True, alt="Pictures that are copies of each other")
            if len(groups) > LISTED:
                st.caption(f"The first {LISTED} of {grouped(len(groups))} groups are listed.")


def _sizes(dataset: FolderDataset) -> None:
    sizes = dataset.sizes()
    most = list(sizes.items())[:4]
    first = ", ".join(f"{grouped(number)} of {width} x {height} px" for (width, height), number in most)
    more = f", and {grouped(len(sizes) - 4)} more sizes" if len(sizes) > 4 else ""
    st.markdown(f"**Sizes:** {first}{more}.")


def _samples(dataset: FolderDataset) -> None:
    chosen = st.selectbox("Sample pictures of class", dataset.classes, key="dataset_folder_class")
    if chosen not in dataset.classes:
        return
    members = [i for i, picture in enumerate(dataset.pictures) if picture.class_name == chosen]
    with st.container(horizontal=True):
        for i in members[:: max(len(members) // SAMPLES, 1)][:SAMPLES]:
            try:
                pixels = read_picture(dataset.files[i].read_bytes(), dataset.pictures[i].path).pixels
            except (OSError, EcgError):
                st.caption(plain(f"{dataset.pictures[i].path} cannot be read any more."))
                continue
            st.image(pixels, caption=plain(dataset.pictures[i].path), width=220)
