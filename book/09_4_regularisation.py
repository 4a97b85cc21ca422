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
# # 9.4 · Weight decay and dropout
#
# **The question:** with few pictures D soon knows those that it has seen. Do weight decay and dropout in D, as many tutorials have them, keep it from that, and do
# samples and features gain by it?
#
# The figure asks D about two photographs, one that it was trained on (a hundred times by the end) and one that was held out. How often does it take the first for the more real one?
# A D that has not over-fitted would do so half of the time.

# %% tags=["parameters", "hide-input"]
profile = "quick"
seed = 0
device = "auto"

# %% tags=["hide-input"]
import inspect

import matplotlib.pyplot as plt
import numpy as np
import torch

from dcgan_core import chapters, devices, networks, pictures
from dcgan_core.claims import ledger
from dcgan_core.drawings import scenes
from dcgan_core.figures import image_rows
from dcgan_core.figures.tables import Table
from dcgan_core.runs import Run
from dcgan_core.transfer import regularisation, tables

chapters.use_style()
table = tables.table("regularisation")
runs = table["runs"]
NAMES = {
    "plain": "plain",
    "weight_decay": "weight decay",
    "dropout": "dropout",
    "spectral_norm": "spectral norm",
}
COLOURS = dict(
    zip(NAMES, ("black", "tab:blue", "tab:orange", "tab:green"), strict=True)
)


# %% tags=["hide-input"] mystnb={"figure": {"caption": "How often D gives a photograph that it has seen a higher logit than one held out, while it is trained. Lines: means over seeds; bands: from the lowest seed to the highest.", "name": "fig-preference"}}
_, axis = plt.subplots(figsize=(7, 3.4))
for arm, name in NAMES.items():
    images = sorted(map(int, runs[arm][0]["curve"]))
    looks = 100 * np.array(
        [[m["curve"][str(i)]["preferred"] for i in images] for m in runs[arm]]
    )
    thousands = np.array(images) / 1000
    axis.plot(thousands, looks.mean(0), color=COLOURS[arm], label=name)
    axis.fill_between(
        thousands,
        looks.min(0),
        looks.max(0),
        color=COLOURS[arm],
        alpha=0.12,
        linewidth=0,
    )
axis.axhline(50, color="grey", linewidth=1, linestyle=":")
axis.set_xlabel("training images seen, thousands")
axis.set_ylabel("seen one preferred, %")
axis.legend()
plt.show()

# %% tags=["hide-input"]
SHOWN = (
    ("preferred", "seen one preferred, %", 100),
    ("seen", "D(x), seen", 1),
    ("held_out", "D(x), held out", 1),
    ("precision", "precision of samples, %", 100),
    ("recall", "recall, %", 100),
    ("frechet", "Fréchet distance", 1),
    ("probe", "kind of room told, %", 100),
)


def mean(arm, key, scale):
    """Over the pairs, with the lowest and the highest of the nets."""
    values = [scale * m[key] for m in runs[arm]]
    return f"{np.mean(values):.3g} ({min(values):.3g} to {max(values):.3g})"


Table(
    ["", *NAMES.values()],
    [
        [what, *(mean(arm, key, scale) for arm in NAMES)]
        for key, what, scale in SHOWN
    ],
    caption=f"Means over {len(runs['plain'])} nets of each kind, at the end of training (from the lowest to the highest). Intervals of the paired differences are in the ledger, below.",
)

# %% [markdown]
# **In short.** D does over-fit, and ever more: at first it cannot tell a seen photograph from another, at the end it prefers the seen one clearly. With *weight decay* no change of that is seen.
# *Dropout* does hold D back. But what G learns from such a D is poorer: its samples reach fewer of the photographs held out, and D's features tell the kinds of room no better.
# With *spectral normalisation* in place of batchnorm D does not over-fit, but after so short a training G has hardly learnt to draw. Whether adding the one or dropping the other is the cause was not measured. Which of these findings the rules bear out is said below.
#
# ## Three ways to hold D back
#
# All that changes is D, so each is a few lines. The first pulls every weight of D towards zero a little at each update; the second blanks a part of D's
# feature maps at random.

# %%
print(inspect.getsource(regularisation.weight_decay))
print(inspect.getsource(regularisation.dropout))

# %% [markdown]
# Spectral normalisation {cite}`miyato2018` is today's usual way, here for comparison: every matrix of D is divided by its largest singular value, so that no layer can stretch
# a difference between two pictures. Batchnorm would stretch it again, so this D goes without.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Samples of the nets of the first seed, one of each kind, from the same z.", "name": "fig-regularised-samples"}}
sheet = pictures.tiles(tables.file("regularisation.webp"), 32, gap=1)
image_rows.strips(
    [
        (name, sheet[10 * i : 10 * i + 10])
        for i, name in enumerate(NAMES.values())
    ]
)

