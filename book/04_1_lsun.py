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
# # 4.1 · LSUN bedrooms, and deduplication
#
# **The claim:** shown three million photographs of bedrooms, each of them once, the net draws bedrooms. The paper says that it could have learnt them by heart, but that this is unlikely: the learning rate is small, and each photograph is seen once. To make it less likely still, the authors first removed near duplicates from the set.
#
# LSUN's bedrooms {cite}`yu2015` are 43 GB. This book's run learnt from a few thousand photographs of bedrooms, dining rooms, kitchens and living rooms from
# Places {cite}`zhou2018`, then from some twenty thousand, nearly all of them new ones, and saw each of them again and again (the table below counts). So the paper's argument does not hold here, whatever comes out: this net had
# every opportunity to learn by heart. That makes it a good place to ask how one would notice.

# %% tags=["parameters", "hide-input"]
profile = "quick"
seed = 0
device = "auto"

# %% tags=["hide-input"]
import os
import tempfile
import time
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from unittest.mock import patch

import matplotlib.pyplot as plt
import numpy as np
import torch
from IPython.display import display
from PIL import Image

import dcgan_core as dcgan
from dcgan_core import (
    chapters,
    devices,
    networks,
    pictures,
    recipes,
    runs,
)
from dcgan_core.claims import claim, ledger
from dcgan_core.data import duplicates, loading
from dcgan_core.data.planted import KINDS, change, measure_planted
from dcgan_core.data.sources import finding, source
from dcgan_core.drawings import scenes
from dcgan_core.figures import image_rows
from dcgan_core.figures.tables import Table
from dcgan_core.inside import forgetting
from dcgan_core.inside.seen import ROOMS_BY_EYE, rooms_named
from dcgan_core.runs import Run
from dcgan_core.training import loop

chapters.use_style()

# %% mystnb={"figure": {"caption": "Rooms that nobody lives in. Samples, not selected: the first forty-eight that came. The paper's Fig 3 in our hands.", "name": "fig-rooms"}}
run = Run.reference("rooms")  # your own: Run("../runs/rooms")
generator = dcgan.load(run.path, device=device)
dcgan.show(generator.sample(48, seed=seed), columns=12, zoom=1)

# %% tags=["hide-input"]
info, trained = run.info, run.trained
batch = info["config"]["batch"]
stages = [stage.info for _, stage in chapters.stages(run)]


def of_each(what):
    """What holds of one stage of the training after another."""
    return "; then ".join(what(stage) for stage in stages)


Table(
    ["", "the paper", "this run"],
    [
        [
            "photographs",
            "a little over 3,000,000",
            of_each(lambda s: f"{s['data']['images']:,}"),
        ],
        [
            "of",
            "bedrooms (LSUN)",
            of_each(lambda s: f"`{s['data']['name']}`"),
        ],
        [
            "batches in one pass",
            f"{3_000_000 // 128:,} of 128",
            of_each(lambda s: f"{s['data']['images'] // batch:,}")
            + f", of {batch}",
        ],
        [
            "passes",
            "1 (Fig 2), 5 (Fig 3)",
            of_each(
                lambda s: f"{s['counters']['images'] / s['data']['images']:.0f}"
            ),
        ],
        [
            "images seen",
            "about 3,000,000, 15,000,000",
            of_each(lambda s: f"{s['counters']['images']:,}"),
        ],
        [
            "D's maps",
            "128, 256, 512, 1024",
            ", ".join(map(str, run.architecture.widths)),
        ],
        [
            "time",
            "not given",
            f"{trained['minutes']:.0f} minutes on a CPU",
        ],
    ],
    caption="The paper's training on bedrooms beside ours.",
)

# %% [markdown]
# ## Are these rooms?
#
# Whoever has made a net sees in its samples what they hope to see. So samples of this net, samples of its first stage and photographs that no net saw were shuffled, thirty on a sheet, and judged by a vision-language model that did not know which was which: a bedroom, a dining room, a
# kitchen, a living room, or impossible to tell? (The same sheets served {doc}`06_3_1_forgetting`. So each sample of this net came five times, as it is or changed, and each first-stage sample and photograph once: four in five pictures were versions of this net's samples.)

