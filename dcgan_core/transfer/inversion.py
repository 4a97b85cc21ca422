"""Which z gives this picture? G takes z, not pictures: an encoder learns the way back, and a few steps improve its answer."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import prod
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm.auto import trange

from dcgan_core import intervals, latent, networks, pictures
from dcgan_core.ablations.measuring import ledger_row
from dcgan_core.drawings import scenes
from dcgan_core.files import read_json, write_atomically, write_json
from dcgan_core.intervals import Measurement
from dcgan_core.networks import Architecture, Discriminator, Generator
from dcgan_core.probes.features import estimate_on, pooled_features
from dcgan_core.readers import judges
from dcgan_core.runs import Run
from dcgan_core.transfer import generator_features
from dcgan_core.transfer.generator_features import NUMBERS, SAMPLES, balanced_accuracy, gain, read_off, reduced

RUNS = ("drawn-rooms", "drawn-portraits")
PAIRS, BATCH = 102_400, 64  # (G(z), z) that the encoder sees, each once
LEARNING_RATE = 1e-3  # of the encoder; falls linearly to 0
STEPS = (10, 50)  # of optimisation: z is looked at after so many
RATES = (0.01, 0.03, 0.1)  # Adam's, on z; the one with the least error in pixels on validation drawings is kept
DRAWINGS = (100, 500)  # to choose with, to score on
SEED = 4000  # of these drawings; the runs saw those of seeds 0 and 1, judges of 1000 …, the finder of 3000


class Encoder(nn.Module):
    """An image (N x C x S x S, as G puts it out) -> its z, N x latent: D's conv layers, and a linear layer for D's head."""

    def __init__(self, a: Architecture, rng: torch.Generator | None = None) -> None:
        super().__init__()
        self.body = Discriminator(replace(a, head=False), rng)
        self.head = nn.Linear(prod(a.base), a.latent)
        networks.initialise(self.head, rng)

    def forward(self, images: Tensor) -> Tensor:
        z: Tensor = self.head(self.body.features(images)[-1].flatten(1))
        return z


def train_encoder(g: Generator, *, pairs: int = PAIRS, seed: int = 0, progress: bool = True) -> Encoder:
    """Learns z from G(z): the squared error of z, on samples that are all new. Any G without classes, in eval mode."""
    rng = torch.Generator().manual_seed(seed)
    encoder = Encoder(g.architecture, rng).to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.Adam(encoder.parameters(), LEARNING_RATE)
    steps = -(-pairs // BATCH)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=steps)
    for _ in trange(steps, desc="encoder", leave=False, delay=2, disable=not progress):
        z = latent.sample(g.architecture, BATCH, rng)
        loss = (encoder(latent.generate(g, z)) - z).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    zs = (latent.sample(g.architecture, 256, rng) for _ in range(8))
    networks.estimate_batchnorm(encoder, ((latent.generate(g, z),) for z in zs))
    return encoder.eval()


@torch.no_grad()
def codes_of(encoder: Encoder, pixels: np.ndarray) -> Tensor:
    """uint8 N x C x S x S -> z, N x latent, within the cube that z are drawn from."""
    x = networks.to_input(torch.from_numpy(pixels), encoder.body.architecture)
    return torch.cat([encoder(part) for part in x.split(256)]).clamp(-1, 1)


def refine(g: Generator, pixels: np.ndarray, z: Tensor, *, steps: int, rate: float) -> Tensor:
    """z after so many steps of Adam on the squared distance of G(z) to the pictures (uint8 N x C x S x S); G stays as it is."""
    g.requires_grad_(False)
    parts = []
    target = networks.to_input(torch.from_numpy(pixels), g.architecture)
    for x, start in zip(target.split(100), z.split(100), strict=True):
        part = start.clone().requires_grad_()
        optimizer = torch.optim.Adam([part], rate)
        for _ in range(steps):
            loss = (g(part) - x).square().sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            part.data.clamp_(-1, 1)
        parts.append(part.detach())
    return torch.cat(parts)


# --- what an inversion keeps ------------------------------------------------------------------------------------------


def true_statements(name: str, factors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What can be said of drawings in yes or no, by their own factors, N times true or false each."""
    table = {key: factors[key] for key in scenes.yes_no(name)}
    return {k: v > 0.5 for k, v in (table | (judges.ways(factors["pose"]) if "pose" in factors else {})).items()}


def invert_drawings(run: Run, encoder: Encoder, *, drawings: tuple[int, int] = DRAWINGS, seed: int = 0) -> dict:
    """Inverts drawings that no net has seen: measurements by the claim's name (`factors`, `steps`), and `pictures` to look at.

    What the judge reads off the reconstruction is compared with the drawing's own factors. Beside the encoder's z: z after
    steps of optimisation, the same steps from a random z, the random z, and the drawing itself as the judge reads it.
    """
    with intervals.timed() as seconds:
        g, a, judge = run.generator(), run.architecture, judges.load_judge(run.data_name, size=run.architecture.size)
        few, many = (scenes.draw(run.data_name, n, a.size, SEED + i) for i, n in enumerate(drawings))
        start = codes_of(encoder, few.images)
        errors = {rate: _error(g, few.images, refine(g, few.images, start, steps=STEPS[-1], rate=rate)) for rate in RATES}
        rate = min(errors, key=errors.__getitem__)
        zs = {"encoder": codes_of(encoder, many.images)}
        zs["random z"] = latent.sample(a, len(many.images), torch.Generator().manual_seed(seed + 1))
        for name, z in list(zs.items()):
            zs |= {f"{name}, {steps} steps": refine(g, many.images, z, steps=steps, rate=rate) for steps in STEPS}
        shown = {"drawing": many.images} | {name: latent.generate_pixels(g, z) for name, z in zs.items()}
        truth = true_statements(run.data_name, many.factors)
        true = np.stack(list(truth.values()), 1)
        said = {name: _said(judge, images, list(truth)) for name, images in shown.items()}
        best = said[f"encoder, {STEPS[-1]} steps"]
        together = np.stack([best, true], 1)
        value, low, high = intervals.bootstrap(lambda rows: balanced_accuracy(*rows.swapaxes(0, 1)), together)
        pixels = {name: round(_error(g, many.images, z), 2) for name, z in zs.items()}
        details = {
            "factors": {name: round(balanced_accuracy(answers, true), 4) for name, answers in said.items()},
            "pixels": pixels,  # root mean square, of 255
            "kept": _shares(best, true, list(truth)),
            "rate": rate,
            "drawings": drawings,
        }
        factors = Measurement(value, low, high, len(true), seconds(), details)
        gained = gain(best, said["encoder"], true)
        return {"factors": factors, "steps": gained, "pictures": [images[:8] for images in shown.values()]}


