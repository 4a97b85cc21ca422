"""For `torch.hub.load(REPOSITORY, "generator", "faces")`: a clone of this repository, used without installing it."""

dependencies = ["torch", "numpy", "PIL", "safetensors", "tqdm", "filelock"]


def generator(name: str = "faces", device: str = "auto"):
    """The generator of a shipped run (by its name) or of a run's folder, in eval mode: `generator(…).sample(count, seed=0)`."""
    from dcgan_core import load

    return load(name, device=device)
