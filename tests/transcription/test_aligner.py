"""Recordings of tones with their texts: times, what is missing, what is not in the text, and every format."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest
import torch
from lhotse import SupervisionSegment, SupervisionSet
from praatio import textgrid
from pympi import Elan
from pysubs2 import SSAFile

from asr.audio.waveforms import write_wav
from asr.checkpoints.model_file.card import make_card
from asr.checkpoints.model_file.export import Recipe, export_model
from asr.corpora.textgrid import parse_textgrid
from asr.decoding.forced.boundaries import BoundaryRule
from asr.decoding.forced.viterbi import Penalties
from asr.decoding.settings import DecoderSettings
from asr.errors import ConfigError, DataError
from asr.text.lexicon import Lexicon, parse_lexicon
from asr.text.tokens import TokenTable
from asr.transcription.aligner import Aligner, AlignerSettings
from asr.transcription.alignment_formats import ALIGNMENT_FORMATS, ALIGNMENT_SCHEMA
from asr.transcription.recognizer import Recognizer
from tests.checkpoints.model_files import save_phones
from tests.transcription.tiny_models import save_checkpoint, two_heads_content
from tests.transcription.tone_aligner import SPACE, A, B, C, D, aligner, record

PHONES = TokenTable("phone", ("<blank>", "AH", "B", "SIL"))


def spans(spoken) -> list[tuple[str, float, float]]:
    return [(word.text, round(word.start, 2), round(word.end, 2)) for word in spoken]


def near(times):
    """Chunks begin anywhere, so that frames of 20 ms lie a little beside the tones."""
    return pytest.approx(times, abs=0.02)


def test_words_and_letters_with_times_and_scores(tmp_path: Path) -> None:
    path = record(tmp_path / "a.wav", 0.4, A, B, SPACE, 0.2, C)
    found = aligner().align(path, ["Ab,", "c"])
    assert spans(found.spoken) == [("Ab,", 0.4, 0.8), ("c", 1.2, 1.4)]
    assert spans(found.words[0].tokens) == [("A", 0.4, 0.6), ("B", 0.6, 0.8)]
    assert all(0.9 < word.confidence <= 1 for word in found.spoken)
    assert (found.num_missing, found.untranscribed, found.unit) == (0, (), "char")
    assert found.duration == pytest.approx(1.4)


def test_long_silences_are_left_out_and_count_for_times(tmp_path: Path) -> None:
    told: list[float] = []
    path = record(tmp_path / "a.wav", 3.0, A, SPACE, 30.0, B, 4.0)
    found = aligner().align(path, ["A B"], on_progress=told.append)
    assert [(word.text, word.start) for word in found.spoken] == [("A", near(3.0)), ("B", near(33.4))]
    assert sum(told) == pytest.approx(37.6)


def test_chunks_are_joined_frame_by_frame(tmp_path: Path) -> None:
    said = [A, SPACE, B, SPACE] * 30  # without a pause
    found = aligner(num_workers=2).align(record(tmp_path / "a.wav", *said), ["A B " * 30])
    assert [(word.text, word.start) for word in found.spoken] == [("AB"[n % 2], near(0.4 * n)) for n in range(60)]
    assert [word.end for word in found.spoken] == near([0.4 * n + 0.2 for n in range(60)])


def test_a_missing_word_and_speech_that_is_not_in_the_text(tmp_path: Path) -> None:
    path = record(tmp_path / "a.wav", A, B, A, SPACE, 0.4, D, C, D, SPACE, 0.4, B, A, B)
    found = aligner().align(path, ["aba cca aab bab"])
    assert spans(found.spoken) == [("aba", 0.0, 0.6), ("bab", 2.4, 3.0)]
    assert [word.is_missing for word in found.words] == [False, True, True, False]
    assert [(each.text, each.start, each.end) for each in found.missing()] == [("cca aab", 0.6, 2.4)]
    assert [each.text for each in found.untranscribed] == ["DCD"]


def test_phones_by_the_pronunciation_that_is_heard_and_silence_as_blank(tmp_path: Path) -> None:
    lexicon = parse_lexicon(["ABA AH B", "ABA(2) AH B AH", "BA B AH"])
    ah, b, sil = (PHONES.ids[phone] for phone in ("AH", "B", "SIL"))
    path = record(tmp_path / "a.wav", ah, b, ah, sil, b, ah)
    found = aligner(PHONES, lexicon=lexicon, silence="SIL").align(path, ["aba ba"])
    assert spans(found.spoken) == [("aba", 0.0, 0.6), ("ba", 0.8, 1.2)]
    assert [token.text for token in found.words[0].tokens] == ["AH", "B", "AH"]


def test_words_that_the_lexicon_lacks_are_pronounced_and_named(tmp_path: Path) -> None:
    lexicon, asked = parse_lexicon(["ABA AH B AH"]), []

    def pronounce(words: Iterable[str]) -> Lexicon:
        asked.append(list(words))
        return Lexicon({"BA": (("B", "AH"), ("B",))})

    ah, b = (PHONES.ids[phone] for phone in ("AH", "B"))
    path = record(tmp_path / "a.wav", ah, b, ah, 0.4, b, ah)
    found = aligner(PHONES, lexicon=lexicon, pronounce=pronounce).align(path, ["aba", "- Ba!"])
    assert spans(found.spoken) == [("aba -", 0.0, 0.6), ("Ba!", 1.0, 1.4)]
    assert asked == [["BA"]]
    assert found.pronounced == {"BA": ("B", "AH")}
    with pytest.raises(DataError, match=r"1 words have no pronunciation in the model's phones: BABA; write them"):
        aligner(PHONES, lexicon=lexicon, pronounce=pronounce).align(path, ["aba baba"])


def test_a_model_file_of_phones_has_its_pronunciations_and_its_silence(tmp_path: Path) -> None:
    settings = save_phones(tmp_path)
    card = make_card({}, [], "asr export")
    export_model(Recipe([tmp_path / "phones.ckpt"], settings, [], "float32", card), tmp_path / "a.asr")
    found = Aligner.from_file(tmp_path / "a.asr")
    assert found.lexicon is not None
    assert dict(found.lexicon.entries) == {"ABA": (("AH", "B"), ("AH", "B", "AH")), "BA": (("B", "AH"),)}
    assert found.silence == PHONES.ids["SIL"]
    (tmp_path / "more.dict").write_text("aba B\nbab B AH B\n")
    more = Aligner.from_file(tmp_path / "a.asr", [tmp_path / "more.dict"]).lexicon
    assert more is not None
    assert dict(more.entries) == {"ABA": (("B",),), "BA": (("B", "AH"),), "BAB": (("B", "AH", "B"),)}
    export_model(Recipe([tmp_path / "phones.ckpt"], DecoderSettings(), [], "int8", card), tmp_path / "b.asr")
    with pytest.raises(ConfigError, match="lexicon: is missing for a model with tokens of unit phone"):
        Aligner.from_file(tmp_path / "b.asr")


def test_every_format(tmp_path: Path) -> None:
    path = record(tmp_path / "a b.wav", A, B, A, SPACE, 0.4, D, C, D, SPACE, 0.4, B, A, B)
    found = aligner().align(path, ["aba - cca bab"])
    written = {name: write(found) for name, write in ALIGNMENT_FORMATS.items()}
    grid = parse_textgrid(written["TextGrid"])
    labels = {name: [each.label for each in tier if each.label] for name, tier in grid.tiers.items()}
    assert labels == {
        "words": ["aba -", "bab"],
        "letters": list("ABABAB"),
        "unmatched": ["missing: cca", "untranscribed: DCD"],
    }
    document = ElementTree.fromstring(written["eaf"].encode())
    assert [tier.attrib["TIER_ID"] for tier in document.iter("TIER")] == list(labels)
    assert [line.split(" ", 2)[2] for line in written["ctm"].splitlines() if not line.startswith(";;")] == [
        f"0.000 0.600 aba_- {found.spoken[0].confidence:.4f}",
        f"2.400 0.600 bab {found.spoken[1].confidence:.4f}",
    ]
    assert [line for line in written["ctm"].splitlines() if line.startswith(";;")] == [
        ";; a_b 1 0.600 2.400 missing: cca",
        ";; a_b 1 1.200 1.800 untranscribed: DCD",
    ]
    fields = json.loads(written["json"])
    jsonschema.Draft202012Validator.check_schema(dict(ALIGNMENT_SCHEMA))
    jsonschema.Draft202012Validator(dict(ALIGNMENT_SCHEMA)).validate(fields)
    assert [(word["text"], word["status"], word["start"]) for word in fields["words"]] == [
        ("aba -", "spoken", 0.0),
        ("cca", "missing", None),
        ("bab", "spoken", 2.4),
    ]
    assert [token["text"] for token in fields["words"][0]["tokens"]] == ["A", "B", "A"]
    assert [each["text"] for each in fields["untranscribed"]] == ["DCD"]
    assert fields["num_missing"] == 1
    assert [line for line in written["srt"].splitlines() if line[-1:].isalpha() or line[-1:] == "-"] == ["aba -", "bab"]


def test_other_readers_read_every_format(tmp_path: Path) -> None:
    path = record(tmp_path / "a.wav", A, B, A, SPACE, 0.4, D, C, D, SPACE, 0.4, B, A, B)
    found = aligner().align(path, ["aba cca bab"])
    for name, write in ALIGNMENT_FORMATS.items():
        (tmp_path / f"a.{name}").write_text(write(found), encoding="utf-8")
    grid = textgrid.openTextgrid(str(tmp_path / "a.TextGrid"), includeEmptyIntervals=False)
    assert [tuple(entry) for entry in grid.getTier("words").entries] == [(0.0, 0.6, "aba"), (2.4, 3.0, "bab")]
    unmatched = {"missing: cca", "untranscribed: DCD"}
    assert {entry.label for entry in grid.getTier("unmatched").entries} == unmatched
    document = Elan.Eaf(str(tmp_path / "a.eaf"))
    assert document.get_annotation_data_for_tier("words") == [(0, 600, "aba"), (2400, 3000, "bab")]
    assert {each[2] for each in document.get_annotation_data_for_tier("unmatched")} == unmatched
    lines = (tmp_path / "a.ctm").read_text().splitlines(keepends=True)
    (tmp_path / "a.ctm").write_text("".join(line for line in lines if not line.startswith(";;")))  # which NIST's skip
    whole = SupervisionSet.from_segments([SupervisionSegment("a", "a", 0.0, 3.2)])
    (read,) = whole.with_alignment_from_ctm(tmp_path / "a.ctm", match_channel=False)
    assert [(each.symbol, each.start, each.duration) for each in read.alignment["word"]] == [
        ("aba", 0.0, 0.6),
        ("bab", 2.4, 0.6),
    ]
    events = [(event.plaintext, event.start) for event in SSAFile.load(str(tmp_path / "a.srt"))]
    assert events == [("aba", 0), ("bab", 2400)]


def test_what_does_not_belong_together_is_told(tmp_path: Path) -> None:
    path = record(tmp_path / "a.wav", A, B, A, B)
    with pytest.raises(DataError, match=r"x.txt: none of its 1 words is said in .*a.wav; check that the two belong"):
        aligner().align(path, ["dcdcdc"], "x.txt")
    with pytest.raises(DataError, match=r"x.txt: has 100 tokens and the recording 40 frames; check"):
        aligner().align(path, [100 * "d"], "x.txt")
    with pytest.raises(DataError, match="is shorter than a frame"):
        aligner().align(record(tmp_path / "short.wav", 0.005), ["a"])
    with pytest.raises(ConfigError, match=r"silence: 'SIL' is none of the model's tokens"):
        aligner(silence="SIL")
    with pytest.raises(ConfigError, match="lexicon: is missing"):
        aligner(PHONES)


def test_a_head_of_letters_needs_no_lexicon(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path / "both.ckpt", two_heads_content())
    waveform = 0.1 * torch.randn(16000, generator=torch.Generator().manual_seed(0))
    write_wav(tmp_path / "a.wav", waveform, 16000)
    said = Recognizer.from_checkpoint(path, head="char").recognize([waveform])[0].text
    assert Aligner.from_checkpoint(path, head="char").align(tmp_path / "a.wav", [said]).unit == "char"
    with pytest.raises(ConfigError, match="lexicon: is missing"):
        Aligner.from_checkpoint(path)


def test_settings_are_kept_and_refused_where_they_are_wrong(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    settings = AlignerSettings(Penalties(5.0, 1.0, 2.0), BoundaryRule(0.25, 0.5, 0.125, -0.01))
    settings.save(path)
    assert AlignerSettings.load(path) == settings
    path.write_text(path.read_text().replace("0.25", "1.5"))
    with pytest.raises(DataError, match=r"settings\.json"):
        AlignerSettings.load(path)
