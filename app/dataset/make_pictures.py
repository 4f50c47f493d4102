"""The Dataset page's part that turns recordings into a folder of labelled pictures, with a preview."""

from __future__ import annotations

import hashlib
import io
import tempfile
import zipfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd
import streamlit as st

from app.common import cache, sign_in
from app.common.safe_table import safe_table
from app.common.text import plain
from app.dataset.folder import is_local
from pipeline.config import RECORDING_NETWORK
from pipeline.digitisation.layouts import LAYOUTS
from pipeline.errors import DataError, EcgError
from pipeline.labels import CLASS_NAMES
from pipeline.picture_sets.options import Label, PictureSetOptions, Split, Style, checked, usual_window
from pipeline.principal import Principal
from pipeline.rhythm_names import RHYTHM_NAMES
from pipeline.wording import clock, grouped, percent

if TYPE_CHECKING:
    from pipeline.picture_sets.card import Card
    from pipeline.picture_sets.pictures import Example
    from pipeline.picture_sets.sources import Source
    from pipeline.types import PictureArray

STYLES: dict[Style, str] = {
    "plain": "Plain: a black curve on white",
    "paper": "ECG paper, to scale",
    "model": "What the picture networks see",
    "spectrogram": "Spectrogram",
    "scalogram": "Scalogram (wavelets)",
    "gaf": "Gramian angular field",
    "page": "Page of 12 leads",
}
LABELS: dict[Label, str] = {"beat": "Class of the beat", "rhythm": "Rhythm", "normal-abnormal": "Normal or abnormal"}
SPLITS: dict[Split, str] = {"none": "No split", "patient": "By patient", "ds1ds2": "DS1 and DS2"}
DEMO, WORKLIST, PLACE = "Demo recording", "Worklist", "Folder or database"
ZIP, FOLDER = "ZIP download", "Folder on this computer"
SHOWN = 8  # pictures in the preview
STUDIES = 200  # of the worklist that can be chosen
FRAME_GREY = 160
ZIP_BYTES_MAX = 300 * 2**20
WIDTHS_PX = {"model": 288, "page": 720}  # of a picture in the preview; 144 of all others, 480 of strips
_PREVIEW, _MADE = "make_preview", "make_made"


@dataclass(frozen=True, eq=False)
class Made:
    """What was made: its card, and either where it lies or the bytes of the archive."""

    card: Card
    folder: str
    archive: bytes


def show_make_pictures() -> None:
    """Choose recordings and how they are drawn; look at a few pictures; make all."""
    st.header("Make pictures")
    st.markdown(
        "Recordings become a folder of labelled pictures, by class, which networks can be trained on. Labels are those "
        "of the reference annotations where there are any; else a network predicts them, and the manifest says so."
    )
    try:
        sources = _sources()
        options = _options()
    except EcgError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    if not sources:
        return
    wanted = _identity(sources, options)
    _preview(sources, options, wanted)
    _make(sources, options, wanted)


def _sources() -> tuple[Source, ...]:
    """What the user chose; nothing as long as the choice is not complete."""
    origins = [DEMO, WORKLIST, *([PLACE] if is_local() else [])]
    origin = st.segmented_control("Recordings", origins, default=DEMO, required=True, wrap=True, key="make_origin")
    if origin == WORKLIST:
        return _of_worklist()
    if origin == PLACE:
        return _of_place()
    st.caption("Five minutes of MIT-BIH record 208, with its reference annotations.")
    from pipeline.datasets import demo_path
    from pipeline.picture_sets.sources import find_sources

    return find_sources([str(demo_path())])


def _of_worklist() -> tuple[Source, ...]:
    from pipeline.picture_sets.sources import Source, named
    from pipeline.store.recordings import open_recording
    from pipeline.store.studies import worklist

    studies = worklist(page_size=STUDIES, reader=sign_in.asking()).studies
    by_digest = {study.digest: study for study in studies}
    if not by_digest:
        st.info("The worklist is empty; add recordings there, or choose others.", icon=":material/info:")
        return ()
    digest = st.selectbox(
        "Recording",
        list(by_digest),
        format_func=lambda digest: f"{by_digest[digest].record}, {clock(by_digest[digest].duration_s, tenths=False)}",
        key="make_study",
    )
    if digest not in by_digest:
        return ()
    recording = open_recording(digest, reader=sign_in.asking())
    return named([Source(Path(f"{digest}.hea"), recording.name, "", recording.name, recording=recording)])


def _of_place() -> tuple[Source, ...]:
    typed = st.text_input(
        "Folder of recordings, one recording, or the name of a public database",
        key="make_place",
        placeholder="/home/me/ecg, or mitdb",
    )
    if not typed.strip():
        return ()
    from pipeline.picture_sets.sources import find_sources

    found = find_sources([typed.strip()])
    patients = len({source.patient for source in found})
    st.caption(
        f"{grouped(len(found))} recording{'' if len(found) == 1 else 's'} of {grouped(patients)} "
        f"patient{'' if patients == 1 else 's'}, as far as is known."
    )
    return found


