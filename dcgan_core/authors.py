"""The released Theano weights as our nets. (Newmu/dcgan_code, folder `models/`)

The authors published two models as joblib pickles whose arrays lie beside them as `<epoch>_<net>_params.jl_<number>.npy`. Only
the arrays are read, never the pickles. What differs from PyTorch (svhn/svhn_semisup_analysis.py, imagenet/load_pretrained.py):

- Theano's convolutions flip their kernels, PyTorch's do not: both spatial axes are reversed here. Axes are in the same order:
  D's kernels are (out, in, k, k), G's (in, out, k, k) as `conv_transpose2d` takes them.
- Linear layers are stored (in, out), the transpose of ours. Both sides reshape in C order, so units map to feature maps alike.
- Batchnorm has eps 1e-8 and no stored statistics: the authors normalise with the batch at hand, when sampling as well.
"""

from __future__ import annotations

import copy
import hashlib
import io
import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from tqdm.auto import tqdm

from dcgan_core import config_io, devices, latent, networks, pictures
from dcgan_core.data import loading
from dcgan_core.data.images import ImageData
from dcgan_core.errors import UserError, reason
from dcgan_core.files import write_atomically
from dcgan_core.intervals import Measurement, timed
from dcgan_core.networks import ARCHITECTURES, Architecture
from dcgan_core.runs import NETS, Run, environment
from dcgan_core.training import BATCHNORM_BATCHES, GRID, batch_indices

REPOSITORY = "https://github.com/Newmu/dcgan_code"
BATCH = 128  # what batchnorm's statistics are estimated with (svhn/svhn_semisup_analysis.py: nbatch)
EPS = 1e-8  # lib/ops.py


class Array(NamedTuple):
    """One released array: where it goes, what it is, its shape."""

    key: str  # in our net's state_dict
    meaning: str
    shape: tuple[int, ...]


def layout(a: Architecture, net: str) -> list[Array]:
    """The arrays of one net (`generator` or `discriminator`) in the authors' order, number 1 first.

    Layer by layer: weights, then gains and biases where there is batchnorm (paper §3: not on G's output, D's input and head).
    """
    convs = range(len(a.widths))
    if net == "generator":
        maps, outputs = [*reversed(a.widths), a.channels], 1
        layers = [("dense.0", "projection", (a.latent, prod(a.base)))]
        layers += [(f"convs.{i}", f"conv {i + 1}", (maps[i], maps[i + 1], a.kernel, a.kernel)) for i in convs]
        plain = layers[-1:]
    else:
        maps, outputs = [a.channels, *a.widths], 0
        layers = [(f"convs.{i}", f"conv {i + 1}", (maps[i + 1], maps[i], a.kernel, a.kernel)) for i in convs]
        layers += [("dense.0", "head", (prod(a.base), 1))]
        plain = [layers[0], layers[-1]]
    arrays = []
    for stage, name, shape in layers:
        arrays.append(Array(f"{stage}.layer.weight", f"weights of {name}", shape))
        if (stage, name, shape) not in plain:
            arrays.append(Array(f"{stage}.norm.weight", f"gains of {name}", (shape[outputs],)))
            arrays.append(Array(f"{stage}.norm.bias", f"biases of {name}", (shape[outputs],)))
    return arrays


@dataclass(frozen=True)
class Model:
    """A model that the authors released. Its folder's and files' names say all that is known of its training."""

    folder: str
    epochs: int
    architecture: Architecture
    data: str
    says: dict = field(default_factory=dict)  # what the folder's name says of training
    copies_lack_arrays: bool = False  # copies without the largest arrays are about: D may end at an earlier layer

    def files(self, net: str) -> dict[str, Array]:
        """File name -> what it holds."""
        short = {"generator": "gen", "discriminator": "discrim"}[net]
        return {f"{self.epochs}_{short}_params.jl_{i:02d}.npy": x for i, x in enumerate(layout(self.architecture, net), 1)}


