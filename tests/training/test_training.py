import json
import math
import signal
import subprocess
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from conftest import TINY, UPDATES, train_arguments
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from dcgan_core import config_io, devices, files, latent, networks, pictures
from dcgan_core.cli import main
from dcgan_core.data import loading
from dcgan_core.data.images import ImageData
from dcgan_core.errors import UserError
from dcgan_core.runs import Run
from dcgan_core.training import loop, session, update
from dcgan_core.training.config import Config, check_resumable
from dcgan_core.training.loop import train
from dcgan_core.training.order import batch_indices, batches, mirrored

CONFIG = Config("digits", TINY, batch=16, updates="both", images=16 * 30)


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """A log row each ten updates, and few batches for the final statistics."""
    monkeypatch.setattr(session, "LOG_EVERY", 10)
    monkeypatch.setattr(session, "BATCHNORM_BATCHES", 3)


@pytest.fixture
def digits() -> ImageData:
    return loading.load_data("digits", 16)


def start(path, config: Config = CONFIG) -> Run:
    return Run.create(path, {"config": config_io.to_dict(config), "data": {"name": "digits"}, "initial": None, "lineage": []})


def finished(path, config: Config, data, **more) -> Run:
    run = start(path, config)
    assert train(config, data, run, "cpu", progress=False, **more)
    return run


def rows(run: Run) -> list[dict]:
    """The log without what a clock says."""
    return [{k: v for k, v in row.items() if k not in ("images_per_second", "minutes")} for row in run.log()]


def weights(run: Run, net: str) -> dict[str, torch.Tensor]:
    return run.load_checkpoint()[net]


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def assert_equal_runs(one: Run, other: Run) -> None:
    for kind in ("generator", "discriminator"):
        files = [(run.path / f"{kind}.safetensors").read_bytes() for run in (one, other)]
        assert files[0] == files[1]
    assert rows(one) == rows(other)
    assert one.info["counters"] == other.info["counters"]


def at_call(monkeypatch, name: str, actions: dict) -> None:
    """Before call number n of the module update's `name`, do actions[n]."""
    original, calls = getattr(update, name), iter(range(10**6))

    def wrapped(*args):
        actions.get(next(calls), lambda: None)()
        return original(*args)

    monkeypatch.setattr(update, name, wrapped)