# %% tags=["hide-input"]
if forgetting.looked_at(run, ROOMS_BY_EYE):  # samples of these weights
    named = rooms_named(run)
    others = named.details
    rows = [
        [said, f"{others[key]['named']} of {others[key]['n']}"]
        for key, said in (
            ("photographs", "photographs"),
            ("rooms-first", "samples of the first stage"),
        )
    ]
    rows.append(
        [
            "samples of this run",
            f"{named.value * named.n:.0f} of {named.n}",
        ]
    )
    print(
        f"of the photographs that were named, {others['photographs']['right']} were named right"
    )
    display(
        Table(
            ["looked at", "named"],
            rows,
            caption="For how many pictures the model could say what kind of room they show.",
        )
    )

# %% tags=["hide-input"]
ledger.of("samples.rooms.named")

# %% [markdown]
# Most can be named, so the rule that we had set is met. But the first stage's samples were named nearly as often: it takes little to make a picture look more like a bedroom than like anything else. A Fréchet
# distance tells the two stages apart:

# %% tags=["hide-input"]
tried = {net["name"]: net for net in chapters.trial("rooms_settings")}
Table(
    ["stage", "Fréchet distance"],
    [
        [stage, "{:.0f} ({:.0f} to {:.0f})".format(*tried[name]["frechet"])]
        for stage, name in (("first", "first"), ("second", "rooms"))
    ],
    caption="Of 2,000 samples, by the features of EfficientNet (see 4.2); in brackets the interval of ten bootstrap draws, which covers about 80 %. Both are measured from the photographs that the second stage learnt from, which favours it.",
)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Two blocks of eight z. In each block, two rows show the same z after the first stage and after the second.", "name": "fig-rooms-stages"}}
grids = {
    stage: pictures.tiles(Run.reference(name).path / "grid.webp", 64)
    for stage, name in (("first", "rooms-first"), ("second", "rooms"))
}
image_rows.strips(
    [
        (stage, each[start : start + 8])
        for start in (0, 8)
        for stage, each in grids.items()
    ]
)

# %% [markdown]
# To our eyes colours are calmer in the second stage, surfaces are smoother, and over some samples lies a fine mesh. The rooms themselves are hardly clearer.
#
# ## After one pass, after five, after many
#
# The paper's Fig 2 shows samples after one pass through the data, its Fig 3 after five. Here are eight fixed points z of ours as the net saw more and more photographs.
# On the left: how many photographs had been seen, repeats included. In Fig 3 the authors see noise textures that recur across samples, for example on the base boards of beds,
# and take them for a sign of *under*-fitting: even five passes are not too many. That has not been measured here.

# %% mystnb={"figure": {"caption": "Learning to draw rooms. The same z in each column.", "name": "fig-rooms-progress"}}
rows, side = [], run.architecture.size
for images, path in chapters.history(run)[0].items():  # of both stages
    rows.append((f"{images:,}", pictures.tiles(path, side)[:8]))
image_rows.strips(rows)

# %% [markdown]
# Counting passes is misleading. The first pass of our first stage, a hundred-odd batches, ends with blurs; the paper's first pass has two hundred times
# as many, and ends with bedrooms. What a net learns depends on the number of its updates. What it could learn *by heart* depends on how often it sees
# the same thing. In one pass the paper's net makes every update on new photographs. Ours came back to the same ones.
#
# ## Who learns by heart?
#
# G never sees a photograph. All it knows comes from D. So if anything is learnt by heart, D has to do it first, and then it shows: a D that knows its
# photographs is surer about them than about others that it never saw. Where the photographs are at hand, the next cell asks D about both.

# %% tags=["hide-input"]
if claim.has_photographs(run):
    seen, unseen = (
        loading.load_data(run.data_name, side, split).images
        for split in source.SPLITS
    )
    discriminator = run.discriminator()
    for name, images in (("trained on", seen), ("held out", unseen)):
        real = torch.from_numpy(claim.some(images, 400).copy())
        real = networks.to_input(real, run.architecture)
        with torch.no_grad():
            answers = discriminator(real).sigmoid().numpy()
        print(
            f"{name:10}  D(x) {answers.mean():.2f} on average, above 0.5 for {(answers > 0.5).mean():.0%}"
        )

