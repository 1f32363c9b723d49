"""Files of TensorBoard, as a run writes them."""

from __future__ import annotations

from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter


def write_events(folder: Path, begun: int, points: list[tuple[str, int, float]], seconds_a_step: float = 1.0) -> Path:
    """Writes one file of scalars as Lightning's logger does: begun at a time, one event for each point."""
    before = set(folder.glob("events*"))
    writer = EventFileWriter(str(folder))
    for name, step, value in points:
        summary = Summary(value=[Summary.Value(tag=name, simple_value=value)])
        writer.add_event(Event(wall_time=begun + seconds_a_step * step, step=step, summary=summary))
    writer.close()
    (file,) = set(folder.glob("events*")) - before
    return file.rename(folder / f"events.out.tfevents.{begun:010}.host.1.0")
