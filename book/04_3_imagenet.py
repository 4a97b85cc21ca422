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
# # 4.3 · Imagenet-1k
#
# **The claim:** the same recipe works on natural images of all kinds: a thousand classes, with no label used.
#
# To our eyes, of the paper's three data sets this one has the weakest samples. They serve another purpose: section 5.1 is about the discriminator that was trained with them.
#
# Imagenet-1k {cite}`russakovsky2015` is 1.28 million photographs, 147 GB, for non-commercial research, behind a registration. In its place this book
# uses Tiny-ImageNet, 200 classes, at 32 pixels: the run `imagenet32` learnt from 16,000 of its images first, and in its last three stages from all 100,000.

# %% tags=["parameters", "hide-input"]
profile = "quick"
seed = 0
device = "auto"

# %% tags=["hide-input"]
import os
import tarfile
import tempfile
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
from PIL import Image

import dcgan_core as dcgan
from dcgan_core import chapters, recipes, runs
from dcgan_core.data import loading
from dcgan_core.figures import curves
from dcgan_core.figures.tables import Table
from dcgan_core.pictures import show
from dcgan_core.runs import Run
from dcgan_core.training import loop

chapters.use_style()

# %% mystnb={"figure": {"caption": "The paper's Fig 11 in our hands: samples of the run `imagenet32`, not selected.", "name": "fig-imagenet-samples"}}
shipped = Run.reference("imagenet32")  # your own: Run("../runs/imagenet32")
generator = dcgan.load(shipped.path, device=device)
dcgan.show(generator.sample(96, seed=seed), columns=16)

# %% tags=["hide-input"]
paper = recipes.recipe("imagenet", "paper")
print(
    f"{shipped.name}: trained on {shipped.info['data']['name']},"
    f" {shipped.trained['images']:,} images seen in all stages. The paper's net: on Imagenet-1k,"
    f" about {paper.images / 1e6:.0f} million (30 passes, says the name of the released file)."
)

# %% [markdown]
# Do not look for things in {numref}`fig-imagenet-samples`. Colours, light and the grain of surfaces come first, and things come late or never. A face looks
# like every other face; a thousand kinds of things share next to nothing, and at 32 pixels even photographs of them are riddles. The paper's own
# figure is like that: striking from far away, and on a closer look nothing in it has a name.
#
# Seen closely, some samples have a fine hatching over them, which no photograph has. What a D trained with such samples knows is measured in {doc}`05_1_cifar10`.
#
# ## What D is shown

# %%
name = "imagenet" if profile == "paper" else "imagenet32"
if profile == "quick" and not chapters.at_hand(name):
    name = "drawn-sprites"
data = loading.load_data(name, 32)
print(f"{data.name}: {len(data):,} images, {len(data.classes)} classes")

# %% mystnb={"figure": {"caption": "What D is shown as real: photographs where this machine has them, else the book's drawn sprites.", "name": "fig-imagenet-data"}}
chosen = np.random.default_rng(seed).permutation(len(data))[:36]
show(data.images[np.sort(chosen)], columns=12, zoom=2)

# %% [markdown]
# ## 32 × 32, min-resized, center-cropped
#
# That is all the paper says about preparation. *Min-resized*: the shorter side becomes 32 pixels, the longer one stays in proportion. *Center crop*: the
# middle 32 of the longer side are kept. Here it is step by step on a photograph that comes with scikit-image.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "A photograph; its shorter side at 32 pixels; the middle. What is at the edges is lost, like the cat's ear here.", "name": "fig-min-resize"}}
from skimage import data as pictures

cat = Image.fromarray(pictures.chelsea())
scale = 32 / min(cat.size)
size = (round(cat.width * scale), round(cat.height * scale))
resized = cat.resize(size, Image.Resampling.BICUBIC)
left, top = (resized.width - 32) // 2, (resized.height - 32) // 2
cropped = resized.crop((left, top, left + 32, top + 32))

