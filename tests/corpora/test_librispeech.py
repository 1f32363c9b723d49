import shutil

import pytest

from asr.corpora import librispeech
from asr.corpora.librispeech import prepare, read_sexes
from asr.errors import DataError
from tests.corpora.librispeech_tree import make_tree
from tests.corpora.textgrids import write_textgrid


@pytest.fixture
def corpus(tmp_path, make_audio):
    return make_tree(tmp_path / "corpus", make_audio)


def ids(splits):
    return {split: [cut.id for cut in cuts] for split, cuts in splits.items()}


ALL = {"other": ["7-1-0000"], "tiny": ["14-208-0000", "14-208-0001", "60-9-0000"]}


def test_the_corpus_and_the_folder_above_it(corpus):
    for folder in (corpus, corpus.parent):
        splits = prepare(folder, num_jobs=2)
        assert ids(splits) == ALL
    cut = splits["tiny"][2]
    supervision = cut.supervisions[0]
    assert (supervision.text, supervision.speaker, supervision.language) == ("WORD 0", "60", "English")
    assert supervision.custom == {"subset": "tiny", "chapter": "9", "sex": "M"}
    assert splits["other"][0].supervisions[0].custom == {"subset": "other", "chapter": "1"}
    assert (cut.sampling_rate, cut.load_audio().shape) == (16000, (1, 8000))


def test_subsets_in_the_order_asked_for_and_a_subset_alone(corpus):
    assert list(prepare(corpus, subsets=["tiny", "other"])) == ["tiny", "other"]
    assert ids(prepare(corpus, subsets=["tiny"])) == {"tiny": ALL["tiny"]}
    assert ids(prepare(corpus / "tiny")) == {"tiny": ALL["tiny"]}
    assert prepare(corpus / "tiny")["tiny"][0].supervisions[0].custom["sex"] == "F"


def test_opus_is_read_and_flac_is_taken_where_both_are(corpus, make_audio):
    folder = corpus / "tiny/14/208"
    make_audio(folder / "14-208-0000.opus", seed=5, format="OGG", subtype="OPUS")
    make_audio(folder / "14-208-0001.opus", seed=6, format="OGG", subtype="OPUS")
    (folder / "14-208-0001.flac").unlink()
    sources = [cut.recording.sources[0].source for cut in prepare(corpus)["tiny"]]
    assert [source.rpartition("/")[2] for source in sources] == [
        "14-208-0000.flac",
        "14-208-0001.opus",
        "60-9-0000.flac",
    ]


def test_what_is_missing_is_named_and_left_out(corpus, make_audio):
    make_audio(corpus / "tiny/14/208/14-208-0007.flac")
    (corpus / "tiny/14/208/14-208-0001.flac").unlink()
    (corpus / "tiny/60/9/60-9.trans.txt").unlink()
    (corpus / "other/7/1/7-1-0000.flac").write_bytes(b"")
    problems = []
    assert ids(prepare(corpus, problems=problems)) == {"other": [], "tiny": ["14-208-0000"]}
    found = {problem.utterance_id: (problem.reason, problem.found) for problem in problems}
    assert found == {
        "7-1-0000": ("unreadable", "is empty (0 bytes)"),
        "14-208-0001": ("no-audio", "only 14-208.trans.txt has it"),
        "14-208-0007": ("no-text", "14-208.trans.txt has no line for it"),
        "60-9-0000": ("no-text", "60-9.trans.txt is missing or empty"),
    }
    with pytest.raises(DataError, match=r"14-208-0001 \(.*flac\): no-audio: only 14-208\.trans\.txt has it"):
        prepare(corpus, subsets=["tiny"])


def test_splits_by_speaker_have_no_problems_of_other_speakers(corpus):
    (corpus / "tiny/60/9/60-9-0000.flac").unlink()
    problems = []
    splits = prepare(corpus, speakers={"train": ["14"], "test": ["7"]}, problems=problems)
    assert (ids(splits), problems) == ({"train": ALL["tiny"][:2], "test": ALL["other"]}, [])
    assert splits["train"][0].supervisions[0].custom["subset"] == "tiny"
    with pytest.raises(DataError, match="--speakers 8: has no utterance in other, tiny"):
        prepare(corpus, speakers={"train": ["14", "8"]})


