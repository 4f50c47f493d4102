"""Dataset: the beats that the networks were trained and tested on, counted, with their known flaws."""

import pandas as pd
import streamlit as st

from app.common.text import formatted
from app.common.theme import on_theme, palette
from app.dataset.charts import CONFIG, RR_BEATS_MIN, class_counts, rr_distribution
from app.dataset.folder import show_folder
from app.dataset.make_pictures import show_make_pictures
from pipeline.datasets.catalogue import CATALOGUE
from pipeline.datasets.samples import load_samples
from pipeline.datasets.statistics import RR_BIN_MS, RecordStatistics, Statistics, load_statistics
from pipeline.errors import DataError
from pipeline.labels import AAMI_CLASSES, CLASS_NAMES, LabelTable
from pipeline.wording import clock, grouped, share

GROUPS = {"ds1": "DS1 (training)", "ds2": "DS2 (test)", "paced": "Paced (left out)", "svdb": "svdb"}
TABLES: dict[LabelTable, str] = {"de_chazal": "de Chazal", "bxb": "WFDB bxb"}
TWIN_NAMES = {"signals": "whole signals, lead by lead", "beats": "beats, all leads over the picture's window"}


def main() -> None:
    """The page, from top to bottom."""
    st.title("Dataset")
    public, make, own = st.tabs(["Training and test data", "Make pictures", "Your own folder"])
    with public:
        _public()
    with make:
        show_make_pictures()
    with own:
        show_folder()


def _public() -> None:
    """What the networks were trained and tested on."""
    st.markdown(
        "What the networks were trained and tested on: public recordings whose every beat was labelled by experts. "
        "All figures here were counted by `python -m pipeline data --statistics`."
    )
    try:
        statistics = load_statistics()
    except DataError as error:
        st.error(str(error))
        return
    _sets(statistics)
    _records(statistics)
    _samples()
    _intervals(statistics)
    _leads(statistics)
    _split()
    _duplicates(statistics)
    _sources(statistics)


def _sets(statistics: Statistics) -> None:
    st.header("Beats per class")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        table = st.segmented_control(
            "Escape beats count as N (de Chazal) or S (bxb)",
            list(TABLES),
            default="de_chazal",
            required=True,
            wrap=True,
            format_func=lambda name: TABLES[name],
            key="dataset_table",
        )
        log = st.toggle("Logarithmic", value=True, key="dataset_log")
    groups = [group for group in GROUPS if group in statistics.groups()]
    counts = {GROUPS[group]: statistics.counts(group, table) for group in groups}
    st.plotly_chart(
        class_counts(counts, palette(), log=log), config=CONFIG, key="dataset_sets", alt="Beats per class of each set"
    )
    numbers = formatted(_set_table(statistics, groups, table), dict.fromkeys(AAMI_CLASSES, grouped))
    st.dataframe(numbers, hide_index=True, alt="Beats per class of each set, in numbers")
    st.markdown(_imbalance(counts[GROUPS["ds1"]]))
    st.caption("; ".join(f"{name}: {CLASS_NAMES[name].lower()}" for name in AAMI_CLASSES) + ".")


def _set_table(statistics: Statistics, groups: list[str], table: LabelTable) -> pd.DataFrame:
    rows = []
    for group in groups:
        inside = [record for record in statistics.records if record.group == group]
        hours = sum(record.duration_s for record in inside) / 3600
        counts = statistics.counts(group, table)
        rows.append({"Set": GROUPS[group], "Records": len(inside), "Hours": round(hours), **counts})
    return pd.DataFrame(rows)


def _imbalance(counts: dict[str, int]) -> str:
    total = sum(counts.values())
    rare = ", ".join(f"one {name} for every {grouped(counts['N'] / counts[name])}" for name in "SVF")
    return (
        f"**The classes are far from balanced.** In DS1, {share(counts['N'] / total)} of the beats are N: {rare} of "
        f"them. A network that always says N would be right that often, so accuracy alone says nothing. "
        f"Q has {counts['Q']} beats once paced records are left out: no score for Q means anything."
    )


def _title(group: str) -> str:
    return GROUPS[group]


def _records(statistics: Statistics) -> None:
    st.header("Beats per record")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        group = st.segmented_control(
            "Set",
            list(GROUPS),
            default="ds2",
            required=True,
            wrap=True,
            format_func=_title,
            key="dataset_group",
        )
        log = st.toggle("Logarithmic", value=False, key="dataset_record_log")
    inside = [record for record in statistics.records if record.group == group]
    counts = {record.record: record.counts["de_chazal"] for record in inside}
    st.plotly_chart(
        class_counts(counts, palette(), log=log),
        config=CONFIG,
        key="dataset_records",
        alt="Beats per class of each record",
    )
    st.markdown(_concentration(inside))


def _concentration(records: list[RecordStatistics]) -> str:
    """Which record holds most of the S and V beats: one patient can decide a score."""
    sentences = []
    for name in "SVF":
        total = sum(record.counts["de_chazal"][name] for record in records)
        if total:
            most = max(records, key=lambda record: record.counts["de_chazal"][name])
            sentences.append(f"record {most.record} holds {share(most.counts['de_chazal'][name] / total)} of {name}")
    if not sentences:
        return ""
    return f"**Few patients decide a score:** {', '.join(sentences)}. Scores are therefore given per record too."


