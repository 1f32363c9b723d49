"""From settings to the search with CTC and an attention decoder, or to that of CTC alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

from asr.decoding.joint.beam import JointBeamDecoder
from asr.decoding.settings import CTC_WEIGHT, DecoderSettings
from asr.errors import ConfigError
from asr.models.joint import JointModel
from asr.text.tokens import TokenTable

_TAKEN = ("beam_size", "nbest", "ctc_weight")


def resolved(
    settings: DecoderSettings, has_attention: bool, named: Callable[[str], str] = str, elsewhere: str = ""
) -> DecoderSettings:
    """Returns the settings with the weight of CTC that decoding takes; None where it goes by CTC alone.

    Without a weight, a beam search over tokens takes an attention decoder along, with :data:`CTC_WEIGHT`; greedy
    decoding, and a search with a lexicon, a language model, hot words or other weights, goes by CTC.

    Args:
        settings: how to decode.
        has_attention: whether the head that is read has an attention decoder.
        named: what errors call a field, such as its option.
        elsewhere: name of another head that has one; empty if none has.

    Raises:
        ConfigError: a weight is given where there is no attention decoder, or with what a search with one does not
            take.

    Example:
        >>> resolved(DecoderSettings(beam_size=8), has_attention=True).ctc_weight
        0.3
    """
    settings.check(named)
    default, weight = DecoderSettings(), settings.ctc_weight
    others = [each.name for each in fields(settings) if getattr(settings, each.name) != getattr(default, each.name)]
    others = [named(name) for name in others if name not in _TAKEN]
    if weight is None:
        is_joint = has_attention and settings.beam_size > 1 and not others
        return replace(settings, ctc_weight=CTC_WEIGHT) if is_joint else settings
    if not has_attention:
        found = f"the model has no attention decoder{' beside this head' if elsewhere else ''}"
        remedy = f"give {named('head')} {elsewhere}" if elsewhere else "leave it out, or train with objective=attention"
        raise ConfigError(named("ctc_weight"), found, remedy)
    if weight < 1 and others:
        found = "a search with an attention decoder takes no lexicon, language model or other weights"
        raise ConfigError(", ".join(others), found, f"leave it out, or give {named('ctc_weight')} 1 for CTC alone")
    return settings


def joint_decoder(model: JointModel, tokens: TokenTable, settings: DecoderSettings) -> JointBeamDecoder:
    """Returns the search that settings with a weight of CTC describe.

    Args:
        model: in evaluation mode.
        tokens: the table of its outputs.
        settings: as :func:`resolved` returns them.
    """
    assert settings.ctc_weight is not None
    sizes = settings.beam_size, settings.nbest, settings.ctc_weight
    return JointBeamDecoder(model.attention, model.output, tokens, model.frame_seconds, *sizes)
