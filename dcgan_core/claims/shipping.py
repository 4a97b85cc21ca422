"""A finished run, copied into the book: what ships of it, and which of its results are still true there."""

import json
import shutil
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from dcgan_core import assets, pictures
from dcgan_core.claims import ledger
from dcgan_core.errors import UserError
from dcgan_core.files import write_atomically, write_json
from dcgan_core.networks import Discriminator, Generator
from dcgan_core.runs import NETS, Run, write_net

SHOWN = 16  # images of each grid of samples, as many as chapters show
LOGGED = ("images", "loss_d", "loss_g", "d_real", "d_fake", "diversity")  # of each row of the log: what they read


def ship(run: Run, name: str | None = None, *, weights: bool = True, discriminator: bool = True, bits: int = 16) -> Path:
    """Copies a finished run into `book/reference_runs/<name>`: weights in `bits` (`packed`), samples, the log's LOGGED.

    weights=False: for weights that are not ours to spread, or a history. Then results are shipped too, as measured on these
    weights, and run.json says how to get them. discriminator=False: for runs whose D nothing in
    the book asks. Results of the run shipped before that are not about its weights, such as raw pixels', are kept. Writes
    nothing of the training data. The model card (README.md) is written by hand once and kept.
    """
    if run.info.get("status") != "finished":
        raise UserError(f"{run.path}: not finished; ship a run that has ended")
    target = assets.folder("reference_runs") / (name or run.name)
    if target.resolve() == run.path.resolve():
        raise UserError(f"{run.path}: is shipped already")
    nets: dict[str, Generator | Discriminator] = {"generator": run.generator()} if weights else {}
    if weights and discriminator:
        nets["discriminator"] = run.discriminator(will_estimate_batchnorm=True)  # whoever loads it is asked again
    results = _lasting_results(target, run)
    target.mkdir(parents=True, exist_ok=True)
    for file in (*(f"{kind}.safetensors" for kind in NETS), "log.jsonl", "results.json"):
        (target / file).unlink(missing_ok=True)
    for kind, net in nets.items():
        write_net(target, kind, net, packed(net, bits))
    # no paths of this machine; `lineage` and `data` say what they were
    info = run.info | {"config": run.info["config"] | {"data": run.data_name}, "initial": None}
    if "authors" in info:
        info["authors"] = {key: value for key, value in info["authors"].items() if key != "folder"}
    if not weights:  # with weights, they were measured before rounding; `dcgan measure` the shipped ones
        info["without_weights"] = _how_to_get_weights(info)
        results |= {claim: result | {"run": target.name} for claim, result in ledger.results_of(run).items()}
    write_json(target / "run.json", info)
    if log := run.log():
        rows = [{key: row[key] for key in LOGGED if key in row} for row in log]
        write_atomically(target / "log.jsonl", "".join(f"{json.dumps(row)}\n" for row in rows).encode())
    if results:
        write_json(target / "results.json", results)
    _ship_grids(run, target)
    return target


def packed(net: Generator | Discriminator, bits: int) -> dict[str, torch.Tensor]:
    """A net's tensors as they ship. bits: 16, all in float16; 8, weights as integers from -127 to 127.

    Each entry of a weight's first axis has a scale of its own then, in `<its name>.scale`, and the rest is float16. Batchnorm
    statistics are float32 in either. Raises UserError for other numbers of bits.
    """
    if bits not in (8, 16):
        raise UserError(f"`bits` {bits}: weights ship in 16 or in 8")
    tensors = {}
    for key, tensor in net.state_dict().items():
        tensor = tensor.detach().cpu().contiguous()
        if bits == 8 and tensor.ndim > 1:
            scale = tensor.abs().amax([*range(1, tensor.ndim)], keepdim=True).clamp(min=1e-20) / 127
            tensors[key], tensors[f"{key}.scale"] = (tensor / scale).round().to(torch.int8), scale
        elif not key.endswith("num_batches_tracked"):
            tensors[key] = tensor if key.endswith(("running_mean", "running_var")) else tensor.half()
    return tensors


def _lasting_results(shipped: Path, run: Run) -> dict:
    """What was measured on the run shipped there before and holds for `run`, which has other weights."""
    if not (shipped / "run.json").is_file() or Run(shipped).architecture != run.architecture:
        return {}
    of_weights = {c.id for c in ledger.CLAIMS if c.of_weights}
    return {claim: result for claim, result in ledger.results_of(Run(shipped)).items() if claim not in of_weights}


def _ship_grids(run: Run, target: Path) -> None:
    """Of each grid the first SHOWN images; of the last all of them, as grid.webp; other pictures as they are."""
    grids, side = run.samples(), run.architecture.size
    sheets = {f"samples/{images:09d}": pictures.grid(pictures.tiles(path, side)[:SHOWN]) for images, path in grids.items()}
    whole = [(path.stem, path) for path in run.path.glob("*.png")] + [("grid", path) for path in [*grids.values()][-1:]]
    sheets |= {file: np.asarray(Image.open(path)) for file, path in whole}
    shutil.rmtree(target / "samples", ignore_errors=True)
    (target / "samples").mkdir()
    for file, sheet in sheets.items():
        write_atomically(target / f"{file}.webp", pictures.encode(sheet, "webp", quality=90))


def _how_to_get_weights(info: dict) -> str:
    if "authors" in info:
        authors = info["authors"]
        return f"dcgan import-authors FOLDER --out RUN, where FOLDER is models/{authors['model']} of {authors['repository']}"
    if info.get("lineage"):
        return "the commands in its README.md"
    return f"dcgan train {info.get('recipe') or info['data']['name']} (its settings are in run.json)"
