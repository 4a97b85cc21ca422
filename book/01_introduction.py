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
# # 1 · Introduction
#
# **The claim of the paper in a sentence:** a pair of convolutional nets, trained against each other under a few simple rules, learns
# from images without labels, and what it learns can be used.
#
# Two nets play a game {cite}`goodfellow2014`. The **generator** G turns random numbers, called z, into an image. The **discriminator** D looks at
# an image and says whether it is a photograph or G's work. D learns to tell them apart. G learns to fool D. If all goes well, G ends
# up drawing images that could be photographs.
#
# Before this paper it often did not go well. With convolutional nets the game tended to run off the rails: G drew noise, or one image
# over and over. The paper {cite}`radford2016` has three parts.
#
# 1. **A recipe that is stable** (its sections 3 and 4): which layers to use, which to avoid, how to set the optimiser.
# 2. **A use for it** (section 5): D has looked at many images. Its inner features, with a simple classifier on top, recognise objects
#    in images that it has never seen.
# 3. **A look inside** (section 6): a walk between random points of the generator's input is smooth, and its images are plausible. Some
#    feature maps draw one kind of thing, such as windows. Directions mean something, such as a smile.
#
# Where that stood among other work, and what became of it, is told in {doc}`02_related`.

# %% tags=["parameters", "hide-input"]
profile = "quick"
seed = 0
device = "auto"

# %% [markdown]
# ## The claims, as a checklist
#
# The paper mostly shows pictures. This book shows them too, and then asks of each claim: *how would we know?* So each one that is measured gets a rule that decides it, written down before the measurement; the {doc}`scoreboard` lists the rules that were changed later, and why. A claim can come out six ways.
#
# - **holds**: measured on the paper's kind of data, and the rule says yes.
# - **holds on a stand-in**: the same, on other data. Some of the paper's data was never released or is too large for a small computer.
# - **refuted here**: measured on the paper's kind of data, and the whole 95 % interval lies on the wrong side of the rule's limit.
# - **not settled**: the interval reaches to both sides, or too little was measured to tell.
# - **other setting**: measured in a setting of which the paper says nothing, or failed on other data than the paper's. The row says which.
# - **not measured**: nobody has done it here. The number is left open rather than copied.
#
# Rows that are the book's own, not the paper's, get no such verdict. They only say whether their rule is *met*, *not met* or *not decided*.

# %% tags=["hide-input"]
from dcgan_core.claims.board import Scoreboard
from dcgan_core.claims.ledger import ledger_rows

claims = [row for row in ledger_rows() if row["kind"] == "paper"]
fifteen = [
    "ablation.strides",
    "ablation.batchnorm",
    "ablation.beta1",
    "memorisation.rooms.copies",
    "dedup.recall.equal_codes",
    "cifar10.accuracy",
    "cifar10.above_kmeans",
    "svhn.error_1000",
    "walk.objects",
    "saliency.looking",
    "forgetting.windows_gone",
    "arithmetic.faces_smile.success",
    "turn.monotone",
    "instability.oscillating_mode",
    "mnist.as_good_as_real",
]
Scoreboard(claims, bar=True, only=fifteen)

# %% [markdown]
# These are fifteen of them. The {doc}`scoreboard <scoreboard>` has all, grouped by chapter. In a terminal, `dcgan claims` prints them.
#
# ## What is in the box
#
# Every chapter begins with the claim and a figure, and then takes them apart with code that you can change. The code calls a small
# library, `dcgan_core`. This is all there is to drawing new faces with a net that ships with the book:

# %% mystnb={"figure": {"caption": "Eight points drawn at random, and what the generator makes of them.", "name": "fig-first-faces"}}
import dcgan_core as dcgan

faces = dcgan.load("faces", device=device)
dcgan.show(faces.sample(8, seed=seed), columns=8)

# %% [markdown]
# ## Exercises
#
# 1. Change `seed` in the first code cell and run the chapter again. Which of the new faces would you believe?
# 2. Draw the points yourself: `import torch`, `z = torch.rand(8, 100) * 2 - 1`, then `dcgan.show(faces(z))` (on a GPU `faces(z.cuda())`). Multiply `z` by 0.5, then by 2. What changes?
#
# <details>
# <summary>What to expect</summary>
#
# The generator was trained on numbers between -1 and 1. Half as large, they lie near the middle of everything it knows, and the faces
# become more alike: smoother, more average. Twice as large, they lie where it has never been. Colours and contrasts go too far, and
# faces begin to break.
#
# </details>
