import ast
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import ships_from

from dcgan_core import assets, config_io, intervals, latent, networks, pictures
from dcgan_core.ablations import measuring, running, shipping, variants
from dcgan_core.ablations.measuring import Judged
from dcgan_core.ablations.running import Start
from dcgan_core.ablations.variants import GUIDELINES, PROVOKED, VARIANTS, Variant
from dcgan_core.claims import ledger
from dcgan_core.cli import main
from dcgan_core.errors import UserError
from dcgan_core.figures.layers import summary
from dcgan_core.figures.tables import Table
from dcgan_core.metrics import fidelity
from dcgan_core.networks import Architecture, Discriminator, Generator, Stage
from dcgan_core.runs import Run
from dcgan_core.training import loop, order, session

A = variants.BASELINE.architecture
BOOK = Path(__file__).resolve().parent.parent.parent / "book"


def defined_in(chapter: str, **known) -> SimpleNamespace:
    """The functions and constants of a chapter, and nothing that it runs. `known`: what its cells have by then."""
    tree = ast.parse((BOOK / f"{chapter}.py").read_text())
    constants = [node for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).isupper()]
    tree.body = [*constants, *(node for node in tree.body if isinstance(node, ast.FunctionDef))]
    exec(compile(tree, chapter, "exec"), known)
    return SimpleNamespace(**known)


CHAPTER_3 = defined_in("03_architecture", Table=Table, variants=variants)
CHAPTER_7 = defined_in("07_instability", assets=assets, measuring=measuring, pictures=pictures, variants=variants)


# --- the nets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", variants.ALL, ids=lambda v: v.name)
def test_every_variants_nets_fit_each_other(variant):
    a = variant.config(variants.PROVOKING if variant in PROVOKED else variants.BASELINE, 0).architecture
    with torch.device("meta"):
        generator, discriminator = Generator(a), Discriminator(a)
        images = generator(torch.zeros(4, a.latent))
        assert images.shape == (4, a.channels, a.size, a.size)
        assert discriminator(images).shape == (4,)
    maps = [layer.shape for layer in summary(discriminator) if layer.name.startswith("convs")]
    side = a.size
    for (outputs, *sides), width, stride in zip(maps, a.widths, a.strides, strict=True):
        side //= stride
        assert (outputs, sides) == (width, [side, side])
    assert config_io.from_dict(Architecture, config_io.to_dict(a)) == a


def modules(net, kind) -> int:
    return sum(isinstance(m, kind) for m in net.modules())


def nets(*settings: str) -> tuple[Generator, Discriminator]:
    with torch.device("meta"):
        a = config_io.override(variants.BASELINE, list(settings)).architecture
        return Generator(a), Discriminator(a)


def test_what_is_removed_is_gone_and_nothing_else():
    norm = torch.nn.modules.batchnorm._BatchNorm
    layers = [[modules(net, Stage), modules(net, norm)] for net in nets()]
    assert layers == [[4, 3], [4, 2]]  # not on G's last, D's first and D's verdict
    assert [modules(net, norm) for net in nets("architecture.norm=everywhere")] == [4, 3]
    without = nets("architecture.norm=none")
    assert [modules(net, norm) for net in without] == [0, 0]
    biases = [name for net in without for name, _ in net.named_parameters() if name.endswith("bias")]
    assert len(biases) == 4 + 3, "each layer but D's verdict has a bias where batchnorm brought it"
    assert not [name for net in nets() for name, _ in net.named_parameters() if name.endswith("layer.bias")]
    pooled = nets("architecture.resample=pooling", "architecture.kernel=3")
    assert [modules(pooled[0], torch.nn.Upsample), modules(pooled[1], torch.nn.MaxPool2d)] == [3, 3]
    assert modules(pooled[0], torch.nn.ConvTranspose2d) == 0
    assert all(m.stride == (1, 1) for net in pooled for m in net.modules() if isinstance(m, torch.nn.Conv2d))
    sigmoid = nets("architecture.d_activation=sigmoid")
    assert [modules(net, torch.nn.Sigmoid) for net in sigmoid] == [0, 3]


def test_pooling_needs_an_odd_kernel():
    with pytest.raises(UserError, match="use an odd kernel"):
        config_io.override(variants.BASELINE, ["architecture.resample=pooling"])


