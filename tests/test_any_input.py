"""Whatever comes in, what comes out is a result or one of our own errors, and nothing half done.

Tried on inputs that hypothesis makes, the same ones each time: 200 of each kind, 5,000 among the slow tests.
"""

import json
import os
import shutil
import zipfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import TINY, encode, make_folder, noise
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dcgan_core import config_io
from dcgan_core.data import loading
from dcgan_core.data.cache import prepare
from dcgan_core.data.sources import tables
from dcgan_core.data.sources.layout import parts_of
from dcgan_core.errors import UserError
from dcgan_core.networks import Architecture
from dcgan_core.runs import Run
from dcgan_core.training.config import Config, check_resumable

often = pytest.mark.parametrize("inputs", [200, pytest.param(5_000, marks=pytest.mark.slow)])


def tried(inputs: int, *strategies):
    """Runs the decorated check on so many inputs."""

    def run(check):
        checks = list(HealthCheck)
        how = settings(max_examples=inputs, derandomize=True, deadline=None, database=None, suppress_health_check=checks)
        how(given(*strategies)(check))()

    return run


# --- zips and folders ---------------------------------------------------------------------------------------------------

WORDS = ["train", "test", "val", "Training", "test_set", "cat", "dog", "images", "a", "José", "José", "@eaDir", ".", "..", "C:"]
WORDS += ["__MACOSX", "x y", "ü", "train2017", "\udce9", "1", "%s", "$(x)", "con", "💐"]
ENDINGS = [".png", ".jpg", ".JPEG", "", ".txt", ".zip", "/", "\\", ".png.", " .png"]
FILES = [encode(noise(i, 6, 6)) for i in range(3)]
FILES += [b"", b"text", FILES[0][:40], encode(noise(3, 2, 2)), encode(noise(4, 6, 6), "gif"), b"\x89PNG", b"\xff\xd8\xff\xe0"]
FILES += [b"val_0.png\tcat\nval_1.png\tdog\n", encode(noise(5, 6, 6, 1), "jpeg")]
names = st.builds(
    lambda folders, name, ending, separator: separator.join([*folders, name + ending]),
    st.lists(st.sampled_from(WORDS), max_size=4),
    st.one_of(st.sampled_from([*WORDS, "attributes", "val_annotations", "val_0"]), st.text(max_size=8)),
    st.sampled_from([*ENDINGS, ".csv"]),
    st.sampled_from(["/", "/", "/", "\\", "//", "/./"]),
)
CELLS = ["1", "-1", "0", "1,0", "2", "", "file", "a.png", "train/cat/a.png", '"', "Smiling", "\0", "ü", "−1", "sep=;", "000"]
csvs = st.builds(
    lambda rows, separator, end, code: end.join(separator.join(row) for row in rows).encode(code, "replace"),
    st.lists(st.lists(st.sampled_from(CELLS), max_size=4), max_size=5),
    st.sampled_from([",", ";", "\t", "|", " "]),
    st.sampled_from(["\n", "\r\n", "\r", "\n\n"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "latin-1", "cp437"]),
)
trees = st.dictionaries(names, st.one_of(st.sampled_from(FILES), csvs, st.binary(max_size=30)), max_size=12)


def written(root: Path, files: dict[str, bytes], as_zip: bool) -> Path:
    path = root / ("set.zip" if as_zip else "set")
    if as_zip:
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                info = zipfile.ZipInfo("x")
                info.filename = name.encode("utf-8", "replace").decode()
                archive.writestr(info, content)
        return path
    path.mkdir()
    for name, content in files.items():
        inside = [part for part in name.split("/") if part not in ("", ".", "..")]
        with suppress(OSError, ValueError, UnicodeError):  # what this system cannot name
            make_folder(path, {"/".join(inside): content})
    return path


@pytest.mark.filterwarnings("ignore:Duplicate name")
@often
def test_any_zip_or_folder(tmp_path, cache, inputs, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda file: None)  # which takes most of the time, and is not what is tried here

    @tried(inputs, trees, st.booleans(), st.binary(max_size=20))
    def check(files, as_zip, damage):
        for there in (cache, tmp_path / "set", tmp_path / "set.zip"):
            shutil.rmtree(there) if there.is_dir() else there.unlink(missing_ok=True)
        path = written(tmp_path, files, as_zip)
        if as_zip and len(damage) > 15:
            content = bytearray(path.read_bytes())
            at = int.from_bytes(damage[:4]) % len(content)
            content[at : at + 4] = damage[4:8]
            path.write_bytes(content)
        try:
            folder = prepare(str(path), 4)
        except UserError as error:
            assert str(error).count("\n") <= str(path).count("\n")
            assert not [p for p in cache.glob("*") if p.is_dir()], "something half done is left"
            return
        meta = json.loads((folder / "meta.json").read_bytes())
        assert sum(meta["counts"].values()) + meta["left_out"] == meta["files"] > 0
        assert len(meta["classes"]) != 1
        assert all(meta["classes"])
        for split, count in meta["counts"].items():
            if count:
                data = loading.load_data(str(path), 4, split)
                assert len(data) == count
                assert data.labels is None or set(data.labels.tolist()) <= set(range(len(data.classes)))
                assert data.attributes is None or set(np.unique(data.attributes)) <= {-1, 0, 1}


