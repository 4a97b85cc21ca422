import pytest
from conftest import encode, make_zip, noise

from dcgan_core.cli import main


def test_data_list_shows_what_there_is(data, capsys):
    make_zip(data / "flowers.zip", {f"{i}.png": encode(noise(i)) for i in range(30)})
    assert main(["data", "prepare", "flowers", "--size", "8"]) == 0
    capsys.readouterr()
    assert main(["data", "list"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    assert "found" in lines["flowers"]
    assert "8 px (30 images)" in lines["flowers"]
    assert "to download" in lines["mnist"]
    assert str(data) in lines["data"]


def test_data_prepare_says_what_it_did_and_verifies(data, capsys):
    make_zip(
        data / "pets.zip", {f"train/{c}/{i}.png": encode(noise(i)) for c in ("cat", "dog") for i in range(3)} | {"train/x": b""}
    )
    assert main(["data", "prepare", "pets", "--size", "8", "--crop", "exact"]) == 0
    out = capsys.readouterr().out
    assert "pets: 8 px, 6 train, 0 test" in out
    assert "1 left out" in out
    assert main(["data", "prepare", "pets", "--size", "8", "--crop", "exact", "--verify"]) == 0
    assert "verified" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["nothing", "/no/such/place", "no/such.zip", "void", "mnist", "a[b", "**"])
def test_what_cannot_be_prepared_is_one_line(fails, data, monkeypatch, name):
    (data / "void").mkdir()
    monkeypatch.setattr("dcgan_core.data.sources.published.TORCHVISION", {})
    fails("data", "prepare", name, names=name)


@pytest.mark.parametrize("size", ["2", "5000"])
def test_an_impossible_size_is_one_line(fails, size):
    fails("data", "prepare", "digits", "--size", size, names=f"--size {size}")
