"""asr tune: weights of least error are written down, or used on the other half; of rescoring see test_rescore."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lhotse import CutSet

from asr.cli import decode, train
from asr.cli.tune import main
from asr.corpora.manifests import read_cuts, write_cuts
from asr.decoding.settings import ConfidenceSettings
from asr.decoding.word_confidence import choose
from asr.scoring.counts import ErrorCounts, count_errors
from asr.scoring.hypotheses import read_hypotheses, write_hypotheses
from asr.scoring.rules import PolicyRule
from asr.text.policy import get_policy
from asr.tuning.confidence import ConfidenceDev
from tests.conftest import TinyCorpus
from tests.helpers.training import SMALL

EVOLUTION = ["--method", "evolution", "--evaluations", "30", "--seed", "1"]


@pytest.mark.parametrize("search", [["--exact"], ["--beam-size", "8"], ["--exact", *EVOLUTION]])
def test_weights_are_tuned_on_dev_and_kept(
    checkpoint: Path,
    tiny_corpus: TinyCorpus,
    bigram: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    search: list[str],
) -> None:
    common = ["--checkpoint", str(checkpoint), "--cuts", str(tiny_corpus.data / "dev_cuts.jsonl.gz"), "--workers", "0"]
    settings = tmp_path / "tuned.json"
    assert main(["decode", *common, "--lm", str(bigram), *search, "--out", str(settings)]) == 0
    printed = capsys.readouterr()
    found = json.loads(settings.read_text(encoding="utf-8"))
    rates = {(weight, score): rate for weight, score, _, rate in found["tried"]}
    assert found["error_rate"] == min(rates.values()) == rates[found["lm_weight"], found["token_score"]]
    assert found["error_rate"] <= min(rates[0.0, 0.0], found["greedy_error_rate"])
    assert printed.err.count("of words\n") == len(rates) + 1  # and greedy
    how = {name: found[name] for name in ("method", "evaluations", "seed") if name in found}
    assert how == (
        {"method": "evolution", "evaluations": 30, "seed": 1} if EVOLUTION[0] in search else {"method": "walk"}
    )
    assert len(rates) == how.get("evaluations", len(rates))
    assert decode.main([*common, "--settings", str(settings)]) == 0
    hyps = read_hypotheses(checkpoint.with_name("dev_tuned.jsonl"))
    refs = {cut.id: cut.supervisions[0].text for cut in read_cuts(tiny_corpus.data / "dev_cuts.jsonl.gz")}
    counts = sum(count_errors([refs[name] for name in hyps], [h[0].text for h in hyps.values()], "word"), ErrorCounts())
    assert counts.rate == found["error_rate"]


def test_utterances_that_are_in_two_files_are_refused(
    checkpoint: Path, tiny_corpus: TinyCorpus, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dev = str(tiny_corpus.data / "dev_cuts.jsonl.gz")
    common = ["--checkpoint", str(checkpoint), "--beam-size", "2", "--workers", "0", "--out", str(tmp_path / "t.json")]
    assert main(["decode", *common, "--cuts", dev, dev]) == 1
    errors = capsys.readouterr().err
    assert errors.startswith(f"asr tune: {dev}: utterance id ")
    assert errors.endswith(f" is in {dev} too; give files without common ids\n")


@pytest.mark.parametrize("method", [[], EVOLUTION])
def test_each_half_of_the_speakers_is_decoded_with_the_weights_of_the_other(
    checkpoint: Path,
    tiny_corpus: TinyCorpus,
    bigram: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    method: list[str],
) -> None:
    dev, out = tiny_corpus.data / "dev_cuts.jsonl.gz", tmp_path / "crossed.jsonl"
    common = ["--checkpoint", str(checkpoint), "--workers", "0"]
    search = ["--lm", str(bigram), "--exact", *method]
    assert main(["decode", *common, "--cuts", str(dev), *search, "--crosswise", str(out)]) == 0
    printed = capsys.readouterr()
    assert printed.out == f"{out}\n"
    found, cuts = read_hypotheses(out), list(read_cuts(dev))
    assert list(found) == [cut.id for cut in cuts]
    names = sorted({cut.supervisions[0].speaker for cut in cuts})
    here, there = ([cut for cut in cuts if cut.supervisions[0].speaker in names[start::2]] for start in (0, 1))
    part, settings, alone = (tmp_path / name for name in ("part_cuts.jsonl.gz", "t.json", "alone.jsonl"))
    for tuned_on, other in ((here, there), (there, here)):
        write_cuts(tuned_on, part)
        assert main(["decode", *common, "--cuts", str(part), *search, "--out", str(settings)]) == 0
        write_cuts(other, part)
        assert decode.main([*common, "--cuts", str(part), "--settings", str(settings), "--out", str(alone)]) == 0
        expected = read_hypotheses(alone)
        assert {name: nbest[0].text for name, nbest in expected.items()} == {
            name: found[name][0].text for name in expected
        }
        rate = json.loads(settings.read_text(encoding="utf-8"))["error_rate"]
        line = f" from {len(tuned_on)} utterances ({100 * rate:.2f} % of words), for {len(other)} others ("
        assert line in printed.err
    assert "both halves: " in printed.err


BAD = {
    "greedy": ([], "--beam-size: greedy decoding has no weights; give more than 1, and --lm or --lexicon"),
    "no beam to tune with": (["--beam-size", "4", "--tuning-beam-size", "1"], "--tuning-beam-size: 1 is no beam"),
    "exact": (["--exact", "--lm", "x", "--tuning-beam-size", "4"], "--tuning-beam-size: --exact has no beam"),
    "a walk of a number": (
        ["--evaluations", "9"],
        "--evaluations: a walk ends by itself, and draws nothing; leave it out",
    ),
    "a walk with a seed": (["--seed", "0"], "--seed: a walk ends by itself, and draws nothing; leave it out, or give"),
    "a seed below 0": (["--method", "evolution", "--seed", "-1"], "--seed: -1 is out of range; give 0 or more"),
    "two files": (["--beam-size", "4", "--cuts", "a", "b", "--crosswise", "c"], "--crosswise: one file for 2 files"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_tuned_gets_one_line(capsys: pytest.CaptureFixture[str], case: str) -> None:
    flags, line = BAD[case]
    done = [] if "--crosswise" in flags else ["--out", "x.json"]
    assert main(["decode", "--checkpoint", "none.ckpt", "--cuts", "a", *done, *flags]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith(f"asr tune: {line}")
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    ("flags", "found"),
    [
        (["--out", "a", "--crosswise", "b"], "argument --crosswise: not allowed with argument --out"),
        ([], "one of the arguments --out --crosswise is required"),
        (["--out", "a", "--evaluations", "0"], "argument --evaluations: '0' is not a whole number of 1 or more"),
        (["--out", "a", "--method", "luck"], "argument --method: invalid choice: 'luck'"),
        (["--out", "a", "--lm-weight", "1"], "unrecognized arguments: --lm-weight 1"),
    ],
)
def test_wrong_usage(capsys: pytest.CaptureFixture[str], flags: list[str], found: str) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["decode", "--checkpoint", "c", "--cuts", "a", *flags])
    assert raised.value.code == 2
    assert found in capsys.readouterr().err


@pytest.fixture
def lists(checkpoint: Path, tiny_corpus: TinyCorpus, tmp_path: Path) -> list[str]:
    """Options that name N-best lists of dev and their cuts."""
    cuts = ["--cuts", str(tiny_corpus.data / "dev_cuts.jsonl.gz")]
    common = ["--checkpoint", str(checkpoint), *cuts, "--workers", "0", "--quiet"]
    assert decode.main([*common, "--beam-size", "8", "--nbest", "8", "--out", str(tmp_path / "n.jsonl")]) == 0
    return ["--nbest", str(tmp_path / "n.jsonl"), *cuts, "--policy", "upper-no-punctuation"]


def test_confidences_are_tuned_reported_and_applied(
    checkpoint: Path, lists: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings, figure, out = (tmp_path / name for name in ("c.json", "r.png", "chosen.jsonl"))
    capsys.readouterr()
    assert main(["confidence", *lists, "--out", str(settings), "--figure", str(figure)]) == 0
    printed = capsys.readouterr()
    assert "as decoded: ECE 0." in printed.out
    assert "\ncalibrated on the other half: ECE 0." in printed.out
    assert printed.out.rstrip().endswith(f"; written to {settings}")
    assert figure.read_bytes().startswith(b"\x89PNG")
    found = json.loads(settings.read_text(encoding="utf-8"))
    assert len(found["held_out"]["bins"]) == len(found["as_decoded"]["bins"]) == 10
    assert found["error_rate"] <= found["first_error_rate"]
    common = ["--checkpoint", str(checkpoint), *lists[2:4], "--workers", "0", "--beam-size", "8"]
    assert decode.main([*common, "--confidence", str(settings), "--out", str(out)]) == 0
    loaded = ConfidenceSettings.load(settings)
    expected = choose(list(read_hypotheses(lists[1]).values()), loaded)
    assert [nbest[0].text for nbest in expected] == [nbest[0].text for nbest in read_hypotheses(out).values()]
    for one, other in zip(expected, read_hypotheses(out).values(), strict=True):
        assert len(other) == 1
        assert [word.confidence for word in other[0].words] == pytest.approx(
            [word.confidence for word in one[0].words], abs=1e-3
        )


def test_each_half_of_the_speakers_is_as_sure_as_the_other_says(
    lists: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "crossed.jsonl"
    capsys.readouterr()
    assert main(["confidence", *lists, "--crosswise", str(out)]) == 0
    printed = capsys.readouterr()
    assert printed.out == f"{out}\n"
    assert "\ncalibrated on the other half: ECE 0." in printed.err
    cuts, found, given = list(read_cuts(lists[3])), read_hypotheses(out), read_hypotheses(lists[1])
    assert list(found) == [cut.id for cut in cuts]
    names = sorted({cut.supervisions[0].speaker for cut in cuts})
    here, there = ([cut for cut in cuts if cut.supervisions[0].speaker in names[start::2]] for start in (0, 1))
    for tuned_on, other in ((here, there), (there, here)):
        dev = ConfidenceDev(
            given,
            {cut.id: cut.supervisions[0].text for cut in tuned_on},
            PolicyRule(get_policy("upper-no-punctuation"), "word"),
        )
        settings = dev.tune(lambda _name, _rate: None).settings
        assert [found[cut.id] for cut in other] == choose([given[cut.id] for cut in other], settings)


@pytest.mark.parametrize(
    ("change", "status", "line"),
    [
        ({"--policy": "no-such"}, 2, "text policy 'no-such': there is none of that name"),
        ({"--nbest": "none.jsonl"}, 1, "none.jsonl: no such file"),
        ({"--nbest": "FEW"}, 1, "utterances of "),
    ],
)
def test_confidences_that_cannot_be_tuned_get_one_line(
    lists: list[str], capsys: pytest.CaptureFixture[str], change: dict[str, str], status: int, line: str
) -> None:
    few = Path(lists[1]).with_name("few.jsonl")
    write_hypotheses(few, list(read_hypotheses(lists[1]).items())[:3])
    options = dict(zip(lists[::2], lists[1::2], strict=True)) | {"--out": "c.json"} | change
    capsys.readouterr()
    flags = [part for pair in options.items() for part in pair]
    assert main(["confidence", *(str(few) if flag == "FEW" else flag for flag in flags), "--quiet"]) == status
    errors = capsys.readouterr().err
    assert errors.startswith("asr tune: ")
    assert line in errors
    assert errors.count("\n") == 1


def test_lists_that_do_not_go_with_confidences(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ConfidenceSettings(8, 1.0, 0.0, 1.0, 0.0).save(tmp_path / "c.json")
    flags = ["--checkpoint", str(checkpoint), "--cuts", "a", "--confidence", str(tmp_path / "c.json")]
    for more, line in (
        (["--beam-size", "8", "--nbest", "4"], "--nbest: --confidence chooses one hypothesis, not 4; leave one of"),
        ([], "--confidence: was tuned on lists of 8 hypotheses, and the search finds one; decode with a beam"),
    ):
        assert decode.main([*flags, *more]) == 2
        assert capsys.readouterr().err.startswith(f"asr decode: {line}")


def test_words_are_tuned_on_where_a_model_of_phones_has_a_lexicon(
    tiny_corpus: TinyCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tiny_corpus.root)
    for split in ("train", "dev"):
        cuts = CutSet.from_cuts(read_cuts(tiny_corpus.data / f"{split}_cuts.jsonl.gz")).to_eager()
        for cut in cuts:
            cut.supervisions[0].custom = {"phones": " ".join(cut.supervisions[0].text.replace(" ", ""))}
        cuts.to_file(tmp_path / f"{split}_cuts.jsonl.gz")
    (tmp_path / "tokens_phone.txt").write_text("<blank>\nA\nB\nC\n", encoding="utf-8")
    words = {word for cut in read_cuts(tmp_path / "train_cuts.jsonl.gz") for word in cut.supervisions[0].text.split()}
    (tmp_path / "all.dict").write_text("".join(f"{word.lower()} {' '.join(word)}\n" for word in words), "utf-8")
    data = [
        f"data.{name}_cuts=[{tmp_path / split}_cuts.jsonl.gz]" for name, split in (("train", "train"), ("val", "dev"))
    ]
    phones = ["unit=phone", f"model.tokens={tmp_path / 'tokens_phone.txt'}", "model.text_policy=verbatim", *data]
    assert train.main([*SMALL, *phones, "trainer.max_epochs=2", f"exp_dir={tmp_path}"]) == 0
    capsys.readouterr()
    dev = ["--checkpoint", str(tmp_path / "last.ckpt"), "--cuts", str(tmp_path / "dev_cuts.jsonl.gz"), "--workers", "0"]
    search = [*dev, "--beam-size", "4", "--lexicon", str(tmp_path / "all.dict")]
    assert main(["decode", *search, "--out", str(tmp_path / "tuned.json")]) == 0
    printed = capsys.readouterr()
    assert " % of words, " in printed.out
    assert "greedy" not in printed.out + printed.err
    found = json.loads((tmp_path / "tuned.json").read_text(encoding="utf-8"))
    assert (found["unit"], found["greedy_error_rate"]) == ("word", None)
    assert found["text_policy"].startswith("upper-no-punctuation")
    assert decode.main([*dev, "--settings", str(tmp_path / "tuned.json")]) == 0
    hyps = read_hypotheses(tmp_path / "dev_tuned.jsonl")
    assert {word for nbest in hyps.values() for word in nbest[0].text.split()} <= words
    refs = {cut.id: cut.supervisions[0].text for cut in read_cuts(tmp_path / "dev_cuts.jsonl.gz")}
    counts = sum(count_errors([refs[name] for name in hyps], [h[0].text for h in hyps.values()], "word"), ErrorCounts())
    assert counts.rate == found["error_rate"]