def test_pooling_sees_the_pixels_that_a_stride_sees():
    """A pixel of the second map reads as many pixels of the image with 3x3 and pooling as with 4x4 and stride 2."""
    seen = []
    for settings in ([], ["architecture.resample=pooling", "architecture.kernel=3"]):
        d = Discriminator(config_io.override(variants.BASELINE, settings).architecture)
        for stage in d.convs:
            stage.norm, stage.activation = torch.nn.Identity(), torch.nn.Identity()
        for pool in [m for m in d.modules() if isinstance(m, torch.nn.Sequential)]:
            pool[1] = torch.nn.AvgPool2d(2)  # the largest of four would hide three
        image = torch.zeros(1, 3, 32, 32, requires_grad=True)
        d.features(image)[1][0, :, 4, 4].sum().backward()
        seen.append(int((image.grad[0].abs().sum(0) > 0).sum()))
    assert seen == [100, 100]


def test_a_pair_starts_from_the_same_weights_where_they_fit():
    plain = networks.build(A, 3)
    for variant in VARIANTS:
        a = variant.config(variants.BASELINE, 3).architecture
        start = Start(a, A, 3)
        for net, twin in zip((start.generator("cpu"), start.discriminator("cpu")), plain, strict=True):
            other = twin.state_dict()
            shared = [k for k, v in net.state_dict().items() if k in other and other[k].shape == v.shape]
            assert all(torch.equal(net.state_dict()[k], other[k]) for k in shared)
            assert shared or variant.name in ("pooling", "kernel-5", "fully-connected")


def test_the_variants_are_those_of_the_claims():
    ids = {c.id for c in ledger.CLAIMS if c.id.startswith("ablation.")}
    assert {f"ablation.{v.claim}" for v in (*VARIANTS, variants.SAMPLING)} == ids
    assert len({v.name for v in variants.ALL}) == len(variants.ALL)
    assert variants.SEEDS >= 5 and len(PROVOKED[1:]) * variants.SEEDS >= 35, "with fewer, no interval can reach 0.9"
    updates = [v.config(variants.BASELINE, 0) for v in VARIANTS if v.name == "alternate"]
    assert [c.images for c in updates] == [2 * variants.IMAGES], "as many updates of each net as the baseline"


# --- what is measured -------------------------------------------------------------------------------------------------


def measured(**values) -> dict:
    fine = {"frechet": 10.0, "precision": 0.5, "recall": 0.4, "diversity": 0.9, "oscillation": 0.2, "returns": 1.4}
    fine |= {"diverged": False, "collapsed": None, "alarms": [], "train_seconds": 1.0, "measure_seconds": 0.5}
    sampled = {"frechet": 11.0, "precision": 0.5, "recall": 0.4, "diversity": 0.8}
    return fine | {"returning": 0.0, "batch_statistics": sampled} | values


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, None),
        ({"precision": 0.0}, None),
        ({"diversity": 0.2}, "less than a quarter"),
        ({"diverged": True}, "not numbers"),
    ],
)
def test_what_is_called_a_collapse(values, said):
    found = measuring.collapse(measured(**values))
    assert found is None if said is None else said in found


def test_a_run_that_draws_nothing_like_the_data_is_not_healthy_either():
    assert measuring._healthy(measured())
    assert not any(measuring._healthy(measured(**{key: 0.0})) for key in ("precision", "recall"))
    assert not measuring._healthy(measured(collapsed="x"))


def test_movement_tells_standing_wandering_and_oscillating_images_apart():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (8, 3, 8, 8)).astype(np.uint8)
    other = rng.integers(0, 256, (8, 3, 8, 8)).astype(np.uint8)
    still = measuring._movement(np.stack([images] * 6))
    assert still["oscillation"] == 0
    swinging = measuring._movement(np.stack([images, other] * 3))
    assert swinging["returning"] == 1 and swinging["returns"] == 0
    assert swinging["oscillation"] == pytest.approx(1, abs=0.1)
    steps = rng.normal(0, 3, (6, 8, 3, 8, 8)).cumsum(0)
    wandering = measuring._movement((128 + steps).clip(0, 255).astype(np.uint8))
    assert wandering["returns"] == pytest.approx(2**0.5, abs=0.1) and wandering["returning"] == 0
    jitter = measuring._movement((128 + rng.normal(0, 3, (6, 8, 3, 8, 8))).clip(0, 255).astype(np.uint8))
    assert jitter["returns"] == pytest.approx(1, abs=0.1) and jitter["returning"] == 0
    assert measuring._movement(np.stack([images] * 2))["oscillation"] is None


