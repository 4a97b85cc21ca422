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
# # 3 · Architecture
#
# **The claim:** five guidelines make convolutional GANs train stably, at higher resolution and with deeper nets than before.
#
# In this chapter you build both nets, layer by layer, and watch the shapes grow.

# %% tags=["parameters", "hide-input"]
profile = "quick"
seed = 0
device = "auto"

# %% tags=["hide-input"]
from itertools import chain, pairwise

import matplotlib.pyplot as plt
import torch
from matplotlib.patches import Polygon
from torch import nn

from dcgan_core import chapters, networks, pictures
from dcgan_core.ablations import (
    measuring,
    running,
    shipping,
    stability,
    variants,
)
from dcgan_core.claims import ledger
from dcgan_core.figures import image_rows
from dcgan_core.figures.tables import Table
from dcgan_core.networks import ARCHITECTURES, Discriminator, Generator, Stage

chapters.use_style()


def layers(net):
    """Name, output shape and number of parameters of each stage."""
    a, rows = net.architecture, []

    def keep(name):
        def hook(stage, _, out):
            count = sum(p.numel() for p in stage.parameters())
            rows.append((name, tuple(out.shape[1:]), count))

        return hook

    with torch.device("meta"):  # shapes only: nothing is computed
        twin = type(net)(a).eval()
        for name, stage in twin.named_modules():
            if isinstance(stage, Stage):
                stage.register_forward_hook(keep(name))
        image = (a.channels, a.size, a.size)
        shape = (a.latent,) if isinstance(net, Generator) else image
        label = torch.zeros(1, dtype=torch.long) if a.num_classes else None
        networks.all_layers(twin)(torch.zeros(1, *shape), label)
    return rows


def feature_maps(stages, architecture):
    """A net's stages as boxes: side = pixels, depth = number of maps."""
    _, axis = plt.subplots(figsize=(9, 3.6))
    boxes = [("z", architecture.latent, None)]
    for name, shape, _ in stages:
        if len(shape) == 1 and name.startswith("dense"):
            shape = architecture.base
        boxes.append((name, shape[0], shape[1] if len(shape) == 3 else None))
    x = 0.0
    for name, maps, side in boxes:
        if side is None:
            axis.plot([x, x], [-12, 12], color="tab:blue", linewidth=3)
            axis.text(
                x, -17, f"{name}\n{maps}", ha="center", va="top", fontsize=9
            )
            x += 16
            continue
        depth, slant = maps**0.5 * 0.55, side * 0.35
        half = side / 2
        right, back = x + depth, half + slant
        near = [(x, -half), (right, -half), (right, half), (x, half)]
        far = [(right + slant, back), (right + slant, -half + slant)]
        front = [(right, -half), (right, half), *far]
        top = [(x, half), (right, half), far[0], (x + slant, back)]
        faces = {"#c6dbef": near, "#deebf7": top, "#9ecae1": front}
        for colour, corners in faces.items():
            edge = {"edgecolor": "#4a6c8c", "linewidth": 0.8}
            axis.add_patch(Polygon(corners, facecolor=colour, **edge))
        text = f"{maps}\n{side}×{side}"
        middle = x + depth / 2
        axis.text(middle, -half - 5, text, ha="center", va="top", fontsize=9)
        x += depth + slant + 14
    axis.set(xlim=(-8, x), ylim=(-52, 60), aspect="equal")
    axis.axis("off")
    plt.show()


# %% mystnb={"figure": {"caption": "The generator of the paper's Fig 1, drawn from the net itself. Height: pixels. Depth: the square root of the number of maps.", "name": "fig-generator"}}
lsun64 = ARCHITECTURES["lsun64"]
with torch.device("meta"):  # shapes only: no memory, no computation
    paper_generator, paper_discriminator = (
        Generator(lsun64),
        Discriminator(lsun64),
    )
feature_maps(layers(paper_generator), lsun64)

