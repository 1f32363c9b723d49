"""Readers of texts: language models, lexicons, tokens, times of words, text policies."""

from __future__ import annotations

import contextlib
import json
import math
from pathlib import Path

import torch
from fuzz_seeds import SENTENCES, Reader, Seed, ngram, text_seeds, written_seeds


def _arpa() -> list[Seed]:
    from asr.lm.arpa import write_arpa

    small = (
        "\\data\\\nngram 1=4\nngram 2=2\nngram 3=0\n\n\\1-grams:\n-99 <s> -0.3\n-0.5 a -0.2\n-0.6 </s>\n-0.9 <unk>\n\n"
        "\\2-grams:\n-0.1 <s> a\n-0.4 a a\n\n\\3-grams:\n\n\\end\\\n"
    )
    written = written_seeds("m.arpa", "text", lambda path: write_arpa(ngram(), path))
    return [*written, *text_seeds("m.arpa", small, small.replace(" a", "\ta\u00a0é"))]


def _npz() -> list[Seed]:
    from asr.lm.npz import write_npz

    return written_seeds("m.npz", "zip", lambda path: write_npz(ngram(), path))


def _read_ngram(path: Path) -> None:
    from asr.lm.perplexity import measure_perplexity
    from asr.lm.storage import load_ngram
    from asr.lm.tensors import NGramTensors

    model = load_ngram(path)
    found = measure_perplexity(model, SENTENCES)
    assert math.isfinite(found.log_prob), "a language model without numbers was accepted"
    if len(model.vocabulary) < 100 and model.order < 10:
        assert bool(NGramTensors(model).scores(torch.arange(min(8, model.num_states))).isfinite().all())


TEXTGRID = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 1.5
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = 1.5
        intervals: size = 2
        intervals [1]:
            xmin = 0
            xmax = 0.5
            text = "say ""é"" "
        intervals [2]:
            xmin = 0.5
            xmax = 1.5
            text = ""
    item [2]:
        class = "TextTier"
        name = "clicks"
        xmin = 0
        xmax = 1.5
        points: size = 1
        points [1]:
            number = 0.5
            mark = "!"
"""


def _textgrid() -> list[Seed]:
    short = '"ooTextFile short"\n"TextGrid"\n0\n1.5\n<exists>\n1\n"IntervalTier"\n"1 - words"\n0\n1.5\n1\n0\n1.5\n"a"\n'
    return text_seeds("a.TextGrid", TEXTGRID, short)


def _read_textgrid(path: Path) -> None:
    from asr.corpora.textgrid import read_textgrid

    grid = read_textgrid(path)
    times = [time for tier in grid.tiers.values() for each in tier for time in (each.start, each.end)]
    assert all(map(math.isfinite, [grid.end, *times])), "times that are no numbers were accepted"


def _lexicon() -> list[Seed]:
    contents = (
        ";;; comment\nREAD R EH1 D # past\nREAD(2) R IY1 D\n\n'BOUT\tB AW1 T\n",
        "please p l i z\nwater w O 4 @r\nsix 1 4 2\n",
        "the 0.9 0.1 1.0 1.0 D @\nthe 0.1 0.2 1.0 1.0 D i\n",
    )
    return text_seeds("a.dict", *contents)


def _read_lexicon(path: Path) -> None:
    from asr.lm.vocabulary import read_words
    from asr.text.lexicon import read_lexicon
    from asr.text.tokens import TokenTable

    lexicon = read_lexicon(path, case="upper", keep_stress=False)
    table = TokenTable.build(lexicon.phones, "phone") if "<blank>" not in lexicon.phones else None
    for word, spoken in lexicon.entries.items():
        assert all([word, spoken, *spoken]), "a word without phones was accepted"
        assert table is None or all(table.encode(" ".join(phones)) for phones in spoken)
    read_words(path)


def _tokens() -> list[Seed]:
    from asr.text.tokens import TokenTable

    texts = ["AB A", "É | B".replace("|", "C"), "BAB CAB"]
    tables = [TokenTable.build(texts, "char"), TokenTable.build(texts, "phone"), TokenTable.build(texts, "bpe", 10)]
    seeds = [seed for table in tables for seed in written_seeds(table.file_name, "text", table.save)]
    listed = seeds[-1]
    ((name, model),) = listed.beside.items()
    return [*seeds, Seed(name, model, "binary", {listed.name: listed.content})]


def _read_tokens(path: Path) -> None:
    from asr.errors import DataError
    from asr.text.tokens import TokenTable

    table = TokenTable.load(path.with_suffix(".txt"))
    assert TokenTable.from_state(json.loads(json.dumps(table.state()))) == table
    table.decode(range(1, len(table)))
    for text in ("AB A", "BAB CAB É", ""):
        with contextlib.suppress(DataError):
            assert all(0 <= token < len(table) for token in table.encode(text))


def _policies() -> list[Seed]:
    return text_seeds(
        "a.txt", "It`s 5 o\u2019clock, \u2764\ufe0f!\nab\u0301c \u200c\u06cc\u200c\u062e\n", "two words\n"
    )


def _read_policies(path: Path) -> None:
    from asr.lm.sentences import SentenceReader
    from asr.text.graphemes import graphemes
    from asr.text.policy import get_policy

    policy = get_policy("lower-no-punctuation")
    for words in SentenceReader([path], policy):
        text = " ".join(words)
        assert policy.apply(text) == text, "a policy is not the same when it is applied twice"
        assert "".join(graphemes(text)) == text


READERS = {
    "arpa": Reader(_arpa, _read_ngram),
    "npz": Reader(_npz, _read_ngram),
    "textgrid": Reader(_textgrid, _read_textgrid),
    "lexicon": Reader(_lexicon, _read_lexicon),
    "tokens": Reader(_tokens, _read_tokens),
    "policies": Reader(_policies, _read_policies),
}
