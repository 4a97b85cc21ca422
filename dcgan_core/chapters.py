"""What several chapters of the book need: data at hand, a net to probe, a place to train, and how figures look."""

from __future__ import annotations

import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from dcgan_core import assets, latent
from dcgan_core.data import loading
from dcgan_core.data.sources import finding
from dcgan_core.figures import image_rows
from dcgan_core.files import read_json
from dcgan_core.metrics import neighbours
from dcgan_core.networks import Generator
from dcgan_core.runs import Run, reference_runs

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def use_style() -> None:
    """Figures in the book's style, drawn at twice the size that they are shown at."""
    import matplotlib.pyplot as plt

    plt.style.use("dcgan_core.figures.book")
    try:
        from matplotlib_inline import backend_inline
    except ImportError:  # no notebook
        return
    choose: Any = backend_inline.set_matplotlib_formats
    choose("retina")


def at_hand(name: str) -> bool:
    """Can a data set be read, without a download?"""
    return finding.find(name) is not None


def book_file(name: str) -> Path:
    """A file beside the chapters: they may run in any working folder."""
    return assets.folder("trials").parent / name


def trial(name: str) -> Any:
    """What one of the book's trials found: the contents of `trials/<name>.json`."""
    return read_json(assets.folder("trials") / f"{name}.json", "a trial")


def place(chapter: str, profile: str) -> Path:
    """A folder to train in: a temporary one for a run of seconds, else one under `runs` in the working folder."""
    if profile == "quick":
        return Path(tempfile.mkdtemp()) / chapter
    return Path("runs") / f"chapter-{chapter}-{datetime.now():%Y%m%d-%H%M%S}"


def stages(run: Run) -> list[tuple[int, Run]]:
    """The runs from whose weights a run started, those that ship, and itself; with how many images were seen before each."""
    shipped = {(r.name, r.info.get("commit")): r for r in reference_runs()}
    found, before = [], 0
    for part in run.info.get("lineage", []):
        if stage := shipped.get((part["name"], part.get("commit"))):
            found.append((before, stage))
        before += (part.get("counters") or {}).get("images", 0)
    return [*found, (before, run)]


def history(run: Run) -> tuple[dict[int, Path], list[dict[str, Any]]]:
    """Grids of samples by the images seen before, each by a fifth more than the one before it, and the log, of all `stages`."""
    grids: dict[int, Path] = {}
    log: list[dict[str, Any]] = []
    for before, stage in stages(run):
        grids |= {before + n: path for n, path in stage.samples().items()}
        log += [row | {"images": before + row["images"]} for row in stage.log()]
    kept: dict[int, Path] = {}
    for seen, path in grids.items():
        if seen > 1.2 * max(kept, default=0) or seen == max(grids):
            kept[seen] = path
    return kept, log


def closest(generator: Generator, run: Run, seed: int, *, samples: int = 1000, pairs: int = 5) -> Figure:
    """Of so many samples, those nearest to a photograph that the run was trained on, above that photograph: a figure."""
    photographs = np.asarray(loading.load_data(run.data_name, run.architecture.size).images)
    z = latent.sample(generator.architecture, samples, torch.Generator().manual_seed(seed))
    drawn = latent.generate_pixels(generator, z)
    distance, index = neighbours.nearest(drawn, photographs)
    first = distance.argsort()[:pairs]
    return image_rows.strips([("sample", drawn[first]), ("photograph", photographs[index[first]])])
