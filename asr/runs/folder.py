"""The folder of a run, to which one training at a time writes, and the configuration in it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from asr.configuration.composition import changes, load_config, resolve, to_yaml
from asr.files import written_whole
from asr.locking import leftovers, locked
from asr.machine import is_first_rank
from asr.runs.resuming import INIT_KEYS

if TYPE_CHECKING:
    from omegaconf import DictConfig

logger = logging.getLogger(__name__)

_OWN_FILES = ("*.ckpt", "config.yaml", "quarantine.tsv")  # what training itself writes there


@contextmanager
def owned(exp_dir: Path) -> Iterator[None]:
    """Keeps other trainings out of a folder, and removes unfinished files that killed runs left there.

    Raises:
        AsrError: another training is using it.
    """
    if not is_first_rank():
        yield
        return
    with locked(exp_dir / ".training.lock", "a training", "wait for it, or choose another name= or seed="):
        for name in _OWN_FILES:
            for part in leftovers(exp_dir / name):
                part.unlink(missing_ok=True)
        yield


def keep(config: DictConfig, is_resumed: bool) -> None:
    """Writes the configuration to the folder of the run; for a resumed run, logs which settings have changed."""
    plain = resolve(config)
    path = Path(plain["exp_dir"]) / "config.yaml"
    if is_resumed and path.exists():
        for change in changes(resolve(load_config(str(path), [])), plain):
            logger.warning("%s: resumed with another setting, %s", path, change)
    if not is_resumed:  # the curves of a run that is overwritten would mix with those of the new one
        for events in path.parent.glob("events.out.tfevents.*"):
            events.unlink()
    kept = config.copy()
    kept.ckpt_path = None
    for key in (*INIT_KEYS, "init_layers"):
        if key in kept:
            kept[key] = None
    with written_whole(path) as beside:
        beside.write_text(to_yaml(kept), encoding="utf-8")