# %% [markdown]
# ## Are the samples copies?
#
# What D knows by heart, G need not give away. The paper makes no search for nearest neighbours: such distances, it says at the head of its section 6, are easily fooled by small
# changes. True: a copy that is moved by two pixels, or mirrored, can lie further from its original than from a stranger. So let us first see a measure that is fooled, and then
# one that was tried on copies of just these kinds.
#
# For each sample, find the nearest photograph that the net was trained on. Do the same for photographs that were *held out*. Nobody can have copied those, so their distances say what is
# normal.

# %%
ledger.with_photographs("memorisation.rooms", run, device, seed)

# %% [markdown]
# The number is the samples' median distance over that of the held-out photographs. 1 is normal, 0 a copy. But a median does not see a few: a fifth of the samples could be copies, and it would
# hardly move. So nothing is decided by it. Behind it stand two whole distributions.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Distance to the nearest photograph of the training set, for samples and for photographs that were held out (0: equal images, 1: black against white). Copies would stand near 0.", "name": "fig-rooms-distances"}}
bins = ledger.shipped("memorisation.rooms", run)["details"].get("histogram")
if bins:
    _, axis = plt.subplots(figsize=(8, 2.8))
    for key, label in (
        ("samples", "samples"),
        ("held_out", "held-out photographs"),
    ):
        counts = np.array(bins[key])
        edges = np.arange(len(counts) + 1) * bins["bin"]
        axis.stairs(
            counts / counts.sum(), edges, fill=True, alpha=0.5, label=label
        )
    axis.set_xlim(0)
    axis.set_xlabel("distance to the nearest training photograph")
    axis.set_ylabel(f"share in each {bins['bin']:g}")
    axis.legend()
    plt.show()

# %% [markdown]
# One thing can fool us. A picture that is smoother than a photograph is nearer to *everything*, seen or not. So the question is also put the other way
# round: does the net come nearer to the photographs that it learnt from than to as many others? Smooth samples come nearer to both groups alike, copies only to the photographs that were learnt from. The
# number is the first group's mean distance to the nearest sample, divided by the second group's: a net that copies falls below 1.

# %%
ledger.with_photographs("memorisation.rooms.seen", run, device, seed)

# %% [markdown]
# And now the measure that decides. Ask not how near the nearest photograph is, but whether it stands out: is it much nearer than the next nineteen? For a copy it is. A picture that is merely smooth is
# about equally near to all twenty. Photographs are compared mirrored as well, and moved by up to two pixels. The limit comes from held-out photographs: it is set so that one in a hundred of them is beyond it, by chance. A sample beyond the limit
# counts as a copy. The number is the share of such samples, minus that one in a hundred: 0 means no more than chance.

# %%
ledger.with_photographs("memorisation.rooms.copies", run, device, seed)

# %% tags=["hide-input"]
caught = ledger.known("memorisation.rooms.copies", run)["details"]["caught"]
for how, (share, *_) in caught.items():
    print(f"planted copies, {how}: {share:.0%} are caught")

# %% [markdown]
# Of planted copies it catches nearly all, whichever of these things was done to them. If four samples in a hundred were copies, the rule would reject the claim at least 95 times out of 100 (a test of this book simulates it). What
# it cannot see: the style of a photograph, a part of one, or a copy changed more than these. In the second stage D saw all pictures moved by up to four pixels and tinted, real ones and samples alike; a copy moved by more than two pixels may escape. The search covers the second stage's photographs only; for those of the first see below. And a few held-out photographs show a room that is among the training photographs, too; that lowers the limit and hides some copies.
#
# Few samples stand out, then. But how few is not settled: the interval ends just beyond the two in a hundred that the rule allows. Some of its width comes from the four hundred held-out photographs that say what is normal: with so few, about one in three nets that copy nothing would come out *not settled*; with a thousand, hardly any (the same test simulates it).
#
# So copies were searched for once more, in the same samples and by a rule written before anything was asked: among the photographs that the first stage learnt from, and among those of both stages together, with the held-out photographs of both.

# %% tags=["hide-input"]
searched = chapters.trial("rooms_photographs")
Table(
    ["photographs of", "searched", "held out", "copies, beyond chance"],
    [
        [
            stages,
            f"{row['train']:,}",
            row["held_out"],
            "{value:.2%} ({low:.2%} to {high:.2%})".format(**row),
        ]
        for stages, row in (
            ("the first stage", searched["first"]),
            ("the second stage (the claim)", searched["second"]),
            ("both stages", searched["both"]),
        )
    ],
    caption="The share of samples that stand out as copies do, less that of unseen photographs. The claim allows 2 %.",
)

