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
# # Scenes and sources
#
# **The question:** the paper says that a generator knows what a window is, and that adding smiles works like adding numbers. How could anyone
# *check* that?
#
# By eye, says the paper. This book adds two sources of truth. The first is a set of pictures that the book draws itself, so that it knows every
# window in them. The second is what the authors released in 2015: their own trained weights.

# %% tags=["parameters", "hide-input"]
profile = "quick"
seed = 0
device = "auto"

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np
import torch
from PIL import Image

from dcgan_core import assets, chapters, devices, latent, networks, pictures
from dcgan_core.claims import ledger
from dcgan_core.drawings import scenes
from dcgan_core.figures import image_rows, sliders
from dcgan_core.figures.tables import Table
from dcgan_core.readers import judges
from dcgan_core.runs import Run

chapters.use_style()

# %% mystnb={"figure": {"caption": "Drawn rooms, drawn portraits, drawn sprites. No photograph was used.", "name": "fig-drawn"}}
sheets = [scenes.draw(name, 12, 64, seed + 2) for name in scenes.NAMES]
pictures.show(
    np.concatenate([drawn.images for drawn in sheets]), columns=12, zoom=1
)

# %% [markdown]
# ## A picture from numbers
#
# Every picture in {numref}`fig-drawn` is made from a short list of numbers, its *factors*: is there a window, how bright is the day, how far
# does the face turn? They are drawn independently of each other. A beard tells you nothing about the hair, and a lamp nothing about the
# bed. So if a net, later, turns out to link two of them, it was the net's own idea.
#
# Move the sliders. One factor changes, all others stay.


# %% tags=["hide-input"]
def factor_sliders(name, factors):
    """Sliders for some factors of one drawn picture."""
    spec = scenes.FACTORS[name]
    first = scenes.draw(name, 1, 64, seed + 5).factors

    def picture(values):
        table = {key: np.repeat(v, len(values)) for key, v in first.items()}
        table |= dict(zip(factors, values.T, strict=True))
        one_each = [
            scenes.render(name, {k: v[i : i + 1] for k, v in table.items()})
            for i in range(len(values))
        ]  # one at a time: the texture depends on the place in a batch
        return np.concatenate([drawn.images for drawn in one_each])

    ranges = {
        key: (
            spec[key].low,
            spec[key].high,
            2 if spec[key].kind == "yes/no" else 11,
        )
        for key in factors
    }
    return sliders.sliders(
        picture, ranges, {key: float(first[key][0]) for key in factors}
    )


# %% mystnb={"figure": {"caption": "A drawn portrait, one factor at a time.", "name": "fig-portrait-factors"}}
factor_sliders(
    "drawn-portraits",
    ["pose", "smile", "glasses", "beard", "hair_colour", "light_side"],
)

# %% mystnb={"figure": {"caption": "A drawn room, one factor at a time.", "name": "fig-room-factors"}}
factor_sliders(
    "drawn-rooms",
    ["window", "lamp", "bed", "door", "view", "light"],
)

# %% [markdown]
# Two things come with each picture. The factors are one. The other is a *mask* for each object: the pixels where it can be seen. Whether D
# looks at windows, and whether windows are gone, are questions that masks can answer.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Rooms and the visible part of every window (second row) and bed (third row).", "name": "fig-masks"}}
rooms = scenes.draw("drawn-rooms", 64, 64, seed + 3)
with_both = np.flatnonzero(rooms.factors["window"] * rooms.factors["bed"])[:8]


def highlight(images, mask):
    """The picture in grey, with the mask's pixels in colour."""
    grey = images.mean(1, keepdims=True).repeat(3, 1) * 0.45
    return np.where(mask[:, None], images, grey).astype(np.uint8)


image_rows.strips(
    [
        ("drawn", rooms.images[with_both]),
        *(
            (
                thing,
                highlight(
                    rooms.images[with_both], rooms.masks[thing][with_both]
                ),
            )
            for thing in ("window", "bed")
        ),
    ]
)

# %% [markdown]
# ## Why the pictures are grainy
#
# Look again: every drawing has a fine grain, like film. Our first drawings had next to none, and two nets that we trained on them (and did not keep) were still grey when
# we gave up. Here is one kind of net early in its training, after the same number of drawings, with each of three strengths of grain.

# %% mystnb={"figure": {"caption": "Samples of a young generator, four from each of two seeds. On the left, the grain of the portraits that it was trained on (its standard deviation, where black to white is 1).", "name": "fig-grain"}}
trials = chapters.trial("grain")
strengths = sorted({row["grain"] for row in trials})
sheet = pictures.tiles(assets.folder("trials") / "grain.webp", 64).reshape(
    -1, 8, 3, 64, 64
)
image_rows.strips(
    [(f"{g:g}", row) for g, row in zip(strengths, sheet, strict=True)]
)

