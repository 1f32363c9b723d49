# ruff: noqa: RUF001 (IPA is meant)
from __future__ import annotations

from itertools import islice, pairwise

import numpy as np
import pytest

from asr.corpora.synth.espeak import Espeak, Spoken, Voice
from asr.corpora.synth.labels import Label, label
from asr.corpora.synth.phone_map import CLOSURES, STRESS_MARKS, TIMIT_PHONES
from asr.corpora.synth.sentences import sentences
from asr.corpora.synth.speakers import plan_speakers
from asr.errors import AsrError

RATE = 22050


def spoken(*pieces: tuple[str | None, int, str], words: tuple[tuple[int, int, int], ...]) -> Spoken:
    """Makes speech out of (IPA or None to go on with the same phone, samples, kind of sound)."""
    generator = np.random.default_rng(0)
    samples: list[np.ndarray] = []
    phones: list[tuple[int, str]] = []
    for ipa, length, kind in pieces:
        if ipa is not None:
            phones.append((sum(map(len, samples)), ipa))
        hum = 3000 * np.sin(2 * np.pi * 150 * (np.arange(length) + 20) / RATE)
        hiss = 800 * generator.choice([-1, 1], length)
        samples.append({"hum": hum, "hiss": hiss, "silence": 0 * hum}[kind])
    return Spoken(np.concatenate(samples).astype(np.int16), RATE, words, tuple(phones))


def triples(labels: tuple[Label, ...]) -> list[tuple[str, int, int]]:
    return [(item.symbol, item.start, item.end) for item in labels]


def test_a_silence_before_a_burst_is_its_closure_and_belongs_to_its_word() -> None:
    speech = spoken(
        ("", 300, "silence"),
        ("ˈæ", 2000, "hiss"),
        (None, 900, "silence"),
        ("t", 700, "hiss"),
        ("", 500, "silence"),
        words=((300, 0, 2),),
    )
    labels = label("At.", speech)
    expected = [("h#", 0, 300), ("ae", 300, 2300), ("tcl", 2300, 3200), ("t", 3200, 3900), ("h#", 3900, 4400)]
    assert triples(labels.phones) == expected
    assert triples(labels.words) == [("at", 300, 3900)]


def test_a_pause_is_no_closure_and_no_part_of_a_word() -> None:
    speech = spoken(
        ("ɑː", 2000, "hiss"),
        ("", 2000, "silence"),
        ("t", 700, "hiss"),
        ("uː", 1000, "hiss"),
        words=((0, 0, 2), (2000, 4, 3)),
    )
    labels = label("Ah, two.", speech)
    assert triples(labels.phones) == [("aa", 0, 2000), ("pau", 2000, 4000), ("t", 4000, 4700), ("uw", 4700, 5700)]
    assert triples(labels.words) == [("ah", 0, 2000), ("two", 4000, 5700)]


def test_a_short_silence_between_words_belongs_to_the_phone_before() -> None:
    speech = spoken(("æ", 2000, "hiss"), (None, 250, "silence"), ("s", 900, "hiss"), words=((0, 0, 1), (2000, 2, 1)))
    assert triples(label("a s", speech).phones) == [("ae", 0, 2250), ("s", 2250, 3150)]


def test_a_voice_bar_is_the_closure_of_a_voiced_stop() -> None:
    speech = spoken(
        ("ɐ", 2000, "hiss"), ("b", 950, "hum"), (None, 400, "hiss"), ("iː", 2000, "hiss"), words=((0, 0, 4),)
    )
    phones = triples(label("abbe", speech).phones)
    assert [symbol for symbol, _, _ in phones] == ["ax", "bcl", "b", "iy"]
    assert phones[1][1] == 2000
    assert phones[1][2] == pytest.approx(2950, abs=0.002 * RATE)
    assert phones[2][2] == 3350


def test_a_voiced_stop_without_silence_or_bar_has_no_closure() -> None:
    speech = spoken(("n", 2000, "hum"), ("d", 800, "hiss"), ("iː", 2000, "hiss"), words=((0, 0, 2),))
    assert [phone.symbol for phone in label("nd", speech).phones] == ["n", "d", "iy"]


def test_a_glottal_stop_has_the_silence_before_it() -> None:
    speech = spoken(
        ("ɜː", 2000, "hiss"), (None, 700, "silence"), ("ʔ", 400, "silence"), ("n̩", 2000, "hum"), words=((0, 0, 2),)
    )
    assert triples(label("rn", speech).phones) == [("er", 0, 2000), ("q", 2000, 3100), ("en", 3100, 5100)]


