# ---
# jupyter:
#   jupytext:
#     notebook_metadata_filter: -jupytext.text_representation.jupytext_version
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Scoreboard
#
# The claims of the paper, and what this book measured of each. Only the MNIST nets were trained on the paper's own data; the book's other nets were trained on a
# {term}`stand-in`, so the most that one can say of them is *holds on a stand-in*. Each line shows the measured value with its
# 95 % interval and, below it, what the paper says.

# %% tags=["parameters", "hide-input"]
profile = "quick"
seed = 0
device = "auto"

# %% tags=["hide-input"]
from IPython.display import display

from dcgan_core import chapters
from dcgan_core.ablations import shipping
from dcgan_core.claims.board import Scoreboard, number
from dcgan_core.claims.ledger import ledger_rows
from dcgan_core.figures.tables import Table
from dcgan_core.runs import Run

ledger = ledger_rows()
claims = [row for row in ledger if row["kind"] == "paper"]
Scoreboard(claims, bar=True, grouped=True)

# %% [markdown]
# Unfold a line for its unit, its rule, the run, and the command that measures it again. Intervals are 95 % unless the line says otherwise. *By eye*, of the book's own pictures, means a vision-language model's eye. What each interval varies over is in the fold:
# images, draws (of z, of labels, of exemplars), features of one net, or trainings. An interval over images says nothing of what another training would
# give; where a number rests on one training, it says so.
#
# ## When does a claim hold?
#
# By a rule that is written down before the measurement. "The interval" is the 95 % interval. Where all of it lies on the claim's side, the claim
# **holds**, or **holds on a stand-in** where the data are other than the paper's. Where all of it lies on the other side, in the claim's own setting, the
# claim is **refuted here**. Where it reaches to both sides, the claim is **not settled**. So is one of many comparisons that no longer counts once their number is allowed for (Holm's correction). **Other
# setting**: the paper says nothing of such a setting, or the claim failed on a {term}`stand-in`, which does not refute the paper; the row says which. A rule for a number of the paper leaves
# room for chance, so that an exact replica would pass it 95 times out of 100.

