import io
import itertools
import json
import multiprocessing
import os
import signal
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from lhotse import CutSet, MultiCut, Recording, SupervisionSegment
from lhotse.cut import MonoCut
from lhotse.shar import SharWriter

import asr.corpora.shards
from asr.corpora.manifests import read_cuts, write_cuts
from asr.corpora.shards import Place, index_shards, read_member, write_shards
from asr.data.shards import in_memory
from asr.errors import DataError


def make_cut(path, start=0.0, duration=None, name=None):
    name = name or path.stem
    recording = Recording.from_file(path, recording_id=path.stem)
    duration = recording.duration - start if duration is None else duration
    supervision = SupervisionSegment(name, recording.id, 0.0, duration, text="A B", speaker="s")
    kind, channel = (MonoCut, 0) if recording.num_channels == 1 else (MultiCut, recording.channel_ids)
    return kind(name, start, duration, channel, recording=recording, supervisions=[supervision])


def write(cuts, folder, shard_seconds=1.0):
    seconds = list(write_shards(cuts, folder, shard_seconds))
    assert sum(seconds) == pytest.approx(sum(cut.duration for cut in cuts))
    return index_shards(folder)


@pytest.fixture
def cuts(tmp_path, make_audio):
    paths = [make_audio(tmp_path / f"spëaker-{number}.wav", number, 0.4 + 0.03 * number) for number in range(6)]
    paths += [
        make_audio(tmp_path / "b.flac", 7, sample_rate=8000),
        make_audio(tmp_path / "c.ogg", 8, format="OGG", subtype="OPUS"),
        make_audio(tmp_path / "d.mp3", 9),
        make_audio(tmp_path / "e.wav", 10, channels=2),
        make_audio(tmp_path / f"{'long' * 40}.wav", 11),
    ]
    return [make_cut(path) for path in paths]


def test_bytes_texts_and_samples_come_back(tmp_path, cuts):
    indexed = write(cuts, tmp_path / "shards")
    assert [cut.id for cut in indexed] == [cut.id for cut in cuts]
    assert len(list((tmp_path / "shards").glob("recording.*.tar"))) == 5
    for cut, other in zip(cuts, indexed, strict=True):
        stored = Path(cut.recording.sources[0].source).read_bytes()
        assert read_member(Place.parse(other.recording.sources[0].source)) == stored
        assert other.supervisions == cut.supervisions
        assert np.array_equal(in_memory(other).load_audio(), cut.load_audio())
    write_cuts(indexed, tmp_path / "index.jsonl.gz")
    assert list(read_cuts(tmp_path / "index.jsonl.gz")) == indexed


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")  # Lhotse leaves them to the garbage collector
def test_lhotse_reads_our_shards_and_we_read_lhotses(tmp_path, cuts):
    write(cuts, tmp_path / "ours")
    theirs = list(CutSet.from_shar(in_dir=tmp_path / "ours"))
    assert [cut.id for cut in theirs] == [cut.id for cut in cuts]
    for cut, other in zip(cuts, theirs, strict=True):
        assert np.array_equal(other.load_audio(), cut.load_audio())
    plain = cuts[:6]
    (tmp_path / "lhotse").mkdir()
    with SharWriter(tmp_path / "lhotse", fields={"recording": "flac"}, shard_size=4) as writer:
        for cut in plain:
            writer.write(cut)
    indexed = index_shards(tmp_path / "lhotse")
    assert len({Place.parse(cut.recording.sources[0].source).tar for cut in indexed}) == 2
    for cut, other in zip(plain, indexed, strict=True):
        assert np.array_equal(in_memory(other).load_audio(), cut.load_audio())


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
def test_stretches_of_a_long_file_are_exact(tmp_path, make_audio, subtype):
    path = make_audio(tmp_path / "talk.wav", seconds=3.0, channels=2, subtype=subtype)
    stretches = [make_cut(path, start, 0.7, f"talk-{start}") for start in (0.0, 0.81, 2.3)]
    indexed = write(stretches, tmp_path / "shards")
    for cut, other in zip(stretches, indexed, strict=True):
        assert (other.start, other.duration, other.num_samples) == (0.0, cut.duration, cut.num_samples)
        assert np.array_equal(in_memory(other).load_audio(), cut.load_audio())
    sizes = [Place.parse(cut.recording.sources[0].source).size for cut in indexed]
    assert max(sizes) < path.stat().st_size / 3
    again = write(indexed, tmp_path / "again", shard_seconds=99.0)
    for cut, other in zip(indexed, again, strict=True):
        assert np.array_equal(in_memory(other).load_audio(), in_memory(cut).load_audio())


