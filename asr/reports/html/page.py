"""The page of a run: one HTML file that requests nothing from anywhere."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from asr.decoding.hypothesis import Hypothesis, Span
from asr.errors import ConfigError, DataError
from asr.files import written_whole
from asr.models.acoustic import AcousticModel
from asr.reports.details import Details
from asr.reports.html.markup import Markup, joined, tag
from asr.reports.html.rates import confusions_section, groups_section, rates_section
from asr.reports.html.training import curves_section, settings_section
from asr.reports.html.utterances import AUDIO_RATE, Shown, gates_section, worst_section
from asr.reports.inside import look_inside
from asr.reports.page import Page

if TYPE_CHECKING:
    from asr.data.spoken import Spoken
    from asr.scoring.score import Score

_LINKS = (
    ("rates", "Error rates"),
    ("curves", "Learning curves"),
    ("groups", "Speakers and lengths"),
    ("confusions", "Confusions"),
    ("worst", "Worst utterances"),
    ("gates", "Gates"),
    ("settings", "Settings"),
)
_SHORTEST = 400  # samples of an utterance whose inside is computed


@dataclass(frozen=True, eq=False)
class Heard:
    """A test set with its hypotheses.

    Attributes:
        score: score of the hypotheses.
        hypotheses: with times, by utterance id.
        spoken: audio and times of the reference, by utterance id.
        number: number of utterances on the page, those with the most errors.
    """

    score: Score
    hypotheses: Mapping[str, Sequence[Hypothesis]]
    spoken: Mapping[str, Spoken]
    number: int


def write_html(
    path: Path,
    page: Page,
    details: Details | None,
    heard: Heard | None,
    advance: Callable[[float], None] = lambda _seconds: None,
) -> None:
    """Writes the page of a run.

    Args:
        path: the file.
        page: content of report.md.
        details: errors by utterance of one set of hypotheses; None if nothing is scored.
        heard: the same utterances with texts and audio; None without them.
        advance: called with the seconds of each utterance that is done.

    Raises:
        DataError: the audio of an utterance cannot be read, or the file cannot be written.
    """
    parts = [rates_section(page.run.scores, page.remedy), curves_section(page.run.history)]
    if details is not None:
        parts.append(groups_section(details))
    if heard is not None:
        parts += _heard_sections(page, heard, advance)
    else:
        remedy = f"asr report {page.exp_dir} --html {path} --cuts FILE"
        parts.append(
            tag("p", "For confusions, utterances and gates, name the cuts that were scored: ", tag("code", remedy))
        )
    parts.append(settings_section(page.settings))
    with written_whole(path) as beside:
        beside.write_bytes(whole(str(page.exp_dir), page.summary, parts).encode("utf-8", "replace"))


def whole(title: str, summary: str, parts: Sequence[Markup]) -> Markup:
    """Returns the document around the sections; its content policy forbids all requests.

    Args:
        title: of the page.
        summary: a line below it.
        parts: sections.
    """
    style, script = (files(__package__).joinpath(name).read_text("utf-8") for name in ("page.css", "page.js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:; script-src 'sha256-{digest}'"
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("link", rel="icon", href="data:,"),
        tag("title", title),
        tag("style", Markup(style)),
    )
    body = joined(parts)
    links = [tag("li", tag("a", text, href=f"#{name}")) for name, text in _LINKS if f'<section id="{name}"' in body]
    header = tag("header", tag("h1", title), tag("p", summary), tag("nav", tag("ul", *links), aria_label="Parts"))
    content = tag("body", header, tag("main", body), tag("script", Markup(script)))
    return Markup(f"<!doctype html>\n{tag('html', head, content, lang='en')}\n")


def _heard_sections(page: Page, heard: Heard, advance: Callable[[float], None]) -> list[Markup]:
    score, model = heard.score, page.loaded.model
    if not isinstance(model, AcousticModel):
        found = "is a transducer, whose inside is not shown frame by frame"
        raise ConfigError(page.exp_dir / page.checkpoint, found, "leave out --cuts")
    worst = score.worst(heard.number)
    shown: list[Shown] = []
    for scored, places in zip(worst, score.align(worst), strict=True):
        spoken, name = heard.spoken[scored.utterance_id], scored.utterance_id
        rate = model.frontend.sample_rate
        waveform = spoken.waveform(rate)
        if len(waveform) < _SHORTEST:
            raise DataError(name, f"has {len(waveform)} samples, too few to look at", "give a smaller --utterances")
        inside = look_inside(model, waveform, with_gates=not shown)
        words, phones = (_said(spoken, kind, score) for kind in ("word", "phone"))
        audio = waveform if rate == AUDIO_RATE else spoken.waveform(AUDIO_RATE)
        shown.append(Shown(scored, places, heard.hypotheses[name][0], words, phones, audio, inside))
        advance(scored.reference.duration)
    unit = score.rule.id.unit
    parts = [confusions_section(score.align(score.utterances), score.label, unit)]
    parts.append(worst_section(shown, score.label, page.loaded.tokens.tokens))
    return [*parts, gates_section(shown[0], page.checkpoint)] if shown else parts


def _said(spoken: Spoken, kind: str, score: Score) -> list[Span]:
    """Returns words or phones with their times, those that are scored in the form that the rule compares."""
    is_scored = score.rule.id.unit == kind
    spans = [replace(each, text=score.rule.apply(each.text, kind)) if is_scored else each for each in spoken.said(kind)]
    return [span for span in spans if span.text]
