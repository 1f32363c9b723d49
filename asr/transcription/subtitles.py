"""Transcripts as subtitles: SubRip, WebVTT, and Advanced SubStation Alpha; the last two can time each word.

**Source**: https://www.w3.org/TR/webvtt1, sections 4 and 6; "Advanced SubStation Alpha" of the manual of Aegisub.
"""

from __future__ import annotations

from html import escape
from typing import NamedTuple

from asr.audio.rates import Seconds
from asr.decoding.hypothesis import Span
from asr.text.graphemes import num_graphemes
from asr.transcription.cues import Cue, cues_of
from asr.transcription.transcript import Transcript
from asr.transcription.turns import voices_of

_ASS_HEAD = """[Script Info]
ScriptType: v4.00+
WrapStyle: 2
ScaledBorderAndShadow: yes
PlayResX: 1280
PlayResY: 720

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, Underline, \
StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding
"""
_ASS_STYLE = "Arial,44,{colour},&H00A0A0A0,&H00000000,&H80000000,0,0,0,0,100,100,0,0,1,2,1,2,40,40,36,1"
_ASS_COLOURS = (
    "&H00FFFFFF",
    "&H0000FFFF",
    "&H00FFFF00",
    "&H0000FF00",
)  # of speakers in turn: white, yellow, cyan, lime
_ASS_EVENTS = """
[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""
_WORD_JOINER = "\u2060"  # invisible; it separates a backslash from a letter, which together would be a command


class _Shown(NamedTuple):
    speaker: str
    cue: Cue


def write_srt(transcript: Transcript) -> str:
    """Returns SubRip subtitles, numbered from 1, with the names of speakers if these are told apart."""
    cues = enumerate(_cues(transcript, shows_speakers=True), start=1)
    return "".join(
        f"{number}\n{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}\n{_label(speaker)}{cue.text}\n\n"
        for number, (speaker, cue) in cues
    )


def write_vtt(transcript: Transcript) -> str:
    """Returns WebVTT cues, with speakers as voices."""
    return "".join(
        f"{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}\n{_voice(speaker)}{escape(cue.text, quote=False)}\n\n"
        for speaker, cue in _cues(transcript)
    )


def write_words_vtt(transcript: Transcript) -> str:
    """Returns WebVTT cues with the time of each word, for karaoke: players may colour the words as they are said.

    A word that starts no later than the previous one has no time of its own.
    """
    return "".join(
        f"{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}\n{_voice(speaker)}{_timed(cue)}\n\n"
        for speaker, cue in _cues(transcript)
    )


def write_ass(transcript: Transcript) -> str:
    """Returns a script of Advanced SubStation Alpha with the time of each word, for karaoke.

    Each speaker has a style of the same name.
    """
    speakers = [voice.speaker or "Default" for voice in voices_of(transcript)]
    styles = "".join(
        f"Style: {speaker},{_ASS_STYLE.format(colour=_ASS_COLOURS[place % len(_ASS_COLOURS)])}\n"
        for place, speaker in enumerate(speakers)
    )
    events = "".join(
        f"Dialogue: 0,{_ass_clock(cue.start)},{_ass_clock(cue.end)},{speaker or 'Default'},{speaker},0,0,0,,"
        f"{_karaoke(cue)}\n"
        for speaker, cue in _cues(transcript)
    )
    return _ASS_HEAD + styles + _ASS_EVENTS + events


def _cues(transcript: Transcript, shows_speakers: bool = False) -> list[_Shown]:
    """Returns the cues of all speakers in order of their starts."""
    found = []
    for speaker, hypothesis in ((voice.speaker, voice.hypothesis) for voice in voices_of(transcript)):
        lead = num_graphemes(_label(speaker)) if shows_speakers else 0
        found += [_Shown(speaker, cue) for cue in cues_of(hypothesis.words, lead)]
    return sorted(found, key=lambda shown: shown.cue.start)


def _label(speaker: str) -> str:
    return f"{speaker}: " if speaker else ""


def _voice(speaker: str) -> str:
    return f"<v {escape(speaker, quote=False)}>" if speaker else ""


def _timed(cue: Cue) -> str:
    """Returns the lines of a cue with the time of each word that starts later than the previous one."""
    now, lines = _milliseconds(cue.start), []
    for line in cue.lines:
        text = ""
        for word in line:
            start = _milliseconds(word.start)
            if now < start < _milliseconds(cue.end):
                text += f"<{_clock(word.start, '.')}>"
                now = start
            text += escape(word.text, quote=False)
        lines.append(text)
    return "\n".join(lines)


def _karaoke(cue: Cue) -> str:
    """Returns the lines of a cue with the durations of words and pauses in hundredths of a second."""
    now, lines = _hundredths(cue.start), []
    for line in cue.lines:
        text = ""
        for word in line:
            pause = max(0, _hundredths(word.start) - now)
            spoken = max(0, _hundredths(word.end) - now - pause)
            text += (f"{{\\k{pause}}}" if pause else "") + f"{{\\k{spoken}}}{_ass_text(word)}"
            now += pause + spoken
        lines.append(text)
    return r"\N".join(lines)


def _ass_text(word: Span) -> str:
    return word.text.replace("\\", f"\\{_WORD_JOINER}").replace("{", r"\{").replace("}", r"\}")


def _milliseconds(seconds: Seconds) -> int:
    return round(1000 * seconds)


def _hundredths(seconds: Seconds) -> int:
    return round(100 * seconds)


def _clock(seconds: Seconds, mark: str) -> str:
    """Returns hours, minutes, seconds and milliseconds.

    Example:
        >>> _clock(3725.0604, ",")
        '01:02:05,060'
    """
    minutes, milliseconds = divmod(_milliseconds(seconds), 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{milliseconds // 1000:02}{mark}{milliseconds % 1000:03}"


def _ass_clock(seconds: Seconds) -> str:
    """Returns hours, minutes, seconds and hundredths.

    Example:
        >>> _ass_clock(3725.064)
        '1:02:05.06'
    """
    minutes, hundredths = divmod(_hundredths(seconds), 6_000)
    return f"{minutes // 60}:{minutes % 60:02}:{hundredths // 100:02}.{hundredths % 100:02}"
