"""What was seen by eye: in sums of z, beside what the classifier says of them (paper §6.3.2), and in samples of rooms (§4.1,
§6.3.1)."""

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
from dcgan_core.intervals import Measurement, bootstrap, share
from dcgan_core.networks import Generator
from dcgan_core.runs import Run

SUMS_BY_EYE, ROOMS_BY_EYE = (assets.FOLDERS["trials"] / f"{name}_by_eye.json" for name in ("sums", "rooms"))
ROOMS_BY_HAND = assets.FOLDERS["trials"] / "room_windows_by_hand.json"


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
    clear = seen.clear(attribute)
    there = np.array([letter == "1" for letter in seen.by_eye[attribute]])[clear]
    said = (judge(latent.generate_pixels(generator, seen.z))[attribute] > 0.5)[clear]
    details = {
        "unclear": int((~clear).sum()),
        "overlooked": [round(float(x), 4) for x in share(~said[there])],
        "imagined": [round(float(x), 4) for x in share(said[~there])],
        "there": int(there.sum()),
    }
    return Measurement(*share(said == there), int(clear.sum()), details=details)


# --- samples of photographed rooms ------------------------------------------------------------------------------------


def load_rooms(run: Run, path: Path = ROOMS_BY_EYE) -> dict:
    """What was seen in samples of rooms, before and after feature maps were dropped; the pictures shuffled, thirty on a sheet.

    `window` has for each version a letter a sample: 1 there, 0 not there, ? unclear. `kind` likewise: the kind of room, ?
    where none can be named. Versions: `before`; `again`, the same pictures, looked at twice; `paper` and `fewest`, without the
    maps in `dropped`; `random`, without as many as the paper's rule drops, drawn anew for each sample. `named` is of other
    pictures: how many, of how many the kind was `named`, and, where it is known, of how many rightly (`right`).
    Raises UserError where other weights drew the samples.
    """
    saved = read_json(path, "what was seen in rooms")
    if saved.get("weights") != weights_of(run):
        raise UserError(f"{path}: seen in samples of other weights than those of {run.path}; look at these anew")
    return saved


def _letters(run: Run, what: str, path: Path) -> dict[str, np.ndarray]:
    return {version: np.array(list(letters)) for version, letters in load_rooms(run, path)[what].items()}


def rooms_named(run: Run, path: Path = ROOMS_BY_EYE) -> Measurement:
    """The share of samples in which the eye could say what kind of room it is. `details`: `named` of `load_rooms`."""
    flags = _letters(run, "kind", path)["before"] != "?"
    return Measurement(*share(flags), len(flags), details=load_rooms(run, path)["named"])


def windows_gone(run: Run, version: str, path: Path = ROOMS_BY_EYE) -> Measurement:
    """Of samples with a window to the eye, the share without one in this version; unclear ones have it still."""
    window = _letters(run, "window", path)
    after = window[version][window["before"] == "1"]
    return Measurement(*share(after == "0"), len(after), details={"unclear": int((after == "?").sum())})


def rooms_kept(run: Run, path: Path = ROOMS_BY_EYE, seed: int = 0) -> Measurement:
    """Of samples whose kind of room the eye could name, the share still named so by the paper's rule, less that by as many
    random maps. `details`: the share of each version, with its interval."""
    kinds = _letters(run, "kind", path)
    named = kinds["before"] != "?"
    same = {version: (letters == kinds["before"])[named] for version, letters in kinds.items() if version != "before"}
    more = same["paper"].astype(float) - same["random"]
    details = {version: [round(x, 4) for x in share(flags)] for version, flags in same.items()}
    return Measurement(*bootstrap(np.mean, more, seed=seed), len(more), details=details)
