"""A recipe trained again from other seeds: what was measured of these nets, whose weights do not ship."""

from pathlib import Path

from dcgan_core import assets, intervals
from dcgan_core.claims.claim import Claim
from dcgan_core.errors import UserError
from dcgan_core.files import read_json, write_json
from dcgan_core.runs import Run


def _path() -> Path:
    return assets.folder("trials") / "more_nets.json"


def shipped_nets() -> dict[str, dict]:
    """Name -> recipe, seed, images seen, and `claims`: id -> value, low, high, n, date. Empty where none ship."""
    return read_json(_path(), "nets of other seeds") if _path().exists() else {}


def ship_results(run: Run, results: dict) -> Path:
    """Merges what was measured of a finished run (`results`, as in its results.json) into what ships of other seeds.

    Raises UserError for a run of no recipe, or where another run of its recipe and seed is there.
    """
    info, again = run.info, shipped_nets()
    recipe, seed = info.get("recipe"), info["config"]["seed"]
    if info.get("status") != "finished" or not recipe:
        raise UserError(f"{run.path}: ship the results of a finished run of a recipe (dcgan train NAME --seed 1)")
    twin = next((n for n, net in again.items() if (net["recipe"], net["seed"]) == (recipe, seed) and n != run.name), None)
    if twin:
        raise UserError(f"{run.path}: {recipe} of seed {seed} ships already, as {twin}")
    said = {key: info.get(key) for key in ("minutes", "commit")} | {"precision": run.precision}
    seen = {"images": info["counters"]["images"], "updates_of_each_net": info["counters"]["g_updates"]}
    claims = {i: {key: r[key] for key in ("value", "low", "high", "n", "date")} for i, r in sorted(results.items())}
    write_json(_path(), again | {run.name: {"recipe": recipe, "seed": seed, **seen, **said, "claims": claims}})
    return _path()


NEAR = 0.05  # an end of the scale: there Student's interval of a few nets is too narrow (a test shows how much)


def pooled(c: Claim, r: dict, again: dict[str, dict]) -> dict:
    """A reference run's result, or that of it and the nets of other seeds: their mean, Student's interval, n nets.

    One net's interval varies over images or draws; what another training would give may lie far outside it.
    """
    others = {name: net["claims"][c.id] for name, net in again.items() if net["recipe"] == r["run"] and c.id in net["claims"]}
    if not (others and c.of_weights):
        return r
    each = {r["run"]: r} | others
    value, low, high = intervals.student([one["value"] for one in each.values()])
    covers = "95 %"
    if c.unit.startswith(("share", "overlap")) and "difference" not in c.unit:
        low, high = max(low, 0.0), min(high, 1.0)
        covers = covers if NEAR <= value <= 1 - NEAR else "80 to 90 %"
    nets = {name: {key: one[key] for key in ("value", "low", "high", "n")} for name, one in each.items()}
    found = dict(zip(("value", "low", "high"), (float(f"{x:.6g}") for x in (value, low, high)), strict=True))
    return r | found | {"n": len(each), "varies": "trainings", "nets": nets, "covers": covers}