# %% [markdown]
# For both stages together, with nearly twice as many held-out photographs, the interval is narrower than the claim's, and all of it lies below what the rule allows; so does that of the first stage alone. (The scoreboard keeps the claim's own search, as it was defined before.) Whatever D knew by heart, there is
# no sign that G gave much of it away.
#
# And by eye, where the photographs are at hand: out of a thousand samples, the five that lie nearest to a training photograph, with that photograph below each. This plain pixel distance is a
# crude measure: it favours large dull areas.

# %%
if claim.has_photographs(run):
    display(chapters.closest(generator, run, seed + 1))

# %% [markdown]
# ## Train it yourself
#
# A few hundred updates are enough to see that it works, at 32 pixels and with a net that is smaller still. The cell needs `places-rooms` under `$DCGAN_DATA`.

# %% tags=["hide-input", "remove-stderr"] mystnb={"figure": {"caption": "Samples of a small net after a few hundred updates in this chapter.", "name": "fig-rooms-own"}}
name = "lsun" if profile == "paper" else "rooms"
config = replace(recipes.recipe(name, profile), seed=seed)
if profile != "quick" or chapters.at_hand(config.data):
    if profile == "quick":
        config = replace(config, images=300 * config.batch)
    data = loading.load_data(config.data, config.architecture.size)
    own = runs.start(config, data, chapters.place("4-1", profile))
    loop.train(config, data, own, device)
    done = own.info["counters"]
    print(
        f"{len(data):,} photographs, {done['images']:,} images seen, {done['g_updates']:,} updates of each net"
    )
    own_samples = own.generator().sample(24, seed=seed)
    display(dcgan.show(own_samples, columns=12))

# %% [markdown]
# ```bash
# dcgan train rooms    # in one stage, for 150 minutes; how this chapter's run was made is in its card, book/reference_runs/rooms/README.md
# dcgan train lsun     # the real thing, once it is there (next section)
# ```
#
# ## The real bedrooms
#
# LSUN comes as one database file for training and one for validation. Get both, unzip them, and prepare them:
#
# ```bash
# pip install lmdb
# export DCGAN_DATA=${DCGAN_DATA:-~/.cache/dcgan}; mkdir -p $DCGAN_DATA
# git clone https://github.com/fyu/lsun
# python lsun/download.py -c bedroom -o $DCGAN_DATA   # 43 GB
# unzip $DCGAN_DATA/bedroom_train_lmdb.zip -d $DCGAN_DATA
# unzip $DCGAN_DATA/bedroom_val_lmdb.zip -d $DCGAN_DATA
# dcgan data prepare lsun --size 64
# dcgan data dedup lsun
# dcgan train lsun --profile paper
# ```
#
# Three million pictures are never in memory at once. A cursor goes through the database once, key by key. Each picture is decoded, its shorter side resized
# to 64 pixels, its centre cropped, and the pixels appended to a file that training maps into memory. Stop it with Ctrl-C, or with a power cut: the same
# command continues after the last key. The whole of LSUN has not been tried here. A small database of the same form has:

# %% tags=["hide-input"]
bedrooms = scenes.draw("drawn-rooms", 200, 96, seed).images
root = Path(tempfile.mkdtemp())
try:
    import lmdb
except ImportError:
    lmdb = None
    print("Not shown: the package lmdb is missing (pip install lmdb).")
if lmdb:
    lsun = lmdb.open(str(root / "bedroom_train_lmdb"), map_size=2**26)
    with lsun, lsun.begin(write=True) as database:
        for i, image in enumerate(bedrooms):
            jpeg = BytesIO()
            Image.fromarray(image.transpose(1, 2, 0)).save(jpeg, "jpeg")
            database.put(f"{i:040x}".encode(), jpeg.getvalue())

    places = {"DCGAN_DATA": str(root), "DCGAN_CACHE": str(root / "cache")}
    with patch.dict(os.environ, places):  # look there, in this cell only
        data = loading.load_data("lsun", 64)
        contents = finding.find("lsun").open(64)
    print(f"{data.name}: {len(data)} images of {data.size} px")
    # what an interrupted preparation does: it goes on right after a key
    keys = [picture.file for picture in contents.pictures(0, "")]
    following = next(contents.pictures(100, keys[99]))
    print(f"after ...{keys[99][-4:]} comes ...{following.file[-4:]}")

