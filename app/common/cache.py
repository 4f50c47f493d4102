"""The only st.cache_* calls. Keys are digests and names; arrays travel as `_underscore` arguments.

Streamlit hashes only a sample of large arrays, so that two recordings could share a result.
Networks are shared by all sessions and immutable; everything about a patient is kept per session.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from models.beat_image_heads import PictureHead, load_head
from models.gradcam import Heatmap, heatmap
from models.networks import NETWORKS
from models.registry import Classifier
from models.runtime import keras
from models.superclasses import superclass_manifest
from pipeline.config import DEFAULT, database_url
from pipeline.errors import IntakeError, ModelError
from pipeline.evaluation.evaluation_schema import Evaluation
from pipeline.evaluation.saved import read_evaluation
from pipeline.explain import second_opinion
from pipeline.explain.heatmaps import BeatExplanation, explain_beat
from pipeline.explain.second_opinion import Opinion
from pipeline.types import Beats, BeatTrace, FloatArray, PictureArray
from pipeline.worker import Client
from pipeline.worker.jobs import worker_folder

if TYPE_CHECKING:
    from pipeline.cases.material import ReviewMaterial
    from pipeline.digitisation.corrections import Corrections
    from pipeline.digitisation.digitise import Digitised
    from pipeline.image_folders.predicting import RunAnswer, TrainedRun
    from pipeline.intake.apart import Apart
    from pipeline.intake.batch import PictureFile
    from pipeline.live.process import LiveManager
    from pipeline.page_classifier.reading import PageReading
    from pipeline.principal import Principal
    from pipeline.store.chain import Trail
    from pipeline.store.studies import Study  # the first page does not need SQLAlchemy
    from pipeline.twelve_leads.median_beat import MarkedStretch
    from pipeline.types import Analysis, Recording, RgbPicture


_LIVE = "live-manager"
TRAIL_S = 3600.0  # between two looks at the whole audit trail


def worker() -> Client:
    """This server's hold on the worker; it is started when there is something to analyse, or soon will be."""
    return _worker(str(worker_folder()))


def intake() -> Apart:
    """This server's process for reading uploads, with limits on memory and time; the next one waits ready."""
    return _intake()


def _end_intake(reader: Apart) -> None:
    reader.close()


@st.cache_resource(show_spinner=False, on_release=_end_intake)
def _intake() -> Apart:
    from pipeline.intake.apart import Apart

    return Apart()


@st.cache_resource(show_spinner=False, ttl=TRAIL_S)
def trail(url: str) -> Trail:
    """What a look at the audit trail in this database found; the server's log has it too, for whoever looks there."""
    from pipeline.store.verification import verify_trail

    found = verify_trail()
    for fault in found.faults:
        sys.stderr.write(f"Audit trail: {fault}\n")
    return found


def _end_worker(client: Client) -> None:
    client.close()


@st.cache_resource(show_spinner=False, on_release=_end_worker)
def _worker(folder: str) -> Client:
    return Client(Path(folder))


def live_manager() -> LiveManager:
    """This session's live recording. It ends a minute after the browser has gone, unless that comes back."""
    if _LIVE not in st.session_state:
        from pipeline.live.process import LiveManager

        st.session_state[_LIVE] = LiveManager()
    manager: LiveManager = st.session_state[_LIVE]
    _held(manager)
    return manager


def _let_go(manager: LiveManager) -> None:
    manager.let_go()


@st.cache_resource(show_spinner=False, scope="session", on_release=_let_go)
def _held(_manager: LiveManager) -> LiveManager:
    """Streamlit forgets this when the browser is gone, while what is in the session's state waits for its return."""
    _manager.hold()
    return _manager