def _options() -> PictureSetOptions:
    """How pictures are made. Raises DataError if the choices do not go together."""
    style = st.selectbox("Style", list(STYLES), format_func=lambda name: STYLES[name], width=420, key="make_style")
    page = style == "page"
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        labels = [label for label in LABELS if not (page and label == "beat")]
        label = st.segmented_control(
            "Label", labels, default=labels[0], required=True, wrap=True, format_func=lambda name: LABELS[name],
            key=f"make_label_{page}",
        )  # fmt: skip
        split = st.segmented_control(
            "Split", list(SPLITS), default="none", required=True, wrap=True, format_func=lambda name: SPLITS[name],
            key="make_split",
        )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        layout = st.selectbox("Layout", list(LAYOUTS), index=1, width=180, key="make_layout") if page else "3x4+1"
        size_title = "Width, pixels" if page or style == "model" else "Side, pixels"
        size = _number(size_title, "make_size", {"page": "8 per mm", "model": "96"}.get(style, "224"))
        most = _number("At most, of each class and recording", "make_most", "all")
        window_s = _window(style, label)
    random_split = split != "ds1ds2" and st.checkbox(
        "Divide pictures at random, those of one patient too", key="make_random"
    )
    if random_split:
        from pipeline.picture_sets.random_split import what_it_costs

        st.warning(plain(what_it_costs()), icon=":material/warning:")
    sides = None if size is None else (size, round(size * 2 / 3) if style == "model" else size)
    return checked(
        PictureSetOptions(
            style=style,
            size_px=sides,
            window_s=window_s,
            label=cast("Label | None", label),
            split=split,
            random_split=random_split,
            layout=layout,
            most=most or 0,
        )
    )


def _window(style: Style, label: str | None) -> tuple[float, float] | None:
    """The window that was typed: before and after R, or the length of strips; None for the style's own."""
    if style == "model":
        return None
    if style == "page" or label == "rhythm":
        length = st.number_input("Length, s", 2.0, 60.0, None, 1.0, placeholder="10", width=150, key="make_length")
        return None if length is None else (0.0, length)
    own = usual_window(style)
    before = st.number_input(
        "Before R, s", 0.1, 5.0, None, 0.05, placeholder=f"{own[0]:g}", width=150, key="make_before"
    )
    after = st.number_input("After R, s", 0.1, 5.0, None, 0.05, placeholder=f"{own[1]:g}", width=150, key="make_after")
    if before is None and after is None:
        return None
    return (before if before is not None else own[0], after if after is not None else own[1])


def _number(title: str, key: str, placeholder: str) -> int | None:
    return st.number_input(title, 1, 100_000, None, 1, placeholder=placeholder, width=250, key=key)


def _identity(sources: tuple[Source, ...], options: PictureSetOptions) -> str:
    """What the preview and the result depend on: when it changes, they are not shown any more."""
    places = [(str(source.path), source.record) for source in sources]
    return hashlib.sha256(repr((places, options)).encode("utf-8", "backslashreplace")).hexdigest()


def _preview(sources: tuple[Source, ...], options: PictureSetOptions, wanted: str) -> None:
    if st.button("Look at a few pictures", icon=":material/visibility:", key="make_look"):
        with st.spinner("Reading the first recording"):
            st.session_state[_PREVIEW] = (wanted, _examples(sources[0], options))
    identity, found = st.session_state.get(_PREVIEW, ("", ""))
    if identity != wanted:
        return
    if isinstance(found, str):
        st.error(plain(found), icon=":material/error:")
        return
    if not found:
        st.info("There is nothing to draw in this recording.", icon=":material/info:")
    with st.container(horizontal=True, gap="small"):
        for example in found:
            said = f"{example.label}, {clock(example.time_s)}"
            if example.predicted:
                said += f", predicted, {percent(example.confidence)}"
            width = WIDTHS_PX.get(options.style, 144 if options.of_beats else 480)
            st.image(
                _framed(_enlarged(example.picture, width)),
                caption=plain(said),
                width=width,
                alt=f"A picture of {_meaning(example.label)}",
            )

    if found and (gain := found[0].gain):
        st.caption(f"25 mm/s, {gain:g} mm/mV: a large square is 0.2 s and {5 / gain:g} mV.")