# %% [markdown]
# Read {numref}`fig-generator` from left to right. One hundred random numbers, z, come in. They are spread over 1,024 tiny maps of 4×4 pixels.
# Then every layer doubles the side and halves the number of maps. The last one turns 128 maps into three: red, green and blue.
#
# ## A layer that makes images larger
#
# A convolution with stride 2 reads a large map and writes one of half the side. The generator needs the way back. A *transposed*
# convolution (the paper says fractionally-strided) does it: each input pixel stamps its own copy of the kernel on the output, two
# pixels further on each time, and the stamps are added.

# %%
one_pixel = torch.zeros(1, 1, 3, 3)
one_pixel[0, 0, 1, 1] = 1.0
stamp = nn.ConvTranspose2d(
    1, 1, kernel_size=5, stride=2, padding=2, output_padding=1, bias=False
)
with torch.no_grad():
    stamp.weight.copy_(torch.arange(1.0, 26.0).view(1, 1, 5, 5))
    output = stamp(one_pixel)
print(tuple(one_pixel.shape[2:]), "->", tuple(output.shape[2:]))
print(output[0, 0].int().numpy())

# %% [markdown]
# The middle pixel has stamped the whole kernel, 1 to 25, on a map of twice the side. With an input of side $n$, kernel $k$, stride $s$ and padding $p$, the
# output side is $(n - 1)s - 2p + k$, plus what `output_padding` adds. The authors use $k = 5$, $s = 2$, $p = 2$ and one extra row, so
# that 4 becomes 8 exactly, and so on up to 64.
#
# ## Building the generator
#
# Now by hand, one step at a time, on a batch of two. Change a number and see what breaks.

# %%
torch.manual_seed(seed)
h = torch.rand(2, 100) * 2 - 1
print(f"{'z':24} {tuple(h.shape)}")

project = nn.Linear(100, 1024 * 4 * 4, bias=False)
h = nn.BatchNorm1d(1024 * 4 * 4)(project(h)).relu().view(2, 1024, 4, 4)
print(f"{'project and reshape':24} {tuple(h.shape)}")

for maps in (512, 256, 128):
    conv = nn.ConvTranspose2d(
        h.shape[1], maps, 5, 2, 2, output_padding=1, bias=False
    )
    h = nn.BatchNorm2d(maps)(conv(h)).relu()
    print(f"{'transposed conv':24} {tuple(h.shape)}")

h = nn.ConvTranspose2d(128, 3, 5, 2, 2, output_padding=1, bias=False)(h).tanh()
print(f"{'transposed conv, tanh':24} {tuple(h.shape)}")

# %% [markdown]
# The discriminator is the same thing seen in a mirror. Here are both, from the library, with their parameters.

# %% tags=["hide-input"]
rows = []
for name, net in (("G", paper_generator), ("D", paper_discriminator)):
    for stage, shape, count in layers(net):
        rows.append([name, stage, " × ".join(map(str, shape)), f"{count:,}"])
    rows.append(
        [name, "all", "", f"{sum(p.numel() for p in net.parameters()):,}"]
    )
Table(
    ["net", "layer", "output", "parameters"],
    rows,
    caption="Both nets of the paper's Fig 1, layer by layer.",
)

# %% [markdown]
# ## The five guidelines
#
# | guideline | why |
# |---|---|
# | Strides instead of pooling | The net learns its own way of shrinking and growing. |
# | Batchnorm {cite}`ioffe2015` in both nets, but not on G's output and D's input | Keeps signals in range, and keeps G from drawing one image only. On *all* layers it made samples oscillate. |
# | No fully connected hidden layers, in deeper nets | Global average pooling was more stable, but slower to learn; connecting the highest maps straight to G's input and D's output is the middle ground. |
# | ReLU in G, tanh at its output | Learns faster. With a bounded output, G was quicker to saturate and to cover the colours of the data. |
# | LeakyReLU in D, slope 0.2, in all layers | In place of the first GAN's maxout; a unit that is off still lets some gradient through to G. |
#
# You can read each of them off the code. Here are both nets, stage by stage:

# %%
small = ARCHITECTURES["small64"]
for net in (Generator(small), Discriminator(small)):
    print(type(net).__name__)
    for stage in net.modules():
        if isinstance(stage, Stage):
            parts = [type(part).__name__ for part in stage.children()]
            print("   ", " → ".join(p for p in parts if p != "Identity"))

