"""A run on disk: what was trained, how far it got, and its weights.

    run.json                    what is trained and how far it is: config, data, counters, machine, versions, lineage
    checkpoint.pt               what is needed to continue exactly (weights, both Adams, random state)
    good.pt                     while training looks unstable (`training.collapse`): the last checkpoint before that
    generator.safetensors       at the end: G, with batchnorm statistics estimated from the data, not from running averages
    discriminator.safetensors
    log.jsonl                   losses and speed, a line every few updates
    samples/                    grids of the same z, named by the number of images seen
    results.json                claims measured on this run (`dcgan measure`)

A run imported from the authors' arrays (`authors`) has no checkpoint and no log. A run shipped without weights has no nets.
Every file but the log is written under another name and renamed.
"""

from __future__ import annotations

import io
import json
import os
import platform
import re
import shutil
import subprocess
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import safetensors
import safetensors.torch
import torch

from dcgan_core import assets, config_io, devices
from dcgan_core.errors import UserError, reason
from dcgan_core.files import read_json, write_atomically, write_json
from dcgan_core.networks import Architecture, Discriminator, Generator

if TYPE_CHECKING:
    from dcgan_core.data.images import ImageData
    from dcgan_core.training.config import Config

FORMAT = 1
NETS = {"generator": Generator, "discriminator": Discriminator}
Net = TypeVar("Net", Generator, Discriminator)