def _enlarged(picture: PictureArray, width: int) -> PictureArray:
    """A small picture with larger pixels, which a browser would blur."""
    times = max(1, width // picture.shape[1])
    return picture.repeat(times, axis=0).repeat(times, axis=1)


def _framed(picture: PictureArray) -> PictureArray:
    """A picture in a thin grey frame, without which white ones would run into each other on a white page."""
    sides = ((1, 1), (1, 1), (0, 0))[: picture.ndim]
    return np.pad(picture, sides, constant_values=FRAME_GREY)


def _examples(source: Source, options: PictureSetOptions) -> list[Example] | str:
    """A few pictures, or why there are none."""
    from pipeline.picture_sets.pictures import examples

    try:
        return examples(source, options, lambda: cache.classifier(RECORDING_NETWORK), count=SHOWN)
    except EcgError as error:
        return f"{source.record}: {error}"


def _meaning(label: str) -> str:
    names = {code: called.name for code, called in RHYTHM_NAMES.items()} | dict(CLASS_NAMES)
    return f"{label}: {names[label]}" if label in names else label


def _make(sources: tuple[Source, ...], options: PictureSetOptions, wanted: str) -> None:
    target, folder = ZIP, ""
    if is_local():
        target = st.segmented_control("Put them into", [ZIP, FOLDER], default=ZIP, required=True, key="make_target")
        if target == FOLDER:
            folder = st.text_input("Full path of a new folder", key="make_output", placeholder="/home/me/pictures")
            st.caption("A run that was stopped goes on if it is started again with the same choices and folder.")
    if st.button("Make all pictures", type="primary", icon=":material/photo_library:", key="make_all"):
        st.session_state[_MADE] = (wanted, _made(sources, options, folder if target == FOLDER else None))
    identity, found = st.session_state.get(_MADE, ("", ""))
    if identity != wanted:
        return
    if isinstance(found, str):
        st.error(plain(found), icon=":material/error:")
    else:
        _result(found)


def _made(sources: tuple[Source, ...], options: PictureSetOptions, folder: str | None) -> Made | str:
    """What was made, or why nothing was."""
    from pipeline.picture_sets.making import make_picture_set

    bar = st.progress(0.0, "Reading the recordings")

    def told(fraction: float, sentence: str) -> None:
        bar.progress(min(fraction, 1.0), plain(sentence))

    try:
        sign_in.take(sign_in.asking(), "", f"pictures of {len(sources)} recordings")
        with tempfile.TemporaryDirectory(prefix="heartvision-pictures-") as scratch:
            output = Path(scratch) / "pictures" if folder is None else _output(folder)
            card = make_picture_set(
                sources, options, output, load=lambda: cache.classifier(RECORDING_NETWORK), progress=told
            )
            return Made(card, "" if folder is None else str(output), _zipped(output) if folder is None else b"")
    except EcgError as error:
        return str(error)
    finally:
        bar.empty()


def _output(typed: str) -> Path:
    path = Path(typed.strip()).expanduser()
    if not typed.strip() or "\0" in typed or not path.is_absolute():
        raise DataError("Type the full path of a folder for the pictures, for example /home/me/pictures.")
    return path


def _zipped(folder: Path) -> bytes:
    """The folder as an archive, without what it remembers of its making. Raises DataError if it is too large."""
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file.relative_to(folder).parts[0][0] != ".")
    size = sum(file.stat().st_size for file in files)
    if size > ZIP_BYTES_MAX:
        raise DataError(
            f"The pictures have {size // 2**20} MB, a download at most {ZIP_BYTES_MAX // 2**20}; make fewer or smaller "
            "ones, or put them into a folder."
        )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for file in files:
            archive.write(file, Path("pictures") / file.relative_to(folder))
    return buffer.getvalue()


def _taken(archive: bytes, who: Principal) -> bytes:
    sign_in.take(who, "", "pictures of beats")
    return archive


def _result(made: Made) -> None:
    card = made.card
    st.success(
        plain(f"{grouped(card.pictures)} pictures{f' in {made.folder}' if made.folder else ''}."),
        icon=":material/check_circle:",
    )
    if made.archive:
        st.download_button(
            "Download the pictures", partial(_taken, made.archive, sign_in.asking()),
            "pictures.zip", "application/zip", icon=":material/download:",
            on_click="ignore", key="make_download",
        )  # fmt: skip
    rows = [
        {"Part": part or "all", **{name: counts.get(name, 0) for name in card.classes}}
        for part, counts in card.counts.items()
    ]
    st.dataframe(safe_table(pd.DataFrame(rows)), hide_index=True, alt="Pictures of each part and class")
    if card.predicted:
        st.warning(
            plain(
                f"{grouped(card.predicted)} labels are predicted by {', '.join(card.models)}: no expert has seen them."
            ),
            icon=":material/smart_toy:",
        )
    for notice in card.notices:
        st.info(plain(notice), icon=":material/info:")
    if card.refused:
        with st.expander(f"{grouped(len(card.refused))} recordings that could not be used"):
            told = [{"Recording": item.record, "Why": item.reason} for item in card.refused]
            st.dataframe(
                safe_table(pd.DataFrame(told)), hide_index=True, alt="Recordings that could not be used, and why"
            )
    if card.left_out:
        st.caption(
            plain("Left out: " + "; ".join(f"{grouped(left.count)}, {left.reason}" for left in card.left_out) + ".")
        )
    st.caption(plain(" ".join(card.licences)))
