import contextlib
import json

import numpy as np
import pytest
import torch
from conftest import make_folder, snapshot
from PIL import Image
from test_ledger import put, result

from dcgan_core import latent, pictures, runs
from dcgan_core.claims import ledger, shipping
from dcgan_core.cli import main
from dcgan_core.errors import UserError
from dcgan_core.files import read_json
from dcgan_core.runs import Run


def logged(run: Run) -> list[dict]:
    """The log without speed and what else no chapter reads."""
    return [{key: row[key] for key in shipping.LOGGED} for row in run.log()]


def test_a_shipped_run_draws_the_same_images_at_half_the_size(run, shelf):
    assert shipping.ship(run) == shelf / "digits"
    shipped = Run.reference("digits")
    z = latent.sample(run.architecture, 4, torch.Generator().manual_seed(1))
    assert torch.allclose(latent.generate(shipped.generator(), z), latent.generate(run.generator(), z), atol=5e-3)
    assert shipped.info == run.info
    assert shipped.log() == logged(run)
    assert shipped.samples().keys() == run.samples().keys()
    few, whole = (pictures.tiles(r.samples()[3200], run.architecture.size).astype(int) for r in (shipped, run))
    assert (len(few), len(whole)) == (16, 64)
    same, others = (np.abs(few - whole[rows]).mean() for rows in (slice(16), slice(16, 32)))
    assert same < 8 and same < 0.6 * others, "the same images, but for the loss of WebP"
    assert Image.open(shipped.path / "grid.webp").size == Image.open(run.samples()[3200]).size
    size = lambda r: (r.path / "generator.safetensors").stat().st_size  # noqa: E731
    assert size(shipped) < 0.75 * size(run)
    assert [r.name for r in runs.reference_runs()] == ["digits"]


@pytest.mark.parametrize("bits", [16, 8])
def test_packed_weights_have_fewer_bits_and_batchnorms_statistics_keep_all(run, bits):
    g = run.generator()
    state, kinds = g.state_dict(), set()
    for key, tensor in shipping.packed(g, bits).items():
        if key.endswith(("running_mean", "running_var")):
            assert torch.equal(tensor, state[key])
        elif not key.endswith(".scale"):
            kinds.add((tensor.ndim > 1, tensor.dtype))
    weights = torch.int8 if bits == 8 else torch.float16
    assert kinds <= {(True, weights), (False, torch.float16)} and (True, weights) in kinds
    with pytest.raises(UserError, match="`bits` 4"):
        shipping.packed(g, 4)


def test_a_weight_of_zeros_stays_zero_in_eight_bits(run):
    g = run.generator()
    with torch.no_grad():
        g.dense[0].layer.weight[:3] = 0
    tensors = shipping.packed(g, 8)
    assert not tensors["dense.0.layer.weight"][:3].any() and tensors["dense.0.layer.weight.scale"].isfinite().all()


def test_the_command_ships_a_large_net_in_eight_bits(run, shelf):
    for bits in ("16", "8"):
        assert main(["ship", str(run.path), "--name", f"of{bits}", "--bits", bits]) == 0
    z = latent.sample(run.architecture, 64, torch.Generator().manual_seed(1))
    whole, lean = (latent.generate(r.generator(), z) for r in (run, Run.reference("of8")))
    assert 0 < (whole - lean).abs().mean() < 0.01
    assert next(Run.reference("of8").generator().parameters()).dtype == torch.float32
    half, eighth = ((shelf / name / "generator.safetensors").stat().st_size for name in ("of16", "of8"))
    assert eighth < 0.8 * half  # of a tiny net, where the scales count


def test_shipping_takes_nothing_but_what_it_should(run_copy, shelf):
    (run_copy.path / "results.json").write_text("{}")
    (run_copy.path / "notes.txt").write_text("private")
    shipping.ship(run_copy)
    assert {name.split("/")[0] for name in snapshot(shelf / "digits")} == {
        "run.json",
        "generator.safetensors",
        "discriminator.safetensors",
        "log.jsonl",
        "samples",
        "grid.webp",
    }


def test_the_command_leaves_out_a_discriminator_that_the_book_does_not_use(run, shelf, capsys):
    assert main(["ship", str(run.path), "--name", "lean", "--without-discriminator"]) == 0
    assert str(shelf / "lean") in capsys.readouterr().out
    shipped = Run.reference("lean")
    assert shipped.has_net("generator") and not shipped.has_net("discriminator")
    assert shipped.generator().sample(2, seed=0).shape == (2, 1, 16, 16)


