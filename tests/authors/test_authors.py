"""The authors' arrays: read whole or refused, drawn as Theano would. Random arrays of the same shapes stand in for them."""

import io
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import encode, make_folder, noise, ships_from, snapshot
from PIL import Image

from dcgan_core import files, latent, networks, runs
from dcgan_core.authors import importing, proof, reading
from dcgan_core.claims import ledger, shipping
from dcgan_core.cli import main
from dcgan_core.data import loading
from dcgan_core.errors import UserError
from dcgan_core.runs import Run

SVHN, IMAGENET = reading.MODELS
# by hand, from the files and imagenet/load_pretrained.py
SHAPES = {
    "200_gen": [(100, 4096), (4096,), (4096,), (256, 128, 5, 5), (128,), (128,), (128, 64, 5, 5), (64,), (64,), (64, 3, 5, 5)],
    "200_discrim": [(64, 3, 5, 5), (128, 64, 5, 5), (128,), (128,), (256, 128, 5, 5), (256,), (256,), (4096, 1)],
    "30_gen": [(256, 8192), (8192,), (8192,)]
    + [s for i, o in ((512, 512), (512, 256), (256, 256), (256, 128), (128, 128)) for s in ((i, o, 3, 3), (o,), (o,))]
    + [(128, 3, 3, 3)],
    "30_discrim": [(128, 3, 3, 3)]
    + [s for o, i in ((128, 128), (256, 128), (256, 256), (512, 256), (512, 512)) for s in ((o, i, 3, 3), (o,), (o,))]
    + [(8192, 1)],
}


