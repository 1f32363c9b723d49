"""The sections about errors: rates with intervals, by speaker and by length, and confusions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from asr.reports.details import Details, Part, by_length, by_speaker
from asr.reports.html.markup import Content, Markup, joined, scrolling, section, table, tag
from asr.reports.summary import ScoredFile
from asr.scoring.counts import AlignedToken, ErrorCounts
from asr.scoring.tables import percent_interval, visible

_WIDTH = 160  # of the pictures of intervals
_FEW = 12  # speakers that are shown at once
_MOST_TOKENS = 48  # of a heat map, those with the most errors
_MOST_PAIRS = 20
_CELL = 14
_LEFT_OUT = "(nothing)"
_RATE_HEADS, _COUNT_HEADS = ["error rate, %", "95 % interval"], ["reference", "substituted", "deleted", "inserted"]


def rates_section(scores: Sequence[ScoredFile], remedy: str) -> Markup:
    """Returns the error rates with their intervals and rules.

    Args:
        scores: of a run.
        remedy: the command that scores, shown where there are none.
    """
    if not scores:
        return section("rates", "Error rates", tag("p", "Nothing is scored yet: ", tag("code", remedy)))
    most = _most(scores)
    head = ["hypotheses", *_RATE_HEADS, _range_head(most), "unit", "scored under", *_COUNT_HEADS]
    rows = [
        [score.label, *_rate(score.counts, score.interval, most), score.unit, score.policy, *_counts(score.counts)]
        for score in scores
    ]
    told = "Intervals by bootstrap over speakers, or over utterances where a speaker is not known."
    rates = table(head, rows, "Error rates of the hypotheses that were scored")
    return section("rates", "Error rates", rates, tag("p", told, class_="dim"))


def groups_section(details: Details) -> Markup:
    """Returns the errors of one set of hypotheses by speaker and by length."""
    speakers = by_speaker(details)
    parts: list[Content] = [tag("p", f"Of {details.label}, {details.rule}.")]
    if speakers:
        whole = _parts_table("speaker", speakers, "Errors by speaker, the most first")
        some = f"{len(speakers)} speakers"
        parts.append(whole if len(speakers) <= _FEW else tag("details", tag("summary", some), whole, open=True))
    else:
        parts.append(tag("p", "Not all speakers are known."))
    lengths = f"{details.rule.unit}s of the reference"
    parts.append(_parts_table(lengths, by_length(details), f"Errors by length of the utterance, in {lengths}"))
    return section("groups", "Errors by speaker and by length", *parts)


def _parts_table(head: str, parts: Sequence[Part], caption: str) -> Markup:
    most = _most(parts)
    rows = [
        [part.name, str(part.num_utterances), *_rate(part.counts, part.interval, most), *_counts(part.counts)]
        for part in parts
    ]
    return table([head, "utterances", *_RATE_HEADS, _range_head(most), *_COUNT_HEADS], rows, caption)


def _most(rated: Sequence[ScoredFile | Part]) -> float:
    """Returns the end of the scale of all rates and their intervals."""
    bounds = (each.interval[1] if each.interval else each.counts.rate for each in rated if each.counts.num_ref)
    return max(bounds, default=1.0)


def _range_head(most: float) -> Markup:
    return tag("span", f"0 to {100 * most:.0f} %", class_="range-head")


def _rate(counts: ErrorCounts, interval: tuple[float, float] | None, most: float) -> list[Content]:
    """Returns the cells of a rate: number, interval, and a picture of both."""
    if not counts.num_ref:
        return ["-", "-", "-"]
    scale = _WIDTH / (most or 1.0)
    bars = [tag("rect", x=0, y=3, width=counts.rate * scale, height=10, class_="rate")]
    if interval is not None:
        low, high = (bound * scale for bound in interval)
        bars.append(tag("path", d=f"M{low:.1f} 8H{high:.1f}M{low:.1f} 4V12M{high:.1f} 4V12", class_="interval"))
    picture = tag(
        "svg", *bars, width=_WIDTH + 2, height=16, viewBox=f"-1 0 {_WIDTH + 2} 16", aria_hidden="true", class_="range"
    )
    return [f"{100 * counts.rate:.2f}", percent_interval(interval), picture]


def _counts(counts: ErrorCounts) -> list[str]:
    numbers = (counts.num_ref, counts.substitutions, counts.deletions, counts.insertions)
    return [f"{number:,}" for number in numbers]


def confusions_section(alignments: Iterable[Sequence[AlignedToken]], label: str, unit: str) -> Markup:
    """Returns a heat map of confused phones or characters, and the most frequent errors of any unit.

    Args:
        alignments: of each utterance.
        label: of the hypotheses.
        unit: what the tokens are.
    """
    pairs = Counter((place.ref, place.hyp) for each in alignments for place in each if not place.is_forgiven)
    wrong = [(pair, count) for pair, count in pairs.most_common() if pair[0] != pair[1]]
    said = Counter[str | None]()
    for (ref, _), count in pairs.items():
        said[ref] += count
    rows = [
        [_shown(ref), _shown(hyp), f"{count:,}", "-" if ref is None else f"{100 * count / said[ref]:.1f}"]
        for (ref, hyp), count in wrong[:_MOST_PAIRS]
    ]
    heads = ["said", "heard", "times", "share of said, %"]
    frequent = table(heads, rows, f"The {len(rows)} most frequent errors of {label}")
    if unit == "word":
        return section("confusions", "Confusions", frequent)
    told = f"Of {label}: each row is what was said, each column what was heard in its place. Blue is right, red is "
    told += "wrong, and the stronger the colour, the greater the share of what was said; the last row is inserted."
    told += f" Of all tokens these are the {_MOST_TOKENS} with the most errors." if len(said) > _MOST_TOKENS + 1 else ""
    both = tag("div", _heat_map(pairs, said), frequent, class_="beside")
    return section("confusions", "Confusions", tag("p", told), both)


def _heat_map(pairs: Counter[tuple[str | None, str | None]], said: Counter[str | None]) -> Markup:
    """Returns the heat map of all pairs, as shares of the reference token; correct ones have another colour."""
    errors = Counter[str]()
    for (ref, hyp), count in pairs.items():
        for token in {ref, hyp} - {None}:
            errors[str(token)] += count if ref != hyp else 0
    names: list[str | None] = [*sorted(token for token, _ in errors.most_common(_MOST_TOKENS)), None]
    place = {name: number for number, name in enumerate(names)}
    start, size = 62, _CELL * len(names)
    cells = []
    for (ref, hyp), count in sorted(pairs.items(), key=lambda item: -item[1]):
        if ref not in place or hyp not in place:
            continue
        share = count / (said[ref] or 1)
        told = f"{_shown(ref)} heard as {_shown(hyp)}: {count:,} times"
        told += "" if ref is None else f", {100 * share:.1f} % of {said[ref]:,}"
        shape = {"x": start + _CELL * place[hyp], "y": start + _CELL * place[ref], "width": _CELL, "height": _CELL}
        style = "right" if ref == hyp else "wrong"
        strength = max(0.06, share**0.6) if ref is not None else 0.4
        cells.append(tag("rect", tag("title", told), **shape, class_=style, opacity=strength))
    middle = [start + _CELL * number + _CELL / 2 for number in range(len(names))]
    rows = [
        tag("text", _shown(name), x=start - 4, y=y + 4, text_anchor="end")
        for name, y in zip(names, middle, strict=True)
    ]
    columns = [
        tag("text", _shown(name), transform=f"translate({x + 4:.1f} {start - 4}) rotate(-90)")
        for name, x in zip(names, middle, strict=True)
    ]
    frame = tag("rect", x=start, y=start, width=size, height=size, class_="frame")
    title = "Heat map of confusions; the table beside it has the most frequent errors"
    whole = start + size + 4
    svg = tag(
        "svg",
        tag("title", title),
        joined([*cells, frame, *rows, *columns]),
        viewBox=f"0 0 {whole} {whole}",
        width=whole,
        role="img",
        class_="heat",
    )
    return scrolling(svg, title)


def _shown(token: str | None) -> str:
    return _LEFT_OUT if token is None else visible(token)