# %% [markdown]
# No convolution and no linear map has a bias of its own. Where batchnorm comes next, a bias would be subtracted again at once, and batchnorm brings one
# of its own. The authors' first and last layers have none either.
#
# ## Before it has learnt anything
#
# An untrained generator is not blank. It weaves: every layer stamps its random kernels on a grid, and the grid shows.

# %% mystnb={"figure": {"caption": "Top: an untrained generator, four random z. Bottom: the same weights without batchnorm. The signal shrinks from layer to layer, and every image is the same grey.", "name": "fig-untrained"}}
rng = torch.Generator().manual_seed(seed)
untrained = Generator(small, rng)
z = torch.rand(4, small.latent, generator=rng) * 2 - 1
with torch.no_grad(), networks.batch_statistics(untrained):
    with_norm = networks.to_pixels(untrained(z), small)
    for stage in [*untrained.dense, *untrained.convs]:
        stage.norm = nn.Identity()
    without = networks.to_pixels(untrained(z), small)
pictures.show(torch.cat([with_norm, without]).numpy(), columns=4, zoom=3)

# %% [markdown]
# The grey row is one reason for batchnorm, in one picture. In this net, weights of size 0.02 make each layer's output smaller than its
# input. After five layers nothing of z is left to see, and nothing for D to criticise. Batchnorm brings every map back to the same range,
# layer by layer.
#
# ## One guideline at a time
#
# The paper found its guidelines by trying, and shows none of them alone. So here is a small DCGAN, trained again and again on the book's
# own drawings, each time with **one guideline removed**. Same seed, same images in the same order, same z, and the same initial weights
# wherever a layer has kept its shape. So the two runs of a *pair* differ by the guideline, and by chance. Five pairs tell how much is chance.

# %% mystnb={"figure": {"caption": "The same ten z of the same seed, with all guidelines and with one removed. All saw the same drawings in the same order.", "name": "fig-ablations"}}
studied = ["strides", "batchnorm", "batchnorm_everywhere"]
studied += ["fully_connected", "activations"]
image_rows.strips(shipping.sheets(studied)) if shipping.rows() else None

# %% [markdown]
# What all of them have in common, and what each changes:

# %% tags=["hide-input"]
if shipping.rows():
    common = shipping.shipped_table()["baseline"]
    net = common["architecture"]
    updates = common["images"] // common["batch"]
    print(f"{common['data']}: {net['size']} pixels, {net['channels']} colours")
    print(f"D's maps {net['widths']}, mirrored in G; kernel {net['kernel']}")
    print(
        f"{common['images']:,} images in batches of {common['batch']}:", end=" "
    )
    print(f"{updates} updates of each net")
rows = [
    [r["details"]["variant"], ", ".join(r["details"]["settings"])]
    for r in shipping.rows(studied)
]
Table(
    ["instead", "--set"],
    rows or [["not measured", ""]],
    caption="What replaces each guideline, and the settings that do it.",
)

# %% [markdown]
# Two of them change a little more. Our pooling layers need an odd kernel, so that row also changes the kernel, from 4 to 3: 3×3 and pooling over 2×2 see as many
# pixels as 4×4 with stride 2. And without batchnorm every layer but D's last has a bias, since batchnorm no longer brings one; that includes G's last layer and D's first, which had neither batchnorm nor a bias before.
#
# A small classifier that knows the drawings looks at two thousand samples of each run and as many drawings that nobody has trained on.
# The **Fréchet distance** compares the means and covariances of two sets of features; 0 is best. Here it is divided by that of the run with all guidelines in the same pair, so
# more than 1 is worse. The rules of the {term}`ledger` use this number, though these runs are too short to judge a guideline by it: the text below the table says why. **Precision** is the share of samples that lie close to some drawing, by these
# features, and **recall** is the share of drawings that lie close to some sample. For these two, a cell shows the value with all guidelines, an arrow, and the value with that guideline removed. **Movement** is how much the images of fixed z still change every 25 updates, as a share of how much images
# differ from one another; the table gives the difference. In brackets are 95 % intervals of the change.