def write_arrays(folder: Path, *nets: str) -> Path:
    """Arrays of the released shapes such that images are neither flat nor saturated."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    for net in nets:
        previous = 0
        for number, shape in enumerate(SHAPES[net], 1):
            if len(shape) == 1:  # gains come before biases
                array = rng.normal(1, 0.1, shape) if previous > 1 else rng.normal(-0.3, 0.2, shape)
            else:
                array = rng.normal(0, 0.05, shape)
            previous = len(shape)
            np.save(folder / f"{net}_params.jl_{number:02d}.npy", array.astype(np.float32))
    return folder


@pytest.fixture(scope="session")
def svhn(tmp_path_factory) -> Path:
    return write_arrays(tmp_path_factory.mktemp("authors") / SVHN.folder, "200_gen", "200_discrim")


@pytest.fixture(scope="session")
def imagenet(tmp_path_factory) -> Path:
    """A whole D."""
    return write_arrays(tmp_path_factory.mktemp("authors") / IMAGENET.folder, "30_discrim")


@pytest.fixture
def copied(svhn, imagenet, tmp_path):
    """Makes a copy of a folder of arrays that can be spoiled, without the files named in `without`."""

    def copy(source: Path = svhn, without: tuple[str, ...] = ()) -> Path:
        target = tmp_path / "copy" / source.name
        target.mkdir(parents=True)
        for path in source.iterdir():
            if path.name not in without:
                (target / path.name).symlink_to(path)
        return target

    return copy


def replace(path: Path, content: np.ndarray | bytes) -> None:
    if isinstance(content, np.ndarray):
        buffer = io.BytesIO()
        np.save(buffer, content, allow_pickle=True)
        content = buffer.getvalue()
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def few_batches(patch) -> None:
    patch.setattr(importing, "BATCHNORM_BATCHES", 2)
    patch.setattr(importing, "BATCH", 16)


@pytest.fixture
def quick(monkeypatch) -> None:
    few_batches(monkeypatch)


@pytest.fixture(scope="session")
def imported(svhn, tmp_path_factory) -> Run:
    """A run of the random arrays. Not to be changed."""
    with pytest.MonkeyPatch.context() as patch:
        few_batches(patch)
        return importing.import_run(svhn, tmp_path_factory.mktemp("imported") / "mine", device="cpu")


@pytest.fixture
def imported_copy(imported, tmp_path) -> Run:
    shutil.copytree(imported.path, tmp_path / "copied" / "mine")
    return Run(tmp_path / "copied" / "mine")


# --- Theano, in NumPy -------------------------------------------------------------------------------------------------
# Written from the definition, tap by tap, where proof.numpy_generator works window by window. Theano's convolution is the
# true one: out[y] = sum over a of kernel[a] * in[stride * y - padding + (k - 1 - a)].


def theano_conv(x: np.ndarray, kernel: np.ndarray, stride: int) -> np.ndarray:
    k, side = kernel.shape[-1], x.shape[-1] // stride
    padding = (k - 1) // 2
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    out = 0
    for a in range(k):
        for b in range(k):
            seen = x[:, :, k - 1 - a :, k - 1 - b :][:, :, : stride * side : stride, : stride * side : stride]
            out = out + np.tensordot(kernel[:, :, a, b], seen, (1, 1))
    return out.swapaxes(0, 1)


def theano_deconv(y: np.ndarray, kernel: np.ndarray, stride: int) -> np.ndarray:
    """The gradient of `theano_conv` for its input (lib/ops.py): each value goes back to where it came from."""
    k, side = kernel.shape[-1], y.shape[-1]
    padding, size = (k - 1) // 2, side * stride
    out = np.zeros((kernel.shape[1], len(y), size + k + stride, size + k + stride))
    for a in range(k):
        for b in range(k):
            came_from = out[:, :, k - 1 - a :, k - 1 - b :][:, :, :size:stride, :size:stride]
            came_from += np.tensordot(kernel[:, :, a, b], y, (0, 1))
    return out[:, :, padding : padding + size, padding : padding + size].swapaxes(0, 1)


def theano_batchnorm(x: np.ndarray, gains: np.ndarray, biases: np.ndarray) -> np.ndarray:
    x = np.moveaxis(x, 1, -1)
    flat = x.reshape(-1, x.shape[-1])
    flat = (flat - flat.mean(0)) / np.sqrt(((flat - flat.mean(0)) ** 2).mean(0) + 1e-8) * gains + biases
    return np.moveaxis(flat.reshape(x.shape), -1, 1)


def stored(folder: Path, net: str) -> list[np.ndarray]:
    return [np.load(path).astype(np.float64) for path in sorted(folder.glob(f"*_{net}_params.jl_*.npy"))]


def theano_generator(folder: Path, z: torch.Tensor, *, flip: bool = False) -> np.ndarray:
    w, g, b, w2, g2, b2, w3, g3, b3, wx = (x[..., ::-1, ::-1] if flip and x.ndim == 4 else x for x in stored(folder, "gen"))
    h = np.maximum(theano_batchnorm(z.double().numpy() @ w, g, b), 0).reshape(len(z), 256, 4, 4)
    h = np.maximum(theano_batchnorm(theano_deconv(h, w2, 2), g2, b2), 0)
    h = np.maximum(theano_batchnorm(theano_deconv(h, w3, 2), g3, b3), 0)
    return np.tanh(theano_deconv(h, wx, 2))


def theano_discriminator(folder: Path, images: torch.Tensor) -> np.ndarray:
    w, w2, g2, b2, w3, g3, b3, wy = stored(folder, "discrim")
    leaky = lambda x: np.where(x > 0, x, 0.2 * x)  # noqa: E731
    h = leaky(theano_conv(images.double().numpy(), w, 2))
    h = leaky(theano_batchnorm(theano_conv(h, w2, 2), g2, b2))
    h = leaky(theano_batchnorm(theano_conv(h, w3, 2), g3, b3))
    return (h.reshape(len(h), -1) @ wy)[:, 0]


@pytest.fixture(params=["random", pytest.param("real", marks=pytest.mark.real_data)])
def arrays(request, svhn) -> Path:
    """The SVHN model's folder, with random arrays and with the released ones."""
    return svhn if request.param == "random" else request.getfixturevalue("real_data") / "newmu" / SVHN.folder


