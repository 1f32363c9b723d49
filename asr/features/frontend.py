"""The front end: waveforms to normalised features, with Kaldi's definitions, as a part of the model."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asr.errors import ConfigError
from asr.features import deltas
from asr.features.definitions import ENERGY_FLOOR, PREEMPHASIS, SMALLEST_STD
from asr.features.mel import cepstral_transform, level_transforms, mel_filters, povey_window
from asr.features.normalisation import clear_padding, normalise_by_speech, normalise_by_utterance
from asr.features.random import normal
from asr.features.settings import check_filters, check_settings, static_settings

_INT16_STEP = 1.0 / 32768
_ABOVE_SILENCE = 0.5  # nats, 2 dB
_DITHER_STREAM = 101
_CACHED_FRAMES = 512
_DEFINITION = 1  # part of the fingerprint: increase it when the static values of the same settings change


class FrontEnd(nn.Module):
    """Log-mel energies or cepstra with energy, differences and normalisation.

    Frame t is centred at sample ``hop_length * t + hop_length // 2`` and an utterance of S samples has
    ``T = (S + hop_length // 2) // hop_length`` frames: the waveform is reflected at its own ends, repeatedly if needed
    (Kaldi with ``snip_edges=False``). So a row of a batch depends neither on the others nor on its padding.

    Samples are between -1 and 1, where Kaldi takes 16-bit integers. The floor of the energies, float32's epsilon, is
    then near the rounding noise of 16-bit samples, so that digital silence is not an outlier.

    All computation is float32, also under autocast, and the module's buffers stay float32 when it is cast.

    Args:
        kind: log-mel energies, or cepstra (MFCC) computed from them.
        sample_rate: Hz of the waveforms.
        num_mels: mel filters.
        num_ceps: cepstra including C0; only for "mfcc".
        frame_length_ms: milliseconds that a frame sees.
        frame_shift_ms: milliseconds from one frame to the next.
        low_freq: lower edge of the filters in Hz.
        high_freq: upper edge of the filters in Hz; 0 or less counts from the Nyquist frequency.
        use_energy: put the log energy of the frame before the log-mel energies, or in place of C0.
        delta_order: differences to append; 2 with ``num_mels=40, use_energy=True`` yields the 123 values of
            Graves, Mohamed & Hinton 2013.
        cmvn: "global" normalises each value by its mean and deviation over the training set,
            "utterance" by those of its utterance including pauses, "speech" by those of its utterance's speech,
            which pauses do not affect (:func:`asr.features.normalisation.normalise_by_speech`).
        dither: deviation of Gaussian noise in steps of 16-bit samples (Kaldi's default is 1), in training only.

    Raises:
        ConfigError: a setting is invalid or contradicts another.

    Attributes:
        sample_rate: Hz.
        low_freq: lower edge of the filters in Hz.
        high_freq: upper edge of the filters in Hz.
        hop_length: samples from one frame to the next.
        static_dim: values of a frame before differences.
        feature_dim: values of a frame, ``static_dim * (delta_order + 1)``.
        silent_level: mean log energy up to which frames are digital silence; 0 unless ``cmvn`` is "speech".

    **Source**: Kaldi, ``feat/feature-{window,fbank,mfcc}.cc``; equal to ``torchaudio.compliance.kaldi`` to 1e-4.
    """

    window: Tensor
    filters: Tensor
    cepstra: Tensor | None
    to_levels: Tensor | None
    from_levels: Tensor | None
    cmvn_mean: Tensor
    cmvn_std: Tensor
    has_statistics: Tensor

    def __init__(
        self,
        kind: Literal["fbank", "mfcc"] = "fbank",
        sample_rate: int = 16000,
        num_mels: int = 80,
        num_ceps: int = 13,
        frame_length_ms: float = 25.0,
        frame_shift_ms: float = 10.0,
        low_freq: float = 20.0,
        high_freq: float = 0.0,
        use_energy: bool = False,
        delta_order: int = 0,
        cmvn: Literal["none", "global", "utterance", "speech"] = "global",
        dither: float = 0.0,
    ) -> None:
        super().__init__()
        self._settings: dict[str, Any] = {
            "kind": kind,
            "sample_rate": sample_rate,
            "num_mels": num_mels,
            "num_ceps": num_ceps,
            "frame_length_ms": frame_length_ms,
            "frame_shift_ms": frame_shift_ms,
            "low_freq": low_freq,
            "high_freq": high_freq,
            "use_energy": use_energy,
            "delta_order": delta_order,
            "cmvn": cmvn,
            "dither": dither,
        }
        check_settings(self._settings)
        self.kind, self.cmvn, self.use_energy = kind, cmvn, use_energy
        self.sample_rate, self.delta_order, self.dither = sample_rate, delta_order, dither
        self.low_freq, self.high_freq = low_freq, high_freq if high_freq > 0 else high_freq + sample_rate / 2
        self.hop_length = int(sample_rate * frame_shift_ms / 1000)
        self.window_length = int(sample_rate * frame_length_ms / 1000)
        self.fft_length = 1 << (self.window_length - 1).bit_length()
        self.static_dim = num_ceps if kind == "mfcc" else num_mels + use_energy
        self.feature_dim = self.static_dim * (delta_order + 1)
        self._register_buffers()
        self._is_ready = False  # has_statistics without waiting for a GPU
        self.silent_level = self._measure_silence() if cmvn == "speech" else 0.0

    def _register_buffers(self) -> None:
        num_mels = self._settings["num_mels"]
        filters = mel_filters(num_mels, self.fft_length, self.sample_rate, self.low_freq, self.high_freq)
        check_filters(filters)
        cepstra = cepstral_transform(num_mels, self._settings["num_ceps"]) if self.kind == "mfcc" else None
        self.register_buffer("window", povey_window(self.window_length), persistent=False)
        self.register_buffer("filters", filters, persistent=False)
        self.register_buffer("cepstra", cepstra, persistent=False)
        to_levels, from_levels = level_transforms(cepstra, self.use_energy)
        self.register_buffer("to_levels", to_levels, persistent=False)
        self.register_buffer("from_levels", from_levels, persistent=False)
        self.register_buffer("cmvn_mean", torch.zeros(self.feature_dim))
        self.register_buffer("cmvn_std", torch.ones(self.feature_dim))
        self.register_buffer("has_statistics", torch.tensor(False))

    def settings(self) -> dict[str, Any]:
        """Returns the arguments of this front end's constructor."""
        return dict(self._settings)

    @property
    def fingerprint(self) -> str:
        """16 hex digits, equal for front ends that compute the same static values of every waveform."""
        static = static_settings(self._settings)
        content = {name: value if isinstance(value, str) else float(value) for name, value in static.items()}
        return hashlib.sha256(json.dumps([_DEFINITION, content], sort_keys=True).encode()).hexdigest()[:16]

    @property
    def needs_statistics(self) -> bool:
        """Whether :meth:`set_statistics` must be called first: CMVN is "global" and nothing was set or loaded."""
        return self.cmvn == "global" and not self._is_ready

    def frame_lengths(self, sample_lengths: Tensor) -> Tensor:
        """Returns the numbers of frames for numbers of samples: ``(S + hop_length // 2) // hop_length``."""
        return (sample_lengths + self.hop_length // 2) // self.hop_length

    def forward(
        self, waveforms: Tensor, waveform_lengths: Tensor, seeds: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Returns the features of a batch.

        Args:
            waveforms: shape (B, S); padding may be arbitrary.
            waveform_lengths: samples of each utterance, shape (B,).
            seeds: int64, shape (B,); needed in training with dither.

        Returns:
            Features, shape (B, T, feature_dim), with padding frames 0, and the frames of each utterance, shape (B,).

        Raises:
            ConfigError: global statistics are needed and not set, or dither lacks seeds.
        """
        static, lengths = self.static(waveforms, waveform_lengths, seeds)
        return self.complete(static, lengths), lengths

    def static(self, waveforms: Tensor, waveform_lengths: Tensor, seeds: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Returns the values of single frames, which a feature cache holds.

        Args and Raises: as for :meth:`forward`.

        Returns:
            Features, shape (B, T, static_dim), with padding frames 0, and the frames of each utterance, shape (B,).
        """
        waveform_lengths = waveform_lengths.to(waveforms.device)
        lengths = self.frame_lengths(waveform_lengths)
        with torch.autocast(waveforms.device.type, enabled=False):
            waveforms = waveforms.float()
            if self.training and self.dither:
                if seeds is None:
                    raise ConfigError("dither", f"is {self.dither} and the front end got no seeds", "set dither to 0")
                noise = normal(seeds.to(waveforms.device), waveforms.shape[1], _DITHER_STREAM)
                waveforms = waveforms + self.dither * _INT16_STEP * noise
            num_frames = (waveforms.shape[1] + self.hop_length // 2) // self.hop_length
            if num_frames == 0:
                return waveforms.new_zeros(len(waveforms), 0, self.static_dim), lengths
            features = self._frames_to_features(self._extend(waveforms, waveform_lengths), num_frames)
            return clear_padding(features, lengths), lengths

    def add_deltas(self, static: Tensor, lengths: Tensor) -> Tensor:
        """Returns features before normalisation, shape (B, T, feature_dim), for global statistics."""
        with torch.autocast(static.device.type, enabled=False):
            return clear_padding(deltas.add_deltas(static.float(), lengths, self.delta_order), lengths)

    def complete(self, static: Tensor, lengths: Tensor) -> Tensor:
        """Returns the features of static values, from a cache or from :meth:`static`: differences and normalisation.

        Args:
            static: shape (B, T, static_dim); padding frames may be arbitrary.
            lengths: frames of each utterance, shape (B,).

        Returns:
            Features, shape (B, T, feature_dim), with padding frames 0.

        Raises:
            ConfigError: ``cmvn`` is "global" and no statistics are set.
        """
        self.check_statistics()
        if self.cmvn == "speech":
            with torch.autocast(static.device.type, enabled=False):
                static = clear_padding(static.float(), lengths)
                transforms = self.to_levels, self.from_levels
                return normalise_by_speech(static, lengths, self.delta_order, self.silent_level, *transforms)
        features = self.add_deltas(static, lengths)
        if self.cmvn == "none":
            return features
        with torch.autocast(static.device.type, enabled=False):
            if self.cmvn == "global":
                return clear_padding((features - self.cmvn_mean) / self.cmvn_std, lengths)
            return normalise_by_utterance(features, lengths)

    def check_statistics(self) -> None:
        """Refuses to normalise without statistics.

        Raises:
            ConfigError: ``cmvn`` is "global" and no statistics are set.
        """
        if self.needs_statistics:
            remedy = "call set_statistics (asr features --cmvn computes them), or choose cmvn utterance or none"
            raise ConfigError("cmvn", "is global, but the front end has no statistics", remedy)

    def levels(self, static: Tensor) -> Tensor:
        """Returns the natural log energies of static values, smoothed if those are cepstra: (B, T, F) -> (B, T, L)."""
        return static if self.to_levels is None else static @ self.to_levels

    @torch.no_grad()
    def _measure_silence(self) -> float:
        """Returns the mean level 2 dB above the loudest digital silence, that with dither of one step."""
        steps = 2 * torch.randint(2, (1, self.sample_rate), generator=torch.Generator().manual_seed(0)) - 1
        extended = self._extend(_INT16_STEP * steps, torch.tensor([self.sample_rate]))
        static = self._frames_to_features(extended, self.sample_rate // self.hop_length)
        return float(self.levels(static).mean()) + _ABOVE_SILENCE

    def set_statistics(self, mean: Tensor, std: Tensor) -> None:
        """Sets mean and deviation of each feature, shape (feature_dim,); deviations below 0.01 count as 0.01.

        Raises:
            ConfigError: they have another dimension or are not finite.
        """
        for values in (mean, std):
            if tuple(values.shape) != (self.feature_dim,) or not bool(values.isfinite().all()):
                found = f"mean or deviation has shape {tuple(values.shape)} or is not finite"
                raise ConfigError("cmvn", found, f"this front end takes {self.feature_dim} finite values")
        self.cmvn_mean.copy_(mean)
        self.cmvn_std.copy_(std.clamp(min=SMALLEST_STD))
        self.has_statistics.fill_(True)
        self._is_ready = True

    def _extend(self, waveforms: Tensor, waveform_lengths: Tensor) -> Tensor:
        """Reflects each utterance at its own ends: (B, S) -> (B, S + samples of frames beyond the ends)."""
        left = self.window_length // 2 - self.hop_length // 2
        right = self.window_length  # more than the last frame reaches beyond the end
        lengths = waveform_lengths.clamp(min=1).unsqueeze(1)
        steps = torch.arange(right, device=waveforms.device)
        beyond = lengths + steps
        extended = F.pad(waveforms, (0, right)).scatter(1, beyond, waveforms.gather(1, _reflect(beyond, lengths)))
        return torch.cat((waveforms.gather(1, _reflect(steps[:left] - left, lengths)), extended), dim=1)

    def _frames_to_features(self, extended: Tensor, num_frames: int) -> Tensor:
        """Computes frames in blocks that fit a CPU's caches: -> (B, T, static_dim)."""
        block = num_frames if extended.is_cuda else max(1, _CACHED_FRAMES // len(extended))
        overlap = self.window_length - self.hop_length
        parts = []
        for first in range(0, num_frames, block):
            count = min(block, num_frames - first)
            samples = extended[:, first * self.hop_length : (first + count) * self.hop_length + overlap]
            parts.append(self._block_to_features(samples.unfold(1, self.window_length, self.hop_length)))
        return torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]

    def _block_to_features(self, frames: Tensor) -> Tensor:
        """Computes the values of frames: (B, T, window_length) -> (B, T, static_dim)."""
        frames = frames - frames.mean(2, keepdim=True)
        energy = frames.square().sum(2, keepdim=True).clamp(min=ENERGY_FLOOR).log() if self.use_energy else None
        # A frame's first sample has no predecessor to subtract, but the window is 0 there.
        frames = (frames[..., 1:] - PREEMPHASIS * frames[..., :-1]) * self.window[1:]
        frames = F.pad(frames, (1, self.fft_length - self.window_length))
        spectrum = torch.fft.rfft(frames)
        power = spectrum.real.square() + spectrum.imag.square()
        features: Tensor = (power @ self.filters).clamp(min=ENERGY_FLOOR).log()  # (B, T, num_mels)
        if self.cepstra is not None:
            features = features @ self.cepstra  # (B, T, num_ceps)
        if energy is None:
            return features
        return torch.cat((energy, features if self.cepstra is None else features[..., 1:]), dim=2)

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *args: Any) -> None:
        super()._load_from_state_dict(state_dict, prefix, *args)
        self._is_ready = bool(self.has_statistics)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> FrontEnd:
        def move(tensor: Tensor) -> Tensor:
            moved = fn(tensor)
            return moved if moved.dtype == tensor.dtype else tensor.to(moved.device)

        super()._apply(move, recurse)  # type: ignore[no-untyped-call]
        return self


def _reflect(samples: Tensor, lengths: Tensor) -> Tensor:
    """Returns the positions inside utterances, of lengths (B, 1), that reflection at their ends maps to ``samples``."""
    samples = samples.remainder(2 * lengths)
    return torch.minimum(samples, 2 * lengths - 1 - samples)
