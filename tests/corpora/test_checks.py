import hashlib

import numpy as np
import pytest
import soundfile
from lhotse import CutSet

from asr.audio.waveforms import segment_blocks
from asr.corpora import checks
from asr.corpora.checks import Limits, Problem, examine, leave_out, write_quarantine
from asr.corpora.listening import listen
from asr.corpora.listing import Listed, make_splits
from asr.errors import DataError
from asr.text.policy import get_policy


@pytest.fixture
def one(tmp_path, make_audio):
    """Returns a function that makes a set of one cut."""

    def make(text="A", seed=0, **options) -> CutSet:
        path = make_audio(tmp_path / f"{seed}.wav", seed, **options)
        return make_splits({"train": [Listed(f"u{seed}", path, text)]})["train"]

    return make


def reasons(splits, limits=None, **options):
    found = examine(splits, limits or Limits(), **options)
    return [(problem.utterance_id, problem.reason) for problem in found]


def test_nothing_is_wrong_with_what_is_right(one):
    seconds = []
    limits = Limits(0.5, 0.5, 16000, get_policy("upper-no-punctuation"))
    assert reasons({"train": one(seed=1), "dev": one(seed=2)}, limits, advance=seconds.append) == []
    assert seconds == [0.5, 0.5]


@pytest.mark.parametrize(
    ("text", "options", "limits", "reason", "found"),
    [
        ("", {}, Limits(), "empty-text", "the transcript is empty"),
        (" ", {}, Limits(), "empty-text", "the transcript is empty"),
        (
            "?!",
            {},
            Limits(policy=get_policy("upper-no-punctuation")),
            "empty-text",
            "empty under policy upper-no-punct",
        ),
        ("A 1", {}, Limits(policy=get_policy("upper-spelled-out")), "text", "'1' holds a number"),
        ("A", {}, Limits(policy=get_policy("timit-39")), "no-text", "has no phone transcript"),
        ("A", {"seconds": 0.05}, Limits(min_duration=0.1), "too-short", "0.050 s, less than 0.1 s"),
        ("A", {"seconds": 2.0}, Limits(max_duration=1.5), "too-long", "2.000 s, more than 1.5 s"),
        ("A", {"sample_rate": 8000}, Limits(sample_rate=16000), "rate", "8000 Hz, not 16000 Hz"),
    ],
)
def test_what_is_wrong_is_named(one, text, options, limits, reason, found):
    (problem,) = examine({"train": one(text, **options)}, limits)
    assert (problem.utterance_id, problem.reason) == ("u0", reason)
    assert found in problem.found
    assert problem.path.endswith("0.wav")


def test_other_rates_are_no_problem_unless_asked(one):
    assert reasons({"train": one(sample_rate=8000)}) == []


@pytest.mark.parametrize("level", [0.0, 0.5])
def test_silence_is_found_with_an_offset_too(tmp_path, level):
    soundfile.write(tmp_path / "a.wav", np.full(8000, level), 16000)
    cuts = make_splits({"train": [Listed("u", tmp_path / "a.wav", "A")]})["train"]
    (problem,) = examine({"train": cuts}, Limits())
    assert (problem.reason, problem.found) == ("silent", "no sample is louder than 0.0001 of full scale")


def test_a_file_that_was_cut_off_after_it_was_listed_is_unreadable(one):
    cuts = one()
    path = cuts[0].recording.sources[0].source
    with open(path, "r+b") as file:  # noqa: PTH123
        file.truncate(9000)
    (problem,) = examine({"train": cuts}, Limits())
    assert problem.reason == "unreadable"
    assert "is truncated" in problem.found


def test_a_damaged_flac_is_unreadable_though_its_header_is_sound(tmp_path, make_audio):
    path = make_audio(tmp_path / "a.flac", seconds=2.0)
    cuts = make_splits({"train": [Listed("u", path, "A")]})["train"]
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert reasons({"train": cuts}) == [("u", "unreadable")]


def test_what_is_too_long_is_not_read(one, monkeypatch):
    def refuse(*_):
        raise AssertionError("was read")

    cuts = one(seconds=2.0)
    monkeypatch.setattr(checks, "listen", refuse)
    assert reasons({"train": cuts}, Limits(max_duration=1.0)) == [("u0", "too-long")]


def test_a_long_utterance_is_read_block_by_block(tmp_path, monkeypatch):
    samples = np.random.default_rng(0).normal(0, 0.1, 600_000).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", samples, 16000, subtype="FLOAT")
    (cut,) = make_splits({"train": [Listed("u", tmp_path / "a.wav", "A")]})["train"]
    heard = listen(cut)
    assert heard.digest == hashlib.sha256(samples.tobytes()).hexdigest()
    assert heard.peak == pytest.approx(np.abs(samples - samples.mean()).max(), rel=1e-5)
    assert max(map(len, segment_blocks(tmp_path / "a.wav", 0.0, None))) < 300_000


