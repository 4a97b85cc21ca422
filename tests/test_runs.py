import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib import metadata

import pytest
import torch
from conftest import TINY, snapshot

from dcgan_core import config_io, files, latent, networks, runs
from dcgan_core.claims import shipping
from dcgan_core.errors import UserError
from dcgan_core.files import read_json, write_atomically, write_json
from dcgan_core.runs import Run
from dcgan_core.training.config import Config


def described(path, architecture=TINY) -> Run:
    return Run.create(path, {"config": config_io.to_dict(Config("digits", architecture, images=1))})


def nets(seed: int = 0):
    """Nets whose batchnorm statistics are not the ones they begin with."""
    g, d = networks.build(TINY, seed)
    z = latent.sample(TINY, 20, torch.Generator().manual_seed(seed))
    networks.estimate_batchnorm(g, [(z,)])
    networks.estimate_batchnorm(d, [(latent.generate(g, z),)])
    return g.eval(), d.eval()


def states_equal(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    keys = [k for k in a.state_dict() if not k.endswith("num_batches_tracked")]
    return all(torch.equal(a.state_dict()[k], b.state_dict()[k]) for k in keys)


# --- round trips ------------------------------------------------------------------------------------------------------


def test_nets_come_back_as_they_were_saved(tmp_path):
    run = described(tmp_path / "run")
    for kind, net in zip(runs.NETS, nets(), strict=True):
        assert not run.has_net(kind)
        runs.write_net(run.path, kind, net)
        loaded = getattr(Run(run.path), kind)()
        assert states_equal(net, loaded)
        assert not loaded.training
        assert loaded.architecture == TINY


def test_weights_in_eight_bits_are_read_with_their_scales_and_damaged_without(tmp_path):
    run, (g, _) = described(tmp_path / "run"), nets()
    tensors = shipping.packed(g, 8)
    runs.write_net(run.path, "generator", g, tensors)
    for key, tensor in run.generator().state_dict().items():
        if tensor.ndim > 1:
            step = g.state_dict()[key].abs().flatten(1).amax(1) / 127
            assert ((tensor - g.state_dict()[key]).abs().flatten(1).amax(1) <= 0.51 * step).all(), key
            del tensors[f"{key}.scale"]
    runs.write_net(run.path, "generator", g, tensors)
    with pytest.raises(UserError, match="damaged"):
        run.generator()


def test_equal_nets_are_equal_files(tmp_path):
    files_ = []
    for name in ("one", "two"):
        run = described(tmp_path / name)
        runs.write_net(run.path, "generator", nets()[0])
        files_.append((run.path / "generator.safetensors").read_bytes())
    assert files_[0] == files_[1]


def test_a_checkpoint_comes_back(tmp_path):
    run = described(tmp_path / "run")
    assert not run.has_checkpoint
    run.save_checkpoint({"x": torch.arange(3), "counts": {"step": 3}})
    loaded = run.load_checkpoint()
    assert loaded["counts"] == {"step": 3}
    assert torch.equal(loaded["x"], torch.arange(3))


def test_update_keeps_what_it_does_not_name(tmp_path):
    run = described(tmp_path / "run")
    run.update(status="finished", minutes=2)
    again = Run(run.path)
    assert (again.info["status"], again.info["minutes"]) == ("finished", 2)
    assert again.architecture == TINY
    assert again.name == "run"


def test_a_half_written_last_log_line_is_left_out(tmp_path):
    run = described(tmp_path / "run")
    assert run.log() == []
    (run.path / "log.jsonl").write_text('{"images": 1}\n{"images": 2}\n{"imag')
    assert run.log() == [{"images": 1}, {"images": 2}]


def test_samples_are_ordered_by_images_seen_without_the_latest(run):
    assert list(run.samples()) == sorted(run.samples())
    assert (run.path / "samples" / "latest.png").exists()
    assert run.samples()[3200].name == "000003200.png"


def test_a_finished_run_says_where_it_comes_from(run):
    assert {"machine", "versions", "commit", "config", "data", "recipe", "counters"} <= run.info.keys()
    assert run.info["versions"]["torch"] == metadata.version("torch")
    assert run.info["data"]["images"] > 1600
    assert run.info["lineage"] == []


def test_a_run_json_from_before_a_setting_was_there_still_loads(run_copy):
    del run_copy.info["config"]["architecture"]["head"]
    run_copy.update()
    assert Run(run_copy.path).architecture == TINY
    assert Run(run_copy.path).discriminator()


# --- what is no run ---------------------------------------------------------------------------------------------------


def test_create_refuses_a_folder_with_something_in_it_and_leaves_it_alone(tmp_path):
    run = described(tmp_path / "run")
    before = snapshot(run.path)
    with pytest.raises(UserError, match="already exists"):
        described(run.path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="already exists"):
        described(tmp_path / "file")
    with pytest.raises(UserError, match="cannot be made"):
        described(tmp_path / "file" / "run")
    (tmp_path / "empty").mkdir()
    assert described(tmp_path / "empty").architecture == TINY
    assert snapshot(run.path) == before


def test_a_missing_run_is_an_error_that_lists_those_there_are(tmp_path):
    described(tmp_path / "runs" / "mine")
    with pytest.raises(UserError, match="no such run.*runs/mine"):
        Run("runs/yours")


FOREIGN = [
    "",
    "{",
    '{"format": 1, "conf',
    "[]",
    "3",
    "null",
    "{}",
    '{"format": 99, "config": {}}',
    '{"name": "else"}',
    "\x00\xff",
]


@pytest.mark.parametrize("content", FOREIGN)
def test_a_foreign_or_half_written_run_json_is_an_error_that_names_it(tmp_path, content):
    run = described(tmp_path / "run")
    (run.path / "run.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(UserError, match=r"run\.json"):
        Run(run.path)


@pytest.mark.parametrize("config", [{}, None, [], 3, {"architecture": 3}, {"architecture": {"size": 50}}])
def test_a_run_json_without_an_architecture_is_an_error_not_a_crash(tmp_path, config):
    run = described(tmp_path / "run")
    write_json(run.path / "run.json", {"format": runs.FORMAT, "config": config})
    with pytest.raises(UserError):
        _ = Run(run.path).architecture


def damaged(content: bytes) -> dict[str, bytes]:
    return {"empty": b"", "half": content[: len(content) // 2], "text": b"hello, world\n", "zeros": bytes(len(content))}


@pytest.mark.parametrize("damage", ["empty", "half", "text", "zeros"])
def test_a_damaged_checkpoint_is_an_error_that_names_it(run_copy, damage):
    path = run_copy.path / "checkpoint.pt"
    path.write_bytes(damaged(path.read_bytes())[damage])
    with pytest.raises(UserError, match=r"checkpoint\.pt: damaged") as caught:
        run_copy.load_checkpoint()
    assert "\n" not in str(caught.value)


def test_a_checkpoint_cannot_run_code(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "evil"),)

    run = described(tmp_path / "run")
    torch.save({"generator": Evil()}, run.path / "checkpoint.pt")
    with pytest.raises(UserError, match=r"checkpoint\.pt"):
        run.load_checkpoint()
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("damage", ["empty", "half", "text", "zeros"])
def test_a_damaged_weights_file_is_an_error_that_names_it(run_copy, damage):
    path = run_copy.path / "generator.safetensors"
    path.write_bytes(damaged(path.read_bytes())[damage])
    with pytest.raises(UserError, match=r"generator\.safetensors: damaged"):
        run_copy.generator()


def test_weights_of_another_net_or_another_architecture_are_refused(run_copy, tmp_path):
    shutil.copy(run_copy.path / "discriminator.safetensors", run_copy.path / "generator.safetensors")
    with pytest.raises(UserError, match="not this run's generator"):
        run_copy.generator()
    other = described(tmp_path / "other", replace(TINY, latent=11))
    shutil.copy(run_copy.path / "discriminator.safetensors", other.path)
    assert other.discriminator()  # z is not D's business
    runs.write_net(other.path, "generator", nets()[0])
    with pytest.raises(UserError, match=r"dense\.0\.layer\.weight does not fit"):
        other.generator()


def test_weights_that_are_no_numbers_are_refused(tmp_path):
    run, (g, _) = described(tmp_path / "run"), nets()
    with torch.no_grad():
        g.convs[0].layer.weight[0, 0, 0, 0] = torch.nan
    runs.write_net(run.path, "generator", g)
    with pytest.raises(UserError, match=r"convs\.0\.layer\.weight has values that are NaN or infinite"):
        run.generator()


def test_an_unfinished_run_has_no_nets_and_says_what_to_do(tmp_path):
    run = described(tmp_path / "run")
    with pytest.raises(UserError, match=r"generator\.safetensors: no such file"):
        run.generator()
    with pytest.raises(UserError, match=r"checkpoint\.pt: no such file"):
        run.load_checkpoint()
    run.save_checkpoint({})
    with pytest.raises(UserError, match="`resume`"):
        run.discriminator()


# --- writing ----------------------------------------------------------------------------------------------------------


def full(*args):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_where_writing_fails_the_old_file_is_whole_and_nothing_else_is_left(run_copy, monkeypatch, call):
    before = snapshot(run_copy.path)
    monkeypatch.setattr(files.os, call, full)
    with pytest.raises(UserError, match=r"checkpoint\.pt: No space left on device"):
        run_copy.save_checkpoint({"x": torch.zeros(10)})
    with pytest.raises(UserError, match=r"generator\.safetensors: No space left"):
        runs.write_net(run_copy.path, "generator", nets()[0])
    with pytest.raises(UserError, match=r"run\.json: No space left"):
        run_copy.update(status="broken")
    assert snapshot(run_copy.path) == before


LIMITED = """
import resource, signal, sys
from pathlib import Path
from dcgan_core.errors import UserError
from dcgan_core.files import write_atomically
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_atomically(Path(sys.argv[1]), bytes(100_000))
except UserError as error:
    sys.exit(str(error))
"""


def test_a_file_that_really_cannot_grow_is_an_error_and_the_old_one_is_whole(tmp_path):
    path = tmp_path / "place" / "file"
    path.parent.mkdir()
    path.write_bytes(b"old")
    result = subprocess.run([sys.executable, "-c", LIMITED, str(path)], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert f"could not write {path}" in result.stderr
    assert snapshot(path.parent) == {"file": b"old"}


def test_an_interrupted_write_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    path = tmp_path / "place" / "file"
    path.parent.mkdir()
    path.write_bytes(b"old")
    monkeypatch.setattr(files.os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, b"new")
    assert snapshot(path.parent) == {"file": b"old"}


@pytest.mark.parametrize("path", ["nowhere/file", "plain/file", "folder", "x" * 250])
def test_a_place_that_cannot_be_written_is_an_error_that_names_it(tmp_path, path):
    (tmp_path / "plain").write_text("a file, not a folder")
    (tmp_path / "folder" / "full").mkdir(parents=True)
    with pytest.raises(UserError, match=f"could not write .*{path}"):
        write_atomically(tmp_path / path, b"new")


def test_json_comes_back_and_what_is_none_is_an_error(tmp_path):
    path = tmp_path / "x.json"
    write_json(path, {"ä": [1, None]})
    assert read_json(path, "x") == {"ä": [1, None]}
    path.write_bytes(b'{"a": \xff}')
    with pytest.raises(UserError, match=r"x\.json: damaged, not a list of names"):
        read_json(path, "a list of names")
    with pytest.raises(UserError, match="no such file; a list of names should be there"):
        read_json(tmp_path / "y.json", "a list of names")


def test_run_json_is_plain_json(run):
    assert json.loads((run.path / "run.json").read_text())["format"] == runs.FORMAT


def test_a_folder_that_is_no_run_is_not_said_to_be_one(tmp_path):
    (tmp_path / "a.txt").touch()
    with pytest.raises(UserError, match="already exists, and is no run; choose"):
        Run.create(tmp_path, {})


def test_the_commit_is_the_packages_own_not_that_of_a_folder_around_it(tmp_path, monkeypatch):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    how = ["-c", "user.name=a", "-c", "user.email=a", "commit", "-q", "--allow-empty", "-m", "x"]
    subprocess.run(["git", "-C", tmp_path, *how], check=True)
    (tmp_path / "venv" / "dcgan_core").mkdir(parents=True)
    monkeypatch.setattr(runs, "__file__", str(tmp_path / "venv" / "dcgan_core" / "runs.py"))
    assert runs.environment()["commit"] is None