# %% [markdown]
# ## Rules that were changed, or came late
#
# A rule is written before its measurement. These were changed when numbers were known already, mostly because the first rule asked for something that the paper does not claim, could not be failed, or would have rejected an exact replica too often.
# In most cases the old number is still shown, among what claims are compared with. The rows `.gain` and `.above_chance` of section 6.3.2 and `saliency.looking` came when the numbers they compare were known, and the limit of `turn.monotone` was changed once.
#
# <details>
# <summary>Before and after</summary>
#
# | row | at first | now | why |
# |---|---|---|---|
# | all | *holds* or *differs* | six verdicts, for claims of the paper alone | a rule not met may mean: refuted, too little measured, or measured elsewhere |
# | `ablation.*` of guidelines | by the Fréchet distance | *other setting*, and Holm's correction | the baseline reaches so little of the data that whatever spreads samples wins |
# | `memorisation.*` | median distance at least 0.9 of held-out photographs' | `.copies`: at most 2 % of samples stand out as copies do | some 30 % of copies would have passed |
# | `dedup.*` | codes at most 5 bits apart | `.equal_codes` | the paper's rule is equal codes |
# | `cifar10.accuracy` | 82.8 or more | 81.4 or more, and `above_kmeans` | an exact replica would fail half of the time; the claim is the ranking |
# | `cifar10.accuracy_400` | 73.8 or more | 72.8 or more, and `above_kmeans_400` | the same |
# | `cifar10.*` of others, `mnist.error_1000` | rules of our own | compared with, no verdict | the paper claims nothing of them |
# | `svhn.error_1000` | 22.48 or less | less than 23.56 | the claim is to be better than others; a replica would fail half of the time |
# | `walk.smoothness` | largest step at most 0.5 | `walk.plausible`, `walk.objects` | an untrained net is smoother |
# | `walk.nearest` | ratio at least 0.9 | compared with, no verdict | the paper claims nothing of it |
# | `saliency.*` | half of the average feature's saliency | `saliency.looking` | the paper speaks of a minority of features |
# | `forgetting.others_kept` | 0.9 kept | `forgetting.rest`: against random maps | *similar* has no number, and random maps do not keep so much either |
# | `forgetting.*` of other objects, tuned or random | rules of our own | compared with, no verdict | the paper claims nothing of them |
# | `arithmetic.*.single` | at most half succeed | `.gain`: three do better | *unstable* is no number |
# | `arithmetic.*.pixels` | at most half succeed | *other setting* | the paper's fail for want of alignment; ours are aligned |
# | `arithmetic.drawn_*.pixels_moved` | *other setting* where the judge of moved pictures overlooks too much in sums of z | or in overlays of aligned pictures | in aligned overlays with a smile it overlooks more than a third of those that the other judge finds; a reader of this book pointed that out after the measurement |
# | `arithmetic.*.others_kept`, `.many`, `.improved`, `turn.identity` | rules of our own | compared with, no verdict | the paper claims nothing of them |
# | `instability.detected` | share reported at least 0.9 | `instability.told_apart`, of the book: share reported minus false alarms, at least 0.5 | an alarm that always rings would have passed |
# | `mnist.nn_error_50k` | 2.98 or less | `mnist.as_good_as_real`: at most 0.4 points more than as many real digits | a replica would fail half of the time. The limit was 0.3 until it was measured how often two such classifiers disagree; at 0.3 a replica passes 87 times of 100. The verdict is the same |
# | `mnist.nn_error_fc_gan` | more than our DCGAN's | `mnist.above_fc_gan`, paired: *other setting* | the paper's baseline had batchnorm, in D perhaps; ours has none there |
# | `mnist.nn_error_10m` | 1.48 or less | 2.6 or less | the claim is to do better than InfiMNIST |
# | what is *more*: `.gain`, `.above_chance`, `saliency.looking`, `*.above_*`, `mnist.nn_error_affine` | interval at or above 0 | above 0 | twelve features that all do nothing would have met it. No verdict of full size changed |
# | `after.finetune_*.cifar10_100`, `…_400` | nets that saw 15,000 and 12,000 pictures | 100,000 pictures | the nets from scratch had not finished learning. Fine-tuning minus frozen was +0.22 (-0.35 to +0.79) and +0.20 (+0.02 to +0.38) on the same test pictures, so the second had met its rule; now it is not decided, and the first is not met |
# | `memorisation.faces.copies` | a claim of the paper | a control of the book | the paper argues about bedrooms only |
# | intervals over a dozen draws | bootstrap | Student's | the bootstrap's held the truth 90 times out of 100 |
#
# </details>
#
# ## Measure again
#
# ```bash
# dcgan measure book/reference_runs/faces                    # all claims that fit the run
# dcgan measure runs/faces memorisation.faces.copies --seed 1  # one, on your own run
# dcgan claims --json                                        # this table for a program
# ```
#
# ## What each stage brought
#
# Three reference runs were trained in stages, each from the weights of the one before. Here is what was measured after them; stages of which no results are kept have no column. More training is not all that differs: the last stages of `faces` and `rooms`, and
# those of `imagenet32` shown here, saw everything moved and tinted; `rooms` learnt from other photographs than its first stage, and `imagenet32`, since its fourth stage, from six times as many. Where a number is measured from a stage's photographs (`frechet.*`,
# `memorisation.*`), it is left out if these were others; distances from one set for all stages are in {doc}`04_1_lsun` and {doc}`05_1_appendix`. Each stage is one training, and its intervals do not say what another would give (those of `frechet.*` cover about 80 %).
# What earlier nets gave on digits is in {doc}`08_mnist`, what longer training gave on drawn portraits in {doc}`06_3_2_appendix`.

# %% tags=["hide-input"]
OF_PHOTOGRAPHS = ("frechet.", "memorisation.")


def of_stage(row, last):
    """A cell; empty where it was measured from other photographs."""
    if not row or (
        row["id"].startswith(OF_PHOTOGRAPHS) and row["data"] != last["data"]
    ):
        return ""
    return number(row)


for name in ("faces", "rooms", "imagenet32"):
    found = {
        stage: {r["id"]: r for r in ledger if r["run"] == stage.name}
        for _, stage in chapters.stages(Run.reference(name))
    }
    found = {stage: rows for stage, rows in found.items() if rows}
    *_, last = found.values()
    lines = [
        [i, *(of_stage(rows.get(i), last[i]) for rows in found.values())]
        for i in last
    ]
    seen = [f"{stage.trained['images']:,}" for stage in found]
    minutes = [f"{stage.trained['minutes']:.0f}" for stage in found]
    display(
        Table(
            ["", *(stage.name for stage in found)],
            [
                ["images seen, all stages", *seen],
                ["minutes, all stages", *minutes],
                *([f"`{i}`", *cells] for i, *cells in lines if any(cells[:-1])),
            ],
            caption=f"The stages of {name}.",
        )
    )

