"""Who speaks: speakers with their accent, voice variant, pitch and rate, and their split."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from asr.corpora.synth.espeak import Voice
from asr.errors import ConfigError

FEWEST_SPEAKERS = 3
SPLITS = ("train", "dev", "test")

_SHARE_DEV, _SHARE_TEST = 0.15, 0.15  # of the speakers
_SHARE_FEMALE = 0.3  # as in TIMIT

_ACCENTS = {
    "DR1": ("gmw/en-US", 4),
    "DR2": ("gmw/en", 2),
    "DR3": ("gmw/en-GB-x-rp", 2),
    "DR4": ("gmw/en-GB-x-gbclan", 1),
    "DR5": ("gmw/en-GB-scotland", 1),
}
"""Accent and weight of each dialect region: United States, Great Britain, Received Pronunciation, Lancaster, Scotland.
Left out: en-029 and en-GB-x-gbcwmd, in which vowels with different TIMIT labels sound the same (first three formants
within 2 % of each other), and en-US-nyc, which swallows words that begin like *huge*."""

_VARIANTS = {
    ("train", "F"): "Andrea anika grandma linda steph shelby steph2 steph3",
    ("test", "F"): "f1 Annie belinda aunty",
    ("train", "M"): """m4 m5 m7 Andy Gene Gene2 Lee Mike Nguyen antonio ed grandpa gustave ian iven john kaukovalta
        marcelo max norbert paul pedro quincy rob travis""",
    ("test", "M"): "m1 m3 m6 m8 Alex Denis Mario Michael boris robert",
}
"""The voice variants that sound human, by top folder and sex. Left out: whispering and robots; those with an echo,
which fills closures and pauses; Klatt voices, whose voice bars have the energy of a burst; sandro and victor, whose
breath espeak-ng makes of memory that it has not set, so that they speak differently in each process."""

_DIALECT_STEP, _FIRST_DIALECT = 7, {"F": 4, "M": 0}
_LETTERS = tuple("ABCDEFGHJKLMNPRSTVWZ")
_RATES = (150, 196)  # words per minute, the last one excluded, as below
_PITCHES = (38, 63)  # around the variant's own, 50
_RANGES = (35, 71)


@dataclass(frozen=True)
class Speaker:
    """A speaker of the corpus.

    Attributes:
        name: sex, three letters and a digit, as in TIMIT.
        sex: F or M.
        dialect: DR1 to DR5, one accent each.
        split: train, dev or test.
        voice: how espeak-ng speaks for them.
    """

    name: str
    sex: str
    dialect: str
    split: str
    voice: Voice

    @property
    def top(self) -> str:
        """The top folder, TRAIN or TEST; dev speakers come from TEST, as in TIMIT."""
        return "TRAIN" if self.split == "train" else "TEST"


def plan_speakers(num_speakers: int, seed: int) -> list[Speaker]:
    """Returns the speakers of a corpus, sorted by split.

    70 % of them are for training, 15 % each for dev and test. The splits share no speaker, and TRAIN and TEST no voice
    variant. A variant is used again, with another pitch and rate, when all of its folder and sex are taken.

    Raises:
        ConfigError: fewer than three speakers.
    """
    if num_speakers < FEWEST_SPEAKERS:
        raise ConfigError("num_speakers", f"{num_speakers} is too few", f"give at least {FEWEST_SPEAKERS}")
    generator = np.random.default_rng([seed, 1])
    num_dev, num_test = (max(1, round(share * num_speakers)) for share in (_SHARE_DEV, _SHARE_TEST))
    numbers = {"train": num_speakers - num_dev - num_test, "dev": num_dev, "test": num_test}
    draw = _Draw(generator)
    return [
        draw.speaker(split, sex, index)
        for split, number in numbers.items()
        for sex, count in (("F", round(_SHARE_FEMALE * number)), ("M", number - round(_SHARE_FEMALE * number)))
        for index in range(count)
    ]


class _Draw:
    """Draws speakers, and remembers which names and voice variants are taken."""

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator
        self._names: set[str] = set()
        self._taken = dict.fromkeys(_VARIANTS, 0)
        self._dialects = [dialect for dialect, (_, weight) in _ACCENTS.items() for _ in range(weight)]

    def speaker(self, split: str, sex: str, index: int) -> Speaker:
        """Returns the speaker of a split who is number ``index`` of their sex in it."""
        pool = ("train" if split == "train" else "test", sex)
        variants = _VARIANTS[pool].split()
        variant = variants[self._taken[pool] % len(variants)]
        self._taken[pool] += 1
        # A step of 7 in a list of 10 spreads the few speakers of a small split over the accents.
        dialect = self._dialects[(_DIALECT_STEP * index + _FIRST_DIALECT[sex]) % len(self._dialects)]
        voice = Voice(
            voice=f"{_ACCENTS[dialect][0]}+{variant}",
            rate=int(self._generator.integers(*_RATES)),
            pitch=int(self._generator.integers(*_PITCHES)),
            range=int(self._generator.integers(*_RANGES)),
        )
        return Speaker(self._name(sex), sex, dialect, split, voice)

    def _name(self, sex: str) -> str:
        while (name := f"{sex}{''.join(self._generator.choice(_LETTERS, 3))}0") in self._names:
            pass
        self._names.add(name)
        return name
