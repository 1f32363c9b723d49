import json
import unicodedata
from pathlib import Path

import pytest
from lhotse import CutSet

from asr.corpora.folder import hold_out, prepare
from asr.corpora.listing import Listed, make_splits
from asr.corpora.manifests import read_cuts, write_cuts
from asr.errors import ConfigError, DataError


@pytest.fixture
def make(tmp_path, make_audio):
    """Returns a function that writes a file below the folder "mine", beside which a.wav and sub/b.flac lie."""
    make_audio(tmp_path / "mine" / "a.wav", 1, seconds=1.0)
    make_audio(tmp_path / "mine" / "sub" / "b.flac", 2)

    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / "mine" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def described(splits):
    return {
        split: [(cut.id, cut.supervisions[0].text, cut.supervisions[0].speaker) for cut in cuts]
        for split, cuts in splits.items()
    }


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("my.csv", 'audio,text\na.wav,"Hello, you"\nsub/b.flac,x\n'),
        ("my.csv", '\ufeffPath;Transcript\r\na.wav;Hello, you\r\n\r\nsub/b.flac;x\r\n'),
        ("my.csv", "text\taudio\nHello, you\ta.wav\nx\tsub/b.flac\n"),
        ("my.tsv", "path\tsentence\tage\na.wav\tHello, you\t\nsub/b.flac\tx\t30\n"),
        ("my.jsonl", '{"audio": "a.wav", "text": "Hello, you"}\n\n{"path": "sub/b.flac", "text": "x", "id": null}'),
        ("my.json", '{"audio_filepath": "a.wav", "text": "Hello, you", "duration": 1.004}\n'
                    '{"audio_filepath": "sub/b.flac", "text": "x", "duration": 0.5, "offset": 0}\n'),
    ],
)  # fmt: skip
def test_lists_of_two_columns(make, name, content):
    splits = prepare(make(name, content))
    assert [(text, speaker) for _, text, speaker in described(splits)["train"]] == [("Hello, you", None), ("x", None)]
    assert splits["train"][0].id.startswith("a")
    assert splits["train"][1].id.startswith("sub-b")
    assert [cut.num_samples for cut in splits["train"]] == [16000, 8000]
    assert all(Path(cut.recording.sources[0].source).is_absolute() for cut in splits["train"])


def test_all_columns(make):
    table = (
        "id,audio,text,speaker,split,start,end,language\n"
        "u1,a.wav,A,s1,train,,,English\nu2,a.wav,B,s1,dev,0.25,0.75,\nu3,sub/b.flac,C,,test,0.1,,\n"
    )
    splits = prepare(make("my.csv", table))
    assert described(splits) == {"train": [("u1", "A", "s1")], "dev": [("u2", "B", "s1")], "test": [("u3", "C", None)]}
    assert [(cut.start, cut.duration) for cuts in splits.values() for cut in cuts] == [(0, 1), (0.25, 0.5), (0.1, 0.4)]
    assert splits["train"][0].supervisions[0].language == "English"


def test_ids_of_segments_are_told_apart(make):
    splits = prepare(make("my.csv", "audio,text,start,end\na.wav,A,0,0.5\na.wav,B,0.5,1\n"))
    assert [cut.id for cut in splits["train"]] == ["a-0000000", "a-0000500"]


def test_absolute_paths_stay(make, make_audio, tmp_path):
    path = make_audio(tmp_path / "else where" / "c.wav")
    (cut,) = prepare(make("my.csv", f"audio,text\n{path},C\n"))["train"]
    assert cut.recording.sources[0].source == str(path)
    assert cut.id.endswith("else_where-c")