MODELS = [
    Model(
        "svhn_unsup_all_conv_dcgan_100z_gaussian_lr_0.0005_64mb",
        200,
        replace(ARCHITECTURES["svhn32"], norm_eps=EPS),
        "svhn",
        {"learning_rate": 0.0005, "batch": 64},
    ),
    Model(
        "imagenet_gan_pretrain_128f_relu_lrelu_7l_3x3_256z",
        30,
        replace(ARCHITECTURES["imagenet32"], norm_eps=EPS),
        "imagenet",
        copies_lack_arrays=True,
    ),
]
SVHN, IMAGENET = MODELS


@dataclass
class Released:
    """A model's arrays as they are stored, checked."""

    model: Model
    architecture: Architecture  # the model's, or one that ends where D's arrays do
    arrays: dict[str, dict[str, np.ndarray]]  # net -> key in our state_dict -> array, float32; a net may be absent
    sha256: dict[str, str]  # of every file
    missing: dict[str, str] = field(default_factory=dict)  # file -> what it would have held


# --- reading ----------------------------------------------------------------------------------------------------------


def read(folder: str | Path) -> Released:
    """Reads and checks the arrays in `folder`.

    A net may be absent as a whole. Otherwise a missing array is an error, but for the ImageNet model's discriminator: that
    ends at its last complete layer, and `missing` says what is not there. Raises UserError that names the file: a
    foreign or missing one, another shape or type than the model's, values that are not finite, gains that are biases. Two
    arrays of equal shape and meaning, such as the gains of two layers of equal width, cannot be told apart.
    """
    folder = Path(folder)
    model, found = _recognise(folder)
    arrays, sha256, missing = {}, {}, {}
    for net in NETS:
        files = model.files(net)
        here = {name: x for name, x in files.items() if name in found}
        if not here:
            continue
        if len(here) < len(files):
            missing = {name: x.meaning for name, x in files.items() if name not in here}
            if net == "generator" or not model.copies_lack_arrays:
                raise UserError(f"{folder}: {len(missing)} of the {net}'s {len(files)} arrays are missing: {named(missing)}")
        arrays[net] = {}
        for name, expected in here.items():
            content = _bytes(folder / name)
            arrays[net][expected.key] = _array(folder / name, content, expected, files)
            sha256[name] = hashlib.sha256(content).hexdigest()
    architecture = model.architecture
    if missing:
        if "generator" in arrays:
            raise UserError(
                f"{folder}: {named(missing)} missing; a discriminator that ends early does not go with a generator:"
                f" get them from {REPOSITORY}, or take either net's arrays elsewhere"
            )
        architecture, arrays["discriminator"] = _complete_layers(folder, architecture, arrays["discriminator"], missing)
    return Released(model, architecture, arrays, sha256, missing)


def _recognise(folder: Path) -> tuple[Model, set[str]]:
    """Whose arrays are these? Returns the model and the names of the files."""
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; the released arrays are in models/ of {REPOSITORY}")
    found = {p.name for p in folder.glob("*.npy")}
    if not found:
        inside = sorted({p.parent for depth in ("*", "*/*") for p in folder.glob(f"{depth}/*_params.jl_*.npy")})
        if inside:
            raise UserError(f"{folder}: no arrays here, but in {' and '.join(map(str, inside))}; name one of these folders")
        raise UserError(f"{folder}: no arrays (*_params.jl_NN.npy) here; they are in models/ of {REPOSITORY}")
    known = {m.folder: {name for net in NETS for name in m.files(net)} for m in MODELS}
    models = [m for m in MODELS if known[m.folder] & found]
    if len(models) > 1:
        raise UserError(f"{folder}: holds several models: {', '.join(m.folder for m in models)}; give each a folder of its own")
    if not models:
        raise UserError(f"{folder / min(found)}: not of a model that is known; there are: {', '.join(known)}")
    foreign = found - known[models[0].folder]
    if foreign:
        raise UserError(f"{folder / min(foreign)}: not an array of {models[0].folder}; take it elsewhere")
    return models[0], found


