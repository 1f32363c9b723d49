"""Utterances joined in pairs in training, so that what is read does not depend on where recordings begin and end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from asr.data.utterances import Utterance
from asr.text.phones import SILENCES
from asr.text.tokens import SPACE_TOKEN, TokenTable

_SPARE_FRAMES = 2  # that a joint may cost: lengths are rounded, and equal tokens that meet need a blank


@dataclass(frozen=True)
class Joint:
    """What stands between the tokens of joined utterances.

    Attributes:
        space: the token between words, where the table has one.
        silences: phones of silence: one that ends the first utterance and begins the second is one.
    """

    space: tuple[int, ...] = ()
    silences: frozenset[int] = frozenset()

    @classmethod
    def of(cls, tokens: TokenTable) -> Self:
        """Returns what a token table asks for.

        Example:
            >>> Joint.of(TokenTable("char", ("<blank>", "A", "|")))
            Joint(space=(2,), silences=frozenset())
        """
        space = (tokens.ids[SPACE_TOKEN],) if tokens.unit == "char" else ()
        silences = (tokens.ids[phone] for phone in SILENCES if phone in tokens.ids)
        return cls(space, frozenset(silences if tokens.unit == "phone" else ()))


@dataclass(frozen=True)
class Row:
    """What one row of a batch is made of.

    Attributes:
        utterances: one, or two in the order in which they are joined.
        text: their transcripts.
        token_ids: the same as tokens.
        occurrences: how often each came before in the epoch.
    """

    utterances: tuple[Utterance, ...]
    text: str
    token_ids: tuple[int, ...]
    occurrences: tuple[int, ...]

    @property
    def name(self) -> str:
        """The ids of its utterances."""
        return "+".join(utterance.cut.id for utterance in self.utterances)

    @property
    def seed_name(self) -> str:
        """What its augmentation is seeded by: an utterance that comes again in an epoch is augmented in another way."""
        times = zip(self.utterances, self.occurrences, strict=True)
        return "+".join(f"{each.cut.id}/{before}" if before else each.cut.id for each, before in times)


def make_rows(utterances: Sequence[Utterance], occurrences: Sequence[int], joint: Joint | None) -> list[Row]:
    """Returns the rows of one utterance, or of two neighbours that are to be joined.

    Two are left apart if CTC could lack the frames for the tokens of both and of the joint.

    Args:
        utterances: one or two.
        occurrences: how often each came before in the epoch.
        joint: of their tokens; None leaves them apart.
    """
    spare = sum(utterance.spare_frames for utterance in utterances)
    if joint is None or len(utterances) == 1 or spare < len(joint.space) + _SPARE_FRAMES:
        pairs = zip(utterances, occurrences, strict=True)
        return [Row((each,), each.text, each.token_ids, (before,)) for each, before in pairs]
    first, second = utterances
    words, token_ids = second.text.split(), second.token_ids
    if first.token_ids[-1] == token_ids[0] and token_ids[0] in joint.silences:
        words, token_ids = words[1:], token_ids[1:]
    text = " ".join((first.text, *words))
    return [Row((first, second), text, first.token_ids + joint.space + token_ids, tuple(occurrences))]