def test_students_interval():
    mean, low, high = intervals.student(np.array([1.0, 2, 3, 4, 5]))
    assert mean == 3
    assert [high - mean, mean - low] == pytest.approx([2.776445 * 2.5**0.5 / 5**0.5] * 2, rel=1e-5)


def test_a_row_is_the_geometric_mean_of_the_pairs_ratios():
    followed = {seed: measured() for seed in range(3)}
    removed = {seed: measured(frechet=10.0 * ratio, recall=0.3) for seed, ratio in enumerate((1.0, 2.0, 4.0))}
    row = measuring.row(VARIANTS[0], followed, removed)
    assert row["value"] == pytest.approx(2, rel=1e-4)
    assert row["low"] < 1 and row["high"] > 4
    assert row["value"] / row["low"] == pytest.approx(row["high"] / row["value"], rel=1e-4)
    assert row["details"]["differences"]["recall"] == pytest.approx([-0.1, -0.1, -0.1])
    assert (row["claim"], row["n"], row["seconds"]) == ("ablation.strides", 3, 9.0)
    assert row["details"]["means"]["recall"] == pytest.approx([0.4, 0.3])
    assert measuring.row(VARIANTS[0], followed, {0: measured()}) is None, "one pair has no interval"


def test_sampling_with_the_batchs_statistics_copies_nothing_that_was_not_measured_so():
    followed = {seed: measured() for seed in range(2)} | {2: measured(collapsed="x", diversity=0.1)}
    row = measuring.row(variants.SAMPLING, followed, measuring.with_batch_statistics(followed))
    assert row["details"]["differences"].keys() == {"precision", "recall", "diversity"}
    assert "not measured" in str(CHAPTER_3.table([row]))
    assert row["seconds"] == 4.5, "its samples are of the same runs"
    assert [round(3 * row["details"]["collapsed"][key][0]) for key in ("followed", "removed")] == [1, 0]


def test_halves_of_the_held_out_images_have_nothing_in_common():
    judged = object.__new__(Judged)
    judged.features = np.random.default_rng(0).normal(size=(400, 4))
    found = judged.halves()
    assert found["frechet"] > 0 and found["precision"] < 1
    assert measuring._compare(judged.features[:200], judged.features)["precision"] == pytest.approx(1, abs=0.06)


def test_detection_counts_only_what_samples_call_a_collapse():
    alarm = [{"kind": "alike", "images": 800, "stop": False}]
    runs = {v.name: {} for v in variants.ALL}
    first = variants.seeds_of(PROVOKED[0]).start
    assert first == variants.SEEDS and variants.seeds_of(GUIDELINES).start == 0
    chosen_on = {s: measured(collapsed="x") for s in range(first)}  # does not count
    reported = {first + s: measured(collapsed="x", alarms=alarm) for s in range(9)}
    runs[PROVOKED[0].name] = chosen_on | reported | {first + 9: measured(collapsed="x")}
    runs[PROVOKED[1].name] = {first: measured(alarms=alarm)} | {first + s: measured() for s in (1, 2, 3)}
    row = measuring.detected(runs)
    assert (row["value"], row["n"]) == (0.9, 10)
    assert row["low"] == pytest.approx(intervals.share(np.array([True] * 9 + [False]))[1], rel=1e-4)
    assert row["details"]["false_alarms"][0] == 0.25 and row["details"]["healthy_runs"] == 4
    assert row["details"]["reported_not_collapsed"][0] == 0.25 and row["details"]["not_collapsed"] == 4
    assert (row["data"], row["seed"], row["details"]["seeds"]) == ("digits", first, list(range(first, first + 10)))
    assert "digits at 16 pixels" in row["instead"]
    runs[PROVOKED[0].name] = {}
    assert measuring.detected(runs) is None


