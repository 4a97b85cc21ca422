from dataclasses import replace

import pytest
import torch
from conftest import encode, make_zip, noise

from dcgan_core import recipes
from dcgan_core.config_io import from_dict, to_dict
from dcgan_core.data import loading
from dcgan_core.errors import UserError
from dcgan_core.networks import ARCHITECTURES, Architecture, Discriminator, Generator
from dcgan_core.training.config import Config

ALL = [(name, profile) for name, profiles in recipes.RECIPES.items() for profile in profiles]


@pytest.mark.parametrize(("name", "profile"), ALL)
def test_every_recipes_nets_build_and_fit_each_other(name, profile):
    config = recipes.recipe(name, profile)
    a = config.architecture
    with torch.device("meta"):
        y = torch.zeros(2, dtype=torch.long) if a.num_classes else None
        assert Discriminator(a)(Generator(a)(torch.zeros(2, a.latent), y), y).shape == (2,)
    assert from_dict(Config, to_dict(config)) == config


def test_known_data_sets_have_recipes_of_their_size_and_channels():
    for name, profile in ALL:
        config = recipes.recipe(name, profile)
        if config.data in ("mnist", "svhn"):
            a = config.architecture
            assert (a.size, a.channels) == loading.native(config.data)


def test_paper_profiles_have_the_papers_settings():
    faces, mnist = recipes.recipe("faces", "paper"), recipes.recipe("mnist", "paper")
    assert (faces.batch, faces.learning_rate, faces.beta1, faces.updates) == (128, 2e-4, 0.5, "alternate")
    assert faces.architecture == ARCHITECTURES["lsun64"]
    assert (mnist.decay_images, mnist.images) == (100 * 50_000, 200 * 50_000)
    for name, net, passes, images in (("lsun", "lsun64", 5, 3_033_042), ("imagenet", "imagenet32", 30, 1_281_167)):
        config = recipes.recipe(name, "paper")
        assert (config.architecture, config.images) == (ARCHITECTURES[net], passes * images)
        assert (config.batch, config.learning_rate, config.beta1, config.updates) == (128, 2e-4, 0.5, "alternate")
    assert (mnist.batch, mnist.updates, mnist.weight_decay, mnist.first) == (128, "alternate", 2.5e-5, 50_000)


def test_mnists_variants_differ_in_one_thing_each():
    for profile in ("cpu", "paper"):
        mnist, affine, fc = (recipes.recipe(name, profile) for name in ("mnist", "mnist-affine", "mnist-fc"))
        assert mnist.decay_images and mnist.weight_decay and mnist.first == 50_000 and not mnist.minutes
        assert affine == replace(mnist, architecture=replace(mnist.architecture, norm_affine=True))
        assert fc == replace(mnist, architecture=ARCHITECTURES["mnist28-fc"], precision="single")


def test_the_machine_decides_the_precision_but_for_the_fully_connected_baseline():
    asked = {recipe: recipes.recipe(*recipe).precision for recipe in ALL}
    assert {asked.pop(("mnist-fc", profile)) for profile in ("cpu", "paper")} == {"single"}
    assert set(asked.values()) == {"auto"}


def test_another_architecture_can_be_named():
    config = recipes.recipe("faces", "quick", "small32")
    assert config.architecture == ARCHITECTURES["small32"]
    assert config.images == recipes.recipe("faces", "quick").images


def test_a_data_set_without_a_recipe_gets_the_default_net(data, tmp_path):
    make_zip(data / "flowers.zip", {f"{i}.png": encode(noise(i)) for i in range(3)})
    assert recipes.recipe("flowers").architecture == Architecture.for_images(64, 3)
    assert recipes.recipe("flowers", "quick").architecture == Architecture.for_images(32, 3)
    assert recipes.recipe(str(data / "flowers.zip")).data == str(data / "flowers.zip")
    assert recipes.recipe("cifar10").architecture.size == 32  # known, not there yet


def test_a_recipe_fits_its_data_set_also_when_that_comes_as_a_zip(data):
    """`mnist: … put mnist.zip … under …`, says the error message where MNIST is not to be had."""
    from PIL import Image

    grey = encode(Image.new("L", (28, 28), 7))
    make_zip(data / "mnist.zip", {f"train/{c}/{i}.png": grey for c in range(10) for i in range(2)})
    a = recipes.recipe("mnist", "quick").architecture
    mnist = loading.load_data("mnist", a.size)
    assert (mnist.size, mnist.channels) == (a.size, a.channels)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fases",), "'fases'.*did you mean 'faces'"),
        (("faces", "fast"), "`profile` fast"),
        (("digits", "paper"), "no profile 'paper'.*quick, cpu"),
        (("faces", "cpu", "small23"), "`architecture` small23.*did you mean 'small32'"),
        (("no/such.zip",), "no such zip or folder"),
    ],
)
def test_unknown_names_are_refused(arguments, message):
    with pytest.raises(UserError, match=message):
        recipes.recipe(*arguments)


@pytest.mark.parametrize("profile", ["quick", "cpu"])
def test_imagenet32_trains_on_tiny_imagenet_as_published(profile):
    config = recipes.recipe("imagenet32", profile)
    assert (config.data, config.architecture.size, config.architecture.channels) == ("tiny-imagenet", 32, 3)
