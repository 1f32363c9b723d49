import tarfile

import pytest

from asr.corpora import an4
from asr.errors import DataError

TRAIN = ["an1-aaaa-b", "an2-aaaa-b", "an1-fbbh-b", "an1-msjr-b"]
TEST = ["an9-fcaw-b"]


@pytest.fixture
def corpus(tmp_path, make_audio):
    """Makes a corpus with CMU's layout: three training speakers, two of them for dev, and one test speaker."""
    root = tmp_path / "an4"
    (root / "etc").mkdir(parents=True)
    for part, folder, ids in (("train", "an4_clstk", TRAIN), ("test", "an4test_clstk", TEST)):
        files = [f"{folder}/{name.split('-')[1]}/{name}" for name in ids]
        for seed, file in enumerate(files):
            make_audio(root / "wav" / f"{file}.sph", seed=10 * len(part) + seed, format="NIST", subtype="PCM_16")
        (root / "etc" / f"an4_{part}.fileids").write_text("".join(f"{file}\n" for file in files))
        line = "<s> ERASE O'{n} </s> ({id})\n" if part == "train" else "RUBOUT  {n} ({id})\n"
        lines = [line.format(n=number, id=name) for number, name in enumerate(ids)]
        (root / "etc" / f"an4_{part}.transcription").write_text("".join(lines))
    return root


def test_the_splits(corpus):
    splits = an4.prepare(corpus, num_jobs=2)
    ids = {split: [cut.id for cut in cuts] for split, cuts in splits.items()}
    assert ids == {"train": TRAIN[:2], "dev": TRAIN[2:], "train_all": TRAIN, "test": TEST}
    for cuts in splits.values():
        for cut in cuts:
            assert cut.id == cut.supervisions[0].id
            assert cut.supervisions[0].speaker == cut.id.split("-")[1]
            assert cut.sampling_rate == 16000
            assert cut.load_audio().shape == (1, 8000)
    assert [cut.supervisions[0].text for cut in splits["train_all"]] == [f"ERASE O'{n}" for n in range(4)]
    assert [cut.supervisions[0].text for cut in splits["test"]] == ["RUBOUT 0"]


def test_dev_has_women_and_men_without_namesakes():
    assert len(set(an4.DEV_SPEAKERS)) == 8
    assert sorted(speaker[0] for speaker in an4.DEV_SPEAKERS) == ["f"] * 4 + ["m"] * 4
    assert not any(speaker[-1].isdigit() for speaker in an4.DEV_SPEAKERS)


def test_unreadable_files_are_problems_or_errors(corpus):
    (corpus / "wav/an4_clstk/aaaa/an2-aaaa-b.sph").write_text("not audio")
    problems = []
    splits = an4.prepare(corpus, problems=problems)
    assert [(problem.utterance_id, problem.reason) for problem in problems] == [("an2-aaaa-b", "unreadable")]
    assert [cut.id for cut in splits["train_all"]] == ["an1-aaaa-b", "an1-fbbh-b", "an1-msjr-b"]
    with pytest.raises(DataError, match=r"an2-aaaa-b\.sph: is a text file, not audio"):
        an4.prepare(corpus)


@pytest.mark.parametrize(
    ("file", "content", "found"),
    [
        (
            "an4_test.transcription",
            "RUBOUT an9-fcaw-b\n",
            r"an4_test\.transcription:1: is not of the form: WORDS \(utter",
        ),
        ("an4_test.transcription", "A (x)\nB (x)\n", r"an4_test\.transcription:2: x is there twice"),
        ("an4_test.transcription", "A (an8-fcaw-b)\n", r"an4_test\.fileids:1: an9-fcaw-b has no transcript"),
        ("an4_test.transcription", "A (an9-fcaw-b)\nB (x)\n", r"an4_test\.fileids: x of the transcripts is not listed"),
    ],
)
def test_lists_that_do_not_agree_are_named_with_the_line(corpus, file, content, found):
    (corpus / "etc" / file).write_text(content)
    with pytest.raises(DataError, match=found):
        an4.prepare(corpus)


def test_missing_and_empty_corpora(tmp_path, corpus):
    with pytest.raises(DataError, match="nowhere: no such folder; give the folder that holds wav/ and etc/"):
        an4.prepare(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"an4_train\.transcription: no such file"):
        an4.prepare(tmp_path)
    for name in ("an4_train.fileids", "an4_train.transcription"):
        (corpus / "etc" / name).write_text("\n" if name.endswith("fileids") else "")
    with pytest.raises(DataError, match=r"an4_train\.fileids: lists no utterances"):
        an4.prepare(corpus)


def test_download_fetches_and_unpacks_once(corpus, tmp_path, monkeypatch):
    archive = tmp_path / "served.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(corpus, "an4")
    fetched = []

    def fetch(url, path, advance):
        fetched.append((url, path))
        path.parent.mkdir(parents=True)
        return archive.rename(path)

    monkeypatch.setattr(an4, "fetch", fetch)
    for _ in range(2):
        assert an4.download(tmp_path / "new") == tmp_path / "new" / "an4"
    assert fetched == [(an4.URL, tmp_path / "new" / "an4_sphere.tar.gz")]
    assert [cut.id for cut in an4.prepare(tmp_path / "new" / "an4")["test"]] == TEST