@pytest.mark.parametrize(
    ("claim", "ratios", "said", "so"),
    [
        ("lr", (2.0, 2.1, 2.2), "worse samples by the Fréchet distance", "the guideline holds for us"),
        ("lr", (0.5, 0.52, 0.48), "better samples", "the guideline does not hold for us"),
        ("lr", (0.5, 2.0, 1.0), "no difference shown", "neither confirmed nor refuted"),
        ("beta1", (1.0, 1.1, 0.9), "no difference shown", "Movement of fixed z is not shown to rise: +0.00"),
        ("kernel", (1.01, 1.02, 1.03), "no difference that counts", "3 pairs)."),
        ("kernel", (0.5, 2.0, 1.0), "not settled", "reaches out of 0.8 to 1.25"),
        ("kernel", (2.0, 2.1, 2.2), "worse samples", "3 pairs)."),
    ],
)
def test_sentences_follow_the_numbers_and_the_ledger(claim, ratios, said, so):
    variant = next(v for v in VARIANTS if v.claim == claim)
    followed = {seed: measured() for seed in range(3)}
    row = measuring.row(variant, followed, {s: measured(frechet=10 * r, recall=0.4) for s, r in enumerate(ratios)})
    sentence = CHAPTER_3.sentence(row)
    assert said in sentence and so in sentence and f"{row['value']:.2f} times" in sentence
    assert "collapsed" not in sentence and "Also changed" not in sentence
    assert ("as the paper has it" in sentence) == (claim in CHAPTER_3.OSCILLATES)
    rule = ledger.claim(f"ablation.{claim}").rule
    assert rule.holds(row["value"], row["low"], row["high"]) == ("holds for us" in sentence or "no difference that" in sentence)
    removed = {s: measured(collapsed="x", recall=0.1, oscillation=0.5 + 0.01 * s) for s in range(3)}
    row = measuring.row(variant, followed, removed)
    assert "3 of 3 collapsed, against 0" in CHAPTER_3.sentence(row)
    assert "Also changed: recall -0.30, movement of fixed z +0.31." in CHAPTER_3.sentence(row)
    assert ("Movement of fixed z rose" in CHAPTER_3.sentence(row)) == (claim in CHAPTER_3.OSCILLATES)
    assert "0 → 3 of 3" in str(CHAPTER_3.table([row])) and "0.40 → 0.10 (-0.30 to -0.30)" in str(CHAPTER_3.table([row]))


def test_the_rule_for_deviations_wants_the_whole_interval_near_one():
    rule = ledger.claim("ablation.updates").rule
    assert rule.holds(1.0, 0.9, 1.1)
    assert not rule.holds(1.0, 0.7, 1.4) and not rule.holds(1.2, 1.1, 1.3)


# --- dcgan ablate -----------------------------------------------------------------------------------------------------


@pytest.fixture
def small(monkeypatch):
    """Tiny nets on the digits, few samples."""
    a = Architecture(16, 1, (4, 8), (2, 2), kernel=4, latent=10)
    monkeypatch.setattr(variants, "BASELINE", replace(variants.BASELINE, data="digits", architecture=a, batch=16))
    monkeypatch.setattr(measuring, "SAMPLES", 60)
    monkeypatch.setattr(variants, "APART", 2)
    monkeypatch.setattr(session, "LOG_EVERY", 2)
    monkeypatch.setattr(session, "BATCHNORM_BATCHES", 3)
    original = fidelity.train_classifier
    monkeypatch.setattr(fidelity, "train_classifier", lambda data, device: original(data, images=640, device=device))


def ablate(out, *more: str) -> int:
    return main(["ablate", "--out", str(out), "--images", "320", "--data", "digits", "--device", "cpu", *more])


def test_ablate_makes_the_table_and_a_second_call_trains_nothing(small, tmp_path, capsys, monkeypatch):
    out = tmp_path / "ablations"
    assert ablate(out, "--seeds", "2", "--only", "lr-0.001") == 0
    table = json.loads((out / "results.json").read_text())
    assert set(table["runs"]["guidelines"]) == set(table["runs"]["lr-0.001"]) == {"0", "1"}
    assert [row["claim"] for row in table["rows"]] == ["ablation.lr", "ablation.sampling_statistics"]
    assert table["rows"][0]["n"] == 2 and table["rows"][0]["low"] <= table["rows"][0]["value"] <= table["rows"][0]["high"]
    assert table["baseline"]["images"] == 320 and table["versions"]["torch"]
    spent = [m[k] for runs in table["runs"].values() for m in runs.values() for k in ("train_seconds", "measure_seconds")]
    assert len(spent) == 8 and table["seconds"] == pytest.approx(sum(spent), abs=0.06)
    for m in table["runs"]["guidelines"].values():
        assert 0 <= m["precision"] <= 1 and m["frechet"] > 0 and m["oscillation"] > 0
    assert "ablation.lr" in capsys.readouterr().out
    assert not (out / "lr-0.001-0" / "checkpoint.pt").exists(), "a measured run needs none"
    assert (out / "lr-0.001-0" / "sheet.webp").exists()

    monkeypatch.setattr(loop, "train", None)
    assert ablate(out, "--seeds", "2", "--only", "lr-0.001") == 0
    again = json.loads((out / "results.json").read_text())
    assert again["runs"] == table["runs"]