# --- the order of the data --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "batch"), [(10, 4), (12, 4), (3, 7), (1, 2), (100, 33)])
def test_batches_go_through_every_epoch_exactly_once(count, batch):
    epochs = 3 * batch
    order = np.concatenate([batch_indices(step, batch, count, 5) for step in range(epochs * count // batch)])
    assert all(len(batch_indices(step, batch, count, 5)) == batch for step in range(20))
    for epoch in order.reshape(epochs, count):
        assert sorted(epoch) == list(range(count))


def test_epochs_and_seeds_have_orders_of_their_own():
    first, second, other = (batch_indices(step, 50, 50, seed).tolist() for step, seed in ((0, 1), (1, 1), (0, 2)))
    assert first != second
    assert first != other
    assert first == batch_indices(0, 50, 50, 1).tolist()


def test_half_of_the_images_are_mirrored_others_in_every_batch():
    masks = np.stack([mirrored(step, 64, seed=3) for step in range(200)])
    assert 0.48 < masks.mean() < 0.52
    assert len(np.unique(masks, axis=0)) == 200
    assert (masks[7] == mirrored(7, 64, 3)).all() and (masks[7] != mirrored(7, 64, 4)).any()


# --- losses and updates -----------------------------------------------------------------------------------------------


def test_losses_are_the_textbooks():
    real, fake = torch.randn(50), torch.randn(50)
    d_real, d_fake = torch.sigmoid(real), torch.sigmoid(fake)
    assert torch.allclose(update.discriminator_loss(real, fake), (-d_real.log() - (1 - d_fake).log()).mean(), atol=1e-5)
    assert torch.allclose(update.generator_loss(fake), -d_fake.log().mean(), atol=1e-5)


def test_losses_stay_finite_where_the_sigmoid_is_0_or_1():
    far = torch.tensor([-1e4, 1e4])
    assert update.discriminator_loss(far, far).isfinite()
    assert update.generator_loss(far).item() == pytest.approx(5e3)


def test_alternate_makes_half_as_many_updates_of_each_net_as_both(tmp_path, digits):
    both = finished(tmp_path / "both", CONFIG, digits)
    alternate = finished(tmp_path / "alternate", replace(CONFIG, updates="alternate"), digits)
    assert both.info["counters"] == {"images": 480, "d_updates": 30, "g_updates": 30}
    assert alternate.info["counters"] == {"images": 480, "d_updates": 15, "g_updates": 15}


def test_alternate_starts_with_g_and_each_update_changes_its_own_net_only(tmp_path, digits):
    config = replace(CONFIG, updates="alternate", images=16)
    g, d = (net.state_dict() for net in networks.build(TINY, config.seed))
    one = finished(tmp_path / "one", config, digits)
    two = finished(tmp_path / "two", replace(config, images=32), digits)
    assert one.info["counters"] == {"images": 16, "d_updates": 0, "g_updates": 1}
    assert not same(weights(one, "generator"), g)
    assert same(weights(one, "discriminator"), d)
    assert two.info["counters"] == {"images": 32, "d_updates": 1, "g_updates": 1}
    assert same(weights(two, "generator"), weights(one, "generator"))
    assert not same(weights(two, "discriminator"), d)


def test_images_are_moved_and_go_on_mirrored_at_the_edges():
    x = torch.rand(4, 3, 8, 8).contiguous(memory_format=torch.channels_last)
    y = update.moved(x, torch.tensor([[0, 0], [2, -3], [-4, 4], [7, 0]]))
    assert torch.equal(y[0], x[0])
    assert torch.equal(y[1][:, 2:, :5], x[1][:, :-2, 3:])
    assert torch.equal(y[1][:, 1], torch.cat([x[1][:, 1, 3:], x[1][:, 1, 4:7].flip(-1)], -1))
    assert torch.equal(y[2][:, :4, 4:], x[2][:, 4:, :4])
    assert torch.equal(y[3], x[3].flip(1))
    assert y.is_contiguous(memory_format=torch.channels_last)


def test_tints_change_brightness_saturation_and_contrast_one_at_a_time():
    x = torch.rand(4, 3, 8, 8) * 2 - 1
    y = update.tinted(x, torch.tensor([[0.0, 0, 0], [0.5, 0, 0], [0, -1, 0], [0, 0, -1]]))
    assert torch.allclose(y[0], x[0])
    assert torch.allclose(y[1], x[1] + 0.25)
    assert torch.allclose(y[2], x[2].mean(0).expand(3, 8, 8), atol=1e-6)
    assert torch.allclose(y[3], (x[3] + x[3].mean()) / 2, atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"shift": -1}, "shift must be 0 to 15"),
        ({"shift": 16}, "shift must be 0 to 15"),
        ({"tint": 1.5}, "tint must be 0 to 1"),
    ],
)
def test_disguises_out_of_range_are_refused(settings, message):
    with pytest.raises(UserError, match=message):
        replace(CONFIG, **settings)


def test_g_learns_through_disguises():
    fake = torch.rand(2, 3, 8, 8, requires_grad=True)
    by, places = torch.tensor([[0.5, 0.5, 0.5], [0.0, 0, 0]]), torch.tensor([[0, 0], [2, 0]])
    update.moved(update.tinted(fake, by), places).sum().backward()
    assert torch.allclose(fake.grad[0], torch.ones(3, 8, 8), atol=1e-5)  # saturation and contrast leave the mean where it is
    times = torch.tensor([1.0, 2, 2, 1, 1, 1, 0, 0])  # the lower rows have left the image, two upper ones come back mirrored
    assert torch.allclose(fake.grad[1], times[:, None].expand(3, 8, 8), atol=1e-5)


@pytest.mark.parametrize(
    ("flip", "noise", "shift", "tint"), [(False, 0.0, 0, 0.0), (True, 0.1, 0, 0.0), (False, 0.1, 3, 0.5), (False, 0.0, 3, 0.0)]
)
def test_three_updates_are_those_of_a_loop_written_from_the_paper(tmp_path, digits, flip, noise, shift, tint):
    how = {"flip": flip, "noise": noise, "shift": shift, "tint": tint, "precision": "single"}
    config = replace(CONFIG, images=48, weight_decay=1e-3, **how)
    run = finished(tmp_path / "run", config, digits)

    g, d = networks.build(TINY, config.seed)
    adams = [torch.optim.Adam(net.parameters(), 2e-4, (0.5, 0.999), weight_decay=1e-3) for net in (g, d)]
    rng = torch.Generator().manual_seed(config.seed + 1)

    def seen(x):
        if tint:
            x = update.tinted(x, tint * (2 * torch.rand(16, 3, generator=rng) - 1))
        if shift:
            places = torch.randint(-shift, shift + 1, (16, 2), generator=rng)
            wide = F.pad(x, (shift,) * 4, mode="reflect")
            corners = (shift - places).tolist()
            x = torch.stack([image[:, r : r + 16, c : c + 16] for image, (r, c) in zip(wide, corners, strict=True)])
        return x + noise * torch.randn(x.shape, generator=rng) if noise else x

    for step in range(3):
        images = digits.images[batch_indices(step, 16, len(digits), config.seed)]
        if flip:
            turned = mirrored(step, 16, config.seed)
            images[turned] = images[turned, :, :, ::-1]
        x = torch.from_numpy(images) / 127.5 - 1
        fake = g(torch.rand(16, 10, generator=rng) * 2 - 1)
        adams[1].zero_grad()
        one, zero = torch.ones(16), torch.zeros(16)
        bce = F.binary_cross_entropy_with_logits
        (bce(d(seen(x)), one) + bce(d(seen(fake.detach())), zero)).backward()
        adams[1].step()
        adams[0].zero_grad()
        bce(d(seen(fake)), one).backward()
        adams[0].step()
    for name, net in (("generator", g), ("discriminator", d)):
        trained = weights(run, name)
        for key, value in net.named_parameters():
            assert (trained[key] - value).abs().mean() < 2e-6, key  # one update moves a weight by about 2e-4


