"""The page as a whole: what is on it, that it asks nothing of any other place, and that nothing in it comes alive."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
import subprocess
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
import soundfile

from asr.cli.report import main
from tests.reports.html.scored_run import HOSTILE, make_scored_run

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Elements(HTMLParser):
    """All elements with their attributes, and all text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def of(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.found if tag in tags]


@pytest.fixture(autouse=True)
def _no_picture_of_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Saves the time that matplotlib takes."""
    monkeypatch.setattr("asr.reports.page.draw_history", lambda *_, **__: None)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Elements]:
    """Returns the page of the run, which several tests look at."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("asr.reports.page.draw_history", lambda *_, **__: None)
        return write(tmp_path_factory.mktemp("page"))


def write(tmp_path: Path, *options: str, unit: str = "char", cell: str = "lstm") -> tuple[str, Elements]:
    exp_dir, cuts = make_scored_run(tmp_path, unit, cell)
    page = tmp_path / "report.html"
    assert main([str(exp_dir), "--html", str(page), "--cuts", str(cuts), "--quiet", *options]) == 0
    text = page.read_text(encoding="utf-8")
    return text, Elements(text)


def test_all_parts_are_there_and_lead_nowhere_else(whole: tuple[str, Elements]) -> None:
    text, page = whole
    ids = [attributes["id"] for _, attributes in page.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    sections = {"rates", "curves", "groups", "confusions", "worst", "gates", "settings"}
    assert {attributes["id"] for attributes in page.of("section")} == sections
    links = [attributes["href"] for attributes in page.of("a")]
    assert {f"#{name}" for name in sections} == set(links)
    others = [address for _, found in page.found for name, address in found.items() if name in ("src", "href")]
    assert all(address is not None and address.startswith(("#", "data:")) for address in others)
    assert not re.search(r"https?://|@import|url\(|srcset|poster=", text)
    assert "default-src 'none'" in str(page.of("meta")[1])
    for words in ("test_greedy", "Of test_greedy, text policy verbatim", "speaker-one", "Layer 2, backwards", "[AB]"):
        assert words.strip("[]") in page.text, words


def test_what_is_data_stays_text(whole: tuple[str, Elements]) -> None:
    text, page = whole
    assert len(page.of("script")) == 1
    assert [attributes.get("class") for attributes in page.of("b")] == ["S", "D", "I"]  # the key, and no hypothesis
    assert HOSTILE in page.text  # as a word of the reference with its times
    assert text.count("<script") == 1
    assert "alert(1)" not in re.search(r"<script>(.*)</script>", text, re.DOTALL)[1]  # type: ignore[index]


def test_it_can_be_read_without_eyes_and_mouse(whole: tuple[str, Elements]) -> None:
    text, page = whole
    assert page.of("html")[0]["lang"] == "en"
    pictures = [attributes for attributes in page.of("svg") if attributes.get("aria-hidden") != "true"]
    assert all(attributes["role"] == "img" for attributes in pictures)
    assert len(re.findall(r"<svg [^>]*role=\"img\"[^>]*><title>.", text)) == len(pictures)
    assert all(attributes["scope"] in ("col", "row") for attributes in page.of("th"))
    tables = Counter(tag for tag, _ in page.found)
    assert tables["table"] == tables["caption"] == tables["thead"] > 3
    regions = [attributes for attributes in page.of("div") if attributes.get("class") == "scroll"]
    assert all(attributes["tabindex"] == "0" and attributes["aria-label"] for attributes in regions)
    assert all(attributes["aria-label"] and "controls" in attributes for attributes in page.of("audio"))
    assert "substitution: said A, heard C; " in page.text


def test_utterances_are_heard(tmp_path: Path) -> None:
    _, page = write(tmp_path, "--utterances", "1")
    (audio,) = page.of("audio")
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(str(audio["src"]).partition(",")[2])))
    assert (rate, samples.ndim) == (16000, 1)
    assert 0.5 < len(samples) / rate < 1.2


def test_hypotheses_are_chosen(tmp_path: Path) -> None:
    _, page = write(tmp_path, "--hyps", str(tmp_path / "seed0/test_worse.jsonl"))
    assert "Of test_worse, text policy verbatim" in page.text


def test_words_have_no_heat_map(tmp_path: Path) -> None:
    _, page = write(tmp_path, unit="word")
    assert not [attributes for attributes in page.of("svg") if attributes.get("class") == "heat"]
    assert "most frequent errors of test_greedy" in page.text


def test_units_without_a_carousel_show_no_gates(tmp_path: Path) -> None:
    _, page = write(tmp_path, cell="gru")
    assert "has no gates to show: its encoder is not of the LSTM family, or reads chunk by chunk." in page.text


def test_without_cuts_it_says_how_to_get_the_rest(tmp_path: Path) -> None:
    exp_dir, _ = make_scored_run(tmp_path)
    assert main([str(exp_dir), "--html", str(tmp_path / "report.html"), "--quiet"]) == 0
    page = Elements((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert {attributes["id"] for attributes in page.of("section")} == {"rates", "curves", "groups", "settings"}
    assert "--cuts FILE" in page.text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--cuts", "x"], "--cuts: there is no --html"),
        (["--html", "x.html", "--hyps", "x"], "--hyps: there are no --cuts"),
        (["other", "--html", "x.html"], "--html: one file for 2 runs"),
    ],
)
def test_what_does_not_go_together(options: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", *options]) == 2
    assert message in capsys.readouterr().err


def test_other_cuts_than_those_that_were_scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exp_dir, cuts = make_scored_run(tmp_path)
    command = [str(exp_dir), "--html", str(tmp_path / "x.html"), "--cuts"]
    other = cuts.with_name("dev_cuts.jsonl.gz")
    assert main([*command, str(cuts.rename(other))]) == 1
    assert "no scores of dev are in its *_scores.json; score them with" in capsys.readouterr().err
    scores = json.loads((exp_dir / "test_scores.json").read_text())
    scores["scores"][0]["hits"] += 1
    (exp_dir / "test_scores.json").write_text(json.dumps(scores))
    assert main([*command, str(other.rename(cuts))]) == 1
    assert re.search(r"test_scores.json: counts \d+ errors in \d+ for test_greedy, ", capsys.readouterr().err)
    assert not (tmp_path / "x.html").exists()


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
def test_a_browser_shows_it_and_asks_for_nothing(tmp_path: Path) -> None:
    write(tmp_path)
    log = tmp_path / "net.json"
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-component-update", "--no-first-run"]
    options += [f"--user-data-dir={tmp_path / 'profile'}", f"--log-net-log={log}", "--enable-logging=stderr"]
    address = (tmp_path / "report.html").as_uri()
    command = [str(CHROMIUM), *options, "--disable-background-networking", "--dump-dom", address]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert 'style="cursor: pointer;"' in shown.stdout  # so the script has run
    assert "CONSOLE" not in shown.stderr, shown.stderr  # and neither it nor the page's policy complains
    initiators = re.findall(r'"initiator":"([^"]*)"', log.read_text(encoding="utf-8", errors="replace"))
    assert set(initiators) <= {"not an origin"}, initiators  # what the browser asks of its own accord