@st.cache_resource(show_spinner=False, max_entries=4)
def classifier(name: str) -> Classifier:
    """A verified network, loaded once for all sessions.

    Raises
    ------
    ModelError
        If its weights, manifest or self-test disagree.
    """
    from pipeline.analysis import load_classifier  # imports SciPy, which the Evaluation page does not need

    if name in NETWORKS and NETWORKS[name].served is None:
        _keep_compiled()
    return load_classifier(name)


def _keep_compiled() -> None:
    """Keeps Streamlit from clearing Keras after each run of the script, other sessions' networks included.

    What is cleared is compiled again at the next beat: 0.16 s of 0.2 s (`_clean_problem_modules` in its script runner).
    A network that is being built in another thread meanwhile would fail: its layer names start again.
    """
    keras().backend.clear_session = lambda free_memory=True: None


def warm(name: str) -> Thread:
    """Readies a network and its heatmaps in the background, once for all sessions.

    What fails here is reported where the network is used.
    """
    return _warming(name)


@st.cache_resource(show_spinner=False)
def _warming(name: str) -> Thread:
    thread = Thread(target=_ready, args=(name,), name=f"warm-{name}", daemon=True)
    thread.start()
    return thread


def _ready(name: str) -> None:
    with suppress(ModelError):
        network = classifier(name)
        if network.network.reads == "pictures":
            heatmap(network, np.zeros(network.manifest.input_shape, np.uint8))
        else:
            network.logits(np.zeros((1, *network.manifest.input_shape), np.float32))


def trained_run(folder: Path) -> TrainedRun:
    """A run on a folder of pictures with its verified network, loaded once for all sessions until it is changed.

    Raises
    ------
    ModelError
        If run.json, weights, manifest or self-test disagree.
    """
    changed = max(file.stat().st_mtime_ns for file in (folder, folder / "run.json"))
    return _trained_run(str(folder), changed)


@st.cache_resource(show_spinner=False, max_entries=4)
def _trained_run(folder: str, changed_ns: int) -> TrainedRun:
    from pipeline.image_folders.predicting import load_run

    _keep_compiled()
    return load_run(Path(folder))


def run_reading(picture: RgbPicture, trained: TrainedRun) -> tuple[RunAnswer, PictureArray | None, Heatmap | None]:
    """A run's answer to an uploaded picture, the picture as it saw it, and where it looked."""
    manifest = trained.classifier.manifest
    return _run_reading(picture.digest, picture.page, str(trained.folder), manifest.identity, picture, trained)


@st.cache_data(show_spinner=False, max_entries=20, scope="session")
def _run_reading(
    digest: str, page: int, folder: str, version: str, _picture: RgbPicture, _trained: TrainedRun
) -> tuple[RunAnswer, PictureArray | None, Heatmap | None]:
    from pipeline.image_folders.predicting import heat_of_answer, predict_pictures

    _keep_compiled()
    answer, seen = predict_pictures(_trained, [(_picture.name, _picture.pixels, "")])[0]
    return answer, seen, None if seen is None else heat_of_answer(_trained, seen, answer)


def opinion(case_digest: str, leads: tuple[str, ...], network: Classifier, beats: Beats, beat: int) -> Opinion:
    """What a network says of one beat, and where it looked."""
    return _opinion(case_digest, leads, network.name, network.manifest.identity, beat, network, beats)


@st.cache_data(show_spinner=False, max_entries=500, scope="session")
def _opinion(
    digest: str, leads: tuple[str, ...], name: str, version: str, beat: int, _network: Classifier, _beats: Beats
) -> Opinion:
    return second_opinion.opinion(_network, _beats, beat, DEFAULT)


def explanation(
    case_digest: str, leads: tuple[str, ...], network: Classifier, beats: Beats, beat: int
) -> BeatExplanation:
    """What the network saw of a beat and where it looked."""
    return _explanation(case_digest, leads, network.name, network.manifest.identity, beat, network, beats)