def _said(judge: judges.Judge, images: np.ndarray, names: list[str]) -> np.ndarray:
    answers = judges.statements(judge, images)
    return np.stack([answers[name] > 0.5 for name in names], 1)


def _error(g: Generator, pixels: np.ndarray, z: Tensor) -> float:
    """Root mean square difference of G(z) to the pictures, in grey levels."""
    return float(np.sqrt(np.square(latent.generate_pixels(g, z).astype(float) - pixels).mean()))


def _shares(said: np.ndarray, true: np.ndarray, names: list[str]) -> dict[str, dict[str, float]]:
    """For each statement: how often it is still true of the reconstruction where it was, and how often it is new there."""
    rows = zip(names, said.T, true.T, strict=True)
    return {name: {"kept": round(float(s[t].mean()), 4), "added": round(float(s[~t].mean()), 4)} for name, s, t in rows}


def probe_code(run: Run, encoder: Encoder, *, sizes: tuple[int, int, int] = SAMPLES, seed: int = 0) -> Measurement:
    """What the encoder's z says of drawings, less what D's best layer says in as many numbers (`gain`): exact factors.

    D's layer is chosen on validation drawings; its batchnorm statistics are of the drawings that probes learn from.
    """
    with intervals.timed() as seconds:
        drawn = scenes.draw(run.data_name, sum(sizes), run.architecture.size, SEED + 2)
        true = np.stack(list(true_statements(run.data_name, drawn.factors).values()), 1)
        d = run.discriminator(will_estimate_batchnorm=True)
        estimate_on(d, drawn.images[: sizes[0]], progress=False)
        x = networks.to_input(torch.from_numpy(drawn.images), run.architecture)
        found = {"code": read_off(codes_of(encoder, drawn.images), true, sizes)}
        for i in range(len(run.architecture.widths)):
            maps = torch.cat([pooled_features(d, part, [i]) for part in x.split(256)])
            found[f"D, layer {i + 1}"] = read_off(reduced(maps, sizes[0], seed=seed), true, sizes)
        best = max((name for name in found if name != "code"), key=lambda name: found[name][0])
        test = true[-sizes[2] :]
        measured = gain(found["code"][1], found[best][1], test)
        scores = {name: round(balanced_accuracy(answers, test), 4) for name, (_, answers) in found.items()}
        measured.details = {"factors": scores, "best": best, "numbers": NUMBERS, "drawings": sizes}
        measured.seconds = seconds()
        return measured


# --- all of section 9.2 -----------------------------------------------------------------------------------------------


def measure_generator(out: Path, *, seeds: int = 1) -> dict:
    """Measures section 9.2 for the shipped runs on drawn sets; what is in `out` already is kept. Returns the table, also there.

    Writes generator.json, and <run>.webp: drawings, then their inversions, one kind a row. seeds: encoders of each run.
    """
    rows = []
    for name in generator_features.RUNS:
        rows += _kept(out / f"probes-{name}.json", partial(_probed, Run.reference(name)))["rows"]
    for seed in range(seeds):
        for name in RUNS:
            rows += _kept(out / f"encoder-{name}-{seed}.json", partial(_inverted, Run.reference(name), seed, out))["rows"]
    table = {"rows": rows}
    write_json(out / "generator.json", table)
    return table


def _kept(path: Path, measure: Callable[[], dict]) -> dict:
    if not path.exists():
        write_json(path, measure())
    return read_json(path, "measurements")


def _probed(run: Run) -> dict:
    found = generator_features.probe_generator(run)
    where = f"after/generator/{run.name}"
    return {"rows": [ledger_row(f"after.g_features.{claim}", m, where, run.data_name) for claim, m in found.items()]}


def _inverted(run: Run, seed: int, out: Path) -> dict:
    with intervals.timed() as seconds:
        encoder = train_encoder(run.generator(), seed=seed)
        taken = {"pairs": PAIRS, "training_seconds": round(seconds(), 1)}
    found = invert_drawings(run, encoder, seed=seed)
    sheet = pictures.grid(np.concatenate(found.pop("pictures")), 8)
    if not seed:
        write_atomically(out / f"{run.name}.webp", pictures.encode(sheet, "webp", quality=90))
    found["code"] = probe_code(run, encoder, seed=seed)
    found["factors"].details |= taken
    where = f"after/generator/{run.name}" + (f"-{seed}" if seed else "")
    return {"rows": [ledger_row(f"after.encoder.{claim}", m, where, run.data_name, seed=seed) for claim, m in found.items()]}