def test_rewriting_gives_equal_bytes_and_leaves_no_surplus(tmp_path, cuts):
    folder = tmp_path / "shards"
    write(cuts, folder, 0.5)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    write(cuts, folder, 0.5)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert len(before) > 4
    assert len(write(cuts, folder, 99.0)) == len(cuts)
    assert sorted(path.name for path in folder.iterdir()) == ["cuts.000000.jsonl.gz", "recording.000000.tar"]


def test_what_cannot_be_packed_is_named(tmp_path, cuts):
    folder = tmp_path / "shards"
    with pytest.raises(DataError, match=r"is changed by Lhotse on reading; give cuts as asr prepare"):
        list(write_shards([cuts[0].perturb_speed(1.1)], folder, 9.0))
    with pytest.raises(DataError, match="is not a part of one audio file"):
        list(write_shards([cuts[0].append(cuts[1])], folder, 9.0))
    (tmp_path / "d.mp3").write_text("no audio")
    with pytest.raises(DataError, match=r"d.mp3: is a text file, not audio"):
        list(write_shards([cuts[8]], folder, 9.0))
    assert not folder.exists()
    assert not list(tmp_path.glob(".part*"))
    folder.mkdir()
    (folder / "notes.txt").touch()
    with pytest.raises(DataError, match=r"notes.txt: is not a shard of recordings or cuts"):
        list(write_shards(cuts, folder, 9.0))


def test_a_killed_run_leaves_the_shards_that_were_there_and_the_next_one_sweeps(tmp_path, cuts, monkeypatch):
    folder = tmp_path / "shards"
    before = write(cuts[:5], folder, 0.5)

    def run(act):
        add, numbers = asr.corpora.shards._add, itertools.count(1)

        def add_or_act(*arguments):
            if next(numbers) == 4:
                act()
            return add(*arguments)

        monkeypatch.setattr(asr.corpora.shards, "_add", add_or_act)
        list(write_shards(cuts, folder, 0.5))

    context = multiprocessing.get_context("fork")
    killed = context.Process(target=run, args=(lambda: os.kill(os.getpid(), signal.SIGKILL),))
    killed.start()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    assert len(list(tmp_path.glob(".part*-shards"))) == 1
    assert [cut.id for cut in index_shards(folder)] == [cut.id for cut in before]
    living, told = context.Event(), context.Event()
    other = context.Process(target=run, args=(lambda: (living.set(), told.wait(30)),))
    other.start()
    living.wait(30)
    with pytest.raises(DataError, match=r"the writing of shards is going on there, process \d+ on .* since 20"):
        list(write_shards(cuts, folder, 0.5))
    told.set()
    other.join()
    assert [cut.id for cut in index_shards(folder)] == [cut.id for cut in cuts]
    assert not list(tmp_path.glob(".part*"))