# %% [markdown]
# ## Deduplication
#
# One look at each photograph is worth little if the set has the same photograph many times. So the paper looks for near duplicates first. A naive search
# compares three million images with three million others. The paper's trick needs one pass, and three steps:
#
# 1. Train a small **autoencoder** on the 32-pixel crops: 3072 numbers in, 128 hidden units, 3072 numbers out. It is given a noisy crop, with some hidden
#    units switched off, and must return the clean one. So it has to find 128 things that matter.
# 2. Ask of each hidden unit only whether it is **on or off**. That turns an image into 128 bits.
# 3. Images with the same bits are near duplicates. **Hashing** finds them all at once.
#
# Let us build it. Steps 1 and 2 before your eyes.

# %%
if chapters.at_hand("places-rooms"):
    photos = loading.load_data("places-rooms", 64)
    what, images = "photographs of rooms", photos.images[::5]
else:
    what = "drawn rooms"
    images = scenes.draw("drawn-rooms", 3600, 64, seed).images
crops = duplicates.crops(images)
steps = 300 if profile == "quick" else duplicates.STEPS
started = time.perf_counter()
model = duplicates.train_autoencoder(
    crops, seed, device=devices.pick(device), steps=steps
)
print(f"{len(crops):,} {what}")
print(f"{steps} steps, {time.perf_counter() - started:.0f} s")

# %% mystnb={"figure": {"caption": "What the autoencoder is given, and what it returns, from 128 numbers. Nobody would call it sharp, but it says where light and dark are.", "name": "fig-autoencoder"}}
noise = np.random.default_rng(seed).normal(0, 0.1, crops[:10].shape)
noisy = (crops[:10] / 255 + noise).clip(0, 1)
with torch.no_grad():
    code = model.encode(model.center((noisy * 255).astype(np.uint8)))
    restored = (model.decoder(code) + model.mean).cpu().numpy()
restored = restored.reshape(-1, 3, 32, 32).clip(0, 1)
image_rows.strips(
    [
        ("crop", crops[:10]),
        ("given", (noisy * 255).astype(np.uint8)),
        ("returned", (restored * 255).astype(np.uint8)),
    ]
)

# %% [markdown]
# ### What is a near duplicate?
#
# The same photograph, saved again, a little brighter, shifted or cropped. To know whether any are found, we plant some: copies changed a little, in one of four
# ways.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "A picture and its four near duplicates. Below each: in how many of the 128 bits its code differs from the original's.", "name": "fig-planted"}}
rng_np = np.random.default_rng(seed)
original = images[7]
changed = [change(original, kind, rng_np) for kind in KINDS]
codes = duplicates.codes(
    model, duplicates.crops(np.stack([original, *changed]))
)
bits = np.unpackbits(codes[1:] ^ codes[0], axis=1).sum(1)
_, axes = plt.subplots(1, 5, figsize=(8, 2))
titles = [
    "original",
    *(f"{k}\n{b} bits" for k, b in zip(KINDS, bits, strict=True)),
]
for axis, image, title in zip(axes, [original, *changed], titles, strict=True):
    axis.imshow(image.transpose(1, 2, 0), interpolation="nearest")
    axis.set_xlabel(title)
    axis.set_xticks([])
    axis.set_yticks([])
plt.show()

# %% [markdown]
# *Shift*: by one or two pixels. *jpeg*: saved again at quality 50 to 90. *Brightness*: up to 5 % more or less. *Crop*: 2 % cut off each edge.
#
# The paper asks for equal codes. {numref}`fig-planted` shows why we do not: one bit of 128 is soon flipped. We call two images near duplicates if their
# codes differ in at most five bits. That number was chosen on other planted copies than those below, and it is ours, not the paper's.
#
# Two numbers say how well it works. *Recall*: how many of the planted copies are found? *Precision*: of all pairs that it calls duplicates, how many
# are? The paper gives the second, by eye: fewer than one false pair in a hundred. The first it only infers: that about 275,000 were removed *suggests* a high recall. Here both
# are measured, and they hold for these four kinds of change and for a set of this size: with twice the photographs there are four times the pairs to go wrong. (Photographs that the set already contains twice are left out first: finding those is no error.)

