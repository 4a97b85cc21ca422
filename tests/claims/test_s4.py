import numpy as np
import pytest
from conftest import encode, make_folder

from dcgan_core.claims import claim, ledger, s4
from dcgan_core.cli import main
from dcgan_core.data import loading
from dcgan_core.errors import UserError
from dcgan_core.intervals import Measurement
from dcgan_core.metrics import memorisation
from dcgan_core.runs import Run


def photographs(path, seed: int, count: int = 60) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (count, 16, 16, 3), np.uint8)
    make_folder(path, {f"{'test' if i % 3 == 0 else 'train'}/{i}.png": encode(p) for i, p in enumerate(pixels)})


def copies(generator, train, held_out, count):
    return memorisation.copies(memorisation.generate_samples(generator, count, 0), train, held_out)


@pytest.mark.parametrize(
    ("name", "pictures", "said"),
    [("faces", "faces", "CelebA"), ("rooms", "places-rooms", "dining rooms, kitchens and living rooms (Places365)")],
)
def test_memorisation_is_measured_against_the_pictures_the_run_was_trained_on(data, tmp_path, name, pictures, said):
    photographs(data / pictures, 0)
    settings = ["architecture.size=16", "architecture.widths=4,4,4", "architecture.latent=5", "batch=8"]
    more = [x for s in settings for x in ("--set", s)]
    out = str(tmp_path / f"{name}-run")
    assert main(["train", name, "--profile", "quick", "--images", "160", "--device", "cpu", "--out", out, *more]) == 0
    run = Run(out)
    generator = run.generator()
    train, test = (loading.load_data(pictures, 16, split) for split in ("train", "test"))
    for claim_id, metric in (
        (f"memorisation.{name}", memorisation.distance_ratio),
        (f"memorisation.{name}.seen", memorisation.memorisation_seen),
        (f"memorisation.{name}.copies", copies),
    ):
        small = ledger.result(ledger.claim(claim_id), run, "cpu", small=True)
        expected = metric(generator, train.images, test.images, 400)
        assert small["value"] == pytest.approx(expected.value, abs=1e-5)
        assert (small["n"], small["details"]) == (400, expected.details)
        assert said in small["instead"] and small["stand_in"]
        assert ledger.claim(claim_id).kind == {copies: "paper" if name == "rooms" else "control"}.get(metric, "comparison")
        assert not any(ledger.claim(f"memorisation.{other}").fits(run) for other in {"faces", "rooms"} - {name})

    photographs(data / pictures, 1)
    with pytest.raises(UserError, match=f"{name}-run: the pictures that it was trained on .* are not here"):
        ledger.measure(run, [f"memorisation.{name}"], "cpu")


def test_rooms_and_faces_are_held_to_the_same_rules():
    for suffix in ("", ".seen", ".copies"):
        faces, rooms = (ledger.claim(f"memorisation.{name}{suffix}") for name in ("faces", "rooms"))
        assert (rooms.rule and rooms.rule.text) == (faces.rule and faces.rule.text)
        assert (rooms.unit, rooms.section) == (faces.unit, faces.section)


def test_equal_codes_are_the_pairs_at_distance_nought(run, monkeypatch):
    """The paper's rule, from the same autoencoder and the same planted copies as the row beside it."""
    shares = {"low": 0.0, "high": 1.0, "n": 9}
    by_radius = [
        {"radius": 0, "precision": {"value": 0.9} | shares, "recall": {"value": 0.4} | shares},
        {"radius": 1, "precision": {"value": 0.8} | shares, "recall": {"value": 0.5} | shares},
    ]
    details = {"photographs": 50, "left_out": 2, "planted": 20, "by_radius": by_radius, "radius": 1}
    both = {k: Measurement(0.1, 0.0, 1.0, 9, 3.0, details) for k in ("precision", "recall")}
    asked = []
    monkeypatch.setattr(claim, "check_photographs", lambda run: None)
    monkeypatch.setattr(s4, "_planted", lambda s, method: asked.append(method) or both)
    for what, value in (("precision", 0.9), ("recall", 0.4)):
        found = ledger.claim(f"dedup.{what}.equal_codes").measure(claim.Setting(run, "cpu"))
        assert (found.value, found.n, found.seconds, found.details["radius"]) == (value, 9, 3.0, 0)
        assert ledger.claim(f"dedup.{what}").measure(claim.Setting(run, "cpu")).value == 0.1
    assert asked == ["autoencoder"] * 4
