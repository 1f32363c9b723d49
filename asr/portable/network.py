"""The network of a recogniser, run by onnxruntime: features to log-probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from asr.dependencies import DependencyError
from asr.errors import CheckpointError
from asr.portable.deltas import Floats

_AGAIN = "make it again with: asr export --backend onnx"
_ERRORS_ONLY = 3
_OTHER_FILES = b"location"  # the key under which a network names files with weights of its own


class Network:
    """Encoder and output layer of an acoustic model.

    It computes in one thread: batches side by side fill the cores, see :class:`asr.transcription.recognizer`.

    Args:
        path: the file that the network is from, for errors.
        content: the network: ``features`` (B, T, F) and ``lengths`` (B,) to ``log_probs`` (B, N, V).
        time_stride: feature frames for one frame of log-probabilities, ``N = ceil(T / time_stride)``.
        num_tokens: V.
        is_quantised: whether it rounds activations to 8 bits by the range of all that it is given. Utterances are then
            computed one by one, so that none depends on what shares its batch.

    Raises:
        CheckpointError: the network cannot be read, or names other files.
        DependencyError: onnxruntime is not installed.
    """

    def __init__(
        self, path: Path, content: bytes, time_stride: int, num_tokens: int, *, is_quantised: bool = False
    ) -> None:
        try:
            import onnxruntime  # of the extra export: recognisers of checkpoints do without
        except ModuleNotFoundError:
            found = "holds an ONNX network, and onnxruntime is not installed"
            raise DependencyError(path, found, "install it: pip install onnxruntime") from None
        if _OTHER_FILES in content:
            raise CheckpointError(path, "holds a network that names files outside of it", _AGAIN)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        options.add_session_config_entry("session.load_model_format", "ONNX")
        self._path, self._time_stride, self._num_tokens = path, time_stride, num_tokens
        self._is_quantised = is_quantised
        try:
            self._session = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"], enable_fallback=0
            )  # without trying again, which is told on stdout
        except Exception as error:  # onnxruntime's errors have no base class of their own
            raise self._broken(error) from None

    def output_length(self, num_frames: int) -> int:
        """Returns the frames of log-probabilities for a number of feature frames, N."""
        return -(-num_frames // self._time_stride)

    def __call__(self, features: Sequence[Floats]) -> list[Floats]:
        """Returns log-probabilities.

        Args:
            features: of each utterance of a batch, shape (T, F), T > 0.

        Returns:
            Natural-log posteriors of each, shape (N, V).

        Raises:
            CheckpointError: the network does not run, or returns something else.
        """
        if self._is_quantised:
            return [row for each in features for row in self._run([each])]
        return self._run(features)

    def _run(self, features: Sequence[Floats]) -> list[Floats]:
        lengths = np.array([len(each) for each in features])
        padded = np.zeros((len(features), lengths.max(), features[0].shape[1]), np.float32)
        for row, each in zip(padded, features, strict=True):
            row[: len(each)] = each
        try:
            (log_probs,) = self._session.run(["log_probs"], {"features": padded, "lengths": lengths})
        except Exception as error:  # as above
            raise self._broken(error) from None
        expected = (len(features), self.output_length(int(lengths.max())), self._num_tokens)
        if log_probs.shape != expected or log_probs.dtype != np.float32:
            found = f"holds a network that returns an array of shape {log_probs.shape} and not {expected}"
            raise CheckpointError(self._path, found, _AGAIN)
        return [row[: self.output_length(len(each))] for row, each in zip(log_probs, features, strict=True)]

    def _broken(self, error: Exception) -> CheckpointError:
        reason = str(error).partition("\n")[0][:200]
        return CheckpointError(self._path, f"holds a network that onnxruntime does not run ({reason})", _AGAIN)
