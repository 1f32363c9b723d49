"""Aligns recordings with their texts: reads, computes posteriors, searches, and finds what does not match."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

import numpy as np
import torch

from asr.audio.rates import Seconds
from asr.box.english import ENGLISH
from asr.checkpoints.acoustic import load_checkpoint
from asr.decoding.forced.boundaries import BoundaryRule
from asr.decoding.forced.graph import LogProbs, WrittenWord
from asr.decoding.forced.search import ForcedAlignment, TokenPlace, align_words
from asr.decoding.forced.spelling import check_lexicon, lacking_words, separator_of, spell
from asr.decoding.forced.viterbi import Penalties
from asr.decoding.hypothesis import Span
from asr.errors import ConfigError, DataError
from asr.files import written_whole
from asr.models.acoustic import AcousticModel
from asr.models.averaged import AveragedModel, average
from asr.models.devices import move
from asr.records import Record
from asr.text.hotwords import Pronounce
from asr.text.lexicon import Lexicon, read_lexicon
from asr.text.policy import TextPolicy, get_policy
from asr.text.tokens import BLANK, TokenTable
from asr.text.writing import MAIN
from asr.transcription.alignment import AlignedWord, Alignment, spanning
from asr.transcription.posteriors import Posteriors, read_posteriors

_WORDS_OF_PHONES = "upper-no-punctuation"  # text policy of words that are looked up in a lexicon in upper case


@dataclass(frozen=True)
class AlignerSettings:
    """Settings of an aligner.

    Attributes:
        penalties: penalties of missing words and of speech that is not in the text.
        boundaries: rule for the starts and ends of tokens.
    """

    penalties: Penalties = field(default_factory=Penalties)
    boundaries: BoundaryRule = field(default_factory=BoundaryRule)

    def save(self, path: str | Path) -> None:
        """Writes the settings as JSON."""
        with written_whole(path) as beside:
            beside.write_text(f"{json.dumps(asdict(self), indent=2)}\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> AlignerSettings:
        """Reads what :meth:`save` wrote.

        Raises:
            DataError: the file is of another kind, or a setting has another type or is out of range.
        """
        found = Record.read(path, "is no settings of alignment", "make it with: tools/check_alignment.py --tune")
        penalties, boundaries = found.record("penalties"), found.record("boundaries")
        return cls(
            Penalties(**{each.name: penalties.number(each.name, least=0.0) for each in fields(Penalties)}),
            BoundaryRule(
                share=boundaries.number("share", 0.0, 1.0),
                lead=boundaries.number("lead", least=0.0),
                trail=boundaries.number("trail", least=0.0),
                shift=boundaries.number("shift"),
            ),
        )


class Aligner:
    """A trained model that finds when the words of a text are said.

    Example::

        aligner = Aligner.from_checkpoint("best.ckpt")
        for word in aligner.align("talk.wav", ["Good morning."]).spoken:
            print(word.start, word.end, word.text)
    """

    def __init__(
        self,
        model: AcousticModel | AveragedModel,
        tokens: TokenTable,
        policy: TextPolicy,
        lexicon: Lexicon | None = None,
        silence: str = "",
        settings: AlignerSettings | None = None,
        device: str | torch.device = "cpu",
        num_workers: int = 1,
        pronounce: Pronounce | None = None,
    ) -> None:
        """Moves the model to its device.

        Args:
            model: a trained model.
            tokens: the table of its outputs.
            policy: text policy of the model; where tokens are phones, words are looked up in upper case instead.
            lexicon: pronunciations; required if tokens are phones, else forbidden.
            silence: token that is treated like blank; empty for none.
            settings: penalties and rules; the defaults if None.
            device: "cpu", "cuda" or "cuda:N".
            num_workers: batches computed at the same time.
            pronounce: pronounces words that the lexicon lacks; None to refuse them.

        Raises:
            ConfigError: the device cannot be used, there is no such token, or a lexicon is missing or forbidden.
        """
        self.model: AcousticModel | AveragedModel = model.eval()
        self.tokens, self.lexicon, self.pronounce = tokens, lexicon, pronounce
        self.policy = get_policy(_WORDS_OF_PHONES) if tokens.unit == "phone" else policy
        self.settings, self.num_workers = settings or AlignerSettings(), num_workers
        if silence and tokens.ids.get(silence, BLANK) == BLANK:
            raise ConfigError("silence", f"{silence!r} is none of the model's tokens", "give one of them, or none")
        self.silence = tokens.ids[silence] if silence else None
        check_lexicon(tokens, lexicon)
        move(self.model, device)

    @classmethod
    def from_checkpoint(
        cls,
        path: str | Path,
        lexicon: Sequence[str | Path] = (),
        silence: str = "",
        settings: AlignerSettings | None = None,
        *,
        head: str | None = None,
        g2p: str | Path | None = None,
        device: str | torch.device = "cpu",
        num_workers: int = 1,
    ) -> Aligner:
        """Returns the aligner of a checkpoint that ``asr train`` wrote.

        Args:
            path: the checkpoint.
            lexicon: files of pronunciations; earlier files take precedence.
            silence: token that is treated like blank; empty for none.
            settings: penalties and rules; the defaults if None.
            head: head of the model, such as "char" beside phones; None for the main one.
            g2p: model that pronounces words that the lexicon lacks, a checkpoint or in a model file; None for none.
            device: "cpu", "cuda" or "cuda:N".
            num_workers: batches computed at the same time.

        Raises:
            CheckpointError: the file has no model that can be built.
            ConfigError: as for the constructor.
            DataError: a lexicon cannot be read.
        """
        loaded = load_checkpoint(path).head(head or MAIN)
        entries, pronounce = _read_lexicon(lexicon, loaded.tokens), _pronounce_by(g2p)
        model, tokens, policy = loaded.model, loaded.tokens, loaded.policy
        return cls(model, tokens, policy, entries, silence, settings, device, num_workers, pronounce)

    @classmethod
    def from_file(
        cls,
        path: str | Path = ENGLISH,
        lexicon: Sequence[str | Path] = (),
        silence: str = "",
        settings: AlignerSettings | None = None,
        *,
        g2p: str | Path | None = None,
        device: str | torch.device = "cpu",
        num_workers: int = 1,
    ) -> Aligner:
        """Returns the aligner of a model file that ``asr export`` wrote.

        Args:
            path: the model file, or "english" for the model in the box.
            lexicon: files of pronunciations, which take precedence over those of the model file.
            silence: token that is treated like blank; empty for that of the model file, if it has one.
            settings: penalties and rules; the defaults if None.
            g2p: as for :meth:`from_checkpoint`; None for the model in the file, if it has one.
            device: "cpu", "cuda" or "cuda:N".
            num_workers: batches computed at the same time.

        Raises:
            CheckpointError: the file is missing, damaged, of a newer version, or does not make up a recogniser.
            ConfigError: as for the constructor.
            DataError: a lexicon cannot be read.
        """
        from asr.checkpoints.model_file.reading import load_model_file

        file = load_model_file(path)
        tokens, entries = file.parts.tokens, _read_lexicon(lexicon, file.parts.tokens)
        if file.lexicon is not None:
            entries = file.lexicon if entries is None else Lexicon({**file.lexicon.entries, **entries.entries})
        model, policy = average([each.model for each in file.acoustic]), file.acoustic[0].policy
        silence, pronounce = silence or file.settings.silence, _pronounce_by(g2p) or file.pronounce
        return cls(model, tokens, policy, entries, silence, settings, device, num_workers, pronounce)

    def align(
        self,
        path: str | Path,
        text: Iterable[str],
        where: str = "text",
        *,
        channel: int | None = None,
        on_progress: Callable[[Seconds], None] | None = None,
    ) -> Alignment:
        """Returns the alignment of a recording with its text.

        Args:
            path: an audio file of any length and rate.
            text: lines.
            where: file of the text, for errors.
            channel: as for :func:`asr.audio.waveforms.stream`.
            on_progress: called with the seconds of audio that have been read.

        Raises:
            DataError: the recording or a word of the text cannot be read, the text is empty or longer than the
                recording, or none of it is said.
        """
        lines = list(text)
        pronounced = self._pronounced(lines, where)
        lexicon = self.lexicon if self.lexicon is None else Lexicon({**self.lexicon.entries, **pronounced.entries})
        words = spell(lines, self.tokens, self.policy, lexicon, where)
        alignment = self.match(path, self.read(path, channel=channel, on_progress=on_progress), words, where)
        return replace(alignment, pronounced={word: several[0] for word, several in pronounced.entries.items()})

    def read(
        self, path: str | Path, *, channel: int | None = None, on_progress: Callable[[Seconds], None] | None = None
    ) -> Posteriors:
        """Returns the posteriors of a recording, with silence counted as blank; see :meth:`align`."""
        heard = read_posteriors(
            self.model, Path(path), BLANK, channel=channel, num_workers=self.num_workers, on_progress=on_progress
        )
        if self.silence is not None:
            log_probs = heard.log_probs
            log_probs[:, BLANK] = np.logaddexp(log_probs[:, BLANK], log_probs[:, self.silence])
            log_probs[:, self.silence] = log_probs.min()
        return heard

    def match(self, path: str | Path, heard: Posteriors, words: Sequence[WrittenWord], where: str) -> Alignment:
        """Returns the alignment of words with posteriors; see :meth:`align`.

        Args:
            path: the recording.
            heard: its posteriors, from :meth:`read`.
            words: the text.
            where: its file, for errors.
        """
        try:
            found = align_words(heard.log_probs, words, BLANK, separator_of(self.tokens), self.settings.penalties)
        except DataError as error:
            raise DataError(where, error.found, error.remedy) from None
        if not any(found.words):
            found_none = f"none of its {len(words)} words is said in {path}"
            raise DataError(where, found_none, "check that the two belong together")
        return self._timed(Path(path), [word.text for word in words], found, heard)

    def _pronounced(self, lines: Sequence[str], where: str) -> Lexicon:
        """Returns the pronunciations of words that the lexicon lacks, by the pronunciation model."""
        if self.lexicon is None or self.pronounce is None:
            return Lexicon({})
        return self.pronounce(lacking_words(lines, self.tokens, self.policy, self.lexicon, where))

    def _timed(self, path: Path, words: Sequence[str], found: ForcedAlignment, heard: Posteriors) -> Alignment:
        """Converts an alignment in frames to seconds."""
        said = (*found.words, *found.unwritten)
        places = sorted({place for tokens in said for place in tokens}, key=lambda place: place.first)
        starts = heard.starts[[each.first for each in places]]
        ends = heard.starts[[each.last for each in places]] + self.model.frame_seconds
        timed = dict(zip(places, self.settings.boundaries.apply(starts, ends, heard.duration).tolist(), strict=True))

        def spans(tokens: Sequence[TokenPlace]) -> tuple[Span, ...]:
            named = ((self.tokens.tokens[each.token], timed[each], each) for each in tokens)
            return tuple(
                Span(text, start, end, _posterior(heard.log_probs, each)) for text, (start, end), each in named
            )

        return Alignment(
            path=path,
            duration=heard.duration,
            unit=self.tokens.unit,
            words=tuple(AlignedWord(text, spans(tokens)) for text, tokens in zip(words, found.words, strict=True)),
            untranscribed=tuple(
                spanning(self.tokens.decode(each.token for each in stretch), spans(stretch))
                for stretch in found.unwritten
            ),
            score=found.score,
        )


def _posterior(log_probs: LogProbs, place: TokenPlace) -> float:
    return float(np.exp(log_probs[place.first : place.last + 1, place.token].max()))


def _pronounce_by(g2p: str | Path | None) -> Pronounce | None:
    """Returns what pronounces words by the model in a file; None if there is no file."""
    if g2p is None:
        return None
    from asr.checkpoints.model_file.pronouncer import open_pronouncer

    return open_pronouncer(g2p).lexicon


def _read_lexicon(paths: Sequence[str | Path], tokens: TokenTable) -> Lexicon | None:
    """Returns the pronunciations in files; None if there are no files."""
    return read_lexicon(*paths, case="upper", keep_stress=tokens.has_stress) if paths else None
