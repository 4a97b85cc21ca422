"""ONNX files: another runtime gives what PyTorch gives."""

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import TINY

from dcgan_core import latent, networks, runs
from dcgan_core.errors import UserError
from dcgan_core.export import onnx_file
from dcgan_core.export.onnx_file import export_net
from dcgan_core.inside.forgetting import Dropping, without
from dcgan_core.networks import ARCHITECTURES, Architecture
from dcgan_core.runs import Run

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

KINDS = {
    "plain": TINY,
    "kernel 5, uneven": replace(TINY, kernel=5, channels=3),
    "strides of 1": Architecture(16, 3, (8, 8, 16), (1, 2, 2), kernel=3, latent=7, latent_distribution="normal"),
    "conditional": replace(TINY, num_classes=10, output="sigmoid", hidden=12, norm_affine=False),
    "fully connected": replace(ARCHITECTURES["mnist28-fc"], size=8, hidden=16, latent=6),
    "pooling": replace(TINY, resample="pooling", kernel=3),
    "no batchnorm": replace(TINY, norm="none", d_activation="sigmoid"),
    "batchnorm everywhere": replace(TINY, norm="everywhere", leak=0.0),
}


def made(folder, architecture: Architecture) -> Run:
    """A run with nets whose batchnorms are not those of the beginning; gains of both signs."""
    rng = torch.Generator().manual_seed(1)
    generator, discriminator = networks.build(architecture, 0)
    for net in (generator, discriminator):
        for norm in networks.norms(net):
            norm.running_mean.copy_(torch.randn(norm.num_features, generator=rng) * 0.1)
            norm.running_var.copy_(torch.rand(norm.num_features, generator=rng) * 0.1 + 0.02)
            if norm.affine:
                norm.weight.data.mul_(torch.where(torch.rand(norm.num_features, generator=rng) < 0.3, -1.0, 1.0))
    run = Run.create(folder, {"config": {"data": "digits", "architecture": runs.config_io.to_dict(architecture)}})
    runs.write_net(run.path, "generator", generator)
    if architecture.head:
        runs.write_net(run.path, "discriminator", discriminator)
    return run


def answer(path, **inputs) -> np.ndarray:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {k: v.numpy().astype(np.int32 if k == "labels" else np.float32) for k, v in inputs.items()})[0]


@pytest.mark.parametrize("kind", KINDS)
def test_both_nets_give_what_pytorch_gives(tmp_path, kind):
    run = made(tmp_path / "run", KINDS[kind])
    paths = {net: tmp_path / f"{net}.onnx" for net in ("generator", "discriminator")}
    done = {net: export_net(run, path, net) for net, path in paths.items()}
    assert all(done[net].difference <= onnx_file.TOLERANCE[net] and done[net].size == paths[net].stat().st_size for net in done)
    a = run.architecture
    z = latent.sample(a, 3, torch.Generator().manual_seed(5))
    labels = latent.classes(a, 3, [7, 2] if a.num_classes else None)
    given = {} if labels is None else {"labels": labels}
    generator, discriminator = run.generator(), run.discriminator()
    with torch.no_grad():
        images = generator(z, labels)
        difference = abs(answer(paths["generator"], z=z, **given) - images.numpy()).max()
        assert difference < (2 / 255 if done["generator"].precision == "half" else 1e-5)
        logits = answer(paths["discriminator"], images=images, **given)
        assert abs(logits - discriminator(images, labels).numpy()).max() < 0.01
        alone = answer(paths["generator"], z=z[1:2], **({} if labels is None else {"labels": labels[1:2]}))
        assert abs(alone - images[1:2].numpy()).max() < 2 / 255


def test_the_file_has_no_batchnorm_no_auto_pad_and_weights_of_two_bytes(tmp_path):
    run = made(tmp_path / "run", TINY)
    for net in ("generator", "discriminator"):
        assert export_net(run, tmp_path / "net.onnx", net).precision == "half"
        model = onnx.load(tmp_path / "net.onnx")
        assert "BatchNormalization" not in {node.op_type for node in model.graph.node}
        assert not [a for node in model.graph.node for a in node.attribute if a.name == "auto_pad"]
        stored = {w.data_type for w in model.graph.initializer if np.prod(w.dims) > 4}
        assert stored == {onnx.TensorProto.FLOAT16}
        assert (tmp_path / "net.onnx").stat().st_size < 0.6 * (run.path / f"{net}.safetensors").stat().st_size


