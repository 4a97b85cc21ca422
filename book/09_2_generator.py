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
# # 9.2 · The generator as a representation
#
# **The question:** D's features are used in §5. But it is G that draws the window. Does G know as much about its pictures as D, and can one get at what it knows?
#
# A common recipe says: "push your image through the generator and take its layers as features". As written it cannot be done. G takes a $z$, not
# an image. So this page asks two things: what do $z$ and G's layers say about a picture that G made itself, and can one find the $z$ of a picture that
# it did not make?

# %% tags=["parameters", "hide-input"]
profile = "quick"
seed = 0
device = "auto"

# %% tags=["hide-input"]
import inspect

import matplotlib.pyplot as plt
import numpy as np
import torch

from dcgan_core import chapters, latent, pictures
from dcgan_core.claims import ledger
from dcgan_core.drawings import scenes
from dcgan_core.figures import image_rows
from dcgan_core.figures.tables import Table
from dcgan_core.readers import judges
from dcgan_core.runs import Run
from dcgan_core.transfer import generator_features, inversion, tables

chapters.use_style()
rows = {
    (row["claim"], row["data"]): row
    for row in tables.table("generator")["rows"]
    if row["seed"] == 0
}
NAMES = [data for claim, data in rows if claim == "after.g_features.z"]

# %%
ledger.of("after.g_features.*", "after.encoder.*")

# %% tags=["hide-input"] mystnb={"figure": {"caption": "From above: drawings that no net has seen; what G makes of the z that an encoder (see below) gives for them; the same after fifty steps of optimisation; what is lost: the difference, on grey.", "name": "fig-inversion"}}
KINDS = (
    "drawing",
    "encoder",
    "random z",
    "encoder, 10 steps",
    "encoder, 50 steps",
    "random z, 10 steps",
    "random z, 50 steps",
)


def inverted(name):
    """What ships of a run's inversions: eight pictures of each kind."""
    sheet = pictures.tiles(tables.file(f"{name}.webp"), 64)
    images = sheet.reshape(len(KINDS), 8, 3, 64, 64)
    return dict(zip(KINDS, images, strict=True))


def lost(kinds, name):
    """The difference to the drawing, grey where there is none."""
    gap = kinds["drawing"].astype(int) - kinds[name]
    return (127.5 + gap).clip(0, 255).astype(np.uint8)


strips = []
for name in inversion.RUNS:
    kinds = inverted(name)
    strips += [
        ("drawing", kinds["drawing"]),
        ("encoder", kinds["encoder"]),
        ("and 50 steps", kinds["encoder, 50 steps"]),
        ("lost", lost(kinds, "encoder, 50 steps")),
    ]
image_rows.strips(strips)

# %% [markdown]
# ## What z says, and G's layers
#
# Take $z$ at random, let G draw, and let the {term}`judge` of the drawn set say what can be seen: a bed, a window, a smile. A linear probe (Fisher's
# discriminant) then reads the same off $z$ alone, a hundred numbers. Here it is, small.

# %%
run = Run.reference("drawn-rooms")
g, judge = run.generator(), judges.load_judge("drawn-rooms")
sizes = (1200, 300, 500)  # to learn from, to choose with, to score on
rng = torch.Generator().manual_seed(seed)
z = latent.sample(run.architecture, sum(sizes), rng)
images = latent.generate_pixels(g, z)
said = judges.statements(judge, images)
true = np.stack([answer > 0.5 for answer in said.values()], 1)
_, answers = generator_features.read_off(z, true, sizes)
test = true[-sizes[2] :]
for k, what in enumerate(said):
    score = generator_features.balanced_accuracy(answers[:, [k]], test[:, [k]])
    print(f"{what}: {score:.2f}")

# %% [markdown]
# The number is the *balanced accuracy*: the share right where the thing is there and where it is not, averaged. A guess gives a half, however rare the thing is.
#
# G's layers are what lies on the way:

# %%
print(inspect.getsource(g.features))
for maps in g.features(z[:1]):
    print(" x ".join(map(str, maps.shape[1:])))

