"""From settings to the search of a transducer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

from asr.decoding.decoder import Decoder
from asr.decoding.settings import DecoderSettings
from asr.decoding.transducer.beam import TransducerBeamDecoder
from asr.decoding.transducer.greedy import TransducerGreedyDecoder
from asr.errors import ConfigError
from asr.models.transducer import Transducer
from asr.text.tokens import TokenTable

_TAKEN = ("beam_size", "nbest")


def transducer_decoder(
    model: Transducer, tokens: TokenTable, settings: DecoderSettings, named: Callable[[str], str] = str
) -> Decoder:
    """Returns the search that settings describe.

    Args:
        model: in evaluation mode.
        tokens: the table of its outputs.
        settings: how to decode; a transducer takes the size of its beam and of its lists.
        named: what errors call a field, such as its option.

    Raises:
        ConfigError: the settings do not go together, or name what a transducer has no search for: a language model, a
            lexicon, exact search, or a weight of one of them.
    """
    settings.check(named)
    default = DecoderSettings()
    others = [each.name for each in fields(settings) if getattr(settings, each.name) != getattr(default, each.name)]
    refused = [named(name) for name in others if name not in _TAKEN]
    if refused:
        remedy = f"leave it out, and give {named('beam_size')} if anything"
        raise ConfigError(", ".join(refused), "the model is a transducer, which is its own language model", remedy)
    if settings.beam_size == 1:
        return TransducerGreedyDecoder(model, tokens)
    return TransducerBeamDecoder(model, tokens, settings.beam_size, settings.nbest)