def learning_rates(monkeypatch, tmp_path, data, config: Config) -> list[float]:
    seen = []

    class Adam(torch.optim.Adam):
        def step(self, *args):
            seen.append(self.param_groups[0]["lr"])
            return super().step(*args)

    monkeypatch.setattr(torch.optim, "Adam", Adam)
    finished(tmp_path / "run", config, data)
    assert seen[::2] == seen[1::2]  # both nets
    return seen[::2]


def test_the_learning_rate_is_the_configs(monkeypatch, tmp_path, digits):
    assert learning_rates(monkeypatch, tmp_path, digits, replace(CONFIG, images=160, learning_rate=7e-4)) == [7e-4] * 10


def test_linear_decay_reaches_zero_with_the_last_image(monkeypatch, tmp_path, digits):
    config = replace(CONFIG, images=320, decay_images=160)
    expected = [2e-4] * 11 + [2e-4 * (1 - k / 10) for k in range(1, 10)]  # the next would be 0
    assert learning_rates(monkeypatch, tmp_path, digits, config) == pytest.approx(expected)


def test_the_same_seed_means_the_same_run_and_another_seed_another(tmp_path, digits):
    one, again = (finished(tmp_path / name, CONFIG, digits) for name in ("one", "again"))
    other = finished(tmp_path / "other", replace(CONFIG, seed=1), digits)
    assert_equal_runs(one, again)
    assert rows(one) != rows(other)


def test_training_draws_nearer_to_the_data(tmp_path, digits):
    """The mean image of samples, before and after 200 quick updates."""
    run = finished(tmp_path / "run", replace(CONFIG, images=16 * 200, learning_rate=2e-3), digits)
    target = digits.images.mean(0) / 255
    z = latent.sample(TINY, 256, torch.Generator().manual_seed(9))
    distance = []
    for generator in (networks.build(TINY, 0)[0], run.generator()):
        with networks.batch_statistics(generator):
            distance.append(np.sqrt(np.mean((latent.generate_pixels(generator, z).mean(0) / 255 - target) ** 2)))
    assert distance[1] < 0.5 * distance[0]


def test_stored_statistics_are_those_of_samples_and_data(tmp_path, digits, monkeypatch):
    """With them, G draws about what it draws with a batch's own."""
    monkeypatch.setattr(session, "BATCHNORM_BATCHES", 100)
    run = finished(tmp_path / "run", CONFIG, digits)
    g = run.generator()
    z = latent.sample(TINY, 512, torch.Generator().manual_seed(9))
    stored = latent.generate(g, z)
    with networks.batch_statistics(g):
        batch = latent.generate(g, z, batch=512)
    assert (stored - batch).abs().mean() < 0.15 * stored.std()
    d = run.discriminator()
    with torch.no_grad():
        h = d.convs[1].layer(d.convs[0](networks.to_input(torch.from_numpy(np.array(digits.images)), TINY)))
    norm = d.convs[1].norm
    assert ((norm.running_mean - h.mean((0, 2, 3))).abs() < 0.1 * h.std((0, 2, 3))).all()
    assert torch.allclose(norm.running_var, h.var((0, 2, 3)), rtol=0.2)


def test_a_conditional_net_with_sigmoid_and_hidden_layer_trains(tmp_path, digits):
    a = replace(TINY, num_classes=10, hidden=20, output="sigmoid", norm_affine=False)
    run = finished(tmp_path / "run", replace(CONFIG, architecture=a, images=160), digits)
    images = latent.generate(run.generator(), torch.zeros(3, 10), torch.tensor([0, 1, 2]))
    assert images.min() >= 0
    assert not torch.equal(images[0], images[1])


