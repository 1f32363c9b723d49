"""The sections about single utterances: aligned texts, players, and the inside of the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from asr.audio.waveforms import as_opus
from asr.decoding.hypothesis import Hypothesis, Span
from asr.reports.html.markup import Content, Markup, data_uri, joined, section, tag
from asr.reports.html.timeline import Row, TimeScale, draw, spectrogram, states, track, unit_rows
from asr.reports.inside import Direction, Inside
from asr.scoring.counts import AlignedToken
from asr.scoring.tables import visible
from asr.text.tokens import BLANK

if TYPE_CHECKING:
    from asr.scoring.score import ScoredUtterance

AUDIO_RATE = 16000
"""Sample rate of the players in Hz."""

_ERRORS = {"S": "substitution", "D": "deletion", "I": "insertion"}
_UNITS = 4  # of each direction of each layer


@dataclass(frozen=True, eq=False)
class Shown:
    """An utterance on the page.

    Attributes:
        scored: with its errors.
        places: how its hypothesis is aligned with its reference.
        hypothesis: with times.
        words: of the reference with their times; none where they are not known.
        phones: the same of phones.
        audio: samples at :data:`AUDIO_RATE`, shape (S,).
        inside: inside of the model over it.
    """

    scored: ScoredUtterance
    places: Sequence[AlignedToken]
    hypothesis: Hypothesis
    words: Sequence[Span]
    phones: Sequence[Span]
    audio: Tensor
    inside: Inside

    @property
    def player(self) -> str:
        """Id of its audio element."""
        return f"audio-{self.scored.utterance_id.encode(errors='replace').hex()}"

    @property
    def scale(self) -> TimeScale:
        """The time axis of its pictures."""
        return TimeScale.of(len(self.audio) / AUDIO_RATE)


def worst_section(utterances: Sequence[Shown], label: str, tokens: Sequence[str]) -> Markup:
    """Returns the utterances with the most errors, each with player, aligned texts and posteriors.

    Args:
        utterances: the worst first.
        label: of the hypotheses.
        tokens: names of the model's outputs.
    """
    if not utterances:
        return section("worst", "Worst utterances", tag("p", f"{label} has no errors."))
    told = "Above: what was heard, at the frames that show it. Over the spectrogram: the posteriors of tokens, from 0 "
    told += "at its foot to 1 at its top; blank is dotted. Below: the phones and words that were said, where their "
    told += "times are known. A click or tap into a picture plays from there."
    key = tag("p", *(joined([tag("b", f" {short} ", class_=short), f" {name} "]) for short, name in _ERRORS.items()))
    articles = [_article(utterance, tokens) for utterance in utterances]
    lead = tag("p", f"The {len(utterances)} utterances of {label} with the most errors, the most first. {told}")
    return section("worst", "Worst utterances", lead, key, *articles)


def _article(shown: Shown, tokens: Sequence[str]) -> Markup:
    counts, name = shown.scored.counts, shown.scored.utterance_id
    reference = shown.scored.reference
    facts = [f"{counts.errors} errors in {counts.num_ref}", f"{reference.duration:.1f} s"]
    facts += [f"speaker {reference.speaker}"] if reference.speaker else []
    picture = draw(_rows(shown, tokens), shown.scale, f"Posteriors over the spectrogram of {name}", shown.player)
    head = tag("h3", tag("span", name, dir="auto"))
    return tag("article", head, tag("p", ", ".join(facts), class_="dim"), _player(shown), _aligned(shown), picture)


def _player(shown: Shown) -> Markup:
    source = data_uri("audio/ogg", as_opus(shown.audio, AUDIO_RATE))
    name = f"Recording of {shown.scored.utterance_id}"
    return tag("audio", controls=True, preload="none", src=source, id=shown.player, aria_label=name)


def _aligned(shown: Shown) -> Markup:
    """Returns the aligned texts as a list, each item with the reference above the hypothesis."""
    items = []
    for place in shown.places:
        ref, hyp = (_text(token) for token in (place.ref, place.hyp))
        if not place.kind:
            items.append(tag("li", tag("span", ref), tag("span", hyp, aria_hidden="true")))
            continue
        kind = _ERRORS[place.kind]
        told = tag("span", f"{kind}: said {ref}, heard {hyp}; ", class_="unseen")
        both = tag("span", ref, aria_hidden="true") + tag("span", hyp, aria_hidden="true")
        mark = tag("i", place.kind, aria_hidden="true")
        items.append(tag("li", told, Markup(both), mark, class_=place.kind, title=kind))
    label = f"Alignment of {shown.scored.utterance_id}, what was said above what was heard"
    return tag("ol", *items, class_="aligned", dir="auto", aria_label=label)


def _text(token: str | None) -> str:
    return "\u2217" if token is None else visible(token)


def _rows(shown: Shown, tokens: Sequence[str]) -> list[Row]:
    heard = track("heard", shown.hypothesis.tokens, shown.scale, "heard")
    return [heard, spectrogram(shown.inside, shown.scale, tokens, BLANK), *_reference_rows(shown)]


def _reference_rows(shown: Shown) -> list[Row]:
    named = (("phones", shown.phones), ("words", shown.words))
    return [track(label, spans, shown.scale, "said") for label, spans in named if spans]


def gates_section(shown: Shown, checkpoint: str) -> Markup:
    """Returns gates and memory of selected units over an utterance, layer by layer.

    Args:
        shown: the utterance, its gates computed.
        checkpoint: that they are of.
    """
    directions = shown.inside.directions
    if not directions:
        told = f"{checkpoint} has no gates to show: its encoder is not of the LSTM family, or reads chunk by chunk."
        return section("gates", "What the carousel remembers", tag("p", told))
    lead = f"Input, forget and output gates and cell states of {checkpoint} over {shown.scored.utterance_id}, computed "
    lead += "frame by frame by the equations of its cells on their trained weights. A unit remembers as long as its "
    lead += "forget gate stays near 1: the times given are those in which the forget gates alone would let its "
    lead += "state fall to 1/e, on average. By these times, all units of each direction of each layer are divided into "
    lead += f"{_UNITS} equal groups, and of each group stands here the unit whose state c varies most, by the variance "
    lead += "of tanh(c). In the picture of all units red is a state above 0, blue one below, and the units that "
    lead += "remember longest stand at the top."
    names = (("input gate", "entry"), ("forget gate", "forget"), ("output gate", "opening"), ("cell state", "memory"))
    legend = tag("ul", *(tag("li", name, class_=style) for name, style in names), class_="legend")
    parts: list[Content] = [tag("p", lead), legend]
    for direction in directions:
        way = "backwards" if direction.is_backward else "forwards"
        title = f"Layer {direction.layer}, {way}"
        is_first = direction is directions[0]
        parts.append(tag("details", tag("summary", title), _direction(shown, direction, title), open=is_first))
    return section("gates", "What the carousel remembers", *parts)


def _direction(shown: Shown, direction: Direction, title: str) -> Markup:
    stride, units = shown.inside.stride, direction.chosen_units(_UNITS)
    rows = [*_reference_rows(shown), states(direction, shown.scale, stride)]
    for unit in units:
        rows += unit_rows(direction, unit, shown.scale, stride)
    told = []
    for unit in units:
        seconds = stride * direction.persistence(unit)
        told.append(f"unit {unit} {f'about {seconds:.2g} s' if seconds < 100 else 'more than 100 s'}")
    lasting = tag("p", f"How long they remember: {', '.join(told)}.", class_="dim")
    title = f"{title}: gates and cell states over {shown.scored.utterance_id}"
    return joined([lasting, draw(rows, shown.scale, title, shown.player)])
