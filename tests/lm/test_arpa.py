from __future__ import annotations

import bz2
import gzip
import logging
import lzma
import tracemalloc

import numpy as np
import pytest

from asr.errors import DataError
from asr.lm import arpa_reading
from asr.lm.arpa import read_arpa, write_arpa
from asr.lm.kneser_ney import estimate
from asr.lm.perplexity import measure_perplexity

SMALL = r"""\data\
ngram 1=4
ngram 2=2

\1-grams:
-99 <s> -0.3
-0.5 a -0.2
-0.6 </s>
-0.9 <unk>

\2-grams:
-0.1 <s> a
-0.4 a a

\end\
"""


@pytest.mark.parametrize("name", ["m.arpa", "m.arpa.gz"])
@pytest.mark.parametrize(("order", "prune"), [(1, ()), (2, ()), (3, ()), (4, (0, 0, 1))])
def test_what_is_written_reads_back_the_same(tmp_path, make_text, name, order, prune):
    model = estimate(make_text(order), order, prune=prune)
    write_arpa(model, tmp_path / name)
    again = read_arpa(tmp_path / name)
    held_out = make_text(50)
    before, after = measure_perplexity(model, held_out), measure_perplexity(again, held_out)
    assert after.with_oovs == pytest.approx(before.with_oovs, rel=1e-6)
    assert again.num_ngrams == model.num_ngrams
    write_arpa(again, tmp_path / f"again.{name}")
    third = read_arpa(tmp_path / f"again.{name}")
    np.testing.assert_allclose(third.arc_log_probs, again.arc_log_probs, atol=1e-9)
    assert (tmp_path / f"again.{name}").read_bytes()[:2] == (b"\x1f\x8b" if name.endswith(".gz") else b"\\d")


def test_flashlights_kenlm_reads_the_same_perplexity(tmp_path, make_text):
    decoder = pytest.importorskip("flashlight.lib.text.decoder.kenlm")
    dictionary = pytest.importorskip("flashlight.lib.text.dictionary")
    model = estimate(make_text(7), 3, prune=(0, 0, 1))
    write_arpa(model, tmp_path / "m.arpa")
    known = dictionary.Dictionary()
    for word in model.vocabulary.words:
        known.add_entry(word)
    kenlm = decoder.KenLM(str(tmp_path / "m.arpa"), known)
    for sentence in [*make_text(8, num_sentences=40), ["unheard", "a"], []]:
        state, total = kenlm.start(False), 0.0
        for word_id in model.vocabulary.encode(sentence).tolist():
            state, score = kenlm.score(state, word_id)
            total += score
        total += kenlm.finish(state)[1]
        assert total * np.log(10) == pytest.approx(model.log_prob(sentence), abs=1e-4)


def log10(model, word, *context):
    ids = model.vocabulary.ids
    state = 0
    for each in context:
        state = model.lookup(state, ids[each])[1]
    return round(float(model.lookup(state, ids[word])[0] / np.log(10)), 9)


def test_blanks_tabs_line_ends_and_comments(tmp_path):
    text = "made by hand\n\n" + SMALL.replace(" ", "\t").replace("ngram\t", "ngram ").replace("\n", "\r\n")
    (tmp_path / "m.arpa").write_text(text, newline="")
    model = read_arpa(tmp_path / "m.arpa")
    assert model.vocabulary.words == ("<unk>", "<s>", "</s>", "a")
    assert (log10(model, "a", "<s>"), log10(model, "</s>", "<s>")) == (-0.1, -0.9)
    assert log10(model, "</s>", "a", "a") == -0.8
    assert log10(model, "<s>") == -99


def test_symbols_in_capitals_or_left_out(tmp_path, caplog):
    (tmp_path / "m.arpa").write_text(SMALL.replace("<unk>", "<UNK>").replace("-99 <s>", "0 <s>"))
    model = read_arpa(tmp_path / "m.arpa")
    assert (log10(model, "<unk>"), log10(model, "<s>")) == (-0.9, -99)
    assert not caplog.messages
    (tmp_path / "m.arpa").write_text(SMALL.replace("<unk>", "b"))
    with caplog.at_level(logging.WARNING):
        assert log10(read_arpa(tmp_path / "m.arpa"), "<unk>", "a") == -99.2
    assert caplog.messages == [f"{tmp_path / 'm.arpa'}: has no <unk>; its probability is set to 10^-99"]


