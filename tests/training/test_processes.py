"""Several processes under torchrun, here two of one thread each over gloo."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from conftest import train_arguments

import dcgan_core
from dcgan_core import latent
from dcgan_core.cli import main
from dcgan_core.errors import UserError
from dcgan_core.runs import Run
from dcgan_core.training import processes

PACKAGE = Path(dcgan_core.__file__).parent
pytestmark = pytest.mark.slow
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]

# Each process writes its number, and at the end what it has become.
MEMBER = """
import os, sys
from pathlib import Path
import torch
from dcgan_core.cli import main
from dcgan_core.training.session import Session
end = Session.end
def told(self, data):
    state = {f"{k} {n}": t for k in ("generator", "discriminator") for n, t in getattr(self.state, k).state_dict().items()}
    torch.save(state, f"rank{os.environ.get('RANK', 0)}.pt")
    return end(self, data)
Session.end = told
Path(f"pid{os.environ.get('RANK', 0)}").write_text(str(os.getpid()))
sys.exit(main(sys.argv[1:]))
"""


def test_two_processes_make_one_run(tmp_path):
    out = tmp_path / "two"
    command = [*TORCHRUN, "-m", "dcgan_core.cli"]
    result = subprocess.run([*command, *train_arguments(out, images=16 * 50)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    run = Run(out)
    assert run.info["status"] == "finished"
    assert run.info["counters"] == {"images": 800, "d_updates": 50, "g_updates": 50}
    assert [row["images"] for row in run.log()] == [400, 800]
    assert latent.generate(run.generator(), torch.zeros(1, 10)).isfinite().all()


DIFFERENT = """
import os, sys
import torch
torch.cpu.get_capabilities = lambda: {"amx_bf16": os.environ["RANK"] == "0"}
original = torch.autocast
def autocast(*args, enabled, **kwargs):
    print("rank", os.environ["RANK"], enabled, file=sys.stderr, flush=True)
    return original(*args, enabled=enabled, **kwargs)
torch.autocast = autocast
from dcgan_core.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_of_several_processes_the_first_decides_the_precision(tmp_path):
    (tmp_path / "different.py").write_text(DIFFERENT)
    out = tmp_path / "two"
    command = [*TORCHRUN, "different.py"]
    result = subprocess.run([*command, *train_arguments(out, images=160)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    said = {line for line in result.stderr.splitlines() if line.startswith("rank")}
    assert said == {"rank 0 True", "rank 1 True"} and Run(out).precision == "bf16"


def torchrun(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess:
    (tmp_path / "member.py").write_text(MEMBER)
    return subprocess.run([*TORCHRUN, "member.py", *arguments], capture_output=True, text=True, check=False)


def test_all_processes_have_the_same_parameters_after_200_updates(tmp_path):
    result = torchrun(tmp_path, *train_arguments(tmp_path / "two", images=16 * 200))
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("each of 2 processes takes the statistics of its own 8 images") == 1
    one, other = (torch.load(tmp_path / f"rank{rank}.pt", weights_only=True) for rank in (0, 1))
    parameters = [name for name in one if name.endswith(("weight", "bias"))]
    assert len(parameters) > 10 and all(torch.equal(one[name], other[name]) for name in parameters)


@pytest.mark.parametrize("updates", ["both", "alternate"])
def test_two_processes_that_share_batchnorm_train_as_one_does(tmp_path, updates):
    """Within rounding: five updates, before differences grow. Without sharing they part at once."""
    settings = ("--set", f"updates={updates}", "--images", "80", "--precision", "single")
    assert torchrun(tmp_path, *train_arguments(tmp_path / "two"), *settings, "--sync-batchnorm").returncode == 0
    two = torch.load(tmp_path / "rank0.pt", weights_only=True)
    assert torchrun(tmp_path, *train_arguments(tmp_path / "apart"), *settings).returncode == 0
    apart = torch.load(tmp_path / "rank0.pt", weights_only=True)
    (tmp_path / "member.py").write_text(MEMBER)
    subprocess.run(
        [sys.executable, "member.py", *train_arguments(tmp_path / "one"), *settings], check=True, capture_output=True
    )
    one = torch.load(tmp_path / "rank0.pt", weights_only=True)

    def away(other: dict) -> float:
        """The median of how far a weight is from where one process takes it, in learning rates."""
        return torch.cat([(other[name] - one[name]).abs().flatten() for name in one]).median().item() / 2e-4

    assert away(two) < 0.01
    assert away(apart) > 0.1


def test_a_run_goes_on_with_another_number_of_processes(tmp_path):
    out = tmp_path / "run"
    assert torchrun(tmp_path, *train_arguments(out, images=16 * 10)).returncode == 0
    assert main(train_arguments(out, "--resume", images=16 * 20)) == 0
    assert torchrun(tmp_path, *train_arguments(out, "--resume", images=16 * 30)).returncode == 0
    assert Run(out).info["counters"] == {"images": 480, "d_updates": 30, "g_updates": 30}


@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_process_ends_all_with_one_line(tmp_path, rank):
    (tmp_path / "member.py").write_text(MEMBER)
    out = tmp_path / "run"
    command = [*TORCHRUN, "member.py", *train_arguments(out, images=10**7)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        end = time.monotonic() + 100
        while not ((out / "log.jsonl").exists() and (out / "log.jsonl").stat().st_size):
            assert process.poll() is None and time.monotonic() < end, process.stderr.read()
            time.sleep(0.05)
        pids = [int((tmp_path / f"pid{n}").read_text()) for n in (0, 1)]
        os.kill(pids[rank], signal.SIGKILL)
        told = process.communicate(timeout=60)[1]
    assert process.returncode
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert len(re.findall("another of the 2 processes ended; --resume goes on from the checkpoint", told)) == 1
    assert "FutureWarning" not in told and str(PACKAGE) not in told  # no traceback but that of torchrun itself
    assert main(train_arguments(out, "--resume", images=Run(out).load_checkpoint()["counts"]["images"] + 32)) == 0


SLOW_END = """
import sys, time
from dcgan_core.cli import main
from dcgan_core.training import session
estimate = session._estimate_statistics
def slowly(*args):
    time.sleep(3)  # torchrun ends all processes a moment after one fails
    estimate(*args)
session._estimate_statistics = slowly
sys.exit(main(sys.argv[1:]))
"""


def test_where_training_diverges_the_nets_from_before_are_saved_in_spite_of_the_others_end(tmp_path):
    (tmp_path / "slow_end.py").write_text(SLOW_END)
    out = tmp_path / "run"
    command = [*TORCHRUN, "slow_end.py", *train_arguments(out, images=16 * 60), "--set", "learning_rate=1e39"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode and "training diverged" in result.stderr
    run = Run(out)
    assert run.info["status"] == "diverged"
    assert latent.generate(run.generator(), torch.zeros(1, 10)).isfinite().all()


def test_several_processes_do_not_train_on_mps(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UserError, match="`device` mps: several processes train on CUDA or on the CPU"):
        processes.join_others("mps")
