# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 4.2 · Faces
#
# **The claim:** trained on photographs of faces, the same net with the same settings draws faces, and it does not simply repeat the
# photographs it has seen.
#
# The authors collected three million images of ten thousand people from the web, ran a face detector over them and kept about 350,000
# boxes. That set was never released. This book uses **CelebA** {cite}`liu2015`, photographs of celebrities, in its place: 20,000 of them, 64×64
# pixels. Here is what came out.

# %% tags=["parameters", "remove-cell"]
profile = "quick"
seed = 0
device = "auto"

# %% mystnb={"figure": {"caption": "Samples, not selected: the first forty-eight that came.", "name": "fig-faces"}}
import numpy as np
import torch
from dcgan_core import claims, datasets, devices, evaluation, latent, plots
from dcgan_core.runs import Run

run = Run.reference("faces")  # your own: Run("../runs/faces")
generator = run.generator(devices.pick(device))
z = latent.sample(
    generator.architecture, 48, torch.Generator().manual_seed(seed)
)
plots.show(latent.draw_pixels(generator, z), columns=12, zoom=1)

# %% tags=["hide-input"]
info, last = run.info, run.log()[-1]
claims.Table(
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
            "images drawn",
            f"{info['counters']['images']:,}, about {info['counters']['images'] / info['data']['images']:.0f} passes",
        ],
        [
            "updates",
            f"{info['counters']['d_updates']:,} of D, {info['counters']['g_updates']:,} of G, batch {info['config']['batch']}",
        ],
        [
            "time",
            f"{info['minutes']:.0f} minutes, {last['images_per_second']:.0f} images a second at the end",
        ],
        [
            "machine",
            f"{info['machine']['cores']} cores of {info['machine']['processor']}, no GPU",
        ],
    ],
)

# %% [markdown]
# ## What it learnt, and when
#
# The same eight points z, as the net saw more photographs.

# %% mystnb={"figure": {"caption": "Learning to draw faces. On the left, the number of photographs seen so far.", "name": "fig-faces-progress"}}
from PIL import Image

rows = []
for images, path in run.samples().items():
    sheet = np.asarray(Image.open(path).convert("RGB"))
    step = run.architecture.size + 2  # the gap of plots.grid
    faces = np.stack(
        [
            sheet[
                : run.architecture.size,
                i * step : i * step + run.architecture.size,
            ]
            for i in range(8)
        ]
    )
    rows.append((f"{images:,}", faces.transpose(0, 3, 1, 2)))
plots.strips(rows)

# %% [markdown]
# It goes from coarse to fine. First a light blob on a dark ground. Then two dark spots and a line: eyes and a mouth, always in the same
# place. Then hair, and that hair has a colour. Then faces turn, backgrounds vary and people begin to differ. Last come the things that need
# two parts to agree, such as two eyes that look the same way, and those never get quite right here.

# %% mystnb={"figure": {"caption": "Losses and D's answers over the whole run.", "name": "fig-faces-curves"}}
plots.learning_curves(run.log(), smooth=15)

# %% [markdown]
# In {numref}`fig-faces-curves` D grows more certain as the run goes on, and G's loss rises with it, while the samples still improve. D has
# only so many photographs to learn. The longer it looks at them, the better it knows them. That brings up a question.
#
# ## Does it just remember?
#
# A generator could cheat: learn the photographs by heart and hand them back. The paper argues that it does not. We can measure it. For each
# sample, find the nearest photograph in the training set. Then do the same for photographs that were *held out*, which nobody can have
# memorised. If samples were copies, they would be far nearer than those.

# %%
if datasets.find("faces"):
    table = claims.demonstrate("memorisation.faces", run, device, seed)
else:
    rows = [row for row in claims.ledger() if row["id"] == "memorisation.faces"]
    print(
        "The photographs are not on this machine, so the distances cannot be computed here. Measured where they are:"
    )
    table = claims.scoreboard(rows)
table

# %% tags=["hide-input"]
row = next(r for r in claims.ledger() if r["id"] == "memorisation.faces")
if row["value"] is not None:
    value, low, high = row["details"]["equal_sets"]
    print(
        f"Samples lie at {row['value']:.2f} times the distance of held-out"
        f" photographs to their nearest training photograph."
    )
    print(
        f"Training photographs lie at {value:.3f} ({low:.3f} to {high:.3f}) times"
        f" the distance of held-out ones to their nearest sample."
    )

# %% [markdown]
# The first number alone can mislead. A sample that is smoother than a photograph is nearer to *everything*, seen or not. The second
# number is the check against that, the other way round: does G's world come closer to the photographs that it learnt from than to as many that it
# has never seen? A net that copies would be well below 1 there. A net that is merely smooth stays at 1.
#
# And with your own eyes, where the photographs are at hand: the five samples that are *nearest* to a training photograph, out of a
# thousand, and that photograph below each.

# %%
if datasets.find("faces"):
    train = datasets.load("faces", run.architecture.size).images
    many = latent.draw_pixels(
        generator,
        latent.sample(
            generator.architecture,
            1000,
            torch.Generator().manual_seed(seed + 1),
        ),
    )
    distance, index = evaluation.nearest(many, train)
    closest = distance.argsort()[:5]
    display(plots.strips([("sample", many[closest]), ("nearest\nphotograph", train[np.sort(index[closest])][index[closest].argsort().argsort()])]))  # fmt: skip
else:
    print("Not shown: the photographs are not on this machine.")

# %% [markdown]
# ## Train it yourself
#
# ```bash
# dcgan train faces                      # small64, 90 minutes on two cores: this chapter's run
# dcgan train faces --profile paper      # the paper's net on all of CelebA, for a GPU (not measured here)
# dcgan sample runs/faces --count 64 --seed 1
# ```
#
# `faces` is looked for as `faces.zip` or a folder `faces/` under `$DCGAN_DATA`. Any photographs will do. Stop with Ctrl-C whenever you like
# and go on with `--resume`: the result is the same to the last bit.
#
# ## What ours lacks
#
# - **Data.** 19,000 photographs against 350,000. D begins to know them by heart.
# - **Width and time.** Half the maps, and about a twentieth of the images that the authors' 25 epochs would draw.
# - **Variety.** CelebA shows celebrities: mostly young, mostly light-skinned, mostly smiling, lit by photographers. The net has no other
#   idea of a face. Do not use it for anything about real people.
#
# ## Exercises
#
# 1. Draw 200 samples and count those you would take for a photograph at this size. Have somebody else count too.
# 2. Give `latent.draw_pixels` the same z alone and in a batch of 48, once as it is and once inside `networks.batch_statistics(generator)`.
#    Compare the two images of the same z.
#
# ````{admonition} Solution of 2
# :class: dropdown
# ```python
# from dcgan_core import networks
# with networks.batch_statistics(generator):
#     alone, together = latent.draw_pixels(generator, z[:2])[0], latent.draw_pixels(generator, z)[0]
# plots.show(np.stack([alone, together]), zoom=4)
# ```
# With the batch's own statistics, as the authors' code samples, the image of a z depends on its neighbours. With the stored ones it does
# not. That is why this book estimates them after training.
# ````