def test_contexts_that_are_left_out_come_back(tmp_path, caplog):
    trigram = SMALL.replace("ngram 2=2", "ngram 2=2\nngram 3=1").replace(
        "\n\\end", "\n\\3-grams:\n-0.7 a <unk> a\n\n\\end"
    )
    (tmp_path / "m.arpa").write_text(trigram)
    with caplog.at_level(logging.WARNING):
        model = read_arpa(tmp_path / "m.arpa")
    assert caplog.messages == [
        f"{tmp_path / 'm.arpa'}: 1 contexts of 2 words are missing; they get their back-off probabilities"
    ]
    assert log10(model, "<unk>", "a") == -1.1
    assert log10(model, "a", "a", "<unk>") == -0.7
    assert log10(model, "</s>", "a", "<unk>") == -0.6


def fault(tmp_path, text):
    path = tmp_path / "bad.arpa"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError) as raised:
        read_arpa(path)
    message = str(raised.value)
    assert "\n" not in message
    assert message.endswith("; check the file, or make it with: asr lm train") or "iconv" in message
    return message.removeprefix(str(path)).partition(";")[0]


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (r"\data" + "\\", "", r": is not an ARPA file: it has no \data\ line"),
        ("ngram 2=2", "ngram 3=2", ":3: 'ngram 3=2' where 'ngram 2=COUNT' must be"),
        ("ngram 1=4\nngram 2=2", "", ":2: no unigrams are announced"),
        ("ngram 1=4", "ngram 1=5", r":11: '\\2-grams:' where a 1-gram must be: fewer than were announced"),
        ("ngram 1=4", "ngram 1=3", r":9: '-0.9 <unk>' where '\2-grams:' must be"),
        ("ngram 2=2", "ngram 2=20", r":15: '\\end\\' where a 2-gram must be: fewer than were announced"),
        ("-0.4 a a\n\n\\end\\\n", "", ":12: the file ends after 1 of 2 2-grams"),
        ("-0.5 a -0.2", "-0.5 a nan", ":7: 'nan' where a back-off weight must be"),
        ("-0.5 a -0.2", "-0.5 a inf", ":7: 'inf' where a back-off weight of at most 99 must be"),
        ("ngram 2=2", "ngram 2=" + 5000 * "9", f":3: 'ngram 2={32 * '9'}' where 'ngram 2=COUNT' must be"),
        (r"\2-grams:", r"\3-grams:", r":11: '\\3-grams:' where '\2-grams:' must be"),
        ("-0.1 <s> a", "-0.1 <s> b", ":12: 'b' is not a unigram"),
        ("-0.1 <s> a", "x <s> a", ":12: 'x' where a log probability of at most 0 must be"),
        ("-0.4 a a", "0.4 a a", ":13: '0.4' where a log probability of at most 0 must be"),
        ("-0.4 a a", "nan a a", ":13: 'nan' where a log probability of at most 0 must be"),
        ("-0.4 a a", "-0.4 a a -0.1", ":13: 4 fields where a 2-gram has 3"),
        ("-0.5 a -0.2", "-0.5 a b", ":7: 'b' where a back-off weight must be"),
        ("-0.4 a a", "-0.4 <s> a", ":13: '<s> a' occurs twice"),
        ("-0.9 <unk>", "-0.9 a", ":9: 'a' occurs twice"),
        ("\\end\\", "", r":15: \end\ is missing after the last n-gram"),
    ],
)
def test_malformed_files(tmp_path, old, new, found):
    assert old in SMALL
    assert fault(tmp_path, SMALL.replace(old, new)) == found


def test_files_that_are_no_text(tmp_path):
    found = ":9: is not UTF-8 text but most likely ISO-8859-1, in which it reads 'é'"
    assert fault(tmp_path, SMALL.encode().replace(b"-0.9 <unk>", b"-0.9 \xe9")) == found
    with pytest.raises(DataError, match=r"none.arpa: no such file; check the path"):
        read_arpa(tmp_path / "none.arpa")
    whole = gzip.compress(SMALL.encode())
    for damaged in (whole[:-12], b"nothing", whole[:20] + b"\x00" * 20):
        (tmp_path / "m.arpa.gz").write_bytes(damaged)
        with pytest.raises(DataError, match="is no whole gzip file; make or copy it again"):
            read_arpa(tmp_path / "m.arpa.gz")
    with pytest.raises(DataError, match="cannot be read"):
        read_arpa(tmp_path)