# %% [markdown]
# ## What decay before batchnorm can and cannot do
#
# Batchnorm divides what a layer puts out by its standard deviation. A layer whose weights are all a tenth of what they were puts out a tenth, has a tenth of the deviation, and
# batchnorm's answer is the same. So the size of such weights says nothing about what D computes, and pulling on it cannot make D simpler
# {cite}`laarhoven2017`. Here is a trained D of drawn sprites, with one layer at a time shrunk:


# %%
run = Run.reference("drawn-sprites")
d = run.discriminator(devices.pick(device))
drawn = scenes.draw("drawn-sprites", 256, run.architecture.size, seed + 5)
x = networks.to_input(torch.from_numpy(drawn.images), run.architecture)
x = x.to(devices.pick(device))


@torch.no_grad()
def logits(layer=None, factor=0.1):
    weight = None if layer is None else layer.weight
    if weight is not None:
        weight.mul_(factor)
    with networks.batch_statistics(d):
        found = d(x).cpu()
    if weight is not None:
        weight.div_(factor)
    return found


# %% tags=["hide-input"]
as_it_is = logits()
layers = [*d.convs, *d.dense]
Table(
    ["layer", "batchnorm after it", "spread of logits, times what it was"],
    [
        [
            str(i),
            "yes" if isinstance(s.norm, torch.nn.BatchNorm2d) else "no",
            f"{(logits(s.layer).std() / as_it_is.std()).item():.2f}",
        ]
        for i, s in enumerate(layers, 1)
    ],
    caption="D's logits when the weights of one layer are a tenth of what they were, in batches as in training.",
)

# %% [markdown]
# Not even the first layer, which has no batchnorm of its own, has a size that counts: LeakyReLU passes a factor on, and the batchnorm of the next layer divides by it. Only the last layer
# is heard, since nothing comes after it. It sets how sure D is of itself, and being less sure does not change which of two pictures D prefers. That is why the figure above asks
# about preference, and not about the difference of mean D(x), which any way of shrinking logits makes smaller.
#
# What decay *can* do before batchnorm is change the speed. Adam's steps keep their size however small the weights are, and the same step turns smaller weights further. That is
# a higher learning rate by another name. It also holds back batchnorm's own scale and bias.
#
# There is a second catch. Adam divides each gradient, the decay's share included, by its usual size. Beside gradients of D's size the authors' weight decay of a hundred-thousandth is nothing; ours
# is three thousand times as strong. The norms of the weights at the end show where it acted:

# %% tags=["hide-input"]
layers = list(runs["plain"][0]["norms"])
Table(
    ["norm of the weights", *(f"layer {i}" for i in layers)],
    [
        [
            name,
            *(
                f"{np.mean([m['norms'][i] for m in runs[arm]]):.2f}"
                for i in layers
            ),
        ]
        for arm, name in NAMES.items()
    ],
    caption="D's weights at the end of training, means over seeds.",
)

# %% [markdown]
# ## The rules, and how it was measured

# %%
ledger.of("after.weight_decay*", "after.dropout*", "after.spectral_norm*")

# %% [markdown]
# - **Data:** photographs of four kinds of room (Places365), 32 pixels. The nets of each seed see a thousand of their own, a hundred times each. Others are held out; others still are for the
#   probe, and for the classifier in whose features samples are judged.
# - **Pairs:** nets of one seed, compared two by two: the same first weights (but for spectral normalisation, whose D is another net), photographs and order.
# - **D's preference:** the mean over the last three looks, in batches as in training, without dropout.
# - **Probe:** a linear SVM tells the kind of room from D's features of photographs that no D has seen; chance is a quarter.
#
# ```bash
# dcgan after regularisation --out runs/after  # goes on where it stopped
# ```
#
# **Limits.** Few pairs, so that intervals are wide. One small net, one data set, one strength of each, not tuned. Nine rules were asked at once and are not corrected for that: one of them may look met or missed by chance. A D that is held back might gain from longer training, which it did not get.
#
# ## Exercises
#
# 1. Decay the last layer alone. What should happen to D(x), and what to the preference?
# 2. Noise on all that D sees is a regulariser, too (`Config.noise`). Make it a fifth arm.
#
# <details>
# <summary>Solutions</summary>
#
# ```python
# def last_layer(state):
#     last = state.discriminator.dense[-1].layer.weight
#     rest = [p for p in state.discriminator.parameters() if p is not last]
#     parts = [{"params": rest}, {"params": [last], "weight_decay": 0.03}]
#     state.optimizer_d = torch.optim.Adam(parts, **state.optimizer_d.defaults)
# ```
# Shrinking the last layer makes all logits smaller: D(x) and D(G(z)) move towards a half, and which of two pictures has the higher logit stays as it is, until
# G has learnt from such a D.
#
# The noise is drawn by the update itself, so the arm's function has nothing to do: give `dataclasses.replace(CONFIG, noise=0.1)` to `pairs.trained`.
#
# </details>
