import pytest

from dcgan_core.cli import main

onnxruntime = pytest.importorskip("onnxruntime")


def test_export_writes_either_net_and_says_how_close_it_is(run, capsys):
    assert main(["export", str(run.path), "--onnx", "g.onnx"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("g.onnx: ") and "half precision" in said and "of 255" in said
    assert [i.name for i in onnxruntime.InferenceSession("g.onnx").get_inputs()] == ["z"]
    assert main(["export", str(run.path), "--onnx", "d.onnx", "--net", "discriminator"]) == 0
    assert "in the logit" in capsys.readouterr().out


def test_export_of_a_conditional_net_with_a_mask(conditional):
    assert main(["export", str(conditional.path), "--onnx", "g.onnx", "--mask", "0"]) == 0
    inputs = {i.name: i.shape for i in onnxruntime.InferenceSession("g.onnx").get_inputs()}
    assert inputs == {"z": ["N", 10], "labels": ["N"], "mask": [8]}


def test_a_missing_net_and_a_wrong_layer_are_one_line(run_copy, fails):
    fails("export", run_copy.path, "--onnx", "g.onnx", "--mask", "5", names="--mask 5")
    (run_copy.path / "discriminator.safetensors").unlink()
    fails("export", run_copy.path, "--onnx", "d.onnx", "--net", "discriminator", names="no finished discriminator")
