"""Is the classifier right on samples? Sums of z that were looked at by eye, beside what it says of them. (Paper §6.3.2)"""

import base64
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dcgan_core import assets, latent
from dcgan_core.errors import UserError
from dcgan_core.files import read_json
from dcgan_core.inside import weights_of
from dcgan_core.inside.exemplars import Reads
from dcgan_core.intervals import Measurement, share, timed
from dcgan_core.networks import Generator
from dcgan_core.runs import Run

SUMS_BY_EYE = assets.FOLDERS["trials"] / "sums_by_eye.json"


@dataclass(frozen=True)
class Seen:
    """Sums of the mean of three exemplars a term, in random order, looked at without knowing which is which."""

    z: Tensor  # N x latent
    sums: tuple[str, ...]  # N: which of arithmetic.SUMS
    by_eye: dict[str, str]  # attribute -> N letters: 1 there, 0 not there, ? unclear

    def clear(self, attribute: str) -> np.ndarray:
        """Which of them were clear to the eye: N times true or false."""
        return np.array([letter != "?" for letter in self.by_eye[attribute]])


def load_seen(run: Run, path: Path = SUMS_BY_EYE) -> Seen:
    """Raises UserError where the run's weights are others than those whose sums were looked at."""
    saved = read_json(path, "what was seen in sums")
    if saved.get("weights") != weights_of(run):
        raise UserError(f"{path}: seen in sums of other weights than those of {run.path}; look at these anew")
    numbers = np.frombuffer(base64.b64decode(saved["z"]), np.float16).reshape(len(saved["sums"]), -1)
    return Seen(torch.from_numpy(numbers.astype(np.float32)), tuple(saved["sums"]), dict(saved["by_eye"]))


def eye_agrees(generator: Generator, seen: Seen, judge: Reads, attribute: str) -> Measurement:
    """The share of sums, of those clear to the eye, of which a classifier says what the eye saw.

    `details`: how many were unclear; of those where the eye saw the attribute the share that the classifier overlooks; of
    the others the share in which it sees one.
    """
    with timed() as seconds:
        clear = seen.clear(attribute)
        there = np.array([letter == "1" for letter in seen.by_eye[attribute]])[clear]
        said = (judge(latent.generate_pixels(generator, seen.z))[attribute] > 0.5)[clear]
        details = {
            "unclear": int((~clear).sum()),
            "overlooked": [round(float(x), 4) for x in share(~said[there])],
            "imagined": [round(float(x), 4) for x in share(said[~there])],
            "there": int(there.sum()),
        }
        return Measurement(*share(said == there), int(clear.sum()), seconds(), details)
