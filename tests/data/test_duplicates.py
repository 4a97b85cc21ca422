"""Near duplicates: grouping, codes, the list of what is kept."""

import numpy as np
import pytest
import torch
from conftest import encode, make_folder, make_zip, noise, snapshot

from dcgan_core import files
from dcgan_core.cli import main
from dcgan_core.data import duplicates, loading
from dcgan_core.data.cache import KEPT, prepare
from dcgan_core.data.duplicates import Autoencoder
from dcgan_core.data.images import Kept, part
from dcgan_core.drawings import scenes
from dcgan_core.errors import UserError
from dcgan_core.runs import Run


def pictures(count: int, size: int = 64, seed: int = 0) -> np.ndarray:
    """Smooth random pictures, uint8 N x 3 x size x size: like photographs, nearby pixels are alike."""
    coarse = torch.rand((count, 3, 8, 8), generator=torch.Generator().manual_seed(seed))
    smooth = torch.nn.functional.interpolate(coarse, size=(size, size), mode="bicubic")
    return (smooth.clamp(0, 1) * 255).to(torch.uint8).numpy()


def brute_force(hashes: np.ndarray, radius: int) -> list[int]:
    """Each image goes to the earliest kept one that is near; images with equal codes go where the first of them goes."""
    bits = np.unpackbits(hashes, axis=1)
    kept: list[int] = []
    for i in range(len(bits)):
        near = [j for j in range(i) if (bits[i] != bits[j]).sum() <= radius and kept[j] == j]
        same = [j for j in range(i) if (bits[i] == bits[j]).all()]
        kept.append(kept[same[0]] if same else near[0] if near else i)
    return kept