@torch.no_grad()
def test_the_generator_draws_what_theano_would_and_unflipped_kernels_would_not(arrays):
    released = reading.read(arrays)
    generator = importing.nets(released)["generator"].to(memory_format=torch.contiguous_format)
    z = torch.randn(16, 100, generator=torch.Generator().manual_seed(1))
    expected = theano_generator(arrays, z)
    assert (
        expected.std() > 0.1 and abs(expected).max() > 0.5 and (abs(expected) > 0.99).mean() < 0.1
    )  # neither flat nor saturated
    with networks.batch_statistics(generator):
        images = generator(z).numpy()
    assert images.dtype == np.float32
    assert abs(images - expected).max() < 1e-5
    assert abs(proof.numpy_generator(released, z.numpy()) - expected).max() < 1e-12
    assert abs(theano_generator(arrays, z, flip=True) - images).max() > 0.1


@torch.no_grad()
def test_the_discriminator_judges_as_theano_would(arrays):
    discriminator = importing.nets(reading.read(arrays))["discriminator"]
    images = torch.rand(16, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
    expected = theano_discriminator(arrays, images)
    assert expected.std() > 0.1
    with networks.batch_statistics(discriminator):
        assert abs(discriminator(images).numpy() - expected).max() < 1e-4 * abs(expected).max()
        assert abs(discriminator(images.flip(2)).numpy() - expected).max() > 0.1


# --- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "net", "short"), [(m, n, s) for m in reading.MODELS for n, s in zip(runs.NETS, ("gen", "discrim"), strict=True)]
)
def test_the_layout_is_that_of_the_files(model, net, short):
    found = model.files(net)
    assert [x.shape for x in found.values()] == SHAPES[f"{model.epochs}_{short}"]
    assert list(found) == [f"{model.epochs}_{short}_params.jl_{i:02d}.npy" for i in range(1, len(found) + 1)]
    keys = {k for k in runs.NETS[net](model.architecture).state_dict() if "running" not in k and "num_batches" not in k}
    assert {x.key for x in found.values()} == keys


def test_pickles_and_notes_beside_the_arrays_are_left_alone(copied):
    folder = copied()
    (folder / "200_gen_params.jl").write_bytes(b"\x80\x04.")
    (folder / "README.md").write_text("x")
    assert len(reading.read(folder).sha256) == 18


def test_a_net_may_be_absent(copied, quick, tmp_path):
    folder = copied(without=tuple(SVHN.files("discriminator")))
    run = importing.import_run(folder, tmp_path / "out", device="cpu")
    assert run.generator()
    with pytest.raises(UserError, match="has no discriminator; none was among the imported arrays"):
        run.discriminator()
    with pytest.raises(UserError, match="has no discriminator that needs them"):
        make_folder(tmp_path / "pictures", {f"train/{i}.png": encode(noise(i, 32, 32)) for i in range(2)})
        importing.import_run(folder, tmp_path / "other", statistics=str(tmp_path / "pictures"), device="cpu")


def test_a_whole_imagenet_discriminator_judges(imagenet):
    released = reading.read(imagenet)
    assert released.architecture == IMAGENET.architecture
    assert released.missing == {}
    assert importing.nets(released)["discriminator"](torch.rand(2, 3, 32, 32)).shape == (2,)


GAPS = {
    "two convs": (("11", "14"), 4, "weights of conv 5"),
    "the head": (("17",), 6, "weights of head"),
    "a gain": (("06",), 2, "gains of conv 3"),
}


