"""What a page gets of a run: directions that show what they are called, and frames where the page looks for them."""

import base64

import numpy as np
import pytest
import torch
from PIL import Image
from test_onnx_file import made

from dcgan_core import latent, runs
from dcgan_core.errors import UserError
from dcgan_core.export import directions, world
from dcgan_core.inside.exemplars import Pool
from dcgan_core.networks import ARCHITECTURES
from dcgan_core.readers import judges
from dcgan_core.runs import Run

SMALL = {"size": 32, "channels": 1, "widths": (8, 16), "strides": (2, 4), "kernel": 5}


def test_a_run_without_a_judge_of_its_size_has_a_world_without_sums(tmp_path):
    """As `dcgan train faces --profile quick` makes it."""
    run = made(tmp_path / "faces", type(ARCHITECTURES["small32"])(32, 3, (4, 8), (2, 2), kernel=4, latent=6))
    run.update(data={"name": "faces"}, config=run.info["config"] | {"data": "faces"})
    (tmp_path / "mine").mkdir()
    found = world.write_world(run, tmp_path / "mine", "Mine")
    assert found["sum"] is None and found["forget"] is None and len(found["directions"]) >= 3


@pytest.fixture
def small(tmp_path):
    """Its pictures differ more than those of a net that has learnt nothing."""
    run = made(tmp_path / "small", type(ARCHITECTURES["small32"])(**SMALL, latent=12))
    generator = run.generator()
    with torch.no_grad():
        generator.convs[-1].layer.weight *= 20
    runs.write_net(run.path, "generator", generator)
    return run


def decoded(text: str, width: int) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f4").reshape(-1, width)


def test_a_world_of_any_run(small, tmp_path):
    (tmp_path / "mine").mkdir()
    found = world.write_world(small, tmp_path / "mine", "Mine")
    assert {p.name for p in (tmp_path / "mine").iterdir()} == {"generator.onnx", "discriminator.onnx", "frames.webp"}
    assert (found["name"], found["title"], found["size"], found["latent"], found["low"]) == ("mine", "Mine", 32, 12, -1)
    assert found["models"]["generator"]["bytes"] == (tmp_path / "mine" / "generator.onnx").stat().st_size
    z = decoded(found["seeds"], 12)
    generator = small.generator()
    for seed in (0, 7, 63):
        assert np.array_equal(z[seed], latent.sample(small.architecture, 1, torch.Generator().manual_seed(seed))[0])
    assert [d["name"] for d in found["directions"]] == [f"direction {i}" for i in range(1, 7)]
    assert found["forget"] is None and found["sum"] is None
    sheet = np.asarray(Image.open(tmp_path / "mine" / "frames.webp")).astype(int)

    def frame(number):
        row, column = divmod(number, world.COLUMNS)
        return sheet[32 * row : 32 * row + 32, 32 * column : 32 * column + 32].transpose(2, 0, 1)

    def shows(number, place, other):
        """That picture rather than the other one: WebP is lossy."""
        expected = latent.generate_pixels(generator, torch.tensor(np.stack([place, other]))).astype(int)
        right, wrong = abs(frame(number) - expected).mean((1, 2, 3))
        return right < 0.6 * wrong

    assert shows(found["frames"]["seeds"] + 9, z[9], z[10])
    way = world.REACH * decoded(found["directions"][2]["vector"], 12)[0]
    last = found["frames"]["directions"] + 3 * world.STEPS - 1
    assert shows(last, z[world.START] + way, z[world.START] - way)
    start, end = z[list(world.WALK)]
    first = found["frames"]["walk"]
    assert shows(first, start, end) and shows(first + 2 * world.STEPS - 2, end, start)


def test_a_world_of_a_conditional_run_has_a_frame_for_each_class(conditional, tmp_path):
    found = world.write_world(conditional, tmp_path, "Digits")
    assert (found["classes"], found["low"]) == (10, 0)
    assert found["frames"]["classes"] == found["frames"]["walk"] + 2 * world.STEPS - 1


def test_the_strongest_directions_move_the_first_layer_most(small):
    generator = small.generator()
    found = directions.strongest_directions(generator)
    vectors = torch.stack([d.vector for d in found])
    assert torch.allclose(vectors @ vectors.T, torch.eye(6), atol=1e-5)
    stage = generator.dense[0]
    with torch.no_grad():
        reach = [float((stage.norm(stage.layer(v[None])) - stage.norm(stage.layer(0 * v[None]))).norm()) for v in vectors]
        other = torch.nn.functional.normalize(torch.randn(50, 12, generator=torch.Generator().manual_seed(0)), dim=1)
        others = (stage.norm(stage.layer(other)) - stage.norm(stage.layer(0 * other))).norm(dim=1)
    assert reach == sorted(reach, reverse=True) and reach[0] > others.max()


def test_a_direction_goes_from_the_mean_without_to_the_mean_with_it():
    z = torch.tensor([[1.0, 0.0], [3.0, 0.0], [0.0, 2.0], [9.0, 9.0]])
    pool = Pool(z, {"smile": np.array([0.95, 0.99, 0.02, 0.5], np.float32)})
    found = directions._between("smile", *directions._ends(pool, "smile"))
    assert found.exemplars == (1, 2)
    assert torch.allclose(found.vector, torch.tensor([1.0, -1.0]) / 2**0.5)
    numbers = Pool(torch.arange(100.0)[:, None], {"light": np.linspace(-1, 2, 100)})
    low, high = directions._ends(numbers, "light")
    assert len(low) == len(high) == 10 and low.max() < 10 and high.min() > 89


def test_a_run_on_data_that_nothing_reads_has_no_named_directions(run):
    with pytest.raises(UserError, match="nothing here reads attributes off"):
        directions.named_directions(run)


@pytest.mark.slow
def test_named_directions_show_what_they_are_called():
    """By a judge that did not choose the exemplars."""
    run = Run("drawn-portraits")
    found = {d.name: d for d in directions.named_directions(run)}
    judge, generator = judges.load_judge(run.data_name, 0), run.generator()
    z = latent.sample(run.architecture, 100, torch.Generator().manual_seed(77))
    for name, key in (("glasses", "glasses"), ("long hair", "long_hair"), ("beard", "beard"), ("turn", "pose")):
        low, high = (judge.read(latent.generate_pixels(generator, z + k * found[name].vector))[key].mean() for k in (-2, 2))
        assert high > low + 0.4, name


@pytest.mark.slow
def test_the_maps_of_the_window_are_those_of_the_papers_rule():
    run = Run("drawn-rooms")
    generator = run.generator()
    forget = world.forgettable(run, generator, world.seeds(generator))
    assert forget.width == 128 and set(forget.found) < set(range(128)) and len(forget.random) == len(forget.found) > 20
    marks = world.marking.mark(generator, world.load_finder(run.data_name), "window", world.forgetting.MARK_SEED)
    assert sorted(forget.found) == list(world.forgetting.paper_rule(generator, marks, 0).maps)