# %% tags=["hide-input"]
DEVIATIONS = ("kernel", "updates", "sampling_statistics")  # this book's own
OSCILLATES = ("batchnorm_everywhere", "beta1")  # says the paper
CHANGES = {
    "precision": "precision",
    "recall": "recall",
    "diversity": "diversity",
    "oscillation": "movement of fixed z",
}


def collapses(row):
    """How many runs collapsed: with all guidelines, and without this one."""
    shares = row["details"]["collapsed"]
    return [round(shares[k][0] * row["n"]) for k in ("followed", "removed")]


def cells(row):
    """A line of the table."""
    means, change = row["details"]["means"], row["details"]["differences"]
    shares = [
        "{:.2f} → {:.2f} ({:+.2f} to {:+.2f})".format(
            *means[key], *change[key][1:]
        )
        for key in ("precision", "recall")
    ]
    return [
        row["details"]["variant"],
        f"{row['value']:.2f} ({row['low']:.2f} to {row['high']:.2f})",
        *shares,
        "{:+.2f} ({:+.2f} to {:+.2f})".format(*change["oscillation"])
        if "oscillation" in change
        else "not measured",
        "{} → {} of {}".format(*collapses(row), row["n"]),
    ]


def table(rows):
    """What the absence of a guideline does."""
    if not rows:
        return Table(["ablations"], [["not measured"]])
    header = ["instead", "Fréchet distance, ratio", "precision", "recall"]
    header += ["movement of fixed z", "collapsed"]
    return Table(header, [cells(row) for row in rows])


def verdict(low, high, deviation):
    """What the Fréchet distance says, and how far a deviation's interval reaches."""
    least, most = variants.BAND
    if deviation and least <= low and high <= most:
        return "no difference that counts", ""
    if deviation and least <= high and low <= most:
        reach = f": the interval reaches out of {least:g} to {most:g}"
        return "not settled", reach
    if low >= 1 or high <= 1:
        return f"{'worse' if low >= 1 else 'better'} samples", ""
    return "no difference shown", ""


def sentence(row):
    """A row in words: the verdict, and what else is shown to change."""
    claim = row["claim"].removeprefix("ablation.")
    what, change = row["details"]["variant"], row["details"]["differences"]
    low, high, n = row["low"], row["high"], row["n"]
    said, so = verdict(low, high, claim in DEVIATIONS)
    size = f"{row['value']:.2f} times, {low:.2f} to {high:.2f}, {n} pairs"
    what = f"{what[0].upper()}{what[1:]}"
    parts = [f"{what}: {said} by the Fréchet distance ({size}){so}."]
    others = [
        f"{CHANGES[key]} {mean:+.2f}"
        for key, (mean, low, high) in change.items()
        if low > 0 or high < 0
    ]
    if others:
        parts.append(f"Also changed: {', '.join(others)}.")
    if claim in OSCILLATES:
        mean, low, high = change["oscillation"]
        fell = "fell" if high < 0 else "is not shown to rise"
        parts.append(
            "Oscillation, as the paper has it? Movement of fixed z"
            f" {'rose' if low > 0 else fell}:"
            f" {mean:+.2f} ({low:+.2f} to {high:+.2f})."
        )
    followed, removed = collapses(row)
    if removed or followed:
        parts.append(
            f"{removed} of {n} collapsed, against {followed}"
            " with all guidelines."
        )
    return " ".join(parts)


# %%
table(shipping.rows(studied))

# %% tags=["hide-input"]
for row in shipping.rows(studied):
    print(sentence(row))

# %% tags=["hide-input"]
if shipping.rows():
    shipped = shipping.shipped_table()
    all_followed = [
        r["frechet"] for r in shipped["runs"]["guidelines"].values()
    ]
    far = sum(all_followed) / len(all_followed)
    near = shipped["held_out_halves"]
    print(f"Fréchet distance with all guidelines, mean: {far:.0f}")
    print(
        f"of one half of the held-out drawings from the other: {near['frechet']:.1f}"
    )
    print(
        f"their precision {near['precision']:.2f}, recall {near['recall']:.2f}"
    )

