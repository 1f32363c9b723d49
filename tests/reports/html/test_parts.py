"""What the page is made of: markup, pictures, charts, pictures along time."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass

import matplotlib.image
import numpy as np
import pytest
import torch

from asr.reports.html.chart import Line, line_chart, log_ticks, thinned, ticks
from asr.reports.html.markup import Markup, joined, table, tag
from asr.reports.html.picture import shades, signed
from asr.reports.html.rates import confusions_section
from asr.reports.html.timeline import TimeScale, spectrogram, track
from asr.reports.inside import Inside
from asr.scoring.counts import AlignedToken


@dataclass(frozen=True)
class Word:
    text: str
    start: float
    end: float


def test_only_markup_stays_markup() -> None:
    assert tag("td", "<i>", Markup("<b></b>"), title="\"'>") == '<td title="&quot;&#x27;&gt;">&lt;i&gt;<b></b></td>'
    assert joined(["&", "\x00\x1b\ud800"]) == "&amp;\ufffd\ufffd\ufffd"
    assert tag("meta", charset="utf-8") == '<meta charset="utf-8">'
    assert tag("rect", x=1.0, y=2.3456, data_x=True, hidden=False) == '<rect x="1" y="2.35" data-x></rect>'
    assert "<script" not in table(["<script>"], [["<script>", "<script>"]], "<script>")


def test_pictures_can_be_read() -> None:
    values = np.linspace(0, 1, 12, dtype=np.float32).reshape(4, 3)
    picture = matplotlib.image.imread(io.BytesIO(shades(values)))
    assert picture.shape == (3, 4, 4)
    assert picture[-1, 0, 3] == 0  # the least, bottom left, is clear
    assert picture[0, -1, 3] == 1
    both = matplotlib.image.imread(io.BytesIO(signed(np.array([[-1.0, 0.0, 1.0, 9.0]], dtype=np.float32))))
    assert both.shape == (4, 1, 4)
    assert both[:, 0, 3].tolist() == [1, 0, 1, 1]
    assert both[0, 0, 2] > both[0, 0, 0]  # below 0 is blue
    assert both[2, 0, 0] > both[2, 0, 2]
    assert matplotlib.image.imread(io.BytesIO(shades(np.zeros((2, 2), dtype=np.float32)))).shape == (2, 2, 4)


@pytest.mark.parametrize("is_log", [False, True])
@pytest.mark.parametrize("values", [[3.0], [1.0, 1.0], [0.0, 5.0], [0.0], [float("nan"), 2.0], [1e-7, 1e7]])
def test_charts_of_any_values(values: list[float], is_log: bool) -> None:
    line = Line("a", list(range(len(values))), values, "warm")
    chart = line_chart("<title>", [line], is_log)
    assert "&lt;title&gt;" in chart
    assert not re.search(r"nan|inf", chart)


def test_long_curves_are_thinned_by_means() -> None:
    short = thinned(Line("", range(10_000), [float(value % 2) for value in range(10_000)], ""))
    assert len(short.steps) == 240
    assert short.steps[-1] == 9999
    assert all(0.4 < value < 0.6 for value in short.values)


def test_axes_have_round_numbers() -> None:
    assert ticks(0.0, 1234.0) == [0, 500, 1000]
    assert log_ticks(2.1, 2.9) == pytest.approx([2.2, 2.4, 2.6, 2.8])
    assert log_ticks(1e-4, 1e4) == [1e-4, 1e-3, 1e-2, 0.1, 1, 10, 100, 1000, 1e4]


def test_tokens_stand_where_they_are_said_and_are_named_where_there_is_room() -> None:
    scale = TimeScale.of(1.0)
    row = track("words", [Word("<w>", 0.1, 0.3), Word("long", 0.3, 0.31), Word("z", 0.32, 0.9)], scale, "said")
    assert [float(x) for x in re.findall(r'<rect x="([\d.]+)"', row.content)] == [30, 90, 96]
    assert re.findall(r">([^<>]+)</text>", row.content) == ["&lt;w&gt;", "z"]
    assert "long, 0.30 to 0.31 s" in row.content
    assert track("words", [], scale, "said").content == ""


def test_posteriors_stand_over_their_frames() -> None:
    probs = torch.tensor([[0.9, 0.1, 0.0], [0.05, 0.95, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    inside = Inside(torch.randn(16, 4), 0.01, probs.clamp(min=1e-9).log(), 0.04)
    row = spectrogram(inside, TimeScale.of(0.16), ("<blank>", "A<", "B"), blank=0)
    assert "A&lt;" in row.content
    assert ">B<" not in row.content  # it is never likely
    paths = dict(re.findall(r'<path d="([^"]*)" class="([^"]*)"', row.content))
    (path,) = (path for path, style in paths.items() if style.startswith("posterior"))
    assert path.startswith("M6.0 118.8L18.0 6.6L30.0 132.0")  # frames of 12 pixels, 0 at the foot, 1 at the top
    assert len(re.findall("[ML]", path)) == 3


def test_confusions_say_shares_of_what_was_said() -> None:
    places = [AlignedToken("a", "a")] * 3 + [AlignedToken("a", "b"), AlignedToken(" ", None), AlignedToken(None, "c")]
    places += [AlignedToken(None, "sil", is_forgiven=True)]
    section = confusions_section([places], "x", "char")
    assert "a heard as b: 1 times, 25.0 % of 4" in section
    assert "\u2423 heard as (nothing): 1 times, 100.0 % of 1" in section
    assert "(nothing) heard as c: 1 times<" in section
    assert "sil" not in section
    assert confusions_section([[AlignedToken("a", "a")]], "x", "char").count("<tr>") == 1