# --- attributes.csv -------------------------------------------------------------------------------------------------------


@often
def test_any_table(inputs):
    pictures = {parts_of(name) for name in ("a.png", "train/cat/a.png", "b.png")}

    @tried(
        inputs, st.one_of(csvs, st.binary(max_size=60), st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace")))
    )
    def check(content):
        for read in (
            lambda: tables.AttributeTable(content, "attributes.csv", pictures),
            lambda: tables.labels(content, "t.csv"),
        ):
            try:
                found = read()
            except UserError as error:
                assert "csv" in str(error)
                continue
            if isinstance(found, dict):
                assert all(isinstance(x, str) for pair in found.items() for x in pair)
            else:
                assert all(len(row) == len(found.names) and set(row) <= {-1, 0, 1} for row in found.rows.values())
                assert found.known <= len(pictures)


# --- configs ----------------------------------------------------------------------------------------------------------------

CONFIG = Config("digits", TINY, batch=16, images=32)
numbers = st.one_of(st.integers(), st.floats(), st.sampled_from([0, 1, -1, 2**31, 2**64, 10**400, 1e308, True, None]))
values = st.recursive(
    st.one_of(numbers, st.text(max_size=6), st.sampled_from(["auto", "bf16", "both", "tanh"])),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=6), inner, max_size=3)),
    max_leaves=5,
)
KEYS = [*config_io.to_dict(CONFIG), *(f"architecture.{key}" for key in config_io.to_dict(TINY))]
small = st.one_of(values, st.integers(-2, 70), st.lists(st.integers(-1, 64), max_size=4))


@often
def test_any_config(inputs):
    @tried(inputs, st.sampled_from(KEYS), small, st.text(max_size=12))
    def check(key, value, text):
        whole = config_io.to_dict(CONFIG)
        part = whole["architecture"] if "." in key else whole
        part[key.rpartition(".")[2]] = value
        for build in (
            lambda: config_io.from_dict(Config, whole),
            lambda: config_io.override(CONFIG, [f"{key}={json.dumps(value)}"]),
            lambda: config_io.override(CONFIG, [f"{key}={text}", text]),
            lambda: config_io.override(CONFIG, [text]),
        ):
            with suppress(UserError):
                config = build()
                assert isinstance(config.architecture, Architecture)
                assert config_io.from_dict(Config, config_io.to_dict(config)) == config


# --- runs -------------------------------------------------------------------------------------------------------------------

PLACES = [(key,) for key in ("format", "status", "config", "data", "counters", "minutes", "lineage", "initial", "precision")]
PLACES += [("config", "architecture"), ("config", "precision"), ("config", "batch"), ("data", "name"), ("data", "fingerprint")]
PLACES += [("counters", "images"), ("authors",), ("without_weights",), ("config", "architecture", "widths")]


@often
def test_any_run(run, tmp_path, inputs):
    info = json.loads((run.path / "run.json").read_text())
    path = tmp_path / "run"
    shutil.copytree(run.path, path)
    weights = (path / "generator.safetensors").read_bytes()
    log = (path / "log.jsonl").read_bytes()[:300]

    @tried(inputs, st.sampled_from(PLACES), values, st.binary(max_size=12), st.integers(0, len(weights)), st.booleans())
    def check(place, value, damage, at, whole):
        changed = json.loads(json.dumps(info))
        part = changed
        for key in place[:-1]:
            part = part[key]
        part[place[-1]] = value
        (path / "run.json").write_text(json.dumps(changed) if whole else json.dumps(changed)[: at % 3000])
        (path / "log.jsonl").write_bytes(log[: at % 300] + damage)
        (path / "generator.safetensors").write_bytes(weights[:at] + damage + weights[at + len(damage) :])
        before = sorted(path.rglob("*"))
        with suppress(UserError):
            opened = Run(path)
            for read in (
                lambda: opened.architecture,
                lambda: opened.precision,
                lambda: opened.data_name,
                lambda: opened.trained,
                opened.log,
                opened.samples,
                lambda: check_resumable(replace(CONFIG, seed=1), opened),
                opened.generator,
            ):
                with suppress(UserError):
                    read()
        assert sorted(path.rglob("*")) == before