def test_an_interrupted_ablation_goes_on_and_ends_as_if_nothing_had_been(small, tmp_path, monkeypatch, capsys):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    assert ablate(whole, "--seeds", "1", "--only", "relu") == 0
    original, calls = order.batch_indices, iter(range(10**6))

    def interrupted(*args):
        if next(calls) == 35:  # in the second run
            raise KeyboardInterrupt
        return original(*args)

    monkeypatch.setattr(order, "batch_indices", interrupted)
    monkeypatch.setattr(session, "CHECKPOINT_SECONDS", 0.0)
    assert ablate(stopped, "--seeds", "1", "--only", "relu") == 130
    monkeypatch.setattr(order, "batch_indices", original)
    assert (stopped / "guidelines-0" / "measured.json").exists()
    assert Run(stopped / "relu-0").info["status"] == "training"
    assert Run(stopped / "relu-0").load_checkpoint()["counts"]["step"] > 0
    kept = (stopped / "guidelines-0" / "measured.json").read_bytes()
    assert ablate(stopped, "--seeds", "1", "--only", "relu") == 0
    assert (stopped / "guidelines-0" / "measured.json").read_bytes() == kept

    def without_clock(out):
        runs = json.loads((out / "results.json").read_text())["runs"]
        return {v: {s: {k: x for k, x in m.items() if "seconds" not in k} for s, m in r.items()} for v, r in runs.items()}

    assert without_clock(stopped) == without_clock(whole)


def test_a_run_that_diverges_is_measured_as_a_collapse(small, tmp_path, monkeypatch):
    bad = Variant("bad", "an absurd learning rate", ("learning_rate=1e39",))
    monkeypatch.setattr(variants, "ALL", (GUIDELINES, bad))
    table = running.ablate(tmp_path / "out", seeds=1, images=160, data="digits", device="cpu", progress=False)
    m = table["runs"]["bad"][0]
    assert m["diverged"] and m["collapsed"] == "weights that are not numbers"
    assert [alarm["kind"] for alarm in m["alarms"]] == ["diverged"]
    assert np.isfinite(m["frechet"])


def test_runs_from_before_a_setting_existed_go_on(small, tmp_path):
    assert ablate(tmp_path / "out", "--seeds", "1", "--only", "guidelines") == 0
    note = tmp_path / "out/ablations.json"
    common = json.loads(note.read_text())
    del common["baseline"]["noise"]
    note.write_text(json.dumps(common))
    assert ablate(tmp_path / "out", "--seeds", "1", "--only", "guidelines") == 0


def test_other_settings_in_the_same_folder_are_refused(small, tmp_path, capsys):
    assert ablate(tmp_path / "out", "--seeds", "1", "--only", "guidelines") == 0
    assert main(["ablate", "--out", str(tmp_path / "out"), "--images", "960", "--data", "digits"]) == 1
    assert "choose another --out" in capsys.readouterr().err


