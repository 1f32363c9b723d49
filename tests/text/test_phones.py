import pytest

from asr.errors import DataError
from asr.text.phones import BROAD_CLASSES, FOLDINGS, PHONE_SETS, TIMIT_61, broad_class, fold


def test_the_sets_have_the_sizes_that_name_them():
    assert len(TIMIT_61) == len(set(TIMIT_61)) == 61
    assert {to: len(set(folding.values())) for to, folding in FOLDINGS.items()} == {"61": 61, "48": 48, "39": 39}


def test_every_line_of_the_published_39_folding():
    lines = "ao aa, ax ah, ax-h ah, axr er, hv hh, ix ih, el l, em m, en n, nx n, eng ng, zh sh, ux uw"
    changed = dict(line.split() for line in lines.split(", "))
    changed |= dict.fromkeys(("bcl", "pcl", "dcl", "tcl", "gcl", "kcl", "epi", "pau", "h#"), "sil")
    for phone in TIMIT_61:
        assert fold([phone], "39") == ([] if phone == "q" else [changed.get(phone, phone)]), phone


def test_48_keeps_voicing_of_closures_apart():
    assert fold(["h#", "bcl", "b", "pcl", "p", "epi", "zh", "ix", "ax-h"], "48") == (
        ["sil", "vcl", "b", "cl", "p", "epi", "zh", "ix", "ax"]
    )


@pytest.mark.parametrize("phone", TIMIT_61)
def test_folding_by_way_of_48_equals_folding_at_once(phone):
    assert fold(fold([phone], "48"), "39") == fold([phone], "39")


@pytest.mark.parametrize("to", ["61", "48", "39"])
def test_folding_twice_changes_nothing_more(to):
    once = fold(TIMIT_61, to)
    assert fold(once, to) == once


def test_neighbouring_silences_become_one_and_q_does_not_part_them():
    assert fold(["h#", "pau", "q", "tcl", "t", "q", "kcl"], "39") == ["sil", "t", "sil"]
    assert fold(["h#", "pau", "tcl"], "48") == ["sil", "cl"]
    assert fold(["pau", "pau"], "61") == ["pau", "pau"]


@pytest.mark.parametrize(("phone", "to"), [("sil", "61"), ("AA", "39"), ("cl", "61"), ("xx", "48")])
def test_a_phone_of_no_set_is_named(phone, to):
    with pytest.raises(DataError, match=f"FADG0_SI1279: '{phone}' is no phone that folds into the {to} of TIMIT"):
        fold(["aa", phone], to, where="FADG0_SI1279")


def test_the_smaller_sets_are_named_phone_by_phone():
    in_48 = "aa ae ah ao aw ax ay b ch cl d dh dx eh el en epi er ey f g hh ih ix iy jh k l m n ng ow oy p r s sh"
    rest = "sil t th uh uw v vcl w y z zh"
    in_39 = "aa ae ah aw ay b ch d dh dx eh er ey f g hh ih iy jh k l m n ng ow oy p r s sh sil t th uh uw v w y z"
    assert PHONE_SETS["48"] == {*in_48.split(), *rest.split()}
    assert PHONE_SETS["39"] == set(in_39.split())
    assert PHONE_SETS["61"] == set(TIMIT_61)


def test_silences_may_be_left_apart():
    assert fold(["h#", "pau", "q", "tcl"], "39", merge_silences=False) == ["sil", "sil", "sil"]
    assert fold(["sil", "sil"], "39", merge_silences=False) == ["sil", "sil"]


def test_every_phone_has_one_broad_class_and_keeps_it_when_it_is_folded():
    everything = set().union(*PHONE_SETS.values())
    assert sorted(phone for phones in BROAD_CLASSES.values() for phone in phones) == sorted(everything)
    for phone in TIMIT_61:
        if phone != "q":
            assert broad_class(FOLDINGS["39"][phone]) == broad_class(phone), phone
    with pytest.raises(DataError, match="'xx': is no phone of TIMIT"):
        broad_class("xx")
