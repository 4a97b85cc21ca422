"""A net as one ONNX file, which any ONNX runtime reads, the browser's too.

    generator       z (N x latent) [, labels (N, int32)] [, mask (maps of one layer)] -> images (N x C x S x S, in G's range)
    discriminator   images (N x C x S x S, in G's range) [, labels (N, int32)]        -> logit (N)

Batchnorm is folded into the layer before it, in float32. Weights are then stored in half precision and cast to float32 when
the file is loaded, where the net still gives what it gave (`TOLERANCE`); in float32 where not. No `auto_pad`: pads are numbers.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from dcgan_core import latent
from dcgan_core.errors import UserError, reason
from dcgan_core.files import write_atomically
from dcgan_core.inside.forgetting import Dropping, maps_of, without
from dcgan_core.networks import Architecture, Discriminator, Generator, to_pixels
from dcgan_core.runs import Run

if TYPE_CHECKING:
    import onnx

Kind = Literal["generator", "discriminator"]
TOLERANCE = {"generator": 2.0, "discriminator": 0.01}  # of 255 at every pixel; of a logit
OPSET, IR = 17, 9  # of 2022: old enough for every runtime in use
CHECKED = 64  # z that both nets are asked


@dataclass(frozen=True)
class Exported:
    """What was written: how the weights are stored, the largest difference from PyTorch (see TOLERANCE), and the bytes."""

    precision: Literal["half", "single"]
    difference: float
    size: int


def export_net(run: Run, path: Path, kind: Kind = "generator", *, mask: int | None = None) -> Exported:
    """Writes a run's net to `path`. The file gets its name after onnxruntime has given what PyTorch gives.

    mask: a conv layer of G, 0 next to z, whose maps are multiplied by the input `mask`: 1 keeps a map, 0 drops it.
    Raises UserError where onnx and onnxruntime are missing, or the run has no such net or none that can be exported.
    """
    _needs()
    if Path(path).suffix.lower() != ".onnx":
        raise UserError(f"{path}: is written as ONNX, so let its name end in .onnx")
    net = run.generator() if kind == "generator" else run.discriminator()
    if kind == "discriminator" and mask is not None:
        raise UserError("`mask`: only the generator's maps can be dropped; leave it out, or export the generator")
    if mask is not None and not 0 <= mask < (last := len(net.convs) - 1):
        raise UserError(f"`mask` {mask}: maps can be dropped in G's conv layers 0 (next to z) to {last - 1}")
    questions = _questions(run, net, mask)
    for precision in ("half", "single"):
        content = _model(net, precision == "half", mask).SerializeToString()
        difference = _difference(content, net, questions, mask)
        if difference <= TOLERANCE[kind]:
            write_atomically(Path(path), content)
            return Exported(precision, difference, len(content))
    raise UserError(f"{path}: not written, since onnxruntime's results are {difference:.3g} off PyTorch's; the run is unsound")


def _needs() -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise UserError(f"export needs the package {error.name}; install it: pip install 'dcgan-core[export]'") from None


# --- the graph --------------------------------------------------------------------------------------------------------


class _Graph:
    """Nodes and weights, one after the other. Every method returns the name of what it has computed."""

    def __init__(self, half: bool) -> None:
        self.half = half
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        from onnx import helper

        name = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def constant(self, values: np.ndarray) -> str:
        from onnx import numpy_helper

        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def weight(self, values: Tensor) -> str:
        """Weights, where `half` in half precision. Raises UserError for what is not finite."""
        if not values.isfinite().all():
            raise UserError("a weight is not finite once batchnorm is folded into it; train the run again")
        array = values.detach().float().contiguous().numpy()
        if not self.half:
            return self.constant(array)
        from onnx import TensorProto

        with np.errstate(over="ignore"):  # then the check finds it, and float32 is taken
            return self.node("Cast", self.constant(array.astype(np.float16)), to=TensorProto.FLOAT)

    def stage(self, stage: Any, x: str) -> str:
        """A layer with its batchnorm, and its activation: a `Stage`."""
        parts = list(stage.layer) if isinstance(stage.layer, nn.Sequential) else [stage.layer]
        pooled = isinstance(parts[-1], nn.MaxPool2d)  # then batchnorm stays where it is: a negative gain turns a maximum round
        for part in parts:
            x = self._layer(part, x, nn.Identity() if pooled else stage.norm)
        if pooled and not isinstance(stage.norm, nn.Identity):
            fused = _with_norm(torch.ones_like(stage.norm.running_mean)[:, None], None, stage.norm)
            scale, shift = (self.weight(values.view(-1, 1, 1)) for values in fused)
            x = self.node("Add", self.node("Mul", x, scale), shift)
        return self._activation(stage.activation, x)

    def _layer(self, layer: Any, x: str, norm: nn.Module) -> str:
        if isinstance(layer, nn.Upsample):
            scales = self.constant(np.array([1, 1, layer.scale_factor, layer.scale_factor], np.float32))
            how = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
            return self.node("Resize", x, "", scales, **how)
        if isinstance(layer, nn.MaxPool2d):
            return self.node("MaxPool", x, kernel_shape=[layer.kernel_size] * 2, strides=[layer.stride] * 2)
        weight, bias = folded(layer, norm)
        if isinstance(layer, nn.Linear):
            return self.node("Gemm", x, self.weight(weight), self.weight(bias), transB=1)
        pads = [*layer.padding, *layer.padding]
        attributes: dict[str, Any] = {"kernel_shape": list(layer.kernel_size), "strides": list(layer.stride), "pads": pads}
        if isinstance(layer, nn.ConvTranspose2d):
            attributes["output_padding"] = list(layer.output_padding)
        kind = "ConvTranspose" if isinstance(layer, nn.ConvTranspose2d) else "Conv"
        return self.node(kind, x, self.weight(weight), self.weight(bias), **attributes)

    def _activation(self, activation: nn.Module, x: str) -> str:
        if isinstance(activation, nn.Identity):
            return x
        if isinstance(activation, nn.LeakyReLU):
            return self.node("LeakyRelu", x, alpha=activation.negative_slope)
        kinds = {nn.ReLU: "Relu", nn.Tanh: "Tanh", nn.Sigmoid: "Sigmoid"}
        return self.node(kinds[type(activation)], x)

    def one_hot(self, a: Architecture) -> str | None:
        if not a.num_classes:
            return None
        return self.node("Gather", self.constant(np.eye(a.num_classes, dtype=np.float32)), "labels", axis=0)

    def join(self, x: str, y: str | None, side: int = 0) -> str:
        """x with the one-hot labels appended to its units, or to its maps of side x side places."""
        if y is None:
            return x
        if side:
            wide = self.node("Unsqueeze", y, self.constant(np.array([2, 3])))
            y = self.node("Expand", wide, self.constant(np.array([1, 1, side, side])))
        return self.node("Concat", x, y, axis=1)


def folded(layer: Any, norm: nn.Module) -> tuple[Tensor, Tensor]:
    """The weight and bias of a layer that does what it and the batchnorm behind it do, in float32."""
    weight, bias, transposed = layer.weight.detach(), layer.bias, isinstance(layer, nn.ConvTranspose2d)
    if not isinstance(norm, nn.Identity):
        return _with_norm(weight, bias, norm, transposed=transposed)
    return weight, weight.new_zeros(weight.shape[int(transposed)]) if bias is None else bias.detach()


def _with_norm(weight: Tensor, bias: Tensor | None, norm: Any, *, transposed: bool = False) -> tuple[Tensor, Tensor]:
    statistics = norm.running_mean, norm.running_var, norm.eps
    return fuse_conv_bn_weights(weight, bias, *statistics, norm.weight, norm.bias, transposed)


def _model(net: Generator | Discriminator, half: bool, mask: int | None) -> onnx.ModelProto:
    """The whole net."""
    from onnx import TensorProto, checker, helper

    graph, a, is_g = _Graph(half), net.architecture, isinstance(net, Generator)
    if isinstance(net, Generator):
        _generator(graph, net, mask)
    else:
        _discriminator(graph, net)
    images = ("images", TensorProto.FLOAT, ["N", a.channels, a.size, a.size])
    given = [("z", TensorProto.FLOAT, ["N", a.latent]) if is_g else images]
    given += [("labels", TensorProto.INT32, ["N"])] if a.num_classes else []
    given += [("mask", TensorProto.FLOAT, [maps_of(net, mask)])] if isinstance(net, Generator) and mask is not None else []
    result = images if is_g else ("logit", TensorProto.FLOAT, ["N"])
    graph.nodes[-1].output[0] = result[0]
    inputs, outputs = ([helper.make_tensor_value_info(*v) for v in values] for values in (given, [result]))
    made = helper.make_graph(graph.nodes, "generator" if is_g else "discriminator", inputs, outputs, graph.weights)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR, producer_name="dcgan_core")
    checker.check_model(model)
    return model


def _generator(graph: _Graph, net: Generator, mask: int | None) -> None:
    a, y, h = net.architecture, graph.one_hot(net.architecture), "z"
    for stage in net.dense:
        h = graph.stage(stage, graph.join(h, y))
    h, side = graph.node("Reshape", h, graph.constant(np.array([-1, *a.base]))), a.base[1]
    for i, (stage, stride) in enumerate(zip(net.convs, reversed(a.strides), strict=True)):
        h = graph.stage(stage, graph.join(h, y, side))
        side *= stride
        if mask == i:
            h = graph.node("Mul", h, graph.node("Unsqueeze", "mask", graph.constant(np.array([1, 2]))))


def _discriminator(graph: _Graph, net: Discriminator) -> None:
    a, y, h, side = net.architecture, graph.one_hot(net.architecture), "images", net.architecture.size
    if not a.head:
        raise UserError("this discriminator has no head, so it gives no logit; it cannot be exported")
    for stage, stride in zip(net.convs, a.strides, strict=True):
        h = graph.stage(stage, graph.join(h, y, side))
        side //= stride
    h = graph.node("Flatten", h)
    for stage in net.dense:
        h = graph.stage(stage, graph.join(h, y))
    graph.node("Squeeze", h, graph.constant(np.array([1])))


# --- the check --------------------------------------------------------------------------------------------------------


@torch.no_grad()
def _questions(run: Run, net: Generator | Discriminator, mask: int | None) -> dict[str, Tensor]:
    """What both nets are asked: random z, or their images, or noise where the run has no G."""
    a, rng = net.architecture, torch.Generator().manual_seed(0)
    labels = latent.classes(a, CHECKED)
    given = {} if labels is None else {"labels": labels}
    z = latent.sample(a, CHECKED, rng)
    if isinstance(net, Generator):
        if mask is not None:
            given["mask"] = (torch.rand(maps_of(net, mask), generator=rng) < 0.5).float()
        return {"z": z} | given
    if run.has_net("generator"):
        return {"images": latent.generate(run.generator(), z, labels)} | given
    noise = torch.rand((CHECKED, a.channels, a.size, a.size), generator=rng)
    return {"images": noise * 2 - 1 if a.output == "tanh" else noise} | given


@torch.no_grad()
def _difference(content: bytes, net: Generator | Discriminator, questions: dict[str, Tensor], mask: int | None) -> float:
    """The largest difference between the file's answers and PyTorch's: in pixels of 0 to 255, or in the logit."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        arrays = {k: v.numpy().astype(np.int32 if k == "labels" else np.float32) for k, v in questions.items()}
        [answer] = session.run(None, arrays)
    except Exception as error:  # onnxruntime's own errors have no common class
        raise UserError(f"onnxruntime cannot run this architecture ({reason(error)}); it cannot be exported") from None
    answer, first = torch.from_numpy(answer), next(iter(questions.values()))
    if isinstance(net, Discriminator):
        difference = (answer - net(first, questions.get("labels"))).abs().max()
    else:
        dropped = () if mask is None else torch.nonzero(questions["mask"] == 0).flatten().tolist()
        with nullcontext() if mask is None else without(net, Dropping(mask, tuple(dropped))):
            truth = to_pixels(net(first, questions.get("labels")), net.architecture)
        difference = (to_pixels(answer, net.architecture).int() - truth.int()).abs().max()
    return float(difference) if answer.isfinite().all() else float("inf")
