from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from asr.corpora.synth import espeak as module
from asr.corpora.synth.espeak import Espeak, Voice
from asr.corpora.synth.speakers import _VARIANTS
from asr.errors import AsrError, ConfigError

AMERICAN = Voice("gmw/en-US+m1")
SCOTTISH = Voice("gmw/en-GB-scotland+f1", rate=190, pitch=60, range=70)


def test_speech_does_not_depend_on_what_was_said_before(espeak: Espeak) -> None:
    first = espeak.speak("A big dog barked at noon.", AMERICAN)
    other = espeak.speak("A big dog barked at noon.", SCOTTISH)
    again = espeak.speak("A big dog barked at noon.", AMERICAN)
    with Espeak() as fresh:
        elsewhere = fresh.speak("A big dog barked at noon.", AMERICAN)
    assert not np.array_equal(first.samples, other.samples)
    for same in (again, elsewhere):
        assert np.array_equal(first.samples, same.samples)
        assert (first.words, first.phones) == (same.words, same.phones)


def test_every_variant_speaks_the_same_in_every_process(espeak: Espeak) -> None:
    voices = [Voice(f"gmw/en-GB-x-rp+{variant}") for names in _VARIANTS.values() for variant in names.split()]
    spoken = [espeak.speak("See the lazy dog, which has a bag.", voice).samples for voice in voices]
    for _ in range(2):
        with Espeak() as other:
            for voice, samples in zip(voices, spoken, strict=True):
                again = other.speak("See the lazy dog, which has a bag.", voice).samples
                assert np.array_equal(again, samples), voice


def test_events_are_in_order_and_words_are_where_they_are_in_the_text(espeak: Espeak) -> None:
    text = "Seven ships sailed south."
    spoken = espeak.speak(text, AMERICAN)
    assert [text[position : position + length] for _, position, length in spoken.words] == text[:-1].split()
    starts = [start for start, _ in spoken.phones]
    assert starts == sorted(starts)
    assert 0 <= starts[0] <= starts[-1] <= len(spoken.samples)
    assert np.abs(spoken.samples).max() < 32000


def test_the_gpl_library_is_not_loaded_into_this_process(espeak: Espeak) -> None:
    espeak.speak("Hello.", AMERICAN)
    maps = Path("/proc/self/maps")
    assert not maps.exists() or "espeak" not in maps.read_text()


def test_unknown_voice(espeak: Espeak) -> None:
    with pytest.raises(ConfigError, match="no voice 'nobody'"):
        espeak.speak("Hello.", Voice("nobody"))
    assert len(espeak.speak("Hello.", AMERICAN).samples)  # it still answers


def test_dead_program(tmp_path: Path) -> None:
    with Espeak() as running:
        running._process.kill()
        with pytest.raises(AsrError, match="the program stopped"):
            running.speak("Hello.", AMERICAN)


def test_program_that_does_not_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "installed", lambda: (tmp_path / "no.so", tmp_path))
    with Espeak() as running, pytest.raises(AsrError, match=r"the program stopped \(OSError.*no\.so"):
        running.speak("Hello.", AMERICAN)


def test_missing_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"espeakng-loader is not installed; pip install 'carousel-asr\[demo\]'"):
        Espeak()


def test_damaged_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    json = find_spec("json")
    monkeypatch.setattr(module, "find_spec", lambda name: json)
    with pytest.raises(ConfigError, match="is missing from the espeakng-loader package"):
        Espeak()


def test_system_without_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(module.os, "fork")
    with pytest.raises(ConfigError, match="cannot fork"):
        Espeak()