def test_nemo_manifests_name_parts_of_files(make):
    content = '{"audio_filepath": "a.wav", "offset": 0.25, "duration": 0.5, "text": "A", "lang": "en", "pnc": "no"}\n'
    (cut,) = prepare(make("manifest.json", content))["train"]
    assert (cut.start, cut.duration, cut.supervisions[0].language) == (0.25, 0.5, "en")


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("my.csv", "", r"my\.csv:1: no column audio or path .* in the header: nothing"),
        (
            "my.csv",
            "a.wav,Hello\n",
            r"my\.csv:1: no column audio or path or audio_filepath or file in the header: a\.wav, ",
        ),
        ("my.csv", "audio,words\na.wav,A\n", r"my\.csv:1: no column text or transcript or sentence in the header"),
        ("my.csv", "audio,text\n", r"my\.csv: lists no utterances"),
        ("my.csv", "audio,text\na.wav,A\na.wav,B,C\n", r"my\.csv:3: has more fields than the header's 2; quote"),
        ("my.csv", "audio,text\na.wav\n", r"my\.csv:2: has fewer fields than the header's 2"),
        ("my.csv", 'audio,text\na.wav,"A\n', r"my\.csv:2: is not CSV \(unexpected end of data\)"),
        ("my.csv", "audio,text\n ,A\n", r"my\.csv:2: names no audio"),
        ("my.csv", "audio,text,start\na.wav,A,soon\n", r"my\.csv:2: start is 'soon'; give seconds"),
        ("my.csv", "audio,text,start\na.wav,A,-1\n", r"my\.csv:2: start is '-1'"),
        ("my.csv", "audio,text,start,end\na.wav,A,0.5,0.5\n", r"my\.csv:2: ends at 0\.5 s and starts at 0\.5 s"),
        ("my.csv", "audio,text,split\na.wav,A,../x\n", r"the split '\.\./x' cannot be part of a file name"),
        ("my.csv", b"audio,text\na.wav,\xe4\n", r"my\.csv:2: is not UTF-8 text but most likely ISO-8859-1, in"),
        ("my.jsonl", '{"audio": "a.wav", "text": "A"}\n{"audio": \n', r"my\.jsonl:2: is not a JSON object"),
        ("my.jsonl", '{"sound": "a.wav", "text": "A"}\n', r"my\.jsonl:1: names no audio"),
        (
            "my.json",
            '{"audio_filepath": "a.wav", "text": "A", "duration": "long"}\n',
            r"my\.json:1: duration is 'long'",
        ),
        ("my.jsonl", "", r"my\.jsonl: lists no utterances"),
        ("my.txt", "a.wav A\n", r"my\.txt: has no known form by its name; give a CSV or TSV file"),
    ],
)
def test_faulty_lists_are_named_with_the_line(make, name, content, found):
    with pytest.raises(DataError, match=found):
        prepare(make(name, content))


def test_a_missing_transcript_is_empty_and_left_to_the_checks(make):
    splits = prepare(make("my.jsonl", '{"audio": "a.wav", "text": null}\n{"audio": "sub/b.flac"}\n'))
    assert [cut.supervisions[0].text for cut in splits["train"]] == ["", ""]


def kaldi(make, **files):
    lists = {"wav.scp": "r1 a.wav\nr2 sub/b.flac\n", "text": "r1 A B\nr2\tC  D\n"} | {
        name.replace("_", "."): content for name, content in files.items()
    }
    for name, content in lists.items():
        path = make(name, content)
    return path.parent


def test_a_kaldi_directory_without_segments(make):
    splits = prepare(kaldi(make, utt2spk="r1 s1\nr2 s2\n"))
    assert described(splits) == {"train": [("r1", "A B", "s1"), ("r2", "C  D", "s2")]}


def test_a_kaldi_directory_with_segments(make):
    splits = prepare(kaldi(make, text="u1 A\nu2 B\n", segments="u1 r1 0.25 0.75\nu2 r1 0.5 -1\nu3 r2 0 0.25\n"))
    assert described(splits) == {"train": [("u1", "A", None), ("u2", "B", None), ("u3", "", None)]}
    assert [(cut.start, cut.duration) for cut in splits["train"]] == [(0.25, 0.5), (0.5, 0.5), (0, 0.25)]
    assert [cut.recording.id for cut in splits["train"]] == ["r1", "r1", "r2"]


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (
            {"wav_scp": "r1 sox a.wav -t wav - |\n"},
            r"wav\.scp:1: recording r1 is a command \('sox .* \|'\), and commands are",
        ),
        ({"wav_scp": ""}, r"wav\.scp: is empty"),
        ({"text": "r1 A\nr3 B\n"}, r"text:2: utterance r3 is not in wav\.scp; run Kaldi's utils/fix_data_dir\.sh"),
        ({"text": "r1 A\nr1 B\n"}, r"text:2: r1 occurs already: .*text:1"),
        ({"segments": "r1 r1 0 1\n"}, r"text:2: utterance r2 is not in segments"),
        ({"text": "r1 A\n", "segments": "r1 r9 0 1\n"}, r"segments:1: recording 'r9' is not in wav\.scp"),
        ({"text": "r1 A\n", "segments": "r1 r1 0\n"}, r"segments:1: 3 fields; a line has four"),
        ({"text": "r1 A\n", "segments": "r1 r1 1 0.5\n"}, r"segments:1: ends at 0\.5 s and starts at 1 s"),
    ],
)
def test_faulty_kaldi_directories_are_named_with_the_line(make, files, found):
    with pytest.raises(DataError, match=found):
        prepare(kaldi(make, **files))


