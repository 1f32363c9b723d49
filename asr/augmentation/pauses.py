"""Pauses: silence of several kinds and lengths before, after and between the words of utterances."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from asr.augmentation.base import Augmentation, Stage, Step
from asr.errors import ConfigError
from asr.features.frontend import FrontEnd
from asr.features.normalisation import clear_padding, own_frames, smooth
from asr.features.random import uniform

_STREAM = 203
_PLACES = 3  # before the utterance, inside, after it
_ROOM_FRAMES = 20  # of the quietest stretch, which room tone is made of
_START_FRAMES = 10  # that are repeated where nobody chose a quiet stretch
_GAP_REACH = 30  # frames on each side of a random position that are searched for the quietest
_NOISE_SECONDS = 1.0
_NUM_NOISES = 9  # each twice as loud as the one before, from one step of 16-bit samples
_ABOVE_ROOM = 0.7  # nats, 3 dB, that hiss may be louder than the room tone
PAUSE_KINDS = ("zeros", "dither", "hiss", "room", "start")


class InsertPauses(Augmentation):
    """Inserts pauses before utterances, after them and at quiet positions inside, into their static values.

    So it works with cached features and with waveforms. A share of the optimiser steps gets pauses: all utterances of a
    step get the same duration, drawn uniformly in its logarithm, so that no time is spent on padding. Each utterance
    draws the rest by itself: how the duration is divided between before, inside and after, mostly among one or two of
    them; and the kind of each pause: zeros, dither of one step of 16-bit samples, hiss between that and 3 dB above the
    room tone; room tone, the utterance's own quietest 0.2 s played back and forth; or its first 0.1 s, repeated. The
    position inside is where two utterances are joined, or the quietest within 0.3 s of a random one, usually a gap
    between words. Pauses consist of whole frames: none overlaps both a pause and its surroundings.

    Args:
        frontend: of the model.
        probability: share of the steps that get pauses.
        joint_probability: likewise of the steps whose utterances are joined in pairs.
        seconds: least and most silence that each of their utterances gets in total.
        kinds: of "zeros", "dither", "hiss", "room", "start"; each pause is one of them, all equally likely.

    Raises:
        ConfigError: a setting is invalid.
    """

    stage = Stage.STATIC
    noises: Tensor
    noise_levels: Tensor
    to_levels: Tensor | None

    def __init__(
        self,
        frontend: FrontEnd,
        probability: float,
        seconds: tuple[float, float] = (0.3, 4.0),
        kinds: tuple[str, ...] = PAUSE_KINDS[:4],
        joint_probability: float = 0.5,
    ) -> None:
        """Checks the settings and computes the static values of noises."""
        super().__init__()
        if not kinds or not set(kinds) <= set(PAUSE_KINDS):
            raise ConfigError("InsertPauses, kinds", f"is {list(kinds)}", f"take some of {', '.join(PAUSE_KINDS)}")
        shares = (probability, joint_probability)
        if len(seconds) != 2 or not 0 < seconds[0] <= seconds[1] or not 0 <= min(shares) <= max(shares) <= 1:
            remedy = "seconds is least and most, above 0, probabilities in 0..1"
            raise ConfigError("InsertPauses", f"seconds is {list(seconds)}, probabilities {shares}", remedy)
        self.probability, self.joint_probability = shares
        self.seconds, self.kinds = (seconds[0], seconds[1]), tuple(kinds)
        self._frame_rate = frontend.sample_rate, frontend.hop_length  # frames a second are their quotient
        noises = _make_noises(frontend)  # (10, N, F)
        self._noise_frames = noises.shape[1]
        self.register_buffer("noises", torch.cat((noises[0, :1], noises[1:].flatten(0, 1))), persistent=False)
        self.register_buffer("noise_levels", frontend.levels(noises[1:]).mean((1, 2)), persistent=False)
        self.register_buffer("to_levels", frontend.to_levels, persistent=False)

    def change(self, values: Tensor, lengths: Tensor, seeds: Tensor, step: Step) -> tuple[Tensor, Tensor]:
        """Inserts pauses into static values, shape (B, T, F), in some steps: -> (B, T', F), padding frames 0."""
        num_inserted = self._num_inserted(step)
        if not num_inserted:
            return values, lengths
        static = clear_padding(values, lengths)
        level = (static if self.to_levels is None else static @ self.to_levels).mean(2)  # (B, T)
        draws = uniform(seeds, 4 * _PLACES + 1, _STREAM)
        at_share, *at_fill = draws[:, 1:].view(-1, 4, _PLACES).unbind(1)  # (B, 3) each
        pauses = _share_out(at_share, num_inserted)
        gaps = _find_gaps(level, lengths, draws[:, 0])
        if step.joints is not None:
            joints = step.joints.to(gaps.device)
            gaps = torch.where(joints > 0, joints, gaps)
        places = torch.stack((torch.zeros_like(lengths), gaps, lengths), dim=1)  # in the utterance, (B, 3)
        starts = places + pauses.cumsum(1) - pauses  # in the result, (B, 3)
        frames = torch.arange(static.shape[1] + num_inserted, device=static.device)
        offsets = frames - starts.unsqueeze(2)  # from the beginning of each pause, (B, 3, T')
        is_pause = (offsets >= 0) & (offsets < pauses.unsqueeze(2))
        is_after = offsets >= pauses.unsqueeze(2)
        sources = (frames - (is_after * pauses.unsqueeze(2)).sum(1)).clamp(max=static.shape[1] - 1)  # (B, T')
        fill = self._fill(offsets, at_fill, level, lengths)
        sources = torch.where(is_pause.any(1), (is_pause * fill).sum(1), sources)
        pool = torch.cat((static, self.noises.expand(len(static), -1, -1)), dim=1)  # (B, T + P, F)
        inserted = pool.gather(1, sources.unsqueeze(2).expand(-1, -1, static.shape[2]))
        return clear_padding(inserted, lengths + num_inserted), lengths + num_inserted

    def _num_inserted(self, step: Step) -> int:
        """Returns the frames of silence that each utterance of a step gets."""
        at_step, at_length = (step.seed >> 31) / 2**32, step.seed % 2**31 / 2**31
        if at_step >= (self.probability if step.joints is None else self.joint_probability):
            return 0
        least, most = self.seconds
        drawn: float = least * (most / least) ** at_length
        sample_rate, hop_length = self._frame_rate
        return max(1, round(drawn * sample_rate / hop_length))

    def _fill(self, offsets: Tensor, draws: list[Tensor], level: Tensor, lengths: Tensor) -> Tensor:
        """Returns the source of each frame of each pause, among T of the utterance and P of noise: (B, 3, T')."""
        at_kind, at_start, at_loudness = (draw.unsqueeze(2) for draw in draws)  # (B, 3, 1) each
        kinds = (at_kind * len(self.kinds)).long()
        first, size = (each.view(-1, 1, 1) for each in _quietest(level, lengths))
        steps = offsets % (2 * size)
        room = first + torch.minimum(steps, 2 * size - 1 - steps)  # back and forth
        loudest = level.gather(1, first.view(-1, 1)) + _ABOVE_ROOM
        num_noises = (self.noise_levels <= loudest).sum(1).clamp(min=1).view(-1, 1, 1)
        zeros = torch.full_like(offsets, level.shape[1])
        places = (offsets + (at_start * self._noise_frames).long()) % self._noise_frames
        dither = zeros + 1 + places
        hiss = dither + self._noise_frames * (at_loudness * num_noises).long()
        fills = {"zeros": zeros, "dither": dither, "hiss": hiss, "room": room}
        fills["start"] = offsets % lengths.clamp(min=1, max=_START_FRAMES).view(-1, 1, 1)
        made = torch.stack([fills[kind] for kind in self.kinds])  # (K, B, 3, T')
        return made.gather(0, kinds.expand_as(offsets).unsqueeze(0))[0]


@torch.no_grad()
def _make_noises(frontend: FrontEnd) -> Tensor:
    """Returns static values of a second of each noise, zeros first, shape (10, N, F)."""
    num_samples = round(_NOISE_SECONDS * frontend.sample_rate)
    generator = torch.Generator().manual_seed(0)
    dither = torch.randint(-1, 2, (num_samples,), generator=generator)
    loudness = 2.0 ** torch.arange(1, _NUM_NOISES)
    hiss = (loudness.unsqueeze(1) * torch.randn(_NUM_NOISES - 1, num_samples, generator=generator)).round()
    noises = torch.cat((torch.zeros(1, num_samples), dither.unsqueeze(0), hiss)) / 32768
    lengths = torch.full((len(noises),), num_samples)
    static, _ = frontend.static(noises.to(frontend.window.device), lengths, torch.zeros_like(lengths))
    return static


def _share_out(draws: Tensor, num_frames: int) -> Tensor:
    """Divides frames among positions by the fourth powers of draws, so that few get most: (B, 3) -> (B, 3)."""
    parts = draws.square().square() + 1e-6
    ends = (num_frames * parts.cumsum(1) / parts.sum(1, keepdim=True)).round().long()
    return ends.diff(dim=1, prepend=torch.zeros_like(ends[:, :1]))


def _quietest(level: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the first frame and the frames of each utterance's quietest stretch, shape (B,) each: (B, T), (B,)."""
    width = min(_ROOM_FRAMES, level.shape[1])
    own = level.masked_fill(~own_frames(level, lengths), torch.inf)
    means = F.avg_pool1d(own.unsqueeze(1), width, stride=1).squeeze(1)
    return means.argmin(1), lengths.clamp(min=1, max=width)  # the first stretch of an utterance that is shorter


def _find_gaps(level: Tensor, lengths: Tensor, draws: Tensor) -> Tensor:
    """Returns the quietest frame near a random one of each utterance, but not its first: (B, T), (B,), (B,) -> (B,)."""
    frames = torch.arange(level.shape[1], device=level.device)
    around = smooth(level.unsqueeze(2), own_frames(level, lengths)).squeeze(2)  # (B, T)
    centres = (draws * lengths).long().unsqueeze(1)
    is_near = (frames >= centres - _GAP_REACH) & (frames <= centres + _GAP_REACH)
    is_inside = (frames >= 1) & (frames < lengths.unsqueeze(1))
    return around.masked_fill(~(is_near & is_inside), torch.inf).argmin(1)
