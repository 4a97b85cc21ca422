"""The chapter on data: a row for every set that has a name, commands that are commands, times that were measured."""

import argparse
import json
import os
import runpy
import tomllib
from pathlib import Path

import pytest
from conftest import encode, make_zip, noise

from dcgan_core import recipes
from dcgan_core.cli import data, import_authors, train
from dcgan_core.data import loading
from dcgan_core.data.sources import finding, lsun, published, torchvision_sets

BOOK = Path(__file__).resolve().parent.parent.parent / "book"
SETS = tomllib.loads((BOOK / "data.toml").read_text())["sets"]
LOADED = {s["name"] for s in SETS if s.get("loads", True)}
KNOWN = {"faces", "places-rooms", "imagenet32"}  # this book's runs were trained on them; to the library just a zip or a folder


@pytest.fixture
def chapter(monkeypatch):
    """Runs it as it stands; returns a function that does, with what it leaves behind."""
    monkeypatch.chdir(BOOK)
    return lambda: runpy.run_path("data.py")


def test_every_set_that_has_a_name_has_a_row():
    assert {*finding.names(), *KNOWN, "rooms"} == LOADED  # which the first stage of the run `rooms` learnt from
    assert {s["name"] for s in SETS} - LOADED == {"authors-svhn", "path/to/photos"}
    assert {c.data for profiles in recipes.RECIPES.values() for c in profiles.values()} <= LOADED
    assert len({s["name"] for s in SETS}) == len(SETS)


@pytest.mark.real_data
def test_what_is_found_has_a_row(real_data):
    names = {s["name"] for s in SETS}
    assert all(row.name in names for row in loading.listing() if row.state == "found")


def test_every_entry_says_all_that_one_wants_to_know(chapter):
    terms = {row[0]: row[3] for row in chapter()["overview"].rows}
    for s in SETS:
        assert all((s["what"], s["images"], terms[s["name"]], s["commands"], s["preparation"])), s["name"]
    stand_ins = {s["name"] for s in SETS if s.get("stands_in")}
    assert stand_ins >= KNOWN and not stand_ins & {"lsun", "imagenet", "mnist", "cifar10", "svhn"}
    for name in published.TORCHVISION:
        assert terms[name] == torchvision_sets.torchvision_source(name, Path("/nowhere")).licence
    assert terms["lsun"] == lsun.lsun_source(Path("/nowhere")).licence


@pytest.mark.parametrize("entry", SETS, ids=lambda s: s["name"])
def test_the_commands_are_commands_and_prepare_what_they_say(entry):
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()
    for command in (data, train, import_authors):
        command.add(commands)
    ours = [line.split("   #")[0].split() for line in entry["commands"] if line.startswith("dcgan ")]
    assert ours
    prepared = []
    for _, *words in ours:
        arguments = parser.parse_args(words)
        if words[:2] == ["data", "prepare"]:
            prepared.append((arguments.name, arguments.size))
        if words[0] == "train" and os.sep not in words[1]:
            recipes.recipe(words[1])
    if entry["name"] in LOADED:
        [(name, size)] = prepared
        assert name == entry["name"]
        assert size or name in published.KNOWN, "a set of no usual size is prepared at the size that it is used at"


def test_the_tables_have_a_row_for_each_and_say_what_was_not_measured(data, chapter, capsys):
    make_zip(data / "places-rooms.zip", {f"{i}.png": encode(noise(i)) for i in range(3)})
    make_zip(data / "mine.zip", {"a.png": encode(noise(9))})
    ran = chapter()
    overview = {row[0]: row for row in ran["overview"].rows}
    assert overview.keys() == {s["name"] for s in SETS} | {"mine"}
    assert overview["mine"][1:] == ["of your own", "", "as its owner says", "found"]
    assert (overview["places-rooms"][-1], overview["faces"][-1], overview["digits"][-1]) == ("found", "not found", "found")
    timed = [{"name": "places-rooms", "size": 64, "images": 4000, "value": 3.4, "cpu_seconds": 5.6}]
    took = {row[0]: row[2:] for row in ran["preparations"](timed).rows}
    assert took["places-rooms"] == ["3 s for 4,000 at 64 px", "6 s"]
    assert took["lsun"] == ["not measured", ""]
    assert took["path/to/photos"] == ["", ""]
    text = capsys.readouterr().out
    assert all(command in text for s in SETS for command in s["commands"])
    assert [row[0] for row in ran["stand_ins"]] == [s["name"] for s in SETS if s.get("stands_in")]


def test_the_shipped_benchmarks_are_such_as_the_page_reads():
    shipped = json.loads((BOOK / "trials/benchmarks.json").read_text())
    timed = {row["name"]: row for row in shipped["rows"] if "name" in row}
    assert timed.keys() >= {"places-rooms", "faces", "imagenet32", "cifar10", "mnist"}
    for name, row in timed.items():
        assert name in LOADED
        assert row["unit"] == "s" and row["value"] > 0 and row["cpu_seconds"] > 0 and row["images"] > 0
    growth = {row["memory"]: row["value"] for row in shipped["rows"] if "memory" in row and row["what"].startswith("growth")}
    assert growth.keys() == {"LSUN's lmdb", "a zip"}
    assert max(growth.values()) <= 300, "100,000 images may need 300 MB more than 1,000"
    assert shipped["environment"]["machine"]["cores"]
