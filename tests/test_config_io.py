from dataclasses import dataclass, field
from typing import Literal

import pytest

from dcgan_core import config_io
from dcgan_core.errors import UserError
from dcgan_core.networks import ARCHITECTURES, Architecture
from dcgan_core.training.config import Config

CONFIG = Config("digits", images=1000)


@dataclass(frozen=True)
class Inner:
    widths: tuple[int, ...] = (1, 2)


@dataclass(frozen=True)
class Outer:
    count: int
    rate: float = 0.5
    on: bool = False
    kind: Literal["a", "b"] = "a"
    inner: Inner = field(default_factory=Inner)


def test_a_config_survives_json():
    config = Config("faces", ARCHITECTURES["mnist28"], batch=7, images=70, learning_rate=1e-3)
    values = config_io.to_dict(config)
    assert values["architecture"]["widths"] == [64, 128]
    assert config_io.from_dict(Config, values) == config


def test_an_unknown_key_is_refused_with_the_nearest_known():
    with pytest.raises(UserError, match=r"file\.json: unknown key 'bacth' \(did you mean 'batch'\?\)"):
        config_io.from_dict(Config, {"data": "digits", "images": 1, "bacth": 3}, "file.json")
    with pytest.raises(UserError, match=r"`settings` architecture\.kernal: unknown key 'kernal' \(did you mean 'kernel'\?\)"):
        config_io.override(CONFIG, ["architecture.kernal=4"])


def test_a_word_like_none_gets_the_list_of_what_there_is():
    text = config_io.did_you_mean("qqqqqq", ["faces", "digits"])
    assert "did you mean" not in text
    assert text.endswith("there are: digits, faces")


def test_a_missing_key_is_named():
    with pytest.raises(UserError, match="missing key 'count'"):
        config_io.from_dict(Outer, {})


@pytest.mark.parametrize("values", [None, [], 3, "digits"])
def test_anything_but_named_values_is_refused(values):
    with pytest.raises(UserError, match="expected named values"):
        config_io.from_dict(Outer, values)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("count", 1.5),
        ("count", True),  # JSON's true is a Python int
        ("count", "1"),
        ("count", None),
        ("rate", "fast"),
        ("rate", False),
        ("on", 1),
        ("on", "true"),
        ("kind", "c"),
        ("inner", 3),
        ("inner", {"widths": 3}),
        ("inner", {"widths": [1, "2"]}),
        ("inner", {"widths": [1, True]}),
    ],
)
def test_a_wrong_type_is_refused_with_the_keys_name(key, value):
    with pytest.raises(UserError, match=key):
        config_io.from_dict(Outer, {"count": 1, key: value})


def test_right_types_arrive_as_asked():
    values = {"count": 3, "rate": 2, "on": True, "kind": "b", "inner": {"widths": [4]}}
    config = config_io.from_dict(Outer, values)
    assert config == Outer(3, 2.0, True, "b", Inner((4,)))
    assert isinstance(config.rate, float)


def test_override_reaches_every_kind_of_setting():
    config = config_io.override(
        CONFIG,
        ["batch=64", "learning_rate=1e-3", "updates=both", "architecture.widths=1,2,3,4", "architecture.norm_affine=false"],
    )
    assert (config.batch, config.learning_rate, config.updates) == (64, 1e-3, "both")
    assert config.architecture.widths == (1, 2, 3, 4)
    assert config.architecture.norm_affine is False
    assert CONFIG.batch == 128  # a copy


def test_override_takes_lists_with_and_without_brackets_and_spaces():
    for text in ("8,16,32,64", "[8, 16, 32, 64]", " 8, 16, 32, 64 "):
        assert config_io.override(CONFIG, [f"architecture.widths={text}"]).architecture.widths == (8, 16, 32, 64)


@pytest.mark.parametrize(
    "assignment",
    [
        "batch",
        "batch=",
        "batch=big",
        "batch=1.5",
        "batch=true",
        "learning_rate=fast",
        "updates=often",
        "architecture=lsun64",
        "architecture.widths=8,x",
        "architecture.norm_affine=1",
        "batch.size=3",
        "nothing=3",
        "architecture.nothing=3",
        "=3",
    ],
)
def test_a_bad_assignment_is_refused_in_one_line_that_names_it(assignment):
    with pytest.raises(UserError) as caught:
        config_io.override(CONFIG, [assignment])
    assert str(caught.value).startswith(f"`settings` {assignment.partition('=')[0]}")
    assert "\n" not in str(caught.value)


def test_assignments_are_judged_together():
    """Another number of layers needs two settings, and between them the architecture contradicts itself."""
    config = config_io.override(CONFIG, ["architecture.widths=8,16", "architecture.strides=2,2"])
    assert config.architecture == Architecture(widths=(8, 16), strides=(2, 2))


@pytest.mark.parametrize(
    "changes",
    [
        {"batch": 1},
        {"learning_rate": 0.0},
        {"learning_rate": -1.0},
        {"learning_rate": float("nan")},
        {"beta1": 1.0},
        {"beta2": -0.1},
        {"weight_decay": -1.0},
        {"images": -1},
        {"images": 0},
        {"minutes": -1.0},
        {"minutes": float("inf")},
        {"decay_images": 2000},
        {"decay_images": -1},
        {"seed": -1},
    ],
)
def test_senseless_training_settings_are_refused(changes):
    with pytest.raises(UserError, match="config: "):
        Config(**{"data": "digits", "images": 1000} | changes)
