"""Tiers as TextGrid and ELAN's documents, read back by other readers."""

from __future__ import annotations

from dataclasses import astuple
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from asr.corpora.textgrid import Interval as Spoken
from asr.corpora.textgrid import parse_textgrid
from asr.transcription.tiers import Interval, Tier, eaf, separate, textgrid

WORDS = [Interval(0.5, 0.8, 'say "so" &'), Interval(0.8, 0.8, "<b>"), Interval(1.25, 2.0, "ünd\x07")]
PHONES = [Interval(0.0, 0.25, "s")]
times = st.floats(0, 5).map(lambda value: round(value, 2))


@given(st.lists(st.tuples(times, times), max_size=12))
def test_separate_intervals_do_not_overlap_and_none_is_lost(pairs: list[tuple[float, float]]) -> None:
    intervals = [Interval(min(pair), max(pair), str(place)) for place, pair in enumerate(sorted(pairs, key=min))]
    intervals.sort(key=lambda each: each.start)
    apart = separate(intervals)
    assert [each.label for each in apart] == [each.label for each in intervals]
    assert all(each.start < each.end for each in apart)
    assert all(one.end <= two.start for one, two in pairwise(apart))


def test_intervals_that_are_apart_stay_what_they_are() -> None:
    intervals = [Interval(0.0, 0.1, "a"), Interval(0.1, 0.25, "b"), Interval(0.5, 3600.123, "c")]
    assert separate(intervals) == intervals


def test_textgrid_is_read_back() -> None:
    grid = parse_textgrid(textgrid([Tier("words", WORDS), Tier("phones", PHONES)], 2.5000626))
    assert grid.end == 2.500063
    spoken = [interval for interval in grid.tiers["words"] if interval.label]
    assert list(map(astuple, spoken)) == [(0.5, 0.8, 'say "so" &'), (0.8, 0.801, "<b>"), (1.25, 2.0, "ünd\x07")]
    for tier in grid.tiers.values():  # Praat wants all of the time covered
        assert (tier[0].start, tier[-1].end) == (0, grid.end)
        assert all(one.end == two.start for one, two in pairwise(tier))


def test_a_textgrid_of_nothing_has_one_empty_interval_and_ends_with_its_last_label() -> None:
    assert parse_textgrid(textgrid([Tier("words", [])], 1.5)).tiers == {"words": [Spoken(0, 1.5, "")]}
    assert parse_textgrid(textgrid([Tier("words", WORDS)], 1.5)).end == 2.0


def test_eaf_has_the_intervals_in_milliseconds_and_refers_to_the_recording() -> None:
    text = eaf([Tier("words", WORDS), Tier('"p"', PHONES)], Path("a b.wav"))
    document = ElementTree.fromstring(text.encode())
    slots = {each.attrib["TIME_SLOT_ID"]: int(each.attrib["TIME_VALUE"]) for each in document.iter("TIME_SLOT")}
    assert list(slots.values()) == sorted(slots.values())
    read = {
        tier.attrib["TIER_ID"]: [
            (slots[each.attrib["TIME_SLOT_REF1"]], slots[each.attrib["TIME_SLOT_REF2"]], each[0].text)
            for each in tier.iter("ALIGNABLE_ANNOTATION")
        ]
        for tier in document.iter("TIER")
    }
    words = [(500, 800, 'say "so" &'), (800, 801, "<b>"), (1250, 2000, "ünd\ufffd")]
    assert read == {"words": words, '"p"': [(0, 250, "s")]}
    media = document.find("HEADER/MEDIA_DESCRIPTOR")
    assert media is not None
    assert media.attrib["MEDIA_URL"] == Path("a b.wav").absolute().as_uri()
    assert eaf([Tier("words", WORDS)]).count("MEDIA_DESCRIPTOR") == 0
