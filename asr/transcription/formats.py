"""Transcripts as text, JSON, subtitles, tables and annotations; one writer per format, chosen by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from asr.decoding.hypothesis import Span
from asr.errors import printable
from asr.transcription.alignment import Alignment
from asr.transcription.subtitles import write_ass, write_srt, write_vtt, write_words_vtt
from asr.transcription.tiers import Tier, eaf, textgrid
from asr.transcription.transcript import Transcript
from asr.transcription.transcript_json import write_json, write_jsonl
from asr.transcription.turns import turns_of, utterances_of, voices_of

_STM_LABEL = "<o,f0,unknown>"  # all, studio speech, of unknown gender
_TSV_HEADER = "path\tstart\tend\tword\tconfidence"


@dataclass(frozen=True)
class Format:
    """How transcripts are written.

    Attributes:
        write: returns a transcript as text, which ends with a newline unless it is empty.
        header: stands once at the beginning.
        many: what stands before, between and after the transcripts of several recordings in one file; None where a
            file holds only one.
    """

    write: Callable[[Transcript], str]
    header: str = ""
    many: tuple[str, str, str] | None = ("", "", "")

    def document(self, transcript: Transcript) -> str:
        """Returns a whole file for one recording."""
        return self.header + self.write(transcript)

    def documents(self, transcripts: Iterable[Transcript]) -> Iterator[str]:
        """Yields a whole file for several recordings, piece by piece.

        Raises:
            ValueError: such a file holds only one.
        """
        if self.many is None:
            raise ValueError("this format allows one recording per file")
        before, between, after = self.many
        piece = self.header + before
        for transcript in transcripts:
            yield piece + self.write(transcript)
            piece = between
        yield after if piece == between else piece + after


def write_txt(transcript: Transcript) -> str:
    """Returns the words in one line; if speakers are told apart, one line per turn."""
    if not transcript.voices:
        return f"{transcript.text}\n"
    return "".join(f"{turn.speaker}: {turn.text}\n" for turn in turns_of(transcript))


def write_paths_and_text(transcript: Transcript) -> str:
    """Returns the lines of :func:`write_txt`, each after the path and a tab: plain text for several recordings."""
    lines = write_txt(transcript).splitlines() or [""]
    return "".join(f"{printable(str(transcript.path))}\t{line}\n" for line in lines)


def write_tsv(transcript: Transcript) -> str:
    """Returns a line for each word: path, start and end in seconds, word, confidence, separated by tabs."""
    return _tsv(transcript, shows_speakers=False)


def write_tsv_with_speakers(transcript: Transcript) -> str:
    """Returns the lines of :func:`write_tsv`, each with the speaker after another tab."""
    return _tsv(transcript, shows_speakers=True)


def write_ctm(transcript: Transcript) -> str:
    """Returns a line for each word: recording, channel, start and duration in seconds, word, confidence.

    The channel is 1, or counts from 1 if channels were recognised separately.

    Source: NIST's ``ctm`` of sclite. Blanks in the recording's name and in words become underscores.
    """
    name = nist_name(transcript)
    return "".join(
        f"{ctm_line(name, channel, word)}\n"
        for channel, voice in enumerate(voices_of(transcript), start=1)
        for word in voice.hypothesis.words
    )


def write_stm(transcript: Transcript) -> str:
    """Returns a line for each utterance between pauses: recording, channel, speaker, start, end, label, and words.

    If speakers are not told apart, the channel is 1 and the speaker has the name of the recording. The label is that of
    an unknown speaker.

    Source: NIST's ``stm`` of sclite. Blanks in the recording's name become underscores.
    """
    name = nist_name(transcript)
    channels = {voice.speaker: number for number, voice in enumerate(voices_of(transcript), start=1)}
    lines = []
    for said in utterances_of(transcript):
        who = f"{name} {channels[said.speaker]} {said.speaker or name}"
        lines.append(f"{who} {said.start:.3f} {said.end:.3f} {_STM_LABEL} {said.text}\n")
    return "".join(lines)


def write_textgrid(transcript: Transcript) -> str:
    """Returns a TextGrid for Praat with tiers of words and tokens for each speaker."""
    return textgrid(_tiers(transcript), transcript.duration)


def write_eaf(transcript: Transcript) -> str:
    """Returns an ELAN document with tiers of words and tokens for each speaker, which refers to the recording."""
    return eaf(_tiers(transcript), None if str(transcript.path) == "-" else transcript.path)


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "txt": Format(write_txt),
        "json": Format(write_json, many=("[\n", ",\n", "]\n")),
        "jsonl": Format(write_jsonl),
        "srt": Format(write_srt, many=None),
        "vtt": Format(write_vtt, header="WEBVTT\n\n", many=None),
        "words.vtt": Format(write_words_vtt, header="WEBVTT\n\n", many=None),
        "ass": Format(write_ass, many=None),
        "tsv": Format(write_tsv, header=f"{_TSV_HEADER}\n"),
        "ctm": Format(write_ctm),
        "stm": Format(write_stm),
        "TextGrid": Format(write_textgrid, many=None),
        "eaf": Format(write_eaf, many=None),
    }
)
"""The formats by name; files of a format end in it."""

PATHS_AND_TEXT = Format(write_paths_and_text)
"""Plain text for several recordings."""

TSV_WITH_SPEAKERS = Format(write_tsv_with_speakers, header=f"{_TSV_HEADER}\tspeaker\n")
"""The table for channels that were recognised separately."""


def choose_format(name: str, in_one_file: bool, with_speakers: bool) -> Format:
    """Returns a format by its name.

    Args:
        name: one of :data:`FORMATS`.
        in_one_file: whether several recordings go into one file.
        with_speakers: whether channels are recognised separately.

    Raises:
        ValueError: the format allows only one recording per file.
    """
    form = FORMATS[name]
    if in_one_file and form.many is None:
        raise ValueError("this format allows one recording per file")
    if name == "txt" and in_one_file:
        return PATHS_AND_TEXT
    return TSV_WITH_SPEAKERS if name == "tsv" and with_speakers else form


def nist_name(recording: Transcript | Alignment) -> str:
    """Returns the name of a recording in NIST's tables, with underscores in place of blanks."""
    return _solid(recording.name or recording.path.stem)


def ctm_line(name: str, channel: int, word: Span) -> str:
    """Returns the line of a word in ``ctm``, without its end; blanks in the word become underscores."""
    times = f"{word.start:.3f} {word.end - word.start:.3f}"
    return f"{name} {channel} {times} {_solid(word.text)} {word.confidence:.4f}"


def _solid(text: str) -> str:
    return "_".join(text.split())


def _tsv(transcript: Transcript, shows_speakers: bool) -> str:
    said = ((voice.speaker, word) for voice in voices_of(transcript) for word in voice.hypothesis.words)
    path, lines = printable(str(transcript.path)), []
    for speaker, word in sorted(said, key=lambda pair: pair[1].start):
        fields = [path, f"{word.start:.3f}", f"{word.end:.3f}", word.text, f"{word.confidence:.4f}"]
        lines.append("\t".join(fields + [speaker] * shows_speakers) + "\n")
    return "".join(lines)


def _tiers(transcript: Transcript) -> list[Tier]:
    tiers = []
    for voice in voices_of(transcript):
        before = f"{voice.speaker} - " if voice.speaker else ""  # as the Montreal Forced Aligner calls them
        for kind, spans in (("words", voice.hypothesis.words), ("tokens", voice.hypothesis.tokens)):
            tiers.append(Tier.of(before + kind, spans))
    return tiers
