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
# # 9 · After the paper
#
# The paper ends with what it leaves open, and ten years of blog posts, courses and summaries have answered in its place, mostly without a number. **The question of this
# chapter:** which of those answers hold when one measures them?
#
# Five sections take one question each and measure the answers to it, with small nets, on a CPU. Nothing here is a claim of the paper, so there is no verdict. But each
# answer has a rule that was written before the measurement, and a stated number of repetitions. Where methods are compared, each gets the same labels and pictures, and equally many trials, unless the section says otherwise. In three places more was measured after a first look: {doc}`09_1_transfer` and
# the {doc}`scoreboard` say where.

# %% tags=["parameters", "hide-input"]
profile = "quick"
seed = 0
device = "auto"

# %% tags=["hide-input"]
from dcgan_core.claims.board import Scoreboard
from dcgan_core.claims.ledger import ledger_rows, number
from dcgan_core.figures.tables import Table

ledger = [row for row in ledger_rows() if row["kind"] == "after"]
SAID = {"yes": "yes", "no": "no", "open": "not decided", "": "not measured"}
READ = [  # what one reads, and the rows that test it
    ("fine-tuning beats a frozen D", "finetune_frozen.cifar10_400"),
    ("… with a hundred labels a class", "finetune_frozen.cifar10_100"),
    ("… on faces, for a smile", "finetune_frozen.faces_smile"),
    (
        "pretraining as a GAN beats starting from scratch",
        "finetune_scratch.cifar10_400",
    ),
    ("… with a hundred labels a class", "finetune_scratch.cifar10_100"),
    (
        "batchnorm must keep D's statistics where labels are few",
        "own_statistics.cifar10_10",
    ),
    ("G's layers are features as good as D's", "g_features.layer"),
    ("an encoder brings any picture to its z", "encoder.factors"),
    ("a D that classifies needs fewer labels", "classify.mnist_1000"),
    ("… with a tenth of the labels", "classify.mnist_100"),
    ("… on drawn sprites", "classify.sprites_1000"),
    ("… than an SVM on a plain D", "classify_svm.mnist_1000"),
    ("… and fewer if G is asked for a class", "classify_asked.mnist_1000"),
    ("asking G for a class costs variety", "classify_variety.mnist_1000"),
    ("weight decay keeps D from over-fitting", "weight_decay"),
    ("dropout keeps D from over-fitting", "dropout"),
    ("… and makes its features general", "dropout.probe"),
    ("… and lets its G reach more of the data", "dropout.recall"),
    (
        "an adversarial loss translates better than L1",
        "translation.factors",
    ),
]


def answer(claim: str) -> list[str]:
    """Of every net that it was measured on."""
    rows = [row for row in ledger if row["id"] == f"after.{claim}"]
    met = {SAID[row["met"]] if row["rule"] else "compared with" for row in rows}
    numbers = "; ".join(map(number, rows))
    unit = rows[0]["unit"].removesuffix(": difference")
    return [" or ".join(sorted(met)), f"{numbers} {unit}"]


# %% [markdown]
# ## What is often said, and what we found
#
# On the left, in our words, what popular accounts of the paper say. *Yes* means that the whole 95 % interval lies on the side of what is said, for these nets and these
# data; *no*, that it lies on the other side; *not decided*, that it reaches to both. Where a row has several numbers, each is from a different net. The unit, the rule and the number of repetitions of each row are further below.

# %% tags=["hide-input"]
Table(
    ["it is often said that", "here", "measured (95 % interval)"],
    [[said, *answer(row)] for said, row in READ],
    caption="What popular accounts of the paper say, and what was measured here.",
)

# %% [markdown]
# Three more answers cannot be tested as they are told:
#
# - **"Push the picture through G and take its layers as features."** G takes a point of its latent space, not a picture, so somebody must find that
#   point first. {doc}`09_2_generator` does, and says what is lost on the way.
# - **"Train without pairs."** The nets of this book translate between pictures that belong together, pair by pair. Translation without pairs (CycleGAN) and painting in another's
#   style need other losses; {doc}`09_5_translation` names the papers and measures none of them.
# - **"The larger the net, the better all this works."** Perhaps. Every number here is of nets that two cores train in minutes or a few hours.
#
# ## Every row
#
# The sections tell how each was measured: {doc}`09_1_transfer`, {doc}`09_2_generator`, {doc}`09_3_classes`, {doc}`09_4_regularisation`, {doc}`09_5_translation`.

# %% tags=["hide-input"]
Scoreboard(ledger, grouped=True)