# %% [markdown]
# A layer has thousands of numbers, $z$ a hundred, and a probe gets better with more of them. So every kind of features is brought to a
# hundred: maps are pooled to 4 × 4 as in §5.1, and their first hundred principal components are taken. (Hollow marks: without that step.) Beside the trained nets stand the same nets
# with random weights: an untrained G on the same $z$, an untrained D on the same pictures.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "What a linear probe reads off each kind of features, on samples that it has not seen: balanced accuracy, mean over the things asked for. Layers are counted in each net's own order. Filled: a hundred numbers. Hollow: all of the pooled maps.", "name": "fig-probed-layers"}}
MARKS = {
    "G": ("o", "tab:blue"),
    "untrained G": ("o", "tab:gray"),
    "D": ("s", "tab:orange"),
    "untrained D": ("s", "tab:brown"),
}
figure, axes = plt.subplots(
    1, len(NAMES), figsize=(7, 3.4), sharey=True, layout="constrained"
)
for axis, name in zip(axes, NAMES, strict=True):
    found = rows["after.g_features.z", name]["details"]["features"]
    axis.axhline(found["z"]["reduced"], color="black", label="z", linewidth=1)
    axis.axhline(
        found["pixels"]["reduced"],
        color="black",
        linestyle=":",
        label="pixels",
        linewidth=1,
    )
    for k, (whose, (mark, colour)) in enumerate(MARKS.items()):
        mine = [v for x, v in found.items() if x.startswith(f"{whose}, ")]
        place = np.arange(1, len(mine) + 1)
        for key, face in (("whole", "none"), ("reduced", colour)):
            axis.plot(
                place + 0.12 * (k - 1.5),
                [v[key] for v in mine],
                mark,
                color=colour,
                markerfacecolor=face,
                label=whose if key == "reduced" else None,
            )
    axis.set_title(name, fontsize=10)
    axis.set_xticks(place)
    axis.set_xlabel("layer")
axes[0].set_ylabel("balanced accuracy")
figure.legend(
    *axes[0].get_legend_handles_labels(),
    loc="outside lower center",
    ncols=3,
    fontsize=9,
)
plt.show()

# %% [markdown]
# **How much a linear probe can read off $z$ depends on the pictures.** For portraits that is most of what a probe reads off the picture itself, though little of a smile: everything has its place there, and one direction of $z$ can stand for glasses. For rooms it is little, perhaps because a window may hang in any third of the wall, so that no single direction stands for all of them: G is not linear. (The sums of §6.3.2 ask for less, since they take means of several $z$.)
#
# **G's layers say more than $z$.** In rooms, the nearer a layer is to the picture, the more it says. The untrained G gets the same $z$, and a hundred numbers of its layers say no more than $z$ does (all of the first layer's, in rooms, a little more). So nearly all that the trained ones add was learnt.
#
# **D's best layer says more still,** in all three sets, in portraits by a hair. (The net of the sprites has hardly begun to learn, and the judge answers for a muddle too: {doc}`scenes`.) But look at the dotted line and at the untrained D before you thank D's training for it: of such simple pictures the pixels alone tell most, to a linear
# probe too.
#
# ## The way back: an encoder
#
# To use any of it for a picture that G did not make, one needs that picture's $z$. G itself gives the lessons: draw $z$, generate, and let a net learn $z$ from
# $G(z)$ {cite}`donahue2017`. Ours has D's conv layers and one linear layer. It saw each of its pairs once. Then a few steps of gradient descent on $z$ improve its answer for the
# one picture at hand {cite}`zhu2016`. All of these steps are in this function:

# %%
print(inspect.getsource(inversion.refine))

# %% [markdown]
# The encoder does not ship. But the steps can be tried from a random $z$:

# %% tags=["hide-input"] mystnb={"figure": {"caption": "New drawings, and G from a random z after no step, ten and fifty.", "name": "fig-inversion-steps"}}
drawn = scenes.draw("drawn-rooms", 8, 64, seed + 21)
start = latent.sample(run.architecture, 8, rng)
found = {
    f"{steps} steps": inversion.refine(
        g, drawn.images, start, steps=steps, rate=0.1
    )
    for steps in (0, 10, 50)
}
image_rows.strips(
    [
        ("drawing", drawn.images),
        *((k, latent.generate_pixels(g, z)) for k, z in found.items()),
    ]
)