def test_all_runs_have_one_precision_whatever_machine_trains_them():
    bases = {v: variants.PROVOKING if v in PROVOKED else variants.BASELINE for v in variants.ALL}
    assert {v.config(base, 0).precision for v, base in bases.items()} == {"single"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "poling"], "did you mean 'pooling'"),
        (["--seeds", "0"], "--seeds 0: at least 1"),
    ],
)
def test_wrong_arguments_are_refused(tmp_path, capsys, arguments, message):
    assert main(["ablate", "--out", str(tmp_path / "out"), *arguments]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_is_shipped_reaches_the_ledger(small, tmp_path, monkeypatch):
    ships_from(monkeypatch, "ablations", tmp_path / "book")
    monkeypatch.setattr(variants, "SEEDS", 2)
    monkeypatch.setattr(measuring, "RETURNS", 10.0)  # every z comes back
    assert shipping.shipped_table()["rows"] == [] and shipping.rows() == [] and shipping.sheets(["lr"]) == []
    assert CHAPTER_7.swinging([]) == [] and CHAPTER_7.returning({}) == []
    assert "not measured" in str(CHAPTER_3.table([]))
    assert ablate(tmp_path / "out", "--seeds", "2", "--only", "lr-0.001", "--ship") == 0
    rows = {row["id"]: row for row in ledger.ledger_rows() if row["id"].startswith("ablation.")}
    assert rows["ablation.lr"]["verdict"] in ("holds on a stand-in", "differs")
    assert rows["ablation.lr"]["run"] == "ablations/lr-0.001" and rows["ablation.lr"]["data"] == "digits"
    assert rows["ablation.strides"]["verdict"] == "not measured"
    table = shipping.shipped_table()
    searched = [("all guidelines followed", 2), ("learning rate 0.001", 2)]
    assert [row[:2] for row in CHAPTER_7.returning(table["runs"])] == searched
    assert [row["claim"] for row in shipping.rows(["lr", "strides"])] == ["ablation.lr"]
    returns = [m["returns"] for runs in table["runs"].values() for m in runs.values()]
    assert [find["returns"] for find in table["finds"]] == sorted(returns)
    shown = CHAPTER_7.swinging(table["finds"])
    assert len(shown) == 2 and shown[0].shape == (6, 3, 16, 16)
    strongest = table["finds"][0]
    last = tmp_path / "out" / f"{strongest['variant']}-{strongest['seed']}" / "snapshots" / "000000320.png"
    assert np.array_equal(shown[1][-1], pictures.tiles(last, 16, gap=0)[1])
    assert strongest["grey_levels"] > 0


def test_a_table_with_less_in_it_than_the_shipped_one_is_not_shipped(small, tmp_path, monkeypatch, capsys):
    ships_from(monkeypatch, "ablations", tmp_path / "book")
    out = tmp_path / "out"
    assert ablate(out, "--seeds", "2", "--only", "lr-0.001", "--ship") == 1
    assert "fewer than 5 pairs: 2 rows" in capsys.readouterr().err and not any((tmp_path / "book").iterdir())
    monkeypatch.setattr(variants, "SEEDS", 2)
    assert ablate(out, "--seeds", "2", "--only", "lr-0.001", "--ship") == 0
    before = (tmp_path / "book/results.json").read_bytes()
    assert ablate(tmp_path / "other", "--seeds", "2", "--only", "relu", "--ship") == 1
    assert "lacks ablations/lr-0.001 of what ships now" in capsys.readouterr().err
    assert (tmp_path / "book/results.json").read_bytes() == before


def test_variants_have_names_of_their_own_in_one_table():
    measured = {v.name: {0: {"returning": 0.0}} for v in variants.ALL}
    assert len({where for where, *_ in CHAPTER_7.returning(measured)}) == len(variants.ALL)


def test_every_shipped_run_is_searched_for_images_that_come_back():
    there = shipping.shipped_table()["runs"]
    assert sum(row[1] for row in CHAPTER_7.returning(there)) == sum(map(len, there.values()))


def test_a_pair_for_a_reader(small, tmp_path):
    rows = running.pair("relu", 160, tmp_path / "pair", device="cpu")
    assert [what for what, _ in rows] == ["all guidelines followed", "ReLU in D"]
    assert all(images.shape == (10, 1, 16, 16) for _, images in rows)
    assert not np.array_equal(rows[0][1], rows[1][1])


def test_tiles_are_the_images_of_a_grid(tmp_path):
    from PIL import Image

    images = np.random.default_rng(0).integers(0, 256, (6, 3, 16, 16)).astype(np.uint8)
    for gap in (0, 1):
        Image.fromarray(pictures.grid(images, columns=3, gap=gap)).save(tmp_path / "grid.png")
        assert np.array_equal(pictures.tiles(tmp_path / "grid.png", 16, gap), images)


def test_the_fixed_z_are_those_of_the_runs_grids(run):
    from PIL import Image

    z = variants.fixed_z(run.architecture, run.info["config"]["seed"])
    pixels = latent.draw_pixels(run.generator(), z, batch=session.GRID)
    last = [*run.samples().values()][-1]
    sheet = pictures.tiles(last, run.architecture.size, gap=2)
    assert np.array_equal(np.asarray(Image.open(last))[:16, :16].transpose(2, 0, 1), sheet[0])
    assert np.array_equal(sheet[:, :1], pixels)


def test_the_shipped_table_if_there_is_one_has_five_pairs_in_each_row():
    for row in shipping.rows():
        assert row["n"] >= 5 and CHAPTER_3.sentence(row)
        assert row["low"] <= row["value"] <= row["high"]
