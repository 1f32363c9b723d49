import random
from collections.abc import Callable, Sequence
from math import inf
from pathlib import Path

import pytest
import soundfile
import torch
from torch import Tensor

from asr.audio.waveforms import Header, read
from asr.decoding.hypothesis import Hypothesis, Span
from asr.decoding.settings import DecoderSettings
from asr.errors import AsrError, ConfigError, DataError
from asr.text.tokens import TokenTable
from asr.transcription.inputs import Recording
from asr.transcription.long_audio import Cutting
from asr.transcription.recognizer import Recognizer
from tests.transcription.tiny_models import SAMPLE_RATE, save_checkpoint, silence, tone, tone_recognizer

PHONES = TokenTable("phone", ("<blank>", "aa", "bb", "cc", "dd", "ee"))
SHORT = Cutting(max_chunk=4.0, min_chunk=1.0, min_pause=0.2, overlap=0.6)


def write(path: Path, *parts: Tensor) -> Path:
    soundfile.write(path, torch.cat(parts).numpy(), SAMPLE_RATE)
    return path


def speech(
    table: TokenTable, seconds: float, gaps: tuple[float, float], seed: int, spoken: Sequence[str] = PHONES.tokens[1:]
) -> tuple[list[Tensor], list[Span]]:
    """Returns tones with gaps between them, no two neighbours alike, and which token lies where."""
    draw = random.Random(seed)
    parts, spans, clock = [], [], 0.0
    while clock < seconds:
        others = [token for token in spoken if not spans or token != spans[-1].text]
        token, gap, length = table.ids[draw.choice(others)], draw.uniform(*gaps), draw.uniform(0.1, 0.3)
        parts += [silence(gap), tone(token, length)]
        gap, length = len(parts[-2]) / SAMPLE_RATE, len(parts[-1]) / SAMPLE_RATE
        spans.append(Span(table.tokens[token], clock + gap, clock + gap + length, 1.0))
        clock += gap + length
    return parts, spans


@pytest.mark.parametrize("gaps", [(0.25, 0.6), (0.03, 0.3), (0.03, 0.15), (0.02, 0.04)])
@pytest.mark.parametrize("cutting", [SHORT, None])
def test_no_word_is_lost_or_doubled_at_cuts(tmp_path: Path, gaps: tuple[float, float], cutting: Cutting | None) -> None:
    recognizer = tone_recognizer(PHONES)
    for seed in range(3):
        parts, spans = speech(PHONES, 70.0, gaps, seed)
        path = write(tmp_path / "a.wav", *parts)
        (transcript,) = recognizer.transcribe([path], cutting=cutting)
        assert [word.text for word in transcript.words] == [span.text for span in spans]
        for word, span in zip(transcript.words, spans, strict=True):
            assert word.start == pytest.approx(span.start, abs=0.05)
            assert word.end == pytest.approx(span.end, abs=0.05)
        assert transcript.duration == pytest.approx(sum(map(len, parts)) / SAMPLE_RATE)


def test_long_silences_are_not_recognised_and_times_are_kept(tmp_path: Path) -> None:
    parts, spans, clock = [], [], 0.0
    for seed, seconds in enumerate([9.0, 30.0, 2.0, 61.0]):
        spoken, own = speech(PHONES, 3.0, (0.1, 0.3), seed)
        parts += [silence(seconds), *spoken]
        spans += [span.shift(clock + seconds) for span in own]
        clock += seconds + sum(map(len, spoken)) / SAMPLE_RATE
    parts.append(silence(40.0))
    path = write(tmp_path / "a.wav", *parts)
    read, heard = [], []
    recognizer = tone_recognizer(PHONES)
    decoder = recognizer.engine.decoder

    def watching(log_probs: Tensor, lengths: Tensor) -> list[list[Hypothesis]]:
        read.extend((lengths * 0.02).tolist())
        return decoder(log_probs, lengths)

    recognizer.engine.decoder = watching
    (transcript,) = recognizer.transcribe([path], on_progress=heard.append)
    assert [word.text for word in transcript.words] == [span.text for span in spans]
    for word, span in zip(transcript.words, spans, strict=True):
        assert (word.start, word.end) == (pytest.approx(span.start, abs=0.03), pytest.approx(span.end, abs=0.03))
    assert len(read) == 4
    assert sum(read) < 4 * (3.0 + 2 * 0.3 + 0.5)
    assert transcript.duration == pytest.approx(clock + 40.0) == pytest.approx(sum(heard))
    (whole,) = recognizer.transcribe([path], cutting=Cutting(min_silence=inf))
    assert whole.text == transcript.text


