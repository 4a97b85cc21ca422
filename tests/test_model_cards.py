"""The card of each run that ships ends with the commands that repeat it from public data, and with what that cost."""

import re
import shlex

import pytest

from dcgan_core import assets, recipes
from dcgan_core.cli import make_parser
from dcgan_core.data import picking
from dcgan_core.data.sources import published
from dcgan_core.data.sources.drawn import DRAWN_SETS
from dcgan_core.runs import Run

RUNS = sorted(path.parent.name for path in assets.FOLDERS["reference_runs"].glob("*/run.json"))
PUBLIC = {*published.KNOWN, *DRAWN_SETS, *picking.PICKED, "digits"}


@pytest.mark.parametrize("name", RUNS)
def test_a_card_ends_with_how_to_repeat_the_run_from_public_data(name):
    run = Run.reference(name)
    last = (run.path / "README.md").read_text().rpartition("\n## ")[2]
    assert last.startswith("Again, from public data\n")
    lines = re.search(r"```bash\n(.*?)```\n\n(.*)\Z", last, re.DOTALL)
    commands = [shlex.split(line, comments=True) for line in lines[1].splitlines()]
    parsed = [make_parser().parse_args(words[1:]) for words in commands if words[0] == "dcgan"]
    trained = [args for args in parsed if args.command == "train"]
    for args in trained:
        data = dict(setting.split("=", 1) for setting in args.set).get("data") or recipes.recipe(args.recipe).data
        assert data in PUBLIC
    stages = [m for part in [*run.info["lineage"], run.info] if (m := part.get("minutes"))]
    assert len(trained) == len(stages)
    assert len(parsed) > len(stages) or not trained or data in DRAWN_SETS
    for minutes in stages:
        assert re.search(rf"\b{minutes:.0f}\b", lines[2])
