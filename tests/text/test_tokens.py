import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.errors import DataError
from asr.text.tokens import BLANK, TokenTable

CHARS = TokenTable("char", ("<blank>", "'", "A", "B", "|"))
PHONES = TokenTable("phone", ("<blank>", "aa", "h#", "t"))


def test_build_sorts_symbols_and_always_has_the_space():
    assert TokenTable.build(["BA", "A'"], "char") == CHARS
    assert TokenTable.build(["t aa", "h# t"], "phone") == PHONES
    assert TokenTable.build(["हिन्दी"], "char").tokens == ("<blank>", *sorted({*"हिन्दी", "|"}))
    assert (len(CHARS), BLANK) == (5, 0)


def test_encode_and_decode():
    assert CHARS.encode("  AB  A'B ") == [2, 3, 4, 2, 1, 3]
    assert CHARS.decode([4, 2, 3, 4, 4, 2, 1, 3, 4]) == "AB A'B"
    assert PHONES.encode("h# t aa t") == [2, 3, 1, 3]
    assert PHONES.decode([2, 3, 1, 3]) == "h# t aa t"
    for table in (CHARS, PHONES):
        assert table.encode("") == []
        assert table.decode([]) == ""


WORDS = st.lists(st.text(st.characters(exclude_characters="|", exclude_categories=["Z", "C"]), min_size=1), min_size=1)


@given(WORDS)
def test_decode_gives_back_what_was_encoded(words):
    text = " ".join(words)
    table = TokenTable.build([text], "char")
    assert table.decode(table.encode(text)) == text
    spans = table.word_spans(table.encode(text))
    assert [table.decode(table.encode(text)[begin:end]) for begin, end in spans] == words


def test_word_spans():
    assert CHARS.word_spans([]) == []
    assert CHARS.word_spans([4, 4]) == []
    assert CHARS.word_spans([4, 2, 3, 4, 4, 1]) == [(1, 3), (5, 6)]
    assert PHONES.word_spans([2, 3, 3]) == [(0, 1), (1, 2), (2, 3)]


@pytest.mark.parametrize(
    ("table", "text", "named"),
    [
        (CHARS, "AXB?X", r"'\?', 'X' not in the table of 5 tokens"),
        (CHARS, "A|B", r"'\|' not in the table"),
        (CHARS, "A\u0301", r"U\+0301 not in the table"),
        (PHONES, "aa zz <blank>", "'<blank>', 'zz' not in the table of 4 tokens"),
    ],
)
def test_a_symbol_outside_the_table_is_named_with_its_utterance(table, text, named):
    with pytest.raises(DataError, match=f"an1-xyz: {named}"):
        table.encode(text, where="an1-xyz")


@pytest.mark.parametrize("ids", [[0], [2, 5], [-1]])
def test_decode_refuses_the_blank_and_ids_outside_the_table(ids):
    with pytest.raises(ValueError, match="token ids must be from 1 to 4"):
        CHARS.decode(ids)


@pytest.mark.parametrize(
    ("text", "unit", "symbol"),
    [("A|B", "char", r"'\|'"), ("A<blank>", "char", "<blank>"), ("a <blank>", "phone", "<blank>")],
)
def test_reserved_symbols_in_a_text_are_refused(text, unit, symbol):
    with pytest.raises(DataError, match=symbol):
        TokenTable.build([text], unit)


@pytest.mark.parametrize("unit", ["char", "phone"])
def test_build_refuses_texts_without_symbols(unit):
    with pytest.raises(DataError, match="hold no symbols"):
        TokenTable.build(["", " "], unit)


def test_a_file_has_one_token_a_line_and_gives_the_table_back(tmp_path):
    for table in (CHARS, PHONES, TokenTable.build(["Größe ნ \u0301"], "char")):
        path = tmp_path / "new folder" / f"tokens_{table.unit}.txt"
        table.save(path)
        assert path.read_text(encoding="utf-8").split("\n") == [*table.tokens, ""]
        assert TokenTable.load(path) == table
    assert len(list((tmp_path / "new folder").iterdir())) == 2


def test_lines_may_end_as_on_windows(tmp_path):
    (tmp_path / "tokens_char.txt").write_bytes(b"<blank>\r\n'\r\nA\r\nB\r\n|\r\n")
    assert TokenTable.load(tmp_path / "tokens_char.txt") == CHARS


def test_state_gives_the_table_back():
    assert CHARS.state() == {"unit": "char", "tokens": ["<blank>", "'", "A", "B", "|"]}
    assert TokenTable.from_state(CHARS.state()) == CHARS
    for broken in (
        {},
        {"unit": "bpe", "tokens": ["<blank>"]},
        {"unit": "char", "tokens": "ab"},
        {"unit": "char", "tokens": [1]},
    ):
        with pytest.raises(DataError, match="token table"):
            TokenTable.from_state(broken)


@pytest.mark.parametrize(
    ("content", "line", "found"),
    [
        ("A\n|\n", 1, "'A' where <blank> must be"),
        ("", 1, "'' where <blank> must be"),
        ("<blank>\nA\n\nB\n|\n", 3, "holds no token"),
        ("<blank>\nA\n|\nA\n", 4, "'A' is there already, as token 1"),
        ("<blank>\nA\nB\n", 3, r"\|, which stands for the space, is missing"),
        ("<blank>\nAB\n|\n", 2, "'AB' is more than one character"),
        ("<blank>\nA \n|\n", 2, "'A ' holds white space"),
    ],
)
def test_a_faulty_file_is_named_with_the_line(tmp_path, content, line, found):
    path = tmp_path / "tokens_char.txt"
    path.write_bytes(content.encode())
    with pytest.raises(DataError, match=rf"tokens_char.txt:{line}: {found}"):
        TokenTable.load(path)


def test_files_that_are_no_tables(tmp_path):
    with pytest.raises(DataError, match="no such file; make it with: asr tokens"):
        TokenTable.load(tmp_path / "tokens_char.txt")
    with pytest.raises(DataError, match=r"tokens_word.txt: 'word' is no unit of tokens; name it tokens_char.txt or"):
        TokenTable.load(tmp_path / "tokens_word.txt")
    (tmp_path / "tokens_phone.txt").write_bytes(b"<blank>\n\xff\n")
    with pytest.raises(DataError, match="is not UTF-8 text"):
        TokenTable.load(tmp_path / "tokens_phone.txt")
    (tmp_path / "tokens_char.txt").mkdir()
    with pytest.raises(DataError, match="cannot be read"):
        TokenTable.load(tmp_path / "tokens_char.txt")


def test_a_table_is_not_saved_under_the_name_of_another_unit(tmp_path):
    with pytest.raises(DataError, match=r"name it tokens_char\.txt"):
        CHARS.save(tmp_path / "tokens_phone.txt")


def test_a_table_made_by_hand_is_checked():
    for unit, tokens in (("word", ("<blank>", "a")), ("char", ("a", "<blank>")), ("phone", ("<blank>", "a", "a"))):
        with pytest.raises(DataError, match="token table"):
            TokenTable(unit, tokens)


def test_no_symbol_is_split_into_others():
    table = TokenTable.build([unicodedata.normalize("NFC", "e\u0301")], "char")
    assert table.tokens == ("<blank>", "|", "\u00e9")


def test_text_imports_neither_torch_nor_lhotse():
    code = "import sys, asr.text.policy, asr.text.tokens; print({'torch', 'lhotse', 'numpy'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
