"""A second pass over cuts, with layers scaled to each speaker by what the first one found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from asr.adaptation.recordings import Spoken
from asr.adaptation.scales import Examples, scale_to
from asr.audio.rates import Seconds
from asr.data.dataset import read_waveform
from asr.data.utterances import required_frames
from asr.decoding.hypothesis import Hypothesis
from asr.errors import DataError
from asr.models.acoustic import AcousticModel
from asr.text.tokens import TokenTable

if TYPE_CHECKING:
    from lhotse.cut import Cut

LEAST_SPEECH: Seconds = 60.0
"""Speakers with less speech keep the network as it is."""

Found = Iterable[tuple[str, list[Hypothesis]]]
"""Utterance ids with their N-best lists."""

_REMEDY = "decode the same cuts with the same head, and give that file"


@dataclass(frozen=True)
class Speaker:
    """What is known of a speaker before the second pass.

    Attributes:
        name: of the speaker.
        cuts: all that they say.
        targets: token ids of what the first pass found in them, by utterance id; none where it found nothing.
    """

    name: str
    cuts: list[Cut]
    targets: dict[str, tuple[int, ...]]

    @property
    def has_enough(self) -> bool:
        """Whether there is enough speech to learn from."""
        heard = [float(cut.duration) for cut in self.cuts if cut.id in self.targets]
        return sum(heard) >= LEAST_SPEECH


def find_speakers(
    cuts: Sequence[Cut], first_pass: Mapping[str, Sequence[Hypothesis]], tokens: TokenTable, where: str
) -> list[Speaker]:
    """Returns the speakers of cuts, with what was found in each of them.

    Args:
        cuts: with the names of their speakers.
        first_pass: N-best lists by utterance id, whose best hypotheses are taken.
        tokens: of the model.
        where: the file of the first pass, for messages.

    Raises:
        DataError: a cut names no speaker, was not decoded, or was decoded into other tokens.
    """
    speakers: dict[str, Speaker] = {}
    for cut in cuts:
        name = cut.supervisions[0].speaker if cut.supervisions else None
        if not name:
            raise DataError(cut.id, "names no speaker", "name them, such as by a column speaker of asr prepare folder")
        if cut.id not in first_pass:
            raise DataError(where, f"has no hypothesis for utterance {cut.id}", _REMEDY)
        speaker = speakers.setdefault(name, Speaker(name, [], {}))
        speaker.cuts.append(cut)
        found = [span.text for span in first_pass[cut.id][0].tokens]
        unknown = next((token for token in found if token not in tokens.ids), None)
        if unknown is not None:
            raise DataError(where, f"utterance {cut.id} has the token {unknown!r}, which the model lacks", _REMEDY)
        if found:
            speaker.targets[cut.id] = tuple(tokens.ids[token] for token in found)
    return list(speakers.values())


def read_scaled(
    model: AcousticModel, speakers: Sequence[Speaker], read: Callable[[Sequence[Cut]], Found]
) -> Iterator[tuple[str, list[Hypothesis]]]:
    """Yields what is found in the cuts of each speaker while the layers of the model are scaled to them.

    Those of speakers with too little speech come first. :func:`asr.adaptation.scales.scale_to` says how scales are
    learned; the model is as before when all is read.

    **Source**: Swietojanski & Renals 2014, who learned them without transcripts in this way.

    Args:
        model: in evaluation mode, on the CPU.
        speakers: what :func:`find_speakers` found.
        read: decodes cuts with the model.
    """
    as_they_are = [cut for speaker in speakers if not speaker.has_enough for cut in speaker.cuts]
    if as_they_are:
        yield from read(as_they_are)
    for speaker in speakers:
        if speaker.has_enough:
            with _scaled(model, _examples(model, speaker)):
                yield from read(speaker.cuts)


def _examples(model: AcousticModel, speaker: Speaker) -> Examples:
    """Returns what a speaker says as far as it can be learned from."""
    examples = []
    for cut in speaker.cuts:
        ids = speaker.targets.get(cut.id, ())
        waveform = read_waveform(cut, model.frontend.sample_rate)
        frames = model.encoder.output_lengths(model.frontend.frame_lengths(torch.tensor([len(waveform)])))
        if ids and required_frames(ids) <= int(frames):
            examples.append((Spoken(cut.id, waveform, ""), ids))
    return examples


@contextmanager
def _scaled(model: AcousticModel, examples: Examples) -> Iterator[None]:
    """Scales the layers of a model to examples, if there are any, as long as the context lasts."""
    weights = scale_to(model, examples) if examples else {}
    before = {name: weight.clone() for name, weight in model.state_dict().items() if name in weights}
    model.load_state_dict(weights, strict=False)
    try:
        yield
    finally:
        model.load_state_dict(before, strict=False)