@pytest.mark.parametrize("gap", GAPS)
def test_an_incomplete_imagenet_discriminator_ends_at_its_last_complete_layer(copied, imagenet, tmp_path, capsys, gap):
    numbers, layers, named = GAPS[gap]
    missing = [f"30_discrim_params.jl_{n}.npy" for n in numbers]
    folder = copied(imagenet, tuple(missing))
    assert main(["import-authors", str(folder), "--out", str(tmp_path / "run"), "--device", "cpu"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in missing) and named in out and f"ends at conv {layers}" in out and "not estimated" in out
    run = Run(tmp_path / "run")
    assert list(run.info["authors"]["missing"]) == missing
    assert run.info["authors"]["statistics"] == {"discriminator": None}
    with pytest.raises(UserError, match="import it again with `statistics`"):
        run.discriminator()
    with pytest.raises(UserError, match="has no generator"):
        run.generator()
    d = run.discriminator(will_estimate_batchnorm=True)
    images = torch.rand(4, 3, 32, 32)
    networks.estimate_batchnorm(d, [(images,)])
    with torch.no_grad():
        assert [m.shape[1] for m in d.features(images)] == [128, 128, 256, 256, 512, 512][:layers]
        whole = importing.nets(reading.read(imagenet))["discriminator"]
        with networks.batch_statistics(d, whole):
            assert all(
                torch.allclose(x, y, atol=1e-4) for x, y in zip(d.features(images), whole.features(images), strict=False)
            )
    with pytest.raises(UserError, match="has no head"):
        d(images)


@pytest.mark.real_data
def test_the_incomplete_imagenet_discriminator_is_read_to_conv_4(real_data):
    released = reading.read(real_data / "newmu" / IMAGENET.folder)
    assert released.architecture.widths == (128, 128, 256, 256) and not released.architecture.head
    assert list(released.missing.values()) == ["weights of conv 5", "weights of conv 6"]


def random(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.05, shape).astype(np.float32)


G, D = "200_gen_params.jl_{}.npy", "200_discrim_params.jl_{}.npy"
BAD = {
    "missing": (
        G.format("05"),
        None,
        r"1 of the generator's 10 arrays are missing: 200_gen_params\.jl_05\.npy \(gains of conv 1\)",
    ),
    "missing from D": (D.format("08"), None, r"200_discrim_params\.jl_08\.npy \(weights of head\)"),
    "shape": (
        G.format("07"),
        random(128, 64, 4, 4),
        r"jl_07\.npy: weights of conv 2 should be 128 x 64 x 5 x 5, found 128 x 64 x 4 x 4",
    ),
    "scalar": (G.format("07"), np.array(3, np.float32), r"jl_07\.npy.*found one number"),
    "transposed": (D.format("08"), random(1, 4096), r"jl_08\.npy.*found 1 x 4096; of another net"),
    "nan": (D.format("02"), np.full((128, 64, 5, 5), np.nan, np.float32), r"discrim_params\.jl_02\.npy.*not finite"),
    "infinite": (G.format("03"), np.full(4096, -np.inf, np.float32), r"gen_params\.jl_03\.npy.*not finite"),
    "double": (
        G.format("01"),
        random(100, 4096).astype(np.float64),
        r"jl_01\.npy: expected an array of float32, found float64",
    ),
    "half": (G.format("01"), random(100, 4096).astype(np.float16), "found float16"),
    "whole numbers": (G.format("02"), np.ones(4096, np.int64), "found int64"),
    "big-endian": (G.format("02"), np.ones(4096, ">f4"), "found >f4"),
    "a pickle": (G.format("02"), b"\x80\x04\x95\x10\x00.", r"jl_02\.npy: not a whole NumPy array"),
    "empty": (G.format("02"), b"", r"jl_02\.npy: not a whole NumPy array"),
    "text": (G.format("02"), b"version https://git-lfs.github.com/spec/v1\n", r"jl_02\.npy: not a whole NumPy array"),
    "a foreign file": ("weights.npy", random(3), r"weights\.npy: not an array of svhn"),
    "one too many": (G.format("11"), random(3), r"jl_11\.npy: not an array of svhn"),
    "another number": (G.format("1"), random(3), r"jl_1\.npy: not an array of svhn"),
    "two models": ("30_discrim_params.jl_01.npy", random(128, 3, 3, 3), "holds several models: svhn.*, imagenet"),
}


@pytest.mark.parametrize("bad", BAD)
def test_bad_arrays_are_one_line_and_nothing_is_written(copied, tmp_path, bad):
    name, content, message = BAD[bad]
    folder = copied()
    if content is None:
        (folder / name).unlink()
    else:
        replace(folder / name, content)
    refused(folder, tmp_path, message)


def refused(folder: Path, tmp_path: Path, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        importing.import_run(folder, tmp_path / "runs" / "out")
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)
    assert not (tmp_path / "runs").exists()


def test_an_array_of_objects_cannot_run_code(copied, tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "evil"),)

    folder = copied()
    replace(folder / G.format("02"), np.array([Evil()] * 4096, object))
    refused(folder, tmp_path, r"jl_02\.npy: not a whole NumPy array of numbers \(Object arrays cannot be loaded")
    assert not (tmp_path / "evil").exists()


