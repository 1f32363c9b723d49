"""The settings of a decoder as asr decode takes, tunes, writes and reads them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from asr.cli.command import log, warn
from asr.errors import DataError, UsageError
from asr.files import written_whole
from asr.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asr.decoding.decoder import Decoder
    from asr.decoding.lexicon.spellings import Spellings
    from asr.decoding.lexicon.trie import LexiconTrie
    from asr.decoding.lexicon.word_ngram import WordNGram
    from asr.lm.ngram import NGramModel
    from asr.text.policy import TextPolicy
    from asr.text.tokens import TokenTable
    from asr.transcription.checkpoint import Loaded

_KIND = "is no settings of a decoder"
_REMEDY = "make it with: asr decode --tune"

BLANK_THRESHOLD = 0.999
"""Runs of frames that are blank with this probability count as one in searches over a lexicon."""
HYPS_PER_STATE = 4
"""Hypotheses kept of those that the rest of an utterance cannot tell apart, for N-best lists."""


@dataclass(frozen=True)
class DecoderParts:
    """What decoders of the same settings share, whatever their weights.

    Attributes:
        lm: the n-gram model, of words where there is a lexicon, else of tokens.
        trie: the lexicon in tokens.
        words: the model over the words of the trie.
    """

    lm: NGramModel | None = None
    trie: LexiconTrie | None = None
    words: WordNGram | None = None


@dataclass(frozen=True)
class DecoderSettings:
    """How to decode.

    Attributes:
        beam_size: hypotheses kept; 1 is greedy.
        nbest: hypotheses given for each utterance.
        exact: whether a bigram is searched exactly, for the best path, in place of a beam.
        lm: file of an n-gram model, of words where there is a lexicon, else of tokens; empty for none.
        lm_weight: what its natural-log scores are multiplied by.
        token_score: natural-log score added per token.
        lexicon: files of the words to search among, or n-gram models that know them; none for a search over tokens.
        word_score: natural-log score added per word of the lexicon.
        blank_penalty: with a lexicon, natural-log score taken from each frame of blank.
        silence: token that may stand between words; empty for none.
        unknown_score: natural-log score added for a word that is not in the lexicon; None for a closed vocabulary.
        beam_threshold: with a lexicon, hypotheses this much (natural log) below the best are dropped.
        hyps_per_state: with a lexicon, hypotheses kept of those that the rest of an utterance cannot tell apart; None
            for one where one is asked for, and for :data:`HYPS_PER_STATE` where N-best lists are.
    """

    beam_size: int = 1
    nbest: int = 1
    exact: bool = False
    lm: str = ""
    lm_weight: float = 0.0
    token_score: float = 0.0
    lexicon: tuple[str, ...] = ()
    word_score: float = 0.0
    blank_penalty: float = 0.0
    silence: str = ""
    unknown_score: float | None = None
    beam_threshold: float = 30.0
    hyps_per_state: int | None = None

    def check(self) -> None:
        """Refuses what does not go together.

        Raises:
            UsageError: naming the option.
        """
        if self.beam_size < 1:
            raise UsageError("--beam-size", str(self.beam_size), "give 1 for greedy decoding, or more")
        if not self.exact and not 1 <= self.nbest <= self.beam_size:
            raise UsageError("--nbest", f"{self.nbest} with a beam of {self.beam_size}", "give 1 to --beam-size")
        if self.exact and not self.lm:
            raise UsageError("--exact", "there is no --lm to search with", "give a bigram of tokens, or leave it out")
        if self.exact and self.nbest > 1:
            raise UsageError(
                "--exact", f"it finds one path, and --nbest is {self.nbest}", "take a beam for N-best lists"
            )
        if self.exact and self.lexicon:
            raise UsageError("--exact", "it searches tokens, and --lexicon has words", "leave one of them out")
        if self.lm and not self.exact and self.beam_size == 1:
            raise UsageError("--lm", "greedy decoding takes no language model", "give --beam-size, or --exact")
        if self.lexicon and self.beam_size == 1:
            raise UsageError("--lexicon", "greedy decoding takes no lexicon", "give --beam-size")
        if not self.lm and (self.lm_weight or self.token_score) and self.beam_size == 1:
            raise UsageError("--lm-weight, --token-score", "greedy decoding takes neither", "give --beam-size and --lm")
        self._check_words()

    def _check_words(self) -> None:
        given = (self.unknown_score is not None, self.hyps_per_state is not None)
        if not self.lexicon and any((self.word_score, self.blank_penalty, self.silence, *given)):
            options = "--word-score, --blank-penalty, --silence, --unknown-score, --hyps-per-state"
            raise UsageError(options, "there are no words without a lexicon", "give --lexicon")
        if self.lexicon and self.token_score:
            raise UsageError("--token-score", "a lexicon has words", "give --word-score")
        if self.hyps_per_state is not None and self.hyps_per_state < 1:
            raise UsageError("--hyps-per-state", str(self.hyps_per_state), "give 1 or more")

    def weighted(self, lm_weight: float, score: float, blank_penalty: float = 0.0) -> DecoderSettings:
        """Gives the settings with other weights; the score is per word with a lexicon, else per token."""
        if self.lexicon:
            return replace(self, lm_weight=lm_weight, word_score=score, blank_penalty=blank_penalty)
        return replace(self, lm_weight=lm_weight, token_score=score)

    def name_weights(self, lm_weight: float, score: float, blank_penalty: float) -> str:
        """Names weights for people."""
        if self.lexicon:
            return f"lm_weight {lm_weight:g}, word_score {score:g}, blank_penalty {blank_penalty:g}"
        return f"lm_weight {lm_weight:g}, token_score {score:g}"

    @property
    def label(self) -> str:
        """What its files of hypotheses are called after."""
        name = "exact" if self.exact else "greedy" if self.beam_size == 1 else f"beam{self.beam_size}"
        name = f"{name}_lexicon" if self.lexicon else name
        return f"{name}_{Path(self.lm).name.split('.')[0]}" if self.lm else name

    def parts(self, loaded: Loaded) -> DecoderParts:
        """Reads the files, and says how much of the lexicon can be searched.

        Args:
            loaded: the checkpoint, whose tokens spell the words and whose text policy they go through.

        Raises:
            DataError: a file is damaged, no word can be spelled, or the model knows none of them.
        """
        from asr.decoding.lexicon.trie import LexiconTrie
        from asr.decoding.lexicon.word_ngram import WordNGram
        from asr.lm.storage import load_ngram

        lm = load_ngram(self.lm) if self.lm else None
        if not self.lexicon:
            return DecoderParts(lm)
        spellings = _spell(self.lexicon, loaded.tokens, loaded.policy)
        trie = LexiconTrie(spellings, loaded.tokens, self.silence, has_unknown=self.unknown_score is not None)
        words = None if lm is None else WordNGram(lm, trie.words)
        log(f"lexicon: {len(spellings.words)} words, {len(spellings.entries)} spellings")
        if spellings.left_out:
            warn(f"{len(spellings.left_out)} words have no spelling in the tokens, such as {spellings.left_out[0]!r}")
        if words is not None and words.num_unknown:
            log(f"{self.lm}: {words.num_unknown} of {len(trie.words)} words are not in it and count as <unk>")
        return DecoderParts(lm, trie, words)

    def decoder(self, loaded: Loaded, parts: DecoderParts) -> Decoder:
        """Gives the decoder.

        Args:
            loaded: the checkpoint, whose tokens are decoded.
            parts: what :meth:`parts` read.
        """
        from asr.decoding.bigram_viterbi import BigramViterbiDecoder
        from asr.decoding.greedy import GreedyDecoder
        from asr.decoding.ngram_scorer import NGramScorer, bigram_table
        from asr.decoding.prefix_beam import PrefixBeamDecoder

        tokens, frame_seconds = loaded.tokens, loaded.model.frame_seconds
        if self.exact:
            assert parts.lm is not None
            table = bigram_table(parts.lm, tokens)
            return BigramViterbiDecoder(tokens, frame_seconds, table, self.lm_weight, self.token_score)
        if self.beam_size == 1:
            return GreedyDecoder(tokens, frame_seconds)
        if parts.trie is not None:
            return self._lexicon_decoder(tokens, frame_seconds, parts.trie, parts.words)
        return PrefixBeamDecoder(
            tokens,
            frame_seconds,
            beam_size=self.beam_size,
            nbest=self.nbest,
            lm=None if parts.lm is None else NGramScorer(parts.lm, tokens),
            lm_weight=self.lm_weight,
            token_score=self.token_score,
        )

    def _lexicon_decoder(
        self, tokens: TokenTable, frame_seconds: float, trie: LexiconTrie, words: WordNGram | None
    ) -> Decoder:
        from asr.decoding.lexicon.arcs import LexiconScores, UnknownWord
        from asr.decoding.lexicon.decoder import LexiconBeamDecoder

        return LexiconBeamDecoder(
            tokens,
            frame_seconds,
            trie,
            self.beam_size,
            LexiconScores(
                lm=words,
                lm_weight=self.lm_weight,
                word_score=self.word_score,
                unknown=None if self.unknown_score is None else UnknownWord(self.unknown_score),
                blank_penalty=self.blank_penalty,
            ),
            beam_threshold=self.beam_threshold,
            blank_threshold=BLANK_THRESHOLD,
            nbest=self.nbest,
            hyps_per_state=self.hyps_per_state or (1 if self.nbest == 1 else HYPS_PER_STATE),
        )

    def save(self, path: Path, **notes: object) -> None:
        """Writes the settings, with notes on where they come from, as JSON."""
        with written_whole(path) as beside:
            beside.write_text(f"{json.dumps({**asdict(self), **notes}, indent=2)}\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> DecoderSettings:
        """Reads what :meth:`save` wrote.

        Raises:
            DataError: the file is something else, or a setting is of another type, not finite, or does not go with the
                others.
        """
        found = Record.read(path, _KIND, _REMEDY)
        if not all(isinstance(file, str) for file in found.items("lexicon")):
            raise found.error("lexicon", "a list of files")
        weights = {name: found.number(name) for name in ("lm_weight", "token_score", "word_score", "blank_penalty")}
        settings = cls(
            beam_size=found.whole("beam_size", 1),
            nbest=found.whole("nbest", 1),
            exact=found.flag("exact"),
            lm=found.text("lm"),
            lexicon=tuple(found.items("lexicon")),
            silence=found.text("silence"),
            unknown_score=found.number("unknown_score") if found.has("unknown_score") else None,
            beam_threshold=found.number("beam_threshold", least=0.0),
            hyps_per_state=found.whole("hyps_per_state", 1) if found.has("hyps_per_state") else None,
            **weights,
        )
        try:
            settings.check()
        except UsageError as error:
            raise DataError(path, f"{_KIND} ({error.where}: {error.found})", _REMEDY) from None
        return settings


def _spell(files: Sequence[str], tokens: TokenTable, policy: TextPolicy) -> Spellings:
    """Reads the words, and their pronunciations where tokens are phones, which are in upper case."""
    from asr.decoding.lexicon.spellings import Spellings
    from asr.lm.storage import load_ngram
    from asr.lm.vocabulary import SPECIAL, read_words
    from asr.text.lexicon import read_lexicon

    if tokens.unit == "phone":
        has_stress = any(token[-1:].isdigit() for token in tokens.tokens)
        lexicon = read_lexicon(*files, case="upper", keep_stress=has_stress)
        return Spellings.of(lexicon.entries, tokens, lexicon)
    words: list[str] = []
    for file in files:
        if file.endswith((".npz", ".arpa", ".arpa.gz")):
            words += load_ngram(file).vocabulary.words[len(SPECIAL) :]
            continue
        found, num_left_out = read_words(file, policy)
        words += found
        if num_left_out:
            warn(f"{file}: {num_left_out} entries are not one word under the text policy {policy.name}; left out")
    return Spellings.of(words, tokens)
