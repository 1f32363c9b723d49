"""Readers of lists: of utterances, of recordings, of what was heard and how well, and of settings."""

from __future__ import annotations

import json
import math
from pathlib import Path

from fuzz_seeds import WAV, Reader, Seed, ngram, text_seeds, written_seeds


def _lists() -> list[Seed]:
    beside = {"a.wav": WAV}
    csv = 'id,audio,text,speaker,split,start,end\nu1,a.wav,"Hello, ""you""",s1,train,,\nu2,a.wav,B,,,0.05,0.2\n'
    tsv = 'client_id\tpath\tsentence\nx\ta.wav\tHello "there\ny\ta.wav\té\n'
    objects = [
        {"id": "u1", "audio": "a.wav", "text": "Hello", "speaker": None, "start": 0.05, "end": 0.2},
        {"audio_filepath": "a.wav", "text": "x", "duration": 0.1, "offset": 0.1, "lang": "en"},
    ]
    lines = "".join(json.dumps(each) + "\n" for each in objects)
    return [
        *text_seeds("my.csv", csv, csv.replace(",", ";"), "sep=;\n" + csv.replace(",", ";"), beside=beside),
        *text_seeds("my.tsv", tsv, beside=beside),
        *text_seeds("my.csv", "a|Hello.|hello\n", beside=beside),
        *text_seeds("my.jsonl", lines, form="json", beside=beside),
        *text_seeds("my.json", json.dumps(objects), form="json", beside=beside),
    ]


KALDI = {"wav.scp": b"r1 a.wav\nr2\ta.wav\n", "text": b"u1 A B\nu2\tC\n", "utt2spk": b"u1 s1\nu2 s2\n"}
KALDI["segments"] = b"u1 r1 0.05 0.1\nu2 r2 0.1 -1\n"


def _kaldi() -> list[Seed]:
    files = {"a.wav": WAV, **KALDI}
    return [
        Seed(name, content, "text", {other: each for other, each in files.items() if other != name})
        for name, content in KALDI.items()
    ]


def _read_folder(path: Path) -> None:
    from asr.corpora.folder import prepare
    from asr.corpora.manifests import write_cuts

    folder = path.parent if path.name in KALDI else path
    splits = prepare(folder, problems=[])
    for cuts in splits.values():
        texts = [cut.supervisions[0].text for cut in cuts]
        assert all(isinstance(text, str) for text in texts)
        write_cuts(cuts, path.with_name("out_cuts.jsonl.gz"))


def _cuts() -> list[Seed]:
    from asr.corpora.folder import prepare
    from asr.corpora.manifests import write_cuts

    def write(path: Path) -> None:
        (path.parent / "a.wav").write_bytes(WAV)
        (path.parent / "my.csv").write_text("audio,text,start,end\na.wav,A,,\na.wav,B,0.05,0.2\n")
        write_cuts(prepare(path.parent / "my.csv")["train"], path)

    seeds = written_seeds("train_cuts.jsonl", "json", write)
    return [Seed(seed.name, seed.content, seed.form, {"a.wav": WAV}) for seed in seeds]


def _read_cuts(path: Path) -> None:
    from asr.corpora.manifests import read_cuts, write_cuts
    from asr.corpora.targets import target_text

    cuts = read_cuts(path)
    for cut in cuts:
        assert isinstance(target_text(cut, "char"), str)
        assert 0 < cut.duration < math.inf, "times that are no numbers were accepted"
    write_cuts(cuts, path.with_name("out.jsonl.gz"))


def _settings() -> list[Seed]:
    from asr.decoding.settings import DecoderSettings

    settings = DecoderSettings(beam_size=8, lm="3gram.npz", lm_weight=0.5, lexicon=("words.txt",), unknown_score=-8.0)
    rescoring = {"weight": 0.5, "word_score": 1.0, "unknown_score": -7.5, "model": "lm.ckpt", "tried": [[0, 0, 0.2]]}
    return [
        *written_seeds("decoder.json", "json", lambda path: settings.save(path, tried=[[0.1, 0.2]])),
        *text_seeds("rescoring.json", json.dumps(rescoring), form="json"),
    ]


