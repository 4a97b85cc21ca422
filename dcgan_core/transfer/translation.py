"""From one kind of picture to another: an encoder before G, and a D that sees question and answer (Isola et al., 2017, small).

What the losses are good for is measured on exact pairs of drawn rooms: masks -> rooms, grey -> colour, dark -> light.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm.auto import tqdm

from dcgan_core import networks
from dcgan_core.drawings import scenes
from dcgan_core.drawings.rooms import ROOM_FACTORS, ROOM_OBJECTS
from dcgan_core.files import write_atomically
from dcgan_core.networks import Architecture, Discriminator, Stage
from dcgan_core.probes.supervised import shuffled_batches
from dcgan_core.training.update import discriminator_loss, generator_loss

TASKS = {"masks": len(ROOM_OBJECTS), "grey": 1, "dark": 3}  # what is given, and its channels; asked for is the room
LOSSES = {"L1": (1.0, 0.0), "adversarial": (0.0, 1.0), "both": (100.0, 1.0)}  # weights of the distance, and of D's answer
A = Architecture(32, 3, (16, 32, 64), (2, 2, 2), kernel=4, latent=8)  # z is joined where the encoder ends
PAIRS, IMAGES, BATCH = 20_480, 102_400, 32  # drawn to learn from; seen by each net; in an update
ADAM = (2e-4, (0.5, 0.999))  # learning rate and betas of the paper (§4)
TRAIN_SEED, TEST_SEED = 5000, 5001  # of the drawings
SHAPES = {*ROOM_OBJECTS, "places", "view", "horizon", "bed_size", "window_size", "lamp_height", "picture_size"}


class Translator(nn.Module):
    """D's conv layers, then G's: at each size G's layer also gets D's maps of that size, as in a U-Net."""

    def __init__(self, a: Architecture, inputs: int, rng: torch.Generator | None = None) -> None:
        super().__init__()
        self.architecture = a
        self.down = Discriminator(replace(a, channels=inputs, head=False), rng)
        self.up = nn.ModuleList()
        given = a.widths[-1] + a.latent
        for i in reversed(range(len(a.widths))):
            outputs = a.widths[i - 1] if i else a.channels
            conv = networks.growing(a, given, outputs, a.strides[i])
            self.up.append(Stage(conv, networks.batchnorm(a, outputs, True, edge=not i), nn.ReLU() if i else nn.Tanh()))
            given = 2 * outputs
        networks.initialise(self.up, rng)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """x: N x inputs x S x S in [-1, 1]; z: N x latent. Returns N x channels x S x S in [-1, 1]."""
        maps = self.down.features(x)
        h = networks.join(maps.pop(), z)  # N x (widths[-1] + latent) x s x s
        for stage in self.up:
            h = stage(h)
            h = torch.cat([h, maps.pop()], 1) if maps else h
        return h


@dataclass(frozen=True)
class Pairs:
    """Question and answer: uint8 N x C x S x S each, and the answer's factors and masks."""

    given: np.ndarray
    asked: np.ndarray
    factors: dict[str, np.ndarray]
    masks: dict[str, np.ndarray]


def draw_pairs(task: str, count: int, seed: int, size: int = A.size) -> Pairs:
    """`count` drawn rooms, and the same as a task gives them: what is seen of each object, the luminance, or dusk."""
    factors = scenes.draw("drawn-rooms", count, size, seed).factors
    asked = scenes.render("drawn-rooms", factors | ({"light": np.ones(count)} if task == "dark" else {}), size, seed)
    if task == "masks":
        given = as_question(asked.masks)
    elif task == "grey":
        given = np.tensordot(asked.images, [0.299, 0.587, 0.114], (1, 0)).round().astype(np.uint8)[:, None]
    else:
        given = scenes.render("drawn-rooms", factors | {"light": np.zeros(count)}, size, seed).images
    return Pairs(given, asked.images, asked.factors, asked.masks)


def as_question(masks: dict[str, np.ndarray]) -> np.ndarray:
    """Masks of rooms (bool, N x S x S each) as a translator takes them: uint8 N x 5 x S x S."""
    return np.stack([masks[what] for what in ROOM_OBJECTS], 1).astype(np.uint8) * 255


