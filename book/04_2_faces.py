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
# **The claim:** trained on photographs of faces, the same net with the same settings draws faces. And, as section 4.1 argues for bedrooms, it
# does not simply repeat the photographs it has seen.
#
# The authors collected three million images of ten thousand people from the web, ran a face detector over them and kept about 350,000
# boxes. That set was never released. This book uses **CelebA** {cite}`liu2015`, photographs of celebrities, in its place. Here
# is what came out.

# %% tags=["parameters", "remove-cell"]
profile = "quick"
seed = 0
device = "auto"

# %% mystnb={"figure": {"caption": "Samples, not selected: the first forty-eight that came.", "name": "fig-faces"}}
import numpy as np
import torch
from IPython.display import display

from dcgan_core import claims, datasets, devices, evaluation, latent, plots
from dcgan_core.runs import Run

run = Run.reference("faces")  # your own: Run("../runs/faces")
generator = run.generator(devices.pick(device))
z = latent.sample(
    generator.architecture, 48, torch.Generator().manual_seed(seed)
)
plots.show(latent.draw_pixels(generator, z), columns=12, zoom=1)

# %% tags=["hide-input"]
info = run.info
plots.Table(
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
            f"{info['minutes']:.0f} minutes, {info['counters']['images'] / info['minutes'] / 60:.0f} images a second",
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
# It goes from coarse to fine. First noise, then a light patch with a dark one around it: skin and hair. Then eyes and a mouth, always in
# the same place. Then people begin to differ, in colours that are far too strong, and the colours calm down later. Last come the things that need two
# parts to agree, such as two eyes that look the same way or a pair of glasses, and those never get quite right here.

# %% mystnb={"figure": {"caption": "Losses and D's answers over the whole run.", "name": "fig-faces-curves"}}
plots.learning_curves(run.log(), smooth=15)

# %% tags=["hide-input"]
log = run.log()
tenth = len(log) // 10
for name, rows in (("second", log[tenth : 2 * tenth]), ("last", log[-tenth:])):
    mean = {k: np.mean([r[k] for r in rows]) for k in ("d_real", "d_fake")}
    print(
        f"{name} tenth: D(x) {mean['d_real']:.2f}, D(G(z)) {mean['d_fake']:.2f}"
    )

# %% [markdown]
# D tells photographs from samples most of the time, early and late. The curves barely move between the second tenth of the run and the
# last, and in between the blobs have become faces. Nothing in {numref}`fig-faces-curves` would have told you. Look at samples, not at losses.
#
# ## Does it just remember?
#
# A generator could cheat: learn the photographs by heart and hand them back. The paper argues that it does not. We can measure it. For each
# sample, find the nearest photograph in the training set. Then do the same for photographs that were *held out*, which nobody can have
# memorised. If samples were copies, they would be far nearer than those.

# %%
at_hand = claims.has_photographs(run)


def memorisation(claim_id):
    """Measured here where the photographs are, else as measured elsewhere."""
    if at_hand:
        return claims.demonstrate(claim_id, run, device, seed)
    print("The photographs are not on this machine. Measured where they are:")
    rows = [row for row in claims.ledger() if row["id"] == claim_id]
    return claims.scoreboard(rows)


memorisation("memorisation.faces")

# %% [markdown]
# That number alone can mislead. A sample that is smoother than a photograph is nearer to *everything*, seen or not. So there is a second
# one, the other way round: does the net come closer to the photographs that it learnt from than to as many that it has never seen? A net
# that copies would be well below 1 there. A net that is merely smooth stays at 1.

# %%
memorisation("memorisation.faces.seen")

# %% [markdown]
# And with your own eyes, where the photographs are at hand: the five samples that are *nearest* to a training photograph, out of a
# thousand, and that photograph below each.

# %%
if at_hand:
    train = datasets.load(run.data_name, run.architecture.size).images
    rng = torch.Generator().manual_seed(seed + 1)
    many = latent.sample(generator.architecture, 1000, rng)
    many = latent.draw_pixels(generator, many)
    distance, index = evaluation.nearest(many, train)
    closest = distance.argsort()[:5]
    pairs = [("sample", many[closest]), ("photograph", train[index[closest]])]
    display(plots.strips(pairs))
else:
    print("Not shown: the photographs are not on this machine.")

# %% [markdown]
# ## Train it yourself
#
# ```bash
# dcgan train faces                  # this chapter's run: 1.5 h, two cores
# dcgan train celeba                 # no faces.zip? this downloads CelebA
# dcgan train faces --profile paper  # the paper's net, for a GPU (not measured)
# dcgan sample runs/faces --count 64 --seed 1
# ```
#
# `faces` is looked for as `faces.zip` or a folder `faces/` under `$DCGAN_DATA`. Any photographs of faces will do. Stop with Ctrl-C whenever
# you like and go on with the same command and `--resume`. With a budget of `--images`, on a CPU, the result is the same to the last bit as
# if it had never stopped.
#
# ## What ours lacks

# %% tags=["hide-input"]
from dcgan_core import recipes

paper = recipes.recipe("faces", "paper")
plots.Table(
    ["", "the paper's faces and its code", "this run"],
    [
        ["photographs", "about 350,000", f"{info['data']['images']:,}"],
        [
            "images drawn",
            f"{paper.images:,}",
            f"{info['counters']['images']:,}",
        ],
        ["D's maps", paper.architecture.widths, run.architecture.widths],
        ["kernel", paper.architecture.kernel, run.architecture.kernel],
    ],
)

# %% [markdown]
# It also lacks **variety**. CelebA shows celebrities: mostly young, mostly light-skinned, mostly smiling, lit by photographers. The net has no
# other idea of a face. Do not use it for anything about real people.
#
# ## Exercises
#
# 1. Draw 200 samples and count those you would take for a photograph at this size. Have somebody else count too.
# 2. Draw the same z in a batch of 2 and in a batch of 48, once as above and once inside `networks.batch_statistics(generator)`. Compare the
#    images of the first z. (A batch of one has no statistics.)
#
# <details>
# <summary>Solution of 2</summary>
#
# ```python
# from dcgan_core import networks
#
# few, many = latent.draw_pixels(generator, z[:2]), latent.draw_pixels(generator, z)
# print("stored statistics: ", np.abs(few[0].astype(int) - many[0]).max())
# with networks.batch_statistics(generator):
#     few, many = latent.draw_pixels(generator, z[:2]), latent.draw_pixels(generator, z)
# print("the batch's own:   ", np.abs(few[0].astype(int) - many[0]).max())
# plots.show(np.stack([few[0], many[0]]), zoom=4)
# ```
# With the batch's own statistics, as the authors' code samples, the image of a z depends on its neighbours. With the stored ones it does
# not. That is why this book estimates them after training.
#
# </details>