def test_weights_that_half_precision_cannot_hold_stay_in_single(tmp_path):
    run = made(tmp_path / "run", replace(TINY, norm="none"))
    generator = run.generator()
    with torch.no_grad():  # the same net, with numbers beyond 65,504
        generator.dense[0].layer.weight *= 1e7
        generator.dense[0].layer.bias *= 1e7
        generator.convs[0].layer.weight /= 1e7
    runs.write_net(run.path, "generator", generator)
    done = export_net(run, tmp_path / "g.onnx")
    assert done.precision == "single" and done.difference <= 1


def test_a_mask_drops_maps_as_the_library_does(tmp_path):
    run = made(tmp_path / "run", KINDS["strides of 1"])
    z = latent.sample(run.architecture, 4, torch.Generator().manual_seed(2))
    for layer, width in ((0, 8), (1, 8)):
        export_net(run, tmp_path / "g.onnx", mask=layer)
        mask = torch.ones(width)
        assert abs(answer(tmp_path / "g.onnx", z=z, mask=mask) - latent.generate(run.generator(), z).numpy()).max() < 2 / 255
        mask[[1, 4]] = 0
        generator = run.generator()
        with without(generator, Dropping(layer, (1, 4))):
            dropped = latent.generate(generator, z).numpy()
        assert abs(answer(tmp_path / "g.onnx", z=z, mask=mask) - dropped).max() < 2 / 255
    with pytest.raises(UserError, match="layers 0 .* to 1"):
        export_net(run, tmp_path / "g.onnx", mask=2)
    with pytest.raises(UserError, match="only the generator"):
        export_net(run, tmp_path / "d.onnx", "discriminator", mask=0)


def test_a_net_that_is_not_there_or_has_no_logit_or_is_not_finite_is_refused(tmp_path):
    run = made(tmp_path / "run", replace(TINY, head=False))
    with pytest.raises(UserError, match="no finished discriminator"):
        export_net(run, tmp_path / "d.onnx", "discriminator")
    runs.write_net(run.path, "discriminator", networks.Discriminator(run.architecture))
    with pytest.raises(UserError, match="no head"):
        export_net(run, tmp_path / "d.onnx", "discriminator")
    generator = run.generator()
    generator.dense[0].norm.running_var[3] = -1.0  # its root is no number
    runs.write_net(run.path, "generator", generator)
    with pytest.raises(UserError, match="not finite"):
        export_net(run, tmp_path / "g.onnx")
    assert not list(tmp_path.glob("*.onnx"))


def test_without_the_packages_the_error_says_what_to_install(tmp_path, monkeypatch):
    run = made(tmp_path / "run", TINY)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UserError, match=r"onnxruntime.*pip install 'dcgan-core\[export\]'"):
        export_net(run, tmp_path / "g.onnx")


def test_a_file_whose_answers_are_off_is_not_written(tmp_path, monkeypatch):
    run = made(tmp_path / "run", TINY)
    right, true_model = onnx_file._difference, onnx_file._model
    (tmp_path / "g.onnx").write_bytes(b"old")

    def spoilt(net, half, mask):  # a graph with its last bias gone wrong
        with torch.no_grad():
            net.convs[-1].layer.weight.mul_(1.5)
        return true_model(net, half, mask)

    seen = []
    monkeypatch.setattr(onnx_file, "_model", lambda *how: spoilt(run.generator(), *how[1:]))
    monkeypatch.setattr(onnx_file, "_difference", lambda *how: seen.append(right(*how)) or seen[-1])
    with pytest.raises(UserError, match="off PyTorch's"):
        export_net(run, tmp_path / "g.onnx")
    assert len(seen) == 2 and min(seen) > 2
    assert (tmp_path / "g.onnx").read_bytes() == b"old" and not list(tmp_path.glob("*.tmp"))


def test_a_name_that_says_another_kind_of_file_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"g\.png: is written as ONNX"):
        export_net(made(tmp_path / "run", TINY), tmp_path / "g.png")
    assert not (tmp_path / "g.png").exists()
