import ast
import json
import re
from pathlib import Path

import pytest
from conftest import ships_from, snapshot, train_arguments

from dcgan_core import __version__
from dcgan_core.cli import main, make_parser, with_dashes
from dcgan_core.errors import UserError

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.parametrize(
    "content", [b"", b'{"format": 1, "con', b"[1]", b'{"name": "package"}', b'{"format": 1, "config": null}']
)
@pytest.mark.parametrize("command", ["resume", "sample", "measure", "ship", "init"])
def test_a_foreign_or_half_written_run_is_one_line_and_loses_nothing(run_copy, fails, tmp_path, monkeypatch, content, command):
    ships_from(monkeypatch, "reference_runs", tmp_path / "shelf")
    (run_copy.path / "run.json").write_bytes(content)
    before = snapshot(run_copy.path)
    if command == "resume":
        arguments = train_arguments(run_copy.path, "--resume")
    elif command == "init":
        arguments = train_arguments(tmp_path / "new", "--init", str(run_copy.path))
    else:
        arguments = [command, run_copy.path]
    fails(*arguments, names="run.json")
    assert snapshot(run_copy.path) == before


def test_a_run_json_without_its_data_is_one_line(run_copy, fails):
    info = {k: v for k, v in run_copy.info.items() if k in ("format", "config", "status")}
    (run_copy.path / "run.json").write_text(json.dumps(info))
    fails("measure", run_copy.path, names="run.json")
    fails(*train_arguments(run_copy.path, "--resume"), names="run.json")


def test_version(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.strip() == __version__


@pytest.mark.parametrize(
    "arguments", [[], ["fly"], ["train"], ["train", "digits", "--images", "1", "--minutes", "1"], ["data"]]
)
def test_a_command_that_is_none_shows_the_usage(capsys, arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: dcgan" in capsys.readouterr().err


def test_ctrl_c_before_training_is_exit_code_130(monkeypatch, capsys):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("dcgan_core.data.cache.prepare", interrupted)
    assert main(["data", "prepare", "digits"]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_parameters_are_shown_as_options(monkeypatch, capsys):
    told = "`labels_each` 0, `grey_as_colour`, `initial` runs/a and `on_collapse=warn`"
    assert with_dashes(told) == "--per-class 0, --grey-as-colour, --init runs/a and --set on_collapse=warn"

    def fails(*args, **kwargs):
        raise UserError(told)

    monkeypatch.setattr("dcgan_core.data.cache.prepare", fails)
    assert main(["data", "prepare", "digits"]) == 1
    assert capsys.readouterr().err == f"dcgan data: {with_dashes(told)}\n"


def test_every_parameter_named_in_a_message_is_an_option():
    parser = make_parser()
    named = set()
    for path in (ROOT / "dcgan_core").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "UserError":
                named |= set(re.findall(r"`([a-z_]+)`", ast.unparse(node)))
    helps = "".join(_helps(parser))
    assert len(named) > 20
    assert [name for name in sorted(named) if with_dashes(f"`{name}`") not in helps] == []


def _helps(parser):
    """The help of a parser and of all commands below it."""
    yield parser.format_help()
    for action in parser._actions:
        for below in action.choices.values() if isinstance(action.choices, dict) else ():
            yield from _helps(below)
