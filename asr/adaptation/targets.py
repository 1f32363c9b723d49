"""What the outputs of a model learn of recordings: their letters, or the phones that they were said with."""

from __future__ import annotations

import torch

from asr.adaptation.recordings import Spoken, padded
from asr.data.utterances import required_frames
from asr.decoding.forced.search import align_words
from asr.decoding.forced.spelling import separator_of, spell
from asr.decoding.forced.viterbi import Penalties
from asr.errors import DataError
from asr.models.acoustic import AcousticModel
from asr.scoring.rules import PolicyRule
from asr.text.lexicon import Lexicon
from asr.text.tokens import BLANK, TokenTable

_ALL_SAID = Penalties(gap=1e4, missing=1e4)
_MEND = "check that the transcript is of this recording"


def find_target(
    model: AcousticModel, spoken: Spoken, tokens: TokenTable, rule: PolicyRule, lexicon: Lexicon | None
) -> tuple[int, ...]:
    """Returns the token ids of a recording; of several pronunciations, those that the model hears best.

    Args:
        model: in evaluation mode.
        spoken: the recording.
        tokens: the table of its outputs.
        rule: whose policy words go through.
        lexicon: pronunciations where tokens are phones, else None.

    Raises:
        DataError: a word cannot be spelled in the tokens, or the recording is too short for its transcript.
    """
    waveforms, lengths = padded([spoken])
    if not int(model.frontend.frame_lengths(lengths)):
        raise DataError(spoken.id, "is shorter than a frame", _MEND)
    with torch.inference_mode():
        log_probs = model(waveforms, lengths)[0][0]  # (N, V)
    if lexicon is None:
        found = tuple(tokens.encode(spoken.text, where=spoken.id))
    else:
        words = spell([spoken.text], tokens, rule.policy, lexicon, spoken.id)
        try:
            aligned = align_words(log_probs.numpy(), words, BLANK, separator_of(tokens), _ALL_SAID)
        except DataError as error:
            raise DataError(spoken.id, f"{error.where} {error.found}", _MEND) from None
        said = [tuple(place.token for place in places) for places in aligned.words]
        found = tuple(token for ids, word in zip(said, words, strict=True) for token in ids or word.spellings[0])
    if required_frames(found) > len(log_probs):
        short = f"{len(log_probs)} frames, and {len(found)} tokens need {required_frames(found)}"
        raise DataError(spoken.id, short, _MEND)
    return found