def test_a_truncated_array_is_refused(copied, svhn, tmp_path):
    folder = copied()
    content = (svhn / G.format("04")).read_bytes()
    replace(folder / G.format("04"), content[:-1])
    refused(folder, tmp_path, r"jl_04\.npy: not a whole NumPy array")


def test_a_header_that_promises_more_than_fits_into_memory_is_refused(copied, tmp_path):
    folder = copied()
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f4", "fortran_order": False, "shape": (10**15,)})
    replace(folder / G.format("04"), buffer.getvalue())
    refused(folder, tmp_path, r"jl_04\.npy: not a whole NumPy array")


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        (G.format("04"), G.format("07"), r"jl_04\.npy.*found 128 x 64 x 5 x 5; that is the shape of number 07: reordered\?"),
        (G.format("04"), G.format("05"), r"that is the shape of number 05 and 06: reordered\?"),
        (G.format("02"), G.format("03"), r"jl_02\.npy: gains of projection average -0\.3., not about 1: swapped with"),
        (D.format("06"), D.format("07"), r"jl_06\.npy: gains of conv 3 .*swapped with"),
    ],
)
def test_reordered_arrays_are_refused(copied, tmp_path, one, other, message):
    folder = copied()
    first, second = (folder / one).read_bytes(), (folder / other).read_bytes()
    replace(folder / one, second)
    replace(folder / other, first)
    refused(folder, tmp_path, message)


@pytest.mark.real_data
def test_the_released_gains_and_biases_are_far_from_being_confused(real_data):
    for model in reading.MODELS:
        released = reading.read(real_data / "newmu" / model.folder)  # refuses what it takes for swapped
        for array in (x for net in released.arrays.values() for key, x in net.items() if "norm" in key):
            assert abs(array.mean() - 0.5) > 0.2


def test_a_folder_without_arrays_says_where_they_are(svhn, tmp_path):
    refused(tmp_path / "nowhere", tmp_path, "no such folder; the released arrays are in models/ of https")
    (tmp_path / "void").mkdir()
    refused(tmp_path / "void", tmp_path, "no arrays")
    (tmp_path / "clone" / "models").mkdir(parents=True)
    for name in ("a", "b"):
        (tmp_path / "clone" / "models" / name).symlink_to(svhn)
    refused(tmp_path / "clone", tmp_path, "clone/models/a and .*clone/models/b; name one")
    make_folder(tmp_path / "mine", {"7_gen_params.jl_01.npy": b"x"})
    refused(tmp_path / "mine", tmp_path, f"7_gen_params.*there are: {SVHN.folder}, {IMAGENET.folder}")