def test_events_and_grids_tell_how_it_goes(tmp_path, digits):
    events = []
    run = finished(tmp_path / "run", replace(CONFIG, images=16 * 70), digits, on_event=events.append)
    log = [e.row for e in events if e.row]
    assert log == run.log()
    assert [row["images"] for row in log] == [160 * k for k in range(1, 8)]
    assert all(0 < row["d_real"] < 1 and 0 < row["d_fake"] < 1 for row in log)
    grids = [e for e in events if e.samples is not None]
    assert all(e.samples.shape == (64, 1, 16, 16) for e in grids)
    assert list(run.samples()) == [1008, 1120]  # after 1000 images, and at the end
    assert run.samples()[1120].read_bytes() == pictures.encode(pictures.grid(grids[-1].samples))


def test_minutes_stop_the_run(tmp_path, digits):
    run = finished(tmp_path / "run", replace(CONFIG, images=0, minutes=0.01), digits)
    assert run.info["status"] == "finished"
    assert run.info["counters"]["images"] > 0


# --- stopping and going on --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("updates", ["both", "alternate"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("call", [0, 7])
def test_a_stopped_run_goes_on_to_the_same_end(tmp_path, digits, monkeypatch, updates, number, call):
    config = replace(CONFIG, updates=updates)
    whole = finished(tmp_path / "whole", config, digits)
    stopped = start(tmp_path / "stopped", config)
    handler = signal.getsignal(number)
    with monkeypatch.context() as patch:
        at_call(patch, "discriminator_loss", {call: lambda: signal.raise_signal(number)})
        assert train(config, digits, stopped, "cpu", progress=False) is False
    assert signal.getsignal(number) is handler
    assert not stopped.has_net("generator")
    assert train(config, digits, Run(stopped.path), "cpu", progress=False)
    assert_equal_runs(whole, Run(stopped.path))


def test_a_second_ctrl_c_stops_at_once(tmp_path, digits, monkeypatch):
    interrupt = lambda: signal.raise_signal(signal.SIGINT)  # noqa: E731
    at_call(monkeypatch, "discriminator_loss", {3: interrupt})
    at_call(monkeypatch, "generator_loss", {3: interrupt})
    with pytest.raises(KeyboardInterrupt):
        train(CONFIG, digits, start(tmp_path / "run"), "cpu", progress=False)


@pytest.mark.parametrize("crash", [3, 13, 27])
def test_a_crash_loses_what_came_after_the_checkpoint_and_nothing_else(tmp_path, digits, monkeypatch, crash):
    whole = finished(tmp_path / "whole", CONFIG, digits)
    run = start(tmp_path / "run")

    class Crash(Exception):
        pass

    def raise_crash():
        raise Crash

    with monkeypatch.context() as patch:
        saves = {
            crash - 3: lambda: patch.setattr(session, "CHECKPOINT_SECONDS", 0.0),
            crash - 2: lambda: patch.setattr(session, "CHECKPOINT_SECONDS", math.inf),
            crash: raise_crash,
        }
        at_call(patch, "discriminator_loss", saves)
        with pytest.raises(Crash):
            train(CONFIG, digits, run, "cpu", progress=False)
    assert run.load_checkpoint()["counts"]["step"] == crash - 2
    with open(run.path / "log.jsonl", "a") as log:
        log.write('{"images": 1, "half a li')
    assert train(CONFIG, digits, Run(run.path), "cpu", progress=False)
    assert_equal_runs(whole, Run(run.path))


def test_a_run_of_which_there_is_only_run_json_starts_from_its_beginning(run, tmp_path):
    assert main(train_arguments(tmp_path / "run", images=160)) == 0
    info = Run(tmp_path / "run").info
    (tmp_path / "bare").mkdir()
    info = {k: v for k, v in info.items() if k not in ("counters", "minutes")} | {"status": "training"}
    (tmp_path / "bare" / "run.json").write_text(json.dumps(info))
    assert main(train_arguments(tmp_path / "bare", "--resume", images=160)) == 0
    assert_equal_runs(Run(tmp_path / "run"), Run(tmp_path / "bare"))


def test_a_finished_run_goes_on_with_a_larger_budget_to_the_same_end(tmp_path, digits):
    whole = finished(tmp_path / "whole", CONFIG, digits)
    run = finished(tmp_path / "run", replace(CONFIG, images=160), digits)
    check_resumable(CONFIG, run)
    assert train(CONFIG, digits, run, "cpu", progress=False)
    assert_equal_runs(whole, run)


