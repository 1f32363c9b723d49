"""The card that says what was measured, and the tables below it."""

from __future__ import annotations

import json

import pytest

from asr.corpora.timit_speakers import CORE_TEST_SPEAKERS, DEV_SPEAKERS, TRAIN_SPEAKERS
from asr.errors import DataError
from asr.scoring.protocol_report import ProtocolReport, describe_split, score_protocol
from asr.scoring.protocols import get_protocol
from asr.scoring.references import Reference

REFERENCES = (
    Reference("FAAA0_SI1", "h# sh iy pau h#", "FAAA0", 2.0, "F", "DR1"),
    Reference("MBBB0_SX2", "h# m aa tcl t h#", "MBBB0", 1.0, "M", "DR2"),
)
HYPOTHESES = {"FAAA0_SI1": "h# s iy h#", "MBBB0_SX2": "h# m aa t h#"}


def make(*names: str) -> ProtocolReport:
    scores = tuple(score_protocol("greedy", REFERENCES, HYPOTHESES, get_protocol(name), "x.jsonl") for name in names)
    return ProtocolReport(describe_split("data/timit/test_cuts.jsonl.gz", REFERENCES), REFERENCES, scores)


def test_the_card_names_split_phone_map_silence_and_sa_with_their_hashes():
    report = make("39-merged")
    protocol, card = get_protocol("39-merged"), get_protocol("39-merged").card()
    split = f"split test: 2 utterances, 2 speakers, no official split of TIMIT (hash {report.split.hash})"
    assert report.card().splitlines() == [
        f"{split}; bootstrap over speakers",
        f"protocol 39-merged (hash {protocol.hash}): {protocol.source}",
        f"  phone map  61, 48 or 39 labels folded to 39, q removed (hash {card['phone_map']['hash']})",
        f"  silence    neighbouring silences become one, which counts as a phone (hash {card['silence']['hash']})",
        f"  sa         SA sentences are left out (hash {card['sa']['hash']})",
    ]


def test_rows_and_details():
    text = make("graves-61-39", "39-deletable-silence").to_text(num_worst=1, details=True)
    rows = [line.split() for line in text.splitlines() if line.startswith("greedy  ")]
    assert [row[2:8] for row in rows] == [
        ["graves-61-39", "11", "1", "2", "0", "3"],
        ["39-deletable-silence", "10", "1", "0", "0", "1"],
    ]
    assert "sh > s" in text
    heads = [line.split()[0] for line in text.splitlines() if line.split()[1:3] == ["utterances", "ref"]]
    assert heads == ["sex", "dialect", "speaker"] * 2
    worst = text.split("greedy, 39-deletable-silence, worst utterances:")[1]
    assert worst.splitlines()[2:] == [
        "FAAA0_SI1: 1 errors, 4 in the reference",
        "  ref  sil  sh  iy  sil",
        "  hyp  sil  s   iy  sil",
        "            S",
    ]


def test_json_has_everything():
    report = json.loads(json.dumps(make("39-merged", "39-no-silence").to_dict(), allow_nan=False))
    assert report["split"]["name"] == "test"
    assert [card["hash"] for card in report["protocols"]] == [each["protocol"]["hash"] for each in report["scores"]]
    merged, spoken = report["scores"]
    assert (merged["labels"], merged["num_ref"], merged["errors"], spoken["num_ref"]) == ("61", 10, 2, 5)
    assert {name: n["errors"] for name, n in merged["dialects"].items()} == {"DR1": 1, "DR2": 1}
    assert {name: n["errors"] for name, n in spoken["sexes"].items()} == {"F": 1, "M": 0}
    assert {name: n["errors"] for name, n in merged["speakers"].items()} == {"FAAA0": 1, "MBBB0": 1}
    assert merged["confusions"]["deletions"] == {"sil": 1}
    assert merged["utterances"]["MBBB0_SX2"] == {
        "speaker": "MBBB0",
        "hits": 5,
        "substitutions": 0,
        "deletions": 1,
        "insertions": 0,
    }


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


def test_sa_sentences_and_missing_hypotheses_are_refused():
    references = (Reference("FAAA0_SA1", "h# sh", "FAAA0", 1.0),)
    with pytest.raises(DataError, match=r"test_cuts\.jsonl\.gz: holds 1 SA sentences"):
        score_protocol("x", references, {"FAAA0_SA1": "h#"}, get_protocol("61"), "x.jsonl", "test_cuts.jsonl.gz")
    with pytest.raises(DataError, match=r"x\.jsonl: 1 utterance is without a hypothesis: MBBB0_SX2"):
        score_protocol("x", REFERENCES, {"FAAA0_SI1": "h#"}, get_protocol("61"), "x.jsonl")