# %% tags=["hide-input"]
methods = {
    "autoencoder": "the autoencoder's hash",
    "average_hash": "average hash",
    "exact": "equal bytes",
}
planted = {
    method: measure_planted(images, 800, method, seed=seed, model=model)
    for method in methods
}
Table(
    ["finds near duplicates by", "precision", "recall", *KINDS],
    [
        [
            methods[method],
            *(
                f"{m.value:.3f} ({m.low:.3f} to {m.high:.3f})"
                for m in (result["precision"], result["recall"])
            ),
            *(
                f"{kind['value']:.2f}"
                for kind in result["recall"].details["recall_by_kind"].values()
            ),
        ]
        for method, result in planted.items()
    ],
)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "How many of the planted copies are found, by what was changed, with 95 % intervals. Measured in this chapter.", "name": "fig-recall"}}
_, axis = plt.subplots(figsize=(8, 2.8))
for offset, (method, result) in zip(
    (-0.27, 0, 0.27), planted.items(), strict=True
):
    kinds = list(result["recall"].details["recall_by_kind"].values())
    x = np.arange(len(kinds)) + offset
    value = np.array([kind["value"] for kind in kinds])
    below = value - [kind["low"] for kind in kinds]
    above = np.array([kind["high"] for kind in kinds]) - value
    axis.bar(
        x,
        value,
        0.25,
        label=methods[method],
        yerr=np.clip([below, above], 0, None),
        ecolor="0.4",
        capsize=2,
    )
axis.set_xticks(range(len(KINDS)), KINDS)
axis.set_ylim(0, 1.05)
axis.set_ylabel("recall")
axis.legend(bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown]
# Equal bytes find next to nothing: a copy that was saved once more has other bytes. The average hash asks which of 8 × 8 areas are brighter than the
# mean. While nothing moves it does fairly well. On drawn rooms, which resemble each other, it also takes many strangers for twins; on photographs (below), a few. The autoencoder
# finds more of the cropped ones. Both miss most of the shifted ones.
#
# ### What does recall cost?
#
# Allow more bits to differ, and more copies are found, and more strangers.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Precision and recall, by how many of 128 bits may differ. Dotted: the paper's bar for precision. The line marks the radius that this book uses.", "name": "fig-radius"}}
curve = planted["autoencoder"]["recall"].details["by_radius"]
radius = [row["radius"] for row in curve]
_, axis = plt.subplots(figsize=(8, 2.8))
for key in ("precision", "recall"):
    low, value, high = (
        np.array([row[key][k] for row in curve])
        for k in ("low", "value", "high")
    )
    axis.plot(radius, value, marker="o", label=key)
    axis.fill_between(radius, low, high, alpha=0.2)
axis.axhline(0.99, color="0.5", linestyle=":")
axis.axvline(duplicates.RADIUS, color="0.8", zorder=0)
axis.set_xlabel("bits that may differ")
axis.set_xticks(radius)
axis.set_ylim(0, 1.05)
axis.legend(loc="lower right")
plt.show()

# %% [markdown]
# With equal codes, as in the paper, few copies are found and hardly a stranger among them. If you remove duplicates to train a generator, which
# mistake is worse? A stranger thrown out costs one photograph. What a copy left in costs was not tested here. The paper removed about 275,000 of
# its three million. How many it missed, nobody knows.
#
# That was a small measurement. At full size, on the photographs of the reference run `rooms`:

# %% tags=["hide-input"]
ledger.of("dedup.*")

# %% [markdown]
# ### Nearly linear time
#
# Equal codes are found by sorting. Nearly equal ones, too: if two codes differ in at most five bits, cut them into six pieces, and one piece is the same in
# both {cite}`norouzi2012`. So it is enough to sort six times and to compare neighbours. Ten times the images should take little more than ten times as
# long, since sorting adds a little. Where they take longer than that, the processor's cache may play a part; that was not measured.

