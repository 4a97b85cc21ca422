"""`dcgan train --dry-run`: memory and time before there is any data, and no run."""

import re

import pytest
import torch

from dcgan_core import recipes
from dcgan_core.cli import dry_run, main
from dcgan_core.training.config import Config
from dcgan_core.training.update import Stats

TINY = ["--architecture.widths", "8,16", "--architecture.strides", "2,2"]


def test_a_dry_run_says_how_much_memory_and_time_and_makes_no_run(tmp_path, capsys, monkeypatch):
    assert main(["train", "digits", "--images", "3600000", "--device", "cpu", *TINY, "--dry-run"]) == 0
    said = capsys.readouterr().out
    rate, hours = (
        float(re.search(pattern, said)[1].replace(",", "")) for pattern in (r"speed: ([\d,]+)", r"in ([\d.,]+) hours")
    )
    assert hours == pytest.approx(1000 / rate, rel=0.1, abs=0.06)
    assert "batch 32, on cpu, in precision" in said and "over 256 images" in said
    assert not list(tmp_path.glob("runs/*"))


@pytest.mark.parametrize(("name", "least"), [("lsun", 3_033_042 * 5), ("imagenet", 30 * 1_281_167), ("mnist", 10**7)])
def test_paper_recipes_need_no_data_for_it(monkeypatch, capsys, name, least):
    """As if an update took no time; labels where the net has classes."""
    shapes = []

    def update(state, pixels, labels):
        shapes.append((tuple(pixels.shape), None if labels is None else len(labels)))
        return Stats(None, None, pixels, pixels)

    monkeypatch.setattr(dry_run, "update", update)
    monkeypatch.setattr(
        dry_run, "State", lambda *args, **more: type("S", (), {"generator": torch.nn.ReLU(), "discriminator": None})
    )
    monkeypatch.setattr(dry_run.networks, "batch_statistics", lambda *nets: torch.no_grad())
    config = recipes.recipe(name, "paper")
    assert main(["train", name, "--profile", "paper", "--device", "cpu", "--dry-run"]) == 0
    a, many = config.architecture, config.batch if config.architecture.num_classes else None
    assert shapes == [((config.batch, a.channels, a.size, a.size), many)] * 2
    images = int(re.search(r"time: ([\d,]+) images", capsys.readouterr().out)[1].replace(",", ""))
    assert images == config.images >= least


def test_on_a_gpu_it_counts_after_a_first_time_and_asks_the_gpu(monkeypatch):
    """Without one here: what would be asked of it."""
    calls = []
    cuda = torch.device("cuda")
    fake = type("S", (), {"generator": torch.nn.ReLU(), "discriminator": torch.nn.ReLU()})
    monkeypatch.setattr(dry_run, "State", lambda config, device, precision: calls.append(precision) or fake)
    monkeypatch.setattr(dry_run, "update", lambda *args: calls.append("update"))
    monkeypatch.setattr(dry_run.devices, "precision", lambda asked, device: "bf16")
    monkeypatch.setattr(dry_run.devices, "prefer_speed", lambda device: calls.append("fast"))
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: calls.append("wait"))
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 3e9)
    config = Config("digits", recipes.recipe("digits").architecture, batch=128, images=10**6)
    seconds, used = dry_run.measured(config, cuda)
    assert calls == ["fast", "bf16", *["update", "update", "wait"] * 2]
    assert used == 3e9 and seconds > 0


def test_out_of_memory_says_what_to_make_smaller(monkeypatch, fails):
    def update(*args):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    monkeypatch.setattr(dry_run, "update", update)
    said = fails("train", "digits", "--device", "cpu", "--dry-run", names="out of memory")
    assert "choose a smaller --batch than 32" in said and "widths" in said
