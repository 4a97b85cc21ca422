import json
from dataclasses import replace

import numpy as np
import pytest
from conftest import encode, make_folder, snapshot

from dcgan_core.authors import reading
from dcgan_core.claims import claim, ledger, s5, shipping
from dcgan_core.claims.claim import Claim
from dcgan_core.cli import main
from dcgan_core.data import loading
from dcgan_core.errors import UserError
from dcgan_core.intervals import Measurement
from dcgan_core.metrics import memorisation
from dcgan_core.metrics.walks import walk_smoothness
from dcgan_core.probes import protocols
from dcgan_core.runs import Run

ROW = {"id", "section", "paper", "value", "low", "high", "unit", "n", "run", "data", "stand_in", "primary", "verdict"}


def put(run: Run, name: str, results: dict) -> Run:
    """A reference run of that name with those results."""
    path = shipping.ship(run, name)
    (path / "results.json").write_text(json.dumps(results))
    return Run(path)


def result(value: float, run: str, stand_in: bool = False, spread: float = 0.01) -> dict:
    return {
        "value": value,
        "low": value - spread,
        "high": value + spread,
        "n": 10,
        "run": run,
        "data": "x",
        "stand_in": stand_in,
        "instead": "drawings" if stand_in else "",
    }


def test_ids_are_unique_and_sections_are_the_papers():
    ids = [c.id for c in ledger.CLAIMS]
    assert len(set(ids)) == len(ids)
    assert {c.section.split(".")[0] for c in ledger.CLAIMS} == {"3", "4", "5", "6", "7", "8", "book"}
    assert all(c.statement and c.paper and c.unit and c.rule.text for c in ledger.CLAIMS)


def test_a_claim_is_found_by_its_id_or_its_near_namesake_is_named():
    assert ledger.claim("walk.smoothness").section == "6.1"
    with pytest.raises(UserError, match=r"did you mean 'walk\.smoothness'"):
        ledger.claim("walk.smothness")


@pytest.mark.parametrize(
    ("rule", "below", "across", "above"),
    [
        (claim.at_least(0.5), False, False, True),
        (claim.at_most(0.5), True, False, False),
        (claim.reaches(0.5), False, False, True),  # its middle, 0.49, decides
        (claim.stays_under(0.5), True, True, False),
    ],
    ids=["at_least", "at_most", "reaches", "stays_under"],
)
def test_a_rule_decides_by_value_or_interval(rule, below, across, above):
    measured = ((0.3, 0.1, 0.4), (0.49, 0.4, 0.6), (0.7, 0.6, 0.9))  # value, low, high
    assert [rule.holds(*m) for m in measured] == [below, across, above]
    assert rule.holds(0.5, 0.5, 0.5)
    assert "0.5" in rule.text


def test_verdicts():
    walk = ledger.claim("walk.smoothness")
    assert ledger.verdict(walk, None) == ledger.verdict(walk, {}) == "not measured"
    assert ledger.verdict(walk, result(0.3, "a")) == "holds"
    assert ledger.verdict(walk, result(0.3, "a", True)) == "holds on a stand-in"
    assert ledger.verdict(walk, result(0.495, "a")) == "differs"
    assert ledger.verdict(walk, result(0.7, "a", True)) == "differs"


def test_the_ledger_has_one_primary_row_for_every_claim_and_all_its_keys(run, shelf):
    put(run, "one", {"walk.smoothness": result(0.2, "one", True)})
    put(run, "two", {"walk.smoothness": result(0.3, "two"), "no.such.claim": result(1, "two")})
    put(run, "three", {"walk.smoothness": result(0.9, "three", True)})
    rows = ledger.ledger_rows()
    assert all(row.keys() >= ROW for row in rows)
    assert sorted(row["id"] for row in rows if row["primary"]) == sorted(c.id for c in ledger.CLAIMS)
    sections = [row["section"] for row in rows]
    papers = [[int(part) for part in section.split(".")] for section in sections if section != "book"]
    assert papers == sorted(papers)
    assert set(sections[len(papers) :]) == {"book"}, "the book's own measurements follow the paper's claims"
    walks = [row for row in rows if row["id"] == "walk.smoothness"]
    assert [(row["run"], row["primary"], row["verdict"]) for row in walks] == [
        ("two", True, "holds"),  # the paper's own kind of data before stand-ins
        ("one", False, "holds on a stand-in"),
        ("three", False, "differs"),
    ]
    unmeasured = [row for row in rows if row["id"] != "walk.smoothness"]
    assert {row["verdict"] for row in unmeasured} == {"not measured"}
    assert {row["value"] for row in unmeasured} == {None}


