"""How are nets trained in pairs, with what a wing adds to an update? Stopped and taken up again, each measured once."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from dcgan_core import intervals
from dcgan_core.ablations import running
from dcgan_core.ablations.measuring import five_digits, ledger_row
from dcgan_core.data.images import ImageData
from dcgan_core.files import read_json, write_json
from dcgan_core.intervals import Measurement
from dcgan_core.training.config import Config
from dcgan_core.training.session import Event
from dcgan_core.training.update import State

Prepare = Callable[[State], object]  # changes the nets, or adds to the losses


def trained(
    config: Config, data: ImageData, path: Path, prepare: Prepare, on_event: Callable[[Event], None] | None = None
) -> State:
    """The nets of `config`, `prepare`d, after all of their training; goes on where it stopped.

    Batchnorm's statistics are not there yet. Raises KeyboardInterrupt where training was stopped.
    """
    run = running.train_to_end(config, data, path, "cpu", prepare=prepare, on_event=on_event, progress=False)
    state = State(config, torch.device("cpu"))
    prepare(state)
    saved = run.load_checkpoint()
    for name, part in state.parts.items():
        part.load_state_dict(saved[name])
    return state


def measured_once(path: Path, measure: Callable[[], dict]) -> dict:
    """What `measure` finds, kept in `path`/measured.json; the run's checkpoint is then no longer needed, and goes."""
    kept = path / "measured.json"
    if not kept.exists():
        with intervals.timed() as seconds:
            found = measure()
        path.mkdir(parents=True, exist_ok=True)
        write_json(kept, five_digits(found | {"seconds": round(seconds(), 1)}))
        (path / "checkpoint.pt").unlink(missing_ok=True)
        print(f"{path.name}: {seconds():.0f} s", flush=True)
    return read_json(kept, "measurements")


def paired_row(
    part: str, claim: str, differences: Sequence[float], runs_: Sequence[dict], data: str, **details: Any
) -> list[dict]:
    """A row for the ledger, of pairs: the mean of their differences, with Student's interval. None of fewer than two."""
    if len(differences) < 2:
        return []
    seconds = sum(run["seconds"] for run in runs_)
    m = Measurement(*intervals.student(differences), len(differences), seconds, details | {"pairs": list(differences)})
    return [ledger_row(f"after.{claim}", m, f"after/{part}", data)]
