"""Words of a lexicon in, batches of letters and phones out: the Lightning data module of pronunciation models."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import torch
from torch import Tensor

from asr.data.batch import Moving, Share
from asr.data.loader import PlannedSet
from asr.data.plan import PlannedBatch
from asr.data.planned import PlannedData
from asr.data.utterances import required_frames
from asr.errors import ConfigError, DataError
from asr.models.pronouncer import pad_letters
from asr.text.lexicon import Lexicon, read_lexicon
from asr.text.tokens import TokenTable

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class WordBatch(Moving):
    """Words padded to one length, with their phones.

    Attributes:
        words: B words.
        texts: their phones, with blanks between them.
        letters: letter ids, shape (B, L).
        letter_lengths: letters of each word, shape (B,).
        targets: phones of all words, concatenated, shape (sum of target_lengths,).
        target_lengths: phones of each word, shape (B,).
        share: what the batch is of a step that several ranks take together.
    """

    words: list[str]
    texts: list[str]
    letters: Tensor
    letter_lengths: Tensor
    targets: Tensor
    target_lengths: Tensor
    share: Share

    def __len__(self) -> int:
        """Returns the number of words, B."""
        return len(self.words)


class DictionaryDataset(PlannedSet[WordBatch]):
    """Pairs of a word and its phones; returns a batch for a planned batch.

    Args:
        pairs: words, and phones with blanks between them.
        letters: the table of letters.
        phones: the table of phones.
    """

    def __init__(self, pairs: Sequence[tuple[str, str]], letters: TokenTable, phones: TokenTable) -> None:
        self.pairs, self.letters, self.phones = pairs, letters, phones

    def __len__(self) -> int:
        """Returns the number of pairs."""
        return len(self.pairs)

    def __getitem__(self, planned: PlannedBatch) -> WordBatch:
        words, texts = (list(each) for each in zip(*(self.pairs[index] for index in planned.indices), strict=True))
        targets = [self.phones.encode(text) for text in texts]
        flat = torch.tensor([token_id for ids in targets for token_id in ids])
        target_lengths = torch.tensor([len(ids) for ids in targets])
        share = Share.of(planned, lambda index: len(self.phones.encode(self.pairs[index][1])))
        return WordBatch(words, texts, *pad_letters(words, self.letters), flat, target_lengths, share)

    @property
    def lengths(self) -> list[float]:
        """The letters of each word, as the lengths that batches are planned by."""
        return [float(len(word)) for word, _ in self.pairs]


def split_lexicon(
    lexicon: Lexicon, held_out_every: int, frames_per_letter: int
) -> tuple[list[tuple[str, str]], list[tuple[str, str]], int]:
    """Returns the pairs to train on, those that are held out, and how many are too long for their letters.

    All pronunciations of a word are on one side; of a word that is held out the first one counts.

    Args:
        lexicon: words with their phones.
        held_out_every: the last of every so many words is held out.
        frames_per_letter: frames that stand for a letter; CTC needs one for each phone and each repeat.

    Example:
        >>> split_lexicon(Lexicon({"A": (("AH",), ("EY",)), "B": (("B", "IY"),), "W": (("D", "AH", "B"),)}), 2, 2)
        ([('A', 'AH'), ('A', 'EY')], [('B', 'B IY')], 1)
    """
    train: list[tuple[str, str]] = []
    held_out: list[tuple[str, str]] = []
    num_too_long = 0
    for number, (word, spoken) in enumerate(lexicon.entries.items(), start=1):
        is_held_out = number % held_out_every == 0
        for phones in spoken[:1] if is_held_out else spoken:
            if required_frames(phones) > frames_per_letter * len(word):
                num_too_long += 1
            else:
                (held_out if is_held_out else train).append((word, " ".join(phones)))
    return train, held_out, num_too_long


class WordLearner(Protocol):
    """What :class:`DictionaryData` asks of the module that trains on them: tables, and the frames of a letter."""

    letters: TokenTable
    phones: TokenTable
    frames_per_letter: int


class DictionaryData(PlannedData):
    """Training and validation words.

    Args besides those of :class:`PlannedData`:
        lexicon: files of words and phones, compressed or not; an earlier file's words hide a later one's.
        keep_stress: whether phones keep the digit of their stress.
        held_out_every: one of so many words chooses the best checkpoint.
        batch_letters: most letters of a padded batch, over all ranks.
    """

    train_set: DictionaryDataset
    val_set: DictionaryDataset

    def __init__(
        self,
        lexicon: list[str],
        keep_stress: bool,
        held_out_every: int,
        batch_letters: int,
        num_workers: int = 0,
        seed: int = 0,
    ) -> None:
        """Reads no file: :meth:`setup` does."""
        super().__init__(num_workers, max_padded=batch_letters, max_batch_size=batch_letters, seed=seed)
        self.lexicon, self.keep_stress, self.held_out_every = lexicon, keep_stress, held_out_every

    def setup(self, stage: str) -> None:
        """Reads the words."""
        if self.held_out_every < 2:
            raise ConfigError("data.held_out_every", f"is {self.held_out_every}", "give 2 or more, such as 50")
        learner = cast(WordLearner, self.learner)
        lexicon = read_lexicon(*self.lexicon, case="upper", keep_stress=self.keep_stress)
        *pairs, num_too_long = split_lexicon(lexicon, self.held_out_every, learner.frames_per_letter)
        self.train_set, self.val_set = (DictionaryDataset(each, learner.letters, learner.phones) for each in pairs)
        if num_too_long:
            logger.warning("%d pronunciations have too many phones for their letters and are left out", num_too_long)
        for name, each in (("training", self.train_set), ("validation", self.val_set)):
            if not len(each):
                raise DataError(", ".join(self.lexicon), f"no {name} words", "give more words")
            logger.info("%s: %s pronunciations", name, f"{len(each):,}")
        if stage == "fit":
            self.report_plan(self.train_set.lengths)
