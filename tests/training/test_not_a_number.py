"""Weights and factors that are no number, which a configuration can write (.nan), are refused where they are given."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, isnan, nan

import pytest

from asr.decoding.settings import DecoderSettings
from asr.errors import ConfigError
from asr.models.cells.initial import Initialisation
from asr.training.crf import CRF
from asr.training.heads import HeadSettings, loss_weights
from asr.training.losses import Consistency
from asr.training.mwer import MWER
from asr.training.weight_noise import WeightNoise


@pytest.mark.parametrize("value", [nan, inf, -inf])
@pytest.mark.parametrize(
    "given",
    [
        lambda value: CRF(ctc_weight=value),
        lambda value: MWER(ctc_weight=value),
        lambda value: Consistency(weight=value),
        lambda value: Consistency(ramp_fraction=value),
        WeightNoise,
        lambda value: loss_weights({"char": HeadSettings({}, "verbatim", weight=value)}),
        lambda value: Initialisation(init_range=value).check("lstm"),
        lambda value: DecoderSettings(lm="3gram.npz", lm_weight=value).check(),
        lambda value: DecoderSettings(beam_threshold=-abs(value) if not isnan(value) else value).check(),
    ],
)
def test_what_is_not_a_number(given: Callable[[float], object], value: float) -> None:
    with pytest.raises(ConfigError):
        given(value)
