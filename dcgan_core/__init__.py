"""The DCGAN paper (Radford, Metz, Chintala 2015), runnable: nets, training, and the paper's experiments.

What `dcgan_core.api` offers is here too, and imported when it is asked for: `import dcgan_core` alone imports no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dcgan_core.api import features, load, probe, show, train, walk
    from dcgan_core.data.loading import load_data
    from dcgan_core.networks import ARCHITECTURES, Discriminator, Generator
    from dcgan_core.runs import Run

__version__ = "0.1.0"
__all__ = [
    "ARCHITECTURES",
    "Discriminator",
    "Generator",
    "Run",
    "features",
    "load",
    "load_data",
    "probe",
    "show",
    "train",
    "walk",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("dcgan_core.api"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
