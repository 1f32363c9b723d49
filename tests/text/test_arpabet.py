import pytest

from asr.errors import DataError
from asr.text.arpabet import ARPABET_39, fold_arpabet, is_pause, strip_stress


def test_the_set():
    vowels = [phone for phone in ARPABET_39 if phone[0] in "AEIOU"]
    assert (len(ARPABET_39), len(set(ARPABET_39)), len(vowels)) == (39, 39, 15)


def test_every_stress_and_case_of_every_phone_folds_into_the_set():
    for phone in ARPABET_39:
        written = [phone, phone.lower(), *(f"{phone}{stress}" for stress in "012"), f"{phone.lower()}1"]
        assert fold_arpabet(written) == [phone] * 6
    assert fold_arpabet(fold_arpabet(["dh", "AH0"])) == ["DH", "AH"]


def test_pauses_are_dropped_and_the_rest_is_refused():
    assert fold_arpabet(["", "sp", "SIL", "B", "<eps>"]) == ["B"]
    assert not is_pause("spn")
    for phone in ("spn", "AX", "AH3", "0", "dx"):
        with pytest.raises(DataError, match=f"u1: '{phone}' is none of the 39 phones of ARPAbet"):
            fold_arpabet(["AA", phone], where="u1")


def test_a_digit_alone_is_no_stress():
    assert strip_stress("1") == "1"
    assert strip_stress("UW2") == "UW"
