"""Adapts a model file to recordings: hot words, n-gram, scales, each kept only if it makes fewer errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from asr.adaptation.language import mix_in
from asr.adaptation.recordings import Division, Spoken, divide, find_recordings, read_recordings, seconds
from asr.adaptation.scales import learn_scales
from asr.adaptation.targets import find_target
from asr.adaptation.trial import Outcome, count_word_errors, total
from asr.checkpoints.model_file.adapted import Changes, write_adapted
from asr.checkpoints.model_file.card import Card
from asr.checkpoints.model_file.hotwords import Pronounced
from asr.checkpoints.model_file.reading import ModelFile, load_model_file, read_headline
from asr.decoding.phrases import find_phrases
from asr.errors import CheckpointError, ConfigError, DataError
from asr.files import temporary_folder
from asr.lm.sentences import SentenceReader
from asr.models.acoustic import AcousticModel
from asr.scoring.bootstrap import LEVEL
from asr.scoring.counts import ErrorCounts
from asr.scoring.rules import PolicyRule
from asr.text.hotwords import Hotwords, Pronounce
from asr.text.lexicon import Lexicon
from asr.tuning.sources import rule_of

_MOST_NAMED = 3


@dataclass(frozen=True)
class Wishes:
    """What a model is adapted with.

    Attributes:
        model: the model file, or "english" for the model in the box.
        recordings: folder or list of recordings with transcripts.
        hotwords: words and phrases that are expected; None for none.
        texts: text files, one sentence a line, for the n-gram model.
        pronounce: pronounces words that a lexicon of phones lacks; None for the model in the file, if it has one.
        seed: of the drawing of what is held out.
    """

    model: str
    recordings: str
    hotwords: Hotwords | None = None
    texts: tuple[str, ...] = ()
    pronounce: Pronounce | None = None
    seed: int = 0


@dataclass(frozen=True)
class Adapted:
    """What came of an adaptation.

    Attributes:
        outcomes: of each part that was tried or could not be, then of all that was kept.
        scope: what was adapted to, and what was held out.
    """

    outcomes: tuple[Outcome, ...]
    scope: str

    @property
    def has_gained(self) -> bool:
        """Whether anything was kept."""
        return any(each.is_kept for each in self.outcomes)

    def refusal(self, recordings: str) -> DataError:
        """Returns the error for an adaptation that brought nothing."""
        tried = [f"{each.part} {total(each.after).errors}" for each in self.outcomes if each.after is not None]
        counts = total(self.outcomes[0].before)
        made = f": {', '.join(tried)}" if tried else ", and nothing could be tried"
        found = f"no part makes fewer than {counts.errors} errors in the {counts.num_ref} words held out{made}"
        return DataError(recordings, found, "nothing is written; take the model as it is, or record more")


class _NotTriedError(Exception):
    """A part that cannot be tried with this model."""


def adapt(wishes: Wishes, out: str | Path, card_of: Callable[[Card, Adapted], Card]) -> Adapted:
    """Adapts a model file and writes the result, if anything made fewer errors in the recordings held out.

    A fifth of the recordings is held out. The parts are tried one after the other: hot words, the n-gram model, scales
    of hidden units. Each is written to a file with the parts kept so far, and the file decodes what is held out: the
    part is kept if it makes fewer errors in all. How sure that is, is not asked of a part, but told.

    Args:
        wishes: what is adapted, and with what.
        out: the new model file.
        card_of: returns its card, for the old card and what came of the adaptation.

    Returns:
        What came of each part; the file is written if :attr:`Adapted.has_gained`.

    Raises:
        AsrError: a file cannot be read or written, the recordings are unfit, or the model cannot be adapted.
    """
    read_headline(wishes.model)  # a file of another kind is told before recordings are looked for
    cuts = find_recordings(wishes.recordings)
    file = _load(wishes)
    rule = rule_of(file.settings, file.first.tokens, file.first.policy)
    if rule.unit != "word":
        found = "writes phones without a lexicon, and words are counted"
        raise CheckpointError(wishes.model, found, "take a model whose decoder has a lexicon")
    spoken = read_recordings(cuts, rule, file.sample_rate)
    division = divide(spoken, wishes.seed)
    work = _Work(file, wishes, rule, division)
    with TemporaryDirectory(dir=temporary_folder()) as folder:
        kept, outcomes = _try_parts(work, Path(folder) / "tried.asr")
    adapted = Adapted(tuple(outcomes), _scope(division, file.sample_rate, wishes.seed))
    if adapted.has_gained:
        write_adapted(file, kept, card_of(file.card, adapted), out)
    return adapted


def _load(wishes: Wishes) -> ModelFile:
    file = load_model_file(wishes.model)
    if file.portable:
        raise CheckpointError(wishes.model, "holds an ONNX network, which cannot be adapted", "export it without onnx")
    if wishes.hotwords is not None and (file.settings.beam_size == 1 or file.settings.exact):
        found = "decodes without a beam, which hot words need"
        raise CheckpointError(wishes.model, found, "leave them out, or export it with --settings of a beam")
    return file


@dataclass(frozen=True, eq=False)
class _Work:
    file: ModelFile
    wishes: Wishes
    rule: PolicyRule
    division: Division

    def parts(self) -> Iterator[tuple[str, Callable[[Changes], tuple[Changes, str]]]]:
        """Yields the name of each part, and what adds it to changes and says what it is."""
        if self.wishes.hotwords is not None:
            yield "hot words", self.with_hotwords
        yield "n-gram", self.with_ngram
        yield "scales", self.with_scales

    def with_hotwords(self, changes: Changes) -> tuple[Changes, str]:
        """Adds the hot words, with the pronunciations of those that the lexicon lacks."""
        hotwords = self.wishes.hotwords
        assert hotwords is not None
        phrases = find_phrases(hotwords, self.file.first.tokens, self.file.first.policy)
        pronounce, lexicon = hotwords.pronounce or self._pronounce, self.file.lexicon
        if pronounce is not None and lexicon is not None:
            lacking = {word for phrase in phrases for word in phrase.words if word not in lexicon}
            spoken = pronounce(sorted(lacking))
            hotwords = replace(hotwords, pronounce=Pronounced(dict(spoken.entries)))
        return replace(changes, hotwords=hotwords), f"{len(phrases)}, score {hotwords.score:g} per letter"

    def with_ngram(self, changes: Changes) -> tuple[Changes, str]:
        """Mixes a model of the transcripts and the texts into the n-gram model."""
        if self.file.parts.lm is None:
            raise _NotTriedError("the model has no n-gram model")
        outer, inner = ([each.text.split() for each in part] for part in (self.division.outer, self.division.inner))
        texts = list(SentenceReader(self.wishes.texts, self.rule.policy))
        try:
            mixed = mix_in(self.file.parts, outer, inner, texts, self._pronounce)
        except DataError as error:
            raise _NotTriedError(f"{error.where}: {error.found}") from None
        told = f"weight {mixed.weight:.3f}, perplexity {mixed.before:.1f} to {mixed.after:.1f}"
        if mixed.ngram is None:
            raise _NotTriedError(told)
        told += f", {mixed.num_new} new words" if mixed.num_new else ""
        if mixed.mute:
            named = ", ".join(mixed.mute[:_MOST_NAMED]) + (", …" if len(mixed.mute) > _MOST_NAMED else "")
            told += f", {len(mixed.mute)} words without spelling ({named})"
        return replace(changes, ngram=mixed.ngram, trie=mixed.trie), told

    def with_scales(self, changes: Changes) -> tuple[Changes, str]:
        """Learns scales of the hidden units of each acoustic model."""
        examples = [self._examples(model) for model in self._models]
        unfit = examples[0].unfit
        told = f"; {len(unfit)} recordings left out: {unfit[0]}" if unfit else ""
        if not examples[0].outer or not examples[0].inner:
            raise _NotTriedError(f"too few recordings{told}")
        pairs = zip(self._models, examples, strict=True)
        try:
            learned = [learn_scales(model, each.outer, each.inner) for model, each in pairs]
        except ConfigError as error:
            raise _NotTriedError(f"{error.where} {error.found}") from None
        if not any(each.weights for each in learned):
            raise _NotTriedError(f"no pass lowers the loss of {len(examples[0].inner)} of the recordings{told}")
        losses = ", ".join(f"{each.before:.3f} to {each.after:.3f}" for each in learned)
        passes = ", ".join(str(each.epochs) for each in learned)
        about = f"{sum(each.num_scales for each in learned):,}, passes {passes}, loss {losses}{told}"
        return replace(changes, weights=tuple(each.weights for each in learned)), about

    @property
    def _pronounce(self) -> Pronounce | None:
        return self.wishes.pronounce or self.file.pronounce

    @property
    def _models(self) -> list[AcousticModel]:
        return [each.model for each in self.file.acoustic]  # with heads that read the same units, and rescore

    def _examples(self, model: AcousticModel) -> _Examples:
        """Returns the recordings with their token ids."""
        tokens, found = self.file.first.tokens, _Examples([], [], [])
        lexicon = self.file.lexicon
        if tokens.unit == "phone" and lexicon is None:
            raise _NotTriedError("the model has no pronunciations")
        if lexicon is not None and self._pronounce is not None:
            words = {word for each in self.division.own for word in each.text.split()} - lexicon.entries.keys()
            lexicon = Lexicon({**lexicon.entries, **self._pronounce(sorted(words)).entries})
        for part, examples in ((self.division.outer, found.outer), (self.division.inner, found.inner)):
            for each in part:
                try:
                    examples.append((each, find_target(model, each, tokens, self.rule, lexicon)))
                except DataError as error:
                    found.unfit.append(error)
        return found


@dataclass(frozen=True)
class _Examples:
    """Recordings with their token ids, and why others have none."""

    outer: list[tuple[Spoken, tuple[int, ...]]]
    inner: list[tuple[Spoken, tuple[int, ...]]]
    unfit: list[DataError]


def _try_parts(work: _Work, path: Path) -> tuple[Changes, list[Outcome]]:
    """Returns the changes that were kept, and what came of each part."""
    held_out, rule = work.division.held_out, work.rule
    before = first = count_word_errors(work.wishes.model, held_out, rule)
    if not total(first).errors:
        found = f"the model makes no errors in the {total(first).num_ref} words held out"
        raise DataError(work.wishes.recordings, found, "take it as it is, or give more recordings or another --seed")
    kept, outcomes = Changes(), list[Outcome]()
    for name, make in work.parts():
        try:
            changes, about = make(kept)
        except _NotTriedError as error:
            outcomes.append(Outcome(name, str(error), before, None))
            continue
        write_adapted(work.file, changes, work.file.card, path)
        outcome = Outcome(name, about, before, count_word_errors(path, held_out, rule))
        outcomes.append(outcome)
        if outcome.is_kept:
            assert outcome.after is not None
            kept, before = changes, list(outcome.after)
    if sum(each.is_kept for each in outcomes) > 1:
        outcomes.append(Outcome("together", "", first, before))
    return kept, outcomes


def _scope(division: Division, sample_rate: int, seed: int) -> str:
    own, held_out = division.own, division.held_out
    words = sum(len(each.text.split()) for each in held_out)
    minutes = [seconds(part, sample_rate) / 60 for part in (own, held_out)]
    told = f"{len(own)} recordings, {minutes[0]:.1f} min; {len(held_out)} others held out by seed {seed}"
    return f"{told}, {words} words, {minutes[1]:.1f} min"


def adapted_card(card: Card, adapted: Adapted, wishes: Wishes, command: str) -> Card:
    """Returns the card of an adapted model: what it was made from, what was changed, and errors before and after."""
    parts = [f"{each.part} ({each.about})" for each in adapted.outcomes if each.is_kept and each.part != "together"]
    last = next(each for each in reversed(adapted.outcomes) if each.is_kept)
    assert last.after is not None
    first = adapted.outcomes[0].before
    scores = [_score("held out, before", first, None), _score("held out, adapted", last.after, last)]
    made = {"from": wishes.model, "recordings": adapted.scope, "parts": "; ".join(parts)}
    made["made_by"] = str(card.get("command", ""))
    known = card.get("scores")
    own = known if isinstance(known, list) else []
    return {**card, "adapted": made, "scores": [*own, *scores], "command": command}


def _score(label: str, counts: Sequence[ErrorCounts], outcome: Outcome | None) -> dict[str, object]:
    summed = total(counts)
    score: dict[str, object] = {"label": label, "rate": summed.rate, "errors": summed.errors, "num_ref": summed.num_ref}
    if outcome is not None and outcome.difference is not None:
        score["difference"] = [100 * end for end in outcome.difference]
        score["difference_level"] = LEVEL
    if outcome is not None and outcome.p_value is not None:
        score["p"] = outcome.p_value
    return score
