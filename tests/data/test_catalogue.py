"""The data page: a row for every set that has a name, commands that are commands, times that were measured."""

import json
import os
from pathlib import Path

import pytest
from conftest import encode, make_zip, noise

from dcgan_core import cli, recipes
from dcgan_core.data import catalogue, loading
from dcgan_core.data.sources import finding, lsun, published

ROOT = Path(__file__).resolve().parent.parent.parent
KNOWN = {
    "faces",
    "rooms",
    "imagenet32",
}  # sets that this book's runs were trained on; nothing but a zip or a folder to the library


def test_every_set_that_has_a_name_has_a_row():
    rows = {e.name for e in catalogue.ENTRIES if e.loads}
    assert rows == {*finding.names(), *KNOWN}
    assert {e.name for e in catalogue.ENTRIES if not e.loads} == {"authors-svhn", "path/to/photos"}
    assert {c.data for profiles in recipes.RECIPES.values() for c in profiles.values()} <= rows
    assert len({e.name for e in catalogue.ENTRIES}) == len(catalogue.ENTRIES)


@pytest.mark.real_data
def test_what_is_found_has_a_row(real_data):
    assert all(catalogue.entry(row.name) for row in loading.listing() if row.state == "found")


def test_every_entry_says_all_that_one_wants_to_know():
    for e in catalogue.ENTRIES:
        assert all((e.what, e.images, e.terms, e.commands, e.preparation)), e.name
    stand_ins = {e.name for e in catalogue.ENTRIES if e.stands_in}
    assert stand_ins >= KNOWN and not stand_ins & {"lsun", "imagenet", "mnist", "cifar10", "svhn"}
    for name, (_, _, licence, _) in published.TORCHVISION.items():
        assert catalogue.entry(name).terms == licence
    assert catalogue.entry("lsun").terms == lsun.lsun_source(Path("/nowhere")).licence
    assert catalogue.entry("nobody") is None


@pytest.mark.parametrize("entry", catalogue.ENTRIES, ids=lambda e: e.name)
def test_the_commands_are_commands_and_prepare_what_they_say(entry):
    ours = [line.split("   #")[0].split() for line in entry.commands if line.startswith("dcgan ")]
    assert ours
    prepared = []
    for _, *words in ours:
        arguments = cli._parser().parse_args(words)
        if words[:2] == ["data", "prepare"]:
            prepared.append((arguments.name, arguments.size))
        if words[0] == "train" and os.sep not in words[1]:
            recipes.recipe(words[1])
    if entry.loads:
        [(name, size)] = prepared
        assert name == entry.name
        assert size or published.usual(name), "a set of no usual size is prepared at the size that it is used at"


def test_the_tables_have_a_row_for_each_and_say_what_was_not_measured(data):
    make_zip(data / "rooms.zip", {f"{i}.png": encode(noise(i)) for i in range(3)})
    make_zip(data / "mine.zip", {"a.png": encode(noise(9))})
    overview = {row[0]: row for row in catalogue.overview().rows}
    assert overview.keys() == {e.name for e in catalogue.ENTRIES} | {"mine"}
    assert overview["mine"][1:] == ["of your own", "", "as its owner says", "found"]
    assert (overview["rooms"][-1], overview["faces"][-1], overview["digits"][-1]) == ("found", "not found", "found")
    timed = [{"name": "rooms", "size": 64, "images": 4000, "value": 3.4, "cpu_seconds": 5.6}]
    took = {row[0]: row[2:] for row in catalogue.preparations(timed).rows}
    assert took["rooms"] == ["3 s for 4,000 at 64 px", "6 s"]
    assert took["lsun"] == ["not measured", ""]
    assert took["path/to/photos"] == ["", ""]
    text = catalogue.how_to_get()
    assert all(command in text for e in catalogue.ENTRIES for command in e.commands)
    assert [row[0] for row in catalogue.stand_ins().rows] == [e.name for e in catalogue.ENTRIES if e.stands_in]


def test_the_shipped_benchmarks_are_such_as_the_page_reads():
    shipped = json.loads((ROOT / "book/trials/benchmarks.json").read_text())
    timed = {row["name"]: row for row in shipped["rows"] if "name" in row}
    assert timed.keys() >= {"rooms", "faces", "imagenet32", "cifar10", "mnist"}
    for name, row in timed.items():
        assert catalogue.entry(name).loads
        assert row["unit"] == "s" and row["value"] > 0 and row["cpu_seconds"] > 0 and row["images"] > 0
    growth = {row["memory"]: row["value"] for row in shipped["rows"] if "memory" in row and row["what"].startswith("growth")}
    assert growth.keys() == {"LSUN's lmdb", "a zip"}
    assert max(growth.values()) <= 300, "100,000 images may need 300 MB more than 1,000"
    assert shipped["environment"]["machine"]["cores"]
