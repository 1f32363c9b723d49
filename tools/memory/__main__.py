"""Tests the memory of recurrent cells: adding problem, copy task, parity, gradient norm against lag; with plots."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from pathlib import Path

from asr.cli.command import log, parse
from asr.errors import DataError, UsageError
from tools.memory.plots import draw_curves, relative
from tools.memory.program import run
from tools.memory.study import Curve, Trial, cell_names, gradient_norms, learn, read_curve
from tools.memory.tasks import MEMORY_TASKS

_PROGRAM = "python -m tools.memory"

_EXAMPLES = """examples:
  python -m tools.memory --task adding --cell lstm --length 750 --chrono --goal 0.02
  python -m tools.memory --task copy --cell gru --length 100
  python -m tools.memory --task gradient --cell lstm --length 1000 --chrono
  python -m tools.memory --task gradient --draw

A curve goes to <out-dir>/<task>/<cell>[_chrono]_T<length>_seed<seed>.json; --draw makes <out-dir>/<task>.png of all
that are there. While training goes on, the curve so far is in ..._seed<seed>.partial.json. Losses are of 500 held-out
sequences, and so is --goal. Gradients are those of untrained cells. python -m tools.memory.evolution trains without
gradients."""

_LAGS = (10, 100, 1000)
_DEFAULTS: dict[str, tuple[int, int, float, int]] = {  # units, sequences of a step, learning rate, steps
    "adding": (64, 20, 0.01, 5000),
    "copy": (128, 20, 0.03, 10000),
    "xor": (64, 20, 0.01, 5000),
    "gradient": (128, 8, 0.0, 0),
}
_CYCLED = ("copy",)  # tasks whose learning rate goes through one cycle; in the others it is constant


def main(argv: list[str] | None = None) -> int:
    """Runs a trial or draws curves; says in one line what a user has to change."""
    arguments = parse(_parser(), argv)
    if arguments.draw:
        return run(_PROGRAM, lambda: _draw(Path(arguments.out_dir), arguments.task))
    return run(_PROGRAM, lambda: _try(arguments))


def _try(arguments: Namespace) -> None:
    _set_defaults(arguments)
    _check(arguments)
    trial = Trial(
        task=arguments.task,
        cell=arguments.cell,
        length=arguments.length,
        chrono=arguments.chrono,
        hidden_dim=arguments.hidden_dim,
        seed=arguments.seed,
        batch_size=arguments.batch_size,
        learning_rate=arguments.learning_rate,
        cycle_steps=arguments.steps if arguments.task in _CYCLED else 0,
    )
    file = trial.file(arguments.out_dir)
    if trial.task == "gradient":
        curve = gradient_norms(trial)
        curve.save(file)
        print(_gradient_line(curve))
    else:
        curve = _learn(trial, arguments.steps, arguments.goal, file)
        print(_loss_line(curve))
    log(f"written to {file}")


def _learn(trial: Trial, max_steps: int, goal: float, file: Path) -> Curve:
    """Trains and saves; the curve so far stands beside the file, so that a run that is killed leaves what it has."""
    partial = file.with_suffix(".partial.json")

    def report(curve: Curve) -> None:
        log(f"step {curve.places[-1]}: loss {curve.values[-1]:.5f}")
        curve.save(partial)

    curve = learn(trial, max_steps, goal, report)
    curve.save(file)
    partial.unlink(missing_ok=True)
    return curve


def _parser() -> ArgumentParser:
    about = "Trains one cell on a test of memory, or measures its gradients."
    parser = ArgumentParser(
        _PROGRAM, None, about, _EXAMPLES, formatter_class=RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--quiet", action="store_true", help="print results and errors only")
    parser.add_argument("--task", choices=[*_DEFAULTS], required=True, help="what is tested")
    parser.add_argument("--cell", default="lstm", metavar="NAME", help="kind of unit (default: lstm)")
    parser.add_argument("--length", type=int, default=100, metavar="T", help="frames to remember (default: 100)")
    parser.add_argument("--chrono", action="store_true", help="gates begin with time scales of 1 to T frames")
    parser.add_argument("--hidden-dim", type=int, metavar="H", help=f"units {_by_task(0)}")
    parser.add_argument("--steps", type=int, metavar="N", help=f"optimiser steps {_by_task(3)}")
    parser.add_argument("--goal", type=float, default=0.0, metavar="LOSS", help="end early at this held-out loss")
    parser.add_argument("--batch-size", type=int, metavar="B", help=f"sequences of a step {_by_task(1)}")
    parser.add_argument("--learning-rate", type=float, metavar="LR", help=_learning_rate_help())
    parser.add_argument("--seed", type=int, default=0, help="of weights and training sequences (default: 0)")
    parser.add_argument("--out-dir", default="exp/memory", metavar="DIR", help="where curves go (default: exp/memory)")
    parser.add_argument("--draw", action="store_true", help="draw the curves of the task that are in --out-dir")
    return parser


def _by_task(place: int) -> str:
    defaults = {task: values[place] for task, values in _DEFAULTS.items() if values[place]}
    return f"(default: {', '.join(f'{task} {value}' for task, value in defaults.items())})"


def _learning_rate_help() -> str:
    cycled = ", ".join(_CYCLED)
    return f"of Adam; {cycled}: peak of one cycle over all --steps, else constant {_by_task(2)}"


def _set_defaults(arguments: Namespace) -> None:
    """Fills in what the task decides."""
    names = ("hidden_dim", "batch_size", "learning_rate", "steps")
    for name, value in zip(names, _DEFAULTS[arguments.task], strict=True):
        if getattr(arguments, name) is None:
            setattr(arguments, name, value)


def _check(arguments: Namespace) -> None:
    learns = [] if arguments.task == "gradient" else ["learning_rate", "steps"]
    for name in ("hidden_dim", "batch_size", *learns):
        if not getattr(arguments, name) > 0:
            raise UsageError(f"--{name.replace('_', '-')}", f"{getattr(arguments, name)}", "give more than 0")
    if arguments.cell not in cell_names():
        raise UsageError("--cell", f"{arguments.cell!r} is no cell", f"use one of {', '.join(cell_names())}")
    least = 1 if arguments.task == "gradient" else MEMORY_TASKS[arguments.task].min_length
    least = max(least, 3 if arguments.chrono else 1)
    if arguments.length < least:
        raise UsageError("--length", f"{arguments.length} frames", f"give {least} or more")


def _loss_line(curve: Curve) -> str:
    """Returns the result of a trial on a task in one line."""
    trial, loss = curve.trial, curve.values[-1]
    baseline = MEMORY_TASKS[trial.task].baseline(trial.length)
    share = f"{loss / baseline:.3f} of the {baseline:.5f} without memory"
    return f"{_name(trial)}: held-out loss {loss:.5f}, {share}, after {curve.places[-1]} steps, {curve.seconds:.0f} s"


def _gradient_line(curve: Curve) -> str:
    """Returns the norms at a few lags in one line."""
    norms = relative(curve.values)
    shares = ", ".join(f"{norms[lag]:.1e} at lag {lag}" for lag in _LAGS if lag < len(norms))
    return f"{_name(curve.trial)}: gradient relative to lag 0: {shares}"


def _name(trial: Trial) -> str:
    return f"{trial.task}, {trial.label}, T = {trial.length}, seed {trial.seed}"


def _draw(out_dir: Path, task: str) -> None:
    files = sorted((out_dir / task).glob("*.json"))
    if not files:
        raise DataError(out_dir / task, "no curves are there", f"run {_PROGRAM} --task {task} first")
    draw_curves([read_curve(file) for file in files], out_dir / f"{task}.png")
    print(out_dir / f"{task}.png")


if __name__ == "__main__":
    raise SystemExit(main())
