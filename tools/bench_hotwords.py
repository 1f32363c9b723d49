"""Measures what hot words do: recall of the listed words, false alarms, error rate and time, with and without them.

    python tools/bench_hotwords.py best.ckpt --cuts dev_cuts.jsonl.gz --hotwords names.txt --settings 3gram.json
    python tools/bench_hotwords.py best.ckpt --cuts dev_cuts.jsonl.gz --beam-size 32 --scores 0 0.5 1 \
        --rare 40 --phrases 200 --known train_cuts.jsonl.gz --save names.txt
    python tools/bench_hotwords.py phones.ckpt --cuts dev_cuts.jsonl.gz --settings 3gram.json --g2p g2p.ckpt \
        --policy upper-no-punctuation --known 3gram.npz --names --save names.txt

The first form takes a list. The others make one: of the words in the transcripts those that ``--known`` (cuts, text or
an n-gram model) has least often, then, up to ``--phrases``, the rarest words of ``--known`` that no transcript has,
which can only do harm. Words that are equally rare come in the order of the alphabet or, with ``--names``, in that of
a checksum, which has nothing to do with their letters. ``--names`` leaves out what is hardly a name: words with an
apostrophe, and those that are another word of ``--known`` with an English ending.

Posteriors are computed once; then the decoders with and without the list take turns, ``--rounds`` times each, in one
thread, and the median of their processor time counts.

Recall counts each occurrence of a listed phrase in the transcripts, a false alarm each one in a hypothesis that its
transcript lacks. "Search" is the processor time of the search in seconds and its ratio to that without the list, "all"
the ratio with the acoustic model in both.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from zlib import crc32

import torch

from asr.checkpoints.acoustic import load_checkpoint
from asr.checkpoints.model_file.pronouncer import open_pronouncer
from asr.corpora.manifests import read_cuts
from asr.corpora.targets import target_text
from asr.data.posteriors import posteriors
from asr.decoding.decoder import Decoder
from asr.decoding.parts import DecoderParts
from asr.decoding.settings import DecoderSettings
from asr.files import written_whole
from asr.lm.storage import load_ngram
from asr.lm.vocabulary import SPECIAL
from asr.scoring.counts import ErrorCounts, count_errors
from asr.scoring.frequency import read_frequencies
from asr.scoring.tables import table
from asr.text.hotwords import HOTWORD_SCORE, HotPhrase, Hotwords
from asr.text.policy import TextPolicy, get_policy

Words = tuple[str, ...]

MIN_LETTERS = 3  # of words that a list is made of
ENDINGS = ("S", "ES", "D", "ED", "ING", "INGS", "ER", "ERS", "LY", "Y", "IES", "IED")
NGRAM_SUFFIXES = (".npz", ".arpa", ".arpa.gz")


@dataclass(frozen=True)
class Found:
    """What a decoder found of a list.

    Attributes:
        num_said: occurrences of listed phrases in the transcripts.
        num_found: those of them that are in the hypotheses.
        num_false: occurrences in the hypotheses that the transcripts lack.
    """

    num_said: int
    num_found: int
    num_false: int

    @classmethod
    def of(cls, refs: Sequence[str], hyps: Sequence[str], phrases: Sequence[Words]) -> Found:
        """Counts them, utterance by utterance."""
        said = found = false = 0
        for ref, hyp in zip(refs, hyps, strict=True):
            in_ref, in_hyp = count_phrases(ref, phrases), count_phrases(hyp, phrases)
            said += in_ref.total()
            found += (in_ref & in_hyp).total()
            false += (in_hyp - in_ref).total()
        return cls(said, found, false)


def count_phrases(text: str, phrases: Sequence[Words]) -> Counter[Words]:
    """Returns how often each phrase occurs, as whole words.

    Example:
        >>> count_phrases("a b a b", [("a", "b"), ("b",), ("c",)])
        Counter({('a', 'b'): 2, ('b',): 2})
    """
    words = text.split()
    at = range(len(words))
    counts = {each: sum(tuple(words[place : place + len(each)]) == each for place in at) for each in phrases}
    return +Counter(counts)


def choose(
    refs: Sequence[str], known: Mapping[str, float], num_rare: int, num_phrases: int, names: bool = False
) -> list[str]:
    """Returns the rarest words of the transcripts, then the rarest known ones that none has; all of some letters.

    Args:
        refs: the transcripts.
        known: how often each known word comes, in any unit.
        num_rare: words of the transcripts.
        num_phrases: words altogether.
        names: whether to leave out what is hardly a name, and to take equally rare words from all of the alphabet.

    Example:
        >>> choose(["the cat", "the owl"], {"the": 9, "cat": 2, "cow": 1, "dog": 3}, 2, 3)
        ['owl', 'cat', 'cow']
    """
    said = {word for ref in refs for word in ref.split()}

    capitals = {word.upper() for word in known}

    def rarest(words: set[str]) -> list[str]:
        chosen = (word for word in words if len(word) >= MIN_LETTERS and not (names and is_derived(word, capitals)))
        return sorted(chosen, key=lambda word: (known.get(word, 0.0), crc32(word.encode()) if names else 0, word))

    chosen = rarest(said)[:num_rare]
    return [*chosen, *rarest(set(known) - said)[: max(0, num_phrases - len(chosen))]]


def is_derived(word: str, known: Collection[str]) -> bool:
    """Returns whether a word has an apostrophe, or is a known one, in upper case, with an ending.

    Example:
        >>> [is_derived(word, {"CAT", "MAKE", "FLY"}) for word in ("CATS", "MAKING", "Flies", "IT'S", "UNCAS")]
        [True, True, True, True, False]
    """
    upper = word.upper()
    ends = (upper[: -len(each)] for each in ENDINGS if upper.endswith(each))
    return "'" in word or any(end + letter in known for end in ends for letter in ("", "E", "Y"))


def read_known(files: Sequence[str], policy: TextPolicy) -> Mapping[str, float]:
    """Returns how often words come in cuts and texts, or how likely an n-gram model finds them."""
    if not files[0].endswith(NGRAM_SUFFIXES):
        return dict(read_frequencies(files, policy).counts)
    lm = load_ngram(files[0])
    log_probs = lm.arc_log_probs[: len(lm.vocabulary)].tolist()  # of the empty context
    words = zip(lm.vocabulary.words, log_probs, strict=True)
    return {word: math.exp(log_prob) for word, log_prob in list(words)[len(SPECIAL) :]}


class Bench:
    """The posteriors of cuts, and what decoders with and without hot words make of them."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Reads the model and the cuts, and computes the posteriors."""
        self.options, self.loaded = options, load_checkpoint(options.checkpoint)
        self.policy = get_policy(options.policy) if options.policy else self.loaded.policy
        settings = DecoderSettings.load(options.settings) if options.settings else DecoderSettings(options.beam_size)
        self.settings = replace(settings, nbest=1)
        frame_seconds = self.loaded.model.frame_seconds
        self.parts = DecoderParts.read(self.settings, self.loaded.tokens, self.loaded.policy, frame_seconds)
        self.pronounce = open_pronouncer(options.g2p).lexicon if options.g2p else None
        cuts = list(read_cuts(options.cuts))
        refs = {cut.id: self.policy.apply(target_text(cut, "char"), cut.id) for cut in cuts}
        self.hours = sum(cut.duration for cut in cuts) / 3600
        start = time.process_time()
        found = list(posteriors(self.loaded.model, cuts, options.batch_seconds, num_workers=0))
        self.acoustic_seconds = time.process_time() - start
        self.batches = [(log_probs, lengths) for _, log_probs, lengths in found]
        self.refs = [refs[each] for ids, _, _ in found for each in ids]

    def read_list(self) -> list[HotPhrase]:
        """Returns the list of the options, or makes one and, if asked to, saves it."""
        options = self.options
        if options.hotwords:
            return list(Hotwords.read(options.hotwords).phrases)
        known = read_known(options.known, self.policy)
        words = choose(self.refs, known, options.rare, options.phrases, options.names)
        if options.save:
            with written_whole(options.save) as beside:
                beside.write_text("".join(f"{word}\n" for word in words), encoding="utf-8")
        return [HotPhrase(word) for word in words]

    def decode(self, decoder: Decoder) -> tuple[list[str], float]:
        """Returns the texts of all utterances and the seconds of processor time."""
        start = time.process_time()
        found = [nbest[0].text for batch in self.batches for nbest in decoder(*batch)]
        return [self.policy.apply(text) for text in found], time.process_time() - start

    def measure(self, hotwords: Hotwords) -> list[str]:
        """Returns the row of a score; decoders with and without the list take turns."""
        plain = self.parts.decoder(self.settings)
        hot = self.parts.with_hotwords(hotwords, self.loaded.policy).decoder(self.settings)
        pairs = [(self.decode(plain), self.decode(hot)) for _ in range(self.options.rounds)]
        texts = pairs[0][1][0]
        before, after = (statistics.median(pair[side][1] for pair in pairs) for side in (0, 1))
        phrases = [tuple(self.policy.apply(each.text).split()) for each in hotwords.phrases]
        found = Found.of(self.refs, texts, phrases)
        errors = sum(count_errors(self.refs, texts, "word"), ErrorCounts())
        return [
            f"{hotwords.score:g}",
            f"{found.num_found}/{found.num_said}",
            f"{100 * found.num_found / max(1, found.num_said):.1f}",
            f"{found.num_false / self.hours:.1f}",
            f"{100 * errors.rate:.2f}",
            f"{after:.2f}",
            f"{after / before:.2f}",
            f"{(after + self.acoustic_seconds) / (before + self.acoustic_seconds):.2f}",
        ]


