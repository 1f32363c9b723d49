"""Lists of hot words: what people write, and one line with its place for what they cannot have meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from asr.errors import ConfigError, DataError
from asr.text.hotwords import HotPhrase, Hotwords, parse_hotwords


def test_lines_have_phrases_weights_and_pronunciations(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_bytes(
        "# people\r\nZoë  Müller\r\n\nLee\t1.5\nLeigh\t\tL IY\tL EY\nAnn Lee\t 2 \tAE N | L IY\t\n".encode()
    )
    assert Hotwords.read(path, score=0.25) == Hotwords(
        (
            HotPhrase("Zoë Müller", where=f"{path}:2"),
            HotPhrase("Lee", 1.5, where=f"{path}:4"),
            HotPhrase("Leigh", 1.0, ((("L", "IY"),), (("L", "EY"),)), f"{path}:5"),
            HotPhrase("Ann Lee", 2.0, ((("AE", "N"), ("L", "IY")),), f"{path}:6"),
        ),
        score=0.25,
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("\t2", "names:2: there is no phrase before the first tab; write lines such as: PHRASE"),
        ("Lee,2.5", "names:2: 'Lee,2.5' has a comma before its weight, not a tab; write lines such as: PHRASE"),
        ("Lee\tL IY", "names:2: 'L IY' is no weight, a number from 0; write"),
        ("Lee\t-1", "names:2: '-1' is no weight"),
        ("Lee\tnan", "names:2: 'nan' is no weight"),
        ("Lee\tinf", "names:2: 'inf' is no weight"),
        ("Ann Lee\t1\tAE N L IY", "names:2: 'AE N L IY' does not pronounce each word of 'Ann Lee'; give"),
        ("Lee\t1\tL IY |", "names:2: 'L IY |' does not pronounce each word of 'Lee'"),
    ],
)
def test_malformed_lines_are_named(line: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        parse_hotwords(["Ann", line], where="names")
    assert str(caught.value).startswith(message)


def test_a_list_of_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("# nobody\n\n", encoding="utf-8")
    with pytest.raises(DataError, match="holds no hot words"):
        Hotwords.read(tmp_path / "names.txt")
    with pytest.raises(DataError, match="no such file"):
        Hotwords.read(tmp_path / "missing.txt")


@pytest.mark.parametrize("score", [-1.0, float("nan"), float("inf")])
def test_scores_are_numbers_from_0(score: float) -> None:
    with pytest.raises(ConfigError, match="hotword_score: cannot be"):
        Hotwords((), score)