def test_two_phones_in_one_and_a_glide_without_a_name() -> None:
    speech = spoken(("ɑːɹ", 1000, "hiss"), ("iː", 500, "hiss"), ("", 300, "hiss"), words=((0, 0, 3),))
    assert triples(label("are", speech).phones) == [("aa", 0, 600), ("r", 600, 1000), ("iy", 1000, 1800)]


def test_l_after_a_vowel_has_the_end_of_it() -> None:
    speech = spoken(
        ("ɪ", 4000, "hiss"), (None, 500, "silence"), ("l", 0, "hiss"), ("t", 800, "hiss"), words=((0, 0, 2),)
    )
    tail = round(0.07 * RATE)
    expected = [("ih", 0, 4000 - tail), ("l", 4000 - tail, 4000), ("tcl", 4000, 4500), ("t", 4500, 5300)]
    assert triples(label("it", speech).phones) == expected


def test_l_has_at_most_half_of_a_short_vowel_and_the_pause_is_none_of_it() -> None:
    speech = spoken(("ɪ", 1000, "hiss"), ("l", 600, "silence"), ("", 900, "silence"), words=((0, 0, 2),))
    assert triples(label("ill", speech).phones) == [("ih", 0, 500), ("l", 500, 1000), ("h#", 1000, 2500)]


def test_words_that_are_spoken_as_one() -> None:
    speech = spoken(("ʌ", 900, "hiss"), ("v", 800, "hiss"), ("ð", 700, "hiss"), ("ə", 600, "hiss"), words=((0, 0, 2),))
    assert triples(label("of the", speech).words) == [("of", 0, 1700), ("the", 1700, 3000)]
    with pytest.raises(AsrError, match="the word 'them' of 'of them' is merged"):
        label("of them", speech)


def test_an_unknown_phone_is_named() -> None:
    with pytest.raises(AsrError, match="unknown phone 'ʘ' in 'kiss'"):
        label("kiss", spoken(("ˈʘ", 900, "hiss"), words=((0, 0, 4),)))


def high_share(samples: np.ndarray) -> float:
    """Share of the power above 3.5 kHz."""
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    return float(power[round(3500 / RATE * len(samples)) :].sum() / power.sum())


def test_labels_of_real_speech_are_where_the_sounds_are(espeak: Espeak) -> None:
    """All voices of a corpus of 40 speakers, one sentence each, in all accents."""
    texts = sentences("train", np.random.default_rng(5))
    levels: dict[str, list[float]] = {"closure": [], "vowel": [], "s": [], "n": []}
    for speaker, text in zip(plan_speakers(40, seed=0), islice(texts, 40), strict=True):
        speech = espeak.speak(text, speaker.voice)
        labels = label(text, speech)
        assert [word.symbol for word in labels.words] == [word.strip(".,?").lower() for word in text.split()]
        assert all(one.end <= other.start for one, other in pairwise(labels.words))
        silences = {*CLOSURES.values(), "h#", "pau"}
        spoken_phones = [phone for _, ipa in speech.phones for phone in TIMIT_PHONES.get(ipa.lstrip(STRESS_MARKS), ())]
        assert [phone.symbol for phone in labels.phones if phone.symbol not in silences] == spoken_phones
        assert labels.phones[0].start == 0
        assert labels.phones[-1].end == len(speech.samples)
        assert all(one.end == other.start for one, other in pairwise(labels.phones))
        for phone in labels.phones:
            samples = speech.samples[phone.start : phone.end].astype(np.float64)
            if phone.symbol in ("h#", "pau", "pcl", "tcl", "kcl"):
                assert np.abs(samples).max() <= 4
            elif phone.symbol in CLOSURES.values():
                levels["closure"].append(float(np.mean(np.abs(np.diff(samples)))))
            elif phone.symbol in ("aa", "ae", "ah", "eh", "ay"):
                levels["vowel"].append(float(np.mean(np.abs(np.diff(samples)))))
            elif phone.symbol in ("s", "n"):
                levels[phone.symbol].append(high_share(samples))
    assert np.median(levels["closure"]) < 0.1 * np.median(levels["vowel"])
    assert min(levels["s"]) > 0.5 > 0.2 > max(levels["n"])


@pytest.mark.parametrize("accent", ["en-US", "en", "en-GB-x-rp", "en-GB-x-gbclan", "en-GB-scotland"])
def test_every_accent_has_labels_for_every_sentence(accent: str, espeak: Espeak) -> None:
    for text in islice(sentences("test", np.random.default_rng(8)), 25):
        assert label(text, espeak.speak(text, Voice(f"gmw/{accent}+m3"))).phones