def _read_settings(path: Path) -> None:
    from asr.decoding.settings import DecoderSettings, RescoringSettings

    kind = RescoringSettings if path.name == "rescoring.json" else DecoderSettings
    settings = kind.load(path)
    if isinstance(settings, RescoringSettings):
        weights = settings.weight, settings.word_score, settings.unknown_score
        assert all(map(math.isfinite, weights)), "weights that are no numbers were accepted"
    settings.save(path.with_name("again.json"))
    assert kind.load(path.with_name("again.json")) == settings


def _hypotheses() -> list[Seed]:
    span = {"text": "ab", "start": 0.1, "end": 0.2, "confidence": 0.9}
    one = {"text": "ab", "tokens": [span], "words": [span, span], "score": -1.5, "confidence": 0.9}
    lines = [{"utterance_id": "u1", **one}, {"utterance_id": "u2", **one, "nbest": [one, {**one, "score": -2}]}]
    return text_seeds("h.jsonl", "".join(json.dumps(line) + "\n" for line in lines), form="json")


def _read_hypotheses(path: Path) -> None:
    from asr.decoding.rescoring import measure_nbest
    from asr.scoring.hypotheses import read_hypotheses, write_hypotheses
    from asr.text.policy import get_policy

    found = read_hypotheses(path)
    write_hypotheses(path.with_name("again.jsonl"), found.items())
    assert read_hypotheses(path.with_name("again.jsonl")) == found
    lists = [[each.shift(1.0) for each in nbest] for nbest in found.values()]
    if not any("s>" in each.text for nbest in lists for each in nbest):
        scores = measure_nbest(lists, ngram(), get_policy("lower-no-punctuation"))
        assert bool(scores.added.isfinite().all())


def _scores() -> list[Seed]:
    counts = {"hits": 3, "substitutions": 1, "deletions": 0, "insertions": 2}
    rule = {"name": "39-merged", "hash": "0123abcd"}
    score = {"label": "a", "unit": "phone", **counts, "interval": [0.1, 0.2]}
    utterances = {"u1": {"speaker": "s", **counts}, "u2": {"speaker": None, **counts}}
    reports = (
        {"policy": rule, "scores": [score, {**score, "interval": None}]},
        {"split": {"hash": "f"}, "scores": [{**score, "protocol": rule, "utterances": utterances}]},
        {"policy": rule, "split": {"hash": "f"}, "scores": [{**score, "policy": rule, "utterances": utterances}]},
    )
    return text_seeds("s.json", *map(json.dumps, reports), form="json")


def _read_scores(path: Path) -> None:
    from asr.errors import DataError
    from asr.reports.summary import means_table, read_scores, scores_table
    from asr.scoring.comparison import compare, read_run

    scores = read_scores(path)
    if scores:
        scores_table(scores)
        means_table([scores, scores])
    try:
        run = read_run(path)
    except DataError:
        return
    compare([run], [run]).to_text()


def _recordings() -> list[Seed]:
    beside = {"a.wav": WAV}
    lines = '{"audio": "a.wav", "start": 0.1, "duration": 0.1}\n{"path": "a.wav", "offset": 0, "end": 0.1}\n'
    return [
        *text_seeds("n.txt", "a.wav\n\na.wav\n", beside=beside),
        *text_seeds("n.jsonl", lines, form="json", beside=beside),
    ]


def _read_recordings(path: Path) -> None:
    from asr.augmentation.recordings import read_list

    for segment in read_list(path):
        times = [segment.start, segment.duration or 0.0]
        assert all(map(math.isfinite, times)), "times that are no numbers were accepted"


READERS = {
    "lists": Reader(_lists, _read_folder),
    "kaldi": Reader(_kaldi, _read_folder),
    "manifests": Reader(_cuts, _read_cuts),
    "recordings": Reader(_recordings, _read_recordings),
    "settings": Reader(_settings, _read_settings),
    "hypotheses": Reader(_hypotheses, _read_hypotheses),
    "scores": Reader(_scores, _read_scores),
}
