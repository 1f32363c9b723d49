"""Every command that a README or a recipe names exists, with the options it is given there."""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import re
import shlex
from pathlib import Path

import pytest

from asr.cli.main import VERBS
from asr.configuration.composition import compose_config, expand_sweep

ROOT = Path(__file__).parents[2]
READMES = [ROOT / "README.md", *sorted(ROOT.glob("recipes/*/README.md"))]
RECIPES = sorted(ROOT.glob("recipes/*/*.sh"))
SUBCOMMANDS = {"prepare", "lm", "tune"}
_BLOCK = re.compile(r"^```(?:bash|sh)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def shell_lines(file: Path) -> list[str]:
    """Returns the lines of shell in a file, continuation lines joined and comments left out."""
    text = file.read_text(encoding="utf-8")
    shell = text if file.suffix == ".sh" else "\n".join(_BLOCK.findall(text))
    return [line.strip() for line in shell.replace("\\\n", " ").splitlines()]


def commands(program: str) -> list[tuple[str, list[str]]]:
    """Returns every command line of a program in READMEs and recipes, with where it stands."""
    lines = [(file.relative_to(ROOT).as_posix(), line) for file in [*READMES, *RECIPES] for line in shell_lines(file)]
    return [(where, shlex.split(line, comments=True)[1:]) for where, line in lines if line.startswith(f"{program} ")]


@functools.cache
def help_of(verb: str, *subcommand: str) -> str:
    """Returns the help text of a verb, or of a subcommand of it."""
    main, printed = importlib.import_module(f"asr.cli.{verb}").main, io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):  # argparse leaves this way
        main([*subcommand, "--help"])
    return printed.getvalue()


def test_there_are_commands_to_look_at() -> None:
    assert {words[0] for _, words in commands("asr")} >= {"prepare", "tokens", "train", "decode", "score", "transcribe"}


@pytest.mark.parametrize(("where", "words"), commands("asr"))
def test_options_exist(where: str, words: list[str]) -> None:
    assert words[0] in VERBS, where
    text = help_of(*words[: 2 if words[0] in SUBCOMMANDS else 1])
    options = re.findall(r"^--[a-z0-9-]+", "\n".join(words), re.MULTILINE)
    assert not [option for option in options if not re.search(rf"{option}\b", text)], where


VARIABLES = {
    "$seed": "0", "an4/$experiment": "an4/blstm", "librispeech/$each": "librispeech/mini", "$cell": "lstm",
    "librispeech/$size": "librispeech/100h",
    "$dev": "dev-mini", "$rung": "blstm",
    "$corpus": "timit", "$policy": "verbatim", "$letters": "verbatim", "$learnt": "books.txt",
}  # fmt: skip


@pytest.mark.parametrize(("where", "words"), [item for item in commands("asr") if item[1][0] == "train"])
def test_training_overrides_compose(where: str, words: list[str]) -> None:
    name = words[words.index("--config-name") + 1] if "--config-name" in words else "train"
    settings = [word for word in words[1:] if "=" in word and not word.startswith("-")]
    for variable, value in VARIABLES.items():
        settings = [setting.replace(variable, value) for setting in settings]
    if "--config" not in words:
        runs = expand_sweep(settings) if "--multirun" in words else [settings]
        assert all(compose_config(run, name)["model"] for run in runs), where


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: f"{recipe.parent.name}/{recipe.stem}")
def test_recipes_have_the_options_that_readmes_and_their_help_give(recipe: Path) -> None:
    text = recipe.read_text(encoding="utf-8")
    (names,) = re.findall(r'^parse_options "([a-z0-9_+ ]+)"', text, re.MULTILINE)
    known = {f"--{name.replace('_', '-').rstrip('+')}" for name in [*names.split(), "stage", "stop_stage"]}
    named = {word for _, words in commands(recipe.relative_to(ROOT).as_posix()) for word in words}
    assert {word for word in named if word.startswith("--")} <= known
    head = text.partition("\n\n")[0]
    assert set(re.findall(r"--[a-z0-9-]+", head)) == known


@pytest.mark.parametrize("readme", READMES, ids=str)
def test_files_that_a_readme_names_exist(readme: Path) -> None:
    text = readme.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    links += re.findall(r'src="([^"]+)"', text)
    assert not [link for link in links if not (readme.parent / link).exists()]
    targets = re.findall(r"^(?:make|`make) ([a-z]+)", "\n".join(shell_lines(readme)), re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert not [target for target in targets if f"\n{target}:" not in makefile]
