"""Has training gone wrong? Signs of instability, read off the log. (Paper §7)"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import torch

from dcgan_core.errors import UserError

WARN, STOP = 10, 40  # rows of the log, each the mean over `session.LOG_EVERY` updates
CALM = 3  # rows without a sign of instability, after which a checkpoint counts as good
SURE = 0.99  # D(x) from here on, with D(G(z)) below one minus it. In the shipped runs, ten rows of 0.978 at most
# Samples differ from each other by less than this share of what images of the data do. Chosen on the logs of a hundred short
# runs (`dcgan ablate`, seeds 0 to 4): ten rows of less had 23 of the 24 that collapsed, and 1 of the 52 healthy ones. At 0.1
# they had only the 9 that generated one single image.
ALIKE = 0.25

Row = dict[str, Any]  # of the log
Kind = Literal["saturated", "alike", "diverged"]
ADVICE: dict[Kind, str] = {
    "saturated": "use more data, add noise to what D sees (noise=0.1), or try a smaller learning_rate",
    "alike": "try larger architecture.widths or another seed; keep beta1 at 0.5, and batchnorm where the guidelines put it",
    "diverged": "try a smaller learning_rate or another seed in a new run",
}


class Collapsed(UserError):
    """Training collapsed or diverged, and was stopped."""


@dataclass(frozen=True)
class Alarm:
    """A sign of instability: which, after how many images, and whether it has lasted long enough to stop training."""

    kind: Kind
    images: int
    stop: bool = False

    def __str__(self) -> str:
        seen = {
            "saturated": "D is certain about every image, so that G learns nothing from it",
            "alike": "G maps every z to nearly the same image",
            "diverged": "losses are NaN",
        }[self.kind]
        return f"after {self.images:,} images, {seen}; {ADVICE[self.kind]}"

    @property
    def outcome(self) -> str:
        """The status of a run that ends with it."""
        return "diverged" if self.kind == "diverged" else "collapsed"


@torch.no_grad()
def diversity(fake: torch.Tensor, real: torch.Tensor) -> float:
    """How much the samples of a batch differ from each other, relative to real images: 0 if all are the same.

    fake, real: N x C x S x S. The ratio of standard deviations over the batch, mean over pixels.

    It misleads in both directions: noise is diverse, and so are a few images repeated; samples that are only pale, or shifted
    by a pixel, count as alike. It sees one batch, not whether the next batch shows the same images.
    """
    spread = [images.detach().float().std(0).mean() for images in (fake, real)]
    return float(spread[0] / spread[1].clamp_min(1e-6))


def signs(rows: list[Row]) -> list[Kind]:
    """Which signs of instability the mean over some rows of the log shows."""

    def mean(key: str, absent: float) -> float:  # logs of older versions know no diversity
        return float(sum(row.get(key, absent) for row in rows)) / len(rows)

    saturated = mean("d_real", 0.5) > SURE and mean("d_fake", 0.5) < 1 - SURE
    found: list[Kind] = ["saturated"] if saturated else []
    return [*found, "alike"] if mean("diversity", 1.0) < ALIKE else found


class Watch:
    """Watches the rows of a log as they come. `rows`: those that are there already."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self.rows: deque[Row] = deque(maxlen=STOP)
        self.told: set[tuple[str, bool]] = set()
        for row in rows:
            self.add(row)
        self.told = {(kind, stop) for kind, stop in self.told if not stop}  # what lasts still ends a run that goes on

    def add(self, row: Row) -> Alarm | None:
        """Adds a row; returns an alarm if one is due. Each sign is reported once, and once more when it has lasted."""
        self.rows.append(row)
        rows = list(self.rows)
        now = signs(rows[-WARN:]) if len(rows) >= WARN else []
        lasting = [kind for kind in signs(rows) if kind in now] if len(rows) >= STOP else []  # a run that recovers goes on
        for stop, kinds in ((True, lasting), (False, now)):
            for kind in kinds:
                if (kind, stop) not in self.told:
                    self.told |= {(kind, stop), (kind, False)}
                    return Alarm(kind, row["images"], stop)
        return None

    @property
    def calm(self) -> bool:
        """None of the last rows shows a sign of instability: a checkpoint made now is a good one."""
        return not any(signs([row]) for row in list(self.rows)[-CALM:])
