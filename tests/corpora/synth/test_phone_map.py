from __future__ import annotations

from asr.corpora.synth.labels import BEGIN_END, PAUSE
from asr.corpora.synth.phone_map import CLOSURES, TIMIT_PHONES
from asr.text.phones import TIMIT_61

NEVER = {"ax-h", "em", "eng", "epi", "hv", "nx"}


def test_the_table_gives_all_of_timit_but_what_it_says() -> None:
    given = {phone for phones in TIMIT_PHONES.values() for phone in phones} | set(CLOSURES.values())
    assert given | {BEGIN_END, PAUSE} == set(TIMIT_61) - NEVER


def test_closures_belong_to_phones_of_the_table() -> None:
    assert set(CLOSURES) <= {phone for phones in TIMIT_PHONES.values() for phone in phones}
    assert all(len(phones) <= 2 for phones in TIMIT_PHONES.values())
