"""How a model writes: the tokens of its outputs and the text policy that transcripts go through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from asr.text.policy import TextPolicy
from asr.text.tokens import TokenTable

MAIN = "main"
"""Name of the outputs that every acoustic model has; other heads have names of their own."""


class Labels(NamedTuple):
    """What a head learns of an utterance.

    Attributes:
        text: its transcript, after the text policy.
        token_ids: the same as tokens.
    """

    text: str
    token_ids: tuple[int, ...]


@dataclass(frozen=True)
class Writing:
    """How one head of a model writes.

    Attributes:
        tokens: the table of its outputs.
        policy: applied to its training transcripts.
    """

    tokens: TokenTable
    policy: TextPolicy

    def labels(self, text: str, where: str) -> Labels:
        """Returns what is learned of a raw transcript.

        Args:
            text: the transcript, or phones between blanks.
            where: utterance id, for the error.

        Raises:
            DataError: the policy refuses it, or it holds symbols that are not in the table.

        Example:
            >>> from asr.text.policy import get_policy
            >>> Writing(TokenTable.build(["AB"], "char"), get_policy("upper-no-punctuation")).labels("a b", "one")
            Labels(text='A B', token_ids=(1, 3, 2))
        """
        written = self.policy.apply(text)
        return Labels(written, tuple(self.tokens.encode(written, where=where)))