def test_silence_alone_says_nothing_and_keeps_its_duration(tmp_path: Path) -> None:
    heard: list[float] = []
    path = write(tmp_path / "a.wav", silence(30.0))
    (transcript,) = tone_recognizer(PHONES).transcribe([path], on_progress=heard.append)
    assert (transcript.text, transcript.duration, sum(heard)) == ("", 30.0, pytest.approx(30.0))


@pytest.mark.parametrize("spoken", ["ABCD|", "一二三四"])
def test_words_longer_than_the_overlap_survive_cuts_without_pauses(tmp_path: Path, spoken: str) -> None:
    table = TokenTable("char", ("<blank>", *spoken.removesuffix("|"), "|"))
    for seed in range(4):
        parts, spans = speech(table, 60.0, (0.02, 0.05), seed, spoken)
        (transcript,) = tone_recognizer(table).transcribe([write(tmp_path / "a.wav", *parts)], cutting=SHORT)
        said = "".join(span.text for span in spans)
        assert "".join(token.text for token in transcript.hypothesis.tokens) == said
        assert transcript.text == " ".join(said.replace("|", " ").split())
        assert transcript.text == " ".join(word.text for word in transcript.words)


@pytest.mark.parametrize("num_workers", [1, 3])
def test_order_of_recordings_is_kept_and_batches_hold_what_they_may(tmp_path: Path, num_workers: int) -> None:
    recognizer = tone_recognizer(PHONES, num_workers)
    paths, expected = [], []
    for seed, seconds in enumerate([9.0, 0.5, 30.0, 2.0, 0.3, 12.0]):
        parts, spans = speech(PHONES, seconds, (0.1, 0.4), seed)
        paths.append(write(tmp_path / f"{seed}.wav", *parts))
        expected.append(" ".join(span.text for span in spans))
    sizes, heard = [], []
    decoder = recognizer.engine.decoder

    def watching(log_probs: Tensor, lengths: Tensor) -> list[list[Hypothesis]]:
        sizes.append((log_probs.shape[0], log_probs.shape[1] * 0.02))
        return decoder(log_probs, lengths)

    recognizer.engine.decoder = watching
    transcripts = recognizer.transcribe(paths, batch_seconds=8.0, cutting=SHORT, on_progress=heard.append)
    assert [(transcript.path, transcript.text) for transcript in transcripts] == list(zip(paths, expected, strict=True))
    assert all(count * seconds <= 8.0 for count, seconds in sizes)
    assert max(count for count, _ in sizes) > 1
    assert sum(heard) == pytest.approx(sum(soundfile.info(path).duration for path in paths))


def test_batches_do_not_change_transcripts(tmp_path: Path) -> None:
    checkpoint = save_checkpoint(tmp_path / "a.ckpt")
    paths = []
    for seed, seconds in enumerate([1.0, 3.0, 0.4, 7.0]):
        samples = 0.1 * torch.randn(round(16000 * seconds), generator=torch.Generator().manual_seed(seed))
        paths.append(tmp_path / f"{seed}.wav")
        soundfile.write(paths[-1], samples.numpy(), 16000)
    for settings in (None, DecoderSettings(beam_size=4)):
        recognizer = Recognizer.from_checkpoint(checkpoint, settings)
        together = list(recognizer.transcribe(paths))
        alone = [recognizer.transcribe_file(path) for path in paths]
        assert [transcript.text for transcript in together] == [transcript.text for transcript in alone]
        assert all(transcript.text for transcript in together)
        (by_hand,) = recognizer.recognize([read(paths[0], sample_rate=16000)])
        assert by_hand.text == together[0].text