def repainted(factors: dict[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
    """The same shapes in other colours and another light: rooms that have the same masks."""
    rng = np.random.default_rng(seed)
    count = len(factors["bed"])
    return {k: v if k in SHAPES else rng.uniform(ROOM_FACTORS[k].low, ROOM_FACTORS[k].high, count) for k, v in factors.items()}


# --- learning ---------------------------------------------------------------------------------------------------------


class Learner:
    """A translator and its D, with their Adams."""

    def __init__(self, task: str, loss: str, seed: int, a: Architecture = A) -> None:
        rng = torch.Generator().manual_seed(seed)
        self.distance, self.opponent = LOSSES[loss]
        self.g = Translator(a, TASKS[task], rng).to(memory_format=torch.channels_last).train()
        self.d = Discriminator(replace(a, channels=TASKS[task] + a.channels), rng).to(memory_format=torch.channels_last).train()
        self.adam_g, self.adam_d = (torch.optim.Adam(net.parameters(), *ADAM, fused=True) for net in (self.g, self.d))
        self.rng = torch.Generator().manual_seed(seed + 1)

    def update(self, x: Tensor, y: Tensor) -> None:
        """One batch of questions x and answers y trains D (where it has a say), then the translator."""
        fake = self.g(x, torch.randn(len(x), self.g.architecture.latent, generator=self.rng))
        loss = self.distance * F.l1_loss(fake, y)
        if self.opponent:
            of_d = discriminator_loss(self.d(torch.cat([x, y], 1)), self.d(torch.cat([x, fake.detach()], 1)))
            self.adam_d.zero_grad()
            of_d.backward()
            self.adam_d.step()
            self.d.requires_grad_(False)
            loss = loss + self.opponent * generator_loss(self.d(torch.cat([x, fake], 1)))
        self.adam_g.zero_grad()
        loss.backward()
        self.adam_g.step()
        self.d.requires_grad_(True)


def train_translator(pairs: Pairs, task: str, loss: str, *, images: int = IMAGES, seed: int = 0) -> Translator:
    """A translator that has seen so many pairs; batchnorm's statistics are of the pairs' first questions."""
    learner = Learner(task, loss, seed)
    order = shuffled_batches(len(pairs.given), BATCH, images // BATCH, np.random.default_rng(seed))
    for chosen in tqdm(order, total=images // BATCH, desc=f"{task}, {loss}", leave=False, delay=2):
        x, y = (as_input(part[chosen]) for part in (pairs.given, pairs.asked))
        learner.update(x, y)
    questions = as_input(pairs.given[:2048])
    zs = torch.randn(len(questions), A.latent, generator=learner.rng)
    networks.estimate_batchnorm(learner.g, zip(questions.split(256), zs.split(256), strict=True))
    return learner.g.eval()


def as_input(pixels: np.ndarray) -> Tensor:
    return networks.to_input(torch.from_numpy(pixels), A).contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def translate(g: Translator, given: np.ndarray, seed: int = 0) -> np.ndarray:
    """The answers to questions (uint8 N x inputs x S x S), each with a z of its own: uint8 N x 3 x S x S."""
    zs = torch.randn(len(given), g.architecture.latent, generator=torch.Generator().manual_seed(seed))
    parts = zip(as_input(given).split(256), zs.split(256), strict=True)
    return np.concatenate([networks.to_pixels(g(x, z), g.architecture).numpy() for x, z in parts])


def save_translator(g: Translator, path: Path) -> None:
    """Half precision; batchnorm's statistics in single."""
    state = {k: v if "running" in k or not v.is_floating_point() else v.half() for k, v in g.state_dict().items()}
    write_atomically(path, safetensors.torch.save({k: v.contiguous() for k, v in state.items()}))


def load_translator(path: Path, task: str) -> Translator:
    g = Translator(A, TASKS[task])
    g.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in safetensors.torch.load_file(path).items()})
    return g.eval().to(memory_format=torch.channels_last)