def test_an_incomplete_imagenet_discriminator_needs_its_first_layer_and_no_generator(copied, imagenet, tmp_path):
    folder = copied(imagenet, ("30_discrim_params.jl_01.npy",))
    refused(folder, tmp_path, r"jl_01\.npy \(weights of conv 1\) missing, so no layer is complete")
    write_arrays(folder, "30_gen")
    refused(folder, tmp_path, "does not go with a generator")
    (folder / "30_gen_params.jl_04.npy").unlink()
    refused(folder, tmp_path, r"1 of the generator's 19 arrays are missing")


# --- the run ----------------------------------------------------------------------------------------------------------


def test_an_imported_run_says_what_is_known_and_no_more(imported, svhn):
    info = imported.info
    assert info["status"] == "finished"
    assert (imported.data_name, imported.architecture) == ("svhn", SVHN.architecture)
    noted = info["authors"]
    assert noted["read_off_names"] == {"epochs": 200, "learning_rate": 0.0005, "batch": 64}
    assert (noted["licence"], noted["repository"]) == ("MIT", "https://github.com/Newmu/dcgan_code")
    assert len(noted["arrays"]) == 18 and all(len(digest) == 64 for digest in noted["arrays"].values())
    assert noted["statistics"]["generator"] == {"from": "random z", "batches": 2, "batch": 16, "seed": 0}
    assert noted["statistics"]["discriminator"]["from"] == "samples of its generator"
    assert info["counters"] == {"images": 0, "d_updates": 0, "g_updates": 0}
    assert set(snapshot(imported.path)) == {
        "run.json",
        "generator.safetensors",
        "discriminator.safetensors",
        "samples/000000000.png",
        "two_batches.png",
    }
    assert Image.open(imported.samples()[0]).size == (8 * 34 - 2, 8 * 34 - 2)
    assert imported.log() == []
    assert imported.path.stat().st_mode == imported.path.parent.joinpath("mine", "samples").stat().st_mode


@torch.no_grad()
def test_the_same_z_in_two_batches_is_two_images(imported):
    """Rows: one batch, another, their difference."""
    sheet = np.asarray(Image.open(imported.path / "two_batches.png"))
    first, second, difference = (sheet[i * 34 : i * 34 + 32].astype(int) for i in range(3))
    assert sheet.shape == (100, 270, 3)
    assert 0.3 < np.abs(first - second).mean() < np.abs(first - np.roll(second, 34, 1)).mean()
    gaps = [c for i in range(1, 8) for c in (34 * i - 2, 34 * i - 1)]
    inside = np.setdiff1d(np.arange(270), gaps)
    np.testing.assert_array_equal(difference[:, inside], np.minimum(np.abs(first - second)[:, inside], 63) * 4)


def test_one_z_gives_one_image_and_weights_are_the_arrays(imported, svhn):
    generator, discriminator = imported.generator(), imported.discriminator()
    z = latent.sample(imported.architecture, 8, torch.Generator().manual_seed(0))
    assert torch.allclose(latent.generate(generator, z)[:1], latent.generate(generator, z[:1]), atol=1e-5)
    assert np.array_equal(generator.dense[0].layer.weight.detach().numpy(), np.load(svhn / G.format("01")).T)
    assert np.array_equal(generator.convs[1].layer.weight.detach().numpy(), np.load(svhn / G.format("07"))[:, :, ::-1, ::-1])
    assert np.array_equal(discriminator.dense[0].layer.weight.detach().numpy(), np.load(svhn / D.format("08")).T)
    assert all(m.eps == 1e-8 for net in (generator, discriminator) for m in networks.norms(net))
    for m in networks.norms(discriminator):
        assert not torch.allclose(m.running_mean, torch.zeros_like(m.running_mean), atol=1e-3)