def named(missing: dict[str, str]) -> str:
    """Missing files with what they would have held, for messages."""
    return ", ".join(f"{name} ({meaning})" for name, meaning in missing.items())


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None


def _array(path: Path, content: bytes, expected: Array, files: dict[str, Array]) -> np.ndarray:
    try:
        array = np.load(io.BytesIO(content), allow_pickle=False)
    except Exception as error:  # np.load raises ValueError, EOFError, zip's errors, MemoryError for a header that lies
        raise UserError(f"{path}: not a whole NumPy array of numbers ({reason(error)}); get it again") from None
    if not isinstance(array, np.ndarray) or array.dtype != np.float32:
        kind = getattr(array, "dtype", "an archive")
        raise UserError(f"{path}: expected an array of float32, found {kind}; get it again")
    if array.shape != expected.shape:
        of = [name.removesuffix(".npy")[-2:] for name, x in files.items() if x.shape == array.shape]
        hint = f"; that is the shape of number {' and '.join(of)}: reordered?" if of else "; of another net?"
        raise UserError(f"{path}: {expected.meaning} should be {_by(expected.shape)}, found {_by(array.shape)}{hint}")
    if not np.isfinite(array).all():
        raise UserError(f"{path}: {expected.meaning} has values that are not finite; get it again")
    # the released gains average 0.72 to 1.12, the biases -0.67 to -0.10: they cannot be confused
    kind = expected.meaning.split()[0]
    if kind in ("gains", "biases") and (array.mean() > 0.5) != (kind == "gains"):
        usual = "1" if kind == "gains" else "0 or below"
        raise UserError(
            f"{path}: {expected.meaning} average {array.mean():.2f}, not about {usual}: swapped with another array?"
        )
    return array


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "one number"


def _complete_layers(folder: Path, a: Architecture, arrays: dict, missing: dict) -> tuple[Architecture, dict]:
    """The architecture and arrays of a discriminator up to its last complete layer before the first gap, without a head."""
    gap = next(x.key for x in layout(a, "discriminator") if x.key not in arrays)
    stages = [f"convs.{i}" for i in range(len(a.widths))]
    layers = next((i for i, stage in enumerate(stages) if gap.startswith(stage)), len(stages))
    if not layers:
        raise UserError(f"{folder}: {named(missing)} missing, so no layer is complete; get them from {REPOSITORY}")
    shorter = replace(a, widths=a.widths[:layers], strides=a.strides[:layers], head=False)
    return shorter, {key: x for key, x in arrays.items() if key.startswith(tuple(stages[:layers]))}


def nets(released: Released) -> dict[str, torch.nn.Module]:
    """The nets that there are, by name, in eval mode; batchnorm's stored statistics are not yet of any use."""
    built = {}
    for net, arrays in released.arrays.items():
        built[net] = NETS[net](released.architecture)
        state = {key: torch.from_numpy(_as_ours(array)) for key, array in arrays.items()}
        unset = built[net].load_state_dict(state, strict=False)
        assert not unset.unexpected_keys and all("running" in k or "num_batches" in k for k in unset.missing_keys)
        built[net].eval()
    return built


def _as_ours(array: np.ndarray) -> np.ndarray:
    if array.ndim == 4:
        array = array[:, :, ::-1, ::-1]
    return np.ascontiguousarray(array.T if array.ndim == 2 else array)


# --- a run of them ----------------------------------------------------------------------------------------------------


