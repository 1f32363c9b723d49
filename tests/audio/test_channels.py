"""Channels that cancel each other: the loudest of them is read, and that is told."""

import logging

import numpy as np
import pytest
import soundfile

from asr.audio.channels import Levels
from asr.audio.waveforms import read, stream
from asr.errors import DataError
from tests.audio.sounds import RATE, speech


def write(path, samples):
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    return path


def one(seed=0):
    return speech(2.0, seed=seed)


CANCELLING = {
    "opposite phase": (np.hstack((one(), -one())), 0),
    "opposite and weaker": (np.hstack((0.9 * one(), -one())), 1),
    "with a little noise": (np.hstack((one() + 0.02 * one(1), -one())), None),
    "with an offset": (np.hstack((one() + 0.3, -0.99 * one() + 0.1)), 0),
    "twice": (np.hstack((one(), -one(), one(2), -1.01 * one(2))), None),
}
NOT_CANCELLING = {
    "one channel": one(),
    "the same": np.hstack((one(), one())),
    "unrelated": np.hstack((one(), one(1))),
    "one is silent": np.hstack((one(), 0 * one())),
    "one of sixteen": np.hstack((one(), *[1e-4 * one(seed) for seed in range(1, 16)])),
    "opposite but for much noise": np.hstack((one(), one(1) - one())),
    "silence": np.zeros((100, 2), np.float32),
    "offsets that cancel": np.hstack((one() + 0.3, one() - 0.3)),
}


@pytest.mark.parametrize(("samples", "loudest"), CANCELLING.values(), ids=CANCELLING)
def test_of_channels_that_cancel_each_other_the_loudest_is_read(samples, loudest, tmp_path, caplog):
    path = write(tmp_path / "a.wav", samples)
    caplog.set_level(logging.WARNING)
    found = read(path, sample_rate=RATE).numpy()
    chosen = int(np.abs(samples - found[:, None]).max(axis=0).argmin())
    assert np.array_equal(found, samples[:, chosen])
    assert loudest in (None, chosen)
    (record,) = caplog.records
    told = f"{path}: its channels cancel each other, so channel {chosen + 1}, the loudest, is read alone; --channel"
    assert record.getMessage().startswith(told)
    assert np.array_equal(np.concatenate(list(stream(path, RATE, 0.3))), found)


@pytest.mark.parametrize("samples", NOT_CANCELLING.values(), ids=NOT_CANCELLING)
def test_of_others_the_mean_is_read(samples, tmp_path, caplog):
    found = read(write(tmp_path / "a.wav", samples), sample_rate=RATE).numpy()
    assert np.array_equal(found, samples.mean(axis=1) if samples.shape[1] > 1 else samples[:, 0])
    assert not caplog.records


def test_a_channel_can_be_chosen(tmp_path):
    samples = np.hstack((one(), one(1), one(2)))
    path = write(tmp_path / "a.wav", samples)
    for channel in range(3):
        assert np.array_equal(read(path, sample_rate=RATE, channel=channel).numpy(), samples[:, channel])
        blocks = list(stream(path, RATE, 0.3, channel))
        assert np.array_equal(np.concatenate(blocks), samples[:, channel])
    for channel in (3, -1):
        with pytest.raises(DataError, match=r"a\.wav: has 3 channels, and no channel -?\d; choose one from 1 to 3"):
            read(path, sample_rate=RATE, channel=channel)
        with pytest.raises(DataError, match="has 3 channels, and no channel"):
            next(stream(path, RATE, 0.3, channel))


def test_levels_do_not_depend_on_blocks():
    samples = CANCELLING["with a little noise"][0]
    whole, parts = Levels(2), Levels(2)
    whole.add(samples)
    for block in np.array_split(samples, 7):
        parts.add(block)
    assert whole.cancelling() == parts.cancelling() is not None
    assert Levels(2).cancelling() is None
