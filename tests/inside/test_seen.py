import base64
import json

import numpy as np
import pytest
import torch
import toy as toys

from dcgan_core.claims import ledger
from dcgan_core.errors import UserError
from dcgan_core.inside import seen
from dcgan_core.inside.seen import Seen
from dcgan_core.runs import Run


def test_a_classifier_is_compared_with_the_eye_where_the_eye_was_sure():
    z = torch.tensor([[1.0, 1], [1, -1], [-1, 1], [-1, -1]]).repeat(5, 1)  # windows in half, lamps in half
    looked_at = Seen(z, ("toy",) * 20, {"window": "110?" * 5, "lamp": "1010" * 5})
    exact = seen.eye_agrees(toys.generator(), looked_at, toys.Eye().read, "lamp")
    assert (exact.value, exact.n, exact.details["unclear"], exact.details["there"]) == (1, 20, 0, 10)
    assert exact.details["overlooked"][0] == exact.details["imagined"][0] == 0 and exact.low > 0.8
    window = seen.eye_agrees(toys.generator(), looked_at, toys.Eye().read, "window")
    assert (window.value, window.n, window.details["unclear"]) == (1, 15, 5)
    blind = seen.eye_agrees(toys.generator(), looked_at, lambda images: {"lamp": np.zeros(len(images))}, "lamp")
    assert (blind.value, blind.details["overlooked"][0], blind.details["imagined"][0]) == (0.5, 1, 0)


def test_what_was_seen_belongs_to_the_weights_that_drew_it(run, tmp_path):
    path = tmp_path / "seen.json"
    numbers = base64.b64encode(np.ones((2, 3), np.float16).tobytes()).decode()
    saved = {"weights": "others", "z": numbers, "sums": ["a", "b"], "by_eye": {"Smiling": "1?"}}
    path.write_text(json.dumps(saved))
    with pytest.raises(UserError, match=r"seen\.json: seen in sums of other weights"):
        seen.load_seen(run, path)
    path.write_text(json.dumps(saved | {"weights": seen.weights_of(run)}))
    found = seen.load_seen(run, path)
    assert found.z.tolist() == [[1, 1, 1]] * 2 and found.clear("Smiling").tolist() == [True, False]


def test_the_sums_that_were_looked_at_are_of_the_weights_that_ship():
    faces = Run.reference("faces")
    found = seen.load_seen(faces)
    assert found.z.shape == (200, faces.architecture.latent) and len(found.sums) == 200
    assert all(len(letters) == 200 and set(letters) <= set("01?") for letters in found.by_eye.values())
    assert all(ledger.claim(f"arithmetic.faces.by_eye.{name.lower()}").fits(faces) for name in found.by_eye)


def test_what_was_seen_in_rooms_is_counted(run, tmp_path):
    path = tmp_path / "rooms.json"
    saved = {
        "weights": seen.weights_of(run),
        "named": {"photographs": {"n": 60, "named": 50, "right": 40}},
        "window": {"before": "11110?", "paper": "000?10", "fewest": "0?1100", "random": "111110", "again": "11110?"},
        "kind": {"before": "bkl?db", "paper": "bk?bdl", "fewest": "bkl?db", "random": "b????b", "again": "bkl?db"},
    }
    path.write_text(json.dumps(saved))
    gone = [seen.windows_gone(run, which, path) for which in ("paper", "fewest", "random", "again")]
    assert [(m.value, m.n, m.details["unclear"]) for m in gone] == [(0.75, 4, 1), (0.25, 4, 1), (0, 4, 0), (0, 4, 0)]
    named = seen.rooms_named(run, path)
    assert (named.value, named.n, named.details) == (pytest.approx(5 / 6), 6, saved["named"])
    kept = seen.rooms_kept(run, path)
    assert (kept.n, kept.details["paper"][0], kept.details["fewest"][0], kept.details["random"][0]) == (5, 0.6, 1, 0.4)
    assert kept.value == pytest.approx(0.2) and kept.low <= 0.2 <= kept.high, "the paper's less random maps'"
    setting = ledger.claim("forgetting.photographs.rest").setting
    assert setting({"details": kept.details}) == "" and "wreck" in setting({"details": {"random": [0.1, 0, 0.2]}})
    path.write_text(json.dumps(saved | {"weights": "others"}))
    with pytest.raises(UserError, match=r"rooms\.json: seen in samples of other weights"):
        seen.rooms_named(run, path)