# %% [markdown]
# **These runs judge no guideline.** What the guidelines promise is *stability*, of deep nets, in long training. These runs have 500 updates, and even with all guidelines followed their samples reach only a
# small part of the data so far, and few of them look like a drawing (the first numbers of recall and precision in the table). From there, whatever spreads samples faster lowers the
# Fréchet distance, stable or not: pooling lowers both this distance and precision. So the {term}`ledger` says *other setting* of each of these rows, better or worse. Many 95 % intervals are
# read here at once, too, and about one in twenty misses the truth by chance alone. The sentences above take each interval alone; the ledger corrects for that (by Holm's method, made for many tests at once), and fewer differences are left. What these runs can show is in the last two
# columns: in which runs the images of fixed z change most, and which runs collapsed.
#
# What counts as *collapsed* was settled after a few short pilots and before the full table, on samples alone:

# %%
import inspect

print(inspect.getsource(measuring.collapse))

# %% [markdown]
# ## Do the guidelines make training more stable?
#
# A second study asks about stability alone. It makes five changes: pooling and upsampling, a fully connected hidden layer, no batchnorm, batchnorm on all layers, and `beta1` at 0.9 ({doc}`04_training`). It draws rooms instead
# of sprites, and its runs are ten times as long. Each change is made at three learning rates, with four seeds each. Each run is checked twenty times, first at the update that is printed below, last at its end. A run **fails** if its weights become NaN, or if one check finds that its samples are too much alike, that
# hardly any look like drawings, or that they miss nearly all drawings. The limits were fixed before the first run.

# %% tags=["hide-input"]
study = shipping.shipped_table("stability.json")
done = study["runs"]
length, least = stability.UPDATES, stability.LEAST
print(f"{stability.BASELINE.data}, {length:,} updates of each net;", end=" ")
print(f"looked at from update {stability.FIRST:,} on.")
limits = [f"{key} below {x:g}" for key, x in least.items()]
print(f"A run fails with {', '.join(limits[:-1])} or {limits[-1]}.")
wanted = len(stability.RATES) * stability.SEEDS
everything = wanted * (1 + len(stability.REMOVED))
print(f"{len(done)} of {everything} runs have been made.")


def made(variant, rate):
    """Of each run of a variant at a rate that has been made: which checks did it fail, in order?"""
    names = [f"{variant.name}-{rate:g}-{i}" for i in range(stability.SEEDS)]
    found = []
    for run in (done[name] for name in names if name in done):
        checks = [run["checks"][n] for n in sorted(run["checks"], key=int)]
        below = [any(c[key] < x for key, x in least.items()) for c in checks]
        diverged = bool(run["failed"]) and not any(below)
        found.append(below + [True] * diverged)
    return found


changes = (variants.GUIDELINES, *stability.REMOVED)
rows = []
for variant in changes:
    runs = [made(variant, rate) for rate in stability.RATES]
    columns = [*runs, list(chain.from_iterable(runs))]
    counts = [
        f"{sum(map(any, some))} of {len(some)}" if some else "not measured"
        for some in columns
    ]
    back = sum(any(b > a for a, b in pairwise(run)) for run in columns[-1])
    far = [
        run["worst_over_last"]
        for name, run in done.items()
        if name.rsplit("-", 2)[0] == variant.name and run["worst_over_last"]
    ]
    far = f"{min(far):.1f} to {max(far):.1f}" if far else "not measured"
    rows.append([variant.what, *counts, back, far])
Table(
    [
        "what is changed",
        *(f"rate {r:g}" for r in stability.RATES),
        "all",
        "fell back",
        "worst / last",
    ],
    rows,
    caption="Runs that failed, by learning rate. Fell back: those that failed a check after they had passed one. Worst / last: a run's Fréchet distance at its worst check, divided by that at its last; from the lowest to the highest run.",
) if done else None


