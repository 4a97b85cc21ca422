"""The scoreboard: a line for each claim that one reads at a glance, the rest in a fold, and a bar of all verdicts."""

import html
import itertools
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from dcgan_core import assets
from dcgan_core.claims.claim import VERDICTS
from dcgan_core.figures.tables import Table, text
from dcgan_core.files import read_json

OF_RULE = {"yes": "✓ rule met", "no": "✗ rule not met", "open": "? not decided"}  # without a verdict on the paper
MET = {"yes": "met", "no": "the interval lies on the other side", "open": "not decided"}


class Look(NamedTuple):
    """How the board shows a verdict. Both colours carry text in the page's background at a contrast of 4.5 and more."""

    sign: str
    said: str  # of one claim
    meaning: str  # in the fewest words, under the bar
    light: str
    dark: str


LOOKS = {
    "holds": Look("✓", "holds", "with the paper's data", "#1a7f37", "#57c46f"),
    "holds on a stand-in": Look("≈", "holds on a stand-in", "with other data in place of the paper's", "#0b6e7f", "#4fc1d4"),
    "refuted here": Look("✗", "is refuted here", "fails with the paper's data", "#b3261e", "#ff8a80"),
    "not settled": Look("?", "is not settled", "the interval reaches to both sides", "#8a5a00", "#e3b341"),
    "other setting": Look("↪", "was measured in another setting", "says neither yes nor no to the paper", "#6639a6", "#c3a6ff"),
    "not measured": Look("–", "was not measured", "", "#5f6670", "#a6adb8"),
}
SEVERAL = {"holds": "hold", "is": "are", "was": "were"}  # claims do
CHAPTERS = {  # section of the paper -> the chapter that is about it, and its title
    "3": ("03_architecture", "Architecture"),
    "4": ("04_training", "Details of adversarial training"),
    "4.1": ("04_1_lsun", "LSUN bedrooms"),
    "4.1.1": ("04_1_lsun", "Deduplication"),
    "4.2": ("04_2_faces", "Faces"),
    "4.3": ("04_3_imagenet", "ImageNet-1k"),
    "5.1": ("05_1_cifar10", "CIFAR-10"),
    "5.2": ("05_2_svhn", "House numbers"),
    "6.1": ("06_1_walk", "Walking in the latent space"),
    "6.2": ("06_2_features", "What D's features look at"),
    "6.3.1": ("06_3_1_forgetting", "Forgetting to draw windows"),
    "6.3.2": ("06_3_2_arithmetic", "Arithmetic with faces"),
    "7": ("07_instability", "Instability"),
    "8": ("08_mnist", "Digits as teachers"),
    "9.1": ("09_1_transfer", "Freeze, fine-tune, or start from scratch?"),
    "9.2": ("09_2_generator", "The generator as a representation"),
    "9.3": ("09_3_classes", "A classifier inside D"),
    "9.4": ("09_4_regularisation", "Weight decay and dropout"),
    "9.5": ("09_5_translation", "From one kind of picture to another"),
    "book": ("scenes", "The book's own"),
}
_count = itertools.count()


def _slug(verdict: str) -> str:
    return verdict.replace(" ", "-")


def _style() -> str:
    """For pages and notebooks alike: a notebook has no style sheet of ours."""
    light, dark = (";".join(f"--{_slug(v)}:{getattr(look, key)}" for v, look in LOOKS.items()) for key in ("light", "dark"))
    each = "".join(f".dcgan-board .{_slug(v)}{{--c:var(--{_slug(v)})}}" for v in VERDICTS)
    hidden = ":is(.claim:not(.{0}),.group:not(:has(.claim.{0})))"
    only = "".join(f".dcgan-board:has(input.{_slug(v)}:checked) {hidden.format(_slug(v))}{{display:none}}" for v in VERDICTS)
    return (
        f"<style>.dcgan-board{{{light};line-height:1.4}}"
        f"html[data-theme=dark] .dcgan-board,[data-jp-theme-light=false] .dcgan-board{{{dark}}}{each}{only}{STYLE}</style>"
    )