def test_statistics_can_be_those_of_photographs(copied, imagenet, quick, tmp_path):
    pictures = {f"train/{i}.png": encode(noise(i, 32, 32)) for i in range(16)} | {"test/16.png": encode(noise(16, 32, 32))}
    make_folder(tmp_path / "data" / "numbers", pictures)
    folder = copied(imagenet, ("30_discrim_params.jl_11.npy",))
    run = importing.import_run(folder, tmp_path / "out", statistics="numbers", device="cpu")
    data = loading.load_data("numbers", 32)
    noted = run.info["authors"]["statistics"]["discriminator"]
    assert (noted["from"], noted["fingerprint"]) == ("training images of numbers", data.provenance["fingerprint"])
    expected = importing.nets(reading.read(folder))["discriminator"]
    all_of_them = networks.to_input(torch.from_numpy(np.array(data.images)), run.architecture)  # every batch holds all 16
    networks.estimate_batchnorm(expected, [(all_of_them,)])
    for mine, theirs in zip(networks.norms(run.discriminator()), networks.norms(expected), strict=True):
        assert torch.allclose(mine.running_mean, theirs.running_mean, atol=1e-5)
        assert torch.allclose(mine.running_var, theirs.running_var, rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "message"), [("digits", r"images with 1 channel\(s\); these nets take 3"), ("nonsense", "nonsense")]
)
def test_statistics_that_cannot_be_had_are_refused(svhn, tmp_path, name, message):
    with pytest.raises(UserError, match=message):
        importing.import_run(svhn, tmp_path / "runs" / "out", statistics=name, device="cpu")
    assert not (tmp_path / "runs").exists()


def test_out_that_is_in_use_is_left_alone_and_an_empty_folder_is_filled(svhn, quick, imported_copy, tmp_path):
    before = snapshot(imported_copy.path)
    with pytest.raises(UserError, match="already exists; choose another `out`"):
        importing.import_run(svhn, imported_copy.path)
    assert snapshot(imported_copy.path) == before
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="already exists"):
        importing.import_run(svhn, tmp_path / "file")
    with pytest.raises(UserError, match="could not write"):
        importing.import_run(svhn, tmp_path / "file" / "run", device="cpu")
    (tmp_path / "empty").mkdir()
    assert importing.import_run(svhn, tmp_path / "empty", device="cpu").generator()


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_where_writing_fails_nothing_is_left(svhn, quick, tmp_path, monkeypatch, call):
    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, call, full)
    with pytest.raises(UserError, match="No space left on device"):
        importing.import_run(svhn, tmp_path / "runs" / "out", device="cpu")
    assert list((tmp_path / "runs").iterdir()) == []