def test_a_run_that_another_process_trains_is_left_alone(run, tmp_path, capsys):
    assert main(train_arguments(tmp_path / "run", images=160)) == 0
    before = (tmp_path / "run" / "log.jsonl").read_bytes()
    with files.locked(tmp_path / "run" / ".lock"):
        assert main(train_arguments(tmp_path / "run", "--resume", images=320)) == 1
        assert "another process trains it" in capsys.readouterr().err
    assert (tmp_path / "run" / "log.jsonl").read_bytes() == before
    assert main(train_arguments(tmp_path / "run", "--resume", images=320)) == 0


def test_a_run_goes_on_where_its_log_was_lost_and_not_on_another_kind_of_device(tmp_path, digits):
    run = finished(tmp_path / "run", replace(CONFIG, images=160), digits)
    (run.path / "log.jsonl").unlink()
    assert train(CONFIG, digits, Run(run.path), "cpu", progress=False)
    assert [row["images"] for row in Run(run.path).log()] == [320, 480]
    run.save_checkpoint(run.load_checkpoint() | {"device": "cuda"})
    with pytest.raises(UserError, match="was trained on cuda; go on there"):
        train(replace(CONFIG, images=640), digits, Run(run.path), "cpu", progress=False)


def test_only_the_budget_may_change_on_resume_and_not_even_that_under_a_decay(tmp_path):
    run = start(tmp_path / "run")
    check_resumable(replace(CONFIG, images=0, minutes=1.0), run)
    with pytest.raises(UserError, match="started with batch 16, not 32"):
        check_resumable(replace(CONFIG, batch=32), run)
    with pytest.raises(UserError, match="architecture latent=10, not latent=11"):
        check_resumable(replace(CONFIG, architecture=replace(TINY, latent=11)), run)
    decaying = replace(CONFIG, decay_images=160)
    with pytest.raises(UserError, match="images"):
        check_resumable(replace(decaying, images=960), start(tmp_path / "decaying", decaying))


CHILD = """
import sys
from dcgan_core import cli
from dcgan_core.training import session
session.CHECKPOINT_SECONDS = 0.05
sys.exit(cli.main(sys.argv[1:]))
"""


# --- precision --------------------------------------------------------------------------------------------------------


