"""What is trained: `Config` and its checks (paper §4)."""

from dataclasses import dataclass, field
from typing import Literal

from dcgan_core import config_io
from dcgan_core.data.images import ImageData
from dcgan_core.errors import UserError
from dcgan_core.networks import Architecture
from dcgan_core.runs import Run


@dataclass(frozen=True)
class Config:
    """What is trained. The defaults are the paper's §4, the update order the authors' code's."""

    data: str  # a data set's name, or the path of a zip or folder
    architecture: Architecture = field(default_factory=Architecture)
    crop: Literal["center", "exact"] = "center"  # resize, then crop the center; exact: crop without resizing
    first: int = 0  # train on the first N images, the rest is a validation set (MNIST: 50,000 of 60,000); 0: all
    flip: bool = False  # mirror each image with probability 1/2: for sets too small for long runs (not in the paper)
    noise: float = 0.0  # standard deviation of noise on all that D sees; photographs are in [-1, 1] (not in the paper)
    shift: int = 0  # move all that D sees by up to N pixels, at random (not in the paper)
    tint: float = 0.0  # change brightness, saturation and contrast of all that D sees; 1: as DiffAugment (not in the paper)
    batch: int = 128  # images in a minibatch
    updates: Literal["alternate", "both"] = "alternate"  # each batch trains one net, G and D in turn, or both
    learning_rate: float = 2e-4  # Adam's, for both nets
    beta1: float = 0.5  # Adam's momentum
    beta2: float = 0.999  # Adam's decay rate of squared gradients
    weight_decay: float = 0.0  # L2, added to the gradient of every parameter (the authors' code: 1e-5 for faces)
    images: int = 0  # stop after this many training images have been seen; 0: no limit
    minutes: float = 0.0  # stop after this long, all sessions together; 0: no limit
    precision: Literal["auto", "single", "bf16"] = "auto"  # bf16 is autocast; auto: bf16 where it is faster
    decay_images: int = 0  # the learning rate falls linearly to zero over the last N images (MNIST); 0: it stays
    sync_batchnorm: bool = False  # of several processes: batchnorm over the whole batch, not over each process's share
    seed: int = 0  # of the weights, of z and of the order of images
    on_collapse: Literal["stop", "warn"] = "stop"  # what to do when training collapses

    def __post_init__(self) -> None:
        def need(condition: bool, message: str) -> None:
            if not condition:
                raise UserError(f"config: {message}")

        need(self.architecture.head, "a discriminator without a head cannot be trained; leave architecture.head true")
        need(2 <= self.batch <= 2**20, f"batch must be 2 (batchnorm) to {2**20:,}, got {self.batch}")
        need(self.learning_rate > 0, f"learning_rate must be positive, got {self.learning_rate}")
        need(0 <= self.beta1 < 1 and 0 <= self.beta2 < 1, "beta1 and beta2 must be in [0, 1)")
        need(self.weight_decay >= 0, f"weight_decay cannot be negative, got {self.weight_decay}")
        need(self.noise >= 0, f"noise cannot be negative, got {self.noise}")
        need(0 <= self.shift < self.architecture.size, f"shift must be 0 to {self.architecture.size - 1}, got {self.shift}")
        need(0 <= self.tint <= 1, f"tint must be 0 to 1, got {self.tint}")
        need(self.first >= 0, f"first cannot be negative, got {self.first}")
        need(self.images >= 0 and 0 <= self.minutes < float("inf"), "images and minutes cannot be negative or infinite")
        need(self.images > 0 or self.minutes > 0, "say how long to train: `images` or `minutes`")
        need(0 <= self.decay_images <= self.images, "decay_images needs as many images to train on; else `decay_images=0`")
        need(0 <= self.seed < 2**62, f"seed must be a number from 0, got {self.seed}")


# May be changed on --resume: they say when to stop, not what is trained
BUDGET = ("images", "minutes")
FREE = ("on_collapse", "data")  # the same pictures may lie elsewhere now: their content is compared


def check_resumable(config: Config, run: Run) -> None:
    """Raises UserError unless `run` was trained here with this config. FREE may differ; BUDGET too, without `decay_images`."""
    run.data_name  # noqa: B018  raises where run.json does not name its data
    if "authors" in run.info:
        raise UserError(f"{run.path}: was imported, not trained here; use `initial` to start a new run from its weights")
    old = config_io.to_dict(config_io.from_dict(Config, run.info["config"], str(run.path / "run.json")))
    new = config_io.to_dict(config)
    old["precision"] = run.precision or old["precision"]
    if config.precision == "auto":  # goes on in what it was started in
        new["precision"] = old["precision"]
    free = FREE if config.decay_images else (*BUDGET, *FREE)
    for key in sorted(old.keys() | new.keys()):
        if key not in free and old.get(key) != new.get(key):
            raise UserError(
                f"{run.path}: was started with {key} {_short(old.get(key), new.get(key))}, not"
                f" {_short(new.get(key), old.get(key))}; resume it with its own settings, or choose another `out`"
            )


def check_data(config: Config, data: ImageData) -> None:
    """Raises UserError unless the architecture makes images like those of `data`."""
    a = config.architecture
    if (data.size, data.channels) != (a.size, a.channels):
        raise UserError(
            f"{data.name}: images of {data.channels} x {data.size} x {data.size}, but the architecture makes"
            f" {a.channels} x {a.size} x {a.size}; set architecture.channels={data.channels} and architecture.size={data.size}"
        )
    if a.num_classes and (data.labels is None or len(data.classes) != a.num_classes):
        n = len(data.classes)
        raise UserError(f"{data.name}: {n} classes, but architecture.num_classes={a.num_classes}; set that to {n}")


def _short(value: object, other: object) -> str:
    if isinstance(value, dict) and isinstance(other, dict):
        return ", ".join(f"{k}={v}" for k, v in value.items() if other.get(k) != v)
    return str(value)