def main(argv: list[str] | None = None) -> None:
    """Prints a row for each score."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", help="an acoustic model")
    parser.add_argument("--cuts", required=True, help="what is decoded")
    search = parser.add_mutually_exclusive_group(required=True)
    search.add_argument("--settings", help="a decoder that asr tune decode wrote")
    search.add_argument("--beam-size", type=int, help="a search over tokens without a language model")
    parser.add_argument("--hotwords", help="the list; none to make one")
    parser.add_argument("--rare", type=int, default=40, help="rarest words of the transcripts that are listed")
    parser.add_argument("--phrases", type=int, default=200, help="length of the list that is made")
    parser.add_argument("--known", nargs="+", default=[], help="cuts, text or an n-gram: which words are rare")
    parser.add_argument("--names", action="store_true", help="words that are like names, from all of the alphabet")
    parser.add_argument("--save", help="where the list that is made is written")
    parser.add_argument("--scores", type=float, nargs="+", default=[0.0, HOTWORD_SCORE], help="scores per letter")
    parser.add_argument("--policy", help="text policy of transcripts (default: the model's, if that is one of words)")
    parser.add_argument("--g2p", help="pronounces words that the lexicon lacks")
    parser.add_argument("--batch-seconds", type=float, default=160.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(argv)
    if not options.hotwords and not options.known:
        parser.error("give --hotwords, or --known to make a list by")
    torch.set_num_threads(1)
    bench = Bench(options)
    phrases = tuple(bench.read_list())
    rows = [bench.measure(Hotwords(phrases, score, bench.pronounce)) for score in options.scores]
    print(f"{len(bench.refs)} utterances, {3600 * bench.hours:.0f} s, {len(phrases)} phrases, {bench.settings.label}")
    print(table([["score", "found", "recall, %", "false an hour", "WER, %", "search, s", "search", "all"], *rows], 1))


if __name__ == "__main__":
    main()