# %% [markdown]
# Some other trainings that were made for these numbers, each with one number that it was about. In the rows *other seeds*, *before* is the net that ships, and *after* the mean of it and the others. Beside the longer training stands the mean of those four nets; beside the unaligned one, the net that ships, as the classifiers of moved drawings see it. Where *before* is empty there was nothing to compare with.

# %% tags=["hide-input"]
board = {(row["run"], row["id"]): row for row in ledger}
again, longer, anywhere = (
    chapters.trial(name)
    for name in ("more_nets", "portraits_longer", "portraits_moved")
)
study = shipping.shipped_table("stability.json")


def ran(images, minutes, nets=1):
    return [str(nets), f"{images:,}", f"{minutes:,.0f}"]


def more_nets(name, claim):
    nets = [net for net in again.values() if net["recipe"] == name]
    row = board[name, claim]
    first = number(row["nets"][name])
    minutes = sum(net["minutes"] for net in nets)
    how = ran(nets[0]["images"], minutes, len(nets))
    return [f"`{name}`, other seeds", *how, f"`{claim}`", first, number(row)]


def on_digits(name, before, claim):
    trained = Run.reference(name).trained
    how = ran(trained["images"], trained["minutes"])
    values = (number(board[net, claim]) for net in (before, name))
    return [f"`{name}`, longer than `{before}`", *how, f"`{claim}`", *values]


smile = "arithmetic.drawn_smile.success"
aligned, unaligned = anywhere["aligned, same judges"], anywhere["unaligned"]
tries = board["after/transfer", "cifar10.supervised_1000"]
Table(
    [
        "training",
        "nets",
        "images seen by each",
        "minutes, all nets",
        "number",
        "before",
        "after",
    ],
    [
        more_nets("drawn-rooms", "forgetting.windows_gone"),
        more_nets("drawn-portraits", smile),
        on_digits("mnist", "mnist-second", "mnist.nn_error_50k"),
        [
            "`drawn-portraits`, longer, on 100,000 drawings",
            *ran(longer["images"], longer["minutes"]),
            f"`{smile}`",
            number(board["drawn-portraits", smile]),
            number(longer["claims"][smile]),
        ],
        [
            "`drawn-portraits`, on 100,000 that nobody aligned",
            *ran(unaligned["images"], unaligned["minutes"]),
            f"`{smile}`",
            number(aligned["claims"]["drawn_smile.three"]),
            number(unaligned["claims"]["drawn_smile.three"]),
        ],
        [
            "stability of the guidelines, on `drawn-rooms`",
            *ran(
                study["rule"]["updates"] * study["rule"]["baseline"]["batch"],
                sum(run["minutes"] for run in study["runs"].values()),
                len(study["runs"]),
            ),
            "`stability.*`",
            "",
            "chapters 3 and 7",
        ],
        [
            f"a supervised net of D's shape, the best of {tries['details']['trials']} settings (their short trainings not counted)",
            str(tries["n"]),
            f"{tries['details']['images']:,}",
            "not kept",
            "`cifar10.supervised_1000`",
            "",
            number(tries),
        ],
    ],
    caption="Other trainings, with one number of each.",
)

# %% [markdown]
# ## What the claims are compared with
#
# Nothing is claimed of these numbers, so they have no verdict.

# %% tags=["hide-input"]
compared = [row for row in ledger if row["kind"] == "comparison"]
Scoreboard(compared, grouped=True)

# %% [markdown]
# ## After the paper
#
# What the paper leaves open, measured in {doc}`chapter 9 <09_after_the_paper>`. The paper claims nothing of it, so these rows have a rule but no verdict.

# %% tags=["hide-input"]
Scoreboard([row for row in ledger if row["kind"] == "after"], grouped=True)

# %% [markdown]
# ## The book's own instruments, and where it departs from the paper
#
# How far the {term}`judges <judge>` can be trusted, what the generators of drawn scenes cover, and whether this book's own choices do harm. The paper has no such
# numbers; {doc}`scenes` says what they mean.

# %% tags=["hide-input"]
Scoreboard([row for row in ledger if row["kind"] == "control"], grouped=True)
