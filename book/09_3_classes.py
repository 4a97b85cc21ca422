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
# # 9.3 · A classifier inside D
#
# **The question:** the paper's D learns without labels, and an SVM reads its features afterwards. Does it help to let D classify while it learns?
#
# The figure shows what three nets of one seed generate, and how much of each class of held-out digits their samples reach.

# %% tags=["parameters", "hide-input"]
profile = "quick"
seed = 0
device = "auto"

# %% tags=["hide-input"]
import inspect
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import torch

from dcgan_core import chapters, intervals, networks, pictures
from dcgan_core.claims import ledger
from dcgan_core.data import loading
from dcgan_core.figures.tables import Table
from dcgan_core.networks import Architecture
from dcgan_core.probes import features
from dcgan_core.training.config import Config
from dcgan_core.training.update import State, update
from dcgan_core.transfer import classes, tables

chapters.use_style()
table = tables.table("classes")
runs = table.get("runs", {})
NAMES = {
    "plain": "plain",
    "head": "D with a second head",
    "asked": "… and G asked for a class",
}
SETS = {
    "mnist_1000": "1,000 labelled digits",
    "mnist_100": "100 labelled digits",
    "sprites_1000": "1,000 labelled sprites",
}


# %% tags=["hide-input"] mystnb={"figure": {"caption": "Left: samples of the nets of the first seed; where G is asked for a class, those of each column were asked for the same one. Right: the share of held-out digits of each class that lies among samples (recall); dots are nets, bars their means.", "name": "fig-classes"}}
def draw(pairs):
    """Samples of the first pair, and what each net reaches."""
    sheet = pictures.tiles(tables.file("classes_mnist_1000.webp"), 28, gap=1)
    _, axes = plt.subplots(3, 2, figsize=(8, 5.2), width_ratios=(1.5, 1))
    for i, (arm, name) in enumerate(NAMES.items()):
        shown, bars = axes[i]
        shown.imshow(pictures.grid(sheet[20 * i : 20 * i + 20], 10, gap=1))
        shown.set_title(name, fontsize=10, loc="left")
        shown.axis("off")
        reached = 100 * np.array([p[arm]["recall_by_class"] for p in pairs])
        bars.bar(range(10), reached.mean(0), color="tab:blue", alpha=0.45)
        for each in reached:
            bars.plot(range(10), each, ".", color="black", markersize=3)
        bars.set_ylim(0, 100)
        bars.set_xticks(range(10), [str(k) for k in range(10)])
        bars.set_ylabel("recall, %")
    axes[2, 1].set_xlabel("class")
    plt.tight_layout()
    plt.show()


if "mnist_1000" in runs:
    draw(runs["mnist_1000"])


# %% tags=["hide-input"]
def mean(values):
    """And the lowest and the highest of the nets."""
    return f"{np.mean(values):.3g} ({min(values):.3g} to {max(values):.3g})"


ERRORS = {
    "the same layers on the labels alone": lambda p, _: p["alone"]["error"],
    "plain D, an SVM on its features": lambda p, key: p["plain"]["svm"][key],
    "D with a second head": lambda p, _: p["head"]["error"],
    "… and G asked for a class": lambda p, _: p["asked"]["error"],
}
Table(
    ["test error, %", *(SETS[key] for key in runs)],
    [
        [name, *(mean([get(p, key) for p in runs[key]]) for key in runs)]
        for name, get in ERRORS.items()
    ],
    caption="Means over nets, each with labels of its own (from the lowest to the highest). Intervals of the paired differences are in the ledger, below.",
)

# %% [markdown]
# **In short.** With a hundred labelled digits, and with a thousand sprites, a D that classifies while it learns errs less than the same net on the labelled pictures alone. With
# a thousand digits the pictures without labels add nothing that five pairs could show. An SVM on a plain D is a strong rival: it is behind with a thousand digits; with a hundred, and on
# sprites, the pairs do not decide. Asking G for a class makes the classifier worse in all three, and costs variety: samples look cleaner, but reach only a small part of what a plain G's samples reach.
#
# ## The idea in code
#
# Beside D's one logit stands a second layer on the same features, with an output for each class. Its loss, the cross-entropy of a batch of the few labelled pictures, is added to D's at
# each update. All other pictures stay without labels, as in {cite}`salimans2016`.
#
# That teaches D, and G only through D. In an *auxiliary classifier GAN* {cite}`odena2017` G is asked for a class as well: ten of the numbers of z say which. The second head then
# also judges what was generated, and both nets are trained to make its answer right.

# %%
print(inspect.getsource(classes.second_head))

# %% [markdown]
# Before your eyes, small: digits of sixteen pixels, forty labels, and two nets that train for seconds, one with a GAN, one on the labels alone. Both begin with the same weights, and see the labelled pictures equally often.