@st.cache_data(show_spinner=False, max_entries=500, scope="session")
def _explanation(
    digest: str, leads: tuple[str, ...], name: str, version: str, beat: int, _network: Classifier, _beats: Beats
) -> BeatExplanation:
    return explain_beat(_network, _beats, beat, DEFAULT)


@st.cache_resource(show_spinner=False, max_entries=2)
def picture_head(name: str) -> PictureHead:
    """The verified heads for beat images that belong to a network, loaded once for all sessions.

    Raises
    ------
    ModelError
        If they are missing, damaged, or made for other weights.
    """
    return load_head(name)


def beat_trace(file: PictureFile, head: PictureHead, *, confirmed: bool = False) -> BeatTrace:
    """The trace of the beat in an uploaded beat image; `confirmed` if a person said that it shows one.

    Raises
    ------
    IntakeError
        If there is none.
    """
    digest = hashlib.sha256(file.payload).hexdigest()
    return _beat_trace(digest, file.page, file.name, file.refusal, confirmed, head.manifest.version, file, head)


@st.cache_data(show_spinner=False, max_entries=20, scope="session")
def _beat_trace(
    digest: str,
    page: int,
    name: str,
    refusal: str,
    confirmed: bool,
    version: str,
    _file: PictureFile,
    _head: PictureHead,
) -> BeatTrace:
    from pipeline.beat_images.reading import read_beat  # SciPy, as above

    return read_beat(_file, _head, confirmed=confirmed)


def picture_heatmap(key: str, network: Classifier, picture: PictureArray, aami: str) -> Heatmap:
    """The heatmap of a class for an uploaded beat image; `key` identifies the picture."""
    return _picture_heatmap(key, network.name, network.manifest.identity, aami, network, picture)


@st.cache_data(show_spinner=False, max_entries=60, scope="session")
def _picture_heatmap(
    key: str, name: str, version: str, aami: str, _network: Classifier, _picture: PictureArray
) -> Heatmap:
    from pipeline.beat_images.reading import heat_of  # SciPy, as above

    return heat_of(_network, _picture, aami)


def marked_stretch(recording: Recording, analysis: Analysis, start_s: float, stop_s: float) -> MarkedStretch:
    """The marks of a stretch and its median beat. Raises ModelError if what marks waves is damaged."""
    key = (recording.digest, analysis.model_version, analysis.leads)
    return _marked_stretch(*key, start_s, stop_s, recording, analysis)


@st.cache_data(show_spinner=False, max_entries=40, scope="session")
def _marked_stretch(
    digest: str, version: str, leads: tuple[str, ...], start_s: float, stop_s: float,
    _recording: Recording, _analysis: Analysis,
) -> MarkedStretch:  # fmt: skip
    from pipeline.twelve_leads.median_beat import marked_stretch as mark  # SciPy, as above

    _keep_compiled()
    return mark(_recording, _analysis, start_s, stop_s)


def superclass_heat(recording: Recording, superclass: str) -> FloatArray | None:
    """How much each place of a recording speaks for a superclass, as `pipeline.twelve_leads.superclasses` has it.

    Raises
    ------
    SignalError, ModelError
        If the recording is longer than ten minutes, or the network is damaged.
    """
    return _superclass_heat(recording.digest, superclass_manifest().version, superclass, recording)


@st.cache_data(show_spinner="Looking for what speaks for it …", max_entries=12, scope="session")
def _superclass_heat(digest: str, version: str, superclass: str, _recording: Recording) -> FloatArray | None:
    from pipeline.twelve_leads.superclasses import superclass_heat as heat_of_leads  # SciPy, as above

    return heat_of_leads(_recording.p_signal, _recording.leads, _recording.fs, superclass)


def page_count(payload: bytes) -> int:
    """The pages of an uploaded picture or PDF document, counted once. Raises IntakeError or LimitError."""
    return _page_count(hashlib.sha256(payload).hexdigest(), payload)


@st.cache_data(show_spinner=False, max_entries=20, scope="session")
def _page_count(digest: str, _payload: bytes) -> int:
    from pipeline.intake import count_pages

    return count_pages(_payload)


