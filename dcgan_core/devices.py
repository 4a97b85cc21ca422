"""Which device computes, and in which precision?"""

import re

import torch

from dcgan_core.errors import UserError


def pick(device: str = "auto") -> torch.device:
    """The device named by `device`; `auto`: CUDA, else Apple's MPS, else the CPU. Raises UserError where there is none."""
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    if not re.fullmatch(r"(cpu|cuda|mps)(:\d{1,2})?", device):
        raise UserError(f"`device` {device}: unknown; use auto, cpu, cuda, cuda:1 or mps")
    picked = torch.device(device)
    if picked.type == "cuda" and (picked.index or 0) >= torch.cuda.device_count():
        raise UserError(f"`device` {device}: there are {torch.cuda.device_count()} CUDA devices here; use auto or cpu")
    if picked.type == "mps" and not torch.backends.mps.is_available():
        raise UserError(f"`device` {device}: no MPS device here; use auto or cpu")
    return picked


def layout(device: torch.device | str) -> torch.memory_format:
    """Channels last, which is faster, but not on MPS, where PyTorch's batchnorm has been wrong in it (its issue 175189)."""
    return torch.contiguous_format if torch.device(device).type == "mps" else torch.channels_last


def prefer_speed(device: torch.device) -> None:
    """On CUDA: cuDNN's fastest algorithm for convolutions, which in single precision may be TF32 (PyTorch's default)."""
    if device.type == "cuda":
        torch.backends.cudnn.benchmark = True


def precision(asked: str, device: torch.device | str) -> str:
    """`single` or `bf16` (autocast), as `asked`; `auto` is bf16 where that is faster: CUDA GPUs that have it, CPUs with AMX,
    and AMD's with AVX-512 BF16 (on Intel's, that is slower). Raises UserError for an unknown one.
    """
    if asked == "auto":
        device = torch.device(device)
        has: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()  # older releases of PyTorch do not say
        amd = has.get("avx512_bf16") and "AMD" in str(has["cpu_name"])
        faster = device.type == "cpu" and bool(has.get("amx_bf16") or amd)
        if device.type == "cuda":
            with torch.cuda.device(device):
                faster = torch.cuda.is_bf16_supported(including_emulation=False)
        return "bf16" if faster else "single"
    if asked not in ("single", "bf16"):
        raise UserError(f"`precision` {asked}: there are auto, single and bf16")
    return asked