# %% tags=["hide-input"]
Table(
    ["grain", "seed", "drawings seen", "D(x)", "D(G(z))"],
    [
        [
            f"{row['grain']:g}",
            row["seed"],
            f"{row['images']:,}",
            f"{row['d_real']:.3f}",
            f"{row['d_fake']:.3f}",
        ]
        for row in trials
    ],
    caption="Runs with more and less grain.",
)

# %% [markdown]
# Our guess at the reason: a clean drawing holds no noise at all, and everything that a young generator makes does. Then D can tell the two apart by
# the noise alone, without looking for faces. Grain in the data takes that away. We have not tested the guess by itself.
#
# In both seeds D is least sure where there is most grain. Without grain, one seed has drawn nothing yet and the other has begun on faces; with the
# most grain it is much the same. So the trial is a hint and no more: two seeds settle neither whether grain is needed nor how much.

# %% [markdown]
# ## Ten minutes each
#
# Can a GAN learn these pictures at all? Small nets had about ten minutes with each set, at 32 and at 64 pixels. (Version 1 of the drawings, which some of them saw, differs from today's version 2 only in its random grain and in a few pixels.)

# %% mystnb={"figure": {"caption": "Samples after about ten minutes: each set at 32 pixels (shown twice as large) and at 64.", "name": "fig-ten-minutes"}}
trials = chapters.trial("ten_minutes")
sheet = pictures.tiles(
    assets.folder("trials") / "ten_minutes.webp", 64
).reshape(-1, 12, 3, 64, 64)
labels = [f"{row['set'][6:]}, {row['size']}" for row in trials]
image_rows.strips(list(zip(labels, sheet, strict=True)))

# %% tags=["hide-input"]
Table(
    ["set", "pixels", "version", "drawings seen", "minutes", "D(x)", "D(G(z))"],
    [
        [
            row["set"],
            row["size"],
            row["version"],
            f"{row['images']:,}",
            row["minutes"],
            f"{row['d_real']:.2f}",
            f"{row['d_fake']:.2f}",
        ]
        for row in trials
    ],
    caption="Ten minutes of training on each set.",
)

# %% [markdown]
# What we learned:
#
# - Rooms and portraits appear within minutes, at both sizes. Their layout is much the same in every picture; windows, beds, beards and glasses are
#   there as well.
# - Sprites do not appear. Ten different shapes in any colour, anywhere, are harder for a small net than one kind of scene with some twenty factors. At 64 pixels the net saw
#   few drawings in its ten minutes (the machine was busy), so the two sizes of sprites cannot be compared.
# - D is nearly as sure of itself in the rows that work as in those that do not. Its answers do not tell you which is which. Look at the samples.
#
# ## Judges: who reads the samples?
#
# A generator's samples come without factors. So a small convolutional net learns to read them off. We call it a *{term}`judge`*. It sees 20,000 drawn
# pictures with their factors, half of them blurred and all with more or less noise, on purpose, because samples have both. It never sees a picture that a generator was
# trained on.
#
# How far can it be trusted? That is measured on pictures that it has never seen.

# %% tags=["hide-input"]
rows = [
    row
    for row in ledger.ledger_rows()
    if row["id"].startswith("scenes.judge_accuracy")
]
Table(
    ["drawn set", "factor", "how often right (95 % interval)", "pictures"],
    [
        [
            *row["id"].split(".")[2:],
            ledger.number(row)
            + (" of the variance" if "R²" in row["unit"] else ""),
            f"{row['n']:,}" if row["n"] else "",
        ]
        for row in rows
    ],
    caption="How often the judges are right on drawings that they have not seen.",
)

# %% [markdown]
# For what is there or not, the number is the share of right answers; a guess would be right half of the time (for the kind of sprite, once in ten). For the pose, a number, it is the
# share of its variance that the judge explains (R²).
#
# Try it: here are eight new portraits, and the judge's probabilities for them, with the truth in brackets.

# %% tags=["hide-input"]
judge = judges.load_judge("drawn-portraits", device=devices.pick(device))
portraits = scenes.draw("drawn-portraits", 8, 64, seed + 7)
answers = judge.read(portraits.images)
Table(
    ["", *(str(i + 1) for i in range(8))],
    [
        [
            factor,
            *(
                f"{said:.2f} ({true:.0f})"
                for said, true in zip(
                    answers[factor], portraits.factors[factor], strict=True
                )
            ),
        ]
        for factor in ("smile", "glasses", "beard", "long_hair")
    ],
)

# %% mystnb={"figure": {"caption": "The portraits that the judge read.", "name": "fig-read"}}
pictures.show(portraits.images, columns=8, zoom=1)

