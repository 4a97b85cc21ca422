"""The training loop (paper §4)."""

from collections.abc import Callable

from dcgan_core import devices, networks
from dcgan_core.data.images import ImageData
from dcgan_core.runs import Run
from dcgan_core.training import processes
from dcgan_core.training.config import Config, check_data
from dcgan_core.training.order import batches
from dcgan_core.training.session import Event, Session
from dcgan_core.training.update import State, update


def train(
    config: Config,
    data: ImageData,
    run: Run,
    device: str = "auto",
    *,
    initial: Run | None = None,
    prepare: Callable[[State], object] = lambda state: None,
    on_event: Callable[[Event], None] | None = None,
    progress: bool = True,
) -> bool:
    """Trains until the budget of `config` is used up, from the run's checkpoint if there is one.

    initial: a run whose weights to start from. prepare: may change the nets and add to the losses, before a checkpoint is read.
    Returns True if the budget is used up, False if Ctrl-C or SIGTERM stopped it; a checkpoint is written either way. Raises
    UserError if data and architecture do not fit, and Collapsed if training collapses or diverges; the checkpoint and the
    nets are then from before that.
    """
    check_data(config, data)
    share, picked = processes.share_of(config.batch), devices.pick(device)
    devices.prefer_speed(picked)
    state = State(config, picked, precision=processes.agree_on_precision(config, run, picked), share=share)
    prepare(state)
    processes.connect(state)
    session = Session(state, run, initial=initial, on_event=on_event, progress=progress)
    with session, networks.batch_statistics(state.generator, state.discriminator):
        for pixels, labels in batches(data, state):
            if session.is_over():  # asked before the first update, too: a resumed run may have used its budget
                break
            session.after(update(state, pixels, labels))
    return session.end(data)