def import_run(
    folder: str | Path,
    out: str | Path,
    statistics: str | None = None,
    device: torch.device | str = "auto",
    seed: int = 0,
    progress: bool = False,
) -> Run:
    """Makes a finished run of the arrays in `folder`: weights, batchnorm statistics for eval mode, a sample grid.

    statistics: the data set whose training images D's batchnorm statistics are estimated on; without it G's own samples
    serve, and where there is no G, nothing is estimated. run.json says which. Everything is computed before
    anything is written. Raises UserError as `read` does, and where `out` is in use.
    """
    out, device = Path(out), devices.pick(device)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out}: already there; choose another --out")
    released = read(folder)
    a = released.architecture
    data = loading.load_data(statistics, a.size) if statistics else None
    if data and data.channels != a.channels:
        raise UserError(f"--statistics {statistics}: images of {data.channels} channels of colour; these nets see {a.channels}")
    if data and "discriminator" not in released.arrays:
        raise UserError(f"--statistics {statistics}: {folder} has no discriminator that needs them; leave it out")
    built = {name: net.to(device) for name, net in nets(released).items()}
    noted, pixels = _estimate(built, data, device, seed, progress)

    model = released.model
    info = {
        "config": {"data": model.data, "architecture": config_io.to_dict(a), "crop": "center"},
        "data": {"name": model.data, "fingerprint": None},
        "authors": {
            "model": model.folder,
            "repository": REPOSITORY,
            "licence": "MIT",
            "read_off_names": {"epochs": model.epochs, **model.says},
            "nets": list(built),
            "statistics": noted,
            "arrays": released.sha256,
            "missing": released.missing,
            "folder": str(Path(folder).resolve()),
        },
        "lineage": [{"name": model.folder}],
        **environment(),
        "counters": {"images": 0, "d_updates": 0, "g_updates": 0},  # trained here: nothing
        "minutes": 0.0,
    }
    temporary = out.parent / f".{out.name}.{secrets.token_hex(4)}.tmp"
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        run = Run.create(temporary, info)
        for name, net in built.items():
            run.save_net(name, net)
        if pixels is not None:
            (run.path / "samples").mkdir()
            write_atomically(run.path / "samples" / f"{0:09d}.png", pictures.png(pictures.grid(pixels)))
            write_atomically(run.path / "two_batches.png", pictures.png(two_batches(built["generator"], seed)))
        run.update(status="finished")
        temporary.replace(out)
    except OSError as error:
        raise UserError(f"could not write {out}: {error.strerror or error}; free some space or choose another --out") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return Run(out)


def _estimate(built: dict, data: ImageData | None, device: torch.device, seed: int, progress: bool) -> tuple:
    """Batchnorm statistics for eval mode. Returns what each net's are from (None: not estimated), and a grid's pixels."""
    generator, discriminator = built.get("generator"), built.get("discriminator")
    a = next(iter(built.values())).architecture
    rng = torch.Generator().manual_seed(seed)
    noted: dict = dict.fromkeys(built)
    how = {"batches": BATCHNORM_BATCHES, "batch": BATCH, "seed": seed}

    def batches(name: str, batch: Callable[[int], torch.Tensor]) -> Iterator[tuple]:
        steps = range(BATCHNORM_BATCHES)
        for step in tqdm(steps, desc=f"{name}'s batchnorm statistics", unit=" batches", disable=not progress):
            yield (batch(step).to(device),)

    def photographs(step: int) -> torch.Tensor:
        return networks.to_input(torch.from_numpy(data.images[batch_indices(step, BATCH, len(data), seed)]), a)

    def samples(step: int) -> torch.Tensor:
        return latent.draw(generator, latent.sample(a, BATCH, rng))

    pixels = None
    if generator:
        networks.estimate_batchnorm(generator, batches("generator", lambda step: latent.sample(a, BATCH, rng)))
        noted["generator"] = {"from": "random z", **how}
        pixels = latent.draw_pixels(generator, latent.sample(a, GRID, rng))
    if discriminator and (data or generator):
        networks.estimate_batchnorm(discriminator, batches("discriminator", photographs if data else samples))
        source = f"training images of {data.name}" if data else "samples of its generator"
        fingerprint = {"fingerprint": data.provenance["fingerprint"]} if data else {}
        noted["discriminator"] = {"from": source, **fingerprint, **how}
    return noted, pixels


