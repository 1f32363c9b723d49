"""The program that speaks: loads espeak-ng (GPL-3) and answers requests on its pipes.

Run as ``python -I espeak_process.py LIBRARY DATA_FOLDER`` with nothing but the standard library. A request is one line
of JSON, ``{"text", "voice", "rate", "pitch", "range", "volume"}``; an answer is one line of JSON, ``{"sample_rate",
"num_samples", "words": [[sample, position, length]…], "phones": [[sample, name]…]}`` or ``{"error"}``, and then the
samples as 16-bit integers. Positions count characters of the text from 0; names are IPA.

Each request is spoken by a forked child: espeak-ng carries the state of its noise, flutter and echo from one utterance
to the next, so only a child that has never spoken produces the same samples whatever was said before.

**Source**: espeak-ng 1.52, ``src/include/espeak-ng/speak_lib.h``.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from typing import Any, BinaryIO

_AUDIO_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_PHONEME_EVENTS, _INITIALIZE_PHONEME_IPA, _INITIALIZE_DONT_EXIT = 0x0001, 0x0002, 0x8000
_EVENT_END, _EVENT_WORD, _EVENT_PHONEME = 0, 1, 7
_CHARS_UTF8, _POSITION_CHARACTER = 1, 1
_PARAMETERS = {"rate": 1, "volume": 2, "pitch": 3, "range": 4}


class _Identifier(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),  # in characters, from 1
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),  # in milliseconds
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Identifier),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class _Synthesizer:
    def __init__(self, library: str, data: str) -> None:
        self._library = ctypes.CDLL(library)
        self._samples: list[bytes] = []
        self._words: list[tuple[int, int, int]] = []
        self._phones: list[tuple[int, str]] = []
        options = _INITIALIZE_PHONEME_EVENTS | _INITIALIZE_PHONEME_IPA | _INITIALIZE_DONT_EXIT
        self.sample_rate = self._library.espeak_Initialize(_AUDIO_OUTPUT_SYNCHRONOUS, 0, data.encode(), options)
        if self.sample_rate <= 0:
            raise RuntimeError(f"espeak-ng does not start with the data in {data}")
        self._callback = _Callback(self._receive)
        self._library.espeak_SetSynthCallback(self._callback)

    def _receive(self, samples: Any, num_samples: int, events: Any) -> int:
        if samples and num_samples > 0:
            self._samples.append(ctypes.string_at(samples, 2 * num_samples))
        index = 0
        while events[index].type != _EVENT_END:
            event = events[index]
            if event.type == _EVENT_WORD:
                self._words.append((event.sample, event.text_position - 1, event.length))
            elif event.type == _EVENT_PHONEME:
                name = ctypes.string_at(ctypes.addressof(event.id), 8).split(b"\0")[0]
                self._phones.append((event.sample, name.decode("utf-8", errors="replace")))
            index += 1
        return 0

    def answer(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        # After an unknown voice the one before it stays in use: the status must be checked.
        if self._library.espeak_SetVoiceByName(request["voice"].encode()):
            return {"error": f"no voice {request['voice']!r}"}, b""
        for name, number in _PARAMETERS.items():
            self._library.espeak_SetParameter(number, request[name], 0)
        text = request["text"].encode()
        status = self._library.espeak_Synth(
            text, ctypes.c_size_t(len(text) + 1), 0, _POSITION_CHARACTER, 0, _CHARS_UTF8, None, None
        )
        if status or not self._samples:
            return {"error": f"nothing spoken for {request['text']!r} (status {status})"}, b""
        pcm = b"".join(self._samples)
        header = {
            "sample_rate": self.sample_rate,
            "num_samples": len(pcm) // 2,
            "words": self._words,
            "phones": self._phones,
        }
        return header, pcm


def _speak_in_child(synthesizer: _Synthesizer, line: bytes, output: BinaryIO) -> bool:
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] == 0
    status = 1
    try:
        header, pcm = synthesizer.answer(json.loads(line))
        output.write(json.dumps(header).encode() + b"\n" + pcm)
        output.flush()
        status = 0
    finally:
        os._exit(status)


def main(library: str, data: str) -> int:
    """Answers requests until the input ends; returns the exit status."""
    synthesizer = _Synthesizer(library, data)
    for line in sys.stdin.buffer:
        if not _speak_in_child(synthesizer, line, sys.stdout.buffer):
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
