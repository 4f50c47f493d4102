"""Sections of the Evaluation page: class sets, noise and lost leads, and one network against another."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from app.common.text import plain
from app.evaluation import charts, tables
from app.evaluation.shared import EvaluationView, beside, show_caption, show_figure, show_table
from pipeline.errors import DataError
from pipeline.evaluation.stress_schema import StressTest
from pipeline.evaluation.uncertainty_schema import PatientsTested, RandomHalves, Uncertainty
from pipeline.wording import grouped, percent, share

SWAPS_SHOWN = 2000


def show_uncertainty(view: EvaluationView) -> None:
    """Class sets that contain the truth, patient by patient, and when to leave a beat to a person."""
    found = view.evaluation.uncertainty
    if not found:
        command = f"python -m pipeline evaluate --model {view.name} --uncertainty"
        st.info(f"No class sets were calibrated for this network on this data; run `{command}` (kept with DS2).")
        return
    alpha, delta, calibrated = found.alpha, found.delta, found.calibration
    st.write(
        "Instead of one class, the network can name a set that should hold the truth for "
        f"{percent(1 - alpha)} of the beats. The threshold comes from {len(calibrated.records)} patients of "
        f"{plain(calibrated.database)}; the patients named below test it, and nothing was tuned on them. "
        "**Beats pooled** is the usual way; its promise does not hold for a patient, because one patient's beats "
        f"resemble each other. **Patients as units** promises: {percent(1 - delta)} of new patients, if like those, "
        f"have at least {percent(1 - alpha)} of their beats held."
    )
    for tested in found.tested:
        st.subheader(plain(tested.title), anchor=False)
        figure = charts.patients_held(tested.methods, tables.METHODS, 1 - alpha, view.colours)
        alt = f"Beats held patient by patient, {tested.name}"
        show_figure(view, figure, alt, source=show_uncertainty_source)
        show_table(tables.class_sets(tested), f"{view.name}-class-sets-{tested.name}.csv")
    if found.halves:
        st.write(_over_halves(found.halves, plain(calibrated.database)))
    show_abstention(view, found)


def _over_halves(halves: RandomHalves, database: str) -> str:
    """What other halves of the database would have given: the range over random halves."""
    held = halves.patients_held
    means = [f"{share(held[name].mean)} ({title.lower()})" for name, title in tables.METHODS.items()]
    return (
        f"Over {halves.repeats} random halves of {database} instead of the one, the share of patients with 95 % of "
        f"beats held was on average {', '.join(means)}."
    )


def show_abstention(view: EvaluationView, found: Uncertainty) -> None:
    """Risk against coverage, and the calibrated rule for leaving beats to a person."""
    st.subheader("When to leave a beat to a person", anchor=False)
    target, confidence = found.abstention.target, found.abstention.confidence
    rule = (
        "no confidence is high enough for"
        if confidence is None
        else f"answering from a confidence of {percent(confidence)} on keeps"
    )
    lines = [
        f"On the calibration patients, {rule} at most {percent(target)} of a patient's beats answered wrongly, on "
        "average."
    ]
    for tested in found.tested:
        row = tested.abstention
        lines.append(
            f"{plain(tested.title)}: {share(row.answered)} of the beats answered, "
            f"{share(row.error)} of these wrong; {share(row.wrong)} of a patient's beats "
            f"wrong on average, {share(row.worst)} at worst."
        )
    st.markdown("\n".join(f"- {line}" for line in lines))
    left = "\n".join(f"- {_left_to_a_person(tested)}" for tested in found.tested)
    st.markdown(f"{_rule(found.tested[0].app.below)}\n{left}")
    groups = {tested.title: tested.risk for tested in found.tested}
    figure = charts.risk(groups, rules_on_curve(found), view.colours)
    show_figure(view, figure, "Errors against the share of beats kept", source=show_uncertainty_source)


def rules_on_curve(found: Uncertainty) -> dict[str, list[tuple[float | None, float | None]]]:
    """The points (coverage, error) of the calibrated rule and of the app's, on each test set."""
    answered = [row.abstention for row in found.tested if row.abstention.error is not None]
    rules = [row.app for row in found.tested]
    return {
        "the calibrated rule": [(row.answered, row.error) for row in answered],
        f"in this app: confidence {percent(rules[0].below)} or more": [
            (rule.on_curve.coverage, rule.on_curve.error) for rule in rules
        ],
        "in this app, with the quality gate": [(rule.answered, rule.error.answered) for rule in rules],
    }


def _rule(below: float) -> str:
    return (
        f"**In this app** a beat stays unclassified where noise hides its waves (the quality gate), where it cannot be "
        f"read, or where the confidence is below {percent(below)}, which the surest 99 % of the beats of held-out "
        "training patients reached:\n"
    )