def test_shipping_again_keeps_the_model_card_but_no_results_of_other_weights(run, shelf):
    shipping.ship(run, "mine")
    make_folder(shelf / "mine", {"README.md": b"A card.", "results.json": b"{}", "samples/000000001.webp": b"old"})
    shipping.ship(run, "mine")
    assert (shelf / "mine" / "README.md").read_text() == "A card."
    assert not (shelf / "mine" / "results.json").exists()
    assert Run.reference("mine").samples().keys() == run.samples().keys()


def test_a_shipped_run_does_not_name_folders_of_this_machine(run_copy, shelf):
    run_copy.update(initial="/home/me/runs/first")
    shipping.ship(run_copy)
    assert "/home/me" not in (shelf / "digits" / "run.json").read_text()


def test_shipping_a_shipped_run_onto_itself_loses_nothing(run, shelf):
    shipping.ship(run)
    before = snapshot(shelf)
    with contextlib.suppress(UserError):
        shipping.ship(Run.reference("digits"))
    assert snapshot(shelf).keys() == before.keys()


def test_a_run_shipped_without_weights_says_so_to_whoever_wants_them(run_copy, shelf):
    shipping.ship(run_copy)
    (run_copy.path / "results.json").write_text('{"walk.smoothness": {"value": 1, "run": "digits"}}')
    shipping.ship(run_copy, "digits", weights=False)  # over one that had them
    shipped = Run.reference("digits")
    assert not list(shipped.path.glob("*.safetensors"))
    assert shipped.log() == logged(run_copy)
    assert shipped.samples().keys() == run_copy.samples().keys()
    assert read_json(shipped.path / "results.json", "") == {"walk.smoothness": {"value": 1, "run": "digits"}}
    with pytest.raises(UserError, match="digits: was shipped without weights; get them with: dcgan train digits"):
        shipped.generator()
    with pytest.raises(UserError, match="was shipped without weights"):
        shipping.ship(shipped, "other")
    assert not (shelf / "other").exists()
    shipping.ship(run_copy)
    assert Run.reference("digits").generator()


def test_a_run_shipped_without_its_discriminator_still_draws(run, shelf):
    shipping.ship(run, "digits")
    shipped = shipping.ship(run, "digits", discriminator=False)  # over one that had it
    assert not Run(shipped).has_net("discriminator")
    z = torch.zeros(2, run.architecture.latent)
    assert torch.allclose(Run(shipped).generator()(z), run.generator()(z), atol=0.02)


def test_only_a_finished_run_is_shipped(tmp_path, shelf):
    with pytest.raises(UserError, match="not finished"):
        shipping.ship(Run.create(tmp_path / "run", {"config": {}}))
    assert not any(shelf.iterdir())


def test_shipping_again_keeps_what_is_not_about_the_weights(run, shelf):
    pixels, trained = "cifar10.accuracy.pixels", "cifar10.accuracy"
    put(run, "one", {trained: result(60, "one"), pixels: result(40, "one")})
    shipped = Run(shipping.ship(run, "one"))
    assert ledger.shipped(pixels, shipped)["value"] == 40
    with pytest.raises(UserError, match="not measured on one"):
        ledger.shipped(trained, shipped)


@pytest.mark.parametrize(
    "kept",
    [
        "faces.detector_recall",
        "faces.attribute_accuracy.male",
        "arithmetic.faces_smile.exemplars",
        "forgetting.finder_accuracy",
        "scenes.judge_accuracy.drawn-rooms.bed",
    ],
)
def test_what_is_said_of_detectors_and_classifiers_outlives_a_training(run, shelf, kept):
    put(run, "one", {kept: result(0.9, "one"), "walk.smoothness": result(0.1, "one")})
    assert list(json.loads((shipping.ship(run, "one") / "results.json").read_text())) == [kept]


def test_results_of_another_architecture_are_not_kept(run, shelf):
    put(run, "one", {"cifar10.accuracy.random": result(50, "one")})
    info = json.loads((shelf / "one" / "run.json").read_text())
    info["config"]["architecture"]["leak"] = 0.3
    (shelf / "one" / "run.json").write_text(json.dumps(info))
    assert not (shipping.ship(run, "one") / "results.json").exists()