# %% tags=["hide-input"]
seconds = {}
for count in (10_000, 100_000):
    random_codes = np.random.default_rng(seed).integers(
        0, 256, (count, duplicates.BITS // 8), np.uint8
    )
    tries = []
    for _ in range(3):  # other work on the machine only ever adds time
        started = time.perf_counter()
        duplicates.duplicates(random_codes)
        tries.append(time.perf_counter() - started)
    seconds[count] = min(tries)
    print(f"{count:8,} codes: {seconds[count]:.2f} s")
print(
    f"ten times the codes, {seconds[100_000] / seconds[10_000]:.0f} times the seconds"
)

# %% [markdown]
# `make bench` goes on to a million. On an idle machine with two cores it gave:

# %% tags=["hide-input"]
benchmarks = chapters.trial("benchmarks")["rows"]
Table(
    ["", "seconds"],
    [
        [row["what"], f"{row['value']:.2g}"]
        for row in benchmarks
        if row["what"].startswith("grouping")
    ],
    caption="How long deduplication takes.",
)

# %% [markdown]
# On a data set:
#
# ```bash
# dcgan data dedup places-rooms         # writes the list of what stays
# dcgan data dedup places-rooms --undo
# ```
#
# Nothing is deleted. From then on, training at this size and crop, in colour, skips the near duplicates. (For a net of another size: `--size 32`, and so on.)
#
# ## Where ours differs, and why
#
# (A Fréchet distance, for those who compare generators, is in {doc}`04_2_faces`.)
#
# - **Data**: a few thousand photographs of four kinds of rooms, then some twenty thousand, nearly all of them new ones, because LSUN is 43 GB. More kinds may be harder to draw, fewer photographs easier to learn by heart.
# - **What D sees**: in the second stage photographs are mirrored at random, and all that D sees is moved and tinted, samples as well ({cite}`zhao2020`); the paper does none of this.
# - **Net**: a quarter of the paper's maps, for two cores. (A wider one, trained from scratch for as long as a narrow one, saw a quarter of the images and was further from the photographs by Fréchet distance: `book/trials/rooms_settings.json`.)
# - **Deduplication**: up to five bits may differ, and the mean picture is subtracted first (without that the hidden units died, when we tried). The reference run `rooms`
#   was trained on all photographs, as they came.
#
# ## Exercises
#
# 1. Take samples that *are* copies: training photographs with a little noise. What does `copies(samples, seen, unseen)` of `dcgan_core.metrics.memorisation` say? How much noise
#    hides them? (It needs the photographs, which are `seen` and `unseen` above.)
# 2. Mirror images are near duplicates too. Does the hash find them? Why not, and what would you do about it?
# 3. Which pictures does the hash confuse? Look at the wrong pairs at a radius of 12.
#
# <details>
# <summary>Solution of 1</summary>
#
# ```python
# from dcgan_core.metrics import memorisation
#
# if chapters.at_hand("places-rooms"):
#     some, rng = np.asarray(seen[:300]), np.random.default_rng(seed)
#     for noise in (0, 60, 120, 250):  # grey levels
#         copied = (some + rng.normal(0, noise, some.shape)).clip(0, 255).astype(np.uint8)
#         found = memorisation.copies(copied, seen, unseen)
#         print(f"noise {noise}: {found.value:.0%} called copies")
# ```
# The pictures are compared at 32 pixels, each the mean of four, which takes away half of the noise. So it takes strong noise to hide a copy.
#
# </details>
#
# <details>
# <summary>Solution of 2</summary>
#
# ```python
# mirrored = duplicates.crops(images[:500])[..., ::-1]
# codes = duplicates.codes(model, np.concatenate([duplicates.crops(images[:500]), mirrored]))
# kept = duplicates.duplicates(codes)
# print((kept[500:] == np.arange(500)).mean())
# ```
# A hidden unit that is on where light comes from the left has no reason to be on for the mirror image. To find mirror images as well, hash every picture
# twice, once mirrored, and compare all codes.
#
# </details>
#
# <details>
# <summary>Solution of 3</summary>
#
# ```python
# kept = duplicates.duplicates(duplicates.codes(model, crops), 12)
# pairs = np.flatnonzero(kept != np.arange(len(kept)))
# print(f"{len(pairs)} of {len(kept):,} removed")
# if len(pairs):
#     few = pairs[:12]
#     display(dcgan.show(np.concatenate([crops[few], crops[kept[few]]]), columns=len(few)))
# ```
# No copy was planted among these, so each pair is wrong, unless the set itself holds a picture twice. Look at what the two have in common: light and dark in the same places.
#
# </details>