def fast(monkeypatch, amx: bool) -> None:
    """The CPU is one with AMX, or without."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": amx}, raising=False)


@pytest.fixture
def autocasts(monkeypatch) -> list[bool]:
    """Whether each autocast that training asks for is on."""
    seen, original = [], torch.autocast

    def autocast(*args, enabled, **kwargs):
        seen.append(enabled)
        return original(*args, enabled=enabled, **kwargs)

    monkeypatch.setattr(torch, "autocast", autocast)
    return seen


@pytest.mark.parametrize(("amx", "taken"), [(True, "bf16"), (False, "single")])
def test_a_run_notes_the_precision_it_took(tmp_path, digits, monkeypatch, autocasts, amx, taken):
    fast(monkeypatch, amx)
    assert CONFIG.precision == "auto"
    run = start(tmp_path / "run")
    assert run.precision is None
    assert train(CONFIG, digits, run, "cpu", progress=False)
    noted = json.loads((run.path / "run.json").read_text())
    assert (noted["precision"], noted["config"]["precision"], Run(run.path).precision) == (taken, "auto", taken)
    assert autocasts[:1] == [amx]
    explicit = finished(tmp_path / "explicit", replace(CONFIG, precision=taken), digits)
    assert_equal_runs(run, explicit)


@pytest.mark.parametrize("began", [True, False])
def test_a_resumed_run_keeps_its_precision_on_another_machine(tmp_path, digits, monkeypatch, autocasts, capsys, began):
    fast(monkeypatch, began)
    whole = finished(tmp_path / "whole", CONFIG, digits)
    run = finished(tmp_path / "run", replace(CONFIG, images=16 * 12), digits)
    assert "precision" not in capsys.readouterr().err
    fast(monkeypatch, not began)
    autocasts.clear()
    check_resumable(CONFIG, run)
    assert train(CONFIG, digits, run, "cpu", progress=False)
    taken = "bf16" if began else "single"
    assert capsys.readouterr().err == f"run: continues in precision {taken}, in which it was started\n"
    assert autocasts[:1] == [began] and Run(run.path).precision == taken
    assert_equal_runs(whole, run)


@pytest.mark.parametrize("taken", ["bf16", "single", None])
def test_a_run_from_before_auto_goes_on_in_its_own_precision(tmp_path, digits, monkeypatch, autocasts, capsys, taken):
    """It has no note: its config says what it is trained in, or, if it is older still, nothing but single was possible."""
    out = tmp_path / "old"
    arguments = train_arguments(out)
    chosen = ["--set", f"precision={taken or 'single'}"]
    assert main(train_arguments(out, *chosen, images=160)) == 0
    info = {key: value for key, value in Run(out).info.items() if key != "precision"}
    if not taken:
        del info["config"]["precision"]
    (out / "run.json").write_text(json.dumps(info))
    fast(monkeypatch, taken != "bf16")
    other = "single" if taken == "bf16" else "bf16"
    assert main([*arguments, "--resume", "--images", "320", "--set", f"precision={other}"]) == 1
    assert f"was started with precision {taken or 'single'}, not {other}" in capsys.readouterr().err
    autocasts.clear()
    for _ in range(2):
        assert main(train_arguments(out, "--resume", images=320)) == 0
        assert f"old: continues in precision {taken or 'single'}, in which it was started" in capsys.readouterr().err
        assert Run(out).info["precision"] == (taken or "single")
    assert autocasts[0] == (taken == "bf16")


def test_a_precision_that_the_run_has_may_be_said_and_another_is_refused(tmp_path, monkeypatch):
    fast(monkeypatch, True)
    run = start(tmp_path / "run")
    run.update(precision="bf16")
    check_resumable(replace(CONFIG, precision="bf16"), run)
    with pytest.raises(UserError, match="was started with precision bf16, not single"):
        check_resumable(replace(CONFIG, precision="single"), run)


def wait_for(condition, process: subprocess.Popen, seconds: float = 100) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.01)


def killed(number: signal.Signals, out: Path) -> tuple[int, str]:
    """Trains in another process and sends it a signal after its first log row; returns its exit code and what it said."""
    command = [sys.executable, "-c", CHILD, *train_arguments(out)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        log, checkpoint = out / "log.jsonl", out / "checkpoint.pt"
        wait_for(lambda: checkpoint.exists() and log.exists() and log.stat().st_size, process)
        process.send_signal(number)
        told = process.communicate(timeout=100)[1]
    return process.returncode, told


@pytest.mark.slow
def test_killed_processes_are_resumed_to_the_same_bytes(run, tmp_path, monkeypatch):
    monkeypatch.setattr(session, "LOG_EVERY", 25)
    monkeypatch.setattr(session, "BATCHNORM_BATCHES", 100)
    numbers = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
    outs = [tmp_path / number.name for number in numbers]
    with ThreadPoolExecutor() as pool:
        results = list(pool.map(killed, numbers, outs))
    assert [code for code, _ in results] == [-signal.SIGKILL, 130, 130]
    assert all("--resume" in told and "Traceback" not in told for _, told in results[1:])
    for out in outs:
        assert Run(out).info["status"] == "training"
        assert Run(out).load_checkpoint()["counts"]["step"] < UPDATES
    assert main(train_arguments(outs[0], "--resume")) == 0
    assert_equal_runs(run, Run(outs[0]))
    for out in outs[1:]:
        step = Run(out).load_checkpoint()["counts"]["step"]
        assert main(train_arguments(out, "--resume", images=16 * (step + 5))) == 0
        assert Run(out).info["counters"]["d_updates"] == step + 5


def test_the_fastest_convolutions_are_asked_for_on_the_device_that_trains(tmp_path, digits, monkeypatch):
    told = []
    monkeypatch.setattr(devices, "prefer_speed", told.append)
    train(CONFIG, digits, start(tmp_path / "run"), "cpu", progress=False)
    assert told == [torch.device("cpu")]


# --- what goes wrong --------------------------------------------------------------------------------------------------


def finite(state: dict) -> bool:
    return all(t.isfinite().all() for net in ("generator", "discriminator") for t in state[net].values())


@pytest.mark.parametrize("seconds", [0.0, math.inf])
def test_losses_that_are_no_numbers_end_the_run_and_the_state_before_is_kept(tmp_path, digits, monkeypatch, seconds):
    monkeypatch.setattr(session, "CHECKPOINT_SECONDS", seconds)
    original, calls = update.generator_loss, iter(range(1000))
    monkeypatch.setattr(update, "generator_loss", lambda fake: original(fake) * (math.nan if next(calls) == 12 else 1))
    run = start(tmp_path / "run")
    with pytest.raises(UserError, match="diverged.*learning_rate.*`initial`") as stopped:
        train(CONFIG, digits, run, "cpu", progress=False)
    assert "`resume`" not in str(stopped.value), "it would end there again"
    state = run.load_checkpoint()
    assert 0 < state["counts"]["step"] <= 12 if seconds == 0 else state["counts"]["step"] == 0
    assert finite(state)
    run = Run(run.path)
    assert (run.info["status"], run.info["counters"]["images"]) == ("diverged", CONFIG.batch * state["counts"]["step"])
    kept = {"generator": run.generator().state_dict(), "discriminator": run.discriminator().state_dict()}
    assert all(torch.equal(kept[n][k], v) for n in kept for k, v in state[n].items() if "running" not in k and "num_" not in k)


@pytest.mark.parametrize("updates", ["both", "alternate"])
def test_weights_that_are_no_numbers_never_reach_the_checkpoint(tmp_path, digits, monkeypatch, updates):
    """The first update's losses are still numbers, its weights are not any more."""
    monkeypatch.setattr(session, "CHECKPOINT_SECONDS", 0.0)
    config = replace(CONFIG, learning_rate=1e39, updates=updates)
    run = start(tmp_path / "run", config)
    with pytest.raises(UserError, match="diverged"):
        train(config, digits, run, "cpu", progress=False)
    assert finite(run.load_checkpoint())