def test_what_a_run_ships_of_a_claim_can_be_asked_for(run, shelf):
    shipped = put(run, "one", {"walk.smoothness": result(0.2, "one")})
    assert ledger.shipped("walk.smoothness", shipped)["value"] == 0.2
    with pytest.raises(UserError, match=r"scenes\.coverage\.drawn-rooms: not measured on one; measure it with: dcgan measure"):
        ledger.shipped("scenes.coverage.drawn-rooms", shipped)


def test_what_a_run_does_not_ship_is_measured_small(run, run_copy):
    assert ledger.known("walk.smoothness", run_copy, "cpu", seed=1)["n"] == 40
    assert not (run_copy.path / "results.json").exists()
    (run_copy.path / "results.json").write_text(json.dumps({"walk.smoothness": result(0.2, "one")}))
    assert ledger.known("walk.smoothness", run_copy) == result(0.2, "one")


def test_the_shipped_ledger_can_be_read():
    """Whatever the repository holds right now."""
    rows = ledger.ledger_rows()
    assert sum(row["primary"] for row in rows) == len(ledger.CLAIMS)
    for row in rows:
        assert row.keys() >= ROW
        if row["value"] is not None:
            assert row["low"] <= row["value"] <= row["high"]


def test_measure_writes_what_it_measured_beside_the_run_and_keeps_the_rest(run_copy):
    (run_copy.path / "results.json").write_text(json.dumps({"older.claim": {"value": 1}}))
    [row] = ledger.measure(run_copy, ["walk.smoothness"], "cpu", seed=2)
    written = json.loads((run_copy.path / "results.json").read_text())
    assert written["older.claim"] == {"value": 1}
    walk = written["walk.smoothness"]
    assert (walk["run"], walk["data"], walk["seed"], walk["n"]) == ("digits", "digits", 2, 1000)
    assert (row["value"], row["low"], row["high"]) == (walk["value"], walk["low"], walk["high"])
    expected = walk_smoothness(run_copy.generator(), 1000, seed=2)
    assert walk["value"] == pytest.approx(expected.value, abs=1e-5)
    assert walk["stand_in"] is True
    assert walk["instead"] == "digits instead of LSUN bedrooms"


def test_results_that_another_process_writes_meanwhile_are_kept(run_copy, monkeypatch):
    def slow(*_):
        (run_copy.path / "results.json").write_text('{"other.claim": 1}')
        return result(0.2, "digits")

    monkeypatch.setattr(ledger, "result", slow)
    ledger.measure(run_copy, ["walk.smoothness"], "cpu")
    assert json.loads((run_copy.path / "results.json").read_text()).keys() == {"other.claim", "walk.smoothness"}


def test_without_ids_all_that_fits_is_measured(run_copy):
    assert [row["id"] for row in ledger.measure(run_copy, [], "cpu")] == ["walk.smoothness"]