STYLE = """
.dcgan-board .bar{display:flex;gap:2px;height:1.6rem;margin:.4rem 0 .6rem;border-radius:.4rem;overflow:hidden}
.dcgan-board .bar span{background:var(--c);min-width:3px}
.dcgan-board fieldset{border:0;margin:0 0 1rem;padding:0;display:flex;flex-wrap:wrap;gap:.3rem .5rem;min-width:0}
.dcgan-board legend{font-size:.9em;padding:0;margin:0 0 .3rem;float:none;width:auto}
.dcgan-board label{display:inline-flex;gap:.35rem;align-items:center;padding:.15rem .6rem;
  border:1px solid var(--c,currentColor);border-radius:1rem;cursor:pointer;font-size:.9em;margin:0}
.dcgan-board label b,.dcgan-board .verdict{color:var(--c)}
.dcgan-board label:has(:checked){box-shadow:inset 0 0 0 1.5px var(--c,currentColor)}
.dcgan-board input{accent-color:var(--c,currentColor);margin:0}
.dcgan-board h3.where{font-size:1.05rem;margin:1.2rem 0 .2rem}
.dcgan-board details.claim{border:0;border-top:1px solid #8884;margin:0;padding:0;background:none;box-shadow:none}
.dcgan-board details.claim>summary{display:grid;grid-template-columns:minmax(0,1fr) 10.5rem 12.5rem;gap:.1rem 1rem;
  padding:.5rem 0;cursor:pointer;list-style:none;font-weight:400;align-items:baseline}
.dcgan-board summary::-webkit-details-marker{display:none}
.dcgan-board summary .said{padding-left:1.1em}
.dcgan-board summary .said::before{content:"▸";display:inline-block;width:1.1em;margin-left:-1.1em}
.dcgan-board details[open] summary .said::before{content:"▾"}
.dcgan-board .verdict{font-weight:600;white-space:nowrap}
.dcgan-board .value{text-align:right;font-variant-numeric:tabular-nums}
.dcgan-board .value small{display:block;opacity:.85;font-size:.82em}
.dcgan-board dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.15rem 1rem;margin:0 0 .8rem 1.1rem;
  font-size:.92em}
.dcgan-board dt{font-weight:600;margin:0}
.dcgan-board dd{margin:0;overflow-wrap:anywhere}
@media(max-width:600px){.dcgan-board details.claim>summary{grid-template-columns:1fr auto}
.dcgan-board summary .said{grid-column:1/-1}
.dcgan-board dl{grid-template-columns:1fr}
.dcgan-board dd{margin:0 0 .3rem}
}
"""


def number(row: dict) -> str:
    """The value with its interval where it has one, or `not measured`."""
    if row["value"] is None:
        return "not measured"
    if row["low"] == row["high"]:  # a maximum over all cases, not an estimate
        return digits(row["value"])
    return "{} ({} to {})".format(*(digits(row[key]) for key in ("value", "low", "high")))


def digits(value: float) -> str:
    """Three digits, the last of them too where they are zeros: 67.0, 0.120, 1.10e-06."""
    return f"{value:#.3g}".rstrip(".")


def over(row: dict) -> str:
    """On how much a number rests: `n = 400 draws, one training`."""
    count = f"n = {row['n']:,}" + (f" {row['varies']}" if row["varies"] != "nothing" else "")
    if row["trainings"] == 1:
        return f"{count}, one training"
    return count if row["covers"] in (None, "95 %") else f"{count}, too few for a share near 0 or 1: covers {row['covers']}"


class Scoreboard(Table):
    """Claims in lines: what the paper says, the verdict, the value measured here; unfolded, the rule and how it was measured.

    rows: of `ledger.ledger_rows()`; several results of one claim become one line. bar: above, how many claims have which
    verdict, and a choice of verdicts to show. grouped: under the chapters that they belong to. only: ids of those
    that get a line, where that is not all.
    """

    def __init__(self, rows: Sequence[dict], *, bar: bool = False, grouped: bool = False, only: Sequence[str] = ()) -> None:
        self.first = [r for r in rows if r["primary"]] or list(rows)
        self.more = {r["id"]: [m for m in rows if m["id"] == r["id"] and m is not r] for r in self.first}
        self.bar, self.grouped, self.only = bar, grouped, only
        said = any(r["verdict"] for r in self.first)
        header = ["claim", "§", "the paper", "measured here (95 % interval)", *(["verdict"] if said else [])]
        lines = [
            [r["id"], r["section"], r["paper"], _measured(r), *([r["verdict"] or "–"] if said else [])] for r in self.first
        ]
        super().__init__(header, lines)

    def _repr_html_(self) -> str:
        parts = [_style(), *([_bar(self.first)] if self.bar else [])]
        shown = [r for r in self.first if not self.only or r["id"] in self.only]
        for section, rows in itertools.groupby(shown, lambda r: r["section"]):
            lines = "".join(_line(r, self.more[r["id"]]) for r in rows)
            parts.append(f'<div class="group">{_where(section)}{lines}</div>' if self.grouped else lines)
        return f'<div class="dcgan-board">{"".join(parts)}</div>'


def in_short(rows: Sequence[dict]) -> str:
    """How many claims have which verdict, in a sentence."""
    counts = Counter(r["verdict"] for r in rows if r["primary"] and r["verdict"])
    parts = [_counted(v, counts[v]) for v in VERDICTS if counts[v]]
    listed = " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))
    return f"Of {sum(counts.values())} claims of the paper, {listed}."


def _counted(verdict: str, count: int) -> str:
    verb, *more = LOOKS[verdict].said.split(" ")
    return " ".join([str(count), SEVERAL[verb] if count > 1 else verb, *more])


