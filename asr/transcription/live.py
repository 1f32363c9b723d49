"""Words while they are spoken: a stream of samples to words, partial ones and final ones, with their delay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

import torch
from torch import Tensor

from asr.audio.rates import Seconds, samples_to_seconds
from asr.audio.resampling import Waveform
from asr.decoding.greedy import GreedyDecoder
from asr.decoding.hypothesis import Hypothesis, Span
from asr.errors import ConfigError
from asr.features.streaming import REMEMBERED_MS, is_streamed_exactly, streamed_features
from asr.models.acoustic import AcousticModel
from asr.models.streaming import check_streaming, streamed_log_probs, waiting_frames
from asr.text.tokens import BLANK
from asr.transcription.heard import find_pause
from asr.transcription.recognizer import Engine
from asr.transcription.torch_engine import TorchEngine

PAUSE: Seconds = 0.5
"""Seconds of blanks after which all words before them are final."""
LONGEST: Seconds = 16.0
"""Seconds without such a pause after which words are final, as chunks of recordings are no longer."""
_SHORTEST: Seconds = 5.0  # of what is made final then


@dataclass(frozen=True)
class LiveWord:
    """A word that was heard.

    Attributes:
        kind: "final", or "partial" where it may still change or grow.
        word: with its place in the stream.
        delay: seconds of audio that had come since its end when it was found.
    """

    kind: Literal["partial", "final"]
    word: Span
    delay: Seconds


class Delays:
    """Delays of words, in hundredths of a second."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def add(self, delay: Seconds) -> None:
        """Counts a delay."""
        self._counts[round(100 * delay)] += 1

    def __len__(self) -> int:
        """Returns how many there are."""
        return self._counts.total()

    def quantile(self, share: float) -> Seconds:
        """Returns the smallest delay that a share of all do not exceed; 0 if there are none.

        Example:
            >>> delays = Delays()
            >>> for delay in (0.5, 0.7, 2.0): delays.add(delay)
            >>> delays.quantile(0.5), delays.quantile(1.0)
            (0.7, 2.0)
        """
        seen = 0
        for delay in sorted(self._counts):
            seen += self._counts[delay]
            if seen >= share * len(self):
                return delay / 100
        return 0.0


class LiveReader:
    """Reads a stream with an acoustic model and a decoder.

    What has been heard since the last pause is decoded whenever there is more of it, by any decoder. After half a
    second of blanks its words are final. Greedy decoding never takes back what it has read, so that its words are
    final as soon as the next one begins. Without a pause, words are final after 16 seconds, up to the longest run of
    blanks between them. Memory does not grow with the stream.

    Args:
        engine: a model that can be read live, and a decoder.

    Raises:
        ConfigError: the model has to hear a recording to its end, or it is none that can be read live here.

    Attributes:
        first: delays with which words were first found, as partial or final ones.
        final: delays with which words were final.
        heard: seconds of the stream that have come.
        num_left_out: rescorers of the engine, which live reading does without: they choose among lists for whole
            chunks.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine, self._model = _checked(engine)
        self._is_greedy = isinstance(self._engine.decoder, GreedyDecoder)
        self.first, self.final = Delays(), Delays()
        self.heard: Seconds = 0.0
        self.num_left_out = len(self._engine.rescorers)
        self._held = torch.empty(0, len(self._engine.tokens))
        self._place = 0  # frames before those held
        self._shown: list[str] = []  # words of those held as they were found last

    def describe(self) -> str:
        """Returns how long outputs wait, and how features are normalised, in one line."""
        frontend = self._model.frontend
        waiting = waiting_frames(self._model) * frontend.hop_length / frontend.sample_rate
        how = f"normalised by statistics of training (cmvn: {frontend.cmvn})"
        if not is_streamed_exactly(frontend):
            how = (
                f"normalised over the last {REMEMBERED_MS / 1000:g} s, where training did over utterances (cmvn: "
                f"{frontend.cmvn}); train with model.frontend.init_args.cmvn=global for the same"
            )
        return f"a frame waits for at most {waiting:.2f} s; features are {how}"

    def read(self, blocks: Iterable[Waveform]) -> Iterator[LiveWord]:
        """Yields the words of a stream while it comes.

        Args:
            blocks: consecutive waveforms at the model's rate, shape (S,) each.
        """
        features = streamed_features(self._model.frontend, map(torch.from_numpy, self._count(blocks)))
        for part in streamed_log_probs(self._model, features):
            self._held = torch.cat([self._held.to(part.device), part])
            yield from self._finish(self._num_settled())
            yield from self._look()
        yield from self._finish(len(self._held))

    def _count(self, blocks: Iterable[Waveform]) -> Iterator[Waveform]:
        rate, num_samples = self._engine.sample_rate, 0
        for block in blocks:
            num_samples += len(block)
            self.heard = samples_to_seconds(num_samples, rate)
            yield block

    def _frames(self, seconds: Seconds) -> int:
        return max(1, round(seconds / self._model.frame_seconds))

    def _num_settled(self) -> int:
        """Returns the frames held whose words nothing can change any more."""
        last = self._held[-self._frames(PAUSE) :]
        if len(last) == self._frames(PAUSE) and bool((last.argmax(dim=1) == BLANK).all()):
            return len(self._held)
        if self._is_greedy:
            found = self._decode(self._held)
            is_open = bool(found.words) and found.tokens[-1].end <= found.words[-1].end  # the last one may go on
            settled = found.words[: len(found.words) - is_open]
            if settled:
                return round(settled[-1].end / self._model.frame_seconds) - self._place
        return self._cut() if len(self._held) >= self._frames(LONGEST) else 0

    def _cut(self) -> int:
        """Returns the frames held up to the best place to cut them."""
        least = self._frames(_SHORTEST)
        place = find_pause(self._held, self._engine.tokens, least, len(self._held))
        return least + int(self._held[least:, BLANK].argmax()) if place is None else place

    def _decode(self, rows: Tensor) -> Hypothesis:
        if not len(rows):
            return _NOTHING
        found = self._engine.decoder(rows.unsqueeze(0), torch.tensor([len(rows)]))[0][0]
        return found.shift(self._place * self._model.frame_seconds)

    def _finish(self, place: int) -> Iterator[LiveWord]:
        """Yields the words of the first frames held, which are then dropped, as final ones."""
        words = self._decode(self._held[:place]).words
        for number, word in enumerate(words):
            delay = self.heard - word.end
            if number >= len(self._shown):
                self.first.add(delay)
            self.final.add(delay)
            yield LiveWord("final", word, delay)
        self._shown = self._shown[len(words) :] if place < len(self._held) else []
        self._held, self._place = self._held[place:], self._place + place

    def _look(self) -> Iterator[LiveWord]:
        """Yields the words of the frames held that are new or have changed."""
        words = self._decode(self._held).words
        for word, shown in zip_longest(words, self._shown[: len(words)]):
            if shown is None:
                self.first.add(self.heard - word.end)
            if word.text != shown:
                yield LiveWord("partial", word, self.heard - word.end)
        self._shown = [word.text for word in words] + self._shown[len(words) :]


_NOTHING = Hypothesis(text="", tokens=(), words=(), score=0.0, confidence=1.0)


def _checked(engine: Engine) -> tuple[TorchEngine, AcousticModel]:
    if not isinstance(engine, TorchEngine):
        raise ConfigError("live", "an ONNX network hears whole chunks only", "take a model with --backend torch")
    if not isinstance(engine.model, AcousticModel):
        raise ConfigError("live", "several models are averaged over whole chunks", "take one of them")
    check_streaming(engine.model)
    return engine, engine.model