def test_waveforms_shorter_than_a_frame_say_nothing(tmp_path: Path) -> None:
    recognizer = Recognizer.from_checkpoint(save_checkpoint(tmp_path / "a.ckpt"))
    samples = 0.1 * torch.randn(16000, generator=torch.Generator().manual_seed(0))
    first, middle, last = recognizer.recognize([samples[:1], samples, samples[:79]])
    assert (first.text, last.text, first.confidence) == ("", "", 1.0)
    assert middle.text == recognizer.recognize([samples])[0].text != ""
    assert recognizer.recognize([samples[:10]])[0].words == ()
    assert recognizer.recognize([samples[:200]])[0].confidence <= 1


def test_failures_are_reported_in_their_turn_and_the_rest_goes_on(tmp_path: Path) -> None:
    recognizer = tone_recognizer(PHONES)
    good = write(tmp_path / "good.wav", silence(0.3), tone(1, 0.2))
    text = tmp_path / "text.wav"
    text.write_text("this is no audio\n" * 10)
    events: list[object] = []
    paths = [tmp_path / "gone.wav", good, text, good]
    transcripts = recognizer.transcribe(paths, on_failure=lambda path, error: events.append((path, str(error))))
    events.extend(transcript.text for transcript in transcripts)
    assert events[1::2] == ["aa", "aa"]
    assert events[0] == (paths[0], f"{paths[0]}: no such file; check the path")
    assert str(text) in str(events[2])
    with pytest.raises(DataError, match="no such file"):
        list(recognizer.transcribe(paths))