sheet = Image.new("RGB", (cat.width + 2 * 330, cat.height), "white")
sheet.paste(cat, (0, 0))
for step, x in ((resized, cat.width + 20), (cropped, cat.width + 390)):
    large = step.resize((step.width * 7, step.height * 7), 0)
    sheet.paste(large, (x, (sheet.height - large.height) // 2))
sheet

# %% [markdown]
# ## ImageNet on disk
#
# There are two forms, and both are read as they are. Torchvision's `ImageFolder` wants a folder for each class, below `train/` and `val/`. What one
# downloads is a tar with a thousand tars in it, one for each class. It need not be unpacked: that would be 1.28 million small files.
#
# ImageNet is not here, so let us make something of its form, from pictures at hand, and give it to the same reader.

# %% tags=["hide-input"]
photographs = {
    "n02124075": pictures.chelsea(),  # Egyptian cat
    "n07920052": pictures.coffee(),  # espresso
    "n04008634": pictures.rocket(),  # projectile, missile
}
root = Path(tempfile.mkdtemp())
tree = root / "imagenet" / "train"
for wnid, photograph in photographs.items():
    (tree / wnid).mkdir(parents=True)
    height, width, _ = photograph.shape
    for i in range(12):  # twelve cuttings of each
        cut = photograph[i * 5 : height - 60 + i * 5, i * 5 : width - i * 7]
        Image.fromarray(cut).save(tree / wnid / f"{wnid}_{i}.JPEG")

with patch.dict(os.environ, DCGAN_DATA=str(root), DCGAN_CACHE=str(root / "a")):
    as_tree = loading.load_data("imagenet")
print(f"{as_tree.name}: {as_tree.images.shape}, classes {as_tree.classes}")

# %% [markdown]
# The same pictures once more, as a tar of tars:

# %% tags=["hide-input"]
tars = root / "tars" / "imagenet"
tars.mkdir(parents=True)
with tarfile.open(tars / "ILSVRC2012_img_train.tar", "w") as outer:
    for wnid in photographs:
        inner = root / f"{wnid}.tar"
        with tarfile.open(inner, "w") as archive:
            for path in sorted((tree / wnid).iterdir()):
                archive.add(path, path.name)
        outer.add(inner, inner.name)

places = {"DCGAN_DATA": str(root / "tars"), "DCGAN_CACHE": str(root / "b")}
with patch.dict(os.environ, places):
    as_tars = loading.load_data("imagenet")
same = {image.tobytes() for image in as_tree.images}
print(f"from the tars: {len(as_tars)} for training, the others held out")
print("same pixels:", all(i.tobytes() in same for i in as_tars.images))

# %% mystnb={"figure": {"caption": "Prepared: 32-pixel crops of the tree made above.", "name": "fig-tiny-tree"}}
show(as_tree.images, columns=12, zoom=2)

# %% [markdown]
# The real one is prepared and trained in the same way. How long that takes was not measured here.
#
# ```bash
# export DCGAN_DATA=${DCGAN_DATA:-~/.cache/dcgan}; mkdir -p $DCGAN_DATA/imagenet
# mv ILSVRC2012_img_train.tar $DCGAN_DATA/imagenet/   # or the folders train/ and val/
# dcgan data prepare imagenet --size 32
# dcgan train imagenet --profile paper
# ```
#
# ## Another net
#
# The authors' code shows that the ImageNet net is not the one of Fig 1. It has six layers instead of four, smaller kernels, and only every second layer
# halves the image. Section 5.1 uses all six: their features, pooled to 4 × 4, are the 28,672 numbers of the paper.

# %% tags=["hide-input"]
config = replace(recipes.recipe("imagenet32", "quick"), data=name, seed=seed)
if profile != "quick":
    config = replace(recipes.recipe(name, profile), data=name, seed=seed)
ours, theirs = config.architecture, paper.architecture
Table(
    ["", "the authors' ImageNet net", "the small net below"],
    [
        ["D's maps", theirs.widths, ours.widths],
        ["strides", theirs.strides, ours.strides],
        ["kernel", theirs.kernel, ours.kernel],
        ["numbers in z", theirs.latent, ours.latent],
    ],
    caption="The authors' ImageNet net and a small one.",
)

# %% [markdown]
# ## Training
#
# A few hundred updates, before your eyes.

# %% tags=["remove-stderr"]
if profile == "quick":
    config = replace(config, images=300 * config.batch)
own = runs.start(config, data, chapters.place("4-3", profile))
loop.train(config, data, own, device)
done = own.info["counters"]
print(f"{done['images']:,} images seen, {done['g_updates']:,} updates of G")

# %% mystnb={"figure": {"caption": "The learning curves of those few hundred updates.", "name": "fig-imagenet-curves"}}
curves.learning_curves(own.log())

# %% mystnb={"figure": {"caption": "Samples of that small net.", "name": "fig-imagenet-own"}}
dcgan.show(own.generator().sample(24, seed=seed), columns=12)

# %% [markdown]
# ## What the stand-in changes
#
# - **Fewer images**: 80 of each class, in the reference run's last three stages 500, instead of about 1,300. A net that trains for long sees the same ones again and again.
# - **Fewer classes**: 200 instead of a thousand.
# - **Smaller originals**: Tiny-ImageNet's images are 64 pixels wide, so at 32 pixels they have been scaled down twice.
# - **JPEG at 32 pixels**: each of the first 16,000 was saved as a small JPEG file, and D saw the traces of that. The {doc}`appendix to 5.1 <05_1_appendix>` measures what D makes of them, and shows samples of the last four stages of `imagenet32` beside each other.
#
# None of the first three was tested alone; for the number of images, {doc}`05_1_appendix` comes nearest. A Fréchet distance, for those who compare generators, is in {doc}`04_2_faces`.
#
# ## Exercises
#
# 1. Which classes of `imagenet32` can *you* name at 32 pixels? Draw 50 images, write down what you see, and then look up `data.classes`.
# 2. Train on one class only: put its images into a folder and make that folder the `data` of the recipe `imagenet32`. Do 80 images teach a net more if they are alike?
#
# <details>
# <summary>What to look for in 1</summary>
#
# Few, we expect, and more of those with one large thing on a plain ground: a butterfly, a goldfish, a bus. Count what you named rightly, and keep the number in mind when you look at samples: where people cannot name
# photographs of this size, nobody can ask more of a sample.
#
# </details>
#
# <details>
# <summary>How to begin with 2</summary>
#
# ```python
# folder = Path(tempfile.mkdtemp())
# for i, image in enumerate(data.images[data.labels == 0]):
#     Image.fromarray(image.transpose(1, 2, 0)).save(folder / f"{i}.png")
# config = replace(recipes.recipe("imagenet32", "quick"), data=str(folder), images=20_000)
# data = loading.load_data(str(folder), 32)
# ```
# With so few images, ask whether the samples are any different from the photographs: `neighbours.nearest` (of `dcgan_core.metrics`) finds the nearest for each.
#
# </details>
