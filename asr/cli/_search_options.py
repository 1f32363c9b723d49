"""Options of a search, shared by the verbs that decode."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from asr.cli.command import above_zero, finite, log, not_negative, option, warn
from asr.decoding.settings import CTC_WEIGHT, DecoderSettings
from asr.errors import UsageError
from asr.text.writing import MAIN

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from asr.checkpoints.acoustic import Loaded
    from asr.decoding.decoder import Decoder
    from asr.decoding.parts import Coverage, DecoderParts
    from asr.models.acoustic import SpeechModel
    from asr.text.hotwords import Hotwords

LM_WEIGHT = 0.5
"""Weight of a language model if none is given."""


def add_inputs(parser: ArgumentParser, cuts: str) -> None:
    """Adds the options that name the model, its input (``cuts`` is the help text of ``--cuts``) and its device."""
    parser.add_argument("--checkpoint", required=True, metavar="FILE", help="what asr train wrote")
    add_head(parser)
    parser.add_argument("--cuts", required=True, nargs="+", metavar="FILE", help=cuts)
    seconds = "seconds of padded batches (default: 480)"
    parser.add_argument("--batch-seconds", type=above_zero, default=480.0, metavar="S", help=seconds)
    parser.add_argument("--workers", type=not_negative, default=1, help="processes that read audio ahead (default: 1)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N (default: cpu)")


def add_head(parser: ArgumentParser) -> None:
    """Adds the option that chooses a head of the model."""
    about = "head of the model, such as char beside phones; asr info lists them (default: the main one)"
    parser.add_argument("--head", metavar="NAME", help=about)


def add_search(parser: ArgumentParser) -> None:
    """Adds the options of the search itself."""
    parser.add_argument("--beam-size", type=int, help="hypotheses kept; 1 is greedy (default: 1)")
    parser.add_argument("--nbest", type=int, default=1, help="hypotheses written for each utterance (default: 1)")
    parser.add_argument("--lm", metavar="FILE", help="n-gram model: of words with --lexicon, else of tokens")
    parser.add_argument("--exact", action="store_true", help="search a bigram exactly, for the best path: no beam")
    words = parser.add_argument_group("words")
    words.add_argument(
        "--lexicon",
        nargs="+",
        metavar="FILE",
        help="search among these words: one a line, WORD PHONES… for phones, or an n-gram model that knows them",
    )
    words.add_argument("--silence", metavar="TOKEN", help="phone that may come between words, such as sil")
    words.add_argument(
        "--unknown-score", type=finite, metavar="S", help="score of words outside the lexicon (default: there are none)"
    )
    words.add_argument(
        "--beam-threshold", type=finite, metavar="S", help="drop what is this far below the best (default: 30)"
    )
    words.add_argument(
        "--hyps-per-state",
        type=int,
        metavar="N",
        help="hypotheses with the same future that are kept in the beam; N-best lists have others, too (default: 1)",
    )


def add_ctc_weight(parser: ArgumentParser) -> None:
    """Adds the option of a search with an attention decoder."""
    about = (
        "of a model that has an attention decoder beside CTC: weight of CTC, from 0 for attention alone to 1 for CTC "
        f"alone (default: {CTC_WEIGHT} with --beam-size; greedily, and with a lexicon or language model, CTC alone)"
    )
    parser.add_argument("--ctc-weight", type=finite, metavar="W", help=about)


def add_weights(parser: ArgumentParser) -> None:
    """Adds the weights of a search."""
    weights = parser.add_argument_group("weights")
    weights.add_argument("--lm-weight", type=finite, metavar="W", help="weight of the language model (default: 0.5)")
    weights.add_argument("--token-score", type=finite, metavar="S", help="score added per token (default: 0)")
    weights.add_argument("--word-score", type=finite, metavar="S", help="score added per word (default: 0)")
    weights.add_argument("--blank-penalty", type=finite, metavar="S", help="score taken per blank frame (default: 0)")


def given_fields(arguments: Namespace) -> dict[str, Any]:
    """Returns the fields of :class:`DecoderSettings` that options set, except ``nbest``, which is always set."""
    names = [each.name for each in fields(DecoderSettings) if each.name != "nbest"]
    values = {name: getattr(arguments, name, None) for name in names}
    given = {name: value for name, value in values.items() if value is not None and value is not False}
    return given | ({"lexicon": tuple(given["lexicon"])} if "lexicon" in given else {})


def search_settings(arguments: Namespace) -> DecoderSettings:
    """Returns the settings that the options describe.

    Raises:
        ConfigError: options contradict each other.
    """
    given = given_fields(arguments)
    weight = {"lm_weight": LM_WEIGHT} if "lm" in given else {}
    settings = DecoderSettings(nbest=arguments.nbest, **(weight | given))
    settings.check(option)
    return settings


def load_model(
    arguments: Namespace, settings: DecoderSettings, hotwords: Hotwords | None = None
) -> tuple[Loaded, DecoderParts]:
    """Loads the model that the options of :func:`add_inputs` name, and the parts that its decoders share.

    Raises:
        AsrError: a file cannot be read, the device cannot be used, or the settings do not fit the model.
    """
    from asr.checkpoints.acoustic import load_checkpoint

    loaded = load_checkpoint(arguments.checkpoint).head(arguments.head)
    return loaded, _read_parts(loaded, arguments, settings, hotwords)


def load_search(
    arguments: Namespace, settings: DecoderSettings, hotwords: Hotwords | None = None
) -> tuple[SpeechModel, Decoder, DecoderSettings]:
    """Loads the acoustic model or the transducer that the options of :func:`add_inputs` name.

    Returns:
        The model, its decoder, and the settings that this has: where there is an attention decoder, with its weight.

    Raises:
        AsrError: a file cannot be read, the device cannot be used, or the settings do not fit the model.
    """
    from asr.checkpoints.acoustic import Loaded
    from asr.checkpoints.kinds import load_recogniser
    from asr.decoding.transducer.choice import transducer_decoder
    from asr.models.devices import move

    loaded = load_recogniser(arguments.checkpoint)
    if isinstance(loaded, Loaded):
        return _load_acoustic(loaded, arguments, settings, hotwords)
    for name, is_given in (("head", arguments.head), ("hotwords", hotwords)):
        if is_given:
            raise UsageError(option(name), "the model is a transducer, which has none", "leave it out")
    move(loaded.model, arguments.device, "--device")
    return loaded.model, transducer_decoder(loaded.model, loaded.tokens, settings, option), settings


def _load_acoustic(
    loaded: Loaded, arguments: Namespace, settings: DecoderSettings, hotwords: Hotwords | None
) -> tuple[SpeechModel, Decoder, DecoderSettings]:
    """Returns what :func:`load_search` does for an acoustic model, which is read by CTC or with its attention, too."""
    from asr.decoding.joint.choice import joint_decoder, resolved
    from asr.models.devices import move
    from asr.models.joint import JointModel

    elsewhere = loaded.model.attention_head
    loaded = loaded.head(arguments.head)
    model, is_given = loaded.model, settings.ctc_weight is not None
    if is_given or not hotwords:
        settings = resolved(settings, model.attention is not None and model.attention_head == MAIN, option, elsewhere)
    if settings.ctc_weight in (None, 1.0):
        return model, _read_parts(loaded, arguments, settings, hotwords).decoder(settings), settings
    if hotwords:
        found = "a search with an attention decoder takes no hot words"
        raise UsageError(option("hotwords"), found, f"leave them out, or give {option('ctc_weight')} 1 for CTC alone")
    move(model, arguments.device, "--device")
    if not is_given:
        log(f"searching with CTC and attention, {option('ctc_weight')} {settings.ctc_weight:g}; 1 is CTC alone")
    joint = JointModel(model)
    return joint, joint_decoder(joint, loaded.tokens, settings), settings


def _read_parts(
    loaded: Loaded, arguments: Namespace, settings: DecoderSettings, hotwords: Hotwords | None
) -> DecoderParts:
    from asr.decoding.parts import DecoderParts
    from asr.models.devices import move

    move(loaded.model, arguments.device, "--device")
    parts = DecoderParts.read(settings, loaded.tokens, loaded.policy, loaded.model.frame_seconds)
    parts = parts.with_hotwords(hotwords, loaded.policy)
    log_coverage(parts.coverage, settings.lm)
    return parts


def log_coverage(coverage: Coverage | None, lm: str) -> None:
    """Logs how much of a lexicon, if there is one, can be searched; ``lm`` is the file of the language model."""
    if coverage is None:
        return
    for line in coverage.problems():
        warn(line)
    for line in coverage.describe(lm):
        log(line)
