import pytest

from asr.corpora.listing import Listed, make_splits
from asr.corpora.summary import readable, summarise
from asr.errors import DataError
from asr.text.policy import get_policy


@pytest.fixture
def cuts(tmp_path, make_audio):
    listed = [
        Listed("a", make_audio(tmp_path / "a.wav", seconds=1.5), "Ab, b", speaker="s1"),
        Listed("b", make_audio(tmp_path / "b.wav", sample_rate=8000), "é", speaker="s1"),
        Listed("c", make_audio(tmp_path / "c.wav"), "b"),
    ]
    return make_splits({"train": listed})["train"]


def test_the_figures(cuts):
    summary = summarise(cuts)
    assert (summary.seconds, summary.num_utterances) == (2.5, 3)
    assert (summary.speakers, summary.num_unknown_speakers) == ({"s1"}, 1)
    assert summary.sample_rates == {16000: 2, 8000: 1}
    assert summary.symbols == {"A": 1, "b": 3, ",": 1, "é": 1}


def test_symbols_are_counted_under_the_policy(cuts):
    assert summarise(cuts, get_policy("upper-no-punctuation")).symbols == {"A": 1, "B": 3, "É": 1}
    with pytest.raises(DataError, match="a: has no phone transcript"):
        summarise(cuts, get_policy("timit-39"))


def test_phone_policies_count_phones(cuts):
    for cut in cuts:
        cut.supervisions[0].custom = {"phones": "h# aa tcl t h#"}
    assert summarise(cuts, get_policy("timit-39")).symbols == {"sil": 9, "aa": 3, "t": 3}


def test_what_does_not_show_is_printed_as_its_code_point():
    assert readable({"\u200d": 1, "b": 1, "ax-h": 1, "\u0301": 1}) == "ax-h b U+0301 U+200D"