def upload_picture(name: str, payload: bytes, page: int) -> RgbPicture:
    """The pixels of an uploaded picture or PDF page. Raises IntakeError or LimitError."""
    return _upload_picture(hashlib.sha256(payload).hexdigest(), page, name, payload)


@st.cache_data(show_spinner=False, max_entries=3, scope="session")
def _upload_picture(digest: str, page: int, name: str, _payload: bytes) -> RgbPicture:
    from pipeline.intake import read_picture

    return read_picture(_payload, name, page=page)


def digitised(picture: RgbPicture, corrections: Corrections) -> Digitised:
    """A 12-lead page as far as it can be read. Raises IntakeError if it is none."""
    return _digitised(picture.digest, picture.page, repr(corrections), corrections, picture)


@st.cache_data(show_spinner=False, max_entries=4, scope="session")
def _digitised(digest: str, page: int, key: str, _corrections: Corrections, _picture: RgbPicture) -> Digitised:
    from pipeline.digitisation.digitise import digitise

    return digitise(_picture.pixels, _corrections)


def page_reading(picture: RgbPicture, found: Digitised) -> PageReading:
    """What the page network says of a digitised picture, worked out once. Raises IntakeError or ModelError."""
    reading = _page_reading(picture.digest, picture.page, repr(found.corrections), found)
    if isinstance(reading, str):
        raise IntakeError(reading)
    return reading


@st.cache_data(show_spinner=False, max_entries=4, scope="session")
def _page_reading(digest: str, page: int, key: str, _found: Digitised) -> PageReading | str:
    """The digitised page, or why there is none: a page that cannot be read is not tried again either."""
    from pipeline.page_classifier.reading import classify_digitised

    _keep_compiled()
    try:
        return classify_digitised(_found)
    except IntakeError as error:
        return str(error)


def page_picture(name: str, picture: RgbPicture, found: Digitised, draw: Callable[[Digitised], PictureArray]) -> bytes:
    """What `draw` draws of a digitised page, as a PNG, drawn once; `name` identifies `draw` in the cache."""
    return _page_picture(name, picture.digest, picture.page, repr(found.corrections), found, draw)


@st.cache_data(show_spinner=False, max_entries=8, scope="session")
def _page_picture(
    name: str, digest: str, page: int, key: str, _found: Digitised, _draw: Callable[[Digitised], PictureArray]
) -> bytes:
    from app.common.overlays import png  # OpenCV, which the first page does not need

    return png(_draw(_found))


def evaluation(file: Path) -> Evaluation:
    """A saved evaluation, read once for all sessions as long as the file stays the same; never to be changed.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    found = file.stat()
    return _evaluation(str(file), found.st_mtime_ns, found.st_size)


@st.cache_resource(show_spinner=False, max_entries=32)
def _evaluation(file: str, changed_ns: int, size: int) -> Evaluation:
    return read_evaluation(Path(file))


def review_material(study: Study, who: Principal) -> ReviewMaterial:
    """What a study is based on, including its morphology families.

    Raises
    ------
    DataError, StoreError
        If the recording or its stored analysis is not there, or the recording not any more.
    """
    from pipeline.principal import LOCAL
    from pipeline.store.recordings import is_stored, open_recording

    if not is_stored(study.digest):
        forget_review_material()
        open_recording(study.digest, reader=LOCAL)  # which says so
    return _review_material(database_url(), study.id, study.digest, study, who)


def forget_review_material() -> None:
    """Let go of every recording that is under review: one was deleted."""
    _review_material.clear()


@st.cache_resource(show_spinner=False, max_entries=4, scope="session")
def _review_material(url: str, number: int, digest: str, _study: Study, _who: Principal) -> ReviewMaterial:
    from pipeline.cases.material import material_of

    return material_of(_study, reader=_who)
