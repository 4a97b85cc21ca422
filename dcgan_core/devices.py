"""Which processor runs it?"""

import torch

from dcgan_core.errors import UserError


def pick(device: str = "auto") -> torch.device:
    """The device named by `device`; `auto` is the first there is of CUDA, Apple's MPS and the CPU."""
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        picked = torch.device(device)
    except RuntimeError:
        raise UserError(f"--device {device}: unknown; use auto, cpu, cuda, cuda:1 or mps") from None
    if picked.type == "cuda" and (picked.index or 0) >= torch.cuda.device_count():
        raise UserError(f"--device {device}: there are {torch.cuda.device_count()} CUDA devices here; use auto or cpu")
    if picked.type == "mps" and not torch.backends.mps.is_available():
        raise UserError(f"--device {device}: no MPS device here; use auto or cpu")
    return picked