def _stream_from(blocks: Callable[..., object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts something else in the place of what reads files."""
    import asr.transcription.readings
    import asr.transcription.recognizer

    monkeypatch.setattr(asr.transcription.readings, "peek", lambda *_: Header(SAMPLE_RATE, None, 1))
    monkeypatch.setattr(asr.transcription.recognizer, "stream", blocks)


def test_channels_that_are_recognised_apart_are_speakers_of_one_transcript(tmp_path: Path) -> None:
    left = torch.cat([tone(1, 0.5), silence(2.0), tone(2, 0.5), silence(1.0)])
    right = torch.cat([silence(1.2), tone(3, 0.5), silence(2.3)])
    path = tmp_path / "call.wav"
    soundfile.write(path, torch.stack([left, right], dim=1).numpy(), SAMPLE_RATE, subtype="FLOAT")
    heard: list[float] = []
    call, mono = tone_recognizer(PHONES).transcribe(
        [path, write(tmp_path / "mono.wav", left)], separate=True, on_progress=heard.append
    )
    assert [(voice.speaker, voice.hypothesis.text) for voice in call.voices] == [("L", "aa bb"), ("R", "cc")]
    assert call.text == "aa cc bb"
    assert [word.start for word in call.words] == sorted(word.start for word in call.words)
    assert (call.duration, call.sample_rate) == (4.0, SAMPLE_RATE)
    assert (mono.text, mono.voices) == ("aa bb", ())
    assert sum(heard) == pytest.approx(8.0)


def test_more_than_two_channels_are_numbered_and_bytes_are_read_as_a_file(tmp_path: Path) -> None:
    parts = [torch.cat([silence(place), tone(place + 1, 0.5), silence(3.0 - place)]) for place in range(3)]
    path = tmp_path / "table.wav"
    soundfile.write(path, torch.stack(parts, dim=1).numpy(), SAMPLE_RATE, subtype="FLOAT")
    stored = Recording(Path("-"), Path("stdin"), path.read_bytes())
    (found,) = tone_recognizer(PHONES).transcribe([stored], separate=True)
    assert [(voice.speaker, voice.hypothesis.text) for voice in found.voices] == [("1", "aa"), ("2", "bb"), ("3", "cc")]
    assert (found.path, found.name) == (Path("-"), "stdin")


def test_a_failure_names_the_line_of_the_list() -> None:
    failures: list[str] = []
    listed = Recording(Path("gone.wav"), Path("gone"), where="list.txt:7")
    recognizer = tone_recognizer(PHONES)
    assert not list(recognizer.transcribe([listed], on_failure=lambda _, error: failures.append(str(error))))
    assert failures == ["list.txt:7: gone.wav: no such file; check the path"]


def test_a_recording_that_breaks_off_fails_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: Path, *_: object) -> object:
        yield torch.cat([tone(1, 6.0), silence(1.0)])
        if path.name == "broken.wav":
            raise DataError(path, "is damaged")

    _stream_from(broken, monkeypatch)
    failures: list[AsrError] = []
    found = list(
        tone_recognizer(PHONES).transcribe(
            ["broken.wav", "whole.wav"], cutting=SHORT, batch_seconds=1.0, on_failure=lambda _, e: failures.append(e)
        )
    )
    assert [transcript.path.name for transcript in found] == ["whole.wav"]
    assert [str(error) for error in failures] == ["broken.wav: is damaged"]


def test_a_recording_that_cannot_be_recognised_takes_no_other_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recognizer = tone_recognizer(PHONES)
    good = write(tmp_path / "good.wav", silence(0.3), tone(2, 0.2))
    bad = write(tmp_path / "bad.wav", torch.full((1234,), 0.5))
    recognize = recognizer.recognize

    def refuse(waveforms: Sequence[Tensor]) -> list[Hypothesis]:
        if any(len(waveform) == 1234 for waveform in waveforms):
            raise DataError("bad", "a frame is not a number")
        return recognize(waveforms)

    monkeypatch.setattr(recognizer, "recognize", refuse)
    failures: list[AsrError] = []
    found = list(recognizer.transcribe([good, bad, good], on_failure=lambda _, error: failures.append(error)))
    assert [transcript.text for transcript in found] == ["bb", "bb"]
    assert [str(bad) in str(error) and "cannot be recognised" in str(error) for error in failures] == [True]


def test_long_recordings_reach_the_model_in_parts_as_they_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    read_seconds = 0.0
    waiting = []

    def blocks(*_: object) -> object:
        nonlocal read_seconds
        for _ in range(300):
            read_seconds += 2.0
            yield torch.cat([tone(1, 1.5), silence(0.5)])

    _stream_from(blocks, monkeypatch)
    done = 0.0

    def heard(seconds: float) -> None:
        nonlocal done
        waiting.append(read_seconds - done)
        done += seconds

    (transcript,) = tone_recognizer(PHONES).transcribe(["a.wav"], batch_seconds=10.0, on_progress=heard)
    assert len(transcript.words) == 300
    assert max(waiting) < 4 * 10.0 + 20.0 + 5.0 + 2 * 2.0


def test_devices_that_are_not_there(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path / "a.ckpt")
    with pytest.raises(ConfigError, match="device: 'tpu7' cannot be used"):
        Recognizer.from_checkpoint(path, device="tpu7")
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="device: 'cuda' cannot be used"):
            Recognizer.from_checkpoint(path, device="cuda")


def test_settings_that_do_not_go_together(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path / "a.ckpt")
    for settings, found in (
        (DecoderSettings(beam_size=0), "beam_size: 0; give 1"),
        (DecoderSettings(lm="none.npz"), "lm: greedy decoding takes no language model"),
    ):
        with pytest.raises(ConfigError, match=found):
            Recognizer.from_checkpoint(path, settings)
    with pytest.raises(DataError, match=r"none\.npz: no such file"):
        Recognizer.from_checkpoint(path, DecoderSettings(beam_size=4, lm="none.npz"))


def test_the_best_device_here_says_what_the_cpu_says(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path / "a.ckpt")
    samples = [0.1 * torch.randn(20000, generator=torch.Generator().manual_seed(seed)) for seed in range(3)]
    texts = []
    for device in ("cpu", "cuda" if torch.cuda.is_available() else "cpu"):
        for beam_size in (1, 4):
            recognizer = Recognizer.from_checkpoint(path, DecoderSettings(beam_size=beam_size), device=device)
            found = recognizer.recognize(samples)
            texts.append([hypothesis.text for hypothesis in found])
    assert texts[:2] == texts[2:]


def test_a_wide_beam_recognises_less_at_a_time(tmp_path: Path) -> None:
    checkpoint = save_checkpoint(tmp_path / "a.ckpt")
    seconds = {
        beam: Recognizer.from_checkpoint(checkpoint, DecoderSettings(beam_size=beam)).batch_seconds
        for beam in (1, 128, 129)
    }
    assert seconds == {1: 160.0, 128: 160.0, 129: 80.0}
