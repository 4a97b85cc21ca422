from dataclasses import replace

import numpy as np
import pytest
from conftest import encode, make_folder

from dcgan_core.authors import reading
from dcgan_core.claims import claim, ledger, s5
from dcgan_core.errors import UserError
from dcgan_core.files import write_json
from dcgan_core.intervals import Measurement
from dcgan_core.probes import protocols, scores, tasks
from dcgan_core.runs import Run


def imagenet_run(run: Run, path, **more) -> Run:
    """A finished run whose data are called imagenet32."""
    info = {key: value for key, value in run.info.items() if key != "format"}
    copied = Run.create(path, info | {"data": run.info["data"] | {"name": "imagenet32"}} | more)
    for kind in ("generator", "discriminator"):
        (copied.path / f"{kind}.safetensors").write_bytes((run.path / f"{kind}.safetensors").read_bytes())
    return copied


def test_which_probe_is_measured_on_which_run(run, tmp_path):
    ours = imagenet_run(run, tmp_path / "ours")
    theirs = imagenet_run(run, tmp_path / "theirs", authors={"model": reading.IMAGENET.folder})
    fit = {
        name: {c.id.partition(".")[2] for c in ledger.CLAIMS if c.id.startswith("cifar10.accuracy") and c.fits(r)}
        for name, r in {"ours": ours, "theirs": theirs, "digits": run}.items()
    }
    kinds = {"ours": ("", ".random", ".pixels", ".kmeans"), "theirs": (".authors4", ".pixels", ".kmeans"), "digits": ()}
    assert fit == {name: {f"{a}{k}" for a in ("accuracy", "accuracy_400") for k in ks} for name, ks in kinds.items()}
    row = ledger.claim("cifar10.accuracy")
    assert row.instead(ours).endswith("pictures of Tiny-ImageNet instead of Imagenet-1k")
    assert ledger.claim("cifar10.accuracy.pixels").instead(ours) == ""


def test_a_probe_is_measured_in_percent_with_what_the_chapter_shows(run, tmp_path, data, monkeypatch):
    """On noise called cifar10 whose classes differ in brightness."""
    load = tasks.load_pair
    monkeypatch.setattr(tasks, "load_pair", lambda name, a, **options: _grey(load(name, replace(a, channels=3))))
    files = {}
    for i in range(240):
        pixels = np.random.default_rng(i).integers(0, 156, (16, 16)) + 50 * (i % 3)
        files[f"{'test' if i % 4 == 0 else 'train'}/{'abc'[i % 3]}/{i}.png"] = encode(
            pixels.astype(np.uint8)[:, :, None].repeat(3, 2)
        )
    make_folder(data / "cifar10", files)
    ours = imagenet_run(run, tmp_path / "ours")
    row = ledger.result(ledger.claim("cifar10.accuracy"), ours, "cpu")
    assert 45 < row["value"] <= 100
    assert row["low"] <= row["value"] <= row["high"]
    details = row["details"]
    assert np.sum(details["confusion"]) == row["n"] == 60
    assert details["each_layer"].keys() == {"conv 1", "conv 2"}
    assert details["held_out"] == 36
    assert details["protocol"]["labels_each"] == "all"
    right = scores.unpack(Measurement(row["value"], 0, 0, row["n"], 0, details))
    assert 100 * right.mean() == pytest.approx(row["value"], abs=1e-3)
    few = protocols.per_class(s5._task(claim.Setting(ours, "cpu"), "cifar10", "trained", ()), 10, draws=3, choosing=2)
    assert few.n == 3

    # K-means is the same whatever D has learnt: its row beside the run is taken, and D's is not measured a second time
    theirs = {"value": 50.0, "low": 40.0, "high": 60.0, "n": 60, "seconds": 7.0, "seed": 0}
    write_json(ours.path / "results.json", {"cifar10.accuracy.kmeans": theirs | {"details": {"right": "ff" * 4 + "00" * 4}}})
    monkeypatch.setattr(s5, "_task", None)
    setting = claim.Setting(ours, "cpu")
    monkeypatch.setattr(s5, "_all_labels", lambda *_: lambda s: Measurement(row["value"], 0, 0, 60, 1.0, details))
    above = s5._above_kmeans(setting)
    assert above.value == pytest.approx(100 * (right.mean() - 32 / 60)) and above.seconds == 8.0


def test_a_row_and_what_compares_it_are_measured_once():
    assert ledger.claim("cifar10.accuracy").measure is s5._all_labels("cifar10", "trained", ())
    assert ledger.claim("cifar10.accuracy_400").measure is s5._few_labels("cifar10", "trained", 400, 10, layers=())


def _grey(splits):
    """The run of these tests sees one channel, and CIFAR-10 has three."""
    return tuple(replace(split, images=np.asarray(split.images)[:, :1]) for split in splits)


def test_without_its_data_a_probe_is_not_among_all_that_fits(run_copy, data, monkeypatch):
    monkeypatch.setattr(s5, "_is_imagenet", lambda run: True)
    run_copy.update(data=run_copy.info["data"] | {"name": "svhn"})
    assert [row["id"] for row in ledger.measure(run_copy, [], "cpu")] == ["walk.smoothness"]
    monkeypatch.setattr("dcgan_core.data.sources.published.TORCHVISION", {})
    with pytest.raises(UserError, match="svhn"):
        ledger.measure(run_copy, ["svhn.error_1000"], "cpu")


def test_draws_of_the_same_labels_are_compared_one_by_one():
    mine, theirs = (Measurement(m, m, m, 3, 1.0, {"draws": d}) for m, d in ((61.0, [60, 61, 62.0]), (59.0, [58, 59, 60.0])))
    found = s5.paired_draws(mine, theirs)
    assert (found.value, found.low, found.high, found.n, found.seconds) == (2, 2, 2, 3, 2.0)
    assert found.details["draws"] == [[60, 61, 62], [58, 59, 60]]