def test_splits_by_chapter(corpus, make_audio):
    make_audio(corpus / "tiny/14/9/14-9-0000.flac")
    (corpus / "tiny/14/9/14-9.trans.txt").write_text("14-9-0000 ANOTHER CHAPTER\n")
    make_audio(corpus / "tiny/14/9/14-9-0001.flac")  # no transcript
    problems = []
    splits = prepare(corpus, speakers={"train": ["14-208", "60"], "dev": ["14-9"]}, problems=problems)
    assert ids(splits) == {"train": ALL["tiny"], "dev": ["14-9-0000"]}
    assert [problem.utterance_id for problem in problems] == ["14-9-0001"]
    prepare(corpus, speakers={"train": ["14-208"]})  # the other chapter's problems are not asked for
    with pytest.raises(DataError, match="--speakers 14-208: speaker 14 is named, too, with all chapters"):
        prepare(corpus, speakers={"train": ["14-208"], "dev": ["14"]})


def test_alignments(corpus, tmp_path):
    for name, word in (("14-208-0000", "word"), ("14-208-0001", "<unk>")):
        words = [(0.1, 0.3, word), (0.3, 0.4, name[-1])]
        write_textgrid(tmp_path / "grids" / f"{name}.TextGrid", words, [(0.1, 0.4, "W")], 0.5)
    problems = []
    splits = prepare(corpus, subsets=["tiny"], alignments=tmp_path / "grids", problems=problems)
    assert ids(splits) == {"tiny": ["14-208-0000"]}
    assert [item.symbol for item in splits["tiny"][0].supervisions[0].alignment["word"]] == ["WORD", "0"]
    assert [(problem.utterance_id, problem.reason) for problem in problems] == [
        ("14-208-0001", "unknown-word"),
        ("60-9-0000", "no-alignment"),
    ]


def test_official_subsets_are_whole_or_refused(corpus, monkeypatch, make_audio):
    monkeypatch.setitem(librispeech.NUM_UTTERANCES, "tiny", 4)
    with pytest.raises(DataError, match=r"tiny: 3 utterances are listed or found here, tiny has 4; .* with --partial"):
        prepare(corpus)
    assert ids(prepare(corpus, partial=True)) == ALL
    make_audio(corpus / "tiny/60/9/60-9-0001.flac")
    problems = []
    prepare(corpus, problems=problems)
    assert [problem.utterance_id for problem in problems] == ["60-9-0001"]


def test_an_official_subset_without_utterances(corpus):
    (corpus / "dev-clean").mkdir()
    with pytest.raises(DataError, match="dev-clean: 0 utterances are listed or found here, dev-clean has 2703"):
        prepare(corpus)
    shutil.rmtree(corpus / "tiny")
    assert ids(prepare(corpus, partial=True)) == {"dev-clean": [], "other": ["7-1-0000"]}


def test_the_official_numbers_add_up():
    numbers = librispeech.NUM_UTTERANCES
    assert sum(number for name, number in numbers.items() if not name.endswith(("-5", "-2"))) == 292367


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("14-208-0000 A\n14-209-0001 B\n", r"14-208\.trans\.txt:2: '14-209-0001' is not an id of this chapter"),
        ("14-208-0000 A\n\n14-208-0000 B\n", r"14-208\.trans\.txt:3: 14-208-0000 is there twice"),
    ],
)
def test_damaged_transcripts(corpus, content, found):
    (corpus / "tiny/14/208/14-208.trans.txt").write_text(content)
    with pytest.raises(DataError, match=found):
        prepare(corpus)


def test_folders_that_are_no_corpus(tmp_path, corpus):
    with pytest.raises(DataError, match="none: no such folder; give the folder LibriSpeech"):
        prepare(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty: has no subset with the layout of LibriSpeech"):
        prepare(tmp_path / "empty")
    with pytest.raises(DataError, match="has no subset dev-clean, test-clean; there are other, tiny"):
        prepare(corpus, subsets=["dev-clean", "tiny", "test-clean"])


def test_speakers_with_bars_in_their_names_and_damaged_lists(corpus, tmp_path):
    assert read_sexes(corpus / "SPEAKERS.TXT") == {"14": "F", "60": "M"}
    assert read_sexes(tmp_path / "none") == {}
    (corpus / "SPEAKERS.TXT").write_text("; x\n14 | X | tiny | 1 | A\n")
    with pytest.raises(DataError, match=r"SPEAKERS\.TXT:2: '14 \| X \| tiny \| 1 \| A' is not ID"):
        prepare(corpus)
