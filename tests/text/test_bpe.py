import copy
import io
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.errors import ConfigError, DataError
from asr.text import bpe
from asr.text.tokens import BLANK, TokenTable

TEXTS = ["THE CAT SAT ON THE MAT", "THE CATS  SAT", "A CAT'S HAT IS ON THE MAT", "THAT CAT"]


@pytest.fixture(scope="module")
def table():
    return TokenTable.build(TEXTS, "bpe", 24)


def test_a_table_has_the_size_asked_for_and_every_character(table):
    assert (table.unit, len(table), table.tokens[BLANK], table.file_name) == ("bpe", 24, "<blank>", "tokens_bpe24.txt")
    assert {*"".join(TEXTS).replace(" ", ""), bpe.WORD_BEGIN} <= set(table.tokens)
    assert f"{bpe.WORD_BEGIN}THE" in table.tokens
    assert TokenTable.build(TEXTS, "bpe", 24) == table


def test_decode_gives_back_what_was_encoded(table):
    for text in TEXTS:
        token_ids = table.encode(f" {text} ")
        assert BLANK not in token_ids
        assert table.decode(token_ids) == " ".join(text.split())
        spans = table.word_spans(token_ids)
        assert [table.decode(token_ids[begin:end]) for begin, end in spans] == text.split()
    assert len(table.encode("THE")) == 1
    assert (table.encode(""), table.decode([]), table.word_spans([])) == ([], "", [])


@given(st.lists(st.integers(1, 23), max_size=12))
def test_any_sequence_of_tokens_has_a_text_that_encodes(table, token_ids):
    text = table.decode(token_ids)
    assert table.decode(table.encode(text)) == text
    assert len(table.word_spans(token_ids)) == len(text.split())
    covered = {place for begin, end in table.word_spans(token_ids) for place in range(begin, end)}
    assert all(
        table.tokens[token_ids[place]] == bpe.WORD_BEGIN for place in range(len(token_ids)) if place not in covered
    )


LETTERS = st.characters(exclude_characters="".join(bpe.RESERVED), exclude_categories=["Z", "C"])


@settings(max_examples=50)
@given(st.lists(st.text(LETTERS, min_size=1, max_size=4), min_size=1, max_size=4))
def test_every_character_of_the_texts_can_be_encoded(words):
    text = " ".join(words)
    alphabet = {*text.replace(" ", ""), bpe.WORD_BEGIN}
    table = TokenTable.build([text], "bpe", 1 + len(alphabet))
    assert set(table.tokens[1:]) == alphabet
    shuffled = " ".join(reversed(words))
    assert table.decode(table.encode(shuffled)) == shuffled


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("THE DOG", "'D', 'G' not in the table of 24 tokens"),
        ("\u2581CAT", r"U\+2581 not in the"),
        ("CAT\u2585", r"U\+2585"),
    ],
)
def test_what_is_outside_the_table_is_named(table, text, named):
    with pytest.raises(DataError, match=f"u1: {named}"):
        table.encode(text, where="u1")


def test_long_lines_are_learnt_from():
    assert "X" in TokenTable.build([*TEXTS, "A" * 9000 + "X"], "bpe", 24).tokens


@pytest.mark.parametrize(
    ("size", "found"),
    [
        (5, "the transcripts' characters alone take 13; give a larger --size"),
        (5000, "the transcripts give only [0-9]+ pieces; give a smaller --size, or more text"),
        (-1, "sentencepiece cannot learn it"),
    ],
)
def test_sizes_that_cannot_be(size, found):
    with pytest.raises(ConfigError, match=f"BPE of size {size}: {found}"):
        TokenTable.build(TEXTS, "bpe", size)


def test_size_belongs_to_bpe_alone():
    for unit, size in (("bpe", None), ("char", 30)):
        with pytest.raises(ConfigError, match=f"size: is {size} with unit {unit}"):
            TokenTable.build(TEXTS, unit, size)


@pytest.mark.parametrize("symbol", ["<blank>", *bpe.RESERVED])
def test_reserved_symbols_are_refused(symbol):
    with pytest.raises(DataError, match="is kept for the table itself"):
        TokenTable.build([f"A{symbol}"], "bpe", 10)


def test_a_state_is_plain_and_self_contained(table):
    state = table.state()
    assert [type(state[key]) for key in ("unit", "tokens", "model")] == [str, list, str]
    file = io.BytesIO()
    torch.save({"tokens": state}, file)
    file.seek(0)
    back = TokenTable.from_state(torch.load(file, weights_only=True)["tokens"])
    assert back == table
    assert back.encode(TEXTS[0]) == table.encode(TEXTS[0])
    for other in (copy.deepcopy(table), pickle.loads(pickle.dumps(table))):
        assert other == table
        assert other.encode(TEXTS[0]) == table.encode(TEXTS[0])


def test_states_without_a_model_or_with_one_too_many(table):
    for changed, found in (
        ({"model": ""}, r"token table \(bpe\): a BPE model is missing"),
        ({"unit": "phone"}, r"token table \(phone\): a BPE model is there"),
        ({"model": "?"}, "token table: its BPE model is not in base64"),
    ):
        with pytest.raises(DataError, match=found):
            TokenTable.from_state(table.state() | changed)
    damaged = TokenTable.from_state(table.state() | {"model": "AAAA"})
    with pytest.raises(DataError, match="BPE model: is none that sentencepiece reads"):
        damaged.encode("THE")


def test_files(table, tmp_path):
    path = tmp_path / "new" / "tokens_bpe24.txt"
    table.save(path)
    assert sorted(file.name for file in path.parent.iterdir()) == ["tokens_bpe24.model", "tokens_bpe24.txt"]
    assert path.read_text(encoding="utf-8").split("\n") == [*table.tokens, ""]
    assert TokenTable.load(path) == table
    with pytest.raises(DataError, match=r"name it tokens_bpe24\.txt"):
        table.save(tmp_path / "tokens_bpe.txt")
    with pytest.raises(DataError, match=r"'bpe' is no unit of tokens; .* or tokens_bpe<size>\.txt"):
        TokenTable.load(tmp_path / "tokens_bpe.txt")


def test_files_that_do_not_belong_together(table, tmp_path):
    path = tmp_path / "tokens_bpe24.txt"
    table.save(path)
    model = path.with_suffix(".model")
    other = "its tokens are not those of its name and of the model beside it"
    model.write_bytes(TokenTable.build(TEXTS, "bpe", 23).model)
    with pytest.raises(DataError, match=other):
        TokenTable.load(path)
    model.write_bytes(b"damaged")
    with pytest.raises(DataError, match="is none that sentencepiece reads"):
        TokenTable.load(path)
    model.unlink()
    with pytest.raises(DataError, match=r"tokens_bpe24\.model: no such file; make it with: asr tokens"):
        TokenTable.load(path)
    table.save(path)
    model.rename(tmp_path / "tokens_bpe25.model")
    with pytest.raises(DataError, match=other):
        TokenTable.load(path.rename(tmp_path / "tokens_bpe25.txt"))