def _left_to_a_person(tested: PatientsTested) -> str:
    """What the rule of the app does to one test set."""
    rule, error = tested.app, tested.app.error
    answered = rule.answered or 0.0
    gate = (
        "the gate stops none (its work amid noise: section Noise and leads)"
        if not rule.noisy
        else f"the gate stops {share(rule.noisy)}, of which {share(error.noisy)} would be wrong"
    )
    unsure = "none is unsure" if not rule.unsure else (
        f"{share(rule.unsure)} are unsure, of which {share(error.unsure)} would be wrong"
    )  # fmt: skip
    return (
        f"{plain(tested.title)}: {grouped((1 - answered) * rule.beats)} of {grouped(rule.beats)} "
        f"beats become unclassified ({share(1 - answered)}): {share(rule.unread)} cannot be read, {gate}, "
        f"and {unsure}. Of the rest {share(error.answered)} are wrong; of all beats, {share(error.all)}."
    )


def show_uncertainty_source(view: EvaluationView) -> None:
    """The command that calibrated the sets."""
    if found := view.evaluation.uncertainty:
        show_caption(found.provenance, f"models/weights/{view.name}/{view.file.name}")


def show_stress(view: EvaluationView) -> None:
    """Scores under added noise and with one lead alone."""
    command = f"python -m pipeline evaluate --model {view.name} --stress"
    content = beside(view, "stress.json", StressTest)
    if content is None:
        st.info(f"This network has not been measured amid noise; run `{command}`.")
        return
    st.write(
        f"{grouped(content.beats)} beats of DS2, drawn from each record and class, were read again and again at the "
        "reference places while noise of the MIT-BIH Noise Stress Test Database was mixed into both leads, with one "
        "lead alone, or sampled more slowly or faster. Counts are weighted to stand for all beats; the dotted line is "
        "without added noise. Beats that the app leaves unclassified count here by what the network would have said; "
        "the last columns say how many these are, how right the rest is, and what the quality gate stops."
    )
    measure = st.segmented_control(
        "Measure", list(tables.STRESSED), format_func=tables.STRESSED.__getitem__, default="V_f1", required=True,
        key=f"stress-{view.name}",
    )  # fmt: skip
    noisy = [(row, row.snr_db) for row in content.conditions if row.noise and row.snr_db is not None]
    lines = {
        title: [(snr_db, tables.stressed(row, measure)) for row, snr_db in noisy if row.title.startswith(title)]
        for title in dict.fromkeys(row.title.split(",")[0] for row, _ in noisy)
    }
    clean = tables.stressed(next(row for row in content.conditions if row.name == "clean"), measure)
    figure = charts.noise(lines, clean, tables.STRESSED[measure], view.colours)
    file = f"models/weights/{view.name}/stress.json"
    show_figure(view, figure, "Score against noise", source=lambda _: show_caption(content.provenance, file))
    show_table(tables.stress(content), f"{view.name}-stress.csv")


def show_against(view: EvaluationView) -> None:
    """The network in view against another one on the same patients."""
    everyone = view.everyone
    others = [name for name in everyone if name != view.name]
    if not others:
        st.info("There is no other network to compare with.")
        return
    from pipeline.evaluation.compare import compare_reports, shared
    from pipeline.evaluation.report import S_RECORD

    other = st.selectbox("Compare with", others, format_func=lambda n: tables.title_of(n, everyone[n]), key="other")
    among = view.evaluation.split == "ds2"
    leave_out = among and st.toggle(f"Without record {S_RECORD}", key="other-without-s-record")
    try:
        reports = shared(view.report, everyone[other].of(view.kind))
        found = compare_reports(*reports, without=(S_RECORD,) if leave_out else (), swaps=SWAPS_SHOWN)
    except DataError as error:
        st.warning(plain(str(error)))
        return
    names = (tables.title_of(view.name, view.evaluation), tables.title_of(other, everyone[other]))
    both, most = len(reports[0].records), max(len(everyone[n].of(view.kind).records) for n in (view.name, other))
    if both < most:
        st.info(f"On the {both} recordings that both were tested on; one of the networks was trained on the others.")
    drawn = [(tables.measure_title(d.measure), d.difference, d.low, d.high) for d in found.differences]
    command = f"python -m pipeline evaluate --compare {view.name} {other} --split {view.evaluation.split}"
    made = replace(view.evaluation.provenance, command=command)
    files = f"models/weights/*/{view.file.name}"
    show_figure(
        view, charts.differences([d for d in drawn if d[1] == d[1]], view.colours), f"Difference to {other}",
        source=lambda _: show_caption(made, files),
    )  # fmt: skip
    st.write(
        "Intervals come from drawing the patients anew, the same for both networks; p is how often a random exchange "
        "of the two networks, patient by patient, differs as much. An interval that holds 0 leaves open who is better."
    )
    show_table(tables.differences(found.differences, names), f"{view.name}-against-{other}-{view.kind}.csv")
    if found.mcnemar:
        test = found.mcnemar
        st.write(
            f"Only {plain(names[0])} names {grouped(test.only_first)} beats rightly, only {plain(names[1])} "
            f"{grouped(test.only_second)}. "
            f"McNemar's test with patients as units: {_p(test.p_patients)}. The usual test over beats would claim "
            f"{_p(test.p_beats)}, because it takes the beats of one patient for independent; they are not."
        )


def _p(p: float) -> str:
    words = tables.p_value(p)
    return f"p {words}" if words.startswith("<") else f"p = {words}"
