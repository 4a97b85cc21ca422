"""Which precision is the faster one?"""

from contextlib import nullcontext
from pathlib import Path

import pytest
import torch

from dcgan_core import devices
from dcgan_core.errors import UserError


@pytest.mark.parametrize(("there", "taken"), [(True, "bf16"), (False, "single")])
def test_auto_is_bf16_on_cpus_with_amx(monkeypatch, there, taken):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: there, raising=False)
    assert devices.precision("auto", "cpu") == taken
    assert devices.precision("auto", "mps") == "single"


@pytest.mark.parametrize(("there", "taken"), [(True, "bf16"), (False, "single")])
def test_auto_is_bf16_on_gpus_that_have_it(monkeypatch, there, taken):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: not there, raising=False)
    asked = []
    monkeypatch.setattr(torch.cuda, "device", lambda device: asked.append(device) or nullcontext())
    # an emulated bf16 is no faster
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation or there)
    assert devices.precision("auto", torch.device("cuda:1")) == taken
    assert asked == [torch.device("cuda:1")], "of this GPU, not of the first"


@pytest.mark.parametrize(
    ("flags", "taken"),
    [("avx512_bf16 amx_tile amx_bf16 amx_int8", "bf16"), ("avx512f avx512_bf16", "single"), (None, "single")],
)
def test_where_torch_does_not_say_linux_does(monkeypatch, tmp_path, flags, taken):
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported", raising=False)
    there, original = tmp_path / "cpuinfo", Path.read_text
    if flags:
        there.write_text(f"processor\t: 0\nflags\t\t: fpu {flags}\n")
    monkeypatch.setattr(Path, "read_text", lambda self, *args: original(there if str(self) == "/proc/cpuinfo" else self, *args))
    assert devices.precision("auto", "cpu") == taken


def test_what_is_asked_for_is_taken_and_an_unknown_one_refused(monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True, raising=False)
    assert [devices.precision(asked, "cpu") for asked in ("single", "bf16")] == ["single", "bf16"]
    with pytest.raises(UserError, match="`precision` half: there are auto, single and bf16"):
        devices.precision("half", "cpu")
