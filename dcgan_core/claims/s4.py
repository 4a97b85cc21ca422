from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from dcgan_core import devices
from dcgan_core.authors import importing, proof, reading
from dcgan_core.claims.claim import Claim, at_least, at_most, check_photographs, has_photographs, instead_of_lsun
from dcgan_core.data import duplicates, loading, planted
from dcgan_core.data.images import Crop
from dcgan_core.data.sources import source
from dcgan_core.drawings import scenes
from dcgan_core.errors import UserError
from dcgan_core.intervals import Measurement
from dcgan_core.metrics import detection, memorisation, walks
from dcgan_core.runs import Run


def _authors_max_abs_diff(run: Run, device: str, seed: int, small: bool) -> Measurement:
    return proof.max_abs_diff(run, images=importing.BATCH if small else 1024, seed=seed)


def _some(images: Any, most: int) -> Any:
    """At most so many, evenly from the whole set: the first ones may all be of one class."""
    return images[:: -(-len(images) // most)]


def _memorisation(metric: Callable[..., Measurement]) -> Callable[[Run, str, int, bool], Measurement]:
    """Measures with training and held-out photographs, which must be those of the run."""

    def measure(run: Run, device: str, seed: int, small: bool) -> Measurement:
        check_photographs(run)
        size, crop = run.architecture.size, run.info["config"]["crop"]
        train, held_out = (loading.load_data(run.info["config"]["data"], size, s, crop=crop).images for s in source.SPLITS)
        if small:
            train, held_out = _some(train, 4000), _some(held_out, 200)
        return metric(run.generator(devices.pick(device)), train, held_out, 400 if small else 5000, seed)

    return measure


def _dedup(method: str, what: str) -> Callable[[Run, str, int, bool], Measurement]:
    """Precision or recall on the run's photographs, with copies planted among them."""

    def measure(run: Run, device: str, seed: int, small: bool) -> Measurement:
        check_photographs(run)
        config, fingerprint = run.info["config"], run.info["data"]["fingerprint"]
        return _planted(config["data"], run.architecture.size, config["crop"], fingerprint, method, device, seed, small)[what]

    return measure


@cache  # precision and recall come from one autoencoder
def _planted(
    data: str, size: int, crop: Crop, fingerprint: str, method: str, device: str, seed: int, small: bool
) -> dict[str, Measurement]:
    train, held_out = (loading.load_data(data, size, s, crop=crop).images for s in source.SPLITS)
    if small:
        train, held_out = _some(train, 4000), _some(held_out, 200)
    count, steps = (400, 300) if small else (2000, duplicates.STEPS)
    return planted.measure_planted(train, count, method, seed=seed, device=devices.pick(device), steps=steps, unseen=held_out)


def _detector_recall(run: Run, device: str, seed: int, small: bool) -> Measurement:
    """On photographs that are held out: the cascade and its settings were chosen on the others."""
    if not has_photographs(run):
        raise UserError(f"{run.path}: the pictures that it was trained on ({run.data_name}) are not here")
    size, crop = run.architecture.size, run.info["config"]["crop"]
    photographs = loading.load_data(run.info["config"]["data"], size, "test", crop=crop).images
    return detection.detector_recall(photographs[: 100 if small else None], seed)


def _smoothness(run: Run, device: str, seed: int, small: bool) -> Measurement:
    return walks.walk_smoothness(run.generator(devices.pick(device)), pairs=40 if small else 1000, seed=seed)


def _walk_features(run: Run, device: str, seed: int, small: bool) -> Measurement:
    device = devices.pick(device)
    nets = run.generator(device), run.discriminator(device)
    return walks.walk_smoothness(nets[0], pairs=20 if small else 300, seed=seed, discriminator=nets[1])


def _walk_nearest(run: Run, device: str, seed: int, small: bool) -> Measurement:
    """Drawings are drawn again. A run that learnt from an earlier version of them saw the same with another grain, which is
    far less than lies between two drawings, so that copies would show all the same."""
    name, size = run.info["config"]["data"], run.architecture.size
    if name not in scenes.NAMES:
        check_photographs(run)
    if small and name in scenes.NAMES:  # a few are drawn sooner than all
        train, held_out = (scenes.draw(name, count, size, s).images for count, s in ((2000, 0), (200, 1)))
    else:
        train, held_out = (loading.load_data(name, size, s, crop=run.info["config"]["crop"]).images for s in source.SPLITS)
    if small:
        train, held_out = _some(train, 4000), _some(held_out, 200)
    return walks.walk_nearest(run.generator(devices.pick(device)), train, held_out, 20 if small else 150, seed=seed)


CLAIMS = [
    Claim(
        "authors.max_abs_diff",
        "3",
        "The generator that the authors released runs in our nets: it draws what its arrays define, computed apart with NumPy",
        "exact",
        "largest difference, pixels from -1 to 1",
        at_most(1e-5),
        _authors_max_abs_diff,
        lambda run: run.info.get("authors", {}).get("model") == reading.SVHN.folder,
    ),
    Claim(
        "memorisation.faces",
        "4.1",
        "Samples are not copies of training images: they are no nearer to them than unseen photographs are",
        "no memorisation (argued)",
        "ratio of distances",
        at_least(0.9),
        _memorisation(memorisation.distance_ratio),
        lambda run: run.data_name == "faces",
        instead_of_lsun,
    ),
    Claim(
        "memorisation.faces.seen",
        "4.1",
        "The net comes no closer to the photographs it was trained on than to others",
        "no memorisation (argued)",
        "ratio of distances",
        at_least(0.95),
        _memorisation(memorisation.memorisation_seen),
        lambda run: run.data_name == "faces",
        instead_of_lsun,
    ),
    Claim(
        "memorisation.rooms",
        "4.1",
        "Samples of rooms are not copies of training images: they are no nearer to them than unseen photographs are",
        "no memorisation (argued)",
        "ratio of distances",
        at_least(0.9),
        _memorisation(memorisation.distance_ratio),
        lambda run: run.data_name == "rooms",
        instead_of_lsun,
    ),
    Claim(
        "memorisation.rooms.seen",
        "4.1",
        "The net comes no closer to the rooms it was trained on than to others",
        "no memorisation (argued)",
        "ratio of distances",
        at_least(0.95),
        _memorisation(memorisation.memorisation_seen),
        lambda run: run.data_name == "rooms",
        instead_of_lsun,
    ),
    *(
        Claim(
            f"dedup.{what}{suffix}",
            "4.1.1",
            statement,
            paper if method == "autoencoder" else "not given",
            unit,
            at_least(bound),
            _dedup(method, what),
            lambda run: run.data_name in ("faces", "rooms"),
            instead_of_lsun,
        )
        for method, finds in (
            ("autoencoder", "The autoencoder's hash finds"),
            ("exact", "For comparison: equal bytes find"),
            ("average_hash", "For comparison: an average hash finds"),
        )
        for suffix in ["" if method == "autoencoder" else f".{method}"]
        for what, statement, paper, unit, bound in (
            ("precision", f"{finds} near duplicates with few false positives", "> 0.99", "share of found pairs", 0.99),
            ("recall", f"{finds} at least half of the planted near duplicates", "not given", "share of planted pairs", 0.5),
        )
    ),
    Claim(
        "faces.detector_recall",
        "4.2",
        "OpenCV's face detector finds the faces in photographs",
        "not given",
        "share of faces",
        at_least(0.5),
        _detector_recall,
        lambda run: run.data_name == "faces",
        lambda run: "aligned faces (CelebA) pasted into textured canvases instead of photographs from the web",
        of_weights=False,
    ),
    Claim(
        "walk.smoothness",
        "6.1",
        "Walking through z, images change smoothly, without jumps",
        "smooth (by eye)",
        "share of the way, largest of 16 steps",
        at_most(0.5),
        _smoothness,
        lambda run: not run.architecture.num_classes,
        instead_of_lsun,
    ),
    Claim(
        "walk.smoothness.features",
        "6.1",
        "…nor do they jump in the features that D sees",
        "smooth (by eye)",
        "share of the way, largest of 16 steps",
        at_most(0.5),
        _walk_features,
        lambda run: not run.architecture.num_classes and (run.data_name == "faces" or run.data_name in scenes.NAMES),
        instead_of_lsun,
    ),
    Claim(
        "walk.nearest",
        "6.1",
        "The images on the way are no copies of training images: they are no nearer to them than unseen pictures are",
        "not given",
        "ratio of distances",
        at_least(0.9),
        _walk_nearest,
        lambda run: run.data_name == "faces" or run.data_name in scenes.NAMES,
        instead_of_lsun,
    ),
]