def flipped(hashes: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """The same codes, `count` bits of each flipped."""
    bits = np.unpackbits(hashes, axis=1)
    for row in bits:
        row[rng.permutation(bits.shape[1])[:count]] ^= 1
    return np.packbits(bits, axis=1)


@pytest.mark.parametrize("width", [8, 15, 16])
@pytest.mark.parametrize("radius", [0, 1, 3, 5])
def test_codes_within_the_radius_are_found_and_those_beyond_are_not(width, radius):
    rng = np.random.default_rng(radius)
    hashes = rng.integers(0, 256, (300, width), np.uint8)
    near, far = flipped(hashes[:100], radius, rng), flipped(hashes[100:200], radius + 1, rng)
    kept = duplicates.duplicates(np.concatenate([hashes, near, far]), radius)
    assert kept.tolist() == [*range(300), *range(100), *range(400, 500)]


@pytest.mark.parametrize("radius", [0, 1, 2, 4])
def test_grouping_equals_brute_force(radius):
    rng = np.random.default_rng(radius)
    centres = rng.integers(0, 256, (12, 6), np.uint8)  # chains: A near B near C, but A not near C
    hashes = np.concatenate([flipped(centres, int(n), rng) for n in rng.integers(0, 4, 8)])
    assert duplicates.duplicates(hashes, radius).tolist() == brute_force(hashes, radius)


def test_many_equal_codes_are_one_group():
    hashes = np.zeros((5000, 16), np.uint8)
    assert (duplicates.duplicates(hashes) == 0).all()


def test_a_crowded_bucket_costs_no_more_than_its_share_and_loses_no_equal_code():
    rng = np.random.default_rng(0)
    hashes = np.zeros((4000, 16), np.uint8)
    hashes[:, 8:] = rng.integers(0, 256, (4000, 8))  # the first bands are one bucket
    hashes[3000:] = hashes[:1000]
    assert (duplicates.duplicates(hashes)[3000:] == np.arange(1000)).all()


@pytest.mark.parametrize("count", [1, 2])
def test_few_codes(count):
    assert duplicates.duplicates(np.arange(16 * count, dtype=np.uint8).reshape(count, 16)).tolist() == list(range(count))


def test_crops_average_areas_and_repeat_one_channel():
    image = pictures(2)
    means = image.reshape(2, 3, 32, 2, 32, 2).mean((3, 5))
    assert abs(duplicates.crops(image) - means).max() <= 0.5
    grey = duplicates.crops(image[:, :1])
    assert grey.shape == (2, 3, 32, 32)
    assert (grey == grey[:, :1]).all()
    assert np.array_equal(duplicates.crops(image[:, :, :32, :32]), image[:, :, :32, :32])


def test_a_code_says_which_hidden_units_are_above_0():
    images = duplicates.crops(pictures(5))
    model = Autoencoder()
    hidden = model.encoder(torch.from_numpy(images).flatten(1) / 255)
    hashes = duplicates.codes(model, images)
    assert (hashes.shape, hashes.dtype) == ((5, 16), np.uint8)
    assert np.array_equal(np.unpackbits(hashes, axis=1), hidden.detach().numpy() > 0)


def test_training_repeats_for_a_seed_and_leaves_the_global_generator_alone():
    images = duplicates.crops(pictures(20))
    before = torch.random.get_rng_state()
    first, again, other = (duplicates.train_autoencoder(images, seed, steps=3) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert np.array_equal(duplicates.codes(first, images), duplicates.codes(again, images))
    assert not np.array_equal(duplicates.codes(first, images), duplicates.codes(other, images))


def test_training_learns_to_restore_the_images():
    images = scenes.draw("drawn-rooms", 200, 32).images
    model = duplicates.train_autoencoder(images, steps=150)
    x = model.center(images)
    assert (model.decoder(model.encode(x)) - x).pow(2).mean() < 0.5 * x.pow(2).mean()


def test_baselines():
    images = pictures(3)
    twice = np.concatenate([images, images, images + 1])
    assert duplicates.duplicates(duplicates.exact_codes(twice), 0).tolist() == [0, 1, 2, 0, 1, 2, 6, 7, 8]
    small = np.full((1, 3, 32, 32), 50, np.uint8)
    small[:, :, :4, 4:8] = 200
    assert np.unpackbits(duplicates.average_hashes(small)).nonzero()[0].tolist() == [1]


@pytest.fixture
def untrained(monkeypatch):
    """Random hidden units, which tell pictures as different as these apart: training takes a minute."""

    def model(images: np.ndarray, seed: int, **_) -> Autoencoder:
        torch.manual_seed(seed)
        model = Autoencoder()
        model.mean.copy_(torch.from_numpy(images.mean(0) / 255).flatten())
        return model

    monkeypatch.setattr(duplicates, "train_autoencoder", model)


@pytest.fixture
def pets(data, untrained):
    """Forty pictures of two classes, with attributes; the last ten are the first ten again."""
    images = pictures(30)
    images = np.concatenate([images, images[:10]]).transpose(0, 2, 3, 1)
    content = {f"train/{'ab'[i % 2]}/{i:02d}.png": encode(image) for i, image in enumerate(images)}
    table = "file,Odd\n" + "".join(f"{i:02d}.png,{1 if i % 2 else -1}\n" for i in range(40))
    return make_zip(data / "pets.zip", content | {"test/a/x.png": encode(images[0]), "attributes.csv": table.encode()})


def test_load_honours_the_list_of_kept_images_and_undo_restores(pets):
    before = loading.load_data("pets", 32)
    report = duplicates.deduplicate("pets", 32, device="cpu")
    assert (report.images, report.removed) == (40, 10)
    after = loading.load_data("pets", 32)
    everything = np.arange(40)
    removed = sorted(i for group in report.groups.values() for i in group)
    kept = np.setdiff1d(everything, removed)
    assert len({before.images[i].tobytes() for i in kept}) == 30
    assert (len(after), after.size, after.channels, after.images.shape) == (30, 32, 3, (30, 3, 32, 32))
    assert isinstance(after.images, Kept)
    assert np.array_equal(np.asarray(after.images), before.images[kept])
    assert np.array_equal(after.images[[3, 29, 0]], before.images[kept[[3, 29, 0]]])
    assert np.array_equal(after.images[-5:], before.images[kept[-5:]])
    assert np.array_equal(part(after, 3, 7).images[[0, -1]], before.images[kept[[3, 6]]])
    assert after.labels.tolist() == before.labels[kept].tolist()
    assert after.attributes.tolist() == before.attributes[kept].tolist()
    assert after.provenance["deduplicated"] == "10 removed"
    assert after.provenance["fingerprint"] != before.provenance["fingerprint"]
    assert len(loading.load_data("pets", 32, duplicates=True)) == 40
    assert len(loading.load_data("pets", 32, "test")) == 1
    assert len(loading.load_data("pets", 48)) == 40  # each size has a list of its own

    again = duplicates.deduplicate("pets", 32, device="cpu")
    assert again.groups == report.groups  # of the whole set, not of what the first list left
    assert loading.load_data("pets", 32).provenance == after.provenance
    assert duplicates.undo("pets", 32)
    assert not duplicates.undo("pets", 32)
    assert loading.load_data("pets", 32).provenance == before.provenance


def test_kept_images_cannot_be_changed_by_accident(pets):
    duplicates.deduplicate("pets", 32, device="cpu")
    with pytest.raises(TypeError):
        loading.load_data("pets", 32).images[0] = 0


def test_the_command_says_what_it_did(pets, capsys):
    assert main(["data", "dedup", "pets", "--size", "32", "--device", "cpu"]) == 0
    out = capsys.readouterr().out
    removed = 40 - len(loading.load_data("pets", 32))
    assert removed >= 10
    assert f"pets: {removed} of 40 training images removed" in out
    assert "is kept for" in out
    assert main(["data", "dedup", "pets", "--size", "32", "--undo"]) == 0
    assert "used again" in capsys.readouterr().out
    assert len(loading.load_data("pets", 32)) == 40
    assert main(["data", "dedup", "pets", "--size", "32", "--undo"]) == 0
    assert "was not deduplicated" in capsys.readouterr().out


def test_a_run_does_not_go_on_with_other_pictures(pets, tmp_path, capsys):
    settings = ["architecture.size=32", "architecture.widths=4,4,4", "architecture.latent=5", "batch=8", "images=80"]
    arguments = ["train", "pets", "--profile", "quick", "--device", "cpu", "--out", str(tmp_path / "run")]
    arguments += [x for s in settings for x in ("--set", s)]
    duplicates.deduplicate("pets", 32, device="cpu")
    assert main([*arguments, "--images", "80"]) == 0
    assert Run(tmp_path / "run").info["data"]["images"] == 30
    assert Run(tmp_path / "run").info["data"]["deduplicated"] == "10 removed"
    duplicates.undo("pets", 32)
    capsys.readouterr()
    assert main([*arguments, "--images", "160", "--resume"]) == 1
    assert "dcgan data dedup pets" in capsys.readouterr().err


@pytest.mark.parametrize("failure", ["full disk", "interrupted"])
def test_what_goes_wrong_leaves_the_list_as_it_was(pets, cache, monkeypatch, failure):
    duplicates.deduplicate("pets", 32, device="cpu")
    before = snapshot(cache)

    def full(*_):
        raise OSError(28, "No space left on device")

    def interrupted(*_):
        raise KeyboardInterrupt

    if failure == "full disk":
        monkeypatch.setattr(files.os, "fsync", full)
        with pytest.raises(UserError, match=r"kept\.npz: No space left"):
            duplicates.deduplicate("pets", 32, seed=1, device="cpu")
    else:
        monkeypatch.setattr(duplicates, "codes", interrupted)
        with pytest.raises(KeyboardInterrupt):
            duplicates.deduplicate("pets", 32, seed=1, device="cpu")
    assert snapshot(cache) == before


@pytest.mark.parametrize("damage", ["half", "empty", "text", "other"])
def test_a_damaged_list_is_an_error_that_names_it(pets, damage):
    path = prepare("pets", 32) / KEPT
    np.savez(path, kept=np.array([3, 40]))
    content = path.read_bytes()
    path.write_bytes({"half": content[:-40], "empty": b"", "text": b"hello", "other": content}[damage])
    with pytest.raises(UserError, match=r"kept\.npz"):
        loading.load_data("pets", 32)


def test_what_cannot_be_deduplicated_is_one_line(data, capsys):
    make_folder(data / "lonely", {"train/a.png": encode(noise(0, 64, 64))})
    for name, message in (
        ("digits", "its images have 8 px, deduplication looks at 32; choose --size 32 or more"),
        ("lonely", "it has one training image"),
        ("nothing", "unknown data set 'nothing'"),
    ):
        assert main(["data", "dedup", name]) == 1
        error = capsys.readouterr().err.splitlines()[-1]  # a bar may come before it where preparing takes long
        assert error.startswith("dcgan data: ")
        assert message in error


def test_grey_images_are_taken_for_colour_images_with_equal_channels(untrained):
    report = duplicates.deduplicate("digits", 32, device="cpu")
    after = loading.load_data("digits", 32)
    assert after.images.shape == (report.images - report.removed, 1, 32, 32)