def test_a_kaldi_directory_without_transcripts(make):
    with pytest.raises(DataError, match="text: no such file"):
        prepare(make("wav.scp", "r1 a.wav\n").parent)


def test_text_beside_audio(make):
    make("a.txt", "\ufeffHello,\n you\n")
    splits = prepare(make("sub/b.txt", "x").parent.parent)
    assert described(splits) == {"train": [("a", "Hello, you", None), ("sub-b", "x", None)]}


def test_audio_without_text_and_text_without_audio_are_problems(make):
    make(".hidden.txt", "")
    folder = make("README.txt", "about").parent
    make("a.txt", "A")
    problems = []
    assert described(prepare(folder, problems=problems)) == {"train": [("a", "A", None)]}
    assert [(problem.utterance_id, problem.reason, problem.found) for problem in problems] == [
        ("README", "no-audio", "no audio beside it"),
        ("sub-b", "no-text", "no b.txt beside it"),
    ]
    with pytest.raises(DataError, match=r"README\.txt: no audio beside it"):
        prepare(folder)


def test_missing_and_empty_folders(tmp_path):
    with pytest.raises(DataError, match="nowhere: no such file or folder; give a CSV or TSV file"):
        prepare(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r": is empty; give a folder of x\.wav beside x\.txt, a Kaldi data directory"):
        prepare(tmp_path)
    (tmp_path / "notes.md").write_text("")
    with pytest.raises(DataError, match="holds no audio files among its 1"):
        prepare(tmp_path)


def test_ready_cuts(make, tmp_path):
    cuts = prepare(make("my.csv", "audio,text,speaker\na.wav,e\u0301,s\n"))["train"]
    item = cuts[0].to_dict()
    item["recording"]["sources"][0]["source"] = "a.wav"
    item["supervisions"][0] |= {"id": "another", "text": "e\u0301"}
    path = make("cuts.jsonl", json.dumps(item) + "\n")
    (cut,) = prepare(path)["train"]
    assert cut.recording.sources[0].source == str(tmp_path / "mine" / "a.wav")
    assert (cut.supervisions[0].id, cut.supervisions[0].text) == (cut.id, "\u00e9")
    write_cuts([cut], tmp_path / "again.jsonl.gz")
    assert list(read_cuts(tmp_path / "again.jsonl.gz")) == [cut]


def test_ready_cuts_that_do_not_fit(make, tmp_path):
    cuts = prepare(make("my.csv", "audio,text\na.wav,A\nsub/b.flac,B\n"))["train"]
    write_cuts([cuts[0].append(cuts[1])], tmp_path / "mixed.jsonl.gz")
    with pytest.raises(DataError, match="has 2 supervisions, not one; cut it with: lhotse cut trim-to-supervisions"):
        prepare(tmp_path / "mixed.jsonl.gz")
    write_cuts([cuts[0].pad(2.0)], tmp_path / "padded.jsonl.gz")
    with pytest.raises(DataError, match="has no recording of its own"):
        prepare(tmp_path / "padded.jsonl.gz")