# %% tags=["hide-input"] mystnb={"figure": {"caption": "Every check of every run. A row of panels for each change, a column for each learning rate; within a panel, four seeds below each other, and training from left to right. Dark: failed; light: passed.", "name": "fig-stability"}}
def every_check():
    """Rows: what is changed. Columns: the learning rate."""
    shape = len(changes), len(stability.RATES)
    _, axes = plt.subplots(*shape, figsize=(8, 0.62 * shape[0]), sharex=True)
    for row, variant in zip(axes, changes, strict=True):
        for axis, rate in zip(row, stability.RATES, strict=True):
            checks = torch.full((stability.SEEDS, 20), float("nan"))
            for i, run in enumerate(made(variant, rate)):
                checks[i, : len(run)] = torch.tensor(run).float() + 0.25
            axis.imshow(checks, cmap="Purples", vmin=0, vmax=1.3, aspect="auto")
            axis.set_xticks([])
            axis.set_yticks([])
        row[0].set_ylabel(variant.what, rotation=0, ha="right", va="center")
    for axis, rate in zip(axes[0], stability.RATES, strict=True):
        axis.set_title(f"rate {rate:g}", fontsize=10)
    plt.show()


every_check() if done else None

# %% [markdown]
# With all guidelines followed, every run passes every check. What fails, fails in different ways, which the rule counts alike. Without batchnorm, runs begin slowly: half of them fail the first check, and most of the others, having only just passed it, fail the second. From some check on, each of them passes every check to the end; at a higher learning rate it gets there sooner. That looks more like slow learning than like a breakdown. With `beta1` at 0.9 runs begin slowly, too, and then pass and fail by turns, which would fit the paper's *oscillation*. With pooling and upsampling, samples reach a small part
# of the drawings from the start, and in most runs a smaller and smaller part, until they miss nearly all; few of these runs come back. (As above, this change has a kernel of 3 as well.)
#
# With batchnorm on all layers, or with a fully connected hidden layer, no run fails: the instability that the paper found with batchnorm on all layers does not show in nets and runs as small as these; as for fully connected hidden layers, it is from *deeper* nets that the paper removes them. (The ways of failing were told apart
# after a look at these runs; the count of failures, and the test below, are as they were fixed before.)
#
# The number in the table's last column was fixed before, too, but it misleads. It is small where a run ends nearly as badly as it ever was, as most do with pooling and upsampling, but also where a run is never bad; and it is large where a run begins slowly and then gets far, as with a
# fully connected hidden layer: there the worst check is the first or the third in every run.
#
# Fisher's exact test compares the failures of each change with those under all guidelines. Holm's correction allows for the five tests. With so few runs on each side
# only large differences show. (The row of `beta1` is in {doc}`04_training`.)

# %%
ledger.of(
    *(
        f"stability.{variant.claim}"
        for variant in stability.REMOVED
        if variant.claim != "beta1"
    )
)

# %% [markdown]
# One pair, before your eyes and shorter still:

# %% tags=["remove-stderr"] mystnb={"figure": {"caption": "One pair, trained just now: with all guidelines, and without batchnorm. A short run: look at how far each has come, not at what it draws.", "name": "fig-ablation-pair"}}
import tempfile
from pathlib import Path

images = 2_400 if profile == "quick" else variants.IMAGES
folder = Path(tempfile.mkdtemp())
image_rows.strips(running.pair("no-batchnorm", images, folder, seed, device))

# %% [markdown]
# Repeating everything takes hours. Give a stopped command again, and it goes on where it was:
#
# ```bash
# dcgan ablate                              # everything
# dcgan ablate --only pooling --seeds 10    # one guideline, more pairs
# dcgan ablate --study stability            # the longer runs: hours
# ```
#
# ## The nets in this book
#
# The paper's text describes one net. The authors' code has four, and the differences matter: the famous 28,672 features of
# section 5.1 do not come from Fig 1's net at all, but from one with six convolutions of size 3 (128 + 128 + 256 + 256 + 512 + 512 maps,
# each pooled to 4×4).

# %% tags=["hide-input"]
rows = []
for name, a in ARCHITECTURES.items():
    with torch.device("meta"):
        nets = Generator(a), Discriminator(a)
    sizes = [
        f"{sum(p.numel() for p in net.parameters()) / 1e6:.1f} M"
        for net in nets
    ]
    rows.append(
        [
            name,
            f"{a.channels} × {a.size} × {a.size}",
            ", ".join(map(str, a.widths)),
            a.kernel,
            a.latent,
            *sizes,
        ]
    )
Table(
    ["name", "image", "D's maps, layer by layer", "kernel", "z", "G", "D"],
    rows,
    caption="The nets that have a name. `rooms`, `drawn-rooms` and `drawn-portraits` use `small64` at half its widths, `drawn-sprites` `small32`.",
)

