"""What measured heatmaps allow us to say, in words: each sentence follows from numbers in explanations.json."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pipeline.evaluation.explanations_schema import BothWays, ExplainedSet, Explanations

MIN_MAPS: Final = 8  # least number of maps of an answer to say where their heat lies
ALIKE: Final = 0.5  # correlation with maps of random weights, below which a map mostly reflects what was learnt


def supported_statements(content: Explanations) -> list[str]:
    """Return the sentences that the measurements allow, and no others."""
    return [*(_faithful(content, tested) for tested in content.sets), _where(content), _sane(content)]


def _faithful(content: Explanations, tested: ExplainedSet) -> str:
    chance = "stretches in random order" if content.is_of_signal else "squares at random"
    words = {"random": chance, "occlusion": "covering every square in turn", "qrs": "just marking the QRS"}
    comparisons = [f"{_better(tested.against[name])} {text}" for name, text in words.items() if name in tested.against]
    drawn = f"{tested.beats} beats of {len(tested.records)} patients"
    if content.is_of_signal:
        drawn = f"the {tested.compared} beats not called N, of {drawn}"
    return f"**{tested.title}** ({drawn}): the map finds what the answer rests on {'; '.join(comparisons)}."


def _better(pair: BothWays) -> str:
    """Put a pair of differences into words (deletion, insertion; above 0 favours the map)."""
    ways = (pair.deletion, pair.insertion)
    wins = sum(way.low is not None and way.low > 0 for way in ways)
    losses = sum(way.high is not None and way.high < 0 for way in ways)
    if wins and losses:
        return "better by one measure and worse by the other than"
    if wins == 2:
        return "better than"
    if losses == 2:
        return "worse than"
    if wins or losses:
        return f"{'better' if wins else 'worse'} by one measure, undecided by the other, than"
    return "neither better nor worse (undecided) than"


def _where(content: Explanations) -> str:
    signal = content.is_of_signal
    names = {"qrs": "QRS", "p": "the P window", "rr": "the RR intervals" if signal else "the preceding RR interval"}
    found = []
    answers = content.sets[-1].answers
    for answer in (a for a in answers if a.beats - a.blank >= MIN_MAPS):
        more = [
            f"{names[part]} ({(heat.share.value or 0) * 100:.0f} % of it, {heat.ratio.value:.1f} times its share)"
            for part, heat in answer.places.items()
            if heat.ratio.low is not None and heat.ratio.low > 1
        ]
        if more:
            found.append(f"for {answer.answer} on {_listed(more)}")
    if not found:
        return "**Where:** on no part that was measured does more heat lie than on its share of the whole."
    area = "stretches, the RR intervals counting as one" if signal else "the picture's area"
    drawn = f"DS2, answers with {MIN_MAPS} maps or more; a part's share is that of {area}"
    return f"**Where:** heat gathers, beyond chance, {'; '.join(found)} ({drawn})."


def _sane(content: Explanations) -> str:
    last = content.randomised.stages[-1].correlation
    if last.value is None:
        return "**Weights:** no map shows anything, so none could be compared with those of random weights."
    measured = f"with all weights random, maps correlate {last.value:.2f} with the real ones"
    if last.low is None or last.high is None or last.low <= ALIKE <= last.high:
        return f"**Weights:** {measured}: whether they depend more on what the network learnt or not is undecided."
    if last.high < ALIKE:
        return f"**Weights:** {measured}: they depend on what the network learnt."
    seen = "signal" if content.is_of_signal else "picture"
    return f"**Weights:** {measured}: much of a map comes from the {seen} itself, whatever the network learnt."


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
