"""Reverberation: each utterance in a room of its own."""

from __future__ import annotations

import math
from abc import abstractmethod

import torch
from torch import Tensor

from asr.augmentation.base import WaveformAugmentation, energies
from asr.augmentation.recordings import Recordings
from asr.errors import ConfigError
from asr.features.frontend import FrontEnd
from asr.features.random import normal, uniform

_CHOICE_STREAM, _ROOM_STREAM, _TAIL_STREAM = 221, 222, 223
_DIRECT = 0.5  # of the peak: the direct path is the first sample of a recorded response that is as strong


class Convolution(WaveformAugmentation):
    """Convolves each utterance with an impulse response, keeping its length and its power.

    The first tap of a response is the direct path, so that nothing moves in time. What extends beyond the utterance's
    own end is cut off.
    """

    choice = (_CHOICE_STREAM, 0)

    @abstractmethod
    def responses(self, seeds: Tensor) -> Tensor:
        """Returns an impulse response for each seed, at any level: (B,) -> (B, R)."""

    def change_all(self, waveforms: Tensor, lengths: Tensor, is_own: Tensor, seeds: Tensor) -> Tensor:
        """Reverberates all waveforms."""
        heard = convolve(waveforms.masked_fill(~is_own, 0.0), self.responses(seeds))
        before, after = energies(waveforms, is_own), energies(heard, is_own)
        return torch.where(after > 0, (before / after).sqrt(), 0.0).unsqueeze(1) * heard


class Reverberate(Convolution):
    """Reverberation of generated rooms: a direct path and a tail of noise that decays exponentially.

    The tail begins one sample after the direct path and loses 60 dB in the reverberation time T60; responses have the
    length of the longest possible tail. The energies of direct path and tail have exactly the ratio drawn.

    **Source**: Polack 1988, "La transmission de l'énergie sonore dans les salles"; the statistical model in Habets
    2007, "Single- and multi-microphone speech dereverberation using spectral enhancement", section 2.3.

    Args:
        frontend: of the model.
        t60_seconds: shortest and longest reverberation time, drawn uniformly between; 0.2 is a furnished room, 0.8
            a lecture hall.
        direct_to_reverberant_db: lowest and highest ratio of direct path to tail in dB, drawn uniformly between;
            lower is further from the microphone.
        probability: share of the utterances that are changed.

    Raises:
        ConfigError: a setting is invalid.
    """

    def __init__(
        self,
        frontend: FrontEnd,
        t60_seconds: tuple[float, float],
        direct_to_reverberant_db: tuple[float, float],
        probability: float = 1.0,
    ) -> None:
        super().__init__(probability)
        self.check_range(t60_seconds=t60_seconds, direct_to_reverberant_db=direct_to_reverberant_db)
        if t60_seconds[0] <= 0:
            raise ConfigError("Reverberate, t60_seconds", f"is {list(t60_seconds)}", "give seconds above 0")
        self.t60_seconds, self.direct_to_reverberant_db = t60_seconds, direct_to_reverberant_db
        self.sample_rate = frontend.sample_rate

    def responses(self, seeds: Tensor) -> Tensor:
        """Generates a room for each seed: (B,) -> (B, R); the first tap is 1."""
        draws = uniform(seeds, 2, _ROOM_STREAM)
        t60, ratio_db = (
            low + (high - low) * draws[:, place, None]
            for place, (low, high) in enumerate((self.t60_seconds, self.direct_to_reverberant_db))
        )
        num_taps = math.ceil(self.t60_seconds[1] * self.sample_rate) + 1
        seconds = torch.arange(1, num_taps, device=seeds.device) / self.sample_rate
        tail = normal(seeds, num_taps - 1, _TAIL_STREAM) * (-3.0 * math.log(10.0) * seconds / t60).exp()
        tail = tail * (10.0 ** (-ratio_db / 10) / tail.square().sum(1, keepdim=True)).sqrt()
        return torch.cat((torch.ones_like(t60), tail), dim=1)


class ReverberateRecorded(Convolution):
    """Reverberation of rooms whose impulse responses were recorded, or simulated by another program.

    All responses are equally likely, chosen by the utterance's seed. What precedes the direct path, the first sample at
    least half as strong as the strongest, is cut off.

    Args:
        frontend: of the model.
        manifest: list of impulse responses of one channel each, one audio file a line; see
            :func:`asr.augmentation.recordings.read_list`.
        probability: share of the utterances that are changed.

    Raises:
        ConfigError: a setting is invalid.
    """

    recordings: Recordings

    def __init__(self, frontend: FrontEnd, manifest: str, probability: float = 1.0) -> None:
        """Checks the settings; ``recordings.read()`` or the first batch reads the responses."""
        super().__init__(probability)
        rate = frontend.sample_rate
        self.recordings = Recordings(manifest, rate, prepare=from_direct_path, is_single_channel=True)

    def responses(self, seeds: Tensor) -> Tensor:
        """Takes a response for each seed, followed by zeros: (B,) -> (B, R) for the longest in the list.

        Raises:
            DataError: the responses cannot be read.
        """
        bank = self.recordings.on(seeds.device)
        chosen = bank.choose(uniform(seeds, 1, _ROOM_STREAM)[:, 0])
        is_there = torch.arange(bank.longest, device=seeds.device) < bank.lengths[chosen].unsqueeze(1)
        return bank.cut(chosen, torch.zeros_like(chosen), bank.longest).masked_fill(~is_there, 0.0)


def convolve(waveforms: Tensor, responses: Tensor) -> Tensor:
    """Returns the first S samples of convolutions with responses, by FFT: (B, S), (B, R) -> (B, S), S and R >= 1.

    Example:
        >>> convolve(torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[1.0, 0.0, 10.0]])).round().tolist()
        [[1.0, 2.0, 13.0]]
    """
    num_samples = waveforms.shape[1]
    size = max(2, 1 << (num_samples + responses.shape[1] - 2).bit_length())  # at least the S + R - 1 of the whole
    spectrum = torch.fft.rfft(waveforms, n=size) * torch.fft.rfft(responses, n=size)
    whole: Tensor = torch.fft.irfft(spectrum, n=size)
    return whole[:, :num_samples]


def from_direct_path(response: Tensor) -> Tensor:
    """Returns an impulse response from its direct path on: (S,) -> (R,).

    Example:
        >>> from_direct_path(torch.tensor([0.0, 0.1, -0.6, 1.0, 0.2])).tolist()
        [-0.6000000238418579, 1.0, 0.20000000298023224]
    """
    strengths = response.abs()
    return response[int((strengths >= _DIRECT * strengths.max()).nonzero()[0]) :]