# %% [markdown]
# ## What two generators made of it
#
# Two reference runs were trained at length on drawn pictures alone, as `faces` was on photographs. Here are samples of both, not selected.


# %% mystnb={"figure": {"caption": "Samples of the reference run `drawn-rooms`.", "name": "fig-drawn-rooms"}}
def samples(run, count, seed):
    """`count` samples of a run, and its generator."""
    generator = run.generator(devices.pick(device))
    rng = torch.Generator().manual_seed(seed)
    z = latent.sample(generator.architecture, count, rng)
    return latent.generate_pixels(generator, z)


room_run = Run.reference("drawn-rooms")
pictures.show(samples(room_run, 36, seed), columns=12, zoom=1)

# %% mystnb={"figure": {"caption": "Samples of the reference run `drawn-portraits`.", "name": "fig-drawn-portraits"}}
portrait_run = Run.reference("drawn-portraits")
pictures.show(samples(portrait_run, 36, seed), columns=12, zoom=1)

# %% tags=["hide-input"]
Table(
    ["run", "images seen", "updates of each net", "minutes", "precision"],
    [
        [
            run.name,
            f"{run.info['counters']['images']:,}",
            f"{run.info['counters']['g_updates']:,}",
            f"{run.info['minutes']:.0f}",
            run.precision,
        ]
        for run in (room_run, portrait_run)
    ],
    caption="The runs on drawn sets.",
)

# %% [markdown]
# **Rooms.** Right: walls, floor and ceiling in one perspective, beds with pillows, windows that show a horizon and light the wall, lamps that glow.
# Wrong: curtains are nearly always violet, while the drawn ones have every colour; things fade in and out, such as a pillow without its bed; and some
# rooms have a lamp on either side of the bed, where no drawing has two.
#
# **Portraits.** Right: smiles, glasses, beards, hair and turned heads, together and apart, and a face that is lit from one side. Wrong: eyes that do
# not match, a shadow of a beard on a cheek that should be bare or a smile half lost in it, and a fine regular pattern where the drawings have grain.
#
# ## Does the generator draw everything that there is?
#
# A generator that draws only what it draws well can fool the eye. Windows in every room look fine, until you know that half of the rooms have
# none. The judge counts: how often is each thing there, in the data and in samples?

# %% tags=["hide-input"] mystnb={"figure": {"caption": "How often the judge finds each thing, in the data and in samples.", "name": "fig-coverage"}}
_, axes = plt.subplots(1, 2, figsize=(9, 3), sharex=True)
for axis, run in zip(axes, (room_run, portrait_run), strict=True):
    details = ledger.shipped(f"scenes.coverage.{run.name}", run)["details"]
    factors = details["factors"]
    place = np.arange(len(factors))[::-1]
    for shift, key, colour in (
        (0.2, "data", "0.7"),
        (-0.2, "samples", "tab:blue"),
    ):
        shares = [100 * f[key] for f in factors.values()]
        axis.barh(place + shift, shares, 0.36, color=colour, label=key)
    axis.set_yticks(place, [name.replace("_", " ") for name in factors])
    axis.set_title(run.name, fontsize=10)
    axis.set_xlabel("% of pictures")
axes[1].legend(bbox_to_anchor=(1, 1), loc="upper left")
plt.show()

# %% [markdown]
# One number sums it up. Sort all pictures into cells, one for each combination (bed and window but no lamp, no door, no picture …), and ask how
# much the two distributions over the cells overlap: 1 if they are the same, 0 if they never meet.

# %%
ledger.demonstrate("scenes.coverage.drawn-rooms", room_run, device, seed)

# %%
ledger.demonstrate(
    "scenes.coverage.drawn-portraits", portrait_run, device, seed
)

# %% tags=["hide-input"]
for run in (room_run, portrait_run):
    details = ledger.shipped(f"scenes.coverage.{run.name}", run)["details"]
    drawn, all_cells = details["cells_in_samples"], details["cells_in_data"]
    print(f"{run.name}: {drawn} of {all_cells} combinations appear in samples")
    print(f"    two halves of the data: {details['data_with_data']:.3f}")

# %% [markdown]
# The judge finds every combination in samples, but most things are there somewhat less often than in the data. (A small number of pictures fills the cells unevenly, so
# the small measurement comes out lower than the large one, and two halves of the data themselves do not reach 1.)
#
# A warning. The judge answers for a muddle too. Here is a third net, `drawn-sprites`, which was trained for a few minutes only. Its number is not bad
# at all. Then look at what it draws.

# %% mystnb={"figure": {"caption": "Samples of the reference run `drawn-sprites`, which has hardly begun to learn.", "name": "fig-drawn-sprites"}}
sprite_run = Run.reference("drawn-sprites")
pictures.show(samples(sprite_run, 24, seed), columns=12, zoom=2)

