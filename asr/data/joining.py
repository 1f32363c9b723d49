"""Utterances joined in pairs in training, so that what is read does not depend on where recordings begin and end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from asr.data.utterances import Utterance
from asr.text.phones import SILENCES
from asr.text.tokens import SPACE_TOKEN, TokenTable
from asr.text.writing import Labels

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

    def join(self, first: Labels, second: Labels) -> Labels:
        """Returns the labels of two utterances that are joined."""
        words, token_ids = second.text.split(), second.token_ids
        if first.token_ids[-1] == token_ids[0] and token_ids[0] in self.silences:
            words, token_ids = words[1:], token_ids[1:]
        return Labels(" ".join((first.text, *words)), first.token_ids + self.space + token_ids)


@dataclass(frozen=True)
class Row:
    """What one row of a batch is made of.

    Attributes:
        utterances: one, or two in the order in which they are joined.
        labels: what each head learns of them, the main one first.
        occurrences: how often each came before in the epoch.
    """

    utterances: tuple[Utterance, ...]
    labels: Mapping[str, Labels]
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


def make_rows(
    utterances: Sequence[Utterance], occurrences: Sequence[int], joints: Mapping[str, Joint] | None
) -> list[Row]:
    """Returns the rows of one utterance, or of two neighbours that are to be joined.

    Two are left apart if CTC could lack the frames for the tokens of both and of the joint, for any of the heads.

    Args:
        utterances: one or two.
        occurrences: how often each came before in the epoch.
        joints: of the tokens of each head; None leaves them apart.
    """
    longest = max((len(joint.space) for joint in (joints or {}).values()), default=0)
    spare = sum(utterance.spare_frames for utterance in utterances)
    if joints is None or len(utterances) == 1 or spare < longest + _SPARE_FRAMES:
        pairs = zip(utterances, occurrences, strict=True)
        return [Row((each,), each.labels, (before,)) for each, before in pairs]
    first, second = (utterance.labels for utterance in utterances)
    labels = {name: joint.join(first[name], second[name]) for name, joint in joints.items()}
    return [Row(tuple(utterances), labels, tuple(occurrences))]