@pytest.mark.parametrize("loud", [1e30, np.inf, np.nan])
def test_samples_that_no_recording_has_are_unreadable(tmp_path, loud):
    soundfile.write(tmp_path / "a.wav", np.array([0.1, loud, 0.2]), 16000, subtype="DOUBLE")
    cuts = make_splits({"train": [Listed("u", tmp_path / "a.wav", "A")]})["train"]
    assert reasons({"train": cuts}) == [("u", "unreadable")]


def test_doubled_ids_are_all_named(tmp_path, make_audio):
    a, b, c = (make_audio(tmp_path / f"{name}.wav", seed) for seed, name in enumerate("abc"))
    splits = make_splits(
        {"train": [Listed("u", a, "A"), Listed("u", b, "B"), Listed("v", b, "B")], "dev": [Listed("v", c, "C")]}
    )
    found = examine(splits, Limits())
    assert [(p.utterance_id, p.path, p.reason) for p in found] == [
        ("u", str(a), "duplicate-id"),
        ("u", str(b), "duplicate-id"),
        ("v", str(c), "duplicate-id"),
    ]
    assert found[0].found == "2 utterances of split train have this id"
    assert found[2].found == f"another utterance has this id, in split train: {b}"


def test_equal_audio_across_splits_is_taken_from_the_less_needed(tmp_path, make_audio):
    same = [make_audio(tmp_path / f"{name}.wav", seed=7) for name in ("train", "dev", "test")]
    other = make_audio(tmp_path / "other.wav", seed=8)
    listed = {"test": [Listed("t", same[2], "A")], "train": [Listed("a", same[0], "A"), Listed("b", other, "B")]}
    found = examine(make_splits(listed | {"dev": [Listed("d", same[1], "A")]}), Limits(), num_jobs=3)
    assert [(p.utterance_id, p.reason, p.found) for p in found] == [
        ("a", "duplicate-audio", "the same audio is t of split test"),
        ("d", "duplicate-audio", "the same audio is t of split test"),
    ]


def test_equal_audio_in_one_split_is_no_leak(tmp_path, make_audio):
    listed = [Listed(name, make_audio(tmp_path / f"{name}.wav", seed=7), "A") for name in "ab"]
    assert reasons(make_splits({"train": listed, "train_all": listed})) == []


def test_a_union_of_splits_does_not_hide_a_leak(tmp_path, make_audio):
    a, d = (Listed(name, make_audio(tmp_path / f"{name}.wav", seed=7), "A") for name in "ad")
    found = examine(make_splits({"train": [a], "dev": [d], "train_all": [a, d]}), Limits())
    assert [(p.utterance_id, p.found) for p in found] == [("a", "the same audio is d of split dev")]


def test_segments_of_one_file_are_told_apart(tmp_path, make_audio):
    path = make_audio(tmp_path / "a.wav", seconds=1.0)
    first, second, again = (
        Listed(n, path, "A", None, None, start, 0.5) for n, start in (("a", 0), ("b", 0.5), ("c", 0.5))
    )
    assert reasons(make_splits({"train": [first], "dev": [second]})) == []
    assert reasons(make_splits({"train": [first, second], "dev": [again]})) == [("b", "duplicate-audio")]


def test_cuts_that_lhotse_changes_are_read_by_lhotse(one):
    assert reasons({"train": CutSet.from_cuts(cut.perturb_speed(1.1) for cut in one())}) == []
    cuts = one(seed=5, channels=2)
    assert reasons({"train": CutSet.from_cuts(cut.to_mono()[1].with_id("u5") for cut in cuts)}) == []


def test_leave_out_keeps_the_rest_and_refuses_to_empty_a_split(one):
    splits = {"train": CutSet.from_cuts([*one(seed=1), *one(seed=2)]), "dev": one(seed=3)}
    kept = leave_out(splits, [Problem("u2", "", "silent", "")])
    assert {split: [cut.id for cut in cuts] for split, cuts in kept.items()} == {"train": ["u1"], "dev": ["u3"]}
    with pytest.raises(DataError, match=r"split dev: no utterance is left of it; see quarantine\.tsv"):
        leave_out(splits, [Problem("u3", "", "silent", "")])


def test_the_quarantine_list_is_a_table(tmp_path):
    path = tmp_path / "new" / "quarantine.tsv"
    write_quarantine([], path)
    assert path.read_text() == "utterance_id\tpath\treason\tfound\n"
    write_quarantine([Problem("ü", "a\tb.wav", "silent", "two\nlines")], path)
    assert path.read_text(encoding="utf-8").splitlines()[1:] == ["ü\ta b.wav\tsilent\ttwo lines"]
