"""Resuming a run: where it starts from, whether the checkpoint fits, and one line for what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning import Trainer

from asr.checkpoints.reading import read_checkpoint, read_model
from asr.configuration.settings import leaves
from asr.data.planned import PlannedData
from asr.errors import AsrError, CheckpointError, ConfigError
from asr.runs.transfer import read_start
from asr.training.stepping import SteppedModule

INIT_KEYS = ("init_from", "init_prediction_from")
"""Settings that name checkpoints to take weights from."""


def starting_point(config: dict[str, Any]) -> tuple[str | None, dict[str, str]]:
    """Returns the checkpoint to resume from, or those to take weights from, by the settings that name them.

    With ``ckpt_path`` "last" a run that has begun is resumed, and one that has not takes weights.

    Raises:
        CheckpointError: a file is no checkpoint, or one to take weights from no model file either.
        ConfigError: both kinds are set, ``ckpt_path`` not being "last", a run would be lost, or layers are to be taken
            of nothing.
    """
    ckpt_path, last = config.get("ckpt_path"), Path(config["exp_dir"]) / "last.ckpt"
    sources = {key: config[key] for key in INIT_KEYS if config.get(key)}
    if config.get("init_layers") is not None and "init_from" not in sources:
        raise ConfigError("init_layers", "is set without init_from", "give the checkpoint of a predictive model")
    if ckpt_path == "last":
        ckpt_path, sources = (str(last), {}) if last.exists() else (None, sources)
    elif ckpt_path and sources:
        key = next(iter(sources))
        raise ConfigError(f"ckpt_path, {key}", "both are set", f"ckpt_path resumes a run, {key} starts another")
    elif not ckpt_path and last.exists() and not config.get("overwrite"):
        remedy = "resume it with ckpt_path=last, choose another name= or seed=, or say overwrite=true"
        raise ConfigError(last, "there is a run already", remedy)
    if ckpt_path:
        read_checkpoint(ckpt_path)
    for path in () if ckpt_path else sources.values():
        read_start(path)
    return ckpt_path, sources


def check_model(model: SteppedModule, ckpt_path: str) -> None:
    """Refuses to resume with a model other than the checkpoint's, and names the settings that differ.

    Raises:
        CheckpointError: the models differ.
    """
    stored = read_model(ckpt_path, "holds no model", "give a last.ckpt that asr train wrote")
    there, here = (
        {name: list(value.shape) for name, value in each.items()} for each in (stored.state, model.state_dict())
    )
    other = [name for name in there | here if there.get(name) != here.get(name)]
    if not other:
        return
    before, now = dict(leaves(dict(stored.settings))), dict(leaves(dict(model.hparams)))
    changed = [f"model.{key}={before[key]}" for key in before if key in now and before[key] != now[key]]
    found = f"holds another model: {other[0]} is {there.get(other[0], 'not there')}, here {here.get(other[0], 'none')}"
    remedy = f"resume it with {' '.join(changed[:3])}" if changed else "resume it with the settings that it had"
    raise CheckpointError(ckpt_path, found, f"{remedy}, or start another run with name= and init_from=")


def fit(trainer: Trainer, model: SteppedModule, data: PlannedData, ckpt_path: str | None, exp_dir: str) -> None:
    """Trains from the beginning, or from a checkpoint.

    Raises:
        CheckpointError: training cannot be resumed from the checkpoint.
        AsrError: anything else that a user can cause.
    """
    if ckpt_path:  # to Lightning, words such as "hpc" and addresses mean something else
        ckpt_path = str(Path(ckpt_path).absolute())
    try:
        trainer.fit(model, data, ckpt_path=ckpt_path, weights_only=True)
    except AsrError:
        raise
    except OSError as error:  # from TensorBoard files, hparams.yaml and whatever else Lightning writes
        where, found = error.filename or exp_dir, error.strerror or error
        raise AsrError(where, f"cannot be written ({found})", "make room, then resume with ckpt_path=last") from error
    except Exception as error:  # how Lightning and torch fail on an unusable state is not predictable
        if ckpt_path is None or model.has_begun:
            raise
        found = f"training cannot be resumed from it ({type(error).__name__}: {str(error)[:200]})"
        raise CheckpointError(ckpt_path, found, "take an earlier one, or start a new run with init_from") from error
