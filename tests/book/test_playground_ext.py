"""What stands behind the directive `playground`: the runtime from npm, and worlds that are made once."""

import base64
import gzip
import hashlib
import io
import json
import subprocess
import tarfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from chapters import script
from docutils.core import publish_doctree
from docutils.parsers.rst import directives
from sphinx.errors import ExtensionError

from dcgan_core import runs

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def ext(tmp_path, monkeypatch):
    module = script("_ext/playground.py")
    monkeypatch.setattr(module, "KEPT", tmp_path / "kept")
    return module


@pytest.fixture
def npm(ext, monkeypatch):
    """An npm whose package holds small files; `calls` are what it was asked."""
    buffer, calls = io.BytesIO(), []
    with tarfile.open(fileobj=buffer, mode="w:gz") as package:
        for name in ext.FILES:
            about = tarfile.TarInfo(f"package/dist/{name}")
            about.size = len(name)
            package.addfile(about, io.BytesIO(name.encode()))

    def run(command, **_):
        calls.append(command)
        folder = command[command.index("--pack-destination") + 1]
        (ext.Path(folder) / "runtime.tgz").write_bytes(buffer.getvalue())
        return subprocess.CompletedProcess(command, 0, stdout="runtime.tgz\n")

    monkeypatch.setattr(ext.subprocess, "run", run)
    digest = base64.b64encode(hashlib.sha512(buffer.getvalue()).digest()).decode()
    monkeypatch.setattr(ext, "INTEGRITY", f"sha512-{digest}")
    return calls


def test_the_runtime_is_fetched_once_and_its_wasm_is_packed(ext, npm, tmp_path):
    assert ext.fetch_runtime(tmp_path / "ort") and ext.fetch_runtime(tmp_path / "ort")
    assert len(npm) == 1 and ext.RUNTIME in npm[0] and ext.RUNTIME.rsplit("@", 1)[1].count(".") == 2, "a fixed version"
    code, wasm = sorted((tmp_path / "ort").iterdir(), key=lambda path: path.suffix == ".gz")
    assert code.read_text() == ext.FILES[0]
    assert gzip.decompress(wasm.read_bytes()).decode() == ext.FILES[1] and wasm.name == f"{ext.FILES[1]}.gz"


def test_a_package_that_is_not_the_pinned_one_is_refused(ext, npm, tmp_path, monkeypatch):
    monkeypatch.setattr(ext, "INTEGRITY", "sha512-other")
    with pytest.raises(ExtensionError, match="not what it was"):
        ext.fetch_runtime(tmp_path / "ort")
    assert not list((tmp_path / "ort").iterdir())


@pytest.mark.parametrize("error", [FileNotFoundError("npm"), subprocess.CalledProcessError(1, "npm")])
def test_without_npm_or_network_there_is_no_runtime(ext, tmp_path, monkeypatch, error):
    def fails(*_, **__):
        raise error

    monkeypatch.setattr(ext.subprocess, "run", fails)
    assert ext.fetch_runtime(tmp_path / "ort") is False


def test_a_world_is_made_once_and_again_where_its_run_has_changed(ext, run_copy):
    made = ext.make_world("mine", "Mine", str(run_copy.path))
    assert made["title"] == "Mine" and (ext.KEPT / "mine" / "generator.onnx").is_file()
    first = (ext.KEPT / "mine" / "frames.webp").stat().st_mtime_ns
    assert ext.make_world("mine", "Mine", str(run_copy.path)) == made
    assert (ext.KEPT / "mine" / "frames.webp").stat().st_mtime_ns == first
    generator = run_copy.generator()
    generator.convs[-1].layer.weight.data *= 2
    runs.write_net(run_copy.path, "generator", generator)
    ext.make_world("mine", "Mine", str(run_copy.path))
    assert (ext.KEPT / "mine" / "frames.webp").stat().st_mtime_ns > first


def test_a_net_that_is_too_large_for_a_page_is_refused(ext, run_copy, monkeypatch):
    monkeypatch.setattr(ext, "MOST", 1000)
    with pytest.raises(ExtensionError, match="mine's generator has .* MB"):
        ext.make_world("mine", "Mine", str(run_copy.path))


def test_the_views_of_the_directive_are_those_of_the_page(ext):
    scripts = [(ROOT / "book" / "_static" / "playground" / f"{name}.js").read_text() for name in ext.SCRIPTS[1:]]
    assert all(any(f"    {view}(widget" in script for script in scripts) for view in ext.VIEWS)


def test_an_unknown_view_is_an_error_that_names_the_known_ones(ext):
    directives.register_directive("playground", ext.Playground)
    env = SimpleNamespace(config=SimpleNamespace(playground_runs={"faces": "Faces"}), temp_data={})
    about = {"report_level": 5, "halt_level": 5, "env": env}
    tree = publish_doctree(".. playground:: fly\n", settings_overrides=about)
    assert "no view is called 'fly'; there are: explore, walk" in tree.astext()
    tree = publish_doctree(".. playground:: walk\n   :runs: faces\n\n   A caption.\n", settings_overrides=about)
    assert 'data-views="walk" data-runs="faces"' in tree.astext() and "A caption." in tree.astext()
    twice = publish_doctree(".. playground:: walk\n   :runs: faces\n\n.. playground:: walk\n", settings_overrides=about)
    assert "<script" not in twice.astext(), "scripts stand before a page's first widget alone"


def test_what_was_measured_is_on_the_page_that_tells_how():
    measured = json.loads((ROOT / "book" / "trials" / "playground.json").read_text())
    assert measured["where"] and all(len(row) == 2 for row in measured["rows"])
    assert "playground-times" in (ROOT / "book" / "playground_how.md").read_text()