class Run:
    """A run's folder, or the shipped run of that name. `Run.create` makes one. Raises UserError if it is not a run."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        shipped = assets.FOLDERS["reference_runs"] / path
        if len(self.path.parts) == 1 and shipped.is_dir() and not (self.path / "run.json").exists():
            self.path = shipped
        if not self.path.is_dir():
            raise UserError(f"{self.path}: no such run{_known_runs()}")
        self.info: dict[str, Any] = read_json(self.path / "run.json", "a run's description")
        known = isinstance(self.info, dict) and self.info.get("format") == FORMAT
        if not known or not isinstance(self.info.get("config"), dict):
            raise UserError(f"{self.path / 'run.json'}: not written by dcgan train (or by a newer version of it)")

    @classmethod
    def create(cls, path: str | os.PathLike[str], info: dict[str, Any]) -> Run:
        """A new run whose run.json holds `info` (JSON values; `config` at least). The folder must be empty or absent."""
        path = Path(path)
        if path.exists() and (not path.is_dir() or any(not p.name.endswith(".tmp") for p in path.iterdir())):
            run = (path / "run.json").exists()
            why = "already exists; continue it with `resume`, or" if run else "already exists, and is no run;"
            raise UserError(f"{path}: {why} choose another `out`")
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"{path}: cannot be made ({error.strerror}); choose another `out`") from None
        write_json(path / "run.json", {"format": FORMAT, "status": "training", **info})
        return cls(path)

    @classmethod
    def reference(cls, name: str) -> Run:
        """A shipped reference run."""
        return cls(assets.folder("reference_runs") / name)

    @property
    def name(self) -> str:
        return self.path.resolve().name

    @property
    def data_name(self) -> str:
        """The data set that it was trained on. Raises UserError if run.json does not say."""
        data = self.info.get("data")
        if not isinstance(data, dict) or "name" not in data:
            raise UserError(f"{self.path / 'run.json'}: does not say what it was trained on; train it with dcgan train")
        return str(data["name"])

    @property
    def architecture(self) -> Architecture:
        return config_io.from_dict(Architecture, self.info["config"].get("architecture"), str(self.path / "run.json"))

    @property
    def precision(self) -> str | None:
        """`single` or `bf16`; None before training has started. Old runs have it only in their config."""
        asked = self.info["config"].get("precision", "single")
        return self.info.get("precision") or (None if asked == "auto" else asked)

    def update(self, **values: Any) -> None:
        self.info |= values
        write_json(self.path / "run.json", self.info)

    # --- going on -----------------------------------------------------------------------------------------------------

    @property
    def has_checkpoint(self) -> bool:
        return (self.path / "checkpoint.pt").is_file()

    def save_checkpoint(self, state: dict[str, Any]) -> None:
        buffer = io.BytesIO()  # so that a full disk shows as an error of the write, with the old checkpoint still there
        torch.save(state, buffer)
        write_atomically(self.path / "checkpoint.pt", buffer.getbuffer())

    def load_checkpoint(self) -> dict[str, Any]:
        path = self.path / "checkpoint.pt"
        try:
            return dict(torch.load(path, map_location="cpu", weights_only=True))
        except FileNotFoundError:
            raise UserError(f"{path}: no such file; the run stopped before its first checkpoint, or was shipped") from None
        except Exception as error:  # torch.load raises pickle's, zip's and its own errors
            raise UserError(f"{path}: damaged or not a checkpoint ({reason(error)}); start anew with another `out`") from None

    def keep_good_checkpoint(self) -> None:
        """Keeps the current checkpoint before one is written that may be useless, unless a good one is kept already."""
        good = self.path / "good.pt"
        if self.has_checkpoint and not good.exists():
            write_atomically(good, (self.path / "checkpoint.pt").read_bytes())

    def restore_good_checkpoint(self) -> None:
        """Makes the good checkpoint, if one was kept, the run's checkpoint."""
        good = self.path / "good.pt"
        if good.exists():
            os.replace(good, self.path / "checkpoint.pt")

    def forget_good_checkpoint(self) -> None:
        (self.path / "good.pt").unlink(missing_ok=True)

    # --- nets ---------------------------------------------------------------------------------------------------------

    def generator(self, device: torch.device | str = "cpu") -> Generator:
        """G in eval mode and float32 on `device`."""
        return self._net("generator", Generator, device)

    def discriminator(self, device: torch.device | str = "cpu", *, will_estimate_batchnorm: bool = False) -> Discriminator:
        """D in eval mode and float32 on `device`.

        An imported D may have no batchnorm statistics. That raises a UserError, unless the caller will estimate them
        (`networks.estimate_batchnorm`) or use batch statistics.
        """
        net = self._net("discriminator", Discriminator, device)
        statistics = self.info.get("authors", {}).get("statistics", {})
        if not will_estimate_batchnorm and statistics.get("discriminator", True) is None:
            raise UserError(f"{self.path}: its D has no batchnorm statistics; import it again with `statistics` DATASET")
        return net

    def has_net(self, kind: str) -> bool:
        return (self.path / f"{kind}.safetensors").is_file()

    def _net(self, kind: str, cls: type[Net], device: torch.device | str) -> Net:
        path = self.path / f"{kind}.safetensors"
        if not path.is_file():
            if "without_weights" in self.info:
                raise UserError(f"{self.path}: was shipped without weights; get them with: {self.info['without_weights']}")
            if kind not in self.info.get("authors", {}).get("nets", NETS):
                raise UserError(f"{self.path}: has no {kind}; none was among the imported arrays")
            way_out = "let it finish, or continue it with `resume`" if self.has_checkpoint else "train it, or get it again"
            raise UserError(f"{path}: no such file; the run has no finished {kind}: {way_out}")
        net = cls(self.architecture)
        try:
            stored: dict[str, torch.Tensor] = safetensors.torch.load(path.read_bytes())
            # of weights in 8 bits
            scales = {k.removesuffix(".scale"): stored.pop(k) for k in [*stored] if k.endswith(".scale")}
            state = {k: v.float() * (scales[k] if v.dtype == torch.int8 else 1.0) for k, v in stored.items()}
        except (safetensors.SafetensorError, OSError, RuntimeError, KeyError) as error:
            raise UserError(f"{path}: damaged ({error}); get it again, or train it again") from None
        expected = {k: v.shape for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
        found = {k: v.shape for k, v in state.items()}
        if expected != found:
            odd = sorted(k for k in expected.keys() | found.keys() if expected.get(k) != found.get(k))
            raise UserError(f"{path}: not this run's {kind} ({odd[0]} does not fit the architecture in run.json)")
        bad = next((k for k, v in state.items() if not v.isfinite().all()), None)
        if bad:
            raise UserError(f"{path}: {bad} has values that are NaN or infinite; train it again")
        net.load_state_dict(state, strict=False)
        return net.to(device).to(memory_format=devices.layout(device)).eval()

    # --- log, samples -------------------------------------------------------------------------------------------------

    @property
    def trained(self) -> dict[str, float]:
        """`images` seen, `d_updates`, `g_updates` and `minutes` so far, including the runs whose weights it started from."""
        try:
            parts = [*self.info.get("lineage", []), self.info]
            counts = [part.get("counters") or {} for part in parts]  # none in what the authors released
            counters = {key: sum(c.get(key, 0) for c in counts) for key in ("images", "d_updates", "g_updates")}
            return counters | {"minutes": sum(part.get("minutes") or 0 for part in parts)}
        except (AttributeError, TypeError):
            raise UserError(f"{self.path / 'run.json'}: damaged, its counters are no numbers") from None

    def log(self) -> list[dict[str, Any]]:
        """The rows of log.jsonl; a line that was only half written when the run was killed is left out."""
        path = self.path / "log.jsonl"
        rows = []
        for line in path.read_bytes().splitlines() if path.is_file() else []:
            try:
                rows.append(json.loads(line))
            except ValueError:
                break
        return rows

    def samples(self) -> dict[int, Path]:
        """Grids of the same z: images seen -> file."""
        paths = (self.path / "samples").glob("[0-9]*.*")
        return dict(sorted((int(p.stem), p) for p in paths if p.stem.isdigit()))


def start(
    config: Config,
    data: ImageData,
    path: str | os.PathLike[str],
    *,
    recipe: str | None = None,
    profile: str | None = None,
    initial: Run | None = None,
) -> Run:
    """Makes a new run of `config` on `data` in `path`, not trained yet. All are made here but those imported from the authors.

    recipe, profile: the names of what is trained; initial: the run whose weights it starts from. run.json records these, the
    data's fingerprint, the machine, versions and commit. Raises UserError if `path` is not empty.
    """
    lineage = []
    if initial:
        ancestor = {"name": initial.name, **{k: initial.info.get(k) for k in ("counters", "minutes", "commit")}}
        lineage = [*initial.info.get("lineage", []), ancestor]
    info = {
        "recipe": recipe,
        "profile": profile,
        "config": config_io.to_dict(config),
        "data": {"name": data.name, "images": len(data), **data.provenance},
        "initial": str(initial.path.resolve()) if initial else None,
        "lineage": lineage,
    }
    return Run.create(path, info | environment())


def write_net(folder: Path, kind: str, net: Generator | Discriminator, packed: dict[str, torch.Tensor] | None = None) -> None:
    """Writes `<kind>.safetensors`. packed: in place of the net's own tensors, the same in fewer bits (`claims.shipping`)."""
    state = {k: v.detach().cpu().contiguous() for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
    # one entry: several come out in an order that changes, and equal runs should be equal files
    note = {"dcgan": json.dumps({"net": kind, "architecture": config_io.to_dict(net.architecture)})}
    write_atomically(folder / f"{kind}.safetensors", safetensors.torch.save(packed or state, note))


def _known_runs() -> str:
    shipped = sorted(p.parent.name for p in assets.FOLDERS["reference_runs"].glob("*/run.json"))
    runs = [str(p.parent) for p in Path("runs").glob("*/run.json")] + shipped
    return f"; there are: {', '.join(runs)}" if runs else "; make one with: dcgan train"


def reference_runs() -> list[Run]:
    """Every shipped run. Raises UserError if the book's runs cannot be found."""
    return [Run(p.parent) for p in sorted(assets.folder("reference_runs").glob("*/run.json"))]


def environment() -> dict[str, Any]:
    """Machine, versions and commit, for a run's provenance."""
    packages = ("dcgan-core", "torch", "torchvision", "numpy", "pillow")
    installed = {d.name.lower(): d.version for d in metadata.distributions() if d.name}
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").is_file() else ""
    processor = re.search(r"model name\s*: (.+)", info)
    commit = ""
    if shutil.which("git") and (Path(__file__).parents[1] / ".git").exists():  # not that of a folder around an environment
        command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
        commit = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    return {
        "machine": {
            "processor": processor[1].strip() if processor else platform.processor() or platform.machine(),
            "cores": os.cpu_count(),
            "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
            "system": platform.system(),
        },
        "versions": {"python": platform.python_version(), **{p: installed.get(p) for p in packages}},
        "commit": commit or None,
    }
