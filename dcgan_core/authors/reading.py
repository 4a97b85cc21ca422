"""What did the authors release, and are these arrays it? Whole ones are read, others refused by name."""

import hashlib
import io
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dcgan_core.errors import UserError, reason
from dcgan_core.networks import ARCHITECTURES, Architecture
from dcgan_core.runs import NETS

REPOSITORY = "https://github.com/Newmu/dcgan_code"
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
        layers: list[tuple[str, str, tuple[int, ...]]] = [("dense.0", "projection", (a.latent, prod(a.base)))]
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


def read(folder: str | Path) -> Released:
    """Reads and checks the arrays in `folder`.

    A net may be absent as a whole. Otherwise a missing array is an error, but for the ImageNet model's discriminator: that
    ends at its last complete layer, and `missing` says what is not there. Raises UserError that names the file: a
    foreign or missing one, another shape or type than the model's, values that are not finite, gains that are biases. Two
    arrays of equal shape and meaning, such as the gains of two layers of equal width, cannot be told apart.
    """
    folder = Path(folder)
    model, found = _recognise(folder)
    arrays: dict[str, dict[str, np.ndarray]] = {}
    sha256, missing = {}, {}
    for net in NETS:
        files = model.files(net)
        here = {name: x for name, x in files.items() if name in found}
        if not here:
            continue
        if len(here) < len(files):
            missing = {name: x.meaning for name, x in files.items() if name not in here}
            if net == "generator" or not model.copies_lack_arrays:
                raise UserError(f"{folder}: {len(missing)} of the {net}'s {len(files)} arrays are missing: {listed(missing)}")
        arrays[net] = {}
        for name, expected in here.items():
            try:
                content = (folder / name).read_bytes()
            except OSError as error:
                raise UserError(f"{folder / name}: cannot be read ({error.strerror})") from None
            arrays[net][expected.key] = _array(folder / name, content, expected, files)
            sha256[name] = hashlib.sha256(content).hexdigest()
    architecture = model.architecture
    if missing:
        if "generator" in arrays:
            raise UserError(
                f"{folder}: {listed(missing)} missing; a discriminator that ends early does not go with a generator:"
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


def listed(missing: dict[str, str]) -> str:
    """Missing files with what they would have held, for messages."""
    return ", ".join(f"{name} ({meaning})" for name, meaning in missing.items())


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
        raise UserError(f"{folder}: {listed(missing)} missing, so no layer is complete; get them from {REPOSITORY}")
    shorter = replace(a, widths=a.widths[:layers], strides=a.strides[:layers], head=False)
    return shorter, {key: x for key, x in arrays.items() if key.startswith(tuple(stages[:layers]))}