def test_blanks_of_other_scripts_stay_in_words(tmp_path):
    (tmp_path / "m.arpa").write_text(SMALL.replace(" a", " a\u00a0b"), encoding="utf-8")
    model = read_arpa(tmp_path / "m.arpa")
    assert model.vocabulary.words[3] == "a\u00a0b"


ZERO_TRIGRAMS = SMALL.replace("ngram 2=2", "ngram 2=2\nngram 3=0")


@pytest.mark.parametrize(
    "text",
    [
        ZERO_TRIGRAMS.replace("\n\\end", "\n\\3-grams:\n\n\\end"),
        ZERO_TRIGRAMS,
        ZERO_TRIGRAMS.replace("-0.4 a a", "-0.4 a a -0.0"),
        SMALL.replace("-0.1 <s> a", "-0.1 <s> a 0"),
        "\ufeff" + SMALL,
        SMALL.replace("\\data\\\n", "\\data\\\n\n"),
        SMALL.replace("-0.5 a -0.2\n", "-0.5 a -0.2\n\n   \n"),
        SMALL.replace("<s>", "<S>").replace("</s>", "</S>"),
        SMALL.replace("-99", "-inf"),
        SMALL.replace("-99", "-1e300"),
    ],
    ids=[
        *("empty section", "section left out", "back-off of an empty order", "zero back-off", "mark", "blank first"),
        *("blanks between", "capitals", "infinity", "far below"),
    ],
)
def test_what_other_programs_write_is_the_same_model(tmp_path, text):
    (tmp_path / "m.arpa").write_text(text, encoding="utf-8")
    (tmp_path / "small.arpa").write_text(SMALL)
    model, expected = read_arpa(tmp_path / "m.arpa"), read_arpa(tmp_path / "small.arpa")
    assert (model.vocabulary, model.num_ngrams) == (expected.vocabulary, expected.num_ngrams)
    np.testing.assert_array_equal(model.arc_log_probs, expected.arc_log_probs)
    np.testing.assert_array_equal(model.backoffs, expected.backoffs)


def test_a_weight_that_leads_to_an_empty_order_counts(tmp_path):
    weighed = ZERO_TRIGRAMS.replace("-0.4 a a", "-0.4 a a -0.7")
    (tmp_path / "m.arpa").write_text(weighed)
    model = read_arpa(tmp_path / "m.arpa")
    assert model.num_ngrams == (4, 2, 0)
    assert log10(model, "</s>", "a", "a") == -1.5  # -0.7 to the bigram, -0.2 to the unigram, -0.6
    write_arpa(model, tmp_path / "again.arpa")
    assert log10(read_arpa(tmp_path / "again.arpa"), "</s>", "a", "a") == -1.5


@pytest.mark.parametrize(
    ("name", "pack"),
    [("m.arpa.xz", lzma.compress), ("m.arpa.bz2", bz2.compress), ("m.arpa", gzip.compress)],
)
def test_however_it_is_packed(tmp_path, name, pack):
    (tmp_path / name).write_bytes(pack(SMALL.encode()))
    assert read_arpa(tmp_path / name).num_ngrams == (4, 2)


@pytest.mark.parametrize("order", [1, 2])
def test_announced_counts_take_no_memory(tmp_path, order):
    text = SMALL.replace(f"ngram {order}={4 if order == 1 else 2}", f"ngram {order}=100000000000")
    tracemalloc.start()
    try:
        assert "fewer than were announced" in fault(tmp_path, text)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_models_that_are_longer_than_a_block(tmp_path, monkeypatch, make_arpa):
    path = make_arpa(tmp_path / "m.arpa", 3)
    expected = read_arpa(path)
    monkeypatch.setattr(arpa_reading, "_LINES", 5)
    monkeypatch.setattr(arpa_reading, "_BYTES", 64)
    model = read_arpa(path)
    np.testing.assert_array_equal(model.arc_log_probs, expected.arc_log_probs)
    np.testing.assert_array_equal(model.arc_labels, expected.arc_labels)