def _samples() -> None:
    st.header("Sample pictures")
    st.markdown(
        "What the networks see of a beat. Above, the beat: black is the first lead, green the second, blue the "
        "recording's own usual beat. Below, three seconds of rhythm on each side, and the neighbouring RR intervals "
        "as bars."
    )
    try:
        sheet, beats = load_samples()
    except DataError as error:
        st.error(str(error))
        return
    name = st.segmented_control(
        "Class",
        AAMI_CLASSES,
        default="V",
        required=True,
        wrap=True,
        format_func=lambda name: f"{name} - {CLASS_NAMES[name]}",
        key="dataset_class",
    )
    with st.container(horizontal=True, gap="medium"):
        for beat in (beat for beat in beats if beat.aami == name):
            rows, columns = (
                slice(beat.top_px, beat.top_px + beat.height_px),
                slice(beat.left_px, beat.left_px + beat.width_px),
            )
            caption = f"{beat.dataset} {beat.record}, {clock(beat.time_s)}, {' and '.join(beat.leads)}"
            picture, alt = on_theme(sheet[rows, columns]), f"A beat of class {name}: {caption}"
            st.image(picture, caption=caption, width=beat.width_px, alt=alt)


def _intervals(statistics: Statistics) -> None:
    st.header("RR intervals per class")
    groups = [group for group in GROUPS if group in statistics.rr_counts]
    group = st.segmented_control(
        "Set",
        groups,
        default="ds1",
        required=True,
        wrap=True,
        format_func=_title,
        key="dataset_rr_group",
    )
    st.plotly_chart(
        rr_distribution(statistics.rr_counts[group], RR_BIN_MS, palette()),
        config=CONFIG,
        key="dataset_rr",
        alt="Distribution of the RR interval before the beats of each class",
    )
    st.caption(
        f"Bins of {RR_BIN_MS} ms; the last one also holds all longer intervals. Classes with fewer than {RR_BEATS_MIN} "
        "beats are left out."
    )


def _leads(statistics: Statistics) -> None:
    st.header("Records and their leads")
    rows = [
        {
            "Record": record.record,
            "Set": GROUPS.get(record.group, record.group),
            "First signal": record.leads[0],
            "Second signal": record.leads[1] if len(record.leads) > 1 else "",
            "Beats": record.n_beats,
            "Mean heart rate, bpm": record.heart_rate_bpm,
            "Duration, min": round(record.duration_s / 60, 1),
            "Sampling, Hz": record.fs_hz,
        }
        for record in statistics.records
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, height=320, alt="Leads, beats and heart rate of each record")
    mitdb = [record for record in statistics.records if record.dataset == "mitdb"]
    second = [record.record for record in mitdb if "MLII" in record.leads[1:]]
    without = [record.record for record in mitdb if "MLII" not in record.leads]
    st.markdown(
        f"Lead MLII is the **second** signal in record {', '.join(second)}, and records {' and '.join(without)} have "
        "none: leads are chosen by name, never by position. In svdb the leads have no names and differ from record "
        "to record."
    )


def _split() -> None:
    st.header("How the split is made")
    st.markdown(
        "- **By patient, never by beat.** DS1 trains, DS2 tests, 22 records each, as de Chazal and others divided them "
        "in 2004. Beats of one person look alike: with beats drawn at random, a network recognises the person.\n"
        "- **Choices are made inside DS1**, on records held out of training. DS2 is scored, not tuned on.\n"
        "- **Paced records** (102, 104, 107, 217) are in neither set, as ANSI/AAMI EC57 asks.\n"
        "- **Not perfect:** records **201** (DS1) and **202** (DS2) are of the same man, so one of the 22 test records "
        "is not of a new person.\n"
        "- **Small:** 47 people, recorded in Boston between 1975 and 1979. Arrhythmias were chosen to be many, so the "
        "share of each class here is not that of a clinic.\n"
        "- **The demo** is part of record 208, which is a training record: it shows the application, not its accuracy."
    )


def _duplicates(statistics: Statistics) -> None:
    st.header("Duplicates")
    rows = [
        {
            "Compared": TWIN_NAMES.get(kind, kind),
            "How many": twins.compared,
            "Byte-identical groups": twins.groups,
            "Across sets": twins.across_sets,
        }
        for kind, twins in statistics.twins.items()
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, alt="Byte-identical signals and beats")
    found = [group for twins in statistics.twins.values() for group in twins.listed]
    if found:
        st.code("\n".join(" = ".join(group) for group in found), language=None)
    else:
        st.markdown("No signal and no beat occurs twice, within a set or across sets (SHA-256 of the samples).")


def _sources(statistics: Statistics) -> None:
    st.header("Source, licence, citation")
    for dataset in CATALOGUE.values():
        st.markdown(f"**{dataset.title}** ({dataset.name} {dataset.version}, {dataset.licence}): {dataset.purpose}.")
        st.markdown(f"{dataset.page_url}  \n{dataset.citation[0]}.")
    st.markdown(f"All by way of PhysioNet: {next(iter(CATALOGUE.values())).citation[1]}.")
    svdb = sum(record.dataset == "svdb" for record in statistics.records)
    st.caption(
        "The databases are not part of HeartVision; `python -m pipeline data` downloads and verifies them. svdb is "
        f"used with the {svdb} of its 78 records whose checksums the project knows. Counted by "
        f"`{statistics.provenance['command']}` at commit {statistics.provenance['commit']}."
    )


main()