def _bar(rows: Sequence[dict]) -> str:
    counts, name = Counter(r["verdict"] for r in rows), f"dcgan-board-{next(_count)}"
    there = [v for v in VERDICTS if counts[v]]
    spans = "".join(
        f'<span class="{_slug(v)}" style="flex:{counts[v]}" title="{_counted(v, counts[v])}"></span>' for v in there
    )
    choices = "".join(
        f'<label class="{_slug(v)}"><input type="radio" name="{name}" class="{_slug(v)}">'
        f"<span><b>{LOOKS[v].sign} {v}</b> ({counts[v]}){': ' * bool(LOOKS[v].meaning)}{LOOKS[v].meaning}</span></label>"
        for v in there
    )
    every = f'<label><input type="radio" name="{name}" checked>all</label>'
    said = html.escape(in_short(rows))
    return (
        f'<p><strong>{said}</strong></p><div class="bar" role="img" aria-label="{said}">{spans}</div>'
        f"<fieldset><legend>Show the claims that have the verdict</legend>{every}{choices}</fieldset>"
    )


def _where(section: str) -> str:
    page, title = CHAPTERS[section]
    number = "" if section == "book" else f"{section} · "
    return f'<h3 class="where"><a href="{page}.py">{number}{html.escape(title)}</a></h3>'


def _line(r: dict, more: list[dict]) -> str:
    verdict = r["verdict"]
    others = (m for m in more if m["value"] is not None and not m["run"].startswith(f"{r['run']}-"))  # no earlier stages
    differ = any(m["met"] != r["met"] for m in others)
    found = "? not in every net" if differ else OF_RULE.get(r["met"], "")
    plain = f"<span>{'not measured' if r['value'] is None else found}</span>"
    said = f'<span class="verdict">{LOOKS[verdict].sign} {verdict}</span>' if verdict else plain
    facts = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in _facts(r, more))
    return (
        f'<details class="claim {_slug(verdict) or r["kind"]}"><summary><span class="said">{text(r["statement"])}</span>{said}'
        f'<span class="value">{_value(r)}</span></summary><dl>{facts}</dl></details>'
    )


def _value(r: dict) -> str:
    """Here, and the paper's below it."""
    paper = f"<small>paper: {text(r['paper'])}</small>" if r["kind"] == "paper" else ""
    if r["value"] is None:
        return paper
    value, _, interval = number(r).partition(" (")
    unit = " %" if r["unit"] == "percent" else ""
    return f"{value}{unit}{f' ({interval}' if interval else ''}{paper}"


def _facts(r: dict, more: list[dict]) -> list[tuple[str, str]]:
    """What the fold tells: names and HTML."""
    none = "none yet" if r["kind"] == "paper" else "none: nothing is claimed"
    facts = [("rule", text(r["rule"] or none) + (f" ({MET[r['met']]})" if r["met"] else ""))]
    if r["p_holm"] is not None:
        facts.append(("p, Holm's", f"{r['p_holm']:.2g}"))
    if r["value"] is not None:
        facts += [("measured", f"{number(r)} {text(r['unit'])}; {text(over(r))}")]
        facts += [("run", f"{text(r['run'])}" + (f": {text(r['instead'])}" if r["stand_in"] else ""))]
    if r["setting"]:
        facts.append(("setting", text(r["setting"])))
    if r["kind"] != "paper" and r["paper"]:
        facts.append(("the paper", text(r["paper"])))
    for m in (m for m in more if m["value"] is not None):
        verdict = f"; {said}" if (said := m["verdict"] or OF_RULE.get(m["met"])) else ""
        facts.append(("also", f"{text(m['run'])}: {number(m)}; {text(over(m) + verdict)}"))
    return [*facts, ("claim", f"<code>{html.escape(r['id'])}</code>{_command(r)}")]


def _command(r: dict) -> str:
    if r["value"] is None:
        return ""
    again = f"dcgan measure book/reference_runs/{r['run']} {r['id']}"
    if r["run"].startswith("ablations/"):
        study = r["run"].split("/")[1]
        again = "dcgan ablate" + (f" --study {study}" if study in ("stability", "filters") else "")
    if r["run"].startswith("after/"):
        again = f"dcgan after {r['run'].split('/')[1]}"
    path = assets.folder("reference_runs") / r["run"] / "run.json"
    how = read_json(path, "a run").get("without_weights") if path.is_file() else None
    first = f", where weights do not ship, but come of: {text(how)}" if how else ""
    return f"; again: <code>{html.escape(again)}</code>{first}"


def _measured(r: dict) -> str:
    if r["value"] is None:
        return number(r)
    where = "; ".join(x for x in (r["instead"] if r["stand_in"] else "", r["setting"]) if x)
    return f"{number(r)} {r['unit']}; {over(r)}; run {r['run']}" + (f": {where}" if where else "")
