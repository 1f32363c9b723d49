"""Times the lexicon beam search against flashlight-text and pyctcdecode on the same posteriors.

    python tools/bench_decoding.py post.npz --make best.ckpt dev_cuts.jsonl.gz [--head char]
    python tools/bench_decoding.py post.npz --imitate sentences.txt --count 200
    python tools/bench_decoding.py post.npz --lm words.arpa --beam-size 50 --threads 1 [--pyctcdecode-python PATH]

The first form saves the posteriors and transcripts of cuts; the second makes up posteriors that follow sentences, with
confusions. Both end in a frame of ``|``, which flashlight's words need. The third form decodes them with the words of
the language model as lexicon: all decoders take turns, round after round, with the same beam, weights and words. Each
line shows the median of utterances per second, the word error rate, and how many utterances have flashlight's words or
score higher than them (full CTC likelihood and language model). pyctcdecode runs as one process in the Python of an
environment that has it; its beam search knows no lexicon but drops what does not begin a word.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from asr.decoding.lexicon.arcs import LexiconScores
from asr.decoding.lexicon.decoder import LexiconBeamDecoder
from asr.decoding.lexicon.spellings import Spellings
from asr.decoding.lexicon.trie import LexiconTrie
from asr.decoding.lexicon.word_ngram import WordNGram
from asr.lm.ngram import NGramModel
from asr.lm.storage import load_ngram, save_ngram
from asr.lm.vocabulary import SPECIAL
from asr.scoring.counts import count_errors
from asr.text.tokens import BLANK, SPACE_TOKEN, TokenTable

WORKER = Path(__file__).with_name("time_pyctcdecode.py")


@dataclass(frozen=True)
class Posteriors:
    """What is decoded: log_probs (N, V) of each utterance, and its transcript."""

    tokens: TokenTable
    log_probs: list[Tensor]
    refs: list[str]

    def save(self, path: Path) -> None:
        """Writes them as ``.npz``."""
        lengths = np.array([len(rows) for rows in self.log_probs])
        arrays = {"log_probs": torch.cat(self.log_probs).numpy(), "lengths": lengths, "refs": np.array(self.refs)}
        np.savez_compressed(path, tokens=np.array(json.dumps(self.tokens.state())), **arrays)

    @classmethod
    def load(cls, path: Path) -> Posteriors:
        """Reads what :meth:`save` wrote."""
        with np.load(path) as arrays:
            rows = torch.from_numpy(arrays["log_probs"]).split(arrays["lengths"].tolist())
            tokens = TokenTable.from_state(json.loads(str(arrays["tokens"])))
            return cls(tokens, list(rows), arrays["refs"].tolist())


def close(rows: Tensor, tokens: TokenTable) -> Tensor:
    """Adds a frame of ``|``, after one of blank."""
    sure = torch.full((2, rows.shape[1]), 1e-4)
    sure[0, BLANK] = sure[1, tokens.ids[SPACE_TOKEN]] = 1.0
    return torch.cat([rows, (sure / sure.sum(dim=1, keepdim=True)).log()])


def compute(checkpoint: str, cuts: str, head: str | None) -> Posteriors:
    """Returns the posteriors of cuts by a head of a model."""
    from asr.checkpoints.acoustic import load_checkpoint
    from asr.corpora.manifests import read_cuts
    from asr.data.posteriors import posteriors

    loaded = load_checkpoint(checkpoint).head(head)
    policy = loaded.policy
    by_id = {cut.id: cut for cut in read_cuts(cuts)}
    rows, refs = [], []
    for ids, log_probs, lengths in posteriors(loaded.model, list(by_id.values()), batch_seconds=60):
        rows += [close(row[:length], loaded.tokens) for row, length in zip(log_probs, lengths.tolist(), strict=True)]
        refs += [policy.apply(" ".join(s.text for s in by_id[name].supervisions)) for name in ids]
    return Posteriors(loaded.tokens, rows, refs)


def imitate(text: Path, count: int, height: float) -> Posteriors:
    """Makes up posteriors for the first sentences of 5 to 20 words: peaks between runs of blank, with confusions."""
    with text.open(encoding="utf-8") as lines:
        sentences = [line.strip() for _, line in zip(range(20 * count), lines, strict=False)]
    refs = [sentence for sentence in sentences if 5 <= len(sentence.split()) <= 20][:count]
    tokens = TokenTable.build(sentences, "char")
    rows = []
    for seed, ref in enumerate(refs):
        rng, generator = random.Random(seed), torch.Generator().manual_seed(seed)
        path, heights = [], []
        for token_id in tokens.encode(ref):
            blanks = rng.randint(1, 3)
            path += [token_id, *[BLANK] * blanks]
            heights += [rng.gauss(height, 2.5), *[12.0] * blanks]
        scores = 1.5 * torch.randn(len(path), len(tokens), generator=generator)
        scores.scatter_add_(1, torch.tensor(path)[:, None], torch.tensor(heights)[:, None])
        rows.append(close(scores.log_softmax(dim=1), tokens))
    return Posteriors(tokens, rows, refs)


class Contest:
    """The decoders under the same settings; each returns the texts of all utterances."""

    def __init__(self, posteriors: Posteriors, options: argparse.Namespace, lm: NGramModel, folder: Path) -> None:
        """Prepares what they share."""
        self.posteriors, self.options, self.lm = posteriors, options, lm
        words = [word for word in lm.vocabulary.words if word not in SPECIAL]
        self.spellings = Spellings.of(words, posteriors.tokens)
        self.arpa = Path(options.lm)
        if self.arpa.suffix != ".arpa":
            self.arpa = folder / "lm.arpa"
            save_ngram(lm, self.arpa)
        self.order = sorted(range(len(posteriors.refs)), key=lambda place: len(posteriors.log_probs[place]))

    def ours(self) -> Callable[[], list[str]]:
        """Returns the batched search."""
        options, device = self.options, torch.device(self.options.device)
        trie = LexiconTrie(self.spellings, self.posteriors.tokens)
        decoder = LexiconBeamDecoder(
            self.posteriors.tokens,
            0.01,
            trie,
            options.beam_size,
            LexiconScores(WordNGram(self.lm, trie.words), options.lm_weight, options.word_score),
            beam_threshold=options.beam_threshold,
            token_topk=options.token_topk,
            blank_threshold=options.blank_threshold,
            dtype=getattr(torch, options.dtype),
        )

        def decode() -> list[str]:
            texts = [""] * len(self.order)
            for begin in range(0, len(self.order), options.batch_size):
                places = self.order[begin : begin + options.batch_size]
                rows = [self.posteriors.log_probs[place] for place in places]
                batch = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True).to(device)
                for place, nbest in zip(places, decoder(batch, torch.tensor([len(r) for r in rows])), strict=True):
                    texts[place] = nbest[0].text
            return texts

        return decode

    def flashlight(self) -> Callable[[], list[str]]:
        """Returns flashlight-text."""
        from flashlight_words import FlashlightWords

        options = self.options
        decoder = FlashlightWords(
            self.posteriors.tokens,
            self.spellings,
            self.arpa,
            self.lm,
            options.beam_size,
            options.lm_weight,
            options.word_score,
            options.beam_threshold,
            options.token_topk,
        )
        return lambda: [decoder.decode(rows)[0] for rows in self.posteriors.log_probs]

    def pyctcdecode(self, folder: Path) -> tuple[list[str], float]:
        """Runs pyctcdecode: its texts, and the median of its seconds."""
        words = folder / "words.txt"
        words.write_text("\n".join(self.spellings.words), encoding="utf-8")
        names = ("beam_size", "beam_threshold", "lm_weight", "word_score", "rounds", "cpu_time")
        settings = {name: getattr(self.options, name) for name in names}
        paths = {"posteriors": self.options.posteriors, "arpa": str(self.arpa), "words": str(words)}
        command = [self.options.pyctcdecode_python, str(WORKER), json.dumps({**settings, **paths})]
        found = json.loads(
            subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1]
        )
        return found["texts"], statistics.median(found["seconds"])

    def score(self, place: int, text: str) -> float:
        """Returns what all of them maximise: the full CTC likelihood of a text, and the scores of its words."""
        heard = full_likelihood(self.posteriors.log_probs[place], text, self.posteriors.tokens)
        words = text.split()
        return heard + self.options.lm_weight * self.lm.log_prob(words) + self.options.word_score * len(words)

    def agreement(self, texts: list[str], theirs: list[str]) -> tuple[int, int]:
        """Counts equal texts, and others of a better score."""
        pairs = list(zip(texts, theirs, strict=True))
        same = sum(one == other for one, other in pairs)
        differing = ((place, one, other) for place, (one, other) in enumerate(pairs) if one != other)
        return same, sum(self.score(place, one) > self.score(place, other) for place, one, other in differing)


def full_likelihood(log_probs: Tensor, text: str, tokens: TokenTable) -> float:
    """Returns the log-probability of all alignments of a text, in which ``|`` follows every word.

    As in both searches over a lexicon it may also precede the first word, and recur after a blank.
    """
    space = tokens.ids[SPACE_TOKEN]
    words = [*tokens.encode(text), space] if text else []
    ids = torch.tensor([space, *words])  # the first stands before all words
    is_space, is_repeat = ids == space, ids[1:] == ids[:-1]
    never = torch.full((len(ids),), -torch.inf, dtype=torch.float64)
    ends_token, ends_blank = never.clone(), never.clone()
    ends_blank[0] = 0.0
    for row in log_probs.double():
        total = torch.logaddexp(ends_token, ends_blank)
        stay = torch.where(is_space, total, ends_token)
        stay[1:] = torch.logaddexp(stay[1:], torch.where(is_repeat, ends_blank[:-1], total[:-1]))
        ends_token, ends_blank = stay + row[ids], total + row[BLANK]
    return float(torch.logaddexp(ends_token[-1], ends_blank[-1]))


def turns(
    decoders: dict[str, Callable[[], list[str]]], rounds: int, clock: Callable[[], float]
) -> dict[str, tuple[list[str], float]]:
    """Returns the texts of each decoder and the median of its seconds; they take turns, after one round to warm up."""
    texts: dict[str, list[str]] = {}
    seconds: dict[str, list[float]] = {name: [] for name in decoders}
    for number in range(rounds + 1):
        for name, decode in decoders.items():
            begun = clock()
            texts[name] = decode()
            if number:
                seconds[name].append(clock() - begun)
    return {name: (texts[name], statistics.median(seconds[name])) for name in decoders}


def parse() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("posteriors", help=".npz file")
    parser.add_argument("--make", nargs=2, metavar=("CHECKPOINT", "CUTS"), help="write the posteriors of cuts to it")
    parser.add_argument("--head", metavar="NAME", help="head of --make's model (default: the main one)")
    parser.add_argument("--imitate", metavar="TEXT", help="write posteriors to it that follow these sentences")
    parser.add_argument("--count", type=int, default=200, help="sentences to imitate")
    parser.add_argument("--height", type=float, default=4.0, help="of a token above the noise; lower is harder")
    parser.add_argument("--lm", help="n-gram of words, .arpa or .npz")
    parser.add_argument("--pyctcdecode-python", metavar="PATH", help="a Python that has pyctcdecode and kenlm")
    for name, default in (("beam-size", 50), ("batch-size", 64), ("threads", 1), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    for name, value in (("lm-weight", 0.8), ("word-score", 0.0), ("beam-threshold", 30.0), ("blank-threshold", 0.999)):
        parser.add_argument(f"--{name}", type=float, default=value)
    parser.add_argument(
        "--cpu-time", action="store_true", help="count processor time, for a busy machine and one thread"
    )
    parser.add_argument("--token-topk", type=int, help="tokens considered per frame, by flashlight too")
    parser.add_argument("--device", default="cpu", help="of ours: cpu or cuda")
    parser.add_argument("--dtype", default="float64", choices=("float32", "float64"), help="of ours")
    return parser.parse_args()


def main() -> None:
    """Writes posteriors, or prints a line for each decoder."""
    options = parse()
    torch.set_num_threads(options.threads)
    path = Path(options.posteriors)
    if options.make or options.imitate:
        if options.make:
            made = compute(*options.make, options.head)
        else:
            made = imitate(Path(options.imitate), options.count, options.height)
        made.save(path)
        print(f"{path}: {len(made.refs)} utterances, {sum(map(len, made.log_probs))} frames")
        return
    if not options.lm:
        sys.exit("bench_decoding: --lm is missing; train one: asr lm train --order 3")
    posteriors = Posteriors.load(path)
    clock = time.process_time if options.cpu_time else time.perf_counter
    with tempfile.TemporaryDirectory() as folder:
        contest = Contest(posteriors, options, load_ngram(options.lm), Path(folder))
        found = turns({"flashlight": contest.flashlight(), "ours": contest.ours()}, options.rounds, clock)
        if options.pyctcdecode_python:
            found["pyctcdecode"] = contest.pyctcdecode(Path(folder))
    count = len(posteriors.refs)
    frames = sum(map(len, posteriors.log_probs)) / count
    print(f"{count} utterances of {frames:.0f} frames, {len(contest.spellings.words)} words, beam {options.beam_size}")
    print(f"{'decoder':14}{'utt/s':>9}{'ratio':>8}{'WER %':>8}{'same':>7}{'better':>8}")
    for name, (texts, seconds) in found.items():
        errors = sum(counts.errors for counts in count_errors(posteriors.refs, texts, "word"))
        rate = 100 * errors / sum(len(ref.split()) for ref in posteriors.refs)
        same, better = contest.agreement(texts, found["flashlight"][0])
        ratio = found["flashlight"][1] / seconds
        print(f"{name:14}{count / seconds:9.1f}{ratio:8.2f}{rate:8.2f}{same:7}{better:8}")


if __name__ == "__main__":
    main()
