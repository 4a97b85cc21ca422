"""Holds the house rules that `house` counts."""

import ast
import re

import house
import pytest
from house import MOST, Module

FOUND = house.modules()


def test_imports_run_one_way_and_what_is_heavy_is_imported_where_it_is_used():
    assert house.wrong_imports(FOUND) == []


def test_every_folder_is_the_core_or_a_wing():
    assert {module.part for module in FOUND} - {"core"} == {*house.WINGS}


def test_what_only_its_own_module_calls_starts_with_an_underscore():
    texts = [
        p
        for folder in ("dcgan_core", "book", "tests", "benchmarks")
        for p in (house.ROOT / folder).rglob("*")
        if p.suffix in (".py", ".md")
    ]
    words = {
        path: {*re.findall(r"\w+", path.read_text("utf-8"))}
        for path in [*texts, house.ROOT / "README.md", house.ROOT / "hubconf.py"]
    }
    alone = [
        f"{path.relative_to(house.ROOT)}: {node.name}"
        for path in house.PACKAGE.rglob("*.py")
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
        if not any(node.name in found for other, found in words.items() if other != path)
    ]
    assert alone == []


@pytest.mark.parametrize("what", MOST)
def test_the_house_stays_small(what):
    """`function` is held by `long functions`: those that may be longer."""
    counts = house.counts(FOUND) | {"function": 0}
    assert counts[what] <= MOST[what], f"python tests/house.py shows where; the longest may have {MOST[what]}"


@pytest.mark.parametrize("name", house.UNIQUE)
def test_one_public_name_means_one_thing(name):
    assert name not in {line.split(":")[0] for line in house.shared_names(FOUND)}


def module(name: str, *lines: str) -> Module:
    return Module(name, len(lines), ast.parse("\n".join(lines)))


@pytest.mark.parametrize(
    ("name", "lines", "wrong"),
    [
        ("latent", ["from dcgan_core import networks", "import numpy"], []),
        ("latent", ["from dcgan_core.data import images"], ["latent:1 imports data.images"]),
        ("latent", ["def f():", "    import dcgan_core.data.images as i"], ["latent:2 imports data.images"]),
        ("latent", ["if TYPE_CHECKING:", "    from dcgan_core.data.images import ImageData"], []),
        ("training.loop", ["from dcgan_core.data.images import ImageData"], []),
        ("training.loop", ["from dcgan_core.data import loading"], ["training.loop:1 imports data.loading"]),
        ("metrics.walks", ["from dcgan_core.metrics import fidelity", "from dcgan_core.data.images import ImageData"], []),
        ("metrics.walks", ["from dcgan_core.data.loading import load_data"], ["metrics.walks:1 imports data.loading"]),
        ("inside.marking", ["from dcgan_core.claims import ledger"], ["inside.marking:1 imports claims.ledger"]),
        ("cli", ["from dcgan_core.claims import ledger"], []),
        ("cli", ["from . import claims"], ["cli:1 imports .: write its whole name"]),
        ("figures.curves", ["import matplotlib.pyplot"], ["figures.curves:1 imports matplotlib.pyplot outside a function"]),
        (
            "data.faces",
            ["try:", "    import cv2", "except ImportError:", "    cv2 = None"],
            ["data.faces:2 imports cv2 outside a function"],
        ),
        ("probes.svm", ["def f():", "    from sklearn.svm import LinearSVC"], []),
    ],
)
def test_which_imports_are_wrong(name, lines, wrong):
    assert house.wrong_imports([module(name, *lines)]) == wrong


def test_what_is_counted():
    few = ["class A:", "    def f(self, a, b, *, c):", "        pass", "    @staticmethod", "    def g(a):", "        pass"]
    one, two = (
        module("latent", *few, "def h(a, /, b):", "    return a"),
        module("figures.curves", "def h(): ...", "def _k(): ..."),
    )
    assert one.functions() == [("latent.h", 2, 2), ("latent.f", 2, 2), ("latent.g", 2, 1)]
    assert house.shared_names([one, two]) == ["h: latent, figures.curves"]
    counts = house.counts([one, two])
    assert (counts["core"], counts["heart"], counts["package"], counts["file"]) == (8, 8, 10, 8)
    assert (counts["positional"], counts["long functions"]) == (2, 0)


def test_the_report_names_what_is_longest():
    lines = house.report(("training",)).splitlines()
    assert lines[0].startswith("core ") and "longest functions" in lines
    sizes = [int(line.split()[0]) for line in lines[lines.index("longest functions") + 1 :]]
    assert len(sizes) == 10 and sizes == sorted(sizes, reverse=True)
