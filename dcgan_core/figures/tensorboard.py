"""What training reports, for TensorBoard: an extra, imported where it is asked for."""

from functools import partial
from pathlib import Path
from typing import Any

from dcgan_core import pictures
from dcgan_core.errors import UserError
from dcgan_core.training.session import Event


class Board:
    """Writes the rows of the log and the grids of samples into a run's folder, over images seen: `on_event` of `loop.train`.

    Writes nothing before the first event. Raises UserError where the package is missing.
    """

    def __init__(self, path: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise UserError("`tensorboard`: not installed; get it with: pip install 'dcgan-core[tensorboard]'") from None
        self._open, self._writer = partial(SummaryWriter, str(path)), None

    def __call__(self, event: Event) -> None:
        writer: Any = self._writer or self._open(purge_step=event.images)  # a resumed run was cut back to its checkpoint
        self._writer = writer
        for key, value in (event.row or {}).items():
            if key != "images":
                writer.add_scalar(key, value, event.images)
        if event.samples is not None:
            writer.add_image("samples", pictures.grid(event.samples), event.images, dataformats="HWC")
        writer.flush()  # so that all is there when training is stopped
