"""What the tests of the ablations share."""

from dataclasses import replace

from chapters import defined_in

from dcgan_core.ablations import measuring, variants
from dcgan_core.cli import main
from dcgan_core.figures.tables import Table
from dcgan_core.networks import Architecture
from dcgan_core.readers import classes
from dcgan_core.training import session

CHAPTER_3 = defined_in("03_architecture", Table=Table, variants=variants)


def measured(**values) -> dict:
    fine = {"frechet": 10.0, "precision": 0.5, "recall": 0.4, "diversity": 0.9, "oscillation": 0.2}
    fine |= {"diverged": False, "collapsed": None, "alarms": [], "train_seconds": 1.0, "measure_seconds": 0.5}
    sampled = {"frechet": 11.0, "precision": 0.5, "recall": 0.4, "diversity": 0.8}
    return fine | {"batch_statistics": sampled} | values


def shrink(monkeypatch) -> None:
    """Tiny nets on the digits, few samples."""
    a = Architecture(16, 1, (4, 8), (2, 2), kernel=4, latent=10)
    monkeypatch.setattr(variants, "BASELINE", replace(variants.BASELINE, data="digits", architecture=a, batch=16))
    monkeypatch.setattr(measuring, "SAMPLES", 60)
    monkeypatch.setattr(variants, "APART", 2)
    monkeypatch.setattr(session, "LOG_EVERY", 2)
    monkeypatch.setattr(session, "BATCHNORM_BATCHES", 3)
    original = classes.train_classifier
    monkeypatch.setattr(classes, "train_classifier", lambda data, device: original(data, images=640, device=device))


def ablate(out, *more: str) -> int:
    return main(["ablate", "--out", str(out), "--images", "320", "--data", "digits", "--device", "cpu", *more])