def test_data_of_another_shape_is_refused(tmp_path, digits):
    with pytest.raises(UserError, match="1 x 16 x 16.*3 x 32 x 32"):
        train(Config("digits", networks.ARCHITECTURES["small32"], images=10), digits, start(tmp_path / "run"), "cpu")


def test_data_of_other_classes_are_refused(tmp_path, digits):
    config = replace(CONFIG, architecture=replace(TINY, num_classes=7))
    with pytest.raises(UserError, match="10 classes, but architecture.num_classes=7; set that to 10"):
        train(config, digits, start(tmp_path / "run", config), "cpu")
    with pytest.raises(UserError, match="classes"):
        train(config, replace(digits, labels=None, classes=()), start(tmp_path / "other", config), "cpu")


def test_a_discriminator_without_a_head_is_not_trained():
    with pytest.raises(UserError, match="leave architecture.head true"):
        replace(CONFIG, architecture=replace(CONFIG.architecture, head=False))


def test_a_device_that_is_not_there_is_refused(tmp_path, digits):
    with pytest.raises(UserError, match="`device` toaster"):
        train(CONFIG, digits, start(tmp_path / "run"), "toaster")
    if not torch.cuda.is_available():
        with pytest.raises(UserError, match="`device` cuda"):
            train(CONFIG, digits, start(tmp_path / "other"), "cuda")


def test_the_loop_makes_no_tensor_without_saying_on_which_device(tmp_path, digits, monkeypatch):
    """What would go wrong on a GPU, as far as a CPU can tell."""
    nets = networks.build(TINY, 0)  # always made on the CPU, then moved
    monkeypatch.setattr(networks, "build", lambda a, seed: nets)
    factories = {torch.zeros, torch.ones, torch.full, torch.empty, torch.rand, torch.randn, torch.arange, torch.tensor}
    given = []

    class Watch(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            if function in factories:
                given.append((function.__name__, (kwargs or {}).get("device")))
            return function(*args, **(kwargs or {}))

    config = replace(CONFIG, images=160)
    with Watch():
        assert train(config, digits, start(tmp_path / "run", config), "cpu", progress=False)
    assert {name for name, _ in given} >= {"zeros", "rand"}
    assert {name for name, device in given if device is None} == set()


def test_nothing_waits_for_the_device_but_rows_of_the_log(tmp_path, digits, monkeypatch):
    """Each number that Python reads off a tensor is a wait for the GPU."""
    read = []

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            if function in (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.equal.default):
                read.append(traceback.extract_stack())
            return function(*args, **(kwargs or {}))

    for name in ("_log_row", "_save", "_show"):
        monkeypatch.setattr(session.Session, name, lambda self, *args: None)
    monkeypatch.setattr(session.Session, "_is_finite", lambda self: True)  # before it saves
    monkeypatch.setattr(session.Session, "end", lambda self, data: bool(read))
    for updates in ("both", "alternate"):
        config = replace(CONFIG, images=16 * 30, updates=updates, noise=0.1, shift=1, flip=True)
        with Watch():
            assert not train(config, digits, start(tmp_path / updates, config), "cpu", progress=False), read[0]
            float(torch.ones(1))
        assert len(read) == 1, "it would have been seen"
        read.clear()


# --- what a wing may add ---------------------------------------------------------------------------------------------


class Counter:
    """A part of the checkpoint: how often D's loss was asked for."""

    def __init__(self) -> None:
        self.calls = 0

    def state_dict(self) -> dict:
        return {"calls": self.calls}

    def load_state_dict(self, state: dict) -> None:
        self.calls = state["calls"]


@pytest.mark.parametrize("classes", [0, 10])
def test_without_additions_an_update_is_what_it_was(digits, classes):
    """The paper's step written out once more, bit by bit: what a wing may add is not there unless it was added."""
    a = replace(TINY, num_classes=classes)
    one, two = (update.State(replace(CONFIG, architecture=a), torch.device("cpu")) for _ in range(2))
    pixels = torch.from_numpy(np.array(digits.images[:16]))
    y = torch.from_numpy(digits.labels[:16]) if classes else None
    for _ in range(3):
        update.update(one, pixels, y)
        z = latent.sample(a, 16, two.rng)
        fake, real = two.generator(z, y), networks.to_input(pixels, a).contiguous(memory_format=torch.channels_last)
        for net, optimizer in ((two.discriminator, two.optimizer_d), (two.generator, two.optimizer_g)):
            if net is two.discriminator:
                loss = F.softplus(-net(real, y)).mean() + F.softplus(net(fake.detach(), y)).mean()
            else:
                two.discriminator.requires_grad_(False)
                loss = F.softplus(-two.discriminator(fake, y)).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            two.discriminator.requires_grad_(True)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))


