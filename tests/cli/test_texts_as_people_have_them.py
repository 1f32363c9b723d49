"""Texts, lexicons and language models as people have them, by the commands that read them."""

from __future__ import annotations

import gzip
import json
import lzma
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from asr.cli import lm, prepare, score
from asr.corpora.manifests import read_cuts
from asr.lm.kneser_ney import estimate
from asr.lm.npz import write_npz


@pytest.fixture
def listed(tmp_path, make_audio):
    """Returns a function that writes a list of recordings with these texts and prepares it with more options."""

    def run(*texts: str, options: tuple[str, ...] = ()) -> int:
        rows = [f'{number}.wav,"{text}"' for number, text in enumerate(texts)]
        for number in range(len(texts)):
            make_audio(tmp_path / "mine" / f"{number}.wav", number)
        path = tmp_path / "mine" / "my.csv"
        path.write_text("\n".join(["audio,text", *rows]) + "\n", encoding="utf-8")
        return prepare.main(["--quiet", "folder", str(path), "--out", str(tmp_path / "data"), *options])

    return run


@pytest.mark.parametrize(
    ("refs", "hyps"),
    [
        (
            ["I love you \u2764\ufe0f so much", "family \U0001f468\u200d\U0001f467 dinner 1\ufe0f\u20e3 done"],
            ["i love you so much", "family dinner 1 done"],
        ),
        (["don\u02bct can`t", "won\u00b4t isn\u2032t"], ["don't can\u2019t", "won't isn't"]),
        (["soft\u00adly auf\u200clage", "a \u3164 b\ufe0e"], ["softly auflage", "a b"]),
    ],
    ids=["emoji", "apostrophes", "invisible"],
)  # fmt: skip
@pytest.mark.parametrize("policy", ["lower-no-punctuation", "upper-no-punctuation"])
def test_what_sounds_the_same_is_no_error(listed, tmp_path, capsys, refs, hyps, policy):
    assert listed(*refs) == 0
    lines = [
        {"utterance_id": str(number), "text": text, "tokens": [], "words": [], "score": 0.0, "confidence": 1.0}
        for number, text in enumerate(hyps)
    ]
    (tmp_path / "h.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    arguments = ["--cuts", str(tmp_path / "data" / "train_cuts.jsonl.gz"), "--hyps", str(tmp_path / "h.jsonl")]
    report = tmp_path / "report.json"
    assert score.main([*arguments, "--policy", policy, "--unit", "word", "char", "--json", str(report)]) == 0
    assert [each["errors"] for each in json.loads(report.read_text())["scores"]] == [0, 0]


def test_a_lexicon_in_latin1(listed, tmp_path, capsys):
    lexicon = tmp_path / "cmudict"
    lexicon.write_bytes(";;; comment\nDÉJÀ  D EY2 ZH AA1\nVU  V UW1\n".encode("latin-1"))
    assert listed("déjà vu", options=("--lexicon", str(lexicon))) == 1
    error = capsys.readouterr().err
    found = "is not UTF-8 text but most likely ISO-8859-1, in which it reads 'DÉJÀ'; convert it: "
    assert error.startswith(f"asr prepare: {lexicon}:2: {found}iconv -f ISO-8859-1 -t UTF-8 ")
    if shutil.which("iconv") is None:
        pytest.skip("there is no iconv here")
    subprocess.run(error.strip().partition("convert it: ")[2], shell=True, check=True)
    assert listed("déjà vu", options=("--lexicon", f"{lexicon}.utf8")) == 0
    (cut,) = read_cuts(tmp_path / "data" / "train_cuts.jsonl.gz")
    assert cut.supervisions[0].custom["phones"] == "D EY2 ZH AA1 V UW1"


@pytest.mark.parametrize(
    ("content", "phones", "logged"),
    [
        ("please p l i z\nwater w O 4 @r\n", "p l i z w O 4 @r", 0),
        ("please 0.2 p l @ z\nplease 1.0 p l i z\nwater 1.0 w O 4 @r\n", "p l i z w O 4 @r", 1),
        ("please\t0.99\t0.1\t1.2\t1.0\tp l i z\nwater\t0.5\t0.2\t1.0\t0.9\tw O 4 @r\n", "p l i z w O 4 @r", 1),
    ],
    ids=["SAMPA", "Kaldi's lexiconp", "MFA"],
)
def test_lexicons_with_digits_and_probabilities(listed, tmp_path, capsys, caplog, content, phones, logged):
    (tmp_path / "a.dict").write_text(content)
    assert listed("please water", options=("--lexicon", str(tmp_path / "a.dict"))) == 0
    (cut,) = read_cuts(tmp_path / "data" / "train_cuts.jsonl.gz")
    assert cut.supervisions[0].custom["phones"] == phones
    lines = [*caplog.messages, *capsys.readouterr().err.splitlines()]  # wherever the log goes
    assert len([line for line in lines if "taken for probabilities" in line and "dropped" in line]) == logged


ZERO_TRIGRAMS = """\\data\\
ngram 1=4
ngram 2=3
ngram 3=0

\\1-grams:
-0.6\t<s>\t-0.3
-0.6\t</s>
-0.6\tone\t-0.3
-0.6\ttwo\t-0.3

\\2-grams:
-0.3\t<s> one\t0
-0.3\tone two\t0
-0.3\ttwo </s>

\\3-grams:

\\end\\
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_model_with_an_empty_order(tmp_path, capsys, encoding):
    (tmp_path / "m.arpa").write_text(ZERO_TRIGRAMS, encoding=encoding)
    (tmp_path / "text").write_text("one two\n")
    assert lm.main(["ppl", "--model", str(tmp_path / "m.arpa"), str(tmp_path / "text")]) == 0
    assert "log10 probability        -0.9000\n" in capsys.readouterr().out


def bomb(path: Path) -> None:
    """Writes a small file that unpacks to many times its size."""
    if path.suffix == ".npz":
        write_npz(estimate([["a", "b"]], 2), path)
        with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("more.npy", bytes(72 << 20))
    else:
        path.write_bytes({".gz": gzip.compress, ".xz": lzma.compress}[path.suffix]((b"x" * 4095 + b"\n") * (5 << 10)))


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("m.arpa.gz", "unpacks to more than 16,777,216 bytes, 200 times its own size; unpack it, if it is meant to"),
        ("m.arpa.xz", "unpacks to more than 16,777,216 bytes, 200 times its own size; unpack it, if it is meant to"),
        ("m.npz", "would unpack to 75,4"),
    ],
)
def test_a_file_that_would_fill_the_memory(tmp_path, capsys, name, found):
    bomb(tmp_path / name)
    assert lm.main(["convert", str(tmp_path / name), str(tmp_path / "to.arpa")]) == 1
    assert capsys.readouterr().err.startswith(f"asr lm: {tmp_path / name}: {found}")


def test_a_count_of_all_n_grams_in_the_world(tmp_path, capsys):
    (tmp_path / "m.arpa").write_text(ZERO_TRIGRAMS.replace("ngram 2=3", "ngram 2=100000000000"))
    assert lm.main(["convert", str(tmp_path / "m.arpa"), str(tmp_path / "to.npz")]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"asr lm: {tmp_path / 'm.arpa'}:17: '\\\\3-grams:' where a 2-gram must be: fewer than were")
    assert error.count("\n") == 1
