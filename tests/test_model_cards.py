"""The card of each run that ships ends with the commands that repeat it from public data, and with what that cost."""

import re
import shlex

import pytest

from dcgan_core import assets, config_io, recipes
from dcgan_core.cli import make_parser
from dcgan_core.data import picking
from dcgan_core.data.sources import published
from dcgan_core.data.sources.drawn import DRAWN_SETS
from dcgan_core.runs import Run

RUNS = sorted(path.parent.name for path in assets.FOLDERS["reference_runs"].glob("*/run.json"))
PUBLIC = {*published.KNOWN, *DRAWN_SETS, *picking.PICKED, "digits"}


def commands(name):
    """The `dcgan` commands at the end of a card, parsed."""
    last = (Run.reference(name).path / "README.md").read_text().rpartition("\n## ")[2]
    lines = re.search(r"```bash\n(.*?)```", last, re.DOTALL)[1].splitlines()
    return [make_parser().parse_args(words[1:]) for line in lines if (words := shlex.split(line, comments=True))[0] == "dcgan"]


@pytest.mark.parametrize("name", RUNS)
def test_a_card_ends_with_how_to_repeat_the_run_from_public_data(name):
    run, parsed = Run.reference(name), commands(name)
    last = (run.path / "README.md").read_text().rpartition("\n## ")[2]
    assert last.startswith("Again, from public data\n")
    cost = re.search(r"```\n\n(.*)\Z", last, re.DOTALL)[1]
    trained = [args for args in parsed if args.command == "train"]
    for args in trained:
        data = dict(setting.split("=", 1) for setting in args.set).get("data") or recipes.recipe(args.recipe).data
        assert data in PUBLIC
    stages = [m for part in [*run.info["lineage"], run.info] if (m := part.get("minutes"))]
    assert len(trained) == len(stages)
    assert len(parsed) > len(stages) or not trained or data in DRAWN_SETS
    for minutes in stages:
        assert re.search(rf"\b{minutes:.0f}\b", cost)


@pytest.mark.parametrize("name", RUNS)
def test_the_last_of_these_commands_has_the_settings_that_run_json_records(name):
    """And trains for as many images in the same precision: minutes, and what `auto` is, differ from machine to machine."""
    run = Run.reference(name)
    trained = [args for args in commands(name) if args.command == "train"]
    if not trained:
        return
    args, was = trained[-1], run.info["config"]
    recipe = recipes.recipe(args.recipe, args.profile, args.architecture)
    asked = config_io.to_dict(config_io.override(recipe, [f"images={args.images or recipe.images}", "minutes=0", *args.set]))
    assert asked["precision"] == (run.precision or "single")
    assert asked["images"] == (was["images"] or run.info["counters"]["images"])
    shapes = (asked.pop("architecture"), was["architecture"])
    assert {key: shapes[0][key] for key in shapes[1]} == shapes[1]
    for key in was.keys() & asked.keys() - {"images", "minutes", "precision", "data", "on_collapse"}:
        assert asked[key] == was[key], key
    if was["data"] in PUBLIC:
        assert asked["data"] == was["data"]