def two_batches(generator: networks.Generator, seed: int = 0, shown: int = 8) -> np.ndarray:
    """The same z in two batches with batch statistics: a picture of both rows of images and, below, their difference x 4."""
    rng = torch.Generator().manual_seed(seed)
    z, *others = (latent.sample(generator.architecture, n, rng) for n in (shown, BATCH - shown, BATCH - shown))
    with networks.batch_statistics(generator):
        first, second = (latent.draw_pixels(generator, torch.cat([z, rest]))[:shown] for rest in others)
    difference = np.abs(first.astype(int) - second).clip(0, 63).astype(np.uint8) * 4
    return pictures.grid(np.stack([first, second, difference]))


# --- the proof --------------------------------------------------------------------------------------------------------


def numpy_generator(released: Released, z: np.ndarray) -> np.ndarray:
    """The images of z (N x latent) by NumPy alone, in float64, from the arrays as they are stored, with batch statistics.

    Shares nothing with `networks`: a transposed convolution is a sum over windows of the input with zeros between its pixels.
    Theano flips the kernel in the convolution that this is the transpose of, so here it is used as stored.
    """
    weights = [x.astype(np.float64) for x in released.arrays["generator"].values()]
    a = released.architecture
    h = _normalise(z.astype(np.float64) @ weights[0], *weights[1:3]).reshape(-1, *a.base)
    for i, stride in enumerate(reversed(a.strides)):
        kernel, *norm = weights[3 + 3 * i : 6 + 3 * i]
        h = np.stack([_spread(image, kernel, stride) for image in h])
        h = _normalise(h, *norm) if norm else np.tanh(h)
    return h


def _normalise(x: np.ndarray, gains: np.ndarray, biases: np.ndarray) -> np.ndarray:
    """Batchnorm, then ReLU."""
    axes, shape = (0, 2, 3)[: x.ndim - 1], (1, -1, 1, 1)[: x.ndim]
    x = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + EPS)
    return np.maximum(x * gains.reshape(shape) + biases.reshape(shape), 0)


def _spread(image: np.ndarray, kernel: np.ndarray, stride: int) -> np.ndarray:
    """image: in x s x s, kernel: in x out x k x k. Returns out x (s * stride) x (s * stride)."""
    channels, side, _ = image.shape
    k, size = kernel.shape[-1], side * stride
    before = k - 1 - (k - 1) // 2
    zeros = np.zeros((channels, size + k - 1, size + k - 1))
    zeros[:, before : before + size : stride, before : before + size : stride] = image
    windows = np.lib.stride_tricks.sliding_window_view(zeros, (k, k), (1, 2))  # in x size x size x k x k
    return np.tensordot(kernel, windows, ((0, 2, 3), (0, 3, 4)))


@torch.no_grad()
def max_abs_diff(run: Run, images: int, seed: int = 0) -> Measurement:
    """The largest difference of any pixel value (-1 to 1) between the run's generator and `numpy_generator`.

    Both draw the same z with batch statistics, in batches of 128 (`images` is rounded up to whole ones). `details` has the same
    for our net in double precision: what is left there is no rounding. Raises UserError where the arrays are not at hand.
    """
    # on the CPU, because GPUs round convolutions to fewer digits; channels-last batchnorm on the CPU loses one more
    generator = run.generator().to(memory_format=torch.contiguous_format)
    double = copy.deepcopy(generator).double()
    noted = run.info["authors"]
    released = read(noted["folder"])
    if released.sha256 != noted["arrays"]:
        raise UserError(f"{noted['folder']}: holds other arrays than those imported into {run.path}; import again")
    rng = torch.Generator().manual_seed(seed)
    single, exact, spread = [], [], []
    with timed() as seconds, networks.batch_statistics(generator, double):
        for _ in range(-(-images // BATCH)):
            z = latent.sample(run.architecture, BATCH, rng)
            expected = numpy_generator(released, z.numpy())
            single.append(float(np.abs(generator(z).numpy() - expected).max()))
            exact.append(float(np.abs(double(z.double()).numpy() - expected).max()))
            spread.append(float(expected.std()))
        value, details = max(single), {"in_double_precision": max(exact), "spread_of_pixels": float(np.mean(spread))}
        return Measurement(value, value, value, len(single) * BATCH, seconds(), details)