@pytest.mark.parametrize(
    ("claim_id", "message"),
    [
        ("instability.detected", "dcgan ablate measures it"),
        ("cifar10.accuracy", "cannot be measured on digits"),
        ("memorisation.faces", "cannot be measured on digits"),
        ("nonsense", "no claim is called 'nonsense'"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_is_written(run_copy, claim_id, message):
    before = snapshot(run_copy.path)
    with pytest.raises(UserError, match=message):
        ledger.measure(run_copy, ["walk.smoothness", claim_id], "cpu")
    assert snapshot(run_copy.path) == before


def test_damaged_results_are_an_error_that_names_them(run_copy, shelf):
    (run_copy.path / "results.json").write_text("{")
    with pytest.raises(UserError, match=r"results\.json: damaged"):
        ledger.measure(run_copy, ["walk.smoothness"], "cpu")


def photographs(path, seed: int, count: int = 60) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (count, 16, 16, 3), np.uint8)
    make_folder(path, {f"{'test' if i % 3 == 0 else 'train'}/{i}.png": encode(p) for i, p in enumerate(pixels)})


@pytest.mark.parametrize(
    ("name", "said"), [("faces", "CelebA"), ("rooms", "dining rooms, kitchens and living rooms (MIT Places)")]
)
def test_memorisation_is_measured_against_the_pictures_the_run_was_trained_on(data, tmp_path, name, said):
    photographs(data / name, 0)
    settings = ["architecture.size=16", "architecture.widths=4,4,4", "architecture.latent=5", "batch=8"]
    more = [x for s in settings for x in ("--set", s)]
    out = str(tmp_path / f"{name}-run")
    assert main(["train", name, "--profile", "quick", "--images", "160", "--device", "cpu", "--out", out, *more]) == 0
    run = Run(out)
    generator = run.generator()
    train, test = (loading.load_data(name, 16, split) for split in ("train", "test"))
    for claim_id, metric in (
        (f"memorisation.{name}", memorisation.distance_ratio),
        (f"memorisation.{name}.seen", memorisation.memorisation_seen),
    ):
        small = ledger.result(ledger.claim(claim_id), run, "cpu", small=True)
        expected = metric(generator, train.images, test.images, 400)
        assert small["value"] == pytest.approx(expected.value, abs=1e-5)
        assert (small["n"], small["details"]) == (400, expected.details)
        assert said in small["instead"] and small["stand_in"]
        assert ledger.claim(claim_id).paper == "no memorisation (argued)"
        assert not any(ledger.claim(f"memorisation.{other}").fits(run) for other in {"faces", "rooms"} - {name})

    photographs(data / name, 1)
    with pytest.raises(UserError, match=f"{name}-run: the pictures that it was trained on .* are not here"):
        ledger.measure(run, [f"memorisation.{name}"], "cpu")


def test_a_small_measurement_takes_images_from_the_whole_set():
    images = np.arange(1000)
    assert len(claim.some(images, 200)) == 200
    assert claim.some(images, 300).tolist() == list(range(0, 1000, 4))
    assert claim.some(images, 1000).tolist() == claim.some(images, 5000).tolist() == images.tolist()


def test_rooms_and_faces_are_held_to_the_same_rules():
    for suffix in ("", ".seen"):
        faces, rooms = (ledger.claim(f"memorisation.{name}{suffix}") for name in ("faces", "rooms"))
        assert rooms.rule.text == faces.rule.text
        assert (rooms.unit, rooms.section) == (faces.unit, faces.section)


def test_demonstrate_measures_small_beside_the_shipped_number(run_copy, tmp_path, monkeypatch):
    monkeypatch.setattr(ledger, "BUILD", tmp_path / "build")
    before = snapshot(run_copy.path)
    table = ledger.demonstrate("walk.smoothness", run_copy, "cpu")
    assert [row[2] for row in table.rows] == ["40", ""]
    assert table.rows[1][-1] == "not measured"
    assert json.loads((tmp_path / "build/small/walk.smoothness.json").read_text())["n"] == 40
    assert snapshot(run_copy.path) == before
    ledger.measure(run_copy, ["walk.smoothness"], "cpu")
    assert [row[2] for row in ledger.demonstrate("walk.smoothness", run_copy, "cpu").rows] == ["40", "1000"]


def test_tables_show_every_row_and_escape_what_html_would_read(shelf):
    rows = ledger.ledger_rows()
    for table in (ledger.checklist(rows), ledger.scoreboard(rows)):
        assert len(table.rows) == len(rows)
        assert all(len(row) == len(table.header) for row in table.rows)
        html = table._repr_html_()
        assert html.count("<tr>") == len(rows) + 1
        assert "&gt; 0.99" in html
        assert "> 0.99" not in html
        assert len(repr(table).splitlines()) == len(rows) + 1
    assert all(row[4 - 1] == "not measured" for row in ledger.scoreboard(rows).rows)


def test_a_number_shows_its_interval():
    assert ledger.number(result(0.25, "a")) == "0.25 (0.24 to 0.26)"
    assert ledger.number({"value": None}) == "not measured"
    assert ledger.number(result(1.13102e-6, "a", spread=0)) == "1.13e-06"


def test_small_numbers_keep_their_digits(run):
    tiny = Claim("x", "3", "x", "x", "x", claim.at_most(1), lambda *_: Measurement(3.1415926e-6, 0, 123.456789, 1))
    measured = ledger.result(tiny, run)
    assert (measured["value"], measured["low"], measured["high"]) == (3.14159e-6, 0, 123.457)


def imagenet_run(run: Run, path, **more) -> Run:
    """A finished run whose data are called imagenet32."""
    info = {key: value for key, value in run.info.items() if key != "format"}
    copied = Run.create(path, info | {"data": run.info["data"] | {"name": "imagenet32"}} | more)
    for kind in ("generator", "discriminator"):
        (copied.path / f"{kind}.safetensors").write_bytes((run.path / f"{kind}.safetensors").read_bytes())
    return copied


def test_which_probe_is_measured_on_which_run(run, tmp_path):
    ours = imagenet_run(run, tmp_path / "ours")
    theirs = imagenet_run(run, tmp_path / "theirs", authors={"model": reading.IMAGENET.folder})
    fit = {
        name: {c.id.partition(".")[2] for c in ledger.CLAIMS if c.id.startswith("cifar10.") and c.fits(r)}
        for name, r in {"ours": ours, "theirs": theirs, "digits": run}.items()
    }
    kinds = {"ours": ("", ".random", ".pixels", ".kmeans"), "theirs": (".authors4", ".pixels", ".kmeans"), "digits": ()}
    assert fit == {name: {f"{a}{k}" for a in ("accuracy", "accuracy_400") for k in ks} for name, ks in kinds.items()}
    row = ledger.claim("cifar10.accuracy")
    assert row.instead(ours).endswith("pictures of Tiny-ImageNet instead of Imagenet-1k")
    assert ledger.claim("cifar10.accuracy.pixels").instead(ours) == ""


def test_a_probe_is_measured_in_percent_with_what_the_chapter_shows(run, tmp_path, data, monkeypatch):
    """On noise called cifar10 whose classes differ in brightness."""
    load = protocols.load_pair
    monkeypatch.setattr(protocols, "load_pair", lambda name, a, *more: _grey(load(name, replace(a, channels=3))))
    files = {}
    for i in range(240):
        pixels = np.random.default_rng(i).integers(0, 156, (16, 16)) + 50 * (i % 3)
        files[f"{'test' if i % 4 == 0 else 'train'}/{'abc'[i % 3]}/{i}.png"] = encode(
            pixels.astype(np.uint8)[:, :, None].repeat(3, 2)
        )
    make_folder(data / "cifar10", files)
    ours = imagenet_run(run, tmp_path / "ours")
    row = ledger.result(ledger.claim("cifar10.accuracy"), ours, "cpu")
    assert 45 < row["value"] <= 100
    assert row["low"] <= row["value"] <= row["high"]
    details = row["details"]
    assert np.sum(details["confusion"]) == row["n"] == 60
    assert details["each_layer"].keys() == {"conv 1", "conv 2"}
    assert details["held_off"] == 36
    assert details["protocol"]["labels_each"] == "all"
    few = protocols.per_class(s5._task(claim.Setting(ours, "cpu"), "cifar10", "trained", ()), 10, 3, choosing=2)
    assert few.n == 3


def _grey(splits):
    """The run of these tests sees one channel, and CIFAR-10 has three."""
    return tuple(replace(split, images=np.asarray(split.images)[:, :1]) for split in splits)


def test_without_its_data_a_probe_is_not_among_all_that_fits(run_copy, data, monkeypatch):
    monkeypatch.setattr(s5, "_is_imagenet", lambda run: True)
    run_copy.update(data=run_copy.info["data"] | {"name": "svhn"})
    assert [row["id"] for row in ledger.measure(run_copy, [], "cpu")] == ["walk.smoothness"]
    monkeypatch.setattr("dcgan_core.data.sources.published.TORCHVISION", {})
    with pytest.raises(UserError, match="svhn"):
        ledger.measure(run_copy, ["svhn.error_1000"], "cpu")
