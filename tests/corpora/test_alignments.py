import pytest

from asr.corpora.alignments import align, find_textgrids
from asr.corpora.listing import Listed, make_splits
from asr.corpora.targets import target_text
from asr.errors import DataError
from tests.corpora.textgrids import write_textgrid, write_tiers

WORDS = [(0, 0.1, ""), (0.1, 0.3, "so"), (0.3, 0.35, "cosette"), (0.35, 0.4, "s"), (0.4, 0.5, "sp")]
PHONES = [(0, 0.1, "sil"), (0.1, 0.2, "S"), (0.2, 0.3, "OW1"), (0.3, 0.4, "K"), (0.4, 0.505, "sp")]


@pytest.fixture
def cut(tmp_path, make_audio):
    audio = make_audio(tmp_path / "1-2-0003.wav")
    return make_splits({"train": [Listed("1-2-0003", audio, "SO COSETTE'S")]})["train"][0]


def aligned(cut, tmp_path, words=WORDS, phones=PHONES, end=0.5, **options):
    write_textgrid(tmp_path / "grids" / "1" / "1-2-0003.TextGrid", words, phones, end, **options)
    return align([cut], find_textgrids(tmp_path / "grids"))


def test_words_and_phones_without_pauses(cut, tmp_path):
    assert aligned(cut, tmp_path, names=("Word", "phones")) == []
    alignment = cut.supervisions[0].alignment
    assert [(item.symbol, item.start, item.duration) for item in alignment["word"]] == [
        ("SO", 0.1, 0.2),
        ("COSETTE'S", 0.3, 0.1),
    ]
    assert [(item.symbol, item.start) for item in alignment["phone"]] == [("S", 0.1), ("OW1", 0.2), ("K", 0.3)]
    assert target_text(cut, "phone") == "S OW1 K"


@pytest.mark.parametrize(
    ("tiers", "speaker"),
    [
        ({"1 - words": WORDS, "1 - phones": PHONES}, None),
        ({"A - B - words": WORDS, "A - B - phones": PHONES}, "someone else"),
        ({"1 - words": WORDS, "1 - phones": PHONES, "2 - words": [], "2 - phones": []}, "1"),
    ],
)
def test_tiers_with_the_name_of_the_speaker(cut, tmp_path, tiers, speaker):
    cut.supervisions[0].speaker = speaker
    write_tiers(tmp_path / "1-2-0003.TextGrid", tiers, 0.5)
    assert align([cut], find_textgrids(tmp_path)) == []
    assert [item.symbol for item in cut.supervisions[0].alignment["word"]] == ["SO", "COSETTE'S"]


def test_tiers_of_several_speakers_none_of_them_the_one(cut, tmp_path):
    tiers = {"1 - words": WORDS, "1 - phones": PHONES, "2 - words": [], "2 - phones": []}
    write_tiers(tmp_path / "1-2-0003.TextGrid", tiers, 0.5)
    (problem,) = align([cut], find_textgrids(tmp_path))
    assert problem.found == f"has the tiers {', '.join(tiers)}, not words and phones of one speaker"


def test_an_alignment_ends_with_the_audio(cut, tmp_path):
    assert aligned(cut, tmp_path, phones=[(0.1, 0.52, "S")], end=0.52) == []
    assert cut.supervisions[0].alignment["phone"][0].end == 0.5


@pytest.mark.parametrize(
    ("changes", "reason", "found"),
    [
        ({"words": [*WORDS[:2], (0.3, 0.4, "<unk>")]}, "unknown-word", "<unk> at 0.30 s"),
        ({"phones": [(0.1, 0.2, "S"), (0.2, 0.3, "spn")]}, "unknown-word", "spn at 0.20 s"),
        ({"words": WORDS[:2]}, "alignment", "word 2 is 'nothing', in the transcript \"COSETTE'S\""),
        ({"words": [(0.1, 0.3, "to")]}, "alignment", "word 1 is 'to', in the transcript 'SO'"),
        ({"words": [*WORDS, (0.5, 0.5, "there")]}, "alignment", "'there' at 0.50 s is not in the transcript"),
        ({"end": 0.7}, "alignment", "ends at 0.700 s, the audio at 0.500 s"),
        ({"names": ("words", "notes")}, "alignment", "has the tiers words, notes, not words and phones"),
        ({"words": [(0.2, 0.1, "so")]}, "alignment", "tier words: 'so' from 0.2 to 0.1 s is out of order"),
    ],
)
def test_utterances_that_are_not_aligned(cut, tmp_path, changes, reason, found):
    (problem,) = aligned(cut, tmp_path, **changes)
    assert (problem.utterance_id, problem.reason, problem.found) == ("1-2-0003", reason, found)
    assert problem.path.endswith("grids/1/1-2-0003.TextGrid")
    assert cut.supervisions[0].alignment is None


def test_utterances_without_a_file(cut):
    (problem,) = align([cut], {})
    assert (problem.reason, problem.found) == ("no-alignment", "has no TextGrid")
    assert problem.path.endswith("1-2-0003.wav")


def test_folders_without_files_or_with_doubled_ones(tmp_path):
    with pytest.raises(DataError, match="none: no such folder"):
        find_textgrids(tmp_path / "none")
    with pytest.raises(DataError, match="holds no TextGrid files"):
        find_textgrids(tmp_path)
    for folder in "ab":
        write_textgrid(tmp_path / folder / "u.textgrid", [], [], 1)
    with pytest.raises(DataError, match=r"b/u\.textgrid: .*a/u\.textgrid has the same name"):
        find_textgrids(tmp_path)