# %% [markdown]
# ## Where ours differ from the paper's, and why
#
# | | the paper and its code | here | why |
# |---|---|---|---|
# | width on CPUs | 128 to 1,024 | `faces` (`small64`): 64 to 512; `rooms`, `drawn-rooms`, `drawn-portraits`: 32 to 256; `drawn-sprites` (`small32`): 64 to 256; `imagenet32`'s recipe: half | a quarter of the work, or less |
# | kernel on CPUs | 5 | `small64`, `small32`: 4 | a third less work, and 2 divides 4: every output pixel gets as many stamps as its neighbour |
# | batchnorm's epsilon | 1e-8 | 1e-5 | a map that has died would be divided by almost nothing |
# | batchnorm when sampling | statistics of the batch | fixed statistics, estimated once after training | one z always gives one image |
# | batch on CPUs | 128 | 32 (`mnist`: 128); 16 for `imagenet32` and `cifar10`, 8 in one stage of `imagenet32` | in the same time, many times as many updates |
# | updates on CPUs | each batch trains one net, in turn | each batch trains both (`mnist`: in turn) | the batch is there already |
# | training images on CPUs | as they are | for `imagenet32`, `cifar10`, and the last stages of `faces` and `rooms`, mirrored half of the time | the stand-ins are small, and a net sees each image many times; `cifar10` is trained as `imagenet32` is |
# | what D sees, on CPUs | images as they are | for `imagenet32` and `cifar10` with a little noise; in later stages of `imagenet32`, and the last of `faces` and `rooms`, moved and tinted | makes D's task harder for longer (chapter 5.1) |
# | learning rate on CPUs | constant (faces code) | falls to zero at the end of most later stages, and of the runs on MNIST | meant to give better samples in little time; tested alone for D's features only, in one short run ({doc}`05_1_appendix`) |
# | Adam's `beta1` | decays by 1 - 1e-8 at each update | constant | no visible effect |
# | L2 on CPUs | 1e-5 (faces code) | none; on MNIST as the authors, 2.5e-5 | the paper does not mention it |
# | faces, profile `paper` | 64 px cut from 128 px crops, not resized | CelebA, resized | CelebA is cropped already |
# | SVHN, profile `paper` | 10,000 training images kept for validation | all are trained on | the probe holds out images of its own |
# | several GPUs | one | batchnorm sees each GPU's share of the batch, unless `--sync-batchnorm` is given | as in most code for several GPUs |
#
# The nets `lsun64`, `imagenet32`, `svhn32` and `mnist28` themselves are as published, but for epsilon.
#
# Three of these deviations were tested in pairs of short runs, as the guidelines were: do they do harm? The order of updates is in {doc}`04_training`; here are the other two, with the authors' choice in place of ours. A value above 1 means that theirs is worse. (These are the same short runs: what a deviation does is shown for 500 updates, and no more.) *No difference that
# counts* means that the interval lies within the limits that the row's rule sets (unfold it in the {doc}`scoreboard`).

# %%
table(shipping.rows(["kernel", "sampling_statistics"]))

# %% tags=["hide-input"]
for row in shipping.rows(["kernel", "sampling_statistics"]):
    print(sentence(row))

# %% [markdown]
# ## Exercises
#
# 1. Build a generator for images of 128×128 pixels. How many parameters does the new layer cost?
# 2. What happens to the shapes with kernel 3, stride 2 and padding 1, without `output_padding`?
#
# <details>
# <summary>Solutions</summary>
#
# ```python
# from dataclasses import replace
# big = replace(lsun64, size=128, widths=(64, *lsun64.widths), strides=(2,) * 5)
# layers(Generator(big))
# ```
# The new layer goes from 128 to 64 maps: 128 × 64 × 25 = 204,800 weights and 128 gains and biases, about one per cent of the net. In time it
# costs as much as any other inner layer: half the maps in, half the maps out, and four times the pixels. So about a third more.
#
# For the second: (4 − 1)·2 − 2 + 3 = 7. The map ends one row short: 4, 7, 13, 25, 49. `Architecture.output_padding` computes the missing row.
#
# </details>
