from importlib import import_module

import pytest

from dcgan_core.ablations import measuring
from dcgan_core.cli import after, main
from dcgan_core.intervals import Measurement
from dcgan_core.transfer import inversion, tables


def test_a_part_is_measured_in_a_folder_of_its_own(tmp_path, monkeypatch, capsys):
    asked = []

    def measure(out, **given):
        asked.append((out, out.is_dir(), given))
        m = Measurement(0.81, 0.8, 0.82, 400)
        return {"rows": [measuring.ledger_row("after.g_features.z", m, "after/generator/x", "x")]}

    monkeypatch.setattr(inversion, "measure_generator", measure)
    assert main(["after", "generator", "--out", str(tmp_path / "new")]) == 0
    assert main(["after", "generator", "--out", str(tmp_path / "new"), "--seeds", "2"]) == 0
    folder = tmp_path / "new" / "generator"
    assert asked == [(folder, True, {}), (folder, True, {"seeds": 2})]
    said = capsys.readouterr().out
    assert "after.g_features.z" in said and "0.81 (0.8 to 0.82), n = 400" in said


@pytest.mark.parametrize("part", after.PARTS)
def test_every_part_is_there_and_has_a_page(part):
    module, function = after.PARTS[part].split(".")
    assert callable(getattr(import_module(f"dcgan_core.transfer.{module}"), function))
    assert part in tables.PARTS
