"""What decoders are made of: tokens, words and language model, read once for decoders of any weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from asr.decoding.bigram_viterbi import BigramViterbiDecoder
from asr.decoding.boosted_scorer import BoostedScorer, token_automaton
from asr.decoding.decoder import Decoder
from asr.decoding.greedy import GreedyDecoder
from asr.decoding.lexicon.arcs import LexiconScores
from asr.decoding.lexicon.boosted_words import BoostedWords
from asr.decoding.lexicon.decoder import LexiconBeamDecoder
from asr.decoding.lexicon.growing import with_spellings
from asr.decoding.lexicon.spellings import Spellings
from asr.decoding.lexicon.trie import LexiconTrie
from asr.decoding.lexicon.word_ngram import WordNGram
from asr.decoding.lexicon.word_scorer import WordScorer
from asr.decoding.ngram_scorer import NGramScorer, bigram_table
from asr.decoding.phrases import Phrase, find_phrases, find_spellings, given_pronunciations
from asr.decoding.prefix_beam import PrefixBeamDecoder
from asr.decoding.settings import DecoderSettings
from asr.decoding.token_scorer import TokenScorer
from asr.errors import ConfigError
from asr.lm.ngram import NGramModel
from asr.lm.storage import load_ngram
from asr.lm.vocabulary import SPECIAL, read_words
from asr.text.hotwords import Hotwords
from asr.text.lexicon import Pronunciation, describe_pronounced, read_lexicon
from asr.text.policy import TextPolicy
from asr.text.tokens import TokenTable

BLANK_THRESHOLD = 0.999
"""Runs of frames that are blank with this probability count as one in searches over a lexicon."""


@dataclass(frozen=True)
class Coverage:
    """How much of a lexicon can be searched.

    Attributes:
        num_words: words that have a spelling.
        num_spellings: their spellings, without those of hot words.
        without_spelling: words that the tokens cannot spell.
        num_unknown: words that the language model does not know and that share ``<unk>``.
        not_one_word: entries of each file that are not one word under the text policy, where there are any.
        pronounced: hot words that a pronunciation model pronounces, and how.
    """

    num_words: int
    num_spellings: int
    without_spelling: tuple[str, ...] = ()
    num_unknown: int = 0
    not_one_word: Mapping[str, int] = field(default_factory=dict)
    pronounced: Mapping[str, Pronunciation] = field(default_factory=dict)

    def problems(self) -> Iterator[str]:
        """Yields a line for each kind of entry that cannot be searched."""
        for file, count in self.not_one_word.items():
            yield f"{file}: {count} entries are not one word under the text policy; left out"
        mute = self.without_spelling
        if mute:
            yield f"{len(mute)} words have no spelling in the tokens, such as {mute[0]!r}"

    def describe(self, lm: str) -> Iterator[str]:
        """Yields lines of what can be searched; ``lm`` is the file of the language model."""
        yield f"lexicon: {self.num_words} words, {self.num_spellings} spellings"
        if self.num_unknown:
            yield f"{lm}: {self.num_unknown} of {self.num_words} words are not in it and share <unk>"
        if self.pronounced:
            yield f"hot words: {describe_pronounced(self.pronounced)}"


@dataclass(frozen=True)
class DecoderParts:
    """What decoders of the same files share, whatever their weights and beams; made by :meth:`read`.

    Attributes:
        tokens: the tokens that are decoded.
        frame_seconds: seconds from one frame of log-probabilities to the next.
        lm: the n-gram model, of words where there is a lexicon, else of tokens.
        trie: the lexicon in tokens.
        words: the model over the words of the trie.
        coverage: how much of the lexicon can be searched; None without a lexicon.
        phrases: hot phrases, that decoders favour.
    """

    tokens: TokenTable
    frame_seconds: float
    lm: NGramModel | None = None
    trie: LexiconTrie | None = None
    words: WordNGram | None = None
    coverage: Coverage | None = None
    phrases: tuple[Phrase, ...] = ()

    @classmethod
    def read(
        cls, settings: DecoderSettings, tokens: TokenTable, policy: TextPolicy, frame_seconds: float
    ) -> DecoderParts:
        """Reads the files that settings name.

        Args:
            settings: how to decode.
            tokens: the table of a model's outputs, which spells the words.
            policy: what lists of words go through.
            frame_seconds: seconds from one frame of the model's outputs to the next.

        Raises:
            ConfigError: the settings do not go together, or not with the tokens, or are of a search with an attention
                decoder.
            DataError: a file is damaged, no word can be spelled, or the language model knows no word of the lexicon.
        """
        settings.check()
        if settings.ctc_weight not in (None, 1.0):
            found = f"is {settings.ctc_weight:g}, and attention decoders are searched by asr decode alone"
            raise ConfigError("ctc_weight", found, "leave it out: everything else reads by CTC")
        lm = load_ngram(settings.lm) if settings.lm else None
        if not settings.lexicon:
            return cls(tokens, frame_seconds, lm)
        spellings, not_one_word = _spell(settings.lexicon, tokens, policy)
        trie = LexiconTrie(spellings, tokens, settings.silence, has_unknown=settings.unknown_score is not None)
        words = None if lm is None else WordNGram(lm, trie.words)
        num_unknown = 0 if words is None else words.num_unknown
        sizes = len(spellings.words), len(spellings.entries)
        coverage = Coverage(*sizes, spellings.left_out, num_unknown, not_one_word)
        return cls(tokens, frame_seconds, lm, trie, words, coverage)

    def with_hotwords(self, hotwords: Hotwords | None, policy: TextPolicy) -> DecoderParts:
        """Returns parts whose decoders favour hot words; those that the lexicon lacks are added to it.

        Args:
            hotwords: the list; None, or one that adds nothing, changes nothing.
            policy: the text policy of the model.

        Raises:
            ConfigError: tokens are phones and there is no lexicon.
            DataError: a phrase cannot be spelled in the tokens, with its line.
        """
        if hotwords is None:
            return self
        if self.tokens.unit == "phone" and self.trie is None:
            raise ConfigError("hotwords", "the model writes phones, not words", "give settings with a lexicon")
        phrases = tuple(find_phrases(hotwords, self.tokens, policy))
        if self.trie is None or self.coverage is None or not phrases:
            return replace(self, phrases=phrases)
        spelled = find_spellings(phrases, hotwords, self.trie.words, self.tokens)
        trie = with_spellings(self.trie, self.tokens, spelled)
        pronounced = spelled.keys() - given_pronunciations(phrases).keys() if self.tokens.unit == "phone" else ()
        hot = {word for phrase in phrases for word in phrase.words}
        if trie is self.trie and (self.lm is None or hot <= self.lm.vocabulary.ids.keys()):
            return replace(self, phrases=phrases)
        words = None if self.lm is None else WordNGram(self.lm, trie.words, hot)
        coverage = replace(
            self.coverage,
            num_words=len(trie.words),
            without_spelling=tuple(word for word in self.coverage.without_spelling if word not in spelled),
            num_unknown=0 if words is None else words.num_unknown,
            pronounced={word: tuple(self.tokens.decode(spelled[word][0]).split()) for word in sorted(pronounced)},
        )
        return replace(self, trie=trie, words=words, coverage=coverage, phrases=phrases)

    def decoder(self, settings: DecoderSettings) -> Decoder:
        """Returns the decoder of settings that name the same files.

        Raises:
            ConfigError: exact search has a model that is no bigram, or there are hot words, which it and greedy
                decoding do not take.
            DataError: the language model knows none of the tokens.
        """
        if self.phrases:
            settings.check_hotwords()
        if settings.exact:
            assert self.lm is not None
            table = bigram_table(self.lm, self.tokens)
            weights = settings.lm_weight, settings.token_score
            return BigramViterbiDecoder(self.tokens, self.frame_seconds, table, *weights)
        if settings.beam_size == 1:
            return GreedyDecoder(self.tokens, self.frame_seconds)
        if self.trie is not None:
            return self._lexicon_decoder(settings, self.trie)
        return self._token_decoder(settings)

    def _token_decoder(self, settings: DecoderSettings) -> Decoder:
        lm: TokenScorer | None = None if self.lm is None else NGramScorer(self.lm, self.tokens)
        lm_weight = settings.lm_weight
        if self.phrases:
            automaton = token_automaton(self.phrases, self.tokens)
            lm, lm_weight = BoostedScorer(automaton, lm, lm_weight), 1.0
        return PrefixBeamDecoder(
            self.tokens,
            self.frame_seconds,
            beam_size=settings.beam_size,
            nbest=settings.nbest,
            lm=lm,
            lm_weight=lm_weight,
            token_score=settings.token_score,
        )

    def _lexicon_decoder(self, settings: DecoderSettings, trie: LexiconTrie) -> Decoder:
        lm: WordScorer | None = self.words
        lm_weight = settings.lm_weight
        if self.phrases:
            lm, lm_weight = BoostedWords(self.phrases, trie, self.words, lm_weight), 1.0
        return LexiconBeamDecoder(
            self.tokens,
            self.frame_seconds,
            trie,
            settings.beam_size,
            LexiconScores(
                lm=lm,
                lm_weight=lm_weight,
                word_score=settings.word_score,
                unknown_score=settings.unknown_score,
                blank_penalty=settings.blank_penalty,
            ),
            beam_threshold=settings.beam_threshold,
            blank_threshold=BLANK_THRESHOLD,
            nbest=settings.nbest,
            hyps_per_state=settings.hyps_per_state or 1,
        )


def _spell(files: tuple[str, ...], tokens: TokenTable, policy: TextPolicy) -> tuple[Spellings, dict[str, int]]:
    """Reads the words, and their pronunciations where tokens are phones, which are in upper case.

    Returns:
        The words as they are spelled, and the number of entries of each file that are not one word under the policy.
    """
    if tokens.unit == "phone":
        lexicon = read_lexicon(*files, case="upper", keep_stress=tokens.has_stress)
        return Spellings.of(lexicon.entries, tokens, lexicon), {}
    words: list[str] = []
    not_one_word: dict[str, int] = {}
    for file in files:
        if file.endswith((".npz", ".arpa", ".arpa.gz")):
            words += load_ngram(file).vocabulary.words[len(SPECIAL) :]
            continue
        found, num_left_out = read_words(file, policy)
        words += found
        if num_left_out:
            not_one_word[file] = num_left_out
    return Spellings.of(words, tokens), not_one_word
