import pytest
from lhotse import MonoCut, SupervisionSegment
from lhotse.supervision import AlignmentItem

from asr.corpora.targets import target_text
from asr.errors import DataError


def cut(**fields) -> MonoCut:
    return MonoCut("u1", 0.0, 1.0, 0, supervisions=[SupervisionSegment("u1", "r", 0.0, 1.0, **fields)])


ALIGNMENT = {"phone": [AlignmentItem("aa", 0.2, 0.1), AlignmentItem("h#", 0.0, 0.2), AlignmentItem("t", 0.3, 0.1)]}


def test_characters_are_the_raw_transcript():
    assert target_text(cut(text="It's, raw "), "char") == "It's, raw "
    assert target_text(cut(text=""), "char") == ""
    assert target_text(cut(text="It's"), "bpe") == "It's"


def test_phones_are_those_of_the_alignment_in_time_or_of_the_custom_field():
    assert target_text(cut(text="x", alignment=ALIGNMENT), "phone") == "h# aa t"
    assert target_text(cut(alignment=ALIGNMENT, custom={"phones": "b b"}), "phone") == "b b"


def test_what_is_missing_is_named_with_the_utterance():
    with pytest.raises(DataError, match="u1: has no transcript"):
        target_text(cut(), "char")
    with pytest.raises(DataError, match=r"u1: has no phone transcript; choose a unit .* --unit char"):
        target_text(cut(text="A", alignment={"word": []}), "phone")
    with pytest.raises(DataError, match="u1: has 0 supervisions, not one"):
        target_text(MonoCut("u1", 0.0, 1.0, 0), "char")