def test_damaged_shards_are_named(tmp_path, cuts):
    folder = tmp_path / "shards"
    first = write(cuts[:5], folder, 99.0)
    tar = folder / "recording.000000.tar"
    whole = tar.read_bytes()
    tar.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"is not a complete tar file|where cuts\.000000"):
        index_shards(folder)
    with pytest.raises(DataError, match="the shard is truncated, or is no longer the one of the index"):
        in_memory(first[-1])
    assert np.array_equal(in_memory(first[0]).load_audio(), cuts[0].load_audio())
    write(cuts[1:5], folder, 99.0)
    with pytest.raises(DataError, match="no longer the one of the index"):
        in_memory(first[1])
    write_cuts(cuts[:3], folder / "cuts.000000.jsonl.gz")
    with pytest.raises(DataError, match=r"has spëaker-1 where cuts\.000000\.jsonl\.gz has spëaker-0"):
        index_shards(folder)
    tar.unlink()
    with pytest.raises(DataError, match="no such shard"):
        in_memory(first[1])
    with pytest.raises(DataError, match=r"holds no recording.000000.tar"):
        index_shards(folder)
    with pytest.raises(DataError, match="no such folder"):
        index_shards(tmp_path / "nowhere")


def repack(tar, change):
    """Changes the manifest of the first member of a tar file, as somebody who sends shards can."""
    with tarfile.open(tar) as archive:
        members = [(member.name, archive.extractfile(member).read()) for member in archive]
    manifest = json.loads(members[1][1])
    change(manifest)
    members[1] = (members[1][0], json.dumps(manifest).encode())
    with tarfile.open(tar, "w") as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda m: m["sources"].append({"type": "command", "channels": [1], "source": "touch made"}), "is a command"),
        (lambda m: m.update(sources=[{"type": "url", "channels": [0], "source": "pipe:touch made"}]), "an address"),
        (lambda m: m.update(transforms=[{"name": "Speed", "kwargs": {"factor": 0}}]), "Speed has factor 0"),
        (lambda m: m.update(sources={}), "the sources of its recording is an object"),
        (lambda m: m.update(sampling_rate="many"), "the sampling_rate of its recording is many"),
        (lambda m: m.update(unheard_of=1), r"is not a Lhotse recording \(TypeError"),
        (lambda m: m.pop("id"), "its recording has no id"),
    ],
)
def test_manifests_in_shards_are_checked_as_those_in_lists(tmp_path, cuts, change, found):
    write(cuts[:2], tmp_path / "shards")
    repack(tmp_path / "shards" / "recording.000000.tar", change)
    with pytest.raises(DataError, match=rf"recording\.000000\.tar: spëaker-0\.json: .*{found}"):
        index_shards(tmp_path / "shards")


def test_a_manifest_without_a_source_is_named(tmp_path, cuts):
    write(cuts[:2], tmp_path / "shards")
    repack(tmp_path / "shards" / "recording.000000.tar", lambda manifest: manifest.update(sources=[]))
    with pytest.raises(DataError, match=r"recording\.000000\.tar: spëaker-0\.json names no source"):
        index_shards(tmp_path / "shards")


def test_places_that_are_no_part_of_a_file(tmp_path, cuts):
    write(cuts[:1], tmp_path / "shards")
    tar = str(tmp_path / "shards" / "recording.000000.tar")
    os.mkfifo(tmp_path / "fifo")
    for place in (Place(tar, 512, 10**15), Place(tar, 10**30, 5), Place(str(tmp_path / "fifo"), 512, 9)):
        with pytest.raises(DataError, match="the shard is truncated, or is no longer the one of the index"):
            read_member(place)
    for place in (Place("/dev/zero", 512, 9), Place(tar, 7, 9)):
        with pytest.raises(DataError):
            read_member(place)
    for name in ("nul\0.tar", "a" * 300):
        with pytest.raises(DataError, match="cannot be read"):
            read_member(Place(name, 512, 9))


def test_cuts_within_the_folder_are_no_index(tmp_path, cuts):
    write(cuts[:2], tmp_path / "shards")
    inner = read_cuts(tmp_path / "shards" / "cuts.000000.jsonl.gz")
    with pytest.raises(DataError, match="name the index that asr shards wrote"):
        in_memory(next(iter(inner)))


def test_soundfile_reads_a_member(tmp_path, cuts):
    place = Place.parse(write(cuts[:1], tmp_path / "shards")[0].recording.sources[0].source)
    (tmp_path / "member.wav").write_bytes(read_member(place))
    assert soundfile.info(tmp_path / "member.wav").frames == cuts[0].num_samples
