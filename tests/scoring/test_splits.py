"""Which utterances were scored: official splits, and the hash that tells others apart."""

from __future__ import annotations

import pytest

from asr.corpora.timit_speakers import CORE_TEST_SPEAKERS, DEV_SPEAKERS, TRAIN_SPEAKERS
from asr.scoring.references import Reference
from asr.scoring.splits import describe_split

REFERENCES = (
    Reference("FAAA0_SI1", "h# sh iy pau h#", "FAAA0", 2.0, "F", "DR1"),
    Reference("MBBB0_SX2", "h# m aa tcl t h#", "MBBB0", 1.0, "M", "DR2"),
)


@pytest.mark.parametrize(
    ("speakers", "each", "official"),
    [
        (TRAIN_SPEAKERS, 8, "train of TIMIT"),
        (DEV_SPEAKERS, 8, "dev of TIMIT"),
        (CORE_TEST_SPEAKERS, 8, "core test of TIMIT"),
        (CORE_TEST_SPEAKERS, 7, "no official split of TIMIT"),
        (CORE_TEST_SPEAKERS[1:], 8, "no official split of TIMIT"),
        (
            (*DEV_SPEAKERS, *CORE_TEST_SPEAKERS, *(f"MX{number}" for number in range(94))),
            8,
            "full test of TIMIT, which contains its dev speakers",
        ),
    ],
)
def test_official_splits_are_known_by_their_speakers(speakers, each, official):
    references = [Reference(f"{name}_SX{n}", "h#", name, 1.0) for name in speakers for n in range(each)]
    assert describe_split("x_cuts.jsonl", references).official == official


def test_the_hash_of_a_split_changes_with_ids_and_transcripts_alone():
    base = describe_split("test_cuts.jsonl.gz", REFERENCES)
    assert describe_split("dev.jsonl", REFERENCES[::-1]).hash == base.hash
    other = (REFERENCES[0], Reference("MBBB0_SX2", "h# m aa t h#", "MBBB0", 1.0))
    assert describe_split("test_cuts.jsonl.gz", other).hash != base.hash
    assert base.name == "test"
