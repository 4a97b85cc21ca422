"""Which precision is the faster one?"""

from contextlib import nullcontext

import pytest
import torch

from dcgan_core import devices
from dcgan_core.errors import UserError

INTEL, AMD = "Intel Xeon", "AMD EPYC"


@pytest.mark.parametrize(
    ("has", "taken"),
    [
        ({"amx_bf16": True, "avx512_bf16": True, "cpu_name": INTEL}, "bf16"),
        ({"amx_bf16": False, "avx512_bf16": True, "cpu_name": INTEL}, "single"),
        ({"amx_bf16": False, "avx512_bf16": True, "cpu_name": AMD}, "bf16"),
        ({"amx_bf16": False, "avx512_bf16": False, "cpu_name": AMD}, "single"),
        ({"neon": True, "bf16": True}, "single"),
    ],
)
def test_auto_is_bf16_on_cpus_that_are_faster_in_it(monkeypatch, has, taken):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: has, raising=False)
    assert devices.precision("auto", "cpu") == taken
    assert devices.precision("auto", "mps") == "single"


@pytest.mark.parametrize(("there", "taken"), [(True, "bf16"), (False, "single")])
def test_auto_is_bf16_on_gpus_that_have_it(monkeypatch, there, taken):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": not there}, raising=False)
    asked = []
    monkeypatch.setattr(torch.cuda, "device", lambda device: asked.append(device) or nullcontext())
    # an emulated bf16 is no faster
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation or there)
    assert devices.precision("auto", torch.device("cuda:1")) == taken
    assert asked == [torch.device("cuda:1")], "of this GPU, not of the first"


def test_where_torch_does_not_say_single_is_taken(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert devices.precision("auto", "cpu") == "single"


def test_nets_lie_channels_last_but_on_apples_gpus():
    assert devices.layout("cpu") == devices.layout(torch.device("cuda")) == torch.channels_last
    assert devices.layout("mps") == torch.contiguous_format


def test_what_is_asked_for_is_taken_and_an_unknown_one_refused(monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True}, raising=False)
    assert [devices.precision(asked, "cpu") for asked in ("single", "bf16")] == ["single", "bf16"]
    with pytest.raises(UserError, match="`precision` half: there are auto, single and bf16"):
        devices.precision("half", "cpu")