def test_splits_by_name(make):
    make("train.csv", "audio,text\na.wav,A\n")
    make("dev_cuts.jsonl", '{"audio": "sub/b.flac", "text": "B"}\n')
    make("sub/b.txt", "C")
    path = make("notes.md", "").parent
    assert described(prepare(path, by_name=True)) == {
        "dev": [("sub-b", "B", None)],
        "sub": [("sub-b", "C", None)],
        "train": [("a", "A", None)],
    }
    with pytest.raises(DataError, match=r"train\.csv: is not a folder with a list or folder for each split"):
        prepare(path / "train.csv", by_name=True)
    with pytest.raises(DataError, match="holds no list or folder for a split"):
        prepare(path / "sub", by_name=True)


def test_every_script_comes_through_as_nfc(make, make_audio, tmp_path):
    texts = ["हिन्दी में", "ภาษาไทย", "العَرَبِيَّة", "中文", "e\u0301te\u0301", "한국어"]
    names = [unicodedata.normalize("NFD", f"é {text}") for text in texts]
    for seed, name in enumerate(names):
        make_audio(tmp_path / "mine" / f"{name}.wav", seed)
    rows = "".join(
        f"{name}.wav,{unicodedata.normalize('NFD', text)},{name}\n" for name, text in zip(names, texts, strict=True)
    )
    splits = prepare(make("my.csv", f"audio,text,speaker\n{rows}"))
    write_cuts(splits["train"], tmp_path / "cuts.jsonl.gz")
    for cut, text, name in zip(read_cuts(tmp_path / "cuts.jsonl.gz"), texts, names, strict=True):
        assert cut.supervisions[0].text == unicodedata.normalize("NFC", text)
        assert cut.supervisions[0].speaker == unicodedata.normalize("NFC", name)
        assert cut.id == unicodedata.normalize("NFC", name).replace(" ", "_")
        assert cut.load_audio().shape == (1, 8000)


@pytest.fixture
def speech(tmp_path, make_audio):
    """Returns a function that makes cuts of half a second for speakers that are named by one letter each."""
    path = make_audio(tmp_path / "a.wav")

    def make(speakers: str) -> CutSet:
        listed = [Listed(f"u{n}", path, "A", None if name == "?" else name) for n, name in enumerate(speakers)]
        return make_splits({"train": listed})["train"]

    return make


@pytest.mark.parametrize(
    "speakers", ["aaabbbcccdddeeefffggghhhiiijjj", "aaaaaaaaaaaab", "ab", "??????????", "aa??bb????"]
)
def test_hold_out_shares_no_speaker_and_loses_nothing(speech, speakers):
    cuts = speech(speakers)
    train, dev = hold_out(cuts, 0.2)
    assert sorted([cut.id for cut in [*train, *dev]]) == sorted(cut.id for cut in cuts)
    assert not {cut.supervisions[0].speaker for cut in dev} & {cut.supervisions[0].speaker for cut in train} - {None}
    assert len(dev) >= 1 <= len(train)
    assert len(dev) <= max(0.2 * len(cuts), min(map(speakers.count, speakers)))
    assert list(dev) == list(hold_out(cuts, 0.2)[1])


def test_one_speaker_is_split_by_utterance(speech):
    assert [len(part) for part in hold_out(speech("a" * 20), 0.1)] == [18, 2]
    with pytest.raises(DataError, match="1 utterance cannot be split"):
        hold_out(speech("a"), 0.5)


def test_dev_fraction(make):
    path = make("my.csv", "audio,text\na.wav,A\nsub/b.flac,B\n")
    assert {split: len(cuts) for split, cuts in prepare(path, dev_fraction=0.4).items()} == {"train": 1, "dev": 1}
    with pytest.raises(ConfigError, match=r"dev_fraction: is 1\.5; give a share from 0 up to 1"):
        prepare(path, dev_fraction=1.5)
    path = make("my.csv", "audio,text,split\na.wav,A,train\nsub/b.flac,B,dev\n")
    with pytest.raises(ConfigError, match="the corpus names its own splits: train, dev"):
        prepare(path, dev_fraction=0.1)


def test_too_little_is_left_to_hold_out(make):
    path = make("my.csv", "audio,text\na.wav,A\nmissing.wav,B\n")
    with pytest.raises(DataError, match=r"missing\.wav: no such file; without it too little is left to split; correct"):
        prepare(path, dev_fraction=0.1, problems=[])