# %% [markdown]
# ## What is kept
#
# A drawing's factors are known. So the question is not whether the inversion looks similar, but whether the judge still finds in it what was drawn.

# %% tags=["hide-input"]
kept = {name: rows["after.encoder.factors", name] for name in inversion.RUNS}
Table(
    ["shown to the judge", *inversion.RUNS],
    [
        [what, *(f"{r['details']['factors'][what]:.2f}" for r in kept.values())]
        for what in KINDS
    ],
    caption="Balanced accuracy of what the judge reads off each picture, by the drawing's own factors.",
)

# %% tags=["hide-input"]
Table(
    ["drawn set", "what", "kept where it was", "added where it was not"],
    [
        [name, what, f"{share['kept']:.0%}", f"{share['added']:.0%}"]
        for name, r in kept.items()
        for what, share in r["details"]["kept"].items()
    ],
    caption="What becomes of each thing, after the encoder and fifty steps.",
)

# %% tags=["hide-input"]
for name, r in kept.items():
    d = r["details"]
    code = rows["after.encoder.code", name]["details"]
    print(
        f"{name}: the encoder saw {d['pairs']:,} pairs; Adam's rate on z is {d['rate']:g},"
        f" chosen on {d['drawings'][0]} drawings, scored on {d['drawings'][1]} others"
    )
    print(
        "    off by (root mean square, of 255): "
        + ", ".join(f"{k} {v:.0f}" for k, v in d["pixels"].items())
    )
    print(
        "    a linear probe on drawings: "
        + ", ".join(f"{k} {v:.2f}" for k, v in code["factors"].items())
    )

# %% [markdown]
# **Nearer in pixels is not nearer in meaning.** Of rooms the encoder alone keeps what is large, and the steps bring most of the rest. Of portraits the encoder keeps most by itself. Ten steps then come
# much nearer in pixels and *lose* factors; only fifty bring them back. From a random $z$ the same fifty steps do not get as far in either set, so the encoder is not superfluous.
#
# **What is lost** is what counts little in pixels or what G seldom draws: a small picture on the wall is more often gone than kept, curtains come back in G's violet whatever they were, a smile
# fades. And in portraits something is added, too: a shadow on a cheek becomes a beard.
#
# **As features of a picture that G did not make,** the encoder's hundred numbers say less than a hundred of D's, in rooms far less, and D needs no inversion. So the recipe fails twice: it cannot be done as it is told, and done
# properly it is worse than what the paper did, which is to take D.
#
# ## How it was measured
#
# `dcgan after generator --out FOLDER` does it again and goes on where it stopped. The nets are shipped runs on drawn sets, one training each: the intervals say what other pictures would give,
# not what other trainings would. The layer of each net and the probe's ridge were chosen on validation pictures. What samples show is what the judge says, and it can be wrong; what drawings show is exact. The rate of the
# optimisation was chosen by the error in pixels, not by the judge; it is the largest of the three tried, so a larger one may keep more.
#
# ## Exercises
#
# 1. Invert samples of G instead of drawings, with `inversion.refine` from a random $z$. Does it find the $z$ that they were made from?
# 2. Start from the mean of all $z$, zero, in place of a random one. Is it a better start?
#
# <details>
# <summary>Solutions</summary>
#
# ```python
# own = latent.generate_pixels(g, z[:8])
# back = inversion.refine(g, own, start, steps=200, rate=0.1)
# print((back - z[:8]).square().mean(), "where a guess of 0 gives", z[:8].square().mean())
# display(image_rows.strips([("sample", own), ("back", latent.generate_pixels(g, back))]))
# ```
# ```python
# for first in (start, torch.zeros_like(start)):
#     back = inversion.refine(g, drawn.images, first, steps=50, rate=0.1)
#     print(np.square(latent.generate_pixels(g, back).astype(float) - drawn.images).mean() ** 0.5)
# ```
#
# </details>