# %%
ledger.of("scenes.coverage.drawn-sprites")

# %% [markdown]
# So read the number together with {numref}`fig-drawn-rooms` and {numref}`fig-drawn-portraits`. It says what is drawn, and how often. It does not say how well.
#
# ## The second source: the weights of 2015
#
# The authors released two trained models: a generator and a discriminator of house numbers (SVHN {cite}`netzer2011`), and a discriminator of
# ImageNet pictures. They were written for Theano, a library that is no longer kept up. We read the bare numbers, never the pickles around them, and put them into the same nets that you saw in {doc}`chapter 3 <03_architecture>`.
#
# There is one difference that no error message warns of. A convolution, in mathematics, flips its kernel. Theano did that. PyTorch does not. So
# every kernel has to be turned around in both directions. Here is what comes out.

# %% mystnb={"figure": {"caption": "House numbers from the authors' own generator of 2015, running in this book's nets.", "name": "fig-authors"}}
theirs = Run.reference("authors-svhn")
sheet = Image.open(theirs.path / "grid.webp").convert("RGB")
sheet.resize((sheet.width * 2, sheet.height * 2), Image.Resampling.NEAREST)

# %%
ledger.of("authors.max_abs_diff")

# %% [markdown]
# To be sure, the same images are also computed with NumPy alone, in code that shares nothing with our nets. The largest difference of any pixel is
# rounding. So what we say about *their* net in later chapters is about their net.
#
# The weights themselves do not ship with this book. They are in the folder `models/` of the
# [authors' repository](https://github.com/Newmu/dcgan_code). With them at hand:
#
# ```bash
# dcgan import-authors path/to/svhn_unsup_all_conv_dcgan_100z_gaussian_lr_0.0005_64mb --out runs/authors-svhn
# dcgan sample runs/authors-svhn --batch-statistics --out house_numbers.png
# ```
#
# ## One z, two images
#
# Look closely at how the authors sample. Their batchnorm uses the statistics of the batch at hand, in training *and afterwards*. It follows that the
# image of a z depends on which other z happen to be drawn with it.

# %% mystnb={"figure": {"caption": "The same eight z, drawn by the authors' generator in two batches. Top: among 120 others. Middle: among 120 different others. Bottom: the difference, multiplied by four.", "name": "fig-two-batches"}}
sheet = Image.open(theirs.path / "two_batches.webp").convert("RGB")
sheet.resize((sheet.width * 2, sheet.height * 2), Image.Resampling.NEAREST)

# %% [markdown]
# The digits stay, but hardly a pixel of them is quite the same. A batch of one has no statistics at all. People who use other DCGAN
# code ask about this again and again. Here is the same effect, and its cure, on a net that ships with this book.

# %%
generator = portrait_run.generator(devices.pick(device))
rng = torch.Generator().manual_seed(seed)
z = latent.sample(generator.architecture, 64, rng)
with networks.batch_statistics(generator):
    alone = latent.generate_pixels(generator, z[:8])
    together = latent.generate_pixels(generator, z)[:8]
stored = latent.generate_pixels(generator, z[:8])
same = latent.generate_pixels(generator, z)[:8]
for name, a, b in (
    ("batch statistics", alone, together),
    ("stored statistics", stored, same),
):
    change = np.abs(a.astype(int) - b).mean()
    print(f"{name}: a pixel changes by {change:.2f} of 255 on average")
image_rows.strips([("in a batch of 8", alone), ("in a batch of 64", together)])

# %% [markdown]
# The cure is to estimate the statistics once, over many z, and keep them. Every run in this book does so at the end of its training. Then one z is one
# image.
#
# ## Exercises
#
# 1. Draw 2,000 portraits and correlate `smile` with `beard`. Then let the judge read 2,000 samples, and correlate its answers. Has the net made
#    friends of two factors that were strangers?
# 2. Find the samples of which the judge is least sure. What do you see?
#
# <details>
# <summary>Solutions</summary>
#
# ```python
# drawn = scenes.draw("drawn-portraits", 2000, 64, 11).factors
# read = judge.read(samples(portrait_run, 2000, 12))
# for name, table in (("data", drawn), ("samples", read)):
#     print(name, np.corrcoef(table["smile"], table["beard"])[0, 1].round(3))
# ```
# ```python
# images = samples(portrait_run, 2000, 12)
# answers = np.stack([judge.read(images)[k] for k in ("smile", "glasses", "beard")])
# doubt = (0.5 - np.abs(answers - 0.5)).max(0)
# pictures.show(images[doubt.argsort()[-24:]], columns=12)
# ```
#
# </details>