def test_a_wing_adds_to_the_losses_and_to_the_checkpoint(tmp_path, digits):
    """An extra loss pulls D's and G's weights towards zero; its own part goes on where it stopped."""
    seen = []

    def prepare(state) -> None:
        counter = Counter()

        def pull_d():
            counter.calls += 1
            seen.append(counter.calls)
            return 10 * sum(p.square().sum() for p in state.discriminator.parameters())

        state.extra_d, state.more = pull_d, {"counter": counter}
        state.extra_g = lambda: 10 * sum(p.square().sum() for p in state.generator.parameters())

    plain = finished(tmp_path / "plain", CONFIG, digits)
    pulled = finished(tmp_path / "pulled", CONFIG, digits, prepare=prepare)
    for net in ("generator", "discriminator"):
        sizes = [sum(v.square().sum() for k, v in weights(run, net).items() if "layer" in k) for run in (pulled, plain)]
        assert sizes[0] < 0.9 * sizes[1]
    assert pulled.load_checkpoint()["counter"] == {"calls": 30}
    longer = replace(CONFIG, images=16 * 40)
    assert train(longer, digits, pulled, "cpu", progress=False, prepare=prepare)
    assert seen[-10:] == list(range(31, 41))


def test_adams_decay_rates_are_the_configs():
    state = update.State(replace(CONFIG, beta1=0.9, beta2=0.99), torch.device("cpu"))
    assert {group["betas"] for o in (state.optimizer_g, state.optimizer_d) for group in o.param_groups} == {(0.9, 0.99)}


@pytest.mark.parametrize("flip", [False, True])
def test_labels_stay_with_their_pictures(flip):
    labels = np.arange(50) % 10
    pixels = np.tile(labels.astype(np.uint8)[:, None, None, None], (1, 1, 16, 16))
    data = ImageData("x", "train", pixels, labels, tuple("0123456789"), None, (), {})
    config = replace(CONFIG, architecture=replace(TINY, num_classes=10), flip=flip)
    for x, y in islice(batches(data, update.State(config, torch.device("cpu"))), 12):
        assert torch.equal(x[:, 0, 0, 0].long(), y)


@pytest.mark.parametrize("updates", ["both", "alternate"])
def test_a_row_of_the_log_is_the_mean_over_its_own_updates(tmp_path, digits, monkeypatch, updates):
    original, told = loop.update, []

    def watched(*args):
        told.append(stats := original(*args))
        return stats

    monkeypatch.setattr(loop, "update", watched)
    run = finished(tmp_path / "run", replace(CONFIG, images=320, updates=updates), digits)
    for row, part in zip(run.log(), (told[:10], told[10:]), strict=True):
        d = np.mean([stats.d.tolist() for stats in part if stats.d is not None], 0)
        g = np.mean([stats.g.item() for stats in part if stats.g is not None])
        assert [row[key] for key in ("loss_d", "d_real", "d_fake", "loss_g")] == pytest.approx([*d, g], abs=1e-4)


@pytest.mark.parametrize(("spent", "images"), [(90.0, 160), (30.0, 320)])
def test_minutes_are_those_of_all_sessions_together(tmp_path, digits, spent, images):
    run = finished(tmp_path / "run", replace(CONFIG, images=160), digits)
    saved = run.load_checkpoint()
    saved["counts"]["seconds"] = spent
    run.save_checkpoint(saved)
    assert train(replace(CONFIG, images=320, minutes=1.0), digits, Run(run.path), "cpu", progress=False)
    assert Run(run.path).info["counters"]["images"] == images