# %%
small = Architecture(16, 1, (16, 32), (2, 2), kernel=4, output="sigmoid")
config = Config("digits", small, batch=32, updates="both", images=32 * 300)
data = loading.load_data("digits", 16)
pixels = torch.from_numpy(np.array(data.images))
rows = np.concatenate([np.flatnonzero(data.labels == k)[:4] for k in range(10)])
known = classes.Labelled(pixels[rows], torch.from_numpy(data.labels[rows]), 10)

state = State(replace(config, seed=seed), torch.device("cpu"))
two = classes.second_head(state, known)
rng = np.random.default_rng(seed)
with networks.batch_statistics(state.generator, state.discriminator):
    for _ in range(config.images // config.batch):
        update(state, pixels[rng.permutation(len(pixels))[: config.batch]])

# %% tags=["hide-input"]
alone = classes.labels_alone(replace(config, seed=seed), known, 2e-4)
test = loading.load_data("digits", 16, "test")
found = {}
for name, net in (("the labels alone", alone), ("with a GAN", two)):
    features.estimate_on(net.d, data.images, progress=False)
    wrong = net.answers(test.images) != test.labels
    found[name] = intervals.share(wrong)
Table(
    ["the second head, taught by", "test error, % (95 %)"],
    [
        [name, f"{100 * v:.1f} ({100 * low:.1f} to {100 * high:.1f})"]
        for name, (v, low, high) in found.items()
    ],
    caption=f"Forty labels and {len(test)} test digits: one net of each kind, to see that it runs, and no more.",
)

# %% [markdown]
# ## What it costs: variety
#
# A classifier's accuracy can be bought. A G that is asked for a class does best by the second head if it makes digits that nobody could mistake, and leaves out the odd ones. So the
# samples are measured without the second head: by precision and recall in the features of a classifier that has seen all labels, and by what a nearest-neighbour
# classifier learns from ten thousand of the samples.

# %% tags=["hide-input"]
COLUMNS = (
    ("precision, %", lambda m: 100 * m["precision"]),
    ("recall, %", lambda m: 100 * m["recall"]),
    ("lowest recall of a class, %", lambda m: 100 * min(m["recall_by_class"])),
    ("1-NN error, %", lambda m: m["nn_error"]),
)
Table(
    ["", *(name for name, _ in COLUMNS)],
    [
        [
            f"{SETS[key]}: {name}",
            *(mean([get(p[arm]) for p in runs[key]]) for _, get in COLUMNS),
        ]
        for key in runs
        for arm, name in NAMES.items()
    ],
    caption="Samples, means over nets (from the lowest to the highest). The 1-NN's references are labelled with the class that was asked for, or else with the one that a classifier trained on all labels sees in them.",
)

# %% [markdown]
# ## The rules, and how it was measured

# %%
ledger.of("after.classify*")

# %% [markdown]
# - **Nets:** narrow ones. Every GAN saw more than a hundred thousand pictures without labels; two nets of one seed are called a *pair*, since nets are compared two by two; each seed has a draw of labels of its own, equally many of each class.
# - **The same for all:** first weights, number of updates, batches of labelled pictures, and the pictures from which batchnorm's statistics are taken at the end.
# - **Choices** on validation pictures, with labels and a seed that are not counted: the weight of the second head's loss out of three, and the learning rate of the net on
#   labels alone out of three. The SVM's C, out of seven, is chosen anew for each pair's own net and labels, which favours the SVM.
# - **Recall** is of test pictures; the classifier in whose features it is measured has seen the training pictures and all their labels; no net of a pair has seen all labels.
#
# ```bash
# dcgan after classes --out runs/after  # goes on where it stopped
# ```
#
# **Limits.** Few pairs, so that intervals are wide. Narrow nets, short trainings, no moving of labelled pictures, which would help all of them. Of the three weights
# the largest was best with a thousand labels, so a larger one might do better there. On sprites the largest of the three learning rates was best for the labels alone, so that net might do better, too. The net whose G is asked for a class took over the weight that was best without, and had no trials of its own. Four rules for each set, not corrected for their number.
#
# ## Exercises
#
# 1. Give the second head's loss a weight of thirty in the small net. What happens to D's first head, and to the samples?
# 2. As asked, or as seen? Where G is asked for a class, count how often a classifier taught with all labels sees that class (`as_asked` in the table). Why is this number no measure of the samples?
#
# <details>
# <summary>Solutions</summary>
#
# ```python
# two = classes.second_head(state, known, weight=30.0)
# ```
# Adam divides by the size of the gradients, so the loss of the first head hardly counts any more: D learns forty labels by heart, and G is taught little.
#
# ```python
# [p["asked"]["as_asked"] for p in table["runs"]["mnist_1000"]]
# ```
# One perfect digit of each class, generated a thousand times, would be as asked every time.
#
# </details>