def test_the_command_imports_and_the_run_draws(svhn, quick, tmp_path, capsys):
    assert main(["import-authors", str(svhn), "--out", "mine", "--device", "cpu"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == f"mine: generator and discriminator of {SVHN.folder}, epoch 200"
    assert out[1] == "batchnorm statistics: generator's from random z, discriminator's from samples of its generator"
    for name, more in (("stored", []), ("batch", ["--batch-statistics"])):
        assert main(["sample", "mine", "--count", "16", "--npz", f"{name}.npz", "--device", "cpu", *more]) == 0
    with np.load("batch.npz") as drawn, np.load("stored.npz") as stored_:
        assert abs(drawn["images"] - theano_generator(svhn, torch.from_numpy(drawn["z"]))).max() < 2e-5
        assert drawn["images"].std() > 0.1
        assert abs(drawn["images"] - stored_["images"]).max() > 1e-3


def test_an_imported_run_is_a_start_for_training_but_cannot_be_resumed(imported_copy, capsys):
    before = snapshot(imported_copy.path)
    assert main(["train", "svhn", "--profile", "paper", "--out", str(imported_copy.path), "--resume"]) == 1
    assert "was imported, not trained here; use --init" in capsys.readouterr().err
    assert snapshot(imported_copy.path) == before


# --- the claim, and shipping ------------------------------------------------------------------------------------------


def test_the_control_is_met_by_what_was_imported_and_not_by_other_weights(imported_copy, quick):
    claim = ledger.claim("authors.max_abs_diff")
    assert claim.fits(imported_copy)
    good = ledger.result(claim, imported_copy, "cpu", small=True)
    assert ledger.met(claim, good) == "yes"
    assert 0 < good["value"] == good["low"] == good["high"] < 1e-5
    assert good["details"]["in_double_precision"] < 1e-12
    assert good["details"]["spread_of_pixels"] > 0.1
    assert good["n"] == 16
    generator = imported_copy.generator()
    with torch.no_grad():
        generator.convs[1].layer.weight.copy_(generator.convs[1].layer.weight.flip(2, 3))
    runs.write_net(imported_copy.path, "generator", generator)
    bad = ledger.result(claim, imported_copy, "cpu", small=True)
    assert bad["value"] > 0.1
    assert ledger.met(claim, bad) == "no"


def test_the_claim_needs_the_very_arrays_and_a_run_of_them(imported_copy, copied, run):
    folder = copied()
    replace(folder / G.format("10"), random(64, 3, 5, 5))
    imported_copy.update(authors=imported_copy.info["authors"] | {"folder": str(folder)})
    with pytest.raises(UserError, match="holds other arrays than those imported"):
        ledger.measure(imported_copy, ["authors.max_abs_diff"], "cpu")
    with pytest.raises(UserError, match="cannot be measured on digits"):
        ledger.measure(run, ["authors.max_abs_diff"], "cpu")


def test_a_run_shipped_without_weights_keeps_its_results_and_says_how_to_get_them(imported_copy, tmp_path, monkeypatch, capsys):
    ships_from(monkeypatch, "reference_runs", tmp_path / "shelf")
    results = {"authors.max_abs_diff": {"value": 1e-6, "low": 1e-6, "high": 1e-6, "n": 128, "run": "mine", "stand_in": False}}
    (imported_copy.path / "results.json").write_text(json.dumps(results))
    assert main(["ship", str(imported_copy.path), "--name", "theirs", "--without-weights"]) == 0
    shipped = Run.reference("theirs")
    assert set(snapshot(shipped.path)) == {
        "run.json",
        "results.json",
        "grid.webp",
        "two_batches.webp",
        "samples/000000000.webp",
    }
    text = (shipped.path / "run.json").read_text()
    assert str(tmp_path) not in text and "folder" not in shipped.info["authors"]
    assert shipped.info["authors"]["arrays"] == imported_copy.info["authors"]["arrays"]
    for net in (shipped.generator, shipped.discriminator):
        with pytest.raises(UserError, match="theirs: was shipped without weights; get them with: dcgan import-authors"):
            net()
    [row] = [row for row in ledger.ledger_rows() if row["id"] == "authors.max_abs_diff"]
    assert (row["run"], row["value"], row["met"]) == ("theirs", 1e-6, "yes")
    before = snapshot(shipped.path)
    capsys.readouterr()
    assert main(["measure", str(shipped.path)]) == 1
    assert "shipped without weights" in capsys.readouterr().err
    with pytest.raises(UserError, match="shipped without weights"):
        shipping.ship(shipped, "again")
    assert not (tmp_path / "shelf" / "again").exists()
    assert snapshot(shipped.path) == before


def test_the_shipped_run_holds_no_weights_and_its_control_is_met():
    run = Run.reference("authors-svhn")
    assert set(snapshot(run.path)) == {
        "README.md",
        "run.json",
        "results.json",
        "grid.webp",
        "two_batches.webp",
        "samples/000000000.webp",
    }
    assert (run.architecture, run.info["authors"]["model"]) == (SVHN.architecture, SVHN.folder)
    [row] = [r for r in ledger.ledger_rows() if r["id"] == "authors.max_abs_diff" and r["run"] == run.name]
    assert (row["met"], row["n"]) == ("yes", 1024)


@pytest.mark.real_data
def test_the_shipped_run_is_of_the_released_arrays(real_data):
    noted = Run.reference("authors-svhn").info["authors"]
    assert noted["arrays"] == reading.read(real_data / "newmu" / SVHN.folder).sha256
